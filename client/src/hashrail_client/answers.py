# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""What the API answers, by the names of the wire."""

from typing import Literal, NotRequired, TypedDict

from hashrail_client.amounts import Amount
from hashrail_client.event_data import Event


class Tokens(TypedDict):
    """A pair of tokens; `userId` is the internal id that #11 needs."""

    jwtToken: str
    refreshToken: str
    userId: int
    partnerUserId: str


class Session(TypedDict):
    """An open session. `apiKey` opened it; null where a TON wallet did. It ends at `endsAt` unless it is renewed."""

    id: str
    apiKey: str | None
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    renewedAt: str  # ISO 8601, UTC, with milliseconds and Z
    endsAt: str  # ISO 8601, UTC, with milliseconds and Z


class Ended(TypedDict):
    """How many sessions were open and are not any more."""

    ended: int


class ReadToken(TypedDict):
    """A read token that lives. `lastUsedOn` is the day of its last use, null until there is one."""

    id: str
    name: str
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    expiresAt: str  # ISO 8601, UTC, with milliseconds and Z
    lastUsedOn: str | None


class Payload(TypedDict):
    """What the wallet is to sign: 64 hex digits."""

    payload: str


class Stats(TypedDict):
    """TotalPowerTH TH, avgEnergyEfficiency W/TH weighted by power, totalIncome BTC.

    `discount` is the whole one of the newest closed day: level and programmes, at most the cap. `levelDiscount`
    is the part of it that the user's TH give now.
    """

    walletsCount: int
    nftsCount: int
    totalPowerTH: Amount  # TH/s
    avgEnergyEfficiency: Amount  # W/TH
    totalIncome: Amount  # BTC
    discount: Amount  # a fraction: 0.2 is 20 %
    levelDiscount: Amount  # a fraction: 0.2 is 20 %


class User(TypedDict):
    """A partner's user."""

    id: int
    partnerUserId: str
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    email: str | None


class Statistics(TypedDict):
    """Statistics, as the API tells it."""

    user: User
    stats: Stats


class ListedUser(TypedDict):
    """A user of a list. `blockedAt` is since when the operator has blocked them; `levelDiscount` is their level's."""

    id: int
    partnerUserId: str
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    email: str | None
    state: Literal["active", "blocked"]
    blockedAt: str | None
    levelDiscount: Amount  # a fraction: 0.2 is 20 %


class Users(TypedDict):
    """Users, newest first. `position` is how far the partner's feed goes: what changes later stands behind it.

    Of a list in pages, keep the position of the first page.
    """

    array: list[ListedUser]
    position: int
    nextCursor: NotRequired[str]


class Miner(TypedDict):
    """Power TH/s, energyEfficiency W/TH."""

    id: int
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    name: str
    power: Amount  # TH/s
    energyEfficiency: Amount  # W/TH


class Collection(TypedDict):
    """Value USD; annualROI percent; poolReward BTC a day and costs USD a day, all for the whole miner."""

    id: int
    power: Amount  # TH/s
    energyEfficiency: Amount  # W/TH
    value: Amount  # USD
    annualROI: Amount  # percent
    poolReward: Amount  # BTC a day
    electricityCost: Amount  # USD a day
    serviceCost: Amount  # USD a day
    levelDiscount: Amount  # a fraction: 0.2 is 20 %


class Payment(TypedDict):
    """Value USD, fixed."""

    value: Amount  # USD
    externalId: str


class Order(TypedDict):
    """An order: value USD, power TH, energyEfficiency W/TH. `nftId` is the miner that it was issued as.

    A refunded order was issued, and its miner has ended since.
    """

    externalId: str
    userId: int
    nftCollectionId: int
    state: Literal["cancelled", "created", "expired", "issued", "refunded"]
    value: Amount  # USD
    power: Amount  # TH/s
    energyEfficiency: Amount  # W/TH
    nftId: int | None
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    expiresAt: str  # ISO 8601, UTC, with milliseconds and Z
    paidAt: str | None
    refundedAt: str | None


class Orders(TypedDict):
    """Orders, newest first. `position` is how far the partner's feed goes: what changes later stands behind it.

    Of a list in pages, keep the position of the first page.
    """

    array: list[Order]
    position: int
    nextCursor: NotRequired[str]


class Price(TypedDict):
    """USD."""

    price: Amount  # USD


class Upgrade(TypedDict):
    """The number of the post-payment."""

    id: str


PostPayment = TypedDict(
    "PostPayment",
    {
        "id": str,
        "type": Literal["nftEnergyEfficiencyUpgrade", "nftPowerUpgrade"],
        "nftId": int,
        "from": Amount,
        "to": Amount,
        "value": Amount,
        "createdAt": str,
    },
)
"""What the partner owes for an upgrade: value USD; from and to are TH or W/TH."""


class Line(TypedDict):
    """A line of the statement, USD: what it adds to the debt, and the debt after it. A payment or refund is
    negative.

    `reference` is the order's externalId, the post-payment's id, or the reference of the payment.
    """

    date: str  # ISO 8601, UTC, with milliseconds and Z
    type: Literal["order", "orderRefund", "payment", "paymentReversal", "upgrade", "upgradeRefund"]
    reference: str
    nftId: int | None
    amountUsd: Amount  # USD
    balanceUsd: Amount  # USD


class Statement(TypedDict):
    """Lines oldest first; USD owed before the first day and after the last one; owed, reserved and allowed now."""

    array: list[Line]
    openingUsd: Amount  # USD
    closingUsd: Amount  # USD
    owedUsd: Amount  # USD
    reservedUsd: Amount  # USD
    creditLimitUsd: Amount  # USD
    nextCursor: NotRequired[str]


class DayTotals(TypedDict):
    """A day. Income is that which was credited with it: `poolReward` is `value` and both costs together, in BTC.

    `users` were registered by its end, `totalPower` earned on it. `withdrawals` were asked for on it, whatever
    became of them; `paidAmount` and `paidFee` became final on it. `settled` is income that moved to users'
    accounts.
    """

    day: str  # a day, UTC
    users: int
    totalPower: Amount  # TH/s
    poolReward: Amount  # BTC
    c1Value: Amount  # BTC
    c2Value: Amount  # BTC
    value: Amount  # BTC
    settled: Amount  # BTC
    orders: int
    ordersValue: Amount  # USD
    refunds: int
    refundsValue: Amount  # USD
    withdrawals: int
    withdrawalsAmount: Amount  # BTC
    withdrawalsFee: Amount  # BTC
    paidAmount: Amount  # BTC
    paidFee: Amount  # BTC
    deposits: int
    depositsAmount: Amount  # BTC


class Totals(TypedDict):
    """Days, oldest first. Days after `closedThrough` have no income yet."""

    array: list[DayTotals]
    closedThrough: str | None


class Total(TypedDict):
    """What a column of the file adds up to, in a currency."""

    field: str
    currency: str
    total: Amount  # in the row's currency


class Export(TypedDict):
    """An export. Its file is there while the state is `done`; `rows` and `bytes` grow while it is `running`.

    `closedThrough` is the last day that was closed when it was read: of later days there is no income in it.
    `reason` is the code of what it failed with. `sha256` is of the whole file, in hexadecimal.
    """

    id: int
    kind: Literal["balances", "deposits", "income", "orders", "withdrawals"]
    format: Literal["csv", "ndjson", "parquet"]
    startDay: str  # a day, UTC
    endDay: str  # a day, UTC
    state: Literal["done", "expired", "failed", "running", "waiting"]
    rows: int
    bytes: int
    sha256: str | None
    totals: list[Total]
    closedThrough: str | None
    reason: str | None
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    endedAt: str | None
    expiresAt: str | None


class ExchangeRate(TypedDict):
    """What one of a currency is worth."""

    symbol: str
    price: Amount  # USD


class IncomePerTh(TypedDict):
    """BTC per TH of the last closed day; rates USD; kWh USD; serviceCost USD per TH per day."""

    incomePerTh: Amount  # BTC per TH/s a day
    btcRate: Amount  # USD
    gominingRate: Amount  # USD
    kWh: Amount  # USD per kWh
    serviceCost: Amount  # USD per TH/s a day
    poolRewardPerTh: Amount  # BTC per TH/s a day
    netIncomePerTh: Amount  # BTC per TH/s a day
    energyEfficiency: Amount  # W/TH


class Record(TypedDict):
    """BTC: value net, c1Value electricity, c2Value service; `day` is the day that was mined."""

    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    value: Amount  # BTC
    c1Value: Amount  # BTC
    c2Value: Amount  # BTC
    c3Value: Amount  # BTC
    c4Value: Amount  # BTC
    nftId: int
    day: str  # a day, UTC
    adjustmentId: NotRequired[int | None]


class IncomeDay(TypedDict):
    """Reward net and poolReward gross in BTC, totalPower TH, avgEnergyEfficiency W/TH, serviceFee USD.

    `day` is the day that was mined, `createdAt` when it was credited. `toAddress` is where this income went, or
    where it goes by the user's newest bound address; null where there is none.

    Of a day that holds more records than one answer may, `incomes` are the first ones; `incomesCursor` is there
    then, and the others follow behind it in #17. The figures are always of the whole day.
    """

    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    reward: Amount  # BTC
    poolReward: Amount  # BTC
    totalPower: Amount  # TH/s
    avgEnergyEfficiency: Amount  # W/TH
    serviceFee: Amount  # USD
    totalDiscount: Amount  # a fraction: 0.2 is 20 %
    toAddress: str | None
    status: str
    incomes: list[Record] | None
    day: str  # a day, UTC
    incomesCursor: NotRequired[str]


class WalletBalance(TypedDict):
    """Decimal texts."""

    id: int
    currency: str
    gmtValueAtSyncDateNumeric: NotRequired[str | None]
    timeLockedValueAtSyncDateNumeric: NotRequired[None]
    flexibleStakingValueAtSyncDateNumeric: NotRequired[None]
    freezedValueNumericAtSyncDate: str  # in the row's currency, a decimal as text
    valueNumericAtSyncDate: str  # in the row's currency, a decimal as text


class UserBalance(TypedDict):
    """What a user can spend of a currency, and what is reserved for withdrawals; `id` is the account's."""

    id: int
    userId: int
    partnerUserId: str
    currency: str
    available: Amount  # in the row's currency
    reserved: Amount  # in the row's currency
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z


class Balances(TypedDict):
    """Balances, newest users first. `position` is how far the partner's feed goes: what changes later stands
    behind it.

    Of a list in pages, keep the position of the first page.
    """

    array: list[UserBalance]
    position: int
    nextCursor: NotRequired[str]


class Wallet(TypedDict):
    """A bound address; its type is BTC.

    `usableAt` is from when it is paid, where only bound addresses are and it was bound beside another; null is
    at once.
    """

    id: int
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    address: str
    type: Literal["BTC"]
    usableAt: str | None


class Commission(TypedDict):
    """BTC: the least that can be withdrawn, and what a fast withdrawal costs on top."""

    incomeWithdrawMinValue: Amount  # BTC
    incomeWithdrawCommission: Amount  # BTC


class Wait(TypedDict):
    """Why a withdrawal waits, and until when, if that ends by itself."""

    cause: Literal[
        "ADDRESS_REFUSED",
        "APPROVAL",
        "BINDING_COOL_DOWN",
        "COOL_DOWN",
        "DAY_FULL",
        "DEPTH",
        "EXPORTED",
        "FEE_ABOVE_BUDGET",
        "FEE_NOT_RAISED",
        "FOREIGN_SPEND",
        "LIMIT_BELOW_AMOUNT",
        "MEMPOOL",
        "NEXT_RUN",
        "NODE_IN_DOUBT",
        "NO_NODE",
        "NO_RUN",
        "PAYOUTS_PAUSED",
        "RHYTHM",
        "TO_BE_SENT",
        "USER_BLOCKED",
        "WALLET_SHORT",
    ]
    reason: str
    until: str | None


class Withdrawal(TypedDict):
    """A withdrawal, BTC: `amount` arrives, `fee` came on top.

    `waits` says all that it waits for now, and `waitsUntil` when that is over, if it ends by itself.

    `txid` is null until a transaction pays it; while it waits for a block, a raised fee gives it another one.
    `simulated` says that no bitcoin moves: the chain of a sandbox without a node.
    """

    id: int
    partnerUserId: str
    speed: Literal["daily", "fast"]
    walletAddress: str
    amount: Amount  # BTC
    fee: Amount  # BTC
    state: Literal[
        "awaiting_approval", "broadcast", "cancelled", "confirmed", "exported", "final", "queued", "refused", "signed"
    ]
    txid: str | None
    confirmations: int
    reason: str | None
    waits: list[Wait]
    waitsUntil: str | None
    simulated: bool
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    changedAt: str  # ISO 8601, UTC, with milliseconds and Z


class WebhookWithSecret(TypedDict):
    """An endpoint and its secret, which is shown this once."""

    id: int
    url: str
    description: str
    types: list[str]
    state: Literal["deleted", "disabled", "enabled"]
    reason: Literal["failing", "gone", "operator", "partner"] | None
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    plannedThrough: int
    failingSince: str | None
    failures: int
    oldSecretUntil: str | None
    secret: str


class Webhook(TypedDict):
    """An endpoint. `reason` says why it is disabled; `failures` counts those since the last success.

    Its events are read up to `plannedThrough`; what happens while it is disabled waits.
    """

    id: int
    url: str
    description: str
    types: list[str]
    state: Literal["deleted", "disabled", "enabled"]
    reason: Literal["failing", "gone", "operator", "partner"] | None
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    plannedThrough: int
    failingSince: str | None
    failures: int
    oldSecretUntil: str | None


class Attempt(TypedDict):
    """An attempt: a status, or an error where nobody answered, and how the answer begins."""

    number: int
    attemptedAt: str  # ISO 8601, UTC, with milliseconds and Z
    status: int | None
    error: str | None
    tookMs: int
    answer: str


class Delivery(TypedDict):
    """An event at an endpoint; `eventId` is its `webhook-id`. Without `nextAttemptAt` one that waits waits for an
    earlier event of its object.
    """

    position: int
    eventId: str
    type: str
    objectKind: str
    objectId: str
    state: Literal["delivered", "given_up", "waiting"]
    attempts: int
    nextAttemptAt: str | None
    log: list[Attempt]


class Replayed(TypedDict):
    """How many events are sent again."""

    events: int


class DepositAddress(TypedDict):
    """The user's own address; `simulated` says that no bitcoin arrives there: the chain of a sandbox without a
    node.
    """

    address: str
    simulated: bool


class Deposit(TypedDict):
    """What arrived, BTC. It can be spent from `credited` on; `confirmations` are counted to a hundred.

    `confirmationsNeeded` are those that its own amount asks for; where one block brings more, it may take more.
    """

    id: int
    partnerUserId: str
    address: str
    txid: str
    vout: int
    amount: Amount  # BTC
    state: Literal["credited", "gone", "lost", "pending"]
    confirmations: int
    confirmationsNeeded: int
    simulated: bool
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    creditedAt: str | None


class Events(TypedDict):
    """Events by their positions. `last` is the position to go on after, also where no event was wanted up to it."""

    events: list[Event]
    last: int
    hasMore: bool


class ProofKey(TypedDict):
    """A key that signs documents: Ed25519, 32 bytes in hex."""

    kid: str
    publicKey: str
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z


class ProofKeys(TypedDict):
    """Every key that has ever signed, the newest first."""

    keys: list[ProofKey]


class SignedDay(TypedDict):
    """A signed day: SHA-256 of its document, and which key signed it."""

    day: str  # a day, UTC
    sha256: str
    kid: str


class SignedDays(TypedDict):
    """At most 366 signed days, in order."""

    days: list[SignedDay]


class DayDocument(TypedDict):
    """A day's document: `content` is the text whose bytes are signed, as JSON; the signature is Ed25519, in hex."""

    day: str  # a day, UTC
    content: str
    sha256: str
    kid: str
    signature: str
    signedAt: str  # ISO 8601, UTC, with milliseconds and Z


class Opening(TypedDict):
    """SHA-256 over the bytes of `salt` and of `text` is the partner's commitment in the day's document."""

    day: str  # a day, UTC
    salt: str
    text: str


class Liabilities(TypedDict):
    """What was owed to all users after a day: `content` is the text whose bytes are signed, with Ed25519."""

    day: str  # a day, UTC
    content: str
    sha256: str
    kid: str
    signature: str
    signedAt: str  # ISO 8601, UTC, with milliseconds and Z


class Node(TypedDict):
    """A neighbour on the way to the root: its hash, and what is owed below it in BTC, spelled with 18 decimals."""

    hash: str
    sum: str


class BalanceProof(TypedDict):
    """A user's leaf in the tree of a day: BTC that were owed, spelled with 18 decimals, and the way to the root.

    The nonce makes the leaf theirs. Whoever is shown the proof learns the user's name and balance.
    """

    day: str  # a day, UTC
    partnerId: str
    partnerUserId: str
    nonce: str
    amount: str
    index: int
    path: list[Node]


class Key(TypedDict):
    """The key of the call. Without `allowedAddresses` it may be used from anywhere; `address` is where the call
    came from. `secretsSince` are the secrets that sign, newest first: two during a rotation.

    `lastUsedAt` is exact to some minutes. `requestsPerMinute` is a limit of the key's own, 0 for none and null
    for the deployment's.
    """

    key: str
    kind: Literal["full", "publishable", "secret"]
    label: str
    scopes: list[str]
    allowedAddresses: list[str]
    address: str
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    expiresAt: str | None
    lastUsedAt: str | None
    secretsSince: list[str]
    requestsPerMinute: int | None
    unsignedUpgrades: bool
    partnerId: str
    partnerName: str
    partnerStanding: Literal["closed", "open", "suspended"]
    mode: Literal["production", "sandbox"]


class Advance(TypedDict):
    """Where the business clock stands and how far the books are closed."""

    businessTime: str  # ISO 8601, UTC, with milliseconds and Z
    publishedThrough: str | None
    closedThrough: str | None
    daysClosed: int


class Clock(TypedDict):
    """What the clocks read, how far the days are, and how they go on.

    `offsetSeconds` is how far business time is ahead of wall time. `scenario` is that of the days to come;
    `chainScenario` is null where a node is the chain.
    """

    businessTime: str  # ISO 8601, UTC, with milliseconds and Z
    wallTime: str  # ISO 8601, UTC, with milliseconds and Z
    offsetSeconds: int
    publishedThrough: str | None
    closedThrough: str | None
    scenario: Literal["crash", "growth", "halving", "steady"]
    chainScenario: Literal["confirm", "double_spend", "evicted", "reorg", "stuck"] | None


class Waiting(TypedDict):
    """A transaction in the mempool; its fee in BTC."""

    txid: str
    fee: Amount  # BTC


class Chain(TypedDict):
    """The simulated chain: no bitcoin moves."""

    simulated: Literal[True]
    scenario: Literal["confirm", "double_spend", "evicted", "reorg", "stuck"]
    height: int
    mempool: list[Waiting]


class Taking(TypedDict):
    """What a miner earned in a user's hands, and what of it was there to be taken back, BTC."""

    partnerUserId: str
    earned: Amount  # BTC
    taken: Amount  # BTC


class Refund(TypedDict):
    """A refunded order: its miner has ended, and `value` USD are owed no more, upgrades included.

    `income` says whether what the miner earned stays with the users or is taken back, as `takings` tell.
    """

    externalId: str
    nftId: int
    value: Amount  # USD
    income: Literal["keep", "take"]
    reason: str
    refundedAt: str  # ISO 8601, UTC, with milliseconds and Z
    takings: list[Taking]


class Owed(TypedDict):
    """What you owe by now, USD: `owed` for issued miners less what you paid, `reserved` by open orders."""

    owed: Amount  # USD
    reserved: Amount  # USD
    creditLimit: Amount  # USD


class Triggered(TypedDict):
    """What is told: its `id` begins with `test_`, in the feed and as `webhook-id`."""

    eventId: str
    type: str
    objectKind: str
    objectId: str


class LastIncome(TypedDict):
    """BTC of the newest day, all miners together."""

    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    value: Amount  # BTC
    c1Value: Amount  # BTC
    c2Value: Amount  # BTC
    c3Value: Amount  # BTC
    c4Value: Amount  # BTC
    day: str  # a day, UTC


class MinerTotal(TypedDict):
    """BTC that one miner earned in this user's hands."""

    totalValue: Amount  # BTC
    nftId: int


class IncomeTotal(TypedDict):
    """BTC. `nextCursor` is there when further miners follow; the sums are of all of them."""

    array: list[MinerTotal]
    totalIncome: Amount  # BTC
    lastIncome: LastIncome | None
    withdrawnAmount: Amount  # BTC
    onBalanceAmount: Amount  # BTC
    nextCursor: NotRequired[str]


class DayOfRecords(TypedDict):
    """A day's sum in BTC and its records.

    Of a day that holds more records than one answer may, `incomes` are the first ones; `incomesCursor` is there
    then, and the others follow as a list behind it: #16 without groupByDays. The sum is always of the whole
    day.
    """

    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    value: Amount  # BTC
    incomes: list[Record]
    incomesCursor: NotRequired[str]


class Balance(TypedDict):
    """What the user can spend."""

    id: int
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    currency: str
    balance: Amount  # in the row's currency


class NewReadToken(TypedDict):
    """The token itself, which is not shown again: `Authorization: Bearer <token>`."""

    id: str
    name: str
    token: str
    expiresAt: str  # ISO 8601, UTC, with milliseconds and Z


class SessionPage(TypedDict):
    """SessionPage, as the API tells it."""

    array: list[Session]
    nextCursor: NotRequired[str]


class ReadTokenPage(TypedDict):
    """ReadTokenPage, as the API tells it."""

    array: list[ReadToken]
    nextCursor: NotRequired[str]


class MinerPage(TypedDict):
    """MinerPage, as the API tells it."""

    array: list[Miner]
    nextCursor: NotRequired[str]


class CollectionPage(TypedDict):
    """CollectionPage, as the API tells it."""

    array: list[Collection]
    nextCursor: NotRequired[str]


class PostPaymentPage(TypedDict):
    """PostPaymentPage, as the API tells it."""

    array: list[PostPayment]
    nextCursor: NotRequired[str]


class ExportPage(TypedDict):
    """ExportPage, as the API tells it."""

    array: list[Export]
    nextCursor: NotRequired[str]


class ExchangeRatePage(TypedDict):
    """ExchangeRatePage, as the API tells it."""

    array: list[ExchangeRate]
    nextCursor: NotRequired[str]


class RecordPage(TypedDict):
    """RecordPage, as the API tells it."""

    array: list[Record]
    nextCursor: NotRequired[str]


class IncomeByDay(TypedDict):
    """IncomeByDay, as the API tells it."""

    data: list[IncomeDay]
    totalCount: int


class WalletBalancePage(TypedDict):
    """WalletBalancePage, as the API tells it."""

    array: list[WalletBalance]
    nextCursor: NotRequired[str]


class WalletPage(TypedDict):
    """WalletPage, as the API tells it."""

    array: list[Wallet]
    nextCursor: NotRequired[str]


class WithdrawalPage(TypedDict):
    """WithdrawalPage, as the API tells it."""

    array: list[Withdrawal]
    nextCursor: NotRequired[str]


class WebhookPage(TypedDict):
    """WebhookPage, as the API tells it."""

    array: list[Webhook]
    nextCursor: NotRequired[str]


class DeliveryPage(TypedDict):
    """DeliveryPage, as the API tells it."""

    array: list[Delivery]
    nextCursor: NotRequired[str]


class DepositPage(TypedDict):
    """DepositPage, as the API tells it."""

    array: list[Deposit]
    nextCursor: NotRequired[str]


class DayOfRecordsPage(TypedDict):
    """DayOfRecordsPage, as the API tells it."""

    array: list[DayOfRecords]
    nextCursor: NotRequired[str]


class BalancePage(TypedDict):
    """BalancePage, as the API tells it."""

    array: list[Balance]
    nextCursor: NotRequired[str]
