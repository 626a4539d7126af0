"""A standby that lacks commits is promoted: what was given out in them opens nothing, what was taken away stays away.

Nothing tells a process of it but the journal beside it, which knows more than the new primary.
"""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from hashrail import clock
from hashrail.recovery import restoring
from tests.failover.cluster import connected, new_books, running
from tests.support.api_client import Api, Caller, answered, check_refused, open_api
from tests.support.books import broken
from tests.support.shell import Shell
from tests.support.world import World

MINE = ("--partner", "partner")
PATIENCE_SECONDS = 60


async def log_in(api: Api, name: str) -> dict[str, Any]:
    data: dict[str, Any] = answered(await api.server.call("s2s_login", partnerUserId=name))
    return data


async def learn(api: Api) -> None:
    """Wait until the process knows that its books lack something."""
    give_up = clock.monotonic() + PATIENCE_SECONDS
    while not api.serving.are_books_older:
        assert clock.monotonic() < give_up, "the process has not learned of it"
        await asyncio.sleep(0.1)


async def test_commits_that_a_failover_has_lost(tmp_path: Path) -> None:
    with running(synchronous=False) as cluster:
        dsn = cluster.dsn(await asyncio.to_thread(new_books, cluster))
        shell = Shell(dsn, tmp_path)
        async with connected(dsn) as pool:
            world = await World.create(pool)
            async with open_api(world, dsn, data=tmp_path) as api:
                bob = await log_in(api, "bob")
                await asyncio.to_thread(cluster.await_replay)
                lost = cluster.primary()
                cluster.cut_off(lost)
                mallory = await log_in(api, "mallory")
                await asyncio.to_thread(shell.ok, "user", "block", "bob", *MINE)
                cluster.crash(lost)
                await asyncio.to_thread(cluster.await_primary, lost)
                await learn(api)
                check_refused(await api.server.call("s2s_miners", partnerUserId="bob"), 503, "BOOKS_ARE_OLDER")
                server = api.server
        await asyncio.to_thread(shell.refused, "BOOKS_ARE_OLDER", "worker")
        report = json.loads(await asyncio.to_thread(shell.ok, "restored", "--json"))
        assert [(one["kind"], one["left"]) for one in report["taken"]] == [("user blocked", None)]
        async with connected(dsn) as pool, open_api(replace(world, pool=pool), dsn, data=tmp_path) as api:
            api.server = replace(server, http=api.http)
            for tokens in (bob, mallory):
                answer = await api.server.call("s2s_refresh", refreshToken=tokens["refreshToken"])
                check_refused(answer, 401, "REFRESH_TOKEN_EPOCH", "refreshToken")
                holder = Caller(api.http, token=tokens["jwtToken"])
                check_refused(await holder.call("c2s_miners"), 401, "TOKEN_EPOCH")
            order = {"nftCollectionId": 1, "externalId": "one"}
            answer = await api.server.call("s2s_payment_create", userId=bob["userId"], **order)
            check_refused(answer, 403, "USER_BLOCKED", "userId")
            answer = await api.server.call("s2s_payment_create", userId=mallory["userId"], **order)
            assert answer.json()["error"] == "USER_NOT_FOUND"
            assert answer.json()["details"]["lost"] is True
            assert (await log_in(api, "victim"))["userId"] > mallory["userId"] + restoring.MARGIN
            assert await broken(pool) == {}
