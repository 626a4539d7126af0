"""Structured logs: one JSON object a line, or a readable line on a terminal. Times are UTC."""

import logging
import sys

import structlog


def configure(*, json_lines: bool | None = None, command: bool = False) -> None:
    """Write logs to standard error; JSON unless it is a terminal. A command looks for it anew at each line."""
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
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=_present_error if command else structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=not command,
    )


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
