"""Passkeys of a partner's members, in process: made, used, removed, and one member's no key to another's account."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from hashrail import db
from hashrail.parties import members
from tests.support.authenticator import Authenticator, asked
from tests.support.books import deployment as opened_world
from tests.support.console import texts_of
from tests.support.databases import with_database
from tests.support.locks import until_blocked
from tests.support.portal import PASSWORD, Bureau, Person, forget_attempts, open_bureau
from tests.support.visitors import HOST

SITE = f"http://{HOST}"
LED, REFUSED = 303, 401


@pytest.fixture(scope="module")
async def bureau(server: str, template: str) -> AsyncIterator[Bureau]:
    async with opened_world(server, template) as world:
        dsn = with_database(server, await world.pool.fetchval("SELECT current_database()"))
        async with open_bureau(world, dsn) as made:
            yield made


@pytest.fixture(autouse=True)
async def begins_anew(bureau: Bureau) -> None:
    """Nobody has a passkey, and nobody has tried anything."""
    await bureau.pool.execute("DELETE FROM member_passkey")
    await forget_attempts(bureau.pool)


async def form_of(person: Person) -> tuple[dict[str, Any], dict[str, str]]:
    """What the form asks for that makes a passkey, and its fields."""
    page = await person.get("/portal/account")
    once = re.search(r'name="once" value="([^"]+)"', page.text)
    assert once is not None
    return asked(page), {"once": once[1], "name": "a phone", "password": PASSWORD}


async def owner(bureau: Bureau, role: str = "viewer") -> tuple[Person, Authenticator]:
    """A member who is signed in, and has a passkey."""
    person, device = bureau.browser(bureau.members[role].email), Authenticator()
    await person.sign_in()
    options, fields = await form_of(person)
    made = await person.post("/portal/passkeys", credential=device.make(options, SITE, host=HOST), **fields)
    assert made.headers.get("location") == "/portal/account?done=passkey_added", made.text
    return person, device


async def waiting(bureau: Bureau, role: str = "viewer") -> tuple[Person, dict[str, Any]]:
    """A browser in which the password was given, and what its page asks for."""
    person = bureau.browser(bureau.members[role].email)
    assert (await person.sign_in()).headers["location"].startswith("/portal/code")
    return person, asked(await person.get("/portal/code"))


async def is_in(person: Person) -> bool:
    return (await person.get("/portal")).status_code == httpx.codes.OK


async def test_a_passkey_is_made_used_and_removed(bureau: Bureau) -> None:
    """It guards the next sign-in, ends other sessions when it comes and when it goes, and the log tells of both."""
    other = bureau.browser(bureau.members["viewer"].email)
    await other.sign_in()
    person, device = await owner(bureau)
    assert [await is_in(each) for each in (person, other)] == [True, False]
    assert "a phone" in (await person.get("/portal/account")).text
    new, options = await waiting(bureau)
    assert not await is_in(new)
    assert (await new.send("/portal/code", {"credential": device.use(options, SITE, host=HOST)})).status_code == LED
    assert await is_in(new)
    number = str(await bureau.pool.fetchval("SELECT id FROM member_passkey"))
    wrong = await person.post("/portal/passkeys/remove", passkey=number, password="another")
    assert (wrong.status_code, "MEMBER_CREDENTIALS" in wrong.text) == (REFUSED, True)
    gone = await person.post("/portal/passkeys/remove", passkey=number, password=PASSWORD)
    assert gone.headers["location"] == "/portal/account?done=passkey_removed"
    assert [await is_in(each) for each in (person, new)] == [True, False]
    told = await bureau.pool.fetch("SELECT action FROM member_action WHERE subject LIKE 'a phone of viewer@%'")
    assert {each["action"] for each in told} == {"passkey added", "passkey removed"}
    assert (await bureau.browser(bureau.members["viewer"].email).sign_in()).headers["location"] == "/portal"


async def test_an_answer_counts_once_in_its_own_session_and_for_its_owner(bureau: Bureau) -> None:
    """What was signed for one browser opens nothing in another, nothing later, and nothing of somebody else."""
    _, device = await owner(bureau)
    _, theirs = await owner(bureau, "stranger")
    first, options = await waiting(bureau)
    second, others = await waiting(bureau)
    sent = {"credential": device.use(options, SITE, host=HOST)}
    assert (await second.send("/portal/code", sent)).status_code == REFUSED
    assert (await first.send("/portal/code", sent)).status_code == LED
    assert (await second.send("/portal/code", sent)).status_code == REFUSED
    of_another = {"credential": theirs.use(others, SITE, host=HOST)}
    assert (await second.send("/portal/code", of_another)).status_code == REFUSED
    elsewhere = {"credential": device.use(others, "https://evil.example", host=HOST)}
    assert (await second.send("/portal/code", elsewhere)).status_code == REFUSED
    assert not await is_in(second)


async def test_no_generator_goes_around_a_passkey(bureau: Bureau) -> None:
    """Who has the password alone is shown no secret, and no code counts."""
    await owner(bureau)
    new, _ = await waiting(bureau)
    page = (await new.get("/portal/code")).text
    assert ("Use your passkey" in page, "Six figures" in page) == (True, False)
    assert (await new.send("/portal/code", {"code": "000000"})).status_code == REFUSED


async def test_nobody_removes_what_is_anothers(bureau: Bureau) -> None:
    """Not of their own team, and not of another partner's; a form that is sent twice makes one."""
    await owner(bureau)
    number = str(await bureau.pool.fetchval("SELECT id FROM member_passkey"))
    for who in ("stranger", "owner"):
        person = bureau.browser(bureau.members[who].email)
        await person.sign_in()
        made = await person.post("/portal/passkeys/remove", passkey=number, password=PASSWORD)
        assert (made.status_code, "PASSKEY_NOT_FOUND" in made.text) == (404, True)
    options, fields = await form_of(person)
    sent = fields | {"credential": Authenticator().make(options, SITE, host=HOST)}
    assert (await person.post("/portal/passkeys", **sent)).status_code == LED
    assert "FORM_SENT" in (await person.post("/portal/passkeys", **sent)).text
    assert await bureau.pool.fetchval("SELECT count(*) FROM member_passkey") == 2


async def test_the_team_shows_what_guards_each_account(bureau: Bureau) -> None:
    """An owner sees who has a passkey, and who has nothing yet; of others no key counts."""
    await owner(bureau)
    await owner(bureau, "stranger")
    chief = bureau.browser(bureau.members["owner"].email)
    await chief.sign_in()
    team = " ".join(texts_of(await chief.get("/portal/team")).split())
    assert "viewer@first.example viewer passkeys 20" in team
    assert "support@first.example support none yet 20" in team


async def test_a_password_that_is_changed_meanwhile_opens_nothing(bureau: Bureau) -> None:
    """A session that began right after all of them ended would outlive the password that it was opened with."""
    member = bureau.members["viewer"]
    kept = await bureau.pool.fetchval("SELECT password FROM member WHERE id = $1", member.id)
    async with db.transaction(bureau.pool) as tx:
        await members.set_digest(tx, member, "another")
        late = asyncio.create_task(bureau.browser(member.email).sign_in())
        await until_blocked(bureau.pool, late)
    assert (await late).status_code == REFUSED
    await bureau.pool.execute("UPDATE member SET password = $2 WHERE id = $1", member.id, kept)


async def test_a_password_is_looked_at_before_anybody_waits(bureau: Bureau) -> None:
    """Whoever waits for the team's lock with one connection in hand asks for no other: all would be in use at once."""
    person, _ = await owner(bureau)
    async with db.transaction(bureau.pool) as tx:
        await members.hold_alone(tx, bureau.world.partner.id)
        for path in ("/portal/passkeys", "/portal/passkeys/remove"):
            assert (await person.post(path, passkey="1", password="another")).status_code == REFUSED
