"""What a key tells of itself, to whoever signs with it."""

from ipaddress import ip_network

from hashrail.access.scopes import SCOPES
from tests.support.api_client import Api, answered, check_refused
from tests.support.standings import suspended


async def test_a_key_tells_what_it_is(api: Api) -> None:
    partner = api.world.partner
    told = answered(await api.server.call("s2s_key"))
    assert {"timestamp", "secret", "apiSecret"} & told.keys() == set()
    assert (told["key"], told["kind"], told["scopes"]) == (api.server.key, "full", list(SCOPES))
    assert (told["partnerId"], told["partnerName"], told["partnerStanding"]) == (
        partner.public_id,
        partner.name,
        "open",
    )
    assert (told["allowedAddresses"], told["address"], told["mode"]) == ([], "127.0.0.1", "sandbox")
    assert len(told["secretsSince"]) == 1
    assert (told["expiresAt"], told["requestsPerMinute"], told["unsignedUpgrades"]) == (None, None, False)


async def test_it_needs_no_scope_but_a_secret(api: Api) -> None:
    narrow = await api.caller(kind="secret", scopes=("webhooks",), allowed_ips=(ip_network("127.0.0.0/8"),))
    told = answered(await narrow.call("s2s_key"))
    assert (told["kind"], told["scopes"], told["allowedAddresses"]) == ("secret", ["webhooks"], ["127.0.0.0/8"])
    check_refused(await narrow.signing_with("another").call("s2s_key"), 401, "SIGNATURE_MISMATCH")


async def test_a_suspended_partner_is_told(api: Api) -> None:
    await suspended(api.world)
    assert answered(await api.server.call("s2s_key"))["partnerStanding"] == "suspended"
