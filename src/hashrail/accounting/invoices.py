"""Invoices: what a partner was charged in a month, in whole cents. What is below a cent is carried to the next one.

A month is invoiced once it is over, after all months before it, and its invoice never changes: it is written while the
partner's fence is held, so that nobody is still posting to the month. Asked for again it is the same invoice.

    carried in + charged = amount (whole cents) + carried out (0 or more, less than a cent)

Charged is whatever moved the partner's receivable in the month (orders, upgrades, what takes them back), but for what
was paid, which moves it against cash. A month in which more was given back than charged has an amount below 0.

Accounts read: partner receivable, cash.
"""

import decimal
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from hashrail import business_clock, clock
from hashrail.accounting import periods
from hashrail.books import fence
from hashrail.db import Reader, Tx, record
from hashrail.errors import BadRequestError, ConflictError, NotFoundError
from hashrail.money import ZERO
from hashrail.parties import partners
from hashrail.parties.partners import Partner
from hashrail.selling import statements

CENTS = 2
_READ = """
    SELECT partner_id, number, month, carried_in_usd, charged_usd, amount_usd, carried_out_usd, paid_usd,
           owed_before_usd, owed_after_usd, issued_at
    FROM invoice"""


class InvoiceTooEarlyError(ConflictError):
    """The month is not over, so more may be charged in it."""

    code = "INVOICE_TOO_EARLY"
    advice = "Issue it from the first day of the next month on, UTC."


class BeforePartnerError(BadRequestError):
    """The month was over before the partner's books were opened."""

    code = "INVOICE_BEFORE_PARTNER"
    advice = "Invoices begin with the month in which the partner was created: hashrail partner list"


class InvoiceNotFoundError(NotFoundError):
    """No such invoice was issued to the partner."""

    code = "INVOICE_NOT_FOUND"
    advice = "Look at the list of invoices. The operator issues one of a past month: hashrail books invoice issue"


@dataclass(frozen=True, slots=True)
class Invoice:
    """USD. `owed_before_usd` and `owed_after_usd` are the receivable at the month's beginning and end."""

    partner_id: int
    number: int
    month: date
    carried_in_usd: Decimal
    charged_usd: Decimal
    amount_usd: Decimal
    carried_out_usd: Decimal
    paid_usd: Decimal
    owed_before_usd: Decimal
    owed_after_usd: Decimal
    issued_at: datetime

    @property
    def name(self) -> str:
        """What it is called: the partner's number and its own, which have no gap."""
        return f"{self.partner_id}-{self.number:05d}"

    @property
    def due_usd(self) -> Decimal:
        """What was invoiced by then and not paid; negative where the partner has paid in advance."""
        return self.owed_after_usd - self.carried_out_usd


async def issue(tx: Tx, partner: Partner, month: date) -> tuple[Invoice, list[Invoice]]:
    """The invoice of a month, and those that were issued for it now: of all months up to it that had none.

    Raises InvoiceTooEarlyError, BeforePartnerError.
    """
    await fence.hold(tx, [partner.id])
    now = await business_clock.now(tx)
    begins = clock.day_of(partner.created_at).replace(day=1)
    if month < begins:
        raise BeforePartnerError(f"{partner.name} was created in {begins:%Y-%m}", field="month")
    if clock.start_of(periods.next_month(month)) > now:
        raise InvoiceTooEarlyError(f"{month:%Y-%m} is not over", field="month")
    last = await _latest(tx, partner.id)
    made = []
    due = begins if last is None else periods.next_month(last.month)
    while due <= month:
        last = await _write(tx, partner.id, due, last, now)
        made.append(last)
        due = periods.next_month(due)
    return await get(tx, partner.id, month), made


async def get(tx: Reader, partner_id: int, month: date) -> Invoice:
    """The invoice of a month. Raises InvoiceNotFoundError."""
    row = await tx.fetchrow(f"{_READ} WHERE partner_id = $1 AND month = $2", partner_id, month)
    if row is None:
        raise InvoiceNotFoundError(f"there is no invoice for {month:%Y-%m}", field="month")
    return record(Invoice, row)


async def numbered(tx: Reader, partner_id: int, number: int) -> Invoice:
    """An invoice of the partner by its own number. Raises InvoiceNotFoundError."""
    row = await tx.fetchrow(f"{_READ} WHERE partner_id = $1 AND number = $2::bigint", partner_id, number)
    if row is None:
        raise InvoiceNotFoundError(f"there is no invoice {number}", field="number")
    return record(Invoice, row)


async def of_partner(tx: Reader, partner_id: int, *, limit: int, before: int | None = None) -> list[Invoice]:
    """A page of the partner's invoices, newest first; `before` is the last page's last number."""
    rows = await tx.fetch(
        f"{_READ} WHERE partner_id = $1 AND ($2::bigint IS NULL OR number < $2) ORDER BY number DESC LIMIT $3",
        partner_id,
        before,
        limit,
    )
    return [record(Invoice, row) for row in rows]


async def issued(tx: Tx, partner_id: int | None) -> list[Invoice]:
    """All invoices of a partner, or of all; by partner and number."""
    everyone = await partners.ids(tx) if partner_id is None else [partner_id]
    found = []
    for each in everyone:
        rows = await tx.fetch(f"{_READ} WHERE partner_id = $1 ORDER BY number", each)
        found += [record(Invoice, row) for row in rows]
    return found


async def _latest(tx: Reader, partner_id: int) -> Invoice | None:
    row = await tx.fetchrow(f"{_READ} WHERE partner_id = $1 ORDER BY number DESC LIMIT 1", partner_id)
    return None if row is None else record(Invoice, row)


async def _write(tx: Tx, partner_id: int, month: date, before: Invoice | None, now: datetime) -> Invoice:
    """The next invoice of a partner, from what moved its receivable in the month."""
    since, until = clock.start_of(month), clock.start_of(periods.next_month(month))
    moved = await statements.moved(tx, partner_id, first=since, before=until)
    carried_in = ZERO if before is None else before.carried_out_usd
    amount = _whole_cents(carried_in + moved.charged_usd)
    row = await tx.fetchrow(
        """INSERT INTO invoice (partner_id, number, month, carried_in_usd, charged_usd, amount_usd, carried_out_usd,
                                paid_usd, owed_before_usd, owed_after_usd, issued_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
           RETURNING partner_id, number, month, carried_in_usd, charged_usd, amount_usd, carried_out_usd, paid_usd,
                     owed_before_usd, owed_after_usd, issued_at""",
        partner_id,
        1 if before is None else before.number + 1,
        month,
        carried_in,
        moved.charged_usd,
        amount,
        carried_in + moved.charged_usd - amount,
        moved.paid_usd,
        await statements.owed_before(tx, partner_id, since),
        await statements.owed_before(tx, partner_id, until),
        now,
    )
    assert row is not None, "nobody else writes while the fence is held"
    return record(Invoice, row)


def _whole_cents(amount_usd: Decimal) -> Decimal:
    """The most whole cents that are not above an amount, whatever its sign; the rest is carried on."""
    return amount_usd.scaleb(CENTS).to_integral_value(rounding=decimal.ROUND_FLOOR).scaleb(-CENTS)
