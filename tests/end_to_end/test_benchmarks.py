"""The benchmarks run at tiny sizes and measure what they say; how long anything takes is not judged here."""

import asyncio
import os
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest
from benchmarks import beside, dataset, load, measure, reading, report, stage
from benchmarks.__main__ import COMMAND, QUICK, QUICK_READING, Name, app
from benchmarks.dataset import Shape
from benchmarks.measure import Line, Table
from benchmarks.payouts import MAX_SECONDS
from benchmarks.stage import Stage
from rich.console import Console
from typer.testing import CliRunner

from hashrail import clock, db
from hashrail.audit import invariants
from hashrail.pages.console.pages import VIEWS
from hashrail.rewards import closing
from tests.support.bitcoin_node import Node
from tests.support.browser import needs_browser

SHAPE = Shape(efficiencies=6, levels=5)


@pytest.fixture(scope="module")
async def production(server: str) -> str:
    """The database that benchmarks copy, made as they make it: the template of other tests is a sandbox's."""
    return await stage.migrated(server)


@pytest.fixture
def place(server: str, production: str, tmp_path: Path) -> Stage:
    return Stage(server, production, tmp_path, told.append, runs=1)


@pytest.fixture
def sandbox(server: str, template: str, tmp_path: Path) -> Stage:
    """Built books have a clock of their own, which the audit lets no production have."""
    return Stage(server, template, tmp_path, told.append, runs=1)


told: list[str] = []


async def broken(pool: db.Pool) -> list[str]:
    """The names of the invariants that do not hold."""
    async with db.snapshot(pool) as tx:
        return [finding.name async for finding in invariants.audit(tx) if finding.rows]


async def databases(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    count: int = await connection.fetchval("SELECT count(*) FROM pg_database WHERE datname LIKE 'bench%'")
    await connection.close()
    return count


# The benchmarks themselves


async def tables_of(name: Name, place: Stage) -> list[Table]:
    before = len(told)
    tables = await QUICK[name](place)
    assert len(told) > before, "progress is told"
    assert all(table.notes for table in tables)
    return tables


def figure(cell: str) -> Decimal:
    """The number that a cell begins with."""
    return Decimal(cell.split(maxsplit=1)[0].replace(",", ""))


def is_judged(line: Line, shown: Decimal) -> bool:
    """Whether the verdict is that of the figure, as far as its rounding does not decide."""
    least = figure(line.target.removeprefix("at least "))
    return abs(shown - least) <= Decimal("0.005") or line.verdict is (shown >= least)


async def test_signed_read(place: Stage) -> None:
    tables = await tables_of(Name.SIGNED_READ, place)
    assert [table.title.partition(":")[2][:4].strip() for table in tables] == ["#7", "#16", "#18"]
    for table in tables:
        assert [line.cells[0] for line in table.lines] == ["raw ASGI application", "the API", "ratio"]
        raw, api = (figure(line.cells[1]) for line in table.lines[:2])
        ratio = figure(table.lines[2].cells[1])
        assert abs(ratio * raw - api) <= raw // 100 + 2
        assert is_judged(table.lines[2], ratio)
        assert [line.verdict for line in table.lines[:2]] == [None, None]
    assert [table.lines[2].target for table in tables] == ["at least 0.8", "at least 0.5", "at least 0.5"]


async def test_signed_write(place: Stage) -> None:
    (table,) = await tables_of(Name.SIGNED_WRITE, place)
    assert len(table.lines) == 6
    for lines in (table.lines[:3], table.lines[3:]):
        raw, api, ratio = (figure(line.cells[2]) for line in lines)
        assert abs(ratio * raw - api) <= raw // 100 + 2
    assert [line.target for line in table.lines] == ["", "", "at least 0.5", "", "", ""]
    assert [line.verdict is None for line in table.lines] == [True, True, False, True, True, True]
    assert is_judged(table.lines[2], figure(table.lines[2].cells[2]))


async def test_latency(place: Stage) -> None:
    """Of the answers every one is counted once, and what is asked for is a part of what saturates."""
    table, spread = await tables_of(Name.LATENCY, place)
    half, most = figure(table.lines[0].cells[1]), figure(table.lines[1].cells[1])
    assert abs(most - half * Decimal("1.6")) < half / 10
    assert [line.cells[0] for line in table.lines] == [*("half", "four fifths"), *LATER]
    for line, column in zip(table.lines, range(1, 5), strict=True):
        _, middle, late, times, pause = [figure(cell) for cell in line.cells[1:]]
        assert 0 < middle <= late
        assert line.verdict is (times <= int(line.target.split()[2].rstrip(",")) and pause <= 50)
        counted = sum((figure(each.cells[column]) for each in spread.lines), Decimal(0))
        assert abs(counted - 100) < Decimal("0.1")


LATER = ("half, days closing", "four fifths, days closing")


async def test_neighbours(place: Stage) -> None:
    (table,) = await tables_of(Name.NEIGHBOURS, place)
    alone, beside = (figure(line.cells[1]) for line in table.lines)
    times = figure(table.lines[1].cells[2])
    assert abs(times * alone - beside) <= alone
    assert [line.verdict for line in table.lines] == [None, beside < 5 * alone]


async def test_ton_login(place: Stage) -> None:
    (table,) = await tables_of(Name.TON_LOGIN, place)
    alone, whole = table.lines
    assert 0 < figure(alone.cells[1]) < figure(whole.cells[1])
    assert [line.verdict for line in table.lines] == [figure(line.cells[1]) <= 3 for line in table.lines]


async def test_payouts(place: Stage, bitcoin_node: Node) -> None:
    """The session's node is there, so a node of its own can be."""
    assert bitcoin_node.process is not None
    asking, paying = await tables_of(Name.PAYOUTS, place)
    (line,) = asking.lines
    assert figure(line.cells[2]) > 0
    alone, by_node, first, by_keys, second, queue, planning = paying.lines
    assert [each.cells[1:3] for each in (alone, by_node, by_keys)] == [("5", "1")] * 3
    for batch, ratio in ((by_node, first), (by_keys, second)):
        assert abs(figure(ratio.cells[3]) * figure(alone.cells[3]) - figure(batch.cells[3])) <= figure(alone.cells[3])
        assert batch.verdict is (figure(batch.cells[3]) <= 1000 * MAX_SECONDS)
    assert (queue.cells[1:3], queue.target, queue.verdict) == (("12", "3"), "3 transactions", True)
    assert (planning.cells[1:3], planning.verdict) == (("12", "3"), figure(planning.cells[3]) <= 10)


async def test_vendor(place: Stage) -> None:
    """What is built passes the audit of production, and is measured at two sizes; the benchmark itself asserts both."""
    disk, operations, work, growth = await tables_of(Name.VENDOR, place)
    assert [line.cells[0] for line in disk.lines][-2:] == ["all tables", "a backup"]
    assert [line.cells[0].partition(" ")[0] for line in operations.lines] == [f"#{n}" for n in range(1, 32) if n != 2]
    assert {line.cells[0]: line.verdict is not None for line in work.lines if "audit of" in line.cells[0]} == {
        "accounts are summed up before the audit of everything": False,
        "audit of everything": True,
    }
    assert {line.cells[0] for line in growth.lines} >= {line.cells[0] for line in (*operations.lines, *work.lines)}


async def test_days(place: Stage) -> None:
    days, others, under_orders = await tables_of(Name.DAYS, place)
    sizes = [line.cells[:5] for line in days.lines]
    assert sizes == [
        ("360", "300", "30", "1", "0"),
        ("660", "600", "30", "1", "0"),
        ("960", "600", "30", "1", "0"),
        ("360", "300", "60", "1", "0"),
        ("360", "300", "30", "5", "0"),
        ("360", "300", "30", "1", "20"),
    ]
    assert {line.target for line in days.lines} == {"at most 1 s"}
    assert [line.cells[1] for line in others.lines] == [
        "660 miners",
        "660 miners",
        "1 member",
        "600 members",
        "up to 900 : 300",
        "10 miners",
    ]
    assert others.notes[0].startswith("A day takes 0.")
    (line,) = under_orders.lines
    assert line.cells[0] == "60"
    assert int(line.cells[1].replace(",", "")) > 0


async def test_reading(place: Stage) -> None:
    (table,) = await tables_of(Name.READING, place)
    assert [line.cells[0] for line in table.lines[:4]] == [
        "balance",
        "first page of income (#16)",
        "page of income at offset 100 (#16)",
        "the same page behind a cursor (#16)",
    ]
    assert [line.cells[1] for line in table.lines[::4]] == [
        "10 miners, 20 days",
        "40 miners, 20 days",
        "40 miners, 20 days, upgraded 3 times",
        "80 miners, 20 days",
    ]
    assert [line.target for line in table.lines[::4]] == [
        "at most 5 ms",
        "at most 10 ms",
        "at most 10 ms",
        "at most 100 ms",
    ]


async def test_writes(place: Stage) -> None:
    (table,) = await tables_of(Name.WRITES, place)
    assert [line.cells[:3] for line in table.lines] == [
        ("orders, verbs", "1", "16"),
        ("orders, HTTP, API worker processes: 1", "1", "16"),
        ("orders, HTTP, API worker processes: 1", "1", "20"),
    ]
    for line in table.lines:
        assert int(line.cells[3].replace(",", "")) > 0
        postgres, api, clients = line.cells[4:]
        assert (api == "") is ("verbs" in line.cells[0])
        assert all(figure(cell) > 0 for cell in (postgres, clients))


async def test_transfers(place: Stage) -> None:
    """Whose SQL is not at hand is left out, and the target is against the plain ones then."""
    (table,) = await tables_of(Name.TRANSFERS, place)
    singly = [(name, clients, "1") for clients in ("4", "8") for name in ("plain", "ours", "ours, gathered")]
    assert [line.cells[:3] for line in table.lines] == [*singly, ("plain", "4", "4"), ("ours", "4", "4")]
    plain, _, gathered, plain_of_many, _, gathered_of_many, plain_sets, sets = table.lines
    for one, ours in ((plain, gathered), (plain_of_many, gathered_of_many), (plain_sets, sets)):
        times = figure(ours.cells[5])
        assert abs(times * figure(one.cells[3]) - figure(ours.cells[3])) <= figure(one.cells[3]) // 100 + 2
        assert is_judged(ours, times)


async def test_memory(place: Stage) -> None:
    """Of the API's processes and of the worker, each at its highest at some moment of the load."""
    (table,) = await tables_of(Name.MEMORY, place)
    assert [line.cells[0] for line in table.lines] == ["an API process", "what starts the API processes", "the worker"]
    for line in table.lines:
        first, halfway, last, highest, share = map(figure, line.cells[1:])
        assert max(first, halfway, last) <= highest
        assert 0 < share <= last


async def test_start(place: Stage) -> None:
    """Nothing is installed here."""
    (table,) = await tables_of(Name.START, place)
    assert [line.cells[0] for line in table.lines] == ["installed, a new sandbox", "installed, the sandbox of before"]
    assert all(figure(line.cells[1].removesuffix(" s")) > 0 for line in table.lines)


async def test_routes(place: Stage) -> None:
    """Each way answers both; only with a replica is there a standby that works."""
    if beside.pgbouncer() is None:
        pytest.skip("no pgbouncer: run tools/get_pgbouncer.sh .venv/pgbouncer")
    (table,) = await tables_of(Name.ROUTES, place)
    assert [line.cells[0] for line in table.lines] == ["plain", "behind pgbouncer", "with a replica"]
    assert all(figure(line.cells[1]) > 0 and figure(line.cells[2]) > 0 for line in table.lines)
    assert [bool(line.cells[5]) for line in table.lines] == [False, False, True]


async def test_events(place: Stage) -> None:
    """By HTTP, which the target is for, and by the verbs; then the feed alone."""
    orders, feed = await tables_of(Name.EVENTS, place)
    assert [line.cells[0].partition(":")[0] for line in orders.lines] == ["HTTP", "HTTP", "verbs", "verbs"]
    for line in orders.lines:
        noted, silent, ratio = map(figure, line.cells[1:])
        assert abs(ratio * silent - noted) <= silent // 100 + Decimal("0.01")
    assert orders.lines[0].verdict is (figure(orders.lines[0].cells[3]) <= Decimal("1.05"))
    assert all(figure(line.cells[1]) > 0 for line in feed.lines)


@needs_browser
async def test_pages(place: Stage) -> None:
    """Pages stand in the table, or are named as those that no link leads to or that are too many; what is downloaded
    is none.
    """
    (table,) = await tables_of(Name.PAGES, place)
    seen = {line.cells[0] for line in table.lines}
    assert {"/", "/console", "/console/search"} <= seen
    assert len(seen) == 8
    named = " ".join(table.notes)
    for view in VIEWS:
        assert view.path.replace(":int", "") in seen or view.path in named
    assert "/console/partners/{partner:int}/users" in table.notes[-1].removeprefix("Found and not looked at: ")
    for line in table.lines:
        server, weight, paint = map(figure, line.cells[1:])
        assert server > 0
        assert weight > 0
        assert line.verdict is (server <= 200 and weight <= 300 and paint <= 1000)


async def test_databases_are_dropped(place: Stage) -> None:
    before = await databases(place.server)
    async with place.pool() as pool:
        assert await databases(place.server) == before + 1
        assert await pool.fetchval("SELECT count(*) FROM partner") == 0
    assert await databases(place.server) == before


# What they are built on


@pytest.mark.parametrize("partners", [1, 5])
async def test_a_built_deployment_passes_the_audit(sandbox: Stage, partners: int) -> None:
    async with sandbox.pool() as pool:
        made = await dataset.build(pool, Shape(6, 5, partners))
        await made.register(50)
        await made.buy(120)
        assert made.today == dataset.FIRST_DAY
        for _ in range(2):
            await made.end_day()
            await made.buy(30)
        progress = await closing.close_due(pool)
        assert progress.published_through == dataset.FIRST_DAY + clock.ONE_DAY
        assert progress.closed == 2 * partners
        assert await broken(pool) == []
        counts = "SELECT count(DISTINCT partner_id) AS partners, count(DISTINCT class_id) AS classes FROM class_power"
        assert tuple(await pool.fetchrow(counts) or ()) == (partners, 30)
        assert made.miners == await pool.fetchval("SELECT count(*) FROM miner") == 180
        assert made.users == await pool.fetchval("SELECT count(DISTINCT user_id) FROM miner") == 50


async def test_a_built_past_passes_the_audit(sandbox: Stage) -> None:
    async with sandbox.pool() as pool:
        made = await dataset.build(pool, SHAPE, days=20)
        await made.register(50)
        await made.buy(60, days=20, stints=4)
        await made.register(1)
        await made.buy(7, days=20, user=50)
        await dataset.close_past(made)
        assert await broken(pool) == []
        last = made.today - clock.ONE_DAY
        assert await pool.fetchval("SELECT closed_through FROM partner_day") == last
        assert await pool.fetchval("SELECT count(*) FROM stint") == 60 * 4 + 7
        assert await pool.fetchval("SELECT count(DISTINCT from_day) FROM stint") == 20
        assert await pool.fetchval("SELECT array_agg(DISTINCT from_day) FROM stint WHERE user_id = 51") == [
            last - timedelta(days=19)
        ]
        await made.end_day()
        assert (await closing.close_due(pool)).published_through == last + clock.ONE_DAY
        assert await broken(pool) == []


async def test_reading_reads_the_same_money_twice(place: Stage) -> None:
    async with place.pool() as pool:
        made, readers = await reading.build(pool, QUICK_READING)
        for reader, miners in zip(readers, (10, 40, 40, 80), strict=True):
            records = await reading.page(made, reader.user_id, limit=10_000, offset=0)
            upgraded = "upgraded" in reader.holds
            assert (len(records) < miners * 20) == upgraded
            assert await reading.balance(made, reader.user_id) == sum(record.net for record in records) > 0
            tail = await reading.page(made, reader.user_id, limit=100, offset=reader.deep)
            assert tail == records[reader.deep : reader.deep + 100]
            before = records[reader.deep - 1].position
            assert await reading.page(made, reader.user_id, limit=100, after=before) == tail


# How they measure and show


async def test_a_median_leaves_the_first_run_out() -> None:
    calls = 0

    async def work() -> None:
        nonlocal calls
        calls += 1

    assert 0 <= await measure.median_of(work, runs=3, times=2) < 1
    assert calls == 1 + 3 * 2


async def test_clients_repeat_until_the_time_is_over() -> None:
    seen: list[tuple[int, int]] = []

    async def work(client: int, number: int) -> None:
        seen.append((client, number))
        await asyncio.sleep(0.01)

    done, elapsed = await load.repeat(3, 0.1, work)
    assert done == len(seen) == len({number for _, number in seen})
    assert {client for client, _ in seen} == {0, 1, 2}
    assert 0.1 <= elapsed < 60


async def test_cpu_time_is_counted_for_the_whole_server(place: Stage) -> None:
    connection = await asyncpg.connect(place.server)
    owner = stage.postmaster(await connection.fetchval("SELECT pg_backend_pid()"))
    assert "postgres" in Path(f"/proc/{owner}/comm").read_text()
    before = stage.cpu_seconds(owner)
    await connection.fetchval("SELECT count(*) FROM generate_series(1, 2000000)")
    living = stage.cpu_seconds(owner)
    await connection.close()
    assert before < living <= stage.cpu_seconds(owner)


async def test_facts_name_machine_and_settings(place: Stage) -> None:
    facts = dict(await stage.facts(place.server))
    # The tests' own server forgets at a power cut; what is told is what it has set.
    connection = await asyncpg.connect(place.server)
    names = ("fsync", "synchronous_commit", "full_page_writes")
    shown = [f"{name} {await connection.fetchval(f'SHOW {name}')}" for name in names]
    await connection.close()
    assert facts["PostgreSQL settings"].startswith(", ".join(shown))
    assert f"{len(os.sched_getaffinity(0))} cores" in facts["CPU"]
    assert facts["Memory"].endswith(" GiB")
    assert "asyncpg" in facts["Python"]
    assert figure(facts[stage.SPEED]) > 0
    told = report.before_the_run([*facts.items()])
    assert told == f"Before that: load {facts['Load before the run']}, {facts['Speed before the run']}."


def example() -> Table:
    table = Table("Days", ("what", "takes"), notes=["Every day."])
    table.add("one", "1.0 ms", target="at most 2 ms", verdict=True)
    table.add("two", "3.0 ms", target="at most 2 ms", verdict=False)
    table.add("three", "9.0 ms")
    return table


def test_the_page_has_facts_tables_and_results() -> None:
    page = report.markdown(COMMAND, 5, [("CPU", "two cores")], [example()])
    assert "Written by `python -m benchmarks`" in page
    assert "medians of 5 runs" in page
    assert "| CPU | two cores |\n" in page
    assert "\n## Days\n\n| what | takes | target | result |\n| --- | ---: | ---: | ---: |\n" in page
    assert "| one | 1.0 ms | at most 2 ms | pass |\n| two | 3.0 ms | at most 2 ms | FAIL |\n" in page
    assert "| three | 9.0 ms |  |  |\n\n- Every day.\n" in page


def test_one_table_takes_the_place_of_its_own() -> None:
    """The others stay as they are; one that is new comes last, and again changes nothing."""

    def table(title: str, cell: str) -> Table:
        made = Table(title, ("what",), notes=["a note"])
        made.add(cell)
        return made

    def page(*cells: str) -> str:
        return report.markdown(COMMAND, 5, [], [table(title, cell) for title, cell in zip("abc", cells, strict=False)])

    assert report.with_tables(page("1", "2", "3"), [table("b", "4"), table("c", "5")]) == page("1", "4", "5")
    assert report.with_tables(page("1", "2"), [table("c", "3")]) == page("1", "2", "3")
    assert report.with_tables(page("1", "2", "3"), [table("c", "3")]) == page("1", "2", "3")


def test_missed_targets_are_named() -> None:
    assert report.missed([example()]) == ["Days: two, 3.0 ms (at most 2 ms)"]


def test_tables_are_shown_with_results(capsys: pytest.CaptureFixture[str]) -> None:
    report.show(Console(width=100), [example()])
    shown = capsys.readouterr().out
    assert "FAIL" in shown
    assert "Every day." in shown


def test_a_line_fits_its_table() -> None:
    with pytest.raises(AssertionError, match="a cell a column"):
        example().add("one")
    with pytest.raises(AssertionError, match="a target has a verdict"):
        example().add("one", "1 ms", target="at most 2 ms")


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0.0012, "1.2 ms"), (0.0994, "99.4 ms"), (0.1, "100 ms"), (12.3456, "12,346 ms")]
)
def test_seconds_are_shown_in_milliseconds(seconds: float, shown: str) -> None:
    assert measure.milliseconds(seconds) == shown


def test_the_command_runs_one_quickly_and_leaves_the_page_alone(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    result = CliRunner().invoke(app, ["--only", "reading", "--quick", "--page", str(page)])
    assert result.exit_code == 0, result.output
    assert "Reading balances and income" in result.output
    assert "Signed read" not in result.output
    assert not page.exists()


async def test_webhooks(place: Stage) -> None:
    """Every case has its figures; those that hang keep nobody waiting for ever."""
    (table,) = await tables_of(Name.WEBHOOKS, place)
    assert [line.cells[0] for line in table.lines] == ["1 endpoints", "4 endpoints", "10 endpoints, 1 of them hang"]
    assert all(figure(cell) > 0 for line in table.lines for cell in line.cells[1:])
