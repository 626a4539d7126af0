"""The ledger: transfers between two accounts, two-phase, idempotent by id.

One transfer debits one account and credits another, so books cannot be out of balance. A transfer is `pending`
(reserved), then `posted` or `voided`, once. Its id is (object, kind, leg): writing it twice is the same row.

Accounts whose balance is somebody's limit carry it under a constraint: users' accounts cannot be overdrawn, the
partner's receivable cannot pass its credit limit. The operator's side (revenue, control) carries none, or it would
serialise every writer: its balance is a checkpoint plus what was posted after it.

Each partner has books of its own with the same chart of accounts. Writers show an `OpenDay`: they share the fence.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, StrEnum

import asyncpg

from hashrail import day_fence
from hashrail.day_fence import OpenDay
from hashrail.db import Tx
from hashrail.errors import ConflictError
from hashrail.money import plain

FIRST_USER_ACCOUNT = 100_000
USER_CURRENCIES = ("BTC", "GOMINING")


class Chart(IntEnum):
    """The accounts that every partner's books have, by number; the name says which side is normal."""

    POOL_RECEIVABLE = 1100  # BTC, asset: mined, due from the pool
    PARTNER_RECEIVABLE = 1200  # USD, asset: what the partner owes; carries a credit limit
    CASH = 1300  # USD, asset: what partners have paid
    BITCOIN_WALLET = 1400  # BTC, asset: what deposits brought and payouts took; the operator's own coins are not here
    INCOME_CONTROL = 2100  # BTC, liability: earned by users, not yet settled
    PAYOUTS_IN_FLIGHT = 2200  # BTC, liability: taken from users, not yet final on chain
    ELECTRICITY_REVENUE = 4100  # BTC, revenue
    SERVICE_REVENUE = 4200  # BTC, revenue
    MINER_SALES = 4300  # USD, revenue: miners and their upgrades
    COMMISSION_REVENUE = 4400  # BTC, revenue: commissions of fast withdrawals
    NETWORK_FEES = 5100  # BTC, expense: what the chain took for payouts
    REORG_LOSSES = 5200  # BTC, expense: credited deposits that a reorg took back


CURRENCY_OF = {
    Chart.POOL_RECEIVABLE: "BTC",
    Chart.PARTNER_RECEIVABLE: "USD",
    Chart.CASH: "USD",
    Chart.INCOME_CONTROL: "BTC",
    Chart.PAYOUTS_IN_FLIGHT: "BTC",
    Chart.ELECTRICITY_REVENUE: "BTC",
    Chart.SERVICE_REVENUE: "BTC",
    Chart.MINER_SALES: "USD",
    Chart.COMMISSION_REVENUE: "BTC",
    Chart.BITCOIN_WALLET: "BTC",
    Chart.NETWORK_FEES: "BTC",
    Chart.REORG_LOSSES: "BTC",
}


class Kind(StrEnum):
    """What a transfer is about; its object id is an id of that thing."""

    DAY = "day"  # object: ordinal of the mining day; legs 1 net, 2 electricity, 3 service
    ADJUSTMENT = "adjustment"  # object: adjustment; legs as for a day
    SETTLEMENT = "settlement"  # object: user; leg: ordinal of the day settled through
    PURCHASE = "purchase"  # object: purchase; leg: attempt
    POST_PAYMENT = "post_payment"  # object: post-payment of an upgrade; leg 1
    PARTNER_PAYMENT = "partner_payment"  # object: partner payment; leg 1
    WITHDRAWAL = "withdrawal"  # object: withdrawal; legs 1 amount, 2 commission, 3 out of the wallet
    NETWORK_FEE = "network_fee"  # object: payout batch; leg 1
    DEPOSIT = "deposit"  # object: deposit; leg 1 credited, then by turns 2 lost in a reorg, 3 found again, 4 lost ...


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
    """`amount` > 0 from one account to another, in their currency; (kind, object_id, leg) is its id."""

    kind: Kind
    object_id: int
    leg: int
    debit: int
    credit: int
    amount: Decimal


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
    return account_id >= FIRST_USER_ACCOUNT or account_id == Chart.PARTNER_RECEIVABLE


async def open_books(tx: Tx, partner_id: int, *, credit_limit_usd: Decimal, at: datetime) -> None:
    """Open the chart of accounts of a new partner."""
    for account in Chart:
        await tx.execute(
            """INSERT INTO account (partner_id, id, kind, currency, carries_balance, credit_limit, created_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7)""",
            partner_id,
            account.value,
            account.name.lower(),
            CURRENCY_OF[account],
            carries_balance(account),
            credit_limit_usd if account is Chart.PARTNER_RECEIVABLE else None,
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


async def post(tx: Tx, day: OpenDay, transfer: Transfer) -> bool:
    """Write a posted transfer; False when it was already there, and then nothing moved.

    Raises InsufficientFundsError or CreditLimitError; the transaction can then only be rolled back.
    """
    inserted = await tx.fetchval(
        """INSERT INTO transfer (partner_id, kind, object_id, leg, debit_account, credit_account, amount, state,
                                 created_at, resolved_at, posted_seq)
           VALUES ($1, $2, $3, $4, $5, $6, $7, 'posted', $8, $8, nextval('transfer_posted_seq'))
           ON CONFLICT (partner_id, kind, object_id, leg) DO NOTHING RETURNING true""",
        *_values(day, transfer),
        day.now,
    )
    if inserted is None:
        await _assert_same(tx, day, transfer)
        return False
    await _move(tx, day, transfer, posted=transfer.amount)
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


async def reserve(tx: Tx, day: OpenDay, transfer: Transfer) -> bool:
    """Write a pending transfer, which holds its amount; False when it was already there."""
    inserted = await tx.fetchval(
        """INSERT INTO transfer (partner_id, kind, object_id, leg, debit_account, credit_account, amount, state,
                                 created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, 'pending', $8)
           ON CONFLICT (partner_id, kind, object_id, leg) DO NOTHING RETURNING true""",
        *_values(day, transfer),
        day.now,
    )
    if inserted is None:
        await _assert_same(tx, day, transfer)
        return False
    await _move(tx, day, transfer, pending=transfer.amount)
    return True


async def post_reserved(tx: Tx, day: OpenDay, kind: Kind, object_id: int, leg: int) -> bool:
    """Post a pending transfer; False when it was posted before. A voided one cannot be posted."""
    transfer = await _resolve(tx, day, kind, object_id, leg, "posted")
    if transfer is None:
        return False
    await _move(tx, day, transfer, posted=transfer.amount, pending=-transfer.amount)
    return True


async def void(tx: Tx, day: OpenDay, kind: Kind, object_id: int, leg: int) -> bool:
    """Release a pending transfer; False when it was voided before. A posted one cannot be voided."""
    transfer = await _resolve(tx, day, kind, object_id, leg, "voided")
    if transfer is None:
        return False
    await _move(tx, day, transfer, pending=-transfer.amount)
    return True


async def balances_of_user(tx: Tx, partner_id: int, user_id: int) -> list[Balance]:
    """A user's accounts in id order, as carried; unsettled income is not in them."""
    rows = await tx.fetch(
        """SELECT id, currency, debits_posted, credits_posted, debits_pending, created_at
           FROM account WHERE partner_id = $1 AND user_id = $2 ORDER BY id""",
        partner_id,
        user_id,
    )
    return [Balance(row["id"], *list(row.values())[1:]) for row in rows]


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


async def balance(tx: Tx, partner_id: int, account: Chart) -> Decimal:
    """Credits minus debits posted to an account of the chart, from its checkpoint and what came after it."""
    total: Decimal = await tx.fetchval(
        """SELECT coalesce(c.credits - c.debits, 0)
                + coalesce((SELECT sum(amount) FROM transfer t WHERE t.partner_id = a.partner_id
                            AND t.credit_account = a.id AND t.posted_seq > coalesce(c.through_seq, 0)), 0)
                - coalesce((SELECT sum(amount) FROM transfer t WHERE t.partner_id = a.partner_id
                            AND t.debit_account = a.id AND t.posted_seq > coalesce(c.through_seq, 0)), 0)
           FROM account a LEFT JOIN account_checkpoint c ON c.partner_id = a.partner_id AND c.account_id = a.id
           WHERE a.partner_id = $1 AND a.id = $2""",
        partner_id,
        account.value,
    )
    return total


async def checkpoint(tx: Tx, partner_id: int) -> None:
    """Sum up the operator-side accounts once more, so that reading them stays cheap.

    The fence is held: nobody is between taking a sequence number and committing it.
    """
    await day_fence.hold(tx, [partner_id])
    for account in Chart:
        await tx.execute(
            """INSERT INTO account_checkpoint AS old (partner_id, account_id, through_seq, debits, credits)
               SELECT $1, $2, coalesce(max(posted_seq), 0),
                      coalesce(sum(amount) FILTER (WHERE debit_account = $2), 0),
                      coalesce(sum(amount) FILTER (WHERE credit_account = $2), 0)
               FROM transfer
               WHERE partner_id = $1 AND (debit_account = $2 OR credit_account = $2) AND posted_seq >
                     coalesce((SELECT through_seq FROM account_checkpoint WHERE partner_id = $1 AND account_id = $2), 0)
               ON CONFLICT (partner_id, account_id) DO UPDATE
               SET through_seq = greatest(old.through_seq, excluded.through_seq),
                   debits = old.debits + excluded.debits, credits = old.credits + excluded.credits""",
            partner_id,
            account.value,
        )


async def set_credit_limit(tx: Tx, partner_id: int, limit_usd: Decimal) -> None:
    """Change what a partner may owe. Raises CreditLimitError when it already owes or has reserved more."""
    try:
        await tx.execute(
            "UPDATE account SET credit_limit = $3 WHERE partner_id = $1 AND id = $2",
            partner_id,
            Chart.PARTNER_RECEIVABLE.value,
            limit_usd,
        )
    except asyncpg.CheckViolationError as error:
        raise _refusal(error) from error


async def _resolve(tx: Tx, day: OpenDay, kind: Kind, object_id: int, leg: int, state: str) -> Transfer | None:
    """Move a pending transfer to its final state; None when it is there already."""
    row = await tx.fetchrow(
        """UPDATE transfer SET state = $5, resolved_at = $6,
                  posted_seq = CASE WHEN $5 = 'posted' THEN nextval('transfer_posted_seq') END
           WHERE partner_id = $1 AND kind = $2 AND object_id = $3 AND leg = $4 AND state = 'pending'
           RETURNING debit_account, credit_account, amount""",
        day.partner_id,
        kind.value,
        object_id,
        leg,
        state,
        day.now,
    )
    if row is not None:
        return Transfer(kind, object_id, leg, row["debit_account"], row["credit_account"], row["amount"])
    present = await tx.fetchval(
        "SELECT state FROM transfer WHERE partner_id = $1 AND kind = $2 AND object_id = $3 AND leg = $4",
        day.partner_id,
        kind.value,
        object_id,
        leg,
    )
    assert present == state, f"transfer {kind} {object_id}/{leg} is {present}, so it cannot become {state}"
    return None


def _values(day: OpenDay, transfer: Transfer) -> tuple[int, str, int, int, int, int, Decimal]:
    assert transfer.amount > 0, "a transfer moves something"
    assert transfer.debit != transfer.credit, "a transfer has two accounts"
    return (
        day.partner_id,
        transfer.kind.value,
        transfer.object_id,
        transfer.leg,
        int(transfer.debit),
        int(transfer.credit),
        transfer.amount,
    )


async def _move(
    tx: Tx, day: OpenDay, transfer: Transfer, *, posted: Decimal = Decimal(0), pending: Decimal = Decimal(0)
) -> None:
    """Count the transfer on the accounts that carry balances, in id order."""
    sides = sorted([(int(transfer.debit), COUNT_HELD_DEBIT), (int(transfer.credit), COUNT_CREDIT)])
    try:
        for account_id, statement in sides:
            if carries_balance(account_id):
                counted = await tx.execute(statement, day.partner_id, account_id, posted, pending)
                if counted != "UPDATE 1":
                    await _refuse_overdraft(tx, day, transfer, posted, pending)
    except asyncpg.CheckViolationError as error:
        raise _refusal(error) from error


async def _refuse_overdraft(tx: Tx, day: OpenDay, transfer: Transfer, posted: Decimal, pending: Decimal) -> None:
    """Read what the account holds, and only then let its constraint refuse: after that nothing can be read.

    What other legs of the same have reserved counts as needed, not as gone. If there is enough by now, it is counted.
    """
    row = await tx.fetchrow(
        """SELECT currency, credits_posted - debits_posted - debits_pending AS spendable,
                  (SELECT coalesce(sum(amount), 0) FROM transfer WHERE partner_id = $1 AND debit_account = $2
                   AND kind = $3 AND object_id = $4 AND leg <> $5 AND state = 'pending') AS held
           FROM account WHERE partner_id = $1 AND id = $2""",
        day.partner_id,
        int(transfer.debit),
        transfer.kind.value,
        transfer.object_id,
        transfer.leg,
    )
    assert row is not None, "a transfer names two accounts that are there"
    try:
        await tx.execute(COUNT_DEBIT, day.partner_id, int(transfer.debit), posted, pending)
    except asyncpg.CheckViolationError as error:
        available, needed = plain(row["spendable"] + row["held"]), plain(posted + pending + row["held"])
        raise InsufficientFundsError(
            f"the account does not hold that much: {available} {row['currency']} can be spent",
            available=Decimal(available),
            needed=Decimal(needed),
        ) from error


def _refusal(error: asyncpg.CheckViolationError) -> ConflictError:
    if error.constraint_name == "account_credit_limit":
        return CreditLimitError("the partner's credit limit does not allow it")
    raise error


async def _assert_same(tx: Tx, day: OpenDay, transfer: Transfer) -> None:
    row = await tx.fetchrow(
        """SELECT debit_account, credit_account, amount FROM transfer
           WHERE partner_id = $1 AND kind = $2 AND object_id = $3 AND leg = $4""",
        *_values(day, transfer)[:4],
    )
    assert row is not None
    assert tuple(row.values()) == (transfer.debit, transfer.credit, transfer.amount), (
        f"transfer {transfer.kind} {transfer.object_id}/{transfer.leg} was written before with other content"
    )
