"""All partners at a glance: how each stands, what it owes and may owe, and how many users it has."""

from dataclasses import dataclass
from decimal import Decimal

from hashrail.books.chart import Account
from hashrail.books.fence import Standing
from hashrail.db import Reader, record

# Users are counted up to so many: beyond it the number is not worth reading every row of a large partner.
COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class Summary:
    """A partner; USD that it owes for miners, has reserved by open orders, and may owe together.

    `users` are at most `COUNTED`, and one more where there are more.
    """

    id: int
    public_id: str
    name: str
    standing: Standing
    owed: Decimal
    reserved: Decimal
    credit_limit: Decimal
    users: int


async def summaries(tx: Reader) -> list[Summary]:
    """All partners, oldest first."""
    rows = await tx.fetch(
        """SELECT p.id, p.public_id, p.name, coalesce(s.standing, 'open') AS standing,
                  a.debits_posted - a.credits_posted AS owed, a.debits_pending AS reserved, a.credit_limit,
                  (SELECT count(*) FROM (
                       SELECT FROM app_user u WHERE u.partner_id = a.partner_id LIMIT $2) AS counted) AS users
           FROM account a JOIN partner p ON p.id = a.partner_id
           LEFT JOIN partner_standing s ON s.partner_id = a.partner_id WHERE a.id = $1 ORDER BY p.id""",
        Account.PARTNER_RECEIVABLE.value,
        COUNTED + 1,
    )
    return [record(Summary, row) for row in rows]
