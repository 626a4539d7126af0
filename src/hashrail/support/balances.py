"""What a user sees as their balance, and why: the same figure as the API's (#21, #24), taken apart.

    spendable = settled + unsettled income - held, and never below 0

The account itself has what was settled; income of closed days comes on top before it is settled, and what is reserved
for a withdrawal or another payment is not the user's to spend any more. What an operator calls the balance of an
account counts what is held as well, which is why it is another number than the user's screen has.
"""

from dataclasses import dataclass
from decimal import Decimal

from hashrail.accounting import trial_balance
from hashrail.books import ledger
from hashrail.books.chart import Account
from hashrail.db import Tx
from hashrail.money import ZERO
from hashrail.rewards import settling


@dataclass(frozen=True, slots=True)
class Sight:
    """A user's balance in a currency, taken apart."""

    account_id: int
    currency: str
    settled: Decimal
    unsettled: Decimal
    held: Decimal

    @property
    def owned(self) -> Decimal:
        """What the user has, held amounts included."""
        return self.settled + self.unsettled

    @property
    def spendable(self) -> Decimal:
        """What the user's screen shows. Below 0 it shows 0: adjustments took back more than there was."""
        return max(ZERO, self.owned - self.held)


@dataclass(frozen=True, slots=True)
class Owed:
    """What all users of a partner hold together in a currency; `held` of it is reserved for withdrawals."""

    currency: str
    settled: Decimal
    unsettled: Decimal
    held: Decimal

    @property
    def owed(self) -> Decimal:
        """What is owed to them, income that is credited and not settled yet included."""
        return self.settled + self.unsettled


async def of_partner(tx: Tx, partner_id: int) -> list[Owed]:
    """What the partner's users hold, a row a currency. Read it in one snapshot."""
    unsettled = await ledger.balance(tx, partner_id, Account.INCOME_CONTROL)
    return [
        Owed(
            currency=row.entry.currency,
            settled=row.balance,
            unsettled=unsettled if row.entry.currency == "BTC" else ZERO,
            held=row.debits_pending,
        )
        for row in await trial_balance.read(tx, partner_id)
        if row.entry.number is None
    ]


async def of_user(tx: Tx, partner_id: int, user_id: int) -> list[Sight]:
    """A user's balances, a row a currency, in the order of the API's. Read it in one snapshot."""
    unsettled = await settling.unsettled(tx, partner_id, user_id)
    return [
        Sight(
            account_id=each.account_id,
            currency=each.currency,
            settled=each.owned,
            unsettled=unsettled if each.currency == "BTC" else ZERO,
            held=each.debits_pending,
        )
        for each in await ledger.balances_of_user(tx, partner_id, user_id)
    ]
