"""A partner's user at a glance (#29)."""

from msgspec import field

from hashrail import business_clock, clock, db
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire.fields import number
from hashrail.api.wire.models import Answer, Btc, Data, Efficiency, Fraction, Moment, Power, UserQuery
from hashrail.custody import bound_wallets
from hashrail.parties import users
from hashrail.parties.users import User, UserNotFoundError
from hashrail.rewards import discounts, settling
from hashrail.selling import miners

USERS = Noun("Users")


class UserOut(Answer, kw_only=True):
    """A partner's user."""

    id: int
    partner_user_id: str
    created_at: Moment
    email: str | None


class StatsOut(Answer, kw_only=True):
    """totalPowerTH TH, avgEnergyEfficiency W/TH weighted by power, totalIncome BTC.

    `discount` is the whole one of the newest closed day: level and programmes, at most the cap. `levelDiscount` is the
    part of it that the user's TH give now.
    """

    wallets_count: int
    nfts_count: int
    total_power_th: Power = field(name="totalPowerTH")
    avg_energy_efficiency: Efficiency
    total_income: Btc
    discount: Fraction
    level_discount: Fraction


class StatisticsOut(Answer, kw_only=True):
    """#29."""

    user: UserOut
    stats: StatsOut


@USERS.read(29, "s2s_user_statistics", "GET", "/s2s/user/get-statistics", Auth.SIGNED, refuses=(UserNotFoundError,))
async def statistics(call: Call, query: UserQuery) -> Data[StatisticsOut]:
    """#29: the user's figures at a glance."""
    async with db.snapshot(call.pool) as tx:
        user = await users.find(tx, call.partner_id, query.partner_user_id)
        owned = await miners.sum_of_user(tx, call.partner_id, user.id)
        wallets_count = await bound_wallets.count(tx, call.partner_id, user.id)
        today = clock.day_of(await business_clock.now(tx))
        discount = await discounts.of_user(tx, call.partner_id, user.id, today=today)
        income = await settling.credited(tx, call.partner_id, user.id)
    return Data(
        StatisticsOut(
            user=_user(user),
            stats=StatsOut(
                wallets_count=wallets_count,
                nfts_count=owned.miners,
                total_power_th=number(owned.power),
                avg_energy_efficiency=number(owned.energy_efficiency),
                total_income=number(income),
                discount=number(discount),
                level_discount=number(user.level_discount),
            ),
        )
    )


def _user(one: User) -> UserOut:
    return UserOut(
        id=one.id, partner_user_id=one.partner_user_id, created_at=clock.iso(one.created_at), email=one.email
    )
