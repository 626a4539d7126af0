"""Opening partners, what each may owe, and how many users it may register."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from hashrail import bounds, business_clock, db
from hashrail.acts.acting import Acting
from hashrail.acts.second_look import with_effect
from hashrail.books import ledger
from hashrail.bounds import Doubt
from hashrail.db import Tx
from hashrail.parties import newcomers, partners
from hashrail.parties.partners import Partner
from hashrail.selling import billing, preview
from hashrail.selling.preview import CreditEffect


@dataclass(frozen=True, slots=True)
class Opened:
    """A partner that was opened, or would be, with number 0 then; and what somebody should look at again."""

    partner: Partner
    doubts: Sequence[Doubt]


@dataclass(frozen=True, slots=True)
class Limited:
    """A credit limit that was set, or would be: what it comes to, and what is said against it."""

    effect: CreditEffect
    doubts: Sequence[Doubt]


async def create(tx: Tx, act: Acting, *, name: str, credit_limit: Decimal, confirm: Collection[str] | None) -> Opened:
    """Open a partner with its books. Raises PartnerExistsError, ConfirmationNeededError."""
    at = await business_clock.now(tx)
    doubts = billing.doubt_credit_limit(None, credit_limit)
    after = {"name": name, "credit_limit_usd": credit_limit}
    bounds.assert_confirmed(doubts, confirm or ())
    if act.tries:
        # It gets no number by being asked for, so that no number is missing later.
        made = await partners.check(tx, name=name, credit_limit_usd=credit_limit, at=at)
        await act.note(tx, f"partner {name}", after=after)
        return Opened(made, doubts)
    made = await partners.create(tx, name=name, credit_limit_usd=credit_limit, at=at)
    await act.note(tx, f"partner {made.id}", after=after)
    return Opened(made, doubts)


async def set_credit_limit(
    tx: Tx, act: Acting, partner_id: int, usd: Decimal, *, confirm: Collection[str] | None
) -> Limited:
    """Change the most that a partner may owe; to raise it takes two.

    Raises BadCreditLimitError, ImplausibleFigureError, ConfirmationNeededError.
    """
    was = await billing.receivable(tx, partner_id)
    subject, before = f"partner {partner_id}", {"partner": partner_id, "credit_limit_usd": was.credit_limit}
    after = {"partner": partner_id, "credit_limit_usd": usd}
    async with db.undone(tx):
        # What the books refuse is refused first.
        await ledger.set_credit_limit(tx, partner_id, usd)
        due = await billing.receivable(tx, partner_id)
    effect = CreditEffect(was, due, await preview.open_orders(tx, partner_id))
    made = Limited(effect, billing.doubt_credit_limit(was.credit_limit, usd))
    act.told.append(f"{effect.words()}.")
    bounds.assert_confirmed(made.doubts, confirm or (), effect.words())
    kept = with_effect(after, effect.words())
    if usd > was.credit_limit and await act.waits(tx, subject, before=before, after=kept):
        return made
    await ledger.set_credit_limit(tx, partner_id, usd)
    await act.note(tx, subject, before=before, after=after)
    return made


async def bound_new_users(tx: Tx, act: Acting, partner_id: int, per_day: int | None) -> None:
    """Say how many users a partner may register in 24 hours, 0 for any number; None for the deployment's bound.

    Raises NewUsersBoundError.
    """
    newcomers.check_bound(per_day)
    before = {"per_day": await newcomers.own_bound(tx, partner_id)}
    await newcomers.set_bound(tx, partner_id, per_day)
    await act.note(tx, f"partner {partner_id}", before=before, after={"per_day": per_day})
