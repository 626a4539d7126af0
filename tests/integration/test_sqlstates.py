"""The table of SQLSTATEs: whole, without a line that PostgreSQL does not know, and what the answers are."""

from typing import TypeVar

import asyncpg
import psycopg
import pytest
from psycopg import errors as psycopg_errors

from hashrail import sqlstates
from hashrail.errors import HashrailError, UnavailableError
from hashrail.sqlstates import (
    CLASSES,
    STATES,
    BadValueError,
    BusyError,
    DatabaseDownError,
    DatabaseFullError,
    DatabasePooledError,
    DatabaseReadOnlyError,
    DatabaseRightsError,
    UnknownOutcomeError,
)

T = TypeVar("T")


def kinds_below(kind: type[T]) -> set[type[T]]:
    return {kind}.union(*(kinds_below(below) for below in kind.__subclasses__()))


def by_state(kind: type[Exception]) -> dict[str, type[Exception]]:
    return {state: found for found in kinds_below(kind) if (state := getattr(found, "sqlstate", None))}


# Every state that either library has a class for: PostgreSQL's appendix A.
OF_ASYNCPG = by_state(asyncpg.PostgresError)
OF_PSYCOPG = by_state(psycopg.Error)
KNOWN = {*OF_ASYNCPG, *OF_PSYCOPG}

TOLD = {
    BusyError: {"25P03", "25P04", "40000", "40001", "40P01", "55006", "55P03", "57014", "72000"},
    DatabaseDownError: {
        *("08000", "08001", "08003", "08004", "08006", "08P01", "0P000", "28000", "28P01", "3D000"),
        *("57000", "57P01", "57P02", "57P03", "57P04", "57P05", "58000", "58030", "58P01", "58P02", "58P03"),
        *("F0000", "F0001"),
    },
    UnknownOutcomeError: {"08007", "40003"},
    DatabaseReadOnlyError: {"25006"},
    DatabaseFullError: {"53000", "53100", "53200", "53300", "53400"},
    DatabaseRightsError: {"42501"},
    DatabasePooledError: {"26000", "42P05"},
    BadValueError: {
        *("22000", "22001", "22003", "22007", "22008", "22009", "22015", "22018", "22021", "22026"),
        *("22P02", "22P03", "22P05"),
    },
}
# Some of what only a bug of ours, or damage, can cause.
BUGS = (
    *("0A000", "21000", "22012", "22023", "2202E", "23502", "23503", "23505", "23514", "25001", "25P02", "42601"),
    *("42703", "42P01", "42804", "54001", "55000", "XX000", "XX001", "XX002", "P0001", "HV000"),
)


def test_every_class_has_a_line() -> None:
    assert {state[:2] for state in KNOWN} <= set(CLASSES)
    assert {state for state in STATES if state not in KNOWN} == set()
    assert all(answer.title for answer in (*CLASSES.values(), *STATES.values()))
    assert all((answer.kind is None) == (answer.message == "") for answer in (*CLASSES.values(), *STATES.values()))


def test_every_state_that_the_libraries_know() -> None:
    found: dict[type[HashrailError], set[str]] = {}
    for state in KNOWN:
        answer = sqlstates.answer_of(state)
        assert answer is not None, state
        if answer.kind is not None:
            found.setdefault(answer.kind, set()).add(state)
    assert {kind: states & KNOWN for kind, states in TOLD.items()} == found
    for state in BUGS:
        answer = sqlstates.answer_of(state)
        assert answer is not None
        assert answer.kind is None
    assert sqlstates.answer_of("ZZ999") is None


@pytest.mark.parametrize(("kind", "states"), TOLD.items(), ids=lambda each: getattr(each, "code", ""))
def test_both_libraries_are_told_the_same(kind: type[HashrailError], states: set[str]) -> None:
    for state in states:
        for library in (OF_ASYNCPG, OF_PSYCOPG):
            if state in library:
                assert type(sqlstates.refusal(library[state]("so it is"))) is kind, state


def test_what_the_libraries_say_themselves() -> None:
    for error in (
        ConnectionRefusedError("nobody"),
        TimeoutError(),
        TimeoutError(),
        psycopg.OperationalError("no answer"),
        asyncpg.InterfaceError("the underlying connection is closed"),
        asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
        asyncpg.TargetServerAttributeNotMatched("no primary"),
    ):
        assert type(sqlstates.refusal(error)) is DatabaseDownError, error
    assert type(sqlstates.refusal(asyncpg.InvalidCachedStatementError("the plan"))) is BusyError
    assert type(sqlstates.refusal(asyncpg.OutdatedSchemaCacheError("the schema"))) is BusyError
    for bug in (
        KeyError("x"),
        FileNotFoundError(2, "no such file", "master.key"),
        asyncpg.InterfaceError("another operation is in progress"),
        asyncpg.InternalClientError("got result for unknown protocol state"),
        psycopg.InterfaceError("the cursor"),
        psycopg_errors.UndefinedTable("x"),
    ):
        assert sqlstates.refusal(bug) is None, bug


def test_how_a_commit_may_end() -> None:
    """What PostgreSQL rolled back is known; a session that ended is not."""
    rolled_back = (
        asyncpg.SerializationError("x"),
        asyncpg.QueryCanceledError("x"),
        asyncpg.DiskFullError("x"),
        asyncpg.UniqueViolationError("x"),
        asyncpg.InterfaceError("the underlying connection is closed"),
        asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress"),
    )
    assert not any(sqlstates.is_open(error) for error in rolled_back)
    ended = asyncpg.AdminShutdownError("terminating connection due to administrator command")
    ended.severity_en = "FATAL"
    lost = (
        TimeoutError(),
        ConnectionResetError(),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.TransactionResolutionUnknownError("x"),
        asyncpg.StatementCompletionUnknownError("x"),
        asyncpg.InternalClientError("got result for unknown protocol state"),
        ended,
    )
    assert all(sqlstates.is_open(error) for error in lost)


def test_connections_that_are_not_used_again() -> None:
    left = (TimeoutError(), asyncpg.ReadOnlySQLTransactionError("x"), asyncpg.InvalidSQLStatementNameError("x"))
    assert all(sqlstates.is_doubtful(error) for error in left)
    kept = (asyncpg.UniqueViolationError("x"), asyncpg.LockNotAvailableError("x"), KeyError("x"))
    assert not any(sqlstates.is_doubtful(error) for error in kept)


def test_every_answer_is_one_that_may_be_sent_again() -> None:
    """All but a value that does not fit: that will not fit the next time either."""
    kinds = {answer.kind for answer in (*CLASSES.values(), *STATES.values())} - {None}
    assert {kind for kind in kinds if kind is not None and not issubclass(kind, UnavailableError)} == {BadValueError}


@pytest.mark.parametrize(
    ("message", "name", "told"),
    [
        ('new row for relation "account" violates check constraint "a_limit"', "a_limit", "a_limit"),
        # What another server said comes without the field.
        ('new row for relation "account_102086" violates check constraint "a_limit_102086"', None, "a_limit_102086"),
        ("no name in it", None, None),
    ],
)
def test_the_constraint_that_a_row_breaks(message: str, name: str | None, told: str | None) -> None:
    error = asyncpg.CheckViolationError(message)
    error.constraint_name = name
    assert sqlstates.constraint_of(error) == told
