"""An attempt, over real HTTP: what is signed, and what each answer means."""

import asyncio
import datetime as dt
import json
from decimal import Decimal

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from hashrail.events import schedule
from hashrail.events.endpoints import new_secret
from hashrail.events.feed import Told
from hashrail.events.sending import MOST_WAIT, Sender, body, headers
from hashrail.events.targets import Rules
from tests.support.hooked import HookReceiver, hooked

AT = dt.datetime(2026, 3, 1, 12, 0, tzinfo=dt.UTC)
EVENT = Told(7, "ab" * 16, "order.created", 1, "order", "one", 2, '{"valueUsd":0.10000000000000000001}', AT)
SANDBOX = Rules(anywhere=True)


def test_signature_of_the_specification() -> None:
    """The example of the specification's libraries."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    at = dt.datetime.fromtimestamp(1614265330, dt.UTC)
    named = dict(headers([secret], "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}'))
    assert named["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert named["webhook-timestamp"] == "1614265330"


async def test_the_receivers_own_library_verifies() -> None:
    """By the new secret as by the old one, not by a third; and every digit is there."""
    new, old = new_secret(), new_secret()
    with hooked() as receiver:
        sender = Sender(SANDBOX)
        outcome = await sender.send(receiver.url(), [new, old], EVENT)
        await sender.close()
    assert outcome.is_delivered
    (hook,) = receiver.hooks
    for secret in (new, old):
        Webhook(secret).verify(hook.body, hook.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(hook.body, hook.headers)
    told = json.loads(hook.body, parse_float=Decimal)
    assert told["type"] == "order.created"
    assert told["timestamp"] == "2026-03-01T12:00:00.000Z"
    assert told["data"]["data"]["valueUsd"] == Decimal("0.10000000000000000001")
    assert hook.headers["webhook-id"] == EVENT.name
    assert hook.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert hook.body == body(EVENT)


async def attempt(receiver: HookReceiver, status: int, seconds: float = 15) -> tuple[bool, int | None, str | None]:
    """How an attempt ends that is answered so."""
    receiver.answer = lambda _: status
    sender = Sender(SANDBOX, seconds=seconds)
    outcome = await sender.send(receiver.url(), [new_secret()], EVENT)
    await sender.close()
    assert outcome.is_gone == (status == 410)
    return outcome.is_delivered, outcome.status, outcome.error


async def test_what_answers_mean() -> None:
    with hooked() as receiver:
        assert await attempt(receiver, 204) == (True, 204, None)
        receiver.headers["location"] = receiver.url("/elsewhere")
        for status in (301, 302, 307, 308, 404, 410, 429, 500):
            assert await attempt(receiver, status) == (False, status, None)
        assert receiver.at("/elsewhere") == []
        delivered, found, error = await attempt(receiver, 0)
        assert (delivered, found) == (False, None)
        assert error
        receiver.held.clear()
        assert await attempt(receiver, 200, seconds=0.2) == (False, None, "no answer within 0.2 s")
    delivered, found, error = await attempt(receiver, 200)
    assert (delivered, found) == (False, None)
    assert error is not None
    assert error.startswith("not reached")


async def test_an_answer_without_end_ends() -> None:
    """Of whoever answers for ever a little is read."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n" + b"\x00a" * 50_000)
        await writer.drain()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    sender = Sender(SANDBOX)
    port = server.sockets[0].getsockname()[1]
    outcome = await sender.send(f"http://127.0.0.1:{port}/", [new_secret()], EVENT)
    await sender.close()
    server.close()
    assert outcome.is_delivered
    assert outcome.answer
    assert set(outcome.answer) == {"a"}


async def test_who_asks_to_wait_is_heard_within_reason() -> None:
    with hooked() as receiver:
        receiver.answer = lambda _: 503
        sender = Sender(SANDBOX)
        for said, meant in (("7", dt.timedelta(seconds=7)), ("999999", MOST_WAIT), ("soon", None), ("-1", None)):
            receiver.headers["retry-after"] = said
            assert (await sender.send(receiver.url(), [new_secret()], EVENT)).wait == meant
        await sender.close()


def test_the_schedule_of_the_specification() -> None:
    """Ten attempts in three days, each at its time or a tenth of the time later."""
    seconds = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    for made, delay in enumerate(seconds, start=1):
        found = schedule.next_attempt(AT, made)
        assert found is not None
        assert delay <= (found - AT).total_seconds() <= delay * 1.1
    assert schedule.next_attempt(AT, 10) is None


def test_rests_grow_to_a_bound() -> None:
    assert schedule.rest_until(AT, 1, None) is None
    assert schedule.rest_until(AT, 2, dt.timedelta(seconds=9)) == AT + dt.timedelta(seconds=9)
    rests = [schedule.rest_until(AT, failures, None) for failures in (3, 6, 12, 10_000)]
    lengths = [(until - AT).total_seconds() for until in rests if until is not None]
    assert all(bottom <= length <= bottom * 1.1 for bottom, length in zip((5, 40, 300, 300), lengths, strict=True))
