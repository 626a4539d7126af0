"""The console's webhooks, events and jobs: looked after for partners, with a reason, by the acts of the commands."""

import re
from collections.abc import AsyncIterator

import procrastinate
import pytest
from procrastinate import testing

from hashrail import db
from hashrail.alarms import observations, workers
from hashrail.deployment.opened import Deployment
from hashrail.events import drafts, endpoints, standing
from hashrail.events.endpoints import Endpoint
from hashrail.events.sending import Sender
from hashrail.events.types.orders import OrderCancelled
from hashrail.exports import export
from hashrail.parties import operators
from hashrail.postgres import job_queue
from hashrail.processes import timetable, worker
from tests.support.console import Office, Person, office_at_work, texts_of
from tests.support.hooked import ANYWHERE, HookReceiver, endpoint, happen, hooked, plan_all, work_off

ONCE = re.compile(r'name="once" value="([^"]+)"')
REASON = "they asked for it"


@pytest.fixture(scope="module")
async def office(server: str, template: str) -> AsyncIterator[Office]:
    async with office_at_work(server, template) as made:
        yield made


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    made = Sender(ANYWHERE)
    yield made
    await made.close()


async def filled(person: Person, path: str, **fields: str) -> str:
    """Look at what a form comes to, and do it; answers what it came to."""
    looked = await person.post(path, **fields, step="look")
    once = ONCE.search(looked.text)
    assert looked.status_code == 200, looked.text
    assert once is not None
    made = await person.post(path, **fields, step="do", once=once[1])
    assert made.status_code == 303, made.text
    return texts_of(looked)


async def given_up(office: Office, receiver: HookReceiver, sender: Sender, *objects: str) -> Endpoint:
    """An endpoint at which events of these objects were given up."""
    receiver.answer = lambda _: 500
    made, _ = await endpoint(office.world, receiver.url(), "order.cancelled")
    await happen(office.world, *objects)
    await work_off(office.world, sender)
    pool = office.world.pool
    await pool.execute(
        "UPDATE webhook_delivery SET state = 'given_up', next_attempt_at = NULL WHERE endpoint_id = $1", made.id
    )
    await pool.execute("UPDATE webhook_endpoint SET paused_until = NULL WHERE id = $1", made.id)
    receiver.answer = lambda _: 200
    receiver.hooks.clear()
    return made


async def test_an_endpoint_is_looked_after(office: Office, sender: Sender) -> None:
    """Sent again what was given up, one by its page; tried, disabled and enabled with a reason that the log keeps."""
    operator, approver, admin = (office.people[name] for name in ("operator", "approver", "admin"))
    with hooked() as receiver:
        made = await given_up(office, receiver, sender, "a", "b")
        path = f"/console/webhooks/1/{made.id}"
        page = await operator.get(f"{path}?state=given_up")
        one, *_ = found = re.findall(rf'href="({path}/deliveries/\d+)"', page.text)
        assert len(found) == 2
        assert "500" in texts_of(await operator.get(one))
        await filled(operator, f"{one}/replay", reason=REASON)
        await work_off(office.world, sender)
        assert [hook.of_object[0] for hook in receiver.hooks] == ["b"]
        came_to = await filled(operator, f"{path}/replay", given_up="yes", reason=REASON)
        assert "Events that are sent again: 1." in came_to
        tried = await operator.post(f"{path}/test", step="do", once="a test")
        assert tried.status_code == 303
        await plan_all(office.world)
        await work_off(office.world, sender)
        assert [hook.told["type"] for hook in receiver.hooks[1:]] == ["order.cancelled", "webhook_endpoint.test"]
        assert (await operator.post(f"{path}/disable", reason=REASON, step="do", once="x")).status_code == 403
        await filled(approver, f"{path}/disable", reason=REASON)
        assert "the operator has disabled it" in texts_of(await approver.get(path))
        assert "WEBHOOK_DISABLED" in (await operator.post(f"{path}/replay", first="1", reason=REASON)).text
        await filled(admin, f"{path}/enable", reason=REASON)
    assert (await endpoints.get(office.world.pool, 1, made.id)).state == "enabled"
    done = await operators.actions(office.world.pool, 5)
    assert [(each.action, each.reason) for each in done] == [
        ("webhook enable", REASON),
        ("webhook disable", REASON),
        ("webhook test", None),
        ("webhook replay", REASON),
        ("webhook replay", REASON),
    ]
    assert "webhook disable" in texts_of(await office.people["support"].get(path))


async def test_endpoints_of_all_partners(office: Office, sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    """By partner and state, page by page, with how far each is behind; a viewer sees them, and no person."""
    monkeypatch.setattr("hashrail.pages.console.webhooks.LISTED", 1)
    world, viewer = office.world, office.people["viewer"]
    other = await world.another_partner("<b>Others</b>")
    theirs, _ = await endpoint(other, "https://hooks.other.example/")
    await happen(world, "theirs")
    async with db.transaction(world.pool) as tx:
        await endpoints.disable(tx, theirs.partner_id, theirs.id, "failing")
        told = OrderCancelled(
            external_id="person", user_id=1, nft_collection_id=1, power=1, energy_efficiency=20, value=10
        )
        await drafts.note(tx, theirs.partner_id, told)
    await plan_all(other)
    with hooked() as receiver:
        receiver.answer = lambda _: 500
        third = await world.another_partner("Failing Ltd")
        failing, _ = await endpoint(third, receiver.url(), "order.cancelled")
        await happen(third, "fails")
        await work_off(third, sender)
    known = await standing.of_all(world.pool)
    assert [(each.behind, each.waiting) for each in known if each.id in (theirs.id, failing.id)] == [(2, 0), (0, 1)]
    assert (await standing.counts(world.pool))["disabled"] == 1
    for query, found in {
        "state=disabled": [theirs],
        f"state=failing&partner={failing.partner_id}": [failing],
        f"partner={theirs.partner_id}": [theirs],
        f"partner={theirs.partner_id}&state=failing": [],
    }.items():
        page = await viewer.get(f"/console/webhooks?{query}")
        links = re.findall(r'href="/console/webhooks/(\d+)/(\d+)"', page.text)
        assert links == [(str(each.partner_id), str(each.id)) for each in found], query
    assert "it has only failed for five days" in texts_of(await viewer.get("/console/webhooks?state=disabled"))
    path: str | None = "/console/webhooks"
    seen: list[tuple[str, str]] = []
    while path is not None:
        page = await viewer.get(path)
        seen += re.findall(r'href="/console/webhooks/(\d+)/(\d+)"', page.text)
        older = re.search(r'href="(/console/webhooks\?after=[^"]+)"', page.text)
        path = None if older is None else older[1].replace("&amp;", "&")
    assert seen == [(str(each.partner_id), str(each.id)) for each in known]
    page = await viewer.get(f"/console/webhooks/{failing.partner_id}/{failing.id}")
    assert (page.status_code, "order fails" in texts_of(page)) == (200, False)
    assert "order fails" in texts_of(await office.people["support"].get(page.url.path))
    assert (await viewer.get("/console/webhooks?state=none")).status_code == 400


async def test_events_of_all_partners_and_of_one(office: Office) -> None:
    support = office.people["support"]
    await happen(await office.world.another_partner("<b>Told</b>"), "of-another")
    last = await happen(office.world, "of-the-first")
    page = await support.get("/console/events")
    assert f'href="/console/events/1/{last}"' in page.text
    assert "&lt;b&gt;Told" in page.text
    found = await support.get("/console/events?partner=1&kind=order&object=of-the-first")
    assert re.findall(r'href="/console/events/1/(\d+)"', found.text) == [str(last)]
    assert '"externalId": "of-the-first"' in texts_of(await support.get(f"/console/events/1/{last}"))
    assert (await support.get("/console/events/2/99999")).status_code == 404
    assert (await support.get("/console/events?partner=99999")).status_code == 404
    seen = texts_of(await office.people["admin"].get("/console/log?of=views"))
    assert f"event 1:{last}" in seen


async def test_jobs_are_seen(office: Office) -> None:
    """What waits in the queue, how each job last went and why it failed, and which workers live."""
    pool = office.world.pool
    async with db.transaction(pool) as tx:
        await job_queue.defer(tx, export.JOB, queue=export.QUEUE)
        await observations.bad(tx, observations.JOB + "pay", "NODE_DOWN", "nobody <b>answers</b>")
        await workers.beat(tx, "machine:7")
    page = await office.people["viewer"].get("/console/jobs")
    said = re.sub(r"\s+", " ", texts_of(page))
    assert "machine:7 active" in said
    assert "NODE_DOWN nobody <b>answers</b>" in said
    assert "exports 1 0 0" in said
    assert re.search(r"make_exports exports waiting", said)
    assert "reconcile" not in said
    assert "<b>answers" not in page.text


async def test_the_timetable_is_the_workers(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every job that the worker defines, with rhythm, queue and the name that its outcome gets; and no other."""
    monkeypatch.setattr(Deployment, "node", object())
    queue = procrastinate.App(connector=testing.InMemoryConnector())
    worker.tasks(queue, office.serving.deployment)
    periodic = queue.periodic_registry.periodic_tasks.values()
    defined = {
        each.task.name: (each.cron, each.task.queue, each.task.func.__name__)
        for each in periodic
        if not each.task.name.startswith("builtin")
    }
    assert defined == {row.name: (row.cron, row.queue, row.observed) for row in timetable.ROWS}
