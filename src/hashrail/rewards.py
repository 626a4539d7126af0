"""Rewards: stints, the close of a partner's day, and settling a user.

A **stint** is one miner in one owner's hands with constant power in one rate class: `[from_day, to_day)`. Whatever
changes a miner, its owner's level or his programmes calls `sync_stints`, which ends stints and begins others from
the next UTC day; changes of one day collapse into one.

**Closing a day for partners** posts the day's control total (class power x net, summed over classes) from pool
receivable to income control, and electricity and service to revenue. Days close in order, once, all or nothing.

**Settling a user** moves his income up to the last closed day from income control to his BTC account, in the same
transaction as whatever needs it.

Accounts touched: pool receivable, income control, electricity and service revenue, users' BTC.
"""

from collections import defaultdict
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from hashrail import business_clock, clock, day_fence, discounts, ledger, rate_classes, users
from hashrail.day_fence import OpenDay
from hashrail.db import Row, Tx
from hashrail.ledger import Chart, Kind, Transfer

ZERO = Decimal(0)


async def sync_stints(
    tx: Tx,
    day: OpenDay,
    user_ids: list[int],
    *,
    miner_ids: list[int] | None = None,
) -> int:
    """Make stints agree with miners, levels and programmes of these users, from the next day on.

    `miner_ids` are the miners that changed; None means every miner of the users. A changed level counts for all of
    a user's miners in any case. Answers how many stints were written. Locks the users.
    """
    locked = await users.lock(tx, day.partner_id, sorted(set(user_ids)))
    # The clock is read once more: whoever had these users before us may have begun stints of a later day than ours.
    day = replace(day, now=await business_clock.now(tx))
    changed: list[Row] = []
    for user in locked.values():
        total, programmes = await _standing(tx, day.partner_id, user.id)
        level = await discounts.level_of(tx, total)
        only = miner_ids
        if level != user.level_discount:
            only = None
            await tx.execute(
                "UPDATE app_user SET level_discount = $3 WHERE partner_id = $1 AND id = $2",
                day.partner_id,
                user.id,
                level,
            )
        classes = await _classes(tx, day, user.id, only, level, programmes)
        changed += await _differences(tx, day.partner_id, user.id, only, classes)
    await _write_stints(tx, day, changed)
    return len(changed)


async def close_day(tx: Tx, partner_ids: list[int], day: date, *, at: datetime) -> int:
    """Close a published day for those of the partners whose next day it is; answers how many were closed.

    Holds their fences. A partner that is ahead is left alone (it is closed), one that is behind too.
    """
    held = await day_fence.hold(tx, partner_ids)
    first_day = await tx.fetchval("SELECT first_day FROM publication WHERE id = 1 AND published_through >= $1", day)
    assert first_day is not None, "only a published day can be closed"
    due = [partner for partner, through in held.items() if day == _next_to_close(through, first_day)]
    if not due:
        return 0
    # The first close takes up what was bought before any day was published; later ones read their own day's deltas.
    since = date.min if day == first_day else day
    await tx.execute(
        """INSERT INTO class_power (partner_id, class_id, power)
           SELECT d.partner_id, d.class_id, coalesce(max(c.power), 0) + sum(d.power)
           FROM class_power_delta d
           LEFT JOIN class_power c ON c.partner_id = d.partner_id AND c.class_id = d.class_id
           WHERE d.partner_id = ANY($1) AND d.day BETWEEN $2 AND $3
           GROUP BY d.partner_id, d.class_id
           ON CONFLICT (partner_id, class_id) DO UPDATE SET power = excluded.power""",
        due,
        since,
        day,
    )
    await tx.execute("DELETE FROM class_power WHERE partner_id = ANY($1) AND power = 0", due)
    transfers = [*await _day_transfers(tx, due, day), *await _adjustment_transfers(tx, due, day)]
    await ledger.post_control(tx, at, transfers)
    await tx.execute("UPDATE partner_day SET closed_through = $2 WHERE partner_id = ANY($1)", due, day)
    return len(due)


async def settle(tx: Tx, day: OpenDay, user_id: int) -> Decimal:
    """Move a user's income up to the last closed day to his BTC account; answers what moved (BTC, signed).

    A negative sum (adjustments took more than he earned) waits until he has enough. Locks the user.
    """
    user = (await users.lock(tx, day.partner_id, [user_id]))[user_id]
    through = day.closed_through
    if through is None or (user.settled_through is not None and user.settled_through >= through):
        return ZERO
    amount = await income_between(tx, day.partner_id, user_id, after=user.settled_through, through=through)
    account = await ledger.user_account(tx, day.partner_id, user_id, "BTC")
    if amount < 0:
        held = next(b for b in await ledger.balances_of_user(tx, day.partner_id, user_id) if b.account_id == account)
        if held.spendable + amount < 0:
            return ZERO
        await ledger.post(tx, day, _settlement(user_id, through, account, int(Chart.INCOME_CONTROL), -amount))
    elif amount > 0:
        await ledger.post(tx, day, _settlement(user_id, through, int(Chart.INCOME_CONTROL), account, amount))
    await tx.execute(
        "UPDATE app_user SET settled_through = $3 WHERE partner_id = $1 AND id = $2",
        day.partner_id,
        user_id,
        through,
    )
    return amount


async def income_between(tx: Tx, partner_id: int, user_id: int, *, after: date | None, through: date) -> Decimal:
    """A user's net income (BTC) credited for days after `after` up to `through`, adjustments included.

    Cost: two look-ups a stint, however many days. They are subqueries, since as joins they would tempt the planner to
    read every class's every day for a user with many stints.
    """
    total: Decimal = await tx.fetchval(
        """SELECT coalesce((
               SELECT sum(s.power * (
                          (SELECT net_sum FROM class_day hi WHERE hi.class_id = s.class_id AND hi.day = span.last)
                          - (SELECT net_sum - net FROM class_day lo
                             WHERE lo.class_id = s.class_id AND lo.day = span.first)))
               FROM stint s JOIN rate_class c ON c.id = s.class_id
               CROSS JOIN LATERAL (SELECT greatest(s.from_day, $3::date + 1, c.first_day) AS first,
                                          least(s.to_day - 1, $4::date) AS last) AS span
               WHERE s.partner_id = $1 AND s.user_id = $2 AND span.first <= span.last), 0)
           + coalesce((
               SELECT sum(s.power * d.net)
               FROM adjustment a JOIN stint s ON s.from_day <= a.day AND (s.to_day IS NULL OR s.to_day > a.day)
               JOIN class_adjustment d ON d.adjustment_id = a.id AND d.class_id = s.class_id
               WHERE a.effective_day > coalesce($3::date, '-infinity') AND a.effective_day <= $4::date
                 AND s.partner_id = $1 AND s.user_id = $2), 0)""",
        partner_id,
        user_id,
        after,
        through,
    )
    return total


async def unsettled(tx: Tx, partner_id: int, user_id: int) -> Decimal:
    """A user's income (BTC) that is credited and not settled yet. Read it in one snapshot with his balance."""
    row = await tx.fetchrow(
        """SELECT u.settled_through, p.closed_through FROM app_user u JOIN partner_day p ON p.partner_id = u.partner_id
           WHERE u.partner_id = $1 AND u.id = $2""",
        partner_id,
        user_id,
    )
    if row is None or row["closed_through"] is None:
        return ZERO
    return await income_between(tx, partner_id, user_id, after=row["settled_through"], through=row["closed_through"])


async def balance_at(tx: Tx, partner_id: int, user_id: int, moment: datetime) -> Decimal:
    """A user's BTC at a past moment: what was posted by then and the income that was credited and unsettled then."""
    account = await ledger.user_account(tx, partner_id, user_id, "BTC")
    posted = await ledger.balance_at(tx, partner_id, account, moment)
    settled_leg = await tx.fetchval(
        """SELECT max(leg) FROM transfer WHERE partner_id = $1 AND kind = 'settlement' AND object_id = $2
           AND resolved_at <= $3""",
        partner_id,
        user_id,
        moment,
    )
    closed = await tx.fetchval("SELECT closed_through FROM partner_day WHERE partner_id = $1", partner_id)
    if closed is None:
        return posted
    through = min(closed, clock.last_creditable_day(moment))
    after = None if settled_leg is None else date.fromordinal(settled_leg)
    return posted + await income_between(tx, partner_id, user_id, after=after, through=through)


async def _standing(tx: Tx, partner_id: int, user_id: int) -> tuple[Decimal, list[int]]:
    """A locked user's total TH and his programmes."""
    row = await tx.fetchrow(
        """SELECT (SELECT coalesce(sum(power), 0) FROM miner WHERE partner_id = $1 AND user_id = $2) AS total,
                  ARRAY(SELECT programme_id FROM user_programme WHERE partner_id = $1 AND user_id = $2
                        ORDER BY programme_id) AS programmes""",
        partner_id,
        user_id,
    )
    assert row is not None
    return row["total"], row["programmes"]


async def _classes(
    tx: Tx, day: OpenDay, user_id: int, miner_ids: list[int] | None, level: Decimal, programmes: list[int]
) -> dict[Decimal, int]:
    """The rate class of each efficiency among the miners in question."""
    rows = await tx.fetch(
        """SELECT DISTINCT energy_efficiency FROM miner
           WHERE partner_id = $1 AND user_id = $2 AND ($3::bigint[] IS NULL OR id = ANY($3)) ORDER BY 1""",
        day.partner_id,
        user_id,
        miner_ids,
    )
    return {
        row["energy_efficiency"]: await rate_classes.ensure(
            tx,
            energy_efficiency=row["energy_efficiency"],
            level_discount=level,
            programmes=programmes,
            from_day=day.next_day,
        )
        for row in rows
    }


async def _differences(
    tx: Tx, partner_id: int, user_id: int, miner_ids: list[int] | None, classes: dict[Decimal, int]
) -> list[Row]:
    """The user's miners whose open stint is missing or is not what it should be, with both sides."""
    return await tx.fetch(
        """SELECT m.id AS miner_id, m.user_id, m.power, k.class_id,
                  s.id AS stint_id, s.from_day, s.power AS old_power, s.class_id AS old_class_id
           FROM miner m
           JOIN unnest($4::numeric[], $5::bigint[]) AS k (energy_efficiency, class_id)
             ON k.energy_efficiency = m.energy_efficiency
           LEFT JOIN stint s ON s.partner_id = m.partner_id AND s.miner_id = m.id AND s.to_day IS NULL
           WHERE m.partner_id = $1 AND m.user_id = $2 AND ($3::bigint[] IS NULL OR m.id = ANY($3))
             AND (s.id IS NULL OR s.user_id <> m.user_id OR s.power <> m.power OR s.class_id <> k.class_id)
           ORDER BY m.id""",
        partner_id,
        user_id,
        miner_ids,
        list(classes),
        list(classes.values()),
    )


async def _write_stints(tx: Tx, day: OpenDay, changed: list[Row]) -> None:
    """End, replace and begin stints, and keep the class power deltas of the next day in step."""
    from_day = day.next_day
    not_begun = [row for row in changed if row["stint_id"] is not None and row["from_day"] >= from_day]
    ending = [row["stint_id"] for row in changed if row["stint_id"] is not None and row["from_day"] < from_day]
    beginning = [row for row in changed if row["stint_id"] is None or row["from_day"] < from_day]
    assert all(row["from_day"] == from_day for row in not_begun), "a stint begins later than tomorrow"
    await tx.execute(
        "UPDATE stint SET to_day = $3 WHERE partner_id = $1 AND id = ANY($2)", day.partner_id, ending, from_day
    )
    await tx.executemany(
        "UPDATE stint SET user_id = $3, class_id = $4, power = $5 WHERE partner_id = $1 AND id = $2",
        [(day.partner_id, r["stint_id"], r["user_id"], r["class_id"], r["power"]) for r in not_begun],
    )
    await tx.executemany(
        """INSERT INTO stint (partner_id, miner_id, user_id, class_id, power, from_day)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        [(day.partner_id, r["miner_id"], r["user_id"], r["class_id"], r["power"], from_day) for r in beginning],
    )
    deltas: dict[int, Decimal] = defaultdict(Decimal)
    for row in changed:
        deltas[row["class_id"]] += row["power"]
        if row["stint_id"] is not None:
            deltas[row["old_class_id"]] -= row["old_power"]
    await tx.executemany(
        """INSERT INTO class_power_delta AS old (partner_id, day, class_id, power) VALUES ($1, $2, $3, $4)
           ON CONFLICT (partner_id, day, class_id) DO UPDATE SET power = old.power + excluded.power""",
        [(day.partner_id, from_day, class_id, power) for class_id, power in sorted(deltas.items()) if power != 0],
    )


def _next_to_close(closed_through: date | None, first_day: date) -> date:
    """The day that a partner closes next: never one before the first published day."""
    return first_day if closed_through is None else closed_through + clock.ONE_DAY


async def _day_transfers(tx: Tx, partner_ids: list[int], day: date) -> list[tuple[int, Transfer]]:
    """The control postings of a day: net to the users' control account, costs to revenue."""
    rows = await tx.fetch(
        """SELECT p.partner_id, sum(p.power * d.c1) AS c1, sum(p.power * d.c2) AS c2, sum(p.power * d.net) AS net,
                  count(*) - count(d.class_id) AS missing
           FROM class_power p LEFT JOIN class_day d ON d.day = $2 AND d.class_id = p.class_id
           WHERE p.partner_id = ANY($1) GROUP BY p.partner_id""",
        partner_ids,
        day,
    )
    transfers = []
    for row in rows:
        assert row["missing"] == 0, f"partner {row['partner_id']} has power in classes without rates for {day}"
        transfers += _postings(row["partner_id"], Kind.DAY, day.toordinal(), row)
    return transfers


async def _adjustment_transfers(tx: Tx, partner_ids: list[int], day: date) -> list[tuple[int, Transfer]]:
    """The control postings of the adjustments that are credited with `day`, for the power of the adjusted days."""
    rows = await tx.fetch(
        """SELECT a.id, s.partner_id, sum(s.power * d.c1) AS c1, sum(s.power * d.c2) AS c2, sum(s.power * d.net) AS net
           FROM adjustment a
           JOIN stint s ON s.partner_id = ANY($1) AND s.from_day <= a.day AND (s.to_day IS NULL OR s.to_day > a.day)
           JOIN class_adjustment d ON d.adjustment_id = a.id AND d.class_id = s.class_id
           WHERE a.effective_day = $2 GROUP BY a.id, s.partner_id""",
        partner_ids,
        day,
    )
    return [transfer for row in rows for transfer in _postings(row["partner_id"], Kind.ADJUSTMENT, row["id"], row)]


def _postings(partner_id: int, kind: Kind, object_id: int, sums: Row) -> list[tuple[int, Transfer]]:
    """Legs 1 net, 2 electricity, 3 service, from the pool's receivable; a negative sum goes back to it."""
    legs = (
        (1, Chart.INCOME_CONTROL, sums["net"]),
        (2, Chart.ELECTRICITY_REVENUE, sums["c1"]),
        (3, Chart.SERVICE_REVENUE, sums["c2"]),
    )
    transfers = []
    for leg, account, amount in legs:
        if amount > 0:
            transfers.append((partner_id, Transfer(kind, object_id, leg, Chart.POOL_RECEIVABLE, account, amount)))
        elif amount < 0:
            transfers.append((partner_id, Transfer(kind, object_id, leg, account, Chart.POOL_RECEIVABLE, -amount)))
    return transfers


def _settlement(user_id: int, through: date, debit: int, credit: int, amount: Decimal) -> Transfer:
    return Transfer(Kind.SETTLEMENT, user_id, through.toordinal(), debit, credit, amount)
