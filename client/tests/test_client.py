"""The SDK against a peer that checks signatures as the API does; httpx's transport is the seam."""

import copy
import datetime as dt
import inspect
import json
import re
import uuid
from collections.abc import Callable
from decimal import Decimal
from itertools import product
from typing import Any

import httpx
import pytest
from peers import BASE, KEY, NOW, SECRET, UNSIGNED, Call, Peer, ask

import hashrail_client
from hashrail_client import (
    AsyncHashrail,
    AsyncUserHashrail,
    Hashrail,
    HashrailApiError,
    NotTheApiError,
    SignatureAuth,
    TokenPair,
)
from hashrail_client.calls import Paths
from hashrail_client.clock import wall_millis
from hashrail_client.operations import NOUNS, OPERATIONS, query_text
from hashrail_client.signing import read_body, read_query
from hashrail_client.user_operations import USER_OPERATIONS
from hashrail_client.verbs import Verbs

DAY = dt.datetime(2026, 1, 1, 2, 0, 0, 123000, tzinfo=dt.timezone(dt.timedelta(hours=2)))
CALLS: list[tuple[Call, str, str, dict[str, object]]] = [
    (lambda c: c.users.login("u"), "POST", "/s2s/auth/login", {"partnerUserId": "u"}),
    (lambda c: c.users.login("u", email="e@x"), "POST", "/s2s/auth/login", {"partnerUserId": "u", "email": "e@x"}),
    (lambda c: c.users.refresh("t"), "POST", "/s2s/auth/refresh", {"refreshToken": "t"}),
    (lambda c: c.ton.generate_payload("partner-1"), "POST", "/c2s/auth/generate-payload", {"partnerId": "partner-1"}),
    (lambda c: c.ton.check_proof({"account": {"chain": "-239"}}), "POST", "/c2s/auth/check-proof",
     {"tonWallet": {"account": {"chain": "-239"}}}),
    (lambda c: c.ton.refresh("t"), "POST", "/c2s/auth/refresh", {"refreshToken": "t"}),
    (lambda c: c.users.statistics("a b/é"), "GET", "/s2s/user/get-statistics", {"partnerUserId": "a b/é"}),
    (lambda c: c.miners.list("u"), "GET", "/s2s/nft/find-by-user", {"partnerUserId": "u"}),
    (lambda c: c.miners.list("u&v=1", limit=5, offset=0), "GET", "/s2s/nft/find-by-user",
     {"partnerUserId": "u&v=1", "limit": "5", "offset": "0"}),
    (lambda c: c.collections.list(), "GET", "/s2s/nft-collection/find-all-generative", {}),
    (lambda c: c.payments.create(7, 8, "o"), "POST", "/s2s/nft-payment/create",
     {"userId": 7, "nftCollectionId": 8, "externalId": "o"}),
    (lambda c: c.payments.success(external_id="o", user_id=7), "POST", "/s2s/nft-payment/success",
     {"externalId": "o", "userId": 7}),
    (lambda c: c.income.per_th(), "POST", "/s2s/income-statistic/get-income-per-th", {}),
    (lambda c: c.income.list("u", limit=1), "GET", "/s2s/nft-income/find-by-user",
     {"partnerUserId": "u", "limit": "1"}),
    (lambda c: c.balances.list("u"), "GET", "/s2s/wallet/get-balances", {"partnerUserId": "u"}),
    (lambda c: c.miners.transfer("u", 1001, "v"), "POST", "/s2s/nft/transfer",
     {"partnerUserId": "u", "nftId": 1001, "toPartnerUserId": "v"}),
    (lambda c: c.payments.get("o"), "GET", "/s2s/nft-payment/find-one", {"externalId": "o"}),
    (lambda c: c.upgrades.price("nftPowerUpgrade", 1001, Decimal("1.5"), 2), "GET", "/s2s/nft-upgrade/calculate-price",
     {"type": "nftPowerUpgrade", "nftId": "1001", "from": "1.5", "to": "2"}),
    (lambda c: c.upgrades.create({"type": "nftPowerUpgrade", "nftId": 1, "fromPower": 1, "toPower": Decimal("2.5")}),
     "POST", "/s2s/nft-upgrade/create",
     {"data": {"type": "nftPowerUpgrade", "nftId": 1, "fromPower": 1, "toPower": Decimal("2.5")}}),
    (lambda c: c.upgrades.list(cursor="WzEsMV0"), "GET", "/s2s/nft-upgrade/find-all", {"cursor": "WzEsMV0"}),
    (lambda c: c.statement.lines(DAY, DAY, limit=5), "GET", "/s2s/partner/get-statement",
     {"startDate": "2026-01-01T00:00:00.123Z", "endDate": "2026-01-01T00:00:00.123Z", "limit": "5"}),
    (lambda c: c.exports.create("income", "csv", DAY, DAY), "POST", "/s2s/export/create",
     {"kind": "income", "format": "csv", "startDate": "2026-01-01T00:00:00.123Z",
      "endDate": "2026-01-01T00:00:00.123Z"}),
    (lambda c: c.payments.list(state="issued", changed_since=7), "GET", "/s2s/nft-payment/find-all",
     {"state": "issued", "changedSince": "7"}),
    (lambda c: c.users.list(state="blocked", changed_since=7), "GET", "/s2s/user/find-all",
     {"state": "blocked", "changedSince": "7"}),
    (lambda c: c.balances.of_all(currency="BTC", changed_since=7), "GET", "/s2s/wallet/find-all",
     {"currency": "BTC", "changedSince": "7"}),
    (lambda c: c.statement.days(DAY, DAY), "GET", "/s2s/partner/get-totals",
     {"startDate": "2026-01-01T00:00:00.123Z", "endDate": "2026-01-01T00:00:00.123Z"}),
    (lambda c: c.exports.get(7), "GET", "/s2s/export/find-one", {"id": "7"}),
    (lambda c: c.exports.list(limit=5), "GET", "/s2s/export/find-all", {"limit": "5"}),
    (lambda c: c.exchange.prices(), "GET", "/s2s/exchanges/get-prices", {}),
    (lambda c: c.wallets.bind("u", "bc1"), "POST", "/s2s/wallet/bind", {"partnerUserId": "u", "address": "bc1"}),
    (lambda c: c.wallets.list("u"), "GET", "/s2s/wallet/find-by-user", {"partnerUserId": "u"}),
    (lambda c: c.withdrawals.terms("u"), "GET", "/s2s/income-withdraw/get-commission", {"partnerUserId": "u"}),
    (lambda c: c.withdrawals.get(7), "GET", "/s2s/income-withdraw/find-one", {"id": "7"}),
    (lambda c: c.withdrawals.list(partner_user_id="u", limit=2), "GET", "/s2s/income-withdraw/find-all",
     {"partnerUserId": "u", "limit": "2"}),
    (lambda c: c.withdrawals.cancel(7), "POST", "/s2s/income-withdraw/cancel", {"id": 7}),
]  # fmt: skip


@pytest.mark.parametrize(("call", "method", "path", "fields"), CALLS)
async def test_calls(kind: str, call: Call, method: str, path: str, fields: dict[str, object]) -> None:
    peer = Peer(answer={"array": []})
    assert await ask(kind, peer, call) == {"array": []}
    assert (peer.request.method, peer.request.url.path) == (method, f"/api/partner{path}")
    assert peer.request.url.host == "hashrail.example"
    assert peer.request.headers["X-PARTNER-API-KEY"] == KEY
    sent = read_query(peer.request.url.query) if method == "GET" else read_body(peer.request.content)
    assert sent.fields == fields
    assert sent.recv_window is None
    signed = peer.request.url.path not in UNSIGNED
    assert (sent.signature is not None, sent.timestamp) == (signed, NOW if signed else None)
    if method == "POST":
        assert peer.request.headers["Content-Type"] == "application/json"
        assert peer.request.headers["Content-Length"] == str(len(peer.request.content))
        assert uuid.UUID(peer.request.headers["Idempotency-Key"]).version == 4
    else:
        assert "Idempotency-Key" not in peer.request.headers
        assert "Content-Length" not in peer.request.headers


@pytest.mark.parametrize(("verb", "path"), [("create", "create-order"), ("create_fast", "create-instant")])
async def test_a_withdrawal_is_known_by_its_number(kind: str, verb: str, path: str) -> None:
    """The contract answers true; the number stands in a header."""
    peer = Peer(headers={"X-Withdrawal-Id": "4711"})
    made = await ask(kind, peer, lambda c: getattr(c.withdrawals, verb)("u", "bc1", Decimal("0.00010000")))
    assert made == 4711
    assert peer.request.url.path == f"/api/partner/s2s/income-withdraw/{path}"
    sent = read_body(peer.request.content)
    assert sent.fields == {"partnerUserId": "u", "walletAddress": "bc1", "amount": Decimal("0.0001")}


async def test_income_by_day_answers_the_count_too(kind: str) -> None:
    peer = Peer(answer=[])

    def call(client: Hashrail | AsyncHashrail) -> Any:
        return client.income.by_day("u", DAY, "2026-02-01T00:00:00Z", limit=3, include_incomes_by_nfts=True)

    peer.raw = b'{"data": [{"reward": 6.6e-7}], "totalCount": 10}'
    assert await ask(kind, peer, call) == {"data": [{"reward": Decimal("6.6E-7")}], "totalCount": 10}
    assert peer.request.url.path == "/api/partner/s2s/nft-income/find-aggregated-by-date"
    assert read_query(peer.request.url.query).fields == {
        "partnerUserId": "u",
        "startDate": "2026-01-01T00:00:00.123Z",
        "endDate": "2026-02-01T00:00:00Z",
        "limit": "3",
        "includeIncomesByNfts": "true",
    }


async def test_numbers_stay_exact(kind: str) -> None:
    peer = Peer(raw=b'{"data": {"a": 0.10000000000000000001, "b": 12, "c": 1E-8}}')
    answer = await ask(kind, peer, lambda c: c.income.per_th())
    assert answer == {"a": Decimal("0.10000000000000000001"), "b": 12, "c": Decimal("0.00000001")}
    assert [type(value) for value in answer.values()] == [Decimal, int, Decimal]


async def test_the_clock_is_corrected_once(kind: str) -> None:
    for off_by in (-3_600_000, 3_600_000):
        peer = Peer()
        client: list[Hashrail | AsyncHashrail] = []

        def call(c: Hashrail | AsyncHashrail, client: list[Hashrail | AsyncHashrail] = client) -> Any:
            client.append(c)
            return c.users.login("u", idempotency_key="one")

        assert await ask(kind, peer, call, clock=lambda off_by=off_by: NOW + off_by) is True
        assert client[0].auth.skew_ms == -off_by
        assert [request.headers["Idempotency-Key"] for request in peer.seen] == ["one", "one"]
        assert [read_body(request.content).timestamp for request in peer.seen] == [NOW + off_by, NOW]


async def test_a_corrected_clock_stays_corrected() -> None:
    peer = Peer()
    with Hashrail(BASE, KEY, SECRET, transport=httpx.MockTransport(peer), clock=lambda: NOW + 9000) as client:
        client.miners.list("u")
        client.miners.list("u")
    assert len(peer.seen) == 3


async def test_a_clock_that_stays_wrong_is_an_error(kind: str) -> None:
    ticks = iter((NOW - 9000, NOW, NOW - 9000))
    peer = Peer()
    with pytest.raises(HashrailApiError, match="401 TIMESTAMP_EXPIRED") as caught:
        await ask(kind, peer, lambda c: c.miners.list("u"), clock=lambda: next(ticks))
    assert caught.value.details == {"serverTime": NOW, "skewMs": -9000, "recvWindow": 5000}
    assert len(peer.seen) == 2


@pytest.mark.parametrize(
    ("code", "details"),
    [("SIGNATURE_MISMATCH", {"serverTime": 5}), ("TIMESTAMP_AHEAD", {}), ("TIMESTAMP_AHEAD", {"serverTime": "5"})],
)
async def test_other_errors_are_not_sent_again(kind: str, code: str, details: dict[str, object]) -> None:
    raw = json.dumps({"statusCode": 401, "error": code, "message": "m", "requestId": "r1", "details": details}).encode()
    peer = Peer(status=401, raw=raw)
    with pytest.raises(HashrailApiError) as caught:
        await ask(kind, peer, lambda c: c.miners.list("u"))
    assert caught.value.code == code
    assert len(peer.seen) == 1


async def test_a_success_that_looks_like_a_clock_fault_is_a_success(kind: str) -> None:
    peer = Peer(raw=b'{"data": 1, "error": "TIMESTAMP_AHEAD", "details": {"serverTime": 5}}')
    assert await ask(kind, peer, lambda c: c.miners.list("u")) == 1
    assert len(peer.seen) == 1


async def test_errors_carry_everything(kind: str) -> None:
    raw = b'{"statusCode":409,"error":"ORDER_EXPIRED","message":"too late","requestId":"r1","details":{"fee":0.10}}'
    with pytest.raises(HashrailApiError) as caught:
        await ask(kind, Peer(status=409, raw=raw), lambda c: c.payments.success("o", 1))
    error = caught.value
    assert (error.status, error.code, error.message, error.request_id) == (409, "ORDER_EXPIRED", "too late", "r1")
    assert error.details == {"fee": Decimal("0.10")}
    assert str(error) == "409 ORDER_EXPIRED: too late"


@pytest.mark.parametrize(
    ("status", "raw", "code", "message"),
    [
        (400, b'{"error": "BAD", "details": []}', "BAD", ""),
        (502, b"<html>", "NOT_THE_API", "the answer is not the API's (text/x)"),
        (502, b"\xff", "NOT_THE_API", "the answer is not the API's (text/x)"),
        (502, b"[]", "NOT_THE_API", "the answer is not the API's (text/x)"),
        (404, b'{"error": 5}', "NOT_THE_API", "the answer is not the API's (text/x)"),
        (302, b"", "NOT_THE_API", "the answer is not the API's (text/x)"),
        (200, b"<html>", "NOT_THE_API", "the answer is not the API's (text/x)"),
        (200, b'{"fine": 1}', "NOT_THE_API", "the answer is not the API's (text/x)"),
    ],
)
async def test_strange_answers_are_errors(kind: str, status: int, raw: bytes, code: str, message: str) -> None:
    with pytest.raises(HashrailApiError) as caught:
        await ask(kind, Peer(status=status, raw=raw), lambda c: c.collections.list())
    error = caught.value
    assert isinstance(error, NotTheApiError) is (code == "NOT_THE_API")
    assert (error.status, error.code, error.message, error.request_id, error.details) == (
        status,
        code,
        message,
        "r2",
        {},
    )


async def test_the_window_is_sent_when_asked_for(kind: str) -> None:
    for call in (lambda c: c.miners.list("u"), lambda c: c.users.login("u")):
        peer = Peer(now=NOW + 50_000)
        assert await ask(kind, peer, call, recv_window_ms=50_000) is True
        sent = read_query(peer.request.url.query) if peer.request.method == "GET" else read_body(peer.request.content)
        assert sent.recv_window == 50_000


async def test_timeouts_reach_the_transport(kind: str) -> None:
    for options, seconds in (({}, 30), ({"timeout_seconds": 7}, 7)):
        peer = Peer()
        await ask(kind, peer, lambda c: c.miners.list("u"), BASE, **options)
        assert peer.request.extensions["timeout"] == dict.fromkeys(("connect", "read", "write", "pool"), seconds)


def test_the_auth_serves_any_httpx_client() -> None:
    peer = Peer(answer=5)
    with httpx.Client(auth=SignatureAuth(KEY, SECRET, clock=lambda: NOW), transport=httpx.MockTransport(peer)) as http:
        assert http.get(f"{BASE}/x", params={"q": "a b+é'/:@!~"}).json() == {"data": 5}
        assert http.get(f"{BASE}/x").json() == {"data": 5}
        amount = b'{"amount": 0.10000000000000000001}'
        assert http.post(f"{BASE}/x", content=amount).json() == {"data": 5}
    assert peer.seen[0].headers["X-PARTNER-API-KEY"] == KEY
    assert read_body(peer.seen[2].content).fields == {"amount": Decimal("0.10000000000000000001")}


def test_the_auth_reads_streams_in_both_directions() -> None:
    peer = Peer()

    def stream(request: httpx.Request) -> httpx.Response:
        answer = peer(request)
        return httpx.Response(answer.status_code, content=iter([answer.content]))

    auth = SignatureAuth(KEY, SECRET, clock=lambda: NOW + 9000)
    with httpx.Client(auth=auth, transport=httpx.MockTransport(stream)) as http:
        assert http.post(f"{BASE}/x", content=iter([b'{"a"', b":1}"])).json() == {"data": True}
    assert [read_body(request.content).fields for request in peer.seen] == [{"a": 1}, {"a": 1}]
    assert "Transfer-Encoding" not in peer.seen[1].headers
    assert peer.seen[1].headers["Content-Length"] == str(len(peer.seen[1].content))


def test_the_default_clock_is_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time_ns", lambda: NOW * 1_000_000 + 999_999)
    assert wall_millis() == NOW
    peer = Peer()
    with Hashrail(BASE, KEY, SECRET, transport=httpx.MockTransport(peer)) as client:
        client.miners.list("u")
    assert read_query(peer.request.url.query).timestamp == NOW


def test_the_connections_are_given_back() -> None:
    client = Hashrail(BASE, KEY, SECRET, transport=httpx.MockTransport(Peer()))
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        client.miners.list("u")


async def test_the_async_connections_are_given_back() -> None:
    client = AsyncHashrail(BASE, KEY, SECRET, transport=httpx.MockTransport(Peer()))
    await client.close()
    with pytest.raises(RuntimeError, match="closed"):
        await client.miners.list("u")


async def test_every_row_of_the_tables_is_a_verb_of_both_clients() -> None:
    blocking, awaited = Hashrail(BASE, KEY, SECRET), AsyncHashrail(BASE, KEY, SECRET)
    tokens: TokenPair = {"jwtToken": "j", "refreshToken": "r"}
    for rows, clients in (
        (OPERATIONS, (blocking, awaited)),
        (USER_OPERATIONS, (blocking.as_user(tokens), awaited.as_user(tokens))),
    ):
        for row, client in product(rows, clients):
            verb = getattr(getattr(client, row.noun), row.verb)
            assert " ".join(verb.__doc__.split()) == row.teaches
            has = [(each.name, each.kind, each.default) for each in inspect.signature(verb).parameters.values()]
            assert has == [(each.name, each.kind, each.default) for each in row.signature.parameters.values()]
            assert inspect.iscoroutinefunction(verb) is isinstance(client, AsyncHashrail | AsyncUserHashrail)
        assert len({(row.noun, row.verb) for row in rows}) == len(rows)
    blocking.close()
    await awaited.close()
    assert len({(row.method, row.whole_path) for row in OPERATIONS}) == len(OPERATIONS)
    assert {row.noun for row in OPERATIONS} == set(NOUNS)


def test_what_the_package_shows_is_there() -> None:
    for name in hashrail_client.__all__:
        assert getattr(hashrail_client, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Hashrial'"):
        hashrail_client.Hashrial  # type: ignore[attr-defined]  # noqa: B018


def test_mistakes_are_told_before_anything_is_sent() -> None:
    """As mypy does, for whoever does without."""
    peer = Peer()
    with Hashrail(BASE, KEY, SECRET, transport=httpx.MockTransport(peer)) as typed:
        client: Any = typed
        with pytest.raises(AttributeError, match="there is no buy here, but create, get, list, success"):
            client.payments.buy()
        mistakes: tuple[Callable[[], Any], ...] = (
            client.miners.list,
            lambda: client.miners.list("u", 5),
            lambda: client.miners.list("u", page=2),
            lambda: client.miners.list("u", idempotency_key="k"),
            lambda: client.miners.list(1.5),
            lambda: client.users.login(1.5),
        )
        for call in mistakes:
            with pytest.raises(TypeError):
                call()
    assert peer.seen == []
    assert copy.copy(client.payments).create.__name__ == "create"
    assert isinstance(typed.payments, Verbs)


def test_what_a_query_can_carry() -> None:
    assert [query_text(value) for value in (True, False, 5, "x", Decimal("1E-7"))] == [
        "true",
        "false",
        "5",
        "x",
        "0.0000001",
    ]
    for value in (DAY.replace(tzinfo=None), None, 1.5, b"x"):
        with pytest.raises(TypeError):
            query_text(value)


# Other servers of the contract


async def test_a_server_may_have_its_operations_elsewhere(kind: str) -> None:
    """Below a path of its own, and single ones under other paths; all else is as it was."""
    peer = Peer(answer={"array": []})
    options: dict[str, Any] = {"paths": {"s2s_miners": "/v2/miners"}, "base": f"{BASE}/mining/"}
    await ask(kind, peer, lambda c: c.miners.list("u"), **options)
    await ask(kind, peer, lambda c: c.wallets.list("u"), **options)
    paths = [each.url.path for each in peer.seen]
    assert paths == ["/mining/v2/miners", "/mining/api/partner/s2s/wallet/find-by-user"]
    assert all("signature" in each.url.params for each in peer.seen)


def test_the_paths_of_users_and_of_files_may_differ_too() -> None:
    assert Paths({"c2s_miners": "/m"}).of("c2s_miners") == "/m"
    assert Paths({"s2s_export_content": "/f"}).of("s2s_export_content") == "/f"
    assert Paths().of("sandbox_advance") == "/api/sandbox/advance"


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ({"s2s_minres": "/m"}, "s2s_minres is no operation that the SDK calls"),
        ({"s2s_miners": "m"}, "the path of s2s_miners has to start with / and to hold no query"),
        ({"s2s_miners": "/m?a=1"}, "the path of s2s_miners has to start with / and to hold no query"),
    ],
)
def test_wrong_paths_are_told_before_anything_is_sent(paths: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        Hashrail(BASE, KEY, SECRET, paths=paths)


@pytest.mark.parametrize("headers", [{}, {"X-Withdrawal-Id": "none"}])
async def test_a_withdrawal_without_a_number_is_made_all_the_same(kind: str, headers: dict[str, str]) -> None:
    """A server that knows only the contract tells none."""
    peer = Peer(headers=headers)
    assert await ask(kind, peer, lambda c: c.withdrawals.create("u", "bc1", Decimal("0.0001"))) is None
