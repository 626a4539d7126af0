"""Handovers: a miner goes from one of the partner's users to another.

The open day stays with the one who had the miner; the new owner earns from the next UTC day. A miner that is handed
over again on the same day has simply been the last owner's all along, since changes of one day collapse.
"""

from hashrail import miners, rewards, users
from hashrail.day_fence import OpenDay
from hashrail.db import Tx
from hashrail.errors import ConflictError


class HandoverToSelfError(ConflictError):
    """The miner is to go to the user who has it."""

    code = "TRANSFER_TO_SELF"
    advice = "Name another user in toPartnerUserId."


async def hand_over(tx: Tx, day: OpenDay, *, miner_id: int, from_user: str, to_user: str) -> None:
    """Give a miner of `from_user` to `to_user`, both by the partner's own ids.

    Raises HandoverToSelfError, UserNotFoundError, MinerNotFoundError, UserBlockedError.
    """
    if from_user == to_user:
        raise HandoverToSelfError("the miner is this user's already", field="toPartnerUserId")
    giver = await users.find(tx, day.partner_id, from_user)
    taker = await users.find(tx, day.partner_id, to_user, field="toPartnerUserId")
    await miners.give(tx, day.partner_id, miner_id, from_user=giver.id, to_user=taker.id)
    locked = await users.lock(tx, day.partner_id, [giver.id, taker.id])
    users.assert_active(locked[giver.id], field="partnerUserId")
    users.assert_active(locked[taker.id], field="toPartnerUserId")
    await rewards.sync_stints(tx, day, [giver.id, taker.id], miner_ids=[miner_id])
