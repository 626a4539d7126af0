"""What this process has answered and is to be kept for partners: gathered in memory, written down once a second.

A log is no reason to answer late or to fail: what cannot be written is lost, a partner has so many a second at most,
and where reads are not kept they cost nothing. A process that is killed takes its last second along.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import structlog

from hashrail import db
from hashrail.access import call_log
from hashrail.access.call_log import Answered
from hashrail.errors import UnavailableError
from hashrail.settings import Settings

FLUSH_SECONDS = 1.0
# Of one partner and of all, between two times of writing.
MOST_OF_A_PARTNER, MOST = 200, 5000
MAX_MESSAGE, MAX_TEXT = 300, 4000
# What of a refusal's details says why; the signed text is told by sandboxes alone.
EXPLAINING = (
    *("field", "cause", "explanation", "signedText", "scope", "address", "origin"),
    *("serverTime", "skewMs", "recvWindow", "seconds"),
)
# Refusals, and what changes something, are kept in any case.
READS, REFUSED = ("GET", "HEAD", "OPTIONS"), 400
log = structlog.get_logger()


class Calls:
    """Of one process, since they were last written down."""

    def __init__(self, settings: Settings) -> None:
        self._is_on = settings.call_log_days > 0
        self._reads = settings.mode == "sandbox" if settings.call_log_reads is None else settings.call_log_reads
        self._kept: list[Answered] = []
        self._of: Counter[int] = Counter()
        self._left_out = 0

    def keeps(self, method: str, status: int) -> bool:
        """Whether a request of this method with this status is kept."""
        return self._is_on and (self._reads or status >= REFUSED or method not in READS)

    def add(self, answered: Answered) -> None:
        """One more, if there is room."""
        if self._of[answered.partner_id] >= MOST_OF_A_PARTNER or len(self._kept) >= MOST:
            self._left_out += 1
            return
        self._of[answered.partner_id] += 1
        self._kept.append(answered)

    async def write_down(self, pool: db.Pool) -> None:
        """Write down what was gathered."""
        kept, left_out = self._kept, self._left_out
        self._kept, self._of, self._left_out = [], Counter(), 0
        if left_out:
            log.warning("requests are not kept for partners", requests=left_out)
        if kept:
            async with db.transaction(pool) as tx:
                await call_log.keep(tx, kept)

    async def go_on(self, pool: db.Pool) -> None:
        """Write down what is gathered, for as long as the process lives, and once more when it stops."""
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                with suppress(UnavailableError, *db.DATABASE_ERRORS):
                    await self.write_down(pool)
        finally:
            with suppress(UnavailableError, *db.DATABASE_ERRORS):
                await self.write_down(pool)


def explained(details: Mapping[str, object]) -> dict[str, Any]:
    """What of a refusal's details is kept."""
    found = {name: details[name] for name in EXPLAINING if details.get(name) is not None}
    return {name: value[:MAX_TEXT] if isinstance(value, str) else value for name, value in found.items()}
