"""The least that answers a few operations: a plain ASGI application that the API is measured against.

It verifies the same signatures and tokens with the same time rule, looks its one key up in memory, runs the same
queries on the same kind of pool and answers the same JSON. It leaves out what the API gives beyond that: other forms
of signatures, duplicate names, IP lists, scopes and revocation, rate limits, bounds and refusals that name their
field, kept answers for repetitions, request ids, logs and metrics, and every other route.

    python -m benchmarks.raw_app PORT     settings: DATABASE_URL, and BENCHMARK_KEY, _SECRET, _PARTNER, _TOKEN_KEY
"""

import hashlib
import hmac
import os
import sys
from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias
from urllib.parse import unquote

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from hashrail import clock, db
from hashrail.api.wire import cursors
from hashrail.processes import server
from hashrail.rewards import income_records, record_pages
from hashrail.settings import Settings

READ_MINERS = "/api/partner/s2s/nft/find-by-user"
READ_INCOME = "/api/partner/c2s/nft-income/find-by-user"
READ_DAYS = "/api/partner/s2s/nft-income/find-aggregated-by-date"
BIND = "/api/partner/s2s/wallet/bind"
MINERS = """
    SELECT m.id, u.id AS user_id, m.name, m.power, m.energy_efficiency, m.created_at
    FROM app_user u LEFT JOIN LATERAL (
        SELECT * FROM miner WHERE partner_id = u.partner_id AND user_id = u.id
        ORDER BY id LIMIT $3 OFFSET $4) m ON true
    WHERE u.partner_id = $1 AND u.partner_user_id = $2 ORDER BY m.id"""
FIND_USER = "SELECT id FROM app_user WHERE partner_id = $1 AND partner_user_id = $2"
BIND_WALLET = """
    INSERT INTO wallet (partner_id, user_id, address, created_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (partner_id, user_id, address) DO NOTHING"""
JSON = [(b"content-type", b"application/json")]
ONE = Decimal(1)
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ENCODER = msgspec.json.Encoder(decimal_format="number")


class RawApp:
    """One key, one token key, four routes."""

    def __init__(self) -> None:
        self.secrets = {os.environ["BENCHMARK_KEY"].encode(): os.environ["BENCHMARK_SECRET"].encode()}
        self.partner_id = int(os.environ["BENCHMARK_PARTNER"])
        self.token_key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(os.environ["BENCHMARK_TOKEN_KEY"]))
        self.pool: db.Pool | None = None
        self.routes = {READ_MINERS: self._miners, READ_DAYS: self._days, READ_INCOME: self._income, BIND: self._bind}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Anything but a well-signed request for one of the routes is refused without a word."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        route = self.routes.get(scope["path"])
        headers = dict(scope["headers"])
        body = b"" if scope["method"] == "GET" else (await receive())["body"]
        answer = None if route is None else await route(scope["query_string"], headers, body)
        await _answer(send, 401 if answer is None else 200, b"{}" if answer is None else ENCODER.encode(answer))

    async def _miners(self, query: bytes, headers: dict[bytes, bytes], _body: bytes) -> object:
        fields = self._signed_query(query, headers)
        if fields is None:
            return None
        limit, offset = int(fields.get("limit", "20")), int(fields.get("offset", "0"))
        rows = await self._open().fetch(MINERS, self.partner_id, fields["partnerUserId"], limit, offset)
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
        return {"data": {"array": array}}

    async def _days(self, query: bytes, headers: dict[bytes, bytes], _body: bytes) -> object:
        fields = self._signed_query(query, headers)
        if fields is None:
            return None
        first, last = (date.fromisoformat(fields[name][:10]) for name in ("startDate", "endDate"))
        async with db.snapshot(self._open()) as tx:
            user_id = await tx.fetchval(FIND_USER, self.partner_id, fields["partnerUserId"])
            held = await income_records.holdings(tx, self.partner_id, user_id, first=first, last=last)
            found, count = await income_records.day_totals(
                tx, held, first=first, last=last, limit=None, offset=0, with_records=False
            )
        array = [
            {
                "createdAt": _iso(one.credited_at),
                "reward": _plain(one.net),
                "poolReward": _plain(one.pool),
                "totalPower": _plain(one.power),
                "avgEnergyEfficiency": _plain(one.energy_efficiency),
                "serviceFee": _plain(one.fees_usd),
                "totalDiscount": _plain(one.discount),
                "toAddress": None,
                "status": "calculated",
                "incomes": None,
                "day": one.day.isoformat(),
            }
            for one in found
        ]
        return {"data": array, "totalCount": count}

    async def _income(self, query: bytes, headers: dict[bytes, bytes], _body: bytes) -> object:
        claims = self._claims(headers[b"authorization"].removeprefix(b"Bearer "))
        if claims is None:
            return None
        limit = int(dict(pair.split("=", 1) for pair in query.decode().split("&"))["limit"])
        async with db.snapshot(self._open()) as tx:
            page = await record_pages.read(tx, self.partner_id, claims["userId"], limit=limit + 1)
        found = page.records
        following = {}
        if len(found) > limit:
            end = found[limit - 1].position
            following["nextCursor"] = cursors.encode(end.day.isoformat(), end.adjustment_id, end.miner_id)
        array = [
            {
                "createdAt": _iso(one.credited_at),
                "value": _plain(one.net),
                "c1Value": _plain(one.c1),
                "c2Value": _plain(one.c2),
                "c3Value": 0,
                "c4Value": 0,
                "nftId": one.miner_id,
                "day": one.day.isoformat(),
                "adjustmentId": one.adjustment_id,
            }
            for one in found[:limit]
        ]
        return {"data": {"array": array} | following}

    async def _bind(self, _query: bytes, headers: dict[bytes, bytes], body: bytes) -> object:
        text, _, signature = body.rpartition(b',"signature":"')
        text += b"}"
        if not self._is_signed(headers, text, signature.removesuffix(b'"}')):
            return None
        fields = msgspec.json.decode(text)
        if not _is_live(fields["timestamp"], 60_000):
            return None
        async with db.transaction(self._open()) as tx:
            user_id = await tx.fetchval(FIND_USER, self.partner_id, fields["partnerUserId"])
            await tx.execute(BIND_WALLET, self.partner_id, user_id, fields["address"], clock.wall_now())
        return {"data": True}

    def _signed_query(self, query: bytes, headers: dict[bytes, bytes]) -> dict[str, str] | None:
        """What was signed with a live time, decoded; None for everything else."""
        text, _, signature = query.rpartition(b"&signature=")
        if not self._is_signed(headers, text, signature):
            return None
        fields = dict(pair.split("=", 1) for pair in unquote(text.decode()).split("&"))
        return fields if _is_live(int(fields["timestamp"]), int(fields["recvWindow"])) else None

    def _is_signed(self, headers: dict[bytes, bytes], text: bytes, signature: bytes) -> bool:
        secret = self.secrets.get(headers.get(b"x-partner-api-key", b""))
        if secret is None or len(signature) != 64:
            return False
        return hmac.compare_digest(hmac.digest(secret, text, hashlib.sha256), bytes.fromhex(signature.decode()))

    def _claims(self, token: bytes) -> dict[str, Any] | None:
        signed, _, signature = token.rpartition(b".")
        self.token_key.verify(urlsafe_b64decode(signature + b"=="), signed)
        claims: dict[str, Any] = msgspec.json.decode(urlsafe_b64decode(signed.partition(b".")[2] + b"=="))
        return claims if clock.wall_millis() < claims["exp"] * 1000 else None

    def _open(self) -> db.Pool:
        assert self.pool is not None, "the application lives"
        return self.pool

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


def _is_live(timestamp: int, window: int) -> bool:
    return -1000 < clock.wall_millis() - timestamp <= window


def _plain(value: Decimal) -> Decimal:
    plain = value.normalize()
    return plain.quantize(ONE) if "E+" in str(plain) else plain


def _iso(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def create_app() -> RawApp:
    """What Granian calls."""
    return RawApp()


if __name__ == "__main__":
    server.serve(
        "127.0.0.1", int(sys.argv[1]), 1, server.Doors.of(Settings()), application="benchmarks.raw_app:create_app"
    )
