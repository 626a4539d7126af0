"""What an API process holds: settings, the pool, the vault, and what it may remember of keys.

A key that was read is trusted for `key_cache_seconds`; a change of keys is announced by PostgreSQL and forgets it at
once, so the seconds only bound what a lost announcement can cost.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

import asyncpg

from hashrail import clock, db, partners, sessions
from hashrail.partners import ApiKey
from hashrail.settings import Settings
from hashrail.vault import Vault, open_vault

MOST_REMEMBERED = 10_000
RECONNECT_SECONDS = 1.0


@dataclass
class KeyCache:
    """API keys as read lately; unknown ones are remembered too."""

    pool: db.Pool
    vault: Vault
    seconds: int
    _read: dict[str, tuple[ApiKey | None, float]] = field(default_factory=dict)

    async def get(self, key: str) -> ApiKey | None:
        """The key, revoked or not; None when nobody has it."""
        found = self._read.get(key)
        if found is not None and clock.monotonic() < found[1]:
            return found[0]
        return await self._load(key)

    async def _load(self, key: str) -> ApiKey | None:
        async with db.transaction(self.pool) as tx:
            loaded = await partners.load_key(tx, self.vault, key)
            if loaded is not None and loaded.revoked_at is None:
                await partners.touch_key(tx, loaded.partner_id, loaded.id)
        if len(self._read) >= MOST_REMEMBERED:
            self._read.clear()
        self._read[key] = (loaded, clock.monotonic() + self.seconds)
        return loaded

    def forget(self, key: str) -> None:
        """Read the key anew at its next use."""
        self._read.pop(key, None)

    def forget_all(self) -> None:
        """Read every key anew: announcements may have been lost."""
        self._read.clear()


@dataclass
class Deployment:
    """Everything that a request may need; one object a process."""

    settings: Settings
    pool: db.Pool
    vault: Vault
    signing_keys: sessions.SigningKeys
    keys: KeyCache
    listening: "asyncio.Task[None]"

    @property
    def sandbox(self) -> bool:
        """Whether the clock may be moved and refusals are explained."""
        return self.settings.mode == "sandbox"

    async def close(self) -> None:
        """Give every connection back."""
        self.listening.cancel()
        with suppress(asyncio.CancelledError):
            await self.listening
        await self.pool.close()


async def open_deployment(settings: Settings, dsn: str) -> Deployment:
    """Connect, read the signing keys and listen for changed API keys."""
    vault = open_vault(settings.data, settings.master_keys)
    pool = await db.open_pool(dsn, settings.database_connections)
    async with db.transaction(pool) as tx:
        signing_keys = await sessions.load_signing_keys(tx, vault)
    keys = KeyCache(pool, vault, settings.key_cache_seconds)
    listening = asyncio.create_task(_listen(dsn, keys))
    return Deployment(settings, pool, vault, signing_keys, keys, listening)


async def _listen(dsn: str, keys: KeyCache) -> None:
    """Forget keys as their changes are announced, for as long as the process lives; connect again when cut off."""
    while True:
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await _listen_until_cut_off(dsn, keys)
        await asyncio.sleep(RECONNECT_SECONDS)


async def _listen_until_cut_off(dsn: str, keys: KeyCache) -> None:
    def changed(_connection: object, _pid: int, _channel: str, key: object) -> None:
        keys.forget(str(key))

    lost = asyncio.Event()
    connection = await asyncpg.connect(dsn, server_settings=db.SESSION)
    try:
        connection.add_termination_listener(lambda _: lost.set())
        await connection.add_listener(partners.KEYS_CHANGED, changed)
        keys.forget_all()
        await lost.wait()
    finally:
        # A line that was cut cannot be closed in good order.
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await connection.close()
