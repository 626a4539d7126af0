"""What goes over the wire: requests with their bounds, and answers, in the contract's names.

Amounts in answers are exact JSON numbers; dates are ISO 8601 UTC with milliseconds. An unknown field in a body is
refused; unknown query parameters are left alone.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Generic, TypeVar

from msgspec import UNSET, Meta, Struct, UnsetType, field

from hashrail.scenarios import Scenario

T = TypeVar("T")

# JavaScript's greatest exact integer: no id is above it.
GREATEST_ID = 2**53 - 1

Text = Annotated[str, Meta(min_length=1, max_length=255)]
NonEmpty = Annotated[str, Meta(min_length=1, max_length=4096)]
Id = Annotated[int, Meta(ge=1, le=GREATEST_ID)]
# Python's $ also stands before a newline at the end, so each pattern says that none may follow.
Limit = Annotated[str, Meta(pattern=r"^[0-9]{1,3}$(?!\n)", description="how many, digits")]
Offset = Annotated[str, Meta(pattern=r"^[0-9]{1,5}$(?!\n)", description="how many to skip, digits")]
Flag = Annotated[str, Meta(pattern=r"^(true|false)$(?!\n)")]
Digits = Annotated[str, Meta(pattern=r"^[0-9]+$(?!\n)")]
Signature = Annotated[str, Meta(min_length=1, max_length=64)]


class Body(Struct, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """A JSON body; what it does not list is refused."""


class SignedBody(Body, kw_only=True):
    """A body that carries its own signature, unless the headers do. Times in milliseconds."""

    signature: Signature | UnsetType = UNSET
    timestamp: Id | UnsetType = UNSET
    recv_window: Id | UnsetType = UNSET


class Query(Struct, rename="camel", kw_only=True):
    """Query parameters, all of them text."""


class SignedQuery(Query, kw_only=True):
    """A query that carries its own signature, unless the headers do. Times in milliseconds."""

    signature: Signature | UnsetType = UNSET
    timestamp: Digits | UnsetType = UNSET
    recv_window: Digits | UnsetType = UNSET


class PageQuery(Query, kw_only=True):
    """A page of a list."""

    limit: Limit | UnsetType = UNSET
    offset: Offset | UnsetType = UNSET


class IncomePageQuery(PageQuery, kw_only=True):
    """#16: single records, or days with their records nested."""

    group_by_days: Flag | UnsetType = UNSET


class UserQuery(SignedQuery, kw_only=True):
    """A partner's user."""

    partner_user_id: Text


class UserPageQuery(UserQuery, kw_only=True):
    """A page of something that a partner's user has."""

    limit: Limit | UnsetType = UNSET
    offset: Offset | UnsetType = UNSET


class IncomeByDayQuery(UserPageQuery, kw_only=True):
    """#18: days from startDate to endDate, both included, UTC."""

    start_date: Text
    end_date: Text
    include_incomes_by_nfts: Flag | UnsetType = field(name="includeIncomesByNfts", default=UNSET)


class LoginBody(SignedBody, kw_only=True):
    """#4."""

    partner_user_id: Text
    email: NonEmpty | UnsetType = UNSET


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


class Listing(Struct, Generic[T]):
    """The envelope of a list."""

    array: Sequence[T]


class TokensOut(Answer, kw_only=True):
    """A pair of tokens; `userId` is the internal id that #11 needs."""

    jwt_token: str
    refresh_token: str
    user_id: int
    partner_user_id: str


class MinerOut(Answer, kw_only=True):
    """Power TH/s, energyEfficiency W/TH."""

    id: int
    created_at: str
    name: str
    power: Decimal
    energy_efficiency: Decimal


class CollectionOut(Answer, kw_only=True):
    """value USD; annualROI percent; poolReward BTC a day and costs USD a day, all for the whole miner."""

    id: int
    power: Decimal
    energy_efficiency: Decimal
    value: Decimal
    annual_roi: Decimal = field(name="annualROI")
    pool_reward: Decimal
    electricity_cost: Decimal
    service_cost: Decimal
    level_discount: Decimal


class PaymentOut(Answer, kw_only=True):
    """value USD, fixed."""

    value: Decimal
    external_id: str


class IncomePerThOut(Answer, kw_only=True):
    """BTC per TH of the last closed day; rates USD; kWh USD; serviceCost USD per TH per day."""

    income_per_th: Decimal
    btc_rate: Decimal
    gomining_rate: Decimal
    k_wh: Decimal = field(name="kWh")
    service_cost: Decimal
    pool_reward_per_th: Decimal
    net_income_per_th: Decimal
    energy_efficiency: Decimal


class RecordOut(Answer, kw_only=True):
    """BTC: value net, c1Value electricity, c2Value service; `day` is the day that was mined."""

    created_at: str
    value: Decimal
    c1_value: Decimal
    c2_value: Decimal
    c3_value: Decimal = Decimal(0)
    c4_value: Decimal = Decimal(0)
    nft_id: int
    day: str
    adjustment_id: int | None = None


class DayOfRecordsOut(Answer, kw_only=True):
    """#16 grouped: a day's sum in BTC and its records."""

    created_at: str
    value: Decimal
    incomes: Sequence[RecordOut]


class MinerTotalOut(Answer, kw_only=True):
    """BTC that one miner earned in this user's hands."""

    total_value: Decimal
    nft_id: int


class LastIncomeOut(Answer, kw_only=True):
    """BTC of the newest day, all miners together."""

    created_at: str
    value: Decimal
    c1_value: Decimal
    c2_value: Decimal
    c3_value: Decimal = Decimal(0)
    c4_value: Decimal = Decimal(0)
    day: str


class IncomeTotalOut(Answer, kw_only=True):
    """#15, BTC."""

    array: Sequence[MinerTotalOut]
    total_income: Decimal
    last_income: LastIncomeOut | None
    withdrawn_amount: Decimal
    on_balance_amount: Decimal


class IncomeDayOut(Answer, kw_only=True):
    """#18: reward net and poolReward gross in BTC, totalPower TH, avgEnergyEfficiency W/TH, serviceFee USD."""

    created_at: str
    reward: Decimal
    pool_reward: Decimal
    total_power: Decimal
    avg_energy_efficiency: Decimal
    service_fee: Decimal
    total_discount: Decimal
    to_address: str | None
    status: str
    incomes: Sequence[RecordOut] | None
    day: str


class BalanceOut(Answer, kw_only=True):
    """#21: what the user can spend."""

    id: int
    created_at: str
    currency: str
    balance: Decimal


class WalletBalanceOut(Answer, kw_only=True):
    """#24: decimal texts."""

    id: int
    currency: str
    gmt_value: str | None = field(name="gmtValueAtSyncDateNumeric", default=None)
    time_locked_value: None = field(name="timeLockedValueAtSyncDateNumeric", default=None)
    flexible_staking_value: None = field(name="flexibleStakingValueAtSyncDateNumeric", default=None)
    freezed_value: str = field(name="freezedValueNumericAtSyncDate")
    value: str = field(name="valueNumericAtSyncDate")


class UserOut(Answer, kw_only=True):
    """A partner's user."""

    id: int
    partner_user_id: str
    created_at: str
    email: str | None


class StatsOut(Answer, kw_only=True):
    """totalPowerTH TH, avgEnergyEfficiency W/TH weighted by power, totalIncome BTC, discount a fraction."""

    wallets_count: int
    nfts_count: int
    total_power_th: Decimal = field(name="totalPowerTH")
    avg_energy_efficiency: Decimal
    total_income: Decimal
    discount: Decimal


class StatisticsOut(Answer, kw_only=True):
    """#29."""

    user: UserOut
    stats: StatsOut


class AdvanceOut(Answer, kw_only=True):
    """Where the business clock stands and how far the books are closed."""

    business_time: str
    published_through: str | None
    closed_through: str | None
    days_closed: int
