"""Structured logs: one JSON object a line, or a readable line on a terminal. Times are UTC."""

import logging
import sys
from typing import Any

import structlog

from hashrail import texts

# What has lines of its own: a traceback, the stack of a call.
WITH_LINES = ("exception", "stack")


def configure(*, command: bool = False, least: int = logging.INFO) -> None:
    """Write logs to standard error; JSON unless it is a terminal. A command looks for it anew at each line.

    What is below the level `least` is not shown.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
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
    plain: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if sys.stderr.isatty():
        plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return [
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _without_acting,
        plain,
    ]


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
