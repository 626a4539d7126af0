"""Proofs: signed documents of days, the keys that signed them, and what a partner's commitment is made of.

Everybody may ask for documents and keys: they are there to be checked without trust in whoever serves them.
"""

from collections.abc import Sequence
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from hashrail import clock, db
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire.fields import one_day
from hashrail.api.wire.models import Answer, Data, Day, Moment, Query, SignedQuery, SomeDay
from hashrail.proofs import day_documents, keys
from hashrail.proofs.day_documents import DayDocument, DayNotSignedError

PROOFS = Noun("Proofs")
# So many hashes are listed at once.
MOST_DAYS = 366
REFUSALS = (clock.BadDateTimeError, DayNotSignedError)
Hex = Annotated[str, Meta(pattern="^[0-9a-f]+$")]


class ProofKeyOut(Answer, kw_only=True):
    """A key that signs documents: Ed25519, 32 bytes in hex."""

    kid: str
    public_key: Hex
    created_at: Moment


class ProofKeysOut(Answer, kw_only=True):
    """Every key that has ever signed, the newest first."""

    keys: Sequence[ProofKeyOut]


class SignedDaysQuery(Query, kw_only=True):
    """The days behind `after`, YYYY-MM-DD; from the first one on where it is left out."""

    after: SomeDay | UnsetType = UNSET


class SignedDayOut(Answer, kw_only=True):
    """A signed day: SHA-256 of its document, and which key signed it."""

    day: Day
    sha256: Hex
    kid: str


class SignedDaysOut(Answer, kw_only=True):
    """At most 366 signed days, in order."""

    days: Sequence[SignedDayOut]


class DayQuery(Query, kw_only=True):
    """A day that was mined, YYYY-MM-DD."""

    day: SomeDay


class SignedDayQuery(SignedQuery, kw_only=True):
    """The same, signed."""

    day: SomeDay


class DayDocumentOut(Answer, kw_only=True):
    """A day's document: `content` is the text whose bytes are signed, as JSON; the signature is Ed25519, in hex."""

    day: Day
    content: str
    sha256: Hex
    kid: str
    signature: Hex
    signed_at: Moment


class OpeningOut(Answer, kw_only=True):
    """SHA-256 over the bytes of `salt` and of `text` is the partner's commitment in the day's document."""

    day: Day
    salt: Hex
    text: str


@PROOFS.read(None, "proof_keys", "GET", "/api/proofs/keys", Auth.NONE)
async def proof_keys(call: Call, _query: Query) -> Data[ProofKeysOut]:
    """The keys that sign documents of days. Keep what you have seen: a key is never changed."""
    found = await keys.published(call.pool)
    return Data(
        ProofKeysOut(
            keys=[
                ProofKeyOut(kid=one.kid, public_key=one.public_key, created_at=clock.iso(one.created_at))
                for one in found
            ]
        )
    )


@PROOFS.read(None, "proof_days", "GET", "/api/proofs/days", Auth.NONE, refuses=(clock.BadDateTimeError,))
async def proof_days(call: Call, query: SignedDaysQuery) -> Data[SignedDaysOut]:
    """Which days are signed, with the hashes of their documents."""
    after = None if query.after is UNSET else one_day(query.after, "after")
    found = await day_documents.listed(call.pool, after=after, limit=MOST_DAYS)
    return Data(SignedDaysOut(days=[_listed(one) for one in found]))


@PROOFS.read(None, "proof_day", "GET", "/api/proofs/day", Auth.NONE, refuses=REFUSALS)
async def proof_day(call: Call, query: DayQuery) -> Data[DayDocumentOut]:
    """A day's signed document: what its rates follow from, and the hash of the day before."""
    found = await day_documents.find(call.pool, one_day(query.day, "day"))
    return Data(
        DayDocumentOut(
            day=found.day.isoformat(),
            content=found.content,
            sha256=found.sha256,
            kid=found.kid,
            signature=found.signature,
            signed_at=clock.iso(found.signed_at),
        )
    )


@PROOFS.read(None, "s2s_proof_power", "GET", "/s2s/proofs/power", Auth.SIGNED, refuses=REFUSALS)
async def proof_power(call: Call, query: SignedDayQuery) -> Data[OpeningOut]:
    """What the partner's commitment in a day's document is made of: the power of its users by rate class."""
    async with db.transaction(call.pool) as tx:
        opened = await day_documents.open_power(
            tx, call.serving.deployment.vault, one_day(query.day, "day"), partner_id=call.partner_id
        )
    return Data(OpeningOut(day=opened.day.isoformat(), salt=opened.salt, text=opened.text))


def _listed(found: DayDocument) -> SignedDayOut:
    return SignedDayOut(day=found.day.isoformat(), sha256=found.sha256, kid=found.kid)
