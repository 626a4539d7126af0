"""The types of events: all of them are in the registry, and they speak as the program does."""

import importlib
import pkgutil
import re
from typing import Any, get_args

import hashrail.events.types as types_package
from hashrail.access import api_keys
from hashrail.alarms.rules import RULES
from hashrail.custody import deposits, withdrawals
from hashrail.events.event import Event
from hashrail.events.registry import BY_NAME, EVERY_TYPE
from hashrail.events.types import deposits as told_deposits
from hashrail.events.types import keys as told_keys
from hashrail.events.types import withdrawals as told_withdrawals

NAME = re.compile(r"[a-z_]{1,40}\.[a-z_]{1,40}")


def defined() -> set[type[Event]]:
    """The classes of the modules of types that have a name of their own."""
    modules = [
        importlib.import_module(f"{types_package.__name__}.{each.name}")
        for each in pkgutil.iter_modules(types_package.__path__)
    ]
    found: list[Any] = [value for module in modules for value in vars(module).values()]
    return {each for each in found if isinstance(each, type) and issubclass(each, Event) and "TYPE" in vars(each)}


def test_every_type_is_in_the_registry_once() -> None:
    assert set(EVERY_TYPE) == defined()
    assert len(EVERY_TYPE) == len(set(EVERY_TYPE)) == len(BY_NAME)


def test_names_are_of_their_objects() -> None:
    """As `withdrawal.confirmed`; the field that says which object it is is there."""
    for each in EVERY_TYPE:
        assert NAME.fullmatch(each.TYPE), each
        assert each.TYPE.split(".")[0] == each.KIND, each
        assert each.ID in each.__struct_fields__, each


def test_states_are_those_of_the_program() -> None:
    assert get_args(told_withdrawals.State) == get_args(withdrawals.State)
    assert get_args(told_deposits.State) == get_args(deposits.State)
    assert get_args(told_keys.KeyKind) == get_args(api_keys.KeyKind)


def test_partners_are_told_of_alarms_about_them_only() -> None:
    """Any other rule is about the deployment."""
    assert [rule.code for rule in RULES if rule.is_of_partner] == ["CREDIT_NEARLY_USED"]
