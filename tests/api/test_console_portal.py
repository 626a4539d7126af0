"""The console's page of a partner's people: the first owner is invited, an account ends, and what they did is read."""

import re
from collections.abc import AsyncIterator

import pytest

from hashrail import db
from hashrail.parties import member_log, members
from tests.support.console import Office, office_at_work, texts_of
from tests.support.operators import hired, strangers
from tests.support.portal import PASSWORD, joined

ONCE = re.compile(r'name="once" value="([^"]+)"')
LINK = re.compile(r"http://console\.test(/portal/join\?invitation=[^<]+)</code>")
PAGE = "/console/partners/1/portal"


@pytest.fixture(scope="module")
async def office(server: str, template: str) -> AsyncIterator[Office]:
    async with office_at_work(server, template) as made:
        yield made


async def invited(office: Office, who: str, email: str, role: str = "owner") -> str:
    """The path of the link that an operator gets."""
    fields = {"name": "Ada", "email": email, "role": role}
    looked = await office.people[who].post(f"{PAGE}/invite", **fields)
    once = ONCE.search(looked.text)
    assert once is not None, looked.text
    page = await office.people[who].post(f"{PAGE}/invite", **fields, step="do", once=once[1])
    link = LINK.search(page.text)
    assert link is not None, page.text
    return link[1]


async def accepted(office: Office, link: str) -> int:
    """How accepting it is answered."""
    fields = {"invitation": link.partition("=")[2], "password": PASSWORD}
    return (await office.browser("new").send("/portal/join", fields)).status_code


async def test_the_first_owner_is_invited_and_ended(office: Office) -> None:
    """By one admin while there is no other; also the last owner is ended, by an approver, and their session with it."""
    assert await accepted(office, await invited(office, "admin", "ada@partner.example")) == 303
    (owner,) = await members.owners(office.world.pool, 1)
    async with db.transaction(office.world.pool) as tx:
        await member_log.saw(tx, owner, "user", "user 1:bob")
    said = texts_of(await office.people["support"].get(PAGE))
    assert "ada@partner.example" in said
    assert "invitation accepted" in said
    assert "user 1:bob" in texts_of(await office.people["support"].get(f"{PAGE}?of=views"))
    ending = f"{PAGE}/{owner.id}/disable"
    looked = await office.people["approver"].post(ending)
    once = ONCE.search(looked.text)
    assert once is not None
    assert (await office.people["approver"].post(ending, step="do", once=once[1])).status_code == 303
    assert await members.owners(office.world.pool, 1) == []
    log = texts_of(await office.people["admin"].get("/console/log"))
    assert "partner portal invite" in log
    assert "partner portal disable" in log


async def test_an_owner_takes_two_admins_where_there_are_two(office: Office) -> None:
    """The link opens nothing until the second has confirmed it; somebody who is no owner takes one."""
    await hired(office.world.pool, "second")
    await strangers(office.world.pool)
    other = office.browser("second")
    await other.sign_in()
    link = await invited(office, "admin", "bob@partner.example")
    assert await accepted(office, link) == 404
    change = await office.world.pool.fetchval("SELECT max(id) FROM operator_change")
    looked = await other.post(f"/console/changes/{change}/confirm")
    once = ONCE.search(looked.text)
    assert once is not None, looked.text
    made = await other.post(f"/console/changes/{change}/confirm", step="do", once=once[1])
    assert made.status_code == 303, made.text
    assert await accepted(office, link) == 303
    assert await accepted(office, await invited(office, "admin", "eve@partner.example", "viewer")) == 303


async def test_a_member_of_another_partner_is_not_there(office: Office) -> None:
    other = (await office.world.another_partner("Other Ltd")).partner
    theirs = await joined(office.world.pool, other.id, "x@other.example")
    assert (await office.people["approver"].get(f"{PAGE}/{theirs.id}/disable")).status_code == 404
