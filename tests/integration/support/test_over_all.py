"""Lists over all partners, against what a look at every row finds: each filter, pages one after the other, counts."""

import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal

import pytest

from hashrail import db
from hashrail.support import over_all
from hashrail.support.over_all import Filter, Noun
from tests.support.books import deployment as opened_world
from tests.support.world import START, World

ADDRESSES = ("bcrt1qfirst", "bcrt1qsecond", "bcrt1qthird")
HOUR = dt.timedelta(hours=1)
COUNT = 40
# By the number of a row, so that every filter parts them otherwise.
WITHDRAWALS = """
    INSERT INTO withdrawal (partner_id, user_id, speed, address, amount_btc, commission_btc, state, batch_id,
                            needs_approval, created_at, changed_at)
    SELECT $1, ($2::bigint[])[1 + n % 2], (ARRAY['fast', 'daily'])[1 + n / 2 % 2], ($3::text[])[1 + n % 3],
           (1 + n % 7)::numeric / 1000, 0, (ARRAY['queued', 'signed', 'final', 'cancelled'])[1 + n % 4],
           CASE WHEN n % 4 IN (1, 2) THEN 1 + n / 7 % 3 END, false, $4::timestamptz + n / 2 * interval '1 hour', $4
    FROM generate_series(0, $5 - 1) n"""
DEPOSITS = """
    INSERT INTO deposit (partner_id, user_id, address, txid, vout, amount_btc, state, confirmations, coinbase,
                         created_at)
    SELECT $1, ($2::bigint[])[1 + n % 2], $1::bigint || ($3::text[])[1 + n % 2], repeat('ab', 32), n,
           (1 + n % 7)::numeric / 1000, (ARRAY['pending', 'gone'])[1 + n / 2 % 2], 0, false,
           $4::timestamptz + n / 2 * interval '1 hour'
    FROM generate_series(0, $5 - 1) n"""
ADDRESSES_OF_USERS = """
    INSERT INTO deposit_address (address, partner_id, user_id, given, created_at)
    SELECT $1::bigint || ($3::text[])[n], $1, ($2::bigint[])[n], true, $4 FROM generate_series(1, 2) n"""
SHOWN = """
    SELECT w.partner_id, w.id, w.user_id, w.speed, w.address, w.amount_btc, w.created_at,
           CASE WHEN w.state <> 'signed' THEN w.state
                ELSE (ARRAY['signed', 'broadcast', 'confirmed'])[w.batch_id] END AS state
    FROM withdrawal w"""
BATCH = """
    INSERT INTO payout_batch (kind, state, most_fee_btc, created_at, changed_at, txid, block_hash, confirmations)
    VALUES ('fast', $1, 1, now(), now(), $2, $2, $3)"""
NEW_USER = "INSERT INTO app_user (partner_id, partner_user_id, created_at) VALUES ($1, $2, $3) RETURNING id"
ARRIVED = "SELECT partner_id, id, user_id, NULL AS speed, address, amount_btc, created_at, state FROM deposit"


@dataclass(frozen=True)
class Written:
    """Two partners, each with two users of the same names, and everything that was written."""

    world: World
    partners: list[int]
    users: list[over_all.Number]
    rows: dict[Noun, list[db.Row]]


@pytest.fixture(scope="module")
async def written(server: str, template: str) -> AsyncIterator[Written]:
    async with opened_world(server, template) as world:
        pool, users, partners = world.pool, [], [world.partner.id, (await world.another_partner("second")).partner.id]
        for state in ("signed", "broadcast", "confirmed"):
            confirmed = state == "confirmed"
            await pool.execute(BATCH, state, "ab" * 32 if confirmed else None, int(confirmed))
        for partner in partners:
            own = [await pool.fetchval(NEW_USER, partner, name, START) for name in ("alice", "bob")]
            users += [(partner, user) for user in own]
            await pool.execute(ADDRESSES_OF_USERS, partner, own, list(ADDRESSES), START)
            for statement in (WITHDRAWALS, DEPOSITS):
                await pool.execute(statement, partner, own, list(ADDRESSES), START, COUNT)
        rows: dict[Noun, list[db.Row]] = {"withdrawal": await pool.fetch(SHOWN), "deposit": await pool.fetch(ARRIVED)}
        yield Written(world, partners, users, rows)


def is_like(row: db.Row, wanted: Filter) -> bool:
    """Whether a row is one that is asked for."""
    return (
        wanted.partner_id in (None, row["partner_id"])
        and (wanted.owners is None or (row["partner_id"], row["user_id"]) in wanted.owners)
        and wanted.speed in (None, row["speed"])
        and wanted.address in (None, row["address"])
        and (wanted.least_btc is None or row["amount_btc"] >= wanted.least_btc)
        and (wanted.most_btc is None or row["amount_btc"] <= wanted.most_btc)
        and (wanted.since is None or row["created_at"] >= wanted.since)
        and (wanted.until is None or row["created_at"] < wanted.until)
    )


FILTERS = [
    Filter(),
    Filter(partner_id=1),
    Filter(state="queued"),
    Filter(state="signed", speed="fast"),
    Filter(state="broadcast"),
    Filter(state="confirmed"),
    Filter(state="final", least_btc=Decimal("0.003"), most_btc=Decimal("0.005")),
    Filter(state="gone", partner_id=1),
    Filter(address=ADDRESSES[1]),
    Filter(address=f"1{ADDRESSES[1]}"),
    Filter(since=START + 3 * HOUR, until=START + 9 * HOUR),
    Filter(owners=[]),
]


@pytest.mark.parametrize("noun", ["withdrawal", "deposit"])
async def test_a_list_is_what_a_look_at_every_row_finds(written: Written, noun: Noun) -> None:
    """With every filter: page by page, none twice and none left out, and how many there are of each state."""
    for wanted in FILTERS:
        like = [row for row in written.rows[noun] if is_like(row, wanted)]
        found = [row for row in like if wanted.state in (None, row["state"])]
        found.sort(key=lambda row: (row["created_at"], row["id"]), reverse=True)
        # A deposit has no speed.
        if noun == "withdrawal" or wanted.speed is None:
            pages, counted = await listed(written, noun, wanted)
            assert pages == [(row["partner_id"], row["id"]) for row in found], wanted
            assert counted == Counter(row["state"] for row in like), wanted


async def listed(written: Written, noun: Noun, wanted: Filter) -> tuple[list[over_all.Number], dict[str, int]]:
    """All pages, and the counts."""
    pages, after = list[over_all.Number](), None
    async with db.snapshot(written.world.pool) as tx:
        while page := await over_all.newest(tx, noun, wanted, written.partners, limit=7, after=after):
            pages += [(each.partner_id, each.id) for each in page]
            after = pages[-1]
        return pages, await over_all.counts(tx, noun, wanted, written.partners)


async def test_users_are_named_over_all_partners(written: Written) -> None:
    """By the name that several partners may have given, and by number; one of a thousand digits names nobody."""
    pool, (first, second) = written.world.pool, written.partners
    both = [each for number, each in enumerate(written.users) if number % 2 == 0]
    assert await over_all.owners(pool, "alice") == both
    assert await over_all.owners(pool, "alice", second) == both[1:]
    assert await over_all.owners(pool, str(both[0][1]), first) == both[:1]
    for nobody in ("carol", "a\0", "9" * 1000, str(both[0][1] + 4711)):
        assert await over_all.owners(pool, nobody) == []
    async with db.snapshot(pool) as tx:
        found = await over_all.newest(tx, "withdrawal", Filter(owners=both), written.partners, limit=1000)
        assert len(found) == COUNT


async def test_no_more_are_counted_than_are_told(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(over_all, "COUNTED", 5)
    async with db.snapshot(written.world.pool) as tx:
        counted = await over_all.counts(tx, "withdrawal", Filter(), written.partners)
    assert {counted[state] for state in ("queued", "final", "cancelled")} == {6}


async def test_one_that_is_gone_from_the_address_ends_the_list(written: Written) -> None:
    async with db.snapshot(written.world.pool) as tx:
        assert await over_all.newest(tx, "deposit", Filter(), written.partners, limit=5, after=(1, 10**9)) == []
