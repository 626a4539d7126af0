"""hashrail log: the lines of a request, a partner or a user in logs, which are read as a stream.

A line is one JSON object, as the API and the worker write it; what journald puts around it is taken off. Whatever is no
such line is passed over: a log may hold anything, and so may its texts, which are shown and never act.
"""

import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import msgspec
import typer

from hashrail import clock
from hashrail.cli.examples import example
from hashrail.cli.printing import Shape, about, as_text, prints, show_json
from hashrail.cli.shared import JsonOption, refusals_shown, say, table, warn
from hashrail.errors import BadRequestError

app = typer.Typer()
STANDARD_INPUT = Path("-")
# Longer than any line of ours; what is longer still is passed over.
MAX_LINE = 256 * 1024
# How `journalctl -o export` begins the line that we wrote.
EXPORTED = b"MESSAGE="
TRACEBACK = "exception"
COLUMNS = ("at", "level", "event", "operation", "status", "error", "partner", "user", "ms", "more")


class LogUnreadableError(BadRequestError):
    """A log cannot be read."""

    code = "LOG_UNREADABLE"
    advice = "Name a file that you may read, or pipe the log in."


class LogLine(Shape, kw_only=True):
    """A line of a log."""

    at: Annotated[str | None, about("when")]
    level: Annotated[str | None, about("how grave")]
    event: Annotated[str | None, about("what happened; of a request `request`")]
    request_id: Annotated[str | None, about("the answer's X-Request-Id")]
    operation: Annotated[str | None, about("what was asked")]
    status: Annotated[str | None, about("how it was answered")]
    error: Annotated[str | None, about("the code of a refusal")]
    partner: Annotated[str | None, about("the partner's public id")]
    key_id: Annotated[str | None, about("the number of its key")]
    user: Annotated[str | None, about("the user's number")]
    partner_user: Annotated[str | None, about("the user by the partner's own id")]
    address: Annotated[str | None, about("from where")]
    milliseconds: Annotated[str | None, about("how long it took")]
    cost: Annotated[str | None, about("for how many requests it counted")]
    more: Annotated[dict[str, Any], about("whatever else the line says, by its own names")]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which lines are looked for: all that is named has to hold."""

    request_id: str | None
    partner: str | None
    user: str | None
    since: datetime | None

    def may_be(self, line: bytes) -> bool:
        """Whether a line is worth reading: an id stands in it as it is, however it is wrapped."""
        return self.request_id is None or self.request_id.encode() in line

    def has(self, said: dict[str, Any]) -> bool:
        """Whether it is one of them."""
        users = (_said(said, "user"), _said(said, "partner_user"))
        return (
            (self.request_id is None or said.get("request_id") == self.request_id)
            and (self.partner is None or said.get("partner") == self.partner)
            and (self.user is None or self.user in users)
            and (self.since is None or _is_since(said, self.since))
        )


@app.command(
    "log",
    epilog=example(
        "journalctl --namespace=hashrail -o cat | hashrail log --request-id 5f0c1d2e",
        "hashrail log --partner partner-1 --since 2026-09-09T12:00:00Z api.log",
    ),
)
@prints(list[LogLine])
def log(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Logs; - or none is standard input.", allow_dash=True),
    ] = None,
    request_id: Annotated[str | None, typer.Option(help="Of this request: every line that names it.")] = None,
    partner: Annotated[str | None, typer.Option(help="Requests of this partner, by its public id.")] = None,
    user: Annotated[
        str | None, typer.Option(help="Requests of or about this user, by number or the partner's own id.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="From this moment on, ISO 8601 with time zone.")] = None,
    limit: Annotated[int, typer.Option(help="How many lines, the last.", min=1, max=100_000)] = 1000,
    as_json: JsonOption = False,
) -> None:
    """Find the lines of a request, a partner or a user in logs. Ends with 1 where there are none.

    It reads what the API and the worker wrote, as JSON lines: files, or what journalctl prints with -o cat, json or
    export. Nothing of the deployment is opened.
    """
    with refusals_shown():
        wanted = Wanted(request_id, partner, user, None if since is None else clock.parse_iso(since, "--since"))
        found = deque(_found(files or [STANDARD_INPUT], wanted), maxlen=limit)
    if as_json:
        show_json([_shape(said) for said in found])
    elif found:
        _show(found)
    else:
        warn("No line is of it.")
    if not found:
        raise typer.Exit(1)


def _found(files: Iterable[Path], wanted: Wanted) -> Iterator[dict[str, Any]]:
    for path in files:
        with _opened(path) as stream:
            for line in _lines(stream):
                said = _read(line) if wanted.may_be(line) else None
                if said is not None and wanted.has(said):
                    yield said


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Raises LogUnreadableError, also for what fails while it is read."""
    try:
        if path == STANDARD_INPUT:
            yield sys.stdin.buffer
        else:
            with path.open("rb") as stream:
                yield stream
    except OSError as error:
        raise LogUnreadableError(f"{path} cannot be read: {error.strerror}", file=str(path)) from error


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Line by line, of which none takes more than MAX_LINE: a longer one is passed over to its end."""
    is_rest = False
    while line := stream.readline(MAX_LINE):
        is_whole = len(line) < MAX_LINE or line.endswith(b"\n")
        if is_whole and not is_rest:
            yield line
        is_rest = not is_whole


def _read(line: bytes) -> dict[str, Any] | None:
    """What a line of ours says, also in what journald puts around it; None for any other."""
    said = _decoded(line.removeprefix(EXPORTED))
    if said is not None and "event" not in said:
        inner = said.get("MESSAGE")
        said = _decoded(inner.encode(errors="replace")) if isinstance(inner, str) else None
    return said if said is not None and "event" in said else None


def _decoded(text: bytes) -> dict[str, Any] | None:
    try:
        said = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _is_since(said: dict[str, Any], since: datetime) -> bool:
    """A line that says no time is not told: nobody knows when it was."""
    try:
        return clock.parse_iso(_said(said, "timestamp") or "", "timestamp") >= since
    except BadRequestError:
        return False


def _said(said: dict[str, Any], name: str) -> str | None:
    """What a line says under a name, as a text."""
    value = said.get(name)
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def _shape(said: dict[str, Any]) -> LogLine:
    known = {name: _said(said, name) for name in LogLine.__struct_fields__ if name not in ("at", "more")}
    more = {name: value for name, value in said.items() if name not in known and name != "timestamp"}
    return LogLine(at=_said(said, "timestamp"), more=more, **known)


def _show(found: Iterable[dict[str, Any]]) -> None:
    """A table, and below it the tracebacks, which have lines of their own."""
    lines = [_shape(said) for said in found]
    table("The log says", COLUMNS, [_row(one) for one in lines])
    for one in lines:
        trace = one.more.get(TRACEBACK)
        if isinstance(trace, str):
            for line in (" ".join(filter(None, (one.at, one.event, one.request_id))), *trace.split("\n")):
                say(line)


def _row(one: LogLine) -> tuple[str | None, ...]:
    user = one.user if one.partner_user is None else f"{one.user or ''} {one.partner_user}".strip()
    beside = {"address": one.address, "key": one.key_id, "cost": one.cost, "request": one.request_id}
    told = [f"{name} {value}" for name, value in beside.items() if value is not None]
    told += [f"{name} {_in_line(value)}" for name, value in one.more.items() if name != TRACEBACK]
    return (
        *(one.at, one.level, one.event, one.operation, one.status, one.error, one.partner, user, one.milliseconds),
        ", ".join(told),
    )


def _in_line(value: object) -> str:
    return value if isinstance(value, str) else as_text(msgspec.json.encode(value).decode())
