"""The chart of accounts, and what transfers are about: one home for the numbers and kinds that the ledger knows.

Partner-level accounts have fixed numbers, the same in all books; users' accounts follow from FIRST_USER_ACCOUNT on.
The database knows the same lists by its constraints, and a test compares the two: who adds an account or a kind writes
the migration as well.
"""

from enum import IntEnum, StrEnum
from typing import Literal

FIRST_USER_ACCOUNT = 100_000
USER_CURRENCIES = ("BTC", "GOMINING")
TransferState = Literal["pending", "posted", "voided"]


class Account(IntEnum):
    """The accounts that every partner's books have, by number; the name says which side is normal."""

    POOL_RECEIVABLE = 1100  # BTC, asset: mined, due from the pool
    PARTNER_RECEIVABLE = 1200  # USD, asset: what the partner owes; carries a credit limit
    CASH = 1300  # USD, asset: what partners have paid
    BITCOIN_WALLET = 1400  # BTC, asset: what deposits brought and payouts took; the operator's own coins are not here
    TREASURY = 1500  # BTC, asset: what the pool has paid in for days of this partner; the operator's own coins
    INCOME_CONTROL = 2100  # BTC, liability: earned by users, not yet settled
    PAYOUTS_IN_FLIGHT = 2200  # BTC, liability: taken from users, not yet final on chain
    ELECTRICITY_REVENUE = 4100  # BTC, revenue
    SERVICE_REVENUE = 4200  # BTC, revenue
    MINER_SALES = 4300  # USD, revenue: miners and their upgrades
    COMMISSION_REVENUE = 4400  # BTC, revenue: commissions of fast withdrawals
    INCOME_TAKEN_BACK = 4500  # BTC, revenue: what refunded miners had earned, as far as it was taken back
    NETWORK_FEES = 5100  # BTC, expense: what the chain took for payouts
    REORG_LOSSES = 5200  # BTC, expense: credited deposits that a reorg took back
    CORRECTIONS_BTC = 5300  # BTC, expense: what operators credited to users by hand, less what they debited
    CORRECTIONS_GOMINING = 5310  # GOMINING, expense: likewise


class TransferKind(StrEnum):
    """What a transfer is about; its object id is an id of that thing."""

    DAY = "day"  # object: ordinal of the mining day; legs 1 net, 2 electricity, 3 service
    ADJUSTMENT = "adjustment"  # object: adjustment; legs as for a day
    SETTLEMENT = "settlement"  # object: user; leg: ordinal of the day settled through
    PURCHASE = "purchase"  # object: purchase; leg: attempt
    POST_PAYMENT = "post_payment"  # object: post-payment of an upgrade; leg 1
    PARTNER_PAYMENT = "partner_payment"  # object: partner payment; leg 1
    WITHDRAWAL = "withdrawal"  # object: withdrawal; legs 1 amount, 2 commission, 3 out of the wallet
    NETWORK_FEE = "network_fee"  # object: payout batch; leg 1
    DEPOSIT = "deposit"  # object: deposit; leg 1 credited, then by turns 2 lost in a reorg, 3 found again, 4 lost ...
    PAYMENT_REVERSAL = "payment_reversal"  # object: partner payment; leg 1
    REFUND = "refund"  # object: purchase; leg 1
    UPGRADE_REFUND = "upgrade_refund"  # object: post-payment of an upgrade of a refunded miner; leg 1
    INCOME_TAKEN = "income_taken"  # object: purchase; leg: one for each user who had its miner, by account
    POOL_RECEIPT = "pool_receipt"  # object: pool receipt; legs 1, 2, ... as it pays for days, the last takes all back
    CORRECTION = "correction"  # object: correction of a user's balance; leg 1


# The currency of each partner-level account.
CURRENCY_OF = {
    Account.POOL_RECEIVABLE: "BTC",
    Account.PARTNER_RECEIVABLE: "USD",
    Account.CASH: "USD",
    Account.INCOME_CONTROL: "BTC",
    Account.PAYOUTS_IN_FLIGHT: "BTC",
    Account.ELECTRICITY_REVENUE: "BTC",
    Account.SERVICE_REVENUE: "BTC",
    Account.MINER_SALES: "USD",
    Account.COMMISSION_REVENUE: "BTC",
    Account.BITCOIN_WALLET: "BTC",
    Account.TREASURY: "BTC",
    Account.NETWORK_FEES: "BTC",
    Account.REORG_LOSSES: "BTC",
    Account.INCOME_TAKEN_BACK: "BTC",
    Account.CORRECTIONS_BTC: "BTC",
    Account.CORRECTIONS_GOMINING: "GOMINING",
}
