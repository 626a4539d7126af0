"""Where things of a partner have their pages in the console."""

from hashrail.pages.console.visit import link
from hashrail.pages.ways import Ways


class ConsoleWays(Ways):
    """Pages of one partner's things."""

    tells_all = True

    def __init__(self, partner_id: int) -> None:
        self._partner_id = partner_id

    def user(self, user_id: int) -> str:
        """A user's page."""
        return link(f"/users/{self._partner_id}/{user_id}")

    def miner(self, miner_id: int) -> str:
        """A miner's page."""
        return link(f"/partners/{self._partner_id}/miners/{miner_id}")

    def order(self, order_id: int, external_id: str) -> str:
        """An order's page, which is found by the partner's id."""
        return link("/order", partner=self._partner_id, order=external_id)

    def withdrawal(self, withdrawal_id: int) -> str:
        """A withdrawal's page."""
        return link(f"/withdrawals/{self._partner_id}/{withdrawal_id}")

    def deposit(self, deposit_id: int) -> str | None:
        """A deposit's page."""
        return link(f"/deposits/{self._partner_id}/{deposit_id}")

    def webhook(self, endpoint_id: int) -> str:
        """A webhook endpoint's page."""
        return link(f"/webhooks/{self._partner_id}/{endpoint_id}")

    def delivery(self, endpoint_id: int, position: int) -> str:
        """The page of an event at an endpoint."""
        return link(f"/webhooks/{self._partner_id}/{endpoint_id}/deliveries/{position}")

    def event(self, position: int) -> str:
        """An event's page."""
        return link(f"/events/{self._partner_id}/{position}")

    def events(self, kind: str, object_id: str) -> str:
        """The events of an object."""
        return link("/events", partner=self._partner_id, kind=kind, object=object_id)
