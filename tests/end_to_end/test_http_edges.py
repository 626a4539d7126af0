"""A real `hashrail serve` and bytes that no client library sends: each is refused, or read in one way only.

Smuggling lives on two programs that disagree where a request ends, or what its headers are. Whatever comes, nothing
behind a request may be taken for another one, the process lives on, and the next honest caller is answered.
"""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from hashrail import db
from hashrail.access import api_keys
from hashrail.processes.server import LARGEST_HEAD
from hashrail.vault import Vault
from tests.support.api_client import CONTRACT, MASTER_KEY, Caller, answered
from tests.support.databases import database
from tests.support.served import Served, members_of, serving
from tests.support.world import World

OFFERS, REFRESH = CONTRACT["c2s_collections"][2].encode(), CONTRACT["c2s_refresh"][2].encode()
SERVER_REFRESH = CONTRACT["s2s_refresh"][2].encode()
# The name of the key's header and its value stand in a request as NAME and KEY.
NAME, KEY = b"X-PARTNER-API-KEY", b"@KEY@"
BODY = b'{"refreshToken":"x"}'
LENGTH = b"Content-Length: 20"
CHUNKED = b"Transfer-Encoding: chunked"
CHUNKS = b"14\r\n" + BODY + b"\r\n0\r\n\r\n"
HIDDEN = b"GET /healthz HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
STATUS = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ")
REFUSED = {"TOKEN": (401, "REFRESH_TOKEN_INVALID"), "BODY": (400, "BODY_NOT_JSON"), "END": (400, "REQUEST_MALFORMED")}


@dataclass
class Line:
    """A server process and an honest caller."""

    served: Served
    honest: Caller
    workers: list[int]

    def exchange(self, request: bytes) -> bytes:
        """Everything that is answered until the server hangs up; the caller does not."""
        host, port = self.served.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as line:
            parts = []
            try:
                line.sendall(request.replace(KEY, str(self.honest.key).encode()))
                while part := line.recv(65536):
                    parts.append(part)
            except (ConnectionResetError, BrokenPipeError):
                pass  # the server had answered and did not read on
            return b"".join(parts)


@pytest.fixture(scope="module")
async def line(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Line]:
    folder = tmp_path_factory.mktemp("edges")
    with database(server, template) as dsn:
        pool = await db.open_pool(dsn)
        world = await World.create(pool)
        world.vault = Vault([MASTER_KEY])
        await world.mine()
        await world.user("alice")
        async with db.transaction(pool) as tx:
            key = await api_keys.create_key(tx, world.vault, partner_id=world.partner.id, kind="full")
        with serving(dsn, folder, "one") as served:
            async with served.http() as http:
                yield Line(served, Caller(http, key.key, key.secret), members_of(served.process.pid))
        await pool.close()


def get(*headers: bytes, path: bytes = OFFERS, end: bytes = b"\r\n") -> bytes:
    """A GET of the catalogue with these headers; the server is to hang up after it."""
    lines = [b"GET " + path + b" HTTP/1.1", b"Host: here", b"Connection: close", *headers]
    return end.join([*lines, b"", b""])


def keyed(*headers: bytes, **changes: bytes) -> bytes:
    """The same with the honest caller's key."""
    return get(NAME + b": " + KEY, *headers, **changes)


def post(*headers: bytes, body: bytes = b"", path: bytes = REFRESH, close: bool = True) -> bytes:
    """A POST of a refresh token that is none: 401 says that the body was read as BODY."""
    lines = [b"POST " + path + b" HTTP/1.1", b"Host: here", *([b"Connection: close"] if close else []), *headers]
    return b"\r\n".join([*lines, b"", b""]) + body


async def check_honest(line: Line) -> None:
    """The next honest caller is answered, by the same processes."""
    assert answered(await line.honest.call("s2s_miners", partnerUserId="alice")) == {"array": []}
    assert members_of(line.served.process.pid) == line.workers


def error_of(answer: bytes) -> dict[str, Any]:
    """The one refusal in an answer."""
    found: dict[str, Any] = json.loads(answer.partition(b"\r\n\r\n")[2])
    return found


# Where a body ends

ENDS = {
    "length": (post(LENGTH, body=BODY), "TOKEN"),
    "chunks": (post(CHUNKED, body=CHUNKS), "TOKEN"),
    "chunks with an extension": (post(CHUNKED, body=CHUNKS.replace(b"14", b"14;a=b", 1)), "TOKEN"),
    "a length twice, the same": (post(LENGTH, LENGTH, body=BODY), "TOKEN"),
    "two lengths": (post(LENGTH, b"Content-Length: 21", body=BODY), None),
    "two lengths, the shorter last": (post(b"Content-Length: 21", LENGTH, body=BODY), None),
    "a list of lengths": (post(b"Content-Length: 20, 20", body=BODY), None),
    "a length with a sign": (post(b"Content-Length: +20", body=BODY), None),
    "a negative length": (post(b"Content-Length: -1", body=BODY), None),
    "a length in hexadecimal": (post(b"Content-Length: 0x14", body=BODY), None),
    "a length beyond all numbers": (post(b"Content-Length: 99999999999999999999999", body=BODY), None),
    "chunks that are not the last coding": (post(b"Transfer-Encoding: chunked, identity", body=CHUNKS), None),
    "two codings, chunks first": (post(CHUNKED, b"Transfer-Encoding: identity", body=CHUNKS), None),
    "a coding behind a space": (post(b"Transfer-Encoding : chunked", body=CHUNKS), None),
    "a coding behind a vertical tab": (post(b"Transfer-Encoding: \x0bchunked", body=CHUNKS), None),
    "chunks in HTTP/1.0": (post(CHUNKED, body=CHUNKS).replace(b"HTTP/1.1", b"HTTP/1.0"), None),
    "a chunk of no number": (post(CHUNKED, body=b"zz\r\n" + BODY + b"\r\n0\r\n\r\n"), "END"),
    "a negative chunk": (post(CHUNKED, body=b"-14\r\n" + BODY + b"\r\n0\r\n\r\n"), "END"),
    "a chunk beyond all numbers": (post(CHUNKED, body=b"f" * 17 + b"\r\n" + BODY + b"\r\n0\r\n\r\n"), "END"),
    "a chunk longer than it says": (post(CHUNKED, body=CHUNKS.replace(b"14", b"13", 1)), "END"),
    "chunks with bare line feeds": (post(CHUNKED, body=CHUNKS.replace(b"\r\n", b"\n")), "END"),
    "chunks win over a length": (post(LENGTH, CHUNKED, body=CHUNKS), "TOKEN"),
    "chunks win over a short length": (post(CHUNKED, b"Content-Length: 4", body=CHUNKS), "TOKEN"),
}


@pytest.mark.parametrize("case", ENDS.values(), ids=ENDS)
async def test_where_a_body_ends(line: Line, case: tuple[bytes, str | None]) -> None:
    """Refused by the server itself (None), or read as one body by the rules of HTTP."""
    request, expected = case
    answer = await asyncio.to_thread(line.exchange, request)
    if expected is None:
        assert STATUS.findall(answer) == [b"400"]
        assert answer.endswith(b"\r\n\r\n")
    else:
        status, code = REFUSED[expected]
        assert STATUS.findall(answer) == [str(status).encode()]
        assert error_of(answer)["error"] == code
    await check_honest(line)


@pytest.mark.parametrize(
    ("request_bytes", "statuses"),
    [
        (post(LENGTH, CHUNKED, body=b"0\r\n\r\n" + HIDDEN, close=False), [b"400"]),
        (post(CHUNKED, LENGTH, body=b"0\r\n\r\n" + HIDDEN, close=False), [b"400"]),
        (post(CHUNKED, b"Content-Length: 4", body=CHUNKS + HIDDEN, close=False), [b"401"]),
        (post(LENGTH, b"Content-Length: 0", body=BODY + HIDDEN, close=False), [b"400"]),
        (
            keyed(b"Content-Length: %d" % len(HIDDEN)).replace(b"close", b"keep-alive") + HIDDEN + HIDDEN,
            [b"200", b"200"],
        ),
        (post(LENGTH, body=BODY + b"xx" + HIDDEN, close=False), [b"401", b"405"]),
        (post(LENGTH, body=BODY + HIDDEN, close=False), [b"401", b"200"]),
    ],
    ids=[
        "a length hides a request",
        "a length behind chunks",
        "a short length",
        "a length of nothing",
        "the body of a GET",
        "more than the length",
        "an honest pipeline",
    ],
)
async def test_what_stands_behind_a_request(line: Line, request_bytes: bytes, statuses: list[bytes]) -> None:
    """A hidden request is never run. What follows a body is the next request, and only if nothing was in doubt."""
    answer = await asyncio.to_thread(line.exchange, request_bytes)
    assert STATUS.findall(answer) == statuses
    assert answer.count(b'{"status":"ok"}') == (statuses[-1] == b"200")
    await check_honest(line)


async def test_a_trailer_is_no_header(line: Line) -> None:
    """A key behind the body opens nothing."""
    trailed = CHUNKS[:-2] + NAME + b": " + KEY + b"\r\n\r\n"
    request = post(CHUNKED, b"Trailer: " + NAME, body=trailed, path=SERVER_REFRESH)
    answer = await asyncio.to_thread(line.exchange, request)
    assert error_of(answer)["error"] == "API_KEY_MISSING"
    request = post(CHUNKED, NAME + b": " + KEY, body=CHUNKS, path=SERVER_REFRESH)
    answer = await asyncio.to_thread(line.exchange, request)
    assert error_of(answer)["error"] == "REFRESH_TOKEN_INVALID"


# What the headers are

HEADERS: dict[str, tuple[bytes, str | None]] = {
    "a key": (keyed(), "OK"),
    "white space around it": (get(NAME + b": \t" + KEY + b" \t"), "OK"),
    "a key twice": (keyed(NAME + b": " + KEY), "HEADER_REPEATED"),
    "two keys": (keyed(NAME.lower() + b": hrk_1_x"), "HEADER_REPEATED"),
    "a key and nothing": (keyed(NAME + b":"), "HEADER_REPEATED"),
    "a key with underscores": (get(NAME.replace(b"-", b"_") + b": " + KEY), "API_KEY_MISSING"),
    "a key in 8 bits": (get(NAME + b": " + KEY + b"\xff"), "API_KEY_UNKNOWN"),
    "8 bits elsewhere": (keyed(b"X-A: \xff\xfe"), "OK"),
    "a key on the next line": (get(NAME + b":", b" " + KEY), None),
    "a key folded into another header": (get(b"X-A: 1", b" " + NAME + b": " + KEY), None),
    "a key folded by a tab": (get(b"X-A: 1", b"\t" + NAME + b": " + KEY), None),
    "a space before the colon": (get(NAME + b" : " + KEY), None),
    "NUL in a value": (keyed(b"X-A: a\0b"), None),
    "NUL behind the key": (get(NAME + b": " + KEY + b"\0"), None),
    "NUL in a name": (keyed(b"X\0A: a"), None),
    "a carriage return in a value": (get(b"X-A: a\r" + NAME + b": " + KEY), None),
    "an empty name": (keyed(b": a"), None),
    "no colon": (keyed(b"nonsense"), None),
    # A bare line feed ends a line, as RFC 9112 (2.2) allows: it is not part of a value.
    "bare line feeds": (keyed(end=b"\n"), "OK"),
    "a bare line feed before the key": (get(b"X-A: a\n" + NAME + b": " + KEY), "OK"),
    "empty lines before": (b"\r\n\r\n" + keyed(), "OK"),
}


@pytest.mark.parametrize("case", HEADERS.values(), ids=HEADERS)
async def test_what_the_headers_are(line: Line, case: tuple[bytes, str | None]) -> None:
    """A key is read where a header of that name stands, once; else nobody is let in."""
    request, expected = case
    answer = await asyncio.to_thread(line.exchange, request)
    if expected is None:
        assert STATUS.findall(answer) == [b"400"]
    elif expected == "OK":
        assert STATUS.findall(answer) == [b"200"]
    else:
        assert STATUS.findall(answer) == [b"401"]
        assert error_of(answer)["error"] == expected
    await check_honest(line)


# What is asked for

LINES: dict[str, tuple[bytes, list[bytes]]] = {
    "the absolute form": (keyed(path=b"http://elsewhere.example" + OFFERS), [b"200"]),
    "the absolute form without a path": (keyed(path=b"http://elsewhere.example"), [b"200"]),
    "an authority": (b"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", [b"405"]),
    "an asterisk": (b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", [b"404"]),
    "a way up": (keyed(path=b"/api/partner/s2s/../c2s" + OFFERS[16:]), [b"404"]),
    "a host that is none": (keyed().replace(b"Host: here", b"Host: a/b@c"), [b"400"]),
    "HTTP/0.9": (b"GET " + OFFERS + b"\r\n\r\n", [b"400"]),
    "HTTP/1.0": (keyed().replace(b"HTTP/1.1", b"HTTP/1.0"), [b"200"]),
    "HTTP/2 in words": (keyed().replace(b"HTTP/1.1", b"HTTP/2.0"), [b"400"]),
    "HTTP/2 at once": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []),
    "an upgrade to HTTP/2": (
        keyed(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAAQAAP__"),
        [b"200"],
    ),
    "an upgrade to a web socket": (
        keyed(b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: " + b"A" * 22 + b"=="),
        [b"200"],
    ),
    "a method in small letters": (keyed().replace(b"GET", b"get"), [b"405"]),
    "a method in a header": (
        keyed(b"X-HTTP-Method-Override: GET", b"Content-Length: 0").replace(b"GET", b"POST", 1),
        [b"405"],
    ),
    "a method of 60,000 letters": (keyed().replace(b"GET", b"G" * 60_000), [b"405"]),
    "a query of 60,000 letters": (keyed(path=OFFERS + b"?a=" + b"a" * 60_000), [b"200"]),
    "a query of 70,000 letters": (keyed(path=OFFERS + b"?a=" + b"a" * 70_000), [b"414"]),
    "a header of 60,000 letters": (keyed(b"X-A: " + b"a" * 60_000), [b"200"]),
    "a header of a quarter of a million letters": (keyed(b"X-A: " + b"a" * 250_000), [b"431"]),
    "a header of ten million letters": (keyed(b"X-A: " + b"a" * 10_000_000), [b"431"]),
    "90 headers": (keyed(*[b"X-%d: a" % number for number in range(90)]), [b"200"]),
    "1,000 headers": (keyed(*[b"X-%d: a" % number for number in range(1000)]), [b"431"]),
}


@pytest.mark.parametrize("case", LINES.values(), ids=LINES)
async def test_what_is_asked_for(line: Line, case: tuple[bytes, list[bytes]]) -> None:
    """One request line, one meaning; too much of anything is refused before it is kept."""
    request, statuses = case
    answer = await asyncio.to_thread(line.exchange, request)
    # Who is still sending when the server hangs up may lose the answer.
    assert STATUS.findall(answer) == statuses or (answer == b"" and len(request) > 2 * LARGEST_HEAD)
    assert len(answer) < 10_000
    await check_honest(line)


async def test_nothing_of_it_was_a_failure_of_ours(line: Line) -> None:
    """No answer was a 500, no process was started again."""
    page = (await line.honest.http.get(f"{line.served.probes}/metrics")).text
    assert "hashrail_internal_errors_total 0.0" in page
    assert 'status="500"' not in page
    log = line.served.log.read_text()
    assert "internal error" not in log
    assert "Traceback" not in log
    assert members_of(line.served.process.pid) == line.workers
    assert line.served.process.poll() is None
