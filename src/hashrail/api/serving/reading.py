"""Where a read is answered: by a hot standby that has replayed what the caller must be shown, or by the primary.

Operations say themselves that a standby may answer them. A caller who names the position of an answer before is shown
at least that, and a caller who names none whatever was committed when they asked. Whatever a standby cannot do the
primary does, once more from the beginning: a read has changed nothing.
"""

from contextlib import suppress
from typing import TypeVar

import msgspec
from msgspec import Struct

from hashrail import db
from hashrail.api.serving import running
from hashrail.api.serving.call import Call, Reply
from hashrail.api.serving.running import Read
from hashrail.api.serving.standbys import HERE, NOBODY, READS
from hashrail.errors import HashrailError, UnavailableError
from hashrail.postgres import positions
from hashrail.postgres.positions import Position
from hashrail.postgres.replicas import CANCELLED, WAIT_SECONDS, NotReplayedError, Reading, Replicas

POSITION_HEADER = "x-hashrail-position"
F = TypeVar("F", bound=Struct)


async def read(handler: Read[F], call: Call, fields: F) -> Reply:
    """The reply of a read that a standby may give."""
    replicas = call.serving.replicas
    if replicas is None:
        return await running.read(handler, call, fields)
    named = sent(call)
    reply, outcome = await _from_standbys(replicas, named, handler, call, fields)
    READS.labels(outcome).inc()
    if reply is not None:
        return reply
    reply = await running.read(handler, _afresh(call, None), fields)
    return reply if named is None else await told(replicas, reply)


async def told(replicas: Replicas | None, reply: Reply) -> Reply:
    """The reply with a position that covers all that it tells and has done; without one where nobody knows it."""
    if replicas is not None:
        with suppress(UnavailableError, *db.DATABASE_ERRORS):
            return _at(reply, (await replicas.primary.now()).position)
    return reply


def sent(call: Call) -> Position | None:
    """What the caller names; a header that came twice, or is none of ours, names nothing."""
    values = [value for name, value in call.arrival.headers if name == POSITION_HEADER]
    return positions.read(values[0]) if len(values) == 1 else None


async def _from_standbys(
    replicas: Replicas, named: Position | None, handler: Read[F], call: Call, fields: F
) -> tuple[Reply | None, str]:
    """The reply of a standby, None where the primary has to give it, and how it came to that."""
    outcome = NOBODY
    try:
        said = await replicas.wanted(named)
    except (UnavailableError, *db.DATABASE_ERRORS):
        return None, outcome
    for place, standby in enumerate(replicas.serving()):
        # One is waited for; the others have it by then, or the primary answers.
        reading = Reading(standby, said, 0 if place else WAIT_SECONDS, notes=named is not None)
        try:
            reply = await running.read(handler, _afresh(call, reading), fields)
        except (NotReplayedError, UnavailableError, *db.DATABASE_ERRORS) as error:
            failure = reading.failure(error)
            if failure is None:
                raise
            outcome = failure
            if outcome == CANCELLED:
                break  # it was under way for long, perhaps
            continue
        except HashrailError:
            READS.labels(HERE).inc()
            raise
        return (reply if reading.seen is None else _at(reply, reading.seen)), HERE
    return None, outcome


def _afresh(call: Call, reading: Reading | None) -> Call:
    """The call as it was when it began."""
    call.headers.clear()
    call.cost.rows = 0
    return msgspec.structs.replace(call, reading=reading)


def _at(reply: Reply, position: Position) -> Reply:
    return msgspec.structs.replace(reply, headers=reply.headers | {POSITION_HEADER: str(position)})
