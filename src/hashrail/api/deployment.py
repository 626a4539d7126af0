"""What an API process holds: settings, the pool, the vault, and what it may remember of keys and partners.

An API key or a partner's list of origins that was read is trusted for `key_cache_seconds`; a change of them is
announced by PostgreSQL and forgets them at once, so the seconds only bound what a lost announcement can cost.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import asyncpg

from hashrail import clock, db, origins, partners, sessions
from hashrail.api.answer_cache import AnswerCache
from hashrail.budgets import Budgets
from hashrail.gateways.chain import Chain
from hashrail.gateways.chains import open_for
from hashrail.gateways.ton import TonGateway
from hashrail.partners import ApiKey
from hashrail.settings import Settings
from hashrail.vault import Vault, open_vault

MOST_REMEMBERED = 10_000
RECONNECT_SECONDS = 1.0
K = TypeVar("K")
V = TypeVar("V")


@dataclass
class Cache(Generic[K, V]):
    """What was read lately; that there is nothing to read is remembered too, apart from what there is.

    Strangers may ask for as many keys as they like that nobody has: these push out each other only.
    """

    load: Callable[[K], Awaitable[V]]
    seconds: int
    _read: dict[K, tuple[V, float]] = field(default_factory=dict)
    _absent: dict[K, tuple[V, float]] = field(default_factory=dict)

    async def get(self, key: K) -> V:
        """What is read for the key, or was within the last seconds."""
        found = self._read.get(key) or self._absent.get(key)
        if found is not None and clock.monotonic() < found[1]:
            return found[0]
        loaded = await self.load(key)
        self.forget(key)
        kept = self._absent if loaded is None else self._read
        if len(kept) >= MOST_REMEMBERED:
            kept.clear()
        kept[key] = (loaded, clock.monotonic() + self.seconds)
        return loaded

    def forget(self, key: K) -> None:
        """Read anew at the key's next use."""
        self._read.pop(key, None)
        self._absent.pop(key, None)

    def forget_all(self) -> None:
        """Read everything anew: announcements may have been lost."""
        self._read.clear()
        self._absent.clear()


@dataclass
class Deployment:
    """Everything that a request may need; one object a process."""

    settings: Settings
    pool: db.Pool
    vault: Vault
    signing_keys: sessions.SigningKeys
    keys: Cache[str, ApiKey | None]
    origins: Cache[int, frozenset[str]]
    budgets: Budgets
    listening: "asyncio.Task[None]"
    ton: TonGateway | None = None
    chain: Chain | None = None
    answers: AnswerCache = field(default_factory=AnswerCache)

    @property
    def sandbox(self) -> bool:
        """Whether the clock may be moved and refusals are explained."""
        return self.settings.mode == "sandbox"

    async def close(self) -> None:
        """Give every connection back."""
        self.listening.cancel()
        with suppress(asyncio.CancelledError):
            await self.listening
        if self.ton is not None:
            await self.ton.close()
        if self.chain is not None:
            await self.chain.close()
        await self.pool.close()


async def open_deployment(settings: Settings, dsn: str) -> Deployment:
    """Connect, read the signing keys and listen for changed API keys."""
    vault = open_vault(settings.data, settings.master_keys)
    pool = await db.open_pool(dsn, settings.database_connections)
    async with db.transaction(pool) as tx:
        signing_keys = await sessions.load_signing_keys(tx, vault)
    keys, lists = _caches(pool, vault, settings.key_cache_seconds)
    listening = asyncio.create_task(_listen(dsn, keys, lists))
    # This process gives out addresses to deposit at and signs nothing.
    chain = open_for(pool, settings, signs=False)
    return Deployment(
        settings, pool, vault, signing_keys, keys, lists, Budgets(pool), listening, _ton_gateway(settings), chain
    )


def _ton_gateway(settings: Settings) -> TonGateway | None:
    """The TON endpoint, if the operator names one."""
    if settings.ton_rpc_url is None:
        return None
    return TonGateway(
        settings.ton_rpc_url, api_key=settings.ton_rpc_api_key, timeout_seconds=settings.ton_rpc_timeout_seconds
    )


def _caches(pool: db.Pool, vault: Vault, seconds: int) -> tuple[Cache[str, ApiKey | None], Cache[int, frozenset[str]]]:
    """What this process remembers of API keys, by their text, and of partners' origins, by the partner's number."""

    async def load_key(key: str) -> ApiKey | None:
        async with db.transaction(pool) as tx:
            loaded = await partners.load_key(tx, vault, key)
            if loaded is not None and loaded.revoked_at is None:
                await partners.touch_key(tx, loaded.partner_id, loaded.id)
            return loaded

    async def load_origins(partner_id: int) -> frozenset[str]:
        async with db.transaction(pool) as tx:
            return await origins.load(tx, partner_id)

    return Cache(load_key, seconds), Cache(load_origins, seconds)


async def _listen(dsn: str, keys: Cache[str, ApiKey | None], lists: Cache[int, frozenset[str]]) -> None:
    """Forget what is announced as changed, for as long as the process lives; connect again when cut off."""
    while True:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await _listen_until_cut_off(dsn, keys, lists)
        await asyncio.sleep(RECONNECT_SECONDS)


async def _listen_until_cut_off(dsn: str, keys: Cache[str, ApiKey | None], lists: Cache[int, frozenset[str]]) -> None:
    def changed(_connection: object, _pid: int, channel: str, what: object) -> None:
        if channel == partners.KEYS_CHANGED:
            keys.forget(str(what))
        else:
            lists.forget(int(str(what)))

    lost = asyncio.Event()
    connection = await asyncpg.connect(dsn, server_settings=db.SESSION)
    try:
        connection.add_termination_listener(lambda _: lost.set())
        for channel in (partners.KEYS_CHANGED, origins.ORIGINS_CHANGED):
            await connection.add_listener(channel, changed)
        keys.forget_all()
        lists.forget_all()
        await lost.wait()
    finally:
        # A line that was cut cannot be closed in good order.
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await connection.close()
