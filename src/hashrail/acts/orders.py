"""Taking orders back: before their miner is issued, and after; and what becomes of its income then."""

from dataclasses import dataclass

from hashrail.acts.acting import Acting
from hashrail.books import fence
from hashrail.db import Tx
from hashrail.money import plain
from hashrail.parties import operators
from hashrail.parties.alone import Kind
from hashrail.selling import orders, refunds
from hashrail.selling.refunds import Refund


@dataclass(frozen=True, slots=True)
class Refunded:
    """What became of an order: `refund` is None where it waits for a second; `again` where it was refunded before."""

    refund: Refund | None
    again: bool


async def cancel(tx: Tx, act: Acting, partner_id: int, external_id: str) -> None:
    """Take back an order whose miner is not issued; what it reserved is released.

    Raises OrderNotFoundError, OrderIssuedError.
    """
    books = await fence.share(tx, partner_id)
    was = await orders.cancel(tx, books, external_id=external_id)
    subject = f"order {books.partner_id}:{external_id}"
    await act.note(tx, subject, before={"state": was}, after={"state": "cancelled"})


async def refund(tx: Tx, act: Acting, partner_id: int, external_id: str, *, reason: str) -> Refunded:
    """Take an issued miner back; beyond what one refunds alone in a day it takes two. Again is a no-op.

    Raises OrderNotFoundError, OrderNotIssuedError, ReasonMissingError.
    """
    books = await fence.share(tx, partner_id)
    operators.assert_reason(reason)
    try:
        issued = await refunds.lock(tx, books, external_id)
    except orders.OrderRefundedError:
        order = await orders.get(tx, books.partner_id, external_id)
        return Refunded(await refunds.find(tx, books.partner_id, order), again=True)
    before = refunds.facts(books, issued)
    after, of = before | {"state": "refunded", "reason": reason}, (Kind.REFUND, "USD", issued.value_usd)
    subject = f"order {books.partner_id}:{external_id}"
    owed = f"Miner {issued.miner.id} leaves with this day, and {plain(issued.value_usd)} USD are owed no more."
    act.told.append(owed)
    if await act.waits_beyond(tx, subject, of, before=before, after=after):
        return Refunded(None, again=False)
    made = await refunds.refund(tx, books, issued, reason=reason)
    act.told.extend(map(_taken, made.takings))
    await act.note(tx, subject, before=before, after=after | refunds.taken(made), reason=reason)
    return Refunded(made, again=False)


async def set_income_rule(tx: Tx, act: Acting, partner_id: int, *, takes: bool) -> None:
    """Say whether refunds of a partner's orders take back what the miners have earned; it counts from then on."""
    before = {"takes_income": await refunds.takes_income(tx, partner_id)}
    await refunds.set_takes_income(tx, partner_id, takes=takes)
    await act.note(tx, f"partner {partner_id}", before=before, after={"takes_income": takes})


def _taken(one: refunds.Taking) -> str:
    return f"{one.partner_user_id} earned {plain(one.earned_btc)} BTC by it, of which {plain(one.taken_btc)} is taken."
