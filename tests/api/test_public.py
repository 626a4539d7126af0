"""What everybody may ask, without a credential: the time, and the catalogue of errors."""

import datetime as dt

import pytest

from hashrail import business_clock, clock, errors
from hashrail.version import VERSION
from tests.support.api_client import Api, Caller, answered, check_refused


async def test_the_time_is_both_clocks(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked for, and the answer is the very clock that signatures are held against."""
    monkeypatch.setattr(clock, "wall_millis", lambda: 1_789_000_000_123)
    response = await api.http.get("/api/time")
    data = answered(response)
    assert data["serverTime"] == 1_789_000_000_123
    assert response.headers["x-server-time"] == "1789000000123"
    assert response.headers["cache-control"] == "no-store"
    assert sorted(data) == ["businessTime", "contract", "mode", "serverTime", "version"]
    assert (data["version"], data["mode"], data["contract"]) == (VERSION, "sandbox", "2.0.0")


async def test_the_business_clock_is_the_sandboxs(api: Api) -> None:
    before = clock.parse_iso(answered(await api.http.get("/api/time"))["businessTime"], "businessTime")
    assert abs(before - await business_clock.now(api.world.pool)) < dt.timedelta(minutes=5)
    await api.server.call("sandbox_advance", seconds=7200)
    after = clock.parse_iso(answered(await api.http.get("/api/time"))["businessTime"], "businessTime")
    assert dt.timedelta(hours=2) <= after - before < dt.timedelta(hours=3)


async def test_every_code_is_explained(api: Api) -> None:
    """To anybody, in one order; one row a code."""
    response = await Caller(api.http).call("api_errors")
    rows = answered(response)["array"]
    kinds = {kind.code: kind for kind in errors.catalogue() if kind.__module__.startswith("hashrail")}
    assert [row["code"] for row in rows] == list(kinds)
    assert len(rows) > 50
    for row in rows:
        kind = kinds[row["code"]]
        assert list(row) == ["code", "status", "cause", "advice"]
        assert (row["status"], row["advice"]) == (kind.status, kind.advice)
        assert row["cause"].endswith((".", "?")), row
        assert "\n" not in row["cause"]
    assert rows == sorted(rows, key=lambda row: (row["status"], row["code"]))


async def test_a_refusal_can_be_looked_up(api: Api) -> None:
    response = await Caller(api.http).call("s2s_collections")
    check_refused(response, 401, "API_KEY_MISSING")
    rows = {row["code"]: row for row in answered(await api.http.get("/api/errors"))["array"]}
    assert rows["API_KEY_MISSING"] == {
        "code": "API_KEY_MISSING",
        "status": 401,
        "cause": "The operation needs an API key.",
        "advice": "Send the header X-PARTNER-API-KEY.",
    }
    # The first paragraph alone.
    assert rows["TIMESTAMP_IN_SECONDS"]["cause"] == "The timestamp is in seconds, not milliseconds."


async def test_the_catalogue_may_be_cached(api: Api) -> None:
    """By anybody: it is the same for all, and a credential beside it is not looked at."""
    first = await api.http.get("/api/errors")
    assert first.headers["cache-control"] == "public, max-age=3600"
    headers = {"X-PARTNER-API-KEY": "nobody's", "Authorization": "Bearer x"}
    assert (await api.http.get("/api/errors", headers=headers)).content == first.content
    check_refused(await api.http.post("/api/errors"), 405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize("written", ["/api/errors/", "/api//errors"])
async def test_a_path_that_is_written_otherwise_answers_alike(api: Api, written: str) -> None:
    """Answers, refusals and refused methods: what our table does not know Litestar finds."""
    plain, other = [await api.http.get(path) for path in ("/api/errors", written)]
    assert (other.status_code, other.content) == (plain.status_code, plain.content)
    assert {*other.headers} == {*plain.headers}
    for path in ("/api/errors", written):
        check_refused(await api.http.put(path), 405, "METHOD_NOT_ALLOWED")
