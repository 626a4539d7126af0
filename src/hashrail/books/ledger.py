"""The ledger: transfers between two accounts, two-phase, idempotent by id.

One transfer debits one account and credits another, so books cannot be out of balance. A transfer is `pending`
(reserved), then `posted` or `voided`, once. Its id is (object, kind, leg): writing it twice is the same row.

Accounts whose balance is somebody's limit carry it under a constraint: users' accounts cannot be overdrawn, the
partner's receivable cannot pass its credit limit. The operator's side (revenue, control) carries none, or it would
serialise every writer: its balance is a checkpoint plus what was posted after it.

Each partner has books of its own with the same chart of accounts. Writers show an `OpenBooks`: they share the fence.

Whatever changes a user's account is told as `balance.changed`, but for the settling of income, which moves what was the
user's already.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import asyncpg

from hashrail.books import fence
from hashrail.books.chart import CURRENCY_OF, FIRST_USER_ACCOUNT, USER_CURRENCIES, Account, TransferKind, TransferState
from hashrail.books.fence import OpenBooks
from hashrail.db import Reader, Row, Tx, constraint_of, record
from hashrail.errors import ConflictError
from hashrail.events import drafts
from hashrail.events.types import balances
from hashrail.events.types.balances import BalanceChanged
from hashrail.money import ZERO, plain

# Whose the account is, if it is a user's.
_WHOSE = """
    RETURNING user_id, currency, (SELECT u.partner_user_id FROM app_user u
                                  WHERE u.partner_id = $1 AND u.id = account.user_id)"""
COUNT_DEBIT = """
    UPDATE account SET debits_posted = debits_posted + $3, debits_pending = debits_pending + $4
    WHERE partner_id = $1 AND id = $2"""
# The same, only where the account is a partner's or holds as much.
COUNT_HELD_DEBIT = """
    UPDATE account SET debits_posted = debits_posted + $3, debits_pending = debits_pending + $4
    WHERE partner_id = $1 AND id = $2
      AND (user_id IS NULL OR credits_posted - debits_posted - debits_pending - $3 - $4 >= 0)"""
COUNT_CREDIT = """
    UPDATE account SET credits_posted = credits_posted + $3, credits_pending = credits_pending + $4
    WHERE partner_id = $1 AND id = $2"""
_CHART = [account.value for account in Account]
# What was posted to an account after its checkpoint, by the index of either side.
_UNSUMMED = """
    LEFT JOIN account_checkpoint c ON c.partner_id = {of}.partner_id AND c.account_id = a.id
    CROSS JOIN LATERAL (
        SELECT t.posted_seq, t.amount AS debit, 0 AS credit FROM transfer t
        WHERE t.partner_id = {partner} AND t.debit_account = a.id AND t.posted_seq > coalesce(c.through_seq, 0)
        UNION ALL SELECT t.posted_seq, 0, t.amount FROM transfer t
        WHERE t.partner_id = {partner} AND t.credit_account = a.id AND t.posted_seq > coalesce(c.through_seq, 0)
    ) AS m"""
_BEHIND = f"""
    SELECT DISTINCT p.partner_id FROM partner_day p CROSS JOIN unnest($1::bigint[]) AS a (id)
    {_UNSUMMED.format(of="p", partner="p.partner_id")} ORDER BY p.partner_id"""  # noqa: S608
_SUM_UP = f"""
    INSERT INTO account_checkpoint AS old (partner_id, account_id, through_seq, debits, credits)
    SELECT a.partner_id, a.id, max(m.posted_seq), sum(m.debit), sum(m.credit)
    FROM account a {_UNSUMMED.format(of="a", partner="$1")}
    WHERE a.partner_id = $1 AND a.id = ANY($2) GROUP BY a.partner_id, a.id
    ON CONFLICT (partner_id, account_id) DO UPDATE
    SET through_seq = greatest(old.through_seq, excluded.through_seq),
        debits = old.debits + excluded.debits, credits = old.credits + excluded.credits
    WHERE excluded.through_seq > old.through_seq"""  # noqa: S608
# What partners are told of as the cause, where a user's account changes.
CAUSES: dict[TransferKind, balances.Cause] = {
    TransferKind.WITHDRAWAL: "withdrawal",
    TransferKind.DEPOSIT: "deposit",
    TransferKind.CORRECTION: "correction",
    TransferKind.INCOME_TAKEN: "refund",
}


class InsufficientFundsError(ConflictError):
    """The account does not hold that much; details say what is `available`, and what was `needed` of it."""

    code = "INSUFFICIENT_FUNDS"
    advice = "Spend at most details.available; what is reserved for pending operations is not in it."


class CreditLimitError(ConflictError):
    """The partner would owe more than its credit limit."""

    code = "CREDIT_LIMIT_EXCEEDED"
    advice = "Pay what is owed, let open orders expire, or ask the operator for a higher limit."


@dataclass(frozen=True, slots=True)
class Transfer:
    """`amount` > 0 from one account to another, in their currency; (kind, object_id, leg) is its id.

    `known_as` is what partners know the object by, where that is not its number.
    """

    kind: TransferKind
    object_id: int
    leg: int
    debit: int
    credit: int
    amount: Decimal
    known_as: str | None = None


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account has seen: sums of debits and credits, posted and pending."""

    account_id: int
    currency: str
    debits_posted: Decimal
    credits_posted: Decimal
    debits_pending: Decimal
    created_at: datetime

    @property
    def owned(self) -> Decimal:
        """What a user has, reserved amounts included."""
        return self.credits_posted - self.debits_posted

    @property
    def spendable(self) -> Decimal:
        """What a user can spend: reserved amounts excluded."""
        return self.owned - self.debits_pending


def carries_balance(account_id: int) -> bool:
    """Whether the account's own row counts what moves through it."""
    return account_id >= FIRST_USER_ACCOUNT or account_id == Account.PARTNER_RECEIVABLE


async def open_books(tx: Tx, partner_id: int, *, credit_limit_usd: Decimal, at: datetime) -> None:
    """Open the chart of accounts of a new partner; in books that are there, what they lack of it.

    A program of the version before opens books without the newest accounts.
    """
    for account in Account:
        await tx.execute(
            """INSERT INTO account (partner_id, id, kind, currency, carries_balance, credit_limit, created_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (partner_id, id) DO NOTHING""",
            partner_id,
            account.value,
            account.name.lower(),
            CURRENCY_OF[account],
            carries_balance(account),
            credit_limit_usd if account is Account.PARTNER_RECEIVABLE else None,
            at,
        )


async def open_user_accounts(tx: Tx, partner_id: int, user_id: int, *, at: datetime) -> None:
    """Open a user's accounts, one a currency. Again is a no-op."""
    await tx.executemany(
        """INSERT INTO account (partner_id, user_id, kind, currency, carries_balance, created_at)
           VALUES ($1, $2, 'user', $3, true, $4)
           ON CONFLICT (partner_id, user_id, kind, currency) DO NOTHING""",
        [(partner_id, user_id, currency, at) for currency in USER_CURRENCIES],
    )


async def user_account(tx: Tx, partner_id: int, user_id: int, currency: str) -> int:
    """The id of a user's account."""
    account_id: int | None = await tx.fetchval(
        "SELECT id FROM account WHERE partner_id = $1 AND user_id = $2 AND kind = 'user' AND currency = $3",
        partner_id,
        user_id,
        currency,
    )
    assert account_id is not None, f"user {user_id} has no {currency} account"
    return account_id


async def post(tx: Tx, books: OpenBooks, transfer: Transfer) -> bool:
    """Write a posted transfer; False when it was already there, and then nothing moved.

    Raises InsufficientFundsError or CreditLimitError; the transaction can then only be rolled back.
    """
    inserted = await tx.fetchval(
        """INSERT INTO transfer (partner_id, kind, object_id, leg, debit_account, credit_account, amount, state,
                                 created_at, resolved_at, posted_seq)
           VALUES ($1, $2, $3, $4, $5, $6, $7, 'posted', $8, $8, nextval('transfer_posted_seq'))
           ON CONFLICT (partner_id, kind, object_id, leg) DO NOTHING RETURNING true""",
        *values(books, transfer),
        books.now,
    )
    if inserted is None:
        await assert_same(tx, books, transfer)
        return False
    await move(tx, books, transfer, posted=transfer.amount)
    return True


async def post_control(tx: Tx, at: datetime, transfers: list[tuple[int, Transfer]]) -> None:
    """Write posted transfers of several partners between accounts that carry no balance; the same again is a no-op.

    The caller holds these partners' fences.
    """
    for _, transfer in transfers:
        assert not carries_balance(transfer.debit), "only the operator's side is posted without a lock"
        assert not carries_balance(transfer.credit), "only the operator's side is posted without a lock"
        assert transfer.amount > 0, "a transfer moves something"
    await tx.executemany(
        """INSERT INTO transfer (partner_id, kind, object_id, leg, debit_account, credit_account, amount, state,
                                 created_at, resolved_at, posted_seq)
           VALUES ($1, $2, $3, $4, $5, $6, $7, 'posted', $8, $8, nextval('transfer_posted_seq'))
           ON CONFLICT (partner_id, kind, object_id, leg) DO NOTHING""",
        [
            (partner_id, t.kind.value, t.object_id, t.leg, int(t.debit), int(t.credit), t.amount, at)
            for partner_id, t in transfers
        ],
    )
    differs = await tx.fetchval(
        """SELECT count(*) FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::int[], $5::bigint[], $6::bigint[],
                                       $7::numeric[])
               AS e (partner_id, kind, object_id, leg, debit_account, credit_account, amount)
           JOIN transfer t USING (partner_id, kind, object_id, leg)
           WHERE (t.debit_account, t.credit_account, t.amount) <> (e.debit_account, e.credit_account, e.amount)""",
        [partner_id for partner_id, _ in transfers],
        [t.kind.value for _, t in transfers],
        [t.object_id for _, t in transfers],
        [t.leg for _, t in transfers],
        [int(t.debit) for _, t in transfers],
        [int(t.credit) for _, t in transfers],
        [t.amount for _, t in transfers],
    )
    assert differs == 0, "a transfer was written before with other content"


async def reserve(tx: Tx, books: OpenBooks, transfer: Transfer) -> bool:
    """Write a pending transfer, which holds its amount; False when it was already there."""
    inserted = await tx.fetchval(
        """INSERT INTO transfer (partner_id, kind, object_id, leg, debit_account, credit_account, amount, state,
                                 created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', $8)
           ON CONFLICT (partner_id, kind, object_id, leg) DO NOTHING RETURNING true""",
        *values(books, transfer),
        books.now,
    )
    if inserted is None:
        await assert_same(tx, books, transfer)
        return False
    await move(tx, books, transfer, pending=transfer.amount)
    return True


async def post_reserved(tx: Tx, books: OpenBooks, kind: TransferKind, object_id: int, leg: int) -> bool:
    """Post a pending transfer; False when it was posted before. A voided one cannot be posted."""
    transfer = await _resolve(tx, books, kind, object_id, leg, "posted")
    if transfer is None:
        return False
    await move(tx, books, transfer, posted=transfer.amount, pending=-transfer.amount)
    return True


async def void(tx: Tx, books: OpenBooks, kind: TransferKind, object_id: int, leg: int) -> bool:
    """Release a pending transfer; False when it was voided before. A posted one cannot be voided."""
    transfer = await _resolve(tx, books, kind, object_id, leg, "voided")
    if transfer is None:
        return False
    await move(tx, books, transfer, pending=-transfer.amount)
    return True


async def balances_of_user(tx: Tx, partner_id: int, user_id: int) -> list[Balance]:
    """A user's accounts in id order, as carried; unsettled income is not in them."""
    rows = await tx.fetch(
        """SELECT id AS account_id, currency, debits_posted, credits_posted, debits_pending, created_at
           FROM account WHERE partner_id = $1 AND user_id = $2 ORDER BY id""",
        partner_id,
        user_id,
    )
    return [record(Balance, row) for row in rows]


async def balance_at(tx: Tx, partner_id: int, account_id: int, moment: datetime) -> Decimal:
    """Credits minus debits posted up to a past `moment`, of any account; a user's unsettled income is not in it."""
    total: Decimal = await tx.fetchval(
        """SELECT coalesce(sum(CASE WHEN credit_account = $2 THEN amount ELSE -amount END), 0) FROM transfer
           WHERE partner_id = $1 AND (credit_account = $2 OR debit_account = $2)
             AND state = 'posted' AND resolved_at <= $3""",
        partner_id,
        account_id,
        moment,
    )
    return total


async def balance(tx: Tx, partner_id: int, account: Account) -> Decimal:
    """Credits minus debits posted to an account of the chart, from its checkpoint and what came after it."""
    total: Decimal = await tx.fetchval(
        """SELECT coalesce(c.credits - c.debits, 0)
                + coalesce((SELECT sum(amount) FROM transfer t WHERE t.partner_id = $1
                            AND t.credit_account = a.id AND t.posted_seq > coalesce(c.through_seq, 0)), 0)
                - coalesce((SELECT sum(amount) FROM transfer t WHERE t.partner_id = $1
                            AND t.debit_account = a.id AND t.posted_seq > coalesce(c.through_seq, 0)), 0)
           FROM account a LEFT JOIN account_checkpoint c ON c.partner_id = a.partner_id AND c.account_id = a.id
           WHERE a.partner_id = $1 AND a.id = $2""",
        partner_id,
        account.value,
    )
    return total


async def behind(reader: Reader) -> list[int]:
    """The partners of whom anything was posted to the chart of accounts since it was summed up, by id.

    An index is asked for each account; what is under way is found the next time.
    """
    return [row["partner_id"] for row in await reader.fetch(_BEHIND, _CHART)]


async def checkpoint(tx: Tx, partner_ids: list[int]) -> None:
    """Sum up the operator-side accounts once more, so that reading them stays cheap; those that moved are written.

    The fences are held: nobody is between taking a sequence number and committing it.
    """
    await fence.hold(tx, partner_ids)
    await tx.executemany(_SUM_UP, [(partner_id, _CHART) for partner_id in partner_ids])


async def let_owe(tx: Tx, partner_id: int, amount_usd: Decimal) -> Decimal:
    """Let a partner owe so much more than now, whatever its limit: the limit rises to it. Answers the limit."""
    limit_usd: Decimal = await tx.fetchval(
        """UPDATE account SET credit_limit = greatest(credit_limit,
                                                      debits_posted + debits_pending - credits_posted + $3)
           WHERE partner_id = $1 AND id = $2 RETURNING credit_limit""",
        partner_id,
        Account.PARTNER_RECEIVABLE.value,
        amount_usd,
    )
    return limit_usd


async def set_credit_limit(tx: Tx, partner_id: int, limit_usd: Decimal) -> None:
    """Change what a partner may owe. Raises CreditLimitError when it already owes or has reserved more."""
    try:
        await tx.execute(
            "UPDATE account SET credit_limit = $3 WHERE partner_id = $1 AND id = $2",
            partner_id,
            Account.PARTNER_RECEIVABLE.value,
            limit_usd,
        )
    except asyncpg.CheckViolationError as error:
        raise refusal(error) from error


_VOID = """
    UPDATE transfer SET state = $5, resolved_at = $6
    WHERE partner_id = $1 AND kind = $2 AND object_id = $3 AND leg = $4 AND state = 'pending'
    RETURNING debit_account, credit_account, amount"""
# The number is drawn first: where partners are on several servers, none of them draws one while it writes.
_POST = """
    WITH drawn AS MATERIALIZED (SELECT nextval('transfer_posted_seq') AS number)
    UPDATE transfer SET state = $5, resolved_at = $6, posted_seq = drawn.number FROM drawn
    WHERE partner_id = $1 AND kind = $2 AND object_id = $3 AND leg = $4 AND state = 'pending'
    RETURNING debit_account, credit_account, amount"""


async def _resolve(
    tx: Tx, books: OpenBooks, kind: TransferKind, object_id: int, leg: int, state: TransferState
) -> Transfer | None:
    """Move a pending transfer to its final state; None when it is there already."""
    statement = _POST if state == "posted" else _VOID
    row = await tx.fetchrow(statement, books.partner_id, kind.value, object_id, leg, state, books.now)
    if row is not None:
        return Transfer(
            kind, object_id, leg, debit=row["debit_account"], credit=row["credit_account"], amount=row["amount"]
        )
    present = await tx.fetchval(
        "SELECT state FROM transfer WHERE partner_id = $1 AND kind = $2 AND object_id = $3 AND leg = $4",
        books.partner_id,
        kind.value,
        object_id,
        leg,
    )
    assert present == state, f"transfer {kind} {object_id}/{leg} is {present}, so it cannot become {state}"
    return None


def values(books: OpenBooks, transfer: Transfer) -> tuple[int, str, int, int, int, int, Decimal]:
    """A transfer's columns, from its partner to its amount."""
    assert transfer.amount > 0, "a transfer moves something"
    assert transfer.debit != transfer.credit, "a transfer has two accounts"
    return (
        books.partner_id,
        transfer.kind.value,
        transfer.object_id,
        transfer.leg,
        int(transfer.debit),
        int(transfer.credit),
        transfer.amount,
    )


async def move(
    tx: Tx, books: OpenBooks, transfer: Transfer, *, posted: Decimal = Decimal(0), pending: Decimal = Decimal(0)
) -> None:
    """Count the transfer on the accounts that carry balances, in id order, and tell their users.

    Raises InsufficientFundsError, CreditLimitError.
    """
    sides = sorted([(int(transfer.debit), COUNT_HELD_DEBIT), (int(transfer.credit), COUNT_CREDIT)])
    told = []
    try:
        for account_id, statement in sides:
            if carries_balance(account_id):
                whose = await tx.fetchrow(f"{statement} {_WHOSE}", books.partner_id, account_id, posted, pending)
                if whose is None:
                    whose = await _refuse_overdraft(tx, books, transfer, posted, pending)
                if whose["user_id"] is not None and transfer.kind is not TransferKind.SETTLEMENT:
                    told.append(changed(whose, transfer, account_id, posted, pending))
    except asyncpg.CheckViolationError as error:
        raise refusal(error) from error
    if told:
        await drafts.note(tx, books.partner_id, *told)


def changed(whose: Row, transfer: Transfer, account_id: int, posted: Decimal, pending: Decimal) -> BalanceChanged:
    """What is told of a user's account; what is to be credited to one is not reserved."""
    is_debit = account_id == transfer.debit
    return BalanceChanged(
        user_id=whose["user_id"],
        partner_user_id=whose["partner_user_id"],
        currency=whose["currency"],
        change=-posted if is_debit else posted,
        reserved_change=pending if is_debit else ZERO,
        cause=CAUSES[transfer.kind],
        reference=str(transfer.object_id) if transfer.known_as is None else transfer.known_as,
    )


async def _refuse_overdraft(tx: Tx, books: OpenBooks, transfer: Transfer, posted: Decimal, pending: Decimal) -> Row:
    """Read what the account holds, and only then let its constraint refuse: after that nothing can be read.

    What other legs of the same have reserved counts as needed, not as gone. If there is enough by now, it is counted.
    """
    row = await tx.fetchrow(
        """SELECT currency, credits_posted - debits_posted - debits_pending AS spendable,
                  (SELECT coalesce(sum(amount), 0) FROM transfer WHERE partner_id = $1 AND debit_account = $2
                   AND kind = $3 AND object_id = $4 AND leg <> $5 AND state = 'pending') AS held
           FROM account WHERE partner_id = $1 AND id = $2""",
        books.partner_id,
        int(transfer.debit),
        transfer.kind.value,
        transfer.object_id,
        transfer.leg,
    )
    assert row is not None, "a transfer names two accounts that are there"
    try:
        counted = await tx.fetchrow(f"{COUNT_DEBIT} {_WHOSE}", books.partner_id, int(transfer.debit), posted, pending)
    except asyncpg.CheckViolationError as error:
        available, needed = plain(row["spendable"] + row["held"]), plain(posted + pending + row["held"])
        raise InsufficientFundsError(
            f"the account does not hold that much: {available} {row['currency']} can be spent",
            available=Decimal(available),
            needed=Decimal(needed),
        ) from error
    assert counted is not None, "it was there just now"
    return counted


def refusal(error: asyncpg.CheckViolationError) -> ConflictError:
    """What a constraint of an account refuses, as partners are told; raises the error itself where it is another."""
    # An engine that spreads the table adds the number of a part to the name.
    if (constraint_of(error) or "").startswith("account_credit_limit"):
        return CreditLimitError("the partner's credit limit does not allow it")
    raise error


async def assert_same(tx: Tx, books: OpenBooks, transfer: Transfer) -> None:
    """What was written by the transfer's id is the same transfer."""
    row = await tx.fetchrow(
        """SELECT debit_account, credit_account, amount FROM transfer
           WHERE partner_id = $1 AND kind = $2 AND object_id = $3 AND leg = $4""",
        *values(books, transfer)[:4],
    )
    assert row is not None
    written = (row["debit_account"], row["credit_account"], row["amount"])
    assert written == (transfer.debit, transfer.credit, transfer.amount), (
        f"transfer {transfer.kind} {transfer.object_id}/{transfer.leg} was written before with other content"
    )
