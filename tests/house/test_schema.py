"""The rules that every table keeps, read from the catalog of a migrated database, and the migrations themselves."""

import asyncio
import datetime as dt
import re
import subprocess
import sys
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path

import asyncpg
import psycopg
import pytest
from procrastinate.schema import SchemaManager
from psycopg.conninfo import make_conninfo
from tools import release_schema
from tools.release_schema import migrations
from yoyo.backends.base import DatabaseBackend
from yoyo.migrations import Migration

from hashrail import db
from hashrail.postgres import bootstrap, job_queue
from tests.support.books import deployment
from tests.support.databases import migrate_before
from tests.support.global_tables import GLOBAL
from tests.support.world import World

# Global tables that lead from something that a caller knows to its partner.
LOOK_UPS = {"member_login", "ton_payload", "deposit_address", "unapproved_withdrawal"}
# Bookkeeping of the migration runner.
RUNNER = set(release_schema.RUNNER)
PARTNER = "partner"
# Every column of numeric values with the domain that refuses what does not fit.
DOMAINS = {
    "amount": {
        *("account.credit_limit", "account.debits_posted", "account.credits_posted"),
        *("account.debits_pending", "account.credits_pending"),
        *("account_checkpoint.debits", "account_checkpoint.credits"),
        *("audited_account.debits", "audited_account.credits"),
        *("adjustment.btc_usd", "adjustment.kwh_usd", "adjustment.service_usd_per_th", "adjustment.difficulty"),
        *("adjustment.subsidy_btc", "adjustment.fees_btc"),
        "collection.value_usd",
        *("mining_day.btc_usd", "mining_day.gomining_usd", "mining_day.kwh_usd", "mining_day.service_usd_per_th"),
        *("mining_day.difficulty", "mining_day.subsidy_btc", "mining_day.fees_btc"),
        *(f"invoice.{name}_usd" for name in ("carried_in", "charged", "amount", "carried_out", "paid")),
        *("pool_receipt.amount_btc", "pool_receipt.undivided_btc", "pool_receipt_share.amount_btc"),
        *("invoice.owed_before_usd", "invoice.owed_after_usd"),
        *("partner_payment.amount_usd", "purchase.value_usd", "transfer.amount"),
        *("post_payment.value_usd", "upgrade_step.price_usd", "upgrade_tariff.power_price_usd"),
        *("withdrawal.amount_btc", "withdrawal.commission_btc", "partner.payouts_daily_btc"),
        *("withdrawal.single_threshold_btc", "withdrawal.partner_threshold_btc", "withdrawal.sum_of_user_btc"),
        *("withdrawal.sum_to_address_btc", "withdrawal.sum_of_partner_btc"),
        *("payout_batch.most_fee_btc", "payout_transaction.fee_btc", "payout_input.amount_btc"),
        *("deposit.amount_btc", "export_total.total", "liability_leaves.sum_btc"),
        "reserves_document.total_btc",
        *(f"liabilities_document.{name}_btc" for name in ("owed", "shortfall", "books")),
        *("sandbox_transaction.fee_btc", "sandbox_output.amount_btc"),
        *("payout_policy.approval_threshold_btc", "payout_policy.partner_approval_btc", "payout_policy.user_daily_btc"),
        *("tariff.value", "day_source.value"),
        *("unapproved_withdrawal.amount_btc", "alone_limit.amount", "alone_done.amount"),
        *("order_refund.value_usd", "refund_taking.earned_btc", "refund_taking.taken_btc", "balance_correction.amount"),
        *("payout_policy.partner_daily_btc", "payout_policy.deployment_daily_btc"),
    },
    "btc_rate": {
        *("adjustment.pool_btc_per_th", "mining_day.pool_btc_per_th"),
        *(f"class_adjustment.{name}" for name in ("pool", "c1", "c2", "net")),
        *(f"class_day.{name}" for name in ("pool", "c1", "c2", "net", "pool_sum", "c1_sum", "c2_sum", "net_sum")),
    },
    "efficiency": {f"{table}.energy_efficiency" for table in ("collection", "miner", "purchase", "rate_class")},
    "fraction": {
        *("app_user.level_discount", "class_day.discount", "discount_level.discount", "mining_day.discount_cap"),
        *("programme_fraction.fraction", "publication.discount_cap", "published_fraction.fraction"),
        *("rate_class.level_discount", "upgrade_tariff.band_discount"),
    },
    "power_th": {
        *("capacity.cap_th", "class_power.power", "class_power_delta.power", "collection.power"),
        *("discount_level.min_power", "miner.power", "partner_capacity.committed_th", "purchase.power", "stint.power"),
        *("post_payment.from_value", "post_payment.to_value"),
    },
}
COLUMNS = """
    SELECT c.relname AS table, a.attname AS column, t.typname AS type, t.typtype::text AS kind,
           pg_get_expr(d.adbin, d.adrelid) AS default, a.attidentity::text AS identity
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped"""
UNIQUE = """
    SELECT c.relname AS table, i.relname AS name,
           ARRAY(SELECT a.attname::text FROM unnest(x.indkey::int[]) k JOIN pg_attribute a
                 ON a.attrelid = c.oid AND a.attnum = k) AS columns, x.indisprimary AS primary
    FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid JOIN pg_class i ON i.oid = x.indexrelid
    WHERE x.indisunique AND c.relnamespace = 'public'::regnamespace"""
FOREIGN = """
    SELECT r.conname AS name, c.relname AS table, f.relname AS target,
           ARRAY(SELECT a.attname::text FROM unnest(r.conkey) k JOIN pg_attribute a
                 ON a.attrelid = c.oid AND a.attnum = k) AS columns,
           ARRAY(SELECT a.attname::text FROM unnest(r.confkey) k JOIN pg_attribute a
                 ON a.attrelid = f.oid AND a.attnum = k) AS targets
    FROM pg_constraint r JOIN pg_class c ON c.oid = r.conrelid JOIN pg_class f ON f.oid = r.confrelid
    WHERE r.contype = 'f' AND r.connamespace = 'public'::regnamespace"""


@pytest.fixture(scope="module")
async def migrated(server: str, template: str) -> AsyncIterator[db.Pool]:
    """A migrated database."""
    async with deployment(server, template) as world:
        yield world.pool


@pytest.fixture
def empty(dsn: str) -> str:
    """A database without any schema."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        connection.execute("DROP SCHEMA procrastinate CASCADE")
    return dsn


async def tables(pool: db.Pool) -> dict[str, set[str]]:
    """The columns of every table of ours."""
    found: dict[str, set[str]] = defaultdict(set)
    for row in await pool.fetch(COLUMNS):
        if row["table"] not in RUNNER:
            found[row["table"]].add(row["column"])
    return found


def owned(name: str) -> bool:
    """Whether rows of the table belong to partners."""
    return name not in GLOBAL and name not in RUNNER and name != PARTNER


# Tables.


async def test_every_table_is_global_with_a_reason_or_owned(migrated: db.Pool) -> None:
    """Owned means a partner_id; global means none, but for look-ups."""
    found = await tables(migrated)
    assert set(found) >= set(GLOBAL)
    without = {name for name, columns in found.items() if "partner_id" not in columns}
    assert without == {*GLOBAL, PARTNER} - LOOK_UPS
    assert len({name for name in found if owned(name)}) >= 15


async def test_unique_keys_of_owned_tables_name_the_partner(migrated: db.Pool) -> None:
    """First of all columns, so that a table can be spread by partner; every table has a primary key."""
    rows = [row for row in await migrated.fetch(UNIQUE) if row["table"] not in RUNNER]
    assert [row["name"] for row in rows if owned(row["table"]) and row["columns"][:1] != ["partner_id"]] == []
    assert {row["table"] for row in rows if row["primary"]} == set(await tables(migrated))


async def test_foreign_keys_between_owned_tables_name_the_partner_on_both_sides(migrated: db.Pool) -> None:
    """Column by column, partner to partner; a global table never refers to an owned one."""
    rows = await migrated.fetch(FOREIGN)
    between = [row for row in rows if owned(row["table"]) and owned(row["target"])]
    assert len(between) >= 12
    assert [row["name"] for row in between if (row["columns"][0], row["targets"][0]) != ("partner_id",) * 2] == []
    assert [row["name"] for row in rows if not owned(row["table"]) and owned(row["target"])] == []
    to_partner = [row for row in rows if row["target"] == PARTNER]
    assert {(*row["columns"], *row["targets"]) for row in to_partner} == {("partner_id", "id")}


async def test_every_owned_table_leads_to_its_partner(migrated: db.Pool) -> None:
    """By a foreign key to the partner, or through an owned table that has one."""
    leads = defaultdict(set)
    for row in await migrated.fetch(FOREIGN):
        if "partner_id" in row["columns"]:
            leads[row["table"]].add(row["target"])
    reached = {PARTNER}
    while more := {name for name, targets in leads.items() if targets & reached} - reached:
        reached |= more
    assert {name for name in await tables(migrated) if owned(name)} <= reached


async def test_indexes_of_owned_tables_begin_with_the_partner(migrated: db.Pool) -> None:
    """The other indexes too: no query reads an owned table across partners."""
    rows = await migrated.fetch(UNIQUE.replace("x.indisunique", "NOT x.indisunique"))
    assert len(rows) >= 8
    assert [row["name"] for row in rows if owned(row["table"]) and row["columns"][:1] != ["partner_id"]] == []


# Columns.


async def test_every_number_has_a_domain_that_refuses_what_does_not_fit(migrated: db.Pool) -> None:
    """No bare numeric, no numeric(p, s), no float, no money: only the domains, each where it is expected."""
    found: dict[str, set[str]] = defaultdict(set)
    rows = [row for row in await migrated.fetch(COLUMNS) if row["table"] not in RUNNER]
    for row in rows:
        if row["kind"] == "d":
            found[row["type"]].add(f"{row['table']}.{row['column']}")
    assert found == DOMAINS
    plain = {row["type"] for row in rows if row["kind"] != "d"}
    assert plain == {"_cidr", "_int8", "_text", "bool", "bytea", "date", "int4", "int8", "text", "timestamptz"}
    bases = await migrated.fetch(
        """SELECT typname::text, typbasetype::regtype::text, typtypmod FROM pg_type
           WHERE typtype = 'd' AND typnamespace = 'public'::regnamespace ORDER BY 1"""
    )
    assert [tuple(row.values()) for row in bases] == [(name, "numeric", -1) for name in sorted(DOMAINS)]


@pytest.mark.parametrize(
    ("domain", "fits", "does_not"),
    [
        ("amount", ["-99999999999999999999.999999999999999999", "1e-18", "1.10000000000000000000"], ["1e-19", "1e20"]),
        ("btc_rate", ["0.00000000000001", "-1"], ["0.000000000000001", "1e20", "-1e20"]),
        ("power_th", ["0.0001", "99999999999999"], ["0.00001", "1e14"]),
        ("efficiency", ["0.01", "999.99"], ["0.001", "0", "-1", "1000"]),
        ("fraction", ["0", "0.0001", "1"], ["0.00001", "-0.0001", "1.0001"]),
    ],
)
async def test_a_domain_keeps_its_bounds(migrated: db.Pool, domain: str, fits: list[str], does_not: list[str]) -> None:
    """What fits comes back to the digit; what does not is refused, not rounded."""
    for text in fits:
        assert await migrated.fetchval(f"SELECT '{text}'::{domain} = '{text}'::numeric") is True
    for text in (*does_not, "NaN", "Infinity", "-Infinity"):
        with pytest.raises(asyncpg.CheckViolationError, match=f"{domain}_check"):
            await migrated.fetchval(f"SELECT '{text}'::{domain}")


async def test_there_are_no_enums_serials_triggers_or_functions(migrated: db.Pool) -> None:
    """Ids come from global sequences that stand alone; rules are constraints, not code in the database."""
    rows = [row for row in await migrated.fetch(COLUMNS) if row["table"] not in RUNNER]
    assert {row["kind"] for row in rows} == {"b", "d"}
    assert {row["identity"] for row in rows} == {""}
    drawn = {f"{row['table']}_{row['column']}_seq" for row in rows if "nextval" in (row["default"] or "")}
    named = {row["relname"] for row in await migrated.fetch("SELECT relname FROM pg_class WHERE relkind = 'S'")}
    ours = {name for name in named if not name.startswith("procrastinate")}
    assert drawn | {"transfer_posted_seq"} == ours
    tied = await migrated.fetchval(
        """SELECT count(*) FROM pg_depend d JOIN pg_class s ON s.oid = d.objid
           WHERE s.relkind = 'S' AND d.deptype IN ('a', 'i') AND d.refobjsubid > 0
             AND s.relnamespace = 'public'::regnamespace"""
    )
    assert tied == 0
    for catalog, namespace in (
        ("pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT tgisinternal AND", "relnamespace"),
        ("pg_proc WHERE", "pronamespace"),
        ("pg_class WHERE relkind IN ('v', 'm') AND", "relnamespace"),
        ("pg_rules r JOIN pg_namespace n ON n.nspname = r.schemaname WHERE", "n.oid"),
    ):
        count = f"SELECT count(*) FROM {catalog} {namespace} = 'public'::regnamespace"
        assert await migrated.fetchval(count) == 0, catalog


async def test_times_carry_a_zone_and_no_default(migrated: db.Pool) -> None:
    """The database's clock decides nothing."""
    rows = [row for row in await migrated.fetch(COLUMNS) if row["type"] == "timestamptz" and row["table"] not in RUNNER]
    assert len(rows) >= 20
    assert [row["column"] for row in rows if row["default"] is not None] == []


# Migrations.


def text_of(name: str) -> str:
    return (files("hashrail") / "sql" / f"{name}.sql").read_text()


async def test_migrations_are_numbered_and_depend_on_the_one_before() -> None:
    """One line of history, without a way back."""
    names = migrations()
    numbers = [name[:5] for name in names]
    # Whoever works at the same time takes other numbers, so some are left out.
    assert all(re.fullmatch(r"\d{4}_", number) for number in numbers)
    assert len(set(numbers)) == len(numbers)
    for before, name in zip(["", *names], names, strict=False):
        text = text_of(name)
        wanted = f"-- depends: {before}".strip()
        assert [line for line in text.splitlines() if line.startswith("-- depends")] == [wanted]
    assert not [path.name for path in (files("hashrail") / "sql").iterdir() if "rollback" in path.name]


async def test_migrating_again_does_nothing(empty: str) -> None:
    """What was applied is answered once, in order."""
    assert await db.migrate_in_thread(empty) == migrations()
    assert await db.migrate_in_thread(empty) == []


async def test_two_processes_that_migrate_at_once_do_it_once(empty: str) -> None:
    """The second waits and finds everything done, in both schemas."""
    program = (
        "import sys; from hashrail import db; from hashrail.postgres import job_queue as q; "
        "print(len(db.migrate(sys.argv[1])), len(q.install(sys.argv[1])))"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, empty], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    outcomes = [await asyncio.to_thread(each.communicate, timeout=60) for each in running]
    assert [each.returncode for each in running] == [0, 0], outcomes
    counts = sorted(tuple(int(word) for word in out.split()) for out, _ in outcomes)
    assert sorted(first for first, _ in counts) == [0, len(migrations())]
    assert sorted(second for _, second in counts) == [0, len(queue_files())]


async def test_a_migration_waits_for_a_lock_for_a_short_time(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody who comes after it would wait behind it. Tried again, it goes on where it stopped."""
    await asyncio.to_thread(migrate_before, empty, "0015")
    monkeypatch.setattr(db, "MIGRATION_PATIENCE", "200ms")
    with psycopg.connect(empty) as reader:
        reader.execute("SELECT count(*) FROM transfer")
        with pytest.raises(db.MigrationBusyError):
            await db.migrate_in_thread(empty)
    assert await db.migrate_in_thread(empty) == [name for name in migrations() if name >= "0015"]


async def test_a_session_that_migrates_keeps_the_options_of_its_address(empty: str) -> None:
    """As for the role that is to own the tables; not the schema, which every session of ours looks for in `public`."""
    role = f"role_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(empty, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role}")
        connection.execute(f"GRANT USAGE, CREATE ON SCHEMA public TO {role}")
        connection.execute("CREATE SCHEMA elsewhere")
        given = make_conninfo(empty, options=f"-c search_path=elsewhere -c role={role}")
        assert await db.migrate_in_thread(given) == migrations()
        owners = connection.execute(
            "SELECT DISTINCT schemaname, tableowner FROM pg_tables WHERE tablename = 'transfer'"
        )
        assert owners.fetchall() == [("public", role)]
        connection.execute(f"DROP OWNED BY {role}")
        connection.execute(f"DROP ROLE {role}")


async def test_whoever_migrates_is_alone_and_lets_go_when_it_dies(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second process waits for the first one, and is not held up by one that is gone."""
    monkeypatch.setattr(db, "MIGRATING_PATIENCE", dt.timedelta(milliseconds=200))
    with psycopg.connect(empty, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (db.MIGRATING,))
        with pytest.raises(db.MigrationBusyError):
            await db.migrate_in_thread(empty)
    assert await db.migrate_in_thread(empty) == migrations()


async def test_a_migration_is_applied_with_its_note_or_not_at_all(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is killed between the two leaves nothing behind that would stop the next one."""
    mark = DatabaseBackend.mark_one

    def die_at_the_third(self: DatabaseBackend, migration: Migration) -> None:
        if migration.id.startswith("0003"):
            raise ConnectionAbortedError
        mark(self, migration)

    with monkeypatch.context() as killed:
        killed.setattr(DatabaseBackend, "mark_one", die_at_the_third)
        with pytest.raises(db.DatabaseDownError):
            await db.migrate_in_thread(empty)
    assert await db.migrate_in_thread(empty) == migrations()[2:]


async def test_indexes_beside_everybody_s_work_are_built_anew_by_whoever_comes_next(empty: str) -> None:
    """A process that is killed between them leaves one that is not valid, or no note: both are mended."""
    outside = [name for name in migrations() if "-- transactional: false" in text_of(name)]
    assert outside
    assert await db.migrate_in_thread(empty) == migrations()
    with psycopg.connect(empty, autocommit=True) as connection:
        for name in outside:
            assert "CONCURRENTLY" in text_of(name)
            connection.execute("DELETE FROM _yoyo_migration WHERE migration_id = %s", (name,))
        connection.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'withdrawal_to_address'::regclass"
        )
        assert await db.migrate_in_thread(empty) == outside
        assert connection.execute("SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid").fetchall() == []


async def test_a_schema_that_lacks_a_migration_is_refused(dsn: str, pool: db.Pool) -> None:
    """A newer program on an older schema says so before it does anything."""
    await bootstrap.check_schema(pool)
    await pool.execute("DELETE FROM _yoyo_migration WHERE migration_id LIKE '0003%'")
    with pytest.raises(bootstrap.SchemaOutOfDateError, match="lacks 0003_rewards") as caught:
        await bootstrap.check_schema(pool)
    assert caught.value.advice == "Run: hashrail migrate"


# The queue's schema.


def queue_files() -> list[str]:
    """The migrations of the installed queue."""
    return sorted(path.name for path in Path(SchemaManager.get_migrations_path()).glob("*.sql"))


async def queue_state(pool: db.Pool) -> tuple[str | None, int, int]:
    """(newest migration, tables, functions without a search path of their own) of the queue's schema."""
    row = await pool.fetchrow(
        """SELECT obj_description('procrastinate'::regnamespace, 'pg_namespace'),
                  (SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'procrastinate'::regnamespace),
                  (SELECT count(*) FROM pg_proc WHERE pronamespace = 'procrastinate'::regnamespace
                   AND NOT coalesce(proconfig::text LIKE '%search_path=procrastinate, pg_temp%', false))"""
    )
    assert row is not None
    return tuple(row.values())


async def test_the_queue_lives_in_a_schema_of_its_own(world: World, dsn: str) -> None:
    """Installed once; nothing of it stands among our tables, and again does nothing."""
    ours = await tables(world.pool)
    await world.pool.execute("DROP SCHEMA procrastinate CASCADE")
    assert await asyncio.to_thread(job_queue.install, dsn) == queue_files()
    newest, count, unpinned = await queue_state(world.pool)
    assert (newest, count >= 4, unpinned) == (queue_files()[-1], True, 0)
    assert await asyncio.to_thread(job_queue.install, dsn) == []
    assert await queue_state(world.pool) == (newest, count, 0)
    assert await tables(world.pool) == ours


async def test_the_queue_is_updated_from_where_it_stands(pool: db.Pool, dsn: str) -> None:
    """Only the files after the one written on the schema are applied, and their functions find their tables."""
    await asyncio.to_thread(job_queue.install, dsn)
    known = queue_files()
    await pool.execute(f"COMMENT ON SCHEMA procrastinate IS '{known[-2]}'")
    before = await queue_state(pool)
    assert before[0] == known[-2]
    assert await asyncio.to_thread(job_queue.install, dsn) == known[-1:]
    assert await queue_state(pool) == (known[-1], *before[1:])


async def test_an_update_of_the_queue_that_fails_changes_nothing(pool: db.Pool, dsn: str) -> None:
    """All files that wait are applied in one transaction."""
    await asyncio.to_thread(job_queue.install, dsn)
    first = queue_files()[0]
    await pool.execute(f"COMMENT ON SCHEMA procrastinate IS '{first}'")
    before = await queue_state(pool)
    with pytest.raises(psycopg.Error, match=r"already exists|does not exist"):
        await asyncio.to_thread(job_queue.install, dsn)
    assert await queue_state(pool) == before
