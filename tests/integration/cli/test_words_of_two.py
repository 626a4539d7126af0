"""What rests on a word alone takes two: that something was paid or not, whose wallet it is, a wider key."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hashrail import db
from hashrail.bitcoin import simulated_blocks
from hashrail.bitcoin.simulated_chain import SandboxChain
from hashrail.custody.withdrawals import Withdrawal
from hashrail.parties import operators
from hashrail.payouts import exports
from hashrail.selling import billing
from tests.support.books import deployment
from tests.support.databases import with_database
from tests.support.deployments import become
from tests.support.locks import until_blocked
from tests.support.operators import PASSWORD, hired, strangers
from tests.support.paying import FEES
from tests.support.payouts import ADDRESSES, asked, funded
from tests.support.shell import Shell
from tests.support.world import World

MINE = ("--partner", "partner")
TXID, SWEEP = "ab" * 32, "cd" * 32
FEE = Decimal("0.00001")


@dataclass
class Case:
    """Two admins who are two people, an approver, and a user with bitcoin."""

    world: World
    shell: Shell
    alice: int

    async def does(self, who: str, *words: object) -> tuple[int, str]:
        """A command of an operator: how it ends, and what is said first to people or of a refusal."""
        given = {"HASHRAIL_OPERATOR": who, "HASHRAIL_OPERATOR_PASSWORD": PASSWORD}
        made = await asyncio.to_thread(self.shell.run, *words, **given)
        lines = [line for line in made.output.splitlines() if line.strip() and not line.startswith("{")]
        return made.exit_code, lines[0].partition(":")[0] if made.exit_code else lines[-1]

    async def asks(self, address: str = ADDRESSES[0]) -> Withdrawal:
        return await asked(self.world, self.alice, "0.01", address, "fast")

    async def exported(self) -> Withdrawal:
        """A withdrawal that another program is to pay."""
        made = await self.asks()
        async with db.transaction(self.world.pool) as tx:
            await exports.export(tx, await operators.find(tx, "olga"))
        return made

    async def spend(self, *paid: str) -> None:
        """A spend of our coins that no batch knows."""
        await self.world.pool.execute(
            """INSERT INTO payout_foreign_spend (txid, inputs, paid, confirmations, seen_at, dead)
               VALUES ($1, '{}', $2, 1, now(), false)""",
            SWEEP,
            list(paid),
        )

    async def waiting(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = await asyncio.to_thread(self.shell.json, "change", "list")
        return found

    async def states(self) -> list[str]:
        return [row["state"] for row in await self.world.pool.fetch("SELECT state FROM withdrawal ORDER BY id")]


@pytest.fixture
async def case(server: str, template: str, tmp_path: Path) -> AsyncIterator[Case]:
    async with deployment(server, template) as world:
        for name in ("olga", "otto"):
            await hired(world.pool, name)
        await hired(world.pool, "paula", "approver")
        await strangers(world.pool)
        alice = (await world.user("alice")).id
        await funded(world, alice)
        shell = Shell(with_database(server, await world.pool.fetchval("SELECT current_database()")), tmp_path)
        yield Case(world, shell, alice)


async def test_a_payment_by_word(case: Case) -> None:
    """An approver says it, an admin confirms it. Asked for again it is the same; once it is known nobody is asked."""
    made = await case.exported()
    words = ("payouts", "record", "--txid", TXID, "--withdrawal", f"{case.world.partner.id}:{made.id}")
    for _ in range(2):
        assert await case.does("paula", *words) == (1, "SECOND_NEEDED")
    (change,) = await case.waiting()
    number = f"{case.world.partner.id}:{made.id}"
    assert change["before"] == {number: {"state": "exported", "amountBtc": "0.01", "address": made.address}}
    assert (change["after"]["txid"], change["after"]["seen"]) == (TXID, False)
    assert await case.states() == ["exported"]
    assert (await case.does("otto", "change", "confirm", 1))[0] == 0
    assert await case.states() == ["final"]
    assert (await case.does("paula", *words))[1].endswith("is final.")
    assert await case.waiting() == []
    noted = await case.world.pool.fetchval(
        """SELECT o.name FROM operator_action a JOIN operator_account o ON o.id = a.operator_id
           WHERE a.action = 'payment recorded'"""
    )
    assert noted == "paula"


async def test_what_is_owed_is_judged_one_payment_after_the_other(case: Case) -> None:
    """A second payment at once sees how far the first is ahead, and so does one that is confirmed."""
    record = ("partner", "payment", "record", *MINE, "--amount")
    partner_id = case.world.partner.id
    assert await case.does("olga", *record, "50000", "--reference", "SEPA 3", "--confirm", "50000") == (
        1,
        "SECOND_NEEDED",
    )
    for words, refused in (
        ((*record, "4000", "--reference", "SEPA 2"), "CONFIRMATION_NEEDED"),
        (("change", "confirm", 1), "CHANGE_OUTDATED"),
    ):
        async with db.transaction(case.world.pool) as tx:
            await billing.record_payment(tx, partner_id, amount_usd=Decimal(4000), reference=refused)
            later = asyncio.create_task(case.does("otto", *words))
            await until_blocked(case.world.pool, later)
        assert await later == (1, refused)
    assert await case.world.pool.fetchval("SELECT count(*) FROM partner_payment") == 2


@pytest.mark.parametrize("ended", ["operator disable paula", "operator role paula --role viewer"])
async def test_a_word_of_nobody(case: Case, ended: str) -> None:
    """Whoever asked may not do it any more."""
    made = await case.exported()
    words = ("payouts", "record", "--txid", TXID, "--withdrawal", f"{case.world.partner.id}:{made.id}")
    assert await case.does("paula", *words) == (1, "SECOND_NEEDED")
    assert (await case.does("olga", *ended.split()))[0] == 0
    assert await case.does("otto", "change", "confirm", 1) == (1, "CHANGE_OF_NOBODY")
    assert await case.states() == ["exported"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("payouts record --txid TXID --withdrawal 1:99", "WITHDRAWAL_NOT_FOUND"),
        ("payouts record --txid TXID --export 9", "PAYOUT_EXPORT_NOT_FOUND"),
        ("payouts acknowledge --txid TXID --reason sweep", "FOREIGN_SPEND_NOT_FOUND"),
        ("payouts acknowledge --txid SWEEP --reason sweep", "FOREIGN_SPEND_PAYS"),
        ("payouts acknowledge --txid SWEEP --unpaid 1:1 --reason BLANK", "REASON_MISSING"),
        ("payouts adopt --reason BLANK", "REASON_MISSING"),
        ("payouts cancel 1 --partner partner --attest BLANK", "REASON_MISSING"),
        ("payouts cancel 9 --partner partner --attest never", "WITHDRAWAL_NOT_FOUND"),
        ("partner key scopes 9 --partner partner --scope read", "KEY_NOT_FOUND"),
        ("partner key scopes 1 --partner partner --scope everything", "BAD_SCOPE"),
    ],
)
async def test_what_would_be_refused_waits_for_nobody(case: Case, words: str, code: str) -> None:
    made = await case.exported()
    await case.spend(made.address)
    assert (await case.does("olga", "partner", "key", "create", *MINE, "--scope", "read"))[0] == 0
    blanks = {"TXID": TXID, "SWEEP": SWEEP, "BLANK": " "}
    assert await case.does("olga", *[blanks.get(word, word) for word in words.split()]) == (1, code)
    assert await case.waiting() == []


async def test_who_is_judged_again(case: Case) -> None:
    """What is confirmed holds for what is there then, and not for what was there."""
    made = await case.exported()
    await case.spend(ADDRESSES[1])
    number = f"{case.world.partner.id}:{made.id}"
    assert (await case.does("olga", "partner", "key", "create", *MINE, "--scope", "read"))[0] == 0
    await case.world.pool.execute("INSERT INTO payout_wallet_key VALUES ('wpkh(ours)', now())")
    for words in (
        ("payouts", "record", "--txid", TXID, "--withdrawal", number),
        ("payouts", "cancel", made.id, *MINE, "--attest", "its PSBT is destroyed"),
        ("payouts", "acknowledge", "--txid", SWEEP, "--reason", "a sweep"),
        ("payouts", "adopt", "--reason", "other keys"),
        ("partner", "key", "scopes", 1, *MINE, "--scope", "withdraw"),
    ):
        assert await case.does("olga", *words) == (1, "SECOND_NEEDED")
    await case.asks(ADDRESSES[1])
    assert await case.does("otto", "change", "confirm", 3) == (1, "FOREIGN_SPEND_PAYS")
    await case.world.pool.execute("INSERT INTO payout_wallet_key VALUES ('wpkh(another)', now())")
    assert await case.does("otto", "change", "confirm", 4) == (1, "CHANGE_OUTDATED")
    await case.does("olga", "partner", "key", "scopes", 1, *MINE, "--scope", "read", "--scope", "order")
    assert await case.does("otto", "change", "confirm", 6) == (
        0,
        f"Change 6 is done: partner key scopes, key {case.world.partner.id}:1.",
    )
    assert await case.does("otto", "change", "confirm", 5) == (1, "CHANGE_OUTDATED")
    assert (await case.does("otto", "change", "confirm", 2))[0] == 0
    assert await case.does("otto", "change", "confirm", 1) == (1, "CHANGE_OUTDATED")
    assert await case.states() == ["cancelled", "awaiting_approval"]


async def test_less_is_done_by_one(case: Case) -> None:
    """A narrower key, and what was acknowledged or ended before."""
    made = await case.exported()
    await case.spend()
    broad = ("read", "login", "order")
    await case.does("olga", "partner", "key", "create", *MINE, *[word for each in broad for word in ("--scope", each)])
    for scope in (("read", "order"), ("order",), ("order",)):
        given = [word for each in scope for word in ("--scope", each)]
        assert (await case.does("olga", "partner", "key", "scopes", 1, *MINE, *given))[0] == 0
    sweep = ("payouts", "acknowledge", "--txid", SWEEP, "--reason", "a sweep")
    ended = ("payouts", "cancel", made.id, *MINE, "--attest", "destroyed")
    for number, words in enumerate((sweep, ended), start=1):
        assert await case.does("olga", *words) == (1, "SECOND_NEEDED")
        assert (await case.does("otto", "change", "confirm", number))[0] == 0
        assert (await case.does("olga", *words))[0] == 0
    assert await case.waiting() == []


async def test_what_a_chain_shows(case: Case) -> None:
    """One says what it shows. That it pays another's address for something else is a word again."""
    become(case.shell.dsn, mode="sandbox")
    chain = SandboxChain(case.world.pool, fees=FEES, network="regtest")
    paid, besides = await case.asks(), await case.asks(ADDRESSES[1])
    await chain.new_address()
    (coin, *_) = await chain.coins()
    rest = coin.amount_btc - FEE - Decimal("0.02")
    outputs = [(paid.address, Decimal("0.01")), (besides.address, Decimal("0.01")), (await chain.new_address(), rest)]
    raw = simulated_blocks.made([f"{coin.txid}:{coin.vout}"], outputs, FEE, 200)
    await chain.broadcast(raw)
    partner = case.world.partner.id
    words = ("payouts", "record", "--txid", simulated_blocks.txid_of(raw), "--withdrawal", f"{partner}:{paid.id}")
    assert await case.does("olga", *words) == (1, "FOREIGN_SPEND_PAYS")
    assert await case.does("olga", *words, "--unpaid", f"{partner}:{besides.id}") == (1, "SECOND_NEEDED")
    assert (await case.waiting())[0]["after"]["seen"] is True
    assert (await case.does("otto", "change", "confirm", 1))[0] == 0
    assert await case.states() == ["signed", "queued"]
    whole = (*words, "--withdrawal", f"{partner}:{besides.id}")
    assert (await case.does("olga", *whole))[1].endswith("is broadcast.")
    assert await case.states() == ["signed", "signed"]


async def test_a_node_that_is_not_named(case: Case) -> None:
    """Whoever confirms a payment needs the deployment's node, as who asked for it did."""
    made = await case.exported()
    words = ("payouts", "record", "--txid", TXID, "--withdrawal", f"{case.world.partner.id}:{made.id}")
    assert await case.does("olga", *words) == (1, "SECOND_NEEDED")
    become(case.shell.dsn, "node", bitcoin_network="regtest", bitcoin_wallet="w")
    assert await case.does("otto", "change", "confirm", 1) == (1, "NODE_NOT_NAMED")
    assert await case.states() == ["exported"]
