"""The feed of events, followed over pages and outages by either client."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from peers import BASE, KEY, SECRET

from hashrail_client import NO_RETRIES, AsyncHashrail, ConflictError, Hashrail, PositionFile


def event(position: int) -> dict[str, Any]:
    return {"id": str(position), "position": position}


@dataclass
class FeedPeer:
    """A feed of so many events, whose server is away for some of the questions."""

    count: int
    away: list[int | None] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(dict(request.url.params))
        if self.away:
            status = self.away.pop(0)
            if status is None:
                raise httpx.ReadTimeout("no answer", request=request)
            if status != 200:
                return httpx.Response(status, json={"error": "X", "message": "", "details": {}})
        after = int(request.url.params["after"])
        events = [event(position) for position in range(after + 1, self.count + 1)][:2]
        last = events[-1]["position"] if events else after
        return httpx.Response(200, json={"data": {"events": events, "last": last, "hasMore": last < self.count}})


def test_following_goes_through_pages_and_over_outages(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[object] = []
    monkeypatch.setattr("hashrail_client.following.time.sleep", pauses.append)
    peer = FeedPeer(5, away=[200, 503, None, 429, 502])
    with Hashrail(BASE, KEY, SECRET, transport=httpx.MockTransport(peer), retries=NO_RETRIES) as client:
        found = list(client.events.follow(1, types="order.", wait_seconds=0))
    assert found == [event(position) for position in (2, 3, 4, 5)]
    assert len(pauses) == 4
    assert {(one["types"], one["after"]) for one in peer.asked} == {("order.", "1"), ("order.", "3")}
    assert not any("waitSeconds" in one or "limit" in one for one in peer.asked)


def test_following_ends_at_a_refusal() -> None:
    peer = FeedPeer(1, away=[409])
    with (
        Hashrail(BASE, KEY, SECRET, transport=httpx.MockTransport(peer), retries=NO_RETRIES) as client,
        pytest.raises(ConflictError),
    ):
        next(client.events.follow())


def test_following_waits_at_the_end() -> None:
    peer = FeedPeer(1)
    with Hashrail(BASE, KEY, SECRET, transport=httpx.MockTransport(peer), retries=NO_RETRIES) as client:
        following = client.events.follow()
        assert next(following) == event(1)
        peer.count = 2
        assert next(following) == event(2)
    assert {one["waitSeconds"] for one in peer.asked} == {"25"}


async def test_the_async_client_follows_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashrail_client.following.PAUSE_SECONDS", 0)
    peer = FeedPeer(3, away=[503, None])
    async with AsyncHashrail(BASE, KEY, SECRET, transport=httpx.MockTransport(peer), retries=NO_RETRIES) as client:
        assert [one async for one in client.events.follow(wait_seconds=0)] == [event(n) for n in (1, 2, 3)]
        peer.away = [409]
        with pytest.raises(ConflictError):
            await anext(client.events.follow())


def test_a_position_is_kept_of_what_was_done(tmp_path: Path) -> None:
    """Who stops in the middle of an event gets it again; the end of a page is kept too, where no event lies."""
    peer, positions = FeedPeer(5), PositionFile(tmp_path / "position")
    assert positions.load() is None
    with Hashrail(BASE, KEY, SECRET, transport=httpx.MockTransport(peer), retries=NO_RETRIES) as client:
        seen = []
        for one in client.events.follow(wait_seconds=0, positions=positions):
            seen.append(one["position"])
            if len(seen) == 3:
                break
        assert (seen, positions.load()) == ([1, 2, 3], 2)
        seen += [one["position"] for one in client.events.follow(wait_seconds=0, positions=positions)]
        assert (seen, positions.load()) == ([1, 2, 3, 3, 4, 5], 5)
        assert [*client.events.follow(3, wait_seconds=0, positions=positions)] == [event(4), event(5)]
    assert [each.name for each in tmp_path.iterdir()] == ["position"]
