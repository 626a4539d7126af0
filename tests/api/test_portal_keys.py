"""The portal's pages of keys and of the team: what each form does, and what takes two."""

import re
from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest

from hashrail import db
from hashrail.access import api_keys
from hashrail.access.addresses import Network
from hashrail.parties import member_log, members, standings
from tests.support.books import deployment as opened_world
from tests.support.console import texts_of
from tests.support.databases import with_database
from tests.support.earlier import earlier
from tests.support.portal import PASSWORD, Bureau, Person, forget_attempts, joined, open_bureau


@pytest.fixture(scope="module")
async def bureau(server: str, template: str) -> AsyncIterator[Bureau]:
    async with opened_world(server, template) as world:
        dsn = with_database(server, await world.pool.fetchval("SELECT current_database()"))
        async with open_bureau(world, dsn) as made:
            yield made


async def second_owner(bureau: Bureau, email: str, by: int | None = None) -> Person:
    """Another owner, who is signed in."""
    await forget_attempts(bureau.pool)
    bureau.members[email] = await joined(bureau.pool, bureau.world.partner.id, email, by=by)
    person = bureau.browser(email)
    assert (await person.sign_in()).status_code == 303
    return person


async def without_owners_but(bureau: Bureau, *names: str) -> None:
    """The others are owners no more."""
    async with db.transaction(bureau.pool) as tx:
        for one in await members.owners(tx, bureau.world.partner.id):
            if one.id not in {bureau.members[name].id for name in names}:
                await members.disable(tx, one.partner_id, one.id)


async def made_key(bureau: Bureau, who: str = "developer", **fields: str) -> tuple[int, dict[str, str]]:
    """A key's number and what was shown of it."""
    page = await bureau.people[who].fill("/portal/keys/new", **({"label": "a key", "kind": "secret"} | fields))
    shown = re.findall(r"<dt>(API \w+)</dt><dd><code>([^<]+)</code>", page.text)
    assert shown, page.text
    return await bureau.pool.fetchval("SELECT max(id) FROM api_key"), dict(shown)


async def row(bureau: Bureau, number: int) -> dict[str, object]:
    async with db.transaction(bureau.pool) as tx:
        return next(dict(one) for one in await api_keys.list_keys(tx, bureau.world.partner.id) if one["id"] == number)


# Keys


async def test_a_developer_makes_a_key_and_it_works(bureau: Bureau) -> None:
    """The secret is shown once and kept sealed; the list shows the rest; nothing is made by looking."""
    count = await bureau.pool.fetchval("SELECT count(*) FROM api_key")
    fields = {"label": "<b>a key</b>", "kind": "secret", "scope_read": "yes", "addresses": "203.0.113.7\n10.0.0.0/8"}
    looked = await bureau.people["developer"].post("/portal/keys/new", **fields, step="look")
    assert (looked.status_code, await bureau.pool.fetchval("SELECT count(*) FROM api_key")) == (200, count)
    number, shown = await made_key(bureau, **fields)
    assert set(shown) == {"API key", "API secret"}
    one = await row(bureau, number)
    assert (one["scopes"], one["live_secrets"], one["label"]) == (["read"], 1, "<b>a key</b>")
    listed = await bureau.people["developer"].get("/portal/keys")
    assert "203.0.113.7/32, 10.0.0.0/8" in texts_of(listed)
    assert shown["API secret"] not in listed.text
    assert "<b>a key" not in listed.text
    sealed = await bureau.pool.fetchval("SELECT sealed::text FROM api_secret WHERE key_id = $1", number)
    assert shown["API secret"] not in sealed
    for wrong, code in (({"addresses": "nowhere"}, "BAD_NETWORK"), ({"kind": "x"}, "FIELD_NOT_READ")):
        made = await bureau.people["developer"].fill("/portal/keys/new", **(fields | wrong))
        assert (made.status_code, code in made.text) == (400, True)


async def test_a_key_is_rotated_narrowed_and_ended(bureau: Bureau) -> None:
    """All by a developer, since it may not withdraw; each is in the log of the team."""
    developer = bureau.people["developer"]
    number, shown = await made_key(bureau, scope_read="yes")
    page = f"/portal/keys/{number}"
    rotated = await developer.fill(f"{page}/rotate")
    assert "API secret" in rotated.text
    assert shown["API secret"] not in rotated.text
    assert (await row(bureau, number))["live_secrets"] == 2
    await developer.fill(f"{page}/revoke-old")
    await developer.fill(f"{page}/scopes", scope_read="yes", scope_order="yes")
    await developer.fill(f"{page}/addresses", addresses="203.0.113.0/24")
    one = await row(bureau, number)
    assert (one["live_secrets"], one["scopes"]) == (1, ["read", "order"])
    assert one["allowed_ips"] == [ip_network("203.0.113.0/24")]
    assert (await developer.fill(f"{page}/revoke")).headers["location"] == "/portal/keys?done=key_ended"
    assert (await row(bureau, number))["revoked_at"] is not None
    made = await developer.fill(f"{page}/rotate")
    assert (made.status_code, "KEY_IS_REVOKED" in made.text) == (409, True)
    said = texts_of(await bureau.people["owner"].get("/portal/log"))
    for act in ("key made", "key rotated", "older secrets ended", "scopes changed", "addresses changed", "key ended"):
        assert act in said, act


async def test_a_publishable_key_has_no_secret(bureau: Bureau) -> None:
    _, shown = await made_key(bureau, kind="publishable", scope_read="yes")
    assert set(shown) == {"API key"}


async def test_one_owner_alone_lets_no_bitcoin_out(bureau: Bureau) -> None:
    """Neither by a scope, a secret nor an address; nor with a second owner whom they have invited just now."""
    await without_owners_but(bureau, "owner")
    owner, developer = bureau.people["owner"], bureau.people["developer"]
    number, _ = await made_key(bureau, scope_read="yes", addresses="10.0.0.0/8")
    page = f"/portal/keys/{number}"
    async with db.transaction(bureau.pool) as tx:
        scopes = ("read", "withdraw")
        await api_keys.set_scopes(tx, partner_id=bureau.world.partner.id, key_id=number, scopes=scopes)
    asked: list[tuple[str, dict[str, str]]] = [
        ("/portal/keys/new", {"label": "x", "kind": "secret", "scope_withdraw": "yes"}),
        (f"{page}/rotate", {}),
        (f"{page}/scopes", {"scope_withdraw": "yes", "scope_read": "yes", "scope_order": "yes"}),
        (f"{page}/addresses", {"addresses": "10.0.0.0/8\n203.0.113.7"}),
        (f"{page}/addresses", {"addresses": ""}),
    ]
    was, kept = await row(bureau, number), await bureau.pool.fetchval("SELECT count(*) FROM api_secret")
    for who, code in ((developer, "MEMBER_ROLE"), (owner, "SECOND_OWNER_MISSING")):
        for path, fields in asked:
            made = await who.fill(path, **fields)
            assert (made.status_code, code in made.text) == (403, True), (path, made.text)
    invited = await second_owner(bureau, "invited@first.example", bureau.members["owner"].id)
    for who in (owner, invited):
        made = await who.fill(f"{page}/rotate")
        assert (made.status_code, "SECOND_OWNER_MISSING" in made.text) == (403, True)
    assert (await row(bureau, number), await bureau.pool.fetchval("SELECT count(*) FROM api_secret")) == (was, kept)
    assert "by the operator" in texts_of(await owner.get("/portal/keys"))
    # What takes away is anybody's.
    assert (await developer.fill(f"{page}/addresses", addresses="10.1.0.0/16")).status_code == 303
    assert (await developer.fill(f"{page}/scopes", scope_read="yes")).status_code == 303
    await bureau.pool.execute(f"UPDATE member SET {earlier('made_at', '8 days')}")
    made = await owner.fill(f"{page}/scopes", scope_read="yes", scope_withdraw="yes")
    assert made.headers["location"] == "/portal/keys?done=asked"
    await without_owners_but(bureau, "owner")


async def waits(bureau: Bureau) -> int:
    """The number of the newest change."""
    found: int = await bureau.pool.fetchval("SELECT max(id) FROM member_change WHERE state = 'waiting'")
    return found


async def test_two_owners_let_bitcoin_out(bureau: Bureau) -> None:
    """One asks, another confirms: a scope, a secret and an address. Both are in the log."""
    owner = bureau.people["owner"]
    second = await second_owner(bureau, "second@first.example")
    number, _ = await made_key(bureau, "owner", scope_read="yes", scope_withdraw="yes", addresses="10.0.0.0/8")
    page, secrets = f"/portal/keys/{number}", "SELECT count(*) FROM api_secret WHERE key_id = $1 AND revoked_at IS NULL"
    assert (await row(bureau, number))["scopes"] == ["read"]
    change = f"/portal/changes/{await waits(bureau)}"
    for who, code in ((owner, "SAME_OWNER"), (bureau.people["developer"], "MEMBER_ROLE")):
        made = await who.fill(f"{change}/confirm")
        assert (made.status_code, code in made.text) == (403, True)
    assert "Confirm …" in texts_of(await second.get("/portal/keys"))
    assert "Confirm …" not in texts_of(await owner.get("/portal/keys"))
    looked = await second.post(f"{change}/confirm", step="look")
    assert "withdraw" in texts_of(looked)
    assert (await second.fill(f"{change}/confirm")).headers["location"] == "/portal/keys?done=confirmed"
    assert (await row(bureau, number))["scopes"] == ["read", "withdraw"]
    made = await second.fill(f"{change}/confirm")
    assert (made.status_code, "MEMBER_CHANGE_NOT_FOUND" in made.text) == (404, True)
    rotated = await owner.fill(f"{page}/rotate")
    assert "API secret" in rotated.text
    assert "another owner confirms it" in texts_of(rotated)
    assert await bureau.pool.fetchval(secrets, number) == 1
    await second.fill(f"/portal/changes/{await waits(bureau)}/confirm")
    assert await bureau.pool.fetchval(secrets, number) == 2
    await owner.fill(f"{page}/addresses", addresses="")
    await second.fill(f"/portal/changes/{await waits(bureau)}/confirm")
    assert (await row(bureau, number))["allowed_ips"] == []
    async with db.transaction(bureau.pool) as tx:
        done = await member_log.actions(tx, bureau.world.partner.id, limit=3)
    assert [one.action for one in done[:2]] == ["key addresses confirmed", "key addresses asked for"]
    assert "second" in (done[0].operator or "")
    assert await bureau.pool.fetchval("SELECT count(*) FROM member_change WHERE secret IS NOT NULL") == 0


@pytest.mark.parametrize("meanwhile", ["another secret", "other addresses", "asker", "taken back", "time"])
async def test_a_change_is_confirmed_as_it_was_asked_for(bureau: Bureau, meanwhile: str) -> None:
    """Whatever else has changed of the key, the second would confirm something else."""
    pool, partner_id = bureau.pool, bureau.world.partner.id
    asker = await second_owner(bureau, f"asker{meanwhile.replace(' ', '')}@first.example")
    number, _ = await made_key(bureau, scope_read="yes")
    await asker.fill(f"/portal/keys/{number}/scopes", scope_withdraw="yes")
    change = await waits(bureau)
    if meanwhile == "another secret":
        await bureau.people["developer"].fill(f"/portal/keys/{number}/rotate")
    elif meanwhile == "other addresses":
        await bureau.people["developer"].fill(f"/portal/keys/{number}/addresses", addresses="10.0.0.0/8")
    elif meanwhile == "asker":
        async with db.transaction(pool) as tx:
            await members.set_role(tx, partner_id, bureau.members[asker.name].id, "developer")
    elif meanwhile == "taken back":
        await bureau.people["owner"].fill(f"/portal/changes/{change}/withdraw")
    else:
        await pool.execute("UPDATE member_change SET expires_at = asked_at WHERE id = $1", change)
    made = await bureau.people["owner"].fill(f"/portal/changes/{change}/confirm")
    assert made.status_code == (404 if meanwhile in ("taken back", "time") else 409), made.text
    assert (await row(bureau, number))["scopes"] == ["read"]


@pytest.mark.parametrize(
    ("wanted", "present", "within"),
    [
        ("", "", True),
        ("10.0.0.0/8", "", True),
        ("", "10.0.0.0/8", False),
        ("10.1.0.0/16", "10.0.0.0/8", True),
        ("10.0.0.0/8", "10.1.0.0/16", False),
        ("10.1.0.1 ::1", "10.0.0.0/8", False),
        ("::1", "::/0 10.0.0.0/8", True),
    ],
)
def test_what_a_wider_list_is(wanted: str, present: str, within: bool) -> None:
    def read(text: str) -> list[Network]:
        return [ip_network(each) for each in text.split()]

    assert api_keys.is_within(read(wanted), read(present)) is within


async def test_origins_and_domains(bureau: Bureau) -> None:
    owner = bureau.people["owner"]
    await owner.fill("/portal/origins", origins="https://App.example.com\nhttp://localhost:3000")
    await owner.fill("/portal/ton-domains", domains="app.example")
    said = texts_of(await owner.get("/portal/keys"))
    assert "http://localhost:3000, https://app.example.com" in said
    assert "app.example" in said
    await owner.fill("/portal/origins", origins="https://app.example.com")
    assert "localhost" not in texts_of(await owner.get("/portal/keys"))
    made = await owner.fill("/portal/origins", origins="*")
    assert (made.status_code, "BAD_ORIGIN" in made.text) == (400, True)


async def test_a_suspended_partner_takes_away_and_makes_nothing(bureau: Bureau) -> None:
    number, _ = await made_key(bureau, scope_read="yes")
    partner_id, developer = bureau.world.partner.id, bureau.people["developer"]
    async with db.transaction(bureau.pool) as tx:
        await standings.suspend(tx, partner_id, reason="a key was stolen")
    assert "a key was stolen" in texts_of(await developer.get("/portal"))
    made = await developer.fill("/portal/keys/new", label="x", kind="secret", scope_read="yes")
    assert (made.status_code, "PARTNER_SUSPENDED" in made.text) == (403, True)
    assert (await developer.fill(f"/portal/keys/{number}/revoke")).status_code == 303
    async with db.transaction(bureau.pool) as tx:
        await standings.reopen(tx, partner_id, reason="it was ended")


# The team


async def test_an_owner_invites_changes_and_ends(bureau: Bureau) -> None:
    """The link is shown once; who has it joins; a new role and an ended account end their sessions."""
    await forget_attempts(bureau.pool)
    owner = bureau.people["owner"]
    page = await owner.fill("/portal/team/invite", name="Ada", email="Ada@team.example", role="support")
    link = re.search(r"http://console\.test(/portal/join\?invitation=[^<]+)</code>", page.text)
    assert link is not None
    assert "ada@team.example" in texts_of(await owner.get("/portal/team"))
    ada = bureau.browser("ada@team.example")
    token = link[1].partition("=")[2]
    joining = await ada.send("/portal/join", {"invitation": token, "password": "another long one"})
    assert joining.headers["location"] == "/portal"
    await ada.read_word("/portal")
    number = await bureau.pool.fetchval("SELECT member_id FROM member_login WHERE email = 'ada@team.example'")
    team = f"/portal/team/{number}"
    assert "end" in texts_of(await owner.get(f"{team}/disable"))
    await owner.fill(f"{team}/role", role="developer")
    assert (await ada.get("/portal")).status_code == 303
    await ada.sign_in("another long one")
    assert (await ada.get("/portal/keys")).status_code == 200
    assert (await owner.post(f"{team}/sessions")).headers["location"] == "/portal/team?done=signed_out"
    assert (await ada.get("/portal")).status_code == 303
    await owner.fill(f"{team}/disable")
    assert (await ada.sign_in("another long one")).status_code == 401
    said = texts_of(await owner.get("/portal/log"))
    for act in ("invited", "invitation accepted", "role changed", "sessions ended", "account ended"):
        assert act in said, act
    await owner.fill("/portal/team/invite", name="Bob", email="bob@team.example", role="viewer")
    invited = await bureau.pool.fetchval("SELECT max(id) FROM member_invitation")
    assert (await owner.post(f"/portal/invitations/{invited}/withdraw")).status_code == 303
    assert "bob@team.example" not in texts_of(await owner.get("/portal/team"))


async def test_the_last_owner_is_refused_to_go(bureau: Bureau) -> None:
    await without_owners_but(bureau, "owner")
    owner, number = bureau.people["owner"], bureau.members["owner"].id
    for path, fields in ((f"/portal/team/{number}/role", {"role": "viewer"}), (f"/portal/team/{number}/disable", {})):
        made = await owner.fill(path, **fields)
        assert (made.status_code, "LAST_OWNER" in made.text) == (409, True)


async def test_another_password_takes_the_one_before(bureau: Bureau) -> None:
    await forget_attempts(bureau.pool)
    viewer = bureau.browser("viewer@first.example")
    await viewer.sign_in()
    page = await viewer.get("/portal/password")
    once = re.search(r'name="once" value="([^"]+)"', page.text)
    assert once is not None

    async def change(now: str, new: str) -> int:
        return (await viewer.post("/portal/password", now=now, new=new, step="do", once=once[1])).status_code

    assert [await change("not it", "another long one"), await change(PASSWORD, "short")] == [401, 400]
    assert await change(PASSWORD, "another long one") == 303
    assert (await viewer.get("/portal")).status_code == 303
    assert (await viewer.sign_in()).status_code == 401
    assert (await viewer.sign_in("another long one")).status_code == 303
