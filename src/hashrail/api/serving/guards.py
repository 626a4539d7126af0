"""Who is calling: an API key, a signature, a user's token. Each cause of refusal has its own code."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeAlias

from msgspec import Struct

from hashrail import clock, db
from hashrail.access import access_tokens, addresses, api_keys, idempotency, read_tokens, session_grants, signatures
from hashrail.access.api_keys import ApiKey
from hashrail.api.serving import limits
from hashrail.api.serving.arrival import Arrival
from hashrail.api.serving.state import Serving
from hashrail.errors import ForbiddenError, UnauthorizedError
from hashrail_client.causes import EXPLAINED, Context
from hashrail_client.signing import (
    HEX_DIGEST,
    RECV_WINDOW_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    Request,
    Sent,
    SentBody,
    SentQuery,
    SignatureFault,
    read_body,
    read_headers,
    read_query,
    verify,
)

KEY_HEADER = "x-partner-api-key"
PROOF_HEADERS = (SIGNATURE_HEADER, TIMESTAMP_HEADER, RECV_WINDOW_HEADER)


class ApiKeyMissingError(UnauthorizedError):
    """The operation needs an API key."""

    code = "API_KEY_MISSING"
    advice = "Send the header X-PARTNER-API-KEY."


class ApiKeyUnknownError(UnauthorizedError):
    """Nobody has that API key here."""

    code = "API_KEY_UNKNOWN"
    advice = "Check the key and the base URL: a sandbox and production have different keys."


class ApiKeyIsTestError(UnauthorizedError):
    """A key of a sandbox was sent to a production deployment."""

    code = "API_KEY_IS_TEST"
    advice = "Check the base URL, or use the key of production: it begins with hrk_live_."


class ApiKeyIsLiveError(UnauthorizedError):
    """A key of a production deployment was sent to a sandbox."""

    code = "API_KEY_IS_LIVE"
    advice = "Check the base URL, or use a key of the sandbox: it begins with hrk_test_. Keep live keys out of tests."


class ApiKeyRevokedError(UnauthorizedError):
    """The API key was revoked."""

    code = "API_KEY_REVOKED"
    advice = "Use a live key; the operator creates them."


class ApiKeyExpiredError(UnauthorizedError):
    """The API key is past its end."""

    code = "API_KEY_EXPIRED"
    advice = "Use a live key; the operator creates them."


class IpNotAllowedError(ForbiddenError):
    """The key may not be used from this address."""

    code = "IP_NOT_ALLOWED"
    advice = "Call from an address on the key's list, or ask the operator to add yours."


class ScopeMissingError(ForbiddenError):
    """The scopes of the key, or of the key that opened the token's session, do not cover the operation."""

    code = "SCOPE_MISSING"
    advice = "Use a key with the scope that details.scope names, or log the user in with one."


class KeyCannotSignError(ForbiddenError):
    """A publishable key does not open server-to-server operations."""

    code = "KEY_CANNOT_SIGN"
    advice = "Use a key of kind secret or full."


class KeyIsSecretError(ForbiddenError):
    """A secret key does not belong into a client."""

    code = "KEY_IS_SECRET"
    advice = "Use a key of kind publishable or full for client-to-server operations."


class OriginNotAllowedError(ForbiddenError):
    """A page calls whose origin is not on the partner's list."""

    code = "ORIGIN_NOT_ALLOWED"
    advice = "Let the operator add the page's origin to your partner's list: hashrail partner origin add."


class TokenOfOtherPartnerError(UnauthorizedError):
    """The token and the API key belong to different partners."""

    code = "TOKEN_OF_OTHER_PARTNER"
    advice = "Send the API key of the partner whose user the token is for, or none."


class Caller(Struct, frozen=True):
    """Who is calling: a partner, perhaps for one user, perhaps with a signature.

    `scopes` are those of the key, or of the session of a token; None for a token that is older than sessions. `session`
    is that of an access token; one who came with a read token `only_reads`.
    """

    partner_id: int
    partner_public_id: str
    key_id: int | None = None
    user_id: int | None = None
    digest: bytes | None = None
    scopes: frozenset[str] | None = None
    session: str | None = None
    only_reads: bool = False

    def assert_reaches(self, scope: str) -> None:
        """For what an operation only does at times, beside what it always does. Raises ScopeMissingError."""
        if self.scopes is not None:
            _check_scope(scope, self.scopes)


# With the scope that the operation asks for.
Guard: TypeAlias = Callable[[Serving, Arrival, str | None], Awaitable[Caller]]


def sent_query(arrival: Arrival) -> SentQuery:
    """The query, read once. Raises DUPLICATE_FIELD and QUERY_NOT_UTF8 as HTTP errors."""
    try:
        return read_query(arrival.query)
    except SignatureFault as fault:
        raise signatures.refusal(fault) from fault


def sent_body(arrival: Arrival) -> SentBody:
    """The JSON body, read once; an empty one is an empty object.

    Raises the reasons why it cannot be read as HTTP errors.
    """
    try:
        return read_body(arrival.body or b"{}")
    except SignatureFault as fault:
        raise signatures.refusal(fault) from fault


def _check_mode(serving: Serving, text: str) -> None:
    """A key that says of which mode it is, is of this deployment's. Asks nobody."""
    said, mode = api_keys.mode_of_key(text), serving.deployment.facts.mode
    if said == "sandbox" and mode == "production":
        raise ApiKeyIsTestError("the API key is of a sandbox, and this is production", field=KEY_HEADER)
    if said == "production" and mode == "sandbox":
        raise ApiKeyIsLiveError("the API key is of production, and this is a sandbox", field=KEY_HEADER)


async def key_of(serving: Serving, arrival: Arrival) -> ApiKey:
    """The live API key of the request, from an allowed address."""
    text = arrival.header(KEY_HEADER)
    if text is None:
        raise ApiKeyMissingError("there is no API key", field=KEY_HEADER)
    key = serving.known.keys.kept(text) or await _read_key(serving, arrival, text)
    arrival.notes.keyed(key, serving.calls)
    if key.revoked_at is not None:
        raise ApiKeyRevokedError("the API key was revoked", field=KEY_HEADER)
    if key.expires_at is not None and key.expires_at <= clock.wall_now():
        raise ApiKeyExpiredError("the API key has expired", field=KEY_HEADER)
    if key.allowed_ips:
        address = arrival.address
        if not addresses.is_in(address, key.allowed_ips):
            raise IpNotAllowedError(f"the key may not be used from {address}", address=address)
    return key


async def _read_key(serving: Serving, arrival: Arrival, text: str) -> ApiKey:
    """A key that is not remembered. Raises ApiKeyUnknownError, and what refuses a key of another deployment."""
    _check_mode(serving, text)
    # What cannot be a key is neither looked up nor remembered.
    if api_keys.partner_of_key(text) is None:
        raise ApiKeyUnknownError("nobody has this API key", field=KEY_HEADER)
    if not serving.known.keys.has_seen(text):
        await limits.slow_down(serving, arrival.address)
    key = await serving.known.keys.get(text)
    if key is None:
        raise ApiKeyUnknownError("nobody has this API key", field=KEY_HEADER)
    return key


async def _key_alone(serving: Serving, arrival: Arrival) -> ApiKey:
    """The live API key of a request that proves nothing more."""
    key = await key_of(serving, arrival)
    await limits.count_key_alone(serving, arrival.spending, key, arrival.address)
    return key


def _check_scope(scope: str | None, scopes: frozenset[str]) -> None:
    if scope is not None and scope not in scopes:
        raise ScopeMissingError(f"the scope {scope} is missing", scope=scope)


async def server_key(serving: Serving, arrival: Arrival, scope: str | None) -> Caller:
    """A partner's server with its key alone."""
    key = await _key_alone(serving, arrival)
    if key.kind == "publishable":
        raise KeyCannotSignError("a publishable key does not open server-to-server operations")
    _check_scope(scope, key.scopes)
    return Caller(key.partner_id, key.partner_public_id, key.id)


async def client_key(serving: Serving, arrival: Arrival) -> Caller:
    """A partner's client with its key alone."""
    key = await _key_alone(serving, arrival)
    if key.kind == "secret":
        raise KeyIsSecretError("a secret key does not belong into a client")
    return Caller(key.partner_id, key.partner_public_id, key.id)


async def signed(
    serving: Serving,
    arrival: Arrival,
    key: ApiKey,
    sent: SentQuery | SentBody,
    *,
    operation: str,
    scope: str | None,
    may_be_unsigned: bool = False,
) -> Caller:
    """A partner's server that signed the request, or need not, where operation and key allow that."""
    if key.kind == "publishable":
        await limits.count_key_alone(serving, arrival.spending, key, arrival.address)
        raise KeyCannotSignError("a publishable key cannot sign")
    digest = None
    if not (may_be_unsigned and key.unsigned_upgrades and _is_bare(arrival, sent)):
        digest = await _digest(serving, arrival, sent, key, operation)
    await limits.count_server(serving, arrival.spending, key)
    _check_scope(scope, key.scopes)
    return Caller(key.partner_id, key.partner_public_id, key.id, digest=digest, scopes=key.scopes)


async def signed_beside(serving: Serving, arrival: Arrival, sent: SentBody, operation: str) -> None:
    """The signature of a body that needs none: whoever sends one, or half of one, has it judged."""
    if _is_bare(arrival, sent):
        return
    key = await key_of(serving, arrival)
    if key.kind == "publishable":
        raise KeyCannotSignError("a publishable key cannot sign")
    await _digest(serving, arrival, sent, key, operation)


def _is_bare(arrival: Arrival, sent: SentQuery | SentBody) -> bool:
    """Whether nothing of a signature was sent, in query, body or headers: half of one is a mistake, and is told."""
    fields = (sent.signature, sent.timestamp, sent.recv_window)
    headers = (arrival.header(name.lower()) for name in PROOF_HEADERS)
    return all(each is None for each in (*fields, *headers))


async def _digest(serving: Serving, arrival: Arrival, sent: SentQuery | SentBody, key: ApiKey, operation: str) -> bytes:
    """The digest of a signature that holds. Raises what is wrong with it."""
    proof: Sent = sent
    if arrival.header(SIGNATURE_HEADER.lower()) is not None:
        headers = {name: value for name in PROOF_HEADERS if (value := arrival.header(name.lower())) is not None}
        proof = read_headers(headers, arrival.method, arrival.path, arrival.query.decode("latin-1"), arrival.body)
    window = signatures.default_window_ms(operation, serving.deployment.settings.recv_windows)
    try:
        verified = verify(proof, key.live_secrets, clock.wall_millis(), window, signatures.MAX_WINDOW_MS)
    except SignatureFault as fault:
        await limits.count_key_alone(serving, arrival.spending, key, arrival.address)
        refusal = signatures.refusal(fault)
        if serving.deployment.is_sandbox and fault.code in EXPLAINED:
            refusal.details |= await _diagnosis(serving, arrival, key, proof, fault.code)
        raise refusal from fault
    return verified.digest


async def _diagnosis(serving: Serving, arrival: Arrival, key: ApiKey, proof: Sent, code: str) -> dict[str, object]:
    """What a sandbox tells of a signature that does not hold: perhaps another secret's, or another request's."""
    claimed = proof.signature if isinstance(proof.signature, str) and HEX_DIGEST.fullmatch(proof.signature) else ""
    async with db.transaction(serving.deployment.pool) as tx:
        beside = await api_keys.secrets_beside(tx, serving.deployment.vault, key)
        used = await idempotency.is_known(
            tx, key.partner_id, idempotency.signature_scope(key.id), bytes.fromhex(claimed)
        )
    request = Request(arrival.method, arrival.path, arrival.query.decode("latin-1"), arrival.body)
    context = Context(request, dict(arrival.headers))
    return signatures.diagnosis(proof, code, key.live_secrets, beside, context, used_before=used)


async def check_page(serving: Serving, arrival: Arrival, partner_id: int) -> None:
    """A page in a browser calls for a partner's user only if the partner lists its origin.

    Programs that are no browser name no origin. Raises OriginNotAllowedError.
    """
    origin = arrival.header("origin") if arrival.for_pages else None
    if origin is not None and origin not in await serving.known.origins.get(partner_id):
        raise OriginNotAllowedError("pages of this origin may not call for the partner's users", origin=origin)


async def bearer(serving: Serving, arrival: Arrival, scope: str | None) -> Caller:
    """A user by their token, as far as its session reaches; an API key beside it must be the same partner's."""
    header = arrival.header("authorization")
    if header is None:
        raise access_tokens.TokenMissingError("there is no token", field="authorization")
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "bearer":
        raise access_tokens.TokenInvalidError("the Authorization header is not of the form Bearer TOKEN")
    claims = access_tokens.verify(
        text.strip(),
        serving.signing_keys.public,
        epoch=serving.signing_keys.epoch,
        issuer=serving.deployment.settings.issuer,
        now=clock.wall_now(),
    )
    arrival.notes.claimed(claims, serving.calls)
    await limits.count_user(serving, arrival.spending, claims.partner_id, claims.user_id)
    scopes = None
    if claims.read_token is not None:
        scopes = await _scopes_of_read_token(serving, claims.partner_id, claims.read_token)
        if scope not in (None, *read_tokens.SCOPES):
            raise read_tokens.ReadTokenOnlyReadsError("a read token does not open this", scope=scope)
        _check_scope(scope, scopes)
    elif claims.session is not None:
        scopes = await _scopes_of(serving, claims.partner_id, claims.session)
        _check_scope(scope, scopes)
    if arrival.header(KEY_HEADER) is not None:
        key = await key_of(serving, arrival)
        if key.partner_public_id != claims.partner_public_id:
            raise TokenOfOtherPartnerError("the token is another partner's")
    return Caller(
        claims.partner_id,
        claims.partner_public_id,
        user_id=claims.user_id,
        scopes=scopes,
        session=claims.session,
        only_reads=claims.read_token is not None,
    )


async def _scopes_of(serving: Serving, partner_id: int, session: str) -> frozenset[str]:
    """What a session reaches. Raises SessionEndedError."""
    grant = await serving.known.grants.get((partner_id, session))
    life = timedelta(days=serving.deployment.settings.session_days)
    if grant is None or grant.has_ended(clock.wall_now(), life):
        raise session_grants.SessionEndedError("the session has ended", field="authorization")
    return grant.scopes


async def _scopes_of_read_token(serving: Serving, partner_id: int, token: str) -> frozenset[str]:
    """What a read token reaches. Raises ReadTokenEndedError."""
    grant = await serving.known.grants.get((partner_id, token))
    if grant is None or grant.key_ends_at is None or grant.key_ends_at <= clock.wall_now():
        raise read_tokens.ReadTokenEndedError("the read token has ended", field="authorization")
    return grant.scopes


async def client_key_or_bearer(serving: Serving, arrival: Arrival, scope: str | None) -> Caller:
    """A user by their token, or a client by its key."""
    if arrival.header("authorization") is not None:
        return await bearer(serving, arrival, scope)
    return await client_key(serving, arrival)


async def any_key_or_bearer(serving: Serving, arrival: Arrival, scope: str | None) -> Caller:
    """A user by their token, or a partner by any key: for what is no secret and belongs to nobody."""
    if arrival.header("authorization") is not None:
        return await bearer(serving, arrival, scope)
    key = await _key_alone(serving, arrival)
    return Caller(key.partner_id, key.partner_public_id, key.id)
