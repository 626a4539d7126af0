"""Webhooks that arrive: signed as the Standard Webhooks specification says, by an implementation of its own here."""

import base64
import datetime as dt
import hmac
import json
from decimal import Decimal
from typing import Any

import pytest

from hashrail_client import HashrailError, webhooks
from hashrail_client.webhooks import (
    BodyReserializedError,
    WebhookBodyError,
    WebhookError,
    WebhookHeadersError,
    WebhookSignatureError,
    WebhookTooOldError,
)

NOW_SECONDS = 1_772_000_000
SECRET = "whsec_" + base64.b64encode(b"a secret of 24 bytes....").decode()
OTHER = "whsec_" + base64.b64encode(b"another one").decode()
# As Hashrail prints it: no spaces, no needless escapes, every digit.
BODY = (
    '{"type":"order.issued","timestamp":"2026-03-01T00:00:00.000Z","data":{"id":"e1","position":7,"type":"order.issued",'
    '"version":1,"object":{"kind":"order","id":"1","sequence":2},"occurredAt":"2026-03-01T00:00:00.000Z",'
    '"data":{"externalId":"Zürich/1 <a>","value":20.99,"small":0.00000066}}}'
).encode()


def signed(body: bytes = BODY, *secrets: str, name: str = "e1", at: int = NOW_SECONDS) -> dict[str, str]:
    """The headers of a webhook, by the specification."""
    signatures = []
    for secret in secrets or (SECRET,):
        key = base64.b64decode(secret.removeprefix("whsec_"))
        digest = hmac.digest(key, f"{name}.{at}.".encode() + body, "sha256")
        signatures.append(f"v1,{base64.b64encode(digest).decode()}")
    return {"Webhook-Id": name, "Webhook-Timestamp": str(at), "Webhook-Signature": " ".join(signatures)}


def verified(
    body: bytes, headers: dict[str, str], *secrets: str, now_ms: int = NOW_SECONDS * 1000, **options: Any
) -> webhooks.Webhook:
    return webhooks.verify(body, headers, secrets or (SECRET,), now_ms=now_ms, **options)


def test_what_is_ours_is_read_exactly() -> None:
    told = verified(BODY, signed())
    assert (told.id, told.sent_at) == ("e1", dt.datetime.fromtimestamp(NOW_SECONDS, dt.UTC))
    assert told.event["position"] == 7
    data: Any = told.event["data"]
    assert (data["value"], data["small"], str(data["value"])) == (Decimal("20.99"), Decimal("0.00000066"), "20.99")
    assert verified(bytearray(BODY), signed()).event == told.event  # type: ignore[arg-type]


def test_while_a_secret_changes_either_is_enough() -> None:
    assert verified(BODY, signed(BODY, OTHER, SECRET))
    assert verified(BODY, signed(), OTHER, SECRET)
    assert verified(BODY, signed(BODY, OTHER), OTHER, SECRET)
    with pytest.raises(WebhookSignatureError):
        verified(BODY, signed(), OTHER)


@pytest.mark.parametrize(
    "change",
    [
        {"Webhook-Id": "e2"},
        {"Webhook-Timestamp": str(NOW_SECONDS + 1)},
        {"Webhook-Signature": "v1,AAAA"},
        {"Webhook-Signature": "v1,no base64 v1a,AAAA"},
        {"Webhook-Signature": signed()["Webhook-Signature"].replace("v1,", "v2,")},
        {"Webhook-Signature": ""},
    ],
)
def test_what_is_not_ours_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(WebhookSignatureError) as caught:
        verified(BODY, signed() | change)
    assert not isinstance(caught.value, BodyReserializedError)
    assert isinstance(caught.value, WebhookError)
    assert isinstance(caught.value, HashrailError)


@pytest.mark.parametrize("old_seconds", [301, -301])
def test_what_is_old_or_in_the_future_is_refused(old_seconds: int) -> None:
    now_ms = (NOW_SECONDS + old_seconds) * 1000
    with pytest.raises(WebhookTooOldError, match="301 s"):
        verified(BODY, signed(), now_ms=now_ms)
    assert verified(BODY, signed(), now_ms=now_ms, tolerance_seconds=301)
    with pytest.raises(WebhookSignatureError):
        verified(BODY, signed(BODY, OTHER), now_ms=now_ms)


def test_the_machines_clock_is_used_without_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashrail_client.webhooks.wall_millis", lambda: NOW_SECONDS * 1000)
    assert webhooks.verify(BODY, signed(), [SECRET]).id == "e1"


@pytest.mark.parametrize("missing", ["Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"])
def test_headers_are_needed(missing: str) -> None:
    with pytest.raises(WebhookHeadersError, match=missing.lower()):
        verified(BODY, {name: value for name, value in signed().items() if name != missing})
    with pytest.raises(WebhookHeadersError, match="no time"):
        verified(BODY, signed() | {"Webhook-Timestamp": "now"})


REPRINTED: dict[str, Any] = {
    "JavaScript": lambda told: json.dumps(told, separators=(",", ":"), ensure_ascii=False).replace("e-07", "e-7"),
    "Python": json.dumps,
    "Python, compact": lambda told: json.dumps(told, separators=(",", ":")),
    "Python, sorted": lambda told: json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False),
    "indented": lambda told: json.dumps(told, indent=2, ensure_ascii=False),
    "PHP": lambda told: json.dumps(told, separators=(",", ":")).replace("/", "\\/"),
    "Go": lambda told: json.dumps(told, separators=(",", ":"), ensure_ascii=False).replace("<", "\\u003c"),
}


@pytest.mark.parametrize("printer", REPRINTED)
def test_a_body_that_was_printed_again_is_told_apart(printer: str) -> None:
    again = REPRINTED[printer](json.loads(BODY)).encode()
    assert again != BODY
    with pytest.raises(BodyReserializedError, match="pass the bytes of the request as they came"):
        verified(again, signed())


@pytest.mark.parametrize("changed", ["spaces", "escapes"])
def test_what_the_bytes_were_can_be_proven(changed: str) -> None:
    """Then the signature holds for them, and the error says so; else it says what is probable."""
    again = BODY.decode().replace('":', '": ') if changed == "spaces" else BODY.decode().replace("ü", "\\u00fc")
    with pytest.raises(BodyReserializedError, match="the signature holds for the same JSON in another print"):
        verified(again.encode(), signed())
    with pytest.raises(BodyReserializedError, match="probably"):
        verified(again.encode(), signed(BODY, OTHER))


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"\xff", b'{"a": 1}', BODY.replace(b"20.99", b"20.98"), b"[" * 5000]
)
def test_other_bytes_are_just_not_ours(body: bytes) -> None:
    with pytest.raises(WebhookSignatureError) as caught:
        verified(body, signed())
    assert type(caught.value) is WebhookSignatureError


@pytest.mark.parametrize("body", [b"", b"[]", b'{"type":"x"}', b'{"data":{}}', b"\xff"])
def test_what_is_signed_and_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(WebhookBodyError):
        verified(body, signed(body))


def test_mistakes_of_the_receiver_are_told() -> None:
    text: Any = BODY.decode()
    with pytest.raises(TypeError, match="the body is str: pass the bytes"):
        verified(text, signed())
    with pytest.raises(TypeError, match="the body is dict: pass the bytes"):
        verified(json.loads(BODY), signed())
    with pytest.raises(ValueError, match="a webhook's secret is whsec_ and base64"):
        verified(BODY, signed(), "whsec_?")
