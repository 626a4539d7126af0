"""Webhooks that arrive: whether they are yours, by the Standard Webhooks specification, and what they say.

    told = webhooks.verify(request.body, request.headers, [secret])
    if told.event["type"] == "order.issued":
        print(told.event["data"]["externalId"])

The signature covers the bytes as they came. A framework that reads the JSON and prints it again changes them, though
the JSON says the same; that is told apart (BodyReserializedError), since it is the usual mistake.
"""

import base64
import binascii
import datetime as dt
import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hashrail_client.clock import wall_millis
from hashrail_client.errors import HashrailError
from hashrail_client.event_data import Event
from hashrail_client.mistakes import ESCAPES, printed, written_once
from hashrail_client.wire import stringify

ID_HEADER, TIME_HEADER, SIGNATURE_HEADER = "webhook-id", "webhook-timestamp", "webhook-signature"
SECRET_PREFIX = "whsec_"  # noqa: S105  it begins every secret
VERSION = "v1,"
TOLERANCE_SECONDS = 300
SECONDS = re.compile("[0-9]{1,12}")
# Hashrail prints without spaces and begins so; what begins otherwise was printed by somebody else.
BEGINNING = '{"type":"'
# Who forges a webhook keeps nobody busy: so many signatures are looked at, and so long a body is printed again.
MOST_SIGNATURES, MOST_PRINTED = 10, 100_000
ENVELOPE = {"type", "timestamp", "data"}


class WebhookError(HashrailError):
    """What arrived was not accepted. Answer with a status that is not 2xx, and it is sent again."""


class WebhookHeadersError(WebhookError):
    """A header of the specification is missing or unreadable: it may not be a webhook at all."""


class WebhookTooOldError(WebhookError):
    """It was signed too long ago, or in the future: it may have been recorded and sent again, or a clock is wrong."""


class WebhookSignatureError(WebhookError):
    """No signature is one of the secrets': it is somebody else's, or the secret is another endpoint's."""


class BodyReserializedError(WebhookSignatureError):
    """The JSON was read and printed again before it was verified. Pass the bytes of the request as they came."""


class WebhookBodyError(WebhookError):
    """The signature is right, but the body is no event: some other program has the secret."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook that is yours. `id` is the same at every attempt: keep those that you have worked on."""

    id: str
    sent_at: dt.datetime
    event: Event


def verify(
    body: bytes,
    headers: Mapping[str, str],
    secrets: Sequence[str],
    *,
    tolerance_seconds: int = TOLERANCE_SECONDS,
    now_ms: int | None = None,
) -> Webhook:
    """What arrived, once a signature of it is one of the secrets'. Amounts are exact: int or Decimal.

    `body` are the bytes of the request as they came. While a secret changes both may be given. `now_ms` stands for this
    machine's time. Raises a WebhookError; TypeError where the body is no bytes, ValueError for a secret that is none.
    """
    if not isinstance(body, bytes | bytearray | memoryview):
        raise TypeError(f"the body is {type(body).__name__}: pass the bytes of the request, before anybody reads them")
    keys = [_key(secret) for secret in secrets]
    names = {name.lower(): value for name, value in headers.items()}
    name, moment = _header(names, ID_HEADER), _header(names, TIME_HEADER)
    if not SECONDS.fullmatch(moment):
        raise WebhookHeadersError(f"{TIME_HEADER} is no time in seconds")
    claimed = list(_digests(_header(names, SIGNATURE_HEADER)))
    content = bytes(body)
    before = f"{name}.{moment}.".encode()
    if not _is_signed(before + content, keys, claimed):
        raise _mismatch(content, before, keys, claimed)
    _check_time(int(moment), wall_millis() if now_ms is None else now_ms, tolerance_seconds)
    return Webhook(name, dt.datetime.fromtimestamp(int(moment), dt.UTC), _event(content))


def _header(names: Mapping[str, str], name: str) -> str:
    if name not in names:
        raise WebhookHeadersError(f"there is no header {name}")
    return names[name]


def _key(secret: str) -> bytes:
    """The bytes that a secret stands for. Raises ValueError."""
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"a webhook's secret is {SECRET_PREFIX} and base64") from error


def _digests(header: str) -> Iterator[bytes]:
    """The signatures of the version that is known; others belong to later ones, or are none."""
    for each in header.split(" ")[:MOST_SIGNATURES]:
        if each.startswith(VERSION):
            try:
                yield base64.b64decode(each.removeprefix(VERSION), validate=True)
            except binascii.Error:
                continue


def _is_signed(content: bytes, keys: Sequence[bytes], claimed: Sequence[bytes]) -> bool:
    """Whether one of the signatures is one of the keys'; every pair is compared, so that the time tells nothing."""
    digests = [hmac.digest(key, content, "sha256") for key in keys]
    return sum(hmac.compare_digest(digest, each) for digest in digests for each in claimed) > 0


def _check_time(sent_seconds: int, now_ms: int, tolerance_seconds: int) -> None:
    old_seconds = now_ms // 1000 - sent_seconds
    if abs(old_seconds) > tolerance_seconds:
        age = f"{old_seconds} s old" if old_seconds > 0 else f"{-old_seconds} s in the future"
        raise WebhookTooOldError(f"it is {age}, and {tolerance_seconds} s are allowed")


def _mismatch(content: bytes, before: bytes, keys: Sequence[bytes], claimed: Sequence[bytes]) -> WebhookSignatureError:
    """Which error a body has whose signature does not hold."""
    try:
        text = content[:MOST_PRINTED].decode()
        told = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        return WebhookSignatureError("no signature is one of the secrets'")
    for other in _other_prints(text, told):
        if _is_signed(before + other.encode(), keys, claimed):
            return BodyReserializedError(
                "the signature holds for the same JSON in another print: pass the bytes of the request as they came"
            )
    if isinstance(told, dict) and told.keys() == ENVELOPE and not _is_our_print(text):
        return BodyReserializedError(
            "this is not how Hashrail prints an event, so it was probably read and printed again: "
            "pass the bytes of the request as they came"
        )
    return WebhookSignatureError("no signature is one of the secrets'")


def _other_prints(text: str, told: Any) -> Iterator[str]:
    """The texts that the body may have been before somebody printed it again."""
    yield text.strip()
    once = written_once(text)
    yield once
    yield from printed(once)
    for escape in ESCAPES[1:]:
        yield from printed(escape(once))
    for number in (_plainly, str):
        yield stringify(told, number)


def _plainly(number: str) -> str:
    """Without an exponent, as amounts are printed."""
    return f"{Decimal(number):f}"


def _is_our_print(text: str) -> bool:
    """Whether it may be Hashrail's own: it begins with its type, and has no spaces and no needless escapes."""
    return text.startswith(BEGINNING) and text == written_once(text)


def _event(content: bytes) -> Event:
    try:
        told = json.loads(content, parse_float=Decimal)
    except ValueError as error:
        raise WebhookBodyError("the body is no JSON") from error
    if not isinstance(told, dict) or not isinstance(told.get("data"), dict) or "position" not in told["data"]:
        raise WebhookBodyError("the body holds no event")
    event: Event = told["data"]
    return event
