"""The portal's page of requests: what is kept of them, how they are found, and why one was refused."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from hashrail import clock, db
from hashrail.access import api_keys, call_log
from hashrail.api.serving import kept_calls
from hashrail.api.serving.kept_calls import Calls
from hashrail.processes import housekeeping
from tests.support.api_client import Caller, settings_of
from tests.support.books import deployment as opened_world
from tests.support.console import texts_of
from tests.support.databases import with_database
from tests.support.portal import Bureau, answered, open_bureau


@pytest.fixture(scope="module")
async def bureau(server: str, template: str) -> AsyncIterator[Bureau]:
    async with opened_world(server, template) as world:
        dsn = with_database(server, await world.pool.fetchval("SELECT current_database()"))
        async with open_bureau(world, dsn) as made:
            yield made


@pytest.fixture(scope="module")
async def caller(bureau: Bureau) -> Caller:
    """The first partner's server."""
    async with db.transaction(bureau.pool) as tx:
        vault = bureau.serving.deployment.vault
        made = await api_keys.create_key(tx, vault, partner_id=bureau.world.partner.id, kind="full", label="a server")
    return Caller(bureau.browser("nobody").http, made.key, made.secret)


async def written(bureau: Bureau) -> None:
    """What was answered is written down."""
    await bureau.serving.calls.write_down(bureau.pool)


async def test_a_refused_signature_is_explained(bureau: Bureau, caller: Caller) -> None:
    """Found by its request id: the cause in words, the advice, and the text that had to be signed."""
    developer = bureau.people["developer"]
    wrong = await caller.signing_with(f"{caller.secret}\n").call("s2s_miners", partnerUserId="<b>bob</b>")
    assert wrong.status_code == 401
    await written(bureau)
    number = wrong.headers["x-request-id"]
    listed = await developer.get(f"/portal/requests?request={number}")
    found = re.findall(r'href="(/portal/requests/\d+)"', listed.text)
    assert len(found) == 1
    page = await developer.get(found[0])
    said = texts_of(page)
    for word in ("SIGNATURE_MISMATCH", "white space", "partnerUserId=%3Cb%3Ebob%3C%2Fb%3E&timestamp=", number):
        assert word in said, word
    assert "<b>bob" not in page.text
    home = texts_of(await bureau.people["viewer"].get("/portal"))
    assert re.search(r"1\s+request was\s+refused within 24 hours with\s+SIGNATURE_MISMATCH", home)
    assert "SIGNATURE_MISMATCH" not in texts_of(await bureau.stranger.get("/portal"))


async def test_requests_are_found_by_what_they_were(bureau: Bureau, caller: Caller) -> None:
    """By key, status, operation, error and time; whom they name is in the log of views."""
    developer = bureau.people["developer"]
    assert (await caller.call("s2s_login", partnerUserId="alice")).status_code == 200
    assert (await caller.call("s2s_miners", partnerUserId="nobody")).status_code == 404
    await written(bureau)
    key = await bureau.pool.fetchval("SELECT max(id) FROM api_key")
    later = clock.iso(clock.wall_now() + timedelta(hours=1))
    for query, operations in {
        f"key={key}&status=answered": ["s2s_login"],
        "status=refused&error=user_not_found": ["s2s_miners"],
        "operation=s2s_login": ["s2s_login"],
        "status=failed": [],
        f"since={later}": [],
        f"until={later}&operation=s2s_login": ["s2s_login"],
        f"key={key + 1}": [],
    }.items():
        page = await developer.get(f"/portal/requests?{query}")
        assert page.status_code == 200
        assert re.findall(r"</a></td><td>(\w+)</td>", page.text) == operations, query
    for query, code in {"since=yesterday": "BAD_DATE", "key=x": "FIELD_NOT_A_NUMBER"}.items():
        page = await developer.get(f"/portal/requests?{query}")
        assert (page.status_code, code in page.text) == (400, True), page.text
    seen = texts_of(await bureau.people["owner"].get("/portal/log?of=views"))
    assert "requests, with users that they name" in seen


async def test_pages_lead_to_older_ones(bureau: Bureau) -> None:
    partner_id = bureau.world.partner.id
    many = [answered(partner_id, operation="s2s_withdraw", request_id=f"n{number}") for number in range(60)]
    async with db.transaction(bureau.pool) as tx:
        await call_log.keep(tx, many)
    developer = bureau.people["developer"]
    first = await developer.get("/portal/requests?operation=s2s_withdraw")
    older = re.search(r'href="([^"]+)">Older ones', first.text)
    assert older is not None
    second = await developer.get(older[1].replace("&amp;", "&"))
    assert [page.text.count("<td>s2s_withdraw</td>") for page in (first, second)] == [50, 10]


async def test_nothing_that_opens_a_door_is_kept(bureau: Bureau, caller: Caller) -> None:
    """Neither key, secret, signature, token nor body; also of paths and ids that nobody can print."""
    made = await caller.call("s2s_login", partnerUserId="carol", email="carol@example.com")
    tokens = made.json()["data"]
    user = caller.with_token(tokens["jwtToken"])
    assert (await user.call("c2s_balances")).status_code == 200
    assert (await caller.call("s2s_miners", partnerUserId="\ud800 \x00 x".encode("utf-8", "replace").decode())).is_error
    await written(bureau)
    kept = [row["it"] for row in await bureau.pool.fetch("SELECT api_call::text AS it FROM api_call")]
    assert any("c2s_balances" in one for one in kept)
    hidden = [caller.key, caller.secret, "carol@example.com", tokens["jwtToken"], tokens["refreshToken"]]
    assert [one for one in hidden for each in kept if one and one in each] == []


async def test_what_a_process_keeps_is_bounded(bureau: Bureau) -> None:
    """Of one partner and of all; production keeps no reads that were answered, and 0 days keep nothing."""
    dsn = ""
    calls = Calls(settings_of(dsn))
    for number in range(kept_calls.MOST_OF_A_PARTNER + 5):
        calls.add(answered(bureau.world.partner.id, request_id=f"m{number}", operation="bounded"))
    calls.add(answered(bureau.other.id, operation="bounded"))
    await calls.write_down(bureau.pool)
    count = "SELECT count(*) FROM api_call WHERE operation = 'bounded'"
    assert await bureau.pool.fetchval(count) == kept_calls.MOST_OF_A_PARTNER + 1
    keeps = {
        "sandbox": Calls(settings_of(dsn)),
        "production": Calls(settings_of(dsn, mode="production")),
        "with reads": Calls(settings_of(dsn, mode="production", call_log_reads=True)),
        "off": Calls(settings_of(dsn, call_log_days=0)),
    }
    asked = [("GET", 200), ("POST", 200), ("GET", 401)]
    assert {name: [each.keeps(*one) for one in asked] for name, each in keeps.items()} == {
        "sandbox": [True] * 3,
        "production": [False, True, True],
        "with reads": [True] * 3,
        "off": [False] * 3,
    }


async def test_it_is_written_down_by_itself(bureau: Bureau, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a second; what cannot be written is let go, and what comes then is kept again."""
    monkeypatch.setattr(kept_calls, "FLUSH_SECONDS", 0.01)
    calls = Calls(settings_of(""))
    going = asyncio.create_task(calls.go_on(bureau.pool))
    calls.add(answered(10**9, request_id="of nobody"))
    while calls._kept:
        await asyncio.sleep(0.01)
    calls.add(answered(bureau.world.partner.id, request_id="by-itself"))
    found = "SELECT count(*) FROM api_call WHERE request_id = 'by-itself'"
    while not await bureau.pool.fetchval(found):
        await asyncio.sleep(0.01)
    going.cancel()
    assert await bureau.pool.fetchval("SELECT count(*) FROM api_call WHERE request_id = 'of nobody'") == 0


async def test_what_is_past_is_let_go(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the days that the operator has set, and beyond the most of a partner."""
    pool, partner_id = bureau.pool, bureau.other.id
    await pool.execute("DELETE FROM api_call")
    old = clock.wall_now() - timedelta(days=3)
    async with db.transaction(pool) as tx:
        await call_log.keep(tx, [answered(partner_id, answered_at=old), *(answered(partner_id) for _ in range(5))])
    await housekeeping.housekeeping(pool)
    assert await pool.fetchval("SELECT count(*) FROM api_call") == 6
    await housekeeping.housekeeping(pool, call_log_days=2)
    assert await pool.fetchval("SELECT count(*) FROM api_call") == 5
    monkeypatch.setattr(call_log, "MOST", 3)
    await housekeeping.housekeeping(pool)
    assert await pool.fetchval("SELECT count(*) FROM api_call") == 3
