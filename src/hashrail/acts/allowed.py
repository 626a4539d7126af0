"""From where a partner's users may be called for and log in: origins of pages, and domains of TON proofs."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from hashrail.access import origins, ton_domains
from hashrail.acts.acting import Acting
from hashrail.db import Tx

T = TypeVar("T")


async def add_origin(tx: Tx, act: Acting, partner_id: int, origin: str) -> bool:
    """Let pages of an origin call; False where they may already. Raises BadOriginError."""
    return await _origins_changed(tx, act, partner_id, origin, origins.add)


async def remove_origin(tx: Tx, act: Acting, partner_id: int, origin: str) -> bool:
    """Refuse pages of an origin from now on; False where it was not listed. Raises BadOriginError."""
    return await _origins_changed(tx, act, partner_id, origin, origins.remove)


async def add_ton_domain(tx: Tx, act: Acting, partner_id: int, domain: str) -> bool:
    """Let users log in with TON proofs for a domain; False where they may already. Raises BadTonDomainError."""
    return await _domains_changed(tx, act, partner_id, domain, ton_domains.add_ton_domain)


async def remove_ton_domain(tx: Tx, act: Acting, partner_id: int, domain: str) -> None:
    """Refuse TON proofs for a domain from now on. Raises TonDomainNotListedError."""
    await _domains_changed(tx, act, partner_id, domain, ton_domains.remove_ton_domain)


async def _origins_changed(
    tx: Tx, act: Acting, partner_id: int, origin: str, verb: Callable[[Tx, int, str], Awaitable[T]]
) -> T:
    was = sorted(await origins.load(tx, partner_id))
    made = await verb(tx, partner_id, origin)
    listed = sorted(await origins.load(tx, partner_id))
    await act.note(tx, f"partner {partner_id}", before={"origins": was}, after={"origins": listed})
    return made


async def _domains_changed(
    tx: Tx, act: Acting, partner_id: int, domain: str, verb: Callable[[Tx, int, str], Awaitable[T]]
) -> T:
    was = await ton_domains.ton_domains(tx, partner_id)
    made = await verb(tx, partner_id, domain)
    listed = await ton_domains.ton_domains(tx, partner_id)
    await act.note(tx, f"partner {partner_id}", before={"ton_domains": was}, after={"ton_domains": listed})
    return made
