"""The documentation is run: every example against a real sandbox, every link, every command, every generated page.

Conventions of the pages, all in comments that a reader does not see:

- every `bash` and `python` block of a page runs, in order, in one shell a page, beside a sandbox whose data is
  `.hashrail`; `javascript` blocks run with node, each by itself;
- a `javascript` block may import the TypeScript SDK, from its source;
- `<!-- not run: REASON -->` before a block leaves it out;
- `<!-- expect: TEXT -->` before a block, once or more: the text must be in its output;
- `<!-- background: URL -->` before a block starts it and goes on once the URL answers;
- `<!-- needs: database -->` anywhere in a page gives it an empty database (DATABASE_URL) and no sandbox;
- `<!-- needs: sandbox -->` gives it a sandbox of its own, for what would disturb other pages;
- `<!-- needs: node -->` gives it an empty folder, and the programs of a Bitcoin node in its path;
- 8080 stands for the sandbox's port, 8081 and 18443 for free ones.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
from tools import postman

from hashrail.alarms import rules
from hashrail.audit import invariants
from hashrail.cli.call import OPERATIONS
from hashrail.cli.call_fields import fields_of
from hashrail.cli.main import app
from hashrail.postgres import binaries
from hashrail.settings import Settings
from tests.support import bitcoin_node, folders
from tests.support.databases import database
from tests.support.patience import wait_until
from tests.support.programs import free_port
from tests.support.served import answers
from tests.support.warm_program import warm_program

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
INDEX = ROOT / "README.md"
PAGES = [INDEX, *sorted(page for page in ROOT.glob("*.md") if page != INDEX), *sorted(DOCS.rglob("*.md"))]
FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S)
COMMENTS = re.compile(r"(?:^<!-- .* -->\n)+\Z", re.M)
COMMENT = re.compile(r"<!-- (?P<word>[a-z ]+?)(?:: (?P<value>.*?))? -->")
LINK = re.compile(r"\]\((?P<target>[^)\s]+)\)")
CODE_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
COMMAND = re.compile(r"(?:^|[\s(/\"])hashrail (?P<rest>[a-z][^|;&)#]*)")
INDENTED = re.compile(r"^ {4}\S.*$", re.M)
PLACE = re.compile(r"(?:src|tests|tools|docs|client|benchmarks|\.ci)/[\w./-]+")
MADE = re.compile(r"\s*(?:[A-Z]+=\S+ )*make (?P<targets>[a-z]+(?: [a-z]+)*)")
WORDS = {"run", "not run", "expect", "background", "needs"}
COMMANDS: Any = typer.main.get_command(app)
NEEDS = re.compile(r"^<!-- needs: (\w+) -->$", re.M)
# What a page can need, and the fixture of the place that has it.
PLACES = {"database": "empty_database", "sandbox": "own_sandbox", "node": "empty_folder"}
SECONDS = 120
MARK = "@@ block"


@dataclass(frozen=True)
class Block:
    """A fenced example with the comments before it."""

    language: str
    text: str
    line: int
    comments: tuple[tuple[str, str], ...]

    def said(self, word: str) -> list[str]:
        return [value for known, value in self.comments if known == word]


def blocks_of(page: str) -> list[Block]:
    found = []
    for fence in FENCE.finditer(page):
        before = page[: fence.start()]
        comments = COMMENTS.search(before)
        said = COMMENT.findall(comments[0]) if comments else []
        found.append(Block(fence["language"], fence["text"], before.count("\n") + 1, tuple(said)))
    return found


def runnable(page: Path, *languages: str) -> list[Block]:
    return [each for each in blocks_of(page.read_text()) if each.language in languages and not each.said("not run")]


def shell_of(blocks: list[Block]) -> str:
    """One script for a page's blocks, so that what one sets the next one has."""
    lines = ["set -euo pipefail", "exec 2>&1"]
    for number, block in enumerate(blocks):
        text = block.text
        if block.language == "python":
            text = f"python - <<'END_OF_{number}'\n{text}END_OF_{number}\n"
        for url in block.said("background"):
            wait = f"timeout 90 sh -c 'until curl -sf -o /dev/null {url}; do sleep 0.1; done'"
            text = f"{{ {text.rstrip()}\n}} &\n{wait}\n"
        lines += [f"printf '\\n{MARK} {number}\\n'", text]
    return "\n".join(lines)


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


# The places where pages run


@dataclass(frozen=True)
class Place:
    """Where a page's examples run."""

    folder: Path
    environment: dict[str, str]
    ports: dict[str, int]

    def run(self, program: str, text: str) -> str:
        """The output of a script, which has to end well; whatever it leaves running is ended."""
        for port, real in self.ports.items():
            text = re.sub(rf"\b{port}\b", str(real), text)
        script = self.folder / ("example.mjs" if program == "node" else "example.sh")
        script.write_text(text)
        with (self.folder / "example.out").open("w+") as output:
            process = subprocess.Popen(
                [program, str(script)],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            try:
                status = process.wait(SECONDS)
            finally:
                end_group(process.pid)
        printed = (self.folder / "example.out").read_text()
        assert status == 0, printed[-4000:]
        return printed


def end_group(group: int) -> None:
    if not group_lives(group):
        return
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGTERM)
    try:
        wait_until(lambda: not group_lives(group))
    except AssertionError:
        os.killpg(group, signal.SIGKILL)
        raise


def group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def clean_environment(**added: str) -> dict[str, str]:
    """This environment without settings of Hashrail, its programs and those of PostgreSQL first in the path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HASHRAIL_", "DATABASE_", "PG"))}
    postgres = binaries.choose(Path("no cluster yet")).folder
    path = os.pathsep.join([str(Path(sys.executable).parent), str(postgres), kept["PATH"]])
    return kept | {"PATH": path, "COLUMNS": "200"} | added


@pytest.fixture(scope="module")
def warm() -> Iterator[Path]:
    """The folder of a `hashrail` that starts at once."""
    with open_folder() as folder, warm_program(folder, clean_environment()) as programs:
        yield programs


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that the embedded server's user can reach."""
    with tempfile.TemporaryDirectory(prefix="hashrail-docs-", dir=folders.quick(), ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o755)
        yield Path(made)


@contextmanager
def sandbox_in(folder: Path) -> Iterator[Place]:
    """A real sandbox of ten days, its data in `.hashrail` of the folder."""
    port = free_port()
    environment = clean_environment()
    command = [sys.executable, "-m", "hashrail.cli", "demo", "--port", str(port), "--days", "10"]
    with (folder / "demo.log").open("w") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)

    def ready() -> bool:
        assert process.poll() is None, (folder / "demo.log").read_text()
        return answers(port, "/readyz")

    try:
        wait_until(ready, (folder / "demo.log").read_text)
        yield Place(folder, environment, {"8080": port, "8081": free_port()})
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(SECONDS)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Place]:
    """The sandbox that pages share."""
    with open_folder() as folder, sandbox_in(folder) as place:
        yield place


@pytest.fixture
def own_sandbox() -> Iterator[Place]:
    """One for a page alone."""
    with open_folder() as folder, sandbox_in(folder) as place:
        yield place


@pytest.fixture
def empty_database(server: str, tmp_path: Path) -> Iterator[Place]:
    """A database without tables, as a new deployment finds it."""
    with database(server, None) as url:
        yield Place(tmp_path, clean_environment(DATABASE_URL=url), {"8081": free_port()})


@pytest.fixture
def empty_folder() -> Iterator[Place]:
    """A folder with nothing in it, and the programs of a node. Without them the page is skipped; in CI it fails."""
    bitcoin_node.require()
    environment = clean_environment()
    environment["PATH"] = os.pathsep.join([str(bitcoin_node.PROGRAM.parent), environment["PATH"]])
    with open_folder() as folder:
        yield Place(folder, environment, {"8081": free_port(), "18443": free_port()})


# The pages run


RUN = [page for page in PAGES if runnable(page, "bash", "python")]


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_the_examples_of(page: Path, request: pytest.FixtureRequest, warm: Path) -> None:
    needs = NEEDS.search(page.read_text())
    place: Place = request.getfixturevalue("sandbox" if needs is None else PLACES[needs[1]])
    place.environment["PATH"] = os.pathsep.join([str(warm), place.environment["PATH"]])
    blocks = runnable(page, "bash", "python")
    output = place.run("bash", shell_of(blocks))
    parts = re.split(rf"^{MARK} \d+\n", output, flags=re.M)
    assert len(parts) == len(blocks) + 1, output[-4000:]
    for block, printed in zip(blocks, parts[1:], strict=True):
        for text in block.said("expect"):
            assert text in printed, f"{name_of(page)}:{block.line}: {text!r} is not in\n{printed}"


def install_sdk(folder: Path) -> None:
    """Let programs of the folder import the TypeScript SDK. Its source lies outside, where node reads types away."""
    package = folder / "node_modules" / "hashrail-client"
    if not package.exists():
        package.mkdir(parents=True)
        (package / "package.json").write_text('{"type": "module", "exports": "./index.js"}')
        (package / "index.js").write_text('export * from "./src/index.ts";')
        (package / "src").symlink_to(ROOT / "client-ts" / "src")


SCRIPTS = [(page, block) for page in PAGES for block in runnable(page, "javascript")]


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed: apt-get install nodejs")
@pytest.mark.parametrize(
    ("page", "block"), SCRIPTS, ids=lambda value: name_of(value) if isinstance(value, Path) else ""
)
def test_the_javascript_of(page: Path, block: Block, sandbox: Place) -> None:
    install_sdk(sandbox.folder)
    output = sandbox.run("node", block.text)
    assert block.said("expect"), f"{name_of(page)}:{block.line} expects nothing"
    for text in block.said("expect"):
        assert text in output, f"{name_of(page)}:{block.line}: {text!r} is not in\n{output}"


def test_what_is_run() -> None:
    names = {name_of(page) for page in [*RUN, *(page for page, _ in SCRIPTS)]}
    assert {"README.md", "docs/tutorial.md", "docs/why/rewards.md"} <= names
    assert {page for page in names if page.startswith("docs/how-to/")} == {
        name_of(page) for page in (DOCS / "how-to").glob("*.md")
    }
    assert len(SCRIPTS) >= 1


# The pages fit the code


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference as the code describes itself now."""
    made = tmp_path_factory.mktemp("reference")
    command = [sys.executable, "-m", "tools.reference", "--out", str(made)]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT, env=clean_environment())
    return made


def test_the_reference_is_up_to_date(generated: Path) -> None:
    made = {page.name: page.read_text() for page in generated.iterdir()}
    kept = {page.name: page.read_text() for page in (DOCS / "reference").iterdir()}
    assert sorted(made) == [
        "alarms.md",
        *("commands.md", "database-errors.md", "errors.md", "events.md", postman.FILE, "invariants.md", "metrics.md"),
        *("modules.md", "operations.md", "roles.md", "settings.md"),
    ]
    for name, text in made.items():
        assert kept.get(name) == text, f"docs/reference/{name} is old; run: make reference"
    assert set(kept) == set(made)


SAID = [
    (
        "errors.md",
        "| 404 | `USER_NOT_FOUND` | The calling partner has no such user. | Register the user with the login",
    ),
    ("errors.md", "| 401 | `SIGNATURE_MISSING` | There is no signature. | Send `signature` in the query (GET), in the"),
    (
        "settings.md",
        "| `HASHRAIL_KEY_CACHE_SECONDS` | whole number | `5`, at least 0, at most 60 | How long a process may",
    ),
    (
        "settings.md",
        "| `DATABASE_URL` | text or unset | unset | PostgreSQL to use; without it an embedded one is started in the",
    ),
    ("settings.md", "| `HASHRAIL_TRUSTED_PROXIES` | JSON list | `[]` | Networks whose X-Forwarded-For is believed"),
    ("settings.md", "| `HASHRAIL_RECV_WINDOWS` | JSON object | `{}` | Default recvWindow in milliseconds"),
    ("settings.md", "| `HASHRAIL_ROUTE_ALIASES` | JSON object | `{}` | Further paths by operation id"),
    ("settings.md", "| `HASHRAIL_MODE` | one of `production`, `sandbox` | `production` |"),
    (
        "settings.md",
        "| `HASHRAIL_BITCOIN_NETWORK` | one of `bitcoin`, `testnet4`, `signet`, `regtest` or unset | unset | Chain",
    ),
    ("settings.md", "| `HASHRAIL_BITCOIN_ALLOW_KNOTS` | yes or no | `no` | Let Bitcoin Knots pay"),
    ("settings.md", "| `HASHRAIL_BITCOIN_RPC_COOKIE` | file or unset | unset | The node's cookie file"),
    ("settings.md", "| `HASHRAIL_DATA` | folder | `.hashrail` | Folder of the embedded database"),
    ("settings.md", "| `HASHRAIL_PAYOUT_FEE_BUDGET_BTC` | amount | `0.05`, above 0, at most 1 | The most that"),
    (
        "modules.md",
        "## The ground\n\n| module | what it is |\n|---|---|\n| **`version`** | The version of this",
    ),
    ("modules.md", "| **`payouts.processor`** | Payouts: the run that a worker makes every minute"),
    ("modules.md", "\n| `cli.shared` | What every command shares"),
    ("modules.md", "| `cli.days` | hashrail day: "),
    ("modules.md", "\n| `cli.main` | hashrail: the operator's command line. |\n"),
    ("commands.md", "\n`hashrail rates set DAY [OPTIONS]`\n"),
    ("commands.md", "| `--port NUMBER` | `8080` | Port of the API. |"),
    ("commands.md", "| `--method GET\\|POST` | required | GET: a query string. POST: a JSON body. |"),
    ("commands.md", "| `--leave` |  | Take out instead. |"),
    ("commands.md", "\nExample: `hashrail migrate --data .hashrail`\n"),
    ("commands.md", "With `--json`, a list; each item: a partner, with what it owes.\n"),
    ("commands.md", "| `versions[].satPerVb` | amount | its fee rate, sat/vB |"),
    ("commands.md", "| `lastTurn.endedAt` | time or null | when it ended"),
    ("commands.md", "With `--json`, a list; each item: a text.\n"),
    ("commands.md", "On standard output: how a signature was judged.\n"),
    ("commands.md", "| `--bound-only / --any-address` |  | Pay to addresses that users have bound, or to any. |"),
    ("commands.md", "typed. Also from `HASHRAIL_API_SECRET`. |"),
    (
        "commands.md",
        "| `--scope TEXT` |  | read, login, wallet, order, transfer, withdraw, webhooks; repeat it. Without: all.",
    ),
    ("invariants.md", "| `days-are-consecutive` | published days have no gap |"),
    ("metrics.md", "| `hashrail_wallet_available_btc` |  | BTC of confirmed free coins"),
    ("metrics.md", "| `hashrail_requests_total` | counter | Requests answered, by operation and status. |"),
    ("operations.md", "## #7 s2s_miners\n\n`GET /api/partner/s2s/nft/find-by-user`\n\nThe user's miners"),
    ("operations.md", "\nCaller: signature. Scope: `read`. recvWindow: 5000 ms when none is sent.\n"),
    ("operations.md", "Scope: `order`. recvWindow: 60000 ms when none is sent. A repetition gets the kept answer.\n"),
    ("operations.md", "A repetition gets the kept answer, or goes on where it was cut off.\n"),
    ("operations.md", "\nCaller: key of a partner's server.\n"),
    ("operations.md", "| `partnerUserId` | text, 1 to 255 characters | required |"),
    ("operations.md", "| `includeIncomesByNfts` | text, `^(true\\|false)$` | optional |"),
    ("operations.md", "| `scenario` | one of `steady`, `growth`, `halving`, `crash` | required |"),
    ("operations.md", "| `days` | integer, 1 to 3660 | optional |"),
    ("operations.md", '{"data": {"value": number, "externalId": text}}'),
]


@pytest.mark.parametrize(("page", "text"), SAID)
def test_the_reference_says(generated: Path, page: str, text: str) -> None:
    assert text in (generated / page).read_text()


def test_the_reference_hides_itself(generated: Path) -> None:
    assert "hashrail reference --" not in (generated / "commands.md").read_text()
    assert "`signature`" not in (generated / "operations.md").read_text().split("## #4")[1]


def test_the_reference_speaks_plainly(generated: Path) -> None:
    """Nothing of Python's own names for types gets into a page."""
    pages = [*generated.iterdir(), *(DOCS / "reference").iterdir()]
    names = {page.name: re.findall(r"<class|typing\.|NoneType", page.read_text()) for page in pages}
    assert {name: found for name, found in names.items() if found} == {}
    rows = re.findall(r"^\| `[A-Z_]+` \|.*$", (generated / "settings.md").read_text(), re.M)
    assert len(rows) == len(Settings.model_fields)
    assert [row for row in rows if not all(cell.strip() for cell in row.split("|")[1:-1])] == []


def test_the_modules_are_all_there(generated: Path) -> None:
    source = ROOT / "src" / "hashrail"
    files = [
        path.relative_to(source).with_suffix("") for path in source.rglob("*.py") if not path.stem.startswith("__")
    ]
    shown = re.findall(r"^\| (?:\*\*)?`([\w.]+)`(?:\*\*)? \|", (generated / "modules.md").read_text(), re.M)
    assert sorted(shown) == sorted(".".join(file.parts) for file in files)


def test_the_runbook_knows_every_invariant() -> None:
    part = (DOCS / "runbook.md").read_text().split("## The audit finds something\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([\w-]+)` \| (\S.*) \| (\S.*) \|$", part, re.M)
    assert [name for name, _, _ in rows] == [name for name, _ in invariants.names()]


def test_the_runbook_knows_every_alarm() -> None:
    """In the order of the rules, with what it means and what to do."""
    part = (DOCS / "runbook.md").read_text().split("## An alarm rings\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([A-Z_]+)` \| (\S.*) \| (\S.*) \|$", part, re.M)
    assert [name for name, _, _ in rows] == [rule.code for rule in rules.RULES]


# The pages fit together


def slugs(page: Path) -> set[str]:
    """The anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_links_of(page: Path) -> None:
    broken = []
    for link in LINK.finditer(FENCE.sub("", page.read_text())):
        target, _, anchor = link["target"].partition("#")
        if "://" in target:
            continue
        there = (page.parent / target).resolve() if target else page
        if not there.exists() or (anchor and anchor not in slugs(there)):
            broken.append(link["target"])
    assert broken == []


def test_every_page_is_in_an_index() -> None:
    linked = {
        (index.parent / link["target"].partition("#")[0]).resolve()
        for index in (DOCS / "README.md", INDEX)
        for link in LINK.finditer(index.read_text())
    }
    assert [name_of(page) for page in PAGES[1:] if page not in linked] == []


def shown(page: Path) -> list[str]:
    """What a page shows as code: the lines of its blocks, continued ones as one, and its spans."""
    text = page.read_text()
    fenced = [fence["text"].replace("\\\n", " ") for fence in FENCE.finditer(text)]
    return [line for part in fenced for line in part.splitlines()] + CODE_SPAN.findall(FENCE.sub("", text))


def faults_of_command(rest: str) -> list[str]:
    """What is wrong with a command line that follows the word hashrail."""
    command = COMMANDS
    words = rest.split()
    while hasattr(command, "commands") and words and not words[0].startswith("--"):
        if words[0] not in command.commands:
            return [f"there is no command {words[0]}"]
        command = command.commands[words.pop(0)]
    if words and getattr(command, "usual", ""):
        command = command.commands[command.usual]
    known = {option for part in command.params for option in (*part.opts, *part.secondary_opts)} | {"--help"}
    if command is COMMANDS.commands["call"] and words and words[0] in OPERATIONS:
        known |= {field.option for field in fields_of(OPERATIONS[words[0]].model)}
    return [f"there is no option {word}" for word in words if word.startswith("--") and word not in known]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_commands_of(page: Path) -> None:
    faults = [
        f"hashrail {command['rest']}: {fault}"
        for line in shown(page)
        for command in COMMAND.finditer(line)
        for fault in faults_of_command(command["rest"])
    ]
    assert faults == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_files_that_a_page_names_are_there(page: Path) -> None:
    spans = CODE_SPAN.findall(FENCE.sub("", page.read_text()))
    assert [span for span in spans if PLACE.fullmatch(span) and not (ROOT / span).exists()] == []


def test_make_has_what_the_pages_say() -> None:
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    lines = [line for page in PAGES for line in (*shown(page), *INDENTED.findall(page.read_text()))]
    said = {target for line in lines if (found := MADE.match(line)) for target in found["targets"].split()}
    assert {"run", "test", "failover", "reference", "wheel"} <= said
    assert said - known == set()


def test_the_faults_of_commands_are_seen() -> None:
    assert faults_of_command("day close --through 2026-09-09 --data .hashrail") == []
    assert faults_of_command("signature --help") == []
    assert faults_of_command("alarms --json") == []
    assert faults_of_command("alarms --limit 5") == ["there is no option --limit"]
    assert faults_of_command("day --all") == ["there is no option --all"]
    assert faults_of_command("call s2s_miners --partner-user-id alice --show-request") == []
    assert faults_of_command("call s2s_miners --partner-usr alice") == ["there is no option --partner-usr"]
    assert faults_of_command("day open") == ["there is no command open"]
    assert faults_of_command("day close --until 2026-09-09") == ["there is no option --until"]


def test_the_dependencies_are_explained() -> None:
    page = (DOCS / "dependencies.md").read_text()
    listed = [
        re.split(r"[\[<>=;]", line)[0].strip()
        for name in ("requirements.in", "requirements-dev.in")
        for line in (ROOT / name).read_text().splitlines()
        if line and not line.startswith(("#", "-r"))
    ]
    assert len(listed) > 20
    assert [name for name in listed if f"| `{name}` |" not in page] == []
    assert sorted(re.findall(r"^\| `([\w-]+)` \|", page, re.M)) == sorted(listed)


# The conventions themselves


def test_blocks_are_read_with_their_comments() -> None:
    page = "a\n\n<!-- expect: one -->\n<!-- expect: two > 1 -->\n```bash\necho 1\n```\n\n```python\nx\n```\n"
    shell, python = blocks_of(page)
    assert (shell.language, shell.text, shell.line) == ("bash", "echo 1\n", 5)
    assert shell.said("expect") == ["one", "two > 1"]
    assert (python.language, python.comments) == ("python", ())
    assert shell_of([shell, python]).split("\n") == [
        *("set -euo pipefail", "exec 2>&1", "printf '\\n@@ block 0\\n'", "echo 1", ""),
        *("printf '\\n@@ block 1\\n'", "python - <<'END_OF_1'", "x", "END_OF_1", ""),
    ]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_comment_of_an_example_is_a_known_word(page: Path) -> None:
    said = [comment for block in blocks_of(page.read_text()) for comment in block.comments]
    assert [word for word, _ in said if word not in WORDS] == []
    assert [word for word, value in said if word != "run" and not value] == []


def test_what_an_example_leaves_running_is_ended(tmp_path: Path) -> None:
    place = Place(tmp_path, clean_environment(), {"8080": 1234})
    number, *ports = place.run("bash", "sleep 300 & echo $! 8080 18080").split()
    assert ports == ["1234", "18080"]
    wait_until(lambda: not Path(f"/proc/{number}").exists())
    with pytest.raises(AssertionError, match="broken here"):
        place.run("bash", "echo broken here; exit 3")
