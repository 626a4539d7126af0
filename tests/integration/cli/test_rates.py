"""What an operator types as a day's rates: refused, named again, held, confirmed, taken back."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hashrail import clock
from tests.support.books import advance, buy, deployment
from tests.support.databases import with_database
from tests.support.operators import PASSWORD, hired, strangers
from tests.support.shell import Shell
from tests.support.world import World

OLGA = {"HASHRAIL_OPERATOR": "olga", "HASHRAIL_OPERATOR_PASSWORD": PASSWORD}
OTTO = OLGA | {"HASHRAIL_OPERATOR": "otto"}
CHAIN = ("--difficulty", "95.67e12", "--subsidy-btc", "3.125", "--fees-btc", "0.04")
DAYS = "SELECT day::text, btc_usd, held <> '{}' FROM mining_day ORDER BY day"
COLUMNS = "day,btc_usd,difficulty,subsidy_btc,fees_btc,source"


@pytest.fixture
async def world(server: str, template: str) -> AsyncIterator[World]:
    """Alice has 16 TH since 1 March 2026, and it is 3 March."""
    async with deployment(server, template) as made:
        await buy(made, (await made.user()).id, "16")
        await advance(made, 2 * clock.ONE_DAY)
        yield made


@pytest.fixture
async def two(world: World) -> None:
    """Olga and otto are admins and two people."""
    for name in ("olga", "otto"):
        await hired(world.pool, name, "admin")
    await strangers(world.pool)


@pytest.fixture
async def shell(server: str, world: World, tmp_path: Path) -> Shell:
    """The deployment's operator, and a file with the first day."""
    made = Shell(with_database(server, await world.pool.fetchval("SELECT current_database()")), tmp_path)
    (tmp_path / "first.csv").write_text(f"{COLUMNS}\n2026-03-01,78862.65,95.67e12,3.125,0.04,\n")
    return made


@pytest.fixture
async def begun(shell: Shell) -> Shell:
    """The first day is entered."""
    await asyncio.to_thread(shell.ok, "rates", "import", shell.data / "first.csv")
    return shell


def test_difficulty_as_pages_show_it_and_a_point_for_thousands(begun: Shell) -> None:
    """Refused with what is likely meant; nothing of the day is there."""
    chain = ("--subsidy-btc", "3.125", "--fees-btc", "0.04")
    said = begun.refused(
        "IMPLAUSIBLE_FIGURE", "rates", "set", "2026-03-02", "--btc-usd", "78862.65", "--difficulty", "95.67", *chain
    )
    assert "pages show it in T, 95.67 T is 95.67e12" in said
    said = begun.refused("IMPLAUSIBLE_FIGURE", "rates", "set", "2026-03-02", "--btc-usd", "78.862", *CHAIN)
    assert "a point parts decimals, not thousands" in said
    assert len(begun.rows(DAYS)) == 1


def test_a_decimal_comma_shifts_nothing(begun: Shell) -> None:
    """A line with a value too many is refused, and so is one that fits by accident."""
    file = begun.data / "shift.csv"
    for line in ("2026-03-02,78862,65,95.67e12,3.125,0.04", "2026-03-02,78862,65,95.67e12,3.125,0.04,report"):
        file.write_text(f"{COLUMNS}\n{line}\n")
        code = "IMPLAUSIBLE_FIGURE" if line.count(",") == 5 else "BAD_RATES"
        begun.refused(code, "rates", "import", file)
    assert len(begun.rows(DAYS)) == 1


def test_a_first_day_with_a_wrong_year_is_named_again(shell: Shell) -> None:
    """By the day itself; and until it is published it can be taken back."""
    wrong = ("rates", "set", "2016-03-01", "--btc-usd", "78862.65", *CHAIN)
    assert "--confirm 2016-03-01" in shell.refused("CONFIRMATION_NEEDED", *wrong)
    file = shell.data / "year.csv"
    file.write_text((shell.data / "first.csv").read_text().replace("2026", "2016"))
    shell.refused("CONFIRMATION_NEEDED", "rates", "import", file)
    assert shell.rows(DAYS) == []
    for words in (wrong, ("rates", "import", file)):
        shell.ok(*words, "--confirm", "2016-03-01")
        assert shell.ok("rates", "delete", "2016-03-01") == "2016-03-01 has no rates any more.\n"
    shell.refused("RATES_MISSING", "rates", "delete", "2016-03-01")
    shell.ok("rates", "import", shell.data / "first.csv")
    shell.ok("day", "close", "--through", "2026-03-01")
    shell.refused("DAY_PUBLISHED", "rates", "delete", "2026-03-01")
    shell.refused("DAY_FAR", *wrong)


def test_a_doubtful_figure_is_named_again(begun: Shell) -> None:
    """The refusal says what it comes to; a confirmation of something else is none."""
    doubtful = ("rates", "set", "2026-03-02", "--btc-usd", "120000", *CHAIN)
    said = begun.refused("CONFIRMATION_NEEDED", *doubtful)
    assert "btc_usd 120000 (78862.65 on 2026-03-01, 1.52 times): --confirm 120000" in said
    assert "2026-03-02 would credit 0.00000" in said
    assert "to 1 miners of 1 partners, 16 TH, and 0.00000" in said
    begun.refused("CONFIRMATION_NEEDED", *doubtful, "--confirm", "12000")
    dry = begun.json(*doubtful, "--dry-run")
    assert (dry["dryRun"], dry["doubts"][0]["confirm"], dry["effect"]["miners"]) == (True, "120000", 1)
    assert len(begun.rows(DAYS)) == 1
    shown = begun.ok(*doubtful, "--confirm", "120000")
    assert "would credit" in shown
    assert "It publishes at 2026-03-03T00:05:00.000Z" in shown
    assert begun.rows(DAYS)[1] == ("2026-03-02", 120000, False)


def test_days_of_a_file_are_held_and_confirmed(begun: Shell) -> None:
    """They are shown with the reason, stop what comes after them, and one operator lets them go."""
    file = begun.data / "more.csv"
    file.write_text("day,btc_usd,pool_btc_per_th\n2026-03-03,112000,6.6e-7\n2026-03-02,110000,6.6e-7\n")
    said = begun.ok("rates", "import", file)
    assert "2 days entered.\n2026-03-02 is held for an operator" in said
    listed = {each["day"]: each for each in begun.json("rates", "list")}
    assert listed["2026-03-02"]["held"] == ["btc_usd 110000 (78862.65 on 2026-03-01, 1.39 times)"]
    assert listed["2026-03-02"]["publishesAt"] == "2026-03-03T00:05:00.000Z"
    assert "1.39 times" in begun.ok("rates", "list")
    closed = begun.run("day", "close", "--json")
    assert (closed.exit_code, json.loads(closed.stdout)["waiting"]) == (1, "DAY_HELD")
    assert "hashrail rates confirm DAY" in closed.stderr
    assert begun.ok("rates", "confirm", "2026-03-02").startswith("2026-03-02 is held no longer. 2026-03-02 would")
    assert [held for *_, held in begun.rows(DAYS)] == [False, False, False]
    begun.refused("DAY_NOT_HELD", "rates", "confirm", "2026-03-02")
    assert begun.json("day", "close")["publishedThrough"] == "2026-03-02"


def test_alone_a_far_figure_of_a_file_is_named(begun: Shell) -> None:
    """Where there is nobody else, the figure is what has to be known."""
    file = begun.data / "more.csv"
    file.write_text("day,btc_usd,pool_btc_per_th\n2026-03-02,788620,6.6e-7\n")
    begun.ok("rates", "import", file)
    assert "--confirm 788620" in begun.refused("CONFIRMATION_NEEDED", "rates", "confirm", "2026-03-02")
    begun.ok("rates", "confirm", "2026-03-02", "--confirm", "788620")


def test_what_is_far_off_takes_two(begun: Shell, two: None) -> None:
    """It is entered and held, and done when another admin confirms it."""
    far = ("rates", "set", "2026-03-02", "--btc-usd", "788620", *CHAIN, "--confirm", "788620")
    made = begun.run(*far, **OLGA)
    assert (made.exit_code, "SECOND_NEEDED: change 1 waits" in made.stderr) == (1, True)
    assert begun.rows(DAYS)[1] == ("2026-03-02", 788620, True)
    begun.refused("SECOND_NEEDED", "rates", "confirm", "2026-03-02", **OLGA)
    assert [each["subject"] for each in begun.json("change", "list")] == ["day 2026-03-02"]
    begun.refused("SAME_PERSON", "change", "confirm", 1, **OLGA)
    assert begun.run("change", "confirm", 1, **OTTO).exit_code == 0
    assert begun.rows(DAYS)[1] == ("2026-03-02", 788620, False)


def test_a_day_is_adjusted_by_what_was_wrong(begun: Shell) -> None:
    """Difficulty, not a quotient; it is shown before, and what is far from what was published is named again."""
    begun.ok("day", "close", "--through", "2026-03-01")
    wrong = ("day", "adjust", "2026-03-01", "--reason", "a digit")
    assert "95.67 T is 95.67e12" in begun.refused("IMPLAUSIBLE_FIGURE", *wrong, "--difficulty", "95.67")
    said = begun.refused("CONFIRMATION_NEEDED", *wrong, "--difficulty", "195.67e12")
    assert "difficulty 195670000000000 (95670000000000 as published, 2.05 times)" in said
    dry = begun.json(*wrong, "--difficulty", "99e12", "--dry-run")
    assert (dry["id"], dry["doubts"], dry["effect"]["since"]) == (None, [], "2026-03-01")
    assert "Nothing was changed." in begun.ok(*wrong, "--difficulty", "99e12", "--dry-run")
    assert begun.rows("SELECT count(*) FROM adjustment") == [(0,)]
    assert "Adjustment 1 is published." in begun.ok(*wrong, "--difficulty", "99e12")
    begun.refused("BAD_ADJUSTMENT", *wrong, "--difficulty", "98e12", "--pool-btc-per-th", "5e-7")
    # Little by little comes to the same.
    assert "Adjustment 2 is published." in begun.ok(*wrong, "--difficulty", "130e12")
    begun.refused("CONFIRMATION_NEEDED", *wrong, "--difficulty", "140e12")


def test_a_published_day_that_nobody_closed_is_taken_back(shell: Shell) -> None:
    """It is held then; one that was closed is not, nor one without a reason."""
    shell.ok("rates", "import", shell.data / "first.csv")
    take_back = ("day", "take-back", "2026-03-01", "--reason")
    shell.refused("DAY_NOT_NEWEST", *take_back, "wrong")
    shell.ok("rates", "set", "2026-02-28", "--btc-usd", "78862.65", *CHAIN)
    shell.ok("day", "close", "--through", "2026-02-28")
    shell.refused("REASON_MISSING", "day", "take-back", "2026-02-28", "--reason", " ")
    assert "2026-02-28 is not published any more" in shell.ok(
        "day", "take-back", "2026-02-28", "--reason", "not the first"
    )
    shell.ok("rates", "delete", "2026-02-28")
    assert shell.json("day", "close", "--through", "2026-03-01")["publishedThrough"] == "2026-03-01"
    shell.ok("rates", "set", "2026-03-02", "--btc-usd", "78862.65", *CHAIN)
    shell.ok("day", "close")
    shell.refused("DAY_CLOSED", "day", "take-back", "2026-03-02", "--reason", "wrong")
