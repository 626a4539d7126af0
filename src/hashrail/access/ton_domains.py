"""Domains whose pages may log a partner's users in with a TON wallet."""

from hashrail.db import Row, Tx
from hashrail.deployment import journal
from hashrail.deployment.journal import Kind
from hashrail.errors import BadRequestError, NotFoundError
from hashrail.events import drafts
from hashrail.events.types.partners import PartnerTonDomainsChanged


class BadTonDomainError(BadRequestError):
    """What a wallet signs for is a host and nothing more."""

    code = "BAD_TON_DOMAIN"
    advice = "Name the host as the wallet shows it: app.example, not https://app.example/"


class TonDomainNotListedError(NotFoundError):
    """The partner has no such TON domain."""

    code = "TON_DOMAIN_NOT_LISTED"
    advice = "List the domains with: hashrail partner ton-domain list --partner NAME"


async def add_ton_domain(tx: Tx, partner_id: int, domain: str) -> bool:
    """Let the partner's users log in with proofs for this domain; False when it is listed already.

    It is kept as given and compared letter by letter: two spellings can be two sites. Raises BadTonDomainError.
    """
    if not domain or "/" in domain or " " in domain or not domain.isprintable():
        raise BadTonDomainError(f"{domain!r} is not a host alone", field="domain")
    added = await tx.fetchrow(
        """UPDATE partner SET ton_domains = array_append(ton_domains, $2)
           WHERE id = $1 AND $2 <> ALL (ton_domains) RETURNING public_id, ton_domains""",
        partner_id,
        domain,
    )
    await journal.note(tx, Kind.TON_DOMAIN_ADDED, partner_id=partner_id, domain=domain)
    if added is not None:
        await _tell(tx, partner_id, added)
    return added is not None


async def remove_ton_domain(tx: Tx, partner_id: int, domain: str) -> None:
    """Refuse proofs for this domain from now on. Raises TonDomainNotListedError."""
    removed = await tx.fetchrow(
        """UPDATE partner SET ton_domains = array_remove(ton_domains, $2)
           WHERE id = $1 AND $2 = ANY (ton_domains) RETURNING public_id, ton_domains""",
        partner_id,
        domain,
    )
    if removed is None:
        raise TonDomainNotListedError(f"{domain!r} is not listed", field="domain")
    await journal.note(tx, Kind.TON_DOMAIN_REMOVED, partner_id=partner_id, domain=domain)
    await _tell(tx, partner_id, removed)


async def ton_domains(tx: Tx, partner_id: int) -> list[str]:
    """The domains that the partner's TON users may sign for, oldest first."""
    domains: list[str] = await tx.fetchval("SELECT ton_domains FROM partner WHERE id = $1", partner_id)
    return domains


async def _tell(tx: Tx, partner_id: int, changed: Row) -> None:
    told = PartnerTonDomainsChanged(partner_id=changed["public_id"], domains=changed["ton_domains"])
    await drafts.note(tx, partner_id, told)
