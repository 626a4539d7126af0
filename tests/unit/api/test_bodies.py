"""Bodies are waited for: for so long, and so many of one address."""

import asyncio

import pytest
from litestar.types import HTTPReceiveMessage, Receive

from hashrail.api.serving.bodies import Bodies
from hashrail.api.serving.errors import BodyTooLargeError, BodyTooSlowError, RequestMalformedError


def sending(*chunks: bytes) -> Receive:
    """A caller who sends these, the last of which ends the body."""
    left = list(chunks)

    async def receive() -> HTTPReceiveMessage:
        body = left.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(left)}

    return receive


async def silent() -> HTTPReceiveMessage:
    await asyncio.Event().wait()
    raise AssertionError


async def gone() -> HTTPReceiveMessage:
    return {"type": "http.disconnect"}


async def test_a_body_is_read_whole() -> None:
    bodies = Bodies(5, 2)
    assert await bodies.read(sending(b"a", b"", b"bc"), "a") == b"abc"
    assert await bodies.read(sending(b"x" * 65536), "a") == b"x" * 65536
    with pytest.raises(BodyTooLargeError):
        await bodies.read(sending(b"x" * 65536, b"x"), "a")
    with pytest.raises(RequestMalformedError):
        await bodies.read(gone, "a")
    assert bodies._waiting == {}


async def test_one_that_does_not_come_is_given_up() -> None:
    bodies = Bodies(0.01, 2)
    with pytest.raises(BodyTooSlowError):
        await bodies.read(silent, "a")
    assert bodies._waiting == {}


async def test_the_oldest_of_an_address_gives_way() -> None:
    bodies = Bodies(60, 2)
    waiting = [asyncio.create_task(bodies.read(silent, address)) for address in ("192.0.2.1",) * 4 + ("192.0.2.2",)]
    await asyncio.wait(waiting[:2])
    assert [task.done() for task in waiting] == [True, True, False, False, False]
    for task in waiting[:2]:
        with pytest.raises(BodyTooSlowError):
            await task
    assert await bodies.read(sending(b"honest"), "192.0.2.1") == b"honest"
    for task in waiting[2:]:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert bodies._waiting == {}


async def test_an_address_is_a_network_of_ipv6() -> None:
    bodies = Bodies(60, 1)
    first = asyncio.create_task(bodies.read(silent, "2001:db8::1"))
    await asyncio.sleep(0)
    assert await bodies.read(sending(b"x"), "2001:db8::2") == b"x"
    with pytest.raises(BodyTooSlowError):
        await first
