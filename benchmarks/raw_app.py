"""The least that answers operation #7: a plain ASGI application that the API is measured against.

It verifies the same signature in constant time and the same time rule, looks its one key up in memory, runs the same
query on the same kind of pool and answers the same JSON. It leaves out what the API gives beyond that: other forms of
signatures, duplicate names, IP lists, scopes and revocation, bounds and refusals that name their field, request ids,
logs and metrics, and every other route.

    python -m benchmarks.raw_app PORT     settings: DATABASE_URL, BENCHMARK_KEY, BENCHMARK_SECRET, BENCHMARK_PARTNER
"""

import hashlib
import hmac
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

from hashrail import clock, db, processes

PATH = "/api/partner/s2s/nft/find-by-user"
MINERS = """
    SELECT m.id, u.id AS user_id, m.name, m.power, m.energy_efficiency, m.created_at
    FROM app_user u LEFT JOIN LATERAL (
        SELECT * FROM miner WHERE partner_id = u.partner_id AND user_id = u.id
        ORDER BY id LIMIT $3 OFFSET $4) m ON true
    WHERE u.partner_id = $1 AND u.partner_user_id = $2 ORDER BY m.id"""
JSON = [(b"content-type", b"application/json")]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ENCODER = msgspec.json.Encoder(decimal_format="number")


class RawApp:
    """One key, one route, one query."""

    def __init__(self) -> None:
        self.secrets = {os.environ["BENCHMARK_KEY"].encode(): os.environ["BENCHMARK_SECRET"].encode()}
        self.partner_id = int(os.environ["BENCHMARK_PARTNER"])
        self.pool: db.Pool | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Anything but a well-signed request for the one route is refused without a word."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        assert scope["type"] == "http"
        fields = self._verified(scope["query_string"], dict(scope["headers"]).get(b"x-partner-api-key", b""))
        if fields is None or scope["path"] != PATH:
            await _answer(send, 401, b"{}")
            return
        assert self.pool is not None
        limit, offset = int(fields.get("limit", "20")), int(fields.get("offset", "0"))
        rows = await self.pool.fetch(MINERS, self.partner_id, fields["partnerUserId"], limit, offset)
        array = [
            {
                "id": row["id"],
                "createdAt": _iso(row["created_at"]),
                "name": row["name"],
                "power": _plain(row["power"]),
                "energyEfficiency": _plain(row["energy_efficiency"]),
            }
            for row in rows
        ]
        await _answer(send, 200, ENCODER.encode({"data": {"array": array}}))

    def _verified(self, query: bytes, key: bytes) -> dict[str, str] | None:
        """What was signed with a live time, decoded; None for everything else."""
        secret = self.secrets.get(key)
        text, _, signature = query.rpartition(b"&signature=")
        if secret is None or len(signature) != 64:
            return None
        if not hmac.compare_digest(hmac.digest(secret, text, hashlib.sha256), bytes.fromhex(signature.decode())):
            return None
        fields = dict(pair.split("=", 1) for pair in text.decode().split("&"))
        age = clock.wall_millis() - int(fields["timestamp"])
        return fields if -1000 < age <= int(fields.get("recvWindow", "5000")) else None

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self.pool = await db.open_pool(os.environ["DATABASE_URL"])
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.pool.close()
        await send({"type": "lifespan.shutdown.complete"})


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [*JSON, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _plain(value: Decimal) -> Decimal:
    plain = value.normalize()
    return plain.quantize(Decimal(1)) if "E+" in str(plain) else plain


def _iso(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def create_app() -> RawApp:
    """What Granian calls."""
    return RawApp()


if __name__ == "__main__":
    processes.serve("127.0.0.1", int(sys.argv[1]), 1, application="benchmarks.raw_app:create_app")
