"""What another program pays: exports of the queue, what was paid of them, and spends of our coins that nobody knows."""

from collections.abc import AsyncIterator, Callable

import msgspec

from hashrail.acts import payouts as acts
from hashrail.acts.acting import Acting
from hashrail.books import fence
from hashrail.custody import foreign_spends, withdrawals
from hashrail.db import Tx
from hashrail.pages.console.asking import Asked, Done, hand_over
from hashrail.pages.console.partners import numbered
from hashrail.pages.console.visit import Sheet, Shown, Visit, link
from hashrail.pages.forms import Field, FieldEmptyError, Values
from hashrail.pages.visiting import CSV
from hashrail.payouts import batches, exports, recorded_payments
from hashrail.payouts.recorded_payments import Payment, Seen

PAGE = "/payouts"
JSON = "application/json"
UNPAID = Field(
    *("unpaid", "Withdrawals to its addresses that it did not pay", "lines"),
    help="PARTNER:ID each, one a line, like 1:12",
    needed=False,
)


async def export(tx: Tx, visit: Visit) -> Shown | Sheet:
    """An export with its withdrawals; with `as`, the file for another program."""
    number = visit.numbers["export"]
    found, subject = await exports.lines(tx, number), f"export {number}"
    wanted = visit.query.get("as")
    if wanted == "csv":
        return Sheet(f"export-{number}.csv", CSV, _whole(exports.sheet(found)), subject)
    if wanted == "json":
        outputs = msgspec.json.encode(exports.outputs(found)).decode()
        return Sheet(f"export-{number}.json", JSON, _whole(outputs), subject)
    open_ones = [one for one in found if one.state == "exported"]
    return Shown({"number": number, "found": found, "open_ones": open_ones}, subject)


async def ask_to_export(tx: Tx, _: Visit) -> Asked:
    """What an export comes to."""
    due = [one for one in await batches.standing(tx) if one.state == "queued"]
    words = ["Everything that is due leaves the queue, to be paid by another program. No batch pays it ever after."]
    words += [f"{one.count} {one.speed} ones are queued, {one.amount_btc:.8f} BTC together." for one in due]
    words.append("You say which transaction has paid them by recording it, or cancel what was never paid.")
    return Asked("Export what is due?", "Export it", link(PAGE), (), words)


async def make_export(tx: Tx, act: Acting, _: Visit, __: Values) -> Done:
    """Ask the worker for it."""
    await batches.assert_running(tx)
    await foreign_spends.assert_none(tx)
    return await hand_over(tx, act, "payouts export", "an export")


async def ask_to_record(_: Tx, __: Visit) -> Asked:
    """Which transaction, and what it pays."""
    fields = (
        Field("txid", "The transaction", help="Its txid: 64 characters"),
        Field("export", "It pays everything of export", "number", needed=False),
        Field("withdrawals", "Or it pays these", "lines", needed=False, help=UNPAID.help),
        UNPAID,
    )
    words = [
        "With a node the transaction is compared to the satoshi and then watched; without one your word is final.",
        "A word alone takes two people.",
    ]
    return Asked("Record a payment", "Record it", link(PAGE), fields, words)


async def look(visit: Visit, values: Values) -> Seen | None:
    """The transaction, as the chain has it."""
    return await recorded_payments.look(visit.deployment, acts.txid(values["txid"]))


async def record(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Note it."""
    paid = [acts.number(text, "withdrawals") for text in values["withdrawals"]]
    if (values["export"] is None) == (not paid):
        raise FieldEmptyError("name an export, or withdrawals", field="export")
    if values["export"] is not None:
        paid = [(line.partner_id, line.id) for line in await exports.lines(tx, values["export"])]
    unpaid = [acts.number(text, "unpaid") for text in values["unpaid"]]
    payment = Payment(acts.txid(values["txid"]), sorted(set(paid)), sorted(set(unpaid)))
    batch_id = await acts.record(tx, act, payment, visit.told)
    return Done(link(PAGE) if batch_id is None or act.tries else link(f"/batches/{batch_id}", done="recorded"))


async def post(act: Acting, _: Visit, __: Values, done: Done) -> Done:
    """Post what is final by it."""
    await acts.settle(act.deployment)
    return done


async def ask_to_acknowledge(tx: Tx, _: Visit) -> Asked:
    """Which spends, and what they are."""
    stopping = await foreign_spends.stopping(tx)
    fields = (
        Field("txids", "The transactions", "lines", stopping, help="A txid each, one a line"),
        Field("reason", "What are they? It is kept", "long"),
        UNPAID,
    )
    words = [
        "They spend our coins, and no batch knows them: a sweep to cold storage, say. They pay nobody of ours.",
        "Batches are made beside them then. It takes two admins.",
    ]
    return Asked("Acknowledge foreign spends", "Acknowledge them", link(PAGE), fields, words)


async def acknowledge(tx: Tx, act: Acting, _: Visit, values: Values) -> Done:
    """Let batches be made beside them."""
    txids = [acts.txid(text, "txids") for text in values["txids"]]
    unpaid = sorted({acts.number(text, "unpaid") for text in values["unpaid"]})
    await acts.acknowledge(tx, act, txids=txids, reason=values["reason"], unpaid=unpaid)
    return Done(link(PAGE, done="acknowledged"))


async def ask_to_attest(tx: Tx, visit: Visit) -> Asked:
    """How somebody knows that an exported withdrawal is not paid."""
    partner = await numbered(tx, visit.numbers["partner"])
    one = await withdrawals.get(tx, partner.id, visit.numbers["withdrawal"])
    fields = (Field("attested", "How do you know that it was not and will not be paid? It is kept", "long"),)
    words = [
        f"{one.amount_btc:.8f} BTC to {one.address} are {one.partner_user_id}'s again, who may ask for them anew.",
        "If the other program pays them after all, they are paid twice. It takes two admins.",
    ]
    subject = f"withdrawal {partner.id}:{one.id}"
    return Asked(f"Is withdrawal {one.id} not paid?", "It is not paid", _of(visit), fields, words, subject)


async def attest(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """End it."""
    books = await fence.share(tx, (await numbered(tx, visit.numbers["partner"])).id)
    await acts.cancel_exported(tx, act, books, visit.numbers["withdrawal"], attested=values["attested"])
    return Done(_of(visit, done="not_paid"))


def _of(visit: Visit, **query: object) -> str:
    return link(f"/withdrawals/{visit.numbers['partner']}/{visit.numbers['withdrawal']}", **query)


def _whole(text: str) -> Callable[[Tx], AsyncIterator[str]]:
    """A file that was read already."""

    async def parts(_: Tx) -> AsyncIterator[str]:
        yield text

    return parts
