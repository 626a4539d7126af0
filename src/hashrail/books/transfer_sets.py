"""Many transfers of one partner at once: a statement a table, and the same as `ledger` does one after the other.

So the order counts: what an account does not hold yet when its turn comes is refused, even where a later transfer
brings as much. A refusal is `ledger`'s own. As there, whatever changes a user's account is told.

Accounts are locked in id order before the transfers are written: their foreign keys look at each account twice a
transfer, which is cheap where nobody else holds it. Whoever posts about an object holds the object, so nobody else
writes the same transfers meanwhile.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

import asyncpg

from hashrail.books import ledger
from hashrail.books.chart import FIRST_USER_ACCOUNT, Account, TransferKind
from hashrail.books.fence import OpenBooks
from hashrail.books.ledger import Transfer
from hashrail.db import Tx
from hashrail.events import drafts
from hashrail.events.event import Event
from hashrail.money import ZERO

# What is known of accounts, by their numbers: rows.
Accounts: TypeAlias = Mapping[int, Any]

_WRITE = """
    INSERT INTO transfer (partner_id, kind, object_id, leg, debit_account, credit_account, amount, state,
                          created_at, resolved_at, posted_seq)
    SELECT e.partner_id, e.kind, e.object_id, e.leg, e.debit_account, e.credit_account, e.amount, 'posted',
           $8, $8, nextval('transfer_posted_seq')
    FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::int[], $5::bigint[], $6::bigint[], $7::numeric[])
             WITH ORDINALITY AS e (partner_id, kind, object_id, leg, debit_account, credit_account, amount, number)
    ORDER BY e.number
    ON CONFLICT (partner_id, kind, object_id, leg) DO NOTHING
    RETURNING kind, object_id, leg"""
_WRITE_PENDING = """
    INSERT INTO transfer (partner_id, kind, object_id, leg, debit_account, credit_account, amount, state, created_at)
    SELECT e.partner_id, e.kind, e.object_id, e.leg, e.debit_account, e.credit_account, e.amount, 'pending', $8
    FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::int[], $5::bigint[], $6::bigint[], $7::numeric[])
             AS e (partner_id, kind, object_id, leg, debit_account, credit_account, amount)
    ON CONFLICT (partner_id, kind, object_id, leg) DO NOTHING
    RETURNING kind, object_id, leg"""
_LOCK = """
    SELECT a.id, a.user_id, a.currency, a.credit_limit, a.debits_posted, a.credits_posted, a.debits_pending,
           u.partner_user_id
    FROM account a LEFT JOIN app_user u ON u.partner_id = a.partner_id AND u.id = a.user_id
    WHERE a.partner_id = $1 AND a.id = ANY ($2::bigint[])
    ORDER BY a.id FOR NO KEY UPDATE OF a"""
_COUNT = """
    UPDATE account a
    SET debits_posted = a.debits_posted + e.debits_posted, debits_pending = a.debits_pending + e.debits_pending,
        credits_posted = a.credits_posted + e.credits_posted, credits_pending = a.credits_pending + e.credits_pending
    FROM unnest($2::bigint[], $3::numeric[], $4::numeric[], $5::numeric[], $6::numeric[])
             AS e (id, debits_posted, debits_pending, credits_posted, credits_pending)
    WHERE a.partner_id = $1 AND a.id = e.id"""
# The same on one account, which costs less.
_COUNT_ONE = """
    UPDATE account
    SET debits_posted = debits_posted + $3, debits_pending = debits_pending + $4,
        credits_posted = credits_posted + $5, credits_pending = credits_pending + $6
    WHERE partner_id = $1 AND id = $2"""
# What there is to know of a partner's account whose room is not asked for.
_OF_PARTNERS: Accounts = {Account.PARTNER_RECEIVABLE.value: {"user_id": None}}


class Reserved(NamedTuple):
    """The id of a transfer that was reserved."""

    kind: TransferKind
    object_id: int
    leg: int


@dataclass(slots=True)
class _Sums:
    """What is to be counted on an account."""

    debits_posted: Decimal = ZERO
    debits_pending: Decimal = ZERO
    credits_posted: Decimal = ZERO
    credits_pending: Decimal = ZERO


async def post(tx: Tx, books: OpenBooks, transfers: Sequence[Transfer]) -> list[bool]:
    """Write posted transfers; False for each that was there already, which moves nothing.

    Raises InsufficientFundsError or CreditLimitError; the transaction can then only be rolled back.
    """
    return await _write(tx, books, transfers, posts=True)


async def reserve(tx: Tx, books: OpenBooks, transfers: Sequence[Transfer]) -> list[bool]:
    """Write pending transfers, which hold their amounts; as `post` otherwise.

    An object has one of them in a set: what a refusal tells of an object's other legs is what was there before.
    """
    return await _write(tx, books, transfers, posts=False)


async def reserve_new(tx: Tx, books: OpenBooks, transfers: Sequence[Transfer]) -> None:
    """As `reserve`, for objects that this transaction has made and that move no user's money: nothing is there yet.

    What the partner owes is counted before they are written, and so its account needs no lock before. Raises
    CreditLimitError; the transaction can then only be rolled back.
    """
    assert not any(map(_is_users, transfers)), "whether a user holds as much is asked one after the other"
    sums: dict[int, _Sums] = defaultdict(_Sums)
    for one in transfers:
        list(_count(_OF_PARTNERS, sums, one, posted=ZERO, pending=one.amount))
    try:
        await _write_sums(tx, books.partner_id, sums)
    except asyncpg.CheckViolationError as error:
        raise ledger.refusal(error) from error
    rows = await tx.fetch(_WRITE_PENDING, *_columns([ledger.values(books, one) for one in transfers]), books.now)
    assert len(rows) == len(transfers), "what was made just now has reserved nothing yet"


async def _write(tx: Tx, books: OpenBooks, transfers: Sequence[Transfer], *, posts: bool) -> list[bool]:
    if not transfers:
        return []
    accounts = await _lock(tx, books, transfers)
    query = _WRITE if posts else _WRITE_PENDING
    rows = await tx.fetch(query, *_columns([ledger.values(books, one) for one in transfers]), books.now)
    written = {(row["kind"], row["object_id"], row["leg"]) for row in rows}
    new = []
    for one in transfers:
        # The same twice in one set: the second was there already.
        new.append(_id(one) in written)
        written.discard(_id(one))
    for one, is_new in zip(transfers, new, strict=True):
        if not is_new:
            await ledger.assert_same(tx, books, one)
    moved = [one for one, is_new in zip(transfers, new, strict=True) if is_new]
    await _move(tx, books, accounts, moved, posts=posts, holds=0 if posts else 1)
    return new


async def post_reserved(tx: Tx, books: OpenBooks, ids: Sequence[Reserved]) -> int:
    """Post pending transfers, in this order; answers how many, as some were posted before. None of them is voided."""
    if not ids:
        return 0
    rows = await tx.fetch(
        """WITH e AS MATERIALIZED (
               SELECT i.kind, i.object_id, i.leg, nextval('transfer_posted_seq') AS number
               FROM unnest($2::text[], $3::bigint[], $4::int[]) AS i (kind, object_id, leg))
           UPDATE transfer t SET state = 'posted', resolved_at = $5, posted_seq = e.number FROM e
           WHERE t.partner_id = $1 AND t.kind = e.kind AND t.object_id = e.object_id AND t.leg = e.leg
             AND t.state = 'pending'
           RETURNING t.kind, t.object_id, t.leg, t.debit_account, t.credit_account, t.amount""",
        books.partner_id,
        *_columns([(one.kind.value, one.object_id, one.leg) for one in ids]),
        books.now,
    )
    found = {(row["kind"], row["object_id"], row["leg"]): row for row in rows}
    for one in ids:
        if _id(one) not in found:
            is_new = await ledger.post_reserved(tx, books, *one)
            assert not is_new, "nothing becomes pending again"
    moved = [
        Transfer(one.kind, one.object_id, one.leg, row["debit_account"], row["credit_account"], row["amount"])
        for one in dict.fromkeys(ids)
        if (row := found.get(_id(one))) is not None
    ]
    # What was reserved has its room: of a partner's account nothing is asked.
    accounts = await _lock(tx, books, moved) if any(map(_is_users, moved)) else _OF_PARTNERS
    await _move(tx, books, accounts, moved, posts=True, holds=-1)
    return len(moved)


def _is_users(transfer: Transfer) -> bool:
    """Whether it moves a user's money."""
    return max(int(transfer.debit), int(transfer.credit)) >= FIRST_USER_ACCOUNT


async def _lock(tx: Tx, books: OpenBooks, transfers: Sequence[Transfer]) -> Accounts:
    """The accounts of the transfers that carry balances, locked in id order."""
    sides = {int(side) for one in transfers for side in (one.debit, one.credit) if ledger.carries_balance(side)}
    rows = await tx.fetch(_LOCK, books.partner_id, sorted(sides)) if sides else []
    assert {row["id"] for row in rows} == sides, "a transfer names accounts that are there"
    return {row["id"]: row for row in rows}


async def _move(
    tx: Tx, books: OpenBooks, accounts: Accounts, transfers: Sequence[Transfer], *, posts: bool, holds: int
) -> None:
    """Count the transfers on their locked accounts, as many as come before the first that is refused.

    Whether they are posted, and whether their amounts are held from now on (1), no longer (-1), or were not (0).
    """
    sums: dict[int, _Sums] = defaultdict(_Sums)
    told: list[Event] = []
    refused = None
    for one in transfers:
        # What was reserved has its room already.
        if holds >= 0 and not _has_room(accounts, sums, one):
            refused = one
            break
        told += _count(accounts, sums, one, posted=one.amount if posts else ZERO, pending=holds * one.amount)
    await _write_sums(tx, books.partner_id, sums)
    if refused is not None:
        posted = refused.amount if posts else ZERO
        await ledger.move(tx, books, refused, posted=posted, pending=holds * refused.amount)
        raise AssertionError("the account was locked, and what it lacked is still lacking")
    if told:
        await drafts.note(tx, books.partner_id, *told)


def _has_room(accounts: Accounts, sums: dict[int, _Sums], transfer: Transfer) -> bool:
    """Whether the account that is debited holds as much, or may owe it, after the transfers before."""
    row = accounts.get(int(transfer.debit))
    if row is None:
        return True
    before = sums[row["id"]]
    held = row["credits_posted"] - row["debits_posted"] + before.credits_posted - before.debits_posted
    free: Decimal = held - row["debits_pending"] - before.debits_pending - transfer.amount
    if row["user_id"] is None:
        free += row["credit_limit"]
    return free >= 0


def _count(
    accounts: Accounts, sums: dict[int, _Sums], transfer: Transfer, *, posted: Decimal, pending: Decimal
) -> Iterable[Event]:
    """Add the transfer to its accounts' sums; answers what their users are told, in id order."""
    for side in sorted((int(transfer.debit), int(transfer.credit))):
        row = accounts.get(side)
        if row is None:
            continue
        if side == transfer.debit:
            sums[side].debits_posted += posted
            sums[side].debits_pending += pending
        else:
            sums[side].credits_posted += posted
            sums[side].credits_pending += pending
        if row["user_id"] is not None and transfer.kind is not TransferKind.SETTLEMENT:
            yield ledger.changed(row, transfer, side, posted, pending)


async def _write_sums(tx: Tx, partner_id: int, sums: dict[int, _Sums]) -> None:
    rows = [
        (side, one.debits_posted, one.debits_pending, one.credits_posted, one.credits_pending)
        for side, one in sums.items()
    ]
    if len(rows) == 1:
        await tx.execute(_COUNT_ONE, partner_id, *rows[0])
    elif rows:
        await tx.execute(_COUNT, partner_id, *_columns(rows))


def _id(transfer: Transfer | Reserved) -> tuple[str, int, int]:
    return transfer.kind.value, transfer.object_id, transfer.leg


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
