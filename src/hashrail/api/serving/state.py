"""What an API process holds beside its deployment: keys of tokens, budgets, and what it remembers of keys and partners.

An API key, what a session reaches or a partner's list of origins that was read is trusted for `key_cache_seconds`; a
change of them is announced by PostgreSQL and forgets them at once, so the seconds only bound what a lost announcement
can cost. While the line is cut on which changes are announced, they are five at most.

Tokens and signatures are judged by the machine's clock, so nothing is answered while it is far from the database's.

The epoch, in which tokens count, is read anew when a new one is announced and whenever the line was cut; the journal
beside the database is written and compared with the books then as well. Books that lack what it tells answer nothing.
Whenever the journal grows, what its file lacks is written.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog

from hashrail import clock, db
from hashrail.access import api_keys, origins, read_tokens, session_grants, sessions
from hashrail.access.api_keys import ApiKey
from hashrail.access.rate_budgets import Budgets
from hashrail.access.session_grants import Family, Grant
from hashrail.access.ton_endpoint import TonGateway
from hashrail.alarms.counts import COUNTS, FLUSH_SECONDS
from hashrail.api.serving import standbys
from hashrail.api.serving.answer_cache import AnswerCache
from hashrail.api.serving.gathering import Gatherings
from hashrail.api.serving.growth import Growth
from hashrail.api.serving.kept_calls import Calls
from hashrail.api.serving.turns import Turns
from hashrail.business_clock import Witness
from hashrail.deployment import facts, journal, journal_file, opened
from hashrail.deployment.opened import Deployment
from hashrail.errors import UnavailableError
from hashrail.events import feed
from hashrail.postgres.replicas import Replicas, open_replicas
from hashrail.recovery import lost
from hashrail.recovery.lost import BooksAreOlderError
from hashrail.settings import Settings
from hashrail.vault import Vault

MAX_REMEMBERED = 10_000
RECONNECT_SECONDS = 1.0
# How long the first request waits for a line to listen on.
HEARING_SECONDS = 10
# A server that is gone without a word announces nothing: it is asked whether it is there.
PROBE_SECONDS = 10
# So long at most what was read is trusted while nothing can be announced, whatever is set.
DEAF_SECONDS = 5
# After the journal is written it rests for so many times as long as that took, and no longer than so many seconds.
JOURNAL_RESTS = 19
JOURNAL_SECONDS = 0.25
log = structlog.get_logger()
K = TypeVar("K")
V = TypeVar("V")


@dataclass
class Cache(Generic[K, V]):
    """What was read lately; that there is nothing to read is remembered too, apart from what there is.

    Strangers may ask for as many keys as they like that nobody has: these push out each other only.
    """

    load: Callable[[K], Awaitable[V]]
    seconds: int
    # Whether changes are announced to nobody just now: what is kept counts for less then.
    is_deaf: bool = False
    _read: dict[K, tuple[V, float]] = field(default_factory=dict)
    _absent: dict[K, tuple[V, float]] = field(default_factory=dict)
    _changes: int = 0

    def kept(self, key: K) -> V | None:
        """What was read for the key within the last seconds; None where there was nothing, or it is to be read."""
        found = self._read.get(key)
        return found[0] if found is not None and self._is_fresh(found[1]) else None

    async def get(self, key: K) -> V:
        """What is read for the key, or was within the last seconds, counted from before it was read."""
        found = self._read.get(key) or self._absent.get(key)
        if found is not None and self._is_fresh(found[1]):
            return found[0]
        changes, began_seconds = self._changes, clock.monotonic()
        loaded = await self.load(key)
        if self._changes != changes:
            return loaded  # something was announced meanwhile, perhaps of this: it is read anew next time
        self._drop(key)
        kept = self._absent if loaded is None else self._read
        if len(kept) >= MAX_REMEMBERED:
            kept.clear()
        kept[key] = (loaded, began_seconds)
        return loaded

    def _is_fresh(self, began_seconds: float) -> bool:
        trusted_seconds = min(self.seconds, DEAF_SECONDS) if self.is_deaf else self.seconds
        return clock.monotonic() < began_seconds + trusted_seconds

    def has_seen(self, key: K) -> bool:
        """Whether there was something to read once, however long ago."""
        return key in self._read

    def forget(self, key: K) -> None:
        """Read anew at the key's next use."""
        self._changes += 1
        self._drop(key)

    def _drop(self, key: K) -> None:
        self._read.pop(key, None)
        self._absent.pop(key, None)

    def forget_where(self, has_changed: Callable[[K], bool]) -> None:
        """Read anew what has changed."""
        self._changes += 1
        for key in [key for key in (*self._read, *self._absent) if has_changed(key)]:
            self._drop(key)

    def forget_all(self) -> None:
        """Read everything anew: announcements may have been lost."""
        self._changes += 1
        self._read.clear()
        self._absent.clear()


@dataclass(frozen=True)
class Known:
    """What a process remembers: keys by their text, sessions and read tokens by partner and id, origins by partner."""

    keys: Cache[str, ApiKey | None]
    grants: Cache[tuple[int, str], Grant | None]
    origins: Cache[int, frozenset[str]]

    def key_changed(self, key: str) -> None:
        """Forget a key, and what the sessions that it opened reach."""
        self.keys.forget(key)
        partner_id = api_keys.partner_of_key(key)
        self.grants.forget_where(lambda session: session[0] == partner_id)

    def session_changed(self, which: str) -> None:
        """Forget a session, or all of a partner's."""
        partner, _, session_id = which.partition(":")
        if session_id:
            self.grants.forget((int(partner), session_id))
        else:
            self.grants.forget_where(lambda session: session[0] == int(partner))

    def hear_again(self) -> None:
        """Changes are announced from now on: read everything anew, for nobody has heard those before."""
        for cache in (self.keys, self.grants, self.origins):
            cache.is_deaf = False
            cache.forget_all()

    def hear_nothing(self) -> None:
        """The line is lost on which changes are announced."""
        for cache in (self.keys, self.grants, self.origins):
            cache.is_deaf = True


@dataclass
class Serving:
    """Everything that a request may need; one object a process."""

    deployment: Deployment
    signing_keys: sessions.SigningKeys
    known: Known
    budgets: Budgets
    turns: Turns
    calls: Calls
    background: "list[asyncio.Task[None]]" = field(default_factory=list)
    ton: TonGateway | None = None
    answers: AnswerCache = field(default_factory=AnswerCache)
    # One answer of many records at a time, in turns of the partners.
    heavy: Turns = field(default_factory=lambda: Turns(1))
    # Whether the journal tells of what the books have lost: then no request is answered.
    are_books_older: bool = False
    # This machine's clock, which judges tokens and signatures, beside the database's.
    witness: Witness = field(default_factory=Witness)
    # Set when the epoch and the journal are to be looked at, and when the journal has only grown.
    news: asyncio.Event = field(default_factory=asyncio.Event)
    grown: asyncio.Event = field(default_factory=asyncio.Event)
    # Set since this process hears what changes, for the first time.
    hears: asyncio.Event = field(default_factory=asyncio.Event)
    # Writes of one partner that share a transaction.
    gatherings: Gatherings = field(default_factory=Gatherings)
    # Standbys that may be read from, where the operator names some.
    replicas: Replicas | None = None
    # Who waits for events.
    growth: Growth = field(default_factory=Growth)

    def assert_may_answer(self) -> None:
        """The books lack nothing that the journal tells, and the time is right, as far as this process knows.

        Raises BooksAreOlderError, ClockDiffersError.
        """
        if self.are_books_older:
            raise BooksAreOlderError("the books lack what the journal beside them tells")
        self.witness.assert_agrees()

    async def close(self) -> None:
        """Give every connection back."""
        for task in self.background:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if self.ton is not None:
            await self.ton.close()
        if self.replicas is not None:
            await self.replicas.close()
        await self.deployment.close()


async def open_serving(settings: Settings, dsn: str) -> Serving:
    """Open the deployment, read the signing keys and listen for what changes.

    Raises JournalNotWriteableError, BooksAreOlderError, and what `db.prove_pooler` does.
    """
    journal_file.check(settings.journal_file)
    deployment = await _opened(settings, dsn)
    # This process gives out addresses to deposit at and signs nothing.
    deployment = await opened.with_chain(deployment, signs=False)
    pool, vault = deployment.pool, deployment.vault
    async with db.transaction(pool) as tx:
        signing_keys = await sessions.load_signing_keys(tx, vault)
    await lost.assert_none(pool, settings.journal_file)
    known = _caches(pool, vault, settings.key_cache_seconds)
    turns, ton = Turns.of(settings.database_connections), _ton_gateway(settings)
    serving = Serving(deployment, signing_keys, known, Budgets(pool), turns, Calls(settings), ton=ton)
    serving.replicas = await open_replicas(dsn, settings)
    background = [
        *(_listen(dsn, serving), _keep_up(serving), _write_journal(serving)),
        *(_keep_counts(pool), serving.calls.go_on(pool)),
    ]
    if serving.replicas is not None:
        background += [each.look_on(standbys.noted) for each in serving.replicas.standbys]
    serving.background += [asyncio.create_task(each) for each in background]
    # It begins with what is so now. Where it cannot listen, it still serves: what it remembers is bounded by seconds.
    with suppress(TimeoutError):
        await asyncio.wait_for(serving.hears.wait(), HEARING_SECONDS)
    return serving


async def _opened(settings: Settings, dsn: str) -> Deployment:
    """The deployment, by way of the pooler where there is one for this process."""
    connections, pooler = settings.database_connections, settings.database_pooler_url
    if pooler is None:
        return await opened.open_deployment(settings, dsn, connections=connections)
    await db.prove_pooler(pooler, dsn)
    pool = await db.open_pooled(pooler, connections)
    with ExitStack() as undo:
        undo.callback(pool.terminate)
        made = await opened.on_pool(pool, settings)
        undo.pop_all()
    return made


def _ton_gateway(settings: Settings) -> TonGateway | None:
    """The TON endpoint, if the operator names one."""
    if settings.ton_rpc_url is None:
        return None
    return TonGateway(
        settings.ton_rpc_url, api_key=settings.ton_rpc_api_key, timeout_seconds=settings.ton_rpc_timeout_seconds
    )


def _caches(pool: db.Pool, vault: Vault, seconds: int) -> Known:
    """What this process will remember, as it is read."""

    async def load_key(key: str) -> ApiKey | None:
        async with db.transaction(pool) as tx:
            loaded = await api_keys.load_key(tx, vault, key)
            if loaded is not None and loaded.revoked_at is None:
                await api_keys.touch_key(tx, loaded.partner_id, loaded.id)
            return loaded

    async def load_origins(partner_id: int) -> frozenset[str]:
        async with db.transaction(pool) as tx:
            return await origins.load(tx, partner_id)

    async def load_grant(session: tuple[int, str]) -> Grant | None:
        partner_id, session_id = session
        if read_tokens.NAMED.fullmatch(session_id):
            async with db.transaction(pool) as tx:
                return await read_tokens.grant(tx, partner_id, session_id)
        family = Family.read(session_id)
        if family is None:
            return None
        async with db.transaction(pool) as tx:
            return await session_grants.of_session(tx, partner_id, family)

    return Known(
        Cache(load_key, seconds, is_deaf=True),
        Cache(load_grant, seconds, is_deaf=True),
        Cache(load_origins, seconds, is_deaf=True),
    )


async def _keep_up(serving: Serving) -> None:
    """Read the epoch and write the journal whenever there are news, for as long as the process lives."""
    deployment = serving.deployment
    path = deployment.settings.journal_file
    while True:
        await serving.news.wait()
        serving.news.clear()
        try:
            async with db.transaction(deployment.pool) as tx:
                serving.signing_keys = await sessions.load_signing_keys(tx, deployment.vault)
            await journal_file.write_down(deployment.pool, path)
            await lost.assert_none(deployment.pool, path)
            serving.are_books_older = False
        except (UnavailableError, *db.DATABASE_ERRORS) as error:
            serving.are_books_older |= isinstance(error, BooksAreOlderError)
            log.warning("this process is not up to date", cause=str(error))
            await asyncio.sleep(RECONNECT_SECONDS)
            serving.news.set()


async def _write_journal(serving: Serving) -> None:
    """Write what the journal's file lacks whenever the journal grows, for as long as the process lives.

    Where it grows all the time, a twentieth of the time is enough: the rest is for requests.
    """
    while True:
        await serving.grown.wait()
        serving.grown.clear()
        began = clock.monotonic()
        try:
            await journal_file.write_down(serving.deployment.pool, serving.deployment.settings.journal_file)
        except (UnavailableError, *db.DATABASE_ERRORS):
            serving.news.set()  # whoever keeps up says why, and tries until it is written
        await asyncio.sleep(min(JOURNAL_SECONDS, JOURNAL_RESTS * (clock.monotonic() - began)))


async def _keep_counts(pool: db.Pool) -> None:
    """Write down what alarms ask about, for as long as the process lives, and once more when it stops."""
    try:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            with suppress(UnavailableError, *db.DATABASE_ERRORS):
                await COUNTS.write_down(pool)
    finally:
        with suppress(UnavailableError, *db.DATABASE_ERRORS):
            await COUNTS.write_down(pool)


async def _listen(dsn: str, serving: Serving) -> None:
    """Forget what is announced as changed, for as long as the process lives; connect again when cut off."""
    while True:
        try:
            await _listen_until_cut_off(dsn, serving)
        except (UnavailableError, *db.DATABASE_ERRORS) as error:
            log.warning("this process hears of no changes", code=_code(error), cause=str(error))
        await asyncio.sleep(RECONNECT_SECONDS)


def _code(error: BaseException) -> str | None:
    """The stable code of what the database refuses; None where it has none."""
    refused = db.refusal(error)
    return None if refused is None else refused.code


async def _listen_until_cut_off(dsn: str, serving: Serving) -> None:
    heard: dict[str, Callable[[str], None]] = {
        api_keys.KEYS_CHANGED: serving.known.key_changed,
        session_grants.SESSIONS_CHANGED: serving.known.session_changed,
        origins.ORIGINS_CHANGED: lambda text: serving.known.origins.forget(int(text)),
        facts.EPOCH_BEGINS: lambda _: serving.news.set(),
        journal.JOURNAL_GROWS: lambda _: serving.grown.set(),
        feed.FEED_GROWS: lambda text: serving.growth.grew(int(text)),
    }

    def changed(_connection: object, _pid: int, channel: str, what: object) -> None:
        heard[channel](str(what))

    lost_line = asyncio.Event()
    connection = await db.connect(dsn)
    try:
        connection.add_termination_listener(lambda _: lost_line.set())
        for channel in heard:
            await connection.add_listener(channel, changed)
        serving.witness.saw(await db.probe(connection, PROBE_SECONDS))
        # Nobody has heard what was announced before, since this process began or was cut off.
        serving.known.hear_again()
        serving.news.set()
        serving.hears.set()
        while not lost_line.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(lost_line.wait(), PROBE_SECONDS)
                return
            serving.witness.saw(await db.probe(connection, PROBE_SECONDS))
    finally:
        serving.known.hear_nothing()
        # Whoever listens has nothing to end in good order, and a line that is dead could not be asked to.
        connection.terminate()
