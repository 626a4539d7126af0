"""Figures of operators beside the rates: what is refused, what is named again, and what it comes to."""

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.books import buy, deployment
from tests.support.databases import with_database
from tests.support.shell import Shell

MINE = ("--partner", "partner")


@pytest.fixture(scope="module")
async def shell(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shell]:
    """The partner owes 216.99 USD, alice earns with 16 TH, and a day is closed."""
    async with deployment(server, template) as world:
        await buy(world, (await world.user()).id, "16")
        await world.mine()
        await world.mine()
        name = await world.pool.fetchval("SELECT current_database()")
        yield Shell(with_database(server, name), Path(tmp_path_factory.mktemp("data")))


def everything(shell: Shell) -> list[object]:
    tables = (
        "collection",
        "capacity",
        "partner_payment",
        "upgrade_tariff",
        "publication",
        "discount_level",
        "account",
        "tariff",
    )
    return [shell.rows(f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {each} t") for each in tables]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("IMPLAUSIBLE_FIGURE", "catalogue put --power 1 --efficiency 15 --price 1e19"),
        ("IMPLAUSIBLE_FIGURE", "catalogue put --power 5000 --efficiency 15 --price 14.99"),
        ("IMPLAUSIBLE_FIGURE", "catalogue put --power 1 --efficiency 0.15 --price 14.99"),
        ("CONFIRMATION_NEEDED", "catalogue put --power 1 --efficiency 15 --price 149.9"),
        ("CONFIRMATION_NEEDED", "catalogue put --power 1 --efficiency 15 --price 1.499"),
        ("CONFIRMATION_NEEDED", "catalogue put --power 3 --efficiency 15 --price 3000"),
        ("IMPLAUSIBLE_FIGURE", "catalogue upgrades --price 7626"),
        ("CONFIRMATION_NEEDED", "catalogue upgrades --price 76.26"),
        ("IMPLAUSIBLE_FIGURE", "catalogue upgrades --power-steps 12-14:2098"),
        ("CONFIRMATION_NEEDED", "catalogue upgrades --power-steps 12-14:20.98"),
        ("CONFIRMATION_NEEDED", "catalogue upgrades --efficiency-steps 12:0.2667"),
        ("BAD_DATED_TARIFF", "tariff set pool_fee 2 --from 2030-01-01"),
        ("CONFIRMATION_NEEDED", "tariff set pool_fee 0.2 --from 2030-01-01"),
        ("CONFIRMATION_NEEDED", "tariff set kwh_usd 0.5 --from 2030-01-01"),
        ("IMPLAUSIBLE_FIGURE", "catalogue capacity 1e12"),
        ("CONFIRMATION_NEEDED", "catalogue capacity 5e9"),
        ("IMPLAUSIBLE_FIGURE", "partner credit-limit --partner partner 1e9"),
        ("CONFIRMATION_NEEDED", "partner credit-limit --partner partner 10000000"),
        ("IMPLAUSIBLE_FIGURE", "partner create --name costly --credit-limit 1e10"),
        ("CONFIRMATION_NEEDED", "partner create --name costly --credit-limit 5000000"),
        ("IMPLAUSIBLE_FIGURE", "partner payment record --partner partner --amount 1e12 --reference x"),
        ("CONFIRMATION_NEEDED", "partner payment record --partner partner --amount 50000 --reference x"),
        ("CONFIRMATION_NEEDED", "programme cap 0.95"),
        ("CONFIRMATION_NEEDED", "programme levels 0:0 5:0.9"),
    ],
)
def test_a_slip_changes_nothing(shell: Shell, code: str, words: str) -> None:
    """Neither alone nor with a confirmation of something else."""
    before = everything(shell)
    shell.refused(code, *words.split())
    shell.refused(code, *words.split(), "--confirm", "yes")
    assert everything(shell) == before


def test_what_is_meant_is_named(shell: Shell) -> None:
    """Digit by digit, as the refusal writes it; a reference that is known asks for nothing."""
    said = shell.refused(
        "CONFIRMATION_NEEDED", *["catalogue", "put", "--power", "1", "--efficiency", "15", "--price", "3e1"]
    )
    assert "price 30 (14.99 before, by the TH, 2 times): --confirm 30" in said
    shell.ok(*["catalogue", "put", "--power", "1", "--efficiency", "15", "--price", "3e1", "--confirm", "30"])
    payment = ("partner", "payment", "record", *MINE, "--amount", "50000", "--reference", "SEPA 1")
    assert "216.99 USD are owed" in shell.refused("CONFIRMATION_NEEDED", *payment)
    assert "Recorded." in shell.ok(*payment, "--confirm", "50000")
    assert "nothing changed" in shell.ok(*payment)


def test_a_discount_says_what_it_comes_to(shell: Shell) -> None:
    """In money and people, as if it had counted on the newest published day."""
    shell.ok("programme", "create", "spring")
    shell.ok("programme", "join", "spring", *MINE, "--user", "alice")
    said = shell.ok("programme", "fraction", "spring", "0.05", "--from", "2026-03-20")
    assert "2026-03-02 would credit 0.0000" in said
    assert "1 miners of 1 partners, 16 TH" in said
    far = ("programme", "fraction", "spring", "0.6", "--from", "2026-03-21")
    assert "would credit" in shell.refused("CONFIRMATION_NEEDED", *far)
    shell.ok(*far, "--confirm", "0.6")


PUT = ("catalogue", "put", "--power", "1", "--efficiency", "15", "--price")
PAYMENT = ("partner", "payment", "record", *MINE, "--reference", "SEPA 77", "--amount")
LIMIT = ("partner", "credit-limit", *MINE)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*PUT, "149.9"), "149.9 USD, 149.9 per TH"),
        (("catalogue", "upgrades", "--price", "30"), "A TH costs 30 USD"),
        (("catalogue", "capacity", "5e9"), "16 TH are sold and 0 promised, by 1 partners"),
        ((*PAYMENT, "60000"), "open orders reserve 0; room for orders of"),
        ((*LIMIT, "10000000"), "room for orders of"),
        (("tariff", "set", "kwh_usd", "0.5", "--from", "2030-01-01"), "to 1 miners of 1 partners, 16 TH"),
        (("programme", "cap", "0.6"), "to 1 miners of 1 partners, 16 TH"),
        (("programme", "levels", "0:0", "16:0.6"), "1 users get another level: 2026-03-02 would credit"),
    ],
    ids=lambda each: each[1] if isinstance(each, tuple) else "",
)
def test_what_it_comes_to_is_seen_before(shell: Shell, words: tuple[str, ...], said: str) -> None:
    """A dry run writes nothing, and has the doubts; a refusal says the same."""
    before = everything(shell)
    shown = shell.ok(*words, "--dry-run")
    assert said in shown
    found = shell.json(*words, "--dry-run")
    assert (found["dryRun"], len(found["doubts"])) == (True, 1)
    assert said in shell.refused("CONFIRMATION_NEEDED", *words)
    assert everything(shell) == before


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("OUT_OF_BOUNDS", (*PUT[:2], "--power", "0", "--efficiency", "15", "--price", "1")),
        ("OUT_OF_BOUNDS", (*PUT, "-1")),
        ("IMPLAUSIBLE_FIGURE", (*PUT, "1e19")),
        ("BAD_TARIFF", ("catalogue", "upgrades", "--band-discount", "1")),
        ("PARTNER_EXISTS", ("partner", "create", "--name", "partner")),
        ("CAPACITY_EXCEEDED", ("catalogue", "capacity", "15.9999")),
        ("BAD_AMOUNT", (*PAYMENT, "0")),
        ("CREDIT_LIMIT_EXCEEDED", (*LIMIT, "--", "-1e6")),
        ("TARIFF_PAST", ("tariff", "set", "kwh_usd", "0.05", "--from", "2026-03-02")),
        ("BAD_DATED_TARIFF", ("tariff", "set", "pool_fee", "0.51", "--from", "2030-01-01")),
        ("BAD_DISCOUNT", ("programme", "cap", "1.1")),
        ("BAD_DISCOUNT", ("programme", "levels", "0:0", "5:1.1")),
        ("PROGRAMME_NOT_FOUND", ("programme", "fraction", "nothing", "0.1", "--from", "2030-01-01")),
    ],
)
def test_a_dry_run_refuses_what_is_refused(shell: Shell, code: str, words: tuple[str, ...]) -> None:
    before = everything(shell)
    cut = words.index("--") if "--" in words else len(words)
    shell.refused(code, *words[:cut], "--dry-run", *words[cut:])
    assert everything(shell) == before


def test_figures_before_and_then(shell: Shell) -> None:
    """Exact, as they are after it is done."""
    capacity = shell.json("catalogue", "capacity", "5000.5", "--dry-run")
    figures = [capacity[name] for name in ("capacity", "beforeCapacity", "sold", "promised", "free", "beforeFree")]
    assert figures == ["5000.5", None, "16", "0", "4984.5", None]
    dry = shell.json(*PAYMENT, "10.5", "--dry-run")
    done = shell.json(*PAYMENT, "10.5", "--confirm", "10.5")
    assert (done["dryRun"], done["credit"]) == (False, dry["credit"])
    credit = done["credit"]
    assert Decimal(credit["beforeOwedUsd"]) - Decimal(credit["owedUsd"]) == Decimal("10.5")
    assert Decimal(credit["roomUsd"]) - Decimal(credit["beforeRoomUsd"]) == Decimal("10.5")
    again = shell.json(*PAYMENT, "10.5", "--dry-run")
    assert (again["new"], again["credit"]["owedUsd"], again["credit"]["beforeOwedUsd"]) == (
        False,
        *[credit["owedUsd"]] * 2,
    )
    shell.refused("PAYMENT_CONFLICT", *PAYMENT, "10.6", "--dry-run")
    [(limit, owed)] = shell.rows("SELECT credit_limit, debits_posted - credits_posted FROM account WHERE id = 1200")
    assert shell.json(*LIMIT, str(limit), "--dry-run")["credit"]["roomUsd"] == format((limit - owed).normalize(), "f")
    offer = shell.json("catalogue", "put", "--power", "77", "--efficiency", "15", "--price", "1154.23", "--dry-run")
    assert (offer["id"], offer["beforeValue"], offer["valuePerTh"], offer["openOrders"]) == (None, None, "14.99", 0)


def test_a_dry_run_takes_no_number(shell: Shell) -> None:
    """Neither of an offer nor of a partner, who has none then."""
    numbers = "SELECT a.last_value, b.last_value FROM collection_id_seq a, partner_id_seq b"
    before = shell.rows(numbers)
    shell.ok("catalogue", "put", "--power", "77", "--efficiency", "15", "--price", "1154.23", "--dry-run")
    found = shell.json("partner", "create", "--name", "not yet", "--credit-limit", "1234.5", "--dry-run")
    assert (found["id"], found["partnerId"], found["creditLimitUsd"], found["dryRun"]) == (None, None, "1234.5", True)
    assert shell.rows(numbers) == before
    shell.refused("CONFIRMATION_NEEDED", "partner", "create", "--name", "not yet", "--credit-limit", "9999999")
    assert len(shell.json("partner", "create", "--name", "not yet", "--credit-limit", "9999999", "--dry-run")["doubts"])


def test_upgrades_before_and_then(shell: Shell) -> None:
    """What is asked for and what is done are the same figures."""
    dry = shell.json("catalogue", "upgrades", "--price", "9", "--dry-run")
    shown = shell.json("catalogue", "upgrades")
    assert (dry["dryRun"], dry["before"], dry["priceUsd"]) == (True, {**shown["before"]}, "9")
    done = shell.json("catalogue", "upgrades", "--price", "9")
    assert done == dry | {"dryRun": False}


@pytest.mark.parametrize("kind", ["kwh_usd", "service_usd_per_th", "pool_fee"])
def test_a_tariff_is_reckoned_at_the_newest_day(shell: Shell, kind: str) -> None:
    """What is credited falls as it rises, by the difference; the one that counts already changes nothing."""
    set_it = ("tariff", "set", kind)
    higher = {"kwh_usd": "0.06", "service_usd_per_th": "0.01", "pool_fee": "0.03"}[kind]
    found = shell.json(*set_it, higher, "--from", "2030-01-01", "--dry-run")
    effect, change = found["effect"], Decimal(found["changeBtc"])
    assert change == Decimal(effect["creditsBtc"]) - Decimal(effect["beforeBtc"])
    assert change < 0
    assert Decimal(found["changeUsd"]) < 0
    same = shell.json(*set_it, found["beforeValue"], "--from", "2030-01-01", "--dry-run")
    assert (same["changeBtc"], same["changeUsd"]) == ("0", "0")
    assert shell.rows("SELECT count(*) FROM tariff") == [(0,)]


def test_levels_are_reckoned_for_who_reaches_them(shell: Shell) -> None:
    """alice has 16 TH: a level above them changes nobody's."""
    [(level,)] = shell.rows("SELECT level_discount FROM app_user WHERE partner_user_id = 'alice'")
    above = shell.json("programme", "levels", f"0:{level}", "16.0001:0.3", "--dry-run")
    assert (above["users"], above["levels"]) == (0, 2)
    assert above["effect"]["creditsBtc"] == above["effect"]["beforeBtc"]
    reached = shell.json("programme", "levels", "0:0", "16:0.3", "--dry-run")
    assert reached["users"] == 1
    assert Decimal(reached["effect"]["creditsBtc"]) > Decimal(reached["effect"]["beforeBtc"])
