"""A backup by the program, held against a real restore; damaged, cut off, killed; and what it never shows."""

import asyncio
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from hashrail import clock, database_url, db
from hashrail.postgres import dumping
from hashrail.recovery import backup_file, backups
from hashrail.recovery.backup_file import Manifest
from tests.support import databases, eventful, folders
from tests.support.books import deployment
from tests.support.commands import read_strictly
from tests.support.databases import with_database
from tests.support.deployments import become
from tests.support.keys import MASTER_KEY
from tests.support.patience import wait_until
from tests.support.programs import clean_environment, processes_naming
from tests.support.shell import Shell

SECONDS = 90
A_YEAR = "20200101T000000Z"


@dataclass
class Life:
    """A deployment in which everything has happened, and a backup of it."""

    shell: Shell
    pool: db.Pool
    file: Path
    told: Any


@pytest.fixture(scope="module")
async def life(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Life]:
    async with deployment(server, template) as world:
        await eventful.live(world)
        dsn = with_database(server, await world.pool.fetchval("SELECT current_database()"))
        become(dsn, mode="sandbox")
        shell = Shell(dsn, tmp_path_factory.mktemp("data"))
        # What is sealed by the key, and stands in the journal.
        await asyncio.to_thread(shell.ok, "partner", "key", "create", "--partner", "partner")
        await asyncio.to_thread(shell.ok, "user", "block", "bob", "--partner", "partner")
        target = tmp_path_factory.mktemp("backups")
        told = read_strictly(("backup",), await asyncio.to_thread(shell.ok, "backup", target, "--json"))
        yield Life(shell, world.pool, Path(told.file), told)


# What is made


async def test_it_is_one_file_for_its_owner_alone(life: Life) -> None:
    """Named by the time, with its manifest; no key is in it, and what else is needed is said."""
    assert life.file.stat().st_mode & 0o777 == 0o600
    assert list(life.file.parent.iterdir()) == [life.file]
    assert life.told.size == life.file.stat().st_size
    with tarfile.open(life.file) as tar:
        assert [info.name for info in tar] == ["database.dump", "journal.jsonl", "manifest.json"]
        inside = b"".join(file.read() for info in tar if (file := tar.extractfile(info)))
    assert MASTER_KEY.encode() not in inside
    assert b"user blocked" in inside
    with backup_file.Reader(life.file) as reader:
        manifest = reader.manifest
    assert manifest.rows["public.partner"] == 2
    assert manifest.rows["public.backup"] == 0
    assert manifest.schema == await backups.applied(life.pool)
    assert manifest.published_through == str(await life.pool.fetchval("SELECT published_through FROM publication"))
    assert any("HASHRAIL_MASTER_KEYS" in each for each in life.told.keep_elsewhere)


async def test_the_books_know_how_old_the_newest_is(life: Life) -> None:
    found = await backups.newest(life.pool)
    assert found is not None
    assert (found.path, found.bytes, clock.iso(found.made_at)) == (
        *(str(life.file), life.told.size),
        clock.iso(life.told.made_at),
    )


def test_nothing_is_written_over(life: Life) -> None:
    before = life.file.read_bytes()
    life.shell.refused("BACKUP_EXISTS", "backup", life.file)
    assert life.file.read_bytes() == before
    life.shell.refused("FILE_NOT_WRITTEN", "backup", life.file.parent / "nowhere" / "x.tar")


def test_two_at_once_and_what_the_dead_have_left(life: Life, tmp_path: Path) -> None:
    """A draft that somebody holds stays, and one of the same name is refused; nobody's goes."""
    left = tmp_path / f".hashrail-{A_YEAR}.tar.part"
    left.write_bytes(b"half")
    with backup_file.Writer(tmp_path / "held.tar") as held:
        assert not left.exists()
        life.shell.refused("BACKUP_EXISTS", "backup", held.path)
        life.shell.ok("backup", tmp_path / "other.tar")
        assert held.draft.exists()
    assert [each.name for each in tmp_path.iterdir()] == ["other.tar"]


def programs(folder: Path, script: str) -> Path:
    """Programs of PostgreSQL that do what the script says."""
    folder.mkdir()
    for name in ("pg_dump", "pg_restore"):
        version = f"[ $1 = --version ] && echo '{name} (PostgreSQL) 15.9' && exit"
        (folder / name).write_text(f"#!/bin/sh\n{version}\n{script}\n")
        (folder / name).chmod(0o755)
    return folder


def test_a_dump_that_fails_leaves_nothing(life: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG_BIN", str(programs(tmp_path / "bin", "echo half; echo no room >&2; exit 3")))
    (tmp_path / "to").mkdir()
    assert "no room" in life.shell.refused("DUMP_FAILED", "backup", tmp_path / "to")
    assert list((tmp_path / "to").iterdir()) == []


def test_no_secret_is_shown_to_other_users(life: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words of a process are everybody's to read; and it is given no secret that it does not need."""
    said = tmp_path / "said"
    script = f'echo "$@" > {said}; env > {said}.env; echo dump'
    monkeypatch.setenv("PG_BIN", str(programs(tmp_path / "bin", script)))
    options = dict(database_url.read(life.shell.dsn).options) | {"password": "not for everybody"}
    shell = Shell(make_conninfo(**options), life.shell.data)
    shell.ok("backup", tmp_path / "x.tar")
    assert "not for" not in said.read_text()
    environment = (tmp_path / "said.env").read_text()
    assert "PGPASSWORD=not for everybody\n" in environment
    assert MASTER_KEY not in environment
    assert "DATABASE_URL" not in environment


def test_a_program_that_is_older_than_the_server(life: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dumping, "_every", lambda: iter([dumping.Programs(tmp_path, 14)]))
    told = life.shell.refused("PG_DUMP_TOO_OLD", "backup", tmp_path)
    assert "found pg_dump of: 14 in" in told
    assert list(tmp_path.iterdir()) == []


def test_the_programs_that_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the server's version, else the next newer ones."""
    every = [dumping.Programs(tmp_path, major) for major in (18, 15, 17)]
    monkeypatch.setattr(dumping, "_every", lambda: iter(every))
    assert [dumping.find_programs(major).major for major in (15, 16, 18)] == [15, 17, 18]


@contextmanager
def started(*words: object, **settings: str) -> Iterator[None]:
    """A command as a process, which is killed at the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "hashrail.cli", *map(str, words)],
        env=clean_environment(**settings),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_killed_while_it_dumps(life: Life, tmp_path: Path) -> None:
    """There is no file that looks like a backup, and the next one clears up."""
    binaries = programs(tmp_path / "bin", "head -c 3000000 /dev/zero; exec sleep 600")
    target = tmp_path / "to"
    target.mkdir()
    with started("backup", target, **life.shell.environment, PG_BIN=str(binaries)):
        wait_until(lambda: any(each.stat().st_size > 0 for each in target.iterdir()))
    wait_until(lambda: not processes_naming(binaries))
    assert [each.suffix for each in target.iterdir()] == [".part"]
    life.shell.ok("backup", target)
    assert [each.suffix for each in target.iterdir()] == [".tar"]


# Whether it can be restored


def verdict(file: Path, *words: object, code: int = 0, **settings: str) -> dict[str, Any]:
    """What a shell without a deployment finds of it, by check."""
    folder = file.parent / "nothing"
    made = Shell("", folder).run("verify-backup", file, *words, "--json", **settings)
    assert made.exit_code == code, made.output
    found = read_strictly(("verify-backup",), made.stdout)
    assert found.ok == (code == 0)
    return {one.name: one for one in found.checks}


def test_a_good_one(life: Life, tmp_path: Path) -> None:
    """Restored, as its manifest says, audited, opened by the key; and nothing is left of it."""
    (tmp_path / "scratch").mkdir()
    place = Path(folders.quick())
    before = set(place.iterdir())
    found = verdict(life.file, "--scratch", place)
    assert [(one.name, one.holds) for one in found.values()] == [
        *(("file", True), ("program", True), ("restore", True), ("rows", True), ("deployment", True)),
        *(("schema", True), ("journal", True), ("audit", True), ("master key", True)),
    ]
    assert f"{life.told.rows} in " in found["rows"].found
    assert not [each for each in set(place.iterdir()) - before if each.name.startswith("hashrail-scratch-")]


def rewritten(file: Path, to: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The same backup with another manifest."""
    with tarfile.open(file) as old, tarfile.open(to, "w") as new:
        for info in old:
            content = old.extractfile(info)
            assert content is not None
            text = content.read()
            if info.name == backup_file.MANIFEST:
                facts = json.loads(text)
                change(facts)
                text = json.dumps(facts).encode()
                info.size = len(text)
            new.addfile(info, io.BytesIO(text))
    return to


@pytest.mark.slow
def test_one_that_cannot_be_relied_on(server: str, tmp_path: Path) -> None:
    """Made by an older program, of books that are broken; with a row too few, of another epoch, and the wrong key."""
    with databases.database(server, None) as dsn:
        databases.migrate_before(dsn, "0059")
        shell = Shell(dsn, tmp_path / "data")
        with psycopg.connect(dsn) as connection:
            connection.execute(databases.A_DEPLOYMENT.replace("sandbox", "production"))
            connection.execute("UPDATE business_clock SET offset_us = 1000000")
        told = shell.json("backup", tmp_path / "old.tar")
        assert told["schema"] < "0059"

    def change(manifest: dict[str, Any]) -> None:
        manifest["rows"]["public.partner"] = 1
        manifest["epoch"] = "0" * 12

    found = verdict(rewritten(tmp_path / "old.tar", tmp_path / "bad.tar", change), code=1)
    assert {name: one.holds for name, one in found.items()} == {
        "file": True,
        "program": True,
        "restore": True,
        "rows": False,
        "deployment": False,
        "schema": True,
        "journal": None,
        "audit": False,
        "master key": True,
    }
    assert "public.partner: 0 of 1" in found["rows"].found
    assert "to come" in found["schema"].found
    assert "production" in found["audit"].found


def test_what_is_seen_without_restoring_it(life: Life, tmp_path: Path) -> None:
    """No server is started for a file that was changed, cut, or made by a newer program."""
    content = bytearray(life.file.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "flipped.tar").write_bytes(content)
    assert "database.dump is not as it was written" in verdict(tmp_path / "flipped.tar", code=1)["file"].found

    def newer(manifest: dict[str, Any]) -> None:
        manifest["schema"].append("9999_tomorrow")

    file = rewritten(life.file, tmp_path / "newer.tar", newer)
    assert "9999_tomorrow" in verdict(file, code=1)["program"].found
    for name, damaged in (("cut", content[: len(content) // 2]), ("text", b"no tar"), ("empty", b"")):
        (tmp_path / name).write_bytes(damaged)
        Shell("", tmp_path).refused("BACKUP_BROKEN", "verify-backup", tmp_path / name)
    unknown = rewritten(life.file, tmp_path / "format.tar", lambda manifest: manifest.update(format=2))
    Shell("", tmp_path).refused("BACKUP_BROKEN", "verify-backup", unknown)
    bare = rewritten(life.file, tmp_path / "bare.tar", lambda manifest: manifest.update(members=[]))
    assert "holds no database.dump" in verdict(bare, code=1)["file"].found


def test_put_back_into_an_empty_database(server: str, life: Life, tmp_path: Path) -> None:
    """Rows as the manifest says, and the journal beside them; a second time nothing is written over."""
    (tmp_path / "data").mkdir()

    def newer(manifest: dict[str, Any]) -> None:
        manifest["schema"].append("9999_tomorrow")

    with databases.database(server, None) as dsn:
        shell = Shell(dsn, tmp_path / "data")
        wrong = rewritten(life.file, tmp_path / "newer.tar", newer)
        shell.refused("BACKUP_NEWER", "restore", wrong)
        assert shell.rows("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == [(0,)]
        told = read_strictly(("restore",), shell.ok("restore", life.file, "--json"))
        assert told.journal == [str(tmp_path / "data/journal.jsonl")]
        assert "user blocked" in (tmp_path / "data/journal.jsonl").read_text()
        assert told.next == ["hashrail migrate", "hashrail restored", "hashrail audit"]
        before = shell.rows("SELECT count(*) FROM transfer")
        shell.refused("DATABASE_NOT_EMPTY", "restore", life.file)
        assert shell.rows("SELECT count(*) FROM transfer") == before != [(0,)]
        for words in told.next:
            shell.ok(*words.split()[1:])


@pytest.mark.slow
def test_killed_while_it_restores(life: Life) -> None:
    """Folder and server go, although nobody is left who could tell them."""
    place = Path(folders.quick()) / f"scratch-{os.getpid()}"
    place.mkdir(mode=0o711)
    with started("verify-backup", life.file, "--scratch", place):
        wait_until(lambda: any(place.glob("*/postgres/data/postmaster.pid")))
    wait_until(lambda: not any(place.iterdir()) and not processes_naming(place))
    assert list(place.iterdir()) == []
    place.rmdir()


def test_a_manifest_is_read_as_it_is_written(life: Life) -> None:
    with backup_file.Reader(life.file) as reader:
        text = msgspec.json.encode(reader.manifest)
    assert msgspec.json.decode(text, type=Manifest) == reader.manifest
    assert b"madeAt" in text
