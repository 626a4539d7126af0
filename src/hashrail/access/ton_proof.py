"""TON Connect login: who signed a `ton_proof`.

A wallet signs a message that names its account, the site (domain), a time and a payload that this deployment issued.
Whose key that must be is read from the account's StateInit or from the chain (`ton_wallet.py`); the `publicKey` that
is sent beside them proves nothing.

Three calls, in this order; between them the caller looks up what only the database and the chain know:

    claim = read(body)                        shapes; then look up claim.payload
    wallet = examine(claim, terms, payload)   chain, payload, domain, time, StateInit; then, if wallet.asks_chain,
                                              ask the chain for the key of claim.address
    account = prove(claim, wallet, on_chain)  key, publicKey, signature; then consume the payload, once

The order of the checks is fixed, and every refusal names its step in `details.step`.
"""

import base64
import hashlib
import re
import struct
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from hashrail import clock
from hashrail.access import ton_wallet
from hashrail.access.ton_wallet import STATE_INIT_FIELD, OnChain, Step, TonProofRefusal, Wallet
from hashrail.errors import BadRequestError, UnauthorizedError

MAINNET = "-239"
WORKCHAINS = frozenset({0, -1})
MAX_AGE = timedelta(seconds=900)
MAX_AHEAD = timedelta(seconds=60)
# Wallets cut or refuse a longer payload; ours has 64 characters.
MAX_PAYLOAD_BYTES = 128
MAX_STATE_INIT_BYTES = 4096
SIGNATURE_BYTES = 64

ACCOUNT = "tonWallet.account"
ITEM = "tonWallet.connectItems.tonProof"
PROOF = f"{ITEM}.proof"

ADDRESS = re.compile(r"(?P<workchain>0|-1):(?P<hash>[0-9a-fA-F]{64})")
HEX_KEY = re.compile(r"[0-9a-fA-F]{64}")
DECIMAL = re.compile(r"0|[1-9][0-9]{0,19}")


# Refusals


class TonShapeError(TonProofRefusal, BadRequestError):
    """A part of the proof is missing or not of its documented form."""

    code = "TON_SHAPE"
    advice = "Send tonWallet as TON Connect hands it over, unchanged; compare the named field with the API reference."
    step = Step.SHAPES


class TonStateInitEncodingError(TonProofRefusal, BadRequestError):
    """The walletStateInit is no plain base64 text of an acceptable length."""

    code = "TON_STATE_INIT_ENCODING"
    advice = "Send account.walletStateInit as the wallet gave it: standard base64 with padding."
    step = Step.SHAPES


class TonChainError(TonProofRefusal, UnauthorizedError):
    """The wallet is connected to another network."""

    code = "TON_CHAIN"
    advice = "Switch the wallet to the network that `details.expected` names; -239 is mainnet, -3 testnet."
    step = Step.CHAIN


class TonPayloadUnknownError(TonProofRefusal, UnauthorizedError):
    """The payload was not issued here, or was forgotten since."""

    code = "TON_PAYLOAD_UNKNOWN"
    advice = "Get a payload from generate-payload and hand exactly this text to the wallet."
    step = Step.PAYLOAD


class TonPayloadUsedError(TonProofRefusal, UnauthorizedError):
    """The payload has opened a session already."""

    code = "TON_PAYLOAD_USED"
    advice = "Get a new payload for every login and let the wallet sign again."
    step = Step.PAYLOAD


class TonPayloadExpiredError(TonProofRefusal, UnauthorizedError):
    """The payload was issued too long ago."""

    code = "TON_PAYLOAD_EXPIRED"
    advice = "Get a new payload shortly before the wallet is to sign it."
    step = Step.PAYLOAD


class TonDomainLengthError(TonProofRefusal, BadRequestError):
    """The domain's length is not the one that is named."""

    code = "TON_DOMAIN_LENGTH"
    advice = "Send domain.lengthBytes as the wallet gave it: the bytes of the domain in UTF-8."
    step = Step.DOMAIN


class TonDomainError(TonProofRefusal, UnauthorizedError):
    """The user signed for a site that is not the partner's."""

    code = "TON_DOMAIN"
    advice = "Ask the operator to list the domain of your manifest, exactly as the wallet shows it."
    step = Step.DOMAIN


class TonTimeOldError(TonProofRefusal, UnauthorizedError):
    """The proof was signed too long ago."""

    code = "TON_TIME_OLD"
    advice = "Let the wallet sign again and send the proof at once."
    step = Step.TIME


class TonTimeAheadError(TonProofRefusal, UnauthorizedError):
    """The proof was signed in the future."""

    code = "TON_TIME_AHEAD"
    advice = "Send the timestamp as the wallet gave it, in seconds; correct the clock of the wallet's device."
    step = Step.TIME


class TonPublicKeyMismatchError(TonProofRefusal, UnauthorizedError):
    """The publicKey that was sent is not the account's."""

    code = "TON_PUBLIC_KEY_MISMATCH"
    advice = "Send account.publicKey as the wallet gave it, or leave it out."
    step = Step.PUBLIC_KEY


class TonSignatureError(TonProofRefusal, UnauthorizedError):
    """The account's key did not sign this proof."""

    code = "TON_SIGNATURE"
    advice = "Send domain, timestamp, payload and signature exactly as the wallet gave them."
    step = Step.SIGNATURE


# Records


@dataclass(frozen=True, slots=True)
class Claim:
    """What was sent, well formed but not believed. `address` is raw and in lower case; `timestamp` in seconds."""

    address: str
    workchain: int
    account_hash: bytes
    chain: str
    state_init: bytes
    public_key: bytes | None
    domain: str
    domain_bytes: int
    timestamp: int
    payload: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class PayloadState:
    """What is known of an issued payload; `domains` are those of the partner that it was issued to."""

    domains: Collection[str]
    expires_at: datetime
    used: bool


@dataclass(frozen=True, slots=True)
class Terms:
    """What a proof is held against besides its payload."""

    now: datetime
    chain: str = MAINNET
    max_age: timedelta = MAX_AGE
    max_ahead: timedelta = MAX_AHEAD


@dataclass(frozen=True, slots=True)
class Account:
    """Who signed. `address` is raw, `0:` and 64 hex digits in lower case; `wallet` its version, None if unknown."""

    address: str
    wallet: str | None
    public_key: bytes


# Reading: shapes


def read(body: object, *, workchains: Collection[int] = WORKCHAINS) -> Claim:
    """The claim in a decoded check-proof body. Raises TonShapeError, TonStateInitEncodingError.

    tonWallet may hold members that are not read here: wallets extend it.
    """
    if isinstance(body, dict) and (unknown := [name for name in body if name != "tonWallet"]):
        raise _shape(str(unknown[0]), "is not a field of this operation")
    address = _matching(body, f"{ACCOUNT}.address", ADDRESS, "workchain 0 or -1, a colon and 64 hex digits")
    if int(address["workchain"]) not in workchains:
        raise _shape(f"{ACCOUNT}.address", "is of a workchain that is not served here")
    if _text(body, f"{ITEM}.name") != "ton_proof":
        raise _shape(f"{ITEM}.name", "is not ton_proof")
    return Claim(
        address=address[0].lower(),
        workchain=int(address["workchain"]),
        account_hash=bytes.fromhex(address["hash"]),
        chain=_text(body, f"{ACCOUNT}.chain"),
        state_init=_state_init(body),
        public_key=_public_key(body),
        domain=_text(body, f"{PROOF}.domain.value"),
        domain_bytes=_whole_number(body, f"{PROOF}.domain.lengthBytes", below=2**32),
        timestamp=_timestamp(body),
        payload=_payload(body),
        signature=_signature(body),
    )


def _at(body: object, path: str) -> object:
    """The value at a dotted path. Raises TonShapeError that names how far the path goes."""
    value, walked = body, "the body"
    for name in path.split("."):
        if not isinstance(value, dict):
            raise _shape(walked, "is not an object")
        walked = name if value is body else f"{walked}.{name}"
        if name not in value:
            raise _shape(walked, "is missing")
        value = value[name]
    return value


def _shape(field: str, fault: str) -> TonShapeError:
    return TonShapeError(f"{field} {fault}", field=field)


def _text(body: object, path: str) -> str:
    value = _at(body, path)
    if not isinstance(value, str):
        raise _shape(path, "is not a text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _shape(path, "has half of a surrogate pair, which UTF-8 cannot express") from error
    return value


def _matching(body: object, path: str, pattern: re.Pattern[str], described: str) -> re.Match[str]:
    found = pattern.fullmatch(_text(body, path))
    if found is None:
        raise _shape(path, f"is not {described}")
    return found


def _whole_number(body: object, path: str, *, below: int) -> int:
    value = _at(body, path)
    # `type` and not `isinstance`: JSON's true is no number.
    if type(value) is not int or not 0 <= value < below:
        raise _shape(path, f"is not a whole number from 0 to {below - 1}")
    return value


def _timestamp(body: object) -> int:
    """Seconds since 1970, an unsigned 64-bit number in the message. Some wallets send them as a text of digits."""
    path = f"{PROOF}.timestamp"
    if not isinstance(_at(body, path), str):
        return _whole_number(body, path, below=2**64)
    seconds = int(_matching(body, path, DECIMAL, "a whole number")[0])
    if seconds >= 2**64:
        raise _shape(path, "has more than 64 bits")
    return seconds


def _payload(body: object) -> str:
    payload = _text(body, f"{PROOF}.payload")
    if len(payload.encode()) > MAX_PAYLOAD_BYTES:
        raise _shape(f"{PROOF}.payload", f"has more than {MAX_PAYLOAD_BYTES} bytes")
    if "\x00" in payload:
        raise _shape(f"{PROOF}.payload", "contains a NUL character")
    return payload


def _signature(body: object) -> bytes:
    path = f"{PROOF}.signature"
    signature = _from_base64(_text(body, path))
    if signature is None or len(signature) != SIGNATURE_BYTES:
        raise _shape(path, f"is not standard base64 of {SIGNATURE_BYTES} bytes")
    return signature


def _public_key(body: object) -> bytes | None:
    """The optional publicKey; null is how some clients leave a field out."""
    account = _at(body, ACCOUNT)
    if not isinstance(account, dict) or account.get("publicKey") is None:
        return None
    return bytes.fromhex(_matching(body, f"{ACCOUNT}.publicKey", HEX_KEY, "64 hex digits")[0])


def _state_init(body: object) -> bytes:
    field = STATE_INIT_FIELD
    state_init = _from_base64(_text(body, field))
    if not state_init:
        raise TonStateInitEncodingError(f"{field} is not standard base64, or empty", field=field)
    if len(state_init) > MAX_STATE_INIT_BYTES:
        raise TonStateInitEncodingError(f"{field} has more than {MAX_STATE_INIT_BYTES} bytes", field=field)
    return state_init


def _from_base64(text: str) -> bytes | None:
    """The bytes of a base64 text that is written in the one standard way; None for any other text."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return decoded if base64.b64encode(decoded).decode() == text else None


# Examining: chain, payload, domain, time, StateInit


def examine(claim: Claim, terms: Terms, payload: PayloadState | None) -> Wallet:
    """The wallet of a claim that may be proved; `payload` is None when it was not issued here. Raises every refusal
    from TonChainError to TonTimeAheadError, and what `ton_wallet.open_state_init` raises."""
    if claim.chain != terms.chain:
        raise TonChainError("the wallet is on another chain", field=f"{ACCOUNT}.chain", expected=terms.chain)
    _check_domain(claim, check_payload(payload, terms.now))
    _check_time(claim.timestamp, terms)
    return ton_wallet.open_state_init(claim.state_init, claim.address)


def check_payload(payload: PayloadState | None, now: datetime) -> PayloadState:
    """A payload that may be used. Raises TonPayloadUnknownError, TonPayloadUsedError, TonPayloadExpiredError."""
    field = f"{PROOF}.payload"
    if payload is None:
        raise TonPayloadUnknownError("the payload was not issued here", field=field)
    if payload.used:
        raise TonPayloadUsedError("the payload was used before", field=field)
    if payload.expires_at <= now:
        expired_at = clock.iso(payload.expires_at)
        raise TonPayloadExpiredError("the payload has expired", field=field, expiredAt=expired_at)
    return payload


def _check_domain(claim: Claim, payload: PayloadState) -> None:
    length = len(claim.domain.encode())
    if claim.domain_bytes != length:
        raise TonDomainLengthError(
            f"the domain has {length} bytes, not {claim.domain_bytes}", field=f"{PROOF}.domain.lengthBytes"
        )
    # Never fold case nor normalise: two spellings can be two sites.
    if claim.domain not in payload.domains:
        raise TonDomainError(
            "the proof was signed for a domain that is not the partner's",
            field=f"{PROOF}.domain.value",
            sent=claim.domain,
        )


def _check_time(timestamp: int, terms: Terms) -> None:
    """The time rule: at most `max_age` old, at most `max_ahead` in the future, both inclusive."""
    now_ms = (terms.now - clock.EPOCH) // timedelta(milliseconds=1)
    skew_ms = timestamp * 1000 - now_ms
    details = {"field": f"{PROOF}.timestamp", "serverTime": now_ms, "skewMs": skew_ms}
    if -skew_ms > terms.max_age // timedelta(milliseconds=1):
        raise TonTimeOldError(f"the proof is {-skew_ms // 1000} s old", **details)
    if skew_ms > terms.max_ahead // timedelta(milliseconds=1):
        raise TonTimeAheadError(f"the proof's time is {skew_ms // 1000} s ahead of the server's", **details)


# Proving: key, publicKey, signature


def prove(claim: Claim, wallet: Wallet, on_chain: OnChain | None) -> Account:
    """The account that signed. `on_chain` is what the chain says where `wallet.asks_chain`; None if there is no chain
    to ask. Raises what `ton_wallet.key_of` raises, TonPublicKeyMismatchError and TonSignatureError."""
    key = ton_wallet.key_of(wallet, on_chain)
    if claim.public_key is not None and claim.public_key != key:
        raise TonPublicKeyMismatchError(
            "the publicKey is not the account's", field=f"{ACCOUNT}.publicKey", accountKey=key.hex()
        )
    try:
        VerifyKey(key).verify(digest(claim), claim.signature)
    except BadSignatureError as error:
        raise TonSignatureError(
            "the account's key did not sign this proof",
            field=f"{PROOF}.signature",
            signedMessage=signed_message(claim).hex(),
            digest=digest(claim).hex(),
        ) from error
    return Account(claim.address, wallet.layout.name if wallet.layout else None, key)


def signed_message(claim: Claim) -> bytes:
    """What the wallet signs a hash of: account, domain, time and payload, each with its length or of a fixed one."""
    domain = claim.domain.encode()
    return b"".join(
        (
            b"ton-proof-item-v2/",
            struct.pack(">i", claim.workchain) + claim.account_hash,
            struct.pack("<I", len(domain)) + domain,
            struct.pack("<Q", claim.timestamp),
            claim.payload.encode(),
        )
    )


def digest(claim: Claim) -> bytes:
    """The 32 bytes under the signature."""
    return hashlib.sha256(b"\xff\xffton-connect" + hashlib.sha256(signed_message(claim)).digest()).digest()
