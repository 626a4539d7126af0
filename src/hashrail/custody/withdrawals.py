"""Withdrawals: a user's bitcoin leaves for an address of theirs.

    queued -> signed -> broadcast -> confirmed -> final        paid by a batch
    queued -> exported -> ... -> final                         paid by another program
    awaiting_approval -> queued                                two operators approved
    awaiting_approval, queued -> cancelled, refused            before it is signed; the reservation is released
    signed, broadcast, confirmed -> queued                     the batch can never be paid any more: due again

Requesting settles the user's income, checks address, limits and balance, and reserves the amount and the commission
(fixed now; 0 for the daily speed) as pending transfers, in one transaction. They are posted when the payment is final.
From here it goes to two operators, if it is large (`approvals.py`), and then to the queue of payouts
(`payouts/queue.py`). Between `signed` and `final` the table says `signed`, and what is shown is the state of the batch
(`payouts/batches.py`), so that a reorg takes back a confirmation without touching a withdrawal.

A request that was signed anew is a new withdrawal, so the same user, address and amount within a few seconds is
refused: it is more often a retry than a wish. A partner may switch that off, and may restrict its users to addresses
that they have bound.

While adjustments have taken back more than a user has, nothing of theirs can leave: what the account holds is owed.

Accounts touched: user BTC, payouts in flight, commission revenue.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from hashrail import clock, db
from hashrail.bitcoin.addresses import parse
from hashrail.books import ledger, lost_numbers
from hashrail.books.chart import Account, TransferKind
from hashrail.books.fence import OpenBooks
from hashrail.books.ledger import InsufficientFundsError, Transfer
from hashrail.custody import bound_wallets, foreign_spends, payout_policy, withdrawal_sums, withdrawal_telling
from hashrail.custody.payout_policy import PayoutPolicy
from hashrail.custody.withdrawal_sums import Slice
from hashrail.db import Reader, Tx
from hashrail.deployment import journal
from hashrail.deployment.journal import Kind
from hashrail.errors import BadRequestError, ConflictError, ForbiddenError, NotFoundError
from hashrail.money import BTC_DECIMALS, ZERO, decimals, plain
from hashrail.parties import users
from hashrail.rewards import settling
from hashrail.settings import Network

Speed = Literal["fast", "daily"]
State = Literal[
    "awaiting_approval", "queued", "signed", "broadcast", "confirmed", "final", "exported", "cancelled", "refused"
]
AMOUNT_LEG, COMMISSION_LEG, WALLET_LEG = 1, 2, 3
MAX_DUPLICATE_SECONDS = 86_400


class AmountPrecisionError(BadRequestError):
    """Bitcoin has 8 decimals on chain."""

    code = "AMOUNT_PRECISION"
    advice = "Send at most 8 decimals; what is below a satoshi stays in the account."


class AmountTooSmallError(BadRequestError):
    """The amount is below the minimum."""

    code = "AMOUNT_TOO_SMALL"
    advice = "Send at least incomeWithdrawMinValue of the commission operation (#27)."


class DuplicateWithdrawalError(ConflictError):
    """The same user, address and amount was requested seconds ago."""

    code = "DUPLICATE_WITHDRAWAL"
    advice = "If it is a retry, read the withdrawal that details.withdrawalId names; if not, wait a little."


class AddressNotBoundError(ForbiddenError):
    """The partner pays only to addresses that its users have bound, and this is none of them."""

    code = "ADDRESS_NOT_BOUND"
    advice = "Bind the address to the user first (#22), or pay to one that is bound."


class WithdrawalNotFoundError(NotFoundError):
    """The partner has no such withdrawal."""

    code = "WITHDRAWAL_NOT_FOUND"
    advice = "List the user's withdrawals."


class WithdrawalLimitError(ConflictError):
    """More than may ever be paid in a day, so it would wait for ever; `details.limit` is the least of the limits."""

    code = "WITHDRAWAL_LIMIT"
    advice = "Ask for at most details.limit BTC at once."


class WithdrawalUnderWayError(ConflictError):
    """The withdrawal is signed, exported or at its end: it cannot be taken back."""

    code = "WITHDRAWAL_UNDER_WAY"
    advice = "Read the withdrawal; its state says how far it is."


class WithdrawalMayBePaidError(ConflictError):
    """A transaction that no batch knows pays the withdrawal's address: nothing is given back before it is looked at."""

    code = "WITHDRAWAL_MAY_BE_PAID"
    advice = "Ask again later; the operator has to look at the transaction first: hashrail payouts status"


class DuplicateSecondsError(BadRequestError):
    """The duplicate guard looks back between nothing and a day."""

    code = "DUPLICATE_SECONDS"
    advice = "Give 0 to 86400 seconds; 0 switches the guard off."


@dataclass(frozen=True, slots=True)
class Terms:
    """What a deployment asks of withdrawals, in BTC, and the chain that it pays on."""

    minimum_btc: Decimal
    fast_commission_btc: Decimal
    network: Network


@dataclass(frozen=True, slots=True)
class Policy:
    """What a partner asks of its users' withdrawals; 0 seconds switch the duplicate guard off."""

    duplicate_seconds: int
    bound_addresses_only: bool


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """`amount_btc` arrives at the address; `commission_btc` comes on top.

    `txid` is the transaction that pays it by now; a raised fee gives it another one, until it is confirmed. Both, and
    each block on top of it, count as changes while it is on its way.
    """

    id: int
    user_id: int
    partner_user_id: str
    speed: Speed
    address: str
    amount_btc: Decimal
    commission_btc: Decimal
    state: State
    created_at: datetime
    changed_at: datetime
    txid: str | None
    confirmations: int
    reason: str | None
    batch_id: int | None


# As partners are told as well. Here and below `w` is the withdrawal and `b` the batch that pays it, if one does.
SHOWN_STATE, SHOWN_TXID = withdrawal_telling.SHOWN_STATE, withdrawal_telling.PAID_BY
SHOWN_CHANGE = "CASE WHEN w.state = 'signed' THEN greatest(w.changed_at, b.changed_at) ELSE w.changed_at END"
_ASKED = """
    SELECT w.id, w.user_id, u.partner_user_id, w.speed, w.address, w.amount_btc, w.commission_btc,"""
# With what the batch that pays it says of it, while it is on its way.
_AS_PAID = f"""
           w.created_at, {SHOWN_CHANGE} AS changed_at, {SHOWN_TXID} AS txid,
           -- Those that somebody has seen: none where an operator's word counts.
           CASE WHEN b.block_hash IS NULL THEN 0 ELSE b.confirmations END AS confirmations,
           w.reason, w.batch_id
    FROM withdrawal w JOIN app_user u ON u.partner_id = w.partner_id AND u.id = w.user_id
    LEFT JOIN payout_batch b ON b.id = w.batch_id"""
_READ = f"{_ASKED} {SHOWN_STATE} AS state, {_AS_PAID}"


async def request(
    tx: Tx, books: OpenBooks, terms: Terms, *, user_id: int, speed: Speed, address: str, amount_btc: Decimal
) -> Withdrawal:
    """Queue a withdrawal and reserve what it takes.

    Raises AddressInvalidError, AmountPrecisionError, AmountTooSmallError, UserBlockedError, AddressNotBoundError,
    DuplicateWithdrawalError, WithdrawalLimitError, InsufficientFundsError.
    """
    destination = parse(address, terms.network, field="walletAddress")
    minimum_btc = max(terms.minimum_btc, destination.dust_btc)
    if decimals(amount_btc) > BTC_DECIMALS:
        raise AmountPrecisionError(f"{plain(amount_btc)} has more than {BTC_DECIMALS} decimals", field="amount")
    if amount_btc < minimum_btc:
        raise AmountTooSmallError(f"the minimum is {plain(minimum_btc)} BTC", field="amount", minimum=minimum_btc)
    users.assert_active((await users.lock(tx, books.partner_id, [user_id]))[user_id], field="partnerUserId")
    await _check_policy(tx, books, user_id, destination.text, amount_btc)
    policy = await _check_limits(tx, books.partner_id, amount_btc)
    asked = Slice(user_id, destination.text, amount_btc)
    sums = await withdrawal_sums.add_up(tx, books, policy, asked)
    # It may be one that the books have lost and that is asked for again.
    needs_approval = await foreign_spends.may_have_paid(tx, destination.text) or sums.reach
    await settling.settle(tx, books, user_id)
    if await settling.unsettled(tx, books.partner_id, user_id) < 0:
        raise InsufficientFundsError("adjustments took back more than the account holds", available=Decimal(0))
    withdrawal_id: int = await tx.fetchval(
        """INSERT INTO withdrawal (partner_id, user_id, speed, address, amount_btc, commission_btc, state,
                                   needs_approval, created_at, changed_at, single_threshold_btc, partner_threshold_btc,
                                   sum_of_user_btc, sum_to_address_btc, sum_of_partner_btc)
           VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $8 THEN 'awaiting_approval' ELSE 'queued' END, $8, $7, $7,
                   $9, $10, $11, $12, $13) RETURNING id""",
        books.partner_id,
        user_id,
        speed,
        destination.text,
        amount_btc,
        terms.fast_commission_btc if speed == "fast" else ZERO,
        books.now,
        needs_approval,
        *astuple(sums),
    )
    if not needs_approval:
        await withdrawal_sums.count(tx, books, withdrawal_id, asked)
    withdrawal = await get(tx, books.partner_id, withdrawal_id)
    await _reserve(tx, books, withdrawal)
    await withdrawal_telling.tell(tx, [(books.partner_id, withdrawal_id)], now=books.now, asked=True)
    return withdrawal


async def cancel(tx: Tx, books: OpenBooks, withdrawal_id: int) -> Withdrawal:
    """Take back a withdrawal that is not yet signed and release what it reserved; again is a no-op.

    A blocked user's too: nothing leaves by it. Raises WithdrawalNotFoundError, WithdrawalUnderWayError,
    WithdrawalMayBePaidError.
    """
    state = await lock(tx, books, withdrawal_id)
    if state in ("awaiting_approval", "queued"):
        await release(tx, books, withdrawal_id, "cancelled")
    elif state in ("signed", "exported", "final"):
        raise WithdrawalUnderWayError(f"withdrawal {withdrawal_id} is {state}", field="id", state=state)
    return await get(tx, books.partner_id, withdrawal_id)


async def lock(tx: Tx, books: OpenBooks, withdrawal_id: int) -> str:
    """Hold a withdrawal until the transaction ends; answers its state in the table. Raises WithdrawalNotFoundError."""
    state: str | None = await tx.fetchval(
        "SELECT state FROM withdrawal WHERE partner_id = $1 AND id = $2 FOR NO KEY UPDATE",
        books.partner_id,
        withdrawal_id,
    )
    if state is None:
        raise await _missing(tx, withdrawal_id)
    return state


async def release(
    tx: Tx, books: OpenBooks, withdrawal_id: int, state: Literal["cancelled", "refused"], reason: str | None = None
) -> None:
    """End a locked withdrawal that was never signed: what it reserved is the user's again.

    Raises WithdrawalMayBePaidError.
    """
    row = await tx.fetchrow(
        """UPDATE withdrawal SET state = $3, reason = $4, changed_at = $5
           WHERE partner_id = $1 AND id = $2 RETURNING address, commission_btc, created_at""",
        books.partner_id,
        withdrawal_id,
        state,
        reason,
        books.now,
    )
    assert row is not None, "it is locked"
    await withdrawal_sums.discount(tx, books.partner_id, withdrawal_id)
    if await foreign_spends.stopping_pay(tx, row["address"]):
        raise WithdrawalMayBePaidError(f"something pays the address of withdrawal {withdrawal_id}", field="id")
    commission_btc: Decimal = row["commission_btc"]
    await ledger.void(tx, books, TransferKind.WITHDRAWAL, withdrawal_id, AMOUNT_LEG)
    if commission_btc > 0:
        await ledger.void(tx, books, TransferKind.WITHDRAWAL, withdrawal_id, COMMISSION_LEG)
    await journal.note(
        tx,
        Kind.WITHDRAWAL_ENDED,
        partner_id=books.partner_id,
        withdrawal=withdrawal_id,
        address=row["address"],
        createdAt=clock.iso(row["created_at"]),
        state=state,
        reason=reason,
    )
    await withdrawal_telling.tell(tx, [(books.partner_id, withdrawal_id)], now=books.now)


async def get(tx: Reader, partner_id: int, withdrawal_id: int) -> Withdrawal:
    """One withdrawal of the partner. Raises WithdrawalNotFoundError."""
    row = await tx.fetchrow(
        f"{_READ} WHERE w.partner_id = $1 AND w.id = $2",
        partner_id,
        withdrawal_id,
    )
    if row is None:
        raise await _missing(tx, withdrawal_id)
    return db.record(Withdrawal, row)


async def some(tx: Reader, partner_id: int, withdrawal_ids: Sequence[int]) -> list[Withdrawal]:
    """Those of the partner's withdrawals that have these numbers."""
    rows = await tx.fetch(f"{_READ} WHERE w.partner_id = $1 AND w.id = ANY ($2)", partner_id, list(withdrawal_ids))
    return [db.record(Withdrawal, row) for row in rows]


async def _missing(tx: Reader, withdrawal_id: int) -> WithdrawalNotFoundError:
    """The refusal of a number that no withdrawal of the partner has."""
    lost = await lost_numbers.told(tx, "withdrawal_id_seq", withdrawal_id)
    return WithdrawalNotFoundError(f"no withdrawal {withdrawal_id}", field="id", **lost)


async def of_partner(
    tx: Reader,
    partner_id: int,
    *,
    user_id: int | None = None,
    limit: int,
    offset: int = 0,
    before: int | None = None,
    state: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[Withdrawal]:
    """A page of the partner's withdrawals, or of one user's, newest first; `before` is the last page's last id.

    Of those in a state, asked for from `since` on and before `until`, where these are named.
    """
    rows = await tx.fetch(
        f"""{_READ}
           WHERE w.partner_id = $1 AND ($2::bigint IS NULL OR w.user_id = $2) AND ($3::bigint IS NULL OR w.id < $3)
             AND ($6::text IS NULL OR {SHOWN_STATE} = $6)
             -- Said once more as the index has it: what its batch makes of it is signed here.
             AND ($6::text IS NULL OR w.state = CASE WHEN $6 IN ('broadcast', 'confirmed') THEN 'signed' ELSE $6 END)
             AND ($7::timestamptz IS NULL OR w.created_at >= $7) AND ($8::timestamptz IS NULL OR w.created_at < $8)
           ORDER BY w.id DESC LIMIT $4 OFFSET $5""",
        *(partner_id, user_id, before, limit, offset),
        *(state, since, until),
    )
    return [db.record(Withdrawal, row) for row in rows]


async def withdrawn(tx: Reader, partner_id: int, user_id: int) -> Decimal:
    """BTC that left or is on its way, commissions included."""
    total: Decimal = await tx.fetchval(
        """SELECT coalesce(sum(amount_btc + commission_btc), 0) FROM withdrawal
           WHERE partner_id = $1 AND user_id = $2 AND state NOT IN ('cancelled', 'refused')""",
        partner_id,
        user_id,
    )
    return total


async def policy_of(tx: Reader, partner_id: int) -> Policy:
    """What the partner asks of its users' withdrawals."""
    row = await tx.fetchrow("SELECT duplicate_seconds, bound_addresses_only FROM partner WHERE id = $1", partner_id)
    assert row is not None, "whoever calls is a partner"
    return db.record(Policy, row)


def check_policy(policy: Policy) -> None:
    """Raises DuplicateSecondsError."""
    if not 0 <= policy.duplicate_seconds <= MAX_DUPLICATE_SECONDS:
        raise DuplicateSecondsError(f"{policy.duplicate_seconds} seconds are not 0 to {MAX_DUPLICATE_SECONDS}")


async def set_policy(tx: Tx, partner_id: int, policy: Policy) -> None:
    """Change what the partner asks; requests from now on are held against it. Raises DuplicateSecondsError."""
    check_policy(policy)
    await tx.execute(
        "UPDATE partner SET duplicate_seconds = $2, bound_addresses_only = $3 WHERE id = $1",
        partner_id,
        policy.duplicate_seconds,
        policy.bound_addresses_only,
    )


async def _check_policy(tx: Tx, books: OpenBooks, user_id: int, address: str, amount_btc: Decimal) -> None:
    """The user is locked, so two requests at once see each other."""
    policy = await policy_of(tx, books.partner_id)
    if policy.bound_addresses_only and not await bound_wallets.is_bound(tx, books.partner_id, user_id, address):
        raise AddressNotBoundError("the user has not bound this address", field="walletAddress")
    if policy.duplicate_seconds == 0:
        # Without a guard, nobody looks: who read the clock first may be the second to get here.
        return
    twin = await tx.fetchval(
        """SELECT id FROM withdrawal WHERE partner_id = $1 AND user_id = $2 AND address = $3 AND amount_btc = $4
           AND state NOT IN ('cancelled', 'refused') AND created_at > $5 ORDER BY id DESC LIMIT 1""",
        books.partner_id,
        user_id,
        address,
        amount_btc,
        books.now - timedelta(seconds=policy.duplicate_seconds),
    )
    if twin is not None:
        raise DuplicateWithdrawalError(
            f"the same was requested less than {policy.duplicate_seconds} s ago", withdrawalId=twin
        )


async def _check_limits(tx: Tx, partner_id: int, amount_btc: Decimal) -> PayoutPolicy:
    """What is asked of payouts. Raises WithdrawalLimitError for what no day has room for."""
    asked = await payout_policy.get(tx)
    of_partner = await payout_policy.partner_limit(tx, partner_id) or asked.partner_daily_btc
    limits = [limit for limit in (asked.user_daily_btc, of_partner, asked.deployment_daily_btc) if limit is not None]
    if limits and amount_btc > min(limits):
        raise WithdrawalLimitError(
            f"at most {plain(min(limits))} BTC leave in a day", field="amount", limit=min(limits)
        )
    return asked


async def _reserve(tx: Tx, books: OpenBooks, withdrawal: Withdrawal) -> None:
    account = await ledger.user_account(tx, books.partner_id, withdrawal.user_id, "BTC")
    legs = (
        (AMOUNT_LEG, Account.PAYOUTS_IN_FLIGHT, withdrawal.amount_btc),
        (COMMISSION_LEG, Account.COMMISSION_REVENUE, withdrawal.commission_btc),
    )
    for leg, credit, amount in legs:
        if amount > 0:
            await ledger.reserve(
                tx, books, Transfer(TransferKind.WITHDRAWAL, withdrawal.id, leg, account, credit, amount)
            )
