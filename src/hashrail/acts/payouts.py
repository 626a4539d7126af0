"""What operators ask of payouts: limits, going on, another wallet, and what another program paid or did not pay."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from typing import Any

from hashrail.acts.acting import Acting
from hashrail.books.fence import OpenBooks
from hashrail.custody import hot_wallet, payout_policy, withdrawals
from hashrail.custody.payout_policy import PayoutPolicy
from hashrail.custody.withdrawals import Withdrawal
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.errors import BadRequestError
from hashrail.parties import changes, operators
from hashrail.payouts import exports, recorded_payments, settlement
from hashrail.payouts.batches import Number
from hashrail.payouts.recorded_payments import Payment, Seen

# 18 digits are held by the books.
NUMBER = re.compile(r"(\d{1,18}):(\d{1,18})", re.ASCII)
TXID = re.compile("[0-9a-f]{64}")


class WithdrawalNotNamedError(BadRequestError):
    """A withdrawal is named by its partner's number and its own; `details.field` says where it is not."""

    code = "WITHDRAWAL_NOT_NAMED"
    advice = "Name withdrawals as PARTNER:ID, like 1:12; of an export all, or each of them."


class TxidNotReadError(BadRequestError):
    """It is no name of a transaction; `details.field` says where."""

    code = "TXID_NOT_READ"
    advice = "Copy the txid whole: 64 characters of 0-9 and a-f."


def number(text: str, field: str = "withdrawal") -> Number:
    """A withdrawal as people name it: PARTNER:ID. Raises WithdrawalNotNamedError."""
    found = NUMBER.fullmatch(text)
    if found is None:
        raise WithdrawalNotNamedError(f"{text!r} is not PARTNER:ID, like 1:12", field=field)
    return int(found[1]), int(found[2])


def txid(text: str, field: str = "txid") -> str:
    """A transaction's name, as the chain writes it. Raises TxidNotReadError."""
    if TXID.fullmatch(text.lower()) is None:
        raise TxidNotReadError(f"{text!r} is no txid: 64 characters of 0-9 and a-f", field=field)
    return text.lower()


async def set_policy(tx: Tx, act: Acting, given: Mapping[str, Decimal | int | None]) -> PayoutPolicy:
    """Change the limits that are given, by their names; what loosens them takes two. Raises PayoutPolicyError."""
    was = await payout_policy.hold(tx)
    changed: dict[str, Any] = dict(given)
    meant = replace(was, **changed)
    payout_policy.check(meant)
    before, after = was.limits(), meant.limits()
    if not meant.is_looser(was) or not await act.waits(tx, "payout policy", before=before, after=after):
        await payout_policy.put(tx, act.operator, meant)
        act.shows("payout policy", before=before, after=after)
    return await payout_policy.get(tx)


async def resume(tx: Tx, act: Acting) -> None:
    """Let payouts go on; again is a no-op. Where somebody else has paused them, it takes two admins."""
    paused = {"paused_reason": (await payout_policy.hold(tx)).paused_reason}
    after = {"paused_reason": None}
    free = paused["paused_reason"] is None or await payout_policy.may_resume_alone(tx, act.named)
    if free or not await act.waits(tx, "payouts", before=paused, after=after):
        await payout_policy.resume(tx, act.named)
        act.shows("payouts", before=paused, after=after)


async def adopt(tx: Tx, act: Acting, *, reason: str) -> None:
    """Take the wallet that is on the node now for the right one. It takes two admins. Raises ReasonMissingError."""
    operators.assert_reason(reason)
    before, after = await hot_wallet.kept(tx), {"reason": reason}
    if not await act.waits(tx, "wallet", before=before, after=after):
        await hot_wallet.adopt(tx, act.named, reason)
        act.shows("wallet", before=before, after=after)


async def acknowledge(tx: Tx, act: Acting, *, txids: Sequence[str], reason: str, unpaid: Sequence[Number]) -> None:
    """Let batches be made beside spends of our coins that pay nobody of ours. It takes two admins.

    Raises ReasonMissingError, ForeignSpendNotFoundError, ForeignSpendPaysError.
    """
    operators.assert_reason(reason)
    found = await recorded_payments.to_acknowledge(tx, txids, unpaid=unpaid)
    before, after = {"pay": found}, {"txids": sorted(found), "reason": reason, "unpaid": list(unpaid)}
    if not found or not await act.waits(tx, "foreign spends", before=before, after=after):
        await recorded_payments.acknowledge(tx, act.named, txids, reason, unpaid=unpaid)
        if found:
            act.shows("foreign spends", before=before, after=after)


async def cancel_exported(tx: Tx, act: Acting, books: OpenBooks, withdrawal_id: int, *, attested: str) -> Withdrawal:
    """End an exported withdrawal that is not paid; what it held is the user's again. It takes two admins.

    Raises ReasonMissingError, and what `exports.cancel` does.
    """
    operators.assert_reason(attested)
    number = (books.partner_id, withdrawal_id)
    before = await recorded_payments.meant(tx, [number])
    subject = f"withdrawal {recorded_payments.told([number])}"
    is_exported = any(each["state"] == "exported" for each in before.values())
    if is_exported and await act.waits(tx, subject, before=before, after={"number": number, "attested": attested}):
        return await withdrawals.get(tx, *number)
    made = await exports.cancel(tx, books, act.named, withdrawal_id, attested)
    if is_exported:
        act.shows(subject, before={"state": "exported"}, after={"state": made.state, "attested": attested})
    return made


async def settle(deployment: Deployment) -> None:
    """Post what is final by what was recorded; again is a no-op, and a worker does it as well."""
    await settlement.settle_final(deployment.pool)


async def record_waits(tx: Tx, act: Acting, payment: Payment, seen: Seen | None) -> bool:
    """Whether a second has to confirm that a transaction pays withdrawals: it rests on a word, and is not known yet.

    It was tried by then. Raises what `recorded_payments.record` does.
    """
    has_chain = act.deployment.facts.chain != "none"
    if (has_chain and not payment.unpaid) or not await changes.takes_two(tx):
        return False
    depth = act.deployment.settings.bitcoin_final_depth
    if not await recorded_payments.would_record(tx, act.named, payment, seen, depth):
        return False
    before = await recorded_payments.meant(tx, [*payment.paid, *payment.unpaid])
    after = asdict(payment) | {"seen": seen is not None}
    return await act.waits(tx, f"transaction {payment.txid}", before=before, after=after)


async def record(tx: Tx, act: Acting, payment: Payment, seen: Seen | None) -> int | None:
    """Note that a transaction pays withdrawals, once the chain was asked (`recorded_payments.look`); answers its batch.

    None where it waits for a second. The batch is posted by `recorded_payments.settled` once this is committed.
    """
    if await record_waits(tx, act, payment, seen):
        return None
    before = await recorded_payments.meant(tx, payment.paid)
    depth = act.deployment.settings.bitcoin_final_depth
    batch_id = await recorded_payments.write(tx, act.named, payment, seen, depth)
    after = await recorded_payments.meant(tx, payment.paid)
    act.shows(f"transaction {payment.txid}", before=before, after=after)
    return batch_id
