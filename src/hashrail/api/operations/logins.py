"""Logins: with a TON wallet (#1 and #2), by the partner's server (#4), the renewal of tokens (#3 and #5), and logout.

Nobody signs #1 to #3, nor a logout: the payload says which partner a proof is for, and a refresh token carries its
partner's number. They keep no answer for a repetition either: a payload opens one session, a refresh token that was
spent tells its unused successor, and a session that was ended is ended.
"""

from datetime import timedelta
from typing import Annotated

from msgspec import UNSET, Meta, Raw, UnsetType

from hashrail import clock, db
from hashrail.access import session_grants, sessions, ton_payloads, ton_proof
from hashrail.access.ton_payloads import Issued
from hashrail.access.ton_proof import Claim, Terms
from hashrail.access.ton_wallet import NoAnswer, OnChain, TonProofRefusal, Wallet
from hashrail.alarms.counts import COUNTS, TON_ANSWERED, TON_SILENT
from hashrail.api.serving import guards, limits
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.serving.turns import PartnerBusyError
from hashrail.api.wire.fields import given
from hashrail.api.wire.models import Answer, Data, NonEmpty, SignedBody, Text
from hashrail.books import fence
from hashrail.books.fence import OpenBooks, PartnerClosedError, PartnerSuspendedError
from hashrail.db import Tx
from hashrail.errors import HashrailError
from hashrail.parties import partners, users
from hashrail.parties.newcomers import TooManyNewUsersError
from hashrail.parties.partners import Partner
from hashrail.settings import Settings

LOGINS = Noun("Login")
REFRESHING: tuple[type[HashrailError], ...] = (
    sessions.RefreshTokenInvalidError,
    sessions.RefreshTokenExpiredError,
    sessions.RefreshTokenRevokedError,
    sessions.RefreshTokenReusedError,
    sessions.RefreshTokenEpochError,
    session_grants.SessionKeyEndedError,
    session_grants.SessionLifeEndedError,
)

NOT_OPEN = (PartnerSuspendedError, PartnerClosedError)


def _object(**members: object) -> dict[str, object]:
    """The JSON schema of an object that has these members, and perhaps others."""
    return {"type": "object", "properties": members, "required": [name for name in members if name != "publicKey"]}


BASE64 = "^[A-Za-z0-9+/]+={0,2}$"
# What is read of tonWallet. Wallets extend it, and `ton_proof.read` tells what is wrong with it, so that no model does.
ACCOUNT = _object(
    address={"type": "string", "pattern": "^(0|-1):[0-9a-fA-F]{64}$"},
    chain={"type": "string", "description": "-239 is mainnet, -3 testnet"},
    walletStateInit={"type": "string", "pattern": BASE64, "description": "a bag of cells in base64"},
    publicKey={"type": ["string", "null"], "pattern": "^[0-9a-fA-F]{64}$"},
)
PROOF = _object(
    domain=_object(
        lengthBytes={"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
        value={"type": "string"},
    ),
    payload={"type": "string", "description": "the text that generate-payload answered"},
    signature={"type": "string", "pattern": BASE64, "minLength": 88, "maxLength": 88},
    timestamp={"type": "integer", "minimum": 0, "description": "seconds since 1970 UTC"},
)
TON_WALLET = _object(
    account=ACCOUNT,
    connectItems=_object(tonProof=_object(name={"type": "string", "const": "ton_proof"}, proof=PROOF)),
)


class PayloadBody(SignedBody, kw_only=True):
    """#1: `partnerId` is the partner's public id."""

    partner_id: Text


class CheckProofBody(SignedBody, kw_only=True):
    """#2: `tonWallet` as TON Connect hands it over."""

    ton_wallet: Annotated[Raw, Meta(extra_json_schema=TON_WALLET)]


class LoginBody(SignedBody, kw_only=True):
    """#4."""

    partner_user_id: Text
    email: NonEmpty | UnsetType = UNSET


class RefreshBody(SignedBody, kw_only=True):
    """#3, #5, and a logout."""

    refresh_token: NonEmpty


class PayloadOut(Answer, kw_only=True):
    """What the wallet is to sign: 64 hex digits."""

    payload: str


class TokensOut(Answer, kw_only=True):
    """A pair of tokens; `userId` is the internal id that #11 needs."""

    jwt_token: str
    refresh_token: str
    user_id: int
    partner_user_id: str


@LOGINS.unkept_write(
    1,
    "c2s_generate_payload",
    "/c2s/auth/generate-payload",
    Auth.NONE,
    refuses=(partners.PartnerUnknownError, ton_payloads.TooManyPayloadsError, PartnerBusyError),
)
async def generate_payload(call: Call, body: PayloadBody) -> Data[PayloadOut]:
    """#1: a payload for a wallet to sign. It opens one session of a user of this partner."""
    settings = call.deployment.settings
    lifetime = timedelta(seconds=settings.ton_payload_seconds)
    partner = await partners.by_public_id(call.pool, body.partner_id)
    await guards.check_page(call.serving, call.arrival, partner.id)
    await limits.count_payload(call.serving, call.arrival.spending, call.arrival.address)
    async with call.turn(partner.id), db.transaction(call.pool) as tx:
        payload = await ton_payloads.issue(
            tx, partner.id, lifetime=lifetime, max_under_way=settings.ton_payloads_per_partner
        )
    return Data(PayloadOut(payload=payload))


@LOGINS.unkept_write(
    2,
    "c2s_check_proof",
    "/c2s/auth/check-proof",
    Auth.NONE,
    # Every refusal of a proof derives from this one alone.
    refuses=(*TonProofRefusal.__subclasses__(), TooManyNewUsersError, PartnerBusyError, *NOT_OPEN),
)
async def check_proof(call: Call, _body: CheckProofBody) -> Data[TokensOut]:
    """#2: register the user whose wallet signed, or log them in. Their partnerUserId is the wallet's raw address.

    Of a suspended partner, users who are registered log in as before: nothing but their wallet opens the session.
    """
    settings = call.deployment.settings
    # Without the fields of a signature, which any POST may carry.
    sent = guards.sent_body(call.arrival).fields
    claim = ton_proof.read(sent, workchains=settings.ton_workchains)
    issued = await ton_payloads.look_up(call.pool, claim.payload)
    if issued is not None:
        await guards.check_page(call.serving, call.arrival, issued.partner_id)
    wallet = ton_proof.examine(claim, _terms(settings), None if issued is None else issued.state)
    # No transaction is open while the chain is asked: it may take seconds.
    account = ton_proof.prove(claim, wallet, await _on_chain(call, claim, wallet))
    assert issued is not None, "a payload that was not issued is refused"
    return await _log_in(call, issued, claim.payload, account.address)


@LOGINS.unkept_write(3, "c2s_refresh", "/c2s/auth/refresh", Auth.NONE, refuses=(*REFRESHING, PartnerBusyError))
async def own_refresh(call: Call, body: RefreshBody) -> Data[TokensOut]:
    """#3: a new pair for a refresh token, both tokens new. No key is needed: the token says whose user it is."""
    partner = await _partner_of(call, body.refresh_token)
    async with call.turn(partner.id):
        return await _renew(call, _issuer(call, partner.id, partner.public_id), body.refresh_token)


@LOGINS.unkept_write(
    None,
    "c2s_logout",
    "/c2s/auth/logout",
    Auth.NONE,
    refuses=(sessions.RefreshTokenInvalidError, PartnerBusyError),
)
async def log_out(call: Call, body: RefreshBody) -> Data[bool]:
    """End the session of a refresh token, with its access tokens. Again changes nothing; a spent token will do."""
    partner = await _partner_of(call, body.refresh_token)
    async with call.turn(partner.id), db.transaction(call.pool) as tx:
        await sessions.log_out(tx, _issuer(call, partner.id, partner.public_id), body.refresh_token)
    return Data(data=True)


@LOGINS.write(4, "s2s_login", "/s2s/auth/login", Auth.SIGNED, scope="login", refuses=(TooManyNewUsersError,))
async def login(call: Call, tx: Tx, books: OpenBooks, body: LoginBody) -> Data[TokensOut]:
    """#4: register the partner's user, or log them in."""
    issuer = _issuer(call, call.partner_id, call.known.partner_public_id)
    user = await users.register(
        tx,
        books,
        partner_user_id=body.partner_user_id,
        email=given(body.email),
        new_per_day=call.deployment.settings.new_users_per_day,
    )
    call.arrival.notes.logged_in(issuer.partner_public_id, user.id)
    return _tokens(await sessions.log_in(tx, issuer, user.id, key_id=call.known.key_id), user)


@LOGINS.unkept_write(5, "s2s_refresh", "/s2s/auth/refresh", Auth.SERVER_KEY, scope="login", refuses=REFRESHING)
async def refresh(call: Call, body: RefreshBody) -> Data[TokensOut]:
    """#5: a new pair for a refresh token, both tokens new."""
    return await _renew(call, _issuer(call, call.partner_id, call.known.partner_public_id), body.refresh_token)


async def _partner_of(call: Call, refresh_token: str) -> Partner:
    """Whose user's refresh token it says to be. Raises RefreshTokenInvalidError, OriginNotAllowedError."""
    partner_id = sessions.partner_of_refresh_token(refresh_token)
    partner = None if partner_id is None else await partners.by_number(call.pool, partner_id)
    if partner is None:
        raise sessions.RefreshTokenInvalidError("not a refresh token of this deployment", field="refreshToken")
    await guards.check_page(call.serving, call.arrival, partner.id)
    return partner


def _terms(settings: Settings) -> Terms:
    return Terms(
        now=clock.wall_now(),
        chain=settings.ton_chain,
        max_age=timedelta(seconds=settings.ton_max_age_seconds),
        max_ahead=timedelta(seconds=settings.ton_max_ahead_seconds),
    )


async def _on_chain(call: Call, claim: Claim, wallet: Wallet) -> OnChain | None:
    """What the chain says, where only it knows the key; None if there is no chain to ask."""
    gateway = call.serving.ton
    if gateway is None or not wallet.asks_chain:
        return None
    await limits.count_chain(call.serving, call.arrival.spending, call.arrival.address)
    said = await gateway.get_public_key(claim.address)
    COUNTS.add(TON_SILENT if isinstance(said, NoAnswer) else TON_ANSWERED)
    return said


async def _log_in(call: Call, issued: Issued, payload: str, address: str) -> Data[TokensOut]:
    """The session that the payload opens: both are written, or neither."""
    issuer = _issuer(call, issued.partner_id, issued.partner_public_id)
    async with call.turn(issued.partner_id), db.transaction(call.pool) as tx:
        books = await fence.share(tx, issued.partner_id)
        books.assert_not_closed()
        await ton_payloads.consume(tx, payload, now=clock.wall_now())
        per_day = call.deployment.settings.new_users_per_day
        user = await users.register(
            tx, books, partner_user_id=address, email=None, new_per_day=per_day, field="tonWallet"
        )
        call.arrival.notes.logged_in(issuer.partner_public_id, user.id)
        return _tokens(await sessions.log_in(tx, issuer, user.id, key_id=None), user)


async def _renew(call: Call, issuer: sessions.Issuer, refresh_token: str) -> Data[TokensOut]:
    """A new pair for a refresh token. Ending a stolen family is committed before it is refused."""
    async with db.transaction(call.pool) as tx:
        renewal = await sessions.refresh(tx, issuer, refresh_token)
        user = await users.get(tx, issuer.partner_id, renewal.user_id)
    call.arrival.notes.logged_in(issuer.partner_public_id, user.id)
    if renewal.refusal is not None:
        raise renewal.refusal
    assert renewal.tokens is not None, "a renewal has tokens or a refusal"
    return _tokens(renewal.tokens, user)


def _issuer(call: Call, partner_id: int, partner_public_id: str) -> sessions.Issuer:
    """The deployment, issuing tokens to the users of one partner."""
    deployment = call.deployment
    return sessions.Issuer(
        deployment.settings.issuer,
        deployment.vault,
        call.serving.signing_keys,
        partner_id,
        partner_public_id,
        timedelta(days=deployment.settings.session_days),
        deployment.settings.sessions_per_user,
    )


def _tokens(tokens: sessions.Tokens, user: users.User) -> Data[TokensOut]:
    """A pair of tokens and whose they are."""
    return Data(
        TokensOut(
            jwt_token=tokens.jwt_token,
            refresh_token=tokens.refresh_token,
            user_id=user.id,
            partner_user_id=user.partner_user_id,
        )
    )
