"""Events that try a receiver: of every type, in the feed and to webhooks, and known by their ids."""

import pytest

from hashrail.events import catalogue
from hashrail.events.sending import Sender
from tests.support.api_client import Api, answered, check_refused
from tests.support.hooked import ANYWHERE, hooked, plan_all, work_off


async def test_every_type_comes_as_its_schema_says(api: Api) -> None:
    """The answers of the feed are held against the document, with each type's own data."""
    for name in catalogue.kinds():
        made = answered(await api.server.call("sandbox_trigger", type=name))
        assert made["type"] == name
        assert made["eventId"].startswith("test_")
    told = answered(await api.server.call("s2s_events", limit=999))["events"]
    samples = [each for each in told if each["id"].startswith("test_")]
    assert [each["type"] for each in samples] == list(catalogue.kinds())
    withdrawals = [each for each in samples if each["type"].startswith("withdrawal.")]
    assert {each["data"]["state"] for each in withdrawals} > {"queued", "final", "refused"}


async def test_about_an_object_that_is_named_and_to_webhooks(api: Api) -> None:
    sender = Sender(ANYWHERE)
    with hooked() as receiver:
        answered(await api.server.call("s2s_webhook_create", url=receiver.url(), types=["order.issued"]))
        made = answered(await api.server.call("sandbox_trigger", type="order.issued", objectId="order-7"))
        assert (made["objectKind"], made["objectId"]) == ("order", "order-7")
        await plan_all(api.world)
        await work_off(api.world, sender)
        (hook,) = receiver.hooks
        assert hook.headers["webhook-id"] == made["eventId"]
        assert hook.told["data"]["data"]["externalId"] == "order-7"
    await sender.close()


@pytest.mark.parametrize("object_id", ["alice", "0", "٣", str(2**53), "-1"])
async def test_numbers_are_numbers(api: Api, object_id: str) -> None:
    refused = await api.server.call("sandbox_trigger", type="user.created", objectId=object_id)
    check_refused(refused, 400, "EVENT_OBJECT", "objectId")


async def test_what_is_refused(api: Api) -> None:
    check_refused(await api.server.call("sandbox_trigger", type="order.unheard"), 400, "EVENT_TYPE_UNKNOWN", "type")
    reader = await api.caller(scopes=("read", "order"))
    check_refused(await reader.call("sandbox_trigger", type="order.issued"), 403, "SCOPE_MISSING")
