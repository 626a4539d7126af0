"""Exports over the wire: what is in the files, to the last digit, and how they are fetched."""

import csv
import datetime as dt
import hashlib
import io
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import httpx
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hashrail import clock, db, texts
from hashrail.bitcoin.opening import open_for
from hashrail.exports import content, export
from hashrail.payouts import watch
from hashrail.rewards import settling
from hashrail_client import AsyncHashrail
from tests.support.api_client import Api, Past, answered, buy, check_refused, settings_of
from tests.support.books import pay
from tests.support.deployments import deployed
from tests.support.exports import SPRING, TERMS, exported, make_all
from tests.support.payouts import ADDRESSES, earn

Rows = list[dict[str, Any]]
AMOUNTS = {"value", "c1Value", "c2Value", "amount", "fee", "balance", "settled", "unsettled", "held", "power"}
NUMBERS = {*AMOUNTS, "energyEfficiency", "userId", "nftId", "adjustmentId", "nftCollectionId", "id", "vout"}
# What a spreadsheet or a reader of lines could take for something else.
HOSTILE = (
    "=1+1",
    "-5",
    "a,b",
    'a"b',
    "a\nb",
    "a\r\nb",
    "\u0001",
    "\u0001,\u0001",
    "a\\nb",
    "NULL",
    "😀" * 255,
    "x;=2",
    " ",
)


def read_csv(raw: bytes) -> Rows:
    """A sheet as a program reads it that knows how texts are written; every line is a row."""
    lines = raw.decode().split("\n")
    assert lines.pop() == ""
    head, *rows = csv.reader(io.StringIO(raw.decode(), newline=""), strict=True)
    assert len(rows) == len(lines) - 1
    return [{name: _value(name, cell) for name, cell in zip(head, row, strict=True)} for row in rows]


def _value(name: str, cell: str) -> Any:
    if cell == "":
        return None
    return Decimal(cell) if name in NUMBERS else texts.read_cell(cell)


def read_ndjson(raw: bytes) -> Rows:
    return [json.loads(line, parse_float=Decimal) for line in raw.decode().splitlines()]


def read_parquet(raw: bytes) -> Rows:
    rows: Rows = pq.read_table(io.BytesIO(raw)).to_pylist()
    return [{name: _shown(value) for name, value in row.items()} for row in rows]


def _shown(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return clock.iso(value)
    return value.isoformat() if isinstance(value, dt.date) else value


READERS: dict[str, Callable[[bytes], Rows]] = {"csv": read_csv, "ndjson": read_ndjson, "parquet": read_parquet}


async def rows_of(api: Api, kind: str, **fields: object) -> tuple[dict[str, Any], Rows]:
    """An export and its rows, which every format tells alike; its checksum and totals are right."""
    found = []
    for file_format, read in READERS.items():
        told, raw = await exported(api, kind, file_format, **fields)
        rows = read(raw)
        assert (told["rows"], told["sha256"]) == (len(rows), hashlib.sha256(raw).hexdigest())
        for total in told["totals"]:
            added = [row[total["field"]] for row in rows if row.get("currency", total["currency"]) == total["currency"]]
            assert sum(added, Decimal(0)) == total["total"]
        found.append(rows)
    assert found[0] == found[1] == found[2]
    return told, found[0]


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def place(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["createdAt"], row["adjustmentId"] or 0, row["nftId"]


# What is in the files


async def test_income_is_what_each_user_is_told(past: Past) -> None:
    told, rows = await rows_of(past.api, "income")
    assert told["closedThrough"] == "2026-03-05"
    assert {total["field"] for total in told["totals"]} == {"value", "c1Value", "c2Value"}
    for name, records in past.records.items():
        own = [without(row, "partnerUserId", "userId") for row in rows if row["partnerUserId"] == name]
        assert sorted(own, key=place) == sorted((without(one.wire, "c3Value", "c4Value") for one in records), key=place)
        assert {row["userId"] for row in rows if row["partnerUserId"] == name} <= {past.users[name].id}
    assert sum((past.income(name) for name in past.users), Decimal(0)) == sum(row["value"] for row in rows)


async def test_a_day_has_what_was_credited_with_it(past: Past) -> None:
    """An adjustment stands under the day that it was credited with, so that a closed day never changes."""
    for day in ("2026-03-02", "2026-03-05"):
        _, rows = await rows_of(past.api, "income", startDate=f"{day}T00:00:00Z", endDate=f"{day}T12:00:00Z")
        expected = [one for records in past.records.values() for one in records if one.credited.isoformat() == day]
        assert len(rows) == len(expected)
        assert {row["nftId"]: row["value"] for row in rows if row["adjustmentId"] is None} == {
            one.miner_id: one.net for one in expected if one.adjustment_id is None
        }
    assert [row["day"] for row in rows if row["adjustmentId"] is not None] == ["2026-03-02"]


async def test_balances_at_the_end_of_each_day_and_now(past: Past) -> None:
    world = past.api.world
    _, rows = await rows_of(past.api, "balances")
    assert {row["day"] for row in rows} == {f"2026-03-0{day}" for day in range(1, 7)}
    async with db.snapshot(world.pool) as tx:
        for row in rows:
            assert row["balance"] == max(Decimal(0), row["settled"] + row["unsettled"] - row["held"])
            if row["currency"] == "BTC":
                end = clock.start_of(dt.date.fromisoformat(row["day"])) + clock.ONE_DAY - dt.timedelta(microseconds=1)
                owned = await settling.balance_at(tx, world.partner.id, row["userId"], end)
                assert row["settled"] + row["unsettled"] == owned, row
    for name in past.users:
        shown = answered(await past.api.server.call("s2s_balances", partnerUserId=name))["array"]
        now = [row for row in rows if row["partnerUserId"] == name and row["day"] == "2026-03-06"]
        assert [(row["currency"], row["balance"]) for row in now] == [
            (one["currency"], Decimal(one["valueNumericAtSyncDate"])) for one in shown
        ]


async def test_withdrawals_orders_and_deposits(api: Api) -> None:
    """As the API shows each of them; what a withdrawal holds is told by the balances."""
    user = await api.world.user("alice")
    await buy(api.world, user.id)
    await earn(api.world, "0")
    await earn(api.world)
    facts = {"partnerUserId": "alice", "walletAddress": ADDRESSES[0]}
    answered(await api.server.call("s2s_withdraw", amount=Decimal("0.01"), **facts))
    answered(await api.server.call("s2s_withdraw_fast", amount=Decimal("0.02"), **facts))
    shown = answered(await api.server.call("s2s_withdrawals"))["array"]
    answered(await api.server.call("s2s_withdrawal_cancel", id=shown[0]["id"]))
    shown = answered(await api.server.call("s2s_withdrawals"))["array"]
    _, rows = await rows_of(api, "withdrawals")
    assert [without(row, "userId") for row in reversed(rows)] == [
        without(one, "confirmations", "reason", "waits", "waitsUntil", "simulated") for one in shown
    ]
    address = answered(await api.server.call("s2s_deposit_address", partnerUserId="alice"))["address"]
    deposit = {"address": address, "amount": Decimal("0.1")}
    answered(await api.server.call("sandbox_chain", deposit=deposit, blocks=2))
    chain = open_for(api.world.pool, settings_of("postgresql://nowhere"), "simulated", signs=False)
    assert chain is not None
    await watch.everything(deployed(api.world.pool, settings_of("postgresql://nowhere"), chain))
    (known,) = answered(await api.server.call("s2s_deposits"))["array"]
    _, rows = await rows_of(api, "deposits")
    assert [without(row, "userId") for row in rows] == [
        without(known, "confirmations", "confirmationsNeeded", "simulated")
    ]
    _, rows = await rows_of(api, "balances", startDate=known["createdAt"], endDate=known["createdAt"])
    (btc,) = [row for row in rows if row["currency"] == "BTC"]
    assert btc["held"] == Decimal("0.01")
    (one,) = (await rows_of(api, "orders"))[1]
    assert one == answered(await api.server.call("s2s_payment", externalId=one["externalId"])) | {
        "partnerUserId": "alice"
    }


async def test_no_text_acts_and_none_is_lost(api: Api) -> None:
    for name in HOSTILE:
        await buy(api.world, (await api.world.user(name)).id)
    _, rows = await rows_of(api, "orders")
    assert [row["partnerUserId"] for row in rows] == list(HOSTILE)
    _, raw = await exported(api, "orders", "csv")
    cells = [row[1] for row in csv.reader(io.StringIO(raw.decode(), newline=""))][1:]
    assert cells == [texts.cell(name) for name in HOSTILE]
    assert raw.isascii() is False
    assert b"\x01" not in raw


async def test_days_without_rows(api: Api) -> None:
    """A file all the same: a head, or nothing at all."""
    for kind in ("income", "orders", "withdrawals", "deposits", "balances"):
        told, rows = await rows_of(api, kind)
        assert (rows, told["rows"]) == ([], 0)
    past_days = {"startDate": "1999-01-01T00:00:00Z", "endDate": "1999-01-31T00:00:00Z"}
    assert (await rows_of(api, "income", **past_days))[1] == []
    future = {"startDate": "2099-01-01T00:00:00Z", "endDate": "2099-01-31T00:00:00Z"}
    assert (await rows_of(api, "balances", **future))[1] == []


# What days add up to


async def check_totals(api: Api, **fields: object) -> Rows:
    """Each day's totals are the sums of what is exported of that day; answers the days."""
    days: Rows = answered(await api.server.call("s2s_totals", **SPRING | fields))["array"]
    exports = {
        kind: read_ndjson((await exported(api, kind, "ndjson", **fields))[1])
        for kind in ("income", "orders", "withdrawals", "deposits")
    }
    for day in days:
        # A record was credited on the day after that which it was credited with.
        after = (dt.date.fromisoformat(day["day"]) + clock.ONE_DAY).isoformat()
        income = [row for row in exports["income"] if row["createdAt"].startswith(after)]
        for name in ("value", "c1Value", "c2Value"):
            assert sum(row[name] for row in income) == day[name], day
        assert day["poolReward"] == day["value"] + day["c1Value"] + day["c2Value"]
        for kind, sums in (
            ("orders", {"ordersValue": "value"}),
            ("withdrawals", {"withdrawalsAmount": "amount", "withdrawalsFee": "fee"}),
            ("deposits", {"depositsAmount": "amount"}),
        ):
            rows = [row for row in exports[kind] if row["createdAt"].startswith(day["day"])]
            assert len(rows) == day[kind]
            for name, column in sums.items():
                assert sum(row[column] for row in rows) == day[name]
    assert sum(day["orders"] for day in days) == len(exports["orders"])
    return days


async def test_days_add_up_to_what_is_exported(past: Past) -> None:
    days = await check_totals(past.api, endDate="2026-03-31T00:00:00Z")
    assert [day["day"] for day in days] == [f"2026-03-{day:02}" for day in range(1, 32)]
    assert sum(day["value"] for day in days) == sum((past.income(name) for name in past.users), Decimal(0))
    assert sum(day["settled"] for day in days) == past.settled
    assert [day["totalPower"] for day in days[:6]] == [0, 10, *[Decimal("26.75")] * 4]
    assert {day["users"] for day in days} == {3}


class Changes(Protocol):
    """What may happen on a day."""

    def __call__(self, api: Api, name: str, number: int, /) -> Awaitable[object]:
        """Let it happen for a user; the number is one that nobody has had."""


async def a_sale(api: Api, name: str, number: int) -> None:
    await buy(api.world, (await api.world.user(name)).id, str((1, 2, 4)[number % 3]))


async def a_withdrawal(api: Api, name: str, number: int) -> None:
    """One that is refused where the user has not enough."""
    amount = Decimal("0.0001") + Decimal(number).scaleb(-8)
    facts = {"partnerUserId": name, "walletAddress": ADDRESSES[0], "amount": amount}
    await api.server.call(("s2s_withdraw", "s2s_withdraw_fast")[number % 2], **facts)


async def a_settlement(api: Api, name: str, _: int) -> None:
    await api.world.settle((await api.world.user(name)).id)


HAPPENS: tuple[Changes, ...] = (a_sale, a_sale, a_withdrawal, a_settlement)


@settings(max_examples=5, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    history=st.lists(
        st.lists(st.tuples(st.sampled_from(HAPPENS), st.sampled_from(("alice", "bob"))), max_size=4),
        min_size=1,
        max_size=5,
    )
)
async def test_whatever_happens_days_add_up(deployment: Api, history: list[list[tuple[Changes, str]]]) -> None:
    """Random days of sales, withdrawals and settlements, of a partner of their own."""
    api = await deployment.another_partner()
    for name in ("alice", "bob"):
        await api.world.user(name)
    first = await api.world.today()
    number = 0
    for day in history:
        for change, name in day:
            number += 1
            await change(api, name, number)
        await earn(api.world, f"0.00{number + 1:04}")
    last = await api.world.today()
    days = await check_totals(api, startDate=f"{first}T00:00:00Z", endDate=f"{last}T00:00:00Z")
    assert len(days) == len(history) + 1


# How they are fetched


async def part(api: Api, export_id: int, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.server.call("s2s_export_content", headers=named, id=export_id)


async def test_a_file_is_fetched_in_parts(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Across the borders of chunks, whatever part is asked for."""
    monkeypatch.setattr(content, "CHUNK_BYTES", 100)
    await buy(api.world, (await api.world.user()).id)
    told, raw = await exported(api, "orders", "csv")
    size, tag = len(raw), f'"{told["sha256"]}"'
    assert size > 200
    for asked, first, last in (
        *(
            ("bytes=0-0", 0, 0),
            ("bytes=99-100", 99, 100),
            ("bytes=100-", 100, size - 1),
            ("bytes=-1", size - 1, size - 1),
        ),
        *(
            (f"bytes=-{size + 5}", 0, size - 1),
            (f"bytes=5-{size + 5}", 5, size - 1),
            ("bytes=50-250", 50, min(250, size - 1)),
        ),
    ):
        found = await part(api, told["id"], range=asked, if_range=tag)
        assert (found.status_code, found.content) == (206, raw[first : last + 1])
        assert found.headers["content-range"] == f"bytes {first}-{last}/{size}"
        assert found.headers["content-length"] == str(last - first + 1)
    for odd in ("bytes=5-4", "bytes=0-1,3-4", "lines=0-1", "bytes=-", "bytes= 0-1"):
        assert (await part(api, told["id"], range=odd)).content == raw
    changed = await part(api, told["id"], range="bytes=0-0", if_range='"another"')
    assert (changed.status_code, changed.content, changed.headers["etag"]) == (200, raw, tag)
    beyond = await part(api, told["id"], range=f"bytes={size}-")
    assert check_refused(beyond, 416, "RANGE_NOT_SATISFIABLE")["size"] == size
    assert beyond.headers["content-range"] == f"bytes */{size}"
    known = await part(api, told["id"], if_none_match=tag)
    assert (known.status_code, known.content) == (304, b"")


async def test_the_sdk_goes_on_where_it_was_cut_off(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashrail_client.downloads.PART_BYTES", 64)
    await buy(api.world, (await api.world.user()).id)
    assert (api.server.key, api.server.secret) != (None, None)
    async with AsyncHashrail(
        "http://hashrail.test", api.server.key, api.server.secret, transport=api.http._transport
    ) as sdk:
        asked = await sdk.exports.create("orders", "csv", start_date=SPRING["startDate"], end_date=SPRING["endDate"])
        await make_all(api.world.pool)
        told = await sdk.exports.get(asked["id"])
        assert told["sha256"] is not None
        (tmp_path / f"orders.csv.{told['sha256'][:16]}.part").write_bytes(b"externalId,")
        found = await sdk.download(asked["id"], tmp_path / "orders.csv")
        assert hashlib.sha256(found.read_bytes()).hexdigest() == told["sha256"]
        assert [each.name for each in tmp_path.iterdir()] == ["orders.csv"]
        (tmp_path / f"again.csv.{told['sha256'][:16]}.part").write_bytes(b"somethingE,")
        with pytest.raises(Exception, match="another checksum"):
            await sdk.download(asked["id"], tmp_path / "again.csv")


async def test_what_is_not_there(api: Api) -> None:
    asked = answered(await api.server.call("s2s_export_create", kind="income", format="csv", **SPRING))
    assert (asked["state"], asked["rows"], asked["sha256"], asked["totals"]) == ("waiting", 0, None, [])
    details = check_refused(await api.server.call("s2s_export_content", id=asked["id"]), 409, "EXPORT_NOT_READY", "id")
    assert details["state"] == "waiting"
    for operation in ("s2s_export", "s2s_export_content"):
        check_refused(await api.server.call(operation, id=asked["id"] + 1000), 404, "EXPORT_NOT_FOUND", "id")
    for name, value in (("kind", "miners"), ("format", "xlsx")):
        fields = {"kind": "income", "format": "csv", **SPRING, name: value}
        assert (await api.server.call("s2s_export_create", **fields)).status_code == 400


async def test_a_partner_may_have_so_many_under_way(api: Api) -> None:
    async def ask() -> httpx.Response:
        return await api.server.call("s2s_export_create", kind="income", format="csv", **SPRING)

    asked = [answered(await ask())["id"] for _ in range(export.MAX_OPEN)]
    assert check_refused(await ask(), 409, "EXPORTS_OPEN")["open"] == export.MAX_OPEN
    assert await make_all(api.world.pool) >= export.MAX_OPEN
    asked.append(answered(await ask())["id"])
    listed = answered(await api.server.call("s2s_exports", limit=2))
    assert [one["id"] for one in listed["array"]] == asked[:-3:-1]
    rest = answered(await api.server.call("s2s_exports", cursor=listed["nextCursor"]))
    assert [one["id"] for one in rest["array"]] == asked[-3::-1]


async def test_a_file_expires(api: Api) -> None:
    """What it was and added up to stays; its room is free again."""
    await pay(api.world, "1", "SEPA")
    await buy(api.world, (await api.world.user()).id)
    told, _ = await exported(api, "orders", "csv")
    pool, partner_id = api.world.pool, api.world.partner.id
    later = clock.wall_now() + TERMS.keep + dt.timedelta(minutes=1)
    async with db.transaction(pool) as tx:
        with pytest.raises(export.ExportSpaceError, match="bytes of exports are kept"):
            await export.ask(
                tx,
                partner_id,
                kind="orders",
                file_format="csv",
                first=dt.date(2026, 3, 1),
                last=dt.date(2026, 3, 1),
                kept_bytes=told["bytes"],
                now=clock.wall_now(),
            )
        assert await export.expire_due(tx, partner_id, clock.wall_now()) == 0
        assert await export.expire_due(tx, partner_id, later) == 1
    again = answered(await api.server.call("s2s_export", id=told["id"]))
    assert again == told | {"state": "expired"}
    check_refused(await api.server.call("s2s_export_content", id=told["id"]), 409, "EXPORT_NOT_READY", "id")
    assert await pool.fetchval("SELECT count(*) FROM export_chunk WHERE partner_id = $1", partner_id) == 0
