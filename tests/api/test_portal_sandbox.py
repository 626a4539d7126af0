"""The portal's time machine: what each form comes to, what the worker does then, and that production has none of it."""

import re
from collections.abc import AsyncIterator

import pytest

from hashrail import business_clock, clock, db
from hashrail.books import fence
from hashrail.parties import member_tasks, members
from hashrail.processes import housekeeping
from hashrail.processes import member_tasks as doing
from hashrail.sandbox import journey, rates
from tests.support.books import deployment as opened_world
from tests.support.books import offer, receivable
from tests.support.console import texts_of
from tests.support.databases import with_database
from tests.support.earlier import earlier
from tests.support.payouts import ADDRESSES
from tests.support.portal import Bureau, forget_attempts, joined, open_bureau
from tests.support.world import World


@pytest.fixture(scope="module")
async def bureau(server: str, template: str) -> AsyncIterator[Bureau]:
    """A sandbox with a user and an offer, whose days can be closed."""
    async with opened_world(server, template) as world:
        dsn = with_database(server, await world.pool.fetchval("SELECT current_database()"))
        async with open_bureau(world, dsn) as made:
            await world.user("alice")
            await world.mine()
            await offer(world)
            yield made


async def said(bureau: Bureau, path: str) -> str:
    page = await bureau.people["developer"].get(path if path.startswith("/portal") else f"/portal{path}")
    assert page.status_code == 200, page.text
    return re.sub(r"\s+", " ", texts_of(page))


async def done(bureau: Bureau, name: str, **fields: str) -> str:
    """Fill a form to its end; answers where it leads."""
    made = await bureau.people["developer"].fill(f"/portal/sandbox/{name}", **fields)
    assert made.status_code == 303, made.text
    found: str = made.headers["location"]
    return found


async def refused(bureau: Bureau, name: str, code: str, **fields: str) -> None:
    made = await bureau.people["developer"].fill(f"/portal/sandbox/{name}", **fields)
    assert made.status_code >= 400, made.text
    assert code in made.text, made.text


async def number_of(bureau: Bureau, sql: str) -> int:
    found: int = await bureau.pool.fetchval(sql)
    return found


async def test_days_pass_as_the_worker_comes_to_them(bureau: Bureau) -> None:
    """Looking moves nothing; then the task says how far it is, closes the days, and says so."""
    pool, partner_id = bureau.pool, bureau.world.partner.id
    before, closed = await business_clock.now(pool), await fence.closed_through(pool, partner_id)
    fields = {"days": "2", "scenario": "crash"}
    looked = await bureau.people["developer"].post("/portal/sandbox/advance", **fields, step="look")
    assert "Days that are published and closed on the way: 2." in looked.text
    assert await number_of(bureau, "SELECT count(*) FROM member_task") == 0
    path = await done(bureau, "advance", **fields)
    assert "the worker begins with it" in await said(bureau, path)
    assert await doing.do_waiting(bureau.serving.deployment) == 1
    assert (await business_clock.now(pool) - before).days == 2
    page = await said(bureau, path)
    assert "state done" in page
    assert "Days closed on the way: 2, through 2026-" in page
    after = await fence.closed_through(pool, partner_id)
    assert closed is not None
    assert after is not None
    assert (after - closed).days == 2
    scenarios = await pool.fetch("SELECT source FROM mining_day ORDER BY day DESC LIMIT 2")
    assert [row["source"] for row in scenarios] == ["generated: crash"] * 2
    assert "Let time pass done" in await said(bureau, "/sandbox")
    assert await doing.do_waiting(bureau.serving.deployment) == 0


async def test_a_worker_that_is_killed_on_the_way_moves_the_clock_once(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next attempt goes on behind the last step; and while one lives nobody else begins."""
    before = await business_clock.now(bureau.pool)
    path = await done(bureau, "advance", hours="50")
    arrive = journey._arrive
    number = int(path.rpartition("/")[2])

    async def killed(*args: object, **named: object) -> None:
        async with db.transaction(bureau.pool) as tx:
            assert not await member_tasks.is_ours(tx, number)
            assert await tx.fetchval("SHOW idle_in_transaction_session_timeout") == "1h"
        raise KeyboardInterrupt

    monkeypatch.setattr(journey, "_arrive", killed)
    with pytest.raises(KeyboardInterrupt):
        await doing.do_waiting(bureau.serving.deployment)
    monkeypatch.setattr(journey, "_arrive", arrive)
    await bureau.pool.execute(
        "UPDATE member_task SET state = 'running', ended_at = NULL, code = NULL WHERE id = $1", number
    )
    assert re.search(r"state running \d+ of 50 hours, the clock is at 2026-", await said(bureau, path))
    assert await doing.do_waiting(bureau.serving.deployment) == 1
    assert round((await business_clock.now(bureau.pool) - before).total_seconds() / 3600) == 50
    assert "the attempt number 2" in await said(bureau, path)


async def test_what_the_worker_is_refused_is_told(bureau: Bureau) -> None:
    """Where the clock is now, and why; also where whoever asked may no more."""
    now = await business_clock.now(bureau.pool)
    path = await done(bureau, "advance", until=f"{now:%Y-%m-%d}T23:59:59Z")
    async with db.transaction(bureau.pool) as tx:
        await business_clock.advance_by(tx, clock.ONE_DAY)
    assert await doing.do_waiting(bureau.serving.deployment) == 1
    page = await said(bureau, path)
    assert "state failed" in page
    assert "CLOCK_BACKWARDS" in page
    assert "The clock is at 2026-" in page
    await forget_attempts(bureau.pool)
    gone = await joined(bureau.pool, bureau.world.partner.id, "gone@first.example", "developer")
    async with db.transaction(bureau.pool) as tx:
        number = await member_tasks.ask(tx, gone, "sandbox advance", {"days": 1})
        await members.disable(tx, gone.partner_id, gone.id)
    await doing.do_waiting(bureau.serving.deployment)
    assert "MEMBER_ROLE" in await said(bureau, f"/sandbox/tasks/{number}")


async def test_how_far_time_may_pass(bureau: Bureau) -> None:
    asked = await number_of(bureau, "SELECT count(*) FROM member_task")
    for fields, code in (
        ({}, "ADVANCE_ONE_WAY"),
        ({"days": "1", "hours": "1"}, "ADVANCE_ONE_WAY"),
        ({"days": "4000"}, "CLOCK_TOO_FAR"),
        ({"hours": "9" * 15}, "CLOCK_TOO_FAR"),
        ({"until": "2020-01-01"}, "CLOCK_BACKWARDS"),
        ({"until": "soon"}, "BAD_DATE"),
    ):
        await refused(bureau, "advance", code, **fields)
    assert await number_of(bureau, "SELECT count(*) FROM member_task") == asked


async def test_a_customer_buys_and_takes_the_money_back(bureau: Bureau) -> None:
    """Looking sells nothing; the order is there then, refunded once, and the partner pays what it owes."""
    offered = str(await number_of(bureau, "SELECT min(id) FROM collection WHERE active"))
    fields = {"order": "visit-1", "user": "alice", "offer": offered, "outcome": "paid_twice"}
    looked = await bureau.people["developer"].post("/portal/sandbox/pay", **fields, step="look")
    assert "issued" in looked.text
    assert await number_of(bureau, "SELECT count(*) FROM purchase") == 0
    path = await done(bureau, "pay", **fields)
    assert re.fullmatch(r"/portal/orders/\d+", path)
    page = await bureau.people["developer"].get(path)
    assert 'href="/portal/sandbox/chargeback?order=visit-1"' in page.text
    assert "/portal/sandbox" not in (await bureau.people["support"].get(path)).text
    assert await number_of(bureau, "SELECT count(miner_id) FROM purchase") == 1
    await refused(bureau, "pay", "ORDER_HALF_OPENED", order="half", user="alice", outcome="paid")
    await refused(bureau, "pay", "USER_NOT_FOUND", order="x", user="nobody", offer=offered, outcome="paid")
    await refused(bureau, "pay", "FIELD_NOT_READ", order="x\0", outcome="paid")
    await refused(bureau, "late-notice", "ORDER_PAID", order="visit-1", late="1")
    assert (await receivable(bureau.world))[0] > 0
    await done(bureau, "payment", amount="14.99", reference="SEPA visit")
    assert (await receivable(bureau.world))[0] == 0
    await refused(bureau, "payment", "IMPLAUSIBLE_FIGURE", amount="99999999999", reference="much")
    for _ in range(2):
        assert await done(bureau, "chargeback", order="visit-1", reason="stolen card") == "/portal/sandbox?done=changed"
    assert await number_of(bureau, "SELECT count(*) FROM order_refund") == 1
    acts = "SELECT count(*) FROM member_action WHERE action LIKE 'sandbox %' AND subject LIKE '%visit%'"
    assert await number_of(bureau, acts) == 4


async def test_a_payment_that_is_told_late(bureau: Bureau) -> None:
    """The clock passes the order's end, and it is issued; too late it is refused, and the clock stays."""
    offered = str(await number_of(bureau, "SELECT min(id) FROM collection WHERE active"))
    before = await business_clock.now(bureau.pool)
    path = await done(bureau, "late-notice", order="late-1", user="alice", offer=offered, late="10")
    await doing.do_waiting(bureau.serving.deployment)
    assert "The order is issued." in await said(bureau, path)
    assert await business_clock.now(bureau.pool) > before
    far = str(60 * 24 * 5000)
    await refused(bureau, "late-notice", "CLOCK_TOO_FAR", order="late-2", user="alice", offer=offered, late=far)
    assert await number_of(bureau, "SELECT count(*) FROM purchase WHERE external_id = 'late-2'") == 0


async def test_the_chain_does_what_it_is_told(bureau: Bureau) -> None:
    await done(bureau, "chain", scenario="stuck", blocks="3")
    page = await said(bureau, "/sandbox")
    assert "stuck: only what replaced something" in page
    await done(bureau, "deposit", address=ADDRESSES[0], amount="0.5")
    waiting = await bureau.pool.fetchval("SELECT txid FROM sandbox_transaction WHERE state = 'mempool'")
    assert waiting in await said(bureau, "/sandbox")
    await refused(bureau, "deposit", "FIELD_NOT_READ", address=ADDRESSES[0], amount="21000001")
    await refused(bureau, "deposit", "AMOUNT_TOO_SMALL", address=ADDRESSES[0], amount="0.00000001")
    await refused(bureau, "chain", "FIELD_NOT_READ", scenario="confirm", blocks="1001")
    await done(bureau, "scenario", scenario="growth")
    async with db.transaction(bureau.pool) as tx:
        assert (await rates.scenario_to_come(tx)).value == "growth"


async def test_tasks_that_ended_long_ago_are_forgotten(bureau: Bureau) -> None:
    await done(bureau, "advance", hours="1")
    await doing.do_waiting(bureau.serving.deployment)
    ended = "SELECT count(*) FROM member_task WHERE ended_at IS NOT NULL"
    assert await number_of(bureau, ended) > 0
    await bureau.pool.execute(f"UPDATE member_task SET {earlier('ended_at', '91 days')} WHERE ended_at IS NOT NULL")
    await housekeeping.housekeeping(bureau.pool)
    assert await number_of(bureau, ended) == 0


async def test_production_has_no_time_machine(world: World, dsn: str) -> None:
    """Neither its pages nor anything that leads there."""
    async with open_bureau(world, dsn, mode="production") as bureau:
        person = bureau.people["owner"]
        for path in ("", "/advance", "/pay", "/chargeback"):
            assert (await person.get(f"/portal/sandbox{path}")).status_code == 404
