"""Positions of a deployment with read replicas: the greatest is sent along, and none once a write has failed."""

import httpx
import pytest
from peers import BASE, KEY, SECRET

from hashrail_client import NO_RETRIES, AsyncHashrail, Hashrail, HashrailApiError
from hashrail_client.positions import HEADER, Seen


class Deployment:
    """Answers with these positions or statuses, one after another; keeps which ones it was sent."""

    def __init__(self, *answers: str | int | None) -> None:
        self._answers = list(answers)
        self.sent: list[str | None] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request.headers.get(HEADER))
        answer = self._answers.pop(0)
        if isinstance(answer, int):
            return httpx.Response(answer, json={"error": "X", "message": "m", "details": {}})
        return httpx.Response(200, json={"data": True}, headers={} if answer is None else {HEADER: answer})


async def told(kind: str, deployment: Deployment, *verbs: str) -> None:
    """Read and write in turn through either client."""
    transport = httpx.MockTransport(deployment)
    if kind == "blocking":
        with Hashrail(BASE, KEY, SECRET, transport=transport, retries=NO_RETRIES) as client:
            for verb in verbs:
                try:
                    client.payments.get("o") if verb == "read" else client.payments.success("o", 1)
                except HashrailApiError:
                    assert verb == "fails"
        return
    async with AsyncHashrail(BASE, KEY, SECRET, transport=transport, retries=NO_RETRIES) as awaited:
        for verb in verbs:
            try:
                await (awaited.payments.get("o") if verb == "read" else awaited.payments.success("o", 1))
            except HashrailApiError:
                assert verb == "fails"


async def test_the_greatest_position_is_sent_along(kind: str) -> None:
    deployment = Deployment(None, "1-5", "1-3", "2-1", "2-0", "2-2")
    await told(kind, deployment, "read", "write", "read", "read", "write", "read")
    assert deployment.sent == [None, None, "1-5", "1-5", "2-1", "2-1"]


@pytest.mark.parametrize("verb", ["write", "read"])
async def test_after_an_answer_that_names_none_none_is_sent(kind: str, verb: str) -> None:
    """What it has done or shown may be later than all that was told."""
    deployment = Deployment("1-5", None, "1-9", None)
    await told(kind, deployment, "write", verb, "write", "read")
    assert deployment.sent == [None, "1-5", None, "1-9"]


async def test_after_a_write_that_failed_none_is_sent(kind: str) -> None:
    """It may be done, at a position that nobody told."""
    deployment = Deployment("1-5", 404, "1-9", None)
    await told(kind, deployment, "write", "fails", "read", "read")
    assert deployment.sent == [None, "1-5", None, "1-9"]


def test_an_answer_to_a_call_before_a_loss_counts_no_more() -> None:
    seen = Seen()
    _, losses = seen.sent()
    with pytest.raises(KeyboardInterrupt), seen.sending(writes=True):
        raise KeyboardInterrupt
    seen.told(httpx.Response(200, headers={HEADER: "1-5"}), losses, is_expected=True)
    assert seen.sent() == ({}, 1)
    with pytest.raises(KeyboardInterrupt), seen.sending(writes=False):
        raise KeyboardInterrupt
    seen.told(httpx.Response(200, headers={HEADER: "1-6"}), 1, is_expected=False)
    assert seen.sent() == ({HEADER: "1-6"}, 1)


def test_a_client_can_be_told_that_others_have_written() -> None:
    deployment = Deployment("1-5", None, None)
    with Hashrail(BASE, KEY, SECRET, transport=httpx.MockTransport(deployment)) as client:
        client.payments.get("o")
        client.payments.get("o")
        client.forget_position()
        client.payments.get("o")
    assert deployment.sent == [None, "1-5", None]
