"""How an operation runs: who is calling, what he sent, one transaction, one answer.

A read's handler gets the call; a write's handler gets the call and a transaction, and its answer is kept in the same
commit, so that the request can be sent twice.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import Any

import msgspec

from hashrail import db, once
from hashrail.api import guards
from hashrail.api.deployment import Deployment
from hashrail.api.fields import FieldBoundsError, read_json, read_query
from hashrail.api.guards import Arrival, Caller
from hashrail.errors import HashrailError
from hashrail_client.signing import SentBody, SentQuery

JSON = "application/json"
IDEMPOTENCY_HEADER = "idempotency-key"
REPEATED_HEADER = "idempotency-replayed"
ENCODER = msgspec.json.Encoder(decimal_format="number")


class Auth(Enum):
    """What an operation asks of its caller."""

    SERVER_KEY = "key of a partner's server"
    CLIENT_KEY = "key of a partner's client"
    BEARER = "a user's token"
    KEY_OR_BEARER = "a user's token, or a client's key"
    SIGNED = "signature"
    ANY_KEY_OR_BEARER = "a user's token, or any key"
    NONE = "nobody"


GUARDS: dict[Auth, guards.Guard] = {
    Auth.SERVER_KEY: guards.server_key,
    Auth.CLIENT_KEY: guards.client_key,
    Auth.BEARER: guards.bearer,
    Auth.KEY_OR_BEARER: guards.client_key_or_bearer,
    Auth.ANY_KEY_OR_BEARER: guards.any_key_or_bearer,
}


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was let in. `caller` is None where an operation asks for no credential.

    A handler adds to `headers` what its answer is to carry beside the body.
    """

    deployment: Deployment
    caller: Caller | None
    arrival: Arrival
    operation: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def pool(self) -> db.Pool:
        """Connections for reads."""
        return self.deployment.pool

    @property
    def partner_id(self) -> int:
        """The calling partner; every query carries it."""
        return self.known.partner_id

    @property
    def known(self) -> Caller:
        """Who is calling, where the operation asks."""
        assert self.caller is not None, "nobody calls an operation without a credential"
        return self.caller

    @property
    def user_id(self) -> int:
        """The user whose token it is."""
        assert self.known.user_id is not None, "only a token says which user"
        return self.known.user_id


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the API. `number` is the contract's; an extension has none.

    `refuses` are the errors of its own, beside what its `auth` and reading it may refuse.
    """

    number: int | None
    operation: str
    method: str
    path: str
    auth: Auth
    model: type[msgspec.Struct]
    handler: Callable[..., Awaitable[Any]]
    writes: bool = False
    scope: str = "read"
    also_at: tuple[str, ...] = ()
    refuses: tuple[type[HashrailError], ...] = ()
    media_type: str = JSON


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent with status 200: the body and the headers that the operation adds."""

    body: bytes
    headers: dict[str, str]


async def answer(route: Route, deployment: Deployment, arrival: Arrival) -> Reply:
    """Let the caller in, read what was sent and run the operation."""
    sent: SentQuery | SentBody
    sent = guards.sent_query(arrival) if route.method == "GET" else guards.sent_body(arrival)
    caller = await _caller(route, deployment, arrival, sent)
    fields = (
        read_query(sent.pairs.items(), route.model)
        if isinstance(sent, SentQuery)
        else read_json(arrival.body, route.model)
    )
    call = Call(deployment, caller, arrival, route.operation)
    if route.writes:
        return await _write(route, call, fields)
    answered = await route.handler(call, fields)
    return Reply(answered if route.media_type != JSON else ENCODER.encode(answered), call.headers)


async def _caller(route: Route, deployment: Deployment, arrival: Arrival, sent: SentQuery | SentBody) -> Caller | None:
    if route.auth is Auth.NONE:
        return None
    if route.auth is Auth.SIGNED:
        return await guards.signed(deployment, arrival, sent, operation=route.operation, scope=route.scope)
    return await GUARDS[route.auth](deployment, arrival)


async def _write(route: Route, call: Call, fields: msgspec.Struct) -> Reply:
    """Run a write once: a repetition gets the kept answer, whichever transaction wrote it."""
    keys = repetition_keys(call)
    deployment, partner_id = call.deployment, call.partner_id
    retention = timedelta(seconds=deployment.settings.answer_retention_seconds)
    try:
        async with db.transaction(call.pool) as tx:
            kept = await once.recall(tx, deployment.vault, partner_id, keys)
            if kept is not None:
                return _repeated(kept)
            reply = Reply(ENCODER.encode(await route.handler(call, tx, fields)), call.headers)
            await once.keep(tx, deployment.vault, partner_id, keys, ENCODER.encode(reply), retention=retention)
            return reply
    except (HashrailError, once.AnsweredMeanwhileError):
        # The same request may have run beside this one and changed what this one found.
        async with db.transaction(call.pool) as tx:
            kept = await once.recall(tx, deployment.vault, partner_id, keys)
        if kept is None:
            raise
        return _repeated(kept)


def _repeated(kept: bytes) -> Reply:
    """A kept reply as it was, and a header that says that nothing was done this time."""
    reply = msgspec.json.decode(kept, type=Reply)
    return Reply(reply.body, reply.headers | {REPEATED_HEADER: "true"})


def repetition_keys(call: Call) -> list[once.Key]:
    """What a repetition of this request is recognised by: its signature, and its Idempotency-Key if it has one."""
    caller = call.known
    assert caller.digest is not None, "writes of this platform are signed"
    content = hashlib.sha256(_unsigned(call.arrival)).digest()
    scope = f"{once.SIGNATURE}:{caller.key_id}"
    keys = [once.Key(scope, caller.digest, call.operation, content)]
    idempotency_key = call.arrival.header(IDEMPOTENCY_HEADER)
    if idempotency_key is not None:
        if not 1 <= len(idempotency_key) <= 255:
            raise FieldBoundsError("Idempotency-Key must have 1 to 255 characters", field=IDEMPOTENCY_HEADER)
        keys.append(once.Key(once.IDEMPOTENCY_KEY, idempotency_key.encode(), call.operation, content))
    return keys


def _unsigned(arrival: Arrival) -> bytes:
    """What the request says, without what changes when it is signed anew."""
    members: dict[str, msgspec.Raw] = msgspec.json.decode(arrival.body or b"{}", type=dict[str, msgspec.Raw])
    for name in ("signature", "timestamp", "recvWindow"):
        members.pop(name, None)
    return msgspec.json.encode(members, order="sorted")
