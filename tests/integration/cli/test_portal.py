"""hashrail partner portal: who is invited, listed and disabled."""

import asyncio

import pytest

from hashrail.parties import member_signing_in
from hashrail.parties.signing_in import From
from tests.support.books import deployment
from tests.support.databases import with_database
from tests.support.portal import PASSWORD
from tests.support.shell import Shell

MINE = ("--partner", "1")
NEAR = From("127.0.0.1", "127.0.0.1", "a browser")


async def test_an_owner_comes_and_goes(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """By a link that counts once; to people it is shown with the address that they reach."""
    async with deployment(server, template) as world:
        name = await world.pool.fetchval("SELECT current_database()")
        shell = Shell(with_database(server, name), tmp_path_factory.mktemp("data"))

        async def say(*words: str) -> str:
            return await asyncio.to_thread(shell.ok, "partner", "portal", *words, *MINE)

        made = await say("invite", "--email", "Ada@partner.example", "--at", "https://hashrail.example/")
        link = made.split()[-1]
        assert link.startswith("https://hashrail.example/portal/join?invitation=1.")
        token = link.partition("=")[2]
        await member_signing_in.by_invitation(world.pool, token, PASSWORD, asks_codes=False, where=NEAR)
        listed = await asyncio.to_thread(shell.json, "partner", "portal", "list", *MINE)
        assert [(one["email"], one["name"], one["role"]) for one in listed] == [("ada@partner.example", "Ada", "owner")]
        assert "has ended" in await say("disable", str(listed[0]["id"]))
        listed = await asyncio.to_thread(shell.json, "partner", "portal", "list", *MINE)
        assert listed[0]["disabledAt"] is not None
        refused = ("partner", "portal", "disable", "999", *MINE)
        await asyncio.to_thread(shell.refused, "MEMBER_NOT_FOUND", *refused)
        await asyncio.to_thread(shell.refused, "EMAIL_NOT_READ", "partner", "portal", "invite", *MINE, "--email", "x")
