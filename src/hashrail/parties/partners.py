"""Partners: who sells miners to their own users and owes the operator their price.

Creating a partner opens its books; its days count from the next one to be published.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import asyncpg

from hashrail import db
from hashrail.books import ledger
from hashrail.db import Reader, Tx, record
from hashrail.errors import ConflictError, NotFoundError


class PartnerNotFoundError(NotFoundError):
    """No partner has that id or name."""

    code = "PARTNER_NOT_FOUND"
    advice = "List the partners with: hashrail partner list"


class PartnerUnknownError(NotFoundError):
    """No partner has the public id that was sent."""

    code = "PARTNER_UNKNOWN"
    advice = "Send the partnerId that the operator gave you; a sandbox and production have different ones."


class PartnerExistsError(ConflictError):
    """Another partner has that name."""

    code = "PARTNER_EXISTS"
    advice = "Choose another name, or use the partner that exists."


@dataclass(frozen=True, slots=True)
class Partner:
    """A partner; `public_id` is the id that its own programs know."""

    id: int
    public_id: str
    name: str
    created_at: datetime


async def create(tx: Tx, *, name: str, credit_limit_usd: Decimal, at: datetime) -> Partner:
    """Open a partner with its books. Its days count from the next one to be published. Raises PartnerExistsError."""
    number: int = await tx.fetchval("SELECT nextval('partner_id_seq')")
    return await _create(tx, number, name, credit_limit_usd, at)


async def check(tx: Tx, *, name: str, credit_limit_usd: Decimal, at: datetime) -> Partner:
    """The partner that would be opened, as number 0: nobody gets a number by asking. Raises PartnerExistsError."""
    async with db.undone(tx):
        return await _create(tx, 0, name, credit_limit_usd, at)


async def _create(tx: Tx, number: int, name: str, credit_limit_usd: Decimal, at: datetime) -> Partner:
    public_id = f"partner-{uuid.uuid4()}"
    try:
        await tx.execute(
            "INSERT INTO partner (id, public_id, name, created_at) VALUES ($1, $2, $3, $4)", number, public_id, name, at
        )
    except asyncpg.UniqueViolationError as error:
        raise PartnerExistsError(f"a partner named {name!r} exists", field="name") from error
    published_through = await tx.fetchval("SELECT published_through FROM publication WHERE id = 1")
    await tx.execute("INSERT INTO partner_day (partner_id, closed_through) VALUES ($1, $2)", number, published_through)
    await tx.execute("INSERT INTO partner_capacity (partner_id) VALUES ($1)", number)
    await ledger.open_books(tx, number, credit_limit_usd=credit_limit_usd, at=at)
    return Partner(id=number, public_id=public_id, name=name, created_at=at)


async def find(tx: Tx, name_or_id: str) -> Partner:
    """The partner with that number, public id or name, in this order. Raises PartnerNotFoundError."""
    row = await tx.fetchrow(
        """SELECT id, public_id, name, created_at FROM partner WHERE name = $1 OR public_id = $1 OR id::text = $1
           ORDER BY id::text = $1 DESC, public_id = $1 DESC LIMIT 1""",
        name_or_id,
    )
    if row is None:
        raise PartnerNotFoundError(f"no partner {name_or_id!r}", field="partner")
    return record(Partner, row)


async def by_public_id(tx: Reader, public_id: str) -> Partner:
    """The partner that its own programs know by this id. Raises PartnerUnknownError."""
    row = await tx.fetchrow("SELECT id, public_id, name, created_at FROM partner WHERE public_id = $1", public_id)
    if row is None:
        raise PartnerUnknownError("no partner has this id", field="partnerId")
    return record(Partner, row)


async def by_number(tx: Reader, partner_id: int) -> Partner | None:
    """The partner with that number."""
    row = await tx.fetchrow("SELECT id, public_id, name, created_at FROM partner WHERE id = $1", partner_id)
    return None if row is None else record(Partner, row)


async def every(tx: Tx) -> list[Partner]:
    """All partners, oldest first."""
    rows = await tx.fetch("SELECT id, public_id, name, created_at FROM partner ORDER BY id")
    return [record(Partner, row) for row in rows]


async def ids(tx: Reader) -> list[int]:
    """The numbers of all partners, in order."""
    return [row["id"] for row in await tx.fetch("SELECT id FROM partner ORDER BY id")]
