"""`hashrail init`: from an empty database to a deployment that sells; asked for, by flags, and cut off anywhere."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hashrail import clock
from hashrail.cli import beginning, beginning_questions, main
from hashrail.deployment import journal_file
from hashrail.parties import operators
from hashrail.rewards import closing
from hashrail.selling import beginnings, samples
from tests.support import databases
from tests.support.commands import read_strictly
from tests.support.deployments import become
from tests.support.shell import Shell

PASSWORD = {"HASHRAIL_NEW_OPERATOR_PASSWORD": "a long enough one"}
OFFERS = len(samples.sample_collections())
FIGURES = ("--btc-usd", "78862.65", "--difficulty", "95.67e12", "--subsidy-btc", "3.125", "--fees-btc", "0.04")
WHOLE = ("init", "--offers", "sample", "--capacity", "5000", *FIGURES, "--admin", "olga")


class CutOff(BaseException):
    """The process ends here."""


@pytest.fixture
def shell(server: str, tmp_path: Path) -> Iterator[Shell]:
    with databases.database(server, None) as dsn:
        yield Shell(dsn, tmp_path)


@pytest.fixture
def migrated(dsn: str, tmp_path: Path) -> Shell:
    """Where the schema is there already, and nothing else, since to make it takes long."""
    become(dsn, mode="production")
    return Shell(dsn, tmp_path)


def newest_day() -> str:
    return clock.last_creditable_day(clock.wall_now()).isoformat()


def check_whole(shell: Shell) -> None:
    found = read_strictly(("init",), shell.ok("init", "--json"))
    assert (found.done, found.lacking, found.is_selling, found.admin) == ([], [], True, "olga")
    assert (found.offers, found.capacity, found.published_through.isoformat()) == (OFFERS, 5000, newest_day())
    shell.ok("audit")


def test_it_leaves_a_deployment_that_sells(shell: Shell) -> None:
    """And again does nothing: what is there stays, whatever is said the second time."""
    made = shell.run(*WHOLE, **PASSWORD)
    assert made.exit_code == 0, made.output
    assert f"It sells: {OFFERS} offers, at the figures of {newest_day()}." in made.stdout
    assert "operator add" not in made.stdout
    check_whole(shell)
    shell.ok("init", "--offers", "sample", "--capacity", "7", *FIGURES, "--admin", "otto")
    check_whole(shell)
    assert [one["action"] for one in shell.json("operator", "log")][:2] == ["operator added", "init"]
    assert [one["name"] for one in shell.json("operator", "list")] == ["olga"]


@pytest.mark.parametrize(
    "step",
    [
        (beginning, "migrate"),
        (beginnings, "fill"),
        (operators, "note"),
        (closing, "close_due"),
        (journal_file, "write_down"),
        (operators, "add_digested"),
    ],
    ids=lambda step: str(step[1]),
)
def test_cut_off_anywhere_it_goes_on(
    migrated: Shell, step: tuple[object, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object, **__: object) -> None:
        raise CutOff

    with monkeypatch.context() as patch:
        patch.setattr(*step, cut)
        with pytest.raises(CutOff):
            CliRunner().invoke(main.app, WHOLE, env=migrated.environment | PASSWORD)
    assert migrated.run(*WHOLE, **PASSWORD).exit_code == 0
    check_whole(migrated)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("BAD_OFFERS", ("--offers", "/nonexistent.csv")),
        ("BAD_RATES", ("--difficulty", "95.67e12")),
        ("BAD_RATES", ("--btc-usd", "78862.65")),
        ("BAD_RATES", (*FIGURES, "--kwh-usd", "-1")),
        ("IMPLAUSIBLE_FIGURE", (*FIGURES, "--btc-usd", "78.862")),
        ("IMPLAUSIBLE_FIGURE", (*FIGURES, "--difficulty", "95.67")),
        ("CONFIRMATION_NEEDED", (*FIGURES, "--btc-usd", "7886.265")),
        ("CONFIRMATION_NEEDED", (*FIGURES, "--kwh-usd", "0.5", "--confirm", "0.05")),
        ("BAD_RATES", ("--first-day", newest_day())),
        ("FIRST_DAY", (*FIGURES, "--first-day", "2016-09-09")),
        ("FIRST_DAY", (*FIGURES, "--first-day", "2999-01-01")),
        ("OPERATOR_NAME", ("--admin", " olga")),
        ("PASSWORD_TOO_SHORT", ("--admin", "olga")),
    ],
)
def test_nothing_is_written_before_everything_is_looked_at(shell: Shell, code: str, words: tuple[str, ...]) -> None:
    shell.refused(code, "init", *words, HASHRAIL_NEW_OPERATOR_PASSWORD="short")
    assert shell.rows("SELECT to_regclass('deployment')") == [(None,)]


@pytest.mark.parametrize("capacity", ["much", "0", "-5", "0.00001", "1e14"])
def test_a_capacity_that_is_none_shows_the_usage(shell: Shell, capacity: str) -> None:
    made = shell.run("init", "--capacity", capacity)
    assert made.exit_code == 2
    assert "Usage:" in made.stderr
    assert shell.rows("SELECT to_regclass('deployment')") == [(None,)]


def test_offers_of_a_file_and_an_earlier_day(migrated: Shell, tmp_path: Path) -> None:
    """Whose levels nobody asked for; and days between wait for their rates."""
    (tmp_path / "offers.csv").write_text("power,energyEfficiency,value\n1,15,14.99\n")
    first = clock.last_creditable_day(clock.wall_now()) - timedelta(days=2)
    migrated.ok("init", "--offers", tmp_path / "offers.csv", *FIGURES, "--first-day", first)
    assert [one["value"] for one in migrated.json("catalogue", "list")] == ["14.99"]
    assert migrated.rows("SELECT published_through FROM publication") == [(first,)]
    assert migrated.rows("SELECT count(*) FROM discount_level") == [(0,)]
    assert migrated.ok("catalogue", "upgrades")


def test_once_there_is_an_admin_it_fills_nothing_in(migrated: Shell) -> None:
    migrated.run("init", "--admin", "olga", **PASSWORD)
    told = migrated.refused("BEGUN_ALREADY", "init", "--offers", "sample")
    assert "--as ADMIN" in told
    assert migrated.json("catalogue", "list") == []


def test_an_unusual_figure_that_is_meant(migrated: Shell) -> None:
    """Is named, digit by digit; the day is published all the same."""
    made = migrated.json("init", "--offers", "sample", *FIGURES, "--kwh-usd", "0.5", "--confirm", "0.5")
    assert (made["isSelling"], made["publishedThrough"]) == (True, newest_day())
    # And it is the tariff of later days as well; what was not said stays as the settings have it.
    assert migrated.rows("SELECT kind, from_day::text, value::text FROM tariff") == [("kwh_usd", newest_day(), "0.5")]


def test_an_entered_day_is_published(migrated: Shell) -> None:
    """As of one that was cut off before: the day is not entered anew."""
    migrated.ok("init", "--offers", "sample")
    migrated.ok("rates", "set", newest_day(), "--btc-usd", "70000", "--pool-btc-per-th", "5e-7")
    assert migrated.json("init", *FIGURES)["isSelling"] is True
    assert migrated.rows("SELECT btc_usd FROM mining_day") == [(70000,)]


# On a terminal


def answered(shell: Shell, monkeypatch: pytest.MonkeyPatch, *lines: str) -> Result:
    monkeypatch.setattr(beginning_questions, "is_terminal", lambda: True)
    text = "".join(f"{line}\n" for line in lines)
    return CliRunner().invoke(main.app, ["init"], env=shell.environment | PASSWORD, input=text)


def test_on_a_terminal_it_asks(migrated: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be is asked for again, and the figures once more unless they are confirmed."""
    rates = ("95.67e12", "", "0.04", "", "", "")
    costly = ("95.67e12", "", "0.04", "0.5", "", "")
    made = answered(
        *(migrated, monkeypatch),
        *("/nonexistent.csv", "sample", "much", "5000"),
        *("78.86", *rates, "78862.65", *costly, "0.05", "78862.65", *costly, "0.5", "n", "78862.65", *rates, "y"),
        *("o" * 300, "olga"),
    )
    assert made.exit_code == 0, made.output
    assert "0.00000066550576" in made.stdout
    check_whole(migrated)
    assert migrated.rows("SELECT btc_usd::text, difficulty::text FROM mining_day") == [("78862.65", "95670000000000")]


def test_empty_answers_leave_it_for_later(migrated: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    made = answered(migrated, monkeypatch, "none", "", "", "")
    assert made.exit_code == 0, made.output
    found = migrated.json("init")
    assert (found["isSelling"], found["lacking"]) == (False, ["offers", "capacity", "first day", "admin"])
