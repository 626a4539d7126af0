"""Signed documents of days: made when every partner has closed the day, in order, once, for ever.

Each names the SHA-256 of the one before, so that no day can be changed, left out or put in without all later ones.
A correction of a day stands in the document of the day that it is credited with.
"""

from dataclasses import dataclass
from datetime import date, datetime

from hashrail import db
from hashrail.db import Reader, Tx, record
from hashrail.errors import NotFoundError
from hashrail.proofs import day_content, documents, keys
from hashrail.proofs.keys import SigningKey
from hashrail.proofs.power import Opening
from hashrail.vault import Vault

_READ = """
    SELECT day, content, sha256, kid, encode(signature, 'hex') AS signature, signed_at FROM day_document"""


class DayNotSignedError(NotFoundError):
    """There is no signed document of that day."""

    code = "DAY_NOT_SIGNED"
    advice = "Ask for a day that every partner has closed; details.through is the newest signed one."


@dataclass(frozen=True, slots=True)
class DayDocument:
    """A document as it was signed: `content` is its text, the signature is hex."""

    day: date
    content: str
    sha256: str
    kid: str
    signature: str
    signed_at: datetime


async def sign_due(pool: db.Pool, vault: Vault) -> int:
    """Sign every day that all partners have closed, in order, a transaction each; answers how many."""
    signed = 0
    while True:
        async with db.transaction(pool) as tx:
            if await _next_day(tx) is None:
                return signed
            key = await keys.hold(tx, vault)
            # Whoever held it before may have signed that day.
            day = await _next_day(tx)
            if day is None:
                return signed
            await _sign(tx, key, day)
            signed += 1


async def find(reader: Reader, day: date) -> DayDocument:
    """A day's document. Raises DayNotSignedError."""
    row = await reader.fetchrow(f"{_READ} WHERE day = $1", day)
    if row is None:
        through = await reader.fetchval("SELECT max(day) FROM day_document")
        details = {} if through is None else {"through": through.isoformat()}
        raise DayNotSignedError(f"{day} is not signed", field="day", **details)
    return record(DayDocument, row)


async def listed(reader: Reader, *, after: date | None, limit: int) -> list[DayDocument]:
    """Documents in the order of their days, behind a day."""
    rows = await reader.fetch(
        f"{_READ} WHERE day > coalesce($1::date, '-infinity') ORDER BY day LIMIT $2", after, limit
    )
    return [record(DayDocument, row) for row in rows]


async def newest(reader: Reader, limit: int) -> list[DayDocument]:
    """The newest documents first."""
    return [record(DayDocument, row) for row in await reader.fetch(f"{_READ} ORDER BY day DESC LIMIT $1", limit)]


async def open_power(tx: Tx, vault: Vault, day: date, *, partner_id: int) -> Opening:
    """What a partner's commitment in a day's document is made of. Raises DayNotSignedError."""
    document = await find(tx, day)
    key = await keys.opened(tx, vault, document.kid)
    public_id: str = await tx.fetchval("SELECT public_id FROM partner WHERE id = $1", partner_id)
    return await day_content.open_power(tx, key, day, partner_id=partner_id, public_id=public_id)


async def _next_day(tx: Tx) -> date | None:
    """The day to be signed next, if every partner has closed it."""
    day: date | None = await tx.fetchval(
        """SELECT n.day
           FROM (SELECT coalesce((SELECT max(day) + 1 FROM day_document), first_day) AS day FROM publication
                 WHERE id = 1) n
           WHERE EXISTS (SELECT 1 FROM partner_day)
             AND n.day <= (SELECT min(coalesce(closed_through, '-infinity')) FROM partner_day)"""
    )
    return day


async def _sign(tx: Tx, key: SigningKey, day: date) -> None:
    previous: str | None = await tx.fetchval("SELECT sha256 FROM day_document ORDER BY day DESC LIMIT 1")
    signed = documents.sign(key, await day_content.gather(tx, key, day, previous=previous))
    await tx.execute(
        """INSERT INTO day_document (day, content, sha256, previous_sha256, kid, signature, signed_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7)""",
        day,
        signed.content,
        signed.sha256,
        previous,
        signed.kid,
        signed.signature,
        signed.signed_at,
    )
