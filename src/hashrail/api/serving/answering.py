"""Answering a request: let the caller in, read what was sent, run the operation."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import TypeVar

import msgspec
from msgspec import Struct

from hashrail import clock
from hashrail.access.read_tokens import ReadTokenOnlyReadsError
from hashrail.api.serving import guards, limits, reading
from hashrail.api.serving.arrival import Arrival
from hashrail.api.serving.call import Call, Reply
from hashrail.api.serving.guards import Caller
from hashrail.api.serving.operation import AnyOperation, Auth, Operation
from hashrail.api.serving.state import Serving
from hashrail.api.serving.turns import PartnerBusyError
from hashrail.api.wire.fields import read_json, read_query
from hashrail.errors import HashrailError
from hashrail_client.signing import SentBody, SentQuery

F = TypeVar("F", bound=Struct)

GUARDS: dict[Auth, guards.Guard] = {
    Auth.SERVER_KEY: guards.server_key,
    Auth.BEARER: guards.bearer,
    Auth.KEY_OR_BEARER: guards.client_key_or_bearer,
    Auth.ANY_KEY_OR_BEARER: guards.any_key_or_bearer,
}


async def answer(operation: Operation[F], serving: Serving, arrival: Arrival) -> Reply:
    """Let the caller in, read what was sent and run the operation."""
    serving.assert_may_answer()
    if operation.is_for_anybody:
        arrival = msgspec.structs.replace(arrival, body=b"{}")
    arrival.notes.cost = 1
    sent, caller = await _let_in(operation, serving, arrival)
    call = Call(serving, caller, arrival, operation.name)
    try:
        reply = await _run(operation, call, sent)
    except HashrailError as refusal:
        _hint(refusal, sent)
        raise
    if serving.replicas is not None and _tells_position(operation, call):
        reply = await reading.told(serving.replicas, reply)
    if limits.units_of(call.cost.rows, len(reply.body)):
        arrival.notes.cost += await limits.charge(serving, arrival.spending, rows=call.cost.rows, size=len(reply.body))
    return _unless_known(reply, arrival)


async def _run(operation: Operation[F], call: Call, sent: SentQuery | SentBody) -> Reply:
    """The reply of the operation to what was sent, in turn where it is known whose that is."""
    fields = (
        read_query(sent.pairs, operation.model)
        if isinstance(sent, SentQuery)
        else read_json(call.arrival.body, operation.model, sent)
    )
    call.arrival.notes.asked(fields)
    if call.caller is None or operation.takes_turns:
        return await operation.run(call, fields)
    return await _in_turn(operation, call, call.caller, fields)


def _tells_position(operation: AnyOperation, call: Call) -> bool:
    """Whether the answer names a position where there are standbys: the caller's next read is to show no less.

    What a standby may answer says itself how far that one was.
    """
    if operation.writes or operation.commits:
        return True
    return call.caller is not None and not operation.from_standbys and reading.sent(call) is not None


async def _in_turn(operation: Operation[F], call: Call, caller: Caller, fields: F) -> Reply:
    """The reply, once it is the partner's turn, and before that their user's, if it is a user who calls."""
    if caller.user_id is None:
        async with call.turn(caller.partner_id):
            return await operation.run(call, fields)
    try:
        async with call.serving.turns.lane(caller.partner_id, caller.user_id), call.turn(caller.partner_id):
            return await operation.run(call, fields)
    except PartnerBusyError:
        call.arrival.spending.headers["retry-after"] = "1"
        raise


def _hint(refusal: HashrailError, sent: SentQuery | SentBody) -> None:
    """What is refused for a value in which a plus sign became a blank says so."""
    if isinstance(sent, SentQuery) and refusal.details.get("field") in sent.with_plus:
        refusal.details["hint"] = clock.PLUS_HINT


def _unless_known(reply: Reply, arrival: Arrival) -> Reply:
    """The reply, without its body where the caller says that it has the same."""
    tag = reply.headers.get("etag")
    if tag is None or arrival.method not in ("GET", "HEAD"):
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


async def _let_in(
    operation: AnyOperation, serving: Serving, arrival: Arrival
) -> tuple[SentQuery | SentBody, Caller | None]:
    """What was sent, and by whom. Whoever is refused before that is known is counted by their address.

    What is large is read last: who asks, and how often, costs less to see.
    """
    try:
        return await _admit(operation, serving, arrival)
    except HashrailError as refusal:
        if refusal.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            await limits.count_stranger(serving, arrival.spending, arrival.address)
        raise


async def _admit(
    operation: AnyOperation, serving: Serving, arrival: Arrival
) -> tuple[SentQuery | SentBody, Caller | None]:
    if operation.auth is Auth.NONE:
        await limits.count_stranger(serving, arrival.spending, arrival.address)
    sent = None if limits.is_large(len(arrival.query) + len(arrival.body)) else _sent(operation, arrival)
    if operation.auth is Auth.SIGNED:
        return await _signed(operation, serving, arrival, sent)
    caller = None
    if operation.auth is not Auth.NONE:
        caller = await GUARDS[operation.auth](serving, arrival, operation.scope)
        if caller.only_reads and operation.writes:
            raise ReadTokenOnlyReadsError("a read token writes nothing")
        await guards.check_page(serving, arrival, caller.partner_id)
    sent = sent or _sent(operation, arrival)
    if isinstance(sent, SentBody) and not operation.is_for_anybody:
        await guards.signed_beside(serving, arrival, sent, operation.name)
    return sent, caller


async def _signed(
    operation: AnyOperation, serving: Serving, arrival: Arrival, sent: SentQuery | SentBody | None
) -> tuple[SentQuery | SentBody, Caller]:
    key = await guards.key_of(serving, arrival)
    if sent is None:
        await limits.refuse_large(serving, arrival.spending, key, arrival.address)
        sent = _sent(operation, arrival)
    caller = await guards.signed(
        serving,
        arrival,
        key,
        sent,
        operation=operation.name,
        scope=operation.scope,
        may_be_unsigned=operation.may_be_unsigned,
    )
    return sent, caller


def _sent(operation: AnyOperation, arrival: Arrival) -> SentQuery | SentBody:
    return guards.sent_query(arrival) if operation.method == "GET" else guards.sent_body(arrival)
