"""What takes two admins: asked for by one, done when another confirms it."""

import datetime as dt
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from hashrail import business_clock, db
from hashrail.access import api_keys
from hashrail.accounting import pool_receipts
from hashrail.acts.changes import DONE_BY, RECORD
from hashrail.parties import operators
from hashrail.payouts import exports
from hashrail.rewards import entering
from tests.support.books import buy, deployment
from tests.support.corrections import given as credited
from tests.support.databases import with_database
from tests.support.deployments import become
from tests.support.operators import PASSWORD, hired, strangers
from tests.support.payouts import ADDRESSES, asked, funded
from tests.support.shell import MASTER_KEY, Shell
from tests.support.world import World, inputs

MINE = ("--partner", "partner")
OLGA = {"HASHRAIL_OPERATOR": "olga", "HASHRAIL_OPERATOR_PASSWORD": PASSWORD}
OTTO = OLGA | {"HASHRAIL_OPERATOR": "otto"}
SWEEP = "cd" * 32
POOL_FILE = f"""day,amount_btc,txid,reference
2026-03-01,0.06,,=SUM(1)
2026-03-01,0.05,{"ef" * 32},
"""
# By act: what comes before it, what it is given, what is looked at, and the values before and after.
CASES: dict[str, tuple[str, tuple[str, ...], str, Any, Any]] = {
    "deployment change": (
        "operator list",
        ("--reason", "a drill", "--network", "signet"),
        "SELECT network, chain FROM deployment",
        ("bitcoin", "none"),
        ("signet", "none"),
    ),
    "payouts policy": (
        "payouts policy --approve-above 0.5 --cooldown 60",
        ("--approve-above", "none", "--cooldown", "90"),
        "SELECT approval_threshold_btc, cooldown_seconds FROM payout_policy",
        (Decimal("0.5"), 60),
        (None, 90),
    ),
    "payouts resume": (
        "payouts pause --reason drill",
        (),
        "SELECT paused_reason FROM payout_policy",
        ("drill",),
        (None,),
    ),
    "partner payouts": (
        "partner payouts --partner partner --daily-btc 0.5 --bound-only",
        (*MINE, "--daily-btc", "0.7", "--any-address"),
        "SELECT payouts_daily_btc, bound_addresses_only FROM partner",
        (Decimal("0.5"), True),
        (Decimal("0.7"), False),
    ),
    "partner credit-limit": (
        "partner credit-limit 5000 --partner partner",
        (*MINE, "6000"),
        "SELECT credit_limit FROM account WHERE id = 1200",
        (Decimal(5000),),
        (Decimal(6000),),
    ),
    "partner reopen": (
        "partner suspend partner --reason drill",
        ("partner", "--reason", "it has new keys"),
        "SELECT standing, reason FROM partner_standing",
        ("suspended", "drill"),
        ("open", "it has new keys"),
    ),
    "partner close": (
        "partner suspend partner --reason drill",
        ("partner", "--reason", "its contract has ended"),
        "SELECT standing, reason FROM partner_standing",
        ("suspended", "drill"),
        ("closed", "its contract has ended"),
    ),
    "withdrawal request": (
        "partner suspend partner --reason drill",
        (
            *("alice", *MINE, "--address", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", "--amount", "0.001"),
            *("--reference", "case 88", "--reason", "the partner is suspended"),
        ),
        "SELECT count(*), max(amount_btc) FROM withdrawal",
        (0, None),
        (1, Decimal("0.001")),
    ),
    "rates confirm": (
        "rates set 2026-03-02 --btc-usd 78862 --pool-btc-per-th 4.9e-7",
        ("2026-03-01",),
        "SELECT held, held_for_two FROM mining_day WHERE day = '2026-03-01'",
        (["kwh_usd 0.5 (0.05 on 2026-02-28, 10 times)"], True),
        ([], False),
    ),
    "partner payment record": (
        "partner list",
        (*MINE, "--amount", "50000", "--reference", "SEPA 9", "--confirm", "50000"),
        "SELECT count(*), max(amount_usd) FROM partner_payment",
        (0, None),
        (1, Decimal(50_000)),
    ),
    "catalogue put": (
        "catalogue put --power 3 --efficiency 13.5 --price 40",
        ("--power", "3", "--efficiency", "13.5", "--price", "400", "--confirm", "400"),
        "SELECT value_usd FROM collection WHERE power = 3",
        (Decimal(40),),
        (Decimal(400),),
    ),
    "catalogue capacity": (
        "catalogue capacity 5000",
        ("none", "--confirm", "none"),
        "SELECT cap_th FROM capacity",
        (Decimal(5000),),
        (None,),
    ),
    "catalogue upgrades": (
        "catalogue seed",
        ("--efficiency-steps", "12-14:26.67", "--confirm", "26.67"),
        "SELECT count(*), max(price_usd) FROM upgrade_step WHERE kind = 'efficiency'",
        (38, Decimal("2.667")),
        (3, Decimal("26.67")),
    ),
    "tariff set": (
        "tariff set kwh_usd 0.05 --from 2026-03-20",
        ("kwh_usd", "0.5", "--from", "2026-03-21", "--confirm", "0.5"),
        "SELECT count(*), max(value) FROM tariff",
        (1, Decimal("0.05")),
        (2, Decimal("0.5")),
    ),
    "programme fraction": (
        "programme create spring",
        ("spring", "0.6", "--from", "2026-03-20", "--confirm", "0.6"),
        "SELECT count(*), max(fraction) FROM programme_fraction",
        (0, None),
        (1, Decimal("0.6")),
    ),
    "programme cap": (
        "programme cap 0.3",
        ("0.6", "--confirm", "0.6"),
        "SELECT discount_cap FROM publication",
        (Decimal("0.3"),),
        (Decimal("0.6"),),
    ),
    "programme levels": (
        "programme levels 0:0 7.5:0.3",
        ("0:0", "7.5:0.6", "20:0.7", "--confirm", "0.6", "--confirm", "0.7"),
        "SELECT count(*), max(discount) FROM discount_level",
        (2, Decimal("0.3")),
        (3, Decimal("0.7")),
    ),
    "day adjust": (
        "day close --through 2026-02-28",
        ("2026-02-28", "--reason", "typing error", "--btc-usd", "200000", "--confirm", "200000"),
        "SELECT count(*), max(btc_usd) FROM adjustment",
        (0, None),
        (1, Decimal(200_000)),
    ),
    "rates policy": (
        "rates policy --publish-delay 7200",
        ("--publish-delay", "60"),
        "SELECT delay_seconds FROM publication",
        (7200,),
        (60,),
    ),
    "operator add": (
        "operator list",
        ("paul", "--role", "approver", "--generate"),
        "SELECT count(*) FROM operator_account WHERE name = 'paul' AND role = 'approver'",
        (0,),
        (1,),
    ),
    "operator role": (
        "operator list",
        ("vera", "--role", "approver"),
        "SELECT role FROM operator_account WHERE name = 'vera'",
        ("viewer",),
        ("approver",),
    ),
    "operator password": (
        "operator list",
        ("vera", "--generate"),
        "SELECT count(*) FROM operator_action WHERE action = 'password changed'",
        (0,),
        (1,),
    ),
    "operator alone": (
        "operator alone refund USD 500",
        ("refund", "USD", "500.5"),
        "SELECT amount FROM alone_limit WHERE kind = 'refund'",
        (Decimal(500),),
        (Decimal("500.5"),),
    ),
    "partner payment reverse": (
        "partner payment record --partner partner --amount 1000.01 --reference x",
        ("1", *MINE, "--reason", "bounced"),
        "SELECT debits_posted - credits_posted FROM account WHERE id = 1200",
        (Decimal("-1000.01"),),
        (Decimal(0),),
    ),
    "pool receipt add": (
        "operator list",
        ("--amount", "0.5", "--day", "2026-03-01", "--reference", "r-1", "--reason", "by mail"),
        "SELECT count(*), max(amount_btc), max(reason) FROM pool_receipt",
        (0, None, None),
        (1, Decimal("0.5"), "by mail"),
    ),
    "pool receipt import": (
        "operator list",
        ("pool.csv",),
        "SELECT count(*), sum(amount_btc), max(reference), max(txid) FROM pool_receipt",
        (0, None, None, None),
        (2, Decimal("0.11"), "=SUM(1)", "ef" * 32),
    ),
    "pool receipt reverse": (
        "operator list",
        ("1", "--reason", "entered twice"),
        "SELECT amount_btc, reversed_reason FROM pool_receipt",
        (Decimal("0.11"), None),
        (Decimal("0.11"), "entered twice"),
    ),
    "user credit": (
        "operator list",
        ("alice", *MINE, "--amount", "0.00100001", "--reference", "case 1", "--reason", "a drill"),
        "SELECT credits_posted FROM account WHERE user_id IS NOT NULL AND currency = 'BTC'",
        (Decimal(0),),
        (Decimal("0.00100001"),),
    ),
    "user debit": (
        "operator alone correction BTC 0.00005",
        ("alice", *MINE, "--amount", "0.0001", "--reference", "case 1", "--reason", "a drill"),
        "SELECT credits_posted - debits_posted FROM account WHERE user_id IS NOT NULL AND currency = 'BTC'",
        (Decimal("0.001"),),
        (Decimal("0.0009"),),
    ),
    "order refund": (
        "operator alone refund USD 27.98",
        ("o-1", *MINE, "--reason", "charged back"),
        "SELECT debits_posted - credits_posted FROM account WHERE id = 1200",
        (Decimal("27.99"),),
        (Decimal(0),),
    ),
    "operator policy": (
        "operator list",
        ("--apart", "500"),
        "SELECT apart_seconds FROM operator_policy",
        (604_800,),
        (500,),
    ),
    "partner portal invite": (
        "operator list",
        (*MINE, "--email", "ada@partner.example"),
        "SELECT count(*) FROM member_invitation WHERE state = 'open' AND role = 'owner'",
        (0,),
        (1,),
    ),
    "partner key create": (
        "partner key create --partner partner --scope read",
        (*MINE, "--scope", "order", "--scope", "withdraw"),
        "SELECT array_agg(scopes::text ORDER BY id) FROM api_key WHERE id IN (1, 2) AND 'withdraw' = ANY (scopes)",
        (None,),
        (["{order,withdraw}"],),
    ),
    "partner key rotate": (
        "partner key create --partner partner --scope read",
        ("2", *MINE),
        "SELECT count(*) FROM api_secret WHERE key_id = 2 AND revoked_at IS NULL",
        (1,),
        (2,),
    ),
    "partner key scopes": (
        "partner key create --partner partner --scope read",
        ("1", *MINE, "--scope", "read", "--scope", "withdraw"),
        "SELECT scopes FROM api_key",
        (["read"],),
        (["read", "withdraw"],),
    ),
    "payouts adopt": (
        "operator list",
        ("--reason", "moved to new keys"),
        "SELECT count(*) FROM operator_action WHERE action = 'wallet adopted'",
        (0,),
        (1,),
    ),
    "payouts record": (
        "operator list",
        ("--txid", "ab" * 32, "--export", "1"),
        "SELECT w.state, b.txid FROM withdrawal w LEFT JOIN payout_batch b ON b.id = w.batch_id",
        ("exported", None),
        ("final", "ab" * 32),
    ),
    "payouts acknowledge": (
        "operator list",
        ("--txid", SWEEP, "--reason", "to cold storage"),
        "SELECT acknowledged_by, reason FROM payout_foreign_spend",
        (None, None),
        ("olga", "to cold storage"),
    ),
    "payouts cancel": (
        "operator list",
        ("1", *MINE, "--attest", "its PSBT is destroyed"),
        "SELECT state, reason FROM withdrawal",
        ("exported", None),
        ("cancelled", "its PSBT is destroyed"),
    ),
}
# Acts before which a withdrawal of 0.02 BTC, with number 1, was exported, and a coin spent by nobody knows whom.
OF_EXPORTS = {"payouts record", "payouts acknowledge", "payouts cancel"}


async def exported(world: World) -> None:
    """One withdrawal that another program is to pay, and a spend of our coins that no batch knows."""
    alice = (await world.user("alice")).id
    await funded(world, alice)
    await asked(world, alice, "0.02")
    async with db.transaction(world.pool) as tx:
        await exports.export(tx, await operators.find(tx, "olga"))
    await world.pool.execute(
        """INSERT INTO payout_foreign_spend (txid, inputs, paid, confirmations, seen_at, dead)
           VALUES ($1, '{}', $2, 1, now(), false)""",
        SWEEP,
        [ADDRESSES[1]],
    )


async def has_key(world: World, *, wanted: bool) -> None:
    """Where it is wanted, key 2 may withdraw."""
    if not wanted:
        return
    async with db.transaction(world.pool) as tx:
        await tx.execute("SELECT setval('api_key_id_seq', 1)")
        await api_keys.create_key(tx, world.vault, partner_id=world.partner.id, kind="secret")


@pytest.fixture
async def shell(request: pytest.FixtureRequest, server: str, template: str, tmp_path: Path) -> AsyncIterator[Shell]:
    """Olga and otto are admins and two people; vera is a viewer."""
    async with deployment(server, template) as world:
        for name, role in (("olga", "admin"), ("otto", "admin"), ("vera", "viewer")):
            await hired(world.pool, name, role)
        if "withdrawal request" in request.node.name:
            await credited(world, (await world.user()).id, "0.01")
        if "user " in request.node.name:
            user = await world.user()
        if "user debit" in request.node.name:
            await credited(world, user.id, "0.001")
        if "pool receipt import" in request.node.name:
            (tmp_path / "pool.csv").write_text(POOL_FILE)
        if "pool receipt reverse" in request.node.name:
            async with db.transaction(world.pool) as tx:
                facts: dict[str, Any] = {"day": dt.date(2026, 3, 1), "reference": "r-1", "reason": "by mail"}
                await pool_receipts.add(tx, [pool_receipts.by_word(amount_btc=Decimal("0.11"), **facts)])
        if "order refund" in request.node.name:
            await buy(world, (await world.user()).id, "2", "o-1")
        await has_key(world, wanted="key rotate" in request.node.name)
        await strangers(world.pool)
        given = request.node.callspec.params if hasattr(request.node, "callspec") else {}
        if given.get("act") in OF_EXPORTS:
            # Its days are published by then.
            await exported(world)
        else:
            async with db.transaction(world.pool) as tx:
                for day, kwh in ((dt.date(2026, 2, 28), "0.05"), (dt.date(2026, 3, 1), "0.5")):
                    await entering.enter(tx, inputs(day, kwh_usd=kwh), at=await business_clock.now(tx))
        yield Shell(with_database(server, await world.pool.fetchval("SELECT current_database()")), tmp_path)


def test_every_kind_is_tried() -> None:
    assert CASES.keys() == {*DONE_BY, RECORD}


@pytest.mark.parametrize("act", CASES)
def test_what_loosens_takes_two(shell: Shell, act: str) -> None:
    """By one it is asked for, with all that is meant, and changes nothing; another confirms it, and it is done."""
    first, words, query, before, after = CASES[act]
    given = [shell.data / word if word == "pool.csv" else word for word in words]
    assert shell.run(*first.split(), **OTTO).exit_code == 0
    made = shell.run(*act.split(), *given, **OLGA)
    assert made.exit_code == 1, made.output
    assert made.stderr.splitlines()[-2].startswith("SECOND_NEEDED: change 1 waits"), made.stderr
    assert shell.rows(query) == [before]
    (listed,) = shell.json("change", "list")
    assert (listed["id"], listed["act"], listed["askedBy"]) == (1, act, "olga")
    assert "argon2" not in json.dumps(listed)
    assert "32768:" not in json.dumps(listed)
    assert "olga" in shell.ok("change", "list")
    shell.refused("SAME_PERSON", "change", "confirm", 1, **OLGA)
    assert shell.rows(query) == [before]
    done = shell.run("change", "confirm", 1, **OTTO)
    assert (done.exit_code, done.stdout.startswith(f"Change 1 is done: {act}")) == (0, True), done.output
    assert shell.rows(query) == [after]
    shell.refused("CHANGE_NOT_FOUND", "change", "confirm", 1, **OTTO)
    assert shell.json("change", "list") == []
    newest = shell.json("operator", "log")
    assert [(one["operator"], one["action"]) for one in newest][:2] == [
        ("otto", "change confirmed"),
        ("olga", newest[1]["action"]),
    ]


def test_a_secret_signs_once_another_has_confirmed_it(shell: Shell) -> None:
    """Who asked is shown it, and asks again where it was lost; the key works with its other scopes meanwhile."""
    shell.run("partner", "key", "create", *MINE, "--scope", "read", **OTTO)
    made = shell.run("partner", "key", "create", *MINE, "--json", **OLGA)
    key = json.loads(made.stdout)
    assert (made.exit_code, "withdraw" in key["scopes"], "order" in key["scopes"]) == (1, False, True)
    shell.run("change", "confirm", 1, **OTTO)
    number = str(key["keyId"])
    shown = [json.loads(shell.run("partner", "key", "rotate", number, *MINE, "--json", **OLGA).stdout) for _ in "ab"]
    assert len({key["apiSecret"], *(one["apiSecret"] for one in shown)}) == 3
    (waiting,) = shell.json("change", "list")
    assert (waiting["id"], waiting["after"]["rotates"]) == (2, True)
    assert not any(one["apiSecret"] in json.dumps(waiting) for one in shown)
    assert shell.run("change", "confirm", 2, **OTTO).exit_code == 0
    sealed = shell.rows("SELECT sealed FROM api_secret WHERE key_id = %s AND revoked_at IS NULL ORDER BY id", number)
    opened = [Fernet(MASTER_KEY).decrypt(bytes(each)).decode() for (each,) in sealed]
    assert opened == [key["apiSecret"], shown[1]["apiSecret"]]
    # What cannot withdraw is rotated at once.
    assert shell.run("partner", "key", "rotate", "1", *MINE, **OLGA).exit_code == 0


def test_small_steps_add_up(shell: Shell) -> None:
    """A price that is raised by a third again and again is at last far from that of a day ago, and takes two."""
    put = ("catalogue", "put", "--power", "3", "--efficiency", "13.5", "--price")
    shell.run(*put, "40", **OLGA)
    for price in ("55", "75"):
        assert shell.run(*put, price, "--confirm", price, **OLGA).exit_code == 0
    made = shell.run(*put, "105", "--confirm", "105", **OLGA)
    assert made.exit_code == 0, made.output
    assert "CONFIRMATION_NEEDED" in shell.run(*put, "125", **OLGA).stderr
    made = shell.run(*put, "125", "--confirm", "125", **OLGA)
    assert "SECOND_NEEDED" in made.stderr
    assert shell.run("change", "confirm", 1, **OTTO).exit_code == 0
    # From there on what two have confirmed counts.
    assert shell.run(*put, "140", **OLGA).exit_code == 0
    steps = ("catalogue", "capacity")
    shell.run(*steps, "1000", **OLGA)
    for cap in ("2000", "4000", "8000", "9990"):
        assert shell.run(*steps, cap, "--confirm", cap, **OLGA).exit_code == 0
    assert "SECOND_NEEDED" in shell.run(*steps, "10010", "--confirm", "10010", **OLGA).stderr


@pytest.mark.parametrize(
    ("act", "words"),
    [
        ("partner credit-limit", "room for orders of"),
        ("partner payment record", "room for orders of"),
        ("catalogue put", "open orders of 0 partners keep theirs"),
        ("catalogue capacity", "are sold and"),
        ("tariff set", "2026-02-28 would credit"),
        ("programme fraction", "2026-02-28 would credit"),
        ("programme cap", "2026-02-28 would credit"),
        ("programme levels", "2026-02-28 would credit"),
    ],
)
def test_what_it_comes_to_is_kept_for_the_second(shell: Shell, act: str, words: str) -> None:
    """In words, beside what is meant."""
    shell.run("day", "close", "--through", "2026-02-28", **OTTO)
    first, given, _, _, _ = CASES[act]
    shell.run(*first.split(), **OTTO)
    shell.run(*act.split(), *given, **OLGA)
    (listed,) = shell.json("change", "list")
    assert words in listed["after"]["effect"]


@pytest.mark.parametrize(
    "act",
    [
        *("payouts policy", "partner payouts", "partner credit-limit", "rates confirm", "rates policy"),
        *("operator role", "order refund"),
    ],
)
def test_what_was_changed_meanwhile_is_not_overwritten(shell: Shell, act: str) -> None:
    first, given, query, _, _ = CASES[act]
    shell.run(*first.split(), **OTTO)
    shell.run(*act.split(), *given, **OLGA)
    tightened = {
        "payouts policy": "payouts policy --approve-above 0.1",
        "partner payouts": "partner payouts --partner partner --daily-btc 0.1",
        "partner credit-limit": "partner credit-limit 10 --partner partner",
        "operator role": "operator disable vera",
        "order refund": "partner refunds --partner partner --income take",
        "rates confirm": "rates set 2026-03-01 --btc-usd 78863 --pool-btc-per-th 4.9e-7",
        "rates policy": "rates policy --publish-delay 8000",
    }[act]
    made = shell.run(*tightened.split(), **OTTO)
    assert made.exit_code == 0, made.output
    present = shell.rows(query)
    if act == "operator role":
        shell.rows("UPDATE operator_account SET role = 'admin' WHERE name = 'vera'")
        present = [("admin",)]
    shell.refused("CHANGE_OUTDATED", "change", "confirm", 1, **OTTO)
    assert shell.rows(query) == present
    assert shell.run("change", "withdraw", 1, **OTTO).exit_code == 0
    shell.refused("CHANGE_NOT_FOUND", "change", "withdraw", 1, **OLGA)


@pytest.mark.parametrize(
    "words",
    [
        "payouts policy --approve-above 0.4",
        "payouts policy --cooldown 120 --user-daily 1",
        "partner payouts --partner partner --daily-btc 3 --bound-only --duplicate-seconds 90",
        "partner credit-limit 10 --partner partner",
        "rates policy --publish-delay 7200",
        "operator role vera --role viewer",
        "operator password olga --generate",
        "operator policy --apart 604900",
        "operator alone refund USD 10",
        "operator disable otto",
        "payouts pause --reason drill",
    ],
)
def test_what_tightens_is_done_at_once(shell: Shell, words: str) -> None:
    made = shell.run(*words.split(), **OLGA)
    assert made.exit_code == 0, made.output
    assert shell.json("change", "list") == []


def test_who_alone_has_paused_lets_go_on_alone(shell: Shell) -> None:
    """Unless somebody else has paused as well."""
    for _ in range(2):
        for words in ("payouts pause --reason drill", "payouts resume", "payouts resume"):
            made = shell.run(*words.split(), **OLGA)
            assert made.exit_code == 0, made.output
    shell.run("payouts", "pause", "--reason", "drill", **OTTO)
    shell.run("payouts", "pause", "--reason", "mine", **OLGA)
    assert shell.run("payouts", "resume", **OLGA).exit_code == 1
    assert shell.rows("SELECT paused_reason FROM payout_policy") == [("mine",)]


def test_a_puppet_comes_to_nothing(shell: Shell) -> None:
    """One whose password the admin set, or a new one: neither without the other admin."""
    for words in ("operator password otto --generate", "operator add sock --role admin --generate"):
        made = shell.run(*words.split(), **OLGA)
        assert "SECOND_NEEDED" in made.stderr
        assert "shown once" in made.stdout
    assert shell.rows("SELECT count(*) FROM operator_account") == [(3,)]
    assert shell.run("change", "withdraw", 1, **OTTO).exit_code == 0


def test_the_regime_is_told(shell: Shell) -> None:
    """When two are two people, and whether there are two."""
    assert shell.json("operator", "policy") == {"apartSeconds": 604_800, "twoAdmins": True}
    assert "two admins are two people" in shell.ok("operator", "policy")
    shell.rows("UPDATE operator_tie SET done_at = now()")
    assert shell.json("operator", "policy")["twoAdmins"] is False
    # No person is asked for in a sandbox.
    become(shell.dsn, "none", mode="production")
    warnings = json.loads(shell.run("payouts", "status", "--json").stdout)["warnings"]
    assert [one["code"] for one in warnings] == ["PAYOUTS_UNLIMITED", "ONE_PERSON"]
    assert "ONE_PERSON" in shell.run("payouts", "status").stdout
