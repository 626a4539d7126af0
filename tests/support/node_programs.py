"""Programs of npm that tests run: what compiles TypeScript, generates clients and lints documents."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.folders import ROOT

SOURCE = ROOT / "tests" / "end_to_end" / "typescript"
MODULES = SOURCE / "node_modules"
NODE = Path(sys.executable).parent / "node"
INSTALL = "cd tests/end_to_end/typescript && ../../../.venv/bin/npm ci"
SECONDS = 120
# Nothing is told to anybody, and nobody is asked for news.
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "DO_NOT_TRACK": "1", "NO_COLOR": "1"}

needs_node = pytest.mark.skipif(
    not MODULES.is_dir() and os.environ.get("CI") != "true", reason=f"its packages are not installed: {INSTALL}"
)


def node(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program of node in a folder."""
    assert MODULES.is_dir(), f"install its packages: {INSTALL}"
    return subprocess.run(
        [str(NODE), *arguments],
        cwd=folder,
        env=os.environ | QUIET,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def with_modules(folder: Path) -> Path:
    """The folder, in which programs find what npm installed."""
    (folder / "package.json").write_text((SOURCE / "package.json").read_text())
    (folder / "node_modules").symlink_to(MODULES)
    return folder


def compile_with(folder: Path, *files: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Compile these files, and what they import, under the settings of tsconfig.json, some of them changed."""
    settings = json.loads((SOURCE / "tsconfig.json").read_text()) | {"include": [], "files": list(files)}
    assert settings["compilerOptions"]["strict"] is True
    settings["compilerOptions"] |= options
    (folder / "tsconfig.json").write_text(json.dumps(settings))
    return node(folder, "node_modules/typescript/bin/tsc", "--project", "tsconfig.json", "--pretty", "false")
