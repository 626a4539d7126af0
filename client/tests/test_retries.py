"""Sending again: what, how often, after which pause, and what the caller is told in the end, on a scripted network."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from peers import BASE, KEY, NOW, SECRET

from hashrail_client import (
    NO_RETRIES,
    AnswerLostError,
    AnswerTimeoutError,
    AsyncHashrail,
    BadRequestError,
    ConnectionFailedError,
    Hashrail,
    HashrailApiError,
    HashrailError,
    NetworkError,
    NotTheApiError,
    RateLimitedError,
    Retries,
    UnavailableError,
)
from hashrail_client.signing import read_body

Fault = Callable[[httpx.Request], httpx.Response]


def refusal(status: int, code: str = "X", **headers: str) -> Fault:
    return lambda _: httpx.Response(status, json={"error": code, "message": "m", "details": {}}, headers=headers)


def breaks(kind: type[httpx.RequestError]) -> Fault:
    def fail(request: httpx.Request) -> httpx.Response:
        raise kind("broken", request=request)

    return fail


@dataclass
class Line:
    """A network that does these things one after another, and then works."""

    does: list[Fault]
    seen: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        if self.does:
            return self.does.pop(0)(request)
        return httpx.Response(200, json={"data": True})

    @property
    def keys(self) -> list[str]:
        return [each.headers["Idempotency-Key"] for each in self.seen]


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The pauses that were made; none of them takes time."""
    made: list[Any] = []

    async def sleep(seconds: object) -> None:
        made.append(seconds)

    monkeypatch.setattr("hashrail_client.sending.time.sleep", made.append)
    monkeypatch.setattr("hashrail_client.sending.asyncio.sleep", sleep)
    return made


async def pays(kind: str, line: Line, **options: Any) -> bool:
    """The same write through either client, each attempt signed a second later."""
    moments: Iterator[int] = iter(range(NOW, NOW + 100_000, 1000))
    given: dict[str, Any] = {"clock": lambda: next(moments), "transport": httpx.MockTransport(line)} | options
    if kind == "blocking":
        with Hashrail(BASE, KEY, SECRET, **given) as client:
            return client.payments.success("o", 1, idempotency_key="k")
    async with AsyncHashrail(BASE, KEY, SECRET, **given) as awaited:
        return await awaited.payments.success("o", 1, idempotency_key="k")


@pytest.mark.parametrize(
    "fault",
    [
        *(refusal(429), refusal(503), refusal(503, "UNKNOWN_OUTCOME")),
        lambda _: httpx.Response(503, text="<html>"),
        *map(breaks, (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError, httpx.ReadTimeout)),
        *map(breaks, (httpx.ConnectTimeout, httpx.WriteError, httpx.PoolTimeout)),
    ],
)
async def test_what_passes_is_sent_again_under_its_key_and_signed_anew(
    kind: str, fault: Fault, pauses: list[Any]
) -> None:
    line = Line([fault, fault])
    assert await pays(kind, line) is True
    assert line.keys == ["k", "k", "k"]
    assert [read_body(each.content).timestamp for each in line.seen] == [NOW, NOW + 1000, NOW + 2000]
    assert len({read_body(each.content).signature for each in line.seen}) == 3
    assert len(pauses) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 500, 502, 504])
async def test_everything_else_is_told_at_once(kind: str, status: int, pauses: list[Any]) -> None:
    line = Line([refusal(status)])
    with pytest.raises(HashrailApiError) as caught:
        await pays(kind, line)
    assert (caught.value.status, caught.value.idempotency_key, caught.value.may_be_done) == (status, "k", False)
    assert (len(line.seen), pauses) == (1, [])


async def test_pauses_grow_and_differ_and_what_the_server_asks_is_waited_for(kind: str, pauses: list[Any]) -> None:
    line = Line([refusal(503), refusal(503), refusal(503), refusal(429, "RATE_LIMITED", **{"Retry-After": "7"})])
    retries = Retries(count=4, first_pause_seconds=4, longest_pause_seconds=10)
    assert await pays(kind, line, retries=retries) is True
    bounds = [(2, 4), (4, 8), (5, 10), (7, 7)]
    assert all(low <= pause <= high for pause, (low, high) in zip(pauses, bounds, strict=True))
    assert pauses[0] != 4


async def test_the_last_error_is_told(kind: str, pauses: list[Any]) -> None:
    line = Line([refusal(429, "RATE_LIMITED", **{"Retry-After": "7"})] * 3)
    with pytest.raises(RateLimitedError) as caught:
        await pays(kind, line)
    assert (caught.value.retry_after_seconds, caught.value.idempotency_key) == (7, "k")
    assert (len(line.seen), pauses) == (3, [7, 7])


async def test_nobody_waits_beyond_the_deadline(kind: str, pauses: list[Any]) -> None:
    """An answer that asks for more is told at once; and no attempt may wait for longer than what is left."""
    line = Line([refusal(503, "BUSY", **{"Retry-After": "60"})])
    with pytest.raises(UnavailableError) as caught:
        await pays(kind, line, retries=Retries(deadline_seconds=20))
    assert (caught.value.retry_after_seconds, len(line.seen), pauses) == (60, 1, [])
    assert 19 < line.seen[0].extensions["timeout"]["read"] <= 20


@pytest.mark.parametrize(
    ("fault", "told", "may_be_done"),
    [
        (httpx.ConnectError, ConnectionFailedError, False),
        (httpx.ConnectTimeout, ConnectionFailedError, False),
        (httpx.PoolTimeout, ConnectionFailedError, False),
        (httpx.ReadError, AnswerLostError, True),
        (httpx.RemoteProtocolError, AnswerLostError, True),
        (httpx.WriteError, AnswerLostError, True),
        (httpx.DecodingError, AnswerLostError, True),
        (httpx.ReadTimeout, AnswerTimeoutError, True),
    ],
)
async def test_network_failures_have_a_tree_of_their_own(
    kind: str, fault: type[httpx.RequestError], told: type[NetworkError], may_be_done: bool
) -> None:
    line = Line([breaks(fault)])
    with pytest.raises(told) as caught:
        await pays(kind, line, retries=NO_RETRIES)
    error = caught.value
    assert (type(error), error.idempotency_key, error.may_be_done) == (told, "k", may_be_done)
    assert isinstance(error, HashrailError)
    assert isinstance(error.__cause__, fault)
    assert str(error) == f"{fault.__name__}: broken"


async def test_an_attempt_that_may_have_been_done_is_not_forgotten(kind: str, pauses: list[Any]) -> None:
    """The answer was lost and then nobody was there: who is told "nothing was sent" would pay twice."""
    line = Line([breaks(httpx.ReadError), breaks(httpx.ConnectError), breaks(httpx.ConnectError)])
    with pytest.raises(AnswerLostError, match="an earlier attempt was not answered") as caught:
        await pays(kind, line)
    assert caught.value.may_be_done
    line = Line([breaks(httpx.ReadError), refusal(400)])
    with pytest.raises(BadRequestError) as refused:
        await pays(kind, line)
    assert refused.value.may_be_done
    line = Line([refusal(503, "UNKNOWN_OUTCOME")] * 3)
    with pytest.raises(UnavailableError) as unknown:
        await pays(kind, line)
    assert (unknown.value.may_be_done, unknown.value.idempotency_key) == (True, "k")


async def test_a_proxy_does_not_know_what_was_done(kind: str, pauses: list[Any]) -> None:
    line = Line([lambda _: httpx.Response(504, text="<html>gateway timeout")])
    with pytest.raises(NotTheApiError) as caught:
        await pays(kind, line)
    assert (caught.value.status, caught.value.may_be_done, caught.value.idempotency_key) == (504, True, "k")
    assert len(line.seen) == 1


def test_reads_are_sent_again_too_and_have_no_key(pauses: list[Any]) -> None:
    line = Line([breaks(httpx.ReadTimeout)] * 3)
    with Hashrail(BASE, KEY, SECRET, transport=httpx.MockTransport(line)) as client:
        with pytest.raises(AnswerTimeoutError) as caught:
            client.collections.list()
        assert client.collections.list()
    assert (caught.value.idempotency_key, caught.value.may_be_done, len(line.seen)) == (None, False, 4)


def test_a_key_of_its_own_is_kept_over_all_attempts(pauses: list[Any]) -> None:
    line = Line([breaks(httpx.ReadError)] * 3)
    with Hashrail(BASE, KEY, SECRET, transport=httpx.MockTransport(line)) as client:
        with pytest.raises(AnswerLostError) as caught:
            client.payments.success("o", 1)
        assert client.payments.success("o", 1, idempotency_key=caught.value.idempotency_key)
    assert len(set(line.keys)) == 1
    assert len(line.keys) == 4
