"""Withdrawals that operators ask for in a user's name, and take back."""

from dataclasses import asdict
from decimal import Decimal

from hashrail.acts.acting import Acting
from hashrail.bitcoin.addresses import parse
from hashrail.books.fence import OpenBooks
from hashrail.custody import operator_withdrawals, withdrawals
from hashrail.custody.operator_withdrawals import Wanted
from hashrail.custody.withdrawals import Withdrawal
from hashrail.db import Tx
from hashrail.deployment import facts
from hashrail.money import ZERO


async def request(tx: Tx, act: Acting, books: OpenBooks, wanted: Wanted, subject: str) -> Withdrawal | None:
    """Ask for a withdrawal of a user whose partner is suspended or closed; None where it waits for a second.

    Again with the same reference is a no-op. Raises AddressInvalidError, and what `operator_withdrawals.request` does.
    """
    before = {"partner": books.partner_id, "withdrawal": await operator_withdrawals.find(tx, books, wanted)}
    parse(wanted.address, (await facts.read(tx)).nature.network, field="address")
    minimum_btc = act.deployment.settings.withdraw_minimum_btc
    after = before | asdict(wanted) | {"minimum_btc": minimum_btc}
    if before["withdrawal"] is None and await act.waits(tx, subject, before=before, after=after):
        return None
    made = await ask_for(tx, books, wanted, minimum_btc)
    if act.tries and before["withdrawal"] is None:
        # The number that it has for the moment will be another's.
        act.shows(subject, before=None, after=asdict(wanted))
        return made
    await act.note(tx, subject, before=before, after=before | {"withdrawal": made.id}, reason=wanted.reason)
    return made


async def ask_for(tx: Tx, books: OpenBooks, wanted: Wanted, minimum_btc: Decimal) -> Withdrawal:
    """The withdrawal that an operator asks for, on the deployment's network."""
    terms = withdrawals.Terms(minimum_btc, ZERO, (await facts.read(tx)).nature.network)
    return await withdrawals.get(tx, books.partner_id, await operator_withdrawals.request(tx, books, terms, wanted))


async def cancel(tx: Tx, act: Acting, books: OpenBooks, withdrawal_id: int) -> Withdrawal:
    """Take back one that is still queued; what it reserved is the user's again. Again is a no-op.

    Raises WithdrawalNotFoundError, WithdrawalUnderWayError, WithdrawalMayBePaidError.
    """
    was = await withdrawals.get(tx, books.partner_id, withdrawal_id)
    made = await withdrawals.cancel(tx, books, withdrawal_id)
    subject = f"withdrawal {books.partner_id}:{withdrawal_id}"
    await act.note(tx, subject, before={"state": was.state}, after={"state": made.state})
    return made
