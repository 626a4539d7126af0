"""A signed read (#7, a user with five miners) through Granian, beside a raw application that does the same."""

import statistics
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from benchmarks import dataset, load, servers
from benchmarks.load import Connection, Load
from benchmarks.measure import Table
from benchmarks.raw_app import PATH
from benchmarks.servers import Running
from benchmarks.stage import Stage, cpu_seconds
from hashrail import clock, day_fence, db, miners, partners, rewards, users
from hashrail.vault import open_vault
from hashrail_client.signing import sign_query

WANTED = 0.5
MINERS = 5
USER = "user-4711"
SIGNED_URLS = 500
RAW = "raw ASGI application"
OURS = "the API"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many connections load a server, and for how many seconds a run."""

    connections: int = 16
    seconds: int = 5


@dataclass(frozen=True, slots=True)
class Served:
    """One run against one server: what the load saw, and the server's CPU time an answer in microseconds."""

    load: Load
    cpu_us: float


@dataclass(frozen=True, slots=True)
class Caller:
    """A partner's key with its secret."""

    partner_id: int
    key: str
    secret: str

    @property
    def headers(self) -> dict[str, str]:
        """What goes with every request."""
        return {"x-partner-api-key": self.key}

    def paths(self) -> list[str]:
        """Signed now, all different, valid for a minute less the second in which they were signed."""
        now = clock.wall_millis()
        return [
            f"{PATH}?{sign_query(self.secret, [*self._fields(), ('timestamp', str(now - age))])}"
            for age in range(SIGNED_URLS)
        ]

    @staticmethod
    def _fields() -> list[tuple[str, str]]:
        return [("partnerUserId", USER), ("limit", "20"), ("recvWindow", "60000")]


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """The table of both servers; runs alternate, so that whatever disturbs one disturbs the other."""
    data = stage.folder / "signed_read"
    data.mkdir(exist_ok=True)
    async with stage.database() as dsn:
        caller = await _prepare(dsn, data)
        async with (
            servers.api(dsn, data, 1) as ours,
            servers.raw(dsn, data, key=caller.key, secret=caller.secret, partner_id=caller.partner_id) as theirs,
        ):
            await _assert_same(caller, ours.port, theirs.port)
            found: dict[str, list[Served]] = {RAW: [], OURS: []}
            for number in range(stage.runs + 1):
                for name, server in ((RAW, theirs), (OURS, ours)):
                    stage.tell(f"{name}, run {number} of {stage.runs}")
                    found[name].append(await _serve(caller, server, sizes, sizes.seconds if number else 1, stage))
    return [_table({name: served[1:] for name, served in found.items()}, sizes)]


def _table(found: dict[str, list[Served]], sizes: Sizes) -> Table:
    generator = "wrk" if load.has_wrk() else f"our own client, since wrk is missing ({load.INSTALL})"
    table = Table(
        f"Signed read: #7 with {MINERS} miners, one query",
        ("server", "answers a second", "CPU an answer", "median", "99 of 100 within"),
        notes=[
            "Each in a Granian of its own: 1 worker, uvloop, the same settings. Runs alternate.",
            f"Load by {generator}: {sizes.connections} connections, {sizes.seconds} s a run.",
            "Both verify the HMAC, look up the key, run the same query on the same kind of pool, answer alike.",
        ],
    )
    for name, served in found.items():
        table.add(
            name,
            f"{statistics.median([one.load.rate for one in served]):,.0f}",
            f"{statistics.median([one.cpu_us for one in served]):,.0f} µs",
            f"{statistics.median([one.load.half_ms for one in served]):.1f} ms",
            f"{statistics.median([one.load.most_ms for one in served]):.1f} ms",
        )
    rates = {name: statistics.median([one.load.rate for one in served]) for name, served in found.items()}
    used = {name: statistics.median([one.cpu_us for one in served]) for name, served in found.items()}
    ratio = rates[OURS] / rates[RAW]
    table.add(
        "ratio",
        f"{ratio:.2f}",
        f"{used[RAW] / used[OURS]:.2f}",
        "",
        "",
        target=f"at least {WANTED}",
        verdict=ratio >= WANTED,
    )
    return table


async def _serve(caller: Caller, server: Running, sizes: Sizes, seconds: int, stage: Stage) -> Served:
    before = cpu_seconds(server.pid)
    found = await load.read(
        server.port,
        caller.paths(),
        caller.headers,
        connections=sizes.connections,
        seconds=seconds,
        folder=stage.folder,
    )
    used = cpu_seconds(server.pid) - before
    return Served(found, used * 1e6 / (found.rate * seconds))


async def _prepare(dsn: str, data: Path) -> Caller:
    """A partner with a key, and a user with five miners beside a thousand others."""
    pool = await db.open_pool(dsn)
    try:
        made = await dataset.build(pool, dataset.Shape(efficiencies=12, levels=5))
        await made.register(1_000)
        await made.buy(3_000)
        partner_id = made.partner_ids[0]
        async with db.transaction(pool) as tx:
            day = await day_fence.share(tx, partner_id)
            user = await users.register(tx, day, partner_user_id=USER, email=None)
            for number in range(MINERS):
                await miners.create(
                    tx,
                    partner_id,
                    user_id=user.id,
                    name=f"Hashrail {number + 1} TH",
                    power=Decimal(number + 1),
                    energy_efficiency=Decimal(15),
                    at=day.now,
                )
            await rewards.sync_stints(tx, day, [user.id])
            key = await partners.create_key(tx, open_vault(data, None), partner_id=partner_id, kind="secret")
    finally:
        await pool.close()
    assert key.secret is not None, "a secret key has a secret"
    return Caller(partner_id, key.key, key.secret)


async def _assert_same(caller: Caller, *ports: int) -> None:
    """Every server answers the same bytes, and refuses a wrong signature."""
    answers = set()
    path = caller.paths()[0]
    for port in ports:
        connection = await Connection.open(port)
        answers.add(await connection.get(path, caller.headers))
        status, _ = await connection.get(path.replace("limit=20", "limit=21"), caller.headers)
        assert status == 401, "a wrong signature is refused"
        await connection.close()
    assert len(answers) == 1, f"the answers differ: {answers}"
    status, body = answers.pop()
    assert status == 200, body
    assert body.count(b'"energyEfficiency"') == MINERS, body
