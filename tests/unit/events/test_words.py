"""The types of events speak as the program does."""

from typing import get_args

from hashrail.access import api_keys
from hashrail.alarms.rules import RULES
from hashrail.custody import deposits, withdrawals
from hashrail.events.types import deposits as told_deposits
from hashrail.events.types import keys as told_keys
from hashrail.events.types import withdrawals as told_withdrawals


def test_states_are_those_of_the_program() -> None:
    assert get_args(told_withdrawals.State) == get_args(withdrawals.State)
    assert get_args(told_deposits.State) == get_args(deposits.State)
    assert get_args(told_keys.KeyKind) == get_args(api_keys.KeyKind)


def test_partners_are_told_of_alarms_about_them_only() -> None:
    """Any other rule is about the deployment."""
    assert [rule.code for rule in RULES if rule.is_of_partner] == ["CREDIT_NEARLY_USED"]
