"""hashrail: the operator's command line.

Every command that touches the books takes `--data`; DATABASE_URL names another PostgreSQL. What stands in the panels
below is imported when it is called, so that the program answers at once.
"""

import atexit
import gc
import io
import sys
from typing import Annotated, Any

import typer

from hashrail.cli.lazy import Command, Group, LazyGroup

# What is imported stays until the process ends: to look it through for garbage, at every 700 new objects and once more
# at the end, is a third of what a short command takes.
gc.set_threshold(50_000, 20, 20)
atexit.register(gc.freeze)

PANELS: dict[str, dict[str, Command | Group]] = {
    "Run a deployment": {
        "init": Command(
            "Make a deployment: the schema of its database, what it is, and what it needs before it sells.",
            "beginning:app",
        ),
        "demo": Command(
            "Run a sandbox: a partner with users, miners and closed days, the API, a worker, and a clock you can move.",
            "service:app",
        ),
        "serve": Command("Serve the API.", "service:app"),
        "worker": Command("Work off jobs and keep the days: publish, close, expire, audit.", "service:app"),
        "migrate": Command("Bring the database's schema up to date.", "service:app"),
        "distribute": Command(
            "Spread the rows of partners over the servers of a Citus cluster, in one transaction.", "distribution:app"
        ),
        "deployment": Group("Show and change what a deployment is, which its database says.", ("deployment:group",)),
        "backup": Command("Back up the books and the journal into one new file, while everything runs.", "backups:app"),
        "verify-backup": Command(
            "Restore a backup on a server of its own, audit it there, and leave nothing behind.", "backups:app"
        ),
        "restore": Command(
            "Put a backup back: into a folder without a deployment, or the empty database of DATABASE_URL.",
            "backups:app",
        ),
        "restored": Command(
            "Begin a new epoch of books that came from a backup, or lost commits in a failover.", "recovery:app"
        ),
    },
    "Look into the books": {
        "alarms": Group("Show what rings, and try and silence who is told.", ("alarms:app",), usual="list"),
        "find": Command(
            "Find what a text names: a user, an order, a withdrawal, an address, a txid, a key.",
            "finding:app",
        ),
        "log": Command("Find the lines of a request, a partner or a user in logs.", "request_log:app"),
        "income": Group("List what users earned, day by day.", ("listing:income_app",)),
        "deposit": Group("List bitcoin that arrived for users.", ("listing:deposit_app",)),
        "address": Group("List addresses that users have bound.", ("listing:address_app",)),
        "audit": Command("Check every named invariant of the books in one snapshot.", "audit:app"),
        "explain": Group("Show how a figure came about.", ("audit:explain_app",)),
        "books": Group(
            "Read the books as accountants do: chart, trial balance, journal, invoices, statements.",
            ("books:app", "invoices:app"),
        ),
        "export": Command(
            "Write days of all users of a partner into a file: income, balances, orders, withdrawals or deposits.",
            "exporting:app",
        ),
        "pool": Group("Record what the pool pays, and see whether it is what you sell.", ("pool:app",)),
        "account": Group("Show balances, now and at a past time.", ("audit:account_app",)),
    },
    "Sell": {
        "partner": Group(
            "Manage partners: who sells your hashrate, with which keys, and what they owe.",
            (
                "partners:app",
                "standings:app",
                "payments:app",
                "keys:app",
                "origins:app",
                "withdrawals:partner_app",
                "refunds:partner_app",
                "portal:app",
            ),
        ),
        "session": Group("List and end the sessions of a partner's users.", ("sessions:app",)),
        "webhook": Group(
            "List, try, replay, disable and enable the endpoints that a partner's events are sent to.",
            ("webhooks:app",),
        ),
        "user": Group(
            "Show, block and unblock a partner's users, and write notes on them.",
            ("user_pages:app", "users:app", "corrections:app", "user_pages:note_app"),
        ),
        "catalogue": Group("Set what is on sale, at which price, and how much may be sold.", ("catalogue:app",)),
        "order": Group(
            "List and show orders, and take them back.",
            ("listing:order_app", "catalogue:order_app", "refunds:order_app"),
        ),
        "miner": Group("List miners, and show one with its stints.", ("listing:miner_app",)),
    },
    "Close days": {
        "rates": Group(
            "Enter, import, fetch, confirm, delete and list the rates of mining days.",
            ("rates:app", "market:rates_app"),
        ),
        "tariff": Group("Set what your own contracts say: electricity, service, the pool's fee.", ("market:app",)),
        "day": Group("Close mining days, adjust one, and show what was published.", ("days:app",)),
        "programme": Group("Give discounts: programmes, levels, and who takes part.", ("programmes:app",)),
    },
    "Pay out": {
        "withdrawal": Group("List, show and cancel withdrawals of a partner's users.", ("withdrawals:app",)),
        "payouts": Group(
            "Pay out in bitcoin: how it stands, who approves it, the node that pays.",
            ("payout_batches:app", "payout_policy:app", "payout_exports:app", "payout_node:app"),
        ),
        "proofs": Group("Prove with the wallet's keys which coins it could spend.", ("reserves:app",)),
        "operator": Group("Manage operators: who may do what, and what they did.", ("operators:app",)),
        "change": Group("List, confirm and withdraw changes that wait for a second admin.", ("changes:app",)),
    },
    "Call a deployment": {
        "login": Command(
            "Store a key and its secret as a profile, once the server has accepted them.",
            "login:app",
        ),
        "logout": Command("Take a profile off this machine.", "login:app"),
        "call": Command(
            "Call an operation of the API, signed as its kind asks for, and print the answer: JSON with every digit.",
            "call:app",
        ),
        "events": Group("Follow your events, hand them to a local receiver, and fire examples.", ("events:app",)),
        "sandbox": Group(
            "Move a sandbox's clock, choose how its days go, and play customers, late notices and chargebacks.",
            ("time_machine:app",),
        ),
        "doctor": Command(
            "Check what a call needs, from the name of the host to webhooks, and say what to do next.", "doctor:app"
        ),
    },
    "Help those who call": {
        "verify": Group("Check what a deployment has signed, from files alone.", ("verify:app", "verify_reserves:app")),
        "signature": Group("Sign a request by hand, or find out why a signature is not accepted.", ("signature:app",)),
        "ton-proof": Group("Find out why a TON Connect proof is not accepted.", ("ton_proof:app",)),
    },
}


class Hashrail(LazyGroup):
    """The whole program."""

    panels = PANELS

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse words that the locale could not read: the books hold Unicode."""
        for word in args:
            if not word.isascii() and any("\ud800" <= each <= "\udfff" for each in word):
                raise typer.BadParameter(
                    f"{word!r} is no text in the locale of this terminal: use a UTF-8 one, as LC_ALL=C.UTF-8", ctx=ctx
                )
        return super().parse_args(ctx, args)


app = typer.Typer(cls=Hashrail, no_args_is_help=True, pretty_exceptions_show_locals=False)


def _show_version(asked: bool) -> None:
    if asked:
        # Imported here: to read the distribution's metadata costs a tenth of what the help costs.
        from hashrail.version import VERSION  # noqa: PLC0415

        typer.echo(f"hashrail {VERSION}")
        raise typer.Exit


@app.callback(
    help="Sell tokenised Bitcoin hashrate through partners. Begin with: hashrail demo",
    epilog="Options and examples of a command: hashrail COMMAND --help",
)
def _program(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """What is asked of the program itself, and that its output fits every terminal.

    What the locale has no character for is written out, so that no command ends in the middle of what it tells.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
