"""Crediting and debiting a user by hand."""

from decimal import Decimal

from hashrail.acts import corrections as acts
from hashrail.acts.acting import Acting
from hashrail.acts.corrections import Wanted
from hashrail.books.chart import USER_CURRENCIES
from hashrail.custody.corrections import CorrectionAmountError
from hashrail.db import Tx
from hashrail.money import plain
from hashrail.pages.console import users
from hashrail.pages.console.asking import Asked, Done
from hashrail.pages.console.visit import Visit, link
from hashrail.pages.forms import Field, Values
from hashrail.support import balances

FIELDS = (
    Field("amount", "How much", "amount"),
    Field("currency", "Of", "choice", USER_CURRENCIES[0], choices=[(each, each) for each in USER_CURRENCIES]),
    Field("reference", "Your reference, as a case number; each is done once"),
    Field("reason", "Why? The log keeps it", most=500),
)


async def ask_to_credit(tx: Tx, visit: Visit) -> Asked:
    """Add to a user's balance."""
    words = ["The books keep it as an expense of yours."]
    return await _asked(tx, visit, "Credit", words)


async def credit(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Credit them."""
    return await _corrected(tx, act, visit, values, 1)


async def ask_to_debit(tx: Tx, visit: Visit) -> Asked:
    """Take from a user's balance."""
    words = ["No more is taken than they can spend; what a withdrawal holds is not touched."]
    return await _asked(tx, visit, "Debit", words)


async def debit(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Debit them."""
    return await _corrected(tx, act, visit, values, -1)


async def _asked(tx: Tx, visit: Visit, verb: str, words: list[str]) -> Asked:
    user = await users.whom(tx, visit)
    held = await balances.of_user(tx, user.partner_id, user.id)
    can_spend = [f"{user.partner_user_id} can spend {plain(each.spendable)} {each.currency}." for each in held]
    alone = "Beyond what one operator corrects alone in 24 hours it takes two admins."
    back = link(f"/users/{user.partner_id}/{user.id}")
    words_ = [*words, *can_spend, alone]
    button = f"{verb} {user.partner_user_id}"
    return Asked(f"{verb} {user.partner_user_id} by hand", button, back, FIELDS, words_, users.subject_of(user))


async def _corrected(tx: Tx, act: Acting, visit: Visit, values: Values, sign: int) -> Done:
    user = await users.whom(tx, visit)
    amount: Decimal = values["amount"]
    if amount <= 0:
        raise CorrectionAmountError(f"{plain(amount)} is not above zero", field="amount")
    wanted = Wanted(values["currency"], sign * amount, values["reference"], values["reason"])
    await acts.correct(tx, act, user.partner_id, user.partner_user_id, wanted)
    return Done(link(f"/users/{user.partner_id}/{user.id}", done="changed"))
