"""How an operation runs: one transaction and one answer, which a write keeps in the same commit.

A handler has one of four shapes. A read gets the call and opens what it needs. A write gets a transaction with the
caller's open books: this module shares the fence, once, and before anything else is locked. A write that is nobody's
entry in the books gets the transaction alone. And a write that commits on its way gets its steps instead: each is
kept like an answer, and the answer itself once all of them are made. So every write can be sent twice.

A write in the caller's books may have a second handler, for several requests of one partner at once (`gathering.py`).
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Generic, Protocol, TypeAlias, TypeVar

import msgspec
from msgspec import Struct

from hashrail import db
from hashrail.access import idempotency
from hashrail.api.serving import limits, ranges
from hashrail.api.serving.arrival import Arrival
from hashrail.api.serving.call import ENCODER, Call, File, Reply
from hashrail.api.serving.turns import PartnerBusyError
from hashrail.api.wire.faults import FieldBoundsError
from hashrail.books import fence
from hashrail.books.fence import OpenBooks
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
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


class WriteTogether(Protocol[F_contra]):
    """Writes several requests of one partner in one transaction."""

    def __call__(
        self, deployment: Deployment, tx: Tx, books: OpenBooks, fields: Sequence[F_contra], /
    ) -> Awaitable[Sequence[Struct | None]]:
        """An answer each; None for a request of which nothing is written, since it is to be done by itself.

        Where it raises, all of them are done by themselves.
        """


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
        books = await _open_books(tx, call.partner_id, while_suspended=while_suspended)
        return await handler(call, tx, books, fields)

    return await _or_kept(call, lambda keys: _at_once(call, keys, work))


@dataclass(frozen=True, slots=True)
class _Gathered(Generic[F]):
    """A request that waits for others of its partner."""

    call: Call
    keys: list[idempotency.Key]
    fields: F


async def write_gathered(
    handler: Write[F], together: WriteTogether[F], call: Call, fields: F, *, while_suspended: bool = False
) -> Reply:
    """As `write`, with others of the same partner in one commit where several come at once. Takes its turn itself."""

    async def alone() -> Reply:
        async with call.turn(call.partner_id):
            return await write(handler, call, fields, while_suspended=while_suspended)

    member = _Gathered(call, _repetition_keys(call), fields)
    work = partial(_all_at_once, together, while_suspended=while_suspended)
    try:
        return await call.serving.gatherings.run((call.partner_id, call.operation), member, alone, work)
    except PartnerBusyError:
        call.arrival.spending.headers["retry-after"] = "1"
        raise


async def _all_at_once(
    together: WriteTogether[F], members: Sequence[_Gathered[F]], *, while_suspended: bool
) -> list[Reply | HashrailError | None]:
    """The replies of several requests, in one commit.

    None for one that is done by itself: it comes twice, has used up its budget, or is not plain. So are all where they
    cannot be done together, as where one was answered before: then nothing is written, and what is in the way may be a
    matter of one of them. Only that nobody gets to the database, or knows what it has done, is told to all alike.
    """
    serving, partner_id = members[0].call.serving, members[0].call.partner_id
    replies: list[Reply | HashrailError | None] = [None] * len(members)
    try:
        async with serving.turns.turn(partner_id), db.transaction(serving.deployment.pool) as tx:
            new = _admitted(members)
            if not new:
                return replies
            books = await _open_books(tx, partner_id, while_suspended=while_suspended)
            answers = await together(serving.deployment, tx, books, [members[number].fields for number in new])
            made = {
                n: Reply(ENCODER.encode(a), members[n].call.headers) for n, a in zip(new, answers, strict=True) if a
            }
            kept = [(members[number].keys, ENCODER.encode(reply)) for number, reply in made.items()]
            retention = timedelta(seconds=serving.deployment.settings.answer_retention_seconds)
            await idempotency.keep_all(tx, serving.deployment.vault, partner_id, kept, retention=retention)
    except (PartnerBusyError, db.BusyError, db.DatabaseDownError) as error:
        # Each has an error of its own, since details are added to it.
        return [type(error)(error.message, **error.details) for _ in members]
    except (HashrailError, idempotency.AnsweredMeanwhileError, AssertionError, *db.DATABASE_ERRORS):
        return replies
    return [made.get(number) for number in range(len(members))]


def _admitted(members: Sequence[_Gathered[F]]) -> list[int]:
    """The places of requests that do not come twice, and that have a budget left.

    Nobody looks whether they were answered before, as in `_or_kept`: what was done before is not plain, and what is new
    under an old key cannot be kept.
    """
    new, known = [], set[tuple[str, bytes]]()
    for number, member in enumerate(members):
        names = {(key.scope, key.text) for key in member.keys}
        if names & known:
            continue
        with suppress(limits.RateLimitedError):
            limits.recheck(member.call.serving, member.call.arrival.spending)
            known |= names
            new.append(number)
    return new


async def _open_books(tx: Tx, partner_id: int, *, while_suspended: bool) -> OpenBooks:
    """The partner's books, whose fence is shared. Raises PartnerSuspendedError, PartnerClosedError."""
    books = await fence.share(tx, partner_id)
    if while_suspended:
        books.assert_not_closed()
    else:
        books.assert_open()
    return books


async def write_outside_books(handler: WriteOutsideBooks[F], call: Call, fields: F) -> Reply:
    """The reply of a write that needs no fence, or the one that was kept."""
    return await _or_kept(call, lambda keys: _at_once(call, keys, lambda tx: handler(call, tx, fields)))


async def write_in_steps(handler: WriteInSteps[F], call: Call, fields: F) -> Reply:
    """The reply of a write in steps, or the one that was kept; a repetition of what was cut off goes on from there."""
    return await _or_kept(call, lambda keys: _at_the_end(call, keys, lambda: handler(call, Steps(call, keys), fields)))


Attempt: TypeAlias = Callable[[list[idempotency.Key]], Awaitable[Reply]]


async def _or_kept(call: Call, attempt: Attempt) -> Reply:
    """Run a write once: a repetition gets the kept answer, whichever transaction wrote it.

    Hardly any request is one. So nobody looks first whether an answer is kept: what is written for a repetition is
    rolled back when its answer is to be kept as well, or what it finds done refuses it, and then the kept one is read.
    """
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
