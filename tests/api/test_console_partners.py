"""Partners, keys, catalogue, tariffs and discounts in the console: forms are looked at, done once, and in the log."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import pytest

from hashrail import clock, db
from hashrail.access import api_keys, origins, ton_domains
from hashrail.pages.console import words
from hashrail.pages.console.selling_pages import FORMS
from hashrail.parties import changes, operators, standings
from hashrail.rewards import discounts
from hashrail.selling import upgrade_tariff
from tests.support.api_client import check_books
from tests.support.books import advance, buy, hand_over, offer, order, pay, upgrade
from tests.support.books import deployment as opened_world
from tests.support.console import Office, forget_attempts, open_office, texts_of
from tests.support.databases import with_database
from tests.support.hostile import HOSTILE, acting
from tests.support.operators import hired, strangers
from tests.support.visitors import sent_on
from tests.support.world import World

P = "/console/partners/1"
C, D = "/console/catalogue", "/console/discounts"
LIVE = "SELECT count(*) FROM api_secret WHERE key_id = $1 AND revoked_at IS NULL".replace("$1", "{}")
SCRIPT = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


@dataclass(frozen=True)
class Row:
    """A form that is filled: what is told before, and a query whose answer it changes."""

    act: str
    path: str
    fields: Mapping[str, str]
    told: str
    query: str
    was: object
    then: object


ROWS = [
    Row(
        *("partner credit-limit", f"{P}/credit-limit", {"usd": "90000"}),
        "room for orders of",
        *("SELECT credit_limit::int FROM account WHERE partner_id = 1 AND id = 1200", 100_000, 90_000),
    ),
    Row(
        *("partner new-users", f"{P}/new-users", {"per_day": "50"}, "per_day – 50"),
        *("SELECT new_users_per_day FROM partner_bound WHERE partner_id = 1", None, 50),
    ),
    Row(
        "partner payouts",
        f"{P}/payouts",
        {"duplicate_seconds": "900", "bound_only": "yes", "daily_btc": ""},
        "bound_addresses_only False True",
        *("SELECT bound_addresses_only FROM partner WHERE id = 1", False, True),
    ),
    Row(
        *("partner refunds", f"{P}/refunds", {"income": "take"}, "takes_income False True"),
        *("SELECT refunds_take_income FROM partner WHERE id = 1", False, True),
    ),
    Row(
        "partner payment record",
        f"{P}/payments/new",
        {"usd": "12.5", "reference": "SEPA 2"},
        "USD are owed, and",
        *("SELECT count(*) FROM partner_payment WHERE reference = 'SEPA 2'", 0, 1),
    ),
    Row(
        "partner payment reverse",
        f"{P}/payments/reverse",
        {"payment": "1", "reason": "bounced"},
        "USD are owed, and",
        *("SELECT count(*) FROM payment_reversal", 0, 1),
    ),
    Row(
        *("books invoice issue", f"{P}/invoices/new", {"month": "2026-03"}, "month – 2026-03-01"),
        *("SELECT count(*) FROM invoice WHERE partner_id = 1", 0, 1),
    ),
    Row(
        "partner key scopes",
        f"{P}/keys/scopes",
        {"key": "2", "scope-read": "yes"},
        "scopes",
        *("SELECT array_to_string(scopes, ' ') FROM api_key WHERE id = 2", "read order", "read"),
    ),
    Row(
        *("partner key limit", f"{P}/keys/limit", {"key": "2", "per_minute": "77"}, "requests_per_minute – 77"),
        *("SELECT requests_per_minute FROM api_key WHERE id = 2", None, 77),
    ),
    Row(
        *("partner key revoke-old", f"{P}/keys/revoke-old", {"key": "3"}, "live_secrets 2 1"),
        *(LIVE.format(3), 2, 1),
    ),
    Row(
        *("partner key revoke", f"{P}/keys/revoke", {"key": "4"}, "revoked_at"),
        *("SELECT revoked_at IS NULL FROM api_key WHERE id = 4", True, False),
    ),
    Row(
        *("partner origin add", f"{P}/origins/new", {"origin": "https://b.example"}, "https://b.example"),
        *("SELECT 'https://b.example' = ANY(origins) FROM partner WHERE id = 1", False, True),
    ),
    Row(
        *("partner origin remove", f"{P}/origins/remove", {"origin": "https://a.example"}, "origins"),
        *("SELECT 'https://a.example' = ANY(origins) FROM partner WHERE id = 1", True, False),
    ),
    Row(
        *("partner ton-domain add", f"{P}/domains/new", {"domain": "b.example"}, "b.example"),
        *("SELECT 'b.example' = ANY(ton_domains) FROM partner WHERE id = 1", False, True),
    ),
    Row(
        *("partner ton-domain remove", f"{P}/domains/remove", {"domain": "a.example"}, "ton_domains"),
        *("SELECT 'a.example' = ANY(ton_domains) FROM partner WHERE id = 1", True, False),
    ),
    Row(
        *("session end", f"{P}/sessions/end", {"user": "alice", "key": "", "session": ""}, "ended – 0"),
        *("SELECT count(*) FROM operator_action WHERE action = 'session end'", 0, 1),
    ),
    Row(
        "partner suspend",
        "/console/partners/2/suspend",
        {"reason": "its key was stolen"},
        "standing open suspended",
        *("SELECT standing FROM partner_standing WHERE partner_id = 2", None, "suspended"),
    ),
    Row(
        "partner reopen",
        "/console/partners/3/reopen",
        {"reason": "it has new keys"},
        "standing suspended open",
        *("SELECT standing FROM partner_standing WHERE partner_id = 3", "suspended", "open"),
    ),
    Row(
        "catalogue put",
        f"{C}/put",
        {"power": "3", "efficiency": "15", "price": "45"},
        "a new offer at 45 USD, 15 per TH",
        *("SELECT value_usd::int FROM collection WHERE power = 3 AND energy_efficiency = 15", None, 45),
    ),
    Row(
        *("catalogue withdraw", f"{C}/withdraw", {"offer": "2"}, "on_sale True False"),
        *("SELECT active FROM collection WHERE id = 2", True, False),
    ),
    Row(
        *("catalogue offer", f"{C}/offer", {"offer": "3"}, "on_sale False True"),
        *("SELECT active FROM collection WHERE id = 3", False, True),
    ),
    Row(
        *("catalogue capacity", f"{C}/capacity", {"th": "5000"}, "free are"),
        *("SELECT cap_th::int FROM capacity", None, 5000),
    ),
    Row(
        "catalogue upgrades",
        f"{C}/upgrades",
        {
            "price": "7",
            "band_discount": "0.01",
            "power_steps": "15-19:0.75\n20:0.5",
            "efficiency_steps": "12-14:2\n15:1",
        },
        "A TH costs 7 USD",
        *("SELECT power_price_usd::int FROM upgrade_tariff", 8, 7),
    ),
    Row(
        *("catalogue seed", f"{C}/seed", {}, "offers are put on sale at the samples' prices."),
        *("SELECT active FROM collection WHERE id = 4", False, True),
    ),
    Row(
        *("order cancel", f"{P}/orders/cancel", {"order": "open"}, "state created cancelled"),
        *("SELECT state FROM purchase WHERE external_id = 'open'", "created", "cancelled"),
    ),
    Row(
        "order refund",
        f"{P}/orders/refund",
        {"order": "bought", "reason": "charged back"},
        "USD are owed no more",
        *("SELECT count(*) FROM order_refund", 0, 1),
    ),
    Row(
        "tariff set",
        "/console/tariffs/set",
        {"kind": "kwh_usd", "value": "0.055", "from_day": "2026-05-01"},
        "BTC a day",
        *("SELECT value::float8 FROM tariff WHERE kind = 'kwh_usd'", None, 0.055),
    ),
    Row(
        *("programme levels", f"{D}/levels", {"levels": "0:0\n4:0.01"}, "users get another level"),
        *("SELECT count(*) FROM discount_level WHERE min_power = 4", 0, 1),
    ),
    Row(
        *("programme cap", f"{D}/cap", {"cap": "0.3"}, "would credit"),
        *("SELECT discount_cap::float8 FROM publication", 0.35, 0.3),
    ),
    Row(
        *("programme create", f"{D}/new", {"name": "autumn"}, "programme autumn"),
        *("SELECT count(*) FROM discount_programme WHERE name = 'autumn'", 0, 1),
    ),
    Row(
        "programme fraction",
        f"{D}/fraction",
        {"programme": "spring", "fraction": "0.05", "from_day": "2026-05-01"},
        "would credit",
        *("SELECT fraction::float8 FROM programme_fraction", None, 0.05),
    ),
    Row(
        "programme join",
        f"{D}/join",
        {"programme": "spring", "partner": "1", "user": "", "member": "join"},
        "2 users take part.",
        *("SELECT count(*) FROM user_programme", 0, 2),
    ),
]


@pytest.fixture(scope="module")
async def office(server: str, template: str) -> AsyncIterator[Office]:
    """A partner with everything that forms are about, another one beside it, and a month that is over."""
    async with opened_world(server, template) as world:
        dsn = with_database(server, await world.pool.fetchval("SELECT current_database()"))
        await _furnished(world)
        async with open_office(world, dsn) as made:
            for name in ("viewer", "support", "admin"):
                assert (await made.people[name].sign_in()).status_code == 303
            yield made
            await check_books(world)


async def _furnished(world: World) -> None:
    alice, bob = await world.user("alice"), await world.user("bob")
    await world.another_partner("another")
    stopped = await world.another_partner("stopped")
    bought, kept = await buy(world, alice.id, "4"), await buy(world, alice.id, "2", "kept")
    await order(world, bob.id, "open", await offer(world))
    await pay(world, "10", "SEPA 1")
    async with db.transaction(world.pool) as tx:
        for _ in range(4):
            made = await api_keys.create_key(
                tx, world.vault, partner_id=1, kind="secret", label="till", scopes=("read", "order")
            )
        await api_keys.rotate_key(tx, world.vault, partner_id=1, key_id=3)
        assert made.key_id == 4
        await origins.add(tx, 1, "https://a.example")
        await ton_domains.add_ton_domain(tx, 1, "a.example")
        await discounts.create_programme(tx, "spring")
        await standings.suspend(tx, stopped.partner.id, reason="its key was stolen")
        await tx.execute("UPDATE collection SET active = false WHERE id IN (3, 4)")
        await tx.execute("UPDATE upgrade_tariff SET power_price_usd = 8")
    for _ in range(2):
        await world.mine()
    await upgrade(world, kept.miner_id, "power", "2", "3")
    await hand_over(world, kept.miner_id, "alice", "bob")
    await world.mine()
    assert bought.miner_id == 1001
    await advance(world, 31 * clock.ONE_DAY)


async def logged(office: Office) -> list[str]:
    """What the log has, newest first."""
    rows = await office.world.pool.fetch("SELECT action FROM operator_action ORDER BY id DESC")
    return [row["action"] for row in rows]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.act)
async def test_a_form_is_looked_at_and_done(office: Office, row: Row) -> None:
    """Looking says what it comes to and changes nothing; then it is done, in the name of who did it."""
    pool, admin = office.world.pool, office.people["admin"]
    before = await logged(office)
    assert (await admin.get(row.path)).status_code == 200
    looked = await admin.post(row.path, **row.fields)
    said = " ".join(texts_of(looked).split())
    assert (looked.status_code, "is meant" in said) == (200, False), said
    assert row.told in said
    assert (await pool.fetchval(row.query), await logged(office)) == (row.was, before)
    made = await admin.send(row.path, sent_on(looked))
    assert (made.status_code, "done=" in made.headers.get("location", "")) == (303, True), texts_of(made)
    assert await pool.fetchval(row.query) == row.then
    assert (await logged(office))[: -len(before) or None] == [row.act]
    led = await admin.get(made.headers["location"])
    assert (led.status_code, 'class="done"' in led.text) == (200, True)


def test_every_form_of_selling_is_tried() -> None:
    """Those that are no row have a test of their own."""
    apart = {"partner create", "partner close", "partner key create", "partner key rotate"}
    assert {form.act for form in FORMS} == {row.act for row in ROWS} | apart


async def done(office: Office, name: str, path: str, **fields: str) -> str:
    """A form that is looked at and done by somebody; answers the page that it leads to, or its secrets."""
    person = office.people[name]
    made = await person.send(path, sent_on(await person.post(path, **fields)))
    assert made.status_code in (200, 303), texts_of(made)
    return made.headers.get("location") or made.text


async def test_a_secret_is_shown_once_and_nowhere_else(office: Office) -> None:
    """Looking makes no key and takes no number; the secret stands on the page that answers, and on no other."""
    pool, admin = office.world.pool, office.people["admin"]
    fields = {"kind": "secret", "label": "new", "scope-read": "yes", "addresses": "203.0.113.0/24\n10.0.0.0/8"}
    numbers = "SELECT last_value FROM api_key_id_seq"
    last = await pool.fetchval(numbers)
    looked = await admin.post(f"{P}/keys/new", **fields)
    assert re.search(r"allowed_ips\s+–\s+203\.0\.113\.0/24, 10\.0\.0\.0/8", texts_of(looked))
    assert await pool.fetchval(numbers) == last
    shown = await done(office, "admin", f"{P}/keys/new", **fields)
    key, secret = re.findall(r"<code>([^<]+)</code>", shown)
    assert "Shown this once" in shown
    page = (await admin.get(P)).text
    assert (key in page, secret in page, secret in (await admin.get("/console/log")).text) == (True, False, False)
    async with db.transaction(pool) as tx:
        found = await api_keys.load_key(tx, office.world.vault, key)
    assert found is not None
    assert (found.live_secrets, len(found.allowed_ips), sorted(found.scopes)) == ((secret,), 2, ["read"])
    rotated = await done(office, "admin", f"{P}/keys/rotate", key=str(found.id))
    newest = re.findall(r"<code>([^<]+)</code>", rotated)[1]
    async with db.transaction(pool) as tx:
        found = await api_keys.load_key(tx, office.world.vault, key)
    assert found is not None
    assert found.live_secrets == (newest, secret)
    for wrong in ({"addresses": "10.0.0.1/8"}, {"scope-read": ""}, {"unsigned_upgrades": "yes", "addresses": ""}):
        refused = await admin.post(f"{P}/keys/new", **(fields | wrong))
        assert (refused.status_code, 'class="refusal"' in refused.text) == (400, True)


async def test_what_takes_two_waits(office: Office) -> None:
    """Where there are two admins, a raised limit, a wider key and a closed partner wait; the look says so."""
    pool, admin = office.world.pool, office.people["admin"]
    other = await office.world.another_partner("to be closed")
    user = await other.user("carol")
    await buy(other, user.id, "1", "hers")
    await hired(pool, "second", "admin")
    await strangers(pool)
    path = f"/console/partners/{other.partner.id}"
    try:
        looked = texts_of(await admin.post(f"{path}/close", reason="its contract has ended"))
        assert "1 miners with 1 TH earn this day for the last time" in looked
        assert "waits for a second" in looked
        for form, fields in (
            ("close", {"reason": "its contract has ended"}),
            ("credit-limit", {"usd": "110000"}),
            ("keys/new", {"kind": "secret", "scope-read": "yes", "scope-withdraw": "yes"}),
        ):
            led = await done(office, "admin", f"{path}/{form}", **fields)
            assert "/console/changes" in led, form
        waiting = await pool.fetch("SELECT act FROM operator_change WHERE state = 'waiting' ORDER BY id")
        assert [row["act"] for row in waiting] == ["partner close", "partner credit-limit", "partner key create"]
        row = await pool.fetchrow("SELECT scopes FROM api_key WHERE partner_id = $1", other.partner.id)
        assert row is not None
        assert row["scopes"] == ["read"]
    finally:
        async with db.transaction(pool) as tx:
            second = await operators.find(tx, "second")
            for number in [row["id"] for row in await tx.fetch("SELECT id FROM operator_change")]:
                await changes.withdraw(tx, second, number)
            await operators.disable(tx, "second")
        await strangers(pool)
    await done(office, "admin", f"{path}/close", reason="its contract has ended")
    page = texts_of(await admin.get(path))
    assert re.search(r"closed\s+since .*:\s+its contract has ended", page)
    assert "Close for good" not in page


async def test_what_is_far_off_is_named_once_more(office: Office) -> None:
    """A doubtful tariff shows what it comes to, and is not done before it is named again."""
    admin, path = office.people["admin"], "/console/tariffs/set"
    fields = {"kind": "service_usd_per_th", "value": "0.02", "from_day": "2026-06-01"}
    looked = texts_of(await admin.post(path, **fields))
    assert "0.02 is meant" in looked
    assert "Let it count" not in looked.replace("Let a tariff count", "")
    assert await done(office, "admin", path, **fields, **{"confirm:0.02": "yes"})
    drawn = await admin.get("/console/tariffs")
    assert 'class="other"' in drawn.text
    assert "2026-06-01" in drawn.text


async def test_prices_by_level_come_back_as_they_are_typed(office: Office) -> None:
    """Levels that follow each other and cost the same are one line of the form, which sets what it shows."""
    admin, path = office.people["admin"], f"{C}/upgrades"
    present = await upgrade_tariff.load(office.world.pool)
    found = re.search(r'<textarea name="efficiency_steps"[^>]*>([^<]*)<', (await admin.get(path)).text)
    assert found is not None
    assert len(found[1].splitlines()) > 1
    assert upgrade_tariff.steps(found[1]) == dict(present.efficiency_steps)


async def test_a_miner_has_a_page(office: Office) -> None:
    """Whose it was, its upgrade, its order and its way to another user; linked from the user's page."""
    support = office.people["support"]
    page = await support.get(f"{P}/miners/1002")
    said = " ".join(texts_of(page).split())
    assert {'<rect class="own"' in page.text, '<rect class="other"' in page.text} == {True}
    assert re.search(r"2026-03-04 alice bob", said)
    assert re.search(r"power 2 3 TH", said)
    assert "order=kept" in page.text
    assert f"{P}/miners/1002" in (await support.get("/console/users/1/2")).text
    assert f"{P}/miners/1001" in (await support.get(f"{P}/miners")).text
    found = await support.get("/console/search?q=1002")
    assert (found.status_code, found.headers.get("location")) == (303, f"{P}/miners/1002")
    missing = await support.get(f"{P}/miners/9")
    assert (missing.status_code, "MINER_NOT_FOUND" in missing.text) == (404, True)


async def test_pages_show_what_there_is(office: Office) -> None:
    """A viewer sees figures and no person; the statement adds up to what is owed; what is not there says what to do."""
    viewer, support = office.people["viewer"], office.people["support"]
    for path, said in (
        ("/console/partners", "another"),
        (P, "What its users hold together"),
        (f"{P}/payments", "SEPA 1"),
        (f"{P}/statement?month=2026-03", "Payment of the partner"),
        (C, "What upgrades cost"),
        ("/console/tariffs", "What the pool keeps"),
        (D, "spring"),
    ):
        page = await viewer.get(path)
        assert (page.status_code, said in texts_of(page), "alice" in page.text) == (200, True, False), path
    owed = await office.world.pool.fetchval(
        "SELECT debits_posted - credits_posted FROM account WHERE partner_id = 1 AND id = 1200"
    )
    assert f"{words.usd(owed)} USD" in texts_of(await viewer.get(f"{P}/statement"))
    page = await support.get("/console/orders?partner=1&state=issued")
    assert ("kept" in page.text, "order=open" in page.text) == (True, False)
    page = await support.get("/console/orders?partner=1&user=2")
    assert ("order=open" in page.text, "order=kept" in page.text) == (True, False)
    page = await support.get(f"{P}/miners?user=2")
    assert (f"{P}/miners/1002" in page.text, f"{P}/miners/1001" in page.text) == (True, False)
    order_page = texts_of(await support.get("/console/order?partner=1&order=kept"))
    assert "alice" in order_page
    assert "Refund" not in order_page
    for path, code in (
        ("/console/orders?state=x", "STATE_UNKNOWN"),
        ("/console/order?partner=1&order=x", "ORDER_NOT_FOUND"),
        (f"{P}/statement?month=x", "BAD_MONTH"),
        (f"{P}/invoice?month=2026-01", "INVOICE_NOT_FOUND"),
    ):
        assert code in (await support.get(path)).text


async def test_texts_of_others_are_neither_markup_nor_do_they_act(office: Office) -> None:
    """Names of partners, keys, programmes, orders and payments that try to be scripts, or act on a screen."""
    admin, text = office.people["admin"], SCRIPT + "".join(HOSTILE.values())
    other = await office.world.another_partner(text[:250])
    user, path = await other.user("dora"), f"/console/partners/{other.partner.id}"
    bought = await buy(other, user.id, "1", text[:100])
    await pay(other, "1", text[:100])
    async with db.transaction(office.world.pool) as tx:
        await api_keys.create_key(tx, other.vault, partner_id=other.partner.id, kind="secret", label=text[:100])
        await discounts.create_programme(tx, text[:100])
    for page in (
        *("/console/partners", path, f"{path}/payments", f"{path}/statement", f"{path}/miners/{bought.miner_id}", D),
        *(f"/console/orders?partner={other.partner.id}", f"{path}/keys/revoke", f"{path}/close", f"{D}/join"),
    ):
        made = await admin.get(page)
        assert made.status_code == 200, page
        assert acting(made.text) == [], page
        for live in ("<script>alert", "<img", "'><"):
            assert live not in made.text, (page, live)
    found = await admin.http.get("/console/order", params={"partner": str(other.partner.id), "order": text[:100]})
    assert found.status_code == 200


async def test_an_invoice_is_printed_with_who_bills(office: Office) -> None:
    await forget_attempts(office.world.pool)
    await done(office, "admin", f"{P}/invoices/new", month="2026-03")
    page = await office.people["viewer"].get(f"{P}/invoice?month=2026-03&issuer=<b>Mining Ltd")
    said = texts_of(page)
    assert ("Invoice 1-00001" in said, "Amount of this invoice" in said) == (True, True)
    assert "&lt;b&gt;Mining Ltd" in page.text
