"""What a user has by currency, and what went in and out, as dashboards of others read it from the vendor's app.

Amounts are whole numbers of 10^-18, as text. The history goes back by milliseconds: the next page begins before the
last row's `createdAt`, so a page has all rows of its last millisecond, though they be more than were asked for.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType, field

from hashrail import clock, db
from hashrail.api.operations import app_moments
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire.app_models import AppBody, AppPart, Rows, SkippingBody, Units, UpTo100, Words, chosen, part_of
from hashrail.api.wire.fields import number
from hashrail.api.wire.models import Amount, Answer, Data, Moment, SomeMoment
from hashrail.books import ledger
from hashrail.books.ledger import Balance
from hashrail.clock import BadDateTimeError, DateTimeWithoutZoneError
from hashrail.custody import movements
from hashrail.custody.movements import Movement, Wanted, Way
from hashrail.money import AMOUNT_DECIMALS, ZERO
from hashrail.rewards import settling

APP_WALLETS = Noun("Dashboards")
# The vendor's names of currencies.
NAMES = {"GOMINING": "GMT"}
FromType = Literal["top-up", "income-withdraw-order", "income-withdraw-instant", "correction"]
FROM_TYPES: dict[Way, FromType] = {
    "deposit": "top-up",
    "daily": "income-withdraw-order",
    "fast": "income-withdraw-instant",
    "correction": "correction",
}
DEFAULT_ROWS = 20
# The last millisecond that a date can name.
MAX_MILLIS = 253_402_300_799_999
Millis = Annotated[int, Meta(ge=0, le=MAX_MILLIS, description="milliseconds since 1970 UTC; rows before it follow")]


class AppRange(AppPart, kw_only=True):
    """From one moment to another, both included."""

    from_: SomeMoment | UnsetType = field(name="from", default=UNSET)
    to: SomeMoment | UnsetType = UNSET


class AppHistoryFilter(AppPart, kw_only=True):
    """Which rows: of these sorts and wallets, in a range; without any of it, all."""

    from_type: Words | UnsetType = UNSET
    wallet_type: Words | UnsetType = UNSET
    range: AppRange | UnsetType = UNSET


class AppHistoryPage(AppPart, kw_only=True):
    """At most `limit` rows before `cursor`."""

    cursor: Millis | UnsetType = UNSET
    limit: UpTo100 | UnsetType = UNSET


class AppHistoryBody(AppBody, kw_only=True):
    """Which rows of the history."""

    filter: AppHistoryFilter | UnsetType = UNSET
    pagination: AppHistoryPage | UnsetType = UNSET


class AppWalletOut(Answer, kw_only=True):
    """What the user can spend of a currency. Tokens are told as a number too."""

    id: int
    type: str
    value_numeric_at_sync_date: Units
    freezed_value_numeric_at_sync_date: Units
    gmt_value_at_sync_date: Amount | None
    locked_gmt_in_wei: Units = "0"


class AppTransactionOut(Answer, kw_only=True):
    """What came (`deposit`) or left (`withdraw`), with a commission. What is `pending` may still be taken back."""

    id: str
    created_at: Moment
    type: Literal["deposit", "withdraw"]
    from_type: FromType
    wallet_type: str
    value_numeric: Units
    status: Literal["success", "pending"]
    deposit_tx_id: str | None
    withdraw_order_id: int | None
    withdraw_order_blockchain_tx_id: str | None


@APP_WALLETS.read(
    None, "app_wallets", "POST", "/api/wallet/find-by-user", Auth.BEARER, for_every_site=True, from_standbys=True
)
async def own_wallets(call: Call, body: SkippingBody) -> Data[Rows[AppWalletOut]]:
    """What the user has, a row a currency; income that was credited is in it."""
    limit, offset = part_of(body.pagination, DEFAULT_ROWS)
    async with db.snapshot(call.pool) as tx:
        accounts = await ledger.balances_of_user(tx, call.partner_id, call.user_id)
        unsettled = await settling.unsettled(tx, call.partner_id, call.user_id)
    found = [_wallet(one, unsettled) for one in accounts]
    return Data(Rows(array=found[offset : offset + limit], count=len(found)))


@APP_WALLETS.read(
    None,
    "app_history",
    "POST",
    "/api/wallet/transaction-history",
    Auth.BEARER,
    refuses=(BadDateTimeError, DateTimeWithoutZoneError),
    for_every_site=True,
    from_standbys=True,
)
async def own_history(call: Call, body: AppHistoryBody) -> Data[Rows[AppTransactionOut]]:
    """Deposits, withdrawals and corrections by hand, newest first. Income is told by day, and is not among them."""
    page = AppHistoryPage() if body.pagination is UNSET else body.pagination
    wanted = _wanted(AppHistoryFilter() if body.filter is UNSET else body.filter)
    async with db.snapshot(call.pool) as tx:
        before = None if page.cursor is UNSET else await app_moments.before(tx, _moment(page.cursor))
        found = await movements.page(
            tx,
            call.partner_id,
            call.user_id,
            wanted,
            before=before,
            limit=DEFAULT_ROWS if page.limit is UNSET else page.limit,
        )
        count = await movements.count(tx, call.partner_id, call.user_id, wanted)
    call.cost.rows += count
    return Data(Rows(array=[_transaction(one) for one in found], count=count))


def _wanted(asked: AppHistoryFilter) -> Wanted:
    """What is asked for, in the books' words; words that mean nothing here choose nothing."""
    sorts, wallets = chosen(asked.from_type), chosen(asked.wallet_type)
    limits = AppRange() if asked.range is UNSET else asked.range
    return Wanted(
        ways=None if sorts is None else [way for way, word in FROM_TYPES.items() if word in sorts],
        currencies=None if wallets is None else _currencies(wallets),
        since=None if limits.from_ is UNSET else clock.parse_iso(limits.from_, "filter.range.from"),
        until=None if limits.to is UNSET else clock.parse_iso(limits.to, "filter.range.to"),
    )


def _currencies(wallets: Sequence[str]) -> list[str]:
    ours = {name: currency for currency, name in NAMES.items()}
    plain = [one.removeprefix("VIRTUAL_") for one in wallets]
    return [ours.get(one, one) for one in plain]


def _moment(millis: int) -> datetime:
    return clock.EPOCH + timedelta(milliseconds=millis)


def _type(currency: str) -> str:
    return f"VIRTUAL_{NAMES.get(currency, currency)}"


def _units(amount: Decimal) -> str:
    """An amount in units of 10^-18; an amount has no more decimals."""
    return f"{amount.scaleb(AMOUNT_DECIMALS):.0f}"


def _wallet(one: Balance, unsettled: Decimal) -> AppWalletOut:
    spendable = max(ZERO, one.spendable + (unsettled if one.currency == "BTC" else ZERO))
    return AppWalletOut(
        id=one.account_id,
        type=_type(one.currency),
        value_numeric_at_sync_date=_units(spendable),
        freezed_value_numeric_at_sync_date=_units(one.debits_pending),
        gmt_value_at_sync_date=number(spendable) if one.currency == "GOMINING" else None,
    )


def _transaction(one: Movement) -> AppTransactionOut:
    is_withdrawal = one.source == "withdrawal"
    return AppTransactionOut(
        # Numbers of three lists: the source tells them apart.
        id=f"{one.source}-{one.number}",
        created_at=clock.iso(one.at),
        type="deposit" if one.amount > 0 else "withdraw",
        from_type=FROM_TYPES[one.way],
        wallet_type=_type(one.currency),
        value_numeric=_units(abs(one.amount)),
        status="success" if one.is_final else "pending",
        deposit_tx_id=one.txid if one.source == "deposit" else None,
        withdraw_order_id=one.number if is_withdrawal else None,
        withdraw_order_blockchain_tx_id=one.txid if is_withdrawal else None,
    )
