"""The table of forgeries: what is changed in a document or a record, by whom, and the check that finds it.

What the operator forges is signed with the operator's own key: there the signature helps nobody. The commands run on
files alone, with no database and no server named.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from hashrail.cli import verify, verify_reserves
from hashrail_client import liabilities, proofs, reserves
from hashrail_client.reserves import Coin
from tests.support import signed_liabilities, signed_reserves
from tests.support.signed_days import CONTENT, FIRST, KEYS, OPENING, RECORD, SECOND, signed
from tests.support.signed_liabilities import LIABILITIES, proof
from tests.support.signed_reserves import COINS, RAW, RESERVES, SEGWIT_PUBLIC, transaction

APP = typer.Typer()
APP.add_typer(verify.app)
APP.add_typer(verify_reserves.app)
Kept = dict[str, Any]
KEPT: Kept = {
    "first": FIRST,
    "day": SECOND,
    "record": RECORD,
    "opening": OPENING,
    "owed": LIABILITIES,
    "proof": proof("alice"),
    "last": proof("carol"),
    "coins": RESERVES,
}
DAY = ("day", "first", "day")
INCOME = ("income", "day", "record", "--power", "2", "--efficiency", "20")
POWER = ("power", "day", "opening")
OWED = ("liabilities", "owed", "--day", "day")
BALANCE = ("balance", "owed", "proof", "--partner-user-id", "alice", "--amount", "0.5")
LAST = ("balance", "owed", "last", "--partner-user-id", "carol")
HELD = ("reserves", "coins", "owed")
EVERY = (DAY, INCOME, POWER, OWED, BALANCE, LAST, HELD)
SEGWIT, TAPROOT = COINS
DEARER = (SEGWIT._replace(amount_sat=300_000_000), TAPROOT)
# The last signature of the transaction, of the taproot coin, stands before its lock time.
UNSIGNED = RAW[: -8 - 128] + "00" * 64 + RAW[-8:]
PAYS_MORE = RAW.replace((360_000_000).to_bytes(8, "little").hex(), (460_000_000).to_bytes(8, "little").hex())
WITH_A_STRANGERS = (SEGWIT._replace(script="0014" + "11" * 20), TAPROOT)
ON_P2SH = (SEGWIT._replace(script="a914" + "11" * 20 + "87"), TAPROOT)


def resigned(name: str, old: str, new: str) -> Callable[[Kept], None]:
    """The operator changes a document, and signs it again."""

    def forge(kept: Kept) -> None:
        content = kept[name]["content"]
        assert old in content
        other = content.replace(old, new)
        kept[name] = signed(other, json.loads(other)["day"])

    return forge


def changed(name: str, **fields: Any) -> Callable[[Kept], None]:
    """Somebody changes members of an answer."""

    def forge(kept: Kept) -> None:
        kept[name] = kept[name] | fields

    return forge


def neighbour(**fields: Any) -> Callable[[Kept], None]:
    """Somebody changes the first neighbour on alice's way up."""

    def forge(kept: Kept) -> None:
        first, *others = kept["proof"]["path"]
        kept["proof"] = kept["proof"] | {"path": [first | fields, *others]}

    return forge


def less_for_bob(kept: Kept) -> None:
    """The operator signs a smaller sum: bob's leaf weighs less in the node above than it says itself."""
    alice, bob = signed_liabilities.LEAVES["alice"], signed_liabilities.LEAVES["bob"]
    small = liabilities.join(liabilities.join(alice, bob._replace(units=1)), signed_liabilities.LEAVES["carol"])
    content = json.loads(kept["owed"]["content"])
    content |= {"root": small.hash.hex(), "sum": liabilities.spelled(small.units)}
    kept["owed"] = signed(json.dumps(content), signed_liabilities.DAY)
    kept["last"] = proof("bob")


def proven(coins: tuple[Coin, ...] = COINS, **members: Any) -> Callable[[Kept], None]:
    """The operator signs a document of other coins, or with other members."""

    def forge(kept: Kept) -> None:
        kept["coins"] = signed_reserves.document(coins, **members)

    return forge


def other_debts(kept: Kept) -> None:
    """The same day's debts, signed again in other words."""
    resigned("owed", '"takenAt":"2026-03-03T00:10', '"takenAt":"2026-03-03T00:11')(kept)


def without_a_neighbour(kept: Kept) -> None:
    kept["proof"] = kept["proof"] | {"path": kept["proof"]["path"][1:]}


def one_neighbour_more(kept: Kept) -> None:
    kept["proof"] = kept["proof"] | {"path": kept["proof"]["path"] * 2}


FORGERIES: dict[str, tuple[tuple[str, ...], str, Callable[[Kept], None]]] = {
    # Whoever has no key
    "a day's text": (DAY, "SIGNATURE", changed("day", content=CONTENT % ("2026-03-02", "null", ""))),
    "a day's hash": (DAY, "HASH", changed("day", sha256="00" * 32)),
    "a day's key": (DAY, "KEY_UNKNOWN", changed("day", kid="k2")),
    "a day under another name": (DAY, "CONTENT", changed("day", day="2026-03-03")),
    "a record's amount": (INCOME, "RECORD", changed("record", value=0.000000389)),
    "a record's electricity": (INCOME, "RECORD", changed("record", c1Value=0)),
    "a record of another day": (INCOME, "DAY", changed("record", day="2026-03-01")),
    "a partner's power": (POWER, "COMMITMENT", changed("opening", text=OPENING["text"].replace("3}", "4}"))),
    "power of another day": (POWER, "DAY", changed("opening", day="2026-03-01")),
    "the text of what is owed": (OWED, "SIGNATURE", changed("owed", content="{}")),
    "what is owed after another day": (OWED, "CONTENT", changed("owed", day="2026-03-01")),
    "a balance": (BALANCE, "BALANCE", changed("proof", amount="0.400000000000000000")),
    "a balance that nobody knows": (LAST, "PATH", changed("last", amount="0.400000000000000000")),
    "a balance below nothing": (BALANCE, "AMOUNT", changed("proof", amount="-0.500000000000000000")),
    "a balance in another spelling": (BALANCE, "AMOUNT", changed("proof", amount="0.5")),
    "another user's leaf": (BALANCE, "USER", changed("proof", **proof("bob"))),
    "another user's leaf by one's own name": (
        LAST,
        "PATH",
        changed("last", **proof("alice") | {"partnerUserId": "carol"}),
    ),
    "a leaf of another partner": (BALANCE, "PATH", changed("proof", partnerId="partner-2")),
    "another nonce": (BALANCE, "PATH", changed("proof", nonce="00" * 32)),
    "a proof of another day": (BALANCE, "DAY", changed("proof", day="2026-03-01")),
    "another place": (BALANCE, "PATH", changed("proof", index=1)),
    "a place beyond the leaves": (BALANCE, "PATH", changed("proof", index=3)),
    "a neighbour's sum below nothing": (BALANCE, "AMOUNT", neighbour(sum="-2.000000000000000000")),
    "a neighbour's sum": (BALANCE, "PATH", neighbour(sum="2.000000000000000000")),
    "a neighbour's hash": (BALANCE, "PATH", neighbour(hash="00" * 32)),
    "a shorter way": (BALANCE, "PATH", without_a_neighbour),
    "a longer way": (BALANCE, "PATH", one_neighbour_more),
    "the text of reserves": (HELD, "SIGNATURE", changed("coins", content="{}")),
    "the signature of reserves": (HELD, "SIGNATURE", changed("coins", signature="00" * 64)),
    "the hash of reserves": (HELD, "HASH", changed("coins", sha256="00" * 32)),
    "reserves of another day": (HELD, "CONTENT", changed("coins", day="2026-03-01")),
    # The operator, who has the key
    "a class's rate": (DAY, "RATES", resigned("day", '"net":0.000000194', '"net":0.000000195')),
    "a class's discount": (DAY, "DISCOUNT", resigned("day", '"discount":0.10', '"discount":0.2')),
    "the price": (DAY, "RATES", resigned("day", '"btcUsd":100000', '"btcUsd":90000')),
    "another day before": (DAY, "CHAIN", resigned("day", FIRST["sha256"], "00" * 32)),
    "a day that is left out": (DAY, "CHAIN", resigned("first", "2026-03-01", "2026-02-28")),
    "power in a class without a rate": (
        POWER,
        "CLASS",
        resigned("day", '"levelDiscount":0.06,"programmes":[1]', '"levelDiscount":0.10,"programmes":[]'),
    ),
    "a smaller sum": (BALANCE, "SUM", resigned("owed", '"sum":"3.5', '"sum":"2.5')),
    "a smaller sum, below the document's own leaf": (LAST, "SUM", resigned("owed", '"sum":"3.5', '"sum":"0.5')),
    "a sum below nothing": (OWED, "CONTENT", resigned("owed", '"sum":"3.5', '"sum":"-3.5')),
    "a coin's amount": (HELD, "TOTAL", proven(DEARER, total="3.60000000")),
    "a coin's amount, and the total": (HELD, "TRANSACTION", proven(DEARER)),
    "a coin's amount, in what was signed too": (
        HELD,
        "COIN_SIGNATURE",
        proven(DEARER, transaction=PAYS_MORE),
    ),
    "a total": (HELD, "TOTAL", proven(total="4.00000000")),
    "an amount below nothing": (HELD, "CONTENT", proven(total="-3.60000000")),
    "a coin twice": (HELD, "COIN_TWICE", proven((*COINS, SEGWIT), transaction=transaction(coins=(*COINS, SEGWIT)))),
    "a coin that was not signed for": (HELD, "COIN_SIGNATURE", proven(transaction=UNSIGNED)),
    "a coin that another key signed for": (
        HELD,
        "COIN_SIGNATURE",
        proven(transaction=RAW.replace(SEGWIT_PUBLIC.hex(), "03" + "11" * 32)),
    ),
    "somebody else's coin": (
        HELD,
        "COIN_SIGNATURE",
        proven(WITH_A_STRANGERS, transaction=transaction(coins=WITH_A_STRANGERS)),
    ),
    "a coin of another kind": (HELD, "COIN_KIND", proven(ON_P2SH, transaction=transaction(coins=ON_P2SH))),
    "a coin that is left out of what was signed": (
        HELD,
        "TRANSACTION",
        proven(transaction=transaction(coins=(SEGWIT,))),
    ),
    "signatures for another day": (HELD, "MESSAGE", proven(transaction=transaction("hashrail reserves\n2026-03-01"))),
    "another block": (HELD, "MESSAGE", proven(height=961_641)),
    "another network": (HELD, "MESSAGE", proven(network="signet")),
    "no transaction": (HELD, "TRANSACTION", proven(transaction="")),
    "reserves against other debts": (HELD, "LIABILITIES", other_debts),
    "another sum of debts": (HELD, "LIABILITIES", proven(owed="1.000000000000000000")),
    "less than is owed": (HELD, "NOT_COVERED", proven((SEGWIT,), transaction=transaction(coins=(SEGWIT,)))),
    "no coins at all": (HELD, "NOT_COVERED", proven((), transaction=transaction(coins=()))),
    "a root": (BALANCE, "PATH", resigned("owed", signed_liabilities.ROOT.hash.hex(), "00" * 32)),
    "fewer leaves": (LAST, "PATH", resigned("owed", '"count":3', '"count":2')),
    "more leaves": (LAST, "PATH", resigned("owed", '"count":3', '"count":4')),
    "no leaves": (OWED, "CONTENT", resigned("owed", '"count":3', '"count":0')),
    "a child that weighs less above": (
        ("balance", "owed", "last", "--partner-user-id", "bob"),
        "PATH",
        less_for_bob,
    ),
    "liabilities of another history": (OWED, "DAY_DOCUMENT", resigned("owed", SECOND["sha256"], "00" * 32)),
    "liabilities for a day's document": (("day", "owed"), "CONTENT", lambda _kept: None),
    "a day's document for liabilities": (("liabilities", "day"), "CONTENT", lambda _kept: None),
}


def judged(folder: Path, words: tuple[str, ...], kept: Kept) -> dict[str, Any]:
    """What a command says of what somebody has kept."""
    paths = {name: folder / f"{name}.json" for name in (*kept, "keys")}
    for name, content in (kept | {"keys": KEYS}).items():
        paths[name].write_text(json.dumps({"data": content}))
    # The first word is the command's name, also where a file is called so.
    command, *rest = words
    given = [command, *(str(paths.get(word, word)) for word in rest), "--keys", str(paths["keys"]), "--json"]
    made = CliRunner().invoke(APP, given)
    verdict: dict[str, Any] = json.loads(made.stdout)
    assert made.exit_code == (0 if verdict["holds"] else 1)
    return verdict


@pytest.fixture(autouse=True)
def no_database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that knows nothing of the deployment."""
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("words", EVERY, ids=" ".join)
def test_what_holds(tmp_path: Path, words: tuple[str, ...]) -> None:
    verdict = judged(tmp_path, words, KEPT)
    assert (verdict["holds"], verdict["code"]) == (True, None)


@pytest.mark.parametrize("name", FORGERIES)
def test_what_is_forged_is_found(tmp_path: Path, name: str) -> None:
    words, code, forge = FORGERIES[name]
    kept = dict(KEPT)
    forge(kept)
    assert judged(tmp_path, words, kept)["code"] == code


def test_what_is_said(tmp_path: Path) -> None:
    assert judged(tmp_path, OWED, KEPT)["message"] == "3.500000000000000001 BTC were owed to 3 user(s) after 2026-03-02"
    assert judged(tmp_path, BALANCE, KEPT)["message"] == (
        "0.500000000000000000 BTC of alice are part of 3.500000000000000001 BTC owed to 3 user(s)"
    )
    assert judged(tmp_path, HELD, KEPT)["message"] == (
        "2 coin(s), 3.60000000 BTC, cover 3.500000000000000001 BTC owed after 2026-03-02; "
        "no node was asked whether they are on the chain"
    )


def test_documents_of_liabilities_follow_each_other(tmp_path: Path) -> None:
    later = LIABILITIES["content"].replace('"previous":null', f'"previous":"{LIABILITIES["sha256"]}"')
    kept = KEPT | {"later": signed(later, signed_liabilities.DAY)}
    assert judged(tmp_path, ("liabilities", "owed", "later"), kept)["holds"]
    assert judged(tmp_path, ("liabilities", "owed", "owed"), kept)["code"] == "CHAIN"
    known = proofs.read_keys(KEYS)
    assert liabilities.verify_liabilities(kept["later"], known).count == 3


def test_documents_of_reserves_follow_each_other() -> None:
    known = proofs.read_keys(KEYS)
    debts = liabilities.verify_liabilities(LIABILITIES, known)
    first = reserves.verify_reserves(RESERVES, known, debts)
    second = signed_reserves.document(previous=first.sha256)
    assert reserves.verify_reserves(second, known, debts, previous=first).total == Decimal("3.6")
    with pytest.raises(proofs.ProofError, match="does not follow"):
        reserves.verify_reserves(RESERVES, known, debts, previous=first)
