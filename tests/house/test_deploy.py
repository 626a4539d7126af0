"""The files of deploy/ fit the program: units that systemd takes, settings that there are, bounds that hold."""

import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from hashrail.cli.main import PANELS
from hashrail.processes.server import LARGEST_HEAD, STOP_SECONDS
from hashrail.settings import Settings, assert_names_known
from tests.support.folders import ROOT

DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
FILES = [*UNITS, *sorted((DEPLOY / "systemd").glob("*.timer"))]
BASE_BACKUPS = sorted((DEPLOY / "pgbackrest").glob("hashrail-base-backup@*"))
PROGRAM = "/opt/hashrail/bin/hashrail"
COMMANDS = {name for panel in PANELS.values() for name in panel}
HARDENED = {
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "User": "hashrail",
    "UMask": "0077",
    "StateDirectoryMode": "0700",
    "LogNamespace": "hashrail",
    "EnvironmentFile": "/etc/hashrail/hashrail.env",
}
# Of 100: what systemd itself calls OK is below 50.
MOST_EXPOSED = 30


def entries(file: Path) -> dict[str, dict[str, list[str]]]:
    """What a unit says, by section and name; a name may stand there more than once."""
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    section = ""
    for line in file.read_text().splitlines():
        if heading := re.fullmatch(r"\[(\w+)\]", line):
            section = heading[1]
        elif line and not line.startswith("#"):
            name, equals, value = line.partition("=")
            assert section
            assert equals, line
            assert re.fullmatch("[A-Z][A-Za-z]+", name)
            found[section][name].append(value)
    return found


def number(pattern: str, text: str) -> int:
    """The one number of a file that the pattern finds; k and KB are 1024."""
    (found,) = re.findall(pattern, text)
    return int(found.lower().rstrip("bsk")) * (1024 if "k" in found.lower() else 1)


@pytest.mark.parametrize("unit", UNITS, ids=lambda file: str(file.name))
def test_a_unit_runs_our_commands_and_may_little(unit: Path) -> None:
    found = entries(unit)
    assert {name: found["Service"][name] for name in HARDENED} == {name: [value] for name, value in HARDENED.items()}
    ours = [word for line in found["Service"]["ExecStart"] for word in re.findall(rf"{PROGRAM} ([a-z-]+)", line)]
    assert ours
    assert {*ours} <= COMMANDS
    for page in found["Unit"]["Documentation"]:
        assert (ROOT / page.removeprefix("file:/opt/hashrail/")).exists()


def test_the_services_wait_for_what_has_begun() -> None:
    for name in ("api", "api@", "worker"):
        service = entries(DEPLOY / f"systemd/hashrail-{name}.service")["Service"]
        assert service["KillSignal"] == ["SIGTERM"]
        leaves = [int(line.rpartition("=")[2]) for line in service["Environment"] if "LEAVE_SECONDS" in line]
        assert int(service["TimeoutStopSec"][0]) > STOP_SECONDS + sum(leaves)
        assert service["Restart"] == ["always"]
    api = entries(DEPLOY / "systemd/hashrail-api.service")["Service"]
    assert int(api["LimitNOFILE"][0]) > Settings.model_fields["connections"].default


def test_the_timer_starts_the_backup_whose_folder_is_made() -> None:
    timer = entries(DEPLOY / "systemd/hashrail-backup.timer")
    assert timer["Timer"]["Persistent"] == ["yes"]
    backup = entries(DEPLOY / "systemd/hashrail-backup.service")["Service"]
    assert "hashrail/backups" in backup["StateDirectory"][0].split()
    assert all("/var/lib/hashrail/backups" in line for line in backup["ExecStart"])


def test_base_backups_are_of_the_cluster_that_is_archived() -> None:
    """What tests/node/recovery tries with a real pgBackRest: one stanza, and a timer for each kind of backup."""
    folder = DEPLOY / "pgbackrest"
    assert "\n[hashrail]\n" in (folder / "pgbackrest.conf").read_text()
    service = entries(folder / "hashrail-base-backup@.service")["Service"]
    assert service["User"] == ["postgres"]
    lines = [*service["ExecStart"], (folder / "archiving.conf").read_text()]
    assert all("pgbackrest --stanza=hashrail " in line for line in lines)
    for kind in ("full", "diff"):
        assert entries(folder / f"hashrail-base-backup@{kind}.timer")["Timer"]["Persistent"] == ["yes"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd: apt-get install systemd")
def test_systemd_takes_them(tmp_path: Path) -> None:
    """The program lies elsewhere here; and each unit is less exposed than it might be."""
    for file in [*FILES, *BASE_BACKUPS]:
        text = file.read_text().replace(PROGRAM, sys.executable).replace("/usr/bin/pgbackrest", sys.executable)
        (tmp_path / file.name).write_text(text)
    # The template is read for the timers that start it.
    names = [str(tmp_path / file.name) for file in [*FILES, *BASE_BACKUPS] if "@." not in file.name]
    made = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *names], capture_output=True, text=True, check=False
    )
    assert (made.returncode, made.stdout + made.stderr) == (0, "")
    for unit in UNITS:
        judge = ["systemd-analyze", "security", "--offline=yes", f"--threshold={MOST_EXPOSED}", tmp_path / unit.name]
        assert subprocess.run(judge, capture_output=True, check=False).returncode == 0, unit.name


def test_every_variable_is_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those in comments too; and the file as it stands can be read, once a key is put in."""
    lines = re.findall(r"^#?([A-Z_]+)=(.*)$", (DEPLOY / "hashrail.env").read_text(), re.M)
    assert_names_known(dict.fromkeys((name for name, _ in lines), "x"))
    for name in [name for name in os.environ if name.startswith(("HASHRAIL_", "DATABASE_"))]:
        monkeypatch.delenv(name)
    for name, value in lines:
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.master_keys is None
    assert [str(each) for each in settings.trusted_proxies] == ["127.0.0.1/32", "::1/128"]
    assert str(settings.data) == "/var/lib/hashrail"


def test_the_proxies_hold_what_the_api_holds() -> None:
    """As much as it reads and a little more, so that a refusal has its code; and no longer than it waits."""
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    nginx, caddy = (DEPLOY / "nginx/hashrail.conf").read_text(), (DEPLOY / "caddy/Caddyfile").read_text()
    body = 65536
    for bound in (number(r"client_max_body_size (\w+);", nginx), number(r"max_size (\w+)", caddy)):
        assert body < bound <= 4 * body
    assert number(r"large_client_header_buffers \d (\w+);", nginx) >= LARGEST_HEAD
    assert number(r"max_header_size (\w+)", caddy) >= LARGEST_HEAD
    assert number(r"client_header_timeout (\w+);", nginx) <= defaults["head_seconds"]
    assert number(r"read_header (\w+)", caddy) <= defaults["head_seconds"]
    assert number(r"read_body (\w+)", caddy) <= defaults["body_seconds"]
    assert "proxy_request_buffering off;" in nginx
    assert number(r"send_timeout (\w+);\n +keepalive", nginx) <= defaults["write_seconds"]
    for idle in (number(r"\n    keepalive_timeout (\w+);\n}", nginx), number(r"\bkeepalive (\w+)\n", caddy)):
        assert idle < defaults["head_seconds"]
    assert number(r"limit_conn hashrail_addresses (\d+);", nginx) <= defaults["connections_per_address"]
    assert "$proxy_add_x_forwarded_for" not in nginx
    assert "access_log off;" in nginx
