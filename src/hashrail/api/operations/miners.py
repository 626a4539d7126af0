"""A user's miners, and their transfer to another user (#6 to #8)."""

from hashrail import clock
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire import cursors
from hashrail.api.wire.fields import number
from hashrail.api.wire.models import (
    Answer,
    Data,
    Efficiency,
    Id,
    Listing,
    Moment,
    NonEmpty,
    PageQuery,
    Power,
    SignedBody,
    Text,
    UserPageQuery,
)
from hashrail.api.wire.page import Page, by_id
from hashrail.books.fence import OpenBooks
from hashrail.db import Tx
from hashrail.parties.users import UserBlockedError, UserNotFoundError
from hashrail.rewards.stints import StintAheadError
from hashrail.selling import miner_transfers, miners
from hashrail.selling.miners import Miner, MinerNotFoundError

MINERS = Noun("Miners")
BY_ID = by_id(Miner)


class TransferBody(SignedBody, kw_only=True):
    """#8: `partnerUserId` has the miner now."""

    partner_user_id: Text
    nft_id: Id
    to_partner_user_id: NonEmpty


class MinerOut(Answer, kw_only=True):
    """Power TH/s, energyEfficiency W/TH."""

    id: int
    created_at: Moment
    name: str
    power: Power
    energy_efficiency: Efficiency


@MINERS.read(6, "c2s_miners", "GET", "/c2s/nft/find-by-user", Auth.BEARER, refuses=cursors.REFUSALS, from_standbys=True)
async def own_miners(call: Call, query: PageQuery) -> Data[Listing[MinerOut]]:
    """#6: the user's miners, by id."""
    page = Page.of(query, BY_ID)
    found = await miners.of_user(
        call.pool, call.partner_id, call.user_id, limit=page.to_read, offset=page.offset, after=page.behind or 0
    )
    return Data(page.listing(found, _miner))


@MINERS.read(
    7,
    "s2s_miners",
    "GET",
    "/s2s/nft/find-by-user",
    Auth.SIGNED,
    refuses=(UserNotFoundError, *cursors.REFUSALS),
    from_standbys=True,
)
async def miners_of_user(call: Call, query: UserPageQuery) -> Data[Listing[MinerOut]]:
    """#7: the user's miners, by id."""
    page = Page.of(query, BY_ID)
    # One query, user and miners together: this is the read that partners send most.
    found = await miners.of_partner_user(
        call.pool,
        call.partner_id,
        query.partner_user_id,
        limit=page.to_read,
        offset=page.offset,
        after=page.behind or 0,
    )
    if found is None:
        raise UserNotFoundError("the partner has no such user", field="partnerUserId")
    return Data(page.listing(found, _miner))


@MINERS.write(
    8,
    "s2s_transfer",
    "/s2s/nft/transfer",
    Auth.SIGNED,
    scope="transfer",
    refuses=(
        *(UserNotFoundError, UserBlockedError, miner_transfers.HandoverToSelfError, MinerNotFoundError),
        StintAheadError,
    ),
)
async def transfer(call: Call, tx: Tx, books: OpenBooks, body: TransferBody) -> Data[bool]:
    """#8: the miner goes to another of the partner's users, who earns from tomorrow."""
    await miner_transfers.hand_over(
        tx, books, miner_id=body.nft_id, from_user=body.partner_user_id, to_user=body.to_partner_user_id
    )
    return Data(data=True)


def _miner(one: Miner) -> MinerOut:
    return MinerOut(
        id=one.id,
        created_at=clock.iso(one.created_at),
        name=one.name,
        power=number(one.power),
        energy_efficiency=number(one.energy_efficiency),
    )
