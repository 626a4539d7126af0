"""Where things of a partner have their pages: the same parts of templates stand in the console and in the portal."""

from abc import ABC, abstractmethod


class Ways(ABC):
    """The addresses of pages in a room.

    `tells_all`: the room is the operator's, where figures of other partners and reasons for the log may be read.
    """

    tells_all: bool

    @abstractmethod
    def user(self, user_id: int) -> str:
        """A user's page."""

    @abstractmethod
    def miner(self, miner_id: int) -> str:
        """A miner's page."""

    @abstractmethod
    def order(self, order_id: int, external_id: str) -> str:
        """An order's page."""

    @abstractmethod
    def withdrawal(self, withdrawal_id: int) -> str:
        """A withdrawal's page."""

    @abstractmethod
    def deposit(self, deposit_id: int) -> str | None:
        """A deposit's page, where it has one."""

    @abstractmethod
    def webhook(self, endpoint_id: int) -> str:
        """A webhook endpoint's page."""

    @abstractmethod
    def delivery(self, endpoint_id: int, position: int) -> str:
        """The page of an event at an endpoint."""

    @abstractmethod
    def event(self, position: int) -> str:
        """An event's page."""

    @abstractmethod
    def events(self, kind: str, object_id: str) -> str:
        """The events of an object."""
