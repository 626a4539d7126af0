"""The console in process: who sees and does what, and what becomes of attacks on its door."""

import datetime as dt
import re
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx
import pyotp
import pytest

from hashrail import clock, db
from hashrail.accounting import pool_receipts
from hashrail.alarms import silences
from hashrail.bitcoin.simulated_chain import SandboxChain
from hashrail.custody import approvals, deposit_addresses, payout_policy, withdrawals
from hashrail.custody.withdrawals import Withdrawal
from hashrail.pages.console.asking import Form
from hashrail.pages.console.pages import DEEDS, FORMS, VIEWS
from hashrail.pages.console.visit import Deed, View
from hashrail.parties import browser_sessions, operators, sign_in_attempts, users
from hashrail.parties.operators import ROLES
from hashrail.payouts import exports, recorded_payments, watch
from hashrail.payouts.recorded_payments import Payment
from hashrail.processes import housekeeping
from hashrail.support import notes
from tests.support.api_client import check_books
from tests.support.books import deployment as opened_world
from tests.support.books import offer, order
from tests.support.console import Office, Person, forget_attempts, open_office, texts_of
from tests.support.databases import with_database
from tests.support.earlier import earlier, moved
from tests.support.hooked import endpoint, plan_all
from tests.support.hostile import HOSTILE, acting
from tests.support.operators import PASSWORD, hired
from tests.support.payouts import ADDRESSES, asked, funded, policy
from tests.support.visitors import HOST
from tests.support.world import World

NUMBER_OF = "SELECT id FROM operator_account WHERE name ="
FIRST_MINER = 1001
SCRIPT = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
async def office(server: str, template: str) -> AsyncIterator[Office]:
    """A sandbox whose user Mallory is called like a script, with a withdrawal that waits for two."""
    async with opened_world(server, template) as world:
        dsn = with_database(server, await world.pool.fetchval("SELECT current_database()"))
        mallory = await world.user(SCRIPT)
        await funded(world, mallory.id)
        await policy(world, 0)
        async with open_office(world, dsn) as made:
            await approve_above(world, "0.001")
            await paid_by_pool(world)
            for person in made.people.values():
                assert (await person.sign_in()).status_code == 303
            yield made
            await check_books(world)


async def paid_by_pool(world: World) -> None:
    """The pool has paid once."""
    async with db.transaction(world.pool) as tx:
        day = await world.today() - dt.timedelta(days=1)
        said = pool_receipts.by_word(day=day, amount_btc=Decimal("0.001"), reference="one", reason="by mail")
        await pool_receipts.add(tx, [said])


async def approve_above(world: World, btc: str) -> None:
    async with db.transaction(world.pool) as tx:
        was = await payout_policy.hold(tx)
        await payout_policy.put(tx, None, type(was)(**{**vars_of(was), "approval_threshold_btc": Decimal(btc)}))


def vars_of(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__slots__}


async def waiting_one(office: Office) -> Withdrawal:
    """A new withdrawal of Mallory's that two have to approve."""
    user = await mallory(office)
    number = await office.world.pool.fetchval("SELECT count(*) FROM withdrawal")
    return await asked(office.world, user.id, Decimal("0.002") + Decimal(number).scaleb(-8), ADDRESSES[0])


async def mallory(office: Office) -> users.User:
    return await users.find(office.world.pool, office.world.partner.id, SCRIPT)


async def exported_one(tx: db.Tx) -> int:
    found: int = await tx.fetchval("SELECT id FROM withdrawal WHERE state = 'exported'")
    return found


def filled(row: View | Deed | Form, user: users.User, withdrawal: int) -> str:
    """The path of a page or deed about Mallory, or about the first of what there is."""
    numbers = {"partner": user.partner_id, "user": user.id, "withdrawal": withdrawal, "miner": FIRST_MINER}
    return re.sub(r"\{(\w+):int\}", lambda found: str(numbers.get(found[1], 1)), row.path)


async def first_of_all(office: Office) -> None:
    """What pages and forms are about that need something: it has number 1."""
    pool = office.world.pool
    admin = await operators.find(pool, "admin")
    await asked(office.world, (await mallory(office)).id, "0.0009", ADDRESSES[1])
    async with db.transaction(pool) as tx:
        assert await exports.export(tx, admin) == 1
        now = clock.wall_now()
        await silences.begin(tx, "CLOCK_OFF", None, "a drill", by=None, at=now, until=now + clock.ONE_DAY)
        await recorded_payments.write(tx, admin, Payment("ab" * 32, [(1, await exported_one(tx))]), None, 6)
    await pool.execute(
        """INSERT INTO member (partner_id, id, email, name, role, password, created_at, made_at)
           VALUES (1, 1, 'ada@partner.example', 'Ada', 'owner', '', now(), now()) ON CONFLICT DO NOTHING"""
    )
    await pool.execute(
        """INSERT INTO operator_change (act, subject, content, asked_by, asked_at, alone_from, expires_at)
           SELECT 'payouts resume', 'payouts', '{"before": {}, "after": {}}', id, now(),
                  now() + interval '1 hour', now() + interval '1 day'
           FROM operator_account WHERE name = 'approver'"""
    )
    await pool.execute(
        """INSERT INTO invoice (partner_id, number, month, carried_in_usd, charged_usd, amount_usd, carried_out_usd,
                                paid_usd, owed_before_usd, owed_after_usd, issued_at)
           VALUES (1, 1, '2026-02-01', 0, 0, 0, 0, 0, 0, 0, now())"""
    )
    deployment = office.serving.deployment
    assert isinstance(deployment.chain, SandboxChain)
    own = await deposit_addresses.of_user(pool, deployment.chain, 1, (await mallory(office)).id)
    await deployment.chain.receive(own, Decimal("0.001"))
    await watch.everything(deployment)
    await order(office.world, (await mallory(office)).id, "first", await offer(office.world))
    await endpoint(office.world, "https://hooks.example/", after=0)
    await plan_all(office.world)


# Roles


async def test_roles_hold_for_every_page_and_deed(office: Office) -> None:
    """Whose role suffices sees it; everybody else is told which role does, and sees and changes nothing."""
    user, one = await mallory(office), await waiting_one(office)
    await first_of_all(office)
    miner = await office.world.pool.fetchval("SELECT id FROM miner")
    of_day = "?day=2026-03-02"
    queries = {
        **dict.fromkeys(("day", "confirm_day", "delete_day", "adjust_day", "take_day_back"), of_day),
        "account": "?partner=1&account=1100",
        "transfer": f"?partner=1&kind=day&object={dt.date(2026, 3, 2).toordinal()}&leg=1",
        "reverse_receipt": "?receipt=1",
        "users": f"?partner=1&user={SCRIPT}",
        "income": f"?miner={miner}&day=2026-03-02",
        "search": "?q=1",
        "order": "?partner=1&order=first",
        "invoice": "?month=2026-02",
    }
    fields = {"reason": "a drill", "text": "called", "session": "0"}
    for role in ROLES:
        person = office.people[role]
        for view in VIEWS:
            made = await person.get(filled(view, user, one.id) + queries.get(view.name, ""))
            if operators.is_more(view.least, role):
                assert made.status_code == 403, (role, view)
                assert f"{view.least} is needed" in made.text
                assert ADDRESSES[0] not in made.text
            else:
                assert made.status_code in (200, 303), (role, view, made.text)
        for form in FORMS:
            made = await person.get(filled(form, user, one.id) + queries.get(form.name, ""))
            may = not operators.is_more(form.least, role)
            assert made.status_code == (200 if may else 403), (role, form, made.text)
        for deed in (*DEEDS, *FORMS):
            if operators.is_more(deed.least, role):
                made = await person.post(filled(deed, user, one.id), **fields)
                assert made.status_code == 403, (role, deed)
    assert (await withdrawals.get(office.world.pool, user.partner_id, one.id)).state == "awaiting_approval"
    assert await notes.of_user(office.world.pool, user.partner_id, user.id, limit=1) == []


async def test_nobody_who_is_not_signed_in_sees_or_does_anything(office: Office) -> None:
    user, one = await mallory(office), await waiting_one(office)
    stranger = office.browser("nobody")
    for view in (*VIEWS, *FORMS):
        made = await stranger.get(filled(view, user, one.id))
        assert (made.status_code, made.headers["location"].partition("?")[0]) == (303, "/console/sign-in")
        assert made.content == b""
    for deed in (*DEEDS, *FORMS):
        made = await stranger.post(filled(deed, user, one.id), reason="x")
        assert made.status_code == 401
        assert "NOT_SIGNED_IN" in made.text


async def test_what_was_seen_and_done_is_in_the_log(office: Office) -> None:
    """Who looked at a person, and who did what: each with the name, for an admin to read."""
    user, support = await mallory(office), office.people["support"]
    await support.get(f"/console/users/{user.partner_id}/{user.id}")
    await support.post(f"/console/users/{user.partner_id}/{user.id}/notes", text="called, case 88")
    seen = texts_of(await office.people["admin"].get("/console/log?of=views"))
    assert re.search(r"support\s+user\s+user 1:", seen)
    done = texts_of(await office.people["admin"].get("/console/log"))
    assert "user note add" in done
    assert "signed in" in done
    page = texts_of(await support.get(f"/console/users/{user.partner_id}/{user.id}"))
    assert "called, case 88" in page


# What others have written


async def test_texts_of_others_are_neither_markup_nor_do_they_act(office: Office) -> None:
    """A user's id, notes and reasons that try to be scripts, and every text that acts on a screen."""
    world, support = office.world, office.people["support"]
    script, one = await mallory(office), await waiting_one(office)
    address = f"/console/users/{script.partner_id}/{script.id}"
    await support.post(f"{address}/notes", text=SCRIPT)
    pages = [address, f"/console/withdrawals/1/{one.id}", "/console/withdrawals", f"/console/search?q={SCRIPT}x"]
    for path in (
        *pages,
        "/console/search?q=%00%C3%A9%F0%9F%92%A3",
        "/console?done=%3Cscript%3E",
        "/console/partners/1/users",
    ):
        page = await support.get(path)
        assert page.status_code == 200
        for live in ("<script>alert", "<img", "'><"):
            assert live not in page.text.replace('<script type="application/json"', ""), (path, live)
    for number, text in enumerate(HOSTILE.values()):
        newest = await world.user(f"{number}{text}"[:255])
    first = await support.get("/console/partners/1/users")
    second = await support.get(re.findall(r'href="(/console/partners/1/users\?after=[0-9]+)"', first.text)[0])
    for page in (first, second, await support.get(f"/console/users/1/{newest.id}")):
        assert acting(page.text) == []


# At the door


async def test_headers_keep_the_page_to_itself(office: Office) -> None:
    for path in ("/console/sign-in", "/console", "/console/sessions"):
        made = await office.people["admin"].get(path)
        assert "frame-ancestors 'none'" in made.headers["content-security-policy"]
        assert "'unsafe" not in made.headers["content-security-policy"]
        assert made.headers["x-frame-options"] == "DENY"
        assert made.headers["cache-control"] == "no-store"
        assert not re.search(r"<script(?![^>]*(src=|application/json))|\son\w+=|style=", made.text), path


async def test_a_session_is_new_with_every_sign_in(office: Office) -> None:
    """A token that somebody has put into a browser before is none after it, and its cookie is out of scripts' reach."""
    await forget_attempts(office.world.pool)
    person = office.browser("viewer")
    person.http.cookies.set("hashrail_console", "known-to-the-attacker", domain=HOST, path="/console")
    made = await person.send("/console/sign-in", {"name": "viewer", "password": PASSWORD})
    cookie = made.headers["set-cookie"]
    assert re.fullmatch(r"hashrail_console=[\w-]{43}; Path=/console; HttpOnly; SameSite=Strict", cookie)
    assert "known-to-the-attacker" not in cookie
    thief = office.browser("thief")
    thief.http.cookies.set("hashrail_console", "known-to-the-attacker", domain=HOST, path="/console")
    assert (await thief.get("/console")).status_code == 303
    token = cookie.partition(";")[0].partition("=")[2]
    kept = [row["digest"] for row in await office.world.pool.fetch("SELECT digest FROM operator_session")]
    assert token.encode() not in kept
    assert all(token not in repr(one) for one in kept)


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ({"origin": "https://evil.example"}, True),
        ({"origin": "null"}, True),
        ({"sec_fetch_site": "cross-site"}, True),
        ({"sec_fetch_site": "same-site"}, True),
        ({"origin": "", "sec_fetch_site": ""}, True),
        ({}, False),
    ],
    ids=repr,
)
async def test_forms_of_others_are_refused(office: Office, headers: dict[str, str], word: bool) -> None:
    one = await waiting_one(office)
    person = office.people["approver"]
    fields = {"word": person.word if word else "0" * 64}
    made = await person.send(f"/console/withdrawals/1/{one.id}/approve", fields, **headers)
    assert (made.status_code, "FORM_NOT_OURS" in made.text) == (403, True)
    assert (await withdrawals.get(office.world.pool, 1, one.id)).state == "awaiting_approval"
    assert await approvals.count(office.world.pool, 1, one.id) == 0
    if word:
        signed = await office.browser("x").send("/console/sign-in", {"name": "admin", "password": PASSWORD}, **headers)
        assert (signed.status_code, "set-cookie" in signed.headers) == (403, False)


async def test_another_sessions_word_does_not_count(office: Office) -> None:
    one, person = await waiting_one(office), office.people["approver"]
    made = await person.send(f"/console/withdrawals/1/{one.id}/approve", {"word": office.people["admin"].word})
    assert made.status_code == 403


async def test_guessing_gets_slower_whether_the_name_exists_or_not(office: Office) -> None:
    """The same refusals for a name that nobody has; the right password has to wait as well, and another's does not."""
    answers: dict[str, list[int]] = {}
    for name in ("viewer", "nobody of this name"):
        await forget_attempts(office.world.pool)
        guesser = office.browser(name, address="203.0.113.7")
        answers[name] = [(await guesser.sign_in(f"wrong password {n}")).status_code for n in range(7)]
    assert answers["viewer"] == answers["nobody of this name"] == [401] * 5 + [429] * 2
    page = await office.browser("nobody of this name", address="203.0.113.7").sign_in()
    assert (page.status_code, int(page.headers["retry-after"]) >= 1) == (429, True)
    tried = texts_of(await office.people["admin"].get("/console/operators"))
    assert re.search(r"203\.0\.113\.7\s+console\s+5\s", tried)
    # From the same address another name waits too; from elsewhere the owner of that name does not.
    assert (await office.browser("viewer", address="203.0.113.7").sign_in()).status_code == 429
    assert (await office.browser("viewer", address="203.0.113.8").sign_in()).status_code == 303
    await forget_attempts(office.world.pool)


def test_waits_double_and_end() -> None:
    waits = [sign_in_attempts.wait_after(n, "name").total_seconds() for n in (0, 4, 5, 6, 7, 10, 11, 1000)]
    assert waits == [0, 0, 1, 2, 4, 32, 60, 60]
    assert sign_in_attempts.wait_after(1000, "address") == dt.timedelta(minutes=15)


@pytest.mark.parametrize(
    ("asked_for", "led_to"),
    [
        ("/console/withdrawals?state=queued", "/console/withdrawals?state=queued"),
        ("//evil.example/console", "/console"),
        ("https://evil.example/", "/console"),
        ("/console\\@evil.example", "/console"),
        ("/console/\r\nset-cookie: x=y", "/console"),
        ("/consolex", "/console"),
        ("/console/sign-in", "/console"),
    ],
)
async def test_a_sign_in_leads_to_our_pages_only(office: Office, asked_for: str, led_to: str) -> None:
    await forget_attempts(office.world.pool)
    fields = {"name": "viewer", "password": PASSWORD, "next": asked_for}
    made = await office.browser("viewer").send("/console/sign-in", fields)
    assert (made.status_code, made.headers["location"]) == (303, led_to)


async def test_a_link_of_another_site_asks_for_itself_anew(office: Office) -> None:
    """It carries no cookie; the page that is sent then does, and nobody signs in twice."""
    made = await office.browser("viewer").get("/console/withdrawals", **{"sec-fetch-site": "cross-site"})
    assert (made.status_code, 'http-equiv="refresh"' in made.text) == (200, True)


# Sessions end


async def ended(office: Office, person: Person) -> bool:
    made = await person.get("/console")
    return made.status_code == 303


async def test_sessions_end(office: Office) -> None:
    """With a sign-out, a password, a role, the account, by another session, by time, and with the epoch."""
    world = office.world
    await forget_attempts(world.pool)

    async def temporary(name: str) -> Person:
        await hired(world.pool, name, "support")
        person = office.browser(name)
        assert (await person.sign_in()).status_code == 303
        return person

    people = {name: await temporary(name) for name in ("t-out", "t-word", "t-role", "t-gone", "t-time", "t-idle")}
    await people["t-out"].post("/console/sign-out")
    async with db.transaction(world.pool) as tx:
        await operators.set_password(tx, "t-word", "another long one")
    async with db.transaction(world.pool) as tx:
        await operators.set_role(tx, "t-role", "viewer")
    async with db.transaction(world.pool) as tx:
        await operators.disable(tx, "t-gone")
    aged = f"UPDATE operator_session SET {{}} WHERE operator_id = ({NUMBER_OF} $2)"
    for column, by, name in (
        ("opened_at", browser_sessions.LIFE, "t-time"),
        ("seen_at", browser_sessions.IDLE, "t-idle"),
    ):
        await world.pool.execute(aged.format(moved(column, "- $1::interval")), by, name)
    assert {name: await ended(office, person) for name, person in people.items()} == dict.fromkeys(people, True)
    one, other = office.browser("viewer"), office.browser("viewer")
    for each in (one, other):
        await each.sign_in()
    newest = await world.pool.fetchval("SELECT max(id) FROM operator_session")
    assert (await one.post("/console/sessions", session=str(newest))).status_code == 303
    assert (await ended(office, one), await ended(office, other)) == (False, True)
    of_the_admin = f"SELECT min(id) FROM operator_session WHERE operator_id = ({NUMBER_OF} 'admin')"
    strangers_own = await world.pool.fetchval(of_the_admin)
    assert (await one.post("/console/sessions", session=str(strangers_own))).status_code == 404
    restored = f"UPDATE operator_session SET epoch = 'before the restore' WHERE operator_id = ({NUMBER_OF} 'viewer')"
    await world.pool.execute(restored)
    assert await ended(office, one)
    await office.people["viewer"].sign_in()


# Two people


async def test_two_operators_approve(office: Office) -> None:
    """Each in a browser of their own; one of them twice is one."""
    one, user = await waiting_one(office), await mallory(office)
    path = f"/console/withdrawals/{user.partner_id}/{one.id}"
    first, second = office.people["approver"], office.people["admin"]
    question = texts_of(await first.get(f"{path}/approve"))
    assert ADDRESSES[0] in question
    assert f"{one.amount_btc:.8f} BTC" in question
    for _ in range(2):
        made = await first.post(f"{path}/approve")
        assert (made.status_code, made.headers["location"]) == (303, f"{path}?done=approved")
    assert "awaiting approval" in texts_of(await first.get(path))
    assert re.search(r"approved by\s+approver", texts_of(await second.get(path)))
    await second.post(f"{path}/approve")
    assert (await withdrawals.get(office.world.pool, user.partner_id, one.id)).state == "queued"
    assert "Refuse …" in texts_of(await second.get(path))
    assert (await second.post(f"{path}/refuse", reason=" ")).status_code == 400
    await second.post(f"{path}/refuse", reason="the address is on a list")
    gone = texts_of(await second.get(path))
    assert "the address is on a list" in gone
    assert "Refuse …" not in gone


async def test_a_user_is_blocked_and_let_go_on(office: Office) -> None:
    """The page says what they have; who did it and why is in the log; again is a no-op."""
    user = await office.world.user("blocked-one")
    page = f"/console/users/{user.partner_id}/{user.id}"
    approver, admin = office.people["approver"], office.people["admin"]
    assert "Block blocked-one?" in texts_of(await approver.get(f"{page}/block"))
    assert (await approver.post(f"{page}/block", reason="")).status_code == 400
    for _ in range(2):
        made = await approver.post(f"{page}/block", reason="case 88", payouts="go-on")
        assert made.headers["location"] == f"{page}?done=blocked"
    shown = texts_of(await approver.get(page))
    assert "payouts go on" in shown
    assert shown.count("case 88") == 1
    assert (await approver.post(f"{page}/unblock", reason="a mistake")).status_code == 403
    await admin.post(f"{page}/unblock", reason="a mistake")
    assert (await users.get(office.world.pool, user.partner_id, user.id)).blocked_at is None


async def test_of_many_that_wait_for_two_the_oldest_are_shown(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashrail.pages.console.withdrawals.WAITING", 1)
    for _ in range(2):
        await waiting_one(office)
    page = await office.people["support"].get("/console/withdrawals?state=final")
    assert '<a href="/console/withdrawals?state=awaiting_approval">All of them</a>' in page.text


async def test_payouts_are_paused_by_anybody(office: Office) -> None:
    made = await office.people["viewer"].post("/console/pause", reason="the node is looked at")
    assert made.headers["location"] == "/console?done=paused"
    assert "the node is looked at" in texts_of(await office.people["viewer"].get("/console"))


# Forms


async def test_a_form_shows_what_it_comes_to_and_is_done_once(office: Office) -> None:
    """Looking changes nothing, a doubtful figure is named once more, and what is sent twice is done once."""
    pool, admin, path = office.world.pool, office.people["admin"], "/console/partners/new"

    async def count() -> int:
        found: int = await pool.fetchval("SELECT count(*) FROM partner")
        return found

    was, logged = await count(), await pool.fetchval("SELECT count(*) FROM operator_action")
    empty = await admin.post(path, name="", credit_limit="5")
    assert (empty.status_code, "FIELD_EMPTY" in empty.text, 'aria-invalid="true"' in empty.text) == (400, True, True)
    wrong = await admin.post(path, name="Formed", credit_limit="a lot")
    assert (wrong.status_code, "no number: a lot" in wrong.text, 'value="Formed"' in wrong.text) == (400, True, True)
    far = {"name": "Formed", "credit_limit": "50000000"}
    doubted = texts_of(await admin.post(path, **far))
    assert "50000000 is meant" in doubted
    assert "Open the partner" not in doubted
    sure = far | {"confirm:50000000": "yes"}
    looked = await admin.post(path, **sure)
    assert re.search(r"credit_limit_usd\s+–\s+50000000", texts_of(looked))
    assert (await count(), await pool.fetchval("SELECT count(*) FROM operator_action")) == (was, logged)
    once = re.search(r'name="once" value="([^"]+)"', looked.text)
    assert once is not None
    refused = await admin.post(path, **far, once=once[1], step="do")
    assert (refused.status_code, "CONFIRMATION_NEEDED" in refused.text) == (409, True)
    made = await admin.post(path, **sure, once=once[1], step="do")
    assert (made.status_code, made.headers["location"].partition("?")[2]) == (303, "done=created")
    again = await admin.post(path, **sure, once=once[1], step="do")
    assert (again.status_code, "FORM_SENT" in again.text) == (409, True)
    unnamed = await admin.post(path, **sure, step="do")
    assert (unnamed.status_code, await count()) == (400, was + 1)


# Finding, and what cannot be shown


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        ("partners/new", {"name": "Not held", "credit_limit": "-1"}),
        ("partners/1/credit-limit", {"usd": "1e-19"}),
        ("catalogue/put", {"power": "-1", "efficiency": "15", "price": "1"}),
        ("catalogue/capacity", {"th": "9" * 18}),
    ],
)
async def test_what_the_books_do_not_hold_is_refused_in_its_form(
    office: Office, form: str, fields: dict[str, str]
) -> None:
    """As the command of it does, with all that was typed."""
    made = await office.people["admin"].post(f"/console/{form}", **fields)
    assert (made.status_code, "BAD_VALUE" in made.text) == (400, True), texts_of(made)
    assert all(f'value="{each}"' in made.text for each in fields.values())


async def test_search_leads_to_what_a_text_names(office: Office) -> None:
    one, user, support = await waiting_one(office), await mallory(office), office.people["support"]
    made = await support.get(f"/console/search?q=1:{one.id}")
    assert (made.status_code, made.headers["location"]) == (303, f"/console/withdrawals/1/{one.id}")
    made = await support.get("/console/users")
    assert (made.status_code, "FIELD_EMPTY" in made.text) == (400, True)
    made = await support.http.get("/console/users", params={"partner": "1", "user": SCRIPT})
    assert made.headers["location"] == f"/console/users/1/{user.id}"
    assert "Nothing is called" in texts_of(await support.get("/console/search?q=nothing-is-called-so"))


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/console/users/1/99999", 404, "USER_NOT_FOUND"),
        ("/console/users/99/1", 404, "PARTNER_NOT_FOUND"),
        ("/console/withdrawals/1/99999", 404, "WITHDRAWAL_NOT_FOUND"),
        ("/console/withdrawals?state=nothing", 400, "STATE_UNKNOWN"),
        ("/console/withdrawals?partner=x", 400, "FIELD_NOT_A_NUMBER"),
        ("/console/income?miner=1&day=yesterday", 400, "DAY_NOT_READ"),
        ("/console/day?day=2019-01-01", 404, "RATES_MISSING"),
        ("/console/partners/99", 404, "PARTNER_NOT_FOUND"),
        ("/console/income?miner=1&day=2026-03-01", 404, "RECORD_NOT_FOUND"),
    ],
)
async def test_what_is_refused_is_a_page_with_an_advice(office: Office, path: str, status: int, code: str) -> None:
    made = await office.people["support"].get(path)
    assert (made.status_code, code in made.text) == (status, True), made.text
    assert made.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("number", ["9223372036854775807", "9223372036854775808", "9" * 5000], ids=len)
async def test_nothing_has_so_great_a_number(office: Office, number: str) -> None:
    """Whatever stands under a number is not found by the greatest, by a greater one, and by one of thousands."""
    admin = office.people["admin"]
    for row in (*VIEWS, *FORMS):
        # The last one: what stands before it is there.
        named = re.sub(r"(.*)\{\w+:int\}", rf"\g<1>{number}", row.path)
        if named != row.path:
            made = await admin.get(re.sub(r"\{\w+:int\}", "1", named))
            assert made.status_code == 404, (row.path, made.text)
    for query in ("order?order=first&partner=", "income?day=2026-03-02&miner=", "orders?partner="):
        made = await admin.get(f"/console/{query}{number}")
        assert made.status_code == 404, (query, made.text)
    assert (await admin.get(f"/console/search?q={number}")).status_code == 200


# The second factor


async def test_a_code_is_asked_for_and_counts_once(world: World, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the first sign-in a secret is shown, sealed in the books; later ones ask for a code, and none counts twice."""
    async with open_office(world, dsn, console_codes=True) as office:
        person = office.browser("admin")
        made = await person.sign_in()
        assert made.headers["location"] == "/console/code?next=%2Fconsole"
        half = person.http.cookies["hashrail_console"]
        assert (await person.get("/console")).status_code == 303
        page = await person.get(made.headers["location"])
        secret = secret_of(page)
        assert '<svg role="img"' in page.text
        assert secret_of(await person.get("/console/code")) == secret
        sealed = await world.pool.fetchval("SELECT sealed FROM operator_code")
        assert secret.encode() not in sealed
        assert (await person.send("/console/code", {"code": "000000"})).status_code == 401
        code = pyotp.TOTP(secret).now()
        made = await person.send("/console/code", {"code": f"{code[:3]} {code[3:]}", "next": "/console/sessions"})
        assert (made.status_code, made.headers["location"]) == (303, "/console/sessions")
        assert person.http.cookies["hashrail_console"] != half
        assert (await person.get("/console/sessions")).status_code == 200
        other = office.browser("admin")
        made = await other.sign_in()
        page = await other.get(made.headers["location"])
        assert "secret" not in texts_of(page)
        again = await other.send("/console/code", {"code": code})
        assert (again.status_code, "OPERATOR_CODE" in again.text) == (401, True)
        later = clock.wall_millis() + 60_000
        monkeypatch.setattr(clock, "wall_millis", lambda: later)
        assert (await other.send("/console/code", {"code": pyotp.TOTP(secret).at(later // 1000)})).status_code == 303
        # Whoever has the password of somebody may not guess codes for long.
        await forget_attempts(world.pool)
        guesser = office.browser("admin", address="203.0.113.7")
        await guesser.sign_in()
        tried = [(await guesser.send("/console/code", {"code": f"{n:06}"})).status_code for n in range(6)]
        assert tried == [401] * 4 + [429] * 2
        # A password that somebody else gives takes the generator away.
        async with db.transaction(world.pool) as tx:
            await operators.set_password(tx, "admin", PASSWORD)
        await forget_attempts(world.pool)
        fresh = office.browser("admin")
        assert secret_of(await fresh.get((await fresh.sign_in()).headers["location"])) != secret


def secret_of(page: httpx.Response) -> str:
    found = re.search(r"<code>([A-Z2-7]{32})</code>", page.text)
    assert found is not None, page.text
    return found[1]


async def test_production_asks_for_tls_and_codes(world: World, dsn: str) -> None:
    async with open_office(world, dsn, mode="production", trusted_proxies=["10.0.0.0/8"]) as office:
        far = office.browser("admin", address="203.0.113.7")
        made = await far.get("/console/sign-in")
        assert (made.status_code, "PAGES_NEED_HTTPS" in made.text) == (403, True)
        assert (await far.get("/console/sign-in", **{"x-forwarded-proto": "https"})).status_code == 403
        proxied = office.browser("admin", address="10.0.0.1")
        headers = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.7"}
        made = await proxied.send("/console/sign-in", {"name": "admin", "password": PASSWORD}, **headers)
        assert made.headers["location"].startswith("/console/code")
        assert re.fullmatch(
            r"__Host-hashrail=[\w-]{43}; Path=/; HttpOnly; SameSite=Strict; Secure", made.headers["set-cookie"]
        )


# What is let go


async def test_what_is_past_is_let_go(office: Office) -> None:
    """Sessions that are over, attempts of the day before, and views after thirteen months; nothing else."""
    pool = office.world.pool
    await office.people["support"].get("/console/withdrawals")
    await office.browser("viewer", address="203.0.113.9").sign_in("a wrong password")
    await office.browser("viewer", address="203.0.113.10").sign_in()
    await housekeeping.housekeeping(pool)
    for table, column in (
        ("operator_session", "seen_at"),
        ("sign_in_attempt", "newest_at"),
        ("operator_view", "seen_at"),
    ):
        newest = f"SELECT ctid FROM {table} ORDER BY {column} DESC LIMIT 1"
        await pool.execute(f"UPDATE {table} SET {earlier(column, '400 days')} WHERE ctid IN ({newest})")
    assert (await housekeeping.housekeeping(pool))["console"] == 3
    assert (await housekeeping.housekeeping(pool))["console"] == 0


# Passwords of before


async def test_an_older_digest_is_made_anew(world: World, dsn: str) -> None:
    """scrypt, as releases before kept it: it opens, and is argon2id from then on."""
    kept = "2:8:1:00112233445566778899aabbccddeeff:" + scrypt_of(PASSWORD)
    async with open_office(world, dsn) as office:
        await world.pool.execute("UPDATE operator_account SET password = $1 WHERE name = 'viewer'", kept)
        person = office.browser("viewer")
        assert (await person.sign_in("not the password")).status_code == 401
        assert (await person.sign_in()).status_code == 303
        now = await world.pool.fetchval("SELECT password FROM operator_account WHERE name = 'viewer'")
        assert now.startswith("$argon2id$")
        assert (await office.browser("viewer").sign_in()).status_code == 303
        assert (await person.get("/console")).status_code == 200


def scrypt_of(password: str) -> str:
    import hashlib  # noqa: PLC0415

    salt = bytes.fromhex("00112233445566778899aabbccddeeff")
    return hashlib.scrypt(password.encode(), salt=salt, n=2, r=8, p=1, dklen=32).hex()
