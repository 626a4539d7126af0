"""Staff: operators as an admin looks after them, each with what guards the account and how it is used."""

from dataclasses import dataclass
from datetime import datetime

from hashrail.db import Reader
from hashrail.parties import operator_sessions, operators, people
from hashrail.parties.operators import Operator


@dataclass(frozen=True, slots=True)
class Account:
    """An operator's account; `signed_in_at` is wall time, None for who never was in the console.

    `sessions` are those that are open, `as_one_with` names whom they count as one person with.
    """

    operator: Operator
    has_generator: bool
    passkeys: int
    sessions: int
    signed_in_at: datetime | None
    as_one_with: list[str]


async def every(tx: Reader) -> list[Account]:
    """All operators, by name."""
    rows = await tx.fetch(
        """SELECT o.id, c.confirmed_at IS NOT NULL AS has_generator,
                  (SELECT count(*) FROM operator_passkey p WHERE p.operator_id = o.id) AS passkeys,
                  (SELECT max(a.done_at) FROM operator_action a
                   WHERE a.operator_id = o.id AND a.action = 'signed in') AS signed_in_at
           FROM operator_account o LEFT JOIN operator_code c ON c.operator_id = o.id"""
    )
    facts = {row["id"]: row for row in rows}
    known, tied = await operators.every(tx), await people.ties(tx)
    return [
        Account(
            operator=one,
            has_generator=facts[one.id]["has_generator"],
            passkeys=facts[one.id]["passkeys"],
            sessions=len(await operator_sessions.of_operator(tx, one.id)),
            signed_in_at=facts[one.id]["signed_in_at"],
            as_one_with=[other.name for other in known if other != one and not tied.are_two(one.id, other.id)],
        )
        for one in known
    ]
