"""Statements are such as an engine accepts that keeps partners on several servers (`distributable.py`).

Read are the statements that stand in the sources as they are; what is put together from parts is not.
"""

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest
from pglast import parse_sql
from pglast.parser import ParseError

from hashrail import db
from tests.house.sources import product
from tests.support.databases import database
from tests.support.distributable import faults
from tests.support.global_tables import GLOBAL
from tests.support.statements import ALL, OF_ONE_SERVER, Statements

SQL = re.compile(r"\s*(SELECT|INSERT INTO|UPDATE|DELETE FROM|WITH)\s")
TABLES = """
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind = 'r'
      AND {} EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'partner_id')"""


def literal_statements() -> Iterator[tuple[str, str]]:
    """The statements that stand in the sources as they are, with their module; some are only how others begin."""
    for source in product():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value):
                yield source.module.removeprefix("hashrail.").replace(".", "/"), node.value


def is_whole(statement: str) -> bool:
    """Whether it can be read by itself."""
    try:
        parse_sql(statement)
    except ParseError:
        return False
    return True


@pytest.fixture(scope="module")
async def tables(server: str, template: str) -> tuple[set[str], set[str]]:
    """(owned tables, global ones)."""
    with database(server, template) as dsn:
        pool = await db.open_pool(dsn, connections=1)
        owned = {row["relname"] for row in await pool.fetch(TABLES.format(""))} - set(GLOBAL)
        others = {row["relname"] for row in await pool.fetch(TABLES.format("NOT"))}
        await pool.close()
    return owned, others | set(GLOBAL)


async def test_no_statement_has_a_form_that_is_refused(tables: tuple[set[str], set[str]]) -> None:
    """Also those that nobody has recorded yet; how one begins says nothing of the partner that its end may name."""
    owned, global_ = tables
    found = {
        f"{module}: {fault}: {' '.join(statement.split())[:200]}"
        for module, statement in literal_statements()
        if is_whole(statement)
        for fault in faults(statement, owned=owned, global_=global_, local=OF_ONE_SERVER)
        if not fault.startswith(("asks ", "locks "))
    }
    assert sorted(found) == []


OWNED, WHOLE = {"account", "app_user", "event"}, {"batch"}


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("SELECT id FROM account WHERE partner_id = $1", []),
        ("SELECT id FROM account a JOIN app_user u ON u.partner_id = a.partner_id WHERE u.partner_id = $1", []),
        ("INSERT INTO account (partner_id, id) VALUES ($1, $2)", []),
        ("INSERT INTO account (partner_id, id) SELECT u.partner_id, 1 FROM app_user u WHERE u.partner_id = $1", []),
        ("SELECT id FROM batch", []),
        ("SELECT id FROM account", ["asks account of no partner"]),
        (
            "SELECT a.id FROM account a JOIN app_user u ON u.id = a.user_id WHERE a.partner_id = $1",
            ["asks app_user of no partner"],
        ),
        (
            "SELECT EXISTS (SELECT FROM account WHERE partner_id = $1)",
            ["EXISTS over an empty select list"],
        ),
        (
            "SELECT (SELECT 1 FROM event e WHERE e.partner_id = a.partner_id) FROM account a WHERE partner_id = $1",
            ["a subquery names the partner_id of the row around it, not the one that is given"],
        ),
        (
            "WITH x AS (DELETE FROM event WHERE partner_id = $1) INSERT INTO account (partner_id, id) VALUES ($1, 1)",
            ["writes several tables: account, event"],
        ),
        (
            "INSERT INTO account (partner_id, id) SELECT $1, id FROM batch",
            ["INSERT INTO account takes its partner_id from no owned row"],
        ),
        (
            "INSERT INTO account (partner_id, id) SELECT id, $1 FROM batch ON CONFLICT (id) DO UPDATE SET id = $1",
            ["INSERT INTO account from a global table has a parameter behind ON CONFLICT"],
        ),
        (
            "UPDATE account SET id = CASE WHEN $2 THEN nextval('x') END WHERE partner_id = $1",
            ["nextval in an UPDATE"],
        ),
        (
            "UPDATE account a SET id = nextval('x') FROM batch b WHERE a.partner_id = $1 AND a.id = b.id",
            ["nextval in an UPDATE"],
        ),
        (
            "SELECT b.id FROM batch b WHERE NOT EXISTS (SELECT 1 FROM event e WHERE e.partner_id = $1 AND e.id = b.id)",
            ["a subquery of a global table's row asks an owned table"],
        ),
        (
            "SELECT id FROM account ORDER BY id FOR UPDATE SKIP LOCKED",
            ["asks account of no partner", "locks rows of account of no partner"],
        ),
    ],
)
def test_what_is_refused_is_told(statement: str, found: list[str]) -> None:
    assert faults(statement, owned=OWNED, global_=WHOLE) == found


@pytest.mark.parametrize(
    ("user", "found"),
    [
        (
            "u.partner_id = b.id",
            ["of all partners, and the partners of app_user, event are not compared with each other"],
        ),
        ("u.partner_id = e.partner_id", []),
    ],
)
def test_rows_of_partners_are_joined_by_their_own_partner(user: str, found: list[str]) -> None:
    """By that of a table that is everywhere Citus does not see that they are on one server."""
    statement = (
        f"SELECT e.id FROM batch b JOIN event e ON e.partner_id = b.id JOIN app_user u ON {user} AND u.id = e.id"
    )
    told = faults(statement, owned=OWNED, global_=WHOLE)
    assert [each for each in told if not each.startswith("asks ")] == found


JOINED = ["joins wallet of one server with event"]


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("SELECT e.id FROM event e JOIN wallet w ON w.id = e.id WHERE e.partner_id = $1", JOINED),
        ("UPDATE wallet w SET id = 1 FROM event e WHERE e.partner_id = $1 AND e.id = w.id", JOINED),
        (
            "SELECT e.id FROM event e WHERE e.partner_id = $1 AND EXISTS (SELECT 1 FROM wallet w WHERE w.id = e.id)",
            JOINED,
        ),
        (
            """SELECT x.id FROM event e CROSS JOIN LATERAL (SELECT w.id FROM wallet w WHERE w.id = e.id) x
               WHERE e.partner_id = $1""",
            JOINED,
        ),
        ("SELECT e.id FROM event e CROSS JOIN (SELECT id FROM wallet) w WHERE e.partner_id = $1 AND e.id = w.id", []),
        ("SELECT w.id FROM wallet w CROSS JOIN (SELECT max(id) AS id FROM event WHERE partner_id = $1) e", []),
        ("SELECT EXISTS (SELECT 1 FROM wallet) AND EXISTS (SELECT 1 FROM event WHERE partner_id = $1)", []),
        ("SELECT e.id FROM event e JOIN batch b ON b.id = e.id WHERE e.partner_id = $1", []),
    ],
)
def test_what_is_on_one_server_is_asked_by_itself(statement: str, found: list[str]) -> None:
    """Citus sends the rows of one side to the other's servers, and it is not told which."""
    assert faults(statement, owned=OWNED, global_=WHOLE | {"wallet"}, local={"wallet"}) == found


LATERAL = """
    SELECT x.id FROM account a LEFT JOIN LATERAL (
        SELECT {chosen} AS id FROM event e WHERE e.partner_id = {partner} {end}) x ON true
    WHERE a.partner_id = $1"""


@pytest.mark.parametrize(
    ("chosen", "end", "apart"),
    [("e.id", "", False), ("e.id", "LIMIT 1", True), ("e.id", "GROUP BY e.id", True), ("max(e.id)", "", True)],
)
def test_a_lateral_that_is_planned_by_itself_names_the_given_partner(chosen: str, end: str, *, apart: bool) -> None:
    """Citus asks every server where it names that of the row around it."""
    given = LATERAL.format(chosen=chosen, partner="$1", end=end)
    leaning = LATERAL.format(chosen=chosen, partner="a.partner_id", end=end)
    assert faults(given, owned=OWNED, global_=WHOLE) == []
    told = faults(leaning, owned=OWNED, global_=WHOLE)
    assert told == (["a subquery names the partner_id of the row around it, not the one that is given"] * apart)


@pytest.mark.parametrize(
    ("module", "found", "route"),
    [
        ("hashrail.selling.miners", ["selling.miners: asks miner of no partner: SELECT id FROM miner"], ALL),
        ("hashrail.audit.checks", [], ALL),
        ("tests.support.world", [], None),
    ],
)
def test_what_the_program_sends_is_read_when_it_is_sent_first(module: str, found: list[str], route: str | None) -> None:
    """And who may ask of all partners may; what a test sends is its own matter."""
    noted = Statements()
    names: dict[str, Any] = {"__name__": module, "note": noted.note}
    exec("def ask():\n  sent()\ndef sent():\n  note('SELECT id FROM miner')", names)  # noqa: S102
    for _ in range(2):
        names["ask"]()
    assert noted.taken() == found
    assert noted.taken() == []
    assert [told for _, told in noted.sent.values()] == ([] if route is None else [route])
