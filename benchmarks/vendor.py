"""The vendor's whole size in one database: its bytes, every operation, a day, audits, a backup; and how each grows.

Two sizes are built and measured alike, the smaller a part of the larger. What ten times the larger would take follows
from how each figure grew between them, and not from a guess.
"""

import itertools
import math
import statistics
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
from tests.support.api_client import CONTRACT, KEY_HEADER
from tests.support.good_fields import good

from benchmarks import servers, vendor_dataset
from benchmarks.dataset import Dataset
from benchmarks.load import Connection
from benchmarks.measure import Table, milliseconds, seconds_of
from benchmarks.signed_write import ADDRESS
from benchmarks.stage import Stage
from benchmarks.vendor_dataset import Size
from hashrail import business_clock, clock, db
from hashrail.access import api_keys
from hashrail.access.api_keys import NewKey
from hashrail.audit import auditing, reconciliation_books
from hashrail.bitcoin.records import WalletHistory
from hashrail.books import fence
from hashrail.postgres import dumping
from hashrail.processes import housekeeping
from hashrail.recovery import backup_file, backups
from hashrail.rewards import closing, portfolios, rate_classes, settling
from hashrail.settings import Settings
from hashrail.vault import open_vault
from hashrail_client.signing import sign_body, sign_query

# One of a family of a TON wallet's login is measured by itself.
LEFT_OUT = {"c2s_check_proof"}
# BTC of a withdrawal; others have some satoshi more.
AMOUNT_BTC, SATOSHI = Decimal("0.00005"), Decimal("0.00000001")
WHOLE_SECONDS, SINCE_SECONDS = 60, 2
WHOLE = Size()
# A signed read may be sent once; the client signs a thousandth of a second apart.
WINDOW_MS = 60_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """The larger size, the part of it that is measured before, and how often each operation is called."""

    large: Size = WHOLE
    part: float = 0.1
    calls: int = 200

    def scaled(self, scale: float) -> "Sizes":
        """The same at a part of the vendor's size."""
        return Sizes(self.large.scaled(scale), self.part, self.calls)


@dataclass(slots=True)
class Figures:
    """What one size took: seconds, or bytes, by what it is of."""

    size: Size
    seconds: dict[str, float] = field(default_factory=dict)
    tails: dict[str, float] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    bytes: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Shop:
    """A partner with its key, users of it who own miners, and one connection to the API."""

    pool: db.Pool
    connection: Connection
    key: NewKey
    public_id: str
    offer: int
    owners: list[tuple[int, str, int]]
    tokens: list[str] = field(default_factory=list)
    refreshed: Iterator[str] = field(default_factory=lambda: iter(()))
    orders: list[tuple[int, str]] = field(default_factory=list)
    newest: int = 0


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """Tables of the larger size, and of how it grew from the smaller one."""
    small = await _measured(stage, sizes.large.scaled(sizes.part), sizes.calls)
    large = await _measured(stage, sizes.large, sizes.calls)
    return [_disk(large), _operations(large, sizes), _work(large), _growth(small, large)]


async def _measured(stage: Stage, size: Size, calls: int) -> Figures:
    figures = Figures(size)
    of = f"{size.users:,} users"
    data = stage.folder / f"vendor-{size.users}"
    data.mkdir(exist_ok=True)
    async with stage.database() as dsn:
        pool = await db.open_pool(dsn, connections=4, statement_seconds=3_600)
        began = clock.monotonic()
        made = await vendor_dataset.build(pool, size, lambda what, n, all_: stage.tell(f"{of}: {n}/{all_} {what}"))
        figures.seconds["build"] = clock.monotonic() - began
        await _weigh(pool, figures)
        stage.tell(f"{of}: an audit of everything")
        await _audit(pool, figures, "audit of everything", whole=True)
        async with _open_shop(dsn, data, pool, made, calls) as shop:
            for number, (operation, row) in enumerate(_numbered().items(), start=1):
                stage.tell(f"{of}: operation {number} of {len(_numbered())}, {operation}")
                await _operation(shop, figures, operation, f"#{row} {operation}", calls)
        await _audit(pool, figures, "audit since the last one", whole=False)
        await _a_day(stage, pool, made, figures)
        await _kept(stage, dsn, data, figures)
        await pool.close()
    return figures


def _numbered() -> dict[str, int]:
    """The operations of the published contract that are measured, by number."""
    found = {name: row[0] for name, row in CONTRACT.items() if row[0] is not None and name not in LEFT_OUT}
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


async def _weigh(pool: db.Pool, figures: Figures) -> None:
    rows = await pool.fetch(
        """SELECT relname, n_live_tup AS rows, pg_total_relation_size(relid) AS bytes FROM pg_stat_user_tables
           WHERE schemaname = 'public' AND n_live_tup > 0 ORDER BY bytes DESC"""
    )
    figures.rows = {row["relname"]: row["rows"] for row in rows}
    figures.bytes = {row["relname"]: row["bytes"] for row in rows}


async def _audit(pool: db.Pool, figures: Figures, what: str, *, whole: bool) -> None:
    """An audit as the worker makes one, which has to find everything in order."""
    figures.seconds[f"accounts are summed up before the {what}"] = await seconds_of(
        partial(housekeeping.checkpoint_all, pool)
    )
    made = await auditing.audit(pool, whole=whole)
    assert not made.broken, made.broken
    assert whole == (made.since is None), "there was a mark"
    figures.seconds[what] = made.seconds


@asynccontextmanager
async def _open_shop(dsn: str, data: Path, pool: db.Pool, made: Dataset, calls: int) -> AsyncIterator[Shop]:
    vault = open_vault(data, None)
    partner_id = made.partner_ids[0]
    async with db.transaction(pool) as tx:
        key = await api_keys.create_key(tx, vault, partner_id=partner_id, kind="full")
    rows = await pool.fetch(
        """SELECT u.id, u.partner_user_id, min(m.id) AS miner FROM miner m
           JOIN app_user u ON u.partner_id = m.partner_id AND u.id = m.user_id
           WHERE m.partner_id = $1 GROUP BY u.id, u.partner_user_id HAVING sum(m.power) > 60
           ORDER BY min(m.created_at), u.id LIMIT $2""",
        partner_id,
        calls,
    )
    facts = await pool.fetchrow(
        "SELECT public_id, (SELECT min(id) FROM collection) AS offer FROM partner WHERE id = $1", partner_id
    )
    assert facts is not None, "it was made before"
    async with servers.api(dsn, data, 1) as server:
        connection = await Connection.open(server.port)
        owners = [(row["id"], row["partner_user_id"], row["miner"]) for row in rows]
        shop = Shop(pool, connection, key, facts["public_id"], facts["offer"], owners)
        refreshing = []
        for _, name, _ in owners:
            answer = await _called(shop, "s2s_login", {"partnerUserId": name}, 0)
            shop.tokens.append(answer["jwtToken"])
            refreshing.append(answer["refreshToken"])
        shop.refreshed = itertools.cycle(refreshing)
        yield shop
        await connection.close()


async def _operation(shop: Shop, figures: Figures, operation: str, name: str, calls: int) -> None:
    """The median and the 99th of a hundred of calls in turn, each of another user."""
    taken = []
    for number in range(calls):
        fields = await _fields(shop, operation, number)
        started = clock.monotonic()
        answer = await _called(shop, operation, fields, number)
        taken.append(clock.monotonic() - started)
        if operation == "s2s_payment_create":
            shop.orders.append((fields["userId"], fields["externalId"]))
        elif "refreshToken" in fields:
            shop.refreshed = itertools.chain([answer["refreshToken"]], shop.refreshed)
    figures.seconds[name] = statistics.median(taken)
    figures.tails[name] = sorted(taken)[math.ceil(len(taken) * 0.99) - 1]


async def _fields(shop: Shop, operation: str, number: int) -> dict[str, Any]:
    """What is sent: users, miners and orders in turn, and what the tests send besides."""
    user_id, name, miner = shop.owners[number % len(shop.owners)]
    _, other, _ = shop.owners[(number + 1) % len(shop.owners)]
    today = clock.day_of(clock.wall_now())
    days = {"startDate": f"{today - 30 * clock.ONE_DAY}T00:00:00Z", "endDate": f"{today - clock.ONE_DAY}T00:00:00Z"}
    given: Mapping[str, dict[str, Any]] = {
        "c2s_generate_payload": {"partnerId": shop.public_id},
        "s2s_transfer": {"nftId": miner, "toPartnerUserId": other},
        "s2s_payment_create": {"userId": user_id, "nftCollectionId": shop.offer, "externalId": str(uuid.uuid4())},
        "s2s_income_by_day": days,
        "c2s_wallet_bind": {"address": ADDRESS},
        "s2s_wallet_bind": {"address": ADDRESS},
        "s2s_withdraw": {"walletAddress": ADDRESS, "amount": AMOUNT_BTC + number * SATOSHI},
        "s2s_withdraw_fast": {"walletAddress": ADDRESS, "amount": 2 * AMOUNT_BTC + number * SATOSHI},
    }
    fields = good(operation) | given.get(operation, {})
    if "partnerUserId" in fields:
        fields["partnerUserId"] = name
    if "refreshToken" in fields:
        fields["refreshToken"] = next(shop.refreshed)
    if operation == "s2s_payment_success":
        bought_by, fields["externalId"] = shop.orders[number % len(shop.orders)]
        fields["userId"] = bought_by
    if operation in ("s2s_upgrade", "s2s_upgrade_price"):
        external_id = shop.orders[number % len(shop.orders)][1]
        bought = await shop.pool.fetchval("SELECT miner_id FROM purchase WHERE external_id = $1", external_id)
        if operation == "s2s_upgrade":
            fields["data"] = fields["data"] | {"nftId": bought}
        else:
            fields |= {"nftId": str(bought), "from": "2", "to": "3"}
    return fields


async def _called(shop: Shop, operation: str, fields: dict[str, Any], number: int) -> Any:
    """The data of an answer, which has to be good. Signed requests are a thousandth of a second apart."""
    _, method, path, asks = CONTRACT[operation]
    headers: dict[str, str] = {}
    if "bearer" in asks and shop.tokens:
        headers["authorization"] = f"Bearer {shop.tokens[number % len(shop.tokens)]}"
    elif asks != "none":
        headers[KEY_HEADER.lower()] = shop.key.key
    if asks == "signed":
        fields = fields | {"recvWindow": WINDOW_MS, "timestamp": _stamp(shop)}
    secret = shop.key.secret or ""
    if method == "POST":
        body = sign_body(secret, fields) if asks == "signed" else msgspec.json.encode(fields)
        status, answer = await shop.connection.post(path, headers, body)
    else:
        pairs = [(name, str(value)) for name, value in fields.items()]
        query = sign_query(secret, pairs) if asks == "signed" else urlencode(pairs)
        status, answer = await shop.connection.get(f"{path}?{query}" if query else path, headers)
    assert status == 200, f"{operation}: {status} {answer[:500]!r}"
    return msgspec.json.decode(answer)["data"]


def _stamp(shop: Shop) -> int:
    """Milliseconds of now, later than every one before."""
    shop.newest = max(shop.newest + 1, clock.wall_millis())
    return shop.newest


async def _a_day(stage: Stage, pool: db.Pool, made: Dataset, figures: Figures) -> None:
    """The day ends: it is published and closed for all partners, users are settled, and an audit looks at that."""
    stage.tell(f"{figures.size.users:,} users: a day")
    day = made.today
    await made.end_day()
    figures.seconds["a day is published"] = await seconds_of(partial(_publish, pool, day))
    figures.seconds["a day is closed for all partners"] = await seconds_of(
        partial(closing.close_due, pool, through=day)
    )
    figures.seconds["who has a large portfolio is settled"] = await seconds_of(partial(portfolios.settle_large, pool))
    owners = await pool.fetch(
        "SELECT DISTINCT user_id FROM miner WHERE partner_id = $1 ORDER BY user_id LIMIT $2", made.partner_ids[0], 100
    )
    taken = [await seconds_of(partial(_settle, pool, made.partner_ids[0], row["user_id"])) for row in owners]
    figures.seconds["a user is settled"] = statistics.median(taken)
    figures.tails["a user is settled"] = sorted(taken)[math.ceil(len(taken) * 0.99) - 1]
    # An audit of production finds a clock that was moved.
    await pool.execute("UPDATE business_clock SET offset_us = 0")
    await _audit(pool, figures, "audit since the last one, with a day", whole=False)

    async def reconcile() -> None:
        async with db.snapshot(pool) as tx:
            await reconciliation_books.read(tx, WalletHistory((), ""))

    figures.seconds["a reconciliation reads the books"] = await seconds_of(reconcile)


async def _publish(pool: db.Pool, day: date) -> None:
    async with db.transaction(pool) as tx:
        assert await rate_classes.publish(tx, day, now=await business_clock.now(tx))


async def _settle(pool: db.Pool, partner_id: int, user_id: int) -> None:
    async with db.transaction(pool) as tx:
        books = await fence.share(tx, partner_id)
        await settling.settle(tx, books, user_id)


async def _kept(stage: Stage, dsn: str, data: Path, figures: Figures) -> None:
    """A backup as `hashrail backup` makes it, and its dump restored into an empty database."""
    stage.tell(f"{figures.size.users:,} users: a backup")
    path = data / f"kept{backup_file.SUFFIX}"
    settings = Settings(mode="production", data=data, database_url=dsn, journal=data / "kept.jsonl")
    figures.seconds["backup"] = await seconds_of(partial(backups.make, dsn, settings, path, lambda *_: None))
    figures.bytes["backup"] = path.stat().st_size
    stage.tell(f"{figures.size.users:,} users: the backup is restored")
    async with stage.empty() as target:
        figures.seconds["restore"] = await seconds_of(partial(_restore, path, target))
    path.unlink()


async def _restore(path: Path, dsn: str) -> None:
    with backup_file.Reader(path) as reader:
        programs = dumping.find_programs(max(reader.manifest.postgres, reader.manifest.dumped_by))

        async def chunks() -> AsyncIterator[bytes]:
            for chunk in reader.chunks(backup_file.DUMP):
                yield chunk

        await dumping.restore(dsn, programs, chunks())


def _disk(large: Figures) -> Table:
    size = large.size
    table = Table(
        "The vendor's size on disk",
        ("table", "rows", "bytes", "bytes a row", "bytes a user", "bytes a miner"),
        notes=[
            f"{size.partners:,} partners with shares like Zipf's, {size.users:,} users,",
            f"{size.miners:,} miners of about 29 TH,",
            f"{size.days:,} closed days of {size.efficiencies * size.levels:,} rate classes; indexes are counted in.",
            f"Built in {large.seconds['build']:,.0f} s. Left out: events, kept answers, invoices, signed documents.",
        ],
    )
    tables = [name for name in large.bytes if name in large.rows]
    for name in [each for each in tables if large.bytes[each] >= 2**20]:
        rows, weight = large.rows[name], large.bytes[name]
        table.add(name, f"{rows:,}", _mib(weight), *(f"{weight / n:,.1f}" for n in (rows, size.users, size.miners)))
    whole = sum(large.bytes[name] for name in tables)
    table.add("all tables", "", _mib(whole), "", *(f"{whole / n:,.1f}" for n in (size.users, size.miners)))
    table.add("a backup", "", _mib(large.bytes["backup"]), "", "", "")
    return table


def _operations(large: Figures, sizes: Sizes) -> Table:
    table = Table(
        "Every operation at the vendor's size",
        ("operation", "median", "99 of 100 within"),
        notes=[
            f"{sizes.calls} calls each over HTTP, one after the other, of as many users of the largest partner,",
            "who own miners. Of two with the same content the first, by number, finds the users' rows on disk,",
            "and the second in memory.",
            "One API worker; every commit is flushed. #2 is measured by itself (TON login).",
        ],
    )
    for name in [each for each in large.seconds if each.startswith("#")]:
        table.add(name, milliseconds(large.seconds[name]), milliseconds(large.tails[name]))
    return table


def _work(large: Figures) -> Table:
    table = Table(
        "Work at the vendor's size", ("what", "takes"), notes=["Once each, in a database that was just built."]
    )
    bounds = {
        "audit of everything": WHOLE_SECONDS,
        "audit since the last one": SINCE_SECONDS,
    }
    for name, seconds in large.seconds.items():
        if name.startswith("#") or name == "build":
            continue
        bound = bounds.get(name)
        if bound is None:
            table.add(name, _seconds(seconds))
        else:
            table.add(name, _seconds(seconds), target=f"at most {bound} s", verdict=seconds <= bound)
    return table


def _growth(small: Figures, large: Figures) -> Table:
    """What was measured at both sizes: a part that stays and one that grows in proportion; and both at ten times."""
    ratio = large.size.users / small.size.users
    table = Table(
        "Ten times that size, by measured growth",
        ("what", "at the smaller size", "at the larger size", "of that, what stays", "at ten times the larger"),
        notes=[
            f"Smaller: {small.size.users:,} users, {small.size.miners:,} miners, {small.size.partners:,} partners;",
            f"larger: {ratio:g} times as many. Both with as many days and rate classes.",
            "A line through both: what stays grows with days and rate classes, the rest in proportion to the size.",
            "What takes longest at ten times comes first, and then what is largest.",
        ],
    )
    lines: list[tuple[Callable[[float], str], str, float, float]]
    lines = [(_seconds, name, small.seconds.get(name, 0), took) for name, took in large.seconds.items()]
    heavy = {name: float(weight) for name, weight in large.bytes.items() if weight >= 2**20}
    lines += [(_mib, name, float(small.bytes.get(name, 0)), weight) for name, weight in heavy.items()]
    known = [(shown, name, was, is_, _grown(was, is_, ratio)) for shown, name, was, is_ in lines if was and is_]
    for shown, name, was, is_, (stays, tenfold) in sorted(known, key=lambda line: (line[0] is _mib, -line[4][1])):
        table.add(name, shown(was), shown(is_), shown(stays), shown(tenfold))
    return table


def _grown(small: float, large: float, ratio: float) -> tuple[float, float]:
    """Of a figure at two sizes: what does not grow with the size, and what ten times the larger one comes to."""
    of_size = max(0.0, large - small) * ratio / (ratio - 1)
    return large - of_size if large - of_size > 0 else 0.0, large + 9 * of_size


def _seconds(seconds: float) -> str:
    return f"{seconds:,.1f} s" if seconds >= 1 else milliseconds(seconds)


def _mib(weight: float) -> str:
    return f"{weight / 2**20:,.1f} MiB"
