"""A user's wallets: the Bitcoin addresses that are bound to them (#19, #20, #22 and #23), and taking them off."""

from collections.abc import Sequence
from typing import Literal

from hashrail import clock
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire import cursors
from hashrail.api.wire.models import (
    Answer,
    Data,
    Listing,
    Moment,
    PageQuery,
    SignedBody,
    Text,
    UserPageQuery,
)
from hashrail.api.wire.page import Page, Paged, by_id
from hashrail.bitcoin.addresses import AddressInvalidError
from hashrail.books.fence import OpenBooks
from hashrail.custody import bound_wallets, gathered_wallets
from hashrail.custody.bound_wallets import Terms, TooManyWalletsError, Wallet, WalletNotBoundError
from hashrail.custody.gathered_wallets import Wish
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.parties import users
from hashrail.parties.users import UserBlockedError, UserNotFoundError

WALLETS = Noun("Wallets")
BY_ID = by_id(Wallet)
BINDING = (AddressInvalidError, UserBlockedError, TooManyWalletsError)
UNBINDING = (AddressInvalidError, UserBlockedError, WalletNotBoundError)


class BindBody(SignedBody, kw_only=True):
    """#19, and its undoing: a Bitcoin address of the deployment's network."""

    address: Text


class BindForUserBody(SignedBody, kw_only=True):
    """#22, and its undoing: a Bitcoin address of the deployment's network."""

    partner_user_id: Text
    address: Text


class WalletOut(Answer, kw_only=True):
    """A bound address; its type is BTC.

    `usableAt` is from when it is paid, where only bound addresses are and it was bound beside another; null is at once.
    """

    id: int
    created_at: Moment
    address: str
    type: Literal["BTC"] = "BTC"
    usable_at: Moment | None


@WALLETS.write(
    19, "c2s_wallet_bind", "/c2s/wallet/bind", Auth.BEARER, scope="wallet", refuses=BINDING, while_suspended=True
)
async def bind_own(call: Call, tx: Tx, books: OpenBooks, body: BindBody) -> Data[bool]:
    """#19: the user binds an address; again changes nothing."""
    await bound_wallets.bind(tx, books, _terms(call), user_id=call.user_id, address=body.address, field="authorization")
    return Data(data=True)


@WALLETS.write(
    None,
    "c2s_wallet_unbind",
    "/c2s/wallet/unbind",
    Auth.BEARER,
    scope="wallet",
    refuses=UNBINDING,
    while_suspended=True,
)
async def unbind_own(call: Call, tx: Tx, books: OpenBooks, body: BindBody) -> Data[bool]:
    """The user takes an address off; again changes nothing. What they asked for before goes its way."""
    await bound_wallets.unbind(
        tx, books, _terms(call), user_id=call.user_id, address=body.address, field="authorization"
    )
    return Data(data=True)


@WALLETS.read(
    20, "c2s_wallets", "GET", "/c2s/wallet/find-by-user", Auth.BEARER, refuses=cursors.REFUSALS, from_standbys=True
)
async def own_wallets(call: Call, query: PageQuery) -> Data[Listing[WalletOut]]:
    """#20: the user's bound addresses, by id."""
    return await _wallets(call, call.user_id, query)


async def bind_together(
    deployment: Deployment, tx: Tx, books: OpenBooks, bodies: Sequence[BindForUserBody]
) -> list[Data[bool] | None]:
    """#22 of several addresses at once."""
    wishes = [Wish(body.partner_user_id, body.address) for body in bodies]
    done = await gathered_wallets.bind(tx, books, Terms.of(deployment.settings), wishes)
    return [None if one is None else Data(data=True) for one in done]


@WALLETS.write_gathered(
    22,
    "s2s_wallet_bind",
    "/s2s/wallet/bind",
    Auth.SIGNED,
    bind_together,
    scope="wallet",
    refuses=(UserNotFoundError, *BINDING),
)
async def bind_for_user(call: Call, tx: Tx, books: OpenBooks, body: BindForUserBody) -> Data[bool]:
    """#22: bind an address to the partner's user; again changes nothing."""
    user = await users.lock_named(tx, call.partner_id, body.partner_user_id)
    await bound_wallets.bind(tx, books, _terms(call), user_id=user.id, address=body.address, locked=user)
    return Data(data=True)


@WALLETS.write(
    None,
    "s2s_wallet_unbind",
    "/s2s/wallet/unbind",
    Auth.SIGNED,
    scope="wallet",
    refuses=(UserNotFoundError, *UNBINDING),
)
async def unbind_for_user(call: Call, tx: Tx, books: OpenBooks, body: BindForUserBody) -> Data[bool]:
    """Take an address off the partner's user; again changes nothing. What was asked for before goes its way."""
    user = await users.lock_named(tx, call.partner_id, body.partner_user_id)
    await bound_wallets.unbind(tx, books, _terms(call), user_id=user.id, address=body.address, locked=user)
    return Data(data=True)


@WALLETS.read(
    23,
    "s2s_wallets",
    "GET",
    "/s2s/wallet/find-by-user",
    Auth.SIGNED,
    refuses=(UserNotFoundError, *cursors.REFUSALS),
    from_standbys=True,
)
async def wallets_of_user(call: Call, query: UserPageQuery) -> Data[Listing[WalletOut]]:
    """#23: the user's bound addresses, by id."""
    user = await users.find(call.pool, call.partner_id, query.partner_user_id)
    return await _wallets(call, user.id, query)


async def _wallets(call: Call, user_id: int, query: Paged) -> Data[Listing[WalletOut]]:
    page = Page.of(query, BY_ID)
    found = await bound_wallets.of_user(
        call.pool, call.partner_id, user_id, limit=page.to_read, offset=page.offset, after=page.behind or 0
    )
    return Data(page.listing(found, _wallet))


def _wallet(one: Wallet) -> WalletOut:
    usable_at = None if one.usable_at is None else clock.iso(one.usable_at)
    return WalletOut(id=one.id, created_at=clock.iso(one.created_at), address=one.address, usable_at=usable_at)


def _terms(call: Call) -> Terms:
    return Terms.of(call.deployment.settings)
