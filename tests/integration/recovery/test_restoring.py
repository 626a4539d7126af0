"""A real dump, life after it, a real restore: what was given out opens nothing, what was taken away stays away."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import psycopg
import pyotp
import pytest

from hashrail import clock, db
from hashrail.access import api_keys
from hashrail.books import lost_numbers
from hashrail.db import DatabaseDownError
from hashrail.deployment import facts, journal, journal_file
from hashrail.deployment.journal import Kind
from hashrail.parties import (
    member_passkeys,
    member_second_factors,
    members,
    operator_passkeys,
    operators,
    second_factors,
)
from hashrail.parties.members import Role
from hashrail.parties.passkeys import Made
from hashrail.recovery import restoring
from tests.support.api_client import Api, Caller, answered, check_refused, open_api
from tests.support.backups import dump, restored
from tests.support.books import broken
from tests.support.commands import read_strictly
from tests.support.databases import database
from tests.support.payouts import ADDRESSES, asked, cancelled, funded
from tests.support.portal import joined
from tests.support.shell import Shell
from tests.support.world import World

pytestmark = pytest.mark.slow

PASSWORD = "a long enough one"
NEW_PASSWORD = "another long enough one"
MINE = ("--partner", "partner")
ERIK = "SELECT id FROM app_user WHERE partner_user_id = 'erik'"
TAKEN = {
    *("key revoked", "key scopes changed", "secrets revoked", "user blocked", "origin removed", "address unbound"),
    *(
        "partner suspended",
        "partner closed",
        "order cancelled",
        "order refunded",
        "partner payment reversed",
        "balance debited",
        "withdrawal ended",
        "operator disabled",
        "password changed",
        "webhook endpoint disabled",
        "webhook endpoint deleted",
        *("member disabled", "member's role changed", "member's password changed", "key addresses changed"),
        *("second factors taken away", "passkey removed", "member's passkey removed"),
    ),
}


@dataclass
class Life:
    """A deployment with a backup, and what was given out and taken away after it."""

    server: str
    world: World
    data: Path
    users: dict[str, Any] = field(default_factory=dict)
    later: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, Caller] = field(default_factory=dict)
    withdrawals: dict[str, int] = field(default_factory=dict)
    # The partner's webhook endpoints, by what becomes of them.
    hooks: dict[str, int] = field(default_factory=dict)
    # Members of the partner, by what becomes of them.
    members: dict[str, int] = field(default_factory=dict)
    # Of the partner, as it was told before the backup and after.
    events: list[Any] = field(default_factory=list)
    events_later: list[Any] = field(default_factory=list)

    @property
    def journal(self) -> Path:
        """What the deployment has written down."""
        return self.data / "journal.jsonl"

    @asynccontextmanager
    async def again(self, folder: Path) -> AsyncIterator["Restored"]:
        """The books as they were backed up, with the journal beside them."""
        (folder / "journal.jsonl").write_bytes(self.journal.read_bytes())
        with restored(self.server, self.data / "books.dump") as dsn:
            yield Restored(self, Shell(dsn, folder))


@dataclass
class Restored:
    """Books from a backup, and who looks after them."""

    life: Life
    shell: Shell

    async def say(self, *words: object, password: str = NEW_PASSWORD) -> str:
        """A command of olga's that ends well."""
        return await said(self.shell, *words, password=password)

    async def refused(self, code: str, *words: object, password: str = NEW_PASSWORD) -> str:
        """A command of olga's that is refused."""
        environment = {"HASHRAIL_OPERATOR": "olga", "HASHRAIL_OPERATOR_PASSWORD": password}
        return await asyncio.to_thread(self.shell.refused, code, *words, **environment)

    async def begin(self, *words: str, password: str = NEW_PASSWORD) -> Any:
        """`hashrail restored`, said by olga."""
        text = await self.say("restored", "--json", *words, password=password)
        read_strictly(("restored",), text)
        return json.loads(text)

    async def ask(self, query: str) -> Any:
        """One value from the books."""
        return (await asyncio.to_thread(self.shell.rows, query))[0][0]

    @asynccontextmanager
    async def served(self) -> AsyncIterator[Api]:
        """The API on them."""
        pool = await db.open_pool(self.shell.dsn, connections=4)
        async with open_api(replace(self.life.world, pool=pool), self.shell.dsn, data=self.shell.data) as api:
            api.server = replace(self.life.keys["kept"], http=api.http)
            yield api
        await pool.close()

    async def broken(self) -> Any:
        """Invariants that do not hold."""
        pool = await db.open_pool(self.shell.dsn, connections=1)
        found = await broken(pool)
        await pool.close()
        return found


async def said(shell: Shell, *words: object, password: str = PASSWORD) -> str:
    def run() -> str:
        made = shell.run(*words, HASHRAIL_OPERATOR="olga", HASHRAIL_OPERATOR_PASSWORD=password)
        assert made.exit_code == 0, made.output
        return made.stdout

    return await asyncio.to_thread(run)


async def log_in(api: Api, name: str) -> dict[str, Any]:
    data: dict[str, Any] = answered(await api.server.call("s2s_login", partnerUserId=name))
    return data


async def order(caller: Caller, user_id: int, external_id: str) -> Any:
    return await caller.call("s2s_payment_create", userId=user_id, nftCollectionId=1, externalId=external_id)


@pytest.fixture(scope="module")
async def life(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Life]:
    """Users, keys, operators, orders and withdrawals; a backup; and then more of them, and less."""
    with database(server, template) as dsn:
        pool = await db.open_pool(dsn, connections=10)
        made = Life(server, await World.create(pool), tmp_path_factory.mktemp("life"))
        async with open_api(made.world, dsn, data=made.data) as api:
            await live_before(made, api, Shell(dsn, made.data))
            await asyncio.to_thread(dump, dsn, made.data / "books.dump")
            await live_on(made, api, Shell(dsn, made.data))
        await pool.close()
        yield made


async def live_before(made: Life, api: Api, shell: Shell) -> None:
    for name in ("alice", "bob", "carol", "erik"):
        made.users[name] = await log_in(api, name)
    await funded(made.world, made.users["alice"]["userId"])
    made.keys |= {"kept": api.server, "revoked": await api.caller(), "rotated": await api.caller()}
    async with db.transaction(made.world.pool) as tx:
        await operators.add(tx, name="olga", role="admin", password=PASSWORD)
        await operators.add(tx, name="otto", role="approver", password=PASSWORD)
    for external_id in ("open", "cancelled"):
        answered(await order(api.server, made.users["bob"]["userId"], external_id))
    for name, address in (("waiting", ADDRESSES[0]), ("cancelled", ADDRESSES[1])):
        made.withdrawals[name] = (await asked(made.world, made.users["alice"]["userId"], "0.01", address)).id
    erik = made.users["erik"]["userId"]
    for external_id in ("refunded", "issued later"):
        answered(await order(api.server, erik, external_id))
    answered(await api.server.call("s2s_payment_success", userId=erik, externalId="refunded"))
    await said(shell, "partner", "payment", "record", *MINE, "--amount", "100", "--reference", "SEPA 1")
    await said(shell, "partner", "origin", "add", "https://gone.example", *MINE)
    for name in ("thief", "friend", "former"):
        await said(shell, "partner", "create", "--name", name)
    made.keys["narrowed"] = await api.caller()
    for name in ("disabled", "lowered", "raised", "renewed"):
        role: Role = "viewer" if name == "raised" else "owner"
        made.members[name] = (await joined(made.world.pool, made.world.partner.id, f"{name}@x.example", role)).id
    await factors_are_had(made)
    for address in ADDRESSES[:2]:
        answered(await api.server.call("s2s_wallet_bind", address=address, partnerUserId="alice"))
    for name in ("kept", "disabled", "deleted", "rotated"):
        created = await api.server.call("s2s_webhook_create", url=f"https://hooks.partner.example/{name}")
        made.hooks[name] = answered(created)["id"]
    made.events = await everything_told(api)


async def live_on(made: Life, api: Api, shell: Shell) -> None:
    made.later = {name: await log_in(api, name) for name in ("mallory", "alice")}
    user_id = made.later["mallory"]["userId"]
    answered(await order(api.server, user_id, "lost"))
    answered(await api.server.call("s2s_payment_success", userId=user_id, externalId="lost"))
    made.withdrawals["lost"] = (await asked(made.world, made.users["alice"]["userId"], "0.02", ADDRESSES[2])).id
    await cancelled(made.world, made.withdrawals["cancelled"])
    made.keys["lost"] = await api.caller()
    listed = json.loads(await said(shell, "partner", "key", "list", *MINE, "--json"))
    numbers = {row["apiKey"]: row["keyId"] for row in listed}
    revoked, rotated, narrowed = (numbers[str(made.keys[name].key)] for name in ("revoked", "rotated", "narrowed"))
    await people_of_the_partner_change(made, narrowed)
    for address in ADDRESSES[:2]:
        answered(await api.server.call("s2s_wallet_unbind", address=address, partnerUserId="alice"))
    answered(await api.server.call("s2s_wallet_bind", address=ADDRESSES[1], partnerUserId="alice"))
    for words in (
        ("partner", "key", "revoke", revoked),
        ("partner", "key", "rotate", rotated),
        ("partner", "key", "revoke-old", rotated),
        ("partner", "key", "scopes", narrowed, "--scope", "read", "--scope", "order"),
        ("user", "block", "bob"),
        ("user", "block", "carol"),
        ("user", "unblock", "carol"),
        ("partner", "origin", "remove", "https://gone.example"),
        ("order", "cancel", "cancelled"),
    ):
        await said(shell, *words, *MINE)
    answered(await api.server.call("s2s_webhook_update", id=made.hooks["disabled"], enabled=False))
    answered(await api.server.call("s2s_webhook_delete", id=made.hooks["deleted"]))
    answered(await api.server.call("s2s_webhook_rotate", id=made.hooks["rotated"]))
    await money_is_taken(made, api, shell)
    await said(shell, "partner", "suspend", "thief", "--reason", "its key was stolen")
    await said(shell, "partner", "close", "former", "--reason", "its contract has ended")
    for verb in ("suspend", "reopen"):
        await said(shell, "partner", verb, "friend", "--reason", "a drill")
    await factors_change(made)
    async with db.transaction(made.world.pool) as tx:
        await operators.disable(tx, "otto")
        await operators.set_password(tx, "olga", NEW_PASSWORD)
    made.events_later = (await everything_told(api))[len(made.events) :]
    await journal_file.write_down(made.world.pool, made.journal, with_heights=True)


async def people_of_the_partner_change(made: Life, narrowed: int) -> None:
    """One is disabled, one made less, one more, one has another password; one came; a key is used from fewer places."""
    pool, partner_id, them = made.world.pool, made.world.partner.id, made.members
    async with db.transaction(pool) as tx:
        await members.disable(tx, partner_id, them["disabled"])
        await members.set_role(tx, partner_id, them["lowered"], "viewer")
        await members.set_role(tx, partner_id, them["raised"], "owner")
        await members.set_digest(tx, await members.get(tx, partner_id, them["renewed"]), "another digest")
        here = [ip_network("127.0.0.0/8")]
        await api_keys.set_addresses(tx, partner_id=partner_id, key_id=narrowed, allowed_ips=here)
    await joined(pool, partner_id, "late@x.example")


async def factors_are_had(made: Life) -> None:
    """Otto and a member have two passkeys each, olga one and a code generator."""
    pool, vault, partner_id, renewed = made.world.pool, made.world.vault, made.world.partner.id, made.members["renewed"]
    async with db.transaction(pool) as tx:
        olga, otto = await operators.find(tx, "olga"), await operators.find(tx, "otto")
        await operator_passkeys.add(tx, olga.id, of_device("olga"), name="hers", host="here.example")
        await second_factors.secret_to_confirm(tx, vault, olga.id)
        for name in ("lost", "kept"):
            await operator_passkeys.add(tx, otto.id, of_device(name), name=name, host="here.example")
            await member_passkeys.add(tx, partner_id, renewed, of_device(name), name=name, host="here.example")


async def factors_change(made: Life) -> None:
    """Each loses one; otto gets another and loses it; the member gets another one and a code generator."""
    pool, vault, partner_id, renewed = made.world.pool, made.world.vault, made.world.partner.id, made.members["renewed"]
    async with db.transaction(pool) as tx:
        otto = await operators.find(tx, "otto")
        await operator_passkeys.add(tx, otto.id, of_device("late"), name="late", host="here.example")
        for one in await operator_passkeys.of_operator(tx, otto.id):
            if one.name != "kept":
                await operator_passkeys.remove(tx, otto.id, one.id)
        await member_passkeys.add(tx, partner_id, renewed, of_device("late"), name="late", host="here.example")
        lost = next(one for one in await member_passkeys.of_member(tx, partner_id, renewed) if one.name == "lost")
        await member_passkeys.remove(tx, partner_id, renewed, lost.id)
        secret = await member_second_factors.secret_to_confirm(tx, vault, partner_id, renewed)
        for _ in range(2):
            await member_second_factors.accept(tx, vault, partner_id, renewed, pyotp.TOTP(secret).now())


def of_device(name: str) -> Made:
    return Made(name.encode(), b"", 0)


async def everything_told(api: Api, after: int = 0) -> list[Any]:
    """The partner's events after a position."""
    told, has_more = [], True
    while has_more:
        page = answered(await api.server.call("s2s_events", after=after))
        told += page["events"]
        after, has_more = page["last"], page["hasMore"]
    return told


async def money_is_taken(made: Life, api: Api, shell: Shell) -> None:
    """Refunds, a payment that bounced, corrections: of what the backup has, and of what came after it."""
    erik = made.users["erik"]["userId"]
    answered(await api.server.call("s2s_payment_success", userId=erik, externalId="issued later"))
    await said(shell, "partner", "refunds", *MINE, "--income", "take")
    for external_id in ("refunded", "issued later"):
        await said(shell, "order", "refund", external_id, *MINE, "--reason", "charged back")
    await said(shell, "partner", "payment", "record", *MINE, "--amount", "50", "--reference", "SEPA 2")
    for payment in json.loads(await said(shell, "partner", "payment", "list", *MINE, "--json")):
        await said(shell, "partner", "payment", "reverse", payment["id"], *MINE, "--reason", "bounced")
    for verb, name, amount, currency, reference in (
        ("debit", "alice", "0.001", "BTC", "case 1"),
        ("credit", "alice", "0.0005", "BTC", "case 2"),
        ("credit", "erik", "3", "GOMINING", "case 3"),
        ("debit", "erik", "3", "GOMINING", "case 4"),
    ):
        of = ("--amount", amount, "--currency", currency, "--reference", reference, "--reason", "counted wrongly")
        await said(shell, "user", verb, name, *MINE, *of)
    await said(shell, "user", "block", "erik", *MINE, "--payouts", "go-on")


async def test_what_was_taken_away_stays_away(life: Life, tmp_path: Path) -> None:
    """Blocked and unblocked again is not blocked; a password that was changed is the new one."""
    async with life.again(tmp_path) as books:
        report = await books.begin()
        assert {one["kind"] for one in report["taken"] if one["left"] is None} == TAKEN
        async with books.served() as api:
            revoked, rotated = (replace(life.keys[name], http=api.http) for name in ("revoked", "rotated"))
            check_refused(await revoked.call("s2s_miners", partnerUserId="alice"), 401, "API_KEY_REVOKED")
            check_refused(await rotated.call("s2s_miners", partnerUserId="alice"), 401, "SIGNATURE_MISMATCH")
            narrowed = replace(life.keys["narrowed"], http=api.http)
            check_refused(await narrowed.call("s2s_login", partnerUserId="alice"), 403, "SCOPE_MISSING")
            answered(await narrowed.call("s2s_miners", partnerUserId="alice"))
            bound = answered(await api.server.call("s2s_wallets", partnerUserId="alice"))["array"]
            assert [each["address"] for each in bound] == [ADDRESSES[1]]
            bob = life.users["bob"]["userId"]
            check_refused(await order(api.server, bob, "new"), 403, "USER_BLOCKED", "userId")
            answered(await order(api.server, life.users["carol"]["userId"], "new"))
            assert await api.serving.known.origins.get(api.world.partner.id) == frozenset()
            orders = await api.world.pool.fetch("SELECT external_id, state FROM purchase WHERE user_id = $1", bob)
            assert {row["external_id"]: row["state"] for row in orders} == {"open": "created", "cancelled": "cancelled"}
            asked_for = [
                answered(await api.server.call("s2s_withdrawal", id=life.withdrawals[name]))["state"]
                for name in ("waiting", "cancelled")
            ]
            assert asked_for == ["queued", "cancelled"]
        partners = json.loads(await books.say("partner", "list", "--json"))
        standings = [(one["name"], one["standing"]) for one in partners]
        assert standings == [("partner", "open"), ("thief", "suspended"), ("friend", "open"), ("former", "closed")]
        listed = json.loads(await books.say("operator", "list", "--json"))
        assert {one["name"]: one["disabledAt"] is None for one in listed} == {"olga": True, "otto": False}
        people = json.loads(await books.say("partner", "portal", "list", *MINE, "--json"))
        assert {one["name"]: (one["role"], one["disabledAt"] is None) for one in people} == {
            "disabled": ("owner", False),
            "lowered": ("viewer", True),
            "raised": ("viewer", True),
            "renewed": ("owner", True),
        }
        password = f"SELECT password FROM member WHERE id = {life.members['renewed']}"
        assert await books.ask(password) == "another digest"
        keys_now = json.loads(await books.say("partner", "key", "list", *MINE, "--json"))
        narrow = next(one for one in keys_now if one["apiKey"] == life.keys["narrowed"].key)
        assert narrow["allowedIps"] == ["127.0.0.0/8"]
        log = json.loads(await books.say("operator", "log", "--json"))
        assert [one["operator"] for one in log if one["action"] == "restored"] == ["olga"]
        await check_webhooks(books, report)
        assert await books.broken() == {}


async def test_second_factors_that_were_lost_stay_lost(life: Life, tmp_path: Path) -> None:
    """A passkey that was removed opens nothing again, nor what went with a password; what was set up is only told."""
    async with life.again(tmp_path) as books:
        passkeys = "SELECT string_agg({}_id || ' ' || name, ', ') FROM {}_passkey"
        renewed, otto = life.members["renewed"], "SELECT id FROM operator_account WHERE name = 'otto'"
        report = await books.begin()
        assert await books.ask(passkeys.format("operator", "operator")) == f"{await books.ask(otto)} kept"
        assert await books.ask(passkeys.format("member", "member")) == f"{renewed} kept"
        assert await books.ask("SELECT count(*) FROM operator_code") == 0
        told = [(one["kind"], one["about"]) for one in report["given"] if one["kind"].startswith("member's")]
        generator, passkey = "member's code generator set up", "member's passkey added"
        assert sorted(kind for kind, _ in told if kind in (generator, passkey)) == [generator, passkey]
        left = [one for one in report["taken"] if one["kind"] == "passkey removed" and one["left"] is not None]
        assert [one["left"] for one in left] == ["it is not in the books"]


async def check_webhooks(books: Restored, report: Any) -> None:
    """One that was disabled or deleted since stays that; whose secret was changed since is named."""
    life = books.life
    listed = json.loads(await books.say("webhook", "list", *MINE, "--json"))
    assert {one["url"].rpartition("/")[2]: (one["id"], one["state"], one["reason"]) for one in listed} == {
        "kept": (life.hooks["kept"], "enabled", None),
        "disabled": (life.hooks["disabled"], "disabled", "operator"),
        "rotated": (life.hooks["rotated"], "enabled", None),
    }
    rotated = [one["about"] for one in report["given"] if one["kind"] == "webhook secret rotated"]
    assert rotated == [f"webhook endpoint {life.hooks['rotated']} of partner {life.world.partner.id}"]


async def test_money_that_was_taken_is_taken_again_once(life: Life, tmp_path: Path) -> None:
    """On the terms of that time. What the backup does not have, or a balance does not hold, is named with why."""
    async with life.again(tmp_path) as books:
        # A withdrawal of 0.01 that was cancelled since is released as well.
        after = await balance(books, "alice") + Decimal("0.01") - Decimal("0.001")
        report = await books.begin()
        mine = f"of partner {life.world.partner.id}"
        left = {one["about"]: one["left"] for one in report["taken"] if one["left"] is not None}
        left = {about: why for about, why in left.items() if not about.startswith("passkey")}
        short = "the account does not hold that much: 0 GOMINING can be spent"
        assert left == {
            f"order issued later {mine}": "the order is created",
            f"payment SEPA 2 of USD 50 {mine}": "no payment of 'SEPA 2' is recorded",
            f"user erik of 3 GOMINING by reference case 4 {mine}": short,
        }
        told = {one["about"] for one in report["given"] if one["kind"] == "balance credited"}
        assert told == {
            f"user alice of 0.0005 BTC by reference case 2 {mine}",
            f"user erik of 3 GOMINING by reference case 3 {mine}",
        }
        assert await balance(books, "alice") == after
        debit = ("user", "debit", "alice", *MINE, "--amount", "0.001", "--reference", "case 1", "--reason", "again")
        await books.say(*debit)
        assert await balance(books, "alice") == after
        assert await books.ask("SELECT takes_income FROM order_refund") is True
        assert await books.ask("SELECT count(*) FROM stint WHERE to_day IS NULL AND user_id = (" + ERIK + ")") == 0
        assert await books.ask(
            "SELECT payouts_go_on AND blocked_at IS NOT NULL FROM app_user WHERE id = (" + ERIK + ")"
        )
        (payment,) = json.loads(await books.say("partner", "payment", "list", *MINE, "--json"))
        assert (payment["reference"], payment["reason"]) == ("SEPA 1", "bounced")
        assert await books.broken() == {}


async def balance(books: Restored, name: str) -> Decimal:
    """What a user can spend of bitcoin."""
    page = json.loads(await books.say("user", "show", name, *MINE, "--json", password=PASSWORD))
    (found,) = [one for one in page["balances"] if one["currency"] == "BTC"]
    return Decimal(found["spendable"])


async def test_what_was_given_is_told(life: Life, tmp_path: Path) -> None:
    """A key that was made after the backup is nobody's; whoever has to make it anew reads which."""
    async with life.again(tmp_path) as books:
        report = await books.begin()
        given = {(one["kind"], one["about"]) for one in report["given"]}
        public = f"of partner {life.world.partner.id}"
        assert ("key created", f"key {life.keys['lost'].key} {public}") in given
        assert ("key rotated", f"key {life.keys['rotated'].key} {public}") in given
        assert ("user unblocked", f"user carol {public}") in given
        assert any(kind == "operator action" and "user block" in about for kind, about in given)
        assert not any(kind == "user blocked" for kind, _ in given)
        async with books.served() as api:
            lost = replace(life.keys["lost"], http=api.http)
            check_refused(await lost.call("s2s_miners", partnerUserId="alice"), 401, "API_KEY_UNKNOWN")


async def test_no_token_of_before_opens_anything(life: Life, tmp_path: Path) -> None:
    """Neither one from the life that is lost nor one from before the backup."""
    async with life.again(tmp_path) as books:
        assert (await books.begin())["sessions"] == 4
        async with books.served() as api:
            assert (await log_in(api, "victim"))["userId"] > restoring.MARGIN
            for tokens in (life.later["mallory"], life.later["alice"], life.users["alice"]):
                answer = await api.server.call("s2s_refresh", refreshToken=tokens["refreshToken"])
                check_refused(answer, 401, "REFRESH_TOKEN_EPOCH", "refreshToken")
                holder = Caller(api.http, token=tokens["jwtToken"])
                check_refused(await holder.call("c2s_miners"), 401, "TOKEN_EPOCH")
            # The answer of a login that was kept holds tokens as well.
            kept = await api.world.pool.fetchval("SELECT count(*) FROM answered_write WHERE operation = 's2s_login'")
            assert kept == 1


async def test_no_number_is_given_twice(life: Life, tmp_path: Path) -> None:
    """A lost order sent again is nobody else's; a lost withdrawal's number cancels nothing."""
    async with life.again(tmp_path) as books:
        await books.begin()
        async with books.served() as api:
            await log_in(api, "dora")
            user_id = life.later["mallory"]["userId"]
            for answer in (
                await order(api.server, user_id, "lost"),
                await api.server.call("s2s_payment_success", userId=user_id, externalId="lost"),
            ):
                details = check_refused(answer, 404, answer.json()["error"], answer.json()["details"]["field"])
                assert answer.json()["error"] in ("USER_NOT_FOUND", "ORDER_NOT_FOUND")
                assert details["lost"] is True
            answer = await api.server.call("s2s_withdrawal_cancel", id=life.withdrawals["lost"])
            assert answer.json()["error"] == "WITHDRAWAL_NOT_FOUND"
            assert answer.json()["details"]["lost"] is True
            never = await api.server.call("s2s_withdrawal_cancel", id=10**12)
            assert "lost" not in never.json()["details"]
            made = await asked(api.world, life.users["alice"]["userId"], "0.001", ADDRESSES[3])
            assert made.id > life.withdrawals["lost"] + restoring.MARGIN
        assert await books.broken() == {}


async def test_no_position_is_told_twice(life: Life, tmp_path: Path) -> None:
    """Whoever reads on from the lost life's end sees a gap, and behind it what has happened since."""
    async with life.again(tmp_path) as books:
        await books.begin()
        async with books.served() as api:
            end = life.events_later[-1]["position"]
            answered(await order(api.server, life.users["carol"]["userId"], "of the new life"))
            told = await everything_told(api, after=end)
            created = [one["object"]["id"] for one in told if one["type"] == "order.created"]
            assert created == ["of the new life"]
            assert told[0]["position"] > end + restoring.MARGIN
            # What the backup has stays where it was, and what was lost is gone.
            everything = await everything_told(api)
            assert everything[: len(life.events)] == life.events
            lost = {one["id"] for one in life.events_later}
            assert not lost & {one["id"] for one in everything}
            assert {one["object"]["id"] for one in life.events_later} >= {"lost"}


async def test_every_sequence_goes_on_behind_what_the_journal_tells(life: Life, tmp_path: Path) -> None:
    told = journal_file.newest_heights(journal_file.read([life.journal]), await epochs_of(life))
    assert told["app_user_id_seq"] == life.later["mallory"]["userId"]
    async with life.again(tmp_path) as books:
        given = dict(await heights(books))
        gaps = {gap["sequence"]: gap for gap in (await books.begin())["gaps"]}
        now = dict(await heights(books))
        for name, gap in gaps.items():
            # What is taken away again is written into the journal once more before the numbers go on.
            if name != "journal_entry_id_seq":
                assert gap["fromNumber"] <= given.get(name, gap["fromNumber"] - 1) + 1
            assert gap["toNumber"] >= told.get(name, 0) + restoring.MARGIN
            assert now[name] == gap["toNumber"]


async def heights(books: Restored) -> list[tuple[str, int]]:
    query = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL"
    return [(row[0], row[1]) for row in await asyncio.to_thread(books.shell.rows, query)]


async def epochs_of(life: Life) -> set[str]:
    return {line.epoch for line in journal_file.read([life.journal])}


async def test_payouts_wait_until_somebody_has_looked(life: Life, tmp_path: Path) -> None:
    async with life.again(tmp_path) as books:
        await books.begin()
        policy = json.loads(await books.say("payouts", "policy", "--json"))
        assert policy["pausedReason"] == restoring.PAUSED
        await books.say("payouts", "resume")


async def test_addresses_that_may_have_been_told_are_passed_over(life: Life, tmp_path: Path) -> None:
    async with life.again(tmp_path) as books:
        before = int(await books.ask("SELECT next_index FROM deposit_index"))
        await books.begin()
        assert int(await books.ask("SELECT next_index FROM deposit_index")) == before + restoring.ADDRESSES_PASSED


async def test_said_twice_it_is_done_once(life: Life, tmp_path: Path) -> None:
    async with life.again(tmp_path) as books:
        await books.begin()
        epoch = await books.ask("SELECT epoch FROM deployment")
        await books.refused("RESTORED_ALREADY", "restored")
        assert await books.ask("SELECT epoch FROM deployment") == epoch
        again = await books.begin("--again")
        assert again["taken"] == again["given"] == []
        assert await books.ask("SELECT epoch FROM deployment") != epoch
        assert await books.ask("SELECT count(*) FROM restoration") == 2


async def test_restored_once_more_the_journal_of_every_life_counts(life: Life, tmp_path: Path) -> None:
    """What was taken away between two restores of the same backup is taken away after the second."""
    async with life.again(tmp_path) as books:
        await books.begin()
        await books.say("user", "block", "carol", *MINE)
        with restored(life.server, life.data / "books.dump") as dsn:
            twice = Restored(life, Shell(dsn, tmp_path))
            report = await twice.begin()
            blocked = {one["about"] for one in report["taken"] if one["kind"] == "user blocked"}
            assert blocked == {f"user {name} of partner {life.world.partner.id}" for name in ("bob", "carol", "erik")}


async def test_without_a_journal_nothing_can_be_taken_away(life: Life, tmp_path: Path) -> None:
    """The old password counts then. What the books cannot know is said."""
    async with life.again(tmp_path) as books:
        (tmp_path / "journal.jsonl").unlink()
        text = await books.say("restored", password=PASSWORD)
        assert "There was no journal" in text
        listed = json.loads(await books.say("operator", "list", "--json", password=PASSWORD))
        assert all(one["disabledAt"] is None for one in listed)
        async with books.served() as api:
            answer = await api.server.call("s2s_refresh", refreshToken=life.later["mallory"]["refreshToken"])
            check_refused(answer, 401, "REFRESH_TOKEN_EPOCH", "refreshToken")


async def test_only_an_admin_of_today_may_do_it(life: Life, tmp_path: Path) -> None:
    """The backup knows an old password, and an operator who was disabled since: neither lets anybody in."""
    async with life.again(tmp_path) as books:
        epoch = await books.ask("SELECT epoch FROM deployment")
        await books.refused("OPERATOR_CREDENTIALS", "restored", password=PASSWORD)
        await books.refused("OPERATOR_CREDENTIALS", "restored", "--as", "otto", password=PASSWORD)
        await asyncio.to_thread(books.shell.refused, "OPERATOR_NEEDED", "restored")
        # Nothing of it stays.
        assert await books.ask("SELECT epoch FROM deployment") == epoch
        assert await books.ask("SELECT count(*) FROM restored_gap") == 0
        assert await books.ask("SELECT count(*) FROM app_user WHERE blocked_at IS NOT NULL") == 0
        assert await books.ask("SELECT last_value FROM app_user_id_seq") < restoring.MARGIN


async def test_cut_off_before_its_commit_nothing_is_done(
    life: Life, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even a sequence has moved; said again, it is done whole."""
    real = lost_numbers.move_on

    async def cut_off(*given: Any, **named: Any) -> Any:
        await real(*given, **named)
        raise ConnectionResetError

    async with life.again(tmp_path) as books:
        pool = await db.open_pool(books.shell.dsn, connections=1)
        journal = [tmp_path / "journal.jsonl"]
        monkeypatch.setattr(lost_numbers, "move_on", cut_off)
        with pytest.raises(DatabaseDownError):
            await restoring.restored(pool, journal, name="olga", password=NEW_PASSWORD)
        monkeypatch.undo()
        await pool.close()
        assert max(number for _, number in await heights(books)) < restoring.MARGIN
        assert await books.ask("SELECT count(*) FROM restoration") == 0
        assert await books.ask("SELECT count(*) FROM app_user WHERE blocked_at IS NOT NULL") == 0
        report = await books.begin()
        assert {one["kind"] for one in report["taken"] if one["left"] is None} == TAKEN


async def test_processes_have_to_be_stopped(life: Life, tmp_path: Path) -> None:
    async with life.again(tmp_path) as books:
        with psycopg.connect(books.shell.dsn, application_name="hashrail"):
            await books.refused("PROCESSES_RUNNING", "restored")
        assert (await books.begin())["number"] == 1


async def test_older_books_are_not_served(life: Life, tmp_path: Path) -> None:
    """Nor paid from: whoever forgets the command is told at once."""
    async with life.again(tmp_path) as books:
        for command in ("serve", "worker"):
            assert "hashrail restored" in await books.refused("BOOKS_ARE_OLDER", command)
        await books.begin()
        async with books.served() as api:
            assert (await api.http.get("/readyz")).status_code == 200


async def test_a_process_learns_of_the_new_epoch(life: Life, tmp_path: Path) -> None:
    """One that was not seen, because it was cut off: it asks when it has its line again."""
    async with life.again(tmp_path) as books:
        await books.begin()
        async with books.served() as api:
            alice = await log_in(api, "alice")
            async with db.transaction(api.world.pool) as tx:
                epoch = await facts.begin_epoch(tx)
            give_up = clock.monotonic() + 10
            while api.serving.signing_keys.epoch != epoch and clock.monotonic() < give_up:
                await asyncio.sleep(0.02)
            check_refused(await Caller(api.http, token=alice["jwtToken"]).call("c2s_miners"), 401, "TOKEN_EPOCH")


async def test_a_running_process_answers_nothing_from_older_books(life: Life, tmp_path: Path) -> None:
    """As after a failover that lost commits: the journal knows of a block, and the books do not."""
    async with life.again(tmp_path) as books:
        await books.begin()
        async with books.served() as api:
            await books.say("user", "block", "carol", *MINE)
            await api.world.pool.execute("DELETE FROM journal_entry WHERE id = (SELECT max(id) FROM journal_entry)")
            api.serving.news.set()
            give_up = clock.monotonic() + 10
            while not api.serving.are_books_older and clock.monotonic() < give_up:
                await asyncio.sleep(0.02)
            check_refused(await api.server.call("s2s_miners", partnerUserId="alice"), 503, "BOOKS_ARE_OLDER")
            check_refused(await api.http.get("/readyz"), 503, "BOOKS_ARE_OLDER")


async def test_a_running_process_writes_what_is_noted_by_others(life: Life, tmp_path: Path) -> None:
    """Whoever noted it may have been killed before it wrote the file."""
    async with life.again(tmp_path) as books:
        await books.begin()
        async with books.served() as api:
            for name in ("carol", "dave"):
                async with db.transaction(api.world.pool) as tx:
                    await journal.note(tx, Kind.USER_BLOCKED, partner_id=api.world.partner.id, user=name)
                path, give_up = api.serving.deployment.settings.journal_file, clock.monotonic() + 30
                while told(path) != name and clock.monotonic() < give_up:
                    await asyncio.sleep(0.02)
                assert told(path) == name


def told(path: Path) -> str | None:
    """The user whom the newest line of the journal is about."""
    return journal_file.tail(path)[-1].what.get("user")
