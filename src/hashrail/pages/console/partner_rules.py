"""A partner's rules: what it may owe and register, how its users are paid and refunded; suspending, reopening, closing.

They are the acts of `hashrail partner credit-limit`, `new-users`, `payouts`, `refunds`, `suspend`, `reopen`, `close`.
"""

from hashrail.acts import orders as order_acts
from hashrail.acts import partners as acts
from hashrail.acts import payout_terms as terms_acts
from hashrail.acts import standings as standing_acts
from hashrail.acts.acting import Acting
from hashrail.custody import payout_terms
from hashrail.custody.payout_terms import PartnerTerms
from hashrail.db import Tx
from hashrail.pages.console.asking import Asked, Done
from hashrail.pages.console.partners import page_of, whose
from hashrail.pages.console.visit import Visit
from hashrail.pages.forms import Field, Values
from hashrail.parties import newcomers
from hashrail.selling import billing, refunds

REASON = Field("reason", "Why; it goes into the log", "long")


async def ask_credit_limit(tx: Tx, visit: Visit) -> Asked:
    """The most that it may owe."""
    partner = await whose(tx, visit)
    due = await billing.receivable(tx, partner.id)
    fields = (Field("usd", "The most that it may owe, open orders included", "amount", due.credit_limit, unit="USD"),)
    words = ["An order that would go beyond it is refused. To raise it takes two admins."]
    return Asked(f"Credit limit of {partner.name}", "Set the limit", page_of(visit, "money"), fields, words)


async def set_credit_limit(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Set it."""
    await acts.set_credit_limit(tx, act, visit.numbers["partner"], values["usd"], confirm=visit.confirmed)
    return Done(page_of(visit, "money", "changed"))


async def ask_new_users(tx: Tx, visit: Visit) -> Asked:
    """How many users it may register in a day."""
    partner = await whose(tx, visit)
    own = await newcomers.own_bound(tx, partner.id)
    fields = (
        Field(
            "per_day",
            "New users in 24 hours",
            "number",
            own,
            help="0 is without a bound; empty is the deployment's.",
            needed=False,
        ),
    )
    words = ["Registrations beyond it are refused; users who are known log in as before."]
    return Asked(f"New users of {partner.name}", "Set the bound", page_of(visit, "rules"), fields, words)


async def bound_new_users(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Set it."""
    await acts.bound_new_users(tx, act, visit.numbers["partner"], values["per_day"])
    return Done(page_of(visit, "rules", "changed"))


async def ask_terms(tx: Tx, visit: Visit) -> Asked:
    """What is asked of its users' withdrawals."""
    partner = await whose(tx, visit)
    present = await payout_terms.of_partner(tx, partner.id)
    fields = (
        Field(
            "duplicate_seconds",
            "Refuse the same user, address and amount within",
            "number",
            present.duplicate_seconds,
            unit="seconds",
            help="0 lets them pass.",
        ),
        Field("bound_only", "Pay to addresses only that users have bound", "check", present.bound_addresses_only),
        Field(
            "daily_btc",
            "What its users may withdraw in a day",
            "amount",
            present.daily_btc,
            unit="BTC",
            help="Empty is the limit of all partners.",
            needed=False,
        ),
    )
    words = ["What loosens them takes two admins."]
    return Asked(f"Payouts of {partner.name}", "Set the terms", page_of(visit, "rules"), fields, words)


async def put_terms(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Set them."""
    meant = PartnerTerms(values["duplicate_seconds"], values["bound_only"], values["daily_btc"])
    await terms_acts.put(tx, act, visit.numbers["partner"], meant)
    return Done(page_of(visit, "rules", "changed"))


async def ask_refunds(tx: Tx, visit: Visit) -> Asked:
    """What becomes of the income of refunded miners."""
    partner = await whose(tx, visit)
    takes = await refunds.takes_income(tx, partner.id)
    choices = (
        ("keep", "stays with the users"),
        ("take", "is taken back, as far as it is in their balance"),
    )
    fields = (
        Field("income", "What a refunded miner has earned", "choice", "take" if takes else "keep", choices=choices),
    )
    words = ["It counts for refunds from now on."]
    return Asked(f"Refunds of {partner.name}", "Set the rule", page_of(visit, "rules"), fields, words)


async def set_refunds(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Set it."""
    await order_acts.set_income_rule(tx, act, visit.numbers["partner"], takes=values["income"] == "take")
    return Done(page_of(visit, "rules", "changed"))


async def ask_to_suspend(tx: Tx, visit: Visit) -> Asked:
    """Stop what is new."""
    partner = await whose(tx, visit)
    words = [
        "What its server asks for stops at once: logins, users, orders, upgrades, miner transfers, withdrawals.",
        "Its users go on earning, and everything can be read.",
        "An order that was made before is issued when it is paid; withdrawals that were asked for go their way.",
    ]
    return Asked(f"Suspend {partner.name}?", f"Suspend {partner.name}", page_of(visit), (REASON,), words)


async def suspend(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Suspend it."""
    await standing_acts.suspend(tx, act, visit.numbers["partner"], reason=values["reason"])
    return Done(page_of(visit, done="suspended"))


async def ask_to_reopen(tx: Tx, visit: Visit) -> Asked:
    """Let it go on."""
    partner = await whose(tx, visit)
    words = ["Its server may do everything again. It takes two admins."]
    return Asked(f"Reopen {partner.name}?", f"Reopen {partner.name}", page_of(visit), (REASON,), words)


async def reopen(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Reopen it."""
    await standing_acts.reopen(tx, act, visit.numbers["partner"], reason=values["reason"])
    return Done(page_of(visit, done="reopened"))


async def ask_to_close(tx: Tx, visit: Visit) -> Asked:
    """End it for good."""
    partner = await whose(tx, visit)
    words = [
        "It is for good, and takes two admins.",
        "Its miners earn this day for the last time, open orders are cancelled, its keys and its users' sessions end.",
        "What its users hold stays owed to them: withdraw it in their name, on each user's page.",
        "What the partner owes is still to be paid, and recorded here.",
    ]
    return Asked(f"Close {partner.name} for good?", f"Close {partner.name}", page_of(visit), (REASON,), words)


async def close(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Close it."""
    await standing_acts.close(tx, act, visit.numbers["partner"], reason=values["reason"])
    return Done(page_of(visit, done="closed"))
