"""Ledger transfers a second, singly and in sets, beside a plain transaction and beside pgledger in the same run.

pgledger is another ledger in PostgreSQL (github.com/pgr0ss/pgledger, MIT). Its SQL is no part of this repository: where
BENCHMARK_PGLEDGER names a folder with a copy of it, it is installed beside ours in the database of the run.
"""

import itertools
import os
import random
import statistics
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from benchmarks import load, writes
from benchmarks.measure import Table
from benchmarks.meter import Meter
from benchmarks.stage import CONNECTIONS, Stage, postmaster
from hashrail import db
from hashrail.api.serving.gathering import Gatherings
from hashrail.books import fence, ledger, transfer_sets
from hashrail.books.chart import Account, TransferKind
from hashrail.books.ledger import Transfer

LEAST = Decimal(3)
OURS, GATHERED = "ours", "ours, gathered"
PGLEDGER = "BENCHMARK_PGLEDGER"
PGLEDGER_FILES = ("vendor/scoville-pgsql-ulid/uuid-to-ulid.sql", "pgledger.sql")
SATOSHI = Decimal(1).scaleb(-8)
PLENTY = Decimal(1_000)
# The books have no transfers between users; settlements move between user accounts in the same way.
KIND = TransferKind.SETTLEMENT
PLAIN_TABLES = """
    CREATE TABLE plain_account (id bigint PRIMARY KEY, balance numeric NOT NULL CHECK (balance >= 0));
    CREATE TABLE plain_transfer (
        id bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY, amount numeric NOT NULL CHECK (amount > 0),
        created_at timestamptz NOT NULL DEFAULT now());
    CREATE TABLE plain_entry (
        transfer_id bigint NOT NULL REFERENCES plain_transfer, account_id bigint NOT NULL REFERENCES plain_account,
        amount numeric NOT NULL, PRIMARY KEY (transfer_id, account_id));
    CREATE INDEX plain_entry_of_account ON plain_entry (account_id)"""

# Debited account, credited account: one satoshi each.
Pair = tuple[int, int]
Move = Callable[[Sequence[Pair]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many accounts and clients, few and many, for how long a run, and how many transfers a set has."""

    accounts: int = 50
    clients: int = 20
    many_clients: int = 128
    seconds: float = 3
    together: int = 100


@dataclass(frozen=True, slots=True)
class Demand:
    """So many clients, for so many seconds a run, move so many transfers at once."""

    clients: int
    seconds: float
    together: int


@dataclass(frozen=True, slots=True)
class Found:
    """Of a run: transfers a second, and seconds of CPU a transfer."""

    rate: float
    cpu: float


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """The table of transfers."""
    copy = os.environ.get(PGLEDGER)
    table = Table(
        "Ledger transfers",
        ("what", "clients", "transfers at once", "a second", "CPU a transfer", "times the plain one", "times pgledger"),
        notes=[
            f"One satoshi from user to user among {sizes.accounts} accounts drawn at random.",
            f"Runs of {sizes.seconds} s in turns, in one database; every commit is flushed to disk.",
            f"All clients share one pool of {CONNECTIONS} connections.",
            "Plain: a transaction updates two accounts and inserts a transfer and two entries; sets by executemany.",
            "CPU is PostgreSQL's and Python's.",
            "Ours also shares the partner's fence, reads its standing and the clock, and is idempotent by its id.",
            "Gathered: who asks for one while others are at work shares the next transaction, as orders in the API do.",
            f"`{OURS}`, one at once: a transaction of seven round trips each, where a call of pgledger's is one.",
            "The target is for gathered ones and for sets, against pgledger; without its SQL against the plain one.",
            f"pgledger: {'its SQL is not at hand' if copy is None else 'installed from its own SQL'} ({PGLEDGER}).",
        ],
    )
    async with stage.database() as dsn, writes.a_market(dsn, stage.folder, writes.Sizes(users=sizes.accounts), 1) as at:
        ours = await _ours(at, sizes)
        sides = {"plain": await _plain(at.pool, sizes), OURS: ours}
        if copy is not None:
            sides["pgledger"] = await _pgledger(at.pool, sizes, Path(copy))
        singly = sides | {GATHERED: _gathered(*ours)}
        for asked, measured, judged in (
            (Demand(sizes.clients, sizes.seconds, 1), singly, GATHERED),
            (Demand(sizes.many_clients, sizes.seconds, 1), singly, GATHERED),
            (Demand(sizes.clients, sizes.seconds, sizes.together), sides, OURS),
        ):
            _show(table, asked, await _measure(stage, asked, at.pool, measured), judged)
    return [table]


async def _measure(
    stage: Stage, asked: Demand, pool: db.Pool, sides: dict[str, tuple[list[int], Move]]
) -> dict[str, Found]:
    """The median of each side's runs, after one that does not count."""
    meter = Meter(frozenset([postmaster(await pool.fetchval("SELECT pg_backend_pid()"))]), with_own=True)
    chance = random.Random(1)  # the same pairs in every run of the program
    found: dict[str, list[Found]] = defaultdict(list)
    for number in range(stage.runs + 1):
        for name, (accounts, move) in sides.items():
            told = f"{name}, {asked.clients} clients, {asked.together} at once"
            stage.tell(f"{told}, run {number} of {stage.runs}")

            async def work(_client: int, _number: int, accounts: list[int] = accounts, move: Move = move) -> None:
                await move([_pair(chance, accounts) for _ in range(asked.together)])

            before = meter.seconds()
            done, elapsed = await load.repeat(asked.clients, asked.seconds, work)
            moved = done * asked.together
            found[name].append(Found(moved / elapsed, (meter.seconds() - before) / moved))
        if number == 0:
            await pool.execute("ANALYZE")
    return {name: _median(of_one[1:]) for name, of_one in found.items()}


def _pair(chance: random.Random, accounts: list[int]) -> Pair:
    debit, credit = chance.sample(accounts, 2)
    return debit, credit


def _median(runs: Sequence[Found]) -> Found:
    return Found(statistics.median(one.rate for one in runs), statistics.median(one.cpu for one in runs))


def _show(table: Table, asked: Demand, found: dict[str, Found], judged: str) -> None:
    against = found.get("pgledger", found["plain"]).rate
    for name, one in found.items():
        ratios = [f"{one.rate / found[other].rate:.2f}" if other in found else "" for other in ("plain", "pgledger")]
        table.add(
            name,
            f"{asked.clients:,}",
            f"{asked.together:,}",
            f"{one.rate:,.0f}",
            f"{one.cpu * 1_000_000:,.0f} µs",
            *ratios,
            target=f"at least {LEAST}" if name == judged else "",
            verdict=Decimal(one.rate / against) >= LEAST if name == judged else None,
        )


async def _ours(market: writes.Market, sizes: Sizes) -> tuple[list[int], Move]:
    partner_id = market.users[0][0]
    async with db.transaction(market.pool) as tx:
        books = await fence.share(tx, partner_id)
        accounts = [
            await ledger.user_account(tx, partner_id, user, "BTC") for _, user in market.users[: sizes.accounts]
        ]
        given = [Transfer(KIND, account, 0, Account.INCOME_CONTROL, account, PLENTY) for account in accounts]
        await transfer_sets.post(tx, books, given)
    objects = itertools.count(1)

    async def move(pairs: Sequence[Pair]) -> None:
        moved = [Transfer(KIND, next(objects), 1, debit, credit, SATOSHI) for debit, credit in pairs]
        async with db.transaction(market.pool) as tx:
            books = await fence.share(tx, partner_id)
            if len(moved) == 1:
                assert await ledger.post(tx, books, moved[0]), "every transfer is a new one"
            else:
                assert all(await transfer_sets.post(tx, books, moved)), "every transfer is a new one"

    return accounts, move


def _gathered(accounts: list[int], move: Move) -> tuple[list[int], Move]:
    """Ours, where those who ask for one each while others are at work go together after them."""
    gatherings = Gatherings()

    async def together(pairs: Sequence[Pair]) -> list[bool]:
        await move(pairs)
        return [True] * len(pairs)

    async def move_gathered(pairs: Sequence[Pair]) -> None:
        (pair,) = pairs

        async def alone() -> bool:
            return all(await together(pairs))

        assert await gatherings.run((0, KIND), pair, alone, together), "everybody is answered"

    return accounts, move_gathered


async def _plain(pool: db.Pool, sizes: Sizes) -> tuple[list[int], Move]:
    accounts = list(range(1, sizes.accounts + 1))
    await pool.execute(PLAIN_TABLES)
    await pool.execute("INSERT INTO plain_account SELECT id, $2 FROM unnest($1::bigint[]) id", accounts, PLENTY)
    count = "UPDATE plain_account SET balance = balance + $2 WHERE id = $1"
    transfer = "INSERT INTO plain_transfer (amount) VALUES ($1) RETURNING id"
    entry = "INSERT INTO plain_entry (transfer_id, account_id, amount) VALUES ($1, $2, $4), ($1, $3, -$4::numeric)"

    async def move(pairs: Sequence[Pair]) -> None:
        sides = sorted(
            (account, amount) for pair in pairs for account, amount in zip(pair, (-SATOSHI, SATOSHI), strict=True)
        )
        async with db.transaction(pool) as tx:
            if len(pairs) == 1:
                for side in sides:
                    await tx.execute(count, *side)
                await tx.execute(entry, await tx.fetchval(transfer, SATOSHI), pairs[0][1], pairs[0][0], SATOSHI)
            else:
                await tx.executemany(count, sides)
                made = await tx.fetchmany(transfer, [(SATOSHI,)] * len(pairs))
                numbers = [row["id"] for row in made]
                entries = [
                    (number, credit, debit, SATOSHI) for number, (debit, credit) in zip(numbers, pairs, strict=True)
                ]
                await tx.executemany(entry, entries)

    return accounts, move


async def _pgledger(pool: db.Pool, sizes: Sizes, folder: Path) -> tuple[list[int], Move]:
    """Its accounts are known by texts; here by their places among them."""
    for name in PGLEDGER_FILES:
        await pool.execute((folder / name).read_text())
    made = [
        await pool.fetchval("SELECT id FROM pgledger_create_account($1, 'BTC')", f"account {number}")
        for number in range(sizes.accounts)
    ]

    async def move(pairs: Sequence[Pair]) -> None:
        moved = [(made[debit], made[credit], SATOSHI) for debit, credit in pairs]
        if len(moved) == 1:
            await pool.execute("SELECT id FROM pgledger_create_transfer($1, $2, $3::numeric)", *moved[0])
        else:
            await pool.execute("SELECT id FROM pgledger_create_transfers($1::transfer_request[])", moved)

    return list(range(sizes.accounts)), move
