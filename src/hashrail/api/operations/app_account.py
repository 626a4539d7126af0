"""Whom a token is for, the user's discounts, and lists of what there is not, as dashboards ask the vendor's app."""

from typing import Annotated

from msgspec import Meta

from hashrail import business_clock, clock, db
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire.app_models import AppBody, Rows
from hashrail.api.wire.fields import number
from hashrail.api.wire.models import Answer, Data, Fraction, Query
from hashrail.money import ZERO
from hashrail.parties import users
from hashrail.parties.users import UserNotFoundError
from hashrail.rewards import discounts

APP_ACCOUNT = Noun("Dashboards")
# Games, referrals, locks of tokens, a second market, savings: programs ask for them, and there are none.
NOTHING_AT = (
    "/api/nft-game/rewards-by-user",
    "/api/ref-program/get-my",
    "/api/ve-gomining-lock/find-by-user",
    "/api/nft-marketplace-order/find-by-user",
    "/api/simple-earn/user-cycle-reward/index",
)


class AppAnything(AppBody, kw_only=True):
    """Whatever is asked for."""


class AppUserOut(Answer, kw_only=True):
    """Whom the token is for; `alias` is the partner's own id of the user."""

    id: int
    alias: str
    email: str | None


class AppDiscountsOut(Answer, kw_only=True):
    """The user's discounts, fractions that are added up; their sum is `totalDiscount`, that of the newest closed day.

    `levelDiscount` is what the user's TH give, as far as it is in the sum; `rewardDistributionDiscount` is what
    programmes give.
    """

    level_discount: Fraction
    reward_distribution_discount: Fraction
    daily_maintenance_discount: Fraction = ZERO
    discount_by_maintenance_in_gmt: Fraction = ZERO
    discount_available_days: Annotated[int, Meta(description="0: discounts do not run out")] = 0
    total_discount: Fraction


class AppNothingOut(Answer, kw_only=True):
    """Never there."""


@APP_ACCOUNT.read(
    None,
    "app_user",
    "GET",
    "/api/auth/isAuth",
    Auth.BEARER,
    refuses=(UserNotFoundError,),
    for_every_site=True,
    from_standbys=True,
)
async def own_account(call: Call, _query: Query) -> Data[AppUserOut]:
    """Whom the token is for."""
    async with db.snapshot(call.pool) as tx:
        user = await users.get(tx, call.partner_id, call.user_id)
    return Data(AppUserOut(id=user.id, alias=user.partner_user_id, email=user.email))


@APP_ACCOUNT.read(
    None,
    "app_discounts",
    "POST",
    "/api/user/get-my-nft-discount",
    Auth.BEARER,
    refuses=(UserNotFoundError,),
    for_every_site=True,
    from_standbys=True,
)
async def own_discounts(call: Call, _body: AppAnything) -> Data[AppDiscountsOut]:
    """The user's discounts."""
    async with db.snapshot(call.pool) as tx:
        user = await users.get(tx, call.partner_id, call.user_id)
        today = clock.day_of(await business_clock.now(tx))
        total = await discounts.of_user(tx, call.partner_id, call.user_id, today=today)
    level = min(user.level_discount, total)
    return Data(
        AppDiscountsOut(
            level_discount=number(level),
            reward_distribution_discount=number(total - level),
            total_discount=number(total),
        )
    )


@APP_ACCOUNT.read(
    None,
    "app_nothing",
    "POST",
    "/api/nft-game/nft-game-income/find-aggregated-by-date",
    Auth.BEARER,
    also_at=NOTHING_AT,
    for_every_site=True,
)
async def nothing(_call: Call, _body: AppAnything) -> Data[Rows[AppNothingOut]]:
    """What there is not here is an empty list, so that a program that asks goes on."""
    return Data(Rows(array=[], count=0))
