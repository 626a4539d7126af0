"""The console in this process: browsers without a screen, whose forms are read out of the pages."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import httpx
import pytest

from hashrail import db
from hashrail.api.serving.state import Serving
from hashrail.deployment.facts import ChainKind
from hashrail.pages import app, assets
from hashrail.pages.assets import Asset, Assets
from hashrail.parties.operators import Role
from tests.support.api_client import lifespan, settings_of
from tests.support.books import deployment
from tests.support.databases import with_database
from tests.support.deployments import become
from tests.support.layers import litestar_of
from tests.support.operators import PASSWORD, hired, strangers
from tests.support.visitors import HOST, Visitor
from tests.support.world import World

ONCE = re.compile(r'name="once" value="([^"]+)"')
ROLES: tuple[Role, ...] = ("viewer", "support", "operator", "approver", "admin")


@contextmanager
def built_pages() -> Iterator[None]:
    """Bundles as a build leaves them, without a build."""
    names = ("console.js", "front.js", "page.css", "reference.js", "try_it.js")
    found = Assets({name: Asset(f"X-{name}", "text/plain", name.encode()) for name in names})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assets.Assets, "built", lambda: found)
        yield


class Person(Visitor):
    """An operator."""

    async def sign_in(self, password: str = PASSWORD) -> httpx.Response:
        """Give name and password; in a sandbox that is all."""
        return await self.enter("/console", password)

    async def fill(self, path: str, fields: Mapping[str, str] = {}) -> tuple[str, httpx.Response]:
        """Look at what a form comes to, and do it; answers what the look said, and what came of it."""
        looked = await self.post(path, **fields)
        assert looked.status_code == 200, texts_of(looked)
        return texts_of(looked), await self.post(path, **fields, once=once_of(looked), step="do")

    async def begin(self, path: str) -> httpx.Response:
        """A form that asks for nothing and is done at once."""
        return await self.post(path, once=once_of(await self.get(path)), step="do")


@dataclass
class Office:
    """A deployment with its console, and who works there."""

    asgi: Any
    world: World
    people: dict[str, Person] = field(default_factory=dict)

    @property
    def serving(self) -> Serving:
        """What the process holds."""
        found: Serving = litestar_of(self.asgi).state.serving
        return found

    def browser(self, name: str, *, address: str = "127.0.0.1", scheme: str = "http") -> Person:
        """A new browser of somebody."""
        transport = httpx.ASGITransport(self.asgi, client=(address, 50_000))
        return Person(httpx.AsyncClient(transport=transport, base_url=f"{scheme}://{HOST}"), name)


@asynccontextmanager
async def open_office(
    world: World, dsn: str, *, chain: ChainKind | None = None, **changes: Any
) -> AsyncIterator[Office]:
    """The console on a world's database; an operator of each role is there for a while, named like the role.

    Its chain is what its settings say, or `chain`.
    """
    settings = settings_of(dsn, **changes)
    node = {name: getattr(settings, name) for name in ("bitcoin_network", "bitcoin_rpc_url", "bitcoin_wallet")}
    become(dsn, chain, mode=settings.mode, **node)
    with built_pages():
        asgi: Any = app.build(settings)
    for role in ROLES:
        if not await world.pool.fetchval("SELECT count(*) FROM operator_account WHERE name = $1", role):
            await hired(world.pool, role, role)
    await strangers(world.pool)
    async with lifespan(asgi):
        office = Office(asgi, world)
        for role in ROLES:
            office.people[role] = office.browser(role)
        yield office


@asynccontextmanager
async def office_at_work(server: str, template: str) -> AsyncIterator[Office]:
    """The console on a deployment of its own, where everybody is signed in."""
    async with deployment(server, template) as world:
        dsn = with_database(server, await world.pool.fetchval("SELECT current_database()"))
        async with open_office(world, dsn) as made:
            for person in made.people.values():
                await person.sign_in()
            yield made


async def forget_attempts(pool: db.Pool) -> None:
    """As if nobody had tried to sign in."""
    await pool.execute("DELETE FROM sign_in_attempt")


def once_of(page: httpx.Response) -> str:
    """The word of the form on a page."""
    found = ONCE.search(page.text)
    assert found is not None, texts_of(page)
    return found[1]


def texts_of(page: httpx.Response) -> str:
    """What a page says, without its markup."""
    return unescape(re.sub(r"<[^>]*>", " ", page.text))
