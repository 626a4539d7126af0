"""The operator's commands for payouts, in a sandbox: policy and approvals, batches, exports, reconciliation."""

import asyncio
import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hashrail import cli, db, operators, withdrawals
from tests.books import advance
from tests.desks import FAST
from tests.payouts import ADDRESSES, asked, funded, policy
from tests.world import World

PASSWORD = "a long enough one"
MINE = ("--partner", "partner")
# What `payouts status` tells where nothing was ever paid.
NOTHING: dict[str, object] = {"standing": [], "findings": [], "lastTurn": {"endedAt": None, "findings": []}}


@pytest.fixture
def environment(dsn: str) -> dict[str, str]:
    facts = {"DATABASE_URL": dsn, "HASHRAIL_MASTER_KEYS": "x" * 43 + "=", "HASHRAIL_MODE": "sandbox"}
    return facts | {"HASHRAIL_OPERATOR_PASSWORD": PASSWORD}


@pytest.fixture
async def alice(world: World) -> int:
    user = await world.user("alice")
    await funded(world, user.id)
    await policy(world, 0)
    return user.id


async def run(environment: dict[str, str], *words: object) -> Result:
    """A command has an event loop of its own, so it runs in a thread of its own."""
    return await asyncio.to_thread(CliRunner().invoke, cli.app, [str(word) for word in words], env=environment)


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
    async with db.transaction(world.pool) as tx:
        for name in names:
            await operators.add(tx, name=name, role=role, password=PASSWORD)


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
    assert [(one["name"], one["role"], one["disabled"] is None) for one in listed] == [
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
    assert await refused(environment, *words) == "ADMIN_NEEDED"
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
    """Without a variable of its own it is asked for."""
    await hired(world, "olga")
    words = ["operator", "add", "otto", "--role", "approver", "--as", "olga"]
    typed = "typed by hand\n" * 2
    made = await asyncio.to_thread(CliRunner().invoke, cli.app, words, env=environment, input=typed)
    assert made.exit_code == 0, made.output
    await operators.authenticate(world.pool, "otto", "typed by hand")
    assert (await run(environment, *words[:2], "ada", *words[3:])).exit_code == 1


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
    assert (found["approval_threshold_btc"], found["user_daily_btc"], found["cooldown_seconds"]) == ("0.05", "1", 60)
    found = await as_json(
        environment, "payouts", "policy", "--user-daily", "none", "--partner-daily", "2", "--as", "olga"
    )
    assert (found["user_daily_btc"], found["partner_daily_btc"]) == (None, "2")
    assert "cooldown_seconds" in await done(environment, "payouts", "policy")
    assert (await run(environment, "payouts", "policy", "--user-daily", "1")).exit_code == 2
    assert await refused(environment, "payouts", "policy", "--user-daily", "0", "--as", "olga") == "PAYOUT_POLICY"
    wrong = environment | {"HASHRAIL_OPERATOR_PASSWORD": "wrong"}
    assert await refused(wrong, "payouts", "policy", "--user-daily", "1", "--as", "olga") == "OPERATOR_CREDENTIALS"


async def test_two_approve_and_one_refuses(world: World, environment: dict[str, str], alice: int) -> None:
    await hired(world, "olga", "otto", role="approver")
    await hired(world, "vera", role="viewer")
    await world.pool.execute("UPDATE payout_policy SET approval_threshold_btc = 0.05")
    first, second = await asked(world, alice, "0.05"), await asked(world, alice, "0.06", ADDRESSES[1])
    words = ("payouts", "approve", first.id, *MINE, "--as")
    assert await refused(environment, *words, "vera") == "OPERATOR_ROLE"
    assert await done(environment, *words, "olga") == f"Withdrawal {first.id} is awaiting_approval.\n"
    waiting = await as_json(environment, "payouts", "waiting")
    assert [(one["id"], one["approved_by"]) for one in waiting] == [(first.id, ["olga"]), (second.id, [])]
    assert "olga" in await done(environment, "payouts", "waiting")
    assert await done(environment, *words, "otto") == f"Withdrawal {first.id} is queued.\n"
    refusing = ("payouts", "refuse", second.id, *MINE, "--as", "otto", "--reason", "strange")
    assert await done(environment, *refusing) == f"Withdrawal {second.id} is refused.\n"


async def test_pausing(world: World, environment: dict[str, str], alice: int) -> None:
    await hired(world, "olga")
    assert "paused" in await done(environment, "payouts", "pause", "--reason", "a drill")
    made = await run(environment, "payouts", "status", "--json")
    assert (made.exit_code, json.loads(made.stdout)["findings"][0]["code"]) == (1, "PAYOUTS_PAUSED")
    assert "a drill" in (await run(environment, "payouts", "status")).stdout
    await done(environment, "payouts", "resume", "--as", "olga")
    assert await as_json(environment, "payouts", "status") == NOTHING | {"simulated": True}
    assert await state(world, (await asked(world, alice, "0.01")).id) == "queued"


# Batches


async def test_a_batch_from_turn_to_end(world: World, environment: dict[str, str], alice: int) -> None:
    made = await asked(world, alice, "0.01", speed="fast")
    standing = (await as_json(environment, "payouts", "status"))["standing"]
    assert standing == [{"state": "queued", "speed": "fast", "count": 1, "amount_btc": "0.01"}]
    await advance(world, FAST)
    turn = await as_json(environment, "payouts", "run")
    assert (turn["batches"], turn["findings"]) == ([1], [])
    assert "Batch 1 now waits as" in await done(environment, "payouts", "bump", 1, "--sat-per-vb", 50)
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
    assert (report["unexplained_btc"], report["books_unexplained_btc"]) == ("0", "0")
    assert "network fees of settled batches" in await done(environment, "payouts", "reconcile")


async def test_books_that_do_not_reconcile(world: World, environment: dict[str, str]) -> None:
    await world.pool.execute(
        """INSERT INTO transfer VALUES ($1, 'deposit', 99, 1, 1400, 5200, 1, 'posted', now(), now(), 1)""",
        world.partner.id,
    )
    assert (await run(environment, "payouts", "reconcile")).exit_code == 1


async def test_without_a_node(environment: dict[str, str], world: World) -> None:
    bare = environment | {"HASHRAIL_MODE": "production"}
    assert await refused(bare, "payouts", "run") == "BITCOIN_NODE_NOT_CONFIGURED"
    assert await as_json(bare, "payouts", "status") == NOTHING | {"simulated": False}
    await hired(world, "olga")
    words = ("payouts", "acknowledge", "--txid", "ab" * 32, "--reason", "x", "--as", "olga")
    assert await refused(bare, *words) == "PAYMENT_NOT_FOUND"


# Exports


async def test_exports(world: World, environment: dict[str, str], alice: int, tmp_path: Path) -> None:
    await hired(world, "olga", role="approver")
    bare = environment | {"HASHRAIL_MODE": "production"}
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
    cancel = ("payouts", "cancel", made[2].id, *MINE, "--as", "olga", "--attest", "not paid")
    assert await done(bare, *cancel) == f"Withdrawal {made[2].id} is cancelled.\n"
    record = ("payouts", "record", "--txid", "ab" * 32, "--as", "olga")
    assert (await run(bare, *record)).exit_code == 2
    assert (await run(bare, *record, "--withdrawal", "x")).exit_code == 2
    paid = [word for one in made[:2] for word in ("--withdrawal", f"{world.partner.id}:{one.id}")]
    assert await done(bare, *record, *paid) == "Batch 1 is final.\n"
    other = ("payouts", "record", "--txid", "cd" * 32, "--as", "olga", "--export", 1)
    assert await refused(bare, *other) == "PAYMENT_ALREADY_RECORDED"
