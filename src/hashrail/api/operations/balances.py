"""Balances: what a user can spend, a row a currency (#21 and #24), and a list of all users'."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from msgspec import UNSET, UnsetType, field

from hashrail import clock, db
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire import cursors
from hashrail.api.wire.fields import number
from hashrail.api.wire.models import (
    Amount,
    AmountText,
    Answer,
    Data,
    Listing,
    Moment,
    OffsetQuery,
    PartnerPageQuery,
    PositionText,
    UserOffsetQuery,
)
from hashrail.api.wire.page import Order, Page, Slice
from hashrail.books import ledger
from hashrail.books.ledger import Balance
from hashrail.events import feed
from hashrail.money import ZERO, plain
from hashrail.parties import users
from hashrail.parties.users import UserNotFoundError
from hashrail.rewards import settling, user_balances
from hashrail.rewards.user_balances import UserBalance

BALANCES = Noun("Wallets")
# What users have accounts in.
Currency = Literal["BTC", "GOMINING"]
BY_USER: Order[UserBalance, tuple[int, int]] = Order(
    lambda one: (one.user_id, one.account_id), lambda cursor: cursors.decode(cursor, int, int)
)


class BalancesQuery(PartnerPageQuery, kw_only=True):
    """Balances in a currency, or that changed since a position of the feed: `position` of an earlier answer."""

    currency: Currency | UnsetType = UNSET
    changed_since: PositionText | UnsetType = UNSET


class BalanceOut(Answer, kw_only=True):
    """#21: what the user can spend."""

    id: int
    created_at: Moment
    currency: str
    balance: Amount


class WalletBalanceOut(Answer, kw_only=True):
    """#24: decimal texts."""

    id: int
    currency: str
    gmt_value: AmountText | None = field(name="gmtValueAtSyncDateNumeric", default=None)
    time_locked_value: None = field(name="timeLockedValueAtSyncDateNumeric", default=None)
    flexible_staking_value: None = field(name="flexibleStakingValueAtSyncDateNumeric", default=None)
    freezed_value: AmountText = field(name="freezedValueNumericAtSyncDate")
    value: AmountText = field(name="valueNumericAtSyncDate")


class UserBalanceOut(Answer, kw_only=True):
    """What a user can spend of a currency, and what is reserved for withdrawals; `id` is the account's."""

    id: int
    user_id: int
    partner_user_id: str
    currency: str
    available: Amount
    reserved: Amount
    created_at: Moment


class BalancesOut(Answer, kw_only=True):
    """Balances, newest users first. `position` is how far the partner's feed goes: what changes later stands behind it.

    Of a list in pages, keep the position of the first page.
    """

    array: list[UserBalanceOut]
    position: int
    next_cursor: str | UnsetType = UNSET


@BALANCES.read(21, "c2s_balances", "GET", "/c2s/wallet/get-balances", Auth.BEARER, from_standbys=True)
async def own_balances(call: Call, query: OffsetQuery) -> Data[Listing[BalanceOut]]:
    """#21: what the user can spend, a row a currency."""
    found = Slice.of(query).cut(await _spendable(call, call.user_id))
    return Data(Listing([_balance(account, spendable) for account, spendable in found]))


@BALANCES.read(
    24, "s2s_balances", "GET", "/s2s/wallet/get-balances", Auth.SIGNED, refuses=(UserNotFoundError,), from_standbys=True
)
async def balances_of_user(call: Call, query: UserOffsetQuery) -> Data[Listing[WalletBalanceOut]]:
    """#24: what the user can spend and what is held, decimal texts, a row a currency."""
    user = await users.find(call.pool, call.partner_id, query.partner_user_id)
    found = Slice.of(query).cut(await _spendable(call, user.id))
    return Data(Listing([_wallet_balance(account, spendable) for account, spendable in found]))


@BALANCES.read(
    None,
    "s2s_every_balance",
    "GET",
    "/s2s/wallet/find-all",
    Auth.SIGNED,
    refuses=(UserNotFoundError, *cursors.REFUSALS),
    from_standbys=True,
)
async def every_balance(call: Call, query: BalancesQuery) -> Data[BalancesOut]:
    """What the partner's users or one of them can spend, a row a user and currency: all, or what changed.

    Changed since a position is a balance of which a `balance.changed` event stands behind it, every balance of a user
    whose `user.created` does, and the bitcoin of everybody who had power on the day of a `day.closed` or
    `adjustment.published`. A position is read first, and then the balances. So whoever asks again with the position of
    the last answer is told every change since, some of them perhaps twice.
    """
    page = Page.of(query, BY_USER)
    since = None if query.changed_since is UNSET else int(query.changed_since)
    await call.append_to_feed()
    async with db.snapshot(call.pool) as tx:
        name = query.partner_user_id
        user_id = None if name is UNSET else (await users.find(tx, call.partner_id, name)).id
        position = await feed.last_position(tx, call.partner_id)
        found, stints = await user_balances.of_partner(
            tx,
            call.partner_id,
            user_id=user_id,
            currency=None if query.currency is UNSET else query.currency,
            changed_since=feed.listed_since(position, since),
            limit=page.to_read,
            offset=page.offset,
            before=page.behind,
        )
    shown, next_cursor = page.cut(found)
    call.cost.rows += len(shown) + stints
    return Data(BalancesOut(array=[_user_balance(one) for one in shown], position=position, next_cursor=next_cursor))


async def _spendable(call: Call, user_id: int) -> Sequence[tuple[Balance, Decimal]]:
    """The user's accounts, each with what can be spent: unsettled income is the user's BTC too."""
    async with db.snapshot(call.pool) as tx:
        accounts = await ledger.balances_of_user(tx, call.partner_id, user_id)
        unsettled = await settling.unsettled(tx, call.partner_id, user_id)
    return [
        (account, max(ZERO, account.spendable + (unsettled if account.currency == "BTC" else ZERO)))
        for account in accounts
    ]


def _balance(account: Balance, spendable: Decimal) -> BalanceOut:
    return BalanceOut(
        id=account.account_id,
        created_at=clock.iso(account.created_at),
        currency=account.currency,
        balance=number(spendable),
    )


def _user_balance(one: UserBalance) -> UserBalanceOut:
    return UserBalanceOut(
        id=one.account_id,
        user_id=one.user_id,
        partner_user_id=one.partner_user_id,
        currency=one.currency,
        available=number(one.available),
        reserved=number(one.reserved),
        created_at=clock.iso(one.created_at),
    )


def _wallet_balance(account: Balance, spendable: Decimal) -> WalletBalanceOut:
    return WalletBalanceOut(
        id=account.account_id,
        currency=account.currency,
        gmt_value=plain(spendable) if account.currency == "GOMINING" else None,
        freezed_value=plain(account.debits_pending),
        value=plain(spendable),
    )
