"""What is logged: no text of somebody else acts on a terminal that shows it, and none fills the disk."""

import io
import json
import logging
import logging.config
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import structlog

from hashrail import logs, texts
from tests.support.hostile import HOSTILE, acting


class Screen(io.StringIO):
    """A terminal, or a pipe."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    kept = structlog.get_config()
    yield
    structlog.configure(**kept)


def watched(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> Screen:
    """What goes to standard error; it is put in place within a test, where pytest does not take it back."""
    made = Screen(terminal=terminal)
    monkeypatch.setattr(sys, "stderr", made)
    return made


def failed(text: str) -> None:
    raise RuntimeError(text)


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nothing_that_is_logged_acts(monkeypatch: pytest.MonkeyPatch, text: str, *, terminal: bool) -> None:
    """Neither a value, however deep it stands, nor a name, nor what an exception says; and one line is one line."""
    screen = watched(monkeypatch, terminal=terminal)
    logs.configure(command=True)
    log = structlog.get_logger()
    log.info("request", path=text, rows=[{"name": text, text: (text, 1)}], **{text: text})
    logs.one_line("blocked", reason=text)
    printed = screen.getvalue()
    assert acting(printed) == []
    assert printed.count("\n") == 2
    assert len(printed) < 40 * texts.MAX_SHOWN
    try:
        failed(text)
    except RuntimeError as error:
        log.warning("internal error", exc_info=error)
    assert acting(screen.getvalue()) == []
    assert "Traceback" in screen.getvalue()


def test_json_is_taken_apart_and_does_not_act(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader of the log that shows the text itself is as safe."""
    screen = watched(monkeypatch, terminal=False)
    logs.configure(command=True)
    structlog.get_logger().info("request", path="a\x1b[1m", count=3, none=None)
    (line,) = screen.getvalue().splitlines()
    found = json.loads(line)
    assert (found["path"], found["count"], found["none"]) == ("a\\x1b[1m", 3, None)


def test_a_line_of_json_is_one_whatever_stands_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search for a member finds it, as in lines of before; what is no JSON is written as Python does."""
    screen = watched(monkeypatch, terminal=False)
    logs.configure(command=True)
    log = structlog.get_logger()
    log.error("request", status=500, error=None, milliseconds=3.5, path="/api")
    assert (
        '{"status": 500, "error": null, "milliseconds": 3.5, "path": "/api", "event": "request", "level": "error"'
        in (screen.getvalue())
    )
    log.info("odd", half="a\ud800", nested={"x": ["\udfff", {1: None}]}, cause=ValueError("x"), long="ä" * 5000)
    found = json.loads(screen.getvalue().splitlines()[1])
    assert (found["half"], found["nested"]["x"][0], found["cause"]) == ("a\\ud800", "\\udfff", "ValueError('x')")
    assert len(found["long"]) == texts.MAX_SHOWN
    log.info("odder", share=float("nan"), half="\ud800", amount=Decimal("1.50"), kinds={"one"}, names={1: 2})
    found = json.loads(screen.getvalue().splitlines()[2])
    assert [found[name] for name in ("share", "half", "amount", "kinds", "names")] == [
        *(None, "\\ud800", "1.50", ["one"], {"1": 2})
    ]
    log.info("oddest", named={("a", 1): 2, "b": 3})
    assert json.loads(screen.getvalue().splitlines()[3])["named"] == {"('a', 1)": 2, "b": 3}


def test_what_is_said_meanwhile_carries_what_it_is_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it is known by then; what the line says itself stays; and nothing of it is left after."""
    screen = watched(monkeypatch, terminal=False)
    logs.configure(command=True)
    log, known = structlog.get_logger(), {"request_id": "one"}
    with logs.about(lambda: known):
        log.info("first")
        known["partner"] = "partner-1"
        log.info("second", request_id="another")
        with logs.also(undone=True):
            log.info("looked at")
    log.info("third")
    with logs.also(undone=True):
        log.info("alone")
    said = [json.loads(line) for line in screen.getvalue().splitlines()]
    assert [(one.get("request_id"), one.get("partner"), one.get("undone")) for one in said] == [
        ("one", None, None),
        ("another", "partner-1", None),
        ("one", "partner-1", True),
        (None, None, None),
        (None, None, True),
    ]


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_what_granian_logs_does_not_act_either(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> None:
    screen = watched(monkeypatch, terminal=terminal)
    named: dict[str, Any] = logs.of_granian()
    handler = logging.StreamHandler(screen)
    made = structlog.stdlib.ProcessorFormatter(
        processors=named["formatters"]["ours"]["processors"],
        foreign_pre_chain=named["formatters"]["ours"]["foreign_pre_chain"],
    )
    handler.setFormatter(made)
    record = logging.LogRecord("_granian", logging.INFO, __file__, 1, "call of %s", ("x\x1b]0;\x07",), None)
    handler.handle(record)
    assert acting(screen.getvalue()) == []
    assert "x\\" in screen.getvalue()
