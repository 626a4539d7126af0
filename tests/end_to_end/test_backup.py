"""A deployment on the embedded PostgreSQL: begun, backed up, and its backup proved, all as programs."""

import json
from pathlib import Path

from tests.support.commands import read_strictly
from tests.support.programs import hashrail, processes_naming


def restored(folder: Path, file: Path, key: bytes) -> None:
    """The backup as a deployment of its own beside the one that lives, by the steps that it says itself."""
    here, there = {"HASHRAIL_DATA": str(folder / "data")}, {"HASHRAIL_DATA": str(folder / "new")}
    assert "DATABASE_NOT_EMPTY" in hashrail("restore", str(file), **here).stderr
    made = hashrail("restore", str(file), "--json", **there)
    assert made.returncode == 0, made.stderr
    told = read_strictly(("restore",), made.stdout)
    assert told.journal == [str(folder / "new/journal.jsonl")]
    assert told.next[0] == f"put the master key back: {folder / 'new/master.key'}"
    (folder / "new/master.key").write_bytes(key)
    (folder / "new/master.key").chmod(0o600)
    for line in told.next[1:]:
        program, *words = line.split()
        done = hashrail(*words)
        assert (program, done.returncode) == ("hashrail", 0), done.stdout + done.stderr
    again = hashrail("restore", str(file), **there)
    assert "DATABASE_NOT_EMPTY" in again.stderr
    offers = [hashrail("catalogue", "list", "--json", **where).stdout for where in (here, there)]
    assert offers[0] == offers[1] != ""


def test_from_nothing_to_a_backup_that_is_proved(folder: Path) -> None:
    """The master key is made with the deployment, and is not in the backup; no server is left."""
    data = {"HASHRAIL_DATA": str(folder / "data")}
    figures = ("--btc-usd", "78862.65", "--pool-btc-per-th", "5e-7")
    made = hashrail("init", "--offers", "sample", *figures, "--json", **data)
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["isSelling"] is True
    key = (folder / "data/master.key").read_bytes().strip()
    backed = hashrail("backup", str(folder), "--json", **data)
    assert backed.returncode == 0, backed.stderr
    file = Path(json.loads(backed.stdout)["file"])
    assert key not in file.read_bytes()
    (folder / "scratch").mkdir(mode=0o711)
    proved = hashrail("verify-backup", str(file), "--scratch", str(folder / "scratch"), "--json", **data)
    assert proved.returncode == 0, proved.stdout + proved.stderr
    assert {one["name"]: one["holds"] for one in json.loads(proved.stdout)["checks"]}["master key"] is True
    assert list((folder / "scratch").iterdir()) == []
    restored(folder, file, key)
    assert processes_naming(folder) == []
