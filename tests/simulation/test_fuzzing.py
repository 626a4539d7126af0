"""Random input for everything that reads what others send; `make fuzz` draws more, and others each time."""

import pytest
from hypothesis import HealthCheck, given, settings
from tools import fuzz

from tests.support.fuzz_targets import TARGETS, Target


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_gets_past(name: str) -> None:
    target = TARGETS[name]
    tried = 0

    @settings(max_examples=target.examples, database=None, suppress_health_check=list(HealthCheck))
    @given(target.drawn)
    def drive(value: object) -> None:
        nonlocal tried
        target.check(value)
        tried += 1

    drive()
    assert tried >= target.examples // 2


def test_a_failing_example_becomes_a_test() -> None:
    """The smallest that fails, with the seed, as text to paste."""

    def check(value: int) -> None:
        assert value < 1000

    target = TARGETS["date"]
    wrong = Target(fuzz.st.integers(0, 10**6), check)
    assert fuzz.failing(target, seed=1, examples=20) is None
    found = fuzz.failing(wrong, seed=1, examples=500)
    assert found is not None
    told = fuzz.as_test("date", found, 1)
    assert 'TARGETS["date"].check(1000)' in told
    assert "seed 1" in told
