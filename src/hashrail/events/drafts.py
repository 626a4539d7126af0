"""Drafts of events: written in the transaction of what happened, so that they are there when it is, and only then.

A draft has no position yet: `feed.append_drafts` gives it one when the transaction has committed. Drafts of one object
are in the order in which they happened, since whoever changes an object holds its lock.
"""

import secrets

import msgspec

from hashrail import clock
from hashrail.db import Tx
from hashrail.events.event import Event

NAME_BYTES = 16
_ENCODER = msgspec.json.Encoder(decimal_format="number")
# Most transactions tell one thing: without a set it takes a third less.
_WRITE_ONE = f"""
    INSERT INTO event_draft (partner_id, name, type, version, object_kind, object_id, data, occurred_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7,
            {clock.DATABASE_NOW}
                + (SELECT offset_us FROM business_clock WHERE id = 1) * interval '1 microsecond')"""  # noqa: S608
_WRITE = f"""
    INSERT INTO event_draft (partner_id, name, type, version, object_kind, object_id, data, occurred_at)
    SELECT $1, e.name, e.type, e.version, e.object_kind, e.object_id, e.data,
           {clock.DATABASE_NOW} + c.offset_us * interval '1 microsecond'
    FROM unnest($2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::text[])
             WITH ORDINALITY AS e (name, type, version, object_kind, object_id, data, number)
    CROSS JOIN business_clock c
    WHERE c.id = 1
    ORDER BY e.number"""  # noqa: S608


async def note(tx: Tx, partner_id: int, *events: Event) -> None:
    """Tell the partner what this transaction does, in this order; with the rollback they are gone as well."""
    if len(events) == 1:
        (one,) = events
        data = _ENCODER.encode(one).decode()
        name = secrets.token_hex(NAME_BYTES)
        await tx.execute(_WRITE_ONE, partner_id, name, one.TYPE, one.VERSION, one.KIND, one.object_id, data)
        return
    await tx.execute(
        _WRITE,
        partner_id,
        [secrets.token_hex(NAME_BYTES) for _ in events],
        [each.TYPE for each in events],
        [each.VERSION for each in events],
        [each.KIND for each in events],
        [each.object_id for each in events],
        [_ENCODER.encode(each).decode() for each in events],
    )
