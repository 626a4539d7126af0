"""The operator sees and cancels withdrawals, and sets what a partner asks of them."""

import asyncio
import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hashrail import clock
from hashrail.cli import main
from hashrail.custody import withdrawals
from hashrail.custody.withdrawals import Policy
from tests.support.payouts import ADDRESSES, asked, cancelled, funded, spendable
from tests.support.world import World

MINE = ("--partner", "partner")


async def run(environment: dict[str, str], *words: object) -> Result:
    """A command has an event loop of its own, so it runs in a thread of its own."""
    return await asyncio.to_thread(CliRunner().invoke, main.app, [str(word) for word in words], env=environment)


async def as_json(environment: dict[str, str], *words: object) -> Any:
    made = await run(environment, *words, *MINE, "--json")
    assert made.exit_code == 0, made.output
    return json.loads(made.stdout)


# partner payouts


async def test_the_policy_is_shown_and_changed_as_far_as_it_is_given(world: World, environment: dict[str, str]) -> None:
    other = await world.another_partner("other")
    steps: list[tuple[tuple[object, ...], Policy]] = [
        ((), Policy(60, bound_addresses_only=False)),
        (("--bound-only",), Policy(60, bound_addresses_only=True)),
        (("--duplicate-seconds", 86_400), Policy(86_400, bound_addresses_only=True)),
        (("--duplicate-seconds", 0, "--any-address"), Policy(0, bound_addresses_only=False)),
        ((), Policy(0, bound_addresses_only=False)),
    ]
    for words, policy in steps:
        assert await as_json(environment, "partner", "payouts", *words) == {
            "duplicateSeconds": policy.duplicate_seconds,
            "boundAddressesOnly": policy.bound_addresses_only,
            "dailyBtc": None,
        }
        assert await withdrawals.policy_of(world.pool, world.partner.id) == policy
    assert await withdrawals.policy_of(world.pool, other.partner.id) == Policy(60, bound_addresses_only=False)
    shown = (await run(environment, "partner", "payouts", *MINE)).stdout
    assert [word in shown for word in ("│ any ", " 0 │", "bound ones")] == [True, True, False]
    assert "│ bound ones " in (await run(environment, "partner", "payouts", *MINE, "--bound-only")).stdout


async def test_a_partner_has_a_limit_of_its_own(world: World, environment: dict[str, str]) -> None:
    for given, shown in (("0.5", "0.5"), ("none", None)):
        found = await as_json(environment, "partner", "payouts", "--daily-btc", given)
        assert found["dailyBtc"] == shown
    assert "the limit of all" in (await run(environment, "partner", "payouts", *MINE)).stdout


@pytest.mark.parametrize("seconds", [-1, 86_401, 10**30])
async def test_seconds_beyond_a_day_are_refused(world: World, environment: dict[str, str], seconds: int) -> None:
    made = await run(environment, "partner", "payouts", *MINE, "--bound-only", "--duplicate-seconds", seconds)
    assert (made.exit_code, made.stderr.split(":")[0]) == (1, "DUPLICATE_SECONDS")
    assert await withdrawals.policy_of(world.pool, world.partner.id) == Policy(60, bound_addresses_only=False)


# withdrawal


async def test_withdrawals_are_listed_shown_and_cancelled(world: World, environment: dict[str, str]) -> None:
    alice, bob = await world.user("alice"), await world.user("bob")
    await funded(world, alice.id, bob.id)
    before = await spendable(world, alice.id)
    first = await asked(world, alice.id, "0.001", speed="fast")
    second = await asked(world, bob.id, "0.002", ADDRESSES[1])
    newest, oldest = await as_json(environment, "withdrawal", "list")
    assert oldest == {
        "partner": world.partner.id,
        "id": first.id,
        "walletAddress": ADDRESSES[0],
        "amount": "0.001",
        "partnerUserId": "alice",
        "speed": "fast",
        "fee": "0.00006",
        "state": "queued",
        "batchId": None,
        "txid": None,
        "confirmations": 0,
        "reason": None,
        "waits": [
            {
                "cause": "NO_NODE",
                "reason": "the operator pays it with another program",
                "detail": "it waits for hashrail payouts export",
                "until": None,
            },
            {
                "cause": "RHYTHM",
                "reason": "its batch is paid later",
                "detail": "fast ones are paid in batches",
                "until": clock.iso(first.created_at + dt.timedelta(minutes=10)),
            },
        ],
        "waitsUntil": None,
        "simulated": False,
        "createdAt": clock.iso(first.created_at),
        "changedAt": clock.iso(first.created_at),
    }
    assert (newest["id"], newest["speed"], newest["fee"]) == (second.id, "daily", "0")
    assert await as_json(environment, "withdrawal", "list", "--user", "alice") == [oldest]
    assert await as_json(environment, "withdrawal", "list", "--limit", 1) == [newest]
    assert await as_json(environment, "withdrawal", "show", first.id) == oldest
    shown = (await run(environment, "withdrawal", "list", *MINE)).stdout
    for value in (
        first.id,
        "alice",
        "fast",
        "0.001",
        "0.00006",
        ADDRESSES[0],
        "queued",
        "bob",
        "daily",
        "NO_NODE, RHYTHM",
    ):
        assert f" {value} " in shown
    for words in (("show",), ("cancel",), ("cancel",)):
        table = (await run(environment, "withdrawal", *words, first.id, *MINE)).stdout
        assert f"Withdrawal {first.id}" in table
        assert ("queued" in table, "cancelled" in table) == (words == ("show",), words == ("cancel",))
        assert ("It waits for" in table) == (words == ("show",))
    assert (await as_json(environment, "withdrawal", "cancel", first.id))["state"] == "cancelled"
    assert await spendable(world, alice.id) == before
    assert (await withdrawals.get(world.pool, world.partner.id, second.id)).state == "queued"


async def test_another_partner_s_withdrawal_is_not_found(world: World, environment: dict[str, str]) -> None:
    alice = await world.user("alice")
    await funded(world, alice.id)
    made = await asked(world, alice.id, "0.001")
    await world.another_partner("other")
    for words in (("show", made.id), ("cancel", made.id), ("show", 1), ("cancel", 1)):
        refused = await run(environment, "withdrawal", *words, "--partner", "other")
        assert (refused.exit_code, refused.stderr.split(":")[0]) == (1, "WITHDRAWAL_NOT_FOUND")
    listed = await run(environment, "withdrawal", "list", "--partner", "other", "--json")
    assert json.loads(listed.stdout) == []
    refused = await run(environment, "withdrawal", "list", "--partner", "other", "--user", "alice")
    assert (refused.exit_code, refused.stderr.split(":")[0]) == (1, "USER_NOT_FOUND")
    assert await spendable(world, alice.id) == Decimal("0.159")


async def test_a_list_is_chosen_by_state_days_and_number(world: World, environment: dict[str, str]) -> None:
    alice = await world.user("alice")
    await funded(world, alice.id)
    first, second = await asked(world, alice.id, "0.001"), await asked(world, alice.id, "0.002", ADDRESSES[1])
    await cancelled(world, first.id)
    day = clock.day_of(first.created_at)
    cases: list[tuple[tuple[object, ...], list[int]]] = [
        (("--state", "cancelled"), [first.id]),
        (("--state", "queued"), [second.id]),
        (("--state", "broadcast"), []),
        (("--from", day, "--to", day), [second.id, first.id]),
        (("--from", day + clock.ONE_DAY), []),
        (("--to", day - clock.ONE_DAY), []),
        (("--after", second.id), [first.id]),
    ]
    for words, expected in cases:
        assert [each["id"] for each in await as_json(environment, "withdrawal", "list", *words)] == expected, words
    assert (await run(environment, "withdrawal", "list", *MINE, "--state", "lost")).exit_code == 2
    shown = (await run(environment, "withdrawal", "list", *MINE, "--limit", 1)).stdout
    assert f"--after {second.id} goes on" in shown
