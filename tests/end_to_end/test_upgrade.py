"""An update and the way back, as docs/how-to/production.md has them, with processes of two versions on one database.

The new program is a copy of this one with a migration more.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.databases import database
from tests.support.folders import ROOT
from tests.support.programs import clean_environment
from tests.support.served import serving
from tests.support.shell import MASTER_KEY

SECONDS = 90
TOMORROW = "9999_tomorrow"
FIGURES = ("--btc-usd", "78862.65", "--pool-btc-per-th", "5e-7")


@dataclass
class Version:
    """A program, on the database."""

    source: Path
    environment: dict[str, str]

    def run(self, *words: object, code: int = 0) -> str:
        """What a command of it prints."""
        made = subprocess.run(
            [sys.executable, "-m", "hashrail.cli", *map(str, words)],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert made.returncode == code, made.stdout + made.stderr
        return made.stdout + (made.stderr if code else "")


@pytest.fixture
def versions(server: str, tmp_path: Path) -> Iterator[tuple[str, Version, Version]]:
    """The database, the program of today, and that of tomorrow."""
    new = tmp_path / "new"
    shutil.copytree(ROOT / "src", new)  # what is compiled as well: a program begins in a third of the time
    newest = max(path.name for path in (new / "hashrail/sql").glob("*.sql")).removesuffix(".sql")
    (new / f"hashrail/sql/{TOMORROW}.sql").write_text(
        f"-- What comes.\n-- depends: {newest}\n\nALTER TABLE partner ADD COLUMN later text;\n"
    )
    with database(server, None) as dsn:
        given = {"DATABASE_URL": dsn, "HASHRAIL_MASTER_KEYS": MASTER_KEY, "HASHRAIL_DATA": str(tmp_path / "data")}
        old, tomorrow = (
            Version(each, clean_environment(**given, PYTHONPATH=os.pathsep.join([str(each), str(ROOT / "client/src")])))
            for each in (ROOT / "src", new)
        )
        yield dsn, old, tomorrow


def test_an_update_and_the_way_back(versions: tuple[str, Version, Version], tmp_path: Path) -> None:
    """Old processes serve on, before and after; the new program starts once the schema is there; and back again."""
    dsn, old, new = versions
    old.run("init", "--mode", "sandbox", "--offers", "sample", *FIGURES)
    old.run("partner", "create", "--name", "Wallet Ltd")
    key = json.loads(old.run("partner", "key", "create", "--partner", "Wallet Ltd", "--json"))["apiKey"]

    def sells(url: str) -> bool:
        """The catalogue, which takes key, books and figures."""
        path = "/api/partner/s2s/nft-collection/find-all-generative"
        answer = httpx.get(f"{url}{path}", headers={"X-PARTNER-API-KEY": key}, timeout=SECONDS)
        return answer.status_code == 200 and len(answer.json()["data"]["array"]) > 0

    def of(version: Version) -> dict[str, str]:
        return {name: version.environment[name] for name in ("PYTHONPATH", "HASHRAIL_DATA")}

    with serving(dsn, tmp_path, "old", **of(old)) as running:
        assert "SCHEMA_OUT_OF_DATE" in new.run("audit", code=1)
        assert f"applied {TOMORROW}" in new.run("migrate")
        assert sells(running.url)
        # That the new one serves beside it is shown by test_rolling.py.
        new.run("audit")
        assert sells(running.url)
    # Back: the old program starts on the schema that stays, and works.
    assert "The schema is up to date." in old.run("migrate")
    with serving(dsn, tmp_path, "again", **of(old)) as again:
        assert sells(again.url)
    old.run("audit")
