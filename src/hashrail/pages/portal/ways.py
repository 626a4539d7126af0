"""Where things of a partner have their pages in its portal."""

from hashrail.pages.portal.visit import link
from hashrail.pages.ways import Ways


class PortalWays(Ways):
    """Pages of the things of whoever is signed in."""

    tells_all = False

    def user(self, user_id: int) -> str:
        """A user's page."""
        return link(f"/users/{user_id}")

    def miner(self, miner_id: int) -> str:
        """A miner's page."""
        return link(f"/miners/{miner_id}")

    def order(self, order_id: int, external_id: str) -> str:
        """An order's page."""
        return link(f"/orders/{order_id}")

    def withdrawal(self, withdrawal_id: int) -> str:
        """A withdrawal's page."""
        return link(f"/withdrawals/{withdrawal_id}")

    def deposit(self, deposit_id: int) -> str | None:
        """None: a list tells all of it."""
        return None

    def webhook(self, endpoint_id: int) -> str:
        """A webhook endpoint's page."""
        return link(f"/webhooks/{endpoint_id}")

    def delivery(self, endpoint_id: int, position: int) -> str:
        """The page of an event at an endpoint."""
        return link(f"/webhooks/{endpoint_id}/deliveries/{position}")

    def event(self, position: int) -> str:
        """An event's page."""
        return link(f"/events/{position}")

    def events(self, kind: str, object_id: str) -> str:
        """The events of an object."""
        return link("/events", kind=kind, object=object_id)


WAYS = PortalWays()
