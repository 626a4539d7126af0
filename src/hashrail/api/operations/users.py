"""A partner's users: a list of all, and one at a glance (#29)."""

from msgspec import UNSET, UnsetType, field

from hashrail import business_clock, clock, db
from hashrail.api.serving.call import Call
from hashrail.api.serving.operation import Auth, Noun
from hashrail.api.wire import cursors
from hashrail.api.wire.fields import number
from hashrail.api.wire.models import (
    Answer,
    Btc,
    Data,
    Efficiency,
    Fraction,
    Moment,
    PositionText,
    Power,
    SignedPageQuery,
    UserQuery,
)
from hashrail.api.wire.page import Page, by_id
from hashrail.custody import bound_wallets
from hashrail.events import feed
from hashrail.parties import users
from hashrail.parties.users import User, UserNotFoundError
from hashrail.rewards import discounts, settling
from hashrail.selling import miners

USERS = Noun("Users")
BY_ID = by_id(User)


class UsersQuery(SignedPageQuery, kw_only=True):
    """Users in a state, or who changed since a position of the partner's feed: `position` of an earlier answer."""

    state: users.State | UnsetType = UNSET
    changed_since: PositionText | UnsetType = UNSET


class UserOut(Answer, kw_only=True):
    """A partner's user."""

    id: int
    partner_user_id: str
    created_at: Moment
    email: str | None


class ListedUserOut(UserOut, kw_only=True):
    """A user of a list. `blockedAt` is since when the operator has blocked them; `levelDiscount` is their level's."""

    state: users.State
    blocked_at: Moment | None
    level_discount: Fraction


class UsersOut(Answer, kw_only=True):
    """Users, newest first. `position` is how far the partner's feed goes: what changes later stands behind it.

    Of a list in pages, keep the position of the first page.
    """

    array: list[ListedUserOut]
    position: int
    next_cursor: str | UnsetType = UNSET


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


@USERS.read(
    29,
    "s2s_user_statistics",
    "GET",
    "/s2s/user/get-statistics",
    Auth.SIGNED,
    refuses=(UserNotFoundError,),
    from_standbys=True,
)
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


@USERS.read(None, "s2s_users", "GET", "/s2s/user/find-all", Auth.SIGNED, refuses=cursors.REFUSALS, from_standbys=True)
async def every_user(call: Call, query: UsersQuery) -> Data[UsersOut]:
    """The partner's users, newest first: all, those in a state, or those who changed since a position.

    Changed is who was registered, blocked or unblocked, and whose e-mail address or level is another: of whom a
    `user.` event stands behind the position. A position is read first, and then the users. So whoever asks again with
    the position of the last answer is told every change since, some of them perhaps twice.
    """
    page = Page.of(query, BY_ID)
    since = None if query.changed_since is UNSET else int(query.changed_since)
    await call.append_to_feed()
    async with db.snapshot(call.pool) as tx:
        position = await feed.last_position(tx, call.partner_id)
        found = await users.of_partner(
            tx,
            call.partner_id,
            state=None if query.state is UNSET else query.state,
            changed_since=feed.listed_since(position, since),
            limit=page.to_read,
            offset=page.offset,
            before=page.behind,
        )
    shown, next_cursor = page.cut(found)
    call.cost.rows += len(shown)
    return Data(UsersOut(array=[_listed(one) for one in shown], position=position, next_cursor=next_cursor))


def _listed(one: User) -> ListedUserOut:
    return ListedUserOut(
        id=one.id,
        partner_user_id=one.partner_user_id,
        created_at=clock.iso(one.created_at),
        email=one.email,
        state="active" if one.blocked_at is None else "blocked",
        blocked_at=None if one.blocked_at is None else clock.iso(one.blocked_at),
        level_discount=number(one.level_discount),
    )


def _user(one: User) -> UserOut:
    return UserOut(
        id=one.id, partner_user_id=one.partner_user_id, created_at=clock.iso(one.created_at), email=one.email
    )
