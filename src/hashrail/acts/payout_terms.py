"""What is asked of the withdrawals of a partner's users."""

from dataclasses import asdict

from hashrail.acts.acting import Acting
from hashrail.custody import payout_terms
from hashrail.custody.payout_terms import PartnerTerms
from hashrail.db import Tx


async def put(tx: Tx, act: Acting, partner_id: int, meant: PartnerTerms) -> None:
    """Change a partner's terms; what loosens them takes two. Raises DuplicateSecondsError, PayoutPolicyError."""
    was = await payout_terms.of_partner(tx, partner_id)
    payout_terms.check(meant)
    subject = f"partner {partner_id}"
    before, after = {"partner": partner_id, **asdict(was)}, {"partner": partner_id, **asdict(meant)}
    looser = await payout_terms.is_looser(tx, meant, was)
    if looser and await act.waits(tx, subject, before=before, after=after):
        return
    if act.tries:
        # Putting them notes the parts that changed.
        await act.note(tx, subject, before=before, after=after)
        return
    await payout_terms.put(tx, act.operator, partner_id, meant)
