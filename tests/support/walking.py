"""A walk through every page of people: which there are, how each is found, and whether it fits everybody.

Pages are found as a person finds them, by links from the first page of their room: whatever stands in the tables VIEWS
and FORMS and has a link is walked without anybody naming it here. What no link leads to is told by name.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from html import unescape
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pyotp
from playwright.sync_api import APIResponse, BrowserContext, Page

from hashrail.pages.console import pages as console
from hashrail.pages.portal import pages as portal
from hashrail.pages.reference import guides
from hashrail_client import Hashrail
from tests.support.browser import DESKTOP, PHONE, Watched
from tests.support.sandboxes import PASSWORD, sandbox

ADDRESS = "bcrt1qw6fv8tf4gzacq0qzpvawuekd3zr3yv35gs3jky"
LINK = re.compile(r'(?:href|action|data-path)="(/(?:console|portal)[^"#]*)"')
ADMIN, NEWCOMER = "zoe", "pia"
# A phone or a computer that knows its owner.
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
# What a user is called, as an attack on whoever saves a table.
FORMULA = "=HYPERLINK(calc)"
# What another light may break.
CONTRAST = ["color-contrast"]
NO_SUCH_PAGE = "/nothing"
# What a form asks for, beside the day of the page of one.
DAY = "/console/day"
ASKED = {"/console/income": "miner=1001"} | dict.fromkeys(
    (f"{DAY}/{act}" for act in ("confirm", "delete", "take-back")), ""
)
# They are no pages of their own: one leads on, the others are files.
LEADS_ON = {
    *("users", "trial_balance_sheet", "journal", "withdrawals_sheet", "deposits_sheet"),
    *("statement_sheet", "invoices_sheet"),
}
# The rooms that somebody has to sign in to, and what there is without.
ROOMS = {"console": [*console.VIEWS, *console.FORMS], "portal": [*portal.VIEWS, *portal.FORMS]}
AREAS = ("open", *ROOMS)
EVERYTHING = slice(None)
# Pages that are asked for once: no more of one sort are looked at to find others.
MOST_OF_A_SORT = 3


@dataclass(frozen=True)
class Box:
    """A sandbox whose console asks for codes, with an admin, a waiting withdrawal, a blocked user and a hostile one."""

    url: str
    operators: Mapping[str, str]
    members: Sequence[Mapping[str, str]]
    # The path of a link that invites somebody to the partner's portal.
    invitation: str
    # Of who is signed in to a room, by its path: a generator shows its secret once.
    cookies: dict[str, Any] = field(default_factory=dict)
    # Where the pages of a room were found, by its name: they are the same for each share of a walk.
    found: dict[str, dict[str, str]] = field(default_factory=dict)

    def person(self, area: str) -> tuple[str, str]:
        """Who walks through a room: name and password."""
        if area == "console":
            return ADMIN, self.operators[ADMIN]
        return self.members[0]["email"], self.members[0]["password"]


@dataclass(frozen=True)
class Stop:
    """A page of the walk: its area and name, and where it is."""

    area: str
    name: str
    path: str


@dataclass
class Room:
    """Pages behind one door: what there is, by the pattern of its path, and where each was found."""

    area: str
    rows: Sequence[Any]
    found: dict[str, str] = field(default_factory=dict)

    def stops(self) -> list[Stop]:
        """The pages that were found."""
        return [Stop(self.area, row.name, self.found[row.path]) for row in self.rows if row.path in self.found]

    def missed(self) -> set[str]:
        """The names of those that no link led to; of one thing there may be none in the sandbox."""
        return {row.name for row in self.rows if row.path not in self.found and "{" not in row.path} - LEADS_ON

    def pattern_of(self, path: str) -> str | None:
        """The row's path that a path is of; one without numbers comes first."""
        plain = path.partition("?")[0]
        fitting = [row.path for row in self.rows if re.fullmatch(re.sub(r"\{\w+:int\}", r"\\d+", row.path), plain)]
        return min(fitting, key=lambda each: each.count("{"), default=None)


@contextmanager
def box() -> Iterator[Box]:
    """Start it, and stop it in the end."""
    with sandbox(days=55, HASHRAIL_CONSOLE_CODES="true") as made:
        made.command("payouts", "policy", "--approve-above", "0.0001")
        pool = made.data.parent / "pool.csv"
        pool.write_text("day,amount_btc\n2026-01-01,0.01\n")
        made.command("pool", "receipt", "import", str(pool))
        made.command("user", "block", "bob", "--partner", "1", "--reason", "a drill")
        words = ("--name", "Ida", "--email", "ida@partner.example", "--role", "viewer", "--json")
        invited = json.loads(made.command("partner", "portal", "invite", "--partner", "1", *words))
        # The admin last: from then on somebody has to be named.
        for name, role in ((NEWCOMER, "viewer"), (ADMIN, "admin")):
            made.command("operator", "add", name, "--role", role)
        with Hashrail(made.facts["baseUrl"], made.facts["apiKey"], made.facts["apiSecret"]) as partner:
            partner.users.login(FORMULA)
            partner.withdrawals.create("erin", wallet_address=ADDRESS, amount=Decimal("0.0002"))
            # Nobody listens there.
            partner.webhooks.create("http://127.0.0.1:9/hooks", types=["order.issued"], after=0)
        people = made.operators | {ADMIN: PASSWORD, NEWCOMER: PASSWORD}
        yield Box(made.url, people, made.facts.get("members", ()), invited["link"])


def give_password(page: Page, url: str, name: str, password: str) -> None:
    """At the door of a room, which asks for a code then."""
    page.goto(f"{url}/sign-in")
    page.locator("input[name=name]").fill(name)
    page.locator("input[name=password]").fill(password)
    page.locator("button[type=submit]").click()
    page.wait_for_url(f"{url}/code*")


def give_device(page: Page) -> None:
    """A device that the browser plays: it makes passkeys, and knows its owner."""
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})


def make_passkey(page: Page, account: str, password: str) -> None:
    """On the page of one's own account."""
    page.goto(account)
    page.get_by_label("What it is called").fill("a phone")
    page.get_by_label("Your password").fill(password)
    page.get_by_role("button", name="Make a passkey").click()
    page.get_by_role("status").filter(has_text="The passkey is there").wait_for()


def give_code(page: Page) -> None:
    """The code of a new generator, which gets the secret that the page shows."""
    secret = page.locator("dd code").nth(0).inner_text()
    page.locator("input[name=code]").fill(pyotp.TOTP(secret).now())
    page.locator("button[type=submit]").click()
    page.locator("#menu").wait_for(state="attached")


def explore(room: Room, context: BrowserContext, url: str) -> None:
    """Follow links from the room's first page, as whoever is signed in sees them."""
    waiting, seen, of_sort = [f"/{room.area}"], set(), dict.fromkeys((row.path for row in room.rows), 0)
    while waiting:
        path = waiting.pop(0)
        sort = room.pattern_of(path)
        if path in seen or sort is None or of_sort[sort] >= MOST_OF_A_SORT:
            continue
        seen.add(path)
        of_sort[sort] += 1
        made = context.request.get(url + path, max_redirects=0)
        waiting += [link for link in links_of(made.text()) if link not in seen]
        if is_page(made):
            room.found.setdefault(sort, path)
    for row in room.rows:
        plain = re.sub(r"\{\w+:int\}", "1", row.path)
        if row.path not in room.found and is_page(context.request.get(url + plain, max_redirects=0)):
            room.found[row.path] = plain
    for sort, query in ASKED.items():
        if sort not in room.found and DAY in room.found:
            room.found[sort] = f"{sort}?{query}&{room.found[DAY].partition('?')[2]}"


def is_page(made: APIResponse) -> bool:
    """Whether something is there, and no file."""
    return made.status == HTTPStatus.OK and "content-disposition" not in made.headers


def links_of(page: str) -> list[str]:
    """Where a page leads, also by forms that ask for something and by the palette."""
    found = [unescape(each) for each in LINK.findall(page)]
    given = re.search(r'id="desk">(.*?)</script>', page, re.DOTALL)
    return found + ([] if given is None else [each["path"] for each in json.loads(given[1])["acts"]])


def look(watched: Watched, url: str, stop: Stop, pictures: Path | None = None) -> list[str]:
    """What is wrong with a page, in light, dark and on a phone; with a folder, pictures of it."""
    page = watched.page
    watched.complaints.clear()
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(DESKTOP)
    page.goto(url + stop.path)
    page.wait_for_load_state("load")
    wrong = watched.accessibility()
    keep(page, stop, "light", pictures)
    page.emulate_media(color_scheme="dark")
    wrong += watched.accessibility(CONTRAST)
    keep(page, stop, "dark", pictures)
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)
    watched.drawn()
    wrong += [f"wider than a phone: {each}" for each in watched.too_wide()]
    keep(page, stop, "phone", pictures)
    # The browser says of each page that there is not that there is none.
    return wrong + [each for each in watched.complaints if stop.path != NO_SUCH_PAGE]


def keep(page: Page, stop: Stop, kind: str, pictures: Path | None) -> None:
    """A picture, where they are wanted."""
    if pictures is not None:
        (pictures / stop.area).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=pictures / stop.area / f"{stop.name}-{kind}.png", full_page=True)


def open_pages() -> list[Stop]:
    """What everybody sees: the front page, the reference, the doors."""
    return [
        Stop("front", "front", "/"),
        Stop("reference", "start", "/api/docs"),
        Stop("reference", "operation", "/api/docs/s2s_income"),
        Stop("reference", "errors", "/api/docs/errors"),
        Stop("reference", "signature", "/api/docs/signature"),
        Stop("reference", "guide", f"/api/docs/guides/{next(iter(guides.by_name()))}"),
        Stop("console", "sign_in", "/console/sign-in"),
        Stop("portal", "sign_in", "/portal/sign-in"),
        Stop("front", "no_such_page", NO_SUCH_PAGE),
    ]


def walk(
    watched: Watched, made: Box, area: str, *, share: slice = EVERYTHING, pictures: Path | None = None
) -> tuple[dict[str, list[str]], set[str]]:
    """A share of the pages of an area of `AREAS`: what is wrong by path, and which pages of all nothing led to."""
    wrong: dict[str, list[str]] = {}
    missed: set[str] = set()
    stops = open_pages()
    if area in ROOMS:
        wrong |= enter(watched, made, area, pictures)
        room = Room(area, ROOMS[area], made.found.setdefault(area, {}))
        if not room.found:
            explore(room, watched.page.context, made.url)
        stops, missed = room.stops(), room.missed()
    for stop in stops[share]:
        wrong[stop.path] = look(watched, made.url, stop, pictures)
    return {path: found for path, found in wrong.items() if found}, missed


def enter(watched: Watched, made: Box, area: str, pictures: Path | None) -> dict[str, list[str]]:
    """Sign in to a room; what is wrong with the page that asks for a code, by its path, if it was asked for."""
    if area in made.cookies:
        watched.page.context.add_cookies(made.cookies[area])
        return {}
    watched.page.set_viewport_size(DESKTOP)
    give_password(watched.page, f"{made.url}/{area}", *made.person(area))
    code = Stop(area, "code", f"/{area}/code")
    found = {code.path: look(watched, made.url, code, pictures)}
    give_code(watched.page)
    made.cookies[area] = watched.page.context.cookies()
    return found
