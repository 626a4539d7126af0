"""Webhooks over the API: made, changed, tried, looked at, sent again; and their secrets."""

from collections.abc import AsyncIterator

import pytest
from standardwebhooks.webhooks import Webhook

from hashrail.events.sending import Sender
from tests.support.api_client import Api, answered, check_refused
from tests.support.hooked import ANYWHERE, happen, hooked, plan_all, work_off


@pytest.fixture
async def sender() -> AsyncIterator[Sender]:
    made = Sender(ANYWHERE)
    yield made
    await made.close()


async def test_an_endpoint_from_its_beginning_to_its_end(api: Api, sender: Sender) -> None:
    server = api.server
    with hooked() as receiver:
        made = answered(await server.call("s2s_webhook_create", url=receiver.url(), types=["order.cancelled"]))
        number, secret = made["id"], made.pop("secret")
        assert (made["state"], made["reason"], made["types"]) == ("enabled", None, ["order.cancelled"])
        assert answered(await server.call("s2s_webhooks"))["array"] == [made]
        answered(await server.call("s2s_webhook_test", id=number))
        await happen(api.world, "a", "b")
        await work_off(api.world, sender)
        types = sorted(hook.told["type"] for hook in receiver.hooks)
        assert types == ["order.cancelled", "order.cancelled", "webhook_endpoint.test"]
        for hook in receiver.hooks:
            Webhook(secret).verify(hook.body, hook.headers)
        rotated = answered(await server.call("s2s_webhook_rotate", id=number, oldSecretHours=0))
        assert rotated["secret"] != secret
        page = answered(await server.call("s2s_webhook_deliveries", id=number, limit=2))
        assert [one["objectId"] for one in page["array"]] == ["b", "a"]
        assert [each["status"] for one in page["array"] for each in one["log"]] == [200, 200]
        rest = answered(await server.call("s2s_webhook_deliveries", id=number, cursor=page["nextCursor"]))
        assert [one["type"] for one in rest["array"]] == ["webhook_endpoint.test"]
        assert "nextCursor" not in rest
        assert answered(await server.call("s2s_webhook_deliveries", id=number, state="waiting"))["array"] == []
        since = "2020-01-01T00:00:00Z"
        again = answered(await server.call("s2s_webhook_replay", id=number, since=since))
        assert again == {"events": 3}
        await work_off(api.world, sender)
        assert len(receiver.hooks) == 6
        assert {hook.headers["webhook-id"] for hook in receiver.hooks[3:]} == {
            hook.headers["webhook-id"] for hook in receiver.hooks[:3]
        }
        Webhook(rotated["secret"]).verify(receiver.hooks[-1].body, receiver.hooks[-1].headers)
        stopped = answered(await server.call("s2s_webhook_update", id=number, enabled=False, types=[]))
        assert (stopped["state"], stopped["reason"], stopped["types"]) == ("disabled", "partner", [])
        check_refused(await server.call("s2s_webhook_test", id=number), 409, "WEBHOOK_DISABLED", "id")
        await happen(api.world, "c")
        answered(await server.call("s2s_webhook_update", id=number, enabled=True))
        await plan_all(api.world)
        await work_off(api.world, sender)
        assert {hook.told["type"] for hook in receiver.hooks[6:]} == {"order.cancelled", "webhook_endpoint.disabled"}
    answered(await server.call("s2s_webhook_delete", id=number))
    assert answered(await server.call("s2s_webhooks"))["array"] == []
    check_refused(await server.call("s2s_webhook_delete", id=number), 404, "WEBHOOK_NOT_FOUND", "id")


async def test_what_is_refused(api: Api) -> None:
    server = api.server
    check_refused(await server.call("s2s_webhook_create", url="ftp://example.com"), 400, "BAD_WEBHOOK_URL", "url")
    unknown = await server.call("s2s_webhook_create", url="https://example.com", types=["order.unheard"])
    check_refused(unknown, 400, "UNKNOWN_EVENT_TYPE", "types")
    number = answered(await server.call("s2s_webhook_create", url="https://example.com"))["id"]
    for said in ({}, {"fromPosition": 1, "since": "2026-01-01T00:00:00Z"}):
        refused = await server.call("s2s_webhook_replay", id=number, **said)
        check_refused(refused, 400, "REPLAY_NAMES_NOTHING", "fromPosition")
    refused = await server.call("s2s_webhook_deliveries", id=number, cursor="nonsense")
    check_refused(refused, 400, "CURSOR_INVALID", "cursor")
    reader = await api.caller(scopes=["read", "order"])
    check_refused(await reader.call("s2s_webhooks"), 403, "SCOPE_MISSING")
