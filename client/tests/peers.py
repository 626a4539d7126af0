"""A peer that checks signatures as the API does, and the same call through either client."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from hashrail_client import AsyncHashrail, Hashrail
from hashrail_client.signing import SignatureFault, read_body, read_query, verify

KEY, SECRET = "key-1", "secret-1"
NOW = 1721656927974
BASE = "https://hashrail.example"
UNSIGNED = (
    *("/api/partner/s2s/auth/refresh", "/api/partner/s2s/nft-collection/find-all-generative"),
    "/api/partner/s2s/exchanges/get-prices",
    *(f"/api/partner/c2s/auth/{name}" for name in ("generate-payload", "check-proof", "refresh")),
)


@dataclass
class Peer:
    """Answers `answer` to whatever is signed well by its own clock; keeps what it saw."""

    answer: Any = True
    now: int = NOW
    status: int = 200
    seen: list[httpx.Request] = field(default_factory=list)
    raw: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        signed = request.url.path not in UNSIGNED
        try:
            if signed:
                sent = read_query(request.url.query) if request.method == "GET" else read_body(request.content)
                verify(sent, [SECRET], self.now, 5000)
        except SignatureFault as fault:
            body = {
                "statusCode": 401,
                "error": fault.code,
                "message": fault.message,
                "requestId": "r1",
                "details": fault.details,
            }
            return httpx.Response(401, json=body)
        content = self.raw if self.raw is not None else json.dumps({"data": self.answer}).encode()
        return httpx.Response(
            self.status, content=content, headers=self.headers | {"X-Request-Id": "r2", "Content-Type": "text/x"}
        )

    @property
    def request(self) -> httpx.Request:
        (request,) = self.seen
        return request


Call = Callable[[Hashrail | AsyncHashrail], Any]


async def ask(kind: str, peer: Peer, call: Call, base: str = BASE, **options: Any) -> Any:
    """The same call through either client."""
    given: dict[str, Any] = {"clock": lambda: NOW, "transport": httpx.MockTransport(peer)} | options
    if kind == "blocking":
        with Hashrail(base, KEY, SECRET, **given) as client:
            return call(client)
    async with AsyncHashrail(base, KEY, SECRET, **given) as client:
        return await call(client)
