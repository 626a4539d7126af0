"""Whether PostgreSQL hands on its write-ahead log, where it was told to archive it continuously.

What is handed on can be restored to any moment. What is not would be lost with the machine, and fills its disk.
"""

from dataclasses import dataclass
from datetime import datetime

from hashrail.db import Reader, record

# A server that has begun, or forgotten its figures, was not idle before that.
LOOK = """
    SELECT greatest(last_archived_time, stats_reset, pg_postmaster_start_time()) AS until,
           CASE WHEN last_failed_time > coalesce(last_archived_time, '-infinity') THEN last_failed_wal END AS failing
    FROM pg_stat_archiver WHERE current_setting('archive_mode') <> 'off'"""


@dataclass(frozen=True, slots=True)
class Archiving:
    """Until when what was written is in the archive, the database's time; `failing` is a file that it has refused."""

    until: datetime
    failing: str | None


async def look(reader: Reader) -> Archiving | None:
    """How it stands; None where the server archives nothing."""
    row = await reader.fetchrow(LOOK)
    return None if row is None else record(Archiving, row)
