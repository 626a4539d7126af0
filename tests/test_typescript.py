"""A TypeScript client, generated from the served document: it compiles under `strict` and makes signed calls."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from hashrail import db, partners
from hashrail.vault import Vault
from tests.api import MASTER_KEY, open_database
from tests.test_api_process import serving
from tests.world import World

SOURCE = Path(__file__).parent / "typescript"
MODULES = SOURCE / "node_modules"
NODE = Path(sys.executable).parent / "node"
INSTALL = "cd tests/typescript && ../../.venv/bin/npm ci"
SECONDS = 120

pytestmark = pytest.mark.skipif(
    not MODULES.is_dir() and os.environ.get("CI") != "true", reason=f"its packages are not installed: {INSTALL}"
)


def node(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(NODE), *arguments], cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=False
    )


def compile_with(folder: Path, *files: str) -> subprocess.CompletedProcess[str]:
    """Compile these files, and what they import, under the settings of tsconfig.json."""
    settings = json.loads((SOURCE / "tsconfig.json").read_text()) | {"include": [], "files": list(files)}
    assert settings["compilerOptions"]["strict"] is True
    (folder / "tsconfig.json").write_text(json.dumps(settings))
    return node(folder, "node_modules/typescript/bin/tsc", "--project", "tsconfig.json", "--pretty", "false")


@pytest.fixture(scope="module")
async def run_against(
    server: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Path, list[str]]]:
    """A folder with the client generated from what a server serves, and the arguments to call it with."""
    assert MODULES.is_dir(), f"install its packages: {INSTALL}"
    folder = tmp_path_factory.mktemp("typescript")
    async with open_database(server, template) as dsn:
        pool = await db.open_pool(dsn)
        world = await World.create(pool)
        world.vault = Vault([MASTER_KEY])
        user = await world.user("alice & co")
        await world.miner(user.id, "10", "20")
        await world.miner(user.id, "2.5", "15")
        await world.mine()
        await world.mine()
        async with db.transaction(pool) as tx:
            key = await partners.create_key(tx, world.vault, partner_id=world.partner.id, kind="full")
        assert key.secret is not None
        with serving(dsn, folder, "one") as served:
            for source in SOURCE.glob("*.ts"):
                shutil.copy(source, folder)
            shutil.copy(SOURCE / "package.json", folder)
            (folder / "node_modules").symlink_to(MODULES)
            (folder / "openapi.json").write_bytes(httpx.get(f"{served.url}/api/openapi.json").content)
            made = node(folder, "node_modules/openapi-typescript/bin/cli.js", "openapi.json", "--output", "api.ts")
            assert made.returncode == 0, made.stderr
            yield folder, [served.url, key.key, key.secret, "alice & co"]
        await pool.close()


def test_signed_calls(run_against: tuple[Path, list[str]]) -> None:
    folder, arguments = run_against
    compiled = compile_with(folder, "call.ts")
    assert compiled.returncode == 0, compiled.stdout
    called = node(folder, "built/call.js", *arguments)
    assert called.returncode == 0, called.stderr
    found = json.loads(called.stdout)
    assert (found["miners"], found["power"]) == (2, 12.5)
    assert (found["unknownUser"], found["status"]) == (True, 404)
    (day,) = found["days"]
    assert (day["credited"], day["records"]) == ("2026-03-03T00:05:00.000Z", 2)
    assert day["value"] > 0


def test_mistakes_do_not_compile(run_against: tuple[Path, list[str]]) -> None:
    folder, _ = run_against
    compiled = compile_with(folder, "wrong.ts")
    faulty = {int(number) for number in re.findall(r"^wrong\.ts\((\d+),", compiled.stdout, re.M)}
    wanted = {n for n, line in enumerate((SOURCE / "wrong.ts").read_text().splitlines(), 1) if "await server" in line}
    assert len(wanted) == 5
    assert faulty == wanted, compiled.stdout


def test_the_lock_file_names_no_registry() -> None:
    lock = (SOURCE / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert "registry" not in lock
    assert (SOURCE / ".npmrc").read_text().startswith("omit-lockfile-registry-resolved=true\n")
    wanted = json.loads((SOURCE / "package.json").read_text())["devDependencies"]
    assert json.loads(lock)["packages"][""]["devDependencies"] == wanted
