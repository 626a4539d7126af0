"""Operators in the console: their accounts, what takes two of them, everybody's own, and the deployment."""

import re
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta

import httpx
import pytest

from hashrail import business_clock
from hashrail.pages.console import operators as operators_pages
from hashrail.parties import operators, second_factors
from tests.support.books import deployment as opened_world
from tests.support.console import Office, Person, forget_attempts, open_office, texts_of
from tests.support.databases import with_database
from tests.support.operators import PASSWORD, hired, strangers
from tests.support.visitors import sent_on

LED, REFUSED = 303, 401
NUMBER = "SELECT id FROM operator_account WHERE name = '{}'"
ROLE = "SELECT role FROM operator_account WHERE name = 'pat'"
P = "/console/operators"


@pytest.fixture(scope="module")
async def office(server: str, template: str) -> AsyncIterator[Office]:
    """One admin, and Pat, whose account forms are about."""
    async with opened_world(server, template) as world:
        dsn = with_database(server, await world.pool.fetchval("SELECT current_database()"))
        await hired(world.pool, "pat", "support")
        async with open_office(world, dsn) as made:
            assert (await made.people["admin"].sign_in()).status_code == LED
            yield made


@pytest.fixture(autouse=True)
async def begins_anew(office: Office) -> AsyncIterator[None]:
    """Nobody has tried to sign in; a second admin is gone again after each test, and a stranger to everybody."""
    await forget_attempts(office.world.pool)
    yield
    await office.world.pool.execute("UPDATE operator_account SET disabled_at = now() WHERE name = 'second'")
    await strangers(office.world.pool)


async def second_admin(office: Office) -> Person:
    """Another admin, who is another person, at a browser; the same account each time."""
    pool = office.world.pool
    if await pool.fetchval(NUMBER.format("second")) is None:
        await hired(pool, "second")
    await pool.execute("UPDATE operator_account SET disabled_at = NULL WHERE name = 'second'")
    await strangers(pool)
    person = office.browser("second")
    await person.sign_in()
    return person


async def of_pat(office: Office, form: str = "") -> str:
    return f"{P}/{await office.world.pool.fetchval(NUMBER.format('pat'))}{form}"


async def done(person: Person, path: str, **fields: str) -> httpx.Response:
    """A form that is looked at and done; its page where it shows a secret, or where it leads to."""
    looked = await person.post(path, **fields)
    assert looked.status_code == 200, texts_of(looked)
    made = await person.send(path, sent_on(looked))
    assert made.status_code in (200, LED), texts_of(made)
    return made


def password_of(shown: httpx.Response) -> str:
    found = re.search(r"<code>([^<]+)</code>", shown.text)
    assert found is not None, texts_of(shown)
    return found[1]


async def gets_in(office: Office, name: str, password: str) -> bool:
    return (await office.browser(name).sign_in(password)).status_code == LED


@pytest.mark.parametrize(
    ("path", "fields", "told", "query", "was", "then"),
    [
        ("/role", {"role": "operator"}, "role support operator", ROLE, "support", "operator"),
        ("/role", {"role": "viewer"}, "role operator viewer", ROLE, "operator", "viewer"),
        (
            *("apart", {"seconds": "700000"}, "apart_seconds 604800 700000"),
            *("SELECT apart_seconds FROM operator_policy", 604_800, 700_000),
        ),
        (
            *("alone", {"limit": "refund USD", "amount": "12.5"}, "amount 1000 12.5"),
            *("SELECT amount::float8 FROM alone_limit WHERE kind = 'refund'", 1000, 12.5),
        ),
    ],
)
async def test_a_form_is_looked_at_and_done(
    office: Office, path: str, fields: Mapping[str, str], told: str, query: str, was: object, then: object
) -> None:
    """Looking says what it comes to, and changes nothing."""
    pool, admin = office.world.pool, office.people["admin"]
    where = await of_pat(office, path) if path.startswith("/") else f"{P}/{path}"
    acts = await pool.fetchval("SELECT count(*) FROM operator_action")
    looked = await admin.post(where, **fields)
    assert told in " ".join(texts_of(looked).split())
    assert "waits for a second" not in looked.text
    assert await pool.fetchval(query) == was
    assert await pool.fetchval("SELECT count(*) FROM operator_action") == acts
    assert (await admin.send(where, sent_on(looked))).status_code == LED
    assert await pool.fetchval(query) == then
    assert await pool.fetchval("SELECT count(*) FROM operator_action") == acts + 1


async def test_a_password_is_shown_once_and_its_account_ends(office: Office) -> None:
    """Who is added gets in by it, by another one once that is given, and by none when the account has ended."""
    pool, admin = office.world.pool, office.people["admin"]
    first = password_of(await done(admin, f"{P}/new", name="nina", role="support"))
    assert await gets_in(office, "nina", first)
    number = await pool.fetchval(NUMBER.format("nina"))
    async with pool.acquire() as tx, tx.transaction():
        await second_factors.secret_to_confirm(tx, office.serving.deployment.vault, number)
    second = password_of(await done(admin, f"{P}/{number}/password"))
    assert [await gets_in(office, "nina", each) for each in (first, second)] == [False, True]
    assert await pool.fetchval("SELECT count(*) FROM operator_code WHERE operator_id = $1", number) == 0
    page = await admin.get(f"{P}/{number}")
    assert second not in page.text
    assert "Sign nina out everywhere" in page.text
    out = await admin.post(f"{P}/{number}/sessions")
    assert out.headers["location"] == f"{P}/{number}?done=signed_out"
    assert "nina is not signed in" in (await admin.get(f"{P}/{number}")).text
    await done(admin, f"{P}/{number}/disable")
    assert not await gets_in(office, "nina", second)
    assert "stays so" in (await admin.get(f"{P}/{number}")).text
    again = await admin.post(f"{P}/new", name="nina", role="support")
    assert (again.status_code, "OPERATOR_EXISTS" in again.text) == (409, True)


async def test_what_takes_two_waits_for_the_second(office: Office) -> None:
    """A new account, a raised role, another's password, and looser rules; the password counts once it is confirmed."""
    pool, admin = office.world.pool, office.people["admin"]
    second = await second_admin(office)
    asked = [
        (f"{P}/new", {"name": "omar", "role": "approver"}),
        (await of_pat(office, "/role"), {"role": "admin"}),
        (await of_pat(office, "/password"), {}),
        (f"{P}/apart", {"seconds": "0"}),
        (f"{P}/alone", {"limit": "refund USD", "amount": "99999"}),
    ]
    shown = [await done(admin, path, **fields) for path, fields in asked]
    assert not await gets_in(office, "omar", password_of(shown[0]))
    rows = await pool.fetch("SELECT id, act FROM operator_change WHERE state = 'waiting' ORDER BY id")
    words = ("add", "role", "password", "policy", "alone")
    assert [row["act"] for row in rows] == [f"operator {word}" for word in words]
    own = await admin.post(f"/console/changes/{rows[0]['id']}/confirm")
    assert (own.status_code, "SAME_PERSON" in own.text) == (403, True)
    for row in rows:
        await done(second, f"/console/changes/{row['id']}/confirm")
    assert await gets_in(office, "omar", password_of(shown[0]))
    assert await gets_in(office, "pat", password_of(shown[2]))
    assert await pool.fetchval(ROLE) == "admin"
    await pool.execute("UPDATE operator_policy SET apart_seconds = 604800")
    await pool.execute("UPDATE operator_account SET role = 'support' WHERE name = 'pat'")


async def test_the_last_admin_stays(office: Office) -> None:
    """Neither ended nor made less, and looking says so."""
    admin = office.people["admin"]
    number = await office.world.pool.fetchval(NUMBER.format("admin"))
    for form, fields in (("disable", {}), ("role", {"role": "viewer"})):
        refused = await admin.post(f"{P}/{number}/{form}", **fields)
        assert (refused.status_code, "LAST_ADMIN" in refused.text) == (409, True)


async def test_operators_and_one_of_them_are_shown(office: Office) -> None:
    """With second factor, sessions, last sign-in and whom each counts as one person with."""
    pool, admin = office.world.pool, office.people["admin"]
    await hired(pool, "ruth", "viewer", by=await operators.find(pool, "admin"))
    ruth = office.browser("ruth")
    await ruth.sign_in()
    await pool.execute(
        """INSERT INTO operator_code (operator_id, sealed, confirmed_at)
           SELECT id, '', now() FROM operator_account WHERE name = 'ruth'"""
    )
    listed = " ".join(texts_of(await admin.get(P)).split())
    assert re.search(r"ruth viewer generator 1 20\S+ \S+ UTC admin 20", listed)
    assert re.search(r"refund [\d.]+ USD Change", listed)
    page = " ".join(texts_of(await admin.get(f"{P}/{await pool.fetchval(NUMBER.format('ruth'))}")).split())
    assert "code generator set up" in page
    assert re.search(r"ruth signed in console from", page)
    assert (await ruth.get(P)).status_code == 403


async def test_everybody_changes_their_own_password(office: Office) -> None:
    """For who has the one before; sessions end, the second factor stays, and the page tells what one did."""
    pool, viewer = office.world.pool, office.browser("viewer")
    await viewer.sign_in()
    fields = {"step": "do", "once": "a word", "now": PASSWORD, "new": "another long one"}
    assert (await viewer.get("/console/password")).status_code == 200
    wrong = await viewer.post("/console/password", **fields | {"now": "a wrong one, long"})
    assert (wrong.status_code, "OPERATOR_CREDENTIALS" in wrong.text) == (REFUSED, True)
    short = await viewer.post("/console/password", **fields | {"new": "short"})
    assert (short.status_code, "PASSWORD_TOO_SHORT" in short.text) == (400, True)
    await pool.execute(
        "INSERT INTO operator_code (operator_id, sealed) SELECT id, '' FROM operator_account WHERE name = 'viewer'"
    )
    made = await viewer.post("/console/password", **fields)
    assert made.headers["location"] == "/console/sign-in"
    assert (await viewer.get("/console")).status_code == LED
    assert [await gets_in(office, "viewer", each) for each in (PASSWORD, "another long one")] == [False, True]
    kept = "SELECT count(*) FROM operator_code WHERE operator_id = ({})".format(NUMBER.format("viewer"))
    assert await pool.fetchval(kept) == 1
    again = office.browser("viewer")
    await again.sign_in("another long one")
    page = " ".join(texts_of(await again.get("/console/sessions")).split())
    assert re.search(r"viewer password changed viewer", page)


async def test_nobody_gets_around_the_password_that_counts(office: Office) -> None:
    """Who sits at an admin's browser is not given a password of that account, as of another's."""
    pool, admin = office.world.pool, office.people["admin"]
    path = f"{P}/{await pool.fetchval(NUMBER.format('admin'))}/password"
    before = await pool.fetchval("SELECT password FROM operator_account WHERE name = 'admin'")
    for made in (await admin.get(path), await admin.post(path, step="do", once="mine")):
        assert (made.status_code, "OWN_PASSWORD" in made.text) == (409, True)
    assert await pool.fetchval("SELECT password FROM operator_account WHERE name = 'admin'") == before


async def test_a_time_that_makes_one_person_of_all_waits_for_the_second(office: Office) -> None:
    """Somebody who made the other admin lately enough would act alone from then on."""
    pool, admin = office.world.pool, office.people["admin"]
    await second_admin(office)
    made_at = await business_clock.now(pool) - timedelta(days=20)
    await pool.execute("UPDATE operator_tie SET done_at = $1 WHERE kind = 'added'", made_at)
    for seconds, waits in (("864000", False), ("2592000", True)):
        looked = await admin.post(f"{P}/apart", seconds=seconds)
        assert ("waits for a second" in " ".join(texts_of(looked).split())) == waits, texts_of(looked)


async def test_the_deployment_is_changed(office: Office) -> None:
    """Looked at, asked for where there are two admins, done by the second; this process says that it is outdated."""
    pool, admin, page = office.world.pool, office.people["admin"], "/console/deployment"
    is_ = await pool.fetchrow("SELECT network, chain FROM deployment")
    assert is_ is not None
    to = "none" if is_["chain"] == "simulated" else "simulated"
    fields = {"network": is_["network"], "chain": to, "reason": "a drill"}
    first = texts_of(await admin.get(page))
    assert ("never came from a backup" in first, "started before" in first) == (True, False)
    no_node = await admin.post(f"{page}/change", **fields | {"chain": "node"})
    assert (no_node.status_code, "FIELD_NOT_READ" in no_node.text) == (400, True)
    second = await second_admin(office)
    try:
        asked = await done(admin, f"{page}/change", **fields)
        assert asked.headers["location"] == "/console/changes?done=asked"
        assert await pool.fetchval("SELECT chain FROM deployment") == is_["chain"]
        number = await pool.fetchval("SELECT id FROM operator_change WHERE state = 'waiting'")
        await done(second, f"/console/changes/{number}/confirm")
        assert await pool.fetchval("SELECT chain FROM deployment") == to
        assert "this process was started before" in texts_of(await admin.get(page))
    finally:
        await pool.execute("UPDATE deployment SET chain = $1", is_["chain"])


async def test_books_that_are_older_say_what_to_run(office: Office) -> None:
    """Nobody is served, and the page has the command; afterwards each restore is listed."""
    pool, admin = office.world.pool, office.people["admin"]
    office.serving.are_books_older = True
    try:
        page = await admin.get("/console")
        door = await office.browser("admin").get("/console/sign-in")
    finally:
        office.serving.are_books_older = False
    assert (page.status_code, door.status_code) == (503, 503)
    assert "hashrail restored --as ADMIN" in page.text
    await pool.execute("INSERT INTO restoration (restored_at, by_name, old_epoch) VALUES (now(), 'olga', 'before')")
    listed = texts_of(await admin.get("/console/deployment"))
    assert re.search(r"1\s+20\S+ \S+ UTC\s+olga", listed)
    assert "hashrail restored --as admin" in listed


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0 seconds"), (90_000, "90000 seconds"), (86_400, "1 day"), (604_800, "7 days")]
)
def test_a_span_is_told_in_days(seconds: int, shown: str) -> None:
    assert operators_pages.in_days(seconds) == shown
