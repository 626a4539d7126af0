"""A text finds what it names, by index alone, and says which command shows it."""

import re
import shlex
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import typer

from hashrail import db
from hashrail.books import fence
from hashrail.cli.main import app
from hashrail.custody import bound_wallets
from hashrail.payouts import batches
from hashrail.support import finding
from hashrail.support.finding import BY_KEY, BY_NUMBER, BY_TEXT, BY_TXID, Hit, NothingFoundError, RequestIdError
from tests.support import citus
from tests.support.books import buy
from tests.support.payouts import ADDRESSES, BINDING, asked
from tests.support.world import World

TXID = "ab" * 32
# Or a shard of that table.
IS_PARTNER = re.compile(r"partner(_\d{6})?").fullmatch
STATEMENTS = {
    f"{name} by {what}": (statement, value)
    for what, statements, value in (("number", BY_NUMBER, 7), ("txid", BY_TXID, TXID), ("text", BY_TEXT, "alice"))
    for name, statement in statements.items()
} | {"withdrawal by key": (BY_KEY, "key")}


async def found(world: World, text: str, *, partner_id: int | None = None) -> list[tuple[str, str | None, str]]:
    """Kind, user, command."""
    hits = await finding.find(world.pool, text, partner_id=partner_id)
    return by_text([(one.kind, one.partner_user_id, one.command) for one in hits])


def by_text(found: list[tuple[str, str | None, str]]) -> list[tuple[str, str | None, str]]:
    return sorted(found, key=str)


@pytest.mark.parametrize("name", STATEMENTS)
async def test_nothing_that_grows_is_read_as_a_whole(world: World, name: str) -> None:
    """However the planner thinks of an empty table: where it may not read one from end to end, it has an index."""
    statement, value = STATEMENTS[name]
    async with db.transaction(world.pool) as tx:
        if citus.coordinator() is not None:
            await tx.execute("SET LOCAL citus.propagate_set_commands = 'local'")
        # As with many rows: from the partner to each row by its key.
        for way in ("seqscan", "hashjoin", "mergejoin", "material"):
            await tx.execute(f"SET LOCAL enable_{way} = off")
        await tx.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        text = await tx.fetchval(f"EXPLAIN (FORMAT JSON) {statement}", value, None, 20)
    plan = msgspec.json.decode(text)[0]["Plan"]
    scans = [node for node in nodes(plan) if "Relation Name" in node and not IS_PARTNER(node["Relation Name"])]
    assert scans or name == "partner by text"
    for node in scans:
        told = " ".join(each.get("Index Cond", "") for each in (node, *node.get("Plans", [])))
        # All of a partner's rows are too many as well.
        asked_for = {column for column in re.findall(r"(\w+) = ", told) if column != "partner_id"}
        assert asked_for, f"{node['Relation Name']} is read by {node['Node Type']}: {told}"


def nodes(plan: object) -> Iterator[Mapping[str, Any]]:
    """Of the plan and of those that other servers make of parts of it."""
    if isinstance(plan, list):
        for each in plan:
            yield from nodes(each)
    elif isinstance(plan, dict):
        yield plan
        yield from nodes(list(plan.values()))


async def test_whatever_a_customer_sends_is_found(world: World, alice: int) -> None:
    """By everything that it can be called, with whose it is."""
    mine = world.partner.id
    order = await buy(world, alice, "4", "ext-1")
    one = await asked(world, alice, "0.01", ADDRESSES[0])
    async with db.transaction(world.pool) as tx:
        books = await fence.share(tx, mine)
        await bound_wallets.bind(tx, books, BINDING, user_id=alice, address=ADDRESSES[1])
        await bound_wallets.unbind(tx, books, BINDING, user_id=alice, address=ADDRESSES[1])
        await bound_wallets.bind(tx, books, BINDING, user_id=alice, address=ADDRESSES[2])
    await world.pool.execute(
        """INSERT INTO deposit (partner_id, user_id, address, txid, vout, amount_btc, state, confirmations, coinbase,
                                created_at) VALUES ($1, $2, $3, $4, 0, 0.5, 'pending', 0, false, now())""",
        *(mine, alice, ADDRESSES[3], TXID),
    )
    await world.pool.execute(
        """INSERT INTO deposit_address (address, partner_id, user_id, given, created_at)
           VALUES ($1, $2, $3, true, now())""",
        *(ADDRESSES[3], mine, alice),
    )
    user = ("user", "alice", f"hashrail user show alice --partner {mine}")
    withdrawal = ("withdrawal", "alice", f"hashrail withdrawal show {one.id} --partner {mine}")
    deposit = ("deposit", "alice", f"hashrail deposit list --partner {mine} --user alice")
    addresses = f"hashrail address list --partner {mine} --user alice"
    cases: dict[str, list[tuple[str, str | None, str]]] = {
        "alice": [user],
        " alice\n": [user],
        "ext-1": [("order", "alice", f"hashrail order show ext-1 --partner {mine}")],
        ADDRESSES[0]: [withdrawal],
        f"{mine}:{one.id}": [withdrawal],
        ADDRESSES[1]: [("address taken off", "alice", addresses)],
        ADDRESSES[2]: [("bound address", "alice", addresses)],
        ADDRESSES[3]: [deposit, ("deposit address", "alice", f"hashrail deposit list --partner {mine} --user alice")],
        TXID: [deposit],
        TXID.upper(): [deposit],
        "partner": [("partner", None, "hashrail partner list")],
    }
    for text, expected in cases.items():
        assert await found(world, text) == by_text(expected), text
        assert await found(world, text, partner_id=mine) == by_text(expected), text
    assert ("miner", "alice", f"hashrail miner show {order.miner_id} --partner {mine}") in await found(
        world, str(order.miner_id)
    )
    await world.pool.execute(
        """INSERT INTO withdrawal_key (partner_id, key, operation, body_hash, withdrawal_id)
           VALUES ($1, 'retry-7', 's2s_withdraw', sha256(''), $2)""",
        *(mine, one.id),
    )
    assert await found(world, "retry-7") == [withdrawal]
    assert user in await found(world, str(alice))
    assert withdrawal in await found(world, str(one.id))


async def test_a_transaction_leads_to_its_batch_and_whom_it_pays(world: World, alice: int) -> None:
    one = await asked(world, alice, "0.01", ADDRESSES[0], "fast")
    await world.pool.execute(
        """WITH made AS (INSERT INTO payout_batch (kind, state, most_fee_btc, created_at, changed_at)
                         VALUES ('fast', 'broadcast', 0.001, now(), now()) RETURNING id),
           version AS (INSERT INTO payout_transaction (txid, batch_id, version, fee_btc, vsize, created_at)
                       SELECT $1, id, 1, 0.0001, 100, now() FROM made)
           UPDATE withdrawal SET state = 'signed', batch_id = (SELECT id FROM made) WHERE id = $2""",
        *(TXID, one.id),
    )
    (newest,) = await batches.newest(world.pool, 1)
    assert await found(world, TXID) == [
        ("batch", None, f"hashrail payouts batches {newest.id}"),
        ("withdrawal", "alice", f"hashrail withdrawal show {one.id} --partner {world.partner.id}"),
    ]


async def test_partners_have_users_of_the_same_name(world: World) -> None:
    other = await world.another_partner("other")
    for each in (world, other):
        await each.user("bob")
    assert len(await found(world, "bob")) == 2
    assert await found(world, "bob", partner_id=other.partner.id) == [
        ("user", "bob", f"hashrail user show bob --partner {other.partner.id}")
    ]


@pytest.mark.parametrize("text", ["", " ", "nobody", "9" * 40, "0" * 64, "1:1", "\0", "²", "%", "'; --", "x" * 9999])
async def test_what_names_nothing_is_refused(world: World, text: str) -> None:
    with pytest.raises(NothingFoundError) as caught:
        await finding.find(world.pool, text)
    assert caught.value.details["field"] == "text"


async def test_a_request_s_id_is_looked_for_in_the_log(world: World) -> None:
    """Unless something has that name: a user may be called so."""
    name = "0123456789abcdef" * 2
    with pytest.raises(RequestIdError, match=f"hashrail log --request-id {name}"):
        await finding.find(world.pool, f" {name}\n")
    await world.user(name)
    assert await found(world, name) == [("user", name, f"hashrail user show {name} --partner {world.partner.id}")]


async def test_many_of_a_kind_are_the_newest(world: World, alice: int) -> None:
    made = [(await asked(world, alice, Decimal("0.001"), ADDRESSES[0])).id for _ in range(finding.SHOWN + 2)]
    hits = await finding.find(world.pool, ADDRESSES[0])
    assert [int(one.name) for one in hits] == made[:1:-1]


def test_every_command_that_is_told_is_one() -> None:
    """With a name that a shell would take for something else."""
    tree: Any = typer.main.get_command(app)
    for kind in finding.COMMANDS:
        words = shlex.split(Hit(kind, 1, "p", "a b; rm", "c 'd", "").command)
        assert words[0] == "hashrail"
        command: Any = tree
        for word in words[1:]:
            if not hasattr(command, "commands"):
                break
            command = command.commands[word]
        assert not hasattr(command, "commands")
