"""The portal's papers: statement, invoices and exports, each on a page and as a file."""

import csv
import datetime as dt
import hashlib
import io
import re
import secrets
from collections.abc import AsyncIterator
from typing import get_args

import httpx
import pytest

from hashrail import clock, db
from hashrail.accounting import invoices
from hashrail.exports import export, kinds
from hashrail.exports.columns import Format
from hashrail.exports.content import Terms
from hashrail.pages import statement_lines
from hashrail.pages.portal import exports as export_pages
from hashrail.pages.portal import invoices as invoice_pages
from hashrail.selling import statement_files
from tests.support.books import advance, buy, pay, upgrade
from tests.support.books import deployment as opened_world
from tests.support.console import texts_of
from tests.support.databases import with_database
from tests.support.exports import make_all
from tests.support.portal import Bureau, open_bureau
from tests.support.world import World

MARCH = "from=2026-03-01&to=2026-03-31"


@pytest.fixture(scope="module")
async def bureau(server: str, template: str) -> AsyncIterator[Bureau]:
    """Something bought, upgraded and paid in March 2026; in April an invoice of it was issued."""
    async with opened_world(server, template) as world:
        dsn = with_database(server, await world.pool.fetchval("SELECT current_database()"))
        async with open_bureau(world, dsn) as made:
            await traded(world)
            yield made


async def traded(world: World) -> None:
    alice = await world.user("alice")
    bought = await buy(world, alice.id, "4", "=order & one")
    await upgrade(world, bought.miner_id, "power", "4", "5")
    await pay(world, "12.34", "SEPA 1")
    await advance(world, dt.timedelta(days=40))
    async with db.transaction(world.pool) as tx:
        await invoices.issue(tx, world.partner, dt.date(2026, 3, 1))


async def said(bureau: Bureau, path: str, role: str = "viewer") -> str:
    """What a page says, in one line."""
    page = await bureau.people[role].get(f"/portal{path}")
    assert page.status_code == 200, page.text
    return re.sub(r"\s+", " ", texts_of(page))


async def sheet(bureau: Bureau, path: str) -> list[list[str]]:
    made = await bureau.people["viewer"].get(f"/portal{path}")
    assert (made.status_code, made.headers["content-type"]) == (200, "text/csv; charset=utf-8"), made.text
    assert made.headers["content-length"] == str(len(made.content))
    return list(csv.reader(io.StringIO(made.content.decode(), newline="")))


async def test_the_statement_says_what_is_owed_for_what(bureau: Bureau) -> None:
    page = await said(bureau, f"/statement?{MARCH}")
    for words in (
        "owed before 0.00 USD charged, less what was taken back 67.41511402 USD paid 12.34 USD",
        "owed after 55.07511402 USD",
        "Order =order & one 1001 55.99 55.99",
        "Payment of the partner SEPA 1 – -12.34 55.07511402",
    ):
        assert words in page, page
    assert "Nothing moved on these days." in await said(bureau, "/statement")
    assert "owed before 55.07511402 USD" in await said(bureau, "/statement")
    assert "Until 2026-04" in await said(bureau, "/statement?to=2026-04-30")
    refused = {
        "from=x": "DAY_NOT_READ",
        "from=2026-04-01&to=2026-03-31": "BAD_PERIOD",
        f"{MARCH}&at=9{'0' * 18}": "FIELD_NOT_A_NUMBER",
    }
    for wrong, code in refused.items():
        made = await bureau.people["viewer"].get(f"/portal/statement?{wrong}")
        assert (made.status_code, code in made.text) == (400, True), wrong


async def test_who_sees_no_persons_is_led_to_none(bureau: Bureau) -> None:
    viewers, supports = [
        (await bureau.people[role].get(f"/portal/statement?{MARCH}")).text for role in ("viewer", "support")
    ]
    for path in ("/portal/orders/1", "/portal/miners/1001"):
        assert (path in viewers, path in supports) == (False, True)


async def test_the_statement_is_whole_page_by_page(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line once, by the link at the end of each page; and the same lines stand in the sheet."""
    rows = re.compile(r"<tr><td[^>]*>.*?</tr>")
    whole = rows.findall((await bureau.people["viewer"].get(f"/portal/statement?{MARCH}")).text)
    assert len(whole) == 3
    monkeypatch.setattr(statement_lines, "LISTED", 1)
    found: list[str] = []
    path: str | None = f"/portal/statement?{MARCH}"
    while path is not None:
        page = (await bureau.people["viewer"].get(path)).text
        found += rows.findall(page)
        later = re.search(r'<a href="([^"]+)">Later ones', page)
        path = None if later is None else later[1].replace("&amp;", "&")
    assert found == whole
    names, *lines = await sheet(bureau, f"/statement.csv?{MARCH}")
    assert names == list(statement_files.COLUMNS)
    assert [(line[1], line[2], line[4]) for line in lines] == [
        ("order", "'=order & one", "55.99"),
        ("upgrade", lines[1][2], "11.42511402"),
        ("payment", "SEPA 1", "-12.34"),
    ]
    monkeypatch.setattr(statement_files, "MAX_LINES", 2)
    made = await bureau.people["viewer"].get(f"/portal/statement.csv?{MARCH}")
    assert (made.status_code, "STATEMENT_TOO_LONG" in made.text) == (400, True)


async def test_an_invoice_with_its_lines(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is listed, printed and saved; another partner has none of that number."""
    assert "1-00001 2026-03" in await said(bureau, "/invoices")
    page = await said(bureau, "/invoices/1")
    for words in ("Invoice 1-00001", "Amount of this invoice 67.41", "Order =order & one 1001 55.99"):
        assert words in page, page
    monkeypatch.setattr(statement_lines, "PRINTED", 1)
    assert "These are the first 1 lines. All of them are in the sheet" in await said(bureau, "/invoices/1")
    names, row = await sheet(bureau, "/invoices.csv")
    assert names == list(invoice_pages.COLUMNS)
    assert (row[0], row[1], row[5]) == ("1-00001", "2026-03", "67.41")
    made = await bureau.stranger.get("/portal/invoices/1")
    assert (made.status_code, "INVOICE_NOT_FOUND" in made.text) == (404, True)
    assert "None was issued to you yet" in re.sub(r"\s+", " ", texts_of(await bureau.stranger.get("/portal/invoices")))


async def test_an_export_is_asked_for_made_and_fetched(bureau: Bureau) -> None:
    """Its page says how far it is, what it adds up to and for how long it is kept; who asked and fetched is noted."""
    support, pool = bureau.people["support"], bureau.pool
    path = await asked(bureau, kind="orders", format="csv")
    assert "the worker begins with it" in await said(bureau, path, "support")
    assert 'data-every="1000"' in (await support.get(f"/portal{path}")).text
    early = await support.get(f"/portal{path}/file")
    assert (early.status_code, "EXPORT_NOT_READY" in early.text) == (409, True)
    await make_all(pool)
    page = await said(bureau, path, "support")
    for words in ("Orders made on these days", "state done", "rows 1 ", "then the file goes", "value 55.99 USD"):
        assert words in page, page
    whole = await support.get(f"/portal{path}/file")
    assert whole.headers["content-disposition"] == 'attachment; filename="orders-2026-03-01-2026-03-31.csv"'
    assert hashlib.sha256(whole.content).hexdigest() in page
    part = await support.get(f"/portal{path}/file", **{"range": "bytes=-5", "if-range": whole.headers["etag"]})
    assert (part.status_code, part.content) == (206, whole.content[-5:])
    name = f"export {path.rpartition('/')[2]}: orders 2026-03-01-2026-03-31, csv"
    seen = "SELECT count(*) FROM member_view WHERE subject = $1 AND page = 'export_file' AND member_id = $2"
    assert await pool.fetchval(seen, name, bureau.members["support"].id) > 0
    done = "SELECT count(*) FROM member_action WHERE subject = $1 AND action = 'export asked for'"
    assert await pool.fetchval(done, name) == 1
    assert "orders csv 2026-03-01 2026-03-31 done" in await said(bureau, "/exports", "support")
    await pool.execute("UPDATE export SET expires_at = now() - interval '1 day' WHERE state = 'done'")
    async with db.transaction(pool) as tx:
        assert await export.expire_due(tx, bureau.world.partner.id, clock.wall_now()) == 1
    page = await said(bureau, path, "support")
    assert "state expired" in page
    assert "Ask for it again" in page
    assert (await support.get(f"/portal{path}/file")).status_code == 409


async def asked(bureau: Bureau, **fields: str) -> str:
    """The path of a new export of March, below the portal."""
    days = {"from": "2026-03-01", "to": "2026-03-31"}
    made = await ask(bureau, **days | fields)
    assert made.status_code == 303, made.text
    return made.headers["location"].removeprefix("/portal")


async def ask(bureau: Bureau, **fields: str) -> httpx.Response:
    """Send the form."""
    return await bureau.people["support"].post("/portal/exports/new", **fields, once=secrets.token_hex(8))


async def test_what_is_refused_of_exports(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    """Days that are none, and more at a time than a partner may; why one failed is told in words."""
    fields = {"kind": "orders", "format": "ndjson"}
    for first, last, code in (
        ("2026-03-02", "2026-03-01", "RANGE_BACKWARDS"),
        ("2026-03-01", "2027-03-02", "RANGE_TOO_LONG"),
    ):
        made = await ask(bureau, **fields, **{"from": first, "to": last})
        assert (made.status_code, code in made.text) == (400, True)
    path = await asked(bureau, **fields)
    monkeypatch.setattr(export, "MAX_OPEN", 1)
    days = {"from": "2026-03-01", "to": "2026-03-01"}
    made = await ask(bureau, **fields, **days)
    assert (made.status_code, "EXPORTS_OPEN" in made.text) == (409, True)
    await make_all(bureau.pool, Terms(max_bytes=0, keep=dt.timedelta(days=1)))
    page = await said(bureau, path, "support")
    assert "state failed" in page
    assert "The file would be larger than a file may be. Ask for fewer days at a time" in page


def test_every_kind_and_format_has_words() -> None:
    assert (set(export_pages.KINDS), set(export_pages.FORMATS)) == (set(get_args(kinds.Name)), set(get_args(Format)))


async def test_a_file_goes_on_where_it_was_cut_off(bureau: Bureau) -> None:
    """In parts, by its tag; one that is known already is not sent again, and no byte comes from beyond the end."""
    viewer, path = bureau.people["viewer"], f"/portal/statement.csv?{MARCH}"
    whole = await viewer.get(path)
    tag, size = whole.headers["etag"], len(whole.content)
    rest = await viewer.get(path, **{"range": "bytes=10-", "if-range": tag})
    assert (rest.status_code, rest.content) == (206, whole.content[10:])
    assert rest.headers["content-range"] == f"bytes 10-{size - 1}/{size}"
    another = await viewer.get(path, **{"range": "bytes=10-", "if-range": '"another"'})
    assert (another.status_code, another.content) == (200, whole.content)
    assert (await viewer.get(path, **{"if-none-match": tag})).status_code == 304
    beyond = await viewer.get(path, range=f"bytes={size}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    assert "RANGE_NOT_SATISFIABLE" in beyond.text


async def test_no_month_comes_before_the_first(bureau: Bureau) -> None:
    """A statement from the first day that there is leads to no page before it."""
    assert (await bureau.people["viewer"].get("/portal/statement?from=0001-01-01")).status_code == 200
