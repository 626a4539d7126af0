"""The TypeScript SDK: its own tests, what its compiler finds, and the package that is made of it."""

import json
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from hashrail.version import VERSION
from tests.support import patience
from tests.support.folders import ROOT
from tests.support.node_programs import MODULES, NODE, needs_node, node

pytestmark = needs_node

SDK = ROOT / "client-ts"
TSC = str(MODULES / "typescript" / "bin" / "tsc")
TARBALL = f"hashrail-client-{VERSION}.tgz"
USE = """
import { Hashrail, UserHashrail, verifyWebhook, sum } from "hashrail-client";
const client = new Hashrail("http://127.0.0.1:1", "key", "secret", { retries: 0 });
const error = await client.miners.list("alice").catch((error) => error);
console.log(JSON.stringify([error.name, sum(["0.1", "0.2"]), typeof UserHashrail, typeof verifyWebhook]));
"""
TYPED = 'import { Hashrail } from "hashrail-client";\nexport const list: Hashrail["miners"]["list"] | 0 = 0;\n'


def test_its_own_tests() -> None:
    """Signatures by the vectors of the Python SDK; numbers, repetitions, tokens, pages, events, webhooks."""
    done = node(SDK, "--test", "--test-reporter=tap", "tests/*.test.ts")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    told = dict(re.findall(r"^# (pass|fail|skipped) (\d+)$", done.stdout, re.M))
    assert int(told["pass"]) >= 39, told
    assert (told["fail"], told["skipped"]) == ("0", "0")


def test_the_compiler_finds_mistakes_and_nothing_else() -> None:
    """A misspelt verb, a missing argument, an amount that is a float, and more: one a line of wrong.ts."""
    compiled = node(SDK, TSC, "--project", "tests/tsconfig.json", "--pretty", "false")
    faulty = {(file, int(line)) for file, line in re.findall(r"^(\S+?)\((\d+),", compiled.stdout, re.M)}
    lines = (SDK / "tests" / "wrong.ts").read_text().splitlines()
    wanted = {n for n, line in enumerate(lines, 1) if re.match(r"(?:export const \w+ = \()?await |error\.|sum\(", line)}
    wanted.add(next(n for n, line in enumerate(lines, 1) if "event.data.walletAddress" in line))
    assert len(wanted) == 15
    assert faulty == {("tests/wrong.ts", line) for line in wanted}, compiled.stdout


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, as its command makes it."""
    folder = tmp_path_factory.mktemp("packed")
    command = ["make", "tarball", f"DIST={folder}", "-o", ".venv/.typescript"]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=patience.SECONDS, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder / TARBALL


def test_the_package_has_what_it_needs(packed: Path) -> None:
    """Compiled without the types of Node, so it runs in browsers; with its types and their source."""
    with tarfile.open(packed) as found:
        names = {name.removeprefix("package/") for name in found.getnames()}
    assert {"package.json", "LICENSE", "README.md", "CHANGELOG.md", "dist/index.js", "dist/index.d.ts"} <= names
    folders = {name.split("/")[0] for name in names if "/" in name}
    assert folders == {"dist", "src"}
    assert {Path(name).stem for name in names if name.startswith("src/") and "generated" not in name} == {
        path.stem for path in (SDK / "src").glob("*.ts")
    }


def test_the_package_installs_into_an_empty_folder(packed: Path, tmp_path: Path) -> None:
    """Without a network, since it depends on nothing."""
    environment = os.environ | {"PATH": f"{NODE.parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    (tmp_path / "package.json").write_text('{"private": true, "type": "module"}\n')
    npm = [str(NODE.parent / "npm"), "install", "--offline", "--no-audit", "--no-fund", "--silent", str(packed)]
    done = subprocess.run(
        npm, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=patience.SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in (tmp_path / "node_modules").iterdir() if path.name[0] != ".") == [
        "hashrail-client"
    ]
    (tmp_path / "use.mjs").write_text(USE)
    used = node(tmp_path, "use.mjs")
    assert json.loads(used.stdout) == ["HashrailNetworkError", "0.3", "function", "function"], used.stderr
    (tmp_path / "typed.ts").write_text(TYPED)
    options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2023,dom"]
    compiled = node(tmp_path, TSC, *options, "typed.ts")
    assert compiled.returncode == 0, compiled.stdout
