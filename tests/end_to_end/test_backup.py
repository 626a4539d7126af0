"""A deployment on the embedded PostgreSQL: begun, backed up, and its backup proved, all as programs."""

import json
from pathlib import Path

from tests.support.programs import hashrail, processes_naming


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
    assert processes_naming(folder) == []
