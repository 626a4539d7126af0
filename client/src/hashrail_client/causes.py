"""Why a signature does not match: the mistakes that integrators make, tried one after the other.

`classify` is for the sandbox and the command line. It never runs on an accepted request, and production does
not answer with it: telling a stranger how close a forged signature came would be a gift.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator, Sequence, Sized
from itertools import permutations
from urllib.parse import quote, quote_plus, unquote, unquote_plus, urlencode

from hashrail_client.signing import HEX_DIGEST, SECONDS_LIMIT, Sent, digest
from hashrail_client.wire import (
    SIGNED_FIELDS,
    SentBody,
    SentQuery,
    append_member,
    append_pair,
    javascript_number,
    number_exactly,
    stringify,
)

CAUSES = {
    "seconds": "The timestamp is in seconds; the API counts milliseconds.",
    "base64": "The signature is in base64; send the digest in hexadecimal.",
    "secret-whitespace": "The secret was used with white space around it, often the newline of the file it was read "
    "from, or it has some that was cut off.",
    "other-secret": "Another secret of the same partner signed this: a revoked one, or one of another key.",
    "no-secret": "The digest was made without the secret: a plain SHA-256, or an HMAC whose key was empty.",
    "not-hmac": "This is the SHA-256 of secret and text put together; the API needs HMAC with the secret as its key.",
    "sorted": "The fields were sorted by name for signing and sent in another order. Sign them in the order sent.",
    "order": "The fields were signed in another order than they were sent. Sign them in the order sent.",
    "spaces": "The JSON was signed with other spaces than it was sent with. Print it once; sign and send that text.",
    "escapes": "Characters of the JSON were escaped differently for signing than for sending. Print it once; sign and "
    "send that text.",
    "numbers": "A number of the JSON was signed with fewer digits than it was sent with: it went through a double.",
    "plus": "A space was signed in one form (space, + or %20) and sent in another.",
    "percent": "The query was percent-encoded differently for signing than for sending, and the signed text could be "
    "read as other fields. Sign the query as you send it.",
    "empty": "The signature is the one of an empty text: the signing code did not see the query or body.",
    "signature-in-text": "The signed text held a `signature` field. Leave it out, do not empty it.",
    "left-out": "The signed text lacked timestamp or recvWindow. Add them first, then sign.",
    "question-mark": "The question mark before the query was signed with it. Sign what follows it.",
}

# The faults of `signing.verify` that a cause can explain; the others say everything themselves.
EXPLAINED = ("SIGNATURE_MISMATCH", "SIGNATURE_FORMAT", "TIMESTAMP_IN_SECONDS")

# 6 fields have 720 orders; to print and sign a long text so often would keep the server busy for minutes.
MOST_REORDERED = 6
LONGEST_REORDERED = 2000
PADDINGS = ("{}", "{}\n", "{}\r\n", "{} ", " {}", "{}\t")
LEFT_OUT = (SIGNED_FIELDS[:1], SIGNED_FIELDS[1:], SIGNED_FIELDS)
SPACES = (("+", "%20"), ("+", " "), ("%20", "+"))
NON_ASCII = re.compile(r"[^\x00-\x7f]")
ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
# What JavaScript's encodeURIComponent leaves alone, beyond what Python's quote leaves alone.
JAVASCRIPT_SAFE = "!'()*"


def classify(sent: Sent, secrets: Sequence[str], other_secrets: Sequence[str] = ()) -> str | None:
    """The mistake, a word of `CAUSES`, that explains why `sent` was not accepted (a fault of `EXPLAINED`); None if
    none of them does.

    `other_secrets` are those of the same partner that may not sign this request.
    """
    if type(sent.timestamp) is int and sent.timestamp < SECONDS_LIMIT:
        return "seconds"
    if not isinstance(sent.signature, str):
        return None
    if not HEX_DIGEST.fullmatch(sent.signature):
        return "base64" if _is_base64_digest(sent.signature) else None
    return _explain(sent, secrets, other_secrets, bytes.fromhex(sent.signature))


def _explain(sent: Sent, secrets: Sequence[str], other_secrets: Sequence[str], claimed: bytes) -> str | None:
    forms = list(sent.forms())
    if any(_matches(secrets, form, claimed) for form in forms):
        return None
    if cause := _wrong_secret(forms, secrets, other_secrets, claimed):
        return cause
    for cause, text in _wrong_texts(sent):
        if _matches(secrets, text, claimed):
            return cause
    return None


def _is_base64_digest(signature: str) -> bool:
    # A query turns + into a space, and some printers use the URL alphabet or drop the padding.
    text = signature.replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return len(base64.b64decode(text + "=" * (-len(text) % 4), validate=True)) == hashlib.sha256().digest_size
    except binascii.Error:
        return False


def _wrong_secret(
    forms: Sequence[str], secrets: Sequence[str], other_secrets: Sequence[str], claimed: bytes
) -> str | None:
    padded = [padding.format(secret.strip()) for secret in secrets for padding in PADDINGS]
    suspects = {"secret-whitespace": padded, "other-secret": other_secrets, "no-secret": [""]}
    for text in forms:
        for cause, keys in suspects.items():
            if _matches(keys, text, claimed):
                return cause
        if _is_plain_hash(text, claimed):
            return "no-secret"
        if any(_is_plain_hash(joined, claimed) for secret in secrets for joined in (secret + text, text + secret)):
            return "not-hmac"
    return None


def _matches(keys: Sequence[str], text: str, claimed: bytes) -> bool:
    return any(hmac.compare_digest(digest(key, text), claimed) for key in keys)


def _is_plain_hash(text: str, claimed: bytes) -> bool:
    return hmac.compare_digest(hashlib.sha256(text.encode()).digest(), claimed)


def _wrong_texts(sent: Sent) -> Iterator[tuple[str, str]]:
    yield "empty", ""
    if isinstance(sent, SentQuery):
        yield from _wrong_queries(sent)
    elif isinstance(sent, SentBody):
        yield from _wrong_bodies(sent)


def _wrong_queries(sent: SentQuery) -> Iterator[tuple[str, str]]:
    text = sent.text
    yield "question-mark", f"?{text}"
    yield "signature-in-text", append_pair(text, "signature", "")
    yield "percent", unquote(text)
    yield from (("plus", text.replace(sent_as, signed_as)) for sent_as, signed_as in SPACES)
    yield "plus", unquote_plus(text)
    yield "percent", ESCAPE.sub(lambda escape: escape[0].upper(), text)
    yield "percent", ESCAPE.sub(lambda escape: escape[0].lower(), text)
    yield from (
        ("percent", urlencode(sent.pairs, quote_via=quote, safe=safe)) for safe in ("", JAVASCRIPT_SAFE, "/", ":")
    )
    yield "plus", urlencode(sent.pairs, quote_via=quote_plus)
    for form in sent.forms():
        parts = form.split("&")
        yield "sorted", "&".join(sorted(parts))
        yield from (("left-out", "&".join(kept)) for kept in _without_signed_fields(parts))
        if _may_be_reordered(parts, form):
            yield from (("order", "&".join(order)) for order in permutations(parts))


def _may_be_reordered(names: Sized, text: str) -> bool:
    return len(names) <= MOST_REORDERED and len(text) <= LONGEST_REORDERED


def _without_signed_fields(parts: Sequence[str]) -> Iterator[list[str]]:
    for names in LEFT_OUT:
        yield [part for part in parts if part.partition("=")[0] not in names]


def _wrong_bodies(sent: SentBody) -> Iterator[tuple[str, str]]:
    members = sent.members
    compact, spaced = stringify(members, number_exactly), stringify(members, number_exactly, comma=", ", colon=": ")
    yield "empty", "{}"
    yield "numbers", stringify(members, _number_through_double)
    for text in (sent.text, compact):
        yield from (("signature-in-text", append_member(text, "signature", value)) for value in ('""', "null"))
    yield from (("spaces", text) for text in (spaced, compact, sent.text.strip(), f"{sent.text}\n"))
    for text in (compact, spaced):
        yield "escapes", NON_ASCII.sub(_utf16_escape, text)
        yield "escapes", text.replace("/", "\\/")
        yield "escapes", NON_ASCII.sub(_utf16_escape, text.replace("/", "\\/"))
    for names in LEFT_OUT:
        yield "left-out", stringify({name: members[name] for name in members if name not in names}, number_exactly)
    yield from (("sorted", text) for text in _printed_in_order(sent, sorted(members)))
    if _may_be_reordered(members, sent.text):
        yield from (("order", text) for names in permutations(members) for text in _printed_in_order(sent, names))


def _printed_in_order(sent: SentBody, names: Sequence[str]) -> Iterator[str]:
    ordered = {name: sent.members[name] for name in names}
    yield stringify(ordered, number_exactly)
    yield stringify(ordered, number_exactly, comma=", ", colon=": ")


def _number_through_double(text: str) -> str:
    # JavaScript reads what is beyond every double as Infinity, and prints that as null.
    return javascript_number(text, lossy=True) or "null"


def _utf16_escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
