"""Orders of one partner that came together: created, or told to be paid, by statements about all of them.

What is plain is done here. All else (what is refused, came before, is late, or belongs to a user who is being changed)
is left alone, and None stands for it: it goes through `orders` by itself, which knows every answer. So nobody waits
here for a user or an order that somebody else holds.

A limit that they pass together is refused when all are written. Then the transaction is rolled back, and each goes by
itself.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from hashrail.books import transfer_sets
from hashrail.books.chart import Account, TransferKind
from hashrail.books.fence import OpenBooks
from hashrail.books.transfer_sets import Reserved
from hashrail.db import Row, Tx, record
from hashrail.events import drafts
from hashrail.events.types.orders import OrderCreated
from hashrail.parties import users
from hashrail.parties.users import User
from hashrail.rewards import stints
from hashrail.rewards.stints import NewMiner
from hashrail.selling import capacity, miners, orders
from hashrail.selling.orders import OPEN_SHARE, Order


class Wish(NamedTuple):
    """An order to be created: for a user, of an offer, under the partner's own id."""

    user_id: int
    collection_id: int
    external_id: str


class Notice(NamedTuple):
    """That an order was paid, as the partner tells it."""

    external_id: str
    user_id: int


async def create(
    tx: Tx, books: OpenBooks, wishes: Sequence[Wish], *, ttl: timedelta, open_share: Decimal = OPEN_SHARE
) -> list[Order | None]:
    """Open the orders that are plain, as `orders.create` opens each; None for those that are left alone.

    Those that come first have what is left of the credit and of the capacity. Raises CreditLimitError,
    CapacityExceededError, CapacityPromisedError where another process was quicker.
    """
    chosen = await _fitting(tx, books.partner_id, wishes, await _terms(tx, books.partner_id, wishes), open_share)
    if not chosen:
        return [None] * len(wishes)
    opened = await _open(tx, books, [(wishes[number], terms) for number, terms in chosen.items()], books.now + ttl)
    made = [opened[wish.external_id] if number in chosen else None for number, wish in enumerate(wishes)]
    done = [order for order in made if order is not None]
    if done:
        told = [(books.partner_id, OrderCreated(**orders.facts(order))) for order in done]
        await drafts.note_all(tx, told)
        if await capacity.commit_capacity(tx, books.partner_id, sum((one.power for one in done), Decimal(0))):
            await capacity.assert_open_orders_bounded(tx, books.partner_id, open_share)
        await transfer_sets.reserve_new(tx, books, [orders.price(order) for order in done])
    return made


async def notify_paid(tx: Tx, books: OpenBooks, notices: Sequence[Notice]) -> list[Order | None]:
    """Issue the miners of orders that are plain, as `orders.notify_paid` issues each; None for those left alone.

    A user whose level changes by several of them is told so once.
    """
    paid = await _waiting(tx, books, notices)
    issued = {order.external_id: order for order in await _issue(tx, books, paid)} if paid else {}
    # One that is told twice at once is done once, and answered by itself the second time.
    return [issued.pop(notice.external_id, None) for notice in notices]


async def _terms(tx: Tx, partner_id: int, wishes: Sequence[Wish]) -> dict[int, Row]:
    """What is sold, by the place of its wish: to users who are active and free, whose rows are locked.

    Beside it stands what is left of the partner's credit, and whether there is a capacity.
    """
    rows = await tx.fetch(
        """SELECT w.number, c.power, c.energy_efficiency, c.value_usd, k.cap_th,
                  a.credit_limit - a.debits_posted + a.credits_posted - a.debits_pending AS left_usd
           FROM unnest($2::bigint[], $3::bigint[]) WITH ORDINALITY AS w (user_id, collection_id, number)
           JOIN app_user u ON u.partner_id = $1 AND u.id = w.user_id
           JOIN collection c ON c.id = w.collection_id
           JOIN account a ON a.partner_id = $1 AND a.id = $4
           CROSS JOIN (SELECT cap_th FROM capacity WHERE id = 1) k
           WHERE u.blocked_at IS NULL AND c.active AND c.value_usd IS NOT NULL
           FOR NO KEY UPDATE OF u SKIP LOCKED""",
        partner_id,
        [wish.user_id for wish in wishes],
        [wish.collection_id for wish in wishes],
        Account.PARTNER_RECEIVABLE.value,
    )
    return {row["number"] - 1: row for row in rows}


async def _fitting(
    tx: Tx, partner_id: int, wishes: Sequence[Wish], terms: dict[int, Row], open_share: Decimal
) -> dict[int, Row]:
    """Those that fit into the partner's credit and into the capacity, first come first served.

    Where one does not fit, or depends on how one is answered that is left alone, those behind it are left alone too.
    """
    if not terms:
        return {}
    left_usd, cap_th = next((row["left_usd"], row["cap_th"]) for row in terms.values())
    room = None if cap_th is None else await capacity.room(tx, partner_id, open_share)
    chosen: dict[int, Row] = {}
    opened, doubtful = set(), set()
    for number, wish in enumerate(wishes):
        one = terms.get(number)
        if one is None:
            doubtful.add(wish.external_id)
        elif wish.external_id not in opened:
            left_usd -= one["value_usd"]
            if wish.external_id in doubtful or left_usd < 0 or not (room is None or room.take(one["power"])):
                break
            opened.add(wish.external_id)
            chosen[number] = one
    return chosen


async def _open(
    tx: Tx, books: OpenBooks, chosen: Sequence[tuple[Wish, Row]], expires_at: datetime
) -> dict[str, Order | None]:
    """Write the orders; None where the partner has one by that external id.

    They are written in the order of these ids, so that two who write several of the same do not wait for one another.
    """
    rows = await tx.fetch(
        """INSERT INTO purchase (partner_id, external_id, user_id, collection_id, power, energy_efficiency,
                                 value_usd, state, created_at, expires_at)
           SELECT e.partner_id, e.external_id, e.user_id, e.collection_id, e.power, e.energy_efficiency,
                  e.value_usd, 'created', $8, $9
           FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::numeric[], $6::numeric[],
                       $7::numeric[])
                    AS e (partner_id, external_id, user_id, collection_id, power, energy_efficiency, value_usd)
           ORDER BY e.external_id
           ON CONFLICT (partner_id, external_id) DO NOTHING
           RETURNING id, external_id, user_id, collection_id, power, energy_efficiency, value_usd, state, attempt,
                     created_at, expires_at, paid_at, miner_id""",
        [books.partner_id] * len(chosen),
        [wish.external_id for wish, _ in chosen],
        [wish.user_id for wish, _ in chosen],
        [wish.collection_id for wish, _ in chosen],
        [terms["power"] for _, terms in chosen],
        [terms["energy_efficiency"] for _, terms in chosen],
        [terms["value_usd"] for _, terms in chosen],
        books.now,
        expires_at,
    )
    opened: dict[str, Order | None] = {wish.external_id: None for wish, _ in chosen}
    return opened | {row["external_id"]: record(Order, row) for row in rows}


async def _waiting(tx: Tx, books: OpenBooks, notices: Sequence[Notice]) -> list[tuple[Order, User]]:
    """The orders that wait to be paid, and their users, who are active: those that nobody else has locked.

    Of notices of one order the first one counts, and one that is late does not.
    """
    rows = await tx.fetch(
        f"""{orders.READ} WHERE partner_id = $1 AND external_id = ANY($2) AND state = 'created' AND expires_at > $3
           ORDER BY id FOR UPDATE SKIP LOCKED""",
        books.partner_id,
        [notice.external_id for notice in notices],
        books.now,
    )
    whose = {notice.external_id: notice.user_id for notice in reversed(notices)}
    found = [order for order in (record(Order, row) for row in rows) if order.user_id == whose[order.external_id]]
    buyers = await users.lock_free(tx, books.partner_id, sorted({order.user_id for order in found}))
    return [
        (order, buyers[order.user_id])
        for order in found
        if order.user_id in buyers and buyers[order.user_id].blocked_at is None
    ]


async def _issue(tx: Tx, books: OpenBooks, paid: Sequence[tuple[Order, User]]) -> list[Order]:
    """Make the miners, tell of them, let them earn and post what is owed for them."""
    wanted = [(one.user_id, orders.miner_name(one), one.power, one.energy_efficiency) for one, _ in paid]
    ids = await miners.create_all(tx, books.partner_id, wanted, at=books.now)
    issued = [
        replace(one, state="issued", paid_at=books.now, miner_id=miner_id)
        for (one, _), miner_id in zip(paid, ids, strict=True)
    ]
    await tx.execute(
        """UPDATE purchase o SET state = 'issued', paid_at = $4, miner_id = e.miner_id
           FROM unnest($2::bigint[], $3::bigint[]) AS e (id, miner_id)
           WHERE o.partner_id = $1 AND o.id = e.id""",
        books.partner_id,
        [one.id for one in issued],
        ids,
        books.now,
    )
    told = [event for one, number in zip(issued, ids, strict=True) for event in orders.issued_as(one, number)]
    await drafts.note_all(tx, [(books.partner_id, event) for event in told])
    begun = [
        NewMiner(number, one.user_id, one.power, one.energy_efficiency) for one, number in zip(issued, ids, strict=True)
    ]
    await stints.begin(tx, books, begun, {buyer.id: buyer for _, buyer in paid})
    prices = [Reserved(TransferKind.PURCHASE, one.id, one.attempt) for one in issued]
    posted = await transfer_sets.post_reserved(tx, books, prices)
    assert posted == len(issued), "what waits to be paid is reserved"
    return issued
