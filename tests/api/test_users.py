"""A partner's user at a glance (#29)."""

from decimal import Decimal

from hashrail import clock
from hashrail.money import divide_half_even
from tests.support.api_client import Past, answered, check_refused


async def test_statistics(past: Past) -> None:
    await past.api.server.call("s2s_login", partnerUserId="bob", email="bob@example.com")
    expected = {
        "alice": (None, 2, Decimal(26), divide_half_even(Decimal(440), Decimal(26), 4), Decimal("0.009")),
        "bob": ("bob@example.com", 1, Decimal("0.75"), Decimal(12), Decimal(0)),
        "carol": (None, 0, Decimal(0), Decimal(0), Decimal(0)),
    }
    for name, (email, count, power, efficiency, discount) in expected.items():
        data = answered(await past.api.server.call("s2s_user_statistics", partnerUserId=name))
        user = past.users[name]
        assert data == {
            "user": {
                "id": user.id,
                "partnerUserId": name,
                "createdAt": clock.iso(user.created_at),
                "email": email,
            },
            "stats": {
                "walletsCount": 0,
                "nftsCount": count,
                "totalPowerTH": power,
                "avgEnergyEfficiency": efficiency,
                "totalIncome": past.income(name),
                # No programme gives anything here.
                "discount": discount,
                "levelDiscount": discount,
            },
        }


async def test_strangers_have_no_figures(past: Past) -> None:
    for operation in ("s2s_user_statistics", "s2s_balances"):
        response = await past.api.server.call(operation, partnerUserId="nobody")
        check_refused(response, 404, "USER_NOT_FOUND", "partnerUserId")
