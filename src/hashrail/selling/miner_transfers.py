"""Handovers: a miner goes from one of the partner's users to another.

The open day stays with the one who had the miner; the new owner earns from the next UTC day. A miner that is handed
over again on the same day has simply been the last owner's all along, since changes of one day collapse.
"""

from hashrail.books.fence import OpenBooks
from hashrail.db import Tx
from hashrail.errors import ConflictError
from hashrail.events import drafts
from hashrail.events.types.miners import MinerTransferred
from hashrail.parties import users
from hashrail.rewards import stints
from hashrail.selling import miners


class HandoverToSelfError(ConflictError):
    """The miner is to go to the user who has it."""

    code = "TRANSFER_TO_SELF"
    advice = "Name another user in toPartnerUserId."


async def hand_over(tx: Tx, books: OpenBooks, *, miner_id: int, from_user: str, to_user: str) -> None:
    """Give a miner of `from_user` to `to_user`, both by the partner's own ids.

    Raises HandoverToSelfError, UserNotFoundError, MinerNotFoundError, UserBlockedError.
    """
    if from_user == to_user:
        raise HandoverToSelfError("the miner is this user's already", field="toPartnerUserId")
    giver = await users.find(tx, books.partner_id, from_user)
    taker = await users.find(tx, books.partner_id, to_user, field="toPartnerUserId")
    await miners.give(tx, books.partner_id, miner_id, from_user=giver.id, to_user=taker.id)
    locked = await users.lock(tx, books.partner_id, [giver.id, taker.id])
    users.assert_active(locked[giver.id], field="partnerUserId")
    users.assert_active(locked[taker.id], field="toPartnerUserId")
    await stints.sync_stints(tx, books, [giver.id, taker.id], miner_ids=[miner_id])
    transferred = MinerTransferred(
        nft_id=miner_id,
        user_id=taker.id,
        from_user_id=giver.id,
        from_partner_user_id=from_user,
        to_partner_user_id=to_user,
    )
    await drafts.note(tx, books.partner_id, transferred)
