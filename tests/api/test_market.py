"""Market endpoints: exact figures, kept for a while, for any page and without a header."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from hashrail import clock, db
from hashrail.api.operations import market
from hashrail.api.serving import cors
from hashrail.api.serving.answer_cache import SECONDS
from hashrail.api.serving.operation import Auth
from hashrail.money import divide_half_even
from hashrail.rewards import rate_classes, rates
from hashrail.selling import catalogue, samples, upgrade_tariff
from hashrail.selling.upgrade_prices import Tariff
from tests.support.api_client import Api, answered, check_refused, gather_all, open_api
from tests.support.world import START, World, inputs

INCOME, LISTING, UPGRADES = (
    "/api/nft-income-aggregation/get-last",
    "/api/nft-collection/find-all-generative",
    "/api/nft/get-upgrade-rate",
)
ENDPOINTS = [("POST", INCOME), ("GET", LISTING), ("POST", UPGRADES)]
MINED = [
    {"pool_btc_per_th": "0.00000049", "btc_usd": "78862.65350442"},
    {"pool_btc_per_th": "0.00000051234567", "btc_usd": "0.000000000000000001"},
    {"pool_btc_per_th": "0.0000005", "btc_usd": "81234.5", "kwh_usd": "0.055", "service_usd_per_th": "0.00891"},
]


@pytest.fixture(scope="module")
async def api(deployment: Api) -> Api:
    """Four published days."""
    for day in MINED:
        await deployment.world.next_day(**day)
    await deployment.world.next_day(gomining_usd="0.31415926", **MINED[2])
    return deployment


def forget(api: Api) -> None:
    """As if some seconds had passed."""
    api.serving.answers._kept.clear()


async def test_the_last_day_and_the_year(api: Api) -> None:
    response = await api.http.post(INCOME)
    year = sum((Decimal(day["pool_btc_per_th"]) * Decimal(day["btc_usd"]) for day in [*MINED, MINED[2]]), Decimal(0))
    assert answered(response) == {
        "createdAt": "2026-03-05T00:05:00.000Z",
        "btcCourseInUsd": Decimal("81234.5"),
        "totalIncomePerThToday": Decimal("0.04061725"),
        # Clients divide by 365.
        "totalIncomePerTh": divide_half_even(year * 365, Decimal(4), 18),
        "c1ValuePerThPerWtToday": Decimal("0.00132"),
        "c2ValuePerThToday": Decimal("0.00891"),
        "c3ValuePerThToday": 0,
        "c4ValuePerThToday": 0,
        "daysCounted": 4,
    }
    # Every digit is on the wire, those of a day that is worth next to nothing too.
    assert year == Decimal("0.11987720021716580000000051234567")
    assert response.json()["data"]["daysCounted"] == 4


async def test_a_year_is_365_days_to_the_day(world: World, dsn: str) -> None:
    """Against a sum that is written out, over 370 published days; one on either side is only entered."""
    days = [START.date() + dt.timedelta(days=n) for n in range(370)]
    earned: list[Decimal] = []
    async with db.transaction(world.pool) as tx:
        for number, day in enumerate(days):
            figures = inputs(day, pool_btc_per_th=f"0.{number + 1:014}", btc_usd=f"{70_000 + number}.{number:03}")
            earned.append(figures.pool_btc_per_th * figures.btc_usd)
            await rates.enter(tx, figures, at=START)
            assert await rate_classes.publish(tx, day, now=clock.credited_at(days[-1]))
        for beside in (days[0] - clock.ONE_DAY, days[-1] + clock.ONE_DAY):
            await rates.enter(tx, inputs(beside, btc_usd="1000000"), at=START)
        for last in (0, 1, 363, 364, 365, 369):
            expected = Decimal(0)
            for number in range(370):
                if last - 365 < number <= last:
                    expected += earned[number]
            found = await rates.gross_usd_per_th(tx, through=days[last], days=365)
            assert found == (expected, min(last + 1, 365))
        assert await rates.gross_usd_per_th(tx, through=days[369], days=1) == (earned[369], 1)
        before = await rates.gross_usd_per_th(tx, through=dt.date(2020, 1, 1), days=365)
        assert before == (Decimal(0), 0)
    async with open_api(world, dsn) as api:
        data = answered(await api.http.post(INCOME))
    assert data["daysCounted"] == 365
    assert data["totalIncomePerTh"] == sum(earned[5:], Decimal(0))
    assert data["totalIncomePerThToday"] == earned[-1]


async def test_what_is_on_sale(api: Api) -> None:
    data = answered(await api.http.get(LISTING))
    assert list(data) == ["array", "count"]
    assert data["count"] == len(data["array"]) == len(samples.sample_collections())
    assert [row["id"] for row in data["array"]] == sorted(row["id"] for row in data["array"])
    for row in data["array"]:
        assert list(row) == ["id", "power", "energyEfficiency", "priceUsdt", "level"]
    shown = {(row["energyEfficiency"], row["power"], row["priceUsdt"], row["level"]) for row in data["array"]}
    expected = set()
    for efficiency, prices in samples.SAMPLE_PRICES.items():
        for level, (power, price) in enumerate(samples.pairs(prices).items(), start=1):
            expected.add((int(efficiency), power, price, level))
    assert shown == expected


async def test_levels_follow_power_not_ids(api: Api) -> None:
    """An offer that is added later, and one that is withdrawn, move the others."""
    async with db.transaction(api.world.pool) as tx:
        await catalogue.put(
            tx, [(Decimal("1.5"), Decimal(20), Decimal("30.99")), (Decimal("0.5"), Decimal(20), Decimal(11))]
        )
        offers = {one.power: one for one in await catalogue.on_sale(tx) if one.energy_efficiency == 20}
    forget(api)
    data = answered(await api.http.get(LISTING))
    levels = {row["power"]: row["level"] for row in data["array"] if row["energyEfficiency"] == 20}
    assert levels == {Decimal("0.5"): 1, 1: 2, Decimal("1.5"): 3}
    async with db.transaction(api.world.pool) as tx:
        await catalogue.withdraw(tx, offers[Decimal("0.5")].id)
        await catalogue.withdraw(tx, offers[Decimal("1.5")].id)
    forget(api)
    data = answered(await api.http.get(LISTING))
    assert [row["level"] for row in data["array"] if row["energyEfficiency"] == 20] == [1]


async def test_what_upgrades_cost(api: Api) -> None:
    data = answered(await api.http.post(UPGRADES))
    assert list(data) == [
        "energyEfficiencyPriceConfig",
        "powerUpgradePriceConfig",
        "energyEfficiencyUpgradePriceConfig",
    ]
    assert data["energyEfficiencyPriceConfig"] == []
    tariff = samples.SAMPLE
    for name, steps in (
        ("powerUpgradePriceConfig", tariff.power_steps),
        ("energyEfficiencyUpgradePriceConfig", tariff.efficiency_steps),
    ):
        assert data[name] == [{"toLevel": level, "priceUsd": steps[level]} for level in sorted(steps)]
        assert data[name][0] != data[name][-1]
    async with db.transaction(api.world.pool) as tx:
        await upgrade_tariff.put(tx, Tariff(Decimal(1), Decimal(0), {19: Decimal("0.10"), 12: Decimal(2)}, {}))
    forget(api)
    data = answered(await api.http.post(UPGRADES))
    assert data["powerUpgradePriceConfig"] == [
        {"toLevel": 12, "priceUsd": 2},
        {"toLevel": 19, "priceUsd": Decimal("0.1")},
    ]
    assert data["energyEfficiencyUpgradePriceConfig"] == []


async def test_before_the_first_day(world: World, dsn: str) -> None:
    """The catalogue needs no day; figures do, and upgrades a tariff. A refusal can be read by any page too."""
    async with open_api(world, dsn) as api:
        response = await api.http.post(INCOME)
        check_refused(response, 503, "NO_DAY_PUBLISHED")
        assert response.headers["access-control-allow-origin"] == "*"
        assert "etag" not in response.headers
        await world.pool.execute("DELETE FROM upgrade_tariff")
        check_refused(await api.http.post(UPGRADES), 503, "NO_UPGRADE_TARIFF")
        assert answered(await api.http.get(LISTING))["count"] > 0
        for caller in (api.server, await api.user("alice")):
            check_refused(await caller.call("exchange_rates"), 503, "NO_DAY_PUBLISHED")
        await world.next_day()
        # A refusal is not kept.
        assert answered(await api.http.post(INCOME))["daysCounted"] == 1


# Any body


@pytest.mark.parametrize(
    "body", [None, b"", b"{}", b'{"page":1,"page":2}', b"null", b"[]", b"a=b", b"\xff", b'{"x":' * 2000]
)
@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain", "application/x-www-form-urlencoded"])
async def test_a_body_means_nothing(api: Api, body: bytes | None, content_type: str | None) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    for path in (INCOME, UPGRADES):
        response = await api.http.post(path, content=body, headers=headers)
        assert sorted(answered(response))[0] in ("btcCourseInUsd", "energyEfficiencyPriceConfig")


async def test_a_body_is_not_endless(api: Api) -> None:
    check_refused(await api.http.post(INCOME, content=b"x" * 65537), 413, "BODY_TOO_LARGE")


async def test_a_query_means_nothing(api: Api) -> None:
    plain = answered(await api.http.get(LISTING))
    assert answered(await api.http.get(f"{LISTING}?limit=1&offset=x&cursor=")) == plain


# Kept answers


async def test_how_stale_an_answer_may_be(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A price that changes is seen by everybody within the seconds, and not before its answer is stale."""
    forget(api)
    offer = Decimal(1), Decimal(20)

    async def price() -> Decimal:
        rows = answered(await api.http.get(LISTING))["array"]
        return next(Decimal(r["priceUsdt"]) for r in rows if (r["power"], r["energyEfficiency"]) == offer)

    now = [clock.monotonic()]
    with monkeypatch.context() as patch:
        patch.setattr(clock, "monotonic", lambda: now[0])
        assert await price() == Decimal("20.99")
        async with db.transaction(api.world.pool) as tx:
            await catalogue.put(tx, [(*offer, Decimal("21.5"))])
        now[0] += SECONDS - 0.01
        assert await price() == Decimal("20.99")
        now[0] += 0.01
        assert await price() == Decimal("21.5")
    async with db.transaction(api.world.pool) as tx:
        await catalogue.put(tx, [(*offer, Decimal("20.99"))])
    forget(api)


async def test_a_crowd_reads_once(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    forget(api)
    read: list[int] = []
    original = catalogue.on_sale

    async def counted(tx: db.Tx) -> Any:
        read.append(1)
        return await original(tx)

    monkeypatch.setattr(catalogue, "on_sale", counted)
    calls = [api.http.get(LISTING) for _ in range(50)]
    assert len({response.text for response in await gather_all(*calls)}) == 1
    assert len(read) == 1


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
async def test_whoever_has_the_answer_gets_no_body(api: Api, method: str, path: str) -> None:
    first = await api.http.request(method, path)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "public, max-age=60"
    assert first.headers["content-length"] == str(len(first.content))
    assert (await api.http.request(method, path)).headers["etag"] == tag
    for known in (tag, f"W/{tag}", f'"other", {tag}', f'"a",{tag},"b"', "*"):
        again = await api.http.request(method, path, headers={"if-none-match": known})
        if method == "POST":
            # HTTP knows "not modified" of a GET only.
            assert (again.status_code, again.content) == (200, first.content)
            continue
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == "public, max-age=60"
        assert again.headers["access-control-allow-origin"] == "*"
        assert "content-type" not in again.headers
        assert "x-request-id" in again.headers
    for other in ('"other"', tag.strip('"'), "", f'{tag[:-1]}x"'):
        response = await api.http.request(method, path, headers={"if-none-match": other})
        assert (response.status_code, response.content) == (200, first.content)


async def test_the_tag_follows_the_answer(api: Api) -> None:
    tags = {(await api.http.request(method, path)).headers["etag"] for method, path in ENDPOINTS}
    assert len(tags) == len(ENDPOINTS)
    (before,) = {(await api.http.get(LISTING)).headers["etag"] for _ in range(2)}
    async with db.transaction(api.world.pool) as tx:
        await catalogue.put(tx, [(Decimal(1), Decimal(20), Decimal("22"))])
    forget(api)
    response = await api.http.get(LISTING, headers={"if-none-match": before})
    assert response.status_code == 200
    async with db.transaction(api.world.pool) as tx:
        await catalogue.put(tx, [(Decimal(1), Decimal(20), Decimal("20.99"))])
    forget(api)
    assert (await api.http.get(LISTING, headers={"if-none-match": before})).status_code == 304


async def test_other_answers_carry_no_tag(api: Api) -> None:
    response = await api.server.call("s2s_collections", headers={"if-none-match": "*"})
    assert response.status_code == 200
    assert "etag" not in response.headers
    assert "cache-control" not in response.headers


# Pages of any site


@pytest.mark.parametrize("origin", ["https://calculator.example", "http://localhost:3000", "null", None])
@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
async def test_any_site_may_read(api: Api, method: str, path: str, origin: str | None) -> None:
    headers = {} if origin is None else {"origin": origin}
    response = await api.http.request(method, path, headers=headers)
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "*"
    exposed = response.headers["access-control-expose-headers"].split(", ")
    assert {"etag", "x-request-id", "x-server-time", "retry-after"} <= set(exposed)
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
async def test_a_browser_may_ask_before_it_sends(api: Api, method: str, path: str) -> None:
    asking = {
        "origin": "https://calculator.example",
        "access-control-request-method": method,
        "access-control-request-headers": "content-type, x-device-type",
    }
    response = await api.http.options(path, headers=asking)
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["access-control-allow-methods"] == method
    assert response.headers["access-control-allow-headers"] == cors.EVERY_SITE_MAY_SEND
    assert int(response.headers["access-control-max-age"]) > 0
    check_refused(await api.http.options(path), 405, "METHOD_NOT_ALLOWED")


async def test_a_credential_is_neither_needed_nor_looked_at(api: Api) -> None:
    headers = {"authorization": "Bearer x", "x-partner-api-key": "x"}
    assert answered(await api.http.get(LISTING, headers=headers))["count"] > 0
    assert {route.auth for route in market.MARKET.operations} == {Auth.NONE}


async def test_other_operations_are_not_for_every_site(api: Api) -> None:
    response = await api.server.call("s2s_collections", headers={"origin": "https://calculator.example"})
    assert "access-control-allow-origin" not in response.headers
