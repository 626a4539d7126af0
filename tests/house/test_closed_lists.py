"""Lists that the program and the database both hold are the same, so that neither can grow alone."""

import re
from collections import defaultdict
from collections.abc import AsyncIterator

import pytest
from tools.release_schema import RUNNER

from hashrail import db
from hashrail.books.chart import CURRENCY_OF, USER_CURRENCIES, Account
from hashrail.books.ledger import carries_balance
from tests.house.closed_lists import CLOSED, OF_THE_BATCH, OPEN
from tests.support.books import deployment

TEXTS = """
    SELECT c.relname || '.' || a.attname AS column,
           ARRAY(SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k
                 WHERE k.conrelid = c.oid AND k.contype = 'c' AND a.attnum = ANY (k.conkey)) AS checks
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND c.relname <> ALL ($1)
      AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid IN ('text'::regtype, 'text[]'::regtype)"""
# A constraint that says nothing but this: the column is one of some words, or holds only such.
LIST = re.compile(r"CHECK \(\((\w+) (?:= ANY \(|<@ )ARRAY\[([^\]]*)\]\)?\)\)")
WORD = re.compile(r"'([^']*)'::text")
OF_THE_CHART = re.compile(r"THEN .*ANY \('\{(.*)\}'::text\[\]\)\)\s+ELSE", re.DOTALL)
OF_USERS = re.compile(r"ELSE .*ANY \('\{(.*)\}'::text\[\]\)\)\s+END", re.DOTALL)


@pytest.fixture(scope="module")
async def migrated(server: str, template: str) -> AsyncIterator[db.Pool]:
    """A migrated database."""
    async with deployment(server, template) as world:
        yield world.pool


async def checks(pool: db.Pool) -> dict[str, list[str]]:
    """The constraints that name a column of text, by column."""
    return {row["column"]: row["checks"] for row in await pool.fetch(TEXTS, RUNNER)}


async def definition(pool: db.Pool, name: str) -> str:
    found = await pool.fetchval("SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = $1", name)
    assert isinstance(found, str)
    return found


async def test_every_column_of_text_is_a_closed_list_or_says_what_it_holds(migrated: db.Pool) -> None:
    assert not set(CLOSED) & set(OPEN)
    assert {*CLOSED, *OPEN} == set(await checks(migrated))


async def test_the_database_has_the_lists_of_the_program(migrated: db.Pool) -> None:
    """Each closed column has one constraint that lists its words; an open one has none."""
    found: dict[str, set[str]] = {}
    for column, texts in (await checks(migrated)).items():
        lists = [seen[2] for text in texts if (seen := LIST.fullmatch(text)) and column.endswith(f".{seen[1]}")]
        if lists:
            assert len(lists) == 1, column
            found[column] = set(WORD.findall(lists[0]))
    of_the_chart = {"account.kind", "account.currency"}
    assert found == {column: set(words) for column, words in CLOSED.items() if column not in of_the_chart}
    assert found["payout_batch.state"] >= OF_THE_BATCH


async def test_the_database_has_the_chart_of_accounts(migrated: db.Pool) -> None:
    """Number, name and currency of each account, and who else has some."""
    text = await definition(migrated, "account_is_of_the_chart")
    chart, users = OF_THE_CHART.search(text), OF_USERS.search(text)
    assert chart is not None
    assert users is not None
    assert chart[1].replace('"', "").split(",") == [
        f"{account.value} {account.name.lower()} {CURRENCY_OF[account]}" for account in Account
    ]
    assert users[1].replace('"', "").split(",") == [f"user {currency}" for currency in USER_CURRENCIES]
    words = {word for line in [*chart[1].split(","), *users[1].split(",")] for word in line.strip('"').split()[-2:]}
    assert words == {*CLOSED["account.kind"], *CLOSED["account.currency"]}


async def test_the_database_knows_which_accounts_carry_a_balance(migrated: db.Pool) -> None:
    carried = {account.value for account in Account if carries_balance(account)}
    for name in ("account_carries_a_limited_balance", "account_limit_is_the_receivables"):
        assert {int(number) for number in re.findall(r"id = (\d+)", await definition(migrated, name))} == carried
    index = "SELECT pg_get_expr(indpred, indrelid) FROM pg_index WHERE indexrelid = 'transfer_of_receivable'::regclass"
    assert {int(number) for number in re.findall(r"\d+", await migrated.fetchval(index))} == carried
    assert carried == {Account.PARTNER_RECEIVABLE}


async def test_every_check_holds_for_the_rows_that_are_there(migrated: db.Pool) -> None:
    """A constraint that came NOT VALID was validated by a later migration."""
    rows = await migrated.fetch(
        "SELECT conname FROM pg_constraint WHERE NOT convalidated AND connamespace = 'public'::regnamespace"
    )
    assert [row["conname"] for row in rows] == []


def test_the_words_of_a_column_are_words() -> None:
    by_name: dict[str, set[str]] = defaultdict(set)
    for column, words in CLOSED.items():
        assert words
        by_name[column.split(".")[1]] |= set(words)
    assert set(by_name) == {
        *(
            "chain",
            "currency",
            "figure",
            "format",
            "kind",
            "mode",
            "network",
            "role",
            "scenario",
            "scopes",
            "side",
            "speed",
            "stage",
        ),
        *("state", "severity", "told_severity", "what", "source", "standing", "reason"),
    }
