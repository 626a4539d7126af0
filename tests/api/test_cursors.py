"""Pages that follow each other by their cursors are the whole list, whatever is added meanwhile."""

from random import Random
from typing import Any

import pytest

from hashrail.api.wire import cursors
from tests.support.api_client import Api, Caller, Past, answered, check_refused, open_api
from tests.support.rewards import adjust
from tests.support.world import World

# Over the wire


async def walk(caller: Caller, operation: str, limits: "list[int] | Random", **fields: Any) -> list[dict[str, Any]]:
    """All pages from the first to the one that has no next, put together."""
    rows: list[dict[str, Any]] = []
    sizes = limits if isinstance(limits, list) else [limits.randint(1, 6) for _ in range(200)]
    for limit in sizes:
        data = answered(await caller.call(operation, limit=limit, **fields))
        rows += data["array"]
        if "nextCursor" not in data:
            assert len(data["array"]) <= limit
            return rows
        assert len(data["array"]) == limit
        fields["cursor"] = data["nextCursor"]
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("seed", range(6))
async def test_pages_of_any_size_are_the_list(past: Past, seed: int) -> None:
    alice = await past.api.user("alice")
    expected = [one.wire for one in past.records["alice"]]
    assert await walk(past.api.server, "s2s_income", Random(seed), partnerUserId="alice") == expected
    assert await walk(alice, "c2s_income", Random(seed)) == expected
    days = answered(await alice.call("c2s_income", groupByDays="true"))["array"]
    assert [row["createdAt"][:10] for row in days] == [f"2026-03-0{n}" for n in (6, 5, 4, 3)]
    assert await walk(alice, "c2s_income", Random(seed), groupByDays="true") == days


async def test_where_a_list_ends(past: Past) -> None:
    """A page that holds the last record has no next one, to the record."""
    server, size = past.api.server, len(past.records["alice"])
    for limit, more in ((size - 1, True), (size, False), (size + 1, False)):
        data = answered(await server.call("s2s_income", partnerUserId="alice", limit=limit))
        assert (list(data) == ["array", "nextCursor"]) is more
    data = answered(await server.call("s2s_income", partnerUserId="alice", limit=size - 3, offset=3))
    assert list(data) == ["array"]
    data = answered(await server.call("s2s_income", partnerUserId="alice", limit=size - 4, offset=3))
    rest = answered(await server.call("s2s_income", partnerUserId="alice", cursor=data["nextCursor"]))
    assert rest == {"array": [past.records["alice"][-1].wire]}


async def test_days_that_come_meanwhile(world: World, dsn: str) -> None:
    """A walk shows what the list held when it began, once each, though days and adjustments are added on the way."""
    async with open_api(world, dsn) as api:
        alice = await world.user()
        for power in ("1", "2.5", "40"):
            await world.miner(alice.id, power)
        mined = [await world.mine() for _ in range(6)]
        random = Random(7)
        for adjusting in (False, True, False):
            whole = answered(await api.server.call("s2s_income", partnerUserId="alice", limit=999))["array"]
            rows: list[dict[str, Any]] = []
            cursor: dict[str, Any] = {}
            for _ in range(40):
                fields: dict[str, Any] = {"limit": random.randint(1, 7), **cursor}
                data = answered(await api.server.call("s2s_income", partnerUserId="alice", **fields))
                rows += data["array"]
                if "nextCursor" not in data:
                    break
                cursor = {"cursor": data["nextCursor"]}
                if random.random() < 0.4:
                    if adjusting:
                        await adjust(world, random.choice(mined), btc_usd=str(random.randint(70_000, 90_000)))
                    mined.append(await world.mine())
            assert rows == whole
            now = answered(await api.server.call("s2s_income", partnerUserId="alice", limit=999))["array"]
            assert len(now) > len(whole)
            assert now[-len(whole) :] == whole


async def test_miners_by_cursor(past: Past) -> None:
    """Miners come by id, so a new one is at the end of a walk that has begun; nobody else's is in it."""
    world = past.api.world
    user = await world.user("many")
    ids = [await world.miner(user.id, "1") for _ in range(9)]
    many = await past.api.user("many")
    for seed in range(3):
        for caller, operation, fields in (
            (many, "c2s_miners", {}),
            (past.api.server, "s2s_miners", {"partnerUserId": "many"}),
        ):
            assert [row["id"] for row in await walk(caller, operation, Random(seed), **fields)] == ids
    first = answered(await many.call("c2s_miners", limit=9))
    assert list(first) == ["array"]
    first = answered(await many.call("c2s_miners", limit=8))
    ids.append(await world.miner(user.id, "1"))
    rest = answered(await many.call("c2s_miners", cursor=first["nextCursor"]))
    assert [row["id"] for row in rest["array"]] == ids[8:]
    # Another user's client finds nothing of it behind the same cursor.
    assert answered(await (await past.api.user("carol")).call("c2s_miners", cursor=first["nextCursor"])) == {
        "array": []
    }


@pytest.mark.parametrize("operation", ["c2s_miners", "s2s_miners", "c2s_income", "s2s_income"])
async def test_cursors_that_are_refused(past: Past, operation: str) -> None:
    caller = past.api.server if operation.startswith("s2s") else await past.api.user("alice")
    user: dict[str, Any] = {"partnerUserId": "alice"} if operation.startswith("s2s") else {}
    foreign = cursors.encode("2026-03-01", 0, 1) if "miners" in operation else cursors.encode(1)
    for cursor in ("x", foreign, cursors.encode("x", 0, 1), cursors.encode("2026-02-30", 0, 1)):
        check_refused(await caller.call(operation, **user, cursor=cursor), 400, "CURSOR_INVALID", "cursor")
    for cursor in ("", "A" * 256):
        check_refused(await caller.call(operation, **user, cursor=cursor), 400, "FIELD_OUT_OF_BOUNDS", "cursor")
    response = await caller.call(operation, **user, cursor=cursors.encode(1), offset="0")
    check_refused(response, 400, "CURSOR_WITH_OFFSET", "cursor")


async def test_grouped_and_single_cursors_differ(past: Past) -> None:
    alice = await past.api.user("alice")
    single = answered(await alice.call("c2s_income", limit=1))["nextCursor"]
    grouped = answered(await alice.call("c2s_income", limit=1, groupByDays="true"))["nextCursor"]
    check_refused(await alice.call("c2s_income", cursor=grouped), 400, "CURSOR_INVALID", "cursor")
    response = await alice.call("c2s_income", cursor=single, groupByDays="true")
    check_refused(response, 400, "CURSOR_INVALID", "cursor")
    response = await alice.call("c2s_income", cursor=cursors.encode("x"), groupByDays="true")
    check_refused(response, 400, "CURSOR_INVALID", "cursor")


async def test_the_server_s_miners_take_one_query(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    """#7 asks the database once, with a cursor too."""
    api: Api = past.api
    await api.server.call("s2s_miners", partnerUserId="alice", limit=1)
    queries: list[str] = []
    fetch = type(api.deployment.pool).fetch

    async def counted(pool: Any, query: str, *arguments: Any) -> Any:
        queries.append(query)
        return await fetch(pool, query, *arguments)

    monkeypatch.setattr(type(api.deployment.pool), "fetch", counted)
    data = answered(await api.server.call("s2s_miners", partnerUserId="alice", limit=1))
    data = answered(await api.server.call("s2s_miners", partnerUserId="alice", cursor=data["nextCursor"]))
    assert [row["id"] for row in data["array"]] == [past.miners[1]]
    assert len(queries) == 2
