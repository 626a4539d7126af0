"""Hot standbys that may be read from, each as long as it is good for it.

A read that goes to a standby says how far it must have replayed. The connection that is read from is asked itself,
before what it reads is settled, so it does not matter what stands between; it is waited for a short while, and asked
again after the read, so that whoever has seen its state can name it.

One that cannot be reached, lags, follows nobody or follows another history is set aside: it is looked at again, more
and more seldom, and serves as soon as it is good.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from hashrail import clock, database_url, db
from hashrail.db import Pool, Tx
from hashrail.errors import UnavailableError
from hashrail.postgres import positions
from hashrail.postgres.positions import ASK_SECONDS, Position, Primary, Replayed, Said
from hashrail.settings import BadSettingError, Settings

# How long a read waits for a standby to catch up, and in which steps it looks.
WAIT_SECONDS = 0.25
FIRST_STEP_SECONDS = 0.001
LONGEST_STEP_SECONDS = 0.02
# A standby all of whose connections are used is no quicker than the primary.
ACQUIRE_SECONDS = 0.5
LOOK_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
# Why one is set aside.
AWAY, LAGS, PROMOTED, OTHER_HISTORY, UNSEEN = "away", "lags", "follows nobody", "another history", "not seen yet"
# What a standby could not do may be done on the primary: it is away, or replay needed what the read was looking at.
AWAY_FROM_HERE = (db.DatabaseDownError, db.DatabaseRightsError, db.DatabasePooledError)
NOT_HERE = (db.BusyError, db.DatabaseFullError, db.DatabaseReadOnlyError)
BEHIND, CANCELLED = "behind", "cancelled"
log = structlog.get_logger()


class NotReplayedError(Exception):
    """A standby does not have what a read has to see; the primary has."""


def targets(settings: Settings) -> list[str]:
    """URLs of the standbys, each of which can be read. Raises BadSettingError, of DATABASE_READ_URLS."""
    for url in settings.read_urls:
        try:
            found = database_url.read(url)
        except BadSettingError as error:
            raise BadSettingError(
                error.message.replace("DATABASE_URL", "DATABASE_READ_URLS"), **error.details
            ) from error
        if len(found.places()) > 1:
            raise BadSettingError("DATABASE_READ_URLS: an URL names one server; separate several by commas")
    return settings.read_urls


@dataclass
class Standby:
    """One standby: its name without secrets, its connections once it let us in, and why it is set aside."""

    name: str
    url: str
    connections: int
    primary: Primary
    max_lag_seconds: float
    pool: "Pool | None" = None
    aside: str | None = UNSEEN
    aside_since_seconds: float = field(default_factory=clock.monotonic)
    lag_seconds: float = 0.0

    async def look(self) -> None:
        """See whether it is good to be read from."""
        try:
            said = await self.primary.now()
        except (UnavailableError, *db.DATABASE_ERRORS):
            return  # nothing is known of it, and who reads asks the primary, or is told that it is away
        try:
            pool = await self._opened()
            found = await positions.replayed(db.checked(pool, seconds=ASK_SECONDS))
        except db.BusyError as error:
            if pool.get_size() < pool.get_max_size():
                self.set_aside(AWAY, str(error))  # one more could be opened, and was not
            return  # or those who read hold all of them
        except (UnavailableError, BadSettingError, *db.DATABASE_ERRORS) as error:
            self.set_aside(AWAY, str(error))
            return
        self._judge(found, said)

    async def look_on(self, told: "Callable[[Standby], None]") -> None:
        """Look again and again, more seldom while it is set aside; `told` hears of each look."""
        pause_seconds = LOOK_SECONDS
        while True:
            await self.look()
            told(self)
            pause_seconds = LOOK_SECONDS if self.aside is None else min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(pause_seconds)

    def set_aside(self, why: str, cause: str = "") -> None:
        """From now on others answer; it is looked at again later."""
        if self.aside in (None, UNSEEN):
            self.aside_since_seconds = clock.monotonic()
        if self.aside != why:
            log.warning("a standby is set aside", standby=self.name, why=why, cause=cause)
        self.aside = why

    async def close(self) -> None:
        """Give its connections back."""
        if self.pool is not None:
            self.pool.terminate()

    def assert_follows(self, found: Replayed, said: Said) -> None:
        """It follows, and in the history of the primary. Raises NotReplayedError; it is set aside where it does not."""
        if not found.follows:
            self.set_aside(PROMOTED)
            raise NotReplayedError
        if found.mark != said.mark:
            self.set_aside(OTHER_HISTORY)
            raise NotReplayedError

    def _judge(self, found: Replayed, said: Said) -> None:
        with suppress(NotReplayedError):
            self.assert_follows(found, said)
            self.lag_seconds = self.primary.lag_seconds(found.offset)
            if self.lag_seconds > self.max_lag_seconds:
                self.set_aside(LAGS, f"{self.lag_seconds:.1f} s")
                return
            if self.aside not in (None, UNSEEN):
                log.info("a standby serves again", standby=self.name)
            self.aside = None

    async def _opened(self) -> Pool:
        if self.pool is None:
            self.pool = await db.open_pool(self.url, self.connections)
        return self.pool


class Reading:
    """One read from a standby that must have replayed what `said` tells; `pool` are its connections.

    Where it `notes`, `seen` is how far the standby was after the read.
    """

    def __init__(self, standby: Standby, said: Said, wait_seconds: float, *, notes: bool) -> None:
        assert standby.pool is not None, "one that serves has let us in"
        self.standby = standby
        self.seen: Position | None = None
        self._said = said
        self._wait_seconds = wait_seconds
        after = self._note if notes else None
        self.pool = db.checked(standby.pool, before=self._reach, after=after, seconds=ACQUIRE_SECONDS)

    async def renew(self) -> None:
        """What is committed by now has to be seen as well."""
        self._said = await self.standby.primary.now()

    def failure(self, error: Exception) -> str | None:
        """What went wrong at the standby, so that the read is done elsewhere; None where it is not the standby's.

        One that is away is set aside.
        """
        if isinstance(error, NotReplayedError):
            return BEHIND
        refused = db.refusal(error)
        if isinstance(refused, AWAY_FROM_HERE):
            self.standby.set_aside(AWAY, str(error))
            return AWAY
        return CANCELLED if isinstance(refused, NOT_HERE) else None

    async def _reach(self, connection: Tx) -> None:
        """Wait until it has replayed enough. Raises NotReplayedError."""
        deadline, step_seconds = clock.monotonic() + self._wait_seconds, FIRST_STEP_SECONDS
        while True:
            found = await positions.replayed(connection)
            self.standby.assert_follows(found, self._said)
            if found.offset >= self._said.position.offset:
                return
            if clock.monotonic() >= deadline:
                raise NotReplayedError
            await asyncio.sleep(step_seconds)
            step_seconds = min(2 * step_seconds, LONGEST_STEP_SECONDS)

    async def _note(self, connection: Tx) -> None:
        """How far it is after the read, which has seen no more than that.

        Raises NotReplayedError where it was promoted meanwhile: then what it has seen has no position in this history.
        """
        found = await positions.replayed(connection)
        self.standby.assert_follows(found, self._said)
        now = Position(self._said.position.timeline, found.offset)
        self.seen = now if self.seen is None else max(self.seen, now)


class Replicas:
    """The standbys of a process, and the primary that they follow."""

    def __init__(self, pool: Pool, standbys: Sequence[str], connections: int, max_lag_seconds: float) -> None:
        self.primary = Primary(pool)
        self.standbys = [Standby(_name(url), url, connections, self.primary, max_lag_seconds) for url in standbys]
        self._pool = pool
        self._max_lag_seconds = max_lag_seconds
        self._turn = 0

    async def wanted(self, sent: Position | None) -> Said:
        """What a read has to see. Raises what the database raises that is away.

        Whoever names a position is shown a state that has it, and is not older than a standby may be. Everybody else,
        and whoever names one that the primary is not known to have reached, is shown what is committed by now.
        """
        recent = self.primary.recent(self._max_lag_seconds)
        if sent is None or recent is None or not self.primary.has_reached(sent):
            return await self.primary.now()
        return Said(max(sent, recent.position), recent.mark)

    def serving(self) -> list[Standby]:
        """Who may be read from, beginning with another one each time."""
        good = [each for each in self.standbys if each.aside is None]
        self._turn += 1
        first = self._turn % len(good) if good else 0
        return good[first:] + good[:first]

    async def close(self) -> None:
        """Give every connection back."""
        for each in self.standbys:
            await each.close()
        self._pool.terminate()


async def open_replicas(dsn: str, settings: Settings) -> Replicas | None:
    """The standbys of the settings, none of them looked at yet; None where there are none. Raises BadSettingError.

    The primary is asked for positions on a connection of its own: whoever reads does not wait for those who write.
    """
    urls = targets(settings)
    if not urls:
        return None
    pool = await db.open_pool(dsn, connections=1)
    return Replicas(pool, urls, settings.database_connections, settings.database_read_max_lag_seconds)


def _name(url: str) -> str:
    """Host, port and database, without what is secret."""
    options = database_url.read(url).options
    host = options.get("hostaddr") or options.get("host") or "localhost"
    return f"{host}:{options.get('port', '5432')}/{options.get('dbname', '')}"
