"""What the pool has paid against what was promised for mined days; receipts, and the addresses that it pays to."""

from datetime import date
from decimal import Decimal
from typing import Any

from hashrail import business_clock
from hashrail.accounting import periods, pool_payments, pool_promises, pool_receipts
from hashrail.accounting.pool_promises import Day
from hashrail.accounting.pool_receipts import Entered
from hashrail.acts import pool as acts
from hashrail.acts.acting import Acting
from hashrail.db import Tx
from hashrail.errors import BadRequestError
from hashrail.money import ZERO, plain
from hashrail.pages.console.asking import Asked, Done
from hashrail.pages.console.visit import Shown, Visit, link
from hashrail.pages.forms import Field, Values

LISTED = 50
BACK = link("/pool")
FILE_HELP = (
    "The first line names the columns: day and amount_btc, perhaps txid and reference. Commas part values, a point "
    "parts decimals. A line that was recorded before is nothing new."
)


class ReceiptUnclearError(BadRequestError):
    """A receipt is known by its transaction, or by an amount with a reference and a reason."""

    code = "RECEIPT_UNCLEAR"
    advice = "Give the txid alone, and the node says how much it paid; or amount, reference and how you know of it."


async def listed(tx: Tx, visit: Visit) -> Shown:
    """What was promised and paid by month, or by day of a month; receipts and addresses."""
    month = visit.query.get("month", "").strip() or None
    if month is None:
        rows = await pool_promises.months(tx)
    else:
        rows = await pool_promises.of_month(tx, periods.month(month))
    facts: dict[str, Any] = {
        "month": month,
        "rows": [(str(row.day) if month else f"{row.day:%Y-%m}", row) for row in reversed(rows)],
        "whole": _sum(rows),
        "findings": await pool_promises.findings(tx, now=await business_clock.now(tx)),
        "receipts": await pool_receipts.newest(tx, LISTED),
        "addresses": await pool_payments.addresses(tx),
        "has_node": visit.deployment.settings.bitcoin_rpc_url is not None,
    }
    return Shown(facts)


async def ask_to_add(tx: Tx, _: Visit) -> Asked:
    """A payment of the pool."""
    fields = (
        Field("day", "Mined day that it is for", "day", await acts.yesterday(tx)),
        Field("txid", "Transaction, which the node proves", needed=False, most=64),
        Field("block", "Block that has it, for a node without index", needed=False, most=64),
        Field("amount", "Or, by your word: how much", "amount", unit="BTC", needed=False),
        Field("reference", "What you know it by; each is recorded once", needed=False),
        Field("reason", "How you know of it", needed=False, most=500),
    )
    words = [
        "Give the transaction where there is one: nobody's word is needed then.",
        "It pays for the oldest days that are open. What is left waits for the days to come.",
    ]
    return Asked("Record what the pool has paid", "Record it", BACK, fields, words)


async def ready_to_add(visit: Visit, values: Values) -> Entered:
    """What the node proves of a transaction, or what is said. Raises ReceiptUnclearError, and what proving does."""
    day: date = values["day"]
    txid, amount = values["txid"], values["amount"]
    if txid is not None and amount is None:
        return await acts.prove(visit.deployment, txid=txid, day=day, block=values["block"])
    if txid is not None or amount is None or not values["reference"] or not values["reason"]:
        raise ReceiptUnclearError("it is neither a transaction alone nor amount, reference and reason", field="txid")
    return pool_receipts.by_word(day=day, amount_btc=amount, reference=values["reference"], reason=values["reason"])


async def add(tx: Tx, act: Acting, visit: Visit, _: Values) -> Done:
    """Record it."""
    said: Entered = visit.told
    if said.source == "word":
        await acts.record_by_word(tx, act, said)
    else:
        await acts.record(tx, act, [said])
    return Done(link("/pool", done="changed"))


async def ask_to_import(_: Tx, __: Visit) -> Asked:
    """Lines of the pool's own file."""
    fields = (Field("lines", "What the pool says that it has paid", "lines", help=FILE_HELP),)
    return Asked("Record a file of the pool", "Record the lines", BACK, fields, ["All lines are recorded, or none."])


async def import_lines(tx: Tx, act: Acting, _: Visit, values: Values) -> Done:
    """Record them."""
    await acts.import_lines(tx, act, values["lines"])
    return Done(link("/pool", done="changed"))


async def ask_to_reverse(tx: Tx, visit: Visit) -> Asked:
    """A receipt that was recorded wrongly, or whose payment a reorg took."""
    one = await pool_receipts.get(tx, visit.number("receipt") or 0)
    words = [f"{plain(one.amount_btc)} BTC for {one.day}. What it paid for is owed by the pool again."]
    fields = (Field("reason", "Why? It is kept", most=500),)
    return Asked(f"Take receipt {one.id} back", f"Take receipt {one.id} back", BACK, fields, words)


async def reverse(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Take it back."""
    await acts.reverse(tx, act, visit.number("receipt") or 0, reason=values["reason"])
    return Done(link("/pool", done="changed"))


async def ask_for_address(_: Tx, __: Visit) -> Asked:
    """An address that the pool pays to."""
    fields = (Field("address", "A bitcoin address of your own", most=100),)
    words = ["What a transaction pays to it can be recorded as paid by the pool. One that a user was given is refused."]
    return Asked("Name an address of the pool's payments", "Name it", BACK, fields, words)


async def add_address(tx: Tx, act: Acting, _: Visit, values: Values) -> Done:
    """Name it."""
    await acts.add_address(tx, act, values["address"])
    return Done(link("/pool", done="changed"))


async def ask_to_remove_address(_: Tx, visit: Visit) -> Asked:
    """An address that the pool pays to no more."""
    address = visit.query.get("address", "").strip() or None
    fields = (Field("address", "Address", value=address, most=100),)
    words = ["What was recorded for it stays; what arrives there from now on is nobody's word of the pool."]
    return Asked("Name an address no more", "Name it no more", BACK, fields, words)


async def remove_address(tx: Tx, act: Acting, _: Visit, values: Values) -> Done:
    """Name it no more."""
    await acts.remove_address(tx, act, values["address"])
    return Done(link("/pool", done="changed"))


def _sum(rows: list[Day]) -> Day | None:
    """All of them together."""
    if not rows:
        return None

    def whole(name: str) -> Decimal:
        return sum((getattr(row, name) for row in rows), ZERO)

    return Day(rows[0].day, whole("promised_btc"), whole("received_btc"), whole("open_btc"))
