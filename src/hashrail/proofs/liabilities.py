"""Signed documents of what is owed to users: one after a day was signed, over all partners, in one snapshot.

It says what the books owed at the moment of signing, after that day was closed and signed; books move on meanwhile, so
a withdrawal or deposit since the day's end is in it. Days that are signed together, as after a stop, share the one of
the newest. Documents are kept for ever and name each other, like those of days; trees are kept for a while.
"""

import hmac
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from hashrail import clock, db
from hashrail.db import Reader, Tx, record
from hashrail.errors import NotFoundError
from hashrail.money import AMOUNT_DECIMALS
from hashrail.proofs import documents, keys, liability_tree, owed
from hashrail.proofs.documents import Part
from hashrail.proofs.keys import SigningKey
from hashrail.proofs.liability_tree import Built
from hashrail.vault import Vault
from hashrail_client import liabilities as rules

# Trees of which users are shown their leaf: 48 bytes a user each.
TREES_KEPT = 30
_READ = """
    SELECT day, content, sha256, kid, encode(signature, 'hex') AS signature, signed_at FROM liabilities_document"""


class LiabilitiesNotTakenError(NotFoundError):
    """Nothing was signed of what was owed after that day."""

    code = "LIABILITIES_NOT_TAKEN"
    advice = "Ask for a day that GET /api/proofs/liabilities/days lists; details.through is the newest one."


class LiabilityTreeGoneError(NotFoundError):
    """The tree of that day is not kept any more; what was signed of it is."""

    code = "LIABILITY_TREE_GONE"
    advice = "Ask for the proof of a newer day, within 30 documents, and keep it: it stays good for ever."


class NothingOwedError(NotFoundError):
    """The user has no leaf in that day's tree: by the books nothing was owed to them."""

    code = "NOTHING_OWED"
    advice = "A user who had bitcoin at that moment and gets this answer was left out: show it to the operator."


@dataclass(frozen=True, slots=True)
class LiabilitiesDocument:
    """A document as it was signed: `content` is its text, the signature is hex."""

    day: date
    content: str
    sha256: str
    kid: str
    signature: str
    signed_at: datetime


class Content(Part, frozen=True, kw_only=True):
    """What is signed: the root of the tree in hex, what it adds up to in BTC, and how many leaves it has."""

    document: str = rules.KIND
    version: int = rules.VERSION
    day: date
    day_document: str
    previous: str | None
    kid: str
    taken_at: str
    root: str
    sum: str
    count: int


@dataclass(frozen=True, slots=True)
class BalanceProof:
    """A user's way to the root: the nonce that makes the leaf theirs, the leaf's number and its neighbours upward."""

    day: date
    partner_id: str
    partner_user_id: str
    nonce: str
    amount: str
    index: int
    path: list[tuple[str, str]]


async def take_due(pool: db.Pool, vault: Vault, *, every_days: int) -> date | None:
    """Take what is owed after the newest signed day, if the last time is so many days ago; 0 is never.

    Answers the day that was taken.
    """
    if await _due(pool, every_days) is None:
        return None
    async with db.transaction(pool, one_moment=True) as tx:
        # The lock comes before the snapshot: what others have taken meanwhile is seen. Days are signed beside it.
        await tx.execute("LOCK TABLE liabilities_document IN SHARE ROW EXCLUSIVE MODE")
        day = await _due(tx, every_days)
        if day is not None:
            key = await keys.newest(tx, vault)
            assert key is not None, "the day was signed"
            await _take(tx, key, day)
            await liability_tree.forget(tx, keep=TREES_KEPT)
        return day


async def find(reader: Reader, day: date | None) -> LiabilitiesDocument:
    """The document of a day, or the newest one. Raises LiabilitiesNotTakenError."""
    row = await reader.fetchrow(f"{_READ} WHERE day = $1 OR $1::date IS NULL ORDER BY day DESC LIMIT 1", day)
    if row is None:
        through = await reader.fetchval("SELECT max(day) FROM liabilities_document")
        details = {} if through is None else {"through": through.isoformat()}
        raise LiabilitiesNotTakenError("no liabilities were signed after that day", field="day", **details)
    return record(LiabilitiesDocument, row)


async def listed(reader: Reader, *, after: date | None, limit: int) -> list[LiabilitiesDocument]:
    """Documents in the order of their days, behind a day."""
    rows = await reader.fetch(
        f"{_READ} WHERE day > coalesce($1::date, '-infinity') ORDER BY day LIMIT $2", after, limit
    )
    return [record(LiabilitiesDocument, row) for row in rows]


async def newest(reader: Reader, limit: int) -> list[LiabilitiesDocument]:
    """The newest documents first."""
    return [
        record(LiabilitiesDocument, row) for row in await reader.fetch(f"{_READ} ORDER BY day DESC LIMIT $1", limit)
    ]


async def prove(tx: Tx, vault: Vault, day: date | None, *, partner_id: int, user_id: int) -> BalanceProof:
    """A user's proof in the tree of a day, or of the newest.

    Raises LiabilitiesNotTakenError, LiabilityTreeGoneError or NothingOwedError.
    """
    document = await find(tx, day)
    whose = await tx.fetchrow(
        """SELECT p.public_id, u.partner_user_id FROM app_user u JOIN partner p ON p.id = u.partner_id
           WHERE u.partner_id = $1 AND u.id = $2""",
        partner_id,
        user_id,
    )
    assert whose is not None, "whoever asks has a user"
    nonce_key = _nonce_key(await keys.opened(tx, vault, document.kid), document.day)
    nonce = hmac.digest(nonce_key, f"{whose['public_id']}\n{whose['partner_user_id']}".encode(), "sha256")
    owner = rules.owner_of(document.day.isoformat(), nonce, whose["public_id"], whose["partner_user_id"])
    leaf = await liability_tree.find(tx, document.day, owner)
    if leaf is None:
        if await _is_gone(tx, document.day):
            raise LiabilityTreeGoneError(f"the tree of {document.day} is not kept any more", field="day")
        raise NothingOwedError(f"nothing was owed to the user after {document.day}", field="day")
    return BalanceProof(
        day=document.day,
        partner_id=whose["public_id"],
        partner_user_id=whose["partner_user_id"],
        nonce=nonce.hex(),
        amount=rules.spelled(leaf.units),
        index=leaf.index,
        path=[(each.hash.hex(), rules.spelled(each.units)) for each in leaf.path],
    )


async def _due(reader: Reader, every_days: int) -> date | None:
    """The newest signed day, if what was owed after it is to be taken."""
    day: date | None = await reader.fetchval(
        """SELECT d.day FROM (SELECT max(day) AS day FROM day_document) d
           WHERE $1 > 0 AND d.day >= coalesce((SELECT max(day) FROM liabilities_document) + $1, '-infinity')""",
        every_days,
    )
    return day


async def _take(tx: Tx, key: SigningKey, day: date) -> None:
    """Build the tree, hold its sum against the books, and sign it."""
    built = await liability_tree.build(tx, day, owed.stream(tx, day.isoformat(), _nonce_key(key, day)))
    total, books = Decimal(built.root.units).scaleb(-AMOUNT_DECIMALS), await owed.by_the_books(tx)
    assert total - built.shortfall == books, f"users are owed {total}, less {built.shortfall}; by the books {books}"
    previous: str | None = await tx.fetchval("SELECT sha256 FROM liabilities_document ORDER BY day DESC LIMIT 1")
    content = Content(
        day=day,
        day_document=await tx.fetchval("SELECT sha256 FROM day_document WHERE day = $1", day),
        previous=previous,
        kid=key.kid,
        taken_at=clock.iso(clock.wall_now()),
        root=built.root.hash.hex(),
        sum=rules.spelled(built.root.units),
        count=built.count,
    )
    await _store(tx, content, built, documents.sign(key, content), books)


async def _store(tx: Tx, content: Content, built: Built, signed: documents.Signed, books: Decimal) -> None:
    await tx.execute(
        """INSERT INTO liabilities_document (day, content, sha256, previous_sha256, kid, signature, signed_at,
                                             leaf_count, owed_btc, shortfall_btc, books_btc)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)""",
        content.day,
        signed.content,
        signed.sha256,
        content.previous,
        signed.kid,
        signed.signature,
        signed.signed_at,
        built.count,
        Decimal(built.root.units).scaleb(-AMOUNT_DECIMALS),
        built.shortfall,
        books,
    )


async def _is_gone(reader: Reader, day: date) -> bool:
    gone: bool = await reader.fetchval(
        """SELECT leaf_count > 0 AND NOT EXISTS (SELECT 1 FROM liability_leaves l WHERE l.day = d.day)
           FROM liabilities_document d WHERE day = $1""",
        day,
    )
    return gone


def _nonce_key(key: SigningKey, day: date) -> bytes:
    """What nonces of a day follow from, so that nothing is kept for them."""
    return hmac.digest(key.private.private_bytes_raw(), f"liabilities {day}".encode(), "sha256")
