"""Marks: what an audit has seen, when it found everything in order, so that the next one goes on from there.

A mark is of one life of the server: rows say by its transactions' numbers when they were written, and it counts what is
deleted. After a restart, in books that were restored, on a standby, or on an engine that spreads tables over servers
there is none.
While something is broken there is none either, so that every audit is a whole one until all is in order again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from hashrail import business_clock, clock, db
from hashrail.audit.checks import changes
from hashrail.audit.checks.changes import FAR, Changes, Mark
from hashrail.db import Reader, Row, Tx

# Everything that an invariant reads and the program never deletes, or seldom.
_DELETED = """
    SELECT relname, pg_stat_get_tuples_deleted(oid) + pg_stat_get_xact_tuples_deleted(oid) AS deleted
    FROM pg_class WHERE relname = ANY($1) AND relkind = 'r' AND relnamespace = 'public'::regnamespace"""
_SIZES = """
    SELECT relname FROM pg_class
    WHERE relname = ANY($1) AND relkind = 'r' AND relnamespace = 'public'::regnamespace
    ORDER BY pg_relation_size(oid) DESC, relname"""
# A crash begins the statistics anew without ending the server.
_SERVER = """
    SELECT concat_ws(' ', pg_postmaster_start_time(), (SELECT stats_reset FROM pg_stat_bgwriter),
                     (SELECT oid FROM pg_database WHERE datname = current_database()))
    WHERE NOT pg_is_in_recovery() AND NOT (SELECT count(*) > 0 FROM pg_extension WHERE extname = 'citus')"""
_STANDING = """
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon,
           pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS ahead,
           (SELECT published_through FROM publication WHERE id = 1) AS published_through,
           (SELECT coalesce(max(id), 0) FROM rate_class) AS newest_class"""

_KEEP_WHOLE = f"""
    INSERT INTO audit_mark (id, horizon, business_day, published_through, newest_class, server, deleted, taken_at,
                            whole_at)
    SELECT 1, $1, $2, $3, $4, $5, $6, t.now, t.now FROM (SELECT {clock.DATABASE_NOW} AS now) AS t
    ON CONFLICT (id) DO UPDATE
    SET horizon = excluded.horizon, business_day = excluded.business_day, server = excluded.server,
        published_through = excluded.published_through, newest_class = excluded.newest_class,
        deleted = excluded.deleted, taken_at = excluded.taken_at, whole_at = excluded.whole_at"""  # noqa: S608
# Who found something meanwhile has taken the mark away, and it stays away.
_KEEP_SINCE = f"""
    UPDATE audit_mark
    SET horizon = $1, business_day = $2, published_through = $3, newest_class = $4, server = $5, deleted = $6,
        taken_at = {clock.DATABASE_NOW}
    WHERE id = 1 AND horizon = $7 AND server = $8 RETURNING true"""  # noqa: S608


@dataclass(frozen=True, slots=True)
class Before:
    """What has to be read before the snapshot of an audit: which server it is, and how many rows it had deleted."""

    server: str | None
    deleted: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Standing:
    """A mark as an audit finds it: since when it is, and when everything was looked at last."""

    mark: Mark
    taken_at: datetime
    whole_at: datetime


async def before(reader: Reader) -> Before:
    """To be asked before the snapshot of an audit, which then has seen every deletion that is counted here."""
    rows = await reader.fetch(_DELETED, list(changes.tables()))
    return Before(await reader.fetchval(_SERVER), {row["relname"]: row["deleted"] for row in rows})


async def find(reader: Reader) -> Standing | None:
    """The mark that there is, of whatever server."""
    row = await reader.fetchrow(
        """SELECT horizon, business_day, published_through, newest_class, server, deleted, taken_at, whole_at
           FROM audit_mark WHERE id = 1"""
    )
    return None if row is None else _read(row)


async def whole_is_due(reader: Reader, every: timedelta) -> bool:
    """Whether everything was looked at longer ago than so, or never, or something was broken since."""
    recent = await reader.fetchval(
        f"SELECT count(*) FROM audit_mark WHERE whole_at > {clock.DATABASE_NOW} - $1::interval",  # noqa: S608
        every,
    )
    return not recent


async def since(tx: Tx, seen: Before) -> Changes | None:
    """What was written since the mark; None where there is none that holds here and now.

    `tx` is the audit's snapshot. What it has deleted itself counts as well.
    """
    found = await find(tx)
    if found is None or seen.server != found.mark.server:
        return None
    ahead: int = await tx.fetchval("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    if not 0 <= ahead - found.mark.horizon < FAR or clock.day_of(await business_clock.now(tx)) < found.mark.day:
        return None
    now = {row["relname"]: row["deleted"] for row in await tx.fetch(_DELETED, list(changes.tables()))}
    gone = {name for name, count in now.items() if max(count, seen.deleted[name]) != found.mark.deleted.get(name)}
    return Changes(tx, found.mark, frozenset(gone))


async def largest_first(reader: Reader) -> list[str]:
    """The tables that are looked at by their changes, in the order to begin with them side by side."""
    rows = await reader.fetch(_SIZES, list(changes.tables()))
    return [row["relname"] for row in rows]


async def take(tx: Tx, seen: Before) -> Mark | None:
    """The mark of an audit's snapshot, to be kept if everything is in order; None where there can be none."""
    if seen.server is None:
        return None
    row = await tx.fetchrow(_STANDING)
    assert row is not None, "one row is asked for"
    return Mark(
        horizon=row["horizon"],
        day=clock.day_of(await business_clock.now(tx)),
        published_through=row["published_through"] or date.min,
        newest_class=row["newest_class"],
        server=seen.server,
        deleted=seen.deleted,
    )


async def sums(tx: Tx) -> tuple[list[Row], list[Row]]:
    """What an audit's snapshot has of partners and of the sums of their accounts beyond what is kept of them."""
    days = await tx.fetch(
        """SELECT p.partner_id, p.closed_through FROM partner_day p
           LEFT JOIN audited_partner a ON a.partner_id = p.partner_id
           WHERE a.partner_id IS NULL OR a.closed_through IS DISTINCT FROM p.closed_through"""
    )
    accounts = await tx.fetch(
        """SELECT c.partner_id, c.account_id, c.through_seq, c.debits, c.credits FROM account_checkpoint c
           LEFT JOIN audited_account a ON a.partner_id = c.partner_id AND a.account_id = c.account_id
           WHERE a.partner_id IS NULL
              OR (a.through_seq, a.debits, a.credits) IS DISTINCT FROM (c.through_seq, c.debits, c.credits)"""
    )
    return days, accounts


async def keep(pool: db.Pool, mark: Mark, found: tuple[list[Row], list[Row]], *, since: Mark | None) -> None:
    """Keep the mark of an audit that found everything in order, whole or `since` a mark that still is the newest."""
    days, accounts = found
    figures = (mark.horizon, mark.day, mark.published_through, mark.newest_class, mark.server)
    deleted = json.dumps(dict(mark.deleted))
    async with db.transaction(pool) as tx:
        if since is None:
            await tx.execute(_KEEP_WHOLE, *figures, deleted)
        elif await tx.fetchval(_KEEP_SINCE, *figures, deleted, since.horizon, since.server) is None:
            return
        await tx.executemany(
            """INSERT INTO audited_partner (partner_id, closed_through) VALUES ($1, $2)
               ON CONFLICT (partner_id) DO UPDATE SET closed_through = excluded.closed_through""",
            [tuple(row.values()) for row in days],
        )
        await tx.executemany(
            """INSERT INTO audited_account (partner_id, account_id, through_seq, debits, credits)
               VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (partner_id, account_id) DO UPDATE
               SET through_seq = excluded.through_seq, debits = excluded.debits, credits = excluded.credits""",
            [tuple(row.values()) for row in accounts],
        )


async def forget(pool: db.Pool) -> None:
    """Something is broken: the next audit is a whole one."""
    await pool.execute("DELETE FROM audit_mark")


def _read(row: Row) -> Standing:
    mark = Mark(
        horizon=row["horizon"],
        day=row["business_day"],
        published_through=row["published_through"] or date.min,
        newest_class=row["newest_class"],
        server=row["server"],
        deleted=json.loads(row["deleted"]),
    )
    return Standing(mark, row["taken_at"], row["whole_at"])
