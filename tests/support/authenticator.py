"""A device that makes passkeys and signs with them, and lies where it is told to."""

import hashlib
import json
import os
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from html import unescape
from typing import Any

import cbor2
import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

OPTIONS = re.compile(r'data-options="([^"]*)"')
PRESENT, WITH_KEY = 0x05, 0x40
# COSE: an elliptic key (kty 2) for ES256 (alg -7) on P-256 (crv 1).
KTY, ALG, CRV, X, Y = 1, 3, -1, -2, -3


def asked(page: httpx.Response) -> dict[str, Any]:
    """What a page asks the browser for."""
    found = OPTIONS.search(page.text)
    assert found is not None, page.text
    options: dict[str, Any] = json.loads(unescape(found[1]))
    return options


class Authenticator:
    """One passkey."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = os.urandom(32)
        self.signed = 0

    def make(self, options: dict[str, Any], origin: str, *, host: str) -> str:
        """What a browser at `origin` sends for a new passkey of a host."""
        point = self.key.public_key().public_numbers()
        cose = {KTY: 2, ALG: -7, CRV: 1, X: point.x.to_bytes(32, "big"), Y: point.y.to_bytes(32, "big")}
        kept = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(cose)
        data = self._data(host, PRESENT | WITH_KEY) + kept
        attested = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = _client("webauthn.create", options, origin)
        return self._answer({"clientDataJSON": _text(client), "attestationObject": _text(attested)})

    def use(self, options: dict[str, Any], origin: str, *, host: str) -> str:
        """What a browser at `origin` sends to sign in; the count rises before."""
        self.signed += 1
        data, client = self._data(host, PRESENT), _client("webauthn.get", options, origin)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        sent = {"clientDataJSON": client, "authenticatorData": data, "signature": signature}
        return self._answer({name: _text(value) for name, value in sent.items()})

    def _data(self, host: str, flags: int) -> bytes:
        return hashlib.sha256(host.encode()).digest() + bytes([flags]) + self.signed.to_bytes(4, "big")

    def _answer(self, response: dict[str, str]) -> str:
        name = _text(self.id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})


def _client(kind: str, options: dict[str, Any], origin: str) -> bytes:
    challenge = urlsafe_b64decode(options["challenge"] + "==")
    return json.dumps({"type": kind, "challenge": _text(challenge), "origin": origin}).encode()


def _text(value: bytes) -> str:
    return urlsafe_b64encode(value).rstrip(b"=").decode()
