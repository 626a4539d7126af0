"""Numbers that were given out in a part of life that is lost: restored books pass over them, and give them to nobody.

Whoever names such a number is told that what it was is lost, where any other unknown number was never anybody's.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from hashrail import clock
from hashrail.db import Reader, Tx, record

# A server that has replayed a log goes on behind so many numbers, of which the lost one has given out some. The first
# of them as well: a number is in the log before the commit of whoever took it, which may be what is lacking.
LOGGED_AHEAD = 32
# What callers know by a number.
Sequence: TypeAlias = Literal["api_key_id_seq", "app_user_id_seq", "miner_id_seq", "withdrawal_id_seq"]


@dataclass(frozen=True, slots=True)
class Gap:
    """The numbers of a sequence that are passed over, both ends included."""

    sequence: str
    from_number: int
    to_number: int


async def told(reader: Reader, sequence: Sequence, number: int) -> dict[str, object]:
    """Details for the refusal of a number that nothing in the books has: nothing, or that it may be lost."""
    restored_at = await reader.fetchval(
        """SELECT max(r.restored_at) FROM restored_gap g JOIN restoration r ON r.id = g.restoration_id
           WHERE g.sequence = $1 AND $2 BETWEEN g.from_number AND g.to_number""",
        sequence,
        number,
    )
    return {} if restored_at is None else {"lost": True, "restoredAt": clock.iso(restored_at)}


async def move_on(tx: Tx, restoration_id: int, heights: dict[str, int], *, margin: int) -> list[Gap]:
    """Let every sequence go on behind what it may have given out: its own number or the height told, and a margin.

    It happens with the commit, as everything else does. Where partners are spread over servers, numbers are the
    coordinator's, and its sequences are what moves: those of the other servers give none out.
    """
    rows = await tx.fetch(
        """INSERT INTO restored_gap (restoration_id, sequence, from_number, to_number)
           SELECT $1, s.sequencename, greatest(coalesce(s.last_value - $5, s.start_value), s.start_value),
                  greatest(coalesce(s.last_value, s.start_value), coalesce(h.number, 0)) + $2
           FROM pg_sequences s
           LEFT JOIN unnest($3::text[], $4::bigint[]) AS h (name, number) ON h.name = s.sequencename
           WHERE s.schemaname = 'public'
           RETURNING sequence, from_number, to_number""",
        restoration_id,
        margin,
        list(heights),
        list(heights.values()),
        LOGGED_AHEAD,
    )
    # Unlike setval, this is undone when the transaction is. The last number is taken, as if it had been given out.
    # Citus refuses to alter a sequence on all servers; elsewhere nobody knows the setting.
    await tx.execute("SELECT set_config('citus.enable_ddl_propagation', 'off', true)")
    await tx.execute(
        """DO $$
           DECLARE gap record;
           BEGIN
               FOR gap IN SELECT sequence, to_number FROM restored_gap
                          WHERE restoration_id = (SELECT max(id) FROM restoration) LOOP
                   EXECUTE format('ALTER SEQUENCE public.%I RESTART WITH %s', gap.sequence, gap.to_number);
                   PERFORM nextval(format('public.%I', gap.sequence)::regclass);
               END LOOP;
           END $$"""
    )
    return sorted((record(Gap, row) for row in rows), key=lambda gap: gap.sequence)
