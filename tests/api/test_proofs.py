"""Signed days over HTTP: everybody can fetch and check them; a partner opens its own commitment alone."""

import datetime as dt
from decimal import Decimal

from hashrail.proofs import day_documents, liabilities
from hashrail.rewards import closing
from hashrail_client import liabilities as owed
from hashrail_client import proofs
from tests.support.api_client import Api, answered, check_refused
from tests.support.books import buy


async def test_a_day_is_fetched_and_checked(api: Api) -> None:
    world = api.world
    alice = await world.user("alice")
    await buy(world, alice.id, "4")
    for _ in range(3):
        await world.next_day()
        await closing.close_due(world.pool)  # for every partner of the tests
    assert await day_documents.sign_due(world.pool, api.deployment.vault) >= 3
    keys = proofs.read_keys(answered(await api.http.get("/api/proofs/keys")))
    listed = answered(await api.http.get("/api/proofs/days"))["days"]
    held: list[proofs.VerifiedDay] = []
    for each in listed:
        document = answered(await api.http.get("/api/proofs/day", params={"day": each["day"]}))
        held.append(proofs.verify_day(document, keys, previous=held[-1] if held else None))
        assert (held[-1].sha256, document["kid"]) == (each["sha256"], each["kid"])
    assert len(held) >= 3
    behind = answered(await api.http.get("/api/proofs/days", params={"after": listed[0]["day"]}))["days"]
    assert behind == listed[1:]
    newest = held[-1]
    opening = answered(await api.server.call("s2s_proof_power", day=newest.day))
    [line] = proofs.verify_power(newest, opening)
    assert line["power"] == 4
    shown = answered(await api.server.call("s2s_income", partnerUserId="alice"))["array"][0]
    assert proofs.verify_record(newest, shown, power=line["power"], energy_efficiency=line["energyEfficiency"])
    await check_balances(api, keys, newest)


async def check_balances(api: Api, keys: dict[str, bytes], day: proofs.VerifiedDay) -> None:
    """What the user was owed is part of the sum that everybody can fetch; their own device and their partner agree."""
    check_refused(await api.http.get("/api/proofs/liabilities"), 404, "LIABILITIES_NOT_TAKEN", "day")
    check_refused(
        await api.server.call("s2s_proof_balance", partnerUserId="alice"), 404, "LIABILITIES_NOT_TAKEN", "day"
    )
    await liabilities.take_due(api.world.pool, api.deployment.vault, every_days=1)
    document = answered(await api.http.get("/api/proofs/liabilities", params={"day": day.day}))
    signed = owed.verify_liabilities(document, keys, day=day)
    [listed] = answered(await api.http.get("/api/proofs/liabilities/days"))["days"]
    assert (listed["day"], listed["sha256"]) == (day.day, signed.sha256)
    proof = answered(await api.server.call("s2s_proof_balance", partnerUserId="alice", day=day.day))
    assert proof == answered(await (await api.user("alice")).call("c2s_proof_balance"))
    balances = answered(await api.server.call("s2s_balances", partnerUserId="alice"))["array"]
    [balance] = [each for each in balances if each["currency"] == "BTC"]
    amount = Decimal(balance["valueNumericAtSyncDate"]) + Decimal(balance["freezedValueNumericAtSyncDate"])
    assert owed.verify_balance(signed, proof, partner_user_id="alice", amount=amount) > 0
    await api.world.user("idle")
    check_refused(await api.server.call("s2s_proof_balance", partnerUserId="idle"), 404, "NOTHING_OWED", "day")


async def test_a_day_that_is_not_signed(api: Api) -> None:
    tomorrow = (await api.world.today() + dt.timedelta(days=1)).isoformat()
    check_refused(await api.http.get("/api/proofs/day", params={"day": tomorrow}), 404, "DAY_NOT_SIGNED", "day")
    check_refused(await api.server.call("s2s_proof_power", day=tomorrow), 404, "DAY_NOT_SIGNED", "day")
    check_refused(await api.http.get("/api/proofs/day", params={"day": "2026-02-30"}), 400, "BAD_DATE", "day")
