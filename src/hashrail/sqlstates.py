"""What a failure of the database means for whoever asked: one table, SQLSTATE to answer.

PostgreSQL names each failure by five characters, of which the first two are its class (its appendix A). Every class
has its line here, and those of its states that mean something else have one of their own. A state without an answer is
a bug of ours: 500 and an alarm. docs/reference/database-errors.md shows the table.

A failure of a commit is a case of its own: unless PostgreSQL said that it was rolled back, nobody knows.
"""

import re
from dataclasses import dataclass

import asyncpg
import psycopg

from hashrail.errors import BadRequestError, HashrailError, UnavailableError

# What the two libraries raise when something is wrong with the database or the line to it.
DATABASE_ERRORS = (
    *(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, psycopg.Error),
    *(ConnectionError, TimeoutError),
)


class BusyError(UnavailableError):
    """Another transaction was in the way, or a statement took too long."""

    code = "BUSY"
    advice = "Send the same request again: nothing was changed."


class DatabaseDownError(UnavailableError):
    """The database does not answer."""

    code = "DATABASE_DOWN"
    advice = "Send the same request again later: a repeated write is done once."


class UnknownOutcomeError(DatabaseDownError):
    """The database was lost in the moment of a commit: nobody knows whether it was done."""

    code = "UNKNOWN_OUTCOME"
    advice = "Send the same request again, unchanged or with the same Idempotency-Key: it is done once."


class DatabaseReadOnlyError(UnavailableError):
    """The database takes no writes: it is a standby, or was made read-only."""

    code = "DATABASE_READ_ONLY"
    advice = "Send the same request again later; nothing was changed. The operator has to name the server that writes."


class DatabaseFullError(UnavailableError):
    """The database has run out of something: disk, memory or connections."""

    code = "DATABASE_FULL"
    advice = "Send the same request again later; nothing was changed. The operator has to make room."


class DatabaseRightsError(UnavailableError):
    """The database's role may not do what the program has to do."""

    code = "DATABASE_RIGHTS"
    advice = "The operator has to let the role of DATABASE_URL own the schema public and its tables."


class DatabasePooledError(UnavailableError):
    """A pooler between program and database gives each transaction another connection."""

    code = "DATABASE_POOLED"
    advice = (
        "Let DATABASE_URL lead to PostgreSQL itself; API processes may use such a pooler beside it, by"
        " HASHRAIL_DATABASE_POOLER_URL: docs/how-to/own-postgresql.md."
    )


class BadValueError(BadRequestError):
    """A value that the database cannot hold, and that was not refused by its field."""

    code = "BAD_VALUE"
    advice = "Look for unusual characters and for numbers beyond every amount; compare with the API reference."


@dataclass(frozen=True, slots=True)
class Answer:
    """A class or a state of PostgreSQL's: what it is called there, and what whoever asked is told; None is our bug."""

    title: str
    kind: type[HashrailError] | None = None
    message: str = ""


_BUSY = (BusyError, "another request holds what this one needs")
_SLOW = (BusyError, "it took too long and was given up")
_DOWN = (DatabaseDownError, "the database does not answer")
_STOPPING = (DatabaseDownError, "the database is starting or stopping")
_ENTRY = (DatabaseDownError, "the database does not let this program in")
_BROKEN = (DatabaseDownError, "the database cannot work with its files")
_OPEN = (UnknownOutcomeError, "whether it is committed is not known")
_VALUE = (BadValueError, "a value cannot be stored")
_POOLED = (DatabasePooledError, "the connection was exchanged between two statements")

CLASSES: dict[str, Answer] = {
    "00": Answer("successful completion"),
    "01": Answer("warning"),
    "02": Answer("no data"),
    "03": Answer("SQL statement not yet complete"),
    "08": Answer("connection exception", *_DOWN),
    "09": Answer("triggered action exception"),
    "0A": Answer("feature not supported"),
    "0B": Answer("invalid transaction initiation"),
    "0F": Answer("locator exception"),
    "0L": Answer("invalid grantor"),
    "0P": Answer("invalid role specification", *_ENTRY),
    "0Z": Answer("diagnostics exception"),
    "10": Answer("XQuery error"),
    "20": Answer("case not found"),
    "21": Answer("cardinality violation"),
    "22": Answer("data exception"),
    "23": Answer("integrity constraint violation"),
    "24": Answer("invalid cursor state"),
    "25": Answer("invalid transaction state"),
    "26": Answer("invalid SQL statement name", *_POOLED),
    "27": Answer("triggered data change violation"),
    "28": Answer("invalid authorization specification", *_ENTRY),
    "2B": Answer("dependent privilege descriptors still exist"),
    "2D": Answer("invalid transaction termination"),
    "2F": Answer("SQL routine exception"),
    "34": Answer("invalid cursor name"),
    "38": Answer("external routine exception"),
    "39": Answer("external routine invocation exception"),
    "3B": Answer("savepoint exception"),
    "3D": Answer("invalid catalog name", *_ENTRY),
    "3F": Answer("invalid schema name"),
    "40": Answer("transaction rollback", *_BUSY),
    "42": Answer("syntax error or access rule violation"),
    "44": Answer("WITH CHECK OPTION violation"),
    "53": Answer("insufficient resources", DatabaseFullError, "the database has run out of resources"),
    "54": Answer("program limit exceeded"),
    "55": Answer("object not in prerequisite state"),
    "57": Answer("operator intervention", *_STOPPING),
    "58": Answer("system error", *_BROKEN),
    "72": Answer("snapshot failure", *_SLOW),
    "F0": Answer("configuration file error", *_BROKEN),
    "HV": Answer("foreign data wrapper error"),
    "P0": Answer("PL/pgSQL error"),
    "XX": Answer("internal error"),
}

# States whose answer is not that of their class.
STATES: dict[str, Answer] = {
    "08007": Answer("transaction resolution unknown", *_OPEN),
    "22000": Answer("data exception", *_VALUE),
    "22001": Answer("string data right truncation", *_VALUE),
    "22003": Answer("numeric value out of range", *_VALUE),
    "22007": Answer("invalid datetime format", *_VALUE),
    "22008": Answer("datetime field overflow", *_VALUE),
    "22009": Answer("invalid time zone displacement value", *_VALUE),
    "22015": Answer("interval field overflow", *_VALUE),
    "22018": Answer("invalid character value for cast", *_VALUE),
    "22021": Answer("character not in repertoire", *_VALUE),
    "22026": Answer("string data length mismatch", *_VALUE),
    "22P02": Answer("invalid text representation", *_VALUE),
    "22P03": Answer("invalid binary representation", *_VALUE),
    "22P05": Answer("untranslatable character", *_VALUE),
    "25006": Answer("read only SQL transaction", DatabaseReadOnlyError, "the database takes no writes"),
    "25P03": Answer("idle in transaction session timeout", *_SLOW),
    "25P04": Answer("transaction timeout", *_SLOW),
    "40002": Answer("transaction integrity constraint violation"),
    "40003": Answer("statement completion unknown", *_OPEN),
    "42501": Answer("insufficient privilege", DatabaseRightsError, "the database's role lacks a right"),
    "42P05": Answer("duplicate prepared statement", *_POOLED),
    "53100": Answer("disk full", DatabaseFullError, "the database's disk is full"),
    "53200": Answer("out of memory", DatabaseFullError, "the database is out of memory"),
    "53300": Answer("too many connections", DatabaseFullError, "the database has no connection left"),
    "53400": Answer("configuration limit exceeded", DatabaseFullError, "the database has reached a limit of its own"),
    "55006": Answer("object in use", *_BUSY),
    "55P03": Answer("lock not available", *_BUSY),
    "57014": Answer("query canceled", *_SLOW),
    "57P04": Answer("database dropped", *_ENTRY),
}
QUOTED = re.compile(r'"([^"]+)"')
# A commit that ends so may have been done: PostgreSQL ends the session, which is not to say that it rolled back.
ENDS_SESSION = ("FATAL", "PANIC")
# After these a connection is not used again: it leads to a server that does not write, or has a state of its own.
DOUBTFUL = (DatabaseReadOnlyError, DatabasePooledError)


def answer_of(state: str) -> Answer | None:
    """The line of the table for five characters of SQLSTATE; None for a class that PostgreSQL does not have."""
    return STATES.get(state) or CLASSES.get(state[:2])


def refusal(error: BaseException) -> HashrailError | None:
    """What a failure of the database means for the caller; None for one that is our bug."""
    if isinstance(error, UnavailableError):
        return error  # it was told already
    if isinstance(error, asyncpg.InvalidCachedStatementError | asyncpg.OutdatedSchemaCacheError):
        return BusyError("the schema was changed meanwhile")
    state = getattr(error, "sqlstate", None)
    if state is None:
        return _of_the_line(error)
    found = answer_of(state)
    return None if found is None or found.kind is None else found.kind(found.message)


def _of_the_line(error: BaseException) -> DatabaseDownError | None:
    """What the libraries say themselves, where no word came from the server."""
    match error:
        case asyncpg.TargetServerAttributeNotMatched():
            return DatabaseDownError("no server takes writes at the moment")  # one will be promoted
        case ConnectionError() | TimeoutError() | psycopg.OperationalError():
            return DatabaseDownError("the database does not answer")
        case asyncpg.InterfaceError() if "closed" in str(error):
            return DatabaseDownError("the database went away")
        case asyncpg.InternalClientError() if _is_unsent(error):
            return DatabaseDownError("the database went away")
    return None


def constraint_of(error: asyncpg.IntegrityConstraintViolationError) -> str | None:
    """The constraint that a row breaks. An engine that hands on what another server said keeps its words alone."""
    if error.constraint_name is not None:
        return error.constraint_name
    quoted = QUOTED.findall(str(error.args[0])) if error.args else []
    return quoted[-1] if quoted else None


def is_open(error: BaseException) -> bool:
    """Whether a commit that failed so may have been done all the same."""
    if isinstance(error, asyncpg.InterfaceError) or _is_unsent(error):
        return False  # COMMIT was not sent
    state = getattr(error, "sqlstate", None)
    if state is None or state.startswith("08"):
        return True
    return state in ("40003",) or getattr(error, "severity_en", None) in ENDS_SESSION


def is_doubtful(error: BaseException) -> bool:
    """Whether the connection on which this happened is not to be used again."""
    return isinstance(error, TimeoutError | asyncpg.InternalClientError) or isinstance(refusal(error), DOUBTFUL)


def _is_unsent(error: BaseException) -> bool:
    """The server has said goodbye on an idle connection, and the end of the line was not seen yet."""
    return isinstance(error, asyncpg.InternalClientError) and "operation (2) is in progress" in str(error)
