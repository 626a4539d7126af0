"""Long lists: page after page by cursors, and by offsets where a server has no cursors."""

from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from peers import BASE, KEY, SECRET

from hashrail_client import AsyncHashrail, Hashrail


@dataclass
class Lists:
    """A list of so many records, with cursors or without."""

    count: int
    has_cursors: bool
    member: str = "array"
    asked: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        asked = {name: value for name, value in request.url.params.items() if name not in ("timestamp", "signature")}
        self.asked.append(asked)
        begin = int(asked.get("cursor", asked.get("offset", "0")))
        records = [{"id": n} for n in range(begin, min(begin + int(asked.get("limit", "20")), self.count))]
        if self.member == "data":
            return httpx.Response(200, json={"data": records, "totalCount": self.count})
        more = (
            {"nextCursor": str(begin + len(records))} if self.has_cursors and begin + len(records) < self.count else {}
        )
        return httpx.Response(200, json={"data": {"array": records} | more})


async def every(kind: str, peer: Lists, **options: Any) -> list[int]:
    """Through either client."""
    given: Any = httpx.MockTransport(peer)
    if kind == "blocking":
        with Hashrail(BASE, KEY, SECRET, transport=given) as client:
            return [each["id"] for each in client.miners.iterate("u", **options)]
    async with AsyncHashrail(BASE, KEY, SECRET, transport=given) as awaited:
        return [each["id"] async for each in awaited.miners.iterate("u", **options)]


@pytest.mark.parametrize("has_cursors", [True, False])
@pytest.mark.parametrize(("count", "pages"), [(0, 1), (4, 1), (5, 1), (6, 2), (10, 2), (11, 3)])
async def test_every_record_comes_once(kind: str, has_cursors: bool, count: int, pages: int) -> None:
    """Without cursors a full last page is followed by an empty one: nobody else says that it is the last."""
    peer = Lists(count, has_cursors)
    assert await every(kind, peer, page_size=5) == [*range(count)]
    asked_in_vain = 1 if count == 5 or (count == 10 and not has_cursors) else 0
    assert len(peer.asked) == pages + asked_in_vain
    assert all(("cursor" in one) is has_cursors for one in peer.asked[1:] if count != 5)
    assert {one["limit"] for one in peer.asked} == {"5"}


async def test_pages_are_asked_for_as_one_goes(kind: str) -> None:
    peer = Lists(1000, has_cursors=True)
    with Hashrail(BASE, KEY, SECRET, transport=httpx.MockTransport(peer)) as client:
        records = client.miners.iterate("u")
        assert peer.asked == []
        assert [next(records)["id"] for _ in range(100)] == [*range(100)]
        assert len(peer.asked) == 1
        assert next(records)["id"] == 100
    assert len(peer.asked) == 2


def test_a_list_beside_its_count_is_gone_through_by_offsets() -> None:
    peer = Lists(250, has_cursors=False, member="data")
    with Hashrail(BASE, KEY, SECRET, transport=httpx.MockTransport(peer)) as client:
        assert len([*client.income.iterate_by_day("u", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z")]) == 250
    assert [one.get("offset") for one in peer.asked] == [None, "100", "200"]


def test_a_list_that_takes_no_limit_is_asked_for_none() -> None:
    peer = Lists(41, has_cursors=True)
    with Hashrail(BASE, KEY, SECRET, transport=httpx.MockTransport(peer)) as client:
        user = client.as_user({"jwtToken": "j", "refreshToken": "r"})
        assert len([*user.income.iterate_total()]) == 41
    assert peer.asked == [{}, {"cursor": "20"}, {"cursor": "40"}]
