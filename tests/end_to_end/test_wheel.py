"""The wheels are the whole product: built without a network, installed into an empty environment, they run a sandbox.

Libraries are those of the environment that runs the tests, by a path file. Its own `hashrail`, which points at the
source, is not found that way: path files of a folder that is only named on the path are not read.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from mypy import api

from hashrail.version import VERSION
from tests.support import folders, patience
from tests.support.folders import ROOT
from tests.support.patience import wait_until
from tests.support.served import answers

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
# Of each distribution: its package and the folder that the package lies in.
PACKAGES = {"hashrail": ROOT / "src", "hashrail_client": ROOT / "client" / "src"}
PAGES = Path("hashrail", "pages")
# What the bundles of the pages are made from: of the wheel are only the bundles.
BUNDLED_FROM = [
    PAGES / each
    for each in (
        *("node_modules", "scripts", "styles", "build.mjs", ".npmrc"),
        *("package.json", "package-lock.json", "tsconfig.json"),
        # Of docs/, the wheel has the guides.
        *("reference/docs/pictures", "reference/docs/reference/hashrail.postman_collection.json"),
    )
]
WHERE = "import hashrail, hashrail_client; print(hashrail.__file__, hashrail_client.__file__, sep='\\n')"
CALL = """
import json, sys
from hashrail_client import Hashrail
box = json.load(open(sys.argv[1]))
with Hashrail(box["baseUrl"], box["apiKey"], box["apiSecret"]) as client:
    print(client.users.login("wheel")["partnerUserId"])
"""
# Of all libraries the client's wheel finds these: httpx, and what httpx stands on.
HTTPX = ("anyio", "certifi", "h11", "httpcore", "httpx", "idna", "sniffio", "typing_extensions.py")
ALONE = """
# Those of the extra `proofs`.
OF_PROOFS = {"proofs", "liabilities", "reserves", "coin_signatures", "bip340"}
import importlib, pkgutil, sys, httpx, hashrail_client.causes
assert not {"hashrail_client.client", "hashrail_client.answers"} & {*sys.modules}, "the server loads no client"
for module in pkgutil.walk_packages(hashrail_client.__path__, "hashrail_client."):
    if module.name.rpartition(".")[2] not in OF_PROOFS:
        importlib.import_module(module.name)
answers = httpx.MockTransport(lambda request: httpx.Response(200, json={"data": {"array": [{"power": 1.50}]}}))
with hashrail_client.Hashrail("https://h.example", "k", "s", transport=answers) as client:
    print(next(client.miners.iterate("u"))["power"])
"""
TYPED = """
from hashrail_client import Hashrail

def pays(client: Hashrail) -> None:
    client.withdrawals.create("u", "bc1", 0.1)
"""


def clean_environment() -> dict[str, str]:
    """This environment without settings of Hashrail, PostgreSQL or Python."""
    foreign = ("HASHRAIL_", "DATABASE_", "PG", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)}


def run(*command: str | Path) -> str:
    """The output of a command, which has to end well."""
    words = [*map(str, command)]
    done = subprocess.run(
        words, check=False, capture_output=True, text=True, env=clean_environment(), timeout=patience.SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both wheels by their package, as `make wheel` builds them."""
    made = tmp_path_factory.mktemp("dist")
    run(*PIP, "wheel", "--no-index", "--no-deps", "--no-build-isolation", "--wheel-dir", made, ROOT / "client", ROOT)
    return {path.name.partition("-")[0]: path for path in made.iterdir()}


@pytest.fixture(scope="module")
def programs(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an empty environment in which nothing but the wheels is installed."""
    made = tmp_path_factory.mktemp("environment")
    venv.create(made, symlinks=True)
    python = made / "bin" / "python"
    run(*PIP, "--python", python, "install", "--no-index", "--no-deps", *wheels.values())
    places = {name: sysconfig.get_path(name) for name in ("purelib", "platlib")}
    installed = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (installed / "libraries.pth").write_text("".join(f"{place}\n" for place in dict.fromkeys(places.values())))
    return made / "bin"


def files_of(package: Path) -> set[str]:
    """What a wheel has of a package's folder, by its path from the folder around it: of docs/, a link there, too."""
    walked = os.walk(package, followlinks=True)
    paths = {Path(place, name).relative_to(package.parent) for place, _, names in walked for name in names}
    found = {path for path in paths if path.suffix != ".pyc"}
    return {path.as_posix() for path in found if not any(path.is_relative_to(each) for each in BUNDLED_FROM)}


def test_a_wheel_holds_its_package_and_nothing_else(wheels: dict[str, Path]) -> None:
    """Modules, migrations, the examples and guides of the reference, and the mark of a typed package."""
    assert set(wheels) == set(PACKAGES)
    for package, folder in PACKAGES.items():
        with zipfile.ZipFile(wheels[package]) as wheel:
            inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
            licences = [name for name in wheel.namelist() if name.endswith("/licenses/LICENSE")]
        assert inside == files_of(folder / package)
        assert f"{package}/py.typed" in inside
        assert len(licences) == 1
        assert wheels[package].name.startswith(f"{package}-{VERSION}-")
    inside = files_of(PACKAGES["hashrail"] / "hashrail")
    docs = {f"hashrail/pages/reference/{path.relative_to(ROOT)}" for path in (ROOT / "docs").rglob("*.md")}
    assert {"hashrail/api/document/examples.json", *docs} <= inside
    assert len({name for name in inside if name.startswith("hashrail/sql/")}) >= 13
    bundles = {name.rpartition(".")[2] for name in inside if name.startswith("hashrail/pages/built/")}
    assert bundles == {"js", "css", "json"}


@contextmanager
def demo(programs: Path, data: Path) -> Iterator[tuple[dict[str, Any], subprocess.Popen[bytes]]]:
    """A sandbox of the installed program: what stands in its demo.json, and its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [str(programs / "hashrail"), "demo", "--data", str(data), "--port", port, "--days", "2"]
    log = data.parent / "demo.log"
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=data.parent, env=clean_environment(), stdout=output, stderr=output)
    try:

        def is_ready() -> bool:
            assert process.poll() is None, log.read_text()
            return answers(int(port), "/readyz")

        wait_until(is_ready, log.read_text)
        yield json.loads((data / "demo.json").read_text()), process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(patience.SECONDS)


def test_the_wheels_run_a_sandbox(programs: Path) -> None:
    """Ready, it answers a call that the installed client signs, tells its version, and stops in good order."""
    installed = run(programs / "python", "-c", WHERE).split()
    assert [Path(each).is_relative_to(programs.parent) for each in installed] == [True, True]
    place = folders.quick()
    with tempfile.TemporaryDirectory(prefix="hashrail-wheel-", dir=place, ignore_cleanup_errors=True) as folder:
        # The embedded server's user has to reach it.
        Path(folder).chmod(0o755)
        with demo(programs, Path(folder) / "box") as (box, process):
            time = httpx.get(f"{box['baseUrl']}/api/time", timeout=patience.SECONDS).json()
            assert time["data"]["version"] == VERSION
            called = run(programs / "python", "-c", CALL, Path(folder) / "box" / "demo.json")
            assert called.split() == ["wheel"]
        assert process.returncode == 0


def test_the_program_tells_its_version(programs: Path) -> None:
    assert VERSION in run(programs / "hashrail", "--version")


def test_the_clients_wheel_stands_alone(wheels: dict[str, Path], tmp_path: Path) -> None:
    """With httpx and nothing else every module is imported and a call is made; and mypy reads its types."""
    made = tmp_path / "alone"
    venv.create(made, symlinks=True)
    python = made / "bin" / "python"
    run(*PIP, "--python", python, "install", "--no-index", "--no-deps", wheels["hashrail_client"])
    installed = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    for name in HTTPX:
        if (library := Path(sysconfig.get_path("purelib")) / name).exists():
            (installed / name).symlink_to(library)
    assert run(python, "-c", ALONE).strip() == "1.5"
    (tmp_path / "typed.py").write_text(TYPED)
    settings = ("--strict", "--config-file=", f"--cache-dir={ROOT / '.mypy_cache' / 'wheel'}")
    report, _, status = api.run([*settings, f"--python-executable={python}", str(tmp_path / "typed.py")])
    assert status == 1
    (fault,) = [line for line in report.splitlines() if ": error: " in line]
    assert 'has incompatible type "float"; expected "Decimal | int"' in fault, report
