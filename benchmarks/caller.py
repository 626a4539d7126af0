"""Who calls the servers under load: a partner with a key, and a user of his with a year of income."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks import dataset
from benchmarks.dataset import Dataset, Shape
from benchmarks.raw_app import READ_DAYS, READ_INCOME, READ_MINERS
from hashrail import clock, db
from hashrail.access import api_keys, sessions
from hashrail.vault import open_vault
from hashrail_client.signing import sign_query

MINERS = 5
YEAR = 366
PAGE = 100
USERS = 1_000
SIGNED_PATHS = 500
WINDOW_MS = 60_000
# The deployment's name in its tokens, as the settings have it by default.
ISSUER = "hashrail"


@dataclass(frozen=True, slots=True)
class Caller:
    """A partner's key with its secret, a user's token, and the public key (hex) that verifies it."""

    partner_id: int
    key: str
    secret: str
    user: str
    token: str
    token_key: str
    closed_days: int

    @property
    def by_key(self) -> dict[str, str]:
        """What goes with every signed request."""
        return {"x-partner-api-key": self.key}

    @property
    def by_token(self) -> dict[str, str]:
        """What goes with every request of the user."""
        return {"authorization": f"Bearer {self.token}"}

    def miners(self) -> list[str]:
        """Paths of #7."""
        return self._signed(READ_MINERS, ("limit", "20"))

    def days(self) -> list[str]:
        """Paths of #18 over every closed day."""
        last = dataset.FIRST_DAY + (self.closed_days - 1) * clock.ONE_DAY
        return self._signed(
            READ_DAYS, ("startDate", f"{dataset.FIRST_DAY}T00:00:00Z"), ("endDate", f"{last}T00:00:00Z")
        )

    def income(self) -> list[str]:
        """Paths of #16."""
        return [f"{READ_INCOME}?limit={PAGE}"]

    def _signed(self, path: str, *fields: tuple[str, str]) -> list[str]:
        """Signed now, all different, valid for a minute less the half second in which they were signed."""
        pairs = [("partnerUserId", self.user), *fields, ("recvWindow", str(WINDOW_MS))]
        now = clock.wall_millis()
        return [
            f"{path}?{sign_query(self.secret, [*pairs, ('timestamp', str(now - age))])}" for age in range(SIGNED_PATHS)
        ]


async def prepare(dsn: str, data: Path, days: int) -> Caller:
    """As many closed days, a thousand users with miners, and the one who reads."""
    pool = await db.open_pool(dsn)
    try:
        _, caller = await grow(pool, data, days, Shape(efficiencies=12, levels=5))
    finally:
        await pool.close()
    return caller


async def grow(pool: db.Pool, data: Path, days: int, shape: Shape) -> tuple[Dataset, Caller]:
    """The same with the books that they stand in, which may go on."""
    made = await dataset.build(pool, shape, days=days)
    await made.register(USERS)
    await made.buy(3_000, days=days)
    number = made.users
    await made.register(1)
    await made.buy(MINERS, days=days, user=number)
    await dataset.close_past(made)
    return made, await at(pool, data, made.partner_ids[0], number, days)


async def at(pool: db.Pool, data: Path, partner_id: int, number: int, days: int) -> Caller:
    """A key of a partner, and a token of its user of that number; `data` has the master key."""
    vault = open_vault(data, None)
    async with db.transaction(pool) as tx:
        public_id = await tx.fetchval("SELECT public_id FROM partner WHERE id = $1", partner_id)
        key = await api_keys.create_key(tx, vault, partner_id=partner_id, kind="secret")
        keys = await sessions.load_signing_keys(tx, vault)
        issuer = sessions.Issuer(ISSUER, vault, keys, partner_id, public_id, timedelta(days=90), 100)
        tokens = await sessions.log_in(tx, issuer, number + 1, key_id=key.key_id)
    assert key.secret is not None, "a secret key has a secret"
    token_key = keys.public[keys.kid].public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    return Caller(partner_id, key.key, key.secret, f"user {number + 1}", tokens.jwt_token, token_key, days)
