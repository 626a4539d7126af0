"""What goes over the wire: requests with their bounds, and answers, in the contract's names.

Amounts in answers are exact JSON numbers; dates are ISO 8601 UTC with milliseconds. An unknown field in a body is
refused; unknown query parameters are left alone, unless a known one differs by its case alone.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Generic, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType, field

from hashrail.api import fields
from hashrail.scenarios import Scenario

T = TypeVar("T")

# JavaScript's greatest exact integer: no id is above it.
GREATEST_ID = 2**53 - 1

# What `extra_json_schema` says is for readers of the OpenAPI document: bounds that code holds, not the model.
ANY_AMOUNT = {"exclusiveMinimum": 0, "exclusiveMaximum": 10**20}
NO_NUL = {"pattern": r"^[^\u0000]*$"}
MILLIS = "milliseconds since 1970 UTC"
WINDOW = "milliseconds for which the signature is valid, at most 60000"

Text = Annotated[str, Meta(min_length=1, max_length=255, extra_json_schema=NO_NUL)]
NonEmpty = Annotated[str, Meta(min_length=1, max_length=4096, extra_json_schema=NO_NUL)]
Id = Annotated[int, Meta(ge=1, le=GREATEST_ID)]
Limit = Annotated[str, Meta(pattern=fields.LIMIT, description="how many, 1 to 999, digits")]
LimitOf100 = Annotated[str, Meta(pattern=fields.LIMIT_OF_100, description="how many, 1 to 100, digits")]
Offset = Annotated[str, Meta(pattern=fields.OFFSET, description="how many to skip, digits")]
Flag = Annotated[str, Meta(pattern=fields.FLAG)]
Digits = Annotated[str, Meta(pattern=fields.DIGITS)]
MillisText = Annotated[str, Meta(pattern=fields.DIGITS, description=MILLIS)]
WindowText = Annotated[str, Meta(pattern=fields.WINDOW, description=WINDOW)]
Millis = Annotated[int, Meta(ge=1, le=GREATEST_ID, description=MILLIS)]
Window = Annotated[int, Meta(ge=1, le=60_000, description=WINDOW)]
SomeMoment = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        description="ISO 8601 with Z or an offset, with or without a fraction",
        extra_json_schema={"format": "date-time"},
    ),
]
Cursor = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        description="nextCursor of the page before",
        extra_json_schema={"pattern": "^[A-Za-z0-9_-]+$"},
    ),
]
Signature = Annotated[str, Meta(min_length=1, max_length=64, description="HMAC-SHA256 in hexadecimal")]

# Units of answers.
Btc = Annotated[Decimal, Meta(description="BTC")]
BtcPerDay = Annotated[Decimal, Meta(description="BTC a day")]
BtcPerTh = Annotated[Decimal, Meta(description="BTC per TH/s a day")]
Usd = Annotated[Decimal, Meta(description="USD")]
UsdPerDay = Annotated[Decimal, Meta(description="USD a day")]
UsdPerTh = Annotated[Decimal, Meta(description="USD per TH/s a day")]
UsdPerKwh = Annotated[Decimal, Meta(description="USD per kWh")]
Percent = Annotated[Decimal, Meta(description="percent")]
Fraction = Annotated[Decimal, Meta(description="a fraction: 0.2 is 20 %")]
Power = Annotated[Decimal, Meta(description="TH/s")]
Efficiency = Annotated[Decimal, Meta(description="W/TH")]
Amount = Annotated[Decimal, Meta(description="in the row's currency")]
AmountText = Annotated[
    str, Meta(pattern=r"^[0-9]+(\.[0-9]+)?$", description="in the row's currency, a decimal as text")
]
Moment = Annotated[
    str, Meta(description="ISO 8601, UTC, with milliseconds and Z", extra_json_schema={"format": "date-time"})
]
Day = Annotated[str, Meta(description="a day, UTC", extra_json_schema={"format": "date"})]


class Body(Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """A JSON body; what it does not list is refused."""


class SignedBody(Body, kw_only=True):
    """A body that carries its own signature, unless the headers do. Times in milliseconds."""

    signature: Signature | UnsetType = UNSET
    timestamp: Millis | UnsetType = UNSET
    recv_window: Window | UnsetType = UNSET


class Query(Struct, rename="camel", kw_only=True):
    """Query parameters, all of them text."""


class SignedQuery(Query, kw_only=True):
    """A query that carries its own signature, unless the headers do. Times in milliseconds."""

    signature: Signature | UnsetType = UNSET
    timestamp: MillisText | UnsetType = UNSET
    recv_window: WindowText | UnsetType = UNSET


class OffsetQuery(Query, kw_only=True):
    """A page of a short list."""

    limit: Limit | UnsetType = UNSET
    offset: Offset | UnsetType = UNSET


class PageQuery(OffsetQuery, kw_only=True):
    """A page of a list, from an offset or from where another page ended."""

    cursor: Cursor | UnsetType = UNSET


class IncomePageQuery(PageQuery, kw_only=True):
    """#16: single records, or days with their records nested."""

    limit: LimitOf100 | UnsetType = UNSET
    group_by_days: Flag | UnsetType = UNSET


class SignedPageQuery(SignedQuery, kw_only=True):
    """A page of a list of the partner's, from an offset or from where another page ended."""

    limit: Limit | UnsetType = UNSET
    offset: Offset | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET


class UserQuery(SignedQuery, kw_only=True):
    """A partner's user."""

    partner_user_id: Text


class UserOffsetQuery(UserQuery, kw_only=True):
    """A page of a short list that a partner's user has."""

    limit: Limit | UnsetType = UNSET
    offset: Offset | UnsetType = UNSET


class UserPageQuery(UserOffsetQuery, kw_only=True):
    """A page of a list that a partner's user has, from an offset or from where another page ended."""

    cursor: Cursor | UnsetType = UNSET


class IncomeByDayQuery(UserOffsetQuery, kw_only=True):
    """#18: days from startDate to endDate, both included, UTC."""

    start_date: SomeMoment
    end_date: SomeMoment
    include_incomes_by_nfts: Flag | UnsetType = field(name="includeIncomesByNfts", default=UNSET)


class LoginBody(SignedBody, kw_only=True):
    """#4."""

    partner_user_id: Text
    email: NonEmpty | UnsetType = UNSET


class TransferBody(SignedBody, kw_only=True):
    """#8: `partnerUserId` has the miner now."""

    partner_user_id: Text
    nft_id: Id
    to_partner_user_id: NonEmpty


class RefreshBody(Body, kw_only=True):
    """#5."""

    refresh_token: NonEmpty


class PaymentCreateBody(SignedBody, kw_only=True):
    """#11: `userId` is the internal id."""

    user_id: Id
    nft_collection_id: Id
    external_id: Text


class PaymentSuccessBody(SignedBody, kw_only=True):
    """#12."""

    external_id: Text
    user_id: Id


class EmptySignedBody(SignedBody, kw_only=True):
    """#14: nothing but the signature."""


class AdvanceBody(SignedBody, kw_only=True):
    """Sandbox: how far the business clock moves (exactly one of the three), and how the days go meanwhile."""

    days: Annotated[int, Meta(ge=1, le=3660)] | UnsetType = UNSET
    seconds: Annotated[int, Meta(ge=1, le=316_224_000)] | UnsetType = UNSET
    date: Text | UnsetType = UNSET
    scenario: Scenario = Scenario.STEADY


class Answer(Struct, rename="camel", kw_only=True):
    """Part of an answer."""


class Data(Struct, Generic[T]):
    """The envelope of every answer."""

    data: T


class DataWithCount(Struct, Generic[T], rename="camel"):
    """The envelope of #18."""

    data: T
    total_count: int


class Listing(Struct, Generic[T], rename="camel"):
    """The envelope of a list. `nextCursor` is there when more follows and the list has cursors."""

    array: Sequence[T]
    next_cursor: str | UnsetType = UNSET


class TokensOut(Answer, kw_only=True):
    """A pair of tokens; `userId` is the internal id that #11 needs."""

    jwt_token: str
    refresh_token: str
    user_id: int
    partner_user_id: str


class MinerOut(Answer, kw_only=True):
    """Power TH/s, energyEfficiency W/TH."""

    id: int
    created_at: Moment
    name: str
    power: Power
    energy_efficiency: Efficiency


class CollectionOut(Answer, kw_only=True):
    """value USD; annualROI percent; poolReward BTC a day and costs USD a day, all for the whole miner."""

    id: int
    power: Power
    energy_efficiency: Efficiency
    value: Usd
    annual_roi: Percent = field(name="annualROI")
    pool_reward: BtcPerDay
    electricity_cost: UsdPerDay
    service_cost: UsdPerDay
    level_discount: Fraction


class PaymentOut(Answer, kw_only=True):
    """value USD, fixed."""

    value: Usd
    external_id: str


class ExchangeRateOut(Answer, kw_only=True):
    """#28: what one of a currency is worth."""

    symbol: str
    price: Usd


class IncomePerThOut(Answer, kw_only=True):
    """BTC per TH of the last closed day; rates USD; kWh USD; serviceCost USD per TH per day."""

    income_per_th: BtcPerTh
    btc_rate: Usd
    gomining_rate: Usd
    k_wh: UsdPerKwh = field(name="kWh")
    service_cost: UsdPerTh
    pool_reward_per_th: BtcPerTh
    net_income_per_th: BtcPerTh
    energy_efficiency: Efficiency


class RecordOut(Answer, kw_only=True):
    """BTC: value net, c1Value electricity, c2Value service; `day` is the day that was mined."""

    created_at: Moment
    value: Btc
    c1_value: Btc
    c2_value: Btc
    c3_value: Btc = Decimal(0)
    c4_value: Btc = Decimal(0)
    nft_id: int
    day: Day
    adjustment_id: int | None = None


class DayOfRecordsOut(Answer, kw_only=True):
    """#16 grouped: a day's sum in BTC and its records."""

    created_at: Moment
    value: Btc
    incomes: Sequence[RecordOut]


class MinerTotalOut(Answer, kw_only=True):
    """BTC that one miner earned in this user's hands."""

    total_value: Btc
    nft_id: int


class LastIncomeOut(Answer, kw_only=True):
    """BTC of the newest day, all miners together."""

    created_at: Moment
    value: Btc
    c1_value: Btc
    c2_value: Btc
    c3_value: Btc = Decimal(0)
    c4_value: Btc = Decimal(0)
    day: Day


class IncomeTotalOut(Answer, kw_only=True):
    """#15, BTC."""

    array: Sequence[MinerTotalOut]
    total_income: Btc
    last_income: LastIncomeOut | None
    withdrawn_amount: Btc
    on_balance_amount: Btc


class IncomeDayOut(Answer, kw_only=True):
    """#18: reward net and poolReward gross in BTC, totalPower TH, avgEnergyEfficiency W/TH, serviceFee USD."""

    created_at: Moment
    reward: Btc
    pool_reward: Btc
    total_power: Power
    avg_energy_efficiency: Efficiency
    service_fee: Usd
    total_discount: Fraction
    to_address: str | None
    status: str
    incomes: Sequence[RecordOut] | None
    day: Day


class BalanceOut(Answer, kw_only=True):
    """#21: what the user can spend."""

    id: int
    created_at: Moment
    currency: str
    balance: Amount


class WalletBalanceOut(Answer, kw_only=True):
    """#24: decimal texts."""

    id: int
    currency: str
    gmt_value: AmountText | None = field(name="gmtValueAtSyncDateNumeric", default=None)
    time_locked_value: None = field(name="timeLockedValueAtSyncDateNumeric", default=None)
    flexible_staking_value: None = field(name="flexibleStakingValueAtSyncDateNumeric", default=None)
    freezed_value: AmountText = field(name="freezedValueNumericAtSyncDate")
    value: AmountText = field(name="valueNumericAtSyncDate")


class UserOut(Answer, kw_only=True):
    """A partner's user."""

    id: int
    partner_user_id: str
    created_at: Moment
    email: str | None


class StatsOut(Answer, kw_only=True):
    """totalPowerTH TH, avgEnergyEfficiency W/TH weighted by power, totalIncome BTC, discount a fraction."""

    wallets_count: int
    nfts_count: int
    total_power_th: Power = field(name="totalPowerTH")
    avg_energy_efficiency: Efficiency
    total_income: Btc
    discount: Fraction


class StatisticsOut(Answer, kw_only=True):
    """#29."""

    user: UserOut
    stats: StatsOut


class AdvanceOut(Answer, kw_only=True):
    """Where the business clock stands and how far the books are closed."""

    business_time: Moment
    published_through: Day | None
    closed_through: Day | None
    days_closed: int
