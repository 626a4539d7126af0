"""The console's pages and forms for days, pool receipts, ledger, audit and proofs, in this process."""

import csv
import datetime as dt
import json
import re
from collections.abc import AsyncIterator
from decimal import Decimal
from html import unescape

import httpx
import pytest

from hashrail import business_clock, clock, db
from hashrail.acts import running
from hashrail.alarms import noting
from hashrail.books import ledger
from hashrail.books.chart import Account
from hashrail.money import plain
from hashrail.parties import operators, tasks
from hashrail.parties.tasks import Task
from hashrail.proofs import day_documents
from hashrail.rewards import rate_classes, rates
from hashrail.rewards.rates import MiningDay
from hashrail.selling import catalogue
from tests.support import citus
from tests.support.books import buy
from tests.support.books import deployment as opened_world
from tests.support.console import Office, Person, open_office, texts_of
from tests.support.databases import with_database
from tests.support.earlier import earlier
from tests.support.operators import hired
from tests.support.rewards import advance
from tests.support.world import inputs

FIRST = dt.date(2026, 3, 1)
ONCE = re.compile(r'name="once" value="([\w-]+)"')
DOUBT = re.compile(r'name="(confirm:[^"]+)"')
USUAL = {"btc_usd": "78862.65350442", "pool_btc_per_th": "0.00000049"}


@pytest.fixture(scope="module")
async def office(server: str, template: str) -> AsyncIterator[Office]:
    """Alice has 10 TH at 20 W/TH and 5 TH that are too dear to run; two days are closed and signed."""
    async with opened_world(server, template) as world:
        dsn = with_database(server, await world.pool.fetchval("SELECT current_database()"))
        alice = await world.user("alice")
        async with db.transaction(world.pool) as tx:
            offers = [("10", "20", "150"), ("5", "400", "50")]
            await catalogue.put(tx, [(Decimal(power), Decimal(watts), Decimal(usd)) for power, watts, usd in offers])
        await buy(world, alice.id, "10", "order 1", "20")
        await buy(world, alice.id, "5", "order 2", "400")
        for _ in range(3):
            await world.mine()
        await world.settle(alice.id)
        async with open_office(world, dsn) as made:
            await day_documents.sign_due(world.pool, made.serving.deployment.vault)
            for person in made.people.values():
                assert (await person.sign_in()).status_code == 303
            yield made


async def send(person: Person, path: str, step: str = "look", **fields: str) -> httpx.Response:
    """A step of a form, as its page would send it."""
    shown = await person.get(f"/console{path}")
    assert shown.status_code == 200, shown.text
    once = ONCE.search(shown.text)
    assert once is not None
    return await person.post(f"/console{path}", step=step, once=once[1], **fields)


async def entered(office: Office, day: dt.date) -> MiningDay | None:
    try:
        return await rates.find(office.world.pool, day)
    except rates.RatesMissingError:
        return None


async def ahead(office: Office, days: int = 0) -> dt.date:
    """The next day without figures, or one behind it."""
    newest = await rates.newest(office.world.pool, 1)
    return newest[0].inputs.day + (1 + days) * clock.ONE_DAY


async def done(office: Office) -> Task:
    """What the worker makes of the newest task."""
    await running.do_waiting(office.serving.deployment)
    (newest,) = await tasks.newest(office.world.pool, 1)
    return newest


# Figures of a day


async def test_a_doubtful_figure_is_named_again_before_a_day_is_entered(office: Office) -> None:
    """Looking enters nothing, and says what it comes to; so does a doubt; then it is entered, once, and noted."""
    admin, day = office.people["admin"], await ahead(office)
    fields = USUAL | {"day": day.isoformat(), "btc_usd": "118862"}
    looked = await send(admin, "/days/enter", **fields)
    (doubt,) = DOUBT.findall(looked.text)
    assert "118862" in doubt
    assert "would credit" in texts_of(looked)
    refused = await send(admin, "/days/enter", "do", **fields)
    assert "CONFIRMATION_NEEDED" in refused.text
    assert await entered(office, day) is None
    again = await send(admin, "/days/enter", **fields, **{unescape(doubt): "yes"})
    assert (DOUBT.findall(again.text), "118862" in texts_of(again)) == ([doubt], True)
    assert 'value="do"' in again.text
    made = await send(admin, "/days/enter", "do", **fields, **{unescape(doubt): "yes"})
    assert (made.status_code, made.headers["location"]) == (303, f"/console/day?day={day}&done=changed")
    found = await entered(office, day)
    assert found is not None
    assert (found.inputs.btc_usd, found.held) == (Decimal(118862), ())
    log = (await operators.actions(office.world.pool, 1))[0]
    assert (log.operator, log.action, log.subject) == ("admin", "rates set", f"day {day}")
    guards = texts_of(await admin.get(f"/console/day?day={day}"))
    assert re.search(r"btc_usd\s+118862\s+78862\.65350442", guards)
    gone = await send(admin, f"/day/delete?day={day}", "do")
    assert gone.status_code == 303
    assert await entered(office, day) is None


async def test_a_held_day_is_confirmed(office: Office) -> None:
    """Of many days that are entered at once, one in doubt is held, and let go by who looks at it."""
    admin, day = office.people["admin"], await ahead(office)
    lines = f"day,btc_usd,pool_btc_per_th\n{day},178862,0.00000049\n"
    assert (await send(admin, "/days/series", "do", lines=lines)).status_code == 303
    held = await entered(office, day)
    assert held is not None
    assert held.held
    assert "held" in texts_of(await admin.get("/console/days"))
    looked = await send(admin, f"/day/confirm?day={day}")
    (doubt,) = DOUBT.findall(looked.text)
    made = await send(admin, f"/day/confirm?day={day}", "do", **{unescape(doubt): "yes"})
    assert made.status_code == 303, made.text
    let_go = await entered(office, day)
    assert let_go is not None
    assert let_go.held == ()
    await send(admin, f"/day/delete?day={day}", "do")


async def test_a_form_tells_the_field_that_is_wrong(office: Office) -> None:
    admin, day = office.people["admin"], await ahead(office)
    made = await send(admin, "/days/enter", day=day.isoformat(), btc_usd="78862")
    assert "BAD_RATES" in made.text
    assert re.search(r'name="difficulty"[^>]*aria-invalid="true"', made.text)
    made = await send(admin, "/days/enter", day=day.isoformat(), btc_usd="7", pool_btc_per_th="0.00000049")
    assert "IMPLAUSIBLE_FIGURE" in made.text


async def test_how_long_figures_wait_is_changed(office: Office) -> None:
    made = await send(office.people["admin"], "/days/policy", "do", publish_delay="60")
    assert made.status_code == 303
    assert await rates.delay(office.world.pool) == dt.timedelta(minutes=1)
    await send(office.people["admin"], "/days/policy", "do", publish_delay="0")


async def test_an_adjustment_is_looked_at_and_made(office: Office) -> None:
    """The look says what it comes to and leaves no adjustment; each is made once."""
    admin, path = office.people["admin"], f"/day/adjust?day={FIRST + clock.ONE_DAY}"
    fields = {"btc_usd": "79000", "reason": "typing error"}
    looked = texts_of(await send(admin, path, **fields))
    assert re.search(r"2026-03-02 would credit 0\.\d+ BTC to 2 miners", looked)
    async with db.transaction(office.world.pool) as tx:
        assert await rate_classes.adjustments_of(tx, FIRST + clock.ONE_DAY) == []
    once = ONCE.search((await admin.get(f"/console{path}")).text)
    assert once is not None
    sent = [await admin.post(f"/console{path}", step="do", once=once[1], **fields) for _ in range(2)]
    assert (sent[0].status_code, "FORM_SENT" in sent[1].text) == (303, True)
    async with db.transaction(office.world.pool) as tx:
        (made,) = await rate_classes.adjustments_of(tx, FIRST + clock.ONE_DAY)
    assert (made["btc_usd"], made["reason"]) == (Decimal(79000), "typing error")
    page = texts_of(await admin.get(f"/console/day?day={FIRST + clock.ONE_DAY}"))
    assert "typing error" in page


async def test_a_closed_day_is_not_taken_back(office: Office) -> None:
    newest = await rate_classes.published_through(office.world.pool)
    made = await send(office.people["admin"], f"/day/take-back?day={newest}", reason="a slip")
    assert "DAY_CLOSED" in made.text


async def test_stints_are_brought_back(office: Office) -> None:
    made = await send(office.people["admin"], "/days/bring-back")
    assert "0 stints are brought back." in texts_of(made)


async def test_a_day_says_what_it_came_to_and_which_classes_stood_still(office: Office) -> None:
    page = texts_of(await office.people["viewer"].get("/console/day?day=2026-03-02"))
    assert "1 of 2 classes are clamped" in page
    # Only the 10 TH at 20 W/TH earned, of 15: 10 * (0.00000049 - (0.05 * 24 * 20 / 1000 + 0.0089) / 78862.65350442)
    assert re.search(r"partner\s+15\s+0\.0000007532209", page)
    assert "Download it" in page


async def test_charts_draw_the_figures_that_the_table_has(office: Office) -> None:
    """Exact, day by day; a TH got the mean of all that earned."""
    page = await office.people["viewer"].get("/console/days/figures?days=90")
    drawn = {name: json.loads(data) for name, data in re.findall(r'id="data-([\w-]+)">(.*?)</script>', page.text)}
    assert list(drawn) == ["per-th", "difficulty", "price", "clamped"]
    lines = {each["label"]: each["values"][1] for each in drawn["per-th"]["lines"]}
    assert drawn["per-th"]["days"][1] == "2026-03-02"
    assert (lines["pool reward"], lines["net"]) == ("0.00000049", "0.00000005021473")
    assert [each["values"][1] for each in drawn["clamped"]["lines"]] == ["1", "2"]
    table = texts_of(page)
    assert re.search(r"2026-03-02\s+0\.00000049\s+[\d.]+\s+[\d.]+\s+0\.00000005021473\s+15\s", table)
    for wrong in ("abc", "7"):
        assert (await office.people["viewer"].get(f"/console/days/figures?days={wrong}")).status_code in (200, 400)


# What the worker does


async def test_days_are_closed_by_the_worker_in_the_name_of_who_asked(office: Office) -> None:
    """Asked for twice it is one task; until the worker comes nothing is closed; the page says how far it is."""
    operator, world = office.people["operator"], office.world
    day = await ahead(office)
    await advance(world)
    async with db.transaction(world.pool) as tx:
        await rates.enter(tx, inputs(day), at=await business_clock.now(tx))
    sent = [await send(operator, "/days/close", "do", through="") for _ in range(2)]
    assert [each.status_code for each in sent] == [303, 303]
    assert sent[0].headers["location"] == sent[1].headers["location"]
    page = await operator.get(sent[0].headers["location"])
    assert 'data-every="1000"' in page.text
    assert "waiting" in texts_of(page)
    log = (await operators.actions(world.pool, 1))[0]
    assert (log.operator, log.action, log.subject) == ("operator", "day close", "all days that are due")
    assert await rate_classes.published_through(world.pool) == day - clock.ONE_DAY
    made = await done(office)
    assert (made.state, made.done, made.total, made.asked_by) == ("done", 1, 1, "operator")
    assert await rate_classes.published_through(world.pool) == day
    page = await operator.get(sent[0].headers["location"])
    assert ("data-every" in page.text, f"published through {day}" in texts_of(page)) == (False, True)


async def test_what_a_task_is_refused_is_told(office: Office) -> None:
    """Without a node no figures are fetched; the reason stands with the task."""
    admin, day = office.people["admin"], await ahead(office)
    await send(admin, "/days/fetch", "do", day=day.isoformat())
    made = await done(office)
    assert made.state == "failed"
    assert made.code == "DAY_NOT_OVER"
    page = texts_of(await admin.get(f"/console/tasks?id={made.id}"))
    assert "DAY_NOT_OVER" in page


async def test_who_was_disabled_meanwhile_does_nothing(office: Office) -> None:
    world = office.world
    mia = await hired(world.pool, "mia", "operator")
    async with db.transaction(world.pool) as tx:
        await tasks.ask(tx, mia, "audit", {})
        await operators.disable(tx, "mia")
    made = await done(office)
    assert (made.state, made.code) == ("failed", "OPERATOR_ROLE")


async def test_a_task_whose_worker_was_killed_is_begun_again(office: Office) -> None:
    """Not while its attempt may live; what the old attempt still says counts no more."""
    world = office.world
    boss = await operators.find(world.pool, "admin")
    async with db.transaction(world.pool) as tx:
        await tasks.ask(tx, boss, "audit", {})
        begun = await tasks.begin_next(tx)
        assert begun is not None
        assert await tasks.begin_next(tx) is None
    await world.pool.execute(f"UPDATE operator_task SET {earlier('seen_at', '2 minutes')} WHERE id = $1", begun.id)
    made = await done(office)
    assert (made.id, made.state, made.attempt) == (begun.id, "done", 2)
    async with db.transaction(world.pool) as tx:
        assert not await tasks.tell(tx, begun, done=1, total=2, at="x")
        await tasks.end(tx, begun, told="late", code="LATE")
    assert (await tasks.find(world.pool, begun.id)).state == "done"


async def test_an_error_that_nobody_expected_ends_a_task_too(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    async def breaks(*_: object) -> str:
        raise LookupError("a bug")

    monkeypatch.setitem(running.WORK, "audit", breaks)
    boss = await operators.find(office.world.pool, "admin")
    async with db.transaction(office.world.pool) as tx:
        asked = await tasks.ask(tx, boss, "audit", {})
    with pytest.raises(LookupError):
        await running.do_waiting(office.serving.deployment)
    made = await tasks.find(office.world.pool, asked.id)
    assert (made.state, made.code) == ("failed", "LookupError")


# What the pool has paid


async def test_receipts_are_recorded_imported_and_taken_back(office: Office) -> None:
    admin = office.people["admin"]
    unclear = await send(admin, "/pool/add", day="2026-03-02", amount="0.000001")
    assert "RECEIPT_UNCLEAR" in unclear.text
    fields = {"day": "2026-03-02", "amount": "0.000001", "reference": "March 2", "reason": "by mail"}
    looked = texts_of(await send(admin, "/pool/add", **fields))
    assert "0.000001 BTC: 0.000001 pays days that are open" in looked
    assert await office.world.pool.fetchval("SELECT last_value FROM pool_receipt_id_seq WHERE is_called") is None
    assert (await send(admin, "/pool/add", "do", **fields)).status_code == 303
    lines = "day,amount_btc,reference\n2026-03-02,0.000002,b\n2026-03-03,0.000003,c\n"
    assert (await send(admin, "/pool/import", "do", lines=lines)).status_code == 303
    page = texts_of(await office.people["viewer"].get("/console/pool?month=2026-03"))
    assert re.search(r"2026-03-02\s+0\.\d+\s+0\.000003\s+-0\.", page)
    number = await office.world.pool.fetchval("SELECT id FROM pool_receipt WHERE reference = 'b'")
    assert (await send(admin, f"/pool/reverse?receipt={number}", "do", reason="a slip")).status_code == 303
    assert (
        await office.world.pool.fetchval("SELECT reversed_reason FROM pool_receipt WHERE id = $1", number) == "a slip"
    )


async def test_addresses_of_the_pool_are_named_and_named_no_more(office: Office) -> None:
    admin, address = office.people["admin"], "bcrt1qw6fv8tf4gzacq0qzpvawuekd3zr3yv35gs3jky"
    assert (await send(admin, "/pool/address", "do", address=address)).status_code == 303
    assert address in (await admin.get("/console/pool")).text
    assert (await send(admin, f"/pool/address/remove?address={address}", "do", address=address)).status_code == 303
    assert address not in (await admin.get("/console/pool")).text


# The ledger


async def test_an_account_shows_what_it_held_and_what_moved_it(office: Office) -> None:
    """Now and at a past moment; a transfer leads to both sides and to its object."""
    world, support = office.world, office.people["support"]
    async with db.transaction(world.pool) as tx:
        control = await ledger.balance(tx, 1, Account.INCOME_CONTROL)
    page = await support.get("/console/account?partner=1&account=2100")
    assert f"{plain(control)} BTC" in texts_of(page)
    past = texts_of(await support.get("/console/account?partner=1&account=2100&at=2026-03-01T00:00:00Z"))
    assert "0 BTC" in past
    ordinal = (FIRST + clock.ONE_DAY).toordinal()
    path = f"/console/transfer?partner=1&amp;kind=day&amp;object={ordinal}&amp;leg=1"
    assert path in page.text
    shown = await support.get(unescape(path))
    assert "/console/day?day=2026-03-02" in shown.text
    for side in ("1100", "2100"):
        assert f"/console/account?partner=1&amp;account={side}" in shown.text
    of_kind = await support.get("/console/account?partner=1&account=2100&kind=settlement")
    assert ("Income settled of user" in of_kind.text, path in of_kind.text) == (True, False)
    assert (await support.get("/console/account?partner=1&account=7")).status_code == 404
    assert (await support.get("/console/transfer?partner=1&kind=day&object=1&leg=1")).status_code == 404


async def test_the_pages_of_an_account_hold_each_transfer_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashrail.pages.console.ledger.LISTED", 2)
    support, path, seen = office.people["support"], "/console/account?partner=1&account=1100", list[str]()
    while path:
        page = (await support.get(path)).text
        posted = page.partition('id="moved"')[2]
        seen += re.findall(r"kind=(\w+&amp;object=\d+&amp;leg=\d+)", posted)
        older = re.search(r'href="([^"]+)">Older ones', page)
        path = unescape(older[1]) if older else ""
    count = await office.world.pool.fetchval(
        "SELECT count(*) FROM transfer WHERE 1100 IN (debit_account, credit_account) AND state = 'posted'"
    )
    assert (len(seen), len(set(seen))) == (count, count)
    assert count > 4


async def test_the_trial_balance_of_a_period_adds_up(office: Office) -> None:
    """What was before, plus what moved, is what is after; in a sheet too; the journal has the period's transfers."""
    viewer = office.people["viewer"]
    asked = "partner=1&from=2026-03-03&to=2026-03-03"
    page = await viewer.get(f"/console/trial-balance?{asked}")
    assert page.status_code == 200
    sheet = await viewer.get(f"/console/trial-balance.csv?{asked}")
    assert sheet.headers["content-disposition"].startswith("attachment")
    rows = list(csv.DictReader(sheet.text.splitlines()))
    moved = {each: sum((Decimal(row[each]) for row in rows), Decimal(0)) for each in ("debits", "credits")}
    assert moved["debits"] == moved["credits"] > 0
    for row in rows:
        sign = 1 if row["class"] in ("Assets", "Expenses") else -1
        change = sign * (Decimal(row["debits"]) - Decimal(row["credits"]))
        assert Decimal(row["opening"]) + change == Decimal(row["closing"])
    journal = (await office.people["support"].get(f"/console/journal?{asked}&format=csv")).text.splitlines()
    assert len(journal) == 1 + await office.world.pool.fetchval(
        "SELECT count(*) FROM transfer WHERE state = 'posted' AND resolved_at::date = '2026-03-03'"
    )
    assert (await office.people["support"].get("/console/journal?format=odt")).status_code == 400
    assert (await viewer.get("/console/trial-balance?from=2026-03-32")).status_code == 400


async def test_a_user_is_credited_and_debited_by_hand(office: Office) -> None:
    world, admin = office.world, office.people["admin"]
    number = await world.pool.fetchval("SELECT id FROM app_user WHERE partner_user_id = 'alice'")
    path = f"/users/1/{number}"
    for verb, amount, reference in (("credit", "0.0001", "case 1"), ("debit", "0.00005", "case 2")):
        fields = {"amount": amount, "currency": "BTC", "reference": reference, "reason": "lost in a reorg"}
        assert (await send(admin, f"{path}/{verb}", "do", **fields)).status_code == 303
    wrong = {"amount": "-1", "currency": "BTC", "reference": "case 3", "reason": "x"}
    assert "CORRECTION_AMOUNT" in (await send(admin, f"{path}/credit", **wrong)).text
    changed = await world.pool.fetchval("SELECT sum(amount) FROM balance_correction")
    assert changed == Decimal("0.00005")


# Audit and proofs


async def test_an_audit_is_run_and_its_findings_are_told(office: Office) -> None:
    """Names and sentences are the invariants' own; what breaks one is shown, and by whom it was found."""
    world, operator = office.world, office.people["operator"]
    page = await operator.get("/console/audit")
    assert "published days have no gap" in texts_of(page)
    started = await operator.post("/console/audit")
    made = await done(office)
    assert (made.state, started.headers["location"]) == ("done", f"/console/tasks?id={made.id}")
    whole = texts_of(await operator.get("/console/audit"))
    assert re.search(r"All \d+ invariants hold", whole)
    assert "by operator, in one snapshot of the books: everything" in whole
    await noting.audit(world.pool, whole=False)
    looked_at = "everything" if citus.coordinator() else "what was written since 20"
    assert f"the books: {looked_at}" in texts_of(await operator.get("/console/audit"))
    await world.pool.execute("UPDATE account SET credits_posted = credits_posted + 1 WHERE id = 1200")
    try:
        await operator.post("/console/audit")
        assert "balances-equal-transfers" in (await done(office)).told
        broken = texts_of(await office.people["viewer"].get("/console/audit"))
        assert "1 of" in broken
        assert re.search(r"account_id\s+1\s+1200", broken)
    finally:
        await world.pool.execute("UPDATE account SET credits_posted = credits_posted - 1 WHERE id = 1200")
    assert (await office.people["support"].post("/console/audit")).status_code == 403


async def test_proofs_lead_to_what_everybody_can_fetch(office: Office) -> None:
    viewer = office.people["viewer"]
    page = await viewer.get("/console/proofs")
    paths = set(re.findall(r'href="(/api/proofs/[^"]+)"', page.text))
    assert {"/api/proofs/keys", "/api/proofs/day?day=2026-03-02"} <= paths
    for path in paths:
        assert (await viewer.get(path)).status_code == 200
