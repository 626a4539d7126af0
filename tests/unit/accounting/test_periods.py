"""Periods are whole days and months by UTC."""

import datetime as dt

import pytest

from hashrail.accounting import periods
from hashrail.accounting.periods import BadMonthError, BadPeriodError

NOW = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)
DAYS = [dt.date(2026, 3, number) for number in range(1, 7)]


def test_a_period_has_both_its_days_and_nothing_to_come() -> None:
    period = periods.of_days(DAYS[0], DAYS[1], now=NOW)
    assert (period.since, period.before) == (
        dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
        dt.datetime(2026, 3, 3, tzinfo=dt.UTC),
    )
    assert periods.of_days(None, None, now=NOW) == periods.Period(None, DAYS[3])
    assert periods.of_days(None, dt.date.max, now=NOW).last == DAYS[3]
    assert periods.of_days(None, None, now=NOW).since is None


@pytest.mark.parametrize(("first", "last", "field"), [(DAYS[2], DAYS[1], "to"), (DAYS[4], DAYS[5], "from")])
def test_a_period_that_is_none_is_refused(first: dt.date, last: dt.date, field: str) -> None:
    with pytest.raises(BadPeriodError) as refused:
        periods.of_days(first, last, now=NOW)
    assert refused.value.details["field"] == field


def test_a_month_is_written_in_one_way() -> None:
    assert periods.month("2026-03") == dt.date(2026, 3, 1)
    assert periods.next_month(dt.date(2026, 1, 1)) == dt.date(2026, 2, 1)
    assert periods.next_month(dt.date(2026, 12, 1)) == dt.date(2027, 1, 1)
    assert periods.next_month(periods.month("9999-11")) == dt.date(9999, 12, 1)
    for text in ("", "2026-3", "2026-13", "2026-00", "03/2026", "2026-03-01", "2026-03\n", "٢٠٢٦-03", "9999-12"):
        with pytest.raises(BadMonthError) as refused:
            periods.month(text)
        assert refused.value.details["field"] == "month"
