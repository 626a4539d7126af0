"""The TypeScript SDK as it lies here: what is written of it is current, and it depends on nothing."""

import json
import re
from pathlib import Path

import pytest
from tools import sdk_typescript

from hashrail.version import VERSION
from hashrail_client.operations import OPERATIONS
from tests.support.folders import ROOT

SDK = ROOT / "client-ts"
SOURCES = sorted((SDK / "src").rglob("*.ts"))
MAX_LINES = 520


@pytest.fixture(scope="module")
def written() -> dict[str, str]:
    """What the program writes now."""
    return dict(sdk_typescript.modules())


def test_what_is_written_is_current(written: dict[str, str]) -> None:
    kept = {path.name: path.read_text() for path in sdk_typescript.FOLDER.iterdir()}
    assert sorted(kept) == sorted(written)
    for name, text in written.items():
        assert kept[name] == text, f"client-ts/src/generated/{name} is old; run: make reference"


def test_it_has_every_verb_of_the_python_sdk(written: dict[str, str]) -> None:
    for row in OPERATIONS:
        name = f"{sdk_typescript.camel(row.noun)}.{sdk_typescript.camel(row.verb)}"
        assert re.search(
            rf'"{name}": {{\s+id: "{row.name}",\s+method: "{row.method}",\s+path: "{row.path}",',
            written["operations.ts"],
        )
        assert f'this.#send("{name}"' in written["verbs.ts"]


def test_a_user_s_client_calls_at_its_own_door() -> None:
    rows = sdk_typescript.user_rows()
    assert {row.path.split("/")[1] for row in rows} == {"c2s"}
    assert not any(row.signed for row in rows)


def test_it_has_the_program_s_version_and_licence() -> None:
    package = json.loads((SDK / "package.json").read_text())
    assert package["version"] == VERSION
    assert (SDK / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert not {"dependencies", "devDependencies", "peerDependencies", "optionalDependencies"} & set(package)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_a_module_imports_its_neighbours_only(path: Path) -> None:
    text = path.read_text()
    imported = re.findall(r'^(?:import|export)\b[^;]*? from "([^"]+)";', text, re.M)
    assert [name for name in imported if not name.startswith(("./", "../"))] == []
    assert not re.search(r"[:<|] any\b|<any\b|as any\b|@ts-", text)
    if path.parent.name != "generated":
        assert len(text.splitlines()) <= MAX_LINES
    assert [line for line in text.splitlines() if len(line) > 120] == []


def test_names_are_written_as_javascript_writes_them() -> None:
    told = sdk_typescript.told("Stops it with enabled=False: True. See events.follow, and pass partner_user_id.")
    assert told == "Stops it with enabled: false: true. See `follow`, and pass partnerUserId."
