"""What a login and a renewal answer, whichever door the user came through."""

from hashrail import db, sessions, users
from hashrail.api.deployment import Deployment
from hashrail.api.models import Data, TokensOut
from hashrail.errors import HashrailError

REFRESH_REFUSALS: tuple[type[HashrailError], ...] = (
    sessions.RefreshTokenInvalidError,
    sessions.RefreshTokenExpiredError,
    sessions.RefreshTokenRevokedError,
    sessions.RefreshTokenReusedError,
)


def issuer(deployment: Deployment, partner_id: int, partner_public_id: str) -> sessions.Issuer:
    """The deployment, issuing tokens to the users of one partner."""
    return sessions.Issuer(
        deployment.settings.issuer, deployment.vault, deployment.signing_keys, partner_id, partner_public_id
    )


def answer(tokens: sessions.Tokens, user: users.User) -> Data[TokensOut]:
    """A pair of tokens and whose they are."""
    return Data(
        TokensOut(
            jwt_token=tokens.jwt_token,
            refresh_token=tokens.refresh_token,
            user_id=user.id,
            partner_user_id=user.partner_user_id,
        )
    )


async def renew(pool: db.Pool, held: sessions.Issuer, refresh_token: str) -> Data[TokensOut]:
    """A new pair for a refresh token. Ending a stolen family is committed before it is refused."""
    async with db.transaction(pool) as tx:
        renewal = await sessions.refresh(tx, held, refresh_token)
        user = await users.get(tx, held.partner_id, renewal.user_id)
    if renewal.refusal is not None:
        raise renewal.refusal
    assert renewal.tokens is not None, "a renewal has tokens or a refusal"
    return answer(renewal.tokens, user)
