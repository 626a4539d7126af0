"""What accounts and transfers are called where people and their programs read the books.

An account has a number, a name, and a path as plain-text accounting writes it: class, partner, name. A kind of
transfers has a few words that begin with a capital letter, so that no program takes a line of ours for something else.
"""

from dataclasses import dataclass
from typing import Literal

from hashrail.books.chart import CURRENCY_OF, FIRST_USER_ACCOUNT, USER_CURRENCIES, Account, TransferKind

Sort = Literal["Assets", "Liabilities", "Income", "Expenses"]
USERS = "users' accounts"
# By the first digit of an account's number.
SORTS: dict[int, Sort] = {1: "Assets", 2: "Liabilities", 4: "Income", 5: "Expenses"}
KINDS: dict[TransferKind, str] = {
    TransferKind.DAY: "Mining day",
    TransferKind.ADJUSTMENT: "Adjustment of a mining day",
    TransferKind.SETTLEMENT: "Income settled of user",
    TransferKind.PURCHASE: "Order",
    TransferKind.POST_PAYMENT: "Upgrade",
    TransferKind.PARTNER_PAYMENT: "Payment of the partner",
    TransferKind.WITHDRAWAL: "Withdrawal",
    TransferKind.NETWORK_FEE: "Network fee of batch",
    TransferKind.DEPOSIT: "Deposit",
    TransferKind.PAYMENT_REVERSAL: "Payment taken back",
    TransferKind.REFUND: "Refund of order",
    TransferKind.UPGRADE_REFUND: "Refund of upgrade",
    TransferKind.INCOME_TAKEN: "Income taken back with order",
    TransferKind.CORRECTION: "Correction",
    TransferKind.POOL_RECEIPT: "Pool receipt",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """An account of the chart; `number` is None for what users have in a currency, which is an account for each."""

    number: int | None
    name: str
    currency: str
    sort: Sort

    @property
    def debit_is_normal(self) -> bool:
        """Whether what it holds stands on the debit side."""
        return self.sort in ("Assets", "Expenses")


def chart() -> list[Entry]:
    """The accounts that every partner's books have, by number, and users' accounts behind the liabilities."""
    fixed = [Entry(each.value, name_of(each), CURRENCY_OF[each], _sort(each)) for each in sorted(Account)]
    users = [Entry(None, USERS, currency, "Liabilities") for currency in USER_CURRENCIES]
    return sorted([*fixed, *users], key=lambda entry: list(SORTS.values()).index(entry.sort))


def name_of(account_id: int) -> str:
    """What an account is called: `pool receivable`."""
    return USERS if account_id >= FIRST_USER_ACCOUNT else Account(account_id).name.lower().replace("_", " ")


def path_of(partner_id: int, account_id: int) -> str:
    """An account as plain-text accounting names it: `Assets:Partner-1:Pool-Receivable`, a user's by its number."""
    if account_id >= FIRST_USER_ACCOUNT:
        return f"Liabilities:Partner-{partner_id}:Users:{account_id}"
    return f"{_sort(account_id)}:Partner-{partner_id}:{name_of(account_id).title().replace(' ', '-')}"


def _sort(account_id: int) -> Sort:
    return SORTS[account_id // 1000]
