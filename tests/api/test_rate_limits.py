"""Rate limits at the door: whose budget a request is counted against, what the answer says, and who cannot starve whom.

The application believes its peer's X-Forwarded-For, so that each test calls from addresses of its own.
"""

import asyncio
import datetime as dt
import itertools
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from hashrail import clock, db
from hashrail.access import api_keys
from hashrail.access.rate_budgets import COUNTED_SECONDS
from hashrail.api.serving import limits
from hashrail.cli import main
from hashrail.settings import Settings
from tests.support import patience
from tests.support.api_client import (
    C2S,
    KEY_HEADER,
    MASTER_KEY,
    UNLIMITED,
    Api,
    Caller,
    check_refused,
    gather_all,
    open_shared_api,
)

KEY, USER, ADDRESS = 20, 6, 8
NUMBERS = itertools.count(1)
READ, CATALOGUE, FOR_NOBODY = "s2s_miners", "s2s_collections", "market_collections"


pytestmark = pytest.mark.usefixtures("published")


@pytest.fixture(scope="module")
def settings_changed() -> dict[str, Any]:
    """Limits that a test can reach."""
    return {
        "rate_limit_per_minute": KEY,
        "rate_limit_per_user_per_minute": USER,
        "rate_limit_per_address_per_minute": ADDRESS,
        "trusted_proxies": ["127.0.0.1"],
        "key_cache_seconds": 60,
    }


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refusals are told without a pause."""
    monkeypatch.setattr(limits, "PAUSE_SECONDS", 0)


@pytest.fixture
def here() -> dict[str, str]:
    """An address of this test's own."""
    return at(f"198.51.100.{next(NUMBERS)}")


def at(address: str) -> dict[str, str]:
    return {"X-Forwarded-For": address}


async def read(caller: Caller, here: dict[str, str], operation: str = READ) -> httpx.Response:
    """A signed read, or another operation."""
    fields: dict[str, Any] = {"partnerUserId": "alice"} if operation == READ else {}
    return await caller.call(operation, here, **fields)


async def until_refused(caller: Caller, here: dict[str, str], operation: str = READ) -> int:
    """How many requests are let in before the first 429."""
    for count in range(100):
        if (await read(caller, here, operation)).status_code == 429:
            return count
    raise AssertionError("nothing was refused")


def told(response: httpx.Response) -> tuple[str | None, str | None]:
    return response.headers.get("ratelimit-policy"), response.headers.get("ratelimit")


def check_limited(response: httpx.Response, name: str, requests: int) -> None:
    """A refusal that says what to do, in its headers and in its body."""
    details = check_refused(response, 429, "RATE_LIMITED")
    assert details == {"limit": name, "requestsPerMinute": requests, "retryAfterSeconds": details["retryAfterSeconds"]}
    assert 1 <= details["retryAfterSeconds"] <= COUNTED_SECONDS
    assert response.headers["retry-after"] == str(details["retryAfterSeconds"])
    assert told(response)[0] == f'"{name}";q={requests};w=60'
    assert told(response)[1] == f'"{name}";r=0;t={details["retryAfterSeconds"]}'


# What an answer says


async def test_headers_of_a_good_answer_and_of_a_refusal(api: Api, here: dict[str, str]) -> None:
    await api.user("alice")
    seen = []
    for _ in range(KEY - 1):
        response = await read(api.server, here)
        assert response.status_code == 200
        assert "retry-after" not in response.headers
        assert told(response)[0] == f'"key";q={KEY};w=60'
        seen.append(str(told(response)[1]).split(";"))
    assert [item[:2] for item in seen] == [['"key"', f"r={left}"] for left in range(KEY - 2, -1, -1)]
    assert all(1 <= int(item[2].removeprefix("t=")) <= COUNTED_SECONDS for item in seen)
    check_limited(await read(api.server, here), "key", KEY)


async def test_headers_of_refusals_for_other_reasons(api: Api, here: dict[str, str]) -> None:
    """Not found, no credential, a wrong signature: each names the budget that it was counted against."""
    response = await read(api.server, here)
    check_refused(response, 404, "USER_NOT_FOUND")
    assert told(response)[0] == f'"key";q={KEY};w=60'
    response = await Caller(api.http).call(CATALOGUE, here)
    check_refused(response, 401, "API_KEY_MISSING")
    assert told(response)[0] == f'"address";q={ADDRESS};w=60'
    response = await read(api.server.signing_with("x"), here)
    check_refused(response, 401, "SIGNATURE_MISMATCH")
    assert told(response)[0] == f'"address";q={ADDRESS};w=60, "public-key";q={KEY};w=60'
    assert str(told(response)[1]).startswith(f'"address";r={ADDRESS - 1};t=')
    assert f', "public-key";r={KEY - 1};t=' in str(told(response)[1])


async def test_writes_and_their_repetitions_are_counted(api: Api, here: dict[str, str]) -> None:
    """The headers are those of the moment: they are not kept with the answer."""
    request = api.server.request("s2s_login", here, partnerUserId="alice")
    answers = [await api.server.send_again(request) for _ in range(KEY + 1)]
    assert [answer.status_code for answer in answers] == [200] * KEY + [429]
    assert len({answer.content for answer in answers[:KEY]}) == 1
    assert len({told(answer)[1] for answer in answers[:KEY]}) == KEY
    check_limited(answers[-1], "key", KEY)


async def test_fifty_at_once(api: Api, here: dict[str, str]) -> None:
    answers = await gather_all(*(read(api.server, here) for _ in range(50)))
    assert sorted(answer.status_code for answer in answers) == [404] * KEY + [429] * (50 - KEY)


# Who cannot starve whom


async def test_a_partner_over_its_limit_leaves_another_alone(api: Api, here: dict[str, str]) -> None:
    """From the same address, and while the first goes on."""
    other = await api.another_partner()
    assert await until_refused(api.server, here) == KEY
    answers = await gather_all(*(read(each, here) for _ in range(KEY) for each in (api.server, other.server)))
    assert {answer.status_code for answer in answers[::2]} == {429}
    assert {answer.status_code for answer in answers[1::2]} == {404}


async def test_keys_of_a_partner_have_budgets_of_their_own(api: Api, here: dict[str, str]) -> None:
    assert await until_refused(api.server, here) == KEY
    assert await until_refused(await api.caller(kind="secret"), here) == KEY


async def test_strangers_use_up_their_address_and_nothing_else(api: Api, here: dict[str, str]) -> None:
    """Unknown keys, none, a broken token, operations for everybody: one budget, which no valid key needs."""
    nobody = Caller(api.http)
    unknown = Caller(api.http, f"hrk_{api.world.partner.id}_nothing", "x")
    assert (await read(unknown, here)).status_code == 401
    assert (await read(nobody, here, FOR_NOBODY)).status_code == 200
    assert (await nobody.with_token("nonsense").call("c2s_miners", here)).status_code == 401
    assert (await nobody.http.get(f"{C2S}/nft/find-by-user?a=1&a=2", headers=here)).status_code == 400
    assert (await nobody.call("c2s_check_proof", here)).status_code == 400
    assert await until_refused(unknown, here) == ADDRESS - 5
    for response in (await read(nobody, here, FOR_NOBODY), await read(unknown, here)):
        check_limited(response, "address", ADDRESS)
    assert (await read(nobody, at("198.51.100.250"), FOR_NOBODY)).status_code == 200
    assert await until_refused(api.server, here) == KEY
    user = await (await api.another_partner()).user("alice")
    assert (await user.call("c2s_miners", here)).status_code == 200


async def test_keys_that_may_not_be_used_count_for_the_address(api: Api) -> None:
    """Revoked, expired, from a foreign network: whoever has found such a key cannot use up what its owner needs."""
    callers = [
        await api.caller(expires_at=clock.wall_now() - dt.timedelta(days=1)),
        await api.caller(allowed_ips=(ip_network("203.0.113.0/24"),)),
    ]
    for number, caller in enumerate(callers):
        foreign = at(f"192.0.2.{number}")
        assert await until_refused(caller, foreign) == ADDRESS
        check_limited(await read(caller, foreign), "address", ADDRESS)
    assert await until_refused(callers[1], at("203.0.113.9")) == KEY


async def test_the_public_side_of_a_full_key_cannot_starve_its_server(api: Api) -> None:
    """It stands in the partner's pages, so what anybody can send with it counts by address, and apart."""
    forger, bare = api.server.signing_with("x"), Caller(api.http, api.server.key)
    assert await until_refused(forger, at("192.0.2.10")) == ADDRESS
    check_limited(await forger.call(READ, at("192.0.2.10")), "address", ADDRESS)
    assert await until_refused(bare, at("192.0.2.11"), "c2s_collections") == ADDRESS
    last = at("192.0.2.12")
    assert await until_refused(bare, last, CATALOGUE) == KEY - 2 * ADDRESS
    response = await read(bare, last, CATALOGUE)
    assert check_refused(response, 429, "RATE_LIMITED")["limit"] == "public-key"
    assert [item.split(";")[0] for item in str(told(response)[0]).split(", ")] == ['"address"', '"public-key"']
    assert await until_refused(api.server, last) == KEY


async def test_a_publishable_key_counts_by_address_first(api: Api) -> None:
    """Also where it opens nothing; and each key for itself at a shared address."""
    page, other = await api.caller(kind="publishable"), await api.caller(kind="publishable")
    assert (await read(other, at("192.0.2.20"), CATALOGUE)).status_code == 403
    assert (await read(other.signing_with("x"), at("192.0.2.20"))).status_code == 403
    assert await until_refused(page, at("192.0.2.20"), "c2s_collections") == ADDRESS
    assert await until_refused(other, at("192.0.2.20"), "c2s_collections") == ADDRESS - 2
    assert await until_refused(page, at("192.0.2.21"), "c2s_collections") == ADDRESS
    assert (await read(page, at("192.0.2.20"), "c2s_collections")).status_code == 429
    assert (await read(page, at("192.0.2.22"), "c2s_collections")).status_code == 200


async def test_a_secret_key_is_its_servers(api: Api, here: dict[str, str]) -> None:
    """Its bare calls and wrong signatures count against it, and not against the address."""
    server = await api.caller(kind="secret")
    for _ in range(KEY // 2):
        assert (await read(server, here, CATALOGUE)).status_code == 200
        assert (await read(server.signing_with("x"), here)).status_code == 401
    check_limited(await read(server, here), "key", KEY)
    check_limited(await read(server, here, "c2s_collections"), "key", KEY)
    assert (await read(Caller(api.http), here, FOR_NOBODY)).status_code == 200


async def test_a_user_cannot_starve_his_partner_or_another_user(api: Api, here: dict[str, str]) -> None:
    """Whether the partner's key stands beside his token or not."""
    alice, bob = await api.user("alice"), await api.user("bob")
    for number in range(USER):
        beside = {KEY_HEADER: str(api.server.key)} if number % 2 else {}
        response = await alice.call("c2s_miners", here | beside)
        assert (response.status_code, told(response)[0]) == (200, f'"user";q={USER};w=60')
    check_limited(await alice.call("c2s_miners", here), "user", USER)
    check_limited(await alice.call("c2s_collections", here), "user", USER)
    assert await until_refused(bob, here, "c2s_miners") == USER
    assert await until_refused(api.server, here) == KEY - 2
    assert (await read(Caller(api.http), here, FOR_NOBODY)).status_code == 200


# Addresses


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"),
        ("::ffff:192.0.2.77", "192.0.2.77"),
        ("no address", "none either"),
    ],
)
async def test_addresses_that_are_one_customer(api: Api, first: str, second: str) -> None:
    assert await until_refused(Caller(api.http), at(first), FOR_NOBODY) == ADDRESS
    assert await until_refused(Caller(api.http), at(second), FOR_NOBODY) == 0


async def test_another_network_is_another_customer(api: Api) -> None:
    assert await until_refused(Caller(api.http), at("2001:db8:1:3::1"), FOR_NOBODY) == ADDRESS
    for other in ("2001:db8:1:4::1", "2001:db8:2:3::1"):
        assert (await read(Caller(api.http), at(other), FOR_NOBODY)).status_code == 200


# What an answer costs


async def test_a_large_answer_counts_as_several(
    api: Api, here: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its bytes, of whichever budget the request came; the header says so."""
    await api.user("alice")
    made = await api.key()
    caller = Caller(api.http, made.key, made.secret)
    usual = await read(caller, here)
    assert told(usual)[1] == f'"key";r={KEY - 1};t=62'
    monkeypatch.setattr(limits, "BYTES_OF_A_REQUEST", len(usual.content) // 4)
    dear = await read(caller, here)
    assert dear.status_code == 200
    assert str(told(dear)[1]).startswith(f'"key";r={KEY - 6};t=')
    assert await until_refused(caller, here) == -(-(KEY - 6) // 5)


async def test_what_is_read_for_an_answer_counts_too(
    api: Api, here: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The smallest page of a user's income reads all that the income follows from."""
    alice = await api.user("alice")
    first = await read(alice, here, "c2s_income")
    monkeypatch.setattr(limits, "ROWS_OF_A_REQUEST", 1)
    second = await read(alice, here, "c2s_income")
    rows = await api.world.pool.fetchval("SELECT count(*) FROM stint WHERE partner_id = $1", api.world.partner.id)
    assert (first.status_code, second.status_code) == (200, 200)
    left = [int(str(told(each)[1]).split(";")[1].removeprefix("r=")) for each in (first, second)]
    assert left[0] - left[1] in {1, 1 + rows}


# The limit before the work


async def test_past_the_budget_a_large_request_is_not_read(api: Api, here: dict[str, str]) -> None:
    """A key that stands in every page opens no way to make us read; what is small and signed is still let in."""
    await api.user("alice")
    made = await api.key(kind="full")
    caller = Caller(api.http, made.key, made.secret)
    public = here | {KEY_HEADER: made.key}
    path = "/api/partner/s2s/auth/login"
    large = b"[" + b"1.1," * (limits.LARGE // 4)
    check_refused(await api.http.post(path, content=large, headers=public), 400, "BODY_NOT_JSON")
    wrong = b'{"timestamp":1,"signature":"00"}'
    for _ in range(ADDRESS):
        await api.http.post(path, content=wrong, headers=public)
    for body in (wrong, large):
        refused = await api.http.post(path, content=body, headers=public)
        assert check_refused(refused, 429, "RATE_LIMITED")["limit"] == "address"
        assert int(refused.headers["retry-after"]) > 0
    check_refused(await api.http.post(path, content=large[: limits.LARGE], headers=public), 400, "BODY_NOT_JSON")
    assert (await read(caller, here)).status_code == 200


async def test_who_asks_is_seen_before_something_large(api: Api, here: dict[str, str]) -> None:
    """Without a key, or past a limit, nothing large is parsed."""
    path, large = "/api/partner/s2s/auth/login", b"[" * (limits.LARGE + 1)
    check_refused(await api.http.post(path, content=large, headers=here), 401, "API_KEY_MISSING")
    for _ in range(ADDRESS):
        await api.http.post(path, content=large, headers=here)
    check_refused(await api.http.post(path, content=large, headers=here), 429, "RATE_LIMITED")


async def test_refusals_are_told_a_little_later(
    api: Api, here: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks on and on gets few answers; keys that nobody has are tried slowly, a good one is let in."""
    paused: list[float] = []
    sleep = asyncio.sleep

    async def pause(seconds: float) -> None:
        paused.append(seconds)
        await sleep(0)

    stranger = Caller(api.http)
    await until_refused(stranger, here, FOR_NOBODY)
    monkeypatch.setattr(limits, "PAUSE_SECONDS", 7.5)
    monkeypatch.setattr(asyncio, "sleep", pause)
    assert (await read(stranger, here, FOR_NOBODY)).status_code == 429
    assert paused.count(7.5) == 1
    check_refused(await Caller(api.http, "hrk_1_" + "x" * 32).call(CATALOGUE, here), 429, "RATE_LIMITED")
    assert paused.count(7.5) == 3
    await api.user("alice")
    made = await api.key()
    good = Caller(api.http, made.key, made.secret)
    for _ in range(2):
        assert (await read(good, here)).status_code == 200
    assert paused.count(7.5) == 4


# Limits of the operator


async def test_health_is_not_limited(api: Api, here: dict[str, str]) -> None:
    await until_refused(Caller(api.http), here, FOR_NOBODY)
    for path in ("/healthz", "/readyz"):
        response = await api.http.get(path, headers=here)
        assert (response.status_code, told(response)) == (200, (None, None))


async def test_what_operators_may_set(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = Settings()
    assert [getattr(defaults, name) for name in UNLIMITED] == [6000, 600, 600, 30, 60, 10_000]
    for name in UNLIMITED:
        monkeypatch.setenv(f"HASHRAIL_{name.upper()}", "-1")
        with pytest.raises(ValueError, match="greater than or equal to 0"):
            Settings()
        monkeypatch.setenv(f"HASHRAIL_{name.upper()}", "0")
    assert [getattr(Settings(), name) for name in UNLIMITED] == [0] * len(UNLIMITED)


async def test_no_limit_at_all(server: str, template: str) -> None:
    """Zero switches a limit off: nothing is counted, and no answer speaks of it."""
    async with open_shared_api(server, template) as api:
        await api.world.mine()
        user = await api.user("alice")
        bare = Caller(api.http, api.server.key)
        for caller, operation in ((api.server, READ), (user, "c2s_miners"), (bare, CATALOGUE), (bare, FOR_NOBODY)):
            response = await read(caller, {}, operation)
            assert (response.status_code, told(response)) == (200, (None, None))
        assert told(await read(api.server.signing_with("x"), {})) == (None, None)
        # No operation shows what is counted.
        assert await api.world.pool.fetchval("SELECT count(*) FROM rate_budget") == 0


# Limits of a key


async def limit(api: Api, key_id: int, requests: int | None) -> None:
    async with db.transaction(api.world.pool) as tx:
        await api_keys.limit_key(tx, partner_id=api.world.partner.id, key_id=key_id, requests_per_minute=requests)


async def until_told(caller: Caller, here: dict[str, str], policy: str | None) -> None:
    """Until the process has heard of a change; it trusts what it read for a minute otherwise."""
    deadline = clock.monotonic() + patience.SECONDS
    while told(response := await read(caller, here))[0] != policy:
        assert clock.monotonic() < deadline, told(response)
        await asyncio.sleep(0.01)


async def test_a_key_may_have_a_limit_of_its_own(api: Api, here: dict[str, str]) -> None:
    """Each change is announced; what was spent stays spent."""
    made = await api.key()
    caller = Caller(api.http, made.key, made.secret)
    assert (await read(caller, here)).headers["ratelimit-policy"] == f'"key";q={KEY};w=60'
    await limit(api, made.key_id, 4)
    await until_told(caller, here, '"key";q=4;w=60')
    await until_refused(caller, here)
    check_limited(await read(caller, here), "key", 4)
    await limit(api, made.key_id, 0)
    await until_told(caller, here, None)
    assert {(await read(caller, here)).status_code for _ in range(KEY + 1)} == {404}
    await limit(api, made.key_id, None)
    await until_told(caller, here, f'"key";q={KEY};w=60')


async def test_another_partners_key_cannot_be_limited(api: Api) -> None:
    other, made = await api.another_partner(), await api.key()
    with pytest.raises(api_keys.KeyNotFoundError):
        await limit(other, made.key_id, 0)


async def test_the_command(api: Api, deployment: Api) -> None:
    """It is written to the key, listed, and bounded."""
    made, pool = await api.key(), api.world.pool
    dsn = deployment.deployment.settings.database_url

    async def run(*words: str) -> tuple[int, str]:
        environment = {"DATABASE_URL": str(dsn), "HASHRAIL_MASTER_KEYS": MASTER_KEY, "COLUMNS": "300"}
        arguments = ["partner", "key", *words, "--partner", str(api.world.partner.id)]
        done = await asyncio.to_thread(CliRunner().invoke, main.app, arguments, env=environment)
        return done.exit_code, done.stdout or done.stderr

    async def limit() -> int | None:
        async with db.snapshot(pool) as tx:
            found: int | None = (await api_keys.list_keys(tx, api.world.partner.id))[-1]["requests_per_minute"]
            return found

    number = str(made.key_id)
    assert await run("limit", number, "--per-minute", "1234") == (
        0,
        f"Key {number} may make 1234 requests a minute.\n",
    )
    assert await limit() == 1234
    assert "1234" in (await run("list"))[1]
    assert (await run("limit", number, "--per-minute", "-1"))[0] == 2
    assert "KEY_NOT_FOUND" in (await run("limit", "99999999", "--per-minute", "1"))[1]
    assert await run("limit", number, "--per-minute", "0") == (
        0,
        f"Key {number} may make any number of requests a minute.\n",
    )
    assert await limit() == 0
    assert await run("limit", number) == (0, f"Key {number} has the deployment's limit.\n")
    assert await limit() is None
