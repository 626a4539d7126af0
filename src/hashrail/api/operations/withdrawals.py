"""Withdrawals: what a user asks for, what it costs, what became of it (#25 to #27), and taking one back."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import UNSET

from hashrail import clock, db
from hashrail.access import withdrawal_keys
from hashrail.api.serving import running
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire import cursors
from hashrail.api.wire.faults import FieldBoundsError
from hashrail.api.wire.fields import number, whole
from hashrail.api.wire.models import (
    Answer,
    Btc,
    Data,
    Id,
    IdText,
    Listing,
    Moment,
    NonEmpty,
    PartnerPageQuery,
    Satoshis,
    SignedBody,
    SignedQuery,
    Text,
    UserQuery,
)
from hashrail.api.wire.page import Page, by_id
from hashrail.bitcoin.addresses import AddressInvalidError
from hashrail.books.fence import OpenBooks
from hashrail.books.ledger import InsufficientFundsError
from hashrail.custody import withdrawals
from hashrail.custody.withdrawals import Terms, Withdrawal
from hashrail.db import Tx
from hashrail.parties import users
from hashrail.parties.users import UserBlockedError, UserNotFoundError
from hashrail.support import waiting
from hashrail.support.waits import Cause, Wait, until

WITHDRAWALS = Noun("Withdrawals")
BY_ID = by_id(Withdrawal)
PATH = "/s2s/income-withdraw"
WITHDRAWAL_HEADER = "x-withdrawal-id"
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

    id: IdText


class CommissionOut(Answer, kw_only=True):
    """#27, BTC: the least that can be withdrawn, and what a fast withdrawal costs on top."""

    income_withdraw_min_value: Btc
    income_withdraw_commission: Btc


class WaitOut(Answer, kw_only=True):
    """Why a withdrawal waits, and until when, if that ends by itself."""

    cause: Cause
    reason: str
    until: Moment | None


class WithdrawalOut(Answer, kw_only=True):
    """A withdrawal, BTC: `amount` arrives, `fee` came on top.

    `waits` says all that it waits for now, and `waitsUntil` when that is over, if it ends by itself.

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
    waits: list[WaitOut]
    waits_until: Moment | None
    simulated: bool
    created_at: Moment
    changed_at: Moment


@WITHDRAWALS.write(25, "s2s_withdraw", f"{PATH}/create-order", Auth.SIGNED, scope="withdraw", refuses=WITHDRAWING)
async def withdraw(call: Call, tx: Tx, books: OpenBooks, body: WithdrawBody) -> Data[bool]:
    """#25: pay the amount within 24 hours, without a commission. The answer's header X-Withdrawal-Id names it."""
    return await _withdraw(call, tx, books, body, "daily")


@WITHDRAWALS.write(
    26, "s2s_withdraw_fast", f"{PATH}/create-instant", Auth.SIGNED, scope="withdraw", refuses=WITHDRAWING
)
async def withdraw_fast(call: Call, tx: Tx, books: OpenBooks, body: WithdrawBody) -> Data[bool]:
    """#26: pay the amount within the hour; the commission comes on top."""
    return await _withdraw(call, tx, books, body, "fast")


@WITHDRAWALS.read(
    27, "s2s_withdraw_commission", "GET", f"{PATH}/get-commission", Auth.SIGNED, refuses=(UserNotFoundError,)
)
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


@WITHDRAWALS.read(
    None,
    "s2s_withdrawal",
    "GET",
    f"{PATH}/find-one",
    Auth.SIGNED,
    # Bounds: for what no id can be, however it was written.
    refuses=(FieldBoundsError, withdrawals.WithdrawalNotFoundError),
    from_standbys=True,
)
async def withdrawal(call: Call, query: WithdrawalQuery) -> Data[WithdrawalOut]:
    """One withdrawal with its state."""
    number_of_it = whole(query.id, "id")
    async with db.snapshot(call.pool) as tx:
        found = await withdrawals.get(tx, call.partner_id, number_of_it)
        waits = await waiting.of(tx, call.deployment, call.partner_id, [found])
    return Data(_withdrawal(call, found, waits[found.id]))


@WITHDRAWALS.read(
    None,
    "s2s_withdrawals",
    "GET",
    f"{PATH}/find-all",
    Auth.SIGNED,
    refuses=(UserNotFoundError, *cursors.REFUSALS),
    from_standbys=True,
)
async def every_withdrawal(call: Call, query: PartnerPageQuery) -> Data[Listing[WithdrawalOut]]:
    """The partner's withdrawals or one user's, newest first."""
    name = query.partner_user_id
    page = Page.of(query, BY_ID)
    async with db.snapshot(call.pool) as tx:
        user_id = None if name is UNSET else (await users.find(tx, call.partner_id, name)).id
        found = await withdrawals.of_partner(
            tx, call.partner_id, user_id=user_id, limit=page.to_read, offset=page.offset, before=page.behind
        )
        waits = await waiting.of(tx, call.deployment, call.partner_id, found)
    return Data(page.listing(found, lambda one: _withdrawal(call, one, waits[one.id])))


@WITHDRAWALS.write(
    None,
    "s2s_withdrawal_cancel",
    f"{PATH}/cancel",
    Auth.SIGNED,
    scope="withdraw",
    refuses=(
        withdrawals.WithdrawalNotFoundError,
        withdrawals.WithdrawalUnderWayError,
        withdrawals.WithdrawalMayBePaidError,
    ),
    # Nothing leaves by it.
    while_suspended=True,
)
async def cancel(call: Call, tx: Tx, books: OpenBooks, body: CancelBody) -> Data[WithdrawalOut]:
    """Take back a withdrawal that is not yet on its way; again changes nothing."""
    return Data(_withdrawal(call, await withdrawals.cancel(tx, books, body.id), []))


async def _withdraw(call: Call, tx: Tx, books: OpenBooks, body: WithdrawBody, speed: withdrawals.Speed) -> Data[bool]:
    """Once for ever for an Idempotency-Key: where its answer is forgotten, the withdrawal is still known."""
    key = running.lasting_key(call)
    made = None if key is None else await withdrawal_keys.find(tx, call.partner_id, key)
    if made is not None:
        call.headers[running.REPEATED_HEADER] = "true"
    else:
        made = await _ask(call, tx, books, body, speed)
        if key is not None:
            await withdrawal_keys.keep(tx, call.partner_id, key, made)
    call.headers[WITHDRAWAL_HEADER] = str(made)
    return Data(data=True)


async def _ask(call: Call, tx: Tx, books: OpenBooks, body: WithdrawBody, speed: withdrawals.Speed) -> int:
    user = await users.find(tx, call.partner_id, body.partner_user_id)
    terms = _terms(call)
    try:
        made = await withdrawals.request(
            tx,
            books,
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
    return made.id


def _terms(call: Call) -> Terms:
    settings = call.deployment.settings
    return Terms(settings.withdraw_minimum_btc, settings.withdraw_commission_btc, settings.network)


def _withdrawal(call: Call, one: Withdrawal, waits: Sequence[Wait]) -> WithdrawalOut:
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
        waits=[WaitOut(cause=each.cause, reason=each.words, until=_moment(each.until)) for each in waits],
        waits_until=_moment(until(waits)),
        simulated=call.deployment.simulates_chain,
        created_at=clock.iso(one.created_at),
        changed_at=clock.iso(one.changed_at),
    )


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else clock.iso(moment)
