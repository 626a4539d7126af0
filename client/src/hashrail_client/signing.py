"""Signatures: HMAC-SHA256, in hex, over exactly what is sent.

Three ways to carry one, each with a function to sign and one to read:

- a GET carries `timestamp` and `signature` in its query; signed is the query without the `signature` pair;
- a POST carries them in its JSON object; signed is the body without the `signature` member;
- either may carry them in headers; signed is `header_text`: time, method, path, query and the body's hash.

The order of fields is the order sent, never sorted. `verify` is the only judge: the API, the SDK's tests and
the command `hashrail signature` call the same one. Times are milliseconds since 1970 UTC.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote, urlencode

from hashrail_client.wire import (
    FAULTS,
    SentBody,
    SentQuery,
    SignatureFault,
    append_member,
    append_pair,
    number_exactly,
    read_body,
    read_query,
    stringify,
    whole_number,
)

__all__ = [
    "AHEAD_MS",
    "FAULTS",
    "MAX_WINDOW_MS",
    "RECV_WINDOW_HEADER",
    "SIGNATURE_HEADER",
    "TIMESTAMP_HEADER",
    "Request",
    "Sent",
    "SentBody",
    "SentHeaders",
    "SentQuery",
    "SignatureFault",
    "Verified",
    "header_text",
    "hex_digest",
    "read_body",
    "read_headers",
    "read_query",
    "sign_body",
    "sign_body_text",
    "sign_headers",
    "sign_query",
    "sign_query_text",
    "verify",
    "verify_headers",
]

AHEAD_MS = 1000
MAX_WINDOW_MS = 60_000
# Milliseconds below this are in 1973, seconds below it last until the year 5138.
SECONDS_LIMIT = 10**11

SIGNATURE_HEADER = "X-PARTNER-SIGNATURE"
TIMESTAMP_HEADER = "X-PARTNER-TIMESTAMP"
RECV_WINDOW_HEADER = "X-PARTNER-RECV-WINDOW"

HEX_DIGEST = re.compile(r"[0-9a-fA-F]{64}")


# ---------------------------------------------------------------------------------------------- signing


def digest(secret: str, text: str) -> bytes:
    """HMAC-SHA256 of `text` under `secret`, both as UTF-8: 32 bytes."""
    return hmac.digest(secret.encode(), text.encode(), "sha256")


def hex_digest(secret: str, text: str) -> str:
    """`digest` as the wire shows it."""
    return digest(secret, text).hex()


def sign_query(secret: str, pairs: Sequence[tuple[str, str]]) -> str:
    """The query string of `pairs` (which hold `timestamp`), percent-encoded in their order, signature last."""
    return sign_query_text(secret, urlencode(pairs, quote_via=quote, safe=""))


def sign_query_text(secret: str, query: str) -> str:
    """A raw query string with its signature appended. Raises ValueError if it holds one already."""
    if read_query(query).signature is not None:
        raise ValueError("the query is signed already")
    return append_pair(query, "signature", hex_digest(secret, query))


def sign_body(secret: str, members: Mapping[str, object]) -> bytes:
    """The JSON body of `members` (which hold `timestamp`) as JSON.stringify prints it, signature last.

    A Decimal is printed in JavaScript's format where that is exact, else with all its digits. Raises TypeError
    for what JSON lacks and for floats.
    """
    return sign_body_text(secret, stringify(members, number_exactly)).encode()


def sign_body_text(secret: str, body: str) -> str:
    """The text of a JSON object with its signature as last member. Raises ValueError if it holds one already."""
    if read_body(body.encode()).signature is not None:
        raise ValueError("the body is signed already")
    return append_member(body, "signature", f'"{hex_digest(secret, body)}"')


def header_text(
    timestamp_ms: int, method: str, path: str, query: str, body: bytes, recv_window_ms: int | None = None
) -> str:
    """What a signature in headers covers: five lines, joined by a newline, without one at the end.

    The time in milliseconds (and, if sent, a space and recvWindow: whoever could change it could make an old
    request young), the method in capitals, path and query as sent, percent-encoding included, and the SHA-256
    of the body in lower-case hex.
    """
    moment = str(timestamp_ms) if recv_window_ms is None else f"{timestamp_ms} {recv_window_ms}"
    return "\n".join((moment, method.upper(), path, query, hashlib.sha256(body).hexdigest()))


def sign_headers(
    secret: str,
    timestamp_ms: int,
    method: str,
    path: str,
    query: str,
    body: bytes,
    recv_window_ms: int | None = None,
) -> dict[str, str]:
    """The headers that carry the signature of a request; see `header_text` for its parts."""
    text = header_text(timestamp_ms, method, path, query, body, recv_window_ms)
    headers = {SIGNATURE_HEADER: hex_digest(secret, text), TIMESTAMP_HEADER: str(timestamp_ms)}
    if recv_window_ms is not None:
        headers[RECV_WINDOW_HEADER] = str(recv_window_ms)
    return headers


# ------------------------------------------------------------------------------------------- verifying


@dataclass(frozen=True, slots=True)
class Request:
    """What a signature in headers covers beside its time: path and query as sent, percent-encoding included."""

    method: str
    path: str
    query: str
    body: bytes


@dataclass(frozen=True, slots=True)
class SentHeaders:
    """A signature sent in headers; `text` is what it has to cover, and `query` that of a GET, if it can be read."""

    text: str
    signature: object
    timestamp: object
    recv_window: object
    request: Request
    query: SentQuery | None = None

    def forms(self) -> Iterator[str]:
        """As sent; then with the query as standard encoders print it."""
        yield self.text
        if self.query is not None:
            before, _, after = self.text.rpartition(f"\n{self.request.query}\n")
            yield from (f"{before}\n{form}\n{after}" for form in self.query.forms() if form != self.request.query)


Sent: TypeAlias = SentQuery | SentBody | SentHeaders


@dataclass(frozen=True, slots=True)
class Verified:
    """Whose signature it is: the secret that matched, its digest (32 bytes) and the text that was signed."""

    secret: str
    digest: bytes
    text: str


def read_headers(headers: Mapping[str, str], method: str, path: str, query: str, body: bytes) -> SentHeaders:
    """Read a signature from headers, whose names may be in any case; path and query are as sent."""
    sent = {name.upper(): value for name, value in headers.items()}
    timestamp, window = whole_number(sent.get(TIMESTAMP_HEADER)), whole_number(sent.get(RECV_WINDOW_HEADER))
    # Where these are not numbers `verify` says so before it looks at the text.
    moment = timestamp if isinstance(timestamp, int) else 0
    text = header_text(moment, method, path, query, body, window if isinstance(window, int) else None)
    request = Request(method, path, query, body)
    return SentHeaders(text, sent.get(SIGNATURE_HEADER), timestamp, window, request, _query_of(request))


def _query_of(request: Request) -> SentQuery | None:
    """The query that an operation reads; None where it is not a GET's, or says something beside its pairs."""
    if request.method.upper() not in ("GET", "HEAD") or not request.query.isascii():
        return None
    try:
        query = read_query(request.query)
    except SignatureFault:
        return None
    return query if query.signature is None else None


def verify_headers(
    headers: Mapping[str, str],
    method: str,
    path: str,
    query: str,
    body: bytes,
    secrets: Sequence[str],
    now_ms: int,
    default_window_ms: int,
    max_window_ms: int = MAX_WINDOW_MS,
) -> Verified:
    """`verify` for a signature in headers; the same faults."""
    sent = read_headers(headers, method, path, query, body)
    return verify(sent, secrets, now_ms, default_window_ms, max_window_ms)


def verify(
    sent: Sent, secrets: Sequence[str], now_ms: int, default_window_ms: int, max_window_ms: int = MAX_WINDOW_MS
) -> Verified:
    """Who signed `sent`, by the live `secrets` of its key; raises SignatureFault with one code per cause.

    The window is the sent recvWindow, else `default_window_ms`. All times are milliseconds.
    """
    claimed = claimed_digest(sent.signature)
    check_time(sent, now_ms, default_window_ms, max_window_ms)
    for text in sent.forms():
        for secret in secrets:
            computed = digest(secret, text)
            if hmac.compare_digest(computed, claimed):
                return Verified(secret, computed, text)
    raise SignatureFault("SIGNATURE_MISMATCH", "the signature is not the one of what was sent")


def claimed_digest(signature: object) -> bytes:
    """The digest that `signature` names in hex of any case. Raises SIGNATURE_MISSING or SIGNATURE_FORMAT."""
    if signature is None:
        raise SignatureFault("SIGNATURE_MISSING", "there is no signature")
    if not isinstance(signature, str) or not HEX_DIGEST.fullmatch(signature):
        shown = f"{len(signature)} characters" if isinstance(signature, str) else "no text"
        raise SignatureFault("SIGNATURE_FORMAT", f"the signature is {shown}, not 64 hexadecimal digits")
    return bytes.fromhex(signature)


def check_time(sent: Sent, now_ms: int, default_window_ms: int, max_window_ms: int) -> None:
    """The time rule: `timestamp < now + 1000` and `now - timestamp <= recvWindow`. Raises what it breaks."""
    timestamp, window = sent.timestamp, sent.recv_window
    if timestamp is None:
        raise SignatureFault("TIMESTAMP_MISSING", "there is no timestamp")
    # `type` and not `isinstance`: JSON's true is no time.
    if type(timestamp) is not int or timestamp < 1:
        raise SignatureFault("TIMESTAMP_FORMAT", "the timestamp is not a whole number of milliseconds")
    if window is None:
        window = default_window_ms
    if type(window) is not int or window < 1:
        raise SignatureFault("RECV_WINDOW_FORMAT", "recvWindow is not a whole number of milliseconds")
    if window > max_window_ms:
        raise SignatureFault(
            "RECV_WINDOW_TOO_LARGE", f"recvWindow is greater than {max_window_ms} ms", maximum=max_window_ms
        )
    skew = timestamp - now_ms
    if -window <= skew < AHEAD_MS:
        return
    code, message = "TIMESTAMP_EXPIRED", f"the timestamp is {-skew} ms old and the window is {window} ms"
    if skew >= AHEAD_MS:
        code, message = "TIMESTAMP_AHEAD", f"the timestamp is {skew} ms ahead of the server's clock"
    elif timestamp < SECONDS_LIMIT:
        code, message = "TIMESTAMP_IN_SECONDS", "the timestamp is in seconds, not milliseconds"
    raise SignatureFault(code, message, serverTime=now_ms, skewMs=skew, recvWindow=window)
