"""Origins of a partner's pages: which browsers may call for its users.

A browser names the page that calls in `Origin`. The partner's list is empty at first and lets no browser in; programs
that are no browser send no origin, and the list does not concern them.
"""

import re

from hashrail.db import Row, Tx
from hashrail.deployment import journal
from hashrail.deployment.journal import Kind
from hashrail.errors import BadRequestError
from hashrail.events import drafts
from hashrail.events.types.partners import PartnerOriginsChanged

ORIGINS_CHANGED = "hashrail_origins_changed"
# A host is a name, an IPv4 address or, in brackets, an IPv6 address.
ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:.]{2,45}\])(:(?P<port>[0-9]{1,5}))?"
)
DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_PORT = 65535


class BadOriginError(BadRequestError):
    """An origin is a scheme (http or https), a host and perhaps a port; neither null nor a pattern is one."""

    code = "BAD_ORIGIN"
    advice = "Write it as the browser does, without a path: https://app.example.com or http://localhost:3000."


def parse(text: str) -> str:
    """The origin as browsers send it: lower case, without the scheme's own port. Raises BadOriginError."""
    found = ORIGIN.fullmatch(text.lower())
    if found is None:
        raise BadOriginError(f"{text!r} is no origin", field="origin")
    scheme, host, digits = found["scheme"], found["host"], found["port"]
    port = DEFAULT_PORTS[scheme] if digits is None else int(digits)
    if not 1 <= port <= MAX_PORT:
        raise BadOriginError(f"{text!r} has no such port", field="origin")
    return f"{scheme}://{host}" if port == DEFAULT_PORTS[scheme] else f"{scheme}://{host}:{port}"


async def add(tx: Tx, partner_id: int, text: str) -> bool:
    """Let pages of this origin call; False when they may already. Raises BadOriginError."""
    origin = parse(text)
    added = await tx.fetchrow(
        """UPDATE partner SET origins = array_append(origins, $2)
           WHERE id = $1 AND $2 <> ALL (origins) RETURNING public_id, origins""",
        partner_id,
        origin,
    )
    await journal.note(tx, Kind.ORIGIN_ADDED, partner_id=partner_id, origin=origin)
    await _announce(tx, partner_id)
    await _tell(tx, partner_id, added)
    return added is not None


async def remove(tx: Tx, partner_id: int, text: str) -> bool:
    """Refuse pages of this origin from now on; False when it was not on the list. Raises BadOriginError."""
    origin = parse(text)
    removed = await tx.fetchrow(
        """UPDATE partner SET origins = array_remove(origins, $2)
           WHERE id = $1 AND $2 = ANY (origins) RETURNING public_id, origins""",
        partner_id,
        origin,
    )
    await journal.note(tx, Kind.ORIGIN_REMOVED, partner_id=partner_id, origin=origin)
    await _announce(tx, partner_id)
    await _tell(tx, partner_id, removed)
    return removed is not None


async def load(tx: Tx, partner_id: int) -> frozenset[str]:
    """The partner's list; a partner that does not exist has an empty one."""
    found = await tx.fetchval("SELECT origins FROM partner WHERE id = $1", partner_id)
    return frozenset(found or ())


async def _tell(tx: Tx, partner_id: int, changed: Row | None) -> None:
    if changed is not None:
        told = PartnerOriginsChanged(partner_id=changed["public_id"], origins=changed["origins"])
        await drafts.note(tx, partner_id, told)


async def _announce(tx: Tx, partner_id: int) -> None:
    """Tell every API process to forget the list when this transaction commits."""
    await tx.execute("SELECT pg_notify($1, $2)", ORIGINS_CHANGED, str(partner_id))
