"""Balances: what a user can spend, a row a currency (#21 and #24)."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec import field

from hashrail import clock, db
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire.fields import number
from hashrail.api.wire.models import (
    Amount,
    AmountText,
    Answer,
    Data,
    Listing,
    Moment,
    OffsetQuery,
    UserOffsetQuery,
)
from hashrail.api.wire.page import Slice
from hashrail.books import ledger
from hashrail.books.ledger import Balance
from hashrail.money import ZERO, plain
from hashrail.parties import users
from hashrail.parties.users import UserNotFoundError
from hashrail.rewards import settling

BALANCES = Noun("Wallets")


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


@BALANCES.read(21, "c2s_balances", "GET", "/c2s/wallet/get-balances", Auth.BEARER)
async def own_balances(call: Call, query: OffsetQuery) -> Data[Listing[BalanceOut]]:
    """#21: what the user can spend, a row a currency."""
    found = Slice.of(query).cut(await _spendable(call, call.user_id))
    return Data(Listing([_balance(account, spendable) for account, spendable in found]))


@BALANCES.read(24, "s2s_balances", "GET", "/s2s/wallet/get-balances", Auth.SIGNED, refuses=(UserNotFoundError,))
async def balances_of_user(call: Call, query: UserOffsetQuery) -> Data[Listing[WalletBalanceOut]]:
    """#24: what the user can spend and what is held, decimal texts, a row a currency."""
    user = await users.find(call.pool, call.partner_id, query.partner_user_id)
    found = Slice.of(query).cut(await _spendable(call, user.id))
    return Data(Listing([_wallet_balance(account, spendable) for account, spendable in found]))


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


def _wallet_balance(account: Balance, spendable: Decimal) -> WalletBalanceOut:
    return WalletBalanceOut(
        id=account.account_id,
        currency=account.currency,
        gmt_value=plain(spendable) if account.currency == "GOMINING" else None,
        freezed_value=plain(account.debits_pending),
        value=plain(spendable),
    )
