"""`hashrail verify`: documents of days, records and openings are checked from files; what is forged is named."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hashrail.cli.verify import app
from tests.support.commands import read_strictly
from tests.support.signed_days import CONTENT, FIRST, KEYS, OPENING, RECORD, SECOND, signed

Files = dict[str, Path]
MINER = ("--power", "2", "--efficiency", "20")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """The answers of the API, as somebody has kept them."""
    return {name: written(tmp_path / f"{name}.json", content) for name, content in KEPT.items()}


KEPT: dict[str, Any] = {
    "keys": {"data": KEYS},
    "first": {"data": FIRST},
    "second": SECOND,
    "record": RECORD,
    "opening": {"data": OPENING},
}


def written(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content))
    return path


def run(files: Files, *words: str | Path) -> Result:
    return CliRunner().invoke(app, [*map(str, words), "--keys", str(files["keys"])])


def judged(files: Files, *words: str | Path) -> dict[str, Any]:
    """The verdict for scripts, which its exit code says as well."""
    made = run(files, *words, "--json")
    read_strictly(("verify", str(words[0])), made.stdout)
    verdict: dict[str, Any] = json.loads(made.stdout)
    assert made.exit_code == (0 if verdict["holds"] else 1)
    return verdict


def test_what_holds(files: Files) -> None:
    days = judged(files, "day", files["first"], files["second"])
    assert (days["holds"], days["code"], days["days"]) == (True, None, ["2026-03-01", "2026-03-02"])
    income = judged(files, "income", files["second"], files["record"], *MINER)
    assert income["message"] == "2 TH x 0.000000194 BTC per TH, at a discount of 0.10"
    assert judged(files, "income", files["second"], files["record"], *MINER, "--discount", "0.1")["holds"]
    assert judged(files, "power", files["second"], files["opening"])["message"] == (
        "3 TH in 1 class(es) earned 0.000000582000000000 BTC"
    )
    assert run(files, "day", files["first"]).stdout == (
        "holds: 1 day(s), 1 rates: they follow from their inputs and each other\n"
    )


def test_days_have_to_follow_each_other(files: Files) -> None:
    assert judged(files, "day", files["second"], files["first"])["code"] == "CHAIN"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"value": 0.000000389}, "RECORD"),
        ({"c1Value": 0}, "RECORD"),
        ({"day": "2026-03-01"}, "DAY"),
        ({"adjustmentId": 4}, "ADJUSTMENT"),
    ],
)
def test_a_record_that_is_not_so(files: Files, change: dict[str, Any], code: str) -> None:
    written(files["record"], RECORD | change)
    verdict = judged(files, "income", files["second"], files["record"], *MINER)
    assert (verdict["code"], verdict["days"]) == (code, ["2026-03-02"])


@pytest.mark.parametrize("option", [("--power", "3"), ("--efficiency", "15"), ("--discount", "0.2")])
def test_a_miner_that_was_another(files: Files, option: tuple[str, str]) -> None:
    verdict = judged(files, "income", files["second"], files["record"], *MINER, *option)
    assert verdict["code"] == "RECORD"


@pytest.mark.parametrize(
    ("change", "code"),
    [({"salt": "00"}, "COMMITMENT"), ({"text": "[]"}, "COMMITMENT"), ({"day": "2026-03-01"}, "DAY")],
)
def test_an_opening_that_is_not_so(files: Files, change: dict[str, Any], code: str) -> None:
    written(files["opening"], OPENING | change)
    assert judged(files, "power", files["second"], files["opening"])["code"] == code


def test_a_document_that_is_not_so(files: Files) -> None:
    """Changed, and signed again by whoever has the key."""
    other = CONTENT.replace('"net":0.000000194', '"net":0.000000195') % ("2026-03-01", "null", "")
    written(files["first"], FIRST | {"content": other})
    assert judged(files, "day", files["first"])["code"] == "SIGNATURE"
    written(files["first"], signed(other, "2026-03-01"))
    assert judged(files, "day", files["first"])["code"] == "RATES"
    written(files["first"], FIRST | {"sha256": "00"})
    assert judged(files, "day", files["first"])["code"] == "HASH"
    written(files["keys"], {"keys": []})
    assert judged(files, "day", files["first"])["code"] == "KEY_UNKNOWN"


def test_what_cannot_be_read(files: Files, tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none", "No such file"), (written(tmp_path / "x", 1), "it is no JSON")):
        if path.name == "x":
            path.write_text("{")
        made = run(files, "day", path)
        assert (made.exit_code, reason in made.stderr) == (2, True)
    made = run(files, "income", files["first"], files["record"], "--power", "many", "--efficiency", "20")
    assert made.exit_code == 2
    assert "'many' is no number" in made.stderr
