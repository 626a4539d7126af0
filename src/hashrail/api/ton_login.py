"""Login with a TON wallet (#1 and #2), and the renewal of a user's tokens without a key (#3).

Nobody signs these calls: the payload says which partner a proof is for, and a refresh token carries its partner's
number.
"""

from datetime import timedelta
from typing import Annotated

from msgspec import Meta, Raw

from hashrail import clock, day_fence, db, partners, sessions, ton_payloads, users
from hashrail.api import guards, limits, logins
from hashrail.api.call import Auth, Call, Route
from hashrail.api.models import Answer, Body, Data, RefreshBody, Text, TokensOut
from hashrail.auth import ton_proof
from hashrail.auth.ton_proof import Claim, Terms
from hashrail.auth.ton_wallet import OnChain, TonProofRefusal, Wallet
from hashrail.settings import Settings
from hashrail.ton_payloads import Issued


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


class PayloadBody(Body, kw_only=True):
    """#1: `partnerId` is the partner's public id."""

    partner_id: Text


class CheckProofBody(Body, kw_only=True):
    """#2: `tonWallet` as TON Connect hands it over."""

    ton_wallet: Annotated[Raw, Meta(extra_json_schema=TON_WALLET)]


class PayloadOut(Answer, kw_only=True):
    """What the wallet is to sign: 64 hex digits."""

    payload: str


async def generate_payload(call: Call, body: PayloadBody) -> Data[PayloadOut]:
    """#1: a payload for a wallet to sign. It opens one session of a user of this partner."""
    lifetime = timedelta(seconds=call.deployment.settings.ton_payload_seconds)
    partner = await partners.by_public_id(call.pool, body.partner_id)
    await guards.check_page(call.deployment, call.arrival, partner.id)
    async with db.transaction(call.pool) as tx:
        return Data(PayloadOut(payload=await ton_payloads.issue(tx, partner.id, lifetime=lifetime)))


async def check_proof(call: Call, _body: CheckProofBody) -> Data[TokensOut]:
    """#2: register the user whose wallet signed, or log him in. His partnerUserId is the wallet's raw address."""
    settings = call.deployment.settings
    sent = guards.sent_body(call.arrival).members
    claim = ton_proof.read(sent, workchains=settings.ton_workchains)
    issued = await ton_payloads.look_up(call.pool, claim.payload)
    if issued is not None:
        await guards.check_page(call.deployment, call.arrival, issued.partner_id)
    wallet = ton_proof.examine(claim, _terms(settings), None if issued is None else issued.state)
    # No transaction is open while the chain is asked: it may take seconds.
    account = ton_proof.prove(claim, wallet, await _on_chain(call, claim, wallet))
    assert issued is not None, "a payload that was not issued is refused"
    return await _log_in(call, issued, claim.payload, account.address)


async def refresh(call: Call, body: RefreshBody) -> Data[TokensOut]:
    """#3: a new pair for a refresh token, both tokens new. No key is needed: the token says whose user it is."""
    partner_id = sessions.partner_of_refresh_token(body.refresh_token)
    partner = None if partner_id is None else await partners.by_number(call.pool, partner_id)
    if partner is None:
        raise sessions.RefreshTokenInvalidError("not a refresh token of this deployment", field="refreshToken")
    await guards.check_page(call.deployment, call.arrival, partner.id)
    return await logins.renew(
        call.pool, logins.issuer(call.deployment, partner.id, partner.public_id), body.refresh_token
    )


def _terms(settings: Settings) -> Terms:
    return Terms(
        now=clock.wall_now(),
        chain=settings.ton_chain,
        max_age=timedelta(seconds=settings.ton_max_age_seconds),
        max_ahead=timedelta(seconds=settings.ton_max_ahead_seconds),
    )


async def _on_chain(call: Call, claim: Claim, wallet: Wallet) -> OnChain | None:
    """What the chain says, where only it knows the key; None if there is no chain to ask."""
    gateway = call.deployment.ton
    if gateway is None or not wallet.asks_chain:
        return None
    address = guards.address_of(call.deployment, call.arrival)
    await limits.count_chain(call.deployment, call.arrival.spending, address)
    return await gateway.get_public_key(claim.address)


async def _log_in(call: Call, issued: Issued, payload: str, address: str) -> Data[TokensOut]:
    """The session that the payload opens: both are written, or neither."""
    issuer = logins.issuer(call.deployment, issued.partner_id, issued.partner_public_id)
    async with db.transaction(call.pool) as tx:
        day = await day_fence.share(tx, issued.partner_id)
        await ton_payloads.consume(tx, payload, now=clock.wall_now())
        user = await users.register(tx, day, partner_user_id=address, email=None)
        return logins.answer(await sessions.log_in(tx, issuer, user.id), user)


ROUTES = (
    Route(
        1,
        "c2s_generate_payload",
        "POST",
        "/c2s/auth/generate-payload",
        Auth.NONE,
        PayloadBody,
        generate_payload,
        refuses=(partners.PartnerUnknownError,),
    ),
    Route(
        2,
        "c2s_check_proof",
        "POST",
        "/c2s/auth/check-proof",
        Auth.NONE,
        CheckProofBody,
        check_proof,
        # Every refusal of a proof derives from this one alone.
        refuses=tuple(TonProofRefusal.__subclasses__()),
    ),
    Route(
        3,
        "c2s_refresh",
        "POST",
        "/c2s/auth/refresh",
        Auth.NONE,
        RefreshBody,
        refresh,
        refuses=logins.REFRESH_REFUSALS,
    ),
)
