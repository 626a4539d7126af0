"""Refunds: the partner gave the money of an issued order back, or it was charged back, and the miner goes.

The miner ends: it earns nothing from the next UTC day on and is in no list any more; days before stay as they were. The
receivable is corrected by the order's price and by whatever was owed for upgrades of its miner, and the TH can be sold
again. An order is refunded once, whoever has its miner by then.

What the miner has earned stays with those who had it, or is taken back, as the partner's setting says: from each what
they earned by it up to the last closed day, as far as it is still in their balance and not reserved. What is not there
is named. Days that are not closed yet are paid as always.

Accounts touched: miner sales, partner receivable, users' BTC, income taken back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from hashrail.books import ledger, transfer_sets
from hashrail.books.chart import Account, TransferKind
from hashrail.books.fence import OpenBooks
from hashrail.books.ledger import Transfer
from hashrail.db import Reader, Tx, record
from hashrail.deployment import journal
from hashrail.deployment.journal import Kind
from hashrail.errors import ConflictError
from hashrail.events import drafts
from hashrail.events.event import Event
from hashrail.events.types.miners import MinerEnded
from hashrail.events.types.payments import PostPaymentReversed
from hashrail.money import ZERO
from hashrail.parties import operators, users
from hashrail.rewards import income_records, settling, stints
from hashrail.selling import capacity, miners, orders
from hashrail.selling.miners import Miner
from hashrail.selling.orders import Order


class OrderNotIssuedError(ConflictError):
    """There is no miner to take back."""

    code = "ORDER_NOT_ISSUED"
    advice = "An order that is open is taken back by: hashrail order cancel"


@dataclass(frozen=True, slots=True)
class Upgrade:
    """What is owed for an upgrade of the miner, USD."""

    id: int
    value_usd: Decimal


@dataclass(frozen=True, slots=True)
class Issued:
    """A locked order with its locked miner, and the upgrades of it: what a refund takes back, and on which terms."""

    order: Order
    miner: Miner
    upgrades: Sequence[Upgrade]
    takes_income: bool

    @property
    def value_usd(self) -> Decimal:
        """What the partner owes no more."""
        return sum((one.value_usd for one in self.upgrades), self.order.value_usd)


@dataclass(frozen=True, slots=True)
class Taking:
    """What the miner earned in a user's hands, and what of it was taken back (BTC)."""

    partner_user_id: str
    earned_btc: Decimal
    taken_btc: Decimal


@dataclass(frozen=True, slots=True)
class Refund:
    """A refunded order: `value_usd` is owed no more."""

    miner_id: int
    value_usd: Decimal
    takes_income: bool
    reason: str
    refunded_at: datetime
    takings: list[Taking]


async def takes_income(tx: Reader, partner_id: int) -> bool:
    """Whether refunds of the partner's orders take back what their miners have earned."""
    takes: bool = await tx.fetchval("SELECT refunds_take_income FROM partner WHERE id = $1", partner_id)
    return takes


async def set_takes_income(tx: Tx, partner_id: int, *, takes: bool) -> None:
    """Change it for refunds from now on."""
    await tx.execute("UPDATE partner SET refunds_take_income = $2 WHERE id = $1", partner_id, takes)


async def find(tx: Reader, partner_id: int, order: Order) -> Refund | None:
    """The refund of an order, if it was refunded."""
    row = await tx.fetchrow(
        """SELECT o.miner_id, r.value_usd, r.takes_income, r.reason, r.refunded_at
           FROM order_refund r JOIN purchase o ON o.partner_id = r.partner_id AND o.id = r.purchase_id
           WHERE r.partner_id = $1 AND r.purchase_id = $2""",
        partner_id,
        order.id,
    )
    if row is None:
        return None
    takings = await tx.fetch(
        """SELECT u.partner_user_id, t.earned_btc, t.taken_btc
           FROM refund_taking t JOIN app_user u ON u.partner_id = t.partner_id AND u.id = t.user_id
           WHERE t.partner_id = $1 AND t.purchase_id = $2 ORDER BY t.leg""",
        partner_id,
        order.id,
    )
    return Refund(**dict(row), takings=[record(Taking, each) for each in takings])


async def lock(tx: Tx, books: OpenBooks, external_id: str) -> Issued:
    """An issued order that nobody else refunds, and whose miner nobody changes, until the transaction ends.

    Raises OrderNotFoundError, OrderRefundedError, OrderNotIssuedError, MinerNotFoundError.
    """
    order = await orders.lock(tx, books, external_id)
    if order.state != "issued" or order.miner_id is None:
        raise OrderNotIssuedError(f"the order is {order.state}", field="externalId", state=order.state)
    miner = await miners.lock(tx, books.partner_id, order.miner_id)
    rows = await tx.fetch(
        "SELECT id, value_usd FROM post_payment WHERE partner_id = $1 AND miner_id = $2 ORDER BY id",
        books.partner_id,
        miner.id,
    )
    takes = await takes_income(tx, books.partner_id)
    return Issued(order, miner, [record(Upgrade, row) for row in rows], takes)


async def refund(tx: Tx, books: OpenBooks, issued: Issued, *, reason: str) -> Refund:
    """Take a locked order's miner back. Raises ReasonMissingError."""
    operators.assert_reason(reason)
    holders = await _lock_holders(tx, books.partner_id, issued.miner)
    await tx.execute(
        """INSERT INTO order_refund (partner_id, purchase_id, value_usd, takes_income, reason, refunded_at)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        books.partner_id,
        issued.order.id,
        issued.value_usd,
        issued.takes_income,
        reason,
        books.now,
    )
    await miners.end(tx, books.partner_id, issued.miner.id, at=books.now)
    await stints.sync_stints(tx, books, [issued.miner.user_id], miner_ids=[], ended=[issued.miner.id])
    await capacity.commit_capacity(tx, books.partner_id, -issued.miner.power)
    # A program of the version before may have opened the partner's books.
    await ledger.open_books(tx, books.partner_id, credit_limit_usd=ZERO, at=books.now)
    await _owe_no_more(tx, books, issued)
    if issued.takes_income:
        await _take_income(tx, books, issued, holders)
    await journal.note(
        tx,
        Kind.ORDER_REFUNDED,
        partner_id=books.partner_id,
        order=issued.order.external_id,
        takesIncome=issued.takes_income,
        reason=reason,
    )
    await drafts.note(tx, books.partner_id, *_told(issued))
    made = await find(tx, books.partner_id, issued.order)
    assert made is not None, "it has just been written"
    return made


def facts(books: OpenBooks, issued: Issued) -> dict[str, object]:
    """What a refund begins with: all that makes its amount, and whether what was earned is taken."""
    return {
        "partner": books.partner_id,
        "order": issued.order.external_id,
        "state": "issued",
        "miner": issued.miner.id,
        "value_usd": issued.value_usd,
        "takes_income": issued.takes_income,
    }


def taken(made: Refund) -> dict[str, object]:
    """What of the income was taken, and what was not there, for the log."""
    if not made.takes_income:
        return {}
    return {
        "taken_btc": sum(one.taken_btc for one in made.takings),
        "shortfall_btc": sum(one.earned_btc - one.taken_btc for one in made.takings),
    }


def _told(issued: Issued) -> list[Event]:
    """The order is refunded, its miner has ended, and the upgrades of it are owed no more."""
    order, miner = issued.order, issued.miner
    reversed_ones = [
        PostPaymentReversed(id=str(one.id), nft_id=miner.id, value=one.value_usd, external_id=order.external_id)
        for one in issued.upgrades
    ]
    ended = MinerEnded(nft_id=miner.id, user_id=miner.user_id, cause="refunded")
    return [orders.refunded(order, miner.id, issued.value_usd), ended, *reversed_ones]


async def _lock_holders(tx: Tx, partner_id: int, miner: Miner) -> list[int]:
    """Everybody who ever had the miner, locked; answers their numbers in order."""
    rows = await tx.fetch(
        "SELECT DISTINCT user_id FROM stint WHERE partner_id = $1 AND miner_id = $2", partner_id, miner.id
    )
    holders = sorted({miner.user_id, *(row["user_id"] for row in rows)})
    await users.lock(tx, partner_id, holders)
    return holders


async def _owe_no_more(tx: Tx, books: OpenBooks, issued: Issued) -> None:
    """Correct the receivable by the price of the order, and by that of each upgrade of its miner."""
    sides = (Account.MINER_SALES, Account.PARTNER_RECEIVABLE)
    order = issued.order
    of_upgrades = [Transfer(TransferKind.UPGRADE_REFUND, one.id, 1, *sides, one.value_usd) for one in issued.upgrades]
    price = Transfer(TransferKind.REFUND, order.id, 1, *sides, order.value_usd)
    await transfer_sets.post(tx, books, [price, *of_upgrades])


async def _take_income(tx: Tx, books: OpenBooks, issued: Issued, holders: list[int]) -> None:
    """Take from each who had the miner what they earned by it, as far as it is there; in the order of accounts."""
    accounts = {await ledger.user_account(tx, books.partner_id, one, "BTC"): one for one in holders}
    for leg, account in enumerate(sorted(accounts), start=1):
        user_id = accounts[account]
        await settling.settle(tx, books, user_id)
        totals = dict(await income_records.totals_by_miner(tx, books.partner_id, user_id))
        earned_btc = totals.get(issued.miner.id, ZERO)
        if earned_btc <= 0:
            continue
        taken_btc = min(earned_btc, await settling.spendable(tx, books.partner_id, user_id))
        await tx.execute(
            """INSERT INTO refund_taking (partner_id, purchase_id, user_id, leg, earned_btc, taken_btc)
               VALUES ($1, $2, $3, $4, $5, $6)""",
            books.partner_id,
            issued.order.id,
            user_id,
            leg,
            earned_btc,
            taken_btc,
        )
        if taken_btc > 0:
            legs = (account, Account.INCOME_TAKEN_BACK, taken_btc)
            known_as = issued.order.external_id
            await ledger.post(tx, books, Transfer(TransferKind.INCOME_TAKEN, issued.order.id, leg, *legs, known_as))
