"""Moving the sandbox's clock: POST /api/sandbox/advance."""

import datetime as dt
from collections.abc import AsyncIterator

import httpx
import pytest

from hashrail import business_clock, clock
from hashrail.bitcoin.simulated_chain import MAX_BTC
from hashrail.money import AMOUNT_LIMIT
from hashrail_client.signing import sign_body_text
from tests.support.api_client import (
    KEY_HEADER,
    Api,
    answered,
    buy,
    check_books,
    check_refused,
    internal_errors,
    open_api,
)
from tests.support.payouts import ADDRESSES, asked, funded
from tests.support.world import World

DAY = dt.timedelta(days=1)


@pytest.fixture
async def api(world: World, dsn: str) -> AsyncIterator[Api]:
    await world.mine()
    async with open_api(world, dsn) as opened:
        yield opened


async def lead_since(api: Api, before: dt.datetime) -> dt.timedelta:
    """How far the clock moved, without the seconds that passed meanwhile."""
    moved = await business_clock.now(api.world.pool) - before
    return dt.timedelta(seconds=round(moved.total_seconds() / 60) * 60)


async def test_days_pass_and_are_closed(api: Api) -> None:
    user = await api.world.user()
    await buy(api.world, user.id)
    before = await business_clock.now(api.world.pool)
    data = answered(await api.server.call("sandbox_advance", days=3))
    assert await lead_since(api, before) == 3 * DAY
    assert data["businessTime"].startswith("2026-03-05T12:")
    assert data == {
        "businessTime": data["businessTime"],
        "publishedThrough": "2026-03-04",
        "closedThrough": "2026-03-04",
        "daysClosed": 3,
    }
    rows = answered(await api.server.call("s2s_income", partnerUserId="alice"))["array"]
    assert [row["day"] for row in rows] == ["2026-03-04", "2026-03-03"]
    await check_books(api.world)


async def test_seconds_pass(api: Api) -> None:
    before = await business_clock.now(api.world.pool)
    data = answered(await api.server.call("sandbox_advance", seconds=7200))
    assert await lead_since(api, before) == dt.timedelta(hours=2)
    assert data["daysClosed"] == 0


@pytest.mark.parametrize(
    ("date", "expected", "closed"),
    [
        ("2026-03-04", "2026-03-04T00:05:0", "2026-03-03"),
        ("2026-03-04T00:04:00Z", "2026-03-04T00:04:0", "2026-03-02"),
        ("2026-03-04T02:04:00+02:00", "2026-03-04T00:04:0", "2026-03-02"),
    ],
)
async def test_to_a_date(api: Api, date: str, expected: str, closed: str) -> None:
    data = answered(await api.server.call("sandbox_advance", date=date))
    assert data["businessTime"].startswith(expected)
    assert (data["publishedThrough"], data["closedThrough"]) == (closed, closed)


async def test_the_clock_never_goes_back(api: Api) -> None:
    before = await business_clock.lead(api.world.pool)
    details = check_refused(await api.server.call("sandbox_advance", date="2026-03-01"), 400, "CLOCK_BACKWARDS", "date")
    assert details["businessTime"].startswith("2026-03-02T12:")
    assert await business_clock.lead(api.world.pool) == before


@pytest.mark.parametrize(
    ("fields", "code", "name"),
    [
        ({}, "ADVANCE_ONE_WAY", "days"),
        ({"days": 1, "seconds": 1}, "ADVANCE_ONE_WAY", "days"),
        ({"days": 1, "date": "2027-01-01"}, "ADVANCE_ONE_WAY", "days"),
        ({"days": 0}, "FIELD_OUT_OF_BOUNDS", "days"),
        ({"days": 3661}, "FIELD_OUT_OF_BOUNDS", "days"),
        ({"seconds": 0}, "FIELD_OUT_OF_BOUNDS", "seconds"),
        ({"seconds": 316_224_001}, "FIELD_OUT_OF_BOUNDS", "seconds"),
        ({"days": "1"}, "FIELD_TYPE", "days"),
        ({"days": 1, "scenario": "boom"}, "FIELD_OUT_OF_BOUNDS", "scenario"),
        ({"date": "2027-02-30"}, "BAD_DATE", "date"),
        ({"date": "2027-02-03T00:00:00"}, "DATE_WITHOUT_TIME_ZONE", "date"),
        ({"date": "2036-03-10"}, "CLOCK_TOO_FAR", "date"),
        ({"date": "2150-01-01"}, "CLOCK_TOO_FAR", "date"),
        ({"date": "9999-12-31T23:59:59Z"}, "CLOCK_TOO_FAR", "date"),
    ],
)
async def test_bad_steps(deployment: Api, fields: dict[str, object], code: str, name: str) -> None:
    before = await business_clock.lead(deployment.world.pool)
    check_refused(await deployment.server.call("sandbox_advance", **fields), 400, code, name)
    assert await business_clock.lead(deployment.world.pool) == before


async def test_the_calendar_ends(world: World, dsn: str) -> None:
    """With nothing published no day is closed, so that years pass at once."""
    async with open_api(world, dsn) as api:
        for _ in range(6):
            answered(await api.server.call("sandbox_advance", days=3660))
        # 3660 days after 2086-04-15, noon.
        check_refused(await api.server.call("sandbox_advance", date="2096-04-23"), 400, "CLOCK_TOO_FAR", "date")
        answered(await api.server.call("sandbox_advance", date="2096-04-22"))
        before = await business_clock.lead(world.pool)
        check_refused(await api.server.call("sandbox_advance", days=3660), 400, "CLOCK_TOO_FAR")
        assert await business_clock.lead(world.pool) == before
        data = answered(await api.server.call("sandbox_advance", days=1))
        assert (data["publishedThrough"], data["closedThrough"], data["daysClosed"]) == (None, None, 0)
        assert data["businessTime"] > clock.iso(dt.datetime(2096, 4, 23, tzinfo=dt.UTC))


async def test_a_repetition_moves_the_clock_once(api: Api) -> None:
    request = api.server.request("sandbox_advance", days=2)
    before = await business_clock.now(api.world.pool)
    first, again = await api.http.send(request), await api.server.send_again(request)
    assert answered(first)["daysClosed"] == 2
    assert again.content == first.content
    assert await lead_since(api, before) == 2 * DAY
    header = {"Idempotency-Key": "advance-1"}
    first, again = [await api.server.call("sandbox_advance", header, days=1) for _ in range(2)]
    assert answered(first)["daysClosed"] == 1
    assert again.content == first.content
    assert [response.headers.get("idempotency-replayed") for response in (first, again)] == [None, "true"]
    assert await lead_since(api, before) == 3 * DAY
    response = await api.server.call("sandbox_advance", header, days=2)
    check_refused(response, 422, "IDEMPOTENCY_KEY_REUSED")
    assert await lead_since(api, before) == 3 * DAY


@pytest.mark.parametrize(("scenario", "idle"), [("steady", False), ("crash", True)])
async def test_scenarios(api: Api, scenario: str, idle: bool) -> None:
    user = await api.world.user()
    await api.world.miner(user.id)
    answered(await api.server.call("sandbox_advance", days=3, scenario=scenario))
    rows = answered(await api.server.call("s2s_income", partnerUserId="alice"))["array"]
    assert [row["value"] == 0 for row in rows] == [idle, idle]


async def test_what_fails_on_the_way_tells_how_far_it_came(api: Api) -> None:
    """A bug after the clock has moved: the answer says where it stands, and not that nothing was changed.

    Mended, the same request goes on from there.
    """
    before = await business_clock.now(api.world.pool)
    failed = await internal_errors(api)
    await api.world.pool.execute("ALTER TABLE ton_payload RENAME TO lost_payload")
    request = api.server.request("sandbox_advance", days=1)
    response = await api.http.send(request)
    assert await lead_since(api, before) == DAY
    details = check_refused(response, 500, "INTERNAL_ERROR")
    assert list(details) == ["businessTime"]
    told = clock.parse_iso(details["businessTime"], "businessTime")
    assert abs(await business_clock.now(api.world.pool) - told) < dt.timedelta(minutes=1)
    message = response.json()["message"]
    assert "nothing was changed" not in message
    assert details["businessTime"] in message
    assert "ton_payload" not in response.text
    assert await internal_errors(api) == failed + 1
    await api.world.pool.execute("ALTER TABLE lost_payload RENAME TO ton_payload")
    response = await api.server.send_again(request)
    assert answered(response)["daysClosed"] == 1
    assert "idempotency-replayed" not in response.headers
    assert await lead_since(api, before) == DAY


async def test_a_refused_step_tells_the_time_too(deployment: Api) -> None:
    details = check_refused(
        await deployment.server.call("sandbox_advance", date="2150-01-01"), 400, "CLOCK_TOO_FAR", "date"
    )
    told = clock.parse_iso(details["businessTime"], "businessTime")
    assert abs(await business_clock.now(deployment.world.pool) - told) < dt.timedelta(minutes=1)


async def test_every_change_of_a_withdrawal_moves_its_time(world: World, dsn: str) -> None:
    """Sent, stuck, sent again with a raised fee, confirmed, final: who reads by changedAt misses nothing."""
    async with open_api(world, dsn) as api:
        user = await world.user()
        await funded(world, user.id)
        answered(await api.server.call("sandbox_chain", scenario="stuck"))
        await asked(world, user.id, "0.03", ADDRESSES[0], "fast")
        seen: list[tuple[str, str | None, int]] = []
        times: list[str] = []
        while not seen or seen[-1][0] != "final":
            answered(await api.server.call("sandbox_advance", seconds=600))
            (one,) = answered(await api.server.call("s2s_withdrawals"))["array"]
            seen.append((one["state"], one["txid"], one["confirmations"]))
            times.append(one["changedAt"])
            assert len(seen) < 1000, seen[-1]
        for before, after, then, now in zip(seen, seen[1:], times, times[1:], strict=False):
            assert (now > then) == (after != before), (before, after)
        assert len({txid for _, txid, _ in seen if txid is not None}) > 1
        assert {"broadcast", "confirmed", "final"} <= {state for state, _, _ in seen}


# Deposits


async def deposited(api: Api, amount: str, address: str) -> httpx.Response:
    """A deposit whose amount is written as it stands."""
    secret, at = api.server.secret, clock.wall_millis()
    assert secret is not None
    text = f'{{"deposit":{{"address":"{address}","amount":{amount}}},"timestamp":{at}}}'
    return await api.http.post(
        "/api/sandbox/chain", content=sign_body_text(secret, text), headers={KEY_HEADER: str(api.server.key)}
    )


@pytest.mark.parametrize(
    ("amount", "code", "words"),
    [
        ("21000000.00000001", "FIELD_OUT_OF_BOUNDS", "at most 21000000 BTC"),
        ("22000000", "FIELD_OUT_OF_BOUNDS", "at most 21000000 BTC"),
        ("99999999999999999999", "FIELD_OUT_OF_BOUNDS", "at most 21000000 BTC"),
        ("1e20", "FIELD_OUT_OF_BOUNDS", "more than 0, below 10^20"),
        ("-1", "FIELD_OUT_OF_BOUNDS", "more than 0, below 10^20"),
        ("1E-9", "AMOUNT_PRECISION", "0.000000001 has more than 8 decimals"),
        ("1.000000001", "AMOUNT_PRECISION", "1.000000001 has more than 8 decimals"),
        ("0", "AMOUNT_TOO_SMALL", "0.00000294 BTC"),
    ],
)
async def test_deposits_that_nobody_makes(deployment: Api, amount: str, code: str, words: str) -> None:
    response = await deposited(deployment, amount, ADDRESSES[0])
    check_refused(response, 400, code, "deposit.amount")
    assert words in response.json()["message"]
    assert answered(await deployment.server.call("sandbox_chain"))["mempool"] == []


async def test_all_the_bitcoin_there_is_breaks_nothing(api: Api) -> None:
    """Several times over: it is credited and can leave again, and the books would hold a million million more."""
    await api.world.user()
    address = answered(await api.server.call("s2s_deposit_address", partnerUserId="alice"))["address"]
    for _ in range(3):
        assert (await deposited(api, "21000000", address)).status_code == 200
    answered(await api.server.call("sandbox_advance", seconds=3600))
    answered(
        await api.server.call("s2s_withdraw_fast", partnerUserId="alice", walletAddress=ADDRESSES[0], amount=62_000_000)
    )
    answered(await api.server.call("sandbox_advance", days=2))
    (left, _) = answered(await api.server.call("s2s_balances", partnerUserId="alice"))["array"]
    assert left["valueNumericAtSyncDate"] == "999999.99994"
    (shown,) = answered(await api.server.call("s2s_withdrawals"))["array"]
    assert shown["state"] == "final"
    await check_books(api.world)
    assert MAX_BTC * 10**12 < AMOUNT_LIMIT


async def test_production_has_no_such_thing(world: World, dsn: str) -> None:
    async with open_api(world, dsn, mode="production") as api:
        before = await business_clock.lead(world.pool)
        check_refused(await api.server.call("sandbox_advance", days=1), 404, "ROUTE_NOT_FOUND")
        assert await business_clock.lead(world.pool) == before


async def test_payouts_happen_in_their_time(world: World, dsn: str) -> None:
    """A day and a half in one step: the fast one leaves within the hour, the daily one at its hour, both are final.

    What passes a limit of the day leaves on the next.
    """
    async with open_api(world, dsn) as api:
        user = await world.user()
        await funded(world, user.id)
        await world.pool.execute("UPDATE payout_policy SET user_daily_btc = 0.05")
        fast = await asked(world, user.id, "0.03", ADDRESSES[0], "fast")
        daily = await asked(world, user.id, "0.02", ADDRESSES[1], "daily")
        late = await asked(world, user.id, "0.025", ADDRESSES[2], "fast")
        answered(await api.server.call("sandbox_advance", seconds=36 * 3600))
        left: dict[int, dt.datetime] = dict(
            await world.pool.fetch(
                "SELECT w.id, b.created_at FROM withdrawal w JOIN payout_batch b ON b.id = w.batch_id"
            )
        )
        assert left[fast.id] - fast.created_at < dt.timedelta(hours=1, minutes=1)
        assert left[daily.id].hour in (6, 7)
        assert left[late.id].date() == fast.created_at.date() + DAY
        shown = answered(await api.server.call("s2s_withdrawals", partnerUserId="alice"))["array"]
        assert [one["state"] for one in shown] == ["final"] * 3
        await check_books(world)
