"""How an operation runs: who is calling, what he sent, one transaction, one answer.

A read's handler gets the call; a write's handler gets the call and a transaction, and its answer is kept in the same
commit, so that the request can be sent twice.
"""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
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

IDEMPOTENCY_HEADER = "idempotency-key"
ENCODER = msgspec.json.Encoder(decimal_format="number")


class Auth(Enum):
    """What an operation asks of its caller."""

    SERVER_KEY = "key of a partner's server"
    CLIENT_KEY = "key of a partner's client"
    BEARER = "a user's token"
    KEY_OR_BEARER = "a user's token, or a client's key"
    SIGNED = "signature"


@dataclass(frozen=True, slots=True)
class Call:
    """One request that was let in."""

    deployment: Deployment
    caller: Caller
    arrival: Arrival
    operation: str

    @property
    def pool(self) -> db.Pool:
        """Connections for reads."""
        return self.deployment.pool

    @property
    def partner_id(self) -> int:
        """The calling partner; every query carries it."""
        return self.caller.partner_id

    @property
    def user_id(self) -> int:
        """The user whose token it is."""
        assert self.caller.user_id is not None, "only a token says which user"
        return self.caller.user_id


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the API. `number` is the contract's; an extension has none."""

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


async def answer(route: Route, deployment: Deployment, arrival: Arrival) -> bytes:
    """Let the caller in, read what was sent and run the operation; answers the JSON to send with status 200."""
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
    return ENCODER.encode(await route.handler(call, fields))


async def _caller(route: Route, deployment: Deployment, arrival: Arrival, sent: SentQuery | SentBody) -> Caller:
    match route.auth:
        case Auth.SIGNED:
            return await guards.signed(deployment, arrival, sent, operation=route.operation, scope=route.scope)
        case Auth.SERVER_KEY:
            return await guards.server_key(deployment, arrival)
        case Auth.CLIENT_KEY:
            return await guards.client_key(deployment, arrival)
        case Auth.BEARER:
            return await guards.bearer(deployment, arrival)
        case Auth.KEY_OR_BEARER:
            return await guards.key_or_bearer(deployment, arrival)


async def _write(route: Route, call: Call, fields: msgspec.Struct) -> bytes:
    """Run a write once: a repetition gets the kept answer, whichever transaction wrote it."""
    keys = repetition_keys(call)
    deployment, partner_id = call.deployment, call.partner_id
    retention = timedelta(seconds=deployment.settings.answer_retention_seconds)
    try:
        async with db.transaction(call.pool) as tx:
            kept = await once.recall(tx, deployment.vault, partner_id, keys)
            if kept is not None:
                return kept
            answered = ENCODER.encode(await route.handler(call, tx, fields))
            await once.keep(tx, deployment.vault, partner_id, keys, answered, retention=retention)
            return answered
    except (HashrailError, once.AnsweredMeanwhileError):
        # The same request may have run beside this one and changed what this one found.
        async with db.transaction(call.pool) as tx:
            kept = await once.recall(tx, deployment.vault, partner_id, keys)
        if kept is None:
            raise
        return kept


def repetition_keys(call: Call) -> list[once.Key]:
    """What a repetition of this request is recognised by: its signature, and its Idempotency-Key if it has one."""
    assert call.caller.digest is not None, "writes of this platform are signed"
    content = hashlib.sha256(_unsigned(call.arrival)).digest()
    scope = f"{once.SIGNATURE}:{call.caller.key_id}"
    keys = [once.Key(scope, call.caller.digest, call.operation, content)]
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
