"""Old programs run on the new schema: what the last release knows of it, no later migration takes away.

While a deployment is updated, processes of the release before run on the schema of the next one, so a migration only
adds: tables, and columns that an old program need not know. What refuses more than before, and what goes, stands in a
list with the reason why no old program minds. The schema of the last release is in `released_schema.json`.
"""

import re
from collections.abc import Iterator
from importlib.resources import files

import psycopg
import pytest
import sqlparse
from tools import release_schema
from tools.release_schema import Schema, Table

from hashrail.postgres import bootstrap

# Rules of released tables that are new or changed since, and why nothing that an old program writes breaks them.
NEW_RULES = {
    "operator_account.operator_account_role_check": "the list has become longer; what an old program writes is in it",
    "api_key.api_key_scopes_check": "the list has become longer; what an old program writes is in it",
    "account.account_is_of_the_chart": "who opens books and users' accounts takes them from the chart, which is older",
    "account.account_carries_a_limited_balance": "accounts are opened so, and never change it",
    "account.account_limit_is_the_receivables": "accounts are opened so, and the limit is only replaced",
    "payout_policy.payout_policy_partner_approval": "its column is new, and an old program writes nothing into it",
    "withdrawal.withdrawal_below_thresholds": "its columns are new, and an old program writes nothing into them",
    "publication.publication_delay": "its column is new, and an old program writes nothing into it",
    "transfer.transfer_kind_check": "transfers are written with kinds of the program's list, which is older",
}
# What of the released schema is gone or changed (`table`, `table.column`, `table.rule`, `sequence`), and the release
# from which on no program uses it. That release has to be out.
GONE: dict[str, str] = {}
# Clauses that take something away, though the schema afterwards may look the same.
TAKING = re.compile(
    r"\b(?:DROP (?:TABLE|COLUMN|SEQUENCE|DOMAIN|DEFAULT|NOT NULL)|RENAME|ALTER (?:COLUMN )?\w+ (?:SET DATA )?TYPE"
    r"|SET NOT NULL|TRUNCATE|DELETE FROM)\b",
    re.I,
)
NAME = re.compile(r"\b(?:TABLE|ON|FROM|TRUNCATE|SEQUENCE|DOMAIN) (?:IF EXISTS |ONLY )*(\w+)", re.I)
# Clauses that keep everybody from the table for as long as it takes to look at all its rows.
SLOW = (
    (re.compile(r"\bADD (?:CONSTRAINT \w+ )?(?:CHECK|FOREIGN KEY)\b(?!.*\bNOT VALID\b)"), "add it NOT VALID"),
    (re.compile(r"\bADD (?:CONSTRAINT \w+ )?(?:UNIQUE|PRIMARY KEY)\b(?!.*\bUSING INDEX\b)"), "add it USING INDEX"),
    (re.compile(r"\bADD COLUMN\b[^,]*\b(?:CHECK|REFERENCES|UNIQUE)\b"), "give the column its rule NOT VALID"),
    (re.compile(r"\bCREATE (?:UNIQUE )?INDEX\b(?! CONCURRENTLY)"), "create it CONCURRENTLY, outside of a transaction"),
)


# The schema


def taken_away(released: Schema, present: Schema) -> Iterator[str]:
    """What an old program would miss, or find changed: tables, columns, sequences, domains."""
    for name, table in released.tables.items():
        if name not in present.tables:
            yield f"{name}: the table is gone"
        else:
            yield from changed_columns(name, table, present.tables[name])
    yield from (f"{name}: the sequence is gone" for name in released.sequences if name not in present.sequences)
    for name, rules in released.domains.items():
        if present.domains.get(name) != rules:
            yield f"{name}: the domain is not the same"


def changed_columns(name: str, table: Table, present: Table) -> Iterator[str]:
    for column, was in table.columns.items():
        now = present.columns.get(column)
        if now is None:
            yield f"{name}.{column}: the column is gone"
        elif now.type != was.type:
            yield f"{name}.{column}: {was.type} has become {now.type}"
        elif now.nullable != was.nullable:
            yield f"{name}.{column}: it has become {'nullable' if now.nullable else 'NOT NULL'}"
        elif now.default != was.default:
            yield f"{name}.{column}: its default was {was.default}, and is {now.default}"


def unknown_columns(released: Schema, present: Schema) -> Iterator[str]:
    """Columns that an old program would have to fill in."""
    for name in released.tables.keys() & present.tables.keys():
        for column, now in present.tables[name].columns.items():
            if column not in released.tables[name].columns and not now.nullable and now.default is None:
                yield f"{name}.{column}: a new column is nullable, or has a default"


def other_rules(released: Schema, present: Schema) -> Iterator[str]:
    """Constraints and unique indexes of released tables that are not as released."""
    for name in sorted(released.tables.keys() & present.tables.keys()):
        was, now = released.tables[name].rules, present.tables[name].rules
        for rule in sorted(was.keys() | now.keys()):
            if was.get(rule) != now.get(rule):
                yield f"{name}.{rule}: {'gone' if rule not in now else 'changed' if rule in was else 'new'}"


def faults_of(released: Schema, present: Schema) -> list[str]:
    """What would break a program of the last release, except for what the lists explain."""
    found = [*taken_away(released, present), *unknown_columns(released, present), *other_rules(released, present)]
    return [fault for fault in found if fault.split(":")[0] not in {*NEW_RULES, *GONE}]


# The statements


def statements(text: str) -> list[str]:
    """The statements of a migration, without comments, each on a line."""
    plain = sqlparse.format(text, strip_comments=True)
    return [" ".join(each.split()) for each in sqlparse.split(plain)]


def faults_in(text: str, released: Schema) -> list[str]:
    """What a migration does to released tables that an old program, or whoever waits for the table, would notice."""
    found, altered, added = [], set(), set()
    for statement in statements(text):
        name = NAME.search(statement)
        if name is None or name[1] not in {*released.tables, *released.sequences, *released.domains}:
            continue
        if taking := TAKING.search(statement):
            found.append(f"{name[1]}: {taking[0]}")
        found += [f"{name[1]}: {advice}" for clause, advice in SLOW if clause.search(statement)]
        added |= set(re.findall(r"\bADD CONSTRAINT (\w+)", statement))
        validated = set(re.findall(r"\bVALIDATE CONSTRAINT (\w+)", statement))
        found += [f"{name[1]}: validate {each} in a later migration" for each in sorted(validated & added)]
        if statement.startswith("ALTER TABLE") and not validated:
            altered.add(name[1])
    if len(altered) > 1:
        found.append(f"{', '.join(sorted(altered))}: one table a migration, or two who wait could block each other")
    return [fault for fault in found if fault.split(":")[0] not in GONE]


def unnamed(migration: str, text: str, released: Schema) -> list[str]:
    """What a migration takes away without saying so in its name, by which older programs know to stop."""
    if bootstrap.least_release(migration):
        return []
    names = {*released.tables, *released.sequences, *released.domains}
    taken = [
        (name[1], taking[0])
        for each in statements(text)
        if (name := NAME.search(each)) and name[1] in names and (taking := TAKING.search(each))
    ]
    return [f"{name}: {what}, which {migration} has to say in its name (_needs_0_3_0)" for name, what in taken]


# The tree


@pytest.fixture(scope="module")
def schema() -> Schema:
    return release_schema.released()


def test_the_schema_keeps_what_the_last_release_knows(schema: Schema, dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        faults = faults_of(schema, release_schema.read(connection))
    assert not faults, "\n" + "\n".join(faults)


def test_later_migrations_take_nothing_away_and_hold_nobody_up(schema: Schema) -> None:
    later = [name for name in release_schema.migrations() if name > schema.migration]
    folder = files("hashrail") / "sql"
    texts = {name: (folder / f"{name}.sql").read_text() for name in later}
    faults = [f"{name}: {fault}" for name, text in texts.items() for fault in faults_in(text, schema)]
    faults += [fault for name, text in texts.items() for fault in unnamed(name, text, schema)]
    assert not faults, "\n" + "\n".join(faults)


def test_every_exception_is_needed_and_explained(schema: Schema, dsn: str) -> None:
    """After a release its list is empty: what was new is released then."""
    with psycopg.connect(dsn) as connection:
        present = release_schema.read(connection)
    found = {fault.split(":")[0] for fault in [*taken_away(schema, present), *other_rules(schema, present)]}
    assert {*NEW_RULES, *GONE} <= found
    assert all(NEW_RULES.values())


def test_what_goes_is_used_by_no_release_that_may_still_run(schema: Schema) -> None:
    assert [name for name, release in GONE.items() if number(release) > number(schema.release)] == []


def number(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.split("."))


def test_the_released_schema_is_one_that_this_tree_had(schema: Schema) -> None:
    assert schema.migration in release_schema.migrations()
    assert number(schema.release) <= number(release_schema.version())
    assert len(schema.tables) >= 50


# The rules themselves


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DROP TABLE wallet", ["wallet: the table is gone"]),
        ("ALTER TABLE wallet RENAME TO purse", ["wallet: the table is gone"]),
        ("ALTER TABLE miner DROP COLUMN name", ["miner.name: the column is gone"]),
        ("ALTER TABLE miner RENAME name TO title", ["miner.name: the column is gone", "miner.title: a new column"]),
        ("ALTER TABLE purchase ALTER attempt TYPE bigint", ["purchase.attempt: integer has become bigint"]),
        ("ALTER TABLE app_user ALTER email SET NOT NULL", ["app_user.email: it has become NOT NULL"]),
        ("ALTER TABLE miner ALTER name DROP NOT NULL", ["miner.name: it has become nullable"]),
        ("ALTER TABLE api_key ALTER label DROP DEFAULT", ["api_key.label: its default was"]),
        ("ALTER TABLE miner ADD COLUMN site text NOT NULL", ["miner.site: a new column"]),
        ("ALTER TABLE miner ADD CHECK (power < 10)", ["miner.miner_power_check1: new"]),
        ("ALTER TABLE miner DROP CONSTRAINT miner_power_check", ["miner.miner_power_check: gone"]),
        ("CREATE UNIQUE INDEX one ON miner (partner_id, name)", ["miner.one: new"]),
        (
            "ALTER SEQUENCE deposit_id_seq RENAME TO other",
            ["deposit.id: its default", "deposit_id_seq: the sequence"],
        ),
        ("ALTER DOMAIN fraction DROP CONSTRAINT fraction_check", ["fraction: the domain is not the same"]),
        ("ALTER DOMAIN fraction ADD CHECK (VALUE < 0.9)", ["fraction: the domain is not the same"]),
        ("ALTER TABLE miner ADD COLUMN site text", []),
        ("ALTER TABLE miner ADD COLUMN sites integer NOT NULL DEFAULT 0", []),
        ("CREATE TABLE site (id bigint PRIMARY KEY, name text NOT NULL UNIQUE)", []),
        ("CREATE INDEX miner_name ON miner (partner_id, name)", []),
    ],
)
def test_a_change_of_the_schema_is_seen(schema: Schema, dsn: str, statement: str, expected: list[str]) -> None:
    """By what the database says after it."""
    with psycopg.connect(dsn) as connection:
        before = faults_of(schema, release_schema.read(connection))
        connection.execute(f"{statement}{' CASCADE' if statement.startswith('DROP TABLE') else ''}".encode())
        found = faults_of(schema, release_schema.read(connection))
        connection.rollback()
    new = [fault for fault in found if fault not in before]
    assert len(new) == len(expected), new
    assert all(fault.startswith(start) for fault, start in zip(new, expected, strict=True)), new


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DROP TABLE wallet;", ["wallet: DROP TABLE"]),
        ("ALTER TABLE miner\n    DROP COLUMN name, ADD COLUMN name text;", ["miner: DROP COLUMN"]),
        ("ALTER TABLE miner ALTER COLUMN name TYPE varchar(9);", ["miner: ALTER COLUMN name TYPE"]),
        ("ALTER TABLE miner RENAME COLUMN name TO title;", ["miner: RENAME"]),
        ("ALTER TABLE miner ALTER COLUMN name SET NOT NULL;", ["miner: SET NOT NULL"]),
        ("TRUNCATE miner; DELETE FROM stint;", ["miner: TRUNCATE", "stint: DELETE FROM"]),
        ("ALTER TABLE miner ADD CONSTRAINT a CHECK (power > 1);", ["miner: add it NOT VALID"]),
        ("ALTER TABLE miner ADD FOREIGN KEY (a) REFERENCES b;", ["miner: add it NOT VALID"]),
        ("ALTER TABLE miner ADD CONSTRAINT a UNIQUE (name);", ["miner: add it USING INDEX"]),
        ("ALTER TABLE miner ADD COLUMN a int CHECK (a > 1);", ["miner: give the column its rule NOT VALID"]),
        ("CREATE UNIQUE INDEX a ON miner (name);", ["miner: create it CONCURRENTLY, outside of a transaction"]),
        (
            "ALTER TABLE miner ADD CONSTRAINT a CHECK (b) NOT VALID; ALTER TABLE miner VALIDATE CONSTRAINT a;",
            ["miner: validate a in a later migration"],
        ),
        (
            "ALTER TABLE miner ADD COLUMN a int; ALTER TABLE stint ADD COLUMN a int;",
            ["miner, stint: one table a migration, or two who wait could block each other"],
        ),
        ("-- DROP TABLE miner;\nALTER TABLE miner ADD CONSTRAINT a CHECK (b > 1) NOT VALID;", []),
        ("ALTER TABLE miner VALIDATE CONSTRAINT a; ALTER TABLE stint VALIDATE CONSTRAINT b;", []),
        ("CREATE INDEX CONCURRENTLY a ON miner (name);", []),
        ("CREATE TABLE a (b bigint CHECK (b > 1) REFERENCES miner); CREATE INDEX c ON a (b); DROP TABLE a;", []),
        ("drop table if exists only wallet;", ["wallet: drop table"]),
        ("INSERT INTO discount_level (min_power, discount) VALUES (1, 0);", []),
    ],
)
def test_a_statement_is_seen(schema: Schema, text: str, expected: list[str]) -> None:
    assert faults_in(text, schema) == expected


def test_what_takes_something_away_says_from_which_release_on(schema: Schema) -> None:
    text = "ALTER TABLE miner DROP COLUMN name; DROP TABLE strange;"
    assert unnamed("0310_names_go_needs_0_3_0", text, schema) == []
    (fault,) = unnamed("0310_names_go", text, schema)
    assert fault.startswith("miner: DROP COLUMN, which 0310_names_go")
    assert unnamed("0310_names", "ALTER TABLE miner ADD COLUMN a int;", schema) == []


def test_what_the_lists_explain_is_no_fault(schema: Schema, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GONE, "wallet", "0.0.0")
    assert faults_in("DROP TABLE wallet;", schema) == []
    without = {name: table for name, table in schema.tables.items() if name != "wallet"}
    present = Schema(schema.release, schema.migration, without, schema.sequences, schema.domains)
    assert faults_of(schema, present) == []
    assert faults_of(schema, Schema(schema.release, schema.migration, {}, [], {}))
