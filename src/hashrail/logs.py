"""Structured logs: one JSON object a line, or a readable line on a terminal. Times are UTC."""

import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

import msgspec
import structlog

from hashrail import texts

# What has lines of its own: a traceback, the stack of a call.
WITH_LINES = ("exception", "stack")
_VALUES = msgspec.json.Encoder(enc_hook=repr)
Facts: TypeAlias = Callable[[], Mapping[str, object]]
_ABOUT: ContextVar[Facts | None] = ContextVar("about", default=None)


@contextmanager
def about(facts: Facts) -> Iterator[None]:
    """Let every line that is logged meanwhile, by this task or what it begins, carry these facts as they are then."""
    token = _ABOUT.set(facts)
    try:
        yield
    finally:
        _ABOUT.reset(token)


@contextmanager
def also(**facts: object) -> Iterator[None]:
    """Let every line that is logged meanwhile carry these facts too, beside what it is about."""
    outer = _ABOUT.get()
    with about(lambda: {**({} if outer is None else outer()), **facts}):
        yield


def configure(*, command: bool = False, least: int = logging.INFO) -> None:
    """Write logs to standard error; JSON unless it is a terminal. A command looks for it anew at each line.

    What is below the level `least` is not shown.
    """
    structlog.configure(
        processors=[
            _with_what_it_is_about,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_rendered(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=_present_error if command else structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=not command,
    )


def of_granian() -> dict[str, Any]:
    """Granian's configuration of its log (`logging.config`): the same lines in the same place as ours."""
    rendered: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    rendered += _rendered()
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        "processors": rendered,
    }
    handler = {"class": "logging.StreamHandler", "formatter": "ours", "stream": "ext://sys.stderr"}
    return {
        "formatters": {"ours": formatter},
        "handlers": {"ours": handler},
        "loggers": {"_granian": {"handlers": ["ours"], "propagate": False}},
    }


def _rendered() -> list[structlog.typing.Processor]:
    """How a line is written: for a terminal or as JSON, and in both without anything that acts on a screen.

    JSON keeps it too: whoever reads a log takes the texts out of it and looks at them.
    """
    plain: list[structlog.typing.Processor] = [_json_line]
    if sys.stderr.isatty():
        plain = [_without_acting, structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    return [structlog.processors.StackInfoRenderer(), structlog.processors.format_exc_info, *plain]


def _with_what_it_is_about(
    _logger: object, _method: str, said: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """What is said, with what the request is that it is said in; what a line says itself stays."""
    facts = _ABOUT.get()
    return said if facts is None else {**facts(), **said}


def _json_line(logger: object, method: str, said: structlog.typing.EventDict) -> str:
    """JSON in a line. Each request has one, so what acts is looked for in the whole line first, and seldom found."""
    try:
        line = msgspec.json.format(_VALUES.encode(said), indent=0).decode()
    except (TypeError, ValueError):  # a name that is no text, half of a surrogate
        return _written(_without_acting(logger, method, said))
    is_plain = len(line) <= texts.MAX_SHOWN and line.isascii() and line.isprintable() and "\\" not in line
    return line if is_plain else _written(_without_acting(logger, method, said))


def _written(said: structlog.typing.EventDict) -> str:
    """JSON of whatever is said."""
    try:
        return _LINES.encode(said)
    except ValueError:  # a number that is none
        return _LINES.encode(_value(said))


def _value(value: object) -> Any:
    """Something of ours as a value of JSON; what is none is written as Python does."""
    return msgspec.json.decode(_VALUES.encode(value))


# A blank after each comma and colon, as others write JSON, so that a search for `"level": "error"` finds it.
_LINES = json.JSONEncoder(ensure_ascii=False, default=_value, skipkeys=True, allow_nan=False)


def _without_acting(_logger: object, _method: str, facts: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What is said, with every text in it as it may be shown, and bounded."""
    return {
        _shown(name): texts.shown_lines(value) if name in WITH_LINES and isinstance(value, str) else _shown(value)
        for name, value in facts.items()
    }


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return texts.shown(value)
    if isinstance(value, dict):
        return {_shown(name): _shown(each) for name, each in value.items()}
    return [_shown(each) for each in value] if isinstance(value, list | tuple) else value


def _present_error(*_names: object) -> structlog.WriteLogger:
    return structlog.WriteLogger(sys.stderr)


def one_line(event: str, **facts: object) -> None:
    """One JSON line to standard error from a command, which has no logger of its own."""
    processors: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_acting,
        structlog.processors.JSONRenderer(),
    ]
    structlog.wrap_logger(structlog.WriteLogger(sys.stderr), processors=processors).info(event, **facts)
