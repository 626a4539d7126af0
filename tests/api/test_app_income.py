"""A user's income by day, as public dashboards and exporters read and reckon it."""

from decimal import Decimal
from typing import Any

import pytest

from hashrail import clock
from hashrail.rewards import detailed_days
from tests.support.api_client import MARCH, RATES, Caller, Past, answered, check_refused
from tests.support.dashboards import Dashboard, reckoned

RANGE = {"startDate": "1990-01-01T00:00:00.000Z", "endDate": "2990-01-01T00:00:00.000Z"}


@pytest.fixture(scope="module")
async def dashboard(past: Past, alice: Caller) -> Dashboard:
    assert alice.token is not None
    return Dashboard(past.api.http, alice.token)


async def income(alice: Caller, **fields: Any) -> Any:
    return answered(await alice.call("app_income", **RANGE | fields))


async def test_an_exporter_s_sums_are_the_books_to_the_last_digit(past: Past, dashboard: Dashboard) -> None:
    days = await dashboard.days()
    assert [one.mined for one in days] == [day.isoformat() for day in reversed(MARCH[1:5])]
    for one, day in zip(days, reversed(MARCH[1:5]), strict=True):
        expected = [each for each in past.records["alice"] if each.credited == day]
        assert one.net == sum((each.net for each in expected), Decimal(0))
        assert one.pool == sum((each.power * each.rates.pool for each in expected), Decimal(0))
        assert one.costs == sum((each.power * (each.rates.c1 + each.rates.c2) for each in expected), Decimal(0))
        # What the adjustment gave has no TH: nobody counts TH twice.
        mined = [each for each in expected if each.adjustment_id is None]
        assert one.power == sum((each.power for each in mined), Decimal(0))
        assert one.discount == max(each.discount for each in mined)
        assert set(one.sats_per_th) == {mined[0].rates.pool * 10**8}
        assert (one.btc_usd, one.token_usd) == (past.inputs(day).btc_usd, past.inputs(day).gomining_usd)
    assert sum((one.net for one in days), Decimal(0)) == past.income("alice")


@pytest.mark.parametrize("size", [1, 2, 5])
async def test_pages_by_number_miss_nothing(dashboard: Dashboard, size: int) -> None:
    assert await dashboard.days(size) == await dashboard.days()


async def test_a_row_as_it_is(past: Past, alice: Caller) -> None:
    data = await income(alice, limit=1)
    assert list(data) == ["array", "count", "totalIncome"]
    assert (data["count"], data["totalIncome"]) == (4, past.income("alice"))
    (row,) = data["array"]
    assert row["createdAt"] == "2026-03-06T00:05:00.000Z"
    assert row["incomeStatistic"]["calculatedAt"] == "2026-03-05T23:59:59.999Z"
    assert row["value"] == row["valueV2"]
    assert row["incomeList"] == row["incomeListV2"]
    first = past.records["alice"][0]
    assert row["incomeList"][0] == {
        "nftId": first.miner_id,
        "value": first.net,
        "c1Value": first.power * first.rates.c1,
        "c2Value": first.power * first.rates.c2,
        "power": first.power,
        "energyEfficiency": first.efficiency,
        "totalDiscount": first.discount,
        "metaData": {
            "poolReward": first.power * first.rates.pool,
            "maintenanceInBtc": first.power * (first.rates.c1 + first.rates.c2),
        },
        "maintenanceByGmt": False,
        "maintenanceForWithdrawInGmt": None,
        "reinvestment": False,
        "reinvestmentInPowerNftId": None,
        "reinvestmentInPowerNftStatusExecuted": False,
        "toWalletType": "VIRTUAL_BTC",
        "adjustmentId": None,
    }
    assert [one["adjustmentId"] for one in row["incomeList"]] == [None, None, past.adjustment_id]


async def test_the_range_picks_by_when_a_day_was_credited(alice: Caller) -> None:
    """As createdAt shows it: the day after. To the millisecond, both ends included."""

    async def mined(start: str, end: str) -> list[str]:
        return [row["day"] for row in (await income(alice, startDate=start, endDate=end))["array"]]

    assert await mined("2026-03-03T00:00:00.000Z", "2026-03-03T23:59:59.999Z") == ["2026-03-02"]
    assert await mined("2026-03-03T00:05:00.000Z", "2026-03-03T00:05:00.000Z") == ["2026-03-02"]
    assert await mined("2026-03-03T00:05:00.001Z", "2026-03-04T00:04:59.999Z") == []
    assert await mined("2026-03-03T01:05:00+01:00", "2026-03-04T00:05:00Z") == ["2026-03-03", "2026-03-02"]


async def test_of_many_miners_the_classes_are_shown(past: Past, alice: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page with more records than one answer holds has a record a class instead, and the same sums."""
    singly = [reckoned(row) for row in (await income(alice))["array"]]
    monkeypatch.setattr(detailed_days, "MAX_RECORDS", 3)
    rows = (await income(alice))["array"]
    assert {one["nftId"] for row in rows for one in row["incomeList"]} == {None}
    summed = [reckoned(row) for row in rows]
    assert [(one.net, one.pool, one.power, one.discount) for one in summed] == [
        (one.net, one.pool, one.power, one.discount) for one in singly
    ]
    assert past.adjustment_id in {one["adjustmentId"] for one in rows[0]["incomeList"]}


async def test_who_has_nothing_and_what_is_refused(past: Past, alice: Caller) -> None:
    carol = await past.api.user("carol")
    assert await income(carol) == {"array": [], "count": 0, "totalIncome": 0}
    assert (await income(alice, skip=999))["array"] == []
    for limit in (0, 21):
        check_refused(await alice.call("app_income", **RANGE, limit=limit), 400, "FIELD_OUT_OF_BOUNDS", "limit")
    check_refused(await alice.call("app_income", endDate=RANGE["endDate"]), 400, "FIELD_MISSING", "startDate")
    backwards = {"startDate": RANGE["endDate"], "endDate": RANGE["startDate"]}
    check_refused(await alice.call("app_income", **backwards), 400, "RANGE_BACKWARDS", "endDate")
    no_zone = RANGE | {"startDate": "2026-03-01T00:00:00"}
    check_refused(await alice.call("app_income", **no_zone), 400, "DATE_WITHOUT_TIME_ZONE", "startDate")


async def test_fields_that_are_not_known_are_left_alone(alice: Caller) -> None:
    assert (await income(alice, sort={"createdAt": "DESC"}, filters=None, status=["x"]))["count"] == 4


async def test_th_by_day(past: Past, alice: Caller) -> None:
    chart = answered(await alice.call("app_power_chart", start=RANGE["startDate"], end=clock.iso(clock.wall_now())))
    power = {row["label"]: row["value"] for row in chart}
    # What was bought on a day earns from the next one on; the world's business day is the sixth.
    assert power == {
        "2026-03-02": 10,
        **dict.fromkeys(("2026-03-03", "2026-03-04"), Decimal("26.75")),
        **dict.fromkeys(("2026-03-05", "2026-03-06"), Decimal(26)),
    }
    assert [row["label"] for row in chart] == sorted(power)
    part = answered(await alice.call("app_power_chart", start="2026-03-04T00:00:00Z", end="2026-03-05T23:59:59Z"))
    assert [row["label"] for row in part] == ["2026-03-04", "2026-03-05"]
    assert answered(await alice.call("app_power_chart", start="2026-03-05T00:00:00Z", end="2026-03-04T00:00:00Z")) == []
    carol = await past.api.user("carol")
    assert answered(await carol.call("app_power_chart", start=RANGE["startDate"], end=RANGE["endDate"])) == []
    check_refused(await alice.call("app_power_chart", start="x", end=RANGE["endDate"]), 400, "BAD_DATE", "start")


async def test_miners(past: Past, alice: Caller) -> None:
    data = answered(await alice.call("app_miners"))
    assert (data["count"], [row["id"] for row in data["array"]]) == (2, past.miners[:2])
    row = data["array"][1]
    assert {name: row[name] for name in ("power", "eligiblePower", "energyEfficiency", "level", "status")} == {
        "power": 16,
        "eligiblePower": 16,
        "energyEfficiency": 15,
        "level": 5,
        "status": "active",
    }
    assert row["createdAt"] == row["updatedAt"]
    assert row["nftCollectionId"] is None
    earns = row["nftIncomeAggregation"]
    newest = past.inputs(MARCH[4])
    assert earns["btcCourseInUsd"] == newest.btc_usd
    assert earns["totalIncomePerThToday"] == Decimal(RATES[MARCH[4]]["pool_btc_per_th"]) * newest.btc_usd
    assert earns["totalIncomePerTh"] > earns["totalIncomePerThToday"]
    second = answered(await alice.call("app_miners", pagination={"skip": 1, "limit": 1}))
    assert second == {"array": [row], "count": 2}


async def test_discounts_add_up_to_what_was_charged(alice: Caller) -> None:
    data = answered(await alice.call("app_discounts"))
    parts = [value for name, value in data.items() if name.endswith("Discount") and name != "totalDiscount"]
    assert len(parts) == 3
    assert sum(parts) + data["discountByMaintenanceInGmt"] == data["totalDiscount"] == Decimal("0.009")
    assert data["discountAvailableDays"] == 0


async def test_whose_token_it_is(past: Past, alice: Caller) -> None:
    assert answered(await alice.call("app_user")) == {"id": past.users["alice"].id, "alias": "alice", "email": None}
