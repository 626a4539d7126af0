"""The console's pages about payouts, deposits, changes, events, alarms and operators, and what their forms do."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from typing import Any

import pytest
import structlog

from hashrail import db, logs
from hashrail.acts import running
from hashrail.books.chart import Account
from hashrail.custody import payout_policy, withdrawals
from hashrail.parties import operators, standings, tasks, users
from tests.support.api_client import check_books
from tests.support.books import booked
from tests.support.books import deployment as opened_world
from tests.support.console import Office, Person, open_office, texts_of
from tests.support.databases import with_database
from tests.support.operators import hired, strangers
from tests.support.payouts import ADDRESSES, asked, funded, policy
from tests.support.world import World

POLICY = "/console/payouts/policy"


@pytest.fixture(scope="module")
async def office(server: str, template: str) -> AsyncIterator[Office]:
    """A sandbox with a user who has bitcoin, and two admins who are two people."""
    async with opened_world(server, template) as world:
        dsn = with_database(server, await world.pool.fetchval("SELECT current_database()"))
        await hired(world.pool, "second", "admin")
        await funded(world, (await world.user("alice")).id)
        await policy(world, 0)
        async with open_office(world, dsn) as made:
            made.people["second"] = made.browser("second")
            await strangers(world.pool)
            for person in made.people.values():
                assert (await person.sign_in()).status_code == 303
            yield made
            await check_books(world)


async def state_of(office: Office) -> dict[str, Any]:
    """What every table has, but for sessions, views and the words of forms."""
    pool = office.world.pool
    rows = await pool.fetch(
        """SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = 'public' AND c.relkind = 'r'"""
    )
    kept = {row["relname"] for row in rows} - {"operator_session", "operator_view", "operator_form"}
    return {
        name: await pool.fetchval(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {name} t")
        for name in kept
    }


async def assert_looking_changes_nothing(office: Office, person: Person, path: str, fields: Mapping[str, str]) -> str:
    """Answers what the look said."""
    was = await state_of(office)
    looked = await person.post(path, **fields)
    assert looked.status_code == 200, texts_of(looked)
    assert await state_of(office) == was
    return texts_of(looked)


# Changes that wait for a second

LIMITS = {
    "approval_threshold_btc": "",
    "partner_approval_btc": "",
    "user_daily_btc": "1",
    "partner_daily_btc": "",
    "deployment_daily_btc": "",
    "cooldown_seconds": "0",
}


async def test_two_admins_change_the_limits(office: Office) -> None:
    """One asks, and nothing is changed; the same one is refused; another confirms, and it is done, once."""
    pool, admin, second = office.world.pool, office.people["admin"], office.people["second"]
    said, done = await admin.fill(POLICY, LIMITS)
    assert re.search(r"user_daily_btc\s+–\s+1", said)
    assert done.headers["location"] == "/console/payouts?done=changed"
    assert (await payout_policy.get(pool)).user_daily_btc == 1
    looser = LIMITS | {"user_daily_btc": "2"}
    said = await assert_looking_changes_nothing(office, admin, POLICY, looser)
    assert "It takes two people" in said
    _, done = await admin.fill(POLICY, looser)
    assert done.headers["location"] == "/console/changes?done=asked"
    listed = texts_of(await second.get("/console/changes"))
    assert re.search(r"user_daily_btc\s+1\s+2", listed)
    number = await pool.fetchval("SELECT max(id) FROM operator_change")
    assert f'href="/console/changes/{number}/confirm"' not in (await admin.get("/console/changes")).text
    own = await admin.post(f"/console/changes/{number}/confirm")
    assert (own.status_code, "SAME_PERSON" in own.text) == (403, True)
    assert re.search(r"Changes\s+1\s", texts_of(await second.get("/console")))
    said = await assert_looking_changes_nothing(office, second, f"/console/changes/{number}/confirm", {})
    assert re.search(r"user_daily_btc\s+1\s+2", said)
    assert (await payout_policy.get(pool)).user_daily_btc == 1
    _, done = await second.fill(f"/console/changes/{number}/confirm")
    assert done.headers["location"] == "/console/changes?done=confirmed"
    assert (await payout_policy.get(pool)).user_daily_btc == 2
    assert (await second.post(f"/console/changes/{number}/confirm")).status_code == 404


async def test_a_change_is_taken_back(office: Office) -> None:
    pool, admin, second = office.world.pool, office.people["admin"], office.people["second"]
    await admin.fill(POLICY, LIMITS)
    await admin.fill(POLICY, LIMITS | {"user_daily_btc": "3"})
    number = await pool.fetchval("SELECT max(id) FROM operator_change")
    _, done = await second.fill(f"/console/changes/{number}/withdraw")
    assert done.headers["location"] == "/console/changes?done=taken_back"
    assert "Nothing waits" in texts_of(await admin.get("/console/changes"))
    assert (await payout_policy.get(pool)).user_daily_btc == 1


# What the worker does, and what another program pays


async def done_by_the_worker(office: Office) -> str:
    """What came of the newest task."""
    await running.do_waiting(office.serving.deployment)
    (newest,) = await tasks.newest(office.world.pool, 1)
    return newest.told


async def test_an_export_is_made_by_the_worker_and_cancelled_by_two(office: Office) -> None:
    """Asking takes nothing out of the queue; its file tells what is open; that one is not paid takes both."""
    pool, admin, second = office.world.pool, office.people["admin"], office.people["second"]
    user = await users.find(pool, office.world.partner.id, "alice")
    one = await asked(office.world, user.id, "0.001", ADDRESSES[1])
    made = await admin.begin("/console/payouts/export")
    assert made.headers["location"].startswith("/console/tasks?id=")
    assert (await withdrawals.get(pool, user.partner_id, one.id)).state == "queued"
    assert "Export 1 is made" in await done_by_the_worker(office)
    path = "/console/payouts/exports/1"
    sheet = await admin.get(f"{path}?as=csv")
    assert sheet.headers["content-type"] == "text/csv; charset=utf-8"
    assert sheet.headers["content-disposition"] == 'attachment; filename="export-1.csv"'
    assert sheet.text.splitlines()[1].split(",")[:3] == [str(one.id), "0.001", ADDRESSES[1]]
    assert (await admin.get(f"{path}?as=json")).json() == [{ADDRESSES[1]: "0.001"}]
    wrong = await admin.post("/console/payouts/record", txid="none", export="1")
    assert (wrong.status_code, "TXID_NOT_READ" in wrong.text) == (400, True)
    attest = f"/console/withdrawals/{user.partner_id}/{one.id}/attest"
    said = await assert_looking_changes_nothing(office, admin, attest, {"attested": "never signed"})
    assert "It takes two people" in said
    await admin.fill(attest, {"attested": "never signed"})
    number = await pool.fetchval("SELECT max(id) FROM operator_change")
    await second.fill(f"/console/changes/{number}/confirm")
    assert (await withdrawals.get(pool, user.partner_id, one.id)).state == "cancelled"
    assert "All of it is recorded or cancelled" in texts_of(await admin.get(path))


async def test_where_no_node_shows_it_two_words_post_a_payment(world: World, dsn: str) -> None:
    """One says which transaction has paid an export, another confirms it, and it is final and posted at once."""
    pool = world.pool
    alice = (await world.user("alice")).id
    await funded(world, alice)
    one = await asked(world, alice, "0.001", ADDRESSES[1])
    for name in ("first", "second"):
        await hired(pool, name, "admin")
    async with open_office(world, dsn, chain="none") as office:
        first, second = office.browser("first"), office.browser("second")
        for each in (first, second):
            assert (await each.sign_in()).status_code == 303
        await first.begin("/console/payouts/export")
        assert "Export 1 is made" in await done_by_the_worker(office)
        fields = {"txid": "ab" * 32, "export": "1"}
        said = await assert_looking_changes_nothing(office, first, "/console/payouts/record", fields)
        assert "It takes two people" in said
        _, done = await first.fill("/console/payouts/record", fields)
        assert done.headers["location"] == "/console/changes?done=asked"
        assert (await withdrawals.get(pool, world.partner.id, one.id)).state == "exported"
        number = await pool.fetchval("SELECT max(id) FROM operator_change")
        _, done = await second.fill(f"/console/changes/{number}/confirm")
        assert done.headers["location"] == "/console/changes?done=confirmed"
        assert (await withdrawals.get(pool, world.partner.id, one.id)).state == "final"
        assert await booked(world, Account.BITCOIN_WALLET) == one.amount_btc
        assert await booked(world, Account.PAYOUTS_IN_FLIGHT) == 0
    await check_books(world)


async def test_the_log_says_of_what_was_looked_at_that_it_was_undone(
    office: Office, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no act stands there that nobody did."""
    logs.configure(command=True)
    monkeypatch.setattr(operators, "log", structlog.get_logger())
    await office.people["admin"].fill(POLICY, LIMITS | {"cooldown_seconds": "60"})
    logs.configure()
    said = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    acts = [(one.get("undone"), one["action"]) for one in said if one["event"] == "operator action"]
    assert acts == [(True, "payout policy"), (None, "payout policy")]


async def test_payouts_go_on_by_two_where_another_has_paused_them(office: Office) -> None:
    """Who alone paused them lets them go on alone; nothing is exported meanwhile."""
    pool, admin = office.world.pool, office.people["admin"]
    for who, waits in ((admin, False), (office.people["viewer"], True)):
        await who.post("/console/pause", reason="a drill")
        refused = await admin.begin("/console/payouts/export")
        assert (refused.status_code, "PAYOUTS_PAUSED" in refused.text) == (409, True)
        said = await assert_looking_changes_nothing(office, admin, "/console/payouts/resume", {})
        assert ("It takes two people" in said) is waits
        await admin.fill("/console/payouts/resume")
        assert ((await payout_policy.get(pool)).paused_reason is not None) is waits
    number = await pool.fetchval("SELECT max(id) FROM operator_change")
    await office.people["second"].fill(f"/console/changes/{number}/confirm")
    assert (await payout_policy.get(pool)).paused_reason is None


async def test_one_who_was_made_less_meanwhile_has_nothing_done(office: Office) -> None:
    """The worker lets in once more who asked."""
    pool = office.world.pool
    await office.people["approver"].begin("/console/payouts/export")
    await pool.execute("UPDATE operator_account SET role = 'viewer' WHERE name = 'approver'")
    assert "approver is needed" in await done_by_the_worker(office)
    await pool.execute("UPDATE operator_account SET role = 'approver' WHERE name = 'approver'")


async def test_an_alarm_is_silenced_and_told_again(office: Office) -> None:
    """By an approver, with a reason; anybody ends it."""
    approver, viewer = office.people["approver"], office.people["viewer"]
    fields = {"code": "CLOCK_OFF", "subject": "", "hours": "24", "reason": "the clock is being mended"}
    said, done = await approver.fill("/console/alarms/silence", fields)
    assert "CLOCK_OFF" in said
    assert done.headers["location"] == "/console/alarms?done=changed"
    shown = texts_of(await viewer.get("/console/alarms"))
    assert re.search(r"CLOCK_OFF\s+all\s+the clock is being mended\s+approver", shown)
    number = await office.world.pool.fetchval("SELECT max(id) FROM alarm_silence")
    _, done = await viewer.fill(f"/console/alarms/{number}/unsilence")
    assert done.status_code == 303, texts_of(done)
    assert "the clock is being mended" not in texts_of(await viewer.get("/console/alarms"))
    assert (await viewer.get(f"/console/alarms/{number}/unsilence")).status_code == 404


async def test_a_withdrawal_is_taken_back_and_one_is_asked_for_in_a_users_name(office: Office) -> None:
    """The first by one person while it is queued; the second by two, where the partner is suspended."""
    world, admin, second = office.world, office.people["admin"], office.people["second"]
    alice = await users.find(world.pool, world.partner.id, "alice")
    one = await asked(world, alice.id, "0.00123", ADDRESSES[3])
    said, done = await office.people["approver"].fill(f"/console/withdrawals/{alice.partner_id}/{one.id}/cancel")
    assert re.search(r"state\s+queued\s+cancelled", said)
    assert done.status_code == 303, texts_of(done)
    assert (await withdrawals.get(world.pool, alice.partner_id, one.id)).state == "cancelled"
    fields = {"address": ADDRESSES[3], "amount": "0.00123", "reference": "case 88", "reason": "a drill"}
    path = f"/console/users/{alice.partner_id}/{alice.id}/withdraw"
    refused = await admin.post(path, **fields)
    assert refused.status_code == 409, texts_of(refused)
    async with db.transaction(world.pool) as tx:
        await standings.suspend(tx, alice.partner_id, reason="a drill")
    said, done = await admin.fill(path, fields)
    assert "waits for a second" in said
    assert done.headers["location"] == "/console/changes?done=asked"
    number = await world.pool.fetchval("SELECT max(id) FROM operator_change")
    _, done = await second.fill(f"/console/changes/{number}/confirm")
    assert done.status_code == 303, texts_of(done)
    newest = (await withdrawals.of_partner(world.pool, alice.partner_id, limit=1))[0]
    assert (newest.amount_btc, newest.address, newest.state) == (Decimal("0.00123"), ADDRESSES[3], "queued")
    async with db.transaction(world.pool) as tx:
        await standings.reopen(tx, alice.partner_id, reason="the drill is over")
