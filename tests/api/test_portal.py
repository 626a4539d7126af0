"""The portal in process: who sees and does what, one partner apart from the other, and attacks on its door."""

import asyncio
import datetime as dt
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pyotp
import pytest

from hashrail import clock, db
from hashrail.access import api_keys, call_log
from hashrail.accounting import invoices
from hashrail.pages.portal import key_changes
from hashrail.pages.portal.pages import DEEDS, FORMS, VIEWS
from hashrail.pages.portal.visit import Deed, Form, View
from hashrail.parties import browser_sessions, invitations, member_changes, members, sign_in_attempts, standings
from hashrail.parties.members import ROLES, Member
from hashrail.processes import housekeeping
from tests.support.books import advance
from tests.support.books import deployment as opened_world
from tests.support.console import texts_of
from tests.support.databases import with_database
from tests.support.earlier import earlier, moved
from tests.support.exports import make_all
from tests.support.hooked import endpoint, plan_all
from tests.support.hostile import HOSTILE, acting
from tests.support.operators import PASSWORD as OPERATORS_PASSWORD
from tests.support.operators import hired
from tests.support.payouts import asked, funded
from tests.support.portal import PASSWORD, Bureau, Person, answered, forget_attempts, joined, open_bureau
from tests.support.visitors import HOST
from tests.support.world import World

SCRIPT = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
async def bureau(server: str, template: str) -> AsyncIterator[Bureau]:
    """A sandbox with two partners and their people."""
    async with opened_world(server, template) as world:
        dsn = with_database(server, await world.pool.fetchval("SELECT current_database()"))
        async with open_bureau(world, dsn) as made:
            await own_one_of_each(made)
            yield made


async def own_one_of_each(bureau: Bureau) -> None:
    """A key, an invitation, a change that waits, a request, an endpoint, and what a user has, of the first partner."""
    await advance(bureau.world, dt.timedelta(days=40))
    owner, second = bureau.members["owner"], await joined(bureau.pool, bureau.world.partner.id, "two@first.example")
    async with db.transaction(bureau.pool) as tx:
        made = await api_keys.create_key(
            tx, bureau.serving.deployment.vault, partner_id=owner.partner_id, kind="secret", scopes=("read",)
        )
        before = await key_changes.begins(tx, owner.partner_id, made.key_id)
        after = before | {"scopes": ["read", "withdraw"]}
        await call_log.keep(tx, [answered(owner.partner_id)])
        await member_changes.ask(tx, second, key_changes.SCOPES, f"key {made.key_id}", before=before, after=after)
        await invoices.issue(tx, bureau.world.partner, dt.date(2026, 3, 1))
    await link_to(bureau, "waits@first.example")
    alice = await bureau.world.user("alice of first.example")
    await funded(bureau.world, alice.id)
    export = {"kind": "orders", "format": "csv", "from": "2026-03-01", "to": "2026-03-31"}
    assert (await bureau.people["support"].post("/portal/exports/new", **export, once="it")).status_code == 303
    await make_all(bureau.pool)
    await bureau.people["developer"].fill("/portal/sandbox/advance", hours="1")
    await asked(bureau.world, alice.id, "0.001")
    await endpoint(bureau.world, "https://hooks.first.example/", after=0)
    await plan_all(bureau.world)


async def things(bureau: Bureau, partner_id: int) -> dict[str, int]:
    """A number of each kind that paths name, of a partner's own."""
    pool = bureau.pool
    found: dict[str, int] = {}
    for name, sql in OWNED.items():
        found[name] = await pool.fetchval(
            f"SELECT coalesce(min(id), 99999) FROM {sql} WHERE partner_id = $1", partner_id
        )
    return found


PAGES: tuple[View | Form, ...] = (*VIEWS, *FORMS)
SENT: tuple[Deed | Form, ...] = (*DEEDS, *FORMS)
EVERY: tuple[View | Form | Deed, ...] = (*VIEWS, *FORMS, *DEEDS)
# By the name in a path, the table that it numbers.
OWNED = {
    "member": "member",
    "invitation": "member_invitation",
    "key": "api_key",
    "change": "member_change",
    "call": "api_call",
    "user": "app_user",
    "miner": "miner",
    "order": "purchase",
    "withdrawal": "withdrawal",
    "webhook": "webhook_endpoint",
    "position": "(SELECT partner_id, position AS id FROM webhook_delivery) AS delivered",
    "event": "(SELECT partner_id, position AS id FROM event) AS happened",
    "export": "export",
    "task": "member_task",
    "invoice": "(SELECT partner_id, number AS id FROM invoice) AS numbered",
}


def filled(row: View | Deed | Form, numbers: dict[str, int]) -> str:
    """The path of a row with numbers in it."""
    return re.sub(r"\{(\w+):int\}", lambda found: str(numbers[found[1]]), row.path)


# Roles


async def test_roles_hold_for_every_page_form_and_deed(bureau: Bureau) -> None:
    """Whose role suffices sees it; everybody else is told which role does."""
    numbers = await things(bureau, bureau.world.partner.id)
    for role in ROLES:
        person = bureau.people[role]
        for row in PAGES:
            made = await person.get(filled(row, numbers))
            if members.is_more(row.least, role):
                assert (made.status_code, f"{row.least} is needed" in made.text) == (403, True), (role, row)
            else:
                assert made.status_code in (200, 303, 404), (role, row, made.text)
        for deed in SENT:
            if members.is_more(deed.least, role):
                made = await person.post(filled(deed, numbers), step="do", once="x")
                assert made.status_code == 403, (role, deed)


async def test_nobody_who_is_not_signed_in_sees_or_does_anything(bureau: Bureau) -> None:
    """A session of the console is none of the portal, and the reverse."""
    numbers = await things(bureau, bureau.world.partner.id)
    await hired(bureau.pool, "olga", "admin")
    operator = bureau.browser("olga")
    signed = await operator.send("/console/sign-in", {"name": "olga", "password": OPERATORS_PASSWORD})
    token = signed.cookies["hashrail_console"]
    operator.http.cookies.set("hashrail_portal", token, domain=HOST, path="/portal")
    for stranger in (bureau.browser("nobody"), operator):
        for row in PAGES:
            made = await stranger.get(filled(row, numbers))
            assert (made.status_code, made.headers["location"].partition("?")[0]) == (303, "/portal/sign-in")
            assert made.content == b""
        for deed in SENT:
            made = await stranger.post(filled(deed, numbers))
            assert (made.status_code, "NOT_SIGNED_IN" in made.text) == (401, True)
    owner = bureau.people["owner"]
    owner.http.cookies.set("hashrail_console", owner.http.cookies["hashrail_portal"], domain=HOST, path="/console")
    assert (await owner.get("/console")).status_code == 303


# One partner apart from the other


async def test_what_is_another_partners_is_not_there(bureau: Bureau) -> None:
    """Each page, form and deed that names something: with a number of the other partner's it is 404, and unchanged."""
    theirs = await things(bureau, bureau.world.partner.id)
    assert 99999 not in theirs.values(), theirs
    before = await every_row(bureau.pool, bureau.world.partner.id)
    named = [row for row in EVERY if "{" in row.path]
    for row in named:
        path = filled(row, theirs)
        if not isinstance(row, Deed):
            made = await bureau.stranger.get(path)
            assert made.status_code == 404, (row, made.text)
        if not isinstance(row, View):
            made = await bureau.stranger.post(path, step="do", once=f"once {row.name}")
            assert made.status_code == 404, (row, made.text)
    assert await every_row(bureau.pool, bureau.world.partner.id) == before
    for row in PAGES:
        if "{" not in row.path:
            made = await bureau.stranger.get(row.path)
            assert made.status_code in (200, 303), (row, made.text)
            assert "first.example" not in made.text, row
            assert bureau.world.partner.public_id not in made.text, row


async def every_row(pool: db.Pool, partner_id: int) -> dict[str, list[str]]:
    """What the portal's tables hold of a partner."""
    names = ("member", "member_invitation", "member_change", "member_action", "api_key", "api_secret", "member_view")
    return {
        name: [
            row["it"]
            for row in await pool.fetch(
                f"SELECT {name}::text AS it FROM {name} WHERE partner_id = $1 ORDER BY 1", partner_id
            )
        ]
        for name in names
    }


@pytest.mark.parametrize("number", ["9223372036854775807", "9223372036854775808", "9" * 5000], ids=len)
async def test_nothing_has_so_great_a_number(bureau: Bureau, number: str) -> None:
    numbers = await things(bureau, bureau.world.partner.id)
    for row in PAGES:
        named = re.sub(r"(.*)\{\w+:int\}", rf"\g<1>{number}", row.path)
        if named != row.path:
            made = await bureau.people["owner"].get(re.sub(r"\{(\w+):int\}", lambda it: str(numbers[it[1]]), named))
            assert made.status_code == 404, (row.path, made.text)


async def test_texts_of_others_are_neither_markup_nor_do_they_act(bureau: Bureau) -> None:
    """A member and a partner that are called like scripts, and every text that acts on a screen."""
    third = (await bureau.world.another_partner(SCRIPT)).partner
    await joined(bureau.pool, third.id, "mallory@third.example", name=SCRIPT)
    for number, text in enumerate(HOSTILE.values()):
        await joined(bureau.pool, third.id, f"m{number}@third.example", name=text.replace("\0", "")[:100])
    person = bureau.browser("mallory@third.example")
    await person.sign_in()
    for row in PAGES:
        if "{" not in row.path:
            page = await person.get(row.path)
            assert page.status_code == 200, row
            for live in ("<script>alert", "<img", "'><"):
                assert live not in page.text.replace('<script type="application/json"', ""), row
            # Lines of sheets end with both.
            assert acting(page.text.replace("\r\n", "\n")) == [], row


# At the door


async def test_headers_keep_the_page_to_itself(bureau: Bureau) -> None:
    for path in ("/portal/sign-in", "/portal", "/portal/account"):
        made = await bureau.people["owner"].get(path)
        assert "frame-ancestors 'none'" in made.headers["content-security-policy"]
        assert (made.headers["x-frame-options"], made.headers["cache-control"]) == ("DENY", "no-store")
        assert not re.search(r"<script(?![^>]*(src=|application/json))|\son\w+=|style=", made.text), path


async def test_a_session_is_new_with_every_sign_in(bureau: Bureau) -> None:
    """A token that somebody has put into a browser before is none after it; the books do not have the new one."""
    await forget_attempts(bureau.pool)
    known = f"{bureau.world.partner.id}.known-to-the-attacker"
    person = bureau.browser("viewer@first.example")
    person.http.cookies.set("hashrail_portal", known, domain=HOST, path="/portal")
    made = await person.send("/portal/sign-in", {"name": " Viewer@First.example", "password": PASSWORD})
    cookie = made.headers["set-cookie"]
    assert re.fullmatch(r"hashrail_portal=\d+\.[\w-]{43}; Path=/portal; HttpOnly; SameSite=Strict", cookie)
    thief = bureau.browser("thief")
    thief.http.cookies.set("hashrail_portal", known, domain=HOST, path="/portal")
    assert (await thief.get("/portal")).status_code == 303
    token = cookie.partition(";")[0].partition("=")[2]
    kept = await bureau.pool.fetch("SELECT member_session::text AS it FROM member_session")
    assert [row["it"] for row in kept if token in row["it"]] == []
    number, _, rest = token.partition(".")
    for forged in (f"{bureau.other.id}.{rest}", f"{number}.", rest, f"-{token}", "9" * 30 + f".{rest}"):
        thief.http.cookies.set("hashrail_portal", forged, domain=HOST, path="/portal")
        assert (await thief.get("/portal")).status_code == 303, forged


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        ({"origin": "https://evil.example"}, True),
        ({"sec_fetch_site": "cross-site"}, True),
        ({"origin": "", "sec_fetch_site": ""}, True),
        ({}, False),
    ],
    ids=repr,
)
async def test_forms_of_others_are_refused(bureau: Bureau, headers: dict[str, str], word: bool) -> None:
    numbers = await things(bureau, bureau.world.partner.id)
    owner = bureau.people["owner"]
    for row in (*FORMS, *DEEDS):
        fields = {"word": owner.word if word else bureau.people["viewer"].word}
        made = await owner.send(filled(row, numbers), fields, **headers)
        assert (made.status_code, "FORM_NOT_OURS" in made.text) == (403, True), row
    assert (await owner.get("/portal")).status_code == 200
    if word:
        fields = {"name": owner.name, "password": PASSWORD}
        signed = await bureau.browser("x").send("/portal/sign-in", fields, **headers)
        assert (signed.status_code, "set-cookie" in signed.headers) == (403, False)


async def test_guessing_gets_slower_whether_the_address_exists_or_not(bureau: Bureau) -> None:
    """The same refusals for an address of nobody; and a sign-in here takes back nothing that failed at the console."""
    answers: dict[str, list[int]] = {}
    for email in ("viewer@first.example", "nobody@first.example", "no address \0 at all"):
        await forget_attempts(bureau.pool)
        guesser = bureau.browser(email, address="203.0.113.7")
        answers[email] = [(await guesser.sign_in("not the password")).status_code for _ in range(7)]
    assert list(answers.values()) == [[401] * 5 + [429] * 2] * 3
    async with db.transaction(bureau.pool) as tx:
        await sign_in_attempts.count(tx, name="olga", place="203.0.113.7")
    await bureau.pool.execute("DELETE FROM sign_in_attempt WHERE kind LIKE 'member%'")
    assert (await bureau.browser("viewer@first.example", address="203.0.113.7").sign_in()).status_code == 303
    assert await bureau.pool.fetchval("SELECT count(*) FROM sign_in_attempt WHERE kind = 'address'") == 1
    await forget_attempts(bureau.pool)


async def test_a_wrong_password_costs_what_an_unknown_address_costs(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both compute one digest."""
    asked: list[bool] = []

    async def matches(_: str, kept: str | None) -> bool:
        asked.append(kept is None)
        return False

    monkeypatch.setattr("hashrail.parties.passwords.matches", matches)
    for email in ("viewer@first.example", "nobody@first.example"):
        await bureau.browser(email).sign_in()
    assert asked == [False, True]
    await forget_attempts(bureau.pool)


# Sessions end


async def test_sessions_end(bureau: Bureau) -> None:
    """With a sign-out, a password, a role, the account, by time, with the epoch, and with a partner that is closed."""
    pool, partner = bureau.pool, (await bureau.world.another_partner("Sessions Ltd")).partner
    people: dict[str, Person] = {}
    ids: dict[str, int] = {}
    for name in ("out", "word", "role", "gone", "time", "idle", "epoch", "stays"):
        ids[name] = (await joined(pool, partner.id, f"{name}@sessions.example", "support")).id
        people[name] = bureau.browser(f"{name}@sessions.example")
        assert (await people[name].sign_in()).status_code == 303
    await people["out"].post("/portal/sign-out")
    async with db.transaction(pool) as tx:
        await members.set_digest(tx, await members.get(tx, partner.id, ids["word"]), "x")
        await members.set_role(tx, partner.id, ids["role"], "viewer")
        await members.disable(tx, partner.id, ids["gone"])
    for column, by, name in (("opened_at", browser_sessions.LIFE, "time"), ("seen_at", browser_sessions.IDLE, "idle")):
        aged = f"UPDATE member_session SET {moved(column, '- $1::interval')} WHERE member_id = $2"
        await pool.execute(aged, by, ids[name])
    await pool.execute("UPDATE member_session SET epoch = 'before the restore' WHERE member_id = $1", ids["epoch"])

    async def over() -> dict[str, bool]:
        return {name: (await person.get("/portal")).status_code == 303 for name, person in people.items()}

    assert await over() == {name: name != "stays" for name in people}
    async with db.transaction(pool) as tx:
        await standings.suspend(tx, partner.id, reason="a drill")
    assert not (await over())["stays"]
    async with db.transaction(pool) as tx:
        await standings.hold(tx, partner.id)
        await standings.close(tx, partner.id, reason="a drill")
    assert (await over())["stays"]
    assert (await bureau.browser("stays@sessions.example").sign_in()).status_code == 401


async def test_one_ends_their_own_sessions_only(bureau: Bureau) -> None:
    other, one = bureau.browser("viewer@first.example"), bureau.people["viewer"]
    await other.sign_in()
    newest = await bureau.pool.fetchval("SELECT max(id) FROM member_session")
    assert (await bureau.stranger.post("/portal/sessions", session=str(newest))).status_code == 404
    assert (await bureau.people["owner"].post("/portal/sessions", session=str(newest))).status_code == 404
    assert (await one.post("/portal/sessions", session=str(newest))).status_code == 303
    assert (await other.get("/portal")).status_code == 303


# Invitations


async def link_to(bureau: Bureau, email: str, role: Any = "viewer", by: str | None = "owner") -> str:
    """The token of a new link."""
    token, digest = invitations.new_link(bureau.world.partner.id)
    async with db.transaction(bureau.pool) as tx:
        await invitations.invite(
            tx,
            bureau.world.partner.id,
            email=email,
            name="Ada",
            role=role,
            digest=digest,
            by=None if by is None else bureau.members[by],
        )
    return token


async def join(bureau: Bureau, token: str, password: str = PASSWORD) -> httpx.Response:
    return await bureau.browser("new").send("/portal/join", {"invitation": token, "password": password})


async def test_a_link_counts_once(bureau: Bureau) -> None:
    """Who accepts it is in, with the role that was meant; a newer link of the same address takes the place of it."""
    await forget_attempts(bureau.pool)
    first, token = await link_to(bureau, "ada@first.example"), await link_to(bureau, "ada@first.example", "support")
    page = await bureau.browser("new").get(f"/portal/join?invitation={token}")
    assert re.search(r"invited as\s+support", texts_of(page))
    assert (await join(bureau, first)).status_code == 404
    assert (await join(bureau, token, "too short")).status_code == 400
    made = await join(bureau, token)
    assert (made.status_code, made.headers["location"]) == (303, "/portal")
    assert (await join(bureau, token)).status_code == 404
    assert (await bureau.browser("new").get(f"/portal/join?invitation={token}")).status_code == 404
    person = bureau.browser("ada@first.example")
    assert (await person.sign_in()).status_code == 303
    assert "support of" in texts_of(await person.get("/portal"))
    with pytest.raises(members.MemberExistsError):
        await link_to(bureau, "ADA@first.example")


@pytest.mark.parametrize("ended", ["time", "taken back", "epoch", "inviter", "other partner", "nothing"])
async def test_a_link_that_counts_no_more(bureau: Bureau, ended: str) -> None:
    await forget_attempts(bureau.pool)
    pool, partner_id = bureau.pool, bureau.world.partner.id
    by = await joined(pool, partner_id, f"{ended.replace(' ', '')}@inviter.example")
    bureau.members["inviter"] = by
    token = await link_to(bureau, "late@first.example", by="inviter")
    newest = "WHERE id = (SELECT max(id) FROM member_invitation)"
    if ended == "time":
        await pool.execute(f"UPDATE member_invitation SET {earlier('expires_at', '7 days')} {newest}")
    elif ended == "taken back":
        number = await pool.fetchval("SELECT max(id) FROM member_invitation")
        async with db.transaction(pool) as tx:
            await invitations.withdraw(tx, partner_id, number)
    elif ended == "epoch":
        await pool.execute(f"UPDATE member_invitation SET epoch = 'before' {newest}")
    elif ended == "inviter":
        async with db.transaction(pool) as tx:
            await members.set_role(tx, partner_id, by.id, "viewer")
    elif ended == "other partner":
        token = f"{bureau.other.id}.{token.partition('.')[2]}"
    else:
        token = "no token"
    made = await join(bureau, token)
    assert (made.status_code, "INVITATION_NOT_FOUND" in made.text) == (404, True)


async def test_an_address_has_one_account_of_the_deployment(bureau: Bureau) -> None:
    """Of another partner's people nothing is told to who invites; and who is disabled lets go of the address."""
    await forget_attempts(bureau.pool)
    token = await link_to(bureau, "stranger@other.example")
    made = await join(bureau, token)
    assert (made.status_code, "MEMBER_EXISTS" in made.text) == (409, True)
    gone = await joined(bureau.pool, bureau.other.id, "gone@other.example", "viewer")
    async with db.transaction(bureau.pool) as tx:
        await members.disable(tx, bureau.other.id, gone.id)
    assert (await join(bureau, await link_to(bureau, "gone@other.example"))).status_code == 303


async def test_the_last_owner_stays(bureau: Bureau) -> None:
    """Only the operator takes them."""
    partner = (await bureau.world.another_partner("Owners Ltd")).partner
    only = await joined(bureau.pool, partner.id, "only@owners.example")
    for change in (
        lambda tx: members.disable(tx, partner.id, only.id, by=only),
        lambda tx: members.set_role(tx, partner.id, only.id, "viewer", by=only),
    ):
        with pytest.raises(members.LastOwnerError):
            async with db.transaction(bureau.pool) as tx:
                await change(tx)
    async with db.transaction(bureau.pool) as tx:
        await members.disable(tx, partner.id, only.id)
    assert await members.owners(bureau.pool, partner.id) == []


# At once


async def test_a_link_that_is_used_twice_at_once_counts_once(bureau: Bureau) -> None:
    await forget_attempts(bureau.pool)
    token = await link_to(bureau, "twice@first.example")
    made = await asyncio.gather(*(join(bureau, token) for _ in range(3)))
    assert sorted(each.status_code for each in made) == [303, 404, 404]


async def test_two_owners_who_disable_each_other_at_once_leave_one(bureau: Bureau) -> None:
    partner = (await bureau.world.another_partner("Duel Ltd")).partner
    one, other = [await joined(bureau.pool, partner.id, f"{name}@duel.example") for name in ("one", "other")]

    async def disables(by: Member, whom: Member) -> None:
        async with db.transaction(bureau.pool) as tx:
            await members.disable(tx, partner.id, whom.id, by=by)

    made = await asyncio.gather(disables(one, other), disables(other, one), return_exceptions=True)
    assert [type(each) for each in made if each is not None] == [members.LastOwnerError]
    assert len(await members.owners(bureau.pool, partner.id)) == 1


# Outside a sandbox


async def test_production_asks_for_tls_and_codes(world: World, dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who joins sets up a generator first; each code counts once."""
    async with open_bureau(world, dsn, mode="production", trusted_proxies=["10.0.0.0/8"]) as bureau:
        far = bureau.browser("x", address="203.0.113.7")
        for path in ("/portal/sign-in", "/portal/join?invitation=1.x"):
            made = await far.get(path)
            assert (made.status_code, "PAGES_NEED_HTTPS" in made.text) == (403, True)
        person = bureau.browser("ada@first.example", address="10.0.0.1")
        headers = {"x_forwarded_proto": "https", "x_forwarded_for": "203.0.113.7", "origin": f"https://{HOST}"}
        token = await link_to(bureau, "ada@first.example")
        made = await person.send("/portal/join", {"invitation": token, "password": PASSWORD}, **headers)
        assert made.headers["location"] == "/portal/code?next=%2Fportal"
        whole = r"__Host-hashrail-portal=\d+\.[\w-]{43}; Path=/; HttpOnly; SameSite=Strict; Secure"
        assert re.fullmatch(whole, made.headers["set-cookie"])
        near = bureau.browser("ada@first.example")
        made = await near.sign_in()
        page = await near.get(made.headers["location"])
        found = re.search(r"<code>([A-Z2-7]{32})</code>", page.text)
        assert found is not None
        assert found[1].encode() not in await world.pool.fetchval("SELECT sealed FROM member_code")
        assert (await near.get("/portal")).status_code == 303
        code = pyotp.TOTP(found[1]).now()
        assert (await near.send("/portal/code", {"code": "000000"})).status_code == 401
        made = await near.send("/portal/code", {"code": code})
        assert (made.status_code, made.headers["location"]) == (303, "/portal")
        again = bureau.browser("ada@first.example")
        await again.sign_in()
        made = await again.send("/portal/code", {"code": code})
        assert (made.status_code, "MEMBER_CODE" in made.text) == (401, True)
        later = clock.wall_millis() + 60_000
        monkeypatch.setattr(clock, "wall_millis", lambda: later)
        assert (await again.send("/portal/code", {"code": pyotp.TOTP(found[1]).at(later // 1000)})).status_code == 303


async def test_a_deployment_without_pages_has_no_portal(world: World, dsn: str) -> None:
    from hashrail.pages import app  # noqa: PLC0415
    from tests.support.api_client import lifespan, settings_of  # noqa: PLC0415

    asgi: Any = app.build(settings_of(dsn, pages=False))
    async with lifespan(asgi):
        http = httpx.AsyncClient(transport=httpx.ASGITransport(asgi), base_url=f"http://{HOST}")
        for path in ("/portal", "/portal/sign-in", "/portal/join"):
            assert (await http.get(path)).status_code == 404


# What is let go


async def test_what_is_past_is_let_go(bureau: Bureau) -> None:
    pool, viewer = bureau.pool, bureau.members["viewer"]
    await bureau.browser("viewer@first.example").sign_in()
    await housekeeping.housekeeping(pool)
    await pool.execute(
        """INSERT INTO member_view (partner_id, member_id, page, subject, seen_at)
           VALUES ($1, $2, 'user', 'bob', now() - interval '400 days')""",
        *(viewer.partner_id, viewer.id),
    )
    await pool.execute(
        """INSERT INTO member_form (partner_id, member_id, once, sent_at)
           VALUES ($1, $2, 'x', now() - interval '3 days')""",
        *(viewer.partner_id, viewer.id),
    )
    newest = "SELECT max(id) FROM member_session"
    await pool.execute(f"UPDATE member_session SET {earlier('seen_at', '1 day')} WHERE id = ({newest})")
    assert (await housekeeping.housekeeping(pool))["portal"] == 3
    assert (await housekeeping.housekeeping(pool))["portal"] == 0
