"""What operators did about a user, with who and why: out of their log, by the words in which it names its subjects."""

from collections.abc import Sequence

from hashrail.db import Reader
from hashrail.parties.operators import Action, read_action
from hashrail.parties.users import User


def subjects(user: User, *, withdrawals: Sequence[int], orders: Sequence[str], miners: Sequence[int]) -> list[str]:
    """What the log calls a user, and what is theirs."""
    partner = user.partner_id
    return [
        f"user {partner}:{user.partner_user_id}",
        f"sessions of partner {partner}: user {user.partner_user_id}",
        *(f"withdrawal {partner}:{number}" for number in withdrawals),
        *(f"{partner}:{number}" for number in withdrawals),
        *(f"order {partner}:{external_id}" for external_id in orders),
        *(f"miner {partner}:{number}" for number in miners),
    ]


def of_partner(partner: int, *, keys: Sequence[int], payments: Sequence[int], invoices: Sequence[str]) -> list[str]:
    """What the log calls a partner, and what is its own, users apart."""
    return [
        f"partner {partner}",
        f"sessions of partner {partner}: all",
        *(f"key {partner}:{number}" for number in keys),
        *(f"payment {partner}:{number}" for number in payments),
        *(f"invoice {name}" for name in invoices),
    ]


async def about(tx: Reader, named: Sequence[str], *, limit: int) -> list[Action]:
    """What was done about these subjects, newest first."""
    rows = await tx.fetch(
        """SELECT a.id, o.name AS operator, a.action, a.subject, a.reason, a.done_at,
                  a.values_before AS before, a.values_after AS after
           FROM operator_action a LEFT JOIN operator_account o ON o.id = a.operator_id
           WHERE a.subject = ANY($1) ORDER BY a.id DESC LIMIT $2""",
        list(named),
        limit,
    )
    return [read_action(row) for row in rows]
