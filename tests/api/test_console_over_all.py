"""The console's lists over all partners, withdrawals and deposits: filters, links, files, and one deposit's page."""

import csv
import io
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from hashrail import db
from hashrail.alarms import workers
from hashrail.bitcoin.findings import Finding
from hashrail.bitcoin.simulated_chain import SandboxChain
from hashrail.custody import deposit_addresses, deposits
from hashrail.payouts import processor
from hashrail.support import deposit_waits
from tests.support.api_client import check_books
from tests.support.books import deployment as opened_world
from tests.support.console import Office, open_office, texts_of
from tests.support.databases import with_database
from tests.support.payouts import ADDRESSES, asked, cancelled, funded, policy
from tests.support.world import World

FORMULA = "=HYPERLINK(calc)"
HALF = Decimal("0.5")


@dataclass
class Desk:
    """The console of two partners who both call a user alice; one of the second's is called like a formula."""

    office: Office
    worlds: list[World]
    alices: list[int]

    async def text(self, path: str) -> str:
        """What a page says to support, in one line."""
        made = await self.office.people["support"].get(f"/console{path}")
        assert made.status_code == 200, texts_of(made)
        return re.sub(r"\s+", " ", texts_of(made).partition("Skip to the content")[2])

    async def rows(self, path: str) -> list[dict[str, str]]:
        """The lines of a file."""
        made = await self.office.people["support"].get(f"/console{path}")
        assert made.headers["content-type"] == "text/csv; charset=utf-8"
        return list(csv.DictReader(io.StringIO(made.text)))

    @property
    def chain(self) -> SandboxChain:
        """Where bitcoin arrives."""
        found = self.office.serving.deployment.chain
        assert isinstance(found, SandboxChain)
        return found

    async def watched(self) -> None:
        """The worker has looked."""
        await processor.run(self.office.serving.deployment)


@pytest.fixture(scope="module")
async def desk(server: str, template: str) -> AsyncIterator[Desk]:
    """Of the first partner's alice three withdrawals, of the second's one, and one of whoever is called like that."""
    async with opened_world(server, template) as first:
        dsn = with_database(server, await first.pool.fetchval("SELECT current_database()"))
        second = await first.another_partner("second")
        alices = [(await each.user("alice")).id for each in (first, second)]
        evil = (await second.user(FORMULA)).id
        await funded(first, alices[0])
        await funded(second, alices[1], evil)
        for each in (first, second):
            await policy(each, 0)
        await asked(first, alices[0], "0.001", ADDRESSES[0], "fast")
        await cancelled(first, (await asked(first, alices[0], "0.002", ADDRESSES[1])).id)
        await asked(first, alices[0], "0.003", ADDRESSES[1])
        await asked(second, alices[1], "0.004", ADDRESSES[1])
        await asked(second, evil, "0.005", ADDRESSES[2])
        async with open_office(first, dsn) as office:
            for name in ("support", "admin"):
                assert (await office.people[name].sign_in()).status_code == 303
            yield Desk(office, [first, second], alices)
            await check_books(first)


@pytest.mark.parametrize(
    ("query", "amounts"),
    [
        ("", [5, 4, 3, 2, 1]),
        ("partner=1", [3, 2, 1]),
        ("user=alice", [4, 3, 2, 1]),
        ("user=alice&partner=2", [4]),
        ("state=cancelled", [2]),
        ("speed=fast", [1]),
        (f"address={ADDRESSES[1]}", [4, 3, 2]),
        ("least=0.002&most=0.0040", [4, 3, 2]),
        ("from=2020-01-01&to=2020-12-31", []),
        ("user=nobody", []),
    ],
)
async def test_withdrawals_of_all_are_filtered(desk: Desk, query: str, amounts: list[int]) -> None:
    """Page and file have the same, and the page says its own address."""
    page = await desk.text(f"/withdrawals?{query}")
    found = re.findall(r" 0\.00(\d)00000 (?:fast|daily) ", page)
    assert [int(each) for each in found] == amounts
    if amounts:
        assert re.search(r"as a link: http://console.test/console/withdrawals\S* Copy", page)
    rows = await desk.rows(f"/withdrawals.csv?{query}")
    assert sorted(int(each["amountBtc"][-1]) for each in rows) == sorted(amounts)


async def test_states_are_counted_of_what_the_other_filters_ask(desk: Desk) -> None:
    """Whatever state is asked for; each leads to the list of its own."""
    made = await desk.office.people["support"].get("/console/withdrawals?partner=1&state=cancelled")
    counts = re.findall(r'<dt>([a-z ]+)</dt><dd><a href="([^"]+)">(\d+)</a>', made.text)
    assert counts == [
        ("queued", "/console/withdrawals?partner=1&amp;state=queued", "2"),
        ("cancelled", "/console/withdrawals?partner=1&amp;state=cancelled", "1"),
    ]


async def test_a_file_begins_no_formula_and_says_whose_each_is(desk: Desk) -> None:
    (row,) = await desk.rows("/withdrawals.csv?partner=2&address=" + ADDRESSES[2])
    assert (row["partnerId"], row["partner"], row["state"]) == ("2", "second", "queued")
    assert row["partnerUserId"].endswith(FORMULA)
    assert row["partnerUserId"] != FORMULA


async def test_a_list_goes_on_where_it_ended(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashrail.pages.console.over_all.LISTED", 2)
    monkeypatch.setattr("hashrail.pages.console.over_all.IN_PART", 2)
    path, found = "/console/withdrawals?user=alice", list[str]()
    for _ in range(2):
        made = await desk.office.people["support"].get(path)
        found += re.findall(r" 0\.00(\d)00000 (?:fast|daily) ", re.sub(r"\s+", " ", texts_of(made)))
        older = re.search(r'<a href="([^"]+after=[^"]+)">Older', made.text)
        path = older[1].replace("&amp;", "&") if older else ""
    assert (found, path) == (["4", "3", "2", "1"], "")
    assert len(await desk.rows("/withdrawals.csv")) == 5


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("least=much", 400, "FIELD_NOT_READ"),
        ("speed=slow", 400, "STATE_UNKNOWN"),
        ("to=9999-12-31", 400, "DAY_NOT_READ"),
        ("after=1", 400, "WITHDRAWAL_NOT_NAMED"),
        ("partner=99", 404, "PARTNER_NOT_FOUND"),
    ],
)
@pytest.mark.parametrize("path", ["withdrawals", "deposits"])
async def test_filters_that_cannot_be_read_say_so(desk: Desk, path: str, query: str, status: int, code: str) -> None:
    if path == "deposits" and "speed" in query:
        # What a deposit does not have is not asked for.
        status, code = 200, "Of all partners"
    made = await desk.office.people["support"].get(f"/console/{path}?{query}")
    assert (made.status_code, code in made.text) == (status, True)


async def test_a_deposit_is_followed_until_it_is_credited(desk: Desk) -> None:
    """Why it is not yet; what proved it and what was posted then; a reorg takes it, and it comes again."""
    deployment, (partner, _) = desk.office.serving.deployment, desk.worlds
    support = desk.office.people["support"]
    to = await deposit_addresses.of_user(partner.pool, deployment.chain, partner.partner.id, desk.alices[0])
    txid = await desk.chain.receive(to, HALF)
    await desk.watched()
    page = await desk.text("/deposits?user=alice")
    for words in ("pending 1", "0.50000000 pending 0", "It is in no block yet", f"{txid}:0"):
        assert words in page, words
    (number,) = [row["id"] for row in await desk.rows("/deposits.csv?state=pending")]
    path = f"/deposits/{partner.partner.id}/{number}"
    assert (await support.get(f"/console/search?q={txid}")).headers["location"] == f"/console{path}"
    said = await desk.text(path)
    for words in (to, "which the user is told", "of partner", "Nothing yet", "Nothing: it is not credited."):
        assert words in said, words
    await desk.chain.mine(deployment.settings.bitcoin_deposit_confirmations)
    await desk.watched()
    said = await desk.text(path)
    assert "not credited, because" not in said
    assert re.search(r"1 [0-9a-f]{64} Copy \d+ \d+ the simulated chain", said)
    assert re.search(r"1 credited 0\.50000000 ", said)
    transfer = f"/console/transfer?partner={partner.partner.id}&kind=deposit&object={number}&leg=1"
    assert transfer.replace("&", "&amp;") in (await support.get(f"/console{path}")).text
    assert f'href="/console{path}"' in (await support.get(transfer)).text
    await desk.chain.reorg(deployment.settings.bitcoin_deposit_confirmations, drop=True)
    await desk.watched()
    said = await desk.text(path)
    assert "A reorg took it. The user keeps it" in said
    assert "2 lost in a reorg 0.50000000" in said
    assert "DEPOSIT_LOST" in await desk.text("/deposits")
    assert f'href="/console{path}"' in (await support.get(f"/console/users/1/{desk.alices[0]}")).text
    assert (await support.get(f"/console/deposits/2/{number}")).status_code == 404


async def test_why_a_deposit_waits(desk: Desk) -> None:
    """In each state, and with what the worker has found of it alone."""
    settings = desk.office.serving.deployment.settings
    terms = deposits.DepositTerms.of(settings)
    (one,) = await deposits.of_partner(desk.worlds[0].pool, desk.worlds[0].partner.id, limit=1)
    needed = terms.needed(HALF, coinbase=False)
    found = [
        Finding("DEPOSIT_UNPROVEN", f"deposit {one.id}, 0.5 BTC: the node lies"),
        Finding("DEPOSIT_UNPROVEN", f"deposit {one.id}0, 0.5 BTC: another one"),
        Finding("FOREIGN_SPEND", f"deposit {one.id}"),
    ]
    for state, confirmations, words in (
        ("credited", needed, []),
        ("pending", 0, [f"It is in no block yet, and is credited with {needed} confirmations."]),
        ("gone", 0, ["The chain has spent its coins otherwise: it can never arrive any more."]),
    ):
        changed = replace(one, state=state, confirmations=confirmations)
        assert deposit_waits.why(changed, terms, []) == words
    deep = replace(one, state="pending", confirmations=needed)
    assert deposit_waits.why(deep, terms, found) == [found[0].message]
    assert "the node has not proven it yet" in deposit_waits.why(deep, terms, [])[0]


async def test_live_pages_answer_nothing_while_nothing_happens(desk: Desk) -> None:
    """A page asks for itself again; only what has changed is sent, and what a page follows has an id of its own."""
    support, path = desk.office.people["support"], "/console/withdrawals?partner=1"
    async with db.transaction(desk.worlds[0].pool) as tx:
        await workers.beat(tx, "a worker")
    followed = (
        "",
        "/alarms",
        "/payouts",
        "/days",
        "/deposits",
        "/changes",
        "/withdrawals",
        "/withdrawals/1/1",
        "/tasks",
    )
    for page in followed:
        person = desk.office.people["admin"] if page in ("/changes", "/tasks") else support
        first = await person.get(f"/console{page}")
        parts = re.findall(r'<\w+ (?:[^>]* )?id="([^"]+)"[^>]* data-live', first.text)
        assert (len(parts), first.text.count(" data-live")) == (len(set(parts)), len(parts)), page
        assert parts, page
        again = await person.get(f"/console{page}", **{"if-none-match": first.headers["etag"], "hashrail-live": "yes"})
        assert (again.status_code, again.content) == (304, b""), page
    before = await support.get(path)
    await asked(desk.worlds[0], desk.alices[0], "0.0015", ADDRESSES[0])
    after = await support.get(path, **{"if-none-match": before.headers["etag"], "hashrail-live": "yes"})
    assert (after.status_code, "0.00150000" in after.text) == (200, True)
