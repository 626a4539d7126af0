"""Passkeys (WebAuthn): a key in somebody's device that signs for one host alone, so that a forged page gets nothing.

The challenge that a device signs follows from the token of the browser's session and a word: nobody else's session has
it, and it counts no more once the session or the word has gone. Whose keys there are, others keep
(`operator_passkeys.py`, `member_passkeys.py`).
"""

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from hashrail.db import Row
from hashrail.errors import ConflictError, NotFoundError, UnauthorizedError

MAX_ANSWER = 20_000
MAX_PASSKEYS, MAX_NAME = 10, 100
# Of a digest, what tells two passkeys apart.
DIGEST_LENGTH = 32
# The word of the challenge that is signed to sign in: one for each session that waits.
SIGN_IN = "sign in"


class PasskeyError(UnauthorizedError):
    """What the browser says of a passkey does not hold: it is of another page, session or account, or a copy."""

    code = "PASSKEY_REFUSED"
    advice = (
        "Load the page anew and try once more, with a passkey that was made here. Otherwise use your code generator."
    )


class PasskeyNotFoundError(NotFoundError):
    """The account has no passkey of that number."""

    code = "PASSKEY_NOT_FOUND"
    advice = "Look at the list again."


class PasskeysFullError(ConflictError):
    """The account has as many passkeys as anybody may."""

    code = "PASSKEYS_FULL"
    advice = "Remove one that you do not use any more."


@dataclass(frozen=True, slots=True)
class Passkey:
    """A passkey: for which host it was made, and when it was used last; times are wall times."""

    id: int
    name: str
    host: str
    credential: bytes
    made_at: datetime
    used_at: datetime | None


@dataclass(frozen=True, slots=True)
class Made:
    """A new passkey: its id, its public key (COSE), and how often it has signed."""

    credential: bytes
    public_key: bytes
    signed: int


def host_of(site: str) -> str:
    """The host that keys are made for, of an address like https://here.example:8443."""
    return urlsplit(site).hostname or ""


def is_named(site: str) -> bool:
    """Whether an address of ours has a host's name: browsers make no passkeys for numbers."""
    try:
        ip_address(host_of(site))
    except ValueError:
        return True
    return False


def name_of(text: str) -> str:
    """A passkey's name, as it is kept."""
    return text[:MAX_NAME]


def assert_room(known: Sequence[Passkey]) -> None:
    """The account may have one more. Raises PasskeysFullError."""
    if len(known) >= MAX_PASSKEYS:
        raise PasskeysFullError(f"{MAX_PASSKEYS} passkeys are the most")


def digest_of(credential: bytes) -> str:
    """What the journal calls a passkey: nobody finds its owner's device by it."""
    return hashlib.sha256(credential).hexdigest()[:DIGEST_LENGTH]


def challenge(token: str, word: str) -> bytes:
    """What a device has to sign for a session's browser."""
    return hmac.digest(token.encode(), b"passkey:" + word.encode(), hashlib.sha256)


def to_make(site: str, name: str, owner: bytes, asked: bytes, known: Sequence[bytes]) -> str:
    """What the browser is asked to make a passkey by, as JSON; `known` are those that there are."""
    import webauthn  # noqa: PLC0415  # only who has a passkey loads it
    from webauthn.helpers import structs  # noqa: PLC0415

    return webauthn.options_to_json(
        webauthn.generate_registration_options(
            rp_id=host_of(site),
            rp_name="Hashrail",
            user_name=name,
            user_id=owner,
            challenge=asked,
            exclude_credentials=[structs.PublicKeyCredentialDescriptor(each) for each in known],
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.PREFERRED,
                user_verification=structs.UserVerificationRequirement.PREFERRED,
            ),
        )
    )


def to_use(site: str, asked: bytes, known: Sequence[bytes]) -> str:
    """What the browser is asked to sign by, as JSON."""
    import webauthn  # noqa: PLC0415  # only who has a passkey loads it
    from webauthn.helpers import structs  # noqa: PLC0415

    return webauthn.options_to_json(
        webauthn.generate_authentication_options(
            rp_id=host_of(site),
            challenge=asked,
            allow_credentials=[structs.PublicKeyCredentialDescriptor(each) for each in known],
            user_verification=structs.UserVerificationRequirement.PREFERRED,
        )
    )


def made(answer: str, *, site: str, asked: bytes) -> Made:
    """The passkey that a browser has made. Raises PasskeyError."""
    import webauthn  # noqa: PLC0415  # only who has a passkey loads it

    try:
        found = webauthn.verify_registration_response(
            credential=answer[:MAX_ANSWER], expected_challenge=asked, expected_rp_id=host_of(site), expected_origin=site
        )
    except _mistakes() as error:
        raise PasskeyError("no passkey was made", field="credential") from error
    return Made(found.credential_id, found.credential_public_key, found.sign_count)


def named(answer: str) -> bytes:
    """The id of the passkey that an answer says it is of. Raises PasskeyError."""
    from webauthn.helpers import base64url_to_bytes, parse_authentication_credential_json  # noqa: PLC0415

    try:
        return base64url_to_bytes(parse_authentication_credential_json(answer[:MAX_ANSWER]).id)
    except _mistakes() as error:
        raise PasskeyError("this is of no passkey", field="credential") from error


def used(answer: str, *, site: str, asked: bytes, public_key: bytes, signed: int) -> int:
    """How often the passkey says that it has signed, once its signature holds. Raises PasskeyError.

    A count that does not rise is of a copy.
    """
    import webauthn  # noqa: PLC0415  # only who has a passkey loads it

    try:
        found = webauthn.verify_authentication_response(
            credential=answer[:MAX_ANSWER],
            expected_challenge=asked,
            expected_rp_id=host_of(site),
            expected_origin=site,
            credential_public_key=public_key,
            credential_current_sign_count=signed,
        )
    except _mistakes() as error:
        raise PasskeyError("the passkey's signature does not hold here", field="credential") from error
    return found.new_sign_count


def signed_by(row: Row | None, answer: str, *, site: str, asked: bytes) -> tuple[int, int]:
    """Which passkey of an account has signed an answer, and its count from now on. Raises PasskeyError.

    `row` is what is kept of the one that the answer names.
    """
    if row is None or row["host"] != host_of(site):
        raise PasskeyError("this passkey opens nothing here", field="credential")
    return row["id"], used(answer, site=site, asked=asked, public_key=row["public_key"], signed=row["signed"])


def _mistakes() -> tuple[type[Exception], ...]:
    """What parsers of three formats make of whatever a stranger sends."""
    from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415

    return (WebAuthnException, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
