"""Addresses of one partner's users that came to be bound together, by statements about all of them.

What is plain is done here: an address that is new to its user, or bound already. All else (what is refused, was taken
off lately, or belongs to a user who is being changed) is left alone, and None stands for it: it goes through
`bound_wallets` by itself, which knows every answer. So nobody waits here for a user whom somebody else holds.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from hashrail.bitcoin.addresses import AddressInvalidError, parse
from hashrail.books.fence import OpenBooks
from hashrail.custody import bound_wallets
from hashrail.custody.bound_wallets import Others, Terms
from hashrail.db import Tx
from hashrail.deployment import journal
from hashrail.deployment.journal import Kind
from hashrail.events import drafts
from hashrail.parties import users
from hashrail.parties.users import User


class Wish(NamedTuple):
    """An address to be bound: to a user by the partner's own id of them, as it was sent."""

    partner_user_id: str
    address: str


class _Bound(NamedTuple):
    """An address that is new to a user, and from when it may be paid."""

    user: User
    address: str
    usable_at: datetime | None


async def bind(tx: Tx, books: OpenBooks, terms: Terms, wishes: Sequence[Wish]) -> list[bool | None]:
    """Bind the addresses that are plain, as `bound_wallets.bind` binds each; None for those that are left alone."""
    owners = await users.lock_free_named(tx, books.partner_id, sorted({wish.partner_user_id for wish in wishes}))
    active = {name: user for name, user in owners.items() if user.blocked_at is None}
    known = await _known(tx, books.partner_id, [user.id for user in active.values()]) if active else {}
    new: list[_Bound] = []
    outcomes: list[bool | None] = []
    for wish in wishes:
        user, address = active.get(wish.partner_user_id), _checked(wish.address, terms)
        if user is None or address is None:
            outcomes.append(None)
            continue
        of_user = known.setdefault(user.id, {})
        others = Others.beside(address, of_user)
        if others.has_it:
            outcomes.append(False)
        elif others.had_it or others.count >= terms.per_user:
            outcomes.append(None)
        else:
            of_user[address] = True
            new.append(_Bound(user, address, bound_wallets.usable_at(books, terms, others)))
            outcomes.append(True)
    if new:
        await _write(tx, books, new)
    return outcomes


def _checked(text: str, terms: Terms) -> str | None:
    """The address as it is bound; None for what is none, which is told why by itself."""
    try:
        return parse(text, terms.network, field="address").text
    except AddressInvalidError:
        return None


async def _known(tx: Tx, partner_id: int, user_ids: list[int]) -> dict[int, dict[str, bool]]:
    """The addresses of users, and whether each is bound or was taken off lately."""
    rows = await tx.fetch(
        """SELECT user_id, address, true AS is_bound FROM wallet
           WHERE partner_id = $1 AND user_id = ANY ((SELECT $2::bigint[])::bigint[])
           UNION ALL SELECT user_id, address, false FROM wallet_unbound
           WHERE partner_id = $1 AND user_id = ANY ((SELECT $2::bigint[])::bigint[])""",
        partner_id,
        user_ids,
    )
    found: dict[int, dict[str, bool]] = {}
    for row in rows:
        found.setdefault(row["user_id"], {})[row["address"]] = row["is_bound"]
    return found


async def _write(tx: Tx, books: OpenBooks, new: Sequence[_Bound]) -> None:
    """Keep, note and tell them, in the order in which they came."""
    await tx.execute(
        """INSERT INTO wallet (partner_id, user_id, address, created_at, usable_at)
           SELECT e.partner_id, e.user_id, e.address, $5, e.usable_at
           FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[])
                    WITH ORDINALITY AS e (partner_id, user_id, address, usable_at, number)
           ORDER BY e.number""",
        [books.partner_id] * len(new),
        [one.user.id for one in new],
        [one.address for one in new],
        [one.usable_at for one in new],
        books.now,
    )
    whats = [{"user": one.user.partner_user_id, "address": one.address} for one in new]
    await journal.note_all(tx, Kind.WALLET_BOUND, books.partner_id, whats)
    told = [bound_wallets.told(one.user, one.address, one.usable_at) for one in new]
    await drafts.note_all(tx, [(books.partner_id, event) for event in told])
