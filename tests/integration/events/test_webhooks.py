"""Webhooks against a real receiver: what arrives, in which order, and what becomes of endpoints that fail."""

import asyncio
import datetime as dt
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from hashrail import clock, db
from hashrail.alarms import observations
from hashrail.audit.checks import webhooks
from hashrail.events import deliveries, endpoints, feed, schedule, turns
from hashrail.events.deliveries import Range
from hashrail.events.endpoints import TooManyWebhooksError, UnknownEventTypeError, Wanted, WebhookDisabledError
from hashrail.events.sending import Sender
from hashrail.events.targets import BadWebhookUrlError, Rules
from hashrail.processes import delivering
from tests.support.books import newcomer
from tests.support.earlier import A_MOMENT, moved
from tests.support.hooked import ANYWHERE, Hook, HookReceiver, endpoint, happen, hooked, plan_all, work_off
from tests.support.world import World

pytestmark = pytest.mark.slow


class Time:
    """The wall clock of this process, some time ahead."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.ahead = dt.timedelta(0)
        real = clock.wall_now
        patch.setattr(clock, "wall_now", lambda: real() + self.ahead)


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


@pytest.fixture
async def hooks(partner: World) -> AsyncIterator[World]:
    """A partner of the test's own, whose endpoints are gone at the end."""
    yield partner
    await partner.pool.execute(
        "UPDATE webhook_endpoint SET state = 'deleted', reason = NULL WHERE partner_id = $1", partner.partner.id
    )


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    made = Sender(ANYWHERE)
    yield made
    await made.close()


async def states(world: World, number: int) -> list[tuple[str, int]]:
    """(state, attempts) of the endpoint's deliveries, the oldest first."""
    found = await deliveries.newest(world.pool, world.partner.id, number)
    return [(one.state, one.attempts) for one in reversed(found)]


async def assert_audited(world: World) -> None:
    """The invariants of webhooks hold."""
    async with db.snapshot(world.pool) as tx:
        for invariant in webhooks.INVARIANTS:
            assert await invariant.broken_by(tx) == [], invariant.name


async def test_what_happens_arrives_signed_and_in_order(hooks: World, sender: Sender) -> None:
    """Of the types that were asked for, from the endpoint's beginning on, each object's events in their order."""
    await happen(hooks, "before")
    with hooked() as receiver:
        made, secret = await endpoint(hooks, receiver.url("/all"))
        other, _ = await endpoint(hooks, receiver.url("/created"), "order.created")
        await happen(hooks, "a", "b", "a", "c", "a")
        await work_off(hooks, sender)
        arrived = receiver.at("/all")
        assert receiver.at("/created") == []
    assert sorted(hook.of_object for hook in arrived) == [("a", 1), ("a", 2), ("a", 3), ("b", 1), ("c", 1)]
    assert [hook.of_object for hook in arrived if hook.of_object[0] == "a"] == [("a", 1), ("a", 2), ("a", 3)]
    told = {one.position: one for one in await feed.read(hooks.pool, hooks.partner.id, after=0)}
    for hook in arrived:
        Webhook(secret).verify(hook.body, hook.headers)
        assert hook.headers["webhook-id"] == told[hook.told["data"]["position"]].name
    assert await states(hooks, made.id) == [("delivered", 1)] * 5
    assert await states(hooks, other.id) == []


async def test_a_rotated_secret_signs_beside_the_old_one_for_a_day(hooks: World, sender: Sender, time: Time) -> None:
    with hooked() as receiver:
        made, old = await endpoint(hooks, receiver.url())
        async with db.transaction(hooks.pool) as tx:
            _, new = await endpoints.rotate(tx, hooks.vault, hooks.partner.id, made.id)
        await happen(hooks, "a")
        await work_off(hooks, sender)
        time.ahead = dt.timedelta(hours=25)
        await happen(hooks, "b")
        await work_off(hooks, sender)
    signed = [len(hook.headers["webhook-signature"].split()) for hook in receiver.hooks]
    assert signed == [2, 1]
    for secret in (old, new):
        Webhook(secret).verify(receiver.hooks[0].body, receiver.hooks[0].headers)


async def test_what_fails_is_sent_again_by_the_schedule_and_then_given_up(
    hooks: World, sender: Sender, time: Time
) -> None:
    """The same id and bytes each time; the object's next event waits, others do not; nothing is left behind."""
    with hooked() as receiver:
        receiver.answer = lambda hook: 500 if hook.of_object == ("a", 1) else 200
        made, _ = await endpoint(hooks, receiver.url())
        await happen(hooks, "a", "a", "b")
        await work_off(hooks, sender)
        assert sorted(hook.of_object for hook in receiver.hooks) == [("a", 1), ("b", 1)]
        for number, delay in enumerate(schedule.DELAYS, start=2):
            time.ahead += delay * 0.9
            await work_off(hooks, sender)
            assert len(receiver.hooks) == number
            time.ahead += delay * 0.3
            await work_off(hooks, sender)
            assert len([hook for hook in receiver.hooks if hook.of_object == ("a", 1)]) == number
        again = [hook for hook in receiver.hooks if hook.of_object == ("a", 1)]
        assert len({(hook.headers["webhook-id"], hook.body) for hook in again}) == 1
        # It has failed ten times in a row, and rests.
        time.ahead += schedule.LONGEST_REST * 1.2
        await work_off(hooks, sender)
    assert receiver.hooks[-1].of_object == ("a", 2)
    assert await states(hooks, made.id) == [("given_up", 10), ("delivered", 1), ("delivered", 1)]
    (told,) = await deliveries.newest(hooks.pool, hooks.partner.id, made.id, state="given_up")
    kept = (await deliveries.attempts(hooks.pool, hooks.partner.id, made.id, [told.position]))[told.position]
    assert [(one.number, one.status, one.answer) for one in kept] == [(number, 500, "ok") for number in range(1, 11)]


async def test_who_answers_410_is_disabled_and_that_is_told(hooks: World, sender: Sender) -> None:
    """To the feed, and so to the partner's other endpoints; enabled again it is sent what waited."""
    with hooked() as receiver:
        receiver.answer = lambda hook: 410 if hook.path == "/gone" else 200
        gone, _ = await endpoint(hooks, receiver.url("/gone"))
        await endpoint(hooks, receiver.url("/other"), "webhook_endpoint.disabled")
        await happen(hooks, "a")
        await work_off(hooks, sender)
        present = await endpoints.get(hooks.pool, hooks.partner.id, gone.id)
        assert (present.state, present.reason) == ("disabled", "gone")
        await happen(hooks, "b")
        await work_off(hooks, sender)
        assert len(receiver.at("/gone")) == 1
        (told,) = receiver.at("/other")
        assert told.told["data"]["data"] == {"endpointId": gone.id, "url": gone.url, "reason": "gone"}
        receiver.answer = lambda _: 200
        async with db.transaction(hooks.pool) as tx:
            with pytest.raises(WebhookDisabledError):
                await endpoints.test(tx, hooks.partner.id, gone.id)
            assert await endpoints.enable(tx, hooks.partner.id, gone.id)
            assert not await endpoints.enable(tx, hooks.partner.id, gone.id)
        await plan_all(hooks)
        await work_off(hooks, sender)
        assert sorted(hook.told["type"] for hook in receiver.at("/gone")) == [
            *["order.cancelled"] * 3,
            "webhook_endpoint.disabled",
        ]


async def test_who_only_fails_for_days_is_disabled_and_a_success_between_counts(
    hooks: World, sender: Sender, time: Time
) -> None:
    """While it fails it is tried one by one with rests; when it is back, what waits leaves at once."""
    with hooked() as receiver:
        receiver.answer = lambda _: 500
        made, _ = await endpoint(hooks, receiver.url())
        await happen(hooks, *(f"o{number}" for number in range(40)))
        await work_off(hooks, sender)
        assert len(receiver.hooks) <= delivering.HOPELESS + delivering.BESIDE_EACH_OTHER
        tried = len(receiver.hooks)
        for _ in range(4):
            time.ahead += schedule.LONGEST_REST * 1.2
            await work_off(hooks, sender)
        assert len(receiver.hooks) == tried + 4
        receiver.answer = lambda _: 200
        time.ahead += schedule.LONGEST_REST * 1.2
        await work_off(hooks, sender)
        assert await deliveries.counts(hooks.pool, hooks.partner.id, made.id) == {"delivered": 40}
        receiver.answer = lambda _: 503
        await happen(hooks, "last")
        await work_off(hooks, sender)
        for _ in range(3):
            time.ahead += dt.timedelta(days=2)
            await work_off(hooks, sender)
    present = await endpoints.get(hooks.pool, hooks.partner.id, made.id)
    assert (present.state, present.reason) == ("disabled", "failing")


async def test_a_test_goes_to_its_endpoint_alone(hooks: World, sender: Sender) -> None:
    with hooked() as receiver:
        made, _ = await endpoint(hooks, receiver.url("/mine"), "order.created")
        await endpoint(hooks, receiver.url("/other"))
        async with db.transaction(hooks.pool) as tx:
            await endpoints.test(tx, hooks.partner.id, made.id)
        await plan_all(hooks)
        await work_off(hooks, sender)
        assert [hook.told["type"] for hook in receiver.at("/mine")] == ["webhook_endpoint.test"]
        assert receiver.at("/other") == []


async def test_a_replay_sends_again_under_the_same_names(hooks: World, sender: Sender) -> None:
    """Also what happened before the endpoint was there; an object's events in their order, behind what waits."""
    await happen(hooks, "a", "b")
    with hooked() as receiver:
        made, _ = await endpoint(hooks, receiver.url())
        last = await happen(hooks, "a")
        await work_off(hooks, sender)
        async with db.transaction(hooks.pool) as tx:
            assert await deliveries.replay(tx, hooks.partner.id, made.id, Range(1, last + 100)) == 3
            assert await deliveries.replay(tx, hooks.partner.id, made.id, Range(last, last)) == 1
            assert await deliveries.replay(tx, hooks.partner.id, made.id, Range(last + 1, last + 1)) == 0
        await work_off(hooks, sender)
        arrived = [hook.of_object for hook in receiver.hooks]
        assert arrived[0] == ("a", 2)
        assert [one for one in arrived[1:] if one[0] == "a"] == [("a", 1), ("a", 2)]
        ids = {hook.headers["webhook-id"] for hook in receiver.hooks if hook.of_object == ("a", 2)}
        assert len(ids) == 1
        beginning = await deliveries.happened_since(hooks.pool, hooks.partner.id, clock.EPOCH)
        assert beginning == Range(1, last)


async def test_a_killed_turn_is_taken_over_and_what_was_on_its_way_is_sent_again(
    hooks: World, sender: Sender, time: Time
) -> None:
    """Nobody else has the turn before its time; and whoever lost it settles nothing."""
    with hooked() as receiver:
        made, _ = await endpoint(hooks, receiver.url())
        await happen(hooks, "a", "a")
        (lost,) = await turns.take(hooks.pool, hooks.vault, failing=False, limit=10)
        due = await turns.due(hooks.pool, lost, limit=10)
        outcome = await sender.send(lost.url, lost.secrets, due[0].event)
        await work_off(hooks, sender)
        assert len(receiver.hooks) == 1
        time.ahead += turns.LIFE * 0.9
        await turns.renew(hooks.pool, [lost])
        time.ahead += turns.LIFE * 0.9
        await work_off(hooks, sender)
        assert len(receiver.hooks) == 1
        time.ahead += turns.LIFE
        await work_off(hooks, sender)
        assert not await turns.settle(hooks.pool, lost, [(due[0], outcome)], ends=True)
        assert [hook.of_object for hook in receiver.hooks] == [("a", 1), ("a", 1), ("a", 2)]
        assert receiver.hooks[0].headers["webhook-id"] == receiver.hooks[1].headers["webhook-id"]
        assert receiver.hooks[0].body == receiver.hooks[1].body
    assert await states(hooks, made.id) == [("delivered", 1), ("delivered", 1)]


async def test_a_worker_that_is_stopped_hands_its_turns_back(hooks: World, sender: Sender) -> None:
    """What was on its way is sent by the next at once, and how it went is noted."""
    with hooked() as receiver:
        made, _ = await endpoint(hooks, receiver.url())
        receiver.held.clear()
        await happen(hooks, "a")
        working = asyncio.create_task(delivering.deliver(hooks.pool, hooks.vault, sender))
        async with asyncio.timeout(60):
            while not receiver.hooks or delivering.STEP not in await noted(hooks):
                await asyncio.sleep(0.02)
        working.cancel()
        await asyncio.wait([working])
        receiver.held.set()
        assert (await noted(hooks))[delivering.STEP] is None
        assert await states(hooks, made.id) == [("waiting", 0)]
        await work_off(hooks, sender)
        assert [hook.of_object for hook in receiver.hooks] == [("a", 1), ("a", 1)]
    assert await states(hooks, made.id) == [("delivered", 1)]


async def test_a_step_that_fails_is_noted_until_it_goes_well(hooks: World) -> None:
    await delivering.note(hooks.pool, {"webhooks are planned": TypeError("a bug")})
    assert (await noted(hooks))[delivering.STEP] == "TypeError"
    await delivering.note(hooks.pool, {})
    assert (await noted(hooks))[delivering.STEP] is None


async def noted(world: World) -> dict[str, str | None]:
    """The codes of what failed, by job."""
    async with db.snapshot(world.pool) as tx:
        seen = await observations.known(tx)
    return {name.removeprefix(observations.JOB): one.code for name, one in seen.items()}


async def test_dead_and_hanging_endpoints_delay_nobody(hooks: World, sender: Sender) -> None:
    """More of them than a lane has places, each with much to send, and one that lives behind them.

    Each that hangs has one attempt on its way, or they would have all that a lane makes.
    """
    assert delivering.AT_ONCE < 100 < delivering.ATTEMPTS < 500
    with hooked() as hanging, hooked() as receiver:
        hanging.held.clear()
        for number in range(100):
            await endpoint(hooks, hanging.url(f"/{number}"))
        live, _ = await endpoint(hooks, receiver.url())
        await happen(hooks, *(f"o{number}" for number in range(5)))
        # The living one is the last in the line.
        await hooks.pool.execute(
            f"UPDATE webhook_endpoint SET {moved('due_at', A_MOMENT)} WHERE partner_id = $1 AND id = $2",
            hooks.partner.id,
            live.id,
        )
        working = asyncio.create_task(delivering.deliver(hooks.pool, hooks.vault, sender))
        try:
            async with asyncio.timeout(60):
                while len(receiver.hooks) < 5:
                    await asyncio.sleep(0.02)
            assert await deliveries.counts(hooks.pool, hooks.partner.id, live.id) in (
                {"delivered": 5},
                {"waiting": 5},
            )
            assert set(Counter(hook.path for hook in list(hanging.hooks)).values()) == {1}
            # None of those that hang has been answered yet: nothing waited for the end of their time.
            assert await hooks.pool.fetchval("SELECT count(*) FROM webhook_attempt WHERE error IS NOT NULL") == 0
        finally:
            working.cancel()
            await asyncio.wait([working])


async def test_two_thousand_endpoints_are_planned_in_a_few_statements(shop: World, hooks: World) -> None:
    """A thousand endpoints of two partners each, and five events of each partner."""
    other = await shop.another_partner("another with hooks")
    for world in (hooks, other):
        await world.pool.execute(
            """INSERT INTO webhook_endpoint (partner_id, url, description, types, state, sealed_secret, created_at,
                                             planned_through)
               SELECT $1, 'https://example.com/' || n, '', '{}', 'enabled', '', now(), 0
               FROM generate_series(1, 1000) n""",
            world.partner.id,
        )
    with pytest.raises(TooManyWebhooksError):
        await endpoint(hooks, "https://example.com/one-more")
    await happen(hooks, *(f"o{number}" for number in range(5)))
    await happen(other, *(f"o{number}" for number in range(5)))
    counted = await shop.pool.fetchval(
        "SELECT count(*) FROM webhook_delivery WHERE partner_id = ANY ($1) AND next_attempt_at IS NOT NULL",
        [hooks.partner.id, other.partner.id],
    )
    assert counted == 2 * 1000 * 5
    await shop.pool.execute("UPDATE webhook_endpoint SET state = 'deleted' WHERE partner_id = $1", other.partner.id)
    async with db.transaction(shop.pool) as tx:
        while await deliveries.forget_past(tx, other.partner.id):
            pass
        assert await tx.fetchval("SELECT count(*) FROM webhook_delivery WHERE partner_id = $1", other.partner.id) == 0


async def test_what_an_endpoint_may_be(hooks: World) -> None:
    async with db.transaction(hooks.pool) as tx:
        for wanted, error in (
            (Wanted("http://example.com"), BadWebhookUrlError),
            (Wanted("https://10.0.0.1"), BadWebhookUrlError),
            (Wanted("https://example.com", types=("order.created", "order.unheard")), UnknownEventTypeError),
        ):
            with pytest.raises(error):
                await endpoints.create(tx, hooks.vault, Rules(anywhere=False), hooks.partner.id, wanted)


async def test_the_log_forgets_what_is_long_done(hooks: World, sender: Sender, time: Time) -> None:
    with hooked() as receiver:
        made, _ = await endpoint(hooks, receiver.url())
        await happen(hooks, "a")
        await work_off(hooks, sender)
        time.ahead = deliveries.LOG_LIFE + clock.ONE_DAY
        await happen(hooks, "b")
        await work_off(hooks, sender)
    async with db.transaction(hooks.pool) as tx:
        assert await deliveries.forget_past(tx, hooks.partner.id) == 1
    assert await states(hooks, made.id) == [("delivered", 1)]


class Moody(HookReceiver):
    """Fails at random, at most three times in a row; only what it said it took counts."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self.took: list[tuple[str, int]] = []
        self._refused = 0
        self.answer = self._moody

    def _moody(self, hook: Hook) -> int:
        status = 200 if self._refused == 3 else self._random.choice([200, 200, 200, 500, 0])
        self._refused = 0 if status == 200 else self._refused + 1
        if status == 200:
            self.took.append(hook.of_object)
        return status


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    plan=st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=6), min_size=1, max_size=3),
)
async def test_each_objects_events_arrive_in_order_and_none_is_lost(
    shop: World, time: Time, sender: Sender, seed: int, plan: list[list[str]]
) -> None:
    """Whatever the receiver's moods are, while more happens: what it took is each object's events, in their order."""
    time.ahead = dt.timedelta(0)
    world = await newcomer(shop)
    receiver = Moody(seed)
    with hooked(receiver):
        made, _ = await endpoint(world, receiver.url())
        for names in plan:
            await happen(world, *names)
            await work_off(world, sender)
            await assert_audited(world)
        while (await deliveries.counts(world.pool, world.partner.id, made.id)).get("waiting"):
            time.ahead += dt.timedelta(hours=30)
            await work_off(world, sender)
            assert (await endpoints.get(world.pool, world.partner.id, made.id)).state == "enabled"
            await assert_audited(world)
    async with db.transaction(world.pool) as tx:
        await endpoints.delete(tx, world.partner.id, made.id)
    took = defaultdict(list)
    for name, sequence in receiver.took:
        took[name].append(sequence)
    happened = Counter(name for names in plan for name in names)
    given_up = {
        one.position for one in await deliveries.newest(world.pool, world.partner.id, made.id, state="given_up")
    }
    assert given_up == set()
    assert took == {name: list(range(1, count + 1)) for name, count in happened.items()}
