"""How an operation runs: one transaction and one answer, which a write keeps in the same commit.

A handler has one of four shapes. A read gets the call and opens what it needs. A write gets a transaction with the
caller's open books: this module shares the fence, once, and before anything else is locked. A write that is nobody's
entry in the books gets the transaction alone. And a write that commits on its way gets its steps instead: each is
kept like an answer, and the answer itself once all of them are made. So every write can be sent twice.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Protocol, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from hashrail import db
from hashrail.access import idempotency
from hashrail.api.serving import ranges
from hashrail.api.serving.arrival import Arrival
from hashrail.api.serving.call import ENCODER, Call, File, Reply
from hashrail.api.wire.faults import FieldBoundsError
from hashrail.books import fence
from hashrail.books.fence import OpenBooks
from hashrail.db import Tx
from hashrail.errors import HashrailError

IDEMPOTENCY_HEADER = "idempotency-key"
# Visible ASCII: what one proxy trims or decodes in another way than the next would be another key.
IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")
REPEATED_HEADER = "idempotency-replayed"

F = TypeVar("F", bound=Struct)
F_contra = TypeVar("F_contra", bound=Struct, contravariant=True)


class Read(Protocol[F_contra]):
    """Answers a model of the wire, bytes that are no JSON, or a file."""

    def __call__(self, call: Call, fields: F_contra, /) -> Awaitable[Struct | bytes | File]:
        """The answer."""


class Write(Protocol[F_contra]):
    """Writes in the caller's books, whose fence is shared until the transaction ends."""

    def __call__(self, call: Call, tx: Tx, books: OpenBooks, fields: F_contra, /) -> Awaitable[Struct]:
        """The answer, once all is written."""


class WriteOutsideBooks(Protocol[F_contra]):
    """Writes what lies in no partner's books: no fence is shared, and days may close meanwhile."""

    def __call__(self, call: Call, tx: Tx, fields: F_contra, /) -> Awaitable[Struct]:
        """The answer, once all is written."""


class WriteInSteps(Protocol[F_contra]):
    """Writes in several commits."""

    def __call__(self, call: Call, steps: "Steps", fields: F_contra, /) -> Awaitable[Struct]:
        """The answer, once all steps are made."""


class Steps:
    """The steps of a write that commits on its way: each is done once, whoever sends the request again.

    They are told apart by their order alone, so it has to follow from the request and from what earlier ones answered.
    """

    def __init__(self, call: Call, keys: list[idempotency.Key]) -> None:
        self._call = call
        self._keys = keys
        self._made = 0

    async def once(self, work: Callable[[Tx], Awaitable[bytes]]) -> bytes:
        """Do the next step in a transaction of its own; where it was done before, answer what it answered then."""
        keys = [replace(key, scope=f"{key.scope}#{self._made}") for key in self._keys]
        self._made += 1
        # Where it was answered meanwhile, the answer is there the second time.
        for _ in range(2):
            with suppress(idempotency.AnsweredMeanwhileError):
                async with db.transaction(self._call.pool) as tx:
                    kept = await _recall(self._call, tx, keys)
                    if kept is None:
                        kept = await work(tx)
                        await _keep(self._call, tx, keys, kept)
                    return kept
        raise AssertionError("what was answered meanwhile can be recalled")


async def read(handler: Read[F], call: Call, fields: F) -> Reply:
    """The reply of a read."""
    answer = await handler(call, fields)
    if isinstance(answer, File):
        return ranges.reply(call, answer)
    return Reply(answer if isinstance(answer, bytes) else ENCODER.encode(answer), call.headers)


async def write(handler: Write[F], call: Call, fields: F, *, while_suspended: bool = False) -> Reply:
    """The reply of a write, or the one that was kept. Raises PartnerSuspendedError, PartnerClosedError."""

    async def work(tx: Tx) -> Struct:
        books = await fence.share(tx, call.partner_id)
        if while_suspended:
            books.assert_not_closed()
        else:
            books.assert_open()
        return await handler(call, tx, books, fields)

    return await _or_kept(call, lambda keys: _at_once(call, keys, work))


async def write_outside_books(handler: WriteOutsideBooks[F], call: Call, fields: F) -> Reply:
    """The reply of a write that needs no fence, or the one that was kept."""
    return await _or_kept(call, lambda keys: _at_once(call, keys, lambda tx: handler(call, tx, fields)))


async def write_in_steps(handler: WriteInSteps[F], call: Call, fields: F) -> Reply:
    """The reply of a write in steps, or the one that was kept; a repetition of what was cut off goes on from there."""
    return await _or_kept(call, lambda keys: _at_the_end(call, keys, lambda: handler(call, Steps(call, keys), fields)))


Attempt: TypeAlias = Callable[[list[idempotency.Key]], Awaitable[Reply]]


async def _or_kept(call: Call, attempt: Attempt) -> Reply:
    """Run a write once: a repetition gets the kept answer, whichever transaction wrote it."""
    keys = _repetition_keys(call)
    try:
        return await attempt(keys)
    except db.DatabaseDownError:
        raise  # what was written may be there, and may be lost again: nobody says yet that it is done
    except (HashrailError, idempotency.AnsweredMeanwhileError):
        # The same request may have run beside this one and changed what this one found.
        async with db.transaction(call.pool) as tx:
            kept = await _recall(call, tx, keys)
        if kept is None:
            raise
        return _repeated(kept)


async def _at_once(call: Call, keys: list[idempotency.Key], work: Callable[[Tx], Awaitable[Struct]]) -> Reply:
    """The work and its reply in one commit."""
    async with db.transaction(call.pool) as tx:
        kept = await _recall(call, tx, keys)
        if kept is not None:
            return _repeated(kept)
        reply = Reply(ENCODER.encode(await work(tx)), call.headers)
        await _keep(call, tx, keys, ENCODER.encode(reply))
        return reply


async def _at_the_end(call: Call, keys: list[idempotency.Key], work: Callable[[], Awaitable[Struct]]) -> Reply:
    """The work in commits of its own, and then its reply: until that is kept, a repetition goes on with the work."""
    async with db.transaction(call.pool) as tx:
        kept = await _recall(call, tx, keys)
    if kept is not None:
        return _repeated(kept)
    reply = Reply(ENCODER.encode(await work()), call.headers)
    async with db.transaction(call.pool) as tx:
        await _keep(call, tx, keys, ENCODER.encode(reply))
    return reply


async def _recall(call: Call, tx: Tx, keys: list[idempotency.Key]) -> bytes | None:
    return await idempotency.recall(tx, call.deployment.vault, call.partner_id, keys)


async def _keep(call: Call, tx: Tx, keys: list[idempotency.Key], answer: bytes) -> None:
    retention = timedelta(seconds=call.deployment.settings.answer_retention_seconds)
    await idempotency.keep(tx, call.deployment.vault, call.partner_id, keys, answer, retention=retention)


def _repeated(kept: bytes) -> Reply:
    """A kept reply as it was, and a header that says that nothing was done this time."""
    reply = msgspec.json.decode(kept, type=Reply)
    return Reply(reply.body, reply.headers | {REPEATED_HEADER: "true"})


def _repetition_keys(call: Call) -> list[idempotency.Key]:
    """What a repetition of this request is recognised by: its signature and its Idempotency-Key, as far as it has them.

    A write without both is done as often as it is sent.
    """
    caller = call.known
    content = hashlib.sha256(_unsigned(call.arrival)).digest()
    keys = []
    if caller.digest is not None:
        keys.append(idempotency.Key(idempotency.signature_scope(caller.key_id), caller.digest, call.operation, content))
    idempotency_key = call.arrival.header(IDEMPOTENCY_HEADER)
    if idempotency_key is not None:
        if not IDEMPOTENCY_KEY.fullmatch(idempotency_key):
            raise FieldBoundsError("Idempotency-Key must have 1 to 255 visible characters", field=IDEMPOTENCY_HEADER)
        who = (
            idempotency.IDEMPOTENCY_KEY if caller.user_id is None else f"{idempotency.IDEMPOTENCY_KEY}:{caller.user_id}"
        )
        keys.append(idempotency.Key(who, idempotency_key.encode(), call.operation, content))
    return keys


def lasting_key(call: Call) -> idempotency.Key | None:
    """The Idempotency-Key of a server's request, for what has to know it for ever; None where it has none."""
    return next((key for key in _repetition_keys(call) if key.scope == idempotency.IDEMPOTENCY_KEY), None)


def _unsigned(arrival: Arrival) -> bytes:
    """What the request says, without what changes when it is signed anew."""
    members: dict[str, msgspec.Raw] = msgspec.json.decode(arrival.body or b"{}", type=dict[str, msgspec.Raw])
    for name in ("signature", "timestamp", "recvWindow"):
        members.pop(name, None)
    return msgspec.json.encode(members, order="sorted")
