"""Events of the partner itself."""

from typing import ClassVar

from hashrail.events.event import Event


class PartnerEvent(Event, frozen=True):
    """The partner, by the id that its own programs know."""

    KIND: ClassVar[str] = "partner"
    ID: ClassVar[str] = "partner_id"

    partner_id: str


class PartnerSuspended(PartnerEvent, frozen=True):
    """Nothing new is written for the partner; its users go on earning, and everything can be read."""

    TYPE: ClassVar[str] = "partner.suspended"


class PartnerReopened(PartnerEvent, frozen=True):
    """A suspended partner goes on as before."""

    TYPE: ClassVar[str] = "partner.reopened"


class PartnerClosed(PartnerEvent, frozen=True):
    """The partner is closed for good: its miners and keys have ended, what its users hold stays theirs."""

    TYPE: ClassVar[str] = "partner.closed"


class PartnerOriginsChanged(PartnerEvent, frozen=True):
    """Other browser pages may call for the partner's users now; `origins` are all that may."""

    TYPE: ClassVar[str] = "partner.origins_changed"

    origins: list[str]


class PartnerTonDomainsChanged(PartnerEvent, frozen=True):
    """TON wallets may log users in for other domains now; `domains` are all that count."""

    TYPE: ClassVar[str] = "partner.ton_domains_changed"

    domains: list[str]


class PartnerSessionsEnded(PartnerEvent, frozen=True):
    """Sessions of many users ended at once, `count` of them: all of the partner's, or those that one key had opened."""

    TYPE: ClassVar[str] = "partner.sessions_ended"

    count: int
    key_id: int | None
