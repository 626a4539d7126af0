"""Every act of operators, once there is an admin: refused without a name, and logged with what it changed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from typer.testing import Result

from hashrail import db
from hashrail.events import endpoints
from hashrail.parties import members, operators
from hashrail.parties.operators import Role
from hashrail.parties.permissions import ACTS
from tests.support.books import advance, buy, deployment, offer, order
from tests.support.databases import with_database
from tests.support.deployments import become
from tests.support.hooked import endpoint
from tests.support.paying import FAST
from tests.support.payouts import ADDRESSES, asked, funded
from tests.support.shell import Shell

PASSWORD = "a long enough one"
MINE = ("--partner", "partner")
# What each act is given. None needs that another was done before it.
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "deployment change": ("--reason", "a drill", "--chain", "none"),
    "partner create": ("--name", "another", "--credit-limit", "5000.50"),
    "partner credit-limit": (*MINE, "2000000", "--confirm", "2000000"),
    "partner new-users": (*MINE, "--per-day", "50000"),
    "partner suspend": ("another partner", "--reason", "its key was stolen"),
    "partner reopen": ("third partner", "--reason", "it has new keys"),
    "partner close": ("fourth partner", "--reason", "its contract has ended"),
    "partner payment record": (*MINE, "--amount", "10.5", "--reference", "SEPA 1"),
    "partner payment reverse": ("1", *MINE, "--reason", "bounced"),
    "books invoice issue": (*MINE, "--month", "2026-03"),
    "partner refunds": (*MINE, "--income", "take"),
    "pool receipt add": ("--amount", "0.05", "--day", "2026-03-02", "--reference", "March 2", "--reason", "by mail"),
    "pool receipt import": ("pool.csv",),
    "pool receipt reverse": ("1", "--reason", "entered twice"),
    "pool address add": (ADDRESSES[0],),
    "pool address remove": (ADDRESSES[1],),
    "partner payouts": (*MINE, "--duplicate-seconds", "5", "--daily-btc", "4"),
    "partner ton-domain add": ("more.example", *MINE),
    "partner ton-domain remove": ("app.example", *MINE),
    "partner origin add": ("https://more.example", *MINE),
    "partner origin remove": ("https://app.example", *MINE),
    "partner portal invite": (*MINE, "--email", "ada@partner.example"),
    "partner portal disable": ("1", *MINE),
    "partner key create": (*MINE, "--label", "till", "--scope", "read"),
    "partner key rotate": ("1", *MINE),
    "partner key revoke-old": ("2", *MINE),
    "partner key revoke": ("3", *MINE),
    "partner key scopes": ("4", *MINE, "--scope", "read"),
    "partner key limit": ("4", *MINE, "--per-minute", "7"),
    "session end": (*MINE, "--user", "bob"),
    "webhook disable": ("1", *MINE, "--reason", "it floods them"),
    "webhook enable": ("2", *MINE, "--reason", "it is back"),
    "webhook replay": ("3", *MINE, "--from-position", "1", "--given-up", "--reason", "case 88"),
    "webhook test": ("3", *MINE),
    "user block": ("bob", *MINE, "--reason", "case 88"),
    "user unblock": ("carol", *MINE),
    "user note add": ("bob", *MINE, "--text", "called, case 88"),
    "alarms silence": ("CLOCK_OFF", "--hours", "3", "--reason", "it moves"),
    "alarms unsilence": ("1",),
    "user credit": ("bob", *MINE, "--amount", "0.0001", "--reference", "case 1", "--reason", "a drill"),
    "user debit": ("alice", *MINE, "--amount", "0.0001", "--reference", "case 2", "--reason", "a drill"),
    "catalogue seed": (),
    "catalogue put": ("--power", "3", "--efficiency", "13.5", "--price", "41.5"),
    "catalogue withdraw": ("1",),
    "catalogue offer": ("43",),
    "catalogue upgrades": ("--price", "7.5"),
    "catalogue capacity": ("5000",),
    "order cancel": ("o-1", *MINE),
    "order refund": ("o-2", *MINE, "--reason", "charged back"),
    "rates set": ("2026-04-09", "--btc-usd", "78862.65", "--pool-btc-per-th", "4.9e-7"),
    "rates import": ("rates.csv",),
    "rates confirm": ("2026-04-16",),
    "rates delete": ("2026-04-15",),
    "rates policy": ("--publish-delay", "7200"),
    "rates fetch": (),
    "tariff set": ("kwh_usd", "0.047", "--from", "2026-05-01"),
    "day bring-back": (),
    "day close": (),
    "day take-back": ("2026-03-02", "--reason", "a drill"),
    "day adjust": ("2026-03-02", "--reason", "typing error", "--btc-usd", "79000.5"),
    "programme create": ("summer",),
    "programme fraction": ("spring", "0.07", "--from", "2026-04-20"),
    "programme cap": ("0.29",),
    "programme levels": ("0:0", "7.5:0.01"),
    "programme join": ("spring", *MINE, "--user", "bob"),
    "withdrawal request": (
        *("bob", *MINE, "--address", ADDRESSES[0], "--amount", "0.001"),
        *("--reference", "case 88", "--reason", "a drill"),
    ),
    "withdrawal cancel": ("5", *MINE),
    "payouts bump": ("1", "--sat-per-vb", "40"),
    "payouts run": (),
    "payouts policy": ("--user-daily", "3"),
    "payouts approve": ("3", *MINE),
    "payouts refuse": ("4", *MINE, "--reason", "strange"),
    "payouts pause": ("--reason", "a drill"),
    "payouts resume": (),
    "payouts adopt": ("--reason", "a new wallet"),
    "payouts export": ("--out", "."),
    "payouts record": ("--txid", "ab" * 32, "--export", "1"),
    "payouts acknowledge": ("--txid", "ab" * 32, "--reason", "a sweep"),
    "payouts cancel": ("2", *MINE, "--attest", "never asked"),
    "operator add": ("otto", "--role", "viewer", "--generate"),
    "operator role": ("paul", "--role", "approver"),
    "operator password": ("paul", "--generate"),
    "operator disable": ("quinn",),
    "restored": (),
    "operator policy": ("--apart", "700000"),
    "operator alone": ("refund", "USD", "900"),
    "change confirm": ("1",),
    "change withdraw": ("1",),
}
# Acts whose verb notes itself, in its own words.
WORDS = {
    "payouts policy": "payout policy",
    "payouts approve": "withdrawal approved",
    "payouts refuse": "withdrawal refused",
    "payouts pause": "payouts paused",
    "payouts resume": "payouts resumed",
    "payouts adopt": "wallet adopted",
    "payouts export": "withdrawals exported",
    "payouts cancel": "export attested unpaid",
    "operator add": "operator added",
    "operator role": "role changed",
    "operator password": "password changed",
    "operator disable": "operator disabled",
}
# The node is asked about the transaction (tests/node/cli/test_payouts.py); two are needed (test_changes.py); those who
# are connected here are in its way (tests/integration/recovery); something was paid (test_deployment.py); a month has
# to be over (test_books.py); exchanges are asked (test_market.py); a partner has to be closed
# (custody/test_operator_withdrawals.py, test_changes.py); a day has to be published that nobody closed (test_rates.py).
ELSEWHERE = {
    "withdrawal request",
    "day take-back",
    "payouts record",
    "payouts acknowledge",
    "change confirm",
    "change withdraw",
    "restored",
    "deployment change",
    "books invoice issue",
    "rates fetch",
}
# What they changed is a state that the log names already, or a thing without values.
WITHOUT_VALUES = {
    *("payouts approve", "payouts refuse", "payouts adopt", "payouts export", "payouts cancel", "payouts run"),
    *("day close", "operator password"),
}
OPERATORS: dict[str, Role] = {"olga": "admin", "quinn": "admin", "paul": "viewer", "vera": "viewer"}
SETUP = [
    ("partner", "create", "--name", "another partner"),
    ("partner", "create", "--name", "third partner"),
    ("partner", "create", "--name", "fourth partner"),
    ("partner", "suspend", "third partner", "--reason", "a drill"),
    *[("partner", "key", "create", *MINE)] * 4,
    ("partner", "key", "rotate", "2", *MINE),
    ("partner", "ton-domain", "add", "app.example", *MINE),
    ("partner", "origin", "add", "https://app.example", *MINE),
    ("partner", "payouts", *MINE, "--duplicate-seconds", "0"),
    ("pool", "address", "add", ADDRESSES[1]),
    ("programme", "create", "spring"),
    ("user", "block", "carol", *MINE),
    ("partner", "payment", "record", *MINE, "--amount", "5", "--reference", "SEPA 0"),
    ("catalogue", "put", "--power", "7", "--efficiency", "13.5", "--price", "90"),
    ("catalogue", "withdraw", "43"),
    ("alarms", "silence", "CLOCK_OFF", "--reason", "a drill"),
]


class Terminal(Shell):
    """Somebody's with the shell of a sandbox."""

    def do(self, *words: str, **environment: str) -> Result:
        given = {"HASHRAIL_MODE": "sandbox", "HASHRAIL_OPERATOR_PASSWORD": PASSWORD}
        return self.run(*words, **(given | environment))

    async def ready(self, *words: str) -> None:
        """A command has an event loop of its own, so it runs in a thread of its own."""
        made = await asyncio.to_thread(self.do, *words)
        assert made.exit_code == 0, made.output

    def act(self, name: str, **environment: str) -> Result:
        given = [str(self.data / word) if word in ("rates.csv", "pool.csv", ".") else word for word in ARGUMENTS[name]]
        return self.do(*name.split(), *given, **environment)

    def log(self) -> list[tuple[Any, ...]]:
        return self.rows(
            """SELECT o.name, a.action, a.values_before, a.values_after FROM operator_action a
               LEFT JOIN operator_account o ON o.id = a.operator_id ORDER BY a.id"""
        )

    def everything(self) -> list[tuple[Any, ...]]:
        """A digest of every table."""
        names = self.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        digest = "SELECT '{0}', md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {0} t"
        return sorted(self.rows(" UNION ALL ".join(digest.format(name) for (name,) in names)))


@pytest.fixture(scope="module")
async def terminal(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Terminal]:
    """Withdrawal 1 is on its way, 2 is exported, 3 and 4 wait for approval, 5 and 6 are queued."""
    data = tmp_path_factory.mktemp("data")
    (data / "pool.csv").write_text("day,amount_btc\n2026-03-02,0.01\n")
    (data / "rates.csv").write_text("day,btc_usd,pool_btc_per_th\n2026-04-10,80000,4.9e-7\n")
    (data / "entered.csv").write_text("day,btc_usd,pool_btc_per_th\n2026-04-15,80000,4.9e-7\n2026-04-16,120000,5e-7\n")
    async with deployment(server, template) as world:
        made = Terminal(with_database(server, await world.pool.fetchval("SELECT current_database()")), data)
        become(made.dsn, mode="sandbox")
        alice, bob, _ = [(await world.user(name)).id for name in ("alice", "bob", "carol")]
        await funded(world, alice)
        for _ in range(3):
            await endpoint(world, "https://hooks.partner.example/events")
        async with db.transaction(world.pool) as tx:
            await endpoints.disable(tx, world.partner.id, 2, "partner")
            await members.add(
                tx,
                world.partner.id,
                email="bo@partner.example",
                name="bo",
                role="viewer",
                digest="not any",
                made_by=None,
            )
        await order(world, bob, "o-1", await offer(world))
        await buy(world, bob, "1", "o-2")
        for words in (*SETUP, ("rates", "import", str(data / "entered.csv"))):
            await made.ready(*words)
        (data / "paid.csv").write_text("day,amount_btc\n2026-03-01,0.01\n")
        await made.ready("pool", "receipt", "import", str(data / "paid.csv"))
        await asked(world, alice, "0.01", speed="fast")
        await advance(world, FAST)
        await made.ready("payouts", "run")
        async with db.transaction(world.pool) as tx:
            for name, role in OPERATORS.items():
                await operators.add(tx, name=name, role=role, password=PASSWORD)
        await asked(world, alice, "0.02", ADDRESSES[1])
        await made.ready("payouts", "export", "--out", str(data), "--as", "olga")
        await made.ready("payouts", "policy", "--approve-above", "0.045", "--as", "olga")
        for address in ADDRESSES[2:4]:
            await asked(world, alice, "0.05", address)
        for address in ADDRESSES[2:4]:
            await asked(world, alice, "0.005", address)
        yield made


def test_every_act_is_tried() -> None:
    assert sorted(ARGUMENTS) == sorted(ACTS)
    assert ARGUMENTS.keys() >= {*WORDS, *ELSEWHERE, *WITHOUT_VALUES}


@pytest.mark.parametrize("name", ACTS)
def test_nobody_does_it_without_a_name(terminal: Terminal, name: str) -> None:
    """Nor in the name of somebody whose role does not suffice; nothing is changed."""
    before, needed = terminal.everything(), ACTS[name].least
    made = terminal.act(name)
    if ACTS[name].named:
        assert (made.exit_code, "--as" in made.stderr) == (2, True)
    else:
        assert (made.exit_code, made.stderr.partition(":")[0]) == (1, "OPERATOR_NEEDED"), made.output
        assert needed in made.stderr
    if needed != "viewer":
        assert terminal.act(name, HASHRAIL_OPERATOR="vera").stderr.startswith("OPERATOR_ROLE: ")
    assert terminal.everything() == before


@pytest.mark.parametrize("name", ["partner create", "operator add", "payouts approve", "day close"])
def test_nobody_does_it_with_a_wrong_password(terminal: Terminal, name: str) -> None:
    before = terminal.everything()
    made = terminal.act(name, HASHRAIL_OPERATOR="olga", HASHRAIL_OPERATOR_PASSWORD="another's password")
    assert made.stderr.startswith("OPERATOR_CREDENTIALS: ")
    assert terminal.everything() == before


@pytest.mark.parametrize("name", [name for name in ACTS if name not in ELSEWHERE])
def test_whoever_does_it_is_logged(terminal: Terminal, name: str) -> None:
    """By name, in a row, with what was there before or is there after."""
    before = terminal.log()
    made = terminal.act(name, HASHRAIL_OPERATOR="olga")
    assert made.exit_code in ((0, 1) if name == "payouts run" else (0,)), made.output
    added = terminal.log()[len(before) :]
    if name == "payouts resume" and not added:
        # It was never paused, when this test runs alone.
        return
    assert {(who, action) for who, action, *_ in added} <= {
        ("olga", WORDS.get(name, name)),
        ("olga", "partner's payout limit"),
    }
    assert added
    if name not in WITHOUT_VALUES:
        assert any(values is not None for _, _, *both in added for values in both)
        assert all(was != is_ for _, _, was, is_ in added)
