"""A sandbox with a past: seeded through the real verbs, resumed wherever it was cut off."""

import datetime as dt
import json
import stat
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import psycopg
import pytest
from cryptography.fernet import Fernet

from hashrail import clock, db
from hashrail.clock import ONE_DAY
from hashrail.parties import members, operators
from hashrail.sandbox import demo
from hashrail.settings import Settings
from hashrail.vault import Vault
from tests.support.books import broken
from tests.support.databases import database
from tests.support.deployments import become

DAYS = 12
URL = "http://127.0.0.1:1"
MASTER_KEY = Fernet.generate_key().decode()
VAULT = Vault([MASTER_KEY])
# What stands in the books, without the moments at which it was written.
BOOKS = (
    "SELECT day, pool_btc_per_th, btc_usd, discount_cap, source FROM mining_day ORDER BY 1",
    "SELECT * FROM class_day ORDER BY class_id, day",
    "SELECT * FROM programme_fraction ORDER BY 2",
    "SELECT id, user_id, name, power, energy_efficiency FROM miner ORDER BY 1",
    "SELECT * FROM stint ORDER BY id",
    "SELECT * FROM class_power_delta ORDER BY day, class_id",
    "SELECT id, external_id, user_id, state, attempt, value_usd, miner_id FROM purchase ORDER BY 1",
    "SELECT partner_user_id, email, level_discount, settled_through FROM app_user ORDER BY id",
    "SELECT kind, object_id, leg, debit_account, credit_account, amount, state FROM transfer ORDER BY 1, 2, 3",
    "SELECT id, debits_posted, credits_posted, debits_pending, credits_pending FROM account ORDER BY 1",
    "SELECT closed_through FROM partner_day",
    "SELECT user_id, address FROM wallet ORDER BY id",
    "SELECT id, user_id, speed, address, amount_btc, commission_btc, state FROM withdrawal ORDER BY id",
)


class CutError(Exception):
    """What a test raises where somebody pulls the plug."""


async def prepare(
    dsn: str, data: Path, tick: demo.Tick | None = None, url: str = URL, days: int = DAYS
) -> demo.Sandbox:
    """Seed or open a sandbox of twelve days."""
    data.mkdir(exist_ok=True)
    become(dsn, mode="sandbox")
    settings = Settings(mode="sandbox", data=data, master_keys=MASTER_KEY)
    return await demo.prepare(dsn, settings, base_url=url, days=days, tick=tick)


def books(dsn: str) -> list[list[tuple[Any, ...]]]:
    """Everything that counts, table by table."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return [connection.execute(query).fetchall() for query in BOOKS]


async def invariants(dsn: str) -> dict[str, Any]:
    """What is broken."""
    pool = await db.open_pool(dsn)
    try:
        return await broken(pool)
    finally:
        await pool.close()


async def test_a_sandbox_has_the_past_that_was_planned(dsn: str, tmp_path: Path) -> None:
    """Twelve closed days, whoever bought by then, income, a level, a programme; and every invariant holds."""
    seen: list[dt.date] = []
    made = await prepare(dsn, tmp_path / "data", seen.append)
    today = clock.day_of(made.clock)
    yesterday = clock.last_creditable_day(clock.wall_now())
    assert abs(made.clock - clock.wall_now()) < dt.timedelta(hours=1)
    assert seen == [yesterday - number * ONE_DAY for number in range(DAYS - 1, -1, -1)]
    first = seen[0]
    assert [name for name, _ in made.users] == ["alice", "bob", "carol", "dave"]
    with psycopg.connect(dsn, autocommit=True) as connection:

        def rows(query: str) -> list[tuple[Any, ...]]:
            return connection.execute(query).fetchall()

        miners = rows(
            """SELECT u.partner_user_id, m.power, m.energy_efficiency, m.created_at::date, s.from_day
               FROM miner m JOIN app_user u ON u.partner_id = m.partner_id AND u.id = m.user_id
               JOIN (SELECT partner_id, miner_id, min(from_day) AS from_day FROM stint GROUP BY 1, 2) s
               ON s.partner_id = m.partner_id AND s.miner_id = m.id ORDER BY m.id"""
        )
        planned = [each for each in demo.PURCHASES if each[1] < DAYS]
        assert miners == [
            (name, Decimal(power), Decimal(watts), first + day * ONE_DAY, first + (day + 1) * ONE_DAY)
            for name, day, power, watts in planned
        ]
        assert rows("SELECT DISTINCT state FROM purchase") == [("issued",)]
        assert rows("SELECT closed_through FROM partner_day") == [(yesterday,)]
        assert rows("SELECT count(*), min(day), max(day) FROM class_day WHERE class_id = 1")[0][1:] == (
            first,
            yesterday,
        )
        assert rows("SELECT offset_us FROM business_clock") == [(0,)]
        assert rows("SELECT ton_domains FROM partner") == [(["localhost", "demo.hashrail.example"],)]
        assert rows("SELECT origins FROM partner") == [(["http://localhost:3000", "http://localhost:5173"],)]
        fractions = [row[0] for row in rows("SELECT fraction FROM published_fraction ORDER BY day")]
        assert fractions == [Decimal("0.02")] * 7 + [Decimal("0.03")] * 5
        assert rows("SELECT count(*) FROM user_programme") == [(4,)]
        settled = dict(rows("SELECT partner_user_id, settled_through FROM app_user"))
        assert settled["alice"] == first + 2 * ONE_DAY
        assert rows("SELECT DISTINCT source FROM mining_day") == [("generated: steady",)]
    assert today == yesterday + ONE_DAY
    assert await invariants(dsn) == {}


@pytest.mark.slow
async def test_users_have_bound_addresses_and_withdraw(server: str, template: str, tmp_path: Path) -> None:
    """Half of what each has on his day, to the address that he has bound, and it is paid by now.

    The same when it was cut off on that day.
    """
    with database(server, template) as whole, database(server, template) as cut:
        await prepare(whole, tmp_path / "whole", days=90)
        with psycopg.connect(whole, autocommit=True) as connection:
            found = connection.execute(
                """SELECT u.partner_user_id, w.created_at::date - p.created_at::date, w.speed, w.state,
                          w.amount_btc >= 0.00005, w.address = a.address
                   FROM withdrawal w JOIN partner p ON p.id = w.partner_id
                   JOIN app_user u ON u.partner_id = w.partner_id AND u.id = w.user_id
                   JOIN wallet a ON a.partner_id = u.partner_id AND a.user_id = u.id ORDER BY w.id"""
            ).fetchall()
            bound = connection.execute("SELECT count(*), count(DISTINCT address) FROM wallet").fetchall()
        assert found == [(name, day, speed, "final", True, True) for name, day, speed in demo.WITHDRAWALS]
        assert bound == [(6, 6)]
        with pytest.raises(CutError):
            await prepare(cut, tmp_path / "cut", cut_after(42), days=90)
        with psycopg.connect(cut, autocommit=True) as connection:
            ((present,),) = connection.execute("SELECT offset_us FROM business_clock").fetchall()
            connection.execute(f"ALTER TABLE business_clock ADD CONSTRAINT stuck CHECK (offset_us <= {present})")
            with pytest.raises(asyncpg.CheckViolationError):
                await prepare(cut, tmp_path / "cut", days=90)
            assert connection.execute("SELECT count(*) FROM withdrawal").fetchall() == [(2,)]
            connection.execute("ALTER TABLE business_clock DROP CONSTRAINT stuck")
        await prepare(cut, tmp_path / "cut", days=90)
        for expected, made in zip(books(whole), books(cut), strict=True):
            assert made == expected
        assert await invariants(whole) == {}


async def test_demo_json_has_what_a_program_needs(dsn: str, tmp_path: Path) -> None:
    """For its owner's eyes only, and nothing is left beside it."""
    data = tmp_path / "data"
    made = await prepare(dsn, data)
    path = data / "demo.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in data.iterdir()] == ["demo.json"]
    found = json.loads(path.read_text())
    names = ("baseUrl", "partnerId", "apiKey", "apiSecret", "users", "operators", "members", "clock", "dataDir")
    assert tuple(found) == names
    assert (found["baseUrl"], found["dataDir"]) == (URL, str(data.resolve()))
    assert (found["apiKey"], found["apiSecret"]) == (made.api_key, made.api_secret)
    with psycopg.connect(dsn, autocommit=True) as connection:
        users = connection.execute("SELECT partner_user_id, id FROM app_user ORDER BY id").fetchall()
        (public_id,) = connection.execute("SELECT public_id FROM partner").fetchall()[0]
        (sealed,) = connection.execute("SELECT sealed FROM api_secret").fetchall()[0]
        kinds = connection.execute("SELECT key, kind FROM api_key").fetchall()
    assert found["users"] == [{"partnerUserId": name, "userId": number} for name, number in users]
    assert found["partnerId"] == public_id
    assert VAULT.open(sealed).decode() == found["apiSecret"]
    assert kinds == [(found["apiKey"], "full")]
    assert clock.parse_iso(found["clock"], "clock") - made.clock < ONE_DAY
    assert [each["name"] for each in found["operators"]] == ["anna", "ben"]
    await prepare(dsn, data)
    again = json.loads(path.read_text())
    assert (again["operators"], again["members"]) == (found["operators"], found["members"])
    pool = await db.open_pool(dsn)
    for each in found["operators"]:
        assert (await operators.authenticate(pool, each["name"], each["password"])).role == "approver"
    (owner,) = found["members"]
    member, _ = await members.authenticate(pool, owner["email"], owner["password"])
    assert (member.role, member.partner_id) == ("owner", 1)
    await pool.close()


async def test_what_was_cut_off_ends_as_if_it_had_not_been(server: str, template: str, tmp_path: Path) -> None:
    """After the close of a day, three times, and between the end of a day and its close."""
    with database(server, template) as whole, database(server, template) as cut:
        await prepare(whole, tmp_path / "whole")
        # A run that is resumed tells of the day before again; the last cut leaves a day on which nobody buys.
        for count in (1, 2, 5):
            with pytest.raises(CutError):
                await prepare(cut, tmp_path / "cut", cut_after(count))
            assert not (tmp_path / "cut" / "demo.json").exists()
        with psycopg.connect(cut, autocommit=True) as connection:
            connection.execute("UPDATE business_clock SET offset_us = offset_us + 86400000000")
        await prepare(cut, tmp_path / "cut")
        for expected, found in zip(books(whole), books(cut), strict=True):
            assert found == expected
        assert await invariants(cut) == {}


def cut_after(count: int) -> demo.Tick:
    """Pulls the plug on the count-th day."""
    days: list[dt.date] = []

    def tick(day: dt.date) -> None:
        days.append(day)
        if len(days) == count:
            raise CutError

    return tick


async def test_started_again_it_changes_nothing(dsn: str, tmp_path: Path) -> None:
    """Same books, same key, same file; another port is written down."""
    data = tmp_path / "data"
    first = await prepare(dsn, data)
    before, file = books(dsn), json.loads((data / "demo.json").read_text())
    again = await prepare(dsn, data, url="http://127.0.0.1:2")
    assert books(dsn) == before
    assert (again.api_key, again.api_secret, again.users) == (first.api_key, first.api_secret, first.users)
    found = json.loads((data / "demo.json").read_text())
    assert found.pop("baseUrl") == "http://127.0.0.1:2"
    assert {name: found[name] for name in found if name != "clock"} == {
        name: file[name] for name in file if name not in ("clock", "baseUrl")
    }
    with psycopg.connect(dsn, autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM api_key").fetchall() == [(1,)]


async def test_a_sandbox_that_stood_still_catches_up_and_buys_nothing(dsn: str, tmp_path: Path) -> None:
    """Days that passed meanwhile are closed; the plan is for the seeding, not for days that the engineer made pass."""
    data = tmp_path / "data"
    await prepare(dsn, data)
    with psycopg.connect(dsn, autocommit=True) as connection:
        before = connection.execute("SELECT max(closed_through) FROM partner_day").fetchall()[0][0]
        connection.execute("UPDATE business_clock SET offset_us = offset_us + 86400000000")
        (data / "demo.json").unlink()
        again = await prepare(dsn, data)
        counts = connection.execute("SELECT (SELECT count(*) FROM miner), (SELECT count(*) FROM api_key)").fetchall()
        through = connection.execute("SELECT closed_through FROM partner_day").fetchall()
    assert counts == [(5, 2)]
    assert through == [(before + ONE_DAY,)]
    assert len(again.users) == 4
    assert again.clock - clock.wall_now() > dt.timedelta(hours=23)
    assert await invariants(dsn) == {}
