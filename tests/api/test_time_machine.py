"""What a sandbox plays: time in which things happen when they are due, customers, late notices and chargebacks."""

import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from hashrail import business_clock, clock, db
from hashrail.books import fence
from hashrail.selling import orders
from tests.support.api_client import Api, an_offer, answered, buy, check_books, check_refused, open_api
from tests.support.payouts import ADDRESSES, asked, funded
from tests.support.world import World

DAY, HOUR, MINUTE = dt.timedelta(days=1), dt.timedelta(hours=1), dt.timedelta(minutes=1)
PLAYS = ("sandbox_pay", "sandbox_late_notice", "sandbox_chargeback")
# What takes the place of what an attempt made.
Fields = dict[str, Any]


@pytest.fixture
async def own(world: World, dsn: str) -> AsyncIterator[Api]:
    """A deployment of a test's own, with published days: its clock is the test's."""
    await world.mine()
    async with open_api(world, dsn) as opened:
        yield opened
        await check_books(world)


async def opening(api: Api, external_id: str, name: str = "alice", power: str = "16") -> Fields:
    """What opens an order of a user."""
    user, offer = await api.world.user(name), await an_offer(api.world, power)
    return {"externalId": external_id, "userId": user.id, "nftCollectionId": offer.id}


async def told(api: Api, after: int = 0) -> list[dict[str, Any]]:
    """The partner's events behind a position."""
    events: list[dict[str, Any]] = answered(await api.server.call("s2s_events", after=after, limit=100))["events"]
    return events


def types(events: list[dict[str, Any]], kind: str) -> list[str]:
    return [each["type"] for each in events if each["object"]["kind"] == kind]


def at(event: dict[str, Any]) -> dt.datetime:
    return clock.parse_iso(event["occurredAt"], "occurredAt")


# Time


async def test_what_is_due_happens_on_the_way_and_in_its_time(own: Api) -> None:
    """Two and a half days in one step: an order expires, days close, bitcoin comes and goes, and webhooks are planned.

    The events are those of production, each at the time at which it would have happened there.
    """
    user = await own.world.user()
    await buy(own.world, user.id)
    await funded(own.world, user.id)
    answered(await own.server.call("s2s_webhook_create", url="https://partner.example/hooks", after=0))
    address = answered(await own.server.call("s2s_deposit_address", partnerUserId="alice"))["address"]
    answered(await own.server.call("sandbox_chain", deposit={"address": address, "amount": Decimal("0.5")}))
    withdrawal = await asked(own.world, user.id, "0.01", ADDRESSES[0], "fast")
    left_open = answered(await own.server.call("sandbox_pay", outcome="never", **await opening(own, "open")))
    begun = await business_clock.now(own.world.pool)
    known = len(await told(own))
    answered(await own.server.call("sandbox_advance", seconds=62 * 3600))
    events = await told(own, known)
    assert types(events, "order") == ["order.expired"]
    assert types(events, "day") == ["day.closed"] * 3
    assert types(events, "deposit") == ["deposit.pending", "deposit.credited"]
    sent = ["withdrawal.signed", "withdrawal.broadcast", "withdrawal.confirmed", "withdrawal.final"]
    assert types(events, "withdrawal") == sent
    assert [at(each) for each in events] == sorted(at(each) for each in events)
    by_type = {each["type"]: each for each in events}
    late = at(by_type["order.expired"]) - clock.parse_iso(left_open["expiresAt"], "expiresAt")
    assert dt.timedelta(0) <= late < 2 * MINUTE
    closed = [at(each).time() for each in events if each["type"] == "day.closed"]
    assert all(dt.time(0, 5) <= each < dt.time(0, 6) for each in closed)
    assert at(by_type["deposit.credited"]) - begun < 3 * HOUR
    assert at(by_type["withdrawal.signed"]) - withdrawal.created_at < HOUR + MINUTE
    planned = await own.world.pool.fetchval("SELECT planned_through FROM webhook_endpoint")
    assert planned == events[-1]["position"]


async def test_the_clock_is_told(own: Api) -> None:
    answered(await own.server.call("sandbox_chain", scenario="stuck"))
    found = answered(await own.server.call("sandbox_clock"))
    business, wall = (clock.parse_iso(found.pop(name), name) for name in ("businessTime", "wallTime"))
    assert abs((business - wall).total_seconds() - found.pop("offsetSeconds")) <= 1
    assert abs(await business_clock.now(own.world.pool) - business) < MINUTE
    assert found == {
        "publishedThrough": "2026-03-01",
        "closedThrough": "2026-03-01",
        "scenario": "steady",
        "chainScenario": "stuck",
    }


async def sources(api: Api) -> list[tuple[str, str]]:
    rows = await api.world.pool.fetch("SELECT day, source FROM mining_day WHERE source LIKE 'generated%' ORDER BY day")
    return [(row["day"].isoformat(), row["source"].removeprefix("generated: ")) for row in rows]


async def test_a_scenario_stays_until_another_is_chosen(own: Api) -> None:
    """An advance may have one of its own. Growth goes on where it was, over several steps."""
    user = await own.world.user()
    await buy(own.world, user.id, "1", "20")
    assert answered(await own.server.call("sandbox_scenario", scenario="growth"))["scenario"] == "growth"
    answered(await own.server.call("sandbox_advance", days=2))
    answered(await own.server.call("sandbox_advance", days=1))
    answered(await own.server.call("sandbox_advance", days=1, scenario="crash"))
    assert answered(await own.server.call("sandbox_clock"))["scenario"] == "growth"
    answered(await own.server.call("sandbox_advance", days=1))
    assert await sources(own) == [
        ("2026-03-02", "growth"),
        ("2026-03-03", "growth"),
        ("2026-03-04", "growth"),
        ("2026-03-05", "crash"),
        ("2026-03-06", "growth"),
    ]
    rows = answered(await own.server.call("s2s_income", partnerUserId="alice"))["array"]
    assert {row["day"] for row in rows if row["value"] == 0} == {"2026-03-05"}
    assert {row["day"] for row in rows if row["value"] > 0} == {"2026-03-03", "2026-03-04", "2026-03-06"}
    check_refused(await own.server.call("sandbox_scenario", scenario="boom"), 400, "FIELD_OUT_OF_BOUNDS", "scenario")


# Customers


async def test_a_customer_pays(api: Api) -> None:
    """Paid, paid twice or never: one miner or none, and the events of production."""
    made = answered(await api.server.call("sandbox_pay", **await opening(api, "one")))
    assert (made["state"], made["externalId"]) == ("issued", "one")
    assert made == answered(await api.server.call("s2s_payment", externalId="one"))
    twice = answered(await api.server.call("sandbox_pay", outcome="paid_twice", **await opening(api, "two")))
    never = answered(await api.server.call("sandbox_pay", outcome="never", **await opening(api, "three")))
    assert (twice["state"], never["state"], never["nftId"]) == ("issued", "created", None)
    miners = answered(await api.server.call("s2s_miners", partnerUserId="alice"))["array"]
    assert {each["id"] for each in miners} == {made["nftId"], twice["nftId"]}
    events = await told(api)
    issued = ["order.created", "order.issued", "miner.issued"]
    assert [each["type"] for each in events if each["object"]["kind"] in ("order", "miner")] == [
        *issued,
        *issued,
        "order.created",
    ]


async def test_an_order_that_the_partner_made_is_paid(api: Api) -> None:
    """Nothing but its name is asked for, as often as one likes."""
    facts = await opening(api, "one")
    answered(await api.server.call("s2s_payment_create", **facts))
    first = answered(await api.server.call("sandbox_pay", externalId="one"))
    assert first["state"] == "issued"
    assert answered(await api.server.call("sandbox_pay", **facts)) == first
    assert answered(await api.server.call("s2s_payment_success", externalId="one", userId=facts["userId"])) is True


async def test_a_late_notice_takes_the_order_up_again(own: Api) -> None:
    """The clock goes past the order's end, it expires there, and the notice issues it."""
    answered(await own.server.call("sandbox_pay", outcome="never", **await opening(own, "one")))
    before = await business_clock.now(own.world.pool)
    request = own.server.request("sandbox_late_notice", externalId="one", lateSeconds=600)
    made = answered(await own.http.send(request))
    assert made["state"] == "issued"
    assert made["paidAt"] > made["expiresAt"]
    moved = await business_clock.now(own.world.pool) - before
    assert HOUR + 10 * MINUTE - MINUTE < moved < HOUR + 11 * MINUTE
    events = await told(own)
    assert types(events, "order") == ["order.created", "order.expired", "order.issued"]
    assert answered(await own.server.send_again(request)) == made
    assert await business_clock.now(own.world.pool) - before < moved + MINUTE


async def test_a_notice_that_comes_too_late_is_refused(own: Api) -> None:
    """As in production; the clock stays where it came, and the same request says the same."""
    before = await business_clock.now(own.world.pool)
    request = own.server.request("sandbox_late_notice", lateSeconds=90_000, **await opening(own, "one"))
    details = check_refused(await own.http.send(request), 409, "ORDER_EXPIRED", "externalId")
    assert {"expiredAt", "until", "businessTime"} < set(details)
    moved = await business_clock.now(own.world.pool) - before
    assert moved > HOUR + dt.timedelta(seconds=90_000) - MINUTE
    check_refused(await own.server.send_again(request), 409, "ORDER_EXPIRED", "externalId")
    assert await business_clock.now(own.world.pool) - before < moved + MINUTE
    assert types(await told(own), "order") == ["order.created", "order.expired"]
    assert types(await told(own), "day") == []


async def test_a_chargeback_is_a_refund_of_the_operator(api: Api) -> None:
    """The miner ends and the price is owed no more; it is in the operators' log, and again only shown."""
    answered(await api.server.call("sandbox_pay", **await opening(api, "one")))
    owed = answered(await api.server.call("sandbox_partner_payment", amount=1, reference="SEPA 1"))["owed"]
    made = answered(await api.server.call("sandbox_chargeback", externalId="one", reason="stolen card"))
    assert (made["externalId"], made["income"], made["reason"], made["takings"]) == ("one", "keep", "stolen card", [])
    assert answered(await api.server.call("s2s_payment", externalId="one"))["state"] == "refunded"
    assert answered(await api.server.call("s2s_miners", partnerUserId="alice"))["array"] == []
    paid = answered(await api.server.call("sandbox_partner_payment", amount=1, reference="SEPA 2"))["owed"]
    assert owed - paid == made["value"] + 1
    again = answered(await api.server.call("sandbox_chargeback", externalId="one", reason="another"))
    assert again == made
    events = [each["type"] for each in await told(api)]
    assert events[-3:] == ["order.refunded", "miner.ended", "partner_payment.recorded"]
    subject = f"order {api.world.partner.id}:one"
    noted = await api.world.pool.fetch("SELECT * FROM operator_action WHERE subject = $1", subject)
    assert [(each["action"], each["reason"], each["operator_id"]) for each in noted] == [
        ("order refund", "stolen card", None)
    ]


async def test_what_a_charged_back_miner_earned_is_taken_where_the_partner_says_so(own: Api) -> None:
    answered(await own.server.call("sandbox_pay", **await opening(own, "one")))
    await own.world.pool.execute("UPDATE partner SET refunds_take_income = true")
    answered(await own.server.call("sandbox_advance", days=3))
    made = answered(await own.server.call("sandbox_chargeback", externalId="one"))
    (taking,) = made["takings"]
    assert made["income"] == "take"
    assert taking["partnerUserId"] == "alice"
    assert taking["earned"] == taking["taken"] > 0


async def test_a_payment_of_the_partner_is_recorded_once(api: Api) -> None:
    answered(await api.server.call("sandbox_pay", **await opening(api, "one")))
    for _ in range(2):
        paid = answered(await api.server.call("sandbox_partner_payment", amount=100, reference="SEPA 1"))
    assert paid["owed"] == answered(await api.server.call("s2s_payment", externalId="one"))["value"] - 100
    response = await api.server.call("sandbox_partner_payment", amount=99, reference="SEPA 1")
    check_refused(response, 409, "PAYMENT_CONFLICT", "reference")
    response = await api.server.call("sandbox_partner_payment", amount=10**13, reference="SEPA 2")
    check_refused(response, 400, "IMPLAUSIBLE_FIGURE")
    response = await api.server.call("sandbox_partner_payment", amount=0, reference="SEPA 2")
    check_refused(response, 400, "BAD_AMOUNT", "amount")


# Refusals


async def every_state(api: Api) -> None:
    """Orders that are open, cancelled, refunded and issued, each called like that."""
    for name in ("created", "cancelled"):
        answered(await api.server.call("s2s_payment_create", **await opening(api, name)))
    async with db.transaction(api.world.pool) as tx:
        await orders.cancel(tx, await fence.share(tx, api.world.partner.id), external_id="cancelled")
    for name in ("issued", "refunded"):
        answered(await api.server.call("sandbox_pay", **await opening(api, name)))
    answered(await api.server.call("sandbox_chargeback", externalId="refunded"))


# Of each operation, by what it is called for: how it is refused.
REFUSED = [
    *((play, {"externalId": "nobody's"}, 404, "ORDER_NOT_FOUND", "externalId") for play in PLAYS),
    *((play, {"externalId": "cancelled"}, 409, "ORDER_CANCELLED", "externalId") for play in PLAYS[:2]),
    *((play, {"externalId": "refunded"}, 409, "ORDER_REFUNDED", "externalId") for play in PLAYS[:2]),
    ("sandbox_late_notice", {"externalId": "issued"}, 409, "ORDER_PAID", "externalId"),
    ("sandbox_chargeback", {"externalId": "created"}, 409, "ORDER_NOT_ISSUED", "externalId"),
    ("sandbox_chargeback", {"externalId": "cancelled"}, 409, "ORDER_NOT_ISSUED", "externalId"),
    ("sandbox_chargeback", {"externalId": "issued", "reason": " "}, 400, "REASON_MISSING", "reason"),
    *((play, {"externalId": "x", "userId": 1}, 400, "ORDER_HALF_OPENED", "nftCollectionId") for play in PLAYS[:2]),
    *((play, {"externalId": "x", "nftCollectionId": 1}, 400, "ORDER_HALF_OPENED", "userId") for play in PLAYS[:2]),
    ("sandbox_pay", {"externalId": "created", "outcome": "perhaps"}, 400, "FIELD_OUT_OF_BOUNDS", "outcome"),
    ("sandbox_late_notice", {"externalId": "created", "lateSeconds": 0}, 400, "FIELD_OUT_OF_BOUNDS", "lateSeconds"),
]


async def test_what_nobody_can_play(api: Api) -> None:
    """A refusal names its field, and moves neither money nor the clock."""
    await every_state(api)
    before = await business_clock.lead(api.world.pool)
    for play, fields, status, code, name in REFUSED:
        check_refused(await api.server.call(play, **fields), status, code, name)
    other = {"userId": (await api.world.user("bob")).id, "nftCollectionId": (await an_offer(api.world)).id}
    for play in PLAYS[:2]:
        refused = await api.server.call(play, externalId="created", **other)
        check_refused(refused, 409, "ORDER_CONFLICT", "externalId")
        unknown = await api.server.call(play, externalId="x", **other | {"nftCollectionId": 10**9})
        check_refused(unknown, 404, "COLLECTION_NOT_FOUND")
    assert await business_clock.lead(api.world.pool) == before
    assert answered(await api.server.call("s2s_payment", externalId="created"))["state"] == "created"


async def test_production_plays_nothing(world: World, dsn: str) -> None:
    async with open_api(world, dsn, mode="production") as api:
        for play, fields in (
            *((play, {"externalId": "one"}) for play in PLAYS),
            ("sandbox_clock", {}),
            ("sandbox_scenario", {"scenario": "crash"}),
            ("sandbox_partner_payment", {"amount": 1, "reference": "SEPA 1"}),
        ):
            check_refused(await api.server.call(play, **fields), 404, "ROUTE_NOT_FOUND")
