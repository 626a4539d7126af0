"""Proofs: signed documents of days and of what is owed, the keys that signed them, and what is told to whom it is of.

Everybody may ask for documents and keys: they are there to be checked without trust in whoever serves them.
"""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from hashrail import clock, db
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire.fields import one_day
from hashrail.api.wire.models import Answer, Data, Day, Moment, Query, SignedQuery, SomeDay, UserQuery
from hashrail.parties import users
from hashrail.parties.users import UserNotFoundError
from hashrail.proofs import day_documents, keys, liabilities, reserves
from hashrail.proofs.day_documents import DayDocument, DayNotSignedError
from hashrail.proofs.liabilities import (
    LiabilitiesDocument,
    LiabilitiesNotTakenError,
    LiabilityTreeGoneError,
    NothingOwedError,
)
from hashrail.proofs.reserves import ReservesNotTakenError

PROOFS = Noun("Proofs")
# So many hashes are listed at once.
MOST_DAYS = 366
REFUSALS = (clock.BadDateTimeError, DayNotSignedError)
TREE_REFUSALS = (clock.BadDateTimeError, LiabilitiesNotTakenError, LiabilityTreeGoneError, NothingOwedError)
Hex = Annotated[str, Meta(pattern="^[0-9a-f]+$")]
ExactText = Annotated[str, Meta(pattern="^[0-9]+[.][0-9]{18}$")]


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


class NewestQuery(Query, kw_only=True):
    """A day, YYYY-MM-DD; the newest that there is where it is left out."""

    day: SomeDay | UnsetType = UNSET


class UserProofQuery(UserQuery, kw_only=True):
    """A partner's user, and a day; the newest that there is where it is left out."""

    day: SomeDay | UnsetType = UNSET


class LiabilitiesOut(Answer, kw_only=True):
    """What was owed to all users after a day: `content` is the text whose bytes are signed, with Ed25519."""

    day: Day
    content: str
    sha256: Hex
    kid: str
    signature: Hex
    signed_at: Moment


class ReservesOut(Answer, kw_only=True):
    """Coins that the wallet could spend after a day: `content` is the text whose bytes are signed, with Ed25519."""

    day: Day
    content: str
    sha256: Hex
    kid: str
    signature: Hex
    signed_at: Moment


class NodeOut(Answer, kw_only=True):
    """A neighbour on the way to the root: its hash, and what is owed below it in BTC, spelled with 18 decimals."""

    hash: Hex
    sum: ExactText


class BalanceProofOut(Answer, kw_only=True):
    """A user's leaf in the tree of a day: BTC that were owed, spelled with 18 decimals, and the way to the root.

    The nonce makes the leaf theirs. Whoever is shown the proof learns the user's name and balance.
    """

    day: Day
    partner_id: str
    partner_user_id: str
    nonce: Hex
    amount: ExactText
    index: int
    path: Sequence[NodeOut]


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
    found = await day_documents.listed(call.pool, after=_day(query.after, "after"), limit=MOST_DAYS)
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


@PROOFS.read(
    None,
    "proof_liabilities",
    "GET",
    "/api/proofs/liabilities",
    Auth.NONE,
    refuses=(clock.BadDateTimeError, LiabilitiesNotTakenError),
)
async def proof_liabilities(call: Call, query: NewestQuery) -> Data[LiabilitiesOut]:
    """What was owed to all users after a day: the signed root of a tree over them, and its sum."""
    found = await liabilities.find(call.pool, _day(query.day))
    return Data(
        LiabilitiesOut(
            day=found.day.isoformat(),
            content=found.content,
            sha256=found.sha256,
            kid=found.kid,
            signature=found.signature,
            signed_at=clock.iso(found.signed_at),
        )
    )


@PROOFS.read(
    None,
    "proof_liabilities_days",
    "GET",
    "/api/proofs/liabilities/days",
    Auth.NONE,
    refuses=(clock.BadDateTimeError,),
)
async def proof_liabilities_days(call: Call, query: SignedDaysQuery) -> Data[SignedDaysOut]:
    """After which days it was signed what is owed to all users, with the hashes of these documents."""
    found = await liabilities.listed(call.pool, after=_day(query.after, "after"), limit=MOST_DAYS)
    return Data(SignedDaysOut(days=[_listed(one) for one in found]))


@PROOFS.read(
    None,
    "proof_reserves",
    "GET",
    "/api/proofs/reserves",
    Auth.NONE,
    refuses=(clock.BadDateTimeError, ReservesNotTakenError),
)
async def proof_reserves(call: Call, query: NewestQuery) -> Data[ReservesOut]:
    """The coins that the wallet could spend after a day, signed by their keys in a transaction that cannot be sent."""
    found = await reserves.find(call.pool, _day(query.day))
    return Data(
        ReservesOut(
            day=found.day.isoformat(),
            content=found.content,
            sha256=found.sha256,
            kid=found.kid,
            signature=found.signature,
            signed_at=clock.iso(found.signed_at),
        )
    )


@PROOFS.read(
    None,
    "s2s_proof_balance",
    "GET",
    "/s2s/proofs/balance",
    Auth.SIGNED,
    refuses=(UserNotFoundError, *TREE_REFUSALS),
)
async def proof_balance(call: Call, query: UserProofQuery) -> Data[BalanceProofOut]:
    """A user's proof that what they were owed after a day is part of the signed sum; it is for them to check."""
    async with db.snapshot(call.pool) as tx:
        user = await users.find(tx, call.partner_id, query.partner_user_id)
        return await _prove(call, tx, user.id, _day(query.day))


@PROOFS.read(None, "c2s_proof_balance", "GET", "/c2s/proofs/balance", Auth.BEARER, refuses=TREE_REFUSALS)
async def own_proof_balance(call: Call, query: NewestQuery) -> Data[BalanceProofOut]:
    """The user's own proof that what they were owed after a day is part of the signed sum."""
    async with db.snapshot(call.pool) as tx:
        return await _prove(call, tx, call.user_id, _day(query.day))


async def _prove(call: Call, tx: db.Tx, user_id: int, day: date | None) -> Data[BalanceProofOut]:
    vault = call.serving.deployment.vault
    found = await liabilities.prove(tx, vault, day, partner_id=call.partner_id, user_id=user_id)
    return Data(
        BalanceProofOut(
            day=found.day.isoformat(),
            partner_id=found.partner_id,
            partner_user_id=found.partner_user_id,
            nonce=found.nonce,
            amount=found.amount,
            index=found.index,
            path=[NodeOut(hash=each, sum=owed) for each, owed in found.path],
        )
    )


def _day(told: str | UnsetType, name: str = "day") -> date | None:
    return None if told is UNSET else one_day(told, name)


def _listed(found: DayDocument | LiabilitiesDocument) -> SignedDayOut:
    return SignedDayOut(day=found.day.isoformat(), sha256=found.sha256, kid=found.kid)
