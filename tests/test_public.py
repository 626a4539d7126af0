"""What everybody may ask: the catalogue of errors."""

from collections.abc import AsyncIterator

import pytest

from hashrail import errors
from tests.api import Api, Caller, answered, check_refused, open_shared_api


@pytest.fixture(scope="module")
async def api(server: str, template: str) -> AsyncIterator[Api]:
    async with open_shared_api(server, template) as opened:
        yield opened


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
