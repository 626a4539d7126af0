"""The plan of a sandbox's past."""

from decimal import Decimal

from hashrail.sandbox import demo
from hashrail.selling import samples


def test_the_plan_fits_the_credit_and_the_days() -> None:
    """Everything is on sale, in order of days, and ninety days see all of it."""
    offers = {(power, watts): value for power, watts, value in samples.sample_collections()}
    values = [offers[Decimal(power), Decimal(watts)] for _, _, power, watts in demo.PURCHASES]
    assert sum(values) < demo.CREDIT_LIMIT_USD
    days = [day for _, day, _, _ in demo.PURCHASES]
    assert days == sorted(days)
    assert (days[0], days[-1] < 90, len(days)) == (0, True, 18)
    assert len({power for _, _, power, _ in demo.PURCHASES}) >= 8
    assert {watts for _, _, _, watts in demo.PURCHASES} == {"12", "15", "20"}
