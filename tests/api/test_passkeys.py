"""Passkeys of operators, in process: made, used, taken away, and what becomes of attacks on them."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from hashrail import db
from hashrail.parties import operators
from tests.support.authenticator import Authenticator, asked
from tests.support.books import deployment as opened_world
from tests.support.console import Office, Person, forget_attempts, open_office
from tests.support.databases import with_database
from tests.support.locks import until_blocked
from tests.support.operators import PASSWORD
from tests.support.visitors import HOST

SITE = f"http://{HOST}"
LED, REFUSED = 303, 401


@pytest.fixture(scope="module")
async def office(server: str, template: str) -> AsyncIterator[Office]:
    async with opened_world(server, template) as world:
        dsn = with_database(server, await world.pool.fetchval("SELECT current_database()"))
        async with open_office(world, dsn) as made:
            yield made


@pytest.fixture(autouse=True)
async def begins_anew(office: Office) -> None:
    """Nobody has a passkey or a session, and nobody has tried anything."""
    await office.world.pool.execute("DELETE FROM operator_passkey")
    await office.world.pool.execute("DELETE FROM operator_session")
    await forget_attempts(office.world.pool)


async def form_of(person: Person) -> tuple[dict[str, Any], dict[str, str]]:
    """What the form asks for that makes a passkey, and its fields."""
    page = await person.get("/console/sessions")
    once = re.search(r'name="once" value="([^"]+)"', page.text)
    assert once is not None
    return asked(page), {"once": once[1], "name": "a phone", "password": PASSWORD}


async def owner(office: Office, name: str = "viewer") -> tuple[Person, Authenticator]:
    """Somebody who is signed in, and has a passkey."""
    person, device = office.browser(name), Authenticator()
    await person.sign_in()
    options, fields = await form_of(person)
    credential = device.make(options, SITE, host=HOST)
    made = await person.post("/console/passkeys", credential=credential, **fields)
    assert made.headers["location"] == "/console/sessions?done=passkey_added"
    return person, device


async def waiting(office: Office, name: str = "viewer") -> tuple[Person, dict[str, Any]]:
    """A browser in which the password was given, and what its page asks for."""
    person = office.browser(name)
    assert (await person.sign_in()).headers["location"].startswith("/console/code")
    return person, asked(await person.get("/console/code"))


async def is_in(person: Person) -> bool:
    return (await person.get("/console")).status_code == httpx.codes.OK


async def test_a_passkey_is_made_used_and_removed(office: Office) -> None:
    """It guards the next sign-in, ends other sessions when it comes and when it goes, and the log tells of both."""
    other = office.browser("viewer")
    await other.sign_in()
    person, device = await owner(office)
    assert await is_in(person)
    assert not await is_in(other)
    assert "a phone" in (await person.get("/console/sessions")).text
    new, options = await waiting(office)
    assert not await is_in(new)
    sent = {"credential": device.use(options, SITE, host=HOST)}
    assert (await new.send("/console/code", sent)).status_code == LED
    assert await is_in(new)
    number = str(await office.world.pool.fetchval("SELECT id FROM operator_passkey"))
    wrong = await person.post("/console/passkeys/remove", passkey=number, password="another")
    assert wrong.status_code == REFUSED
    gone = await person.post("/console/passkeys/remove", passkey=number, password=PASSWORD)
    assert gone.headers["location"] == "/console/sessions?done=passkey_removed"
    assert await is_in(person)
    assert not await is_in(new)
    told = await office.world.pool.fetch("SELECT action FROM operator_action WHERE subject = 'a phone of viewer'")
    assert {each["action"] for each in told} == {"passkey added", "passkey removed"}
    assert (await office.browser("viewer").sign_in()).headers["location"] == "/console"


async def test_an_answer_counts_once_and_in_its_own_session(office: Office) -> None:
    """What was signed for one browser opens nothing in another, and nothing later."""
    _, device = await owner(office)
    first, options = await waiting(office)
    second, _ = await waiting(office)
    sent = {"credential": device.use(options, SITE, host=HOST)}
    assert (await second.send("/console/code", sent)).status_code == REFUSED
    assert (await first.send("/console/code", sent)).status_code == LED
    third, _ = await waiting(office)
    assert (await third.send("/console/code", sent)).status_code == REFUSED
    assert not await is_in(third)


@pytest.mark.parametrize(
    ("origin", "host"),
    [("https://evil.example", HOST), (SITE, "evil.example"), (f"https://{HOST}", HOST), ("null", HOST)],
)
async def test_an_answer_of_another_page_is_refused(office: Office, origin: str, host: str) -> None:
    """Another origin, and a key's word for another host; also when one is made."""
    person, device = await owner(office)
    new, options = await waiting(office)
    sent = {"credential": device.use(options, origin, host=host)}
    assert (await new.send("/console/code", sent)).status_code == REFUSED
    options, fields = await form_of(person)
    credential = Authenticator().make(options, origin, host=host)
    assert (await person.post("/console/passkeys", credential=credential, **fields)).status_code == REFUSED
    assert await office.world.pool.fetchval("SELECT count(*) FROM operator_passkey") == 1


async def test_a_passkey_of_another_operator_opens_nothing(office: Office) -> None:
    await owner(office)
    _, theirs = await owner(office, "admin")
    new, options = await waiting(office)
    sent = {"credential": theirs.use(options, SITE, host=HOST)}
    assert (await new.send("/console/code", sent)).status_code == REFUSED


async def test_a_copy_whose_count_does_not_rise_is_refused(office: Office) -> None:
    _, device = await owner(office)
    device.signed = 7
    new, options = await waiting(office)
    assert (await new.send("/console/code", {"credential": device.use(options, SITE, host=HOST)})).status_code == LED
    device.signed = 3
    new, options = await waiting(office)
    late = await new.send("/console/code", {"credential": device.use(options, SITE, host=HOST)})
    assert late.status_code == REFUSED


async def test_a_challenge_makes_one_passkey(office: Office) -> None:
    """Not two, not one in another session, and none without the password."""
    person, device = await owner(office)
    options, fields = await form_of(person)
    second = Authenticator().make(options, SITE, host=HOST)
    assert (
        await person.post("/console/passkeys", credential=second, **fields | {"password": "x"})
    ).status_code == REFUSED
    assert (await person.post("/console/passkeys", credential=second, **fields)).status_code == LED
    third = Authenticator().make(options, SITE, host=HOST)
    assert "FORM_SENT" in (await person.post("/console/passkeys", credential=third, **fields)).text
    new, asked_for = await waiting(office)
    await new.send("/console/code", {"credential": device.use(asked_for, SITE, host=HOST)})
    await new.read_word("/console")
    _, others = await form_of(new)
    assert (await new.post("/console/passkeys", credential=third, **others)).status_code == REFUSED


async def test_no_generator_goes_around_a_passkey(office: Office) -> None:
    """Who has the password alone is shown no secret, and a code that they know counts for nothing."""
    await owner(office)
    new, _ = await waiting(office)
    page = await new.get("/console/code")
    assert "Use your passkey" in page.text
    assert "Six figures" not in page.text
    assert (await new.send("/console/code", {"code": "000000"})).status_code == REFUSED


async def test_a_password_of_somebody_else_takes_passkeys_away(office: Office) -> None:
    await owner(office)
    pool = office.world.pool
    async with db.transaction(pool) as tx:
        by = await operators.find(tx, "admin")
        digest = await tx.fetchval("SELECT password FROM operator_account WHERE name = 'viewer'")
        await operators.give_digest(tx, "viewer", digest, by=by)
    assert await pool.fetchval("SELECT count(*) FROM operator_passkey") == 0


@pytest.mark.parametrize(
    "answer", ["", "x", "{}", "[]", '{"id": 1}', "null", '{"id":"","rawId":"","type":"public-key"}']
)
async def test_nonsense_is_refused_in_words(office: Office, answer: str) -> None:
    person, _ = await owner(office)
    new, _ = await waiting(office)
    assert (await new.send("/console/code", {"credential": answer})).status_code == REFUSED
    _, fields = await form_of(person)
    made = await person.post("/console/passkeys", credential=answer, **fields)
    assert made.status_code in {REFUSED, 400}


async def test_a_password_that_is_changed_meanwhile_opens_nothing(office: Office) -> None:
    """A session that began right after all of them ended would outlive the password that it was opened with."""
    pool = office.world.pool
    kept = await pool.fetchval("SELECT password FROM operator_account WHERE name = 'viewer'")
    async with db.transaction(pool) as tx:
        await operators.give_digest(tx, "viewer", "another", by=await operators.find(tx, "viewer"))
        late = asyncio.create_task(office.browser("viewer").sign_in())
        await until_blocked(pool, late)
    assert (await late).status_code == REFUSED
    await pool.execute("UPDATE operator_account SET password = $1 WHERE name = 'viewer'", kept)


async def test_a_password_is_looked_at_before_anybody_waits(office: Office) -> None:
    """Whoever waits for the operators' lock with one connection in hand asks for no other: all would be in use."""
    person, _ = await owner(office)
    async with db.transaction(office.world.pool) as tx:
        await operators.hold_alone(tx)
        for path in ("/console/passkeys", "/console/passkeys/remove"):
            assert (await person.post(path, passkey="1", password="another")).status_code == REFUSED
