"""Paying users: their balances, their wallets and their withdrawals."""

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from hashrail import clock, day_fence, users, wallets, withdrawals
from hashrail.addresses import AddressInvalidError
from hashrail.api import cursors, reads
from hashrail.api.call import Auth, Call, Route
from hashrail.api.fields import FieldBoundsError, number, page
from hashrail.api.models import (
    ANY_AMOUNT,
    Answer,
    BalanceOut,
    Body,
    Btc,
    Data,
    Digits,
    Id,
    Listing,
    Moment,
    NonEmpty,
    OffsetQuery,
    PageQuery,
    SignedBody,
    SignedPageQuery,
    SignedQuery,
    Text,
    UserOffsetQuery,
    UserPageQuery,
    UserQuery,
    WalletBalanceOut,
)
from hashrail.db import Tx
from hashrail.ledger import InsufficientFundsError
from hashrail.money import plain
from hashrail.users import UserBlockedError, UserNotFoundError
from hashrail.wallets import Wallet
from hashrail.withdrawals import Terms, Withdrawal

WITHDRAWAL_HEADER = "x-withdrawal-id"
Satoshis = Annotated[Decimal, Meta(description="BTC, at most 8 decimals", extra_json_schema=ANY_AMOUNT)]


class BindBody(Body, kw_only=True):
    """#19: a Bitcoin address of the deployment's network."""

    address: Text


class BindForUserBody(SignedBody, kw_only=True):
    """#22: a Bitcoin address of the deployment's network."""

    partner_user_id: Text
    address: Text


class WithdrawBody(SignedBody, kw_only=True):
    """#25 and #26: `amount` arrives at the address; a commission comes on top."""

    partner_user_id: Text
    wallet_address: NonEmpty
    amount: Satoshis


class CancelBody(SignedBody, kw_only=True):
    """A withdrawal to take back."""

    id: Id


class WithdrawalQuery(SignedQuery, kw_only=True):
    """One withdrawal, by its number."""

    id: Annotated[Digits, Meta(max_length=16)]


class WithdrawalsQuery(SignedPageQuery, kw_only=True):
    """A page of the partner's withdrawals, or of one user's."""

    partner_user_id: Text | UnsetType = UNSET


class WalletOut(Answer, kw_only=True):
    """A bound address; its type is BTC."""

    id: int
    created_at: Moment
    address: str
    type: Literal["BTC"] = "BTC"


class CommissionOut(Answer, kw_only=True):
    """#27, BTC: the least that can be withdrawn, and what a fast withdrawal costs on top."""

    income_withdraw_min_value: Btc
    income_withdraw_commission: Btc


class WithdrawalOut(Answer, kw_only=True):
    """A withdrawal, BTC: `amount` arrives, `fee` came on top.

    `txid` is null until a transaction pays it; while it waits for a block, a raised fee gives it another one.
    `simulated` says that no bitcoin moves: the chain of a sandbox without a node.
    """

    id: int
    partner_user_id: str
    speed: withdrawals.Speed
    wallet_address: str
    amount: Btc
    fee: Btc
    state: withdrawals.State
    txid: str | None
    confirmations: int
    reason: str | None
    simulated: bool
    created_at: Moment
    changed_at: Moment


async def own_balances(call: Call, query: OffsetQuery) -> Data[Listing[BalanceOut]]:
    """#21: what the user can spend, a row a currency."""
    found = await reads.balances(call, call.user_id, query.limit, query.offset)
    return Data(
        Listing(
            [
                BalanceOut(
                    id=account.account_id,
                    created_at=clock.iso(account.created_at),
                    currency=account.currency,
                    balance=number(spendable),
                )
                for account, spendable in found
            ]
        )
    )


async def balances(call: Call, query: UserOffsetQuery) -> Data[Listing[WalletBalanceOut]]:
    """#24: what the user can spend and what is held, decimal texts, a row a currency."""
    user = await users.find(call.pool, call.partner_id, query.partner_user_id)
    found = await reads.balances(call, user.id, query.limit, query.offset)
    return Data(
        Listing(
            [
                WalletBalanceOut(
                    id=account.account_id,
                    currency=account.currency,
                    gmt_value=plain(spendable) if account.currency == "GOMINING" else None,
                    freezed_value=plain(account.debits_pending),
                    value=plain(spendable),
                )
                for account, spendable in found
            ]
        )
    )


async def bind_for_user(call: Call, tx: Tx, body: BindForUserBody) -> Data[bool]:
    """#22: bind an address to the partner's user; again changes nothing."""
    user = await users.find(tx, call.partner_id, body.partner_user_id)
    return await _bind(call, tx, user.id, body.address, field="partnerUserId")


async def bind(call: Call, tx: Tx, body: BindBody) -> Data[bool]:
    """#19: the user binds an address; again changes nothing."""
    return await _bind(call, tx, call.user_id, body.address, field="authorization")


async def wallets_for_user(call: Call, query: UserPageQuery) -> Data[Listing[WalletOut]]:
    """#23: the user's bound addresses, by id."""
    user = await users.find(call.pool, call.partner_id, query.partner_user_id)
    return await _wallets(call, user.id, query)


async def wallets_of_user(call: Call, query: PageQuery) -> Data[Listing[WalletOut]]:
    """#20: the user's bound addresses, by id."""
    return await _wallets(call, call.user_id, query)


async def withdraw(call: Call, tx: Tx, body: WithdrawBody) -> Data[bool]:
    """#25: pay the amount within 24 hours, without a commission. The answer's header X-Withdrawal-Id names it."""
    return await _withdraw(call, tx, body, "daily")


async def withdraw_fast(call: Call, tx: Tx, body: WithdrawBody) -> Data[bool]:
    """#26: pay the amount within the hour; the commission comes on top."""
    return await _withdraw(call, tx, body, "fast")


async def commission(call: Call, query: UserQuery) -> Data[CommissionOut]:
    """#27: what withdrawing asks and costs at this moment."""
    await users.find(call.pool, call.partner_id, query.partner_user_id)
    terms = _terms(call)
    return Data(
        CommissionOut(
            income_withdraw_min_value=number(terms.minimum_btc),
            income_withdraw_commission=number(terms.fast_commission_btc),
        )
    )


async def withdrawal(call: Call, query: WithdrawalQuery) -> Data[WithdrawalOut]:
    """One withdrawal with its state."""
    return Data(_withdrawal(call, await withdrawals.get(call.pool, call.partner_id, int(query.id))))


async def every_withdrawal(call: Call, query: WithdrawalsQuery) -> Data[Listing[WithdrawalOut]]:
    """The partner's withdrawals or one user's, newest first."""
    limit, offset = page(query.limit, query.offset)
    name = query.partner_user_id
    found = await withdrawals.of_partner(
        call.pool,
        call.partner_id,
        user_id=None if name is UNSET else (await users.find(call.pool, call.partner_id, name)).id,
        limit=limit + 1,
        offset=offset,
        before=cursors.last_id(query.cursor, query.offset),
    )
    shown, following = cursors.cut(found, limit, lambda one: (one.id,))
    return Data(Listing([_withdrawal(call, one) for one in shown], following))


async def cancel(call: Call, tx: Tx, body: CancelBody) -> Data[WithdrawalOut]:
    """Take back a withdrawal that is not yet on its way; again changes nothing."""
    day = await day_fence.share(tx, call.partner_id)
    return Data(_withdrawal(call, await withdrawals.cancel(tx, day, body.id)))


async def _bind(call: Call, tx: Tx, user_id: int, address: str, *, field: str) -> Data[bool]:
    day = await day_fence.share(tx, call.partner_id)
    network = call.deployment.settings.network
    await wallets.bind(tx, day, user_id=user_id, address=address, network=network, field=field)
    return Data(data=True)


async def _wallets(call: Call, user_id: int, query: PageQuery | UserPageQuery) -> Data[Listing[WalletOut]]:
    limit, offset = page(query.limit, query.offset)
    found = await wallets.of_user(
        call.pool,
        call.partner_id,
        user_id,
        limit=limit + 1,
        offset=offset,
        after=cursors.last_id(query.cursor, query.offset) or 0,
    )
    shown, following = cursors.cut(found, limit, lambda one: (one.id,))
    return Data(Listing([_wallet(one) for one in shown], following))


async def _withdraw(call: Call, tx: Tx, body: WithdrawBody, speed: withdrawals.Speed) -> Data[bool]:
    day = await day_fence.share(tx, call.partner_id)
    user = await users.find(tx, call.partner_id, body.partner_user_id)
    terms = _terms(call)
    try:
        made = await withdrawals.request(
            tx,
            day,
            terms,
            user_id=user.id,
            speed=speed,
            address=body.wallet_address,
            amount_btc=body.amount,
        )
    except InsufficientFundsError as error:
        commission_btc = terms.fast_commission_btc if speed == "fast" else 0
        error.details |= {"field": "amount", "needed": number(body.amount + commission_btc)}
        raise
    call.headers[WITHDRAWAL_HEADER] = str(made.id)
    return Data(data=True)


def _terms(call: Call) -> Terms:
    settings = call.deployment.settings
    return Terms(settings.withdraw_minimum_btc, settings.withdraw_commission_btc, settings.network)


def _wallet(one: Wallet) -> WalletOut:
    return WalletOut(id=one.id, created_at=clock.iso(one.created_at), address=one.address)


def _withdrawal(call: Call, one: Withdrawal) -> WithdrawalOut:
    return WithdrawalOut(
        id=one.id,
        partner_user_id=one.partner_user_id,
        speed=one.speed,
        wallet_address=one.address,
        amount=number(one.amount_btc),
        fee=number(one.commission_btc),
        state=one.state,
        txid=one.txid,
        confirmations=one.confirmations,
        reason=one.reason,
        simulated=call.deployment.settings.simulates_chain,
        created_at=clock.iso(one.created_at),
        changed_at=clock.iso(one.changed_at),
    )


BINDING = (AddressInvalidError, UserBlockedError)
WITHDRAWING = (
    # For an amount of more decimals than any amount has.
    FieldBoundsError,
    UserNotFoundError,
    UserBlockedError,
    AddressInvalidError,
    withdrawals.AmountPrecisionError,
    withdrawals.AmountTooSmallError,
    withdrawals.AddressNotBoundError,
    withdrawals.DuplicateWithdrawalError,
    withdrawals.WithdrawalLimitError,
    InsufficientFundsError,
)
WITHDRAW = "/s2s/income-withdraw"

ROUTES = (
    Route(19, "c2s_wallet_bind", "POST", "/c2s/wallet/bind", Auth.BEARER, BindBody, bind, writes=True, refuses=BINDING),
    Route(
        20,
        "c2s_wallets",
        "GET",
        "/c2s/wallet/find-by-user",
        Auth.BEARER,
        PageQuery,
        wallets_of_user,
        refuses=cursors.REFUSALS,
    ),
    Route(21, "c2s_balances", "GET", "/c2s/wallet/get-balances", Auth.BEARER, OffsetQuery, own_balances),
    Route(
        22,
        "s2s_wallet_bind",
        "POST",
        "/s2s/wallet/bind",
        Auth.SIGNED,
        BindForUserBody,
        bind_for_user,
        writes=True,
        scope="withdraw",
        refuses=(UserNotFoundError, *BINDING),
    ),
    Route(
        23,
        "s2s_wallets",
        "GET",
        "/s2s/wallet/find-by-user",
        Auth.SIGNED,
        UserPageQuery,
        wallets_for_user,
        refuses=(UserNotFoundError, *cursors.REFUSALS),
    ),
    Route(
        24,
        "s2s_balances",
        "GET",
        "/s2s/wallet/get-balances",
        Auth.SIGNED,
        UserOffsetQuery,
        balances,
        refuses=(UserNotFoundError,),
    ),
    Route(
        25,
        "s2s_withdraw",
        "POST",
        f"{WITHDRAW}/create-order",
        Auth.SIGNED,
        WithdrawBody,
        withdraw,
        writes=True,
        scope="withdraw",
        refuses=WITHDRAWING,
    ),
    Route(
        26,
        "s2s_withdraw_fast",
        "POST",
        f"{WITHDRAW}/create-instant",
        Auth.SIGNED,
        WithdrawBody,
        withdraw_fast,
        writes=True,
        scope="withdraw",
        refuses=WITHDRAWING,
    ),
    Route(
        27,
        "s2s_withdraw_commission",
        "GET",
        f"{WITHDRAW}/get-commission",
        Auth.SIGNED,
        UserQuery,
        commission,
        refuses=(UserNotFoundError,),
    ),
    Route(
        None,
        "s2s_withdrawal",
        "GET",
        f"{WITHDRAW}/find-one",
        Auth.SIGNED,
        WithdrawalQuery,
        withdrawal,
        refuses=(withdrawals.WithdrawalNotFoundError,),
    ),
    Route(
        None,
        "s2s_withdrawals",
        "GET",
        f"{WITHDRAW}/find-all",
        Auth.SIGNED,
        WithdrawalsQuery,
        every_withdrawal,
        refuses=(UserNotFoundError, *cursors.REFUSALS),
    ),
    Route(
        None,
        "s2s_withdrawal_cancel",
        "POST",
        f"{WITHDRAW}/cancel",
        Auth.SIGNED,
        CancelBody,
        cancel,
        writes=True,
        scope="withdraw",
        refuses=(
            withdrawals.WithdrawalNotFoundError,
            withdrawals.WithdrawalUnderWayError,
            withdrawals.WithdrawalMayBePaidError,
        ),
    ),
)
