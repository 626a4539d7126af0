"""The portal's webhooks and events: endpoints from beginning to end, what was sent and sent again, the feed."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from standardwebhooks.webhooks import Webhook

from hashrail import business_clock, clock, db
from hashrail.events import browsing, drafts, endpoints
from hashrail.events.sending import Sender
from hashrail.events.types.orders import OrderCancelled
from hashrail.parties import standings
from tests.support.books import deployment as opened_world
from tests.support.console import texts_of
from tests.support.databases import with_database
from tests.support.hooked import ANYWHERE, HookReceiver, endpoint, happen, hooked, plan_all, work_off
from tests.support.portal import Bureau, open_bureau

SECRET = re.compile(r"whsec_[\w+/=]+")


@pytest.fixture(scope="module")
async def bureau(server: str, template: str) -> AsyncIterator[Bureau]:
    async with opened_world(server, template) as world:
        dsn = with_database(server, await world.pool.fetchval("SELECT current_database()"))
        async with open_bureau(world, dsn) as made:
            yield made


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    made = Sender(ANYWHERE)
    yield made
    await made.close()


async def failed_at(bureau: Bureau, receiver: HookReceiver, sender: Sender, *objects: str) -> int:
    """An endpoint at which events of these objects were given up."""
    receiver.answer = lambda _: 503
    made, _ = await endpoint(bureau.world, receiver.url(), "order.cancelled")
    await happen(bureau.world, *objects)
    await work_off(bureau.world, sender)
    await bureau.pool.execute(
        "UPDATE webhook_delivery SET state = 'given_up', next_attempt_at = NULL WHERE endpoint_id = $1", made.id
    )
    # As if it had rested.
    await bureau.pool.execute("UPDATE webhook_endpoint SET paused_until = NULL WHERE id = $1", made.id)
    receiver.answer = lambda _: 200
    return made.id


async def test_an_endpoint_from_its_beginning_to_its_end(bureau: Bureau, sender: Sender) -> None:
    """Made with its secret shown once, tried, changed, rotated, stopped, let go on, removed; each stands in the log."""
    developer = bureau.people["developer"]
    with hooked() as receiver:
        page = await developer.fill("/portal/webhooks/new", url=receiver.url(), description="ours", types="order.")
        secret = SECRET.findall(texts_of(page))[0]
        (made,) = await endpoints.every(bureau.pool, bureau.world.partner.id)
        assert ("order.issued" in made.types, "user.created" in made.types) == (True, False)
        path = f"/portal/webhooks/{made.id}"
        sent = await developer.post(f"{path}/test", step="do", once="a test")
        assert sent.headers["location"] == f"{path}?done=tried"
        await plan_all(bureau.world)
        await work_off(bureau.world, sender)
        (hook,) = receiver.hooks
        Webhook(secret).verify(hook.body, hook.headers)
        seen = texts_of(await bureau.people["support"].get(path))
        assert re.search(r"webhook_endpoint\.test\s+webhook_endpoint \d+\s+delivered\s+1", seen), seen
        assert secret not in (await developer.get(path)).text
        rotated = await developer.fill(f"{path}/rotate", hours="3")
        assert SECRET.findall(texts_of(rotated))[0] != secret
        assert "at most 168 hours" in (await developer.fill(f"{path}/rotate", hours="169")).text
        await developer.fill(f"{path}/change", url=receiver.url("/other"), description="", types="")
        found = await endpoints.get(bureau.pool, bureau.world.partner.id, made.id)
        assert (found.url, found.types, found.description) == (receiver.url("/other"), (), "")
        refused = await developer.fill(f"{path}/change", url="ftp://x", types="")
        assert (refused.status_code, "BAD_WEBHOOK_URL" in refused.text) == (400, True)
        refused = await developer.fill(f"{path}/change", url=receiver.url(), types="order.eaten")
        assert (refused.status_code, "EVENT_TYPE_UNKNOWN" in refused.text) == (400, True)
        await developer.fill(f"{path}/disable")
        assert "the partner has disabled it" in texts_of(await bureau.people["viewer"].get(path))
        refused = await developer.post(f"{path}/test", step="do", once="another")
        assert (refused.status_code, "WEBHOOK_DISABLED" in refused.text) == (409, True)
        await developer.fill(f"{path}/enable")
        assert (await endpoints.get(bureau.pool, made.partner_id, made.id)).state == "enabled"
    assert "Nothing brings the endpoint back" in (await developer.get(f"{path}/remove")).text
    await developer.fill(f"{path}/remove")
    assert (await developer.get(path)).status_code == 404
    log = texts_of(await bureau.people["owner"].get("/portal/log"))
    for act in ("made", "tried", "rotated", "changed", "disabled", "enabled", "removed"):
        assert f"endpoint {act}" in log, act


async def test_looking_makes_nothing(bureau: Bureau) -> None:
    """Neither an endpoint nor its number."""
    looked = await bureau.people["developer"].post("/portal/webhooks/new", url="https://hooks.example/", step="look")
    assert "https://hooks.example/" in texts_of(looked)
    last = "SELECT last_value FROM webhook_endpoint_id_seq"
    before = await bureau.pool.fetchval(last)
    await bureau.people["developer"].post("/portal/webhooks/new", url="https://hooks.example/", step="look")
    assert await bureau.pool.fetchval(last) == before
    assert "https://hooks.example/" not in (await bureau.people["viewer"].get("/portal/webhooks")).text


async def test_what_was_given_up_is_sent_again(bureau: Bureau, sender: Sender) -> None:
    """One by its page, or all of them; what arrived is not sent twice. Each attempt stands there with its answer."""
    developer = bureau.people["developer"]
    with hooked() as receiver:
        number = await failed_at(bureau, receiver, sender, "x", "y", "z")
        receiver.hooks.clear()
        listed = await developer.get(f"/portal/deliveries?endpoint={number}&state=given_up")
        found = re.findall(rf'href="(/portal/webhooks/{number}/deliveries/\d+)"', listed.text)
        assert len(found) == 3
        page = await developer.get(found[0])
        for word in ("503", '"externalId": "z"', "given up"):
            assert word in texts_of(page), word
        await developer.fill(f"{found[0]}/replay")
        await work_off(bureau.world, sender)
        assert [hook.of_object[0] for hook in receiver.hooks] == ["z"]
        assert (await developer.get(found[0])).text.count("<code>ok</code>") == 2
        looked = await developer.post(f"/portal/webhooks/{number}/replay", given_up="yes", step="look")
        assert "Events that are sent again: 2." in looked.text
        await developer.fill(f"/portal/webhooks/{number}/replay", given_up="yes")
        await work_off(bureau.world, sender)
        assert sorted(hook.of_object[0] for hook in receiver.hooks) == ["x", "y", "z"]
        refused = await developer.fill(f"/portal/webhooks/{number}/replay")
        assert (refused.status_code, "REPLAY_NAMES_NOTHING" in refused.text) == (400, True)
        await developer.fill(f"/portal/webhooks/{number}/replay", since="2020-01-01T00:00:00Z")
        await work_off(bureau.world, sender)
        assert len(receiver.hooks) == 6
        for query, count in {
            "state=delivered": 3,
            "state=waiting": 0,
            "type=order.cancelled": 3,
            "type=order.": 3,
        }.items():
            listed = await developer.get(f"/portal/deliveries?endpoint={number}&{query}")
            assert len(set(re.findall(r"/deliveries/\d+", listed.text))) == count, query
        assert (await developer.get("/portal/deliveries?type=none")).status_code == 400
        assert (await developer.get("/portal/deliveries?state=none")).status_code == 400


async def test_lists_go_on_where_they_ended(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page by page, over two endpoints: each delivery and each event once, the newest first."""
    monkeypatch.setattr("hashrail.pages.hooks.LISTED", 3)
    with hooked() as receiver:
        for _ in range(2):
            await endpoint(bureau.world, receiver.url(), "order.cancelled")
        first = await happen(bureau.world, "p")
        last = await happen(bureau.world, "q", "r")
    rows = await bureau.pool.fetch(
        """SELECT d.endpoint_id || '/deliveries/' || d.position AS at FROM webhook_delivery d
           JOIN webhook_endpoint e ON e.partner_id = d.partner_id AND e.id = d.endpoint_id AND e.state <> 'deleted'
           WHERE d.position >= $1 ORDER BY d.position DESC, d.endpoint_id DESC""",
        first,
    )
    developer, found = bureau.people["developer"], list[str]()
    path: str | None = "/portal/deliveries?type=order.cancelled"
    while path is not None and len(found) < len(rows):
        page = (await developer.get(path)).text
        found += re.findall(r'href="/portal/webhooks/(\d+/deliveries/\d+)"', page)
        older = re.search(r'href="(/portal/deliveries\?[^"]*after=[^"]+)"', page)
        path = None if older is None else older[1].replace("&amp;", "&")
    assert found[: len(rows)] == [row["at"] for row in rows]
    listed = (await developer.get("/portal/events")).text
    positions = [int(each) for each in re.findall(r'href="/portal/events/(\d+)"', listed)]
    older = re.search(r'href="(/portal/events\?after=\d+)"', listed)
    assert older is not None
    positions += [
        int(each) for each in re.findall(r'href="/portal/events/(\d+)"', (await developer.get(older[1])).text)
    ]
    assert positions == list(range(last, last - 6, -1))


async def test_events_are_found(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    """By type, object, user and time; and a look that ends before it has found them says so."""
    world, support = bureau.world, bureau.people["support"]
    alice = await world.user("alice's <b>")
    before = clock.iso(await business_clock.now(world.pool))
    told = OrderCancelled(
        external_id="o&<1>", user_id=alice.id, nft_collection_id=1, power=1, energy_efficiency=20, value=10
    )
    async with db.transaction(world.pool) as tx:
        await drafts.note(tx, world.partner.id, told)
    last = await plan_all(world)
    for query, is_there in {
        "type=order.cancelled": True,
        "type=user.blocked": False,
        "kind=order&object=o%26%3C1%3E": True,
        "kind=order&object=o": False,
        "kind=miner": False,
        f"user={alice.id}": True,
        "user=alice%27s%20%3Cb%3E&type=order.": True,
        "user=nobody": False,
        f"since={before}": True,
        f"until={before}": False,
        "since=2199-01-01T00:00:00Z": False,
        f"after={last}": False,
    }.items():
        page = await support.get(f"/portal/events?{query}")
        assert page.status_code == 200, page.text
        assert (f'href="/portal/events/{last}"' in page.text) == is_there, query
    assert "You have no user with the id or number nobody" in (await support.get("/portal/events?user=nobody")).text
    for query in ("type=none", "kind=none", "object=1", "since=yesterday", "object=%00&kind=order"):
        assert (await support.get(f"/portal/events?{query}")).status_code == 400, query
    page = await support.get(f"/portal/events/{last}")
    assert '"externalId": "o&<1>"' in texts_of(page)
    assert "<1>" not in page.text
    assert (await support.get(f"/portal/events/{last + 1}")).status_code == 404
    whose = await support.get(f"/portal/users/{alice.id}")
    link = re.search(r'href="(/portal/events\?user=[^"]+)"', whose.text)
    assert link is not None
    assert f'href="/portal/events/{last}"' in (await support.get(link[1])).text
    views = texts_of(await bureau.people["owner"].get("/portal/log?of=views"))
    for subject in (f"event {last}", f"events of user {alice.partner_user_id}"):
        assert subject in views
    await happen(world, "later", "still later")
    monkeypatch.setattr(browsing, "GOES_THROUGH", 1)
    assert (await world.user("carol")).id != alice.id
    page = await support.get("/portal/events?kind=order&type=order.cancelled&user=carol")
    assert "look further back" in page.text


async def test_a_moment_is_found_among_many(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a feed with days between its events, exactly what happened between two moments."""
    monkeypatch.setattr(browsing, "SLACK", 2)
    partner = (await bureau.world.another_partner("Many Ltd")).partner
    began = clock.wall_now() - timedelta(days=100)
    await bureau.pool.execute(
        """INSERT INTO event (partner_id, position, name, type, version, object_kind, object_id, sequence, data,
                              occurred_at)
           SELECT $1, 3 * n, md5(n::text), 'order.issued', 1, 'order', n::text, 1, '{}',
                  $2::timestamptz + n * interval '1 day'
           FROM generate_series(1, 50) n""",
        partner.id,
        began,
    )
    await bureau.pool.execute("INSERT INTO event_feed (partner_id, last_position) VALUES ($1, 150)", partner.id)
    since, until = began + timedelta(days=7), began + timedelta(days=11)
    seen = await browsing.newest(bureau.pool, partner.id, browsing.Sought(since=since, until=until))
    assert ([each.object_id for each in seen.events], seen.before) == (["10", "9", "8", "7"], None)


async def test_persons_are_seen_by_who_may(bureau: Bureau, sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    """A viewer sees how an endpoint stands, and not whom its deliveries are about; a suspended partner's go on."""
    partner_id = bureau.world.partner.id
    with hooked() as receiver:
        number = await failed_at(bureau, receiver, sender, "secret-order")
        path = f"/portal/webhooks/{number}"
        assert "secret-order" not in (await bureau.people["viewer"].get(path)).text
        assert "secret-order" in (await bureau.people["support"].get(path)).text
        monkeypatch.setattr("hashrail.pages.hooks.LISTED", 1)
        await endpoint(bureau.world, receiver.url())
        listed = (await bureau.people["viewer"].get(f"/portal/webhooks?after={number - 1}")).text
        assert re.findall(r'href="(/portal/webhooks[^"]*\d)"', listed) == [path, f"/portal/webhooks?after={number}"]
        async with db.transaction(bureau.pool) as tx:
            await standings.suspend(tx, partner_id, reason="a drill")
        await bureau.people["developer"].fill(f"{path}/disable")
        assert (await endpoints.get(bureau.pool, partner_id, number)).reason == "partner"
        async with db.transaction(bureau.pool) as tx:
            await standings.reopen(tx, partner_id, reason="a drill")
