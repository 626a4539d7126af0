"""The key itself: what a program's key may do, where it may be used from, and whose it is."""

from hashrail import clock
from hashrail.access import api_keys
from hashrail.access.api_keys import KeyKind
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire.models import Answer, Data, Moment, SignedQuery
from hashrail.books.fence import Standing
from hashrail.parties import standings
from hashrail.settings import Mode

KEYS = Noun("Keys")


class KeyOut(Answer, kw_only=True):
    """The key of the call. Without `allowedAddresses` it may be used from anywhere; `address` is where the call came
    from. `secretsSince` are the secrets that sign, newest first: two during a rotation.

    `lastUsedAt` is exact to some minutes. `requestsPerMinute` is a limit of the key's own, 0 for none and null for the
    deployment's.
    """

    key: str
    kind: KeyKind
    label: str
    scopes: list[str]
    allowed_addresses: list[str]
    address: str
    created_at: Moment
    expires_at: Moment | None
    last_used_at: Moment | None
    secrets_since: list[Moment]
    requests_per_minute: int | None
    unsigned_upgrades: bool
    partner_id: str
    partner_name: str
    partner_standing: Standing
    mode: Mode


@KEYS.read(None, "s2s_key", "GET", "/s2s/key", Auth.SIGNED, scope=None)
async def key(call: Call, _query: SignedQuery) -> Data[KeyOut]:
    """What the key of the call is: its kind and scopes, from where it may call, and the partner. It needs no scope."""
    assert call.known.key_id is not None, "a signature is a key's"
    found = await api_keys.facts_of(call.pool, call.partner_id, call.known.key_id)
    standing = await standings.of_partner(call.pool, call.partner_id)
    return Data(
        KeyOut(
            key=found.key,
            kind=found.kind,
            label=found.label,
            scopes=found.scopes,
            allowed_addresses=[str(each) for each in found.allowed_ips],
            address=call.arrival.address,
            created_at=clock.iso(found.created_at),
            expires_at=None if found.expires_at is None else clock.iso(found.expires_at),
            last_used_at=None if found.last_used_at is None else clock.iso(found.last_used_at),
            secrets_since=[clock.iso(each) for each in found.secrets_since],
            requests_per_minute=found.requests_per_minute,
            unsigned_upgrades=found.unsigned_upgrades,
            partner_id=found.partner_public_id,
            partner_name=found.partner_name,
            partner_standing=standing.standing,
            mode=call.deployment.facts.mode,
        )
    )
