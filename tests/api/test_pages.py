"""What all pages have in common, in process: refusals for people, and pages that look whether something is new."""

import datetime as dt
import json
from collections.abc import AsyncIterator

import pytest

from hashrail import clock
from hashrail.pages import refusals
from hashrail.payouts import batches
from tests.support.books import deployment as opened_world
from tests.support.console import Office, Person, open_office
from tests.support.databases import with_database

HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
WRONG_METHOD, NO_SUCH, FAILED = 405, 404, 500


@pytest.fixture(scope="module")
async def office(server: str, template: str) -> AsyncIterator[Office]:
    """A console whose viewer and admin are signed in."""
    async with opened_world(server, template) as world:
        dsn = with_database(server, await world.pool.fetchval("SELECT current_database()"))
        async with open_office(world, dsn) as made:
            for name in ("viewer", "admin"):
                await made.people[name].sign_in()
            yield made


@pytest.fixture
def viewer(office: Office) -> Person:
    return office.people["viewer"]


async def test_a_browser_gets_a_page_and_a_program_the_error_shape(viewer: Person) -> None:
    """A path that there is not, and a method that it has not."""
    for path, status in (("/console/nothing", NO_SUCH), ("/portals", NO_SUCH), ("/api/docs/nothing", NO_SUCH)):
        page = await viewer.get(path, **HTML)
        assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
        assert "There is no such page" in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert (await viewer.get(path, accept="*/*")).json()["error"] == "ROUTE_NOT_FOUND"
    refused = await viewer.http.put("/console", headers=HTML)
    assert (refused.status_code, refused.headers["content-type"]) == (WRONG_METHOD, "text/html; charset=utf-8")
    assert "GET" in refused.headers["allow"]
    for path in ("/api/partner/s2s/nothing", "/assets/nothing", "/api"):
        assert (await viewer.get(path, **HTML)).json()["error"] == "ROUTE_NOT_FOUND"


async def test_an_unexpected_error_is_a_page_with_the_request_id(
    viewer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(batches, "standing", broken)
    page = await viewer.get("/console", **HTML)
    assert page.status_code == FAILED
    assert "Something went wrong here" in page.text
    assert page.headers["x-request-id"] in page.text
    assert "ZeroDivision" not in page.text
    assert (await viewer.get("/console")).json()["error"] == "INTERNAL_ERROR"


@pytest.mark.parametrize("path", ["/", "/console", "/portal/x", "/api/docs", "/api/docs/errors", "/apis"])
def test_paths_of_people(path: str) -> None:
    assert refusals.is_for_people(path, "text/html")
    assert not refusals.is_for_people(path, "application/json")


@pytest.mark.parametrize("path", ["/api", "/api/partner", "/api/docsx", "/assets/x.css", "/readyz"])
def test_paths_of_programs(path: str) -> None:
    assert not refusals.is_for_people(path, "text/html")


async def test_a_page_that_is_the_same_is_not_sent_again(office: Office, viewer: Person) -> None:
    first = await viewer.get("/console/partners")
    same = await viewer.get("/console/partners", **{"if-none-match": first.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert same.headers["cache-control"] == "no-store"
    await office.world.pool.execute("UPDATE partner SET name = name || '!'")
    assert (await viewer.get("/console/partners", **{"if-none-match": first.headers["etag"]})).status_code == 200


async def test_a_page_that_looks_by_itself_keeps_no_session_open(office: Office, viewer: Person) -> None:
    """A click does."""
    seen = """SELECT max(seen_at) FROM operator_session s JOIN operator_account o ON o.id = operator_id
              WHERE name = 'viewer'"""
    before = clock.wall_now() - dt.timedelta(minutes=5)
    await office.world.pool.execute("UPDATE operator_session SET seen_at = $1", before)
    assert (await viewer.get("/console", **{"hashrail-live": "yes"})).status_code == 200
    assert await office.world.pool.fetchval(seen) == before
    await viewer.get("/console")
    assert await office.world.pool.fetchval(seen) > before


async def test_every_act_of_the_palette_begins_with_nothing(office: Office) -> None:
    """A form that needs something in its query says that it does not begin."""
    admin = office.people["admin"]
    page = await admin.get("/console")
    acts = page.text.partition('id="desk">')[2].partition("</script>")[0]
    paths = [each["path"] for each in json.loads(acts)["acts"]]
    assert "/console/partners/new" in paths
    for path in paths:
        assert (await admin.get(path)).status_code == 200, path
    assert "partners/new" not in (await office.people["viewer"].get("/console")).text.partition('id="desk">')[2]
