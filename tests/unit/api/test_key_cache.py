"""What an API process remembers."""

import pytest

from hashrail import clock
from hashrail.api.serving import state
from hashrail.api.serving.state import Cache, Known


async def test_what_nobody_has_pushes_out_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers may try as many keys as they like: those that exist stay remembered."""
    monkeypatch.setattr(state, "MAX_REMEMBERED", 3)
    loaded: list[str] = []

    async def load(key: str) -> str | None:
        loaded.append(key)
        return key.upper() if key.startswith("good") else None

    cache: Cache[str, str | None] = Cache(load, seconds=60)
    assert [await cache.get(key) for key in ("good1", "good2", "good3")] == ["GOOD1", "GOOD2", "GOOD3"]
    assert [await cache.get(f"bad{number}") for number in range(10)] == [None] * 10
    loaded.clear()
    assert [await cache.get(key) for key in ("good1", "good2", "good3", "bad9")] == ["GOOD1", "GOOD2", "GOOD3", None]
    assert loaded == []
    assert await cache.get("good4") == "GOOD4"
    assert [await cache.get(key) for key in ("good1", "good4")] == ["GOOD1", "GOOD4"]
    assert loaded == ["good4", "good1"]


async def test_what_comes_into_being_is_found_when_it_is_announced() -> None:
    there: set[str] = set()

    async def load(key: str) -> str | None:
        return key if key in there else None

    cache: Cache[str, str | None] = Cache(load, seconds=60)
    assert await cache.get("a") is None
    there.add("a")
    assert await cache.get("a") is None
    cache.forget("a")
    assert await cache.get("a") == "a"
    there.clear()
    cache.forget_all()
    assert await cache.get("a") is None
    there.add("a")
    cache.forget_all()
    assert await cache.get("a") == "a"


async def test_a_process_that_hears_nothing_trusts_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it read is read anew after five seconds, whatever is set; what it hears again is trusted as before."""
    reads: list[float] = []

    async def load(_: str) -> str:
        reads.append(clock.monotonic())
        return "key"

    cache: Cache[str, str] = Cache(load, seconds=60, is_deaf=True)
    known = Known(cache, Cache(load, seconds=60), Cache(load, seconds=60))

    async def used_at(*moments: float) -> list[float]:
        for moment in moments:
            monkeypatch.setattr(clock, "monotonic", lambda moment=moment: moment)
            await cache.get("a")
        return reads

    assert await used_at(100, 104.9, 105) == [100, 105]
    known.hear_again()
    assert await used_at(106, 165.9) == [100, 105, 106]
    known.hear_nothing()
    assert await used_at(165.9) == [100, 105, 106, 165.9]


async def test_what_took_long_to_read_is_trusted_from_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database may have answered at the beginning, and the line have held it back."""
    reads: list[float] = []

    async def load(_: str) -> str:
        reads.append(clock.monotonic())
        monkeypatch.setattr(clock, "monotonic", lambda: reads[-1] + 4)
        return "key"

    cache: Cache[str, str] = Cache(load, seconds=5)
    for moment in (100.0, 104.9, 105.0):
        monkeypatch.setattr(clock, "monotonic", lambda moment=moment: moment)
        await cache.get("a")
    assert reads == [100, 105]
