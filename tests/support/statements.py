"""Every statement that the program sends while tests run, read once: whether partners can live on several servers.

What asks of all partners is on the list below with its reason; what is refused anywhere is on none. A test that sends
another statement fails.
"""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from asyncpg.connection import Connection
from pglast.parser import ParseError

from hashrail.postgres import table_kinds
from tests.support.distributable import Reader
from tests.support.folders import ROOT
from tests.support.global_tables import GLOBAL

# Who may ask of all partners, by the beginning of the module's name, and why.
OF_ALL_PARTNERS = {
    "access.idempotency": "kept answers of all are let go when they are old",
    "access.sessions": "sessions of all are let go when they are over",
    "accounting.journal": "the operator's journal is of all",
    "accounting.pool_promises": "one pool pays for the miners of all",
    "accounting.trial_balance": "the books of the whole are balanced",
    "audit": "invariants hold for all, whoever they belong to",
    "books.ledger": "what a database without a partner would hold is counted; whose accounts moved is found for all",
    "custody.address_owners": "an address says nothing of a partner, its label names a user of any",
    "custody.approvals": "approvers see what waits, whoever it is of",
    "custody.deposit_addresses": "the node asks by an address, which says nothing of a partner",
    "custody.deposits": "what arrives at an address says nothing of a partner",
    "custody.foreign_spends": "a payment that nobody knows may be anybody's",
    "custody.withdrawal_telling": "a batch pays users of many partners",
    "deployment": "a deployment is established, changed and sealed as a whole",
    "events": "the worker looks who has news; the feed of the operator is of all",
    "payouts": "one wallet pays the withdrawals of all",
    "postgres.distributing": "nobody writes anywhere while the books of all are backed up",
    "proofs": "what is owed is proved of all together",
    "recovery": "a restore is of all partners",
    "rewards": "a day is published and closed for all",
    "selling.billing": "invoices are made for all at once",
    "selling.catalogue": "what is open on a plan is told the operator, of all",
    "selling.capacity": "the operator's hashrate is sold by all",
    "selling.orders": "orders of all that were not paid in time expire",
    "selling.platform_totals": "public figures are of the whole platform",
    "selling.preview": "what a change of tariffs does is told of all",
    "support": "the operator's people look for anybody",
}
# Who may join a table that is on the coordinator alone with those of partners in one statement, and why: what is joined
# is sent between servers each time. Others ask for one side in a subquery or a statement of its own.
OF_ONE_SERVER_AND_PARTNERS = {
    "audit.checks.invariant": "an invariant of addresses and deposits is looked at over all of both",
}
# Tables that are on the coordinator alone.
OF_ONE_SERVER = {*table_kinds.LOCAL, *table_kinds.APART}
TABLE = re.compile(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)")
STATEMENT = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH)\b")
ASKS_OF_ALL = ("asks ", "locks ")
JOINS = "joins "
# What a statement asks of: the rows of a partner that it names, tables that nobody owns, the rows of all partners.
ROUTES = ONE, GLOBAL_ONLY, ALL = "one partner", "global tables", "all partners"
# Its own key names the partner, and everybody may need it: it is a table that is whole everywhere.
WHOLE = {*GLOBAL, "partner"}


@cache
def owned_tables() -> set[str]:
    """The tables that belong to partners, as migrations make them."""
    made: set[str] = set()
    for file in (ROOT / "src/hashrail/sql").glob("*.sql"):
        made |= set(TABLE.findall(file.read_text()))
    return made - WHOLE


class Statements:
    """What was sent: each statement with the module that it came from, what is wrong with it, and where it goes."""

    def __init__(self) -> None:
        self.sent: dict[str, tuple[str, str]] = {}
        self.faults: list[str] = []

    def note(self, statement: str) -> None:
        """Read a statement when it is sent for the first time, if it is the program's own."""
        if statement in self.sent or not STATEMENT.match(statement):
            return
        module = _sender()
        if module is None:
            return
        reader = Reader(owned_tables(), WHOLE, OF_ONE_SERVER)
        try:
            found = reader.read(statement)
        except ParseError as error:
            found = [f"cannot be read: {error}"]
        asks_of_all = [fault for fault in found if fault.startswith(ASKS_OF_ALL)]
        self.sent[statement] = (module, _route(reader, asks_of_all))
        if any(module.startswith(known) for known in OF_ALL_PARTNERS):
            found = [fault for fault in found if fault not in asks_of_all]
        if module in OF_ONE_SERVER_AND_PARTNERS:
            found = [fault for fault in found if not fault.startswith(JOINS)]
        shown = " ".join(statement.split())[:300]
        self.faults += [f"{module}: {fault}: {shown}" for fault in found]

    def taken(self) -> list[str]:
        """What was found since it was last taken."""
        found, self.faults = self.faults, []
        return found

    def write(self, folder: Path, name: str) -> None:
        """Keep what was sent, a line each."""
        with (folder / f"{name}.jsonl").open("w") as file:
            for statement, (module, route) in self.sent.items():
                file.write(json.dumps({"module": module, "route": route, "statement": statement}) + "\n")


@contextmanager
def listened_to(statements: Statements) -> Iterator[None]:
    """Tell of every statement that goes through asyncpg."""
    listening: Any = Connection
    prepare, execute = listening._get_statement, listening.execute

    async def prepared(self: Any, query: str, *args: Any, **options: Any) -> Any:
        statements.note(query)
        return await prepare(self, query, *args, **options)

    async def executed(self: Any, query: str, *args: Any, **options: Any) -> str:
        statements.note(query)
        return await execute(self, query, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listening, "_get_statement", prepared)
        patch.setattr(listening, "execute", executed)
        yield


def _sender() -> str | None:
    """The module of the program that sends a statement, or None if a test does."""
    frame: FrameType | None = sys._getframe(3)
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name.startswith("tests."):
            return None
        if name.startswith("hashrail.") and name not in {"hashrail.db", "hashrail.db_session", "hashrail.db_pooled"}:
            return str(name.removeprefix("hashrail."))
        frame = frame.f_back
    return None


def _route(reader: Reader, asks_of_all: list[str]) -> str:
    """Which servers it goes to, where partners are spread."""
    if not reader.tables:
        return GLOBAL_ONLY
    return ALL if asks_of_all else ONE
