"""A TON login: the check of a proof alone, and the whole of #2 with its session, on one core."""

import json
import resource
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from nacl.signing import SigningKey
from tests.support import ton

from benchmarks import dataset, load, servers
from benchmarks.dataset import Shape
from benchmarks.load import Connection
from benchmarks.measure import Table
from benchmarks.stage import Stage, cpu_seconds
from hashrail import clock, db
from hashrail.access import ton_payloads, ton_proof
from hashrail.access.ton_proof import PayloadState, Terms

PATH = "/api/partner/c2s/auth/check-proof"
DOMAIN = "partner.example"
MAX_MS = 3
LIFETIME = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Sizes:
    """Logins a run, and connections."""

    logins: int = 1_000
    clients: int = 8


async def run(stage: Stage, sizes: Sizes = Sizes()) -> list[Table]:
    """The table: milliseconds of one core."""
    data = stage.folder / "ton_login"
    data.mkdir(exist_ok=True)
    async with stage.database() as dsn:
        pool = await db.open_pool(dsn)
        made = await dataset.build(pool, Shape(efficiencies=1, levels=1))
        await pool.execute("UPDATE partner SET ton_domains = $1", [DOMAIN])
        stage.tell("signing")
        runs = [await _bodies(pool, made.partner_ids[0], sizes.logins) for _ in range(stage.runs + 1)]
        await pool.close()
        alone = [_check(bodies) for bodies in runs]
        async with servers.api(dsn, data, 1) as server:
            whole = []
            for number, bodies in enumerate(runs):
                stage.tell(f"run {number} of {stage.runs}")
                whole.append(await _log_in(bodies, server, sizes.clients))
    return [_table(statistics.median(alone[1:]), [one for one, _ in whole[1:]], [rate for _, rate in whole[1:]], sizes)]


async def _bodies(pool: db.Pool, partner_id: int, count: int) -> list[bytes]:
    """Proofs of as many new wallets of version v4r2, each for a payload of its own."""
    async with db.transaction(pool) as tx:
        payloads = [
            await ton_payloads.issue(tx, partner_id, lifetime=LIFETIME, max_under_way=1_000_000) for _ in range(count)
        ]
    return [_body(payload) for payload in payloads]


def _body(payload: str) -> bytes:
    key = SigningKey.generate()
    root = ton.cell("00110", [ton.code_of("v4r2_mainnet"), ton.v4_data(key)])
    now = clock.wall_millis() // 1000
    return json.dumps(ton.signed_body(root, key=key, payload=payload, timestamp=now, domain=DOMAIN)).encode()


def _check(bodies: Sequence[bytes]) -> float:
    """Milliseconds of CPU that reading and checking one proof takes in this process."""
    terms = Terms(now=clock.wall_now())
    state = PayloadState({DOMAIN}, terms.now + LIFETIME, used=False)
    before = resource.getrusage(resource.RUSAGE_SELF)  # os.times counts hundredths of a second
    for body in bodies:
        claim = ton_proof.read(json.loads(body))
        ton_proof.prove(claim, ton_proof.examine(claim, terms, state), None)
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds * 1000 / len(bodies)


async def _log_in(bodies: Sequence[bytes], server: servers.Running, clients: int) -> tuple[float, float]:
    """Milliseconds of the server's CPU a login, and logins a second."""
    connections = [await Connection.open(server.port) for _ in range(clients)]
    waiting = list(bodies)

    async def work(client: int) -> None:
        while waiting:
            status, answer = await connections[client].post(PATH, {}, waiting.pop())
            assert status == 200, answer

    before, started = cpu_seconds(server.pid), clock.monotonic()
    await load.together([work(client) for client in range(clients)])
    used, elapsed = cpu_seconds(server.pid) - before, clock.monotonic() - started
    for connection in connections:
        await connection.close()
    return used * 1000 / len(bodies), len(bodies) / elapsed


def _table(alone: float, whole: list[float], rates: list[float], sizes: Sizes) -> Table:
    table = Table(
        "TON login (#2)",
        ("what", "CPU of one core", "a second"),
        notes=[
            f"{sizes.logins:,} new v4r2 wallets a run, {sizes.clients} connections, 1 worker; fsync is on.",
            "Whole: HTTP, payload look-up, the check, registering the user, their accounts, the session, both tokens.",
        ],
    )
    total = statistics.median(whole)
    for what, spent, rate in (("the check alone", alone, ""), ("whole", total, f"{statistics.median(rates):,.0f}")):
        verdict = round(spent, 2) <= MAX_MS
        table.add(what, f"{spent:.2f} ms", rate, target=f"at most {MAX_MS} ms", verdict=verdict)
    return table
