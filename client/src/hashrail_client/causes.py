"""Why a signature does not match: the mistakes that integrators make, tried one after the other.

`classify` is for the sandbox and the command line. It never runs on an accepted request, and production does
not answer with it: it would tell a stranger how close a forged signature came.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from hashrail_client.mistakes import wrong_texts
from hashrail_client.signing import (
    HEX_DIGEST,
    SECONDS_LIMIT,
    SIGNATURE_HEADER,
    Request,
    Sent,
    SentHeaders,
    header_text,
)
from hashrail_client.wire import SentBody, SentQuery, SignatureFault, read_body, read_query

CAUSES = {
    "seconds": "The timestamp is in seconds; the API counts milliseconds.",
    "base64": "The signature is in base64; send the digest in hexadecimal.",
    "other-hash": "The signature has the length of another hash than SHA-256.",
    "place": "The signature is not where it is looked for, or it covers what another place asks for. A GET carries it "
    "in its query, a POST in its JSON body; X-PARTNER-SIGNATURE covers five lines of its own and needs "
    "X-PARTNER-TIMESTAMP.",
    "secret-whitespace": "The secret was used with white space around it, often the newline of the file it was read "
    "from, or it has some that was cut off.",
    "secret-decoded": "The secret was decoded from base64 or hexadecimal before it was used. Its characters, as they "
    "are, are the key of the HMAC.",
    "key-as-secret": "The API key was taken for the secret. The key is sent, the secret signs.",
    "other-secret": "Another secret of the same partner signed this: a revoked one, or one of another key.",
    "no-secret": "The digest was made without the secret: a plain SHA-256, or an HMAC whose key was empty.",
    "not-hmac": "This is the SHA-256 of secret and text put together; the API needs HMAC with the secret as its key.",
    "sorted": "The fields were sorted by name for signing and sent in another order. Sign them in the order sent.",
    "order": "The fields were signed in another order than they were sent. Sign them in the order sent.",
    "spaces": "The JSON was signed with other spaces than it was sent with. Print it once; sign and send that text.",
    "escapes": "Characters of the JSON were escaped differently for signing than for sending. Print it once; sign and "
    "send that text.",
    "numbers": "A number of the JSON was signed in another form than it was sent in: it went through a double, or was "
    "printed twice. Print the JSON once; sign and send that text.",
    "plus": "A plus sign stands for a blank in a query. Send one that means itself as %2B, and sign it so.",
    "percent": "The query was percent-encoded differently for signing than for sending, and the signed text could be "
    "read as other fields. Sign the query as you send it.",
    "body-for-query": "A JSON text was signed. A GET has no body: sign the query string, without the question mark.",
    "query-for-body": "A query string was signed. Sign the JSON body that you send, without its signature.",
    "path": "The path, the method or the host was signed with the query or the body. Sign the query or the body alone.",
    "header-text": "One of the five lines that X-PARTNER-SIGNATURE covers was signed otherwise: the timestamp (and "
    "recvWindow, if it is sent), the method, the path, the query, the SHA-256 of the body in lower-case hexadecimal; "
    "joined by line feeds.",
    "empty": "The signature is the one of an empty text: the signing code did not see the query or body.",
    "signature-in-text": "The signed text held a `signature` field. Leave it out, do not empty it.",
    "left-out": "The signed text lacked timestamp or recvWindow. Add them first, then sign.",
    "question-mark": "The question mark before the query was signed with it. Sign what follows it.",
}

# The faults of `signing.verify` that a cause can explain; the others say everything themselves.
EXPLAINED = (
    *("SIGNATURE_MISMATCH", "SIGNATURE_FORMAT", "SIGNATURE_MISSING"),
    *("TIMESTAMP_MISSING", "TIMESTAMP_IN_SECONDS"),
)

PADDINGS = ("{}", "{}\n", "{}\r\n", "{} ", " {}", "{}\t")
# In hexadecimal: MD5, SHA-1, SHA-384, SHA-512.
OTHER_HASHES = re.compile(r"(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128})")
# Of the texts that would be accepted, how many are tried with each wrong secret.
MAX_FORMS = 8
KEY_HEADER = "x-partner-api-key"


@dataclass(frozen=True, slots=True)
class Context:
    """What came with a signature, as far as it is known. Names of headers are in lower case."""

    request: Request
    headers: Mapping[str, str] = field(default_factory=dict)


def classify(
    sent: Sent, secrets: Sequence[str], other_secrets: Sequence[str] = (), context: Context | None = None
) -> str | None:
    """The mistake, a word of `CAUSES`, that explains why `sent` was not accepted (a fault of `EXPLAINED`); None if
    none of them does.

    `other_secrets` are those of the same partner that may not sign this request.
    """
    if type(sent.timestamp) is int and sent.timestamp < SECONDS_LIMIT:
        return "seconds"
    if context is not None and _is_misplaced(sent, context):
        return "place"
    if not isinstance(sent.signature, str):
        return None
    if not HEX_DIGEST.fullmatch(sent.signature):
        return _other_format(sent.signature)
    return _explain(sent, secrets, other_secrets, context, bytes.fromhex(sent.signature))


def _explain(
    sent: Sent, secrets: Sequence[str], other_secrets: Sequence[str], context: Context | None, claimed: bytes
) -> str | None:
    forms = list(sent.forms())
    if any(_matches(secrets, form, claimed) for form in forms):
        return None
    if cause := _wrong_secret(forms[:MAX_FORMS], secrets, other_secrets, context, claimed):
        return cause
    for cause, text in _all_texts(sent, context):
        if _matches(secrets, text, claimed):
            return cause
    return None


# ------------------------------------------------------------------------------------------ the place


def _is_misplaced(sent: Sent, context: Context) -> bool:
    """Whether there is a signature, or its timestamp, where nobody looks for it."""
    if isinstance(sent, SentHeaders):
        return (
            sent.timestamp is None
            and "timestamp" in f"{context.request.query}{context.request.body.decode(errors='replace')}"
        )
    return sent.signature is None and (
        any(_is_about_signing(name) for name in context.headers)
        or (isinstance(sent, SentBody) and "signature=" in context.request.query)
        or (isinstance(sent, SentQuery) and context.headers.get("content-length", "0") != "0")
    )


def _is_about_signing(header: str) -> bool:
    return "sign" in header and header != SIGNATURE_HEADER.lower()


def _all_texts(sent: Sent, context: Context | None) -> Iterator[tuple[str, str]]:
    if context is not None:
        yield from (("place", text) for text in _texts_of_other_places(sent, context.request))
        yield from (("path", text) for text in _texts_with_path(sent, context))
    yield from wrong_texts(sent)


def _texts_of_other_places(sent: Sent, request: Request) -> Iterator[str]:
    """What the signature would cover if it travelled in another way."""
    if isinstance(sent, SentHeaders):
        try:
            yield from islice(read_query(request.query).forms(), MAX_FORMS)
            yield from read_body(request.body or b"{}").forms()
        except SignatureFault:
            return
    elif isinstance(sent.timestamp, int):
        query = sent.text if isinstance(sent, SentQuery) else request.query
        bodies = [sent.text.encode(), request.body] if isinstance(sent, SentBody) else [b""]
        for body in bodies:
            for window in {None, sent.recv_window if isinstance(sent.recv_window, int) else None}:
                yield header_text(sent.timestamp, request.method, request.path, query, body, window)


def _texts_with_path(sent: Sent, context: Context) -> Iterator[str]:
    """The path, the method or the host before what should be signed alone."""
    if isinstance(sent, SentHeaders):
        return
    method, path, host = context.request.method, context.request.path, context.headers.get("host", "")
    for form in islice(sent.forms(), MAX_FORMS):
        query = f"?{form}" if isinstance(sent, SentQuery) else form
        for start in ("", method, f"{method} ", f"{method}\n", f"http://{host}", f"https://{host}"):
            for glue in ("", "\n"):
                yield f"{start}{path}{glue}{query}"
                yield f"{start}{path}{glue}{form}"


# ----------------------------------------------------------------------------------------- the secret


def _other_format(signature: str) -> str | None:
    if OTHER_HASHES.fullmatch(signature):
        return "other-hash"
    # A query turns + into a space, and some printers use the URL alphabet or drop the padding.
    text = signature.replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return None
    return "base64" if len(raw) == hashlib.sha256().digest_size else None


def _wrong_secret(
    forms: Sequence[str],
    secrets: Sequence[str],
    other_secrets: Sequence[str],
    context: Context | None,
    claimed: bytes,
) -> str | None:
    padded = [padding.format(secret.strip()) for secret in secrets for padding in PADDINGS]
    key = None if context is None else context.headers.get(KEY_HEADER)
    suspects = {
        "secret-whitespace": padded,
        "other-secret": other_secrets,
        "no-secret": [""],
        "key-as-secret": [] if key is None else [key],
    }
    decoded = [raw for secret in secrets for raw in _decoded(secret)]
    for text in forms:
        for cause, keys in suspects.items():
            if _matches(keys, text, claimed):
                return cause
        if any(_is_hmac(raw, text, claimed) for raw in decoded):
            return "secret-decoded"
        if _is_plain_hash(text, claimed):
            return "no-secret"
        if any(_is_plain_hash(joined, claimed) for secret in secrets for joined in (secret + text, text + secret)):
            return "not-hmac"
    return None


def _decoded(secret: str) -> Iterator[bytes]:
    """The bytes that the secret would be if it were base64 or hexadecimal."""
    text = secret.replace("-", "+").replace("_", "/").rstrip("=")
    with suppress(ValueError):
        yield base64.b64decode(text + "=" * (-len(text) % 4))
    with suppress(ValueError):
        yield bytes.fromhex(secret.replace("-", ""))


def _matches(keys: Sequence[str], text: str, claimed: bytes) -> bool:
    return any(_is_hmac(key.encode(), text, claimed) for key in keys)


def _is_hmac(key: bytes, text: str, claimed: bytes) -> bool:
    return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256"), claimed)


def _is_plain_hash(text: str, claimed: bytes) -> bool:
    return hmac.compare_digest(hashlib.sha256(text.encode()).digest(), claimed)
