"""A user's income over the wire: records, days and the whole of it (#15 to #18)."""

import datetime as dt
import re
from decimal import Decimal
from typing import Any

import pytest

from hashrail.api.wire import cursors
from hashrail.money import divide_half_even, round_half_even
from hashrail.rewards import income_records
from tests.support.api_client import MARCH, Api, Caller, Earned, Past, answered, check_refused, exact
from tests.support.payouts import ADDRESSES, EARNED, earn, funded

DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
RANGE = {"startDate": "2026-03-01T00:00:00.000Z", "endDate": "2026-03-31T23:59:59.999Z"}


def grouped(records: list[Earned]) -> list[dict[str, Any]]:
    """Records as #16 groups them by the day they were credited with."""
    days: dict[dt.date, list[Earned]] = {}
    for one in records:
        days.setdefault(one.credited, []).append(one)
    return [
        {
            "createdAt": group[0].wire["createdAt"],
            "value": sum(e.net for e in group),
            "incomes": [e.wire for e in group],
        }
        for group in days.values()
    ]


async def test_records_for_the_server(past: Past) -> None:
    data = answered(await past.api.server.call("s2s_income", partnerUserId="alice"))
    assert data == {"array": [one.wire for one in past.records["alice"]]}
    assert all(DATE.fullmatch(row["createdAt"]) for row in data["array"])
    data = answered(await past.api.server.call("s2s_income", partnerUserId="bob"))
    assert data == {"array": [one.wire for one in past.records["bob"]]}
    assert answered(await past.api.server.call("s2s_income", partnerUserId="carol")) == {"array": []}


async def test_records_for_the_user(past: Past, alice: Caller) -> None:
    expected = [one.wire for one in past.records["alice"]]
    assert answered(await alice.call("c2s_income")) == {"array": expected}
    assert answered(await alice.call("c2s_income", groupByDays="false")) == {"array": expected}
    assert answered(await (await past.api.user("carol")).call("c2s_income")) == {"array": []}


async def test_an_idle_day_shows_zeros(past: Past, alice: Caller) -> None:
    rows = [row for row in answered(await alice.call("c2s_income"))["array"] if row["day"] == "2026-03-03"]
    assert len(rows) == 3
    assert all(row["value"] == row["c1Value"] == row["c2Value"] == 0 for row in rows)


@pytest.mark.parametrize(("limit", "offset"), [(1, 0), (3, 0), (4, 2), (10, 9), (99, 0), (100, 10)])
async def test_pages_of_records(past: Past, alice: Caller, limit: int, offset: int) -> None:
    expected = [one.wire for one in past.records["alice"]][offset : offset + limit]
    assert answered(await alice.call("c2s_income", limit=limit, offset=offset))["array"] == expected
    page = await past.api.server.call("s2s_income", partnerUserId="alice", limit=limit, offset=offset)
    assert answered(page)["array"] == expected


async def test_records_of_the_client_come_a_hundred_at_most(past: Past, alice: Caller) -> None:
    check_refused(await alice.call("c2s_income", limit=101), 400, "FIELD_OUT_OF_BOUNDS", "limit")
    response = await past.api.server.call("s2s_income", partnerUserId="alice", limit=999)
    assert len(answered(response)["array"]) == len(past.records["alice"])


async def test_grouped_by_days(past: Past, alice: Caller) -> None:
    days = grouped(past.records["alice"])
    assert len(days) == 4
    assert answered(await alice.call("c2s_income", groupByDays="true")) == {"array": days}
    page = await alice.call("c2s_income", groupByDays="true", limit=2, offset=1)
    assert answered(page)["array"] == days[1:3]
    check_refused(await alice.call("c2s_income", groupByDays="yes"), 400, "FIELD_OUT_OF_BOUNDS", "groupByDays")
    check_refused(await alice.call("c2s_income", groupByDays="true\n"), 400, "FIELD_OUT_OF_BOUNDS", "groupByDays")


async def test_totals(past: Past, alice: Caller) -> None:
    data = answered(await alice.call("c2s_income_total"))
    records = past.records["alice"]
    newest = [one for one in records if one.credited == MARCH[4]]
    assert data == {
        "array": [
            {"totalValue": sum(one.net for one in records if one.miner_id == miner), "nftId": miner}
            for miner in past.miners
        ],
        "totalIncome": past.income("alice"),
        "lastIncome": {
            "createdAt": "2026-03-06T00:05:00.000Z",
            "value": sum(one.net for one in newest),
            "c1Value": sum(one.power * one.rates.c1 for one in newest),
            "c2Value": sum(one.power * one.rates.c2 for one in newest),
            "c3Value": 0,
            "c4Value": 0,
            "day": "2026-03-05",
        },
        "withdrawnAmount": 0,
        "onBalanceAmount": past.income("alice"),
    }
    assert 0 < past.settled < past.income("alice")


async def test_totals_of_somebody_who_earned_nothing(past: Past) -> None:
    data = answered(await (await past.api.user("carol")).call("c2s_income_total"))
    assert data == {"array": [], "totalIncome": 0, "lastIncome": None, "withdrawnAmount": 0, "onBalanceAmount": 0}


def day_rows(past: Past, name: str, *, with_records: bool) -> list[dict[str, Any]]:
    """What #18 must show: power and discount are those of the day's own records, sums include adjustments."""
    rows = []
    for group in grouped(past.records[name]):
        credited = next(one.credited for one in past.records[name] if one.wire["createdAt"] == group["createdAt"])
        all_records = [one for one in past.records[name] if one.credited == credited]
        own = [one for one in all_records if one.adjustment_id is None]
        power = sum((one.power for one in own), Decimal(0))
        fees = sum(one.power * (one.rates.c1 + one.rates.c2) for one in all_records)
        rows.append(
            {
                "createdAt": group["createdAt"],
                "reward": group["value"],
                "poolReward": sum(one.power * one.rates.pool for one in all_records),
                "totalPower": power,
                "avgEnergyEfficiency": divide_half_even(sum(o.power * o.efficiency for o in own), power, 4),
                "serviceFee": round_half_even(fees * past.inputs(credited).btc_usd, 8),
                "totalDiscount": divide_half_even(sum(o.power * o.discount for o in own), power, 4),
                "toAddress": None,
                "status": "calculated",
                "incomes": group["incomes"] if with_records else None,
                "day": credited.isoformat(),
            }
        )
    return rows


async def test_days(past: Past) -> None:
    for name in ("alice", "bob"):
        response = await past.api.server.call("s2s_income_by_day", partnerUserId=name, **RANGE)
        expected = day_rows(past, name, with_records=False)
        assert response.status_code == 200
        assert exact(response) == {"data": expected, "totalCount": len(expected)}


async def test_days_with_their_records(past: Past) -> None:
    asked = {"partnerUserId": "alice", **RANGE}
    response = await past.api.server.call("s2s_income_by_day", **asked, includeIncomesByNfts="true")
    assert exact(response) == {"data": day_rows(past, "alice", with_records=True), "totalCount": 4}
    response = await past.api.server.call("s2s_income_by_day", **asked, includeIncomesByNfts="false")
    assert exact(response) == {"data": day_rows(past, "alice", with_records=False), "totalCount": 4}


async def test_pages_of_days_count_all(past: Past) -> None:
    expected = day_rows(past, "alice", with_records=False)
    for page, rows in (
        ({"limit": 1}, expected[:1]),
        ({"limit": 2, "offset": 1}, expected[1:3]),
        ({"offset": 3}, expected[3:]),
        ({"offset": 4}, []),
    ):
        response = await past.api.server.call("s2s_income_by_day", partnerUserId="alice", **RANGE, **page)
        assert exact(response) == {"data": rows, "totalCount": 4}


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("2026-03-02T00:00:00Z", "2026-03-02T00:00:00Z", ["2026-03-02"]),
        ("2026-03-03T23:59:59.999Z", "2026-03-04T00:00:00Z", ["2026-03-04", "2026-03-03"]),
        ("2026-03-05T01:00:00+02:00", "2026-03-05T23:00:00-02:00", ["2026-03-05", "2026-03-04"]),
        ("2026-03-06T00:00:00Z", "2026-03-09T00:00:00Z", []),
        ("2025-03-05T00:00:00Z", "2026-03-05T00:00:00Z", ["2026-03-05", "2026-03-04", "2026-03-03", "2026-03-02"]),
    ],
)
async def test_ranges_are_inclusive_days_in_utc(past: Past, start: str, end: str, days: list[str]) -> None:
    response = await past.api.server.call("s2s_income_by_day", partnerUserId="alice", startDate=start, endDate=end)
    body = exact(response)
    assert [row["day"] for row in body["data"]] == days
    assert body["totalCount"] == len(days)


@pytest.mark.parametrize(
    ("start", "end", "code", "name"),
    [
        ("2026-03-05T00:00:00Z", "2026-03-04T23:59:59Z", "RANGE_BACKWARDS", "endDate"),
        ("2025-03-05T00:00:00Z", "2026-03-06T00:00:00Z", "RANGE_TOO_LONG", "endDate"),
        ("0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z", "RANGE_TOO_LONG", "endDate"),
        ("2026-03-05T00:00:00", "2026-03-06T00:00:00Z", "DATE_WITHOUT_TIME_ZONE", "startDate"),
        ("2026-03-05", "2026-03-06T00:00:00Z", "DATE_WITHOUT_TIME_ZONE", "startDate"),
        ("2026-03-05T00:00:00Z", "2026-03-06", "DATE_WITHOUT_TIME_ZONE", "endDate"),
        ("yesterday", "2026-03-06T00:00:00Z", "BAD_DATE", "startDate"),
        ("2026-03-05T00:00:00Z", "2026-02-30T00:00:00Z", "BAD_DATE", "endDate"),
        ("0001-01-01T00:00:00+14:00", "2026-03-06T00:00:00Z", "BAD_DATE", "startDate"),
        ("2026-03-05T00:00:00Z", "9999-12-31T23:00:00-12:00", "BAD_DATE", "endDate"),
        ("", "2026-03-06T00:00:00Z", "FIELD_OUT_OF_BOUNDS", "startDate"),
        ("2026-03-05T00:00:00Z", "", "FIELD_OUT_OF_BOUNDS", "endDate"),
    ],
)
async def test_bad_ranges(past: Past, start: str, end: str, code: str, name: str) -> None:
    response = await past.api.server.call("s2s_income_by_day", partnerUserId="alice", startDate=start, endDate=end)
    check_refused(response, 400, code, name)


async def test_the_ends_of_the_calendar_are_dates_too(past: Past) -> None:
    for day in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"):
        response = await past.api.server.call("s2s_income_by_day", partnerUserId="alice", startDate=day, endDate=day)
        assert exact(response) == {"data": [], "totalCount": 0}


@pytest.mark.parametrize("missing", ["startDate", "endDate", "partnerUserId"])
async def test_days_need_their_range(past: Past, missing: str) -> None:
    fields = {"partnerUserId": "alice", **RANGE}
    del fields[missing]
    check_refused(await past.api.server.call("s2s_income_by_day", **fields), 400, "FIELD_MISSING", missing)


async def test_an_unknown_user_is_not_found(past: Past) -> None:
    for operation in ("s2s_income", "s2s_income_by_day"):
        response = await past.api.server.call(operation, partnerUserId="nobody", **RANGE)
        check_refused(response, 404, "USER_NOT_FOUND", "partnerUserId")


async def test_one_answer_has_so_many_records(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    """Days are cheap, their single records are not. Who counts days is refused, who follows cursors gets fewer."""
    alice = await past.api.user("alice")
    days: dict[dt.date, int] = {}
    for one in past.records["alice"]:
        days[one.credited] = days.get(one.credited, 0) + 1
    newest, second, *_ = days.values()
    range_ = {"startDate": f"{MARCH[0]}T00:00:00Z", "endDate": f"{MARCH[5]}T00:00:00Z"}
    by_date = {"partnerUserId": "alice", **range_}
    fields = {"includeIncomesByNfts": "true", "limit": "2"}
    monkeypatch.setattr(income_records, "MAX_RECORDS", newest + second)
    assert len(answered(await alice.call("c2s_income", groupByDays="true", limit="2"))["array"]) == 2
    assert len(exact(await past.api.server.call("s2s_income_by_day", **fields, **by_date))["data"]) == 2
    monkeypatch.setattr(income_records, "MAX_RECORDS", newest + second - 1)
    for sent in ({"limit": "2"}, {"offset": "0"}):
        refused = await alice.call("c2s_income", groupByDays="true", **sent)
        check_refused(refused, 400, "TOO_MANY_RECORDS", "limit")
    refused = await past.api.server.call("s2s_income_by_day", **fields, **by_date)
    check_refused(refused, 400, "TOO_MANY_RECORDS", "limit")
    assert "; 1 would fit" in refused.json()["message"]
    assert exact(await past.api.server.call("s2s_income_by_day", **by_date))["totalCount"] == len(days)
    monkeypatch.setattr(income_records, "MAX_RECORDS", 1)
    assert len(answered(await alice.call("c2s_income", groupByDays="true", limit="1"))["array"]) == 1
    for bound in (1, newest + second - 1, 1000):
        monkeypatch.setattr(income_records, "MAX_RECORDS", bound)
        seen, cursor = [], None
        while True:
            sent = {} if cursor is None else {"cursor": cursor}
            page = answered(await alice.call("c2s_income", groupByDays="true", **sent))
            seen += [len(await whole_day(alice, day)) for day in page["array"]]
            cursor = page.get("nextCursor")
            if cursor is None:
                break
        assert seen == list(days.values())


async def whole_day(client: Caller, day: dict[str, Any], **fields: Any) -> list[Any]:
    """The records of a day, those too that one answer had no room for."""
    records, cursor = day["incomes"], day.get("incomesCursor")
    operation = "s2s_income" if fields else "c2s_income"
    while cursor is not None:
        page = answered(await client.call(operation, cursor=cursor, limit="1", **fields))
        rest = [one for one in page["array"] if one["createdAt"] == day["createdAt"]]
        records, cursor = records + rest, page.get("nextCursor") if rest else None
    return records


@pytest.mark.parametrize("bound", [1, 2])
async def test_a_day_of_more_records_than_one_answer_has(
    past: Past, monkeypatch: pytest.MonkeyPatch, bound: int
) -> None:
    """The first ones, with the figures of the whole day, and a cursor behind which the single records go on."""
    alice, by_user = await past.api.user("alice"), {"partnerUserId": "alice"}
    whole = day_rows(past, "alice", with_records=True)
    fields = {"startDate": f"{MARCH[0]}T00:00:00Z", "endDate": f"{MARCH[5]}T00:00:00Z", "includeIncomesByNfts": "true"}
    monkeypatch.setattr(income_records, "MAX_RECORDS", bound)
    assert any(len(one["incomes"]) > bound for one in whole)
    for number, row in enumerate(whole):
        sent = fields | by_user | {"limit": "1", "offset": str(number)}
        (found,) = exact(await past.api.server.call("s2s_income_by_day", **sent))["data"]
        assert len(found["incomes"]) == min(bound, len(row["incomes"]))
        assert ("incomesCursor" in found) == (len(row["incomes"]) > bound)
        assert await whole_day(past.api.server, found, **by_user) == row["incomes"]
        (day,) = answered(await alice.call("c2s_income", groupByDays="true", limit="1", offset=str(number)))["array"]
        assert (day["value"], await whole_day(alice, day)) == (row["reward"], row["incomes"])
        others = {"incomes", "incomesCursor"}
        assert {k: v for k, v in found.items() if k not in others} == {k: v for k, v in row.items() if k not in others}


async def test_totals_of_more_miners_than_one_answer_names(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    """By miner, from cursor to cursor; what is summed up is of all of them on every page."""
    alice = await past.api.user("alice")
    whole = answered(await alice.call("c2s_income_total"))
    assert len(whole["array"]) > 1
    monkeypatch.setattr(income_records, "MAX_RECORDS", 1)
    seen: list[Any] = []
    sent: dict[str, Any] = {}
    for _ in whole["array"]:
        page = answered(await alice.call("c2s_income_total", **sent))
        assert page["totalIncome"] == whole["totalIncome"]
        seen += page["array"]
        sent = {"cursor": page.get("nextCursor")}
    assert (seen, sent) == (whole["array"], {"cursor": None})
    for cursor in ("x", cursors.encode("2026-03-01", 0, 1)):
        check_refused(await alice.call("c2s_income_total", cursor=cursor), 400, "CURSOR_INVALID", "cursor")


async def test_days_say_where_their_income_goes(deployment: Api) -> None:
    api = await deployment.another_partner()
    alice = (await api.world.user("alice")).id
    await funded(api.world, alice)
    await earn(api.world)

    today = await api.world.today()
    ever = {"startDate": f"{today - dt.timedelta(days=9)}T00:00:00Z", "endDate": f"{today}T00:00:00Z"}

    async def shown() -> list[str | None]:
        response = await api.server.call("s2s_income_by_day", partnerUserId="alice", **ever)
        return [row["toAddress"] for row in exact(response)["data"]]

    assert await shown() == [None, None]
    answered(await api.server.call("s2s_wallet_bind", partnerUserId="alice", address=ADDRESSES[1]))
    assert await shown() == [ADDRESSES[1], ADDRESSES[1]]
    wanted = {"partnerUserId": "alice", "walletAddress": ADDRESSES[0], "amount": EARNED}
    answered(await api.server.call("s2s_withdraw", **wanted))
    assert await shown() == [ADDRESSES[1], ADDRESSES[0]]
