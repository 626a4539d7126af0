"""Deposits: the address at which a user tops up their account with bitcoin, and what arrived there."""

from msgspec import UNSET

from hashrail import clock
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire import cursors
from hashrail.api.wire.fields import number
from hashrail.api.wire.models import Answer, Btc, Data, Listing, Moment, PartnerPageQuery, Query, UserQuery
from hashrail.api.wire.page import Page, by_id
from hashrail.bitcoin.rpc import NodeRefusedError, NodeUnknownError, NodeUnreachableError
from hashrail.custody import deposit_addresses, deposits
from hashrail.custody.deposit_addresses import DepositsNotAvailableError
from hashrail.custody.deposits import Deposit, DepositTerms
from hashrail.parties import users
from hashrail.parties.users import UserBlockedError, UserNotFoundError

DEPOSITS = Noun("Deposit")
BY_ID = by_id(Deposit)
# The scope that gives a user an address; who has one already is told it under `read`.
ALLOTS = "wallet"
AVAILABLE = (DepositsNotAvailableError, UserBlockedError, NodeRefusedError, NodeUnknownError, NodeUnreachableError)


class DepositAddressOut(Answer, kw_only=True):
    """The user's own address; `simulated` says that no bitcoin arrives there: the chain of a sandbox without a node."""

    address: str
    simulated: bool


class DepositOut(Answer, kw_only=True):
    """What arrived, BTC. It can be spent from `credited` on; `confirmations` are counted to a hundred.

    `confirmationsNeeded` are those that its own amount asks for; where one block brings more, it may take more.
    """

    id: int
    partner_user_id: str
    address: str
    txid: str
    vout: int
    amount: Btc
    state: deposits.State
    confirmations: int
    confirmations_needed: int
    simulated: bool
    created_at: Moment
    credited_at: Moment | None


@DEPOSITS.read(None, "c2s_deposit_address", "GET", "/c2s/deposit/address", Auth.BEARER, refuses=AVAILABLE, commits=True)
async def own_address(call: Call, _query: Query) -> Data[DepositAddressOut]:
    """The address at which the user deposits bitcoin; the same for ever.

    The first call gives the user one, which takes the scope wallet.
    """
    return await _address(call, call.user_id)


@DEPOSITS.read(
    None,
    "s2s_deposit_address",
    "GET",
    "/s2s/deposit/address",
    Auth.SIGNED,
    refuses=(UserNotFoundError, *AVAILABLE),
    commits=True,
)
async def address_of_user(call: Call, query: UserQuery) -> Data[DepositAddressOut]:
    """The address at which a user deposits bitcoin; the same for ever.

    The first call gives the user one, which takes the scope wallet.
    """
    user = await users.find(call.pool, call.partner_id, query.partner_user_id)
    return await _address(call, user.id)


@DEPOSITS.read(
    None,
    "s2s_deposits",
    "GET",
    "/s2s/deposit/find-all",
    Auth.SIGNED,
    refuses=(UserNotFoundError, *cursors.REFUSALS),
    from_standbys=True,
)
async def every_deposit(call: Call, query: PartnerPageQuery) -> Data[Listing[DepositOut]]:
    """The partner's deposits or one user's, newest first."""
    name = query.partner_user_id
    user_id = None if name is UNSET else (await users.find(call.pool, call.partner_id, name)).id
    page = Page.of(query, BY_ID)
    found = await deposits.of_partner(
        call.pool, call.partner_id, user_id=user_id, limit=page.to_read, offset=page.offset, before=page.behind
    )
    return Data(page.listing(found, lambda one: _deposit(call, one)))


async def _address(call: Call, user_id: int) -> Data[DepositAddressOut]:
    found = await deposit_addresses.known(call.pool, call.partner_id, user_id)
    if found is None:
        call.known.assert_reaches(ALLOTS)
        found = await deposit_addresses.of_user(call.pool, call.deployment.node, call.partner_id, user_id)
    return Data(DepositAddressOut(address=found, simulated=call.deployment.simulates_chain))


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
        confirmations_needed=DepositTerms.of(call.deployment.settings).needed(one.amount_btc, coinbase=one.coinbase),
        simulated=call.deployment.simulates_chain,
        created_at=clock.iso(one.created_at),
        credited_at=None if one.credited_at is None else clock.iso(one.credited_at),
    )
