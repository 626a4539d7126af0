"""Withdrawals in a user's name, and taking one back: what `hashrail withdrawal request` and `cancel` do."""

from hashrail.acts import withdrawals as acts
from hashrail.acts.acting import Acting
from hashrail.books import fence
from hashrail.custody import withdrawals
from hashrail.custody.operator_withdrawals import Wanted
from hashrail.db import Tx
from hashrail.money import plain
from hashrail.pages.console import users
from hashrail.pages.console.asking import Asked, Done
from hashrail.pages.console.partners import numbered
from hashrail.pages.console.visit import Visit, link
from hashrail.pages.forms import Field, Values
from hashrail.support import balances

FIELDS = (
    Field("address", "Where the user wants it: a bitcoin address", most=100),
    Field("amount", "What arrives there", "amount", unit="BTC"),
    Field("reference", "Your reference, as a case number; each is done once"),
    Field("reason", "Why? The log keeps it", most=500),
)


async def ask_to_request(tx: Tx, visit: Visit) -> Asked:
    """Ask for a withdrawal in the name of a user whose partner is suspended or closed."""
    user = await users.whom(tx, visit)
    held = await balances.of_user(tx, user.partner_id, user.id)
    words = [
        "It is for a user whose partner is suspended or closed: nobody else can ask for it. It takes two admins.",
        "It is paid within 24 hours, without a commission, as any other withdrawal.",
        *(f"{user.partner_user_id} can spend {plain(each.spendable)} {each.currency}." for each in held),
    ]
    return Asked(
        f"Withdraw for {user.partner_user_id}",
        "Ask for the withdrawal",
        link(f"/users/{user.partner_id}/{user.id}"),
        FIELDS,
        words,
        users.subject_of(user),
    )


async def request(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Ask for it; the same reference again is a no-op."""
    user = await users.whom(tx, visit)
    books = await fence.share(tx, user.partner_id)
    wanted = Wanted(user.id, values["address"], values["amount"], values["reference"], values["reason"])
    await acts.request(tx, act, books, wanted, users.subject_of(user))
    return Done(link(f"/users/{user.partner_id}/{user.id}", done="changed"))


async def ask_to_cancel(tx: Tx, visit: Visit) -> Asked:
    """Take a withdrawal back that is still queued."""
    partner = await numbered(tx, visit.numbers["partner"])
    one = await withdrawals.get(tx, partner.id, visit.numbers["withdrawal"])
    words = [
        f"{plain(one.amount_btc)} BTC to {one.address} are not sent, and what was held for them is the user's again.",
        "One that was exported is ended on the page of its export.",
    ]
    subject = f"withdrawal {partner.id}:{one.id}"
    return Asked(f"Take withdrawal {one.id} back?", "Take it back", _page_of(visit), (), words, subject)


async def cancel(tx: Tx, act: Acting, visit: Visit, _: Values) -> Done:
    """Take it back; again is a no-op."""
    books = await fence.share(tx, (await numbered(tx, visit.numbers["partner"])).id)
    await acts.cancel(tx, act, books, visit.numbers["withdrawal"])
    return Done(f"{_page_of(visit)}?done=changed")


def _page_of(visit: Visit) -> str:
    return link(f"/withdrawals/{visit.numbers['partner']}/{visit.numbers['withdrawal']}")
