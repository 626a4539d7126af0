"""Operations as they are declared: what is read from a handler, and that every noun is served."""

import importlib
import pkgutil
from typing import Any

import pytest

from hashrail.api import operations
from hashrail.api.operations import routes
from hashrail.api.operations.income import own_income
from hashrail.api.operations.miners import MINERS, own_miners
from hashrail.api.operations.sandbox import SANDBOX
from hashrail.api.operations.sandbox_customers import SANDBOX_CUSTOMERS
from hashrail.api.operations.sandbox_events import SANDBOX_EVENTS
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import JSON, Auth, Noun
from hashrail.api.serving.running import Steps
from hashrail.api.wire.models import Body, Data, PageQuery, Query
from hashrail.books.fence import OpenBooks
from hashrail.db import Tx

PATH = "/s2s/thing"


class ThingBody(Body):
    """A body."""


def test_the_model_and_the_answer_are_those_of_the_handler() -> None:
    noun = Noun("Things")

    @noun.read(7, "things", "GET", PATH, Auth.NONE, scope="order", also_at=("/c2s/thing",))
    async def things(_call: Call, _query: PageQuery) -> Data[int] | Data[str]:
        """Things."""
        return Data(1)

    assert (things.number, things.name, things.method, things.path) == (7, "things", "GET", PATH)
    assert (things.model, things.answer) == (PageQuery, Data[int] | Data[str])
    assert (things.tag, things.story, things.scope, things.also_at) == ("Things", "Things.", "order", ("/c2s/thing",))
    assert (things.writes, things.in_steps, things.media_type) == (False, False, JSON)
    assert noun.operations == [things]


def test_what_is_a_write() -> None:
    noun = Noun("Things")

    @noun.write(None, "in_books", PATH, Auth.SIGNED)
    async def in_books(_call: Call, _tx: Tx, _books: OpenBooks, _body: ThingBody) -> Data[bool]:
        return Data(data=True)

    @noun.write_outside_books(None, "outside", PATH, Auth.SIGNED)
    async def outside(_call: Call, _tx: Tx, _body: ThingBody) -> Data[bool]:
        return Data(data=True)

    @noun.write_in_steps(None, "in_steps", PATH, Auth.SIGNED)
    async def in_steps(_call: Call, _steps: Steps, _body: ThingBody) -> Data[bool]:
        return Data(data=True)

    @noun.unkept_write(None, "unkept", PATH, Auth.NONE)
    async def unkept(_call: Call, _body: ThingBody) -> Data[bool]:
        return Data(data=True)

    shown = [(one.name, one.method, one.writes, one.in_steps, one.model) for one in noun.operations]
    assert shown == [
        ("in_books", "POST", True, False, ThingBody),
        ("outside", "POST", True, False, ThingBody),
        ("in_steps", "POST", True, True, ThingBody),
        ("unkept", "POST", False, False, ThingBody),
    ]


@pytest.mark.parametrize("model", [int, "Query"])
def test_what_is_no_model(model: Any) -> None:
    async def handler(_call: Call, _query: Query) -> Data[int]:
        return Data(1)

    handler.__annotations__["_query"] = model
    with pytest.raises(AssertionError, match="no model of the wire"):
        Noun("Things").read(None, "things", "GET", PATH, Auth.NONE)(handler)


def test_every_noun_is_served_once() -> None:
    modules = [
        importlib.import_module(f"{operations.__name__}.{each.name}")
        for each in pkgutil.iter_modules(operations.__path__)
    ]
    declared = {id(value): value for module in modules for value in vars(module).values() if isinstance(value, Noun)}
    served = (*routes.NOUNS, SANDBOX, SANDBOX_CUSTOMERS, SANDBOX_EVENTS)
    assert {id(noun) for noun in served} == set(declared)
    assert len(served) == len(declared)
    names = [operation.name for noun in declared.values() for operation in noun.operations]
    assert len(names) == len(set(names))


def test_a_page_of_one_noun_holds_both_doors() -> None:
    assert [operation.number for operation in MINERS.operations] == [6, 7, 8]
    assert own_miners in routes.OPERATIONS
    assert own_income.path.startswith("/c2s/")
