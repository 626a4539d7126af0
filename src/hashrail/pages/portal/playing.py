"""Playing who is not there in a sandbox: customers who pay, pay late or take their money back, and the bank.

Each form is an operation of the sandbox (`sandbox/customers.py`), with the same refusals, bookings and events.
"""

from datetime import timedelta
from decimal import Decimal

from hashrail import business_clock
from hashrail.db import Tx
from hashrail.money import plain
from hashrail.pages.asking import Asked, Done
from hashrail.pages.forms import Field, Values
from hashrail.pages.portal import filters
from hashrail.pages.portal.acting import MemberActing
from hashrail.pages.portal.sandbox import BACK, hand_over
from hashrail.pages.portal.visit import Visit, link
from hashrail.pages.portal.ways import WAYS
from hashrail.parties.users import UserNotFoundError
from hashrail.sandbox import customers
from hashrail.sandbox.customers import Opening, Outcome
from hashrail.selling import billing, catalogue
from hashrail.selling.orders import Order

OFFERS = 200
OUTCOMES: dict[Outcome, str] = {
    "paid": "they pay",
    "paid_twice": "they pay, and it is told twice",
    "never": "they leave, and never pay",
}
ORDER = Field("order", "Your id of the order")


async def ask_to_pay(tx: Tx, _: Visit) -> Asked:
    """A customer who buys."""
    fields = (
        *await _opening_fields(tx),
        Field("outcome", "What the customer does", "choice", "paid", choices=list(OUTCOMES.items())),
    )
    told = ["It is what your server does when a customer pays: the order is made, and its payment told."]
    return Asked("Let a customer buy", "Let them buy", BACK, fields, told)


async def pay(tx: Tx, act: MemberActing, visit: Visit, values: Values) -> Done:
    """Let them. Raises OrderHalfOpenedError, UserNotFoundError, and what making an order and telling it paid do."""
    opening = await _opening(tx, visit, values)
    order = await customers.pay(tx, act.books, visit.deployment.settings, opening, values["outcome"])
    await act.note(tx, "sandbox pay", f"order {order.external_id}", after=_facts(order))
    return Done(WAYS.order(order.id, order.external_id))


async def ask_to_be_late(tx: Tx, visit: Visit) -> Asked:
    """A payment that is told late."""
    late = Field("late", "So long after the order's end", "number", 1, unit="minutes")
    allowed = timedelta(seconds=visit.deployment.settings.late_notice_seconds)
    told = [
        "The clock moves past the order's end, for every partner, and the payment is told then.",
        f"Within {allowed} after its end the order is taken up again; later it is refused, and the clock stays.",
    ]
    return Asked("Tell a payment late", "Tell it late", BACK, (*await _opening_fields(tx), late), told)


async def be_late(tx: Tx, act: MemberActing, visit: Visit, values: Values) -> Done:
    """Make the order where it is not there; the worker goes on. Raises OrderPaidError, and what making it does."""
    opening = await _opening(tx, visit, values)
    order = await customers.open_unpaid(tx, act.books, visit.deployment.settings, opening)
    seconds = 60 * min(values["late"], 10**8)
    now = await business_clock.now(tx)
    way = await customers.until_late(tx, visit.partner_id, order.external_id, now, late_seconds=seconds)
    meant = {"order": order.external_id, "late_seconds": seconds}
    return await hand_over(tx, act, "sandbox late notice", f"order {order.external_id}", meant, shown=(now, now + way))


async def ask_to_charge_back(_: Tx, __: Visit) -> Asked:
    """A bank that takes a payment back."""
    fields = (ORDER, Field("reason", "What the operator's log says of it", value="charged back"))
    told = [
        "The operator refunds the order: its miner ends with this day, and you owe its price no more.",
        "What its users earned stays theirs or is taken back, as the operator has set it.",
    ]
    return Asked("Take a payment back", "Take it back", BACK, fields, told)


async def charge_back(tx: Tx, act: MemberActing, _: Visit, values: Values) -> Done:
    """Let it. Raises OrderNotFoundError, OrderNotIssuedError, MinerNotFoundError, ReasonMissingError."""
    made = await customers.charge_back(tx, act.books, values["order"], values["reason"])
    act.told.append(f"Miner {made.miner_id} ends, and {plain(made.value_usd)} USD are owed no more.")
    after = {"state": "refunded", "miner": made.miner_id, "USD": made.value_usd, "at": made.refunded_at}
    await act.note(tx, "sandbox chargeback", f"order {values['order']}", after=after)
    return Done(link("/sandbox", done="changed"))


async def ask_to_pay_operator(tx: Tx, visit: Visit) -> Asked:
    """The partner's own payment."""
    due = await billing.receivable(tx, visit.partner_id)
    fields = (
        Field("amount", "What you pay", "amount", max(due.owed, Decimal(0)), unit="USD"),
        Field("reference", "The bank's reference", help="Each is recorded once."),
    )
    return Asked("Pay the operator", "Pay it", BACK, fields, [f"You owe {plain(due.owed)} USD."])


async def pay_operator(tx: Tx, act: MemberActing, visit: Visit, values: Values) -> Done:
    """Let the operator record it. Raises BadAmountError, PaymentConflictError, ImplausibleFigureError."""
    before = await billing.receivable(tx, visit.partner_id)
    due = await customers.pay_operator(tx, act.books, amount_usd=values["amount"], reference=values["reference"])
    await act.note(
        tx,
        "sandbox payment",
        f"payment {values['reference']}",
        before={"owed, USD": before.owed},
        after={"owed, USD": due.owed},
    )
    return Done(link("/statement", done="changed"))


async def _opening_fields(tx: Tx) -> tuple[Field, ...]:
    offers = (await catalogue.on_sale(tx))[:OFFERS]
    choices = [
        (str(one.id), f"{plain(one.power)} TH at {plain(one.energy_efficiency)} W/TH, {plain(one.value_usd)} USD")
        for one in offers
    ]
    return (
        ORDER,
        Field("user", "To make it: your id of the user, or their number", needed=False),
        Field("offer", "And the offer", "choice", needed=False, choices=choices),
    )


async def _opening(tx: Tx, visit: Visit, values: Values) -> Opening:
    """Raises UserNotFoundError."""
    user = None
    if values["user"]:
        user = await filters.named(tx, visit, values["user"])
        if user is None:
            raise UserNotFoundError("you have no such user", field="user")
    offer = values["offer"]
    return Opening(values["order"], None if user is None else user.id, None if offer is None else int(offer))


def _facts(order: Order) -> dict[str, object]:
    return {
        "state": order.state,
        "miner": order.miner_id,
        "TH": order.power,
        "USD": order.value_usd,
        "may be paid until": order.expires_at,
    }
