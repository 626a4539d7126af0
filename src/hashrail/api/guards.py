"""Who is calling: an API key, a signature, a user's token. Each cause of refusal has its own code."""

from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from msgspec import Struct, field

from hashrail import clock, db, once, partners
from hashrail.api import limits
from hashrail.api.deployment import Deployment
from hashrail.auth import signature, token
from hashrail.errors import ForbiddenError, UnauthorizedError
from hashrail.partners import ApiKey
from hashrail_client.causes import EXPLAINED
from hashrail_client.signing import (
    HEX_DIGEST,
    RECV_WINDOW_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
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


class ApiKeyRevokedError(UnauthorizedError):
    """The API key was revoked."""

    code = "API_KEY_REVOKED"
    advice = "Use a live key; the operator creates them."


class ApiKeyExpiredError(UnauthorizedError):
    """The API key is past its end."""

    code = "API_KEY_EXPIRED"
    advice = "Use a live key; the operator creates them."


class HeaderRepeatedError(UnauthorizedError):
    """A header that says who is calling came twice."""

    code = "HEADER_REPEATED"
    advice = "Send each credential header once."


class IpNotAllowedError(ForbiddenError):
    """The key may not be used from this address."""

    code = "IP_NOT_ALLOWED"
    advice = "Call from an address on the key's list, or ask the operator to add yours."


class ScopeMissingError(ForbiddenError):
    """The key's scopes do not cover the operation."""

    code = "SCOPE_MISSING"
    advice = "Use a key with the scope that details.scope names."


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


class Arrival(Struct, frozen=True):
    """A request as it came: method and path, raw query and body, headers in lower case, the peer's address.

    `for_pages` says that the path is one that pages in a browser may call, `spending` what it was counted against.
    """

    method: str
    path: str
    query: bytes
    body: bytes
    headers: list[tuple[str, str]]
    peer: str
    for_pages: bool = False
    spending: limits.Spending = field(default_factory=limits.Spending)

    def header(self, name: str) -> str | None:
        """A credential header's value. Raises HeaderRepeatedError."""
        values = [value for key, value in self.headers if key == name]
        if len(values) > 1:
            raise HeaderRepeatedError(f"the header {name} came {len(values)} times", field=name)
        return values[0] if values else None


class Caller(Struct, frozen=True):
    """Who is calling: a partner, perhaps for one user, perhaps with a signature."""

    partner_id: int
    partner_public_id: str
    key_id: int | None = None
    user_id: int | None = None
    digest: bytes | None = None


Guard: TypeAlias = Callable[[Deployment, Arrival], Awaitable[Caller]]


def sent_query(arrival: Arrival) -> SentQuery:
    """The query, read once. Raises DUPLICATE_FIELD and QUERY_NOT_UTF8 as HTTP errors."""
    try:
        return read_query(arrival.query)
    except SignatureFault as fault:
        raise signature.refusal(fault) from fault


def sent_body(arrival: Arrival) -> SentBody:
    """The JSON body, read once. Raises the reasons why it cannot be read as HTTP errors."""
    try:
        return read_body(arrival.body)
    except SignatureFault as fault:
        raise signature.refusal(fault) from fault


async def key_of(deployment: Deployment, arrival: Arrival) -> ApiKey:
    """The live API key of the request, from an allowed address."""
    text = arrival.header(KEY_HEADER)
    if text is None:
        raise ApiKeyMissingError("there is no API key", field=KEY_HEADER)
    # What cannot be a key is neither looked up nor remembered.
    key = await deployment.keys.get(text) if partners.partner_of_key(text) is not None else None
    if key is None:
        raise ApiKeyUnknownError("nobody has this API key", field=KEY_HEADER)
    if key.revoked_at is not None:
        raise ApiKeyRevokedError("the API key was revoked", field=KEY_HEADER)
    if key.expires_at is not None and key.expires_at <= clock.wall_now():
        raise ApiKeyExpiredError("the API key has expired", field=KEY_HEADER)
    if key.allowed_ips:
        address = address_of(deployment, arrival)
        if not _is_in(address, key.allowed_ips):
            raise IpNotAllowedError(f"the key may not be used from {address}", address=address)
    return key


async def _key_alone(deployment: Deployment, arrival: Arrival) -> ApiKey:
    """The live API key of a request that proves nothing more."""
    key = await key_of(deployment, arrival)
    await limits.count_key_alone(deployment, arrival.spending, key, address_of(deployment, arrival))
    return key


async def server_key(deployment: Deployment, arrival: Arrival) -> Caller:
    """A partner's server with its key alone."""
    key = await _key_alone(deployment, arrival)
    if key.kind == "publishable":
        raise KeyCannotSignError("a publishable key does not open server-to-server operations")
    return Caller(key.partner_id, key.partner_public_id, key.id)


async def client_key(deployment: Deployment, arrival: Arrival) -> Caller:
    """A partner's client with its key alone."""
    key = await _key_alone(deployment, arrival)
    if key.kind == "secret":
        raise KeyIsSecretError("a secret key does not belong into a client")
    return Caller(key.partner_id, key.partner_public_id, key.id)


async def signed(
    deployment: Deployment,
    arrival: Arrival,
    sent: SentQuery | SentBody,
    *,
    operation: str,
    scope: str,
    may_be_unsigned: bool = False,
) -> Caller:
    """A partner's server that signed the request, or need not, where operation and key allow that."""
    key = await key_of(deployment, arrival)
    if key.kind == "publishable":
        await limits.count_key_alone(deployment, arrival.spending, key, address_of(deployment, arrival))
        raise KeyCannotSignError("a publishable key cannot sign")
    digest = None
    if not (may_be_unsigned and key.unsigned_upgrades and _is_bare(arrival, sent)):
        digest = await _digest(deployment, arrival, sent, key, operation)
    await limits.count_server(deployment, arrival.spending, key)
    if scope not in key.scopes:
        raise ScopeMissingError(f"the key lacks the scope {scope}", scope=scope)
    return Caller(key.partner_id, key.partner_public_id, key.id, digest=digest)


def _is_bare(arrival: Arrival, sent: SentQuery | SentBody) -> bool:
    """Whether nothing of a signature was sent, in query, body or headers: half of one is a mistake, and is told."""
    fields = (sent.signature, sent.timestamp, sent.recv_window)
    headers = (arrival.header(name.lower()) for name in PROOF_HEADERS)
    return all(each is None for each in (*fields, *headers))


async def _digest(
    deployment: Deployment, arrival: Arrival, sent: SentQuery | SentBody, key: ApiKey, operation: str
) -> bytes:
    """The digest of a signature that holds. Raises what is wrong with it."""
    proof: Sent = sent
    if arrival.header(SIGNATURE_HEADER.lower()) is not None:
        headers = {name: value for name in PROOF_HEADERS if (value := arrival.header(name.lower())) is not None}
        proof = read_headers(headers, arrival.method, arrival.path, arrival.query.decode("latin-1"), arrival.body)
    window = signature.default_window_ms(operation, deployment.settings.recv_windows)
    try:
        verified = verify(proof, key.live_secrets, clock.wall_millis(), window, signature.MAX_WINDOW_MS)
    except SignatureFault as fault:
        await limits.count_key_alone(deployment, arrival.spending, key, address_of(deployment, arrival))
        refusal = signature.refusal(fault)
        if deployment.sandbox and fault.code in EXPLAINED:
            refusal.details |= await _diagnosis(deployment, key, proof)
        raise refusal from fault
    return verified.digest


async def _diagnosis(deployment: Deployment, key: ApiKey, proof: Sent) -> dict[str, object]:
    """What a sandbox tells of a signature that does not hold: perhaps another secret's, or another request's."""
    claimed = proof.signature if isinstance(proof.signature, str) and HEX_DIGEST.fullmatch(proof.signature) else ""
    async with db.transaction(deployment.pool) as tx:
        beside = await partners.secrets_beside(tx, deployment.vault, key)
        used = await once.is_known(tx, key.partner_id, once.signature_scope(key.id), bytes.fromhex(claimed))
    return signature.diagnosis(proof, key.live_secrets, beside, used_before=used)


async def check_page(deployment: Deployment, arrival: Arrival, partner_id: int) -> None:
    """A page in a browser calls for a partner's user only if the partner lists its origin.

    Programs that are no browser name no origin. Raises OriginNotAllowedError.
    """
    origin = arrival.header("origin") if arrival.for_pages else None
    if origin is not None and origin not in await deployment.origins.get(partner_id):
        raise OriginNotAllowedError("pages of this origin may not call for the partner's users", origin=origin)


async def bearer(deployment: Deployment, arrival: Arrival) -> Caller:
    """A user by his token; an API key beside it must be his partner's."""
    header = arrival.header("authorization")
    if header is None:
        raise token.TokenMissingError("there is no token", field="authorization")
    scheme, _, text = header.partition(" ")
    if scheme.lower() != "bearer":
        raise token.TokenInvalidError("the Authorization header is not of the form Bearer TOKEN")
    claims = token.verify(
        text.strip(),
        deployment.signing_keys.public,
        issuer=deployment.settings.issuer,
        now=clock.wall_now(),
    )
    await limits.count_user(deployment, arrival.spending, claims.partner_id, claims.user_id)
    if arrival.header(KEY_HEADER) is not None:
        key = await key_of(deployment, arrival)
        if key.partner_public_id != claims.partner_public_id:
            raise TokenOfOtherPartnerError("the token is another partner's")
    return Caller(claims.partner_id, claims.partner_public_id, user_id=claims.user_id)


async def client_key_or_bearer(deployment: Deployment, arrival: Arrival) -> Caller:
    """A user by his token, or a client by its key."""
    if arrival.header("authorization") is not None:
        return await bearer(deployment, arrival)
    return await client_key(deployment, arrival)


async def any_key_or_bearer(deployment: Deployment, arrival: Arrival) -> Caller:
    """A user by his token, or a partner by any key: for what is no secret and belongs to nobody."""
    if arrival.header("authorization") is not None:
        return await bearer(deployment, arrival)
    key = await _key_alone(deployment, arrival)
    return Caller(key.partner_id, key.partner_public_id, key.id)


def address_of(deployment: Deployment, arrival: Arrival) -> str:
    """The caller's address: the peer's, or the last one that trusted proxies did not add."""
    trusted = [ip_network(network) for network in deployment.settings.trusted_proxies]
    # Several lines are one list, in their order.
    lines = [value for name, value in arrival.headers if name == "x-forwarded-for"]
    chain = [*(_unmapped(part.strip()) for line in lines for part in line.split(",")), _unmapped(arrival.peer)]
    address = chain.pop()
    while chain and _is_in(address, trusted):
        address = chain.pop()
    return address


def _unmapped(address: str) -> str:
    """An IPv4 address as itself where a listener of both kinds shows it within IPv6."""
    return address.removeprefix("::ffff:") if "." in address else address


def _is_in(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Whether the address lies in one of the networks; a text that is no address lies nowhere."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
