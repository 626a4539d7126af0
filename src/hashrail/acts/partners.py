"""Opening partners, and what each may owe."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from hashrail import bounds, business_clock
from hashrail.acts.acting import Acting
from hashrail.bounds import Doubt
from hashrail.db import Tx
from hashrail.parties import partners
from hashrail.parties.partners import Partner
from hashrail.selling import billing


@dataclass(frozen=True, slots=True)
class Opened:
    """A partner that was opened, or would be, with number 0 then; and what somebody should look at again."""

    partner: Partner
    doubts: Sequence[Doubt]


async def create(tx: Tx, act: Acting, *, name: str, credit_limit: Decimal, confirm: Sequence[str]) -> Opened:
    """Open a partner with its books. Raises PartnerExistsError, ConfirmationNeededError."""
    at = await business_clock.now(tx)
    doubts = billing.doubt_credit_limit(None, credit_limit)
    after = {"name": name, "credit_limit_usd": credit_limit}
    bounds.assert_confirmed(doubts, confirm)
    if act.tries:
        # It gets no number by being asked for, so that no number is missing later.
        made = await partners.check(tx, name=name, credit_limit_usd=credit_limit, at=at)
        await act.note(tx, f"partner {name}", after=after)
        return Opened(made, doubts)
    made = await partners.create(tx, name=name, credit_limit_usd=credit_limit, at=at)
    await act.note(tx, f"partner {made.id}", after=after)
    return Opened(made, doubts)
