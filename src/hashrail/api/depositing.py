"""Depositing: the address at which a user tops up his account with bitcoin, and what arrived there."""

from msgspec import UNSET

from hashrail import clock, deposits, users
from hashrail.api import cursors
from hashrail.api.call import Auth, Call, Route
from hashrail.api.fields import number, page
from hashrail.api.models import Answer, Btc, Data, Listing, Moment, Query, UserQuery
from hashrail.api.paying import WithdrawalsQuery
from hashrail.deposits import Deposit, DepositsNotAvailableError
from hashrail.gateways.bitcoin_rpc import NodeRefusedError, NodeUnknownError, NodeUnreachableError
from hashrail.users import UserBlockedError, UserNotFoundError

AVAILABLE = (DepositsNotAvailableError, UserBlockedError, NodeRefusedError, NodeUnknownError, NodeUnreachableError)


class DepositsQuery(WithdrawalsQuery, kw_only=True):
    """A page of the partner's deposits, or of one user's."""


class DepositAddressOut(Answer, kw_only=True):
    """The user's own address; `simulated` says that no bitcoin arrives there: the chain of a sandbox without a node."""

    address: str
    simulated: bool


class DepositOut(Answer, kw_only=True):
    """What arrived, BTC. It can be spent from `credited` on; `confirmations` are counted to a hundred."""

    id: int
    partner_user_id: str
    address: str
    txid: str
    vout: int
    amount: Btc
    state: deposits.State
    confirmations: int
    simulated: bool
    created_at: Moment
    credited_at: Moment | None


async def own_address(call: Call, _query: Query) -> Data[DepositAddressOut]:
    """The address at which the user deposits bitcoin; the same for ever."""
    return await _address(call, call.user_id)


async def address(call: Call, query: UserQuery) -> Data[DepositAddressOut]:
    """The address at which a user deposits bitcoin; the same for ever."""
    user = await users.find(call.pool, call.partner_id, query.partner_user_id)
    return await _address(call, user.id)


async def every_deposit(call: Call, query: DepositsQuery) -> Data[Listing[DepositOut]]:
    """The partner's deposits or one user's, newest first."""
    limit, offset = page(query.limit, query.offset)
    name = query.partner_user_id
    found = await deposits.of_partner(
        call.pool,
        call.partner_id,
        user_id=None if name is UNSET else (await users.find(call.pool, call.partner_id, name)).id,
        limit=limit + 1,
        offset=offset,
        before=cursors.last_id(query.cursor, query.offset),
    )
    shown, following = cursors.cut(found, limit, lambda one: (one.id,))
    return Data(Listing([_deposit(call, one) for one in shown], following))


async def _address(call: Call, user_id: int) -> Data[DepositAddressOut]:
    found = await deposits.address_of(call.pool, call.deployment.chain, call.partner_id, user_id)
    return Data(DepositAddressOut(address=found, simulated=call.deployment.settings.simulates_chain))


def _deposit(call: Call, one: Deposit) -> DepositOut:
    return DepositOut(
        id=one.id,
        partner_user_id=one.partner_user_id,
        address=one.address,
        txid=one.txid,
        vout=one.vout,
        amount=number(one.amount_btc),
        state=one.state,
        confirmations=one.confirmations,
        simulated=call.deployment.settings.simulates_chain,
        created_at=clock.iso(one.created_at),
        credited_at=None if one.credited_at is None else clock.iso(one.credited_at),
    )


ROUTES = (
    Route(
        None, "c2s_deposit_address", "GET", "/c2s/deposit/address", Auth.BEARER, Query, own_address, refuses=AVAILABLE
    ),
    Route(
        None,
        "s2s_deposit_address",
        "GET",
        "/s2s/deposit/address",
        Auth.SIGNED,
        UserQuery,
        address,
        refuses=(UserNotFoundError, *AVAILABLE),
    ),
    Route(
        None,
        "s2s_deposits",
        "GET",
        "/s2s/deposit/find-all",
        Auth.SIGNED,
        DepositsQuery,
        every_deposit,
        refuses=(UserNotFoundError, *cursors.REFUSALS),
    ),
)
