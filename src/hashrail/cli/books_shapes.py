"""What the commands for accountants print for scripts. Names and writing are those of shapes.py."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import field

from hashrail.accounting.words import Sort
from hashrail.cli.printing import Shape, about


class ChartEntry(Shape, kw_only=True):
    """An account of the chart, with what it holds."""

    id: Annotated[int | None, about("its number; null for users' accounts, of which each user has one a currency")]
    name: Annotated[str, about("what it is called")]
    sort: Annotated[Sort, about("its class, as plain-text accounting names them")]
    currency: Annotated[str, about("what it counts")]
    debit_is_normal: Annotated[bool, about("whether its balance stands on the debit side")]
    balance: Annotated[Decimal, about("what it holds, on its normal side")]


class TrialRow(Shape, kw_only=True):
    """An account's line of the trial balance."""

    id: Annotated[int | None, about("its number; null for users' accounts")]
    name: Annotated[str, about("what it is called")]
    currency: Annotated[str, about("what it counts")]
    debits: Annotated[Decimal, about("all that was debited")]
    credits: Annotated[Decimal, about("all that was credited")]
    debit: Annotated[Decimal, about("by how much debits are more")]
    credit: Annotated[Decimal, about("by how much credits are more")]
    debits_pending: Annotated[Decimal, about("what is reserved to be debited; in no other column")]
    credits_pending: Annotated[Decimal, about("what is reserved to be credited; in no other column")]


class TrialTotal(Shape, kw_only=True):
    """A currency's sums."""

    currency: Annotated[str, about("of which currency")]
    debits: Annotated[Decimal, about("all debits, which are all credits")]
    credits: Annotated[Decimal, about("all credits")]
    debit: Annotated[Decimal, about("the sum of the debit column")]
    credit: Annotated[Decimal, about("the sum of the credit column, which is the same")]


class TrialBalance(Shape, kw_only=True):
    """The trial balance."""

    partner: Annotated[int | None, about("of which partner; null: of all")]
    at: Annotated[datetime, about("when, by the business clock; what was posted then is in it")]
    rows: Annotated[list[TrialRow], about("every account of the chart")]
    totals: Annotated[list[TrialTotal], about("the sums of each currency")]


class Invoice(Shape, kw_only=True):
    """A partner's invoice of a month, in USD: carried in + charged = amount + carried out."""

    number: Annotated[str, about("the partner's number and the invoice's, which have no gap")]
    partner: Annotated[int, about("whose it is")]
    month: Annotated[str, about("the month, like 2026-03")]
    carried_in_usd: Annotated[Decimal, about("what the invoice before carried on")]
    charged_usd: Annotated[Decimal, about("what moved the receivable in the month, but for payments")]
    amount_usd: Annotated[Decimal, about("what is billed, in whole cents")]
    carried_out_usd: Annotated[Decimal, about("what is below a cent, for the next invoice")]
    paid_usd: Annotated[Decimal, about("what was paid in the month, less what was taken back")]
    owed_before_usd: Annotated[Decimal, about("the receivable when the month began")]
    owed_after_usd: Annotated[Decimal, about("the receivable when it was over")]
    due_usd: Annotated[Decimal, about("what was billed by then and not paid; negative when paid in advance")]
    issued_at: Annotated[datetime, about("when it was issued, by the business clock")]


class InvoiceLine(Shape, kw_only=True):
    """What moved the receivable in the month of an invoice."""

    at: Annotated[datetime, about("when it was posted")]
    kind: Annotated[str, about("the kind of the transfer")]
    what: Annotated[str, about("the same in words")]
    reference: Annotated[str, about("the order's external id, the upgrade's number, the payment's reference")]
    nft_id: Annotated[int | None, about("the miner that it is about")]
    amount_usd: Annotated[Decimal, about("what it adds to what is owed; a payment is negative")]
    balance_usd: Annotated[Decimal, about("what was owed after it")]


class WholeInvoice(Shape, kw_only=True):
    """An invoice with its lines."""

    invoice: Annotated[Invoice, about("its sums")]
    lines: Annotated[list[InvoiceLine], about("what moved the receivable in the month, oldest first")]


class UserLine(Shape, kw_only=True):
    """What added to a user's bitcoin, or took of it."""

    at: Annotated[datetime, about("when it was credited or final")]
    day: Annotated[date, about("the day whose price counts: the mined one for income, else that of the posting")]
    kind: Annotated[str, about("the kind of the transfer; day is income")]
    reference: Annotated[str, about("the mined day, the withdrawal's number, the deposit's output")]
    btc: Annotated[Decimal, about("what it adds; for income pool - electricity - service")]
    pool_btc: Annotated[Decimal, about("income before costs")]
    electricity_btc: Annotated[Decimal, about("what electricity took of it")]
    service_btc: Annotated[Decimal, about("what the service took of it")]
    price_usd: Annotated[Decimal | None, about("USD for a bitcoin on the day, as published; null where none is yet")]
    usd: Annotated[Decimal | None, about("its value at that price, rounded to 8 decimals")]
    electricity_usd: Annotated[Decimal | None, about("what electricity took, at that price")]
    service_usd: Annotated[Decimal | None, about("what the service took, at that price")]
    balance_btc: Annotated[Decimal, about("what the user had after it")]


class UserStatement(Shape, kw_only=True):
    """A user's bitcoin in a period: the lines lead from the opening to the closing balance."""

    partner_user_id: Annotated[str, about("whose it is, by the partner's own id")]
    from_: Annotated[date, about("the first day, UTC")] = field(name="from")
    to: Annotated[date, about("the last day")]
    opening_btc: Annotated[Decimal, about("the balance before the first day, income that is not settled included")]
    closing_btc: Annotated[Decimal, about("the balance after the last day")]
    lines: Annotated[list[UserLine], about("oldest first")]


class PoolLine(Shape, kw_only=True):
    """A mined day or a month, of all partners, in BTC."""

    when: Annotated[str, about("the day, or the month like 2026-03")]
    promised_btc: Annotated[Decimal, about("what was credited to users and charged them, which the pool owes")]
    received_btc: Annotated[Decimal, about("what the pool has paid for it")]
    more_btc: Annotated[Decimal, about("received less promised; negative where the pool has paid less")]
    open_btc: Annotated[Decimal, about("what of it no receipt has paid for yet; receipts pay the oldest days first")]


class PoolFinding(Shape, kw_only=True):
    """Something that an operator is told all the time."""

    code: Annotated[str, about("which it is")]
    message: Annotated[str, about("the figures")]


class Pool(Shape, kw_only=True):
    """What the pool owes and has paid."""

    lines: Annotated[list[PoolLine], about("months, or the days of one")]
    total: Annotated[PoolLine | None, about("their sums; null where there is none")]
    findings: Annotated[list[PoolFinding], about("what the pool should have paid by now")]


class PoolReceipt(Shape, kw_only=True):
    """What the pool has paid once."""

    id: Annotated[int, about("its number")]
    source: Annotated[Literal["chain", "file", "word"], about("who says so: the chain, the pool, an operator")]
    day: Annotated[date, about("the mined day that it is for")]
    amount_btc: Annotated[Decimal, about("BTC that were paid")]
    undivided_btc: Annotated[Decimal, about("what of it waits for days to come")]
    txid: Annotated[str | None, about("its transaction, where one is named")]
    reference: Annotated[str, about("what the pool or the operator knows it by")]
    reason: Annotated[str | None, about("how the operator knows, where it is their word")]
    depth: Annotated[int | None, about("how deep its block was shown to be")]
    simulated: Annotated[bool | None, about("whether a simulated chain says so")]
    recorded_at: Annotated[datetime, about("when it was recorded, by the business clock")]
    reversed_at: Annotated[datetime | None, about("since when it counts no more")]
    reversed_reason: Annotated[str | None, about("why it was taken back")]
