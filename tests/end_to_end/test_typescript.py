"""A TypeScript client, generated from the served document: it compiles under `strict` and makes signed calls."""

import json
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from hashrail import db
from hashrail.access import api_keys
from hashrail.vault import Vault
from tests.support import patience
from tests.support.api_client import MASTER_KEY
from tests.support.databases import database
from tests.support.node_programs import SOURCE, compile_with, needs_node, node, with_modules
from tests.support.served import serving
from tests.support.world import World

pytestmark = needs_node


@pytest.fixture(scope="module")
async def run_against(
    server: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Path, list[str]]]:
    """A folder with the client generated from what a server serves, and the arguments to call it with."""
    folder = with_modules(tmp_path_factory.mktemp("typescript"))
    with database(server, template) as dsn:
        pool = await db.open_pool(dsn)
        world = await World.create(pool)
        world.vault = Vault([MASTER_KEY])
        user = await world.user("alice & co")
        await world.miner(user.id, "10", "20")
        await world.miner(user.id, "2.5", "15")
        await world.mine()
        await world.mine()
        async with db.transaction(pool) as tx:
            key = await api_keys.create_key(tx, world.vault, partner_id=world.partner.id, kind="full")
        assert key.secret is not None
        with serving(dsn, folder, "one") as served:
            for source in SOURCE.glob("*.ts"):
                shutil.copy(source, folder)
            (folder / "openapi.json").write_bytes(
                httpx.get(f"{served.url}/api/openapi.json", timeout=patience.SECONDS).content
            )
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
    assert "registry." not in lock
    assert (SOURCE / ".npmrc").read_text().startswith("omit-lockfile-registry-resolved=true\n")
    wanted = json.loads((SOURCE / "package.json").read_text())["devDependencies"]
    assert json.loads(lock)["packages"][""]["devDependencies"] == wanted
