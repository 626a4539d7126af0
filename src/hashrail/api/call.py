"""How an operation runs: who is calling, what he sent, one transaction, one answer.

A read's handler gets the call; a write's handler gets the call and a transaction, and its answer is kept in the same
commit, so that the request can be sent twice.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct, field

from hashrail import db, once
from hashrail.api import guards, limits
from hashrail.api.deployment import Deployment
from hashrail.api.fields import FieldBoundsError, read_json, read_query
from hashrail.api.guards import Arrival, Caller
from hashrail.errors import HashrailError
from hashrail_client.signing import SentBody, SentQuery

JSON = "application/json"
IDEMPOTENCY_HEADER = "idempotency-key"
# Visible ASCII: what one proxy trims or decodes in another way than the next would be another key.
IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")
REPEATED_HEADER = "idempotency-replayed"
ENCODER = msgspec.json.Encoder(decimal_format="number")


class Auth(Enum):
    """What an operation asks of its caller."""

    SERVER_KEY = "key of a partner's server"
    BEARER = "a user's token"
    KEY_OR_BEARER = "a user's token, or a client's key"
    SIGNED = "signature"
    ANY_KEY_OR_BEARER = "a user's token, or any key"
    NONE = "nobody"


GUARDS: dict[Auth, guards.Guard] = {
    Auth.SERVER_KEY: guards.server_key,
    Auth.BEARER: guards.bearer,
    Auth.KEY_OR_BEARER: guards.client_key_or_bearer,
    Auth.ANY_KEY_OR_BEARER: guards.any_key_or_bearer,
}


class Call(Struct, frozen=True):
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

    `refuses` are the errors of its own, beside what its `auth` and reading it may refuse. `may_be_unsigned` lets keys
    with that setting leave the signature out. What is `for_every_site` may be called by the pages of any site, and with
    any body: nobody looks at it.
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
    may_be_unsigned: bool = False
    also_at: tuple[str, ...] = ()
    refuses: tuple[type[HashrailError], ...] = ()
    media_type: str = JSON
    for_every_site: bool = False


class Reply(Struct, frozen=True):
    """What is sent: the body and the headers that the operation adds. With status 304 there is no body."""

    body: bytes
    headers: dict[str, str]
    status: int = HTTPStatus.OK


async def answer(route: Route, deployment: Deployment, arrival: Arrival) -> Reply:
    """Let the caller in, read what was sent and run the operation."""
    if route.for_every_site:
        arrival = msgspec.structs.replace(arrival, body=b"{}")
    sent, caller = await _let_in(route, deployment, arrival)
    fields = (
        read_query(sent.pairs.items(), route.model)
        if isinstance(sent, SentQuery)
        else read_json(arrival.body, route.model, sent.members)
    )
    call = Call(deployment, caller, arrival, route.operation)
    if route.writes:
        return await _write(route, call, fields)
    answered = await route.handler(call, fields)
    return _unless_known(
        Reply(answered if route.media_type != JSON else ENCODER.encode(answered), call.headers), arrival
    )


def _unless_known(reply: Reply, arrival: Arrival) -> Reply:
    """The reply, without its body where the caller says that it has the same."""
    tag = reply.headers.get("etag")
    if tag is None or arrival.method != "GET":
        return reply
    return Reply(b"", reply.headers, HTTPStatus.NOT_MODIFIED) if is_known(tag, arrival.headers) else reply


def is_known(tag: str, headers: Iterable[tuple[str, str]]) -> bool:
    """Whether the caller says that it has the answer with this tag."""
    known = {
        part.strip().removeprefix("W/")
        for name, value in headers
        if name == "if-none-match"
        for part in value.split(",")
    }
    return bool(known & {tag, "*"})


async def _let_in(route: Route, deployment: Deployment, arrival: Arrival) -> tuple[SentQuery | SentBody, Caller | None]:
    """What was sent, and by whom. Whoever is refused before that is known is counted by his address."""
    try:
        sent = guards.sent_query(arrival) if route.method == "GET" else guards.sent_body(arrival)
        return sent, await _caller(route, deployment, arrival, sent)
    except HashrailError as refusal:
        if refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            await limits.count_stranger(deployment, arrival.spending, guards.address_of(deployment, arrival))
        raise


async def _caller(route: Route, deployment: Deployment, arrival: Arrival, sent: SentQuery | SentBody) -> Caller | None:
    if route.auth is Auth.NONE:
        await limits.count_stranger(deployment, arrival.spending, guards.address_of(deployment, arrival))
        return None
    if route.auth is Auth.SIGNED:
        return await guards.signed(
            deployment,
            arrival,
            sent,
            operation=route.operation,
            scope=route.scope,
            may_be_unsigned=route.may_be_unsigned,
        )
    caller = await GUARDS[route.auth](deployment, arrival)
    await guards.check_page(deployment, arrival, caller.partner_id)
    return caller


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
    """What a repetition of this request is recognised by: its signature and its Idempotency-Key, as far as it has them.

    A write without both is done as often as it is sent.
    """
    caller = call.known
    content = hashlib.sha256(_unsigned(call.arrival)).digest()
    keys = []
    if caller.digest is not None:
        keys.append(once.Key(once.signature_scope(caller.key_id), caller.digest, call.operation, content))
    idempotency_key = call.arrival.header(IDEMPOTENCY_HEADER)
    if idempotency_key is not None:
        if not IDEMPOTENCY_KEY.fullmatch(idempotency_key):
            raise FieldBoundsError("Idempotency-Key must have 1 to 255 visible characters", field=IDEMPOTENCY_HEADER)
        who = once.IDEMPOTENCY_KEY if caller.user_id is None else f"{once.IDEMPOTENCY_KEY}:{caller.user_id}"
        keys.append(once.Key(who, idempotency_key.encode(), call.operation, content))
    return keys


def _unsigned(arrival: Arrival) -> bytes:
    """What the request says, without what changes when it is signed anew."""
    members: dict[str, msgspec.Raw] = msgspec.json.decode(arrival.body or b"{}", type=dict[str, msgspec.Raw])
    for name in ("signature", "timestamp", "recvWindow"):
        members.pop(name, None)
    return msgspec.json.encode(members, order="sorted")
