"""Events that did not happen, so that a receiver can be tried with every type. A sandbox only has them."""

from msgspec import UNSET, UnsetType

from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire.models import Answer, Data, SignedBody, Text
from hashrail.db import Tx
from hashrail.events import catalogue, drafts, samples
from hashrail.events.samples import EventObjectError
from hashrail.events.selection import EventTypeUnknownError

SANDBOX_EVENTS = Noun("Sandbox")


class TriggerBody(SignedBody, kw_only=True):
    """The type of the event, and which object it is to be about; without one it is nobody's."""

    type: Text
    object_id: Text | UnsetType = UNSET


class TriggeredOut(Answer, kw_only=True):
    """What is told: its `id` begins with `test_`, in the feed and as `webhook-id`."""

    event_id: str
    type: str
    object_kind: str
    object_id: str


@SANDBOX_EVENTS.write_outside_books(
    None,
    "sandbox_trigger",
    "/api/sandbox/trigger",
    Auth.SIGNED,
    scope="webhooks",
    refuses=(EventTypeUnknownError, EventObjectError),
)
async def trigger(call: Call, tx: Tx, body: TriggerBody) -> Data[TriggeredOut]:
    """Tell the partner an event of a type as an example, in its feed and to its webhooks; nothing else happens."""
    kind = catalogue.kinds().get(body.type)
    if kind is None:
        raise EventTypeUnknownError("no event has that type", field="type")
    told = samples.sample(kind, None if body.object_id is UNSET else body.object_id)
    name = await drafts.note_sample(tx, call.partner_id, told)
    return Data(TriggeredOut(event_id=name, type=kind.TYPE, object_kind=kind.KIND, object_id=told.object_id))
