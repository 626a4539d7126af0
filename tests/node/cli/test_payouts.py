"""The operator's commands for payouts, in a sandbox: policy and approvals, batches, exports, reconciliation."""

import asyncio
import csv
import json
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hashrail import db
from hashrail.cli import main
from hashrail.custody import withdrawals
from hashrail.parties import operators
from tests.support.bitcoin_node import Node
from tests.support.books import advance
from tests.support.deployments import become
from tests.support.keys import TPRV
from tests.support.operators import strangers
from tests.support.paying import FAST
from tests.support.payouts import ADDRESSES, asked, funded, policy
from tests.support.world import World

PASSWORD = "a long enough one"
MINE = ("--partner", "partner")
# What `payouts status` tells where nothing was ever paid.
NOTHING: dict[str, object] = {
    "standing": [],
    "exported": [],
    "findings": [],
    "warnings": [],
    "lastTurn": {"endedAt": None, "findings": []},
}


@pytest.fixture
def environment(dsn: str) -> dict[str, str]:
    become(dsn, mode="sandbox")
    facts = {"DATABASE_URL": dsn, "HASHRAIL_MASTER_KEYS": "x" * 43 + "="}
    return facts | {"HASHRAIL_OPERATOR_PASSWORD": PASSWORD}


@pytest.fixture
async def alice(world: World) -> int:
    user = await world.user("alice")
    await funded(world, user.id)
    await policy(world, 0)
    return user.id


def without_a_chain(environment: dict[str, str]) -> dict[str, str]:
    """The deployment is one without from now on."""
    become(environment["DATABASE_URL"], "none")
    return environment


async def run(environment: dict[str, str], *words: object) -> Result:
    """A command has an event loop of its own, so it runs in a thread of its own."""
    return await asyncio.to_thread(CliRunner().invoke, main.app, [str(word) for word in words], env=environment)


async def done(environment: dict[str, str], *words: object) -> str:
    made = await run(environment, *words)
    assert made.exit_code == 0, made.output
    return made.stdout


async def as_json(environment: dict[str, str], *words: object) -> Any:
    return json.loads(await done(environment, *words, "--json"))


async def refused(environment: dict[str, str], *words: object) -> str:
    made = await run(environment, *words)
    assert made.exit_code == 1, made.output
    # Lines of the log stand before it.
    return next(line for line in made.stderr.splitlines() if not line.startswith("{")).partition(":")[0]


async def hired(world: World, *names: str, role: operators.Role = "admin") -> None:
    """They have been there for a while."""
    async with db.transaction(world.pool) as tx:
        for name in names:
            await operators.add(tx, name=name, role=role, password=PASSWORD)
    await strangers(world.pool)


async def state(world: World, number: int) -> str:
    async with db.snapshot(world.pool) as tx:
        return (await withdrawals.get(tx, world.partner.id, number)).state


# Operators


async def test_operators(world: World, environment: dict[str, str]) -> None:
    """The first admin is free; then it is he who manages the others, with a password of his own."""
    assert await done(environment, "operator", "add", "olga", "--role", "viewer") == "olga is viewer.\n"
    shown = await done(environment, "operator", "add", "otto", "--role", "admin", "--generate")
    password = shown.split("once: ")[1].strip()
    assert (await operators.authenticate(world.pool, "otto", password)).role == "admin"
    otto = environment | {"HASHRAIL_OPERATOR_PASSWORD": password, "HASHRAIL_NEW_OPERATOR_PASSWORD": "something else"}
    mine = ("--as", "otto")
    assert await done(otto, "operator", "role", "olga", "--role", "approver", *mine) == "olga is approver.\n"
    assert await done(otto, "operator", "password", "olga", *mine) == "olga has a new password.\n"
    assert (await operators.authenticate(world.pool, "olga", "something else")).role == "approver"
    assert await done(otto, "operator", "add", "ada", "--role", "admin", *mine) == "ada is admin.\n"
    assert (await operators.authenticate(world.pool, "ada", "something else")).role == "admin"
    await done(otto, "operator", "disable", "otto", *mine)
    listed = await as_json(environment, "operator", "list")
    assert [(one["name"], one["role"], one["disabledAt"] is None) for one in listed] == [
        ("ada", "admin", True),
        ("olga", "approver", True),
        ("otto", "admin", False),
    ]
    assert "olga" in await done(environment, "operator", "list")
    log = await as_json(environment, "operator", "log")
    assert [(one["operator"], one["action"]) for one in log] == [
        ("otto", "operator disabled"),
        ("otto", "operator added"),
        ("otto", "password changed"),
        ("otto", "role changed"),
        (None, "operator added"),
        (None, "operator added"),
    ]
    assert "operator disabled" in await done(environment, "operator", "log", "--limit", 1)


WHAT_AN_ADMIN_DOES = [
    ("operator", "add", "eve", "--role", "approver", "--generate"),
    ("operator", "role", "vera", "--role", "approver"),
    ("operator", "password", "vera", "--generate"),
    ("operator", "disable", "vera"),
    ("partner", "payouts", *MINE, "--daily-btc", "100"),
]


@pytest.mark.parametrize("words", WHAT_AN_ADMIN_DOES, ids=lambda words: " ".join(words[:2]))
async def test_only_an_admin_does_it(world: World, environment: dict[str, str], words: tuple[str, ...]) -> None:
    """The shell alone is not enough, nor is an approver or a wrong password; nothing is changed by then."""
    await hired(world, "olga")
    await hired(world, "paula", role="approver")
    await hired(world, "vera", role="viewer")
    before = await world.pool.fetch("SELECT * FROM operator_account ORDER BY id")
    wrong = environment | {"HASHRAIL_OPERATOR_PASSWORD": "wrong"}
    assert await refused(environment, *words) == "OPERATOR_NEEDED"
    assert await refused(environment, *words, "--as", "paula") == "OPERATOR_ROLE"
    assert await refused(wrong, *words, "--as", "olga") == "OPERATOR_CREDENTIALS"
    assert await world.pool.fetch("SELECT * FROM operator_account ORDER BY id") == before
    assert await world.pool.fetchval("SELECT payouts_daily_btc FROM partner WHERE name = 'partner'") is None
    await done(environment, *words, "--as", "olga")
    assert [one["operator"] for one in await as_json(environment, "operator", "log")] == ["olga", None, None, None]


async def test_an_operator_changes_his_own_password(world: World, environment: dict[str, str]) -> None:
    await hired(world, "olga")
    await hired(world, "vera", role="viewer")
    shown = await done(environment, "operator", "password", "vera", "--generate", "--as", "vera")
    await operators.authenticate(world.pool, "vera", shown.split("once: ")[1].strip())
    words = ("operator", "password", "olga", "--generate", "--as", "vera")
    assert await refused(environment | {"HASHRAIL_OPERATOR_PASSWORD": shown.split()[-1]}, *words) == "OPERATOR_ROLE"
    (newest, *_) = await as_json(environment, "operator", "log")
    assert (newest["operator"], newest["action"], newest["subject"]) == ("vera", "password changed", "vera")


async def test_a_new_password_is_never_the_acting_admins(world: World, environment: dict[str, str]) -> None:
    """Without a variable of its own it is asked for; a script that says nothing is told what to set."""
    await hired(world, "olga")
    words = ["operator", "add", "otto", "--role", "approver", "--as", "olga"]
    typed = "typed by hand\n"
    made = await asyncio.to_thread(CliRunner().invoke, main.app, words, env=environment, input=typed)
    assert made.exit_code == 0, made.output
    await operators.authenticate(world.pool, "otto", "typed by hand")
    silent = await run(environment, *words[:2], "ada", *words[3:])
    assert (silent.exit_code, "set" in silent.output, "HASHRAIL_NEW_OPERATOR_PASSWORD" in silent.output) == (
        2,
        True,
        True,
    )


async def test_bad_names_of_operators(world: World, environment: dict[str, str]) -> None:
    """The answer shows nothing of what would have been written."""
    for name in ("", " olga", "a\nb", "x" * 256):
        made = await run(environment, "operator", "add", name, "--role", "viewer", "--generate")
        assert (made.exit_code, "OPERATOR_NAME: " in made.stderr) == (1, True)
        assert "DETAIL" not in made.output


async def test_operators_that_cannot_be_changed(world: World, environment: dict[str, str]) -> None:
    await hired(world, "olga")
    mine = ("--as", "olga")
    assert await refused(environment, "operator", "disable", "nobody", *mine) == "OPERATOR_NOT_FOUND"
    assert await refused(environment, "operator", "disable", "olga", *mine) == "LAST_ADMIN"
    assert await refused(environment, "operator", "role", "olga", "--role", "viewer", *mine) == "LAST_ADMIN"
    assert (await run(environment, "operator", "role", "olga", "--role", "king", *mine)).exit_code == 2


# Policy, approvals, the kill switch


async def test_the_policy(world: World, environment: dict[str, str]) -> None:
    await hired(world, "olga")
    words = ("--approve-above", "0.05", "--user-daily", "1", "--cooldown", 60, "--as", "olga")
    found = await as_json(environment, "payouts", "policy", *words)
    assert (found["approvalThresholdBtc"], found["userDailyBtc"], found["cooldownSeconds"]) == ("0.05", "1", 60)
    found = await as_json(
        environment, "payouts", "policy", "--user-daily", "none", "--partner-daily", "2", "--as", "olga"
    )
    assert (found["userDailyBtc"], found["partnerDailyBtc"]) == (None, "2")
    shown = await done(environment, "payouts", "policy")
    assert all(word in shown for word in ("a user's day", "no limit", "0.05 BTC", "60 seconds"))
    # The same again changes nothing, so nothing is noted.
    await done(environment, "payouts", "policy", "--partner-daily", "2", "--as", "olga")
    noted = [
        one["subject"] for one in await as_json(environment, "operator", "log") if one["action"] == "payout policy"
    ]
    assert noted == [
        "a user's day: no limit, a partner's day: 2 BTC",
        "two approve above: 0.05 BTC, a user's day: 1 BTC, a new address waits: 60 seconds",
    ]
    assert await refused(environment, "payouts", "policy", "--user-daily", "1") == "OPERATOR_NEEDED"
    for wrong in (("--user-daily", "0"), ("--approve-above", "1e30"), ("--cooldown", 10**14), ("--cooldown", -1)):
        assert await refused(environment, "payouts", "policy", *wrong, "--as", "olga") == "PAYOUT_POLICY"
    thief = environment | {"HASHRAIL_OPERATOR_PASSWORD": "wrong"}
    assert await refused(thief, "payouts", "policy", "--user-daily", "1", "--as", "olga") == "OPERATOR_CREDENTIALS"


async def test_two_approve_and_one_refuses(world: World, environment: dict[str, str], alice: int) -> None:
    await hired(world, "olga", "otto", role="approver")
    await hired(world, "vera", role="viewer")
    await world.pool.execute("UPDATE payout_policy SET approval_threshold_btc = 0.05")
    first, second = await asked(world, alice, "0.05"), await asked(world, alice, "0.06", ADDRESSES[1])
    words = ("payouts", "approve", first.id, *MINE, "--as")
    assert await refused(environment, *words, "vera") == "OPERATOR_ROLE"
    assert await done(environment, *words, "olga") == (
        f"Withdrawal {first.id} has 1 of 2 approvals: another operator is needed.\n"
    )
    waiting = await as_json(environment, "payouts", "waiting")
    assert [(one["id"], one["approvedBy"]) for one in waiting] == [(first.id, ["olga"]), (second.id, [])]
    assert "olga" in await done(environment, "payouts", "waiting")
    assert await done(environment, *words, "otto") == f"Withdrawal {first.id} is approved, and queued.\n"
    small = await asked(world, alice, "0.01", ADDRESSES[2])
    asked_for = ("payouts", "approve", small.id, *MINE, "--as", "otto")
    assert await done(environment, *asked_for) == f"Withdrawal {small.id} needs no approval: it is queued.\n"
    refusing = ("payouts", "refuse", second.id, *MINE, "--as", "otto", "--reason", "strange")
    assert await done(environment, *refusing) == f"Withdrawal {second.id} is refused.\n"


async def test_pausing(world: World, environment: dict[str, str], alice: int) -> None:
    await hired(world, "olga")
    assert await refused(environment, "payouts", "pause", "--as", "olga", "--reason", " ") == "REASON_MISSING"
    for _ in range(2):
        assert "paused" in await done(environment, "payouts", "pause", "--as", "olga", "--reason", "a drill")
    made = await run(environment, "payouts", "status", "--json")
    assert (made.exit_code, json.loads(made.stdout)["findings"][0]["code"]) == (1, "PAYOUTS_PAUSED")
    assert "a drill" in (await run(environment, "payouts", "status")).stdout
    for _ in range(2):
        await done(environment, "payouts", "resume", "--as", "olga")
    log = [one["action"] for one in await as_json(environment, "operator", "log")]
    assert log == ["payouts resumed", "payouts paused", "operator added"]
    assert await as_json(environment, "payouts", "status") == NOTHING | {"simulated": True}
    assert await state(world, (await asked(world, alice, "0.01")).id) == "queued"


# Batches


async def test_a_batch_from_turn_to_end(world: World, environment: dict[str, str], alice: int) -> None:
    made = await asked(world, alice, "0.01", speed="fast")
    standing = (await as_json(environment, "payouts", "status"))["standing"]
    assert standing == [{"state": "queued", "speed": "fast", "count": 1, "amountBtc": "0.01"}]
    await advance(world, FAST)
    turn = await as_json(environment, "payouts", "run")
    assert (turn["batches"], turn["findings"]) == ([1], [])
    raised = await done(environment, "payouts", "bump", 1, "--sat-per-vb", 50)
    assert "Batch 1 waits with 50" in raised
    assert await done(environment, "payouts", "bump", 1, "--sat-per-vb", 50) == raised
    for rate in ("0", "-4", "20.0001", "x"):
        assert (await run(environment, "payouts", "bump", 1, f"--sat-per-vb={rate}")).exit_code == 2
    assert await refused(environment, "payouts", "bump", 1, "--sat-per-vb", 500) == "FEE_NOT_RAISED"
    (batch,) = await as_json(environment, "payouts", "batches")
    assert (batch["id"], batch["state"], len(batch["versions"])) == (1, "broadcast", 2)
    assert [one["id"] for one in batch["withdrawals"]] == [made.id]
    assert "raw" not in batch["versions"][0]
    shown = await done(environment, "payouts", "batches", 1)
    assert all(word in shown for word in ("Versions", batch["versions"][1]["txid"], made.address))
    assert "Versions" not in await done(environment, "payouts", "batches")
    assert await refused(environment, "payouts", "batches", 2) == "PAYOUT_BATCH_NOT_FOUND"
    await advance(world, FAST * 6)
    assert "batches posted" in await done(environment, "payouts", "run")
    assert await state(world, made.id) == "final"
    report = await as_json(environment, "payouts", "reconcile")
    assert (report["unexplainedBtc"], report["booksUnexplainedBtc"]) == ("0", "0")
    assert "network fees of settled batches" in await done(environment, "payouts", "reconcile")


async def test_books_that_do_not_reconcile(world: World, environment: dict[str, str]) -> None:
    await world.pool.execute(
        """INSERT INTO transfer VALUES ($1, 'deposit', 99, 1, 1400, 5200, 1, 'posted', now(), now(), 1)""",
        world.partner.id,
    )
    assert (await run(environment, "payouts", "reconcile")).exit_code == 1


async def test_without_a_node(environment: dict[str, str], world: World, alice: int) -> None:
    bare = without_a_chain(environment)
    assert await refused(bare, "payouts", "run") == "BITCOIN_NODE_NOT_CONFIGURED"
    found = await as_json(bare, "payouts", "status")
    assert [one["code"] for one in found.pop("warnings")] == ["PAYOUTS_UNLIMITED", "ONE_PERSON"]
    assert found | {"warnings": []} == NOTHING | {"simulated": False}
    made = await asked(world, alice, "0.01")
    status = await run(bare, "payouts", "status", "--json")
    (finding,) = json.loads(status.stdout)["findings"]
    assert (status.exit_code, finding["code"]) == (1, "BITCOIN_NODE_NOT_CONFIGURED")
    await hired(world, "olga")
    words = ("payouts", "acknowledge", "--txid", "AB" * 32, "--reason", "x", "--as", "olga")
    assert await refused(bare, *words) == "FOREIGN_SPEND_NOT_FOUND"
    assert (await run(bare, *words[:3], "zz", *words[4:])).exit_code == 2
    attest = ("payouts", "cancel", made.id, *MINE, "--attest", "?", "--as", "olga")
    assert await refused(bare, *attest) == "WITHDRAWAL_NOT_EXPORTED"


# Exports


async def test_nothing_is_exported_while_the_node_is_in_doubt(
    world: World, environment: dict[str, str], alice: int, bitcoin_node: Node, tmp_path: Path
) -> None:
    """It could have paid what the books have forgotten."""
    await hired(world, "olga")
    made = await asked(world, alice, "0.01")
    node = {"HASHRAIL_BITCOIN_RPC_URL": bitcoin_node.url, "HASHRAIL_BITCOIN_RPC_COOKIE": str(bitcoin_node.cookie)}
    become(environment["DATABASE_URL"], "node", bitcoin_network="regtest", bitcoin_wallet="nobody's")
    doubted = environment | node
    words = ("payouts", "export", "--as", "olga", "--out", tmp_path)
    assert await refused(doubted, *words) == "CHAIN_IN_DOUBT"
    assert await state(world, made.id) == "queued"
    # An account of this test's own: others spend on the same node with the first one.
    keys = "\n".join(f"wpkh({TPRV}/84h/1h/41h/{side}/*)" for side in (0, 1))
    watching = doubted | {"HASHRAIL_BITCOIN_SIGNER": keys}
    wallet = {"bitcoin_wallet": uuid.uuid4().hex, "bitcoin_signer": keys}
    become(environment["DATABASE_URL"], "node", bitcoin_network="regtest", **wallet)
    await done(watching, "payouts", "watch")
    assert (await done(watching, *words)).count("Wrote") == 2


async def test_a_wallet_is_adopted(world: World, environment: dict[str, str]) -> None:
    """By an admin, who says why."""
    await hired(world, "olga")
    await hired(world, "paula", role="approver")
    await world.pool.execute("INSERT INTO payout_wallet_key VALUES ('wpkh(another)', now())")
    words = ("payouts", "adopt", "--reason", "the old one is empty", "--as")
    assert await refused(environment, *words, "paula") == "OPERATOR_ROLE"
    assert await refused(environment, *words[:3], "", "--as", "olga") == "REASON_MISSING"
    assert await world.pool.fetchval("SELECT count(*) FROM payout_wallet_key") == 1
    assert "is the right one" in await done(environment, *words, "olga")
    assert await world.pool.fetchval("SELECT count(*) FROM payout_wallet_key") == 0


async def test_an_export_that_cannot_be_written(
    world: World, environment: dict[str, str], alice: int, tmp_path: Path
) -> None:
    """Where it is known before, nothing leaves the queue; where it comes up later, the number of the export is told."""
    await hired(world, "olga")
    bare = without_a_chain(environment)
    made = await asked(world, alice, "0.01")
    words = ("payouts", "export", "--as", "olga", "--out")
    (tmp_path / "file").write_text("")
    assert (await run(bare, *words, tmp_path / "file" / "x")).exit_code == 2
    assert await state(world, made.id) == "queued"
    (tmp_path / "export-1.csv").mkdir()
    told = await run(bare, *words, tmp_path)
    assert (told.exit_code, "PAYOUT_EXPORT_NOT_WRITTEN: " in told.stderr) == (1, True)
    assert "export 1 is made" in told.stderr
    (tmp_path / "export-1.csv").rmdir()
    assert (await done(bare, *words, tmp_path, "--again", 1)).count("Wrote") == 2


async def test_exports(world: World, environment: dict[str, str], alice: int, tmp_path: Path) -> None:
    await hired(world, "olga", role="approver")
    bare = without_a_chain(environment)
    amounts = [("0.01", ADDRESSES[0]), ("0.02", ADDRESSES[0]), ("0.03", ADDRESSES[1])]
    made = [await asked(world, alice, amount, address) for amount, address in amounts]
    words = ("payouts", "export", "--as", "olga", "--out", tmp_path)
    shown = await done(bare, *words)
    assert shown.count("Wrote") == 2
    outputs = json.loads((tmp_path / "export-1.json").read_text())
    assert outputs["outputs"] == [{ADDRESSES[0]: "0.03"}, {ADDRESSES[1]: "0.03"}]
    with (tmp_path / "export-1.csv").open(newline="") as sheet:
        rows = list(csv.DictReader(sheet))
    assert [(int(row["id"]), Decimal(row["amountBtc"]), row["partnerUserId"]) for row in rows] == [
        (one.id, one.amount_btc, "alice") for one in made
    ]
    before = (tmp_path / "export-1.csv").read_bytes()
    (tmp_path / "export-1.csv").unlink()
    await done(bare, *words, "--again", 1)
    assert (tmp_path / "export-1.csv").read_bytes() == before
    assert await done(bare, *words) == "Nothing is due.\n"
    (waiting,) = (await as_json(bare, "payouts", "status"))["exported"]
    assert (waiting["id"], waiting["count"], waiting["amountBtc"]) == (1, 3, "0.06")
    assert "Exported, not recorded yet" in await done(bare, "payouts", "status")
    cancel = ("payouts", "cancel", made[2].id, *MINE, "--as", "olga", "--attest", "not paid")
    assert await refused(bare, *cancel[:-1], "") == "REASON_MISSING"
    assert await done(bare, *cancel) == f"Withdrawal {made[2].id} is cancelled.\n"
    record = ("payouts", "record", "--txid", "ab" * 32, "--as", "olga")
    assert (await run(bare, *record)).exit_code == 2
    for number in ("x", "1:", "1:9" + 18 * "9", "-1:2"):
        assert (await run(bare, *record, "--withdrawal", number)).exit_code == 2
    paid = [word for one in made[:2] for word in ("--withdrawal", f"{world.partner.id}:{one.id}")]
    assert await done(bare, *record, *paid) == "Batch 1 is final.\n"
    (shown,) = [one for one in await as_json(bare, "withdrawal", "list", *MINE) if one["id"] == made[0].id]
    assert (shown["txid"], shown["batchId"], shown["state"]) == ("ab" * 32, 1, "final")
    other = ("payouts", "record", "--txid", "cd" * 32, "--as", "olga", "--export", 1)
    assert await refused(bare, *other) == "PAYMENT_ALREADY_RECORDED"
