"""The OpenAPI document as others read it: validators find nothing to warn of, generators make clients that compile."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from hashrail.api.document import openapi
from hashrail.settings import Settings
from tests.support.folders import ROOT
from tests.support.node_programs import compile_with, needs_node, node, with_modules

GENERATOR = ROOT / ".venv" / "generators" / "bin" / "openapi-python-client"
DOCUMENT = "openapi.json"
# What the generators write imports as bundlers do, without endings.
BUNDLED = {"module": "ESNext", "moduleResolution": "Bundler", "noEmit": True}

needs_generator = pytest.mark.skipif(
    not GENERATOR.exists() and os.environ.get("CI") != "true", reason="it is not installed: make .venv/.generators"
)


def served(mode: str) -> bytes:
    """The document of a deployment, one path of it under another name as well."""
    aliases = {"s2s_miners": ["/v1/miners"], "c2s_income": ["/v1/income"]}
    return openapi.rendered(Settings.model_validate({"mode": mode, "route_aliases": aliases}))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the document of a sandbox, which has everything that production has."""
    made = tmp_path_factory.mktemp("document")
    (made / DOCUMENT).write_bytes(served("sandbox"))
    return made


@pytest.fixture(scope="module")
def with_node(folder: Path) -> Path:
    return with_modules(folder)


@pytest.mark.parametrize("mode", ["sandbox", "production"])
def test_it_is_a_document_of_openapi_3_1(mode: str) -> None:
    """Examples and defaults are of their types, references lead somewhere, names are there once."""
    faults = [error.message for error in OpenAPIV31SpecValidator(json.loads(served(mode))).iter_errors()]
    assert faults == []


@needs_node
def test_redocly_has_nothing_to_say(with_node: Path) -> None:
    linted = node(with_node, "node_modules/@redocly/cli/bin/cli.js", "lint", "--extends=recommended-strict", DOCUMENT)
    told = linted.stdout + linted.stderr
    assert linted.returncode == 0, told
    assert "Your API description is valid" in told
    assert "warning" not in told


@needs_node
def test_spectral_has_nothing_to_say(with_node: Path) -> None:
    (with_node / ".spectral.yaml").write_text('extends: ["spectral:oas"]\n')
    program = "node_modules/@stoplight/spectral-cli/dist/index.js"
    linted = node(with_node, program, "lint", "--fail-severity=hint", DOCUMENT)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert "No results with a severity of 'hint' or higher found" in linted.stdout


@needs_node
def test_clients_of_hey_api_and_orval_compile(with_node: Path) -> None:
    """Types and calls by the one, validators for zod by the other; strictly."""
    made = node(
        with_node, "node_modules/@hey-api/openapi-ts/bin/run.js", "-i", DOCUMENT, "-o", "calls", "--no-log-file"
    )
    assert made.returncode == 0, made.stdout + made.stderr
    program = "node_modules/orval/dist/bin/orval.mjs"
    made = node(with_node, program, "--input", DOCUMENT, "--output", "zod.ts", "--client", "zod")
    assert made.returncode == 0, made.stdout + made.stderr
    (with_node / "use.ts").write_text(
        'import { s2sMiners } from "./calls";\n'
        'import { S2sLoginBody } from "./zod";\n'
        'const found = await s2sMiners({ query: { partnerUserId: "alice", limit: 5 }, baseUrl: "" });\n'
        "export const power: number | undefined = found.data?.data.array[0]?.power;\n"
        'export const body: { partnerUserId: string } = S2sLoginBody.parse({ partnerUserId: "alice", email: null });\n'
    )
    # The calls leave undefined where a field is left out.
    compiled = compile_with(with_node, "use.ts", exactOptionalPropertyTypes=False, **BUNDLED)
    assert compiled.returncode == 0, compiled.stdout
    (with_node / "wrong.ts").write_text(
        'import { s2sMiners } from "./calls";\nawait s2sMiners({ query: { partnerUserId: "alice", limit: "5" } });\n'
    )
    compiled = compile_with(with_node, "wrong.ts", exactOptionalPropertyTypes=False, **BUNDLED)
    assert "wrong.ts(2," in compiled.stdout


@needs_generator
def test_the_client_of_openapi_python_client_runs(folder: Path) -> None:
    """Without a warning; a warning of this generator is an operation that it leaves out."""
    made = run(
        str(GENERATOR),
        "generate",
        "--path",
        DOCUMENT,
        "--output-path",
        "made",
        "--meta",
        "none",
        "--fail-on-warning",
        at=folder,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    (folder / "use.py").write_text(
        "import importlib, pkgutil, made\n"
        "for module in pkgutil.walk_packages(made.__path__, 'made.'): importlib.import_module(module.name)\n"
        "from made.api.miners import s2s_miners\n"
        "asked = s2s_miners._get_kwargs(partner_user_id='alice', limit=5)\n"
        "assert asked['params'] == {'partnerUserId': 'alice', 'limit': 5}, asked\n"
        "from made.models import LoginBody\n"
        "print(LoginBody(partner_user_id='alice', email=None).to_dict())\n"
    )
    used = run(str(GENERATOR.parent / "python"), "use.py", at=folder)
    assert used.returncode == 0, used.stderr
    assert used.stdout == "{'partnerUserId': 'alice', 'email': None}\n"


def run(*command: str, at: Path) -> subprocess.CompletedProcess[str]:
    """A program in a folder, with its neighbours in reach."""
    path = os.pathsep.join([str(Path(command[0]).parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    return subprocess.run(
        command, cwd=at, env=os.environ | {"PATH": path}, capture_output=True, text=True, timeout=120, check=False
    )
