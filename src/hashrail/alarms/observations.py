"""How what is done again and again last went: a job of the worker, the audit, a reconciliation, a look at the wallet.

Whoever does it notes the outcome under a name. What is kept is the newest one, when it last went well, and since when
it fails; the rules read that. Times are the database's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from hashrail import clock, texts
from hashrail.db import Reader, Row, Tx
from hashrail.errors import HashrailError
from hashrail.money import plain

AUDIT, RECONCILIATION, WALLET, NODE = "audit", "reconciliation", "wallet", "node"
# Jobs of the worker stand beside them, by their tasks' names.
JOB = "job "
MAX_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class Observation:
    """The newest outcome. `bad_since` is the first failure of those in a row, None where it went well."""

    name: str
    seen_at: datetime
    good_at: datetime | None
    bad_since: datetime | None
    code: str | None
    message: str | None
    figures: dict[str, Any]


async def good(tx: Tx, name: str, figures: Mapping[str, object] | None = None) -> None:
    """It went well."""
    await _note(tx, name, None, None, figures)


async def bad(tx: Tx, name: str, code: str, message: str, figures: Mapping[str, object] | None = None) -> None:
    """It failed, or found something: a stable code, and what to read."""
    await _note(tx, name, code, texts.shown(message)[:MAX_MESSAGE], figures)


def code_of(error: BaseException) -> str:
    """The stable code of a failure; the name of its kind where it is a bug."""
    return error.code if isinstance(error, HashrailError) else type(error).__name__


async def known(tx: Reader) -> dict[str, Observation]:
    """The newest outcome of everything, by name."""
    rows = await tx.fetch("SELECT name, seen_at, good_at, bad_since, code, message, figures FROM observation")
    return {row["name"]: _read(row) for row in rows}


async def _note(tx: Tx, name: str, code: str | None, message: str | None, figures: Mapping[str, object] | None) -> None:
    text = msgspec.json.encode({key: _plain(value) for key, value in (figures or {}).items()}).decode()
    await tx.execute(
        f"""INSERT INTO observation AS o (name, seen_at, good_at, bad_since, code, message, figures)
            SELECT $1, t.now, CASE WHEN $2::text IS NULL THEN t.now END, CASE WHEN $2 IS NOT NULL THEN t.now END,
                   $2, $3, $4 FROM (SELECT {clock.DATABASE_NOW} AS now) AS t
            ON CONFLICT (name) DO UPDATE SET
                seen_at = excluded.seen_at, code = excluded.code, message = excluded.message,
                figures = excluded.figures, good_at = coalesce(excluded.good_at, o.good_at),
                bad_since = CASE WHEN excluded.bad_since IS NOT NULL
                                 THEN coalesce(o.bad_since, excluded.bad_since) END""",  # noqa: S608
        name,
        code,
        message,
        text,
    )


def _plain(value: object) -> object:
    return plain(value) if isinstance(value, Decimal) else value


def _read(row: Row) -> Observation:
    return Observation(**{**row, "figures": msgspec.json.decode(row["figures"])})
