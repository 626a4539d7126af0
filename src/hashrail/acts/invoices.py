"""Issuing the monthly invoices of partners."""

from datetime import date

from hashrail.accounting import invoices
from hashrail.accounting.invoices import Invoice
from hashrail.acts.acting import Acting
from hashrail.db import Tx
from hashrail.parties.partners import Partner


async def issue(tx: Tx, act: Acting, partner: Partner, month: date) -> Invoice:
    """Issue a partner's invoice of a month that is over, and of those before it that have none. Again it is the same.

    Raises InvoiceTooEarlyError, BeforePartnerError.
    """
    asked, made = await invoices.issue(tx, partner, month)
    for each in made:
        amounts = {"amount_usd": each.amount_usd, "carried_out_usd": each.carried_out_usd}
        await act.note(tx, f"invoice {each.name}", after={"month": each.month, **amounts})
    return asked
