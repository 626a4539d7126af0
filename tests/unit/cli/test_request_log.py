"""`hashrail log`: the lines of a request out of any log, read as a stream; what is no line of ours is passed over."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from hashrail.cli import request_log
from hashrail.cli.request_log import app
from tests.support.commands import read_strictly

LINE: dict[str, Any] = {
    "event": "request",
    "level": "info",
    "timestamp": "2026-03-01T12:00:00.5Z",
    "request_id": "one-1",
    "operation": "s2s_login",
    "status": 200,
    "milliseconds": 1.5,
    "address": "192.0.2.1",
    "partner": "partner-a",
    "key_id": 7,
    "user": 12,
    "partner_user": "alice",
    "cost": 1,
    "method": "POST",
}
OTHER = LINE | {"request_id": "two-2", "partner": "partner-b", "user": 13, "timestamp": "2026-03-01T13:00:00Z"}
FAILED = {"event": "internal error", "level": "error", "request_id": "one-1", "exception": "Traceback\n  \x1b[31mline"}


def run(*arguments: str | Path, log: bytes | str = b"") -> Any:
    return CliRunner().invoke(app, list(map(str, arguments)), input=log, env={"COLUMNS": "400"})


def found(*arguments: str | Path, log: bytes | str = b"") -> list[dict[str, Any]]:
    """What it prints for scripts."""
    made = run(*arguments, "--json", log=log)
    read_strictly(("log",), made.stdout)
    lines: list[dict[str, Any]] = json.loads(made.stdout)
    assert made.exit_code == (0 if lines else 1)
    return lines


def log_of(*lines: object) -> str:
    return "".join(f"{each if isinstance(each, str) else json.dumps(each)}\n" for each in lines)


def test_every_line_of_a_request() -> None:
    """Its own and those that were said on its way, as texts, with whatever else they say."""
    first, second = found("--request-id", "one-1", log=log_of(LINE, OTHER, FAILED))
    assert (first["at"], first["status"], first["keyId"], first["user"]) == (LINE["timestamp"], "200", "7", "12")
    assert (first["more"], first["error"]) == ({"method": "POST"}, None)
    assert (second["event"], second["more"]) == ("internal error", {"exception": FAILED["exception"]})


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["--partner", "partner-b"], ["two-2"]),
        (["--user", "12"], ["one-1"]),
        (["--user", "alice"], ["one-1", "two-2"]),
        (["--user", "alice", "--partner", "partner-a"], ["one-1"]),
        (["--since", "2026-03-01T14:00:00+01:00"], ["two-2"]),
        (["--since", "2026-03-01T13:00:01Z"], []),
        (["--limit", "1"], ["one-1"]),
        (["--limit", "1", "--partner", "partner-b"], ["two-2"]),
        (["--request-id", "one"], []),
    ],
)
def test_what_is_asked_for(words: list[str], ids: list[str]) -> None:
    """All that is named has to hold; of too many the last."""
    assert [each["requestId"] for each in found(*words, log=log_of(LINE, OTHER, FAILED))] == ids


WRAPPED = {
    "cat": log_of(LINE),
    "json": log_of({"MESSAGE": json.dumps(LINE), "_PID": "1", "PRIORITY": "6"}),
    "export": log_of("__CURSOR=s=1", f"MESSAGE={json.dumps(LINE)}", "_PID=1", ""),
}


@pytest.mark.parametrize("kind", WRAPPED)
def test_what_journald_prints(kind: str) -> None:
    ((line),) = found("--request-id", "one-1", log=WRAPPED[kind])
    assert line["operation"] == "s2s_login"


@pytest.mark.parametrize(
    "between",
    [
        *(b"", b"no json", b"{", b"[1]", b'"text"', b"1e999", b"\xff\xfe{}", b"[" * 100_000, b"{}", b'{"event"}'),
        *(b'{"MESSAGE": null}', b'{"MESSAGE": [1, 2]}', b'{"MESSAGE": "text"}', b'{"MESSAGE": "\\ud800"}'),
        b'{"event": "' + b"x" * 2 * request_log.MAX_LINE + b'", "request_id": "one-1"}',
    ],
)
def test_whatever_is_no_line_is_passed_over(between: bytes) -> None:
    """And what comes after it is read, also where the last line has no end."""
    line = json.dumps(LINE).encode()
    assert len(found("--partner", "partner-a", log=line + b"\n" + between + b"\n" + line)) == 2


def test_a_line_that_says_no_time_is_not_since() -> None:
    odd = [LINE | {"timestamp": each} for each in (None, "soon", 5, ["2027-01-01T00:00:00Z"], "2027-01-01T00:00:00")]
    assert found("--since", "2026-01-01T00:00:00Z", log=log_of(*odd)) == []
    assert len(found(log=log_of(*odd))) == len(odd)


def test_a_big_log_is_read_as_a_stream() -> None:
    """However long a line is, and however many there are, no more of it is held."""

    class Stream(io.BytesIO):
        most = 0

        def readline(self, size: int | None = -1, /) -> bytes:
            line = super().readline(size)
            self.most = max(self.most, len(line))
            return line

        def read(self, size: int | None = -1, /) -> bytes:
            raise AssertionError("it is read line by line")

    stream = Stream(b"x" * 5 * request_log.MAX_LINE + b"\n" + b"y\n")
    assert list(request_log._lines(stream)) == [b"y\n"]
    assert stream.most == request_log.MAX_LINE


def test_a_table_whose_texts_do_not_act() -> None:
    """Tracebacks stand below it, with their own lines."""
    bad = LINE | {"partner_user": "a\u202e\x1b[2J\n| b", "path": ["\x1b]0;x\x07"]}
    made = run("--request-id", "one-1", log=log_of(bad, FAILED))
    assert made.exit_code == 0
    assert not {"\x1b", "\u202e", "\x07"} & set(made.output)
    assert "s2s_login" in made.output
    assert "\n  \\x1b[31mline" in made.output
    assert "cost 1" in made.output


def test_files_and_what_is_refused(tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    log.write_text(log_of(LINE))
    assert len(found(log, log)) == 2
    assert len(found("-", log, log=log_of(OTHER))) == 2
    for path in (tmp_path / "nothing", tmp_path):
        made = run(path)
        assert (made.exit_code, "LOG_UNREADABLE" in made.output) == (1, True)
    for text, code in (("yesterday", "BAD_DATE"), ("2026-03-01T00:00:00", "DATE_WITHOUT_TIME_ZONE")):
        made = run("--since", text)
        assert (made.exit_code, code in made.output) == (1, True)
    made = run("--request-id", "nothing", log)
    assert (made.exit_code, made.stdout) == (1, "")
    assert "No line" in made.stderr


def test_it_opens_no_deployment(tmp_path: Path) -> None:
    """It works on a machine that has only the log."""
    command = [sys.executable, "-m", "hashrail.cli", "log", "--user", "12", "--json"]
    done = subprocess.run(command, input=log_of(LINE), capture_output=True, text=True, cwd=tmp_path, check=True)
    assert json.loads(done.stdout)[0]["requestId"] == "one-1"
    assert list(tmp_path.iterdir()) == []
