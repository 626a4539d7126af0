"""Forms of the console about payouts, through to their end on a real node: what is asked, who confirms, what is posted.

The console runs in this process; what a form hands to the worker is done here as the worker does it.
"""

import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from hashrail.acts import running
from hashrail.books.chart import Account
from hashrail.custody import foreign_spends, hot_wallet
from hashrail.deployment.opened import Deployment
from hashrail.parties import operators, tasks
from hashrail.payouts import batches, processor
from tests.support.api_client import check_books
from tests.support.bitcoin_node import Node
from tests.support.books import booked
from tests.support.books import deployment as opened_world
from tests.support.console import Office, Person, open_office, texts_of
from tests.support.databases import with_database
from tests.support.operators import hired, strangers
from tests.support.paying import DEPTH, Asker, customer, paid_once, run_later
from tests.support.world import World

# The same whatever a node that others use as well thinks.
FEES = {"bitcoin_fee_minimum": Decimal(10), "bitcoin_fee_fallback": Decimal(10)}


@dataclass
class Desk:
    """The console of a deployment on a node, with two admins who are two people, and a user who asks for bitcoin."""

    office: Office
    node: Node
    wallet: str
    alice: Asker

    @property
    def world(self) -> World:
        """The books."""
        return self.office.world

    @property
    def deployment(self) -> Deployment:
        """With its chain."""
        return self.office.serving.deployment

    @property
    def admin(self) -> Person:
        """Who asks."""
        return self.office.people["admin"]

    async def confirmed(self) -> str:
        """The second admin does what waits; answers what they were shown."""
        number = await self.world.pool.fetchval("SELECT max(id) FROM operator_change")
        said, done = await self.office.people["second"].fill(f"/console/changes/{number}/confirm")
        assert done.headers["location"] == "/console/changes?done=confirmed", texts_of(done)
        return said

    async def asked_of_the_worker(self) -> str:
        """What came of the newest task."""
        await running.do_waiting(self.deployment)
        (newest,) = await tasks.newest(self.world.pool, 1)
        return newest.told

    async def finished(self, blocks: int = DEPTH) -> None:
        """What was sent is final."""
        self.node.mine(blocks)
        await processor.run(self.deployment)

    async def newest_act(self) -> str:
        """What the log says was done last."""
        return (await operators.actions(self.world.pool, 1))[0].action

    async def text(self, path: str) -> str:
        """What a page says to an admin."""
        return texts_of(await self.admin.get(f"/console{path}"))


def on_wallet(node: Node, wallet: str) -> dict[str, Any]:
    """Settings of a deployment that pays from a wallet on the node."""
    where = {"bitcoin_rpc_url": node.url, "bitcoin_rpc_cookie": str(node.cookie)}
    return {"bitcoin_network": "regtest", "bitcoin_wallet": wallet, **where, **FEES}


@pytest.fixture(scope="module")
async def desk(server: str, template: str, bitcoin_node: Node) -> AsyncIterator[Desk]:
    """One for all tests; in the end the books hold."""
    wallet = bitcoin_node.wallet(uuid.uuid4().hex, coins=8)
    async with opened_world(server, template) as world:
        dsn = with_database(server, await world.pool.fetchval("SELECT current_database()"))
        await hired(world.pool, "second")
        alice = await Asker.create(world, bitcoin_node)
        async with open_office(world, dsn, **on_wallet(bitcoin_node, wallet)) as office:
            office.people["second"] = office.browser("second")
            await strangers(world.pool)
            for name in ("admin", "second"):
                assert (await office.people[name].sign_in()).status_code == 303
            yield Desk(office, bitcoin_node, wallet, alice)
            assert await booked(world, Account.PAYOUTS_IN_FLIGHT) == 0
        await check_books(world)


async def test_a_fee_is_raised(desk: Desk) -> None:
    """By the worker, to the rate that was looked at; the chain takes the dearer one, and its fee alone is booked."""
    one, cost = await desk.alice.asks(), await booked(desk.world, Account.NETWORK_FEES)
    (number,) = (await run_later(desk.world, desk.deployment)).batches
    path = f"/console/batches/{number}/bump"
    for rate, code in (("0", "FIELD_NOT_READ"), ("11.5", "FEE_NOT_RAISED"), ("201", "FEE_NOT_RAISED")):
        refused = await desk.admin.post(path, sat_per_vb=rate)
        assert (code in refused.text, 'name="once"' in refused.text) == (True, True), rate
    said, done = await desk.admin.fill(path, {"sat_per_vb": "25"})
    assert re.search(r"sat_per_vb\s+10\S*\s+25\s", said)
    assert "BTC at most, in place of" in said
    assert done.headers["location"].startswith("/console/tasks?id=")
    assert len(await batches.versions(desk.world.pool, number)) == 1
    assert "waits with 2" in await desk.asked_of_the_worker()
    first, second = await batches.versions(desk.world.pool, number)
    waiting = desk.node.rpc("getrawmempool")
    assert (first.txid in waiting, second.txid in waiting) == (False, True)
    await desk.finished()
    assert (await desk.alice.got(one.id)).txid == second.txid
    assert f"{second.txid} Copy , {DEPTH} deep" in re.sub(r"\s+", " ", await desk.text(f"/batches/{number}"))
    found = await desk.admin.get(f"/console/search?q={second.txid}")
    assert f"/console/batches/{number}" in found.headers.get("location", found.text)
    assert await booked(desk.world, Account.NETWORK_FEES) - cost == -second.fee_btc
    refused = await desk.admin.post(path, sat_per_vb="30")
    assert (refused.status_code, "FEE_NOT_RAISED" in refused.text) == (409, True)
    paid_once(desk.node, {one.address: one.amount_btc})


async def test_what_another_wallet_paid_is_recorded(desk: Desk) -> None:
    """The node shows it, so one may; that what waits at an address of it was not paid takes two."""
    first, second = await desk.alice.asks("0.011"), await desk.alice.asks("0.012")
    await desk.admin.begin("/console/payouts/export")
    found = re.search(r"Export (\d+) is made", await desk.asked_of_the_worker())
    assert found is not None
    export = {"export": found[1]}
    txid = desk.node.rpc("sendtoaddress", first.address, first.amount_btc, wallet="miner")
    refused = await desk.admin.post("/console/payouts/record", txid=txid, **export)
    assert (refused.status_code, "PAYMENT_MISMATCH" in refused.text) == (409, True)
    named = {"txid": txid, "withdrawals": f"{desk.world.partner.id}:{first.id}"}
    said, done = await desk.admin.fill("/console/payouts/record", named)
    assert re.search(r"state: exported; \S+ \S+ \S+ \S+\s+state: signed", said)
    assert "It takes two people" not in said
    assert re.fullmatch(r"/console/batches/\d+\?done=recorded", done.headers["location"])
    assert f"{desk.world.partner.id}:{first.id}" in texts_of(await desk.admin.get(done.headers["location"]))
    await desk.finished()
    assert [(await desk.alice.got(each.id)).state for each in (first, second)] == ["final", "exported"]
    # A further one asks for the same address, and the transaction pays the earlier alone.
    third = await desk.alice.asks("0.013")
    outputs = {second.address: second.amount_btc, third.address: Decimal("0.002")}
    txid = desk.node.rpc("sendmany", "", outputs, wallet="miner")
    partner = desk.world.partner.id
    named = {"txid": txid, "withdrawals": f"{partner}:{second.id}"}
    refused = await desk.admin.post("/console/payouts/record", **named)
    assert (refused.status_code, "FOREIGN_SPEND_PAYS" in refused.text) == (409, True)
    said, done = await desk.admin.fill("/console/payouts/record", named | {"unpaid": f"{partner}:{third.id}"})
    assert "It takes two people" in said
    assert done.headers["location"] == "/console/changes?done=asked"
    assert (await desk.alice.got(second.id)).state == "exported"
    assert txid in await desk.confirmed()
    assert (await desk.alice.got(second.id)).state == "broadcast"
    await desk.finished()
    assert [(await desk.alice.got(each.id)).state for each in (second, third)] == ["final", "queued"]
    (number,) = (await run_later(desk.world, desk.deployment)).batches
    await desk.finished()
    assert (await batches.get(desk.world.pool, number)).state == "final"


async def test_a_spend_that_nobody_knows_is_acknowledged(desk: Desk) -> None:
    """The page says that no batch is made; its txid stands in the form; with the second, payouts go on."""
    one = await desk.alice.asks("0.014")
    sweep = desk.node.rpc("sendtoaddress", customer(desk.node), Decimal("0.1"), wallet=desk.wallet)
    assert (await run_later(desk.world, desk.deployment)).batches == []
    assert "No batch is made: 1 transaction spends our coins" in await desk.text("/payouts")
    path = "/console/payouts/acknowledge"
    assert sweep in (await desk.admin.get(path)).text
    unknown = await desk.admin.post(path, txids="ab" * 32, reason="a sweep")
    assert (unknown.status_code, "FOREIGN_SPEND_NOT_FOUND" in unknown.text) == (404, True)
    said, done = await desk.admin.fill(path, {"txids": sweep, "reason": "to cold storage"})
    assert "It takes two people" in said
    assert done.headers["location"] == "/console/changes?done=asked"
    assert await foreign_spends.stopping(desk.world.pool) == [sweep]
    assert sweep in await desk.confirmed()
    assert await foreign_spends.stopping(desk.world.pool) == []
    assert len((await processor.run(desk.deployment)).batches) == 1
    await desk.finished()
    assert (await desk.alice.got(one.id)).state == "final"


async def test_another_wallet_is_adopted(desk: Desk, server: str) -> None:
    """Nothing is paid from a wallet that was never read; two admins adopt it, and it pays."""
    pool = desk.world.pool
    dsn = with_database(server, await pool.fetchval("SELECT current_database()"))
    one = await desk.alice.asks("0.015")
    other = desk.node.wallet(uuid.uuid4().hex, coins=1)
    before = await hot_wallet.kept(pool)
    async with open_office(desk.world, dsn, **on_wallet(desk.node, other)) as office:
        office.people["second"] = office.browser("second")
        for name in ("admin", "second"):
            assert (await office.people[name].sign_in()).status_code == 303
        moved = Desk(office, desk.node, other, desk.alice)
        made = await run_later(moved.world, moved.deployment)
        assert (made.batches, [each.code for each in made.findings]) == ([], [hot_wallet.OTHER])
        assert hot_wallet.OTHER in await moved.text("/payouts")
        said, done = await moved.admin.fill("/console/payouts/adopt", {"reason": "the old one is in a safe"})
        assert "It takes two people" in said
        assert done.headers["location"] == "/console/changes?done=asked"
        assert await hot_wallet.kept(pool) == before
        await moved.confirmed()
        assert len((await processor.run(moved.deployment)).batches) == 1
        await moved.finished()
        assert await hot_wallet.kept(pool) != before
        assert (await moved.alice.got(one.id)).state == "final"
