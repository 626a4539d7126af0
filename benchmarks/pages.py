"""Pages: what each costs the server, weighs, and when a browser has painted its largest part, in a large deployment.

Every page of the console that links lead to is looked at, as an admin; pages that no link leads to are named beside
the table. The server's time is that of whole answers over one connection that stays open; weight and paint are those
of a browser that was never here.
"""

import re
import statistics
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from html import unescape
from urllib.parse import urlsplit

import httpx
from playwright.async_api import Browser, async_playwright
from tests.support.browser import DESKTOP, PROGRAM

from benchmarks import dataset, servers
from benchmarks.dataset import START, USUAL, Dataset, Shape
from benchmarks.measure import Table, milliseconds
from benchmarks.stage import Stage
from hashrail import db
from hashrail.pages.console.door import ConsoleDoor
from hashrail.pages.console.pages import FORMS, VIEWS
from hashrail.pages.console.visit import ROOT
from hashrail.parties import operator_sessions, operators

MAX_SERVER_MS, MAX_WEIGHT_KB, MAX_PAINT_MS = 200, 300, 1000
BEFORE_SIGN_IN = ("/", "/api/docs", "/api/docs/s2s_income", "/console/sign-in")
# A link leads to a page of ours, and not to a part of it.
LINK = re.compile(r'<a [^>]*?href="(/console[^"#]*)"')
# Where a form leads, and no link.
ASKED = {"/search": "?q=user", "/income": "?miner=1077&day=2026-01-03"}
NUMBER = re.compile(r"\{\w+:int\}")
PAINT_SECONDS = 0.3
MEASURED = """
    async (milliseconds) => {
        const [page] = performance.getEntriesByType("navigation");
        const loaded = performance.getEntriesByType("resource");
        const paints = await new Promise((done) => {
            const found = [];
            const observer = new PerformanceObserver((list) => found.push(...list.getEntries()));
            observer.observe({ type: "largest-contentful-paint", buffered: true });
            setTimeout(() => done(found), milliseconds);
        });
        const bytes = [page, ...loaded].reduce((sum, each) => sum + each.encodedBodySize, 0);
        return { bytes, paint: Math.max(0, ...paints.map((each) => each.startTime)) };
    }"""
# The books of users, and what they have bought and asked for: $1 partners, $2 users a partner, $3 when.
FILL = (
    """INSERT INTO account (partner_id, user_id, kind, currency, carries_balance, created_at)
       SELECT partner_id, id, 'user', currency, true, $2 FROM app_user, unnest(ARRAY['BTC', 'GOMINING']) AS currency
       WHERE partner_id = ANY ($1::bigint[])""",
    """INSERT INTO purchase (partner_id, external_id, user_id, collection_id, power, energy_efficiency, value_usd,
                             state, created_at, expires_at, paid_at, miner_id)
       SELECT partner_id, 'order ' || id, user_id, 1, power, energy_efficiency, power * 15, 'issued', $2,
              $2::timestamptz + interval '1 hour', $2, id
       FROM miner WHERE partner_id = ANY ($1::bigint[]) AND id % 10 = 0""",
    """INSERT INTO withdrawal (partner_id, user_id, speed, address, amount_btc, commission_btc, state, created_at,
                               changed_at)
       SELECT partner_id, id, 'daily', 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', 0.001, 0,
              CASE WHEN id % 20 = 0 THEN 'queued' ELSE 'cancelled' END, $2, $2
       FROM app_user WHERE partner_id = ANY ($1::bigint[])""",
    "ANALYZE account, purchase, withdrawal",
)

TEN_PARTNERS = replace(USUAL, partners=10)


@dataclass(frozen=True, slots=True)
class Sizes:
    """The deployment that is looked at, and how many of its pages at most."""

    shape: Shape = TEN_PARTNERS
    users: int = 100_000
    miners: int = 1_000_000
    days: int = 90
    most: int = 1_000


@dataclass(frozen=True, slots=True)
class Seen:
    """What a browser has seen of a page."""

    bytes: int
    paint_ms: float


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """The table of pages."""
    table = Table(
        "Pages",
        ("page", "server", "weight", "largest paint"),
        notes=[
            f"{sizes.miners:,} miners, {sizes.users:,} users of {sizes.shape.partners} partners, {sizes.days} days.",
            "Server: the median of whole answers. Weight: all that a browser without a cache loads, as it is sent.",
        ],
    )
    data = stage.folder / "pages"
    data.mkdir(exist_ok=True)
    async with stage.database() as dsn:
        stage.tell(f"building {sizes.miners:,} miners")
        token = await _prepare(dsn, sizes)
        async with servers.api(dsn, data, 1) as server, _browser() as browser:
            url = f"http://127.0.0.1:{server.port}"
            async with httpx.AsyncClient(base_url=url, cookies={ConsoleDoor.cookie: token}, timeout=60) as http:
                stage.tell("following links")
                found, missing = await _crawl(http)
                pages = [*zip(BEFORE_SIGN_IN, BEFORE_SIGN_IN, strict=True), *found.items()]
                for name, path in pages[: sizes.most]:
                    stage.tell(path)
                    await _look(table, http, browser, name, path, token, stage.runs)
    if missing:
        table.notes.append(f"Not looked at, for no link leads there or it is downloaded: {', '.join(sorted(missing))}.")
    if left := [name for name, _ in pages[sizes.most :]]:
        table.notes.append(f"Found and not looked at: {', '.join(left)}.")
    return [table]


async def _look(  # what is looked at, and by whom
    table: Table, http: httpx.AsyncClient, browser: Browser, name: str, path: str, token: str, runs: int
) -> None:
    """One page's line."""
    taken = []
    for _ in range(runs + 1):
        answer = await http.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        taken.append(answer.elapsed.total_seconds() * 1000)
    server = statistics.median(taken[1:])
    seen = await _painted(browser, f"{http.base_url}".rstrip("/") + path, token)
    is_good = server <= MAX_SERVER_MS and seen.bytes <= MAX_WEIGHT_KB * 1000 and seen.paint_ms <= MAX_PAINT_MS
    table.add(
        *(
            name.replace(":int", ""),
            milliseconds(server / 1000),
            f"{seen.bytes / 1000:.0f} KB",
            milliseconds(seen.paint_ms / 1000),
        ),
        target=f"at most {MAX_SERVER_MS} ms, {MAX_WEIGHT_KB} KB, {MAX_PAINT_MS} ms",
        verdict=is_good,
    )


async def _painted(browser: Browser, address: str, token: str) -> Seen:
    """The page in a browser that was never here."""
    context = await browser.new_context(viewport={"width": DESKTOP["width"], "height": DESKTOP["height"]})
    await context.add_cookies([{"name": ConsoleDoor.cookie, "value": token, "url": address}])
    page = await context.new_page()
    await page.goto(address, wait_until="load")
    found = await page.evaluate(MEASURED, PAINT_SECONDS * 1000)
    await context.close()
    return Seen(found["bytes"], found["paint"])


async def _crawl(http: httpx.AsyncClient) -> tuple[dict[str, str], set[str]]:
    """An address for each page that links lead to, by its path in the table of pages; and those that none leads to."""
    routes = {each.path: re.compile(NUMBER.sub(r"\\d+", each.path) + r"(\?.*)?") for each in (*VIEWS, *FORMS)}
    found = {ROOT: ROOT} | {f"{ROOT}{path}": f"{ROOT}{path}{query}" for path, query in ASKED.items()}
    waiting = list(found.values())
    while waiting:
        answer = await http.get(waiting.pop(0), follow_redirects=True)
        for link in _links(answer.text):
            for path, shape in routes.items():
                # A path without numbers is meant where it fits one with them as well.
                if path not in found and shape.fullmatch(link) and not (path != urlsplit(link).path in routes):
                    found[path] = link
                    waiting.append(link)
    leading = {path: link for path, link in found.items() if _is_page(await http.get(link))}
    return leading, set(routes) - set(leading)


def _is_page(answer: httpx.Response) -> bool:
    """Whether it is looked at: what is downloaded is no page, and what led here may be gone."""
    return answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")


def _links(text: str) -> Iterable[str]:
    return dict.fromkeys(unescape(link) for link in LINK.findall(text))


async def _prepare(dsn: str, sizes: Sizes) -> str:
    """The deployment; answers the token of a session of its admin."""
    pool = await db.open_pool(dsn)
    try:
        made = await dataset.build(pool, sizes.shape, days=sizes.days)
        await made.register(sizes.users)
        await made.buy(sizes.miners, days=sizes.days)
        await dataset.close_past(made)
        await _fill(made)
        async with db.transaction(pool) as tx:
            admin = await operators.add(tx, name="olga", role="admin", password=operators.new_password())
            return await operator_sessions.begin(tx, admin.id, "whole", address="127.0.0.1", agent="a benchmark")
    finally:
        await pool.close()


async def _fill(made: Dataset) -> None:
    async with db.transaction(made.pool) as tx:
        # Rows that refer to what is there are not checked one by one; it would only take time.
        await tx.execute("SET LOCAL session_replication_role = replica")
        for statement in FILL:
            await tx.execute(statement, *((made.partner_ids, START) if "$1" in statement else ()))


@asynccontextmanager
async def _browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(
            executable_path=PROGRAM, args=["--disable-gpu"], chromium_sandbox=False
        )
        yield opened
        await opened.close()
