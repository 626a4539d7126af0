"""Sessions from the operator's side: listed and ended by user, by key, by partner."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hashrail import db
from hashrail.access import api_keys, read_tokens
from tests.support.books import deployment
from tests.support.databases import with_database
from tests.support.sessions import open_session
from tests.support.shell import Shell
from tests.support.world import World


@dataclass
class Case:
    """Alice has a session by each of two keys, bob one by the second, and one is a TON wallet's."""

    shell: Shell
    world: World
    keys: tuple[int, int]

    @property
    def partner(self) -> tuple[str, str]:
        return "--partner", str(self.world.partner.id)

    def listed(self, *words: object) -> list[tuple[str, int | None]]:
        found = self.shell.json("session", "list", *self.partner, *words)
        return sorted((one["partnerUserId"], one["keyId"]) for one in found)

    def ended(self, *words: object) -> str:
        return self.shell.ok("session", "end", *self.partner, *words)


@pytest.fixture
async def case(server: str, template: str, tmp_path: Path) -> AsyncIterator[Case]:
    async with deployment(server, template) as world:
        async with db.transaction(world.pool) as tx:
            first, second = [
                (await api_keys.create_key(tx, world.vault, partner_id=world.partner.id, kind="secret")).key_id
                for _ in range(2)
            ]
        for name, key_id in (("alice", first), ("alice", second), ("bob", second), ("wallet", None)):
            await open_session(world, name, key_id)
        name = await world.pool.fetchval("SELECT current_database()")
        yield Case(Shell(with_database(server, name), tmp_path), world, (first, second))


def test_sessions_are_listed(case: Case) -> None:
    first, second = case.keys
    assert case.listed() == [("alice", first), ("alice", second), ("bob", second), ("wallet", None)]
    assert case.listed("--user", "alice") == [("alice", first), ("alice", second)]
    assert case.listed("--key", second) == [("alice", second), ("bob", second)]
    assert case.listed("--key", first, "--user", "bob") == []
    shown = case.shell.ok("session", "list", *case.partner)
    assert "wallet" in shown
    assert shown.count("alice") == 2


def test_they_are_ended_by_user_by_key_and_all(case: Case) -> None:
    first, second = case.keys
    assert case.ended("--user", "alice", "--key", first) == "1 session(s) ended.\n"
    assert case.listed() == [("alice", second), ("bob", second), ("wallet", None)]
    assert case.ended("--key", second) == "2 session(s) ended.\n"
    assert case.ended("--key", second) == "0 session(s) ended.\n"
    assert case.listed() == [("wallet", None)]
    assert case.ended() == "1 session(s) ended.\n"
    assert case.listed() == []


def test_one_is_ended_by_its_id(case: Case) -> None:
    (bob,) = case.shell.json("session", "list", *case.partner, "--user", "bob")
    alice = ("session", "end", *case.partner, "--user", "alice", "--id")
    for name in (bob["id"], "0", "x", uuid.uuid4().hex):
        case.shell.refused("SESSION_NOT_FOUND", *alice, name)
    made = case.shell.run("session", "end", *case.partner, "--id", bob["id"])
    assert made.exit_code == 2
    assert "give --user as well" in made.output
    assert case.ended("--user", "bob", "--id", bob["id"]) == "1 session(s) ended.\n"
    assert case.listed() == [("alice", case.keys[0]), ("alice", case.keys[1]), ("wallet", None)]


async def test_read_tokens_are_listed_and_revoked(case: Case) -> None:
    alice = await case.world.user("alice")
    async with db.transaction(case.world.pool) as tx:
        for label in ("taxes", "phone"):
            await read_tokens.create(tx, case.world.partner.id, alice.id, label=label, days=9, key_id=case.keys[0])

    def listed() -> list[str]:
        return [one["name"] for one in case.shell.json("session", "read-tokens", "alice", *case.partner)]

    newest = (await asyncio.to_thread(case.shell.json, "session", "read-tokens", "alice", *case.partner))[0]
    assert newest["name"] == "phone"
    ending = ("--user", "alice", "--id", newest["id"])
    assert await asyncio.to_thread(case.ended, *ending) == "1 session(s) ended.\n"
    assert await asyncio.to_thread(case.ended, *ending) == "0 session(s) ended.\n"
    assert await asyncio.to_thread(listed) == ["taxes"]
    assert "taxes" in await asyncio.to_thread(case.shell.ok, "session", "read-tokens", "alice", *case.partner)
    await asyncio.to_thread(case.ended, "--user", "alice", "--key", case.keys[1])
    assert await asyncio.to_thread(listed) == ["taxes"]
    await asyncio.to_thread(case.ended, "--key", case.keys[0])
    assert await asyncio.to_thread(listed) == []


def test_a_key_that_is_revoked_ends_what_it_opened(case: Case) -> None:
    first, second = case.keys
    case.shell.ok("partner", "key", "revoke", second, *case.partner)
    assert case.listed() == [("alice", first), ("wallet", None)]
    case.shell.ok("partner", "key", "scopes", first, *case.partner, "--scope", "read")
    assert case.listed() == [("wallet", None)]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("PARTNER_NOT_FOUND", "session list --partner nobody"),
        ("USER_NOT_FOUND", "session list --partner partner --user nobody"),
        ("KEY_NOT_FOUND", "session list --partner partner --key 999"),
        ("USER_NOT_FOUND", "session read-tokens nobody --partner partner"),
        ("READ_TOKEN_NOT_FOUND", f"session end --partner partner --user alice --id r9-{'a' * 32}"),
        ("PARTNER_NOT_FOUND", "session end --partner nobody"),
        ("USER_NOT_FOUND", "session end --partner partner --user nobody"),
        ("KEY_NOT_FOUND", "session end --partner partner --key 999"),
        ("BAD_SCOPE", "partner key scopes 999 --partner partner --scope admin"),
        ("KEY_NOT_FOUND", "partner key scopes 999 --partner partner --scope read"),
        ("PARTNER_NOT_FOUND", "partner new-users --partner nobody"),
    ],
)
def test_a_refusal_has_a_code_and_advice(case: Case, code: str, words: str) -> None:
    assert case.shell.refused(code, *words.split())


# What keys and partners may


def test_a_key_gets_other_scopes(case: Case) -> None:
    """Named in the order of the list; a key that is revoked keeps its own."""
    key = str(case.shell.json("partner", "key", "create", *case.partner, "--scope", "read")["keyId"])
    change = ("partner", "key", "scopes", key, *case.partner, "--scope", "wallet", "--scope", "login")
    assert case.shell.ok(*change) == f"Key {key} has the scopes login, wallet.\n"
    (found,) = [one for one in case.shell.json("partner", "key", "list", *case.partner) if str(one["keyId"]) == key]
    assert found["scopes"] == ["login", "wallet"]
    case.shell.ok("partner", "key", "revoke", key, *case.partner)
    case.shell.refused("KEY_IS_REVOKED", *change)


def test_how_many_users_a_partner_may_register(case: Case) -> None:
    """Its own bound, none, or the deployment's."""
    change = ("partner", "new-users", *case.partner)
    assert case.shell.json(*change) == {"perDay": None, "registered": 3}
    for given, kept in (("50000", 50_000), ("0", 0), ("default", None)):
        assert case.shell.json(*change, "--per-day", given) == {"perDay": kept, "registered": 3}
        assert case.shell.json(*change)["perDay"] == kept
    for wrong in ("-1", "x", "1.5", "100000001", "٣"):
        assert case.shell.run(*change, f"--per-day={wrong}").exit_code == 2
    assert "the deployment's" in case.shell.ok(*change)
