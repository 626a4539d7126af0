"""What is asked of the withdrawals of a partner's users, in one: by the partner, and by the operator of the partner."""

from dataclasses import asdict, dataclass
from decimal import Decimal

from hashrail.custody import payout_policy, withdrawals
from hashrail.custody.withdrawals import Policy
from hashrail.db import Reader, Tx
from hashrail.parties import operators
from hashrail.parties.operators import Operator


@dataclass(frozen=True, slots=True)
class PartnerTerms:
    """0 seconds switch the duplicate guard off; a limit of None is the limit of all."""

    duplicate_seconds: int
    bound_addresses_only: bool
    daily_btc: Decimal | None

    @property
    def policy(self) -> Policy:
        """What is not the limit."""
        return Policy(self.duplicate_seconds, self.bound_addresses_only)


async def of_partner(tx: Reader, partner_id: int) -> PartnerTerms:
    """The present terms."""
    policy = await withdrawals.policy_of(tx, partner_id)
    limit = await payout_policy.partner_limit(tx, partner_id)
    return PartnerTerms(policy.duplicate_seconds, policy.bound_addresses_only, limit)


def check(terms: PartnerTerms) -> None:
    """Raises DuplicateSecondsError, PayoutPolicyError."""
    withdrawals.check_policy(terms.policy)
    payout_policy.check_amount(terms.daily_btc)


async def is_looser(tx: Reader, terms: PartnerTerms, than: PartnerTerms) -> bool:
    """Whether they let anything through that the others do not."""
    of_all = (await payout_policy.get(tx)).partner_daily_btc
    return (
        terms.duplicate_seconds < than.duplicate_seconds
        or (than.bound_addresses_only and not terms.bound_addresses_only)
        or payout_policy.is_higher_limit(terms.daily_btc or of_all, than.daily_btc or of_all)
    )


async def put(tx: Tx, operator: Operator | None, partner_id: int, terms: PartnerTerms) -> None:
    """Change them, noted; the same again is a no-op. Raises what `check` does."""
    check(terms)
    was = await of_partner(tx, partner_id)
    await payout_policy.set_partner_limit(tx, operator, partner_id, terms.daily_btc)
    if terms.policy != was.policy:
        await withdrawals.set_policy(tx, partner_id, terms.policy)
        before, after = asdict(was.policy), asdict(terms.policy)
        await operators.note(tx, operator, "partner payouts", f"partner {partner_id}", before=before, after=after)
