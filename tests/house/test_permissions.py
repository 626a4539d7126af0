"""Every command either changes nothing, or is an act of an operator with its least role."""

from hashrail.parties.operators import ROLES
from hashrail.parties.permissions import ACTS
from tests.support.commands import COMMANDS

# Commands that only look. Whoever has the shell may.
LOOK = {
    *("audit", "explain income", "account balance", "account chart"),
    *("books chart", "books balance", "books export", "books user-statement"),
    *("books invoice list", "books invoice show", "export"),
    *("pool show", "pool receipt list", "pool address list"),
    *(
        "partner list",
        "partner ton-domain list",
        "partner origin list",
        "partner key list",
        "partner portal list",
        "user show",
        "partner show",
    ),
    *(
        "session list",
        "session read-tokens",
        "partner payment list",
        "find",
        "log",
        "user note list",
        "miner list",
        "miner show",
        "order list",
    ),
    *("webhook list", "webhook show", "webhook deliveries"),
    *("order show", "deposit list", "address list", "income list"),
    *("catalogue list", "rates list", "rates sources", "tariff list", "day show", "programme list"),
    *("withdrawal list", "withdrawal show"),
    *("payouts status", "payouts batches", "payouts reconcile", "payouts waiting", "payouts node"),
    *("operator list", "operator log", "change list"),
    *("deployment show", "verify-backup"),
    *("alarms list", "alarms history", "alarms silences", "alarms test"),
    *("signature sign", "signature verify", "ton-proof explain"),
    *("verify day", "verify income", "verify power", "verify liabilities", "verify balance", "verify reserves"),
    # They call a deployment over HTTP, as a partner's key may.
    *("login", "logout", "call", "doctor", "events listen", "events trigger", "events types"),
    *("sandbox clock", "sandbox advance", "sandbox scenario", "sandbox chain", "sandbox pay", "sandbox late-notice"),
    *("sandbox chargeback", "sandbox partner-payment"),
}
# What is not an operator's word to the books, with the reason why nobody is named.
OTHERS = {
    "demo": "a sandbox has no operators but those that are added to it",
    "serve": "a process, which the host starts by itself",
    "worker": "a process, which the host starts by itself",
    "init": "it makes the deployment, whose first operator comes after it",
    "backup": "it reads, and notes itself; a timer does it every night",
    "restore": "it makes a database of what is nobody's, before anybody can be looked up",
    "migrate": "a release does it, before anybody can be looked up",
    "distribute": "it moves tables between servers while nothing runs, and changes no row",
    "proofs reserves": "it proves what is there and moves nothing; a timer may do it every night",
    "payouts watch": "it opens no books: it is done to a node before anything is deployed",
}


def test_every_command_is_declared() -> None:
    found = {" ".join(words) for words in COMMANDS}
    assert sorted(found - LOOK - OTHERS.keys()) == sorted(ACTS)
    assert found >= LOOK | OTHERS.keys()


def test_who_may_is_asked_for_by_every_act() -> None:
    """And by none that only looks."""
    asking = {" ".join(words) for words, each in COMMANDS.items() if any("--as" in part.opts for part in each.params)}
    assert asking == set(ACTS)


def test_a_name_is_needed_where_the_act_says_so() -> None:
    required = {
        " ".join(words)
        for words, each in COMMANDS.items()
        if any("--as" in part.opts and part.required for part in each.params)
    }
    assert required == {name for name, act in ACTS.items() if act.named}


def test_every_role_stands_somewhere() -> None:
    assert {act.least for act in ACTS.values()} == set(ROLES)
