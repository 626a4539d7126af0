"""The portal in this process: members of two partners at browsers without a screen."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from hashrail import clock, db
from hashrail.access.call_log import Answered
from hashrail.api.serving.state import Serving
from hashrail.pages import app
from hashrail.parties import members, passwords
from hashrail.parties.members import ROLES, Member, Role
from hashrail.parties.partners import Partner
from tests.support.api_client import lifespan, settings_of
from tests.support.console import built_pages
from tests.support.deployments import become
from tests.support.layers import litestar_of
from tests.support.visitors import HOST, Visitor
from tests.support.world import World

PASSWORD = "a long enough one"
ONCE = re.compile(r'name="once" value="([^"]+)"')


class Person(Visitor):
    """A member, whose name at the door is their e-mail address."""

    async def fill(self, path: str, **fields: str) -> httpx.Response:
        """Fill a form, look at what it comes to, and do it; answers the last page, also where it was refused before."""
        looked = await self.post(path, **fields, step="look")
        once = ONCE.search(looked.text)
        if looked.status_code != 200 or once is None or 'value="do"' not in looked.text:
            return looked
        return await self.post(path, **fields, step="do", once=once[1])

    async def sign_in(self, password: str = PASSWORD) -> httpx.Response:
        """Give address and password; in a sandbox that is all."""
        return await self.enter("/portal", password)


@dataclass
class Bureau:
    """A deployment with its portal: a member of each role of the first partner, and an owner of the second."""

    asgi: Any
    world: World
    other: Partner
    people: dict[str, Person] = field(default_factory=dict)
    members: dict[str, Member] = field(default_factory=dict)

    @property
    def serving(self) -> Serving:
        """What the process holds."""
        found: Serving = litestar_of(self.asgi).state.serving
        return found

    @property
    def pool(self) -> db.Pool:
        """Its database."""
        return self.world.pool

    @property
    def stranger(self) -> Person:
        """The owner of the other partner."""
        return self.people["stranger"]

    def browser(self, email: str, *, address: str = "127.0.0.1", scheme: str = "http") -> Person:
        """A new browser of somebody."""
        transport = httpx.ASGITransport(self.asgi, client=(address, 50_000))
        return Person(httpx.AsyncClient(transport=transport, base_url=f"{scheme}://{HOST}"), email)


async def joined(
    pool: db.Pool, partner_id: int, email: str, role: Role = "owner", *, name: str = "", by: int | None = None
) -> Member:
    """A new member of a partner."""
    digest = await passwords.digest_of(PASSWORD)
    async with db.transaction(pool) as tx:
        return await members.add(
            tx, partner_id, email=email, name=name or email.partition("@")[0], role=role, digest=digest, made_by=by
        )


@asynccontextmanager
async def open_bureau(world: World, dsn: str, **changes: Any) -> AsyncIterator[Bureau]:
    """The portal on a world's database; people are named like their roles, and everybody is signed in."""
    settings = settings_of(dsn, **changes)
    become(dsn, mode=settings.mode, bitcoin_network=settings.bitcoin_network, bitcoin_rpc_url=settings.bitcoin_rpc_url)
    other = (await world.another_partner("Other Ltd")).partner
    with built_pages():
        asgi: Any = app.build(settings)
    async with lifespan(asgi):
        bureau = Bureau(asgi, world, other)
        for role in ROLES:
            bureau.members[role] = await joined(world.pool, world.partner.id, f"{role}@first.example", role)
        bureau.members["stranger"] = await joined(world.pool, other.id, "stranger@other.example")
        for name, member in bureau.members.items():
            person = bureau.people[name] = bureau.browser(member.email)
            await person.sign_in()
        await forget_attempts(world.pool)
        yield bureau


def answered(partner_id: int, **changes: Any) -> Answered:
    """A request that a partner's server has made."""
    known: dict[str, Any] = {
        "partner_id": partner_id,
        "request_id": "of-the-first.example",
        "answered_at": clock.wall_now(),
        "operation": "s2s_login",
        "method": "POST",
        "path": "/api/partner/s2s/auth/login",
        "status": 200,
        "error": None,
        "message": None,
        "details": {},
        "key_id": None,
        "user_id": None,
        "partner_user": None,
        "address": "203.0.113.7",
        "milliseconds": 3,
    }
    return Answered(**(known | changes))


async def forget_attempts(pool: db.Pool) -> None:
    """As if nobody had tried to sign in."""
    await pool.execute("DELETE FROM sign_in_attempt")
