"""Structured logs: one JSON object a line, or a readable line on a terminal. Times are UTC."""

import logging
import sys
from typing import Any

import structlog


def configure(*, json_lines: bool | None = None, command: bool = False, least: int = logging.INFO) -> None:
    """Write logs to standard error; JSON unless it is a terminal. A command looks for it anew at each line.

    What is below the level `least` is not shown.
    """
    as_json = not sys.stderr.isatty() if json_lines is None else json_lines
    renderer = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if as_json else structlog.processors.StackInfoRenderer(),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=_present_error if command else structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=not command,
    )


def of_granian() -> dict[str, Any]:
    """Granian's configuration of its log (`logging.config`): the same lines in the same place as ours."""
    rendered: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if sys.stderr.isatty():
        rendered.append(structlog.dev.ConsoleRenderer())
    else:
        rendered += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
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


def _present_error(*_names: object) -> structlog.WriteLogger:
    return structlog.WriteLogger(sys.stderr)


def one_line(event: str, **facts: object) -> None:
    """One JSON line to standard error from a command, which has no logger of its own."""
    processors: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.JSONRenderer(),
    ]
    structlog.wrap_logger(structlog.WriteLogger(sys.stderr), processors=processors).info(event, **facts)
