# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""What the API answers, by the names of the wire."""

from typing import Literal, NotRequired, TypedDict

from hashrail_client.amounts import Amount
from hashrail_client.event_data import Event


class Tokens(TypedDict):
    """A pair of tokens; `userId` is the internal id that #11 needs."""

    jwtToken: str  # what the user's client shows with each call, for 15 minutes
    refreshToken: str  # what is changed for the next pair of tokens, once
    userId: int  # the user's number here, which their first login answered
    partnerUserId: str  # your own name of the user


class Session(TypedDict):
    """An open session. `apiKey` opened it; null where a TON wallet did. It ends at `endsAt` unless it is renewed."""

    id: str  # its number or name, which never changes
    apiKey: str | None  # the key that opened the session
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    renewedAt: str  # ISO 8601, UTC, with milliseconds and Z
    endsAt: str  # ISO 8601, UTC, with milliseconds and Z


class Ended(TypedDict):
    """How many sessions were open and are not any more."""

    ended: int  # how many sessions ended


class ReadToken(TypedDict):
    """A read token that lives. `lastUsedOn` is the day of its last use, null until there is one."""

    id: str  # its number or name, which never changes
    name: str  # how the user calls it
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    expiresAt: str  # ISO 8601, UTC, with milliseconds and Z
    lastUsedOn: str | None


class Payload(TypedDict):
    """What the wallet is to sign: 64 hex digits."""

    payload: str  # the text that the wallet has to sign


class Stats(TypedDict):
    """TotalPowerTH TH, avgEnergyEfficiency W/TH weighted by power, totalIncome BTC.

    `discount` is the whole one of the newest closed day: level and programmes, at most the cap. `levelDiscount`
    is the part of it that the user's TH give now.
    """

    walletsCount: int  # addresses that the user has bound
    nftsCount: int  # miners that the user owns
    totalPowerTH: Amount  # TH/s
    avgEnergyEfficiency: Amount  # W/TH
    totalIncome: Amount  # BTC
    discount: Amount  # a fraction: 0.2 is 20 %
    levelDiscount: Amount  # a fraction: 0.2 is 20 %


class User(TypedDict):
    """A partner's user."""

    id: int  # the user's number here
    partnerUserId: str  # your own name of the user
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    email: str | None  # the user's mail address, as you gave it


class Statistics(TypedDict):
    """Statistics, as the API tells it."""

    user: User
    stats: Stats


class ListedUser(TypedDict):
    """A user of a list. `blockedAt` is since when the operator has blocked them; `levelDiscount` is their level's."""

    id: int  # its number or name, which never changes
    partnerUserId: str  # your own name of the user
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    email: str | None  # the user's mail address, as you gave it
    state: Literal["active", "blocked"]  # where it stands; see the states of each object
    blockedAt: str | None
    levelDiscount: Amount  # a fraction: 0.2 is 20 %


class Users(TypedDict):
    """Users, newest first. `position` is how far the partner's feed goes: what changes later stands behind it.

    Of a list in pages, keep the position of the first page.
    """

    array: list[ListedUser]  # the rows
    position: int  # its place in the partner's feed
    nextCursor: NotRequired[str]  # where the next page begins; the last page has none


class Miner(TypedDict):
    """Power TH/s, energyEfficiency W/TH."""

    id: int  # its number or name, which never changes
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    name: str  # its name
    power: Amount  # TH/s
    energyEfficiency: Amount  # W/TH


class Collection(TypedDict):
    """Value USD; annualROI percent; poolReward BTC a day and costs USD a day, all for the whole miner."""

    id: int  # its number or name, which never changes
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
    externalId: str  # your own number of the order: the same one again is the same order


class Order(TypedDict):
    """An order: value USD, power TH, energyEfficiency W/TH. `nftId` is the miner that it was issued as.

    A refunded order was issued, and its miner has ended since.
    """

    externalId: str  # your own number of the order: the same one again is the same order
    userId: int  # the user's number here, which their first login answered
    nftCollectionId: int  # the offer of the catalogue: `id` of a collection
    # where it stands; see the states of each object
    state: Literal["cancelled", "created", "expired", "issued", "refunded"]
    value: Amount  # USD
    power: Amount  # TH/s
    energyEfficiency: Amount  # W/TH
    nftId: int | None  # the miner's number
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    expiresAt: str  # ISO 8601, UTC, with milliseconds and Z
    paidAt: str | None
    refundedAt: str | None


class Orders(TypedDict):
    """Orders, newest first. `position` is how far the partner's feed goes: what changes later stands behind it.

    Of a list in pages, keep the position of the first page.
    """

    array: list[Order]  # the rows
    position: int  # its place in the partner's feed
    nextCursor: NotRequired[str]  # where the next page begins; the last page has none


class Price(TypedDict):
    """USD."""

    price: Amount  # USD


class Upgrade(TypedDict):
    """The number of the post-payment."""

    id: str  # its number or name, which never changes


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
    # of what type it is
    type: Literal["order", "orderRefund", "payment", "paymentReversal", "upgrade", "upgradeRefund"]
    reference: str  # what it belongs to: an order, an upgrade or a payment
    nftId: int | None  # the miner's number
    amountUsd: Amount  # USD
    balanceUsd: Amount  # USD


class Statement(TypedDict):
    """Lines oldest first; USD owed before the first day and after the last one; owed, reserved and allowed now."""

    array: list[Line]  # the rows
    openingUsd: Amount  # USD
    closingUsd: Amount  # USD
    owedUsd: Amount  # USD
    reservedUsd: Amount  # USD
    creditLimitUsd: Amount  # USD
    nextCursor: NotRequired[str]  # where the next page begins; the last page has none


class DayTotals(TypedDict):
    """A day. Income is that which was credited with it: `poolReward` is `value` and both costs together, in BTC.

    `users` were registered by its end, `totalPower` earned on it. `withdrawals` were asked for on it, whatever
    became of them; `paidAmount` and `paidFee` became final on it. `settled` is income that moved to users'
    accounts.
    """

    day: str  # a day, UTC
    users: int  # users with a row of that day
    totalPower: Amount  # TH/s
    poolReward: Amount  # BTC
    c1Value: Amount  # BTC
    c2Value: Amount  # BTC
    value: Amount  # BTC
    settled: Amount  # BTC
    orders: int  # how many orders were issued
    ordersValue: Amount  # USD
    refunds: int  # how many orders were taken back
    refundsValue: Amount  # USD
    withdrawals: int  # how many withdrawals were paid
    withdrawalsAmount: Amount  # BTC
    withdrawalsFee: Amount  # BTC
    paidAmount: Amount  # BTC
    paidFee: Amount  # BTC
    deposits: int  # how many deposits were credited
    depositsAmount: Amount  # BTC


class Totals(TypedDict):
    """Days, oldest first. Days after `closedThrough` have no income yet."""

    array: list[DayTotals]  # the rows
    closedThrough: str | None


class Total(TypedDict):
    """What a column of the file adds up to, in a currency."""

    field: str  # the column that is added up
    currency: str  # the currency, such as BTC
    total: Amount  # in the row's currency


class Export(TypedDict):
    """An export. Its file is there while the state is `done`; `rows` and `bytes` grow while it is `running`.

    `closedThrough` is the last day that was closed when it was read: of later days there is no income in it.
    `reason` is the code of what it failed with. `sha256` is of the whole file, in hexadecimal.
    """

    id: int  # its number or name, which never changes
    kind: Literal["balances", "deposits", "income", "orders", "withdrawals"]  # what the file tells
    format: Literal["csv", "ndjson", "parquet"]  # the kind of file
    startDay: str  # a day, UTC
    endDay: str  # a day, UTC
    # where it stands; see the states of each object
    state: Literal["done", "expired", "failed", "running", "waiting"]
    rows: int  # how many rows the file has
    bytes: int  # size of the file
    sha256: str | None  # the SHA-256 in hexadecimal
    totals: list[Total]  # what each column adds up to
    closedThrough: str | None
    reason: str | None  # why, in words or in one
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    endedAt: str | None
    expiresAt: str | None  # when it ends


class ExchangeRate(TypedDict):
    """What one of a currency is worth."""

    symbol: str  # the currency, such as BTC
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
    nftId: int  # the miner's number
    day: str  # a day, UTC
    # the correction that this income comes from; null for income of the day itself
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
    toAddress: str | None  # where it was paid to; income is credited here, so it is null
    status: str  # the state, as the vendor's API calls it
    incomes: list[Record] | None  # the records of the day's miners
    day: str  # a day, UTC
    incomesCursor: NotRequired[str]  # where the records go on, where they are too many for one answer


class WalletBalance(TypedDict):
    """Decimal texts."""

    id: int  # its number or name, which never changes
    currency: str  # the currency, such as BTC
    gmtValueAtSyncDateNumeric: NotRequired[str | None]
    timeLockedValueAtSyncDateNumeric: NotRequired[None]  # there is no such thing here: null
    flexibleStakingValueAtSyncDateNumeric: NotRequired[None]  # there is no such thing here: null
    freezedValueNumericAtSyncDate: str  # in the row's currency, a decimal as text
    valueNumericAtSyncDate: str  # in the row's currency, a decimal as text


class UserBalance(TypedDict):
    """What a user can spend of a currency, and what is reserved for withdrawals; `id` is the account's."""

    id: int  # its number or name, which never changes
    userId: int  # the user's number here, which their first login answered
    partnerUserId: str  # your own name of the user
    currency: str  # the currency, such as BTC
    available: Amount  # in the row's currency
    reserved: Amount  # in the row's currency
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z


class Balances(TypedDict):
    """Balances, newest users first. `position` is how far the partner's feed goes: what changes later stands
    behind it.

    Of a list in pages, keep the position of the first page.
    """

    array: list[UserBalance]  # the rows
    position: int  # its place in the partner's feed
    nextCursor: NotRequired[str]  # where the next page begins; the last page has none


class Wallet(TypedDict):
    """A bound address; its type is BTC.

    `usableAt` is from when it is paid, where only bound addresses are and it was bound beside another; null is
    at once.
    """

    id: int  # its number or name, which never changes
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    address: str  # a bitcoin address
    type: Literal["BTC"]  # of what type it is
    usableAt: str | None


class Commission(TypedDict):
    """BTC: the least that can be withdrawn, and what a fast withdrawal costs on top."""

    incomeWithdrawMinValue: Amount  # BTC
    incomeWithdrawCommission: Amount  # BTC


class Wait(TypedDict):
    """Why a withdrawal waits, and until when, if that ends by itself."""

    # why it is so
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
    reason: str  # why, in words or in one
    until: str | None


class Withdrawal(TypedDict):
    """A withdrawal, BTC: `amount` arrives, `fee` came on top.

    `waits` says all that it waits for now, and `waitsUntil` when that is over, if it ends by itself.

    `txid` is null until a transaction pays it; while it waits for a block, a raised fee gives it another one.
    `simulated` says that no bitcoin moves: the chain of a sandbox without a node.
    """

    id: int  # its number or name, which never changes
    partnerUserId: str  # your own name of the user
    speed: Literal["daily", "fast"]  # within 24 hours without a commission, or within the hour with one
    walletAddress: str  # the bitcoin address that is paid
    amount: Amount  # BTC
    fee: Amount  # BTC
    # where it stands; see the states of each object
    state: Literal[
        "awaiting_approval", "broadcast", "cancelled", "confirmed", "exported", "final", "queued", "refused", "signed"
    ]
    txid: str | None  # the bitcoin transaction; null until there is one
    confirmations: int  # blocks on top of the payment, its own included
    reason: str | None  # why, in words or in one
    waits: list[Wait]  # what it waits for
    waitsUntil: str | None
    simulated: bool  # whether no bitcoin moves: a sandbox plays it
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    changedAt: str  # ISO 8601, UTC, with milliseconds and Z


class WebhookWithSecret(TypedDict):
    """An endpoint and its secret, which is shown this once."""

    id: int  # its number or name, which never changes
    url: str  # where events are sent to
    description: str  # words of your own
    types: list[str]  # types of events that are sent; a type that ends with a dot stands for all that begin so
    state: Literal["deleted", "disabled", "enabled"]  # where it stands; see the states of each object
    reason: Literal["failing", "gone", "operator", "partner"] | None  # why, in words or in one
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    plannedThrough: int  # the position up to which deliveries are planned
    failingSince: str | None
    failures: int  # deliveries that failed one after the other
    oldSecretUntil: str | None
    secret: str  # what signs deliveries; shown this once


class Webhook(TypedDict):
    """An endpoint. `reason` says why it is disabled; `failures` counts those since the last success.

    Its events are read up to `plannedThrough`; what happens while it is disabled waits.
    """

    id: int  # its number or name, which never changes
    url: str  # where events are sent to
    description: str  # words of your own
    types: list[str]  # types of events that are sent; a type that ends with a dot stands for all that begin so
    state: Literal["deleted", "disabled", "enabled"]  # where it stands; see the states of each object
    reason: Literal["failing", "gone", "operator", "partner"] | None  # why, in words or in one
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    plannedThrough: int  # the position up to which deliveries are planned
    failingSince: str | None
    failures: int  # deliveries that failed one after the other
    oldSecretUntil: str | None


class Attempt(TypedDict):
    """An attempt: a status, or an error where nobody answered, and how the answer begins."""

    number: int  # the attempt's number, from 1
    attemptedAt: str  # ISO 8601, UTC, with milliseconds and Z
    status: int | None  # the HTTP status that the endpoint answered; null where no answer came
    error: str | None  # why the attempt failed; null where it did not
    tookMs: int  # how long the endpoint took, milliseconds
    answer: str  # the beginning of what the endpoint answered


class Delivery(TypedDict):
    """An event at an endpoint; `eventId` is its `webhook-id`. Without `nextAttemptAt` one that waits waits for an
    earlier event of its object.
    """

    position: int  # its place in the partner's feed
    eventId: str  # the event's id, the same in the feed and in webhooks
    type: str  # of what type it is
    objectKind: str  # the kind of object that the event is about
    objectId: str  # the number or name of the object
    state: Literal["delivered", "given_up", "waiting"]  # where it stands; see the states of each object
    attempts: int  # how often it was tried
    nextAttemptAt: str | None
    log: list[Attempt]  # the attempts, the newest first


class Replayed(TypedDict):
    """How many events are sent again."""

    events: int  # how many events are sent once more


class DepositAddress(TypedDict):
    """The user's own address; `simulated` says that no bitcoin arrives there: the chain of a sandbox without a
    node.
    """

    address: str  # a bitcoin address
    simulated: bool  # whether no bitcoin moves: a sandbox plays it


class Deposit(TypedDict):
    """What arrived, BTC. It can be spent from `credited` on; `confirmations` are counted to a hundred.

    `confirmationsNeeded` are those that its own amount asks for; where one block brings more, it may take more.
    """

    id: int  # its number or name, which never changes
    partnerUserId: str  # your own name of the user
    address: str  # a bitcoin address
    txid: str  # the bitcoin transaction; null until there is one
    vout: int  # which output of the transaction
    amount: Amount  # BTC
    state: Literal["credited", "gone", "lost", "pending"]  # where it stands; see the states of each object
    confirmations: int  # blocks on top of the payment, its own included
    confirmationsNeeded: int  # confirmations from which it counts
    simulated: bool  # whether no bitcoin moves: a sandbox plays it
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    creditedAt: str | None


class Events(TypedDict):
    """Events by their positions. `last` is the position to go on after, also where no event was wanted up to it."""

    events: list[Event]  # the events, oldest first
    last: int  # the newest position of this answer: go on after it
    hasMore: bool  # whether more events follow already


class ProofKey(TypedDict):
    """A key that signs documents: Ed25519, 32 bytes in hex."""

    kid: str  # the name of the key that signed
    publicKey: str  # the public key
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z


class ProofKeys(TypedDict):
    """Every key that has ever signed, the newest first."""

    keys: list[ProofKey]  # the keys


class SignedDay(TypedDict):
    """A signed day: SHA-256 of its document, and which key signed it."""

    day: str  # a day, UTC
    sha256: str  # the SHA-256 in hexadecimal
    kid: str  # the name of the key that signed


class SignedDays(TypedDict):
    """At most 366 signed days, in order."""

    days: list[SignedDay]  # the days


class DayDocument(TypedDict):
    """A day's document: `content` is the text whose bytes are signed, as JSON; the signature is Ed25519, in hex."""

    day: str  # a day, UTC
    content: str  # exactly the bytes that are signed, as text
    sha256: str  # the SHA-256 in hexadecimal
    kid: str  # the name of the key that signed
    signature: str  # the signature
    signedAt: str  # ISO 8601, UTC, with milliseconds and Z


class Opening(TypedDict):
    """SHA-256 over the bytes of `salt` and of `text` is the partner's commitment in the day's document."""

    day: str  # a day, UTC
    salt: str  # what hides the figures, in hexadecimal
    text: str  # exactly the text that was hashed


class Liabilities(TypedDict):
    """What was owed to all users after a day: `content` is the text whose bytes are signed, with Ed25519."""

    day: str  # a day, UTC
    content: str  # exactly the bytes that are signed, as text
    sha256: str  # the SHA-256 in hexadecimal
    kid: str  # the name of the key that signed
    signature: str  # the signature
    signedAt: str  # ISO 8601, UTC, with milliseconds and Z


class Reserves(TypedDict):
    """Coins that the wallet could spend after a day: `content` is the text whose bytes are signed, with Ed25519."""

    day: str  # a day, UTC
    content: str  # exactly the bytes that are signed, as text
    sha256: str  # the SHA-256 in hexadecimal
    kid: str  # the name of the key that signed
    signature: str  # the signature
    signedAt: str  # ISO 8601, UTC, with milliseconds and Z


class Node(TypedDict):
    """A neighbour on the way to the root: its hash, and what is owed below it in BTC, spelled with 18 decimals."""

    hash: str  # SHA-256 in hexadecimal
    sum: str  # what the leaves below add up to


class BalanceProof(TypedDict):
    """A user's leaf in the tree of a day: BTC that were owed, spelled with 18 decimals, and the way to the root.

    The nonce makes the leaf theirs. Whoever is shown the proof learns the user's name and balance.
    """

    day: str  # a day, UTC
    partnerId: str  # the partner's public id
    partnerUserId: str  # your own name of the user
    nonce: str  # what hides who the leaf belongs to, in hexadecimal
    amount: str  # as it is in the document, digits as text
    index: int  # the leaf's place in the tree, from 0
    path: list[Node]  # what the leaf is hashed with, from the leaf to the root


class Key(TypedDict):
    """The key of the call. Without `allowedAddresses` it may be used from anywhere; `address` is where the call
    came from. `secretsSince` are the secrets that sign, newest first: two during a rotation.

    `lastUsedAt` is exact to some minutes. `requestsPerMinute` is a limit of the key's own, 0 for none and null
    for the deployment's.
    """

    key: str  # the key, as calls carry it
    kind: Literal["full", "publishable", "secret"]  # for servers, for clients, or for both
    label: str  # how the operator calls it
    scopes: list[str]  # what the key may do
    allowedAddresses: list[str]  # addresses and networks from which the key may call; empty: from everywhere
    address: str  # a bitcoin address
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    expiresAt: str | None  # when it ends
    lastUsedAt: str | None
    secretsSince: list[str]  # when each secret of the key began to count
    # how many requests the key may send a minute; null: as many as the deployment lets through
    requestsPerMinute: int | None
    unsignedUpgrades: bool  # whether upgrades may be asked for without a signature
    partnerId: str  # the partner's public id
    partnerName: str  # how the operator calls the partner
    partnerStanding: Literal["closed", "open", "suspended"]  # whether the partner is open, suspended or closed
    mode: Literal["production", "sandbox"]  # sandbox or production


class Advance(TypedDict):
    """Where the business clock stands and how far the books are closed."""

    businessTime: str  # ISO 8601, UTC, with milliseconds and Z
    publishedThrough: str | None
    closedThrough: str | None
    daysClosed: int  # how many days closed on the way


class Clock(TypedDict):
    """What the clocks read, how far the days are, and how they go on.

    `offsetSeconds` is how far business time is ahead of wall time. `scenario` is that of the days to come;
    `chainScenario` is null where a node is the chain.
    """

    businessTime: str  # ISO 8601, UTC, with milliseconds and Z
    wallTime: str  # ISO 8601, UTC, with milliseconds and Z
    offsetSeconds: int  # how far the sandbox's clock is ahead
    publishedThrough: str | None
    closedThrough: str | None
    scenario: Literal["crash", "growth", "halving", "steady"]
    # what the simulated chain plays
    chainScenario: Literal["confirm", "double_spend", "evicted", "reorg", "stuck"] | None


class Waiting(TypedDict):
    """A transaction in the mempool; its fee in BTC."""

    txid: str  # the bitcoin transaction; null until there is one
    fee: Amount  # BTC


class Chain(TypedDict):
    """The simulated chain: no bitcoin moves."""

    simulated: Literal[True]  # whether no bitcoin moves: a sandbox plays it
    scenario: Literal["confirm", "double_spend", "evicted", "reorg", "stuck"]  # what the chain plays
    height: int  # the newest block's number
    mempool: list[Waiting]  # payments that wait for a block


class Taking(TypedDict):
    """What a miner earned in a user's hands, and what of it was there to be taken back, BTC."""

    partnerUserId: str  # your own name of the user
    earned: Amount  # BTC
    taken: Amount  # BTC


class Refund(TypedDict):
    """A refunded order: its miner has ended, and `value` USD are owed no more, upgrades included.

    `income` says whether what the miner earned stays with the users or is taken back, as `takings` tell.
    """

    externalId: str  # your own number of the order: the same one again is the same order
    nftId: int  # the miner's number
    value: Amount  # USD
    income: Literal["keep", "take"]  # what becomes of the income that the miner earned
    reason: str  # why, in words or in one
    refundedAt: str  # ISO 8601, UTC, with milliseconds and Z
    takings: list[Taking]  # what was taken back, by currency


class Owed(TypedDict):
    """What you owe by now, USD: `owed` for issued miners less what you paid, `reserved` by open orders."""

    owed: Amount  # USD
    reserved: Amount  # USD
    creditLimit: Amount  # USD


class Triggered(TypedDict):
    """What is told: its `id` begins with `test_`, in the feed and as `webhook-id`."""

    eventId: str  # the event's id, the same in the feed and in webhooks
    type: str  # of what type it is
    objectKind: str  # the kind of object that the event is about
    objectId: str  # the number or name of the object


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
    nftId: int  # the miner's number


class IncomeTotal(TypedDict):
    """BTC. `nextCursor` is there when further miners follow; the sums are of all of them."""

    array: list[MinerTotal]  # the rows
    totalIncome: Amount  # BTC
    lastIncome: LastIncome | None
    withdrawnAmount: Amount  # BTC
    onBalanceAmount: Amount  # BTC
    nextCursor: NotRequired[str]  # where the next page begins; the last page has none


class DayOfRecords(TypedDict):
    """A day's sum in BTC and its records.

    Of a day that holds more records than one answer may, `incomes` are the first ones; `incomesCursor` is there
    then, and the others follow as a list behind it: #16 without groupByDays. The sum is always of the whole
    day.
    """

    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    value: Amount  # BTC
    incomes: list[Record]  # the records of the day's miners
    incomesCursor: NotRequired[str]  # where the records go on, where they are too many for one answer


class Balance(TypedDict):
    """What the user can spend."""

    id: int  # its number or name, which never changes
    createdAt: str  # ISO 8601, UTC, with milliseconds and Z
    currency: str  # the currency, such as BTC
    balance: Amount  # in the row's currency


class NewReadToken(TypedDict):
    """The token itself, which is not shown again: `Authorization: Bearer <token>`."""

    id: str  # its number or name, which never changes
    name: str  # how the user calls it
    token: str  # the token; shown this once
    expiresAt: str  # ISO 8601, UTC, with milliseconds and Z


class SessionPage(TypedDict):
    """the answer"""

    array: list[Session]  # the rows
    nextCursor: NotRequired[str]  # where the next page begins; the last page has none


class ReadTokenPage(TypedDict):
    """the answer"""

    array: list[ReadToken]  # the rows
    nextCursor: NotRequired[str]  # where the next page begins; the last page has none


class MinerPage(TypedDict):
    """the answer"""

    array: list[Miner]  # the rows
    nextCursor: NotRequired[str]  # where the next page begins; the last page has none


class CollectionPage(TypedDict):
    """the answer"""

    array: list[Collection]  # the rows
    nextCursor: NotRequired[str]  # where the next page begins; the last page has none


class PostPaymentPage(TypedDict):
    """the answer"""

    array: list[PostPayment]  # the rows
    nextCursor: NotRequired[str]  # where the next page begins; the last page has none


class ExportPage(TypedDict):
    """the answer"""

    array: list[Export]  # the rows
    nextCursor: NotRequired[str]  # where the next page begins; the last page has none


class ExchangeRatePage(TypedDict):
    """the answer"""

    array: list[ExchangeRate]  # the rows
    nextCursor: NotRequired[str]  # where the next page begins; the last page has none


class RecordPage(TypedDict):
    """the answer"""

    array: list[Record]  # the rows
    nextCursor: NotRequired[str]  # where the next page begins; the last page has none


class IncomeByDay(TypedDict):
    """IncomeByDay, as the API tells it."""

    data: list[IncomeDay]  # the answer
    totalCount: int  # how many there are in all


class WalletBalancePage(TypedDict):
    """the answer"""

    array: list[WalletBalance]  # the rows
    nextCursor: NotRequired[str]  # where the next page begins; the last page has none


class WalletPage(TypedDict):
    """the answer"""

    array: list[Wallet]  # the rows
    nextCursor: NotRequired[str]  # where the next page begins; the last page has none


class WithdrawalPage(TypedDict):
    """the answer"""

    array: list[Withdrawal]  # the rows
    nextCursor: NotRequired[str]  # where the next page begins; the last page has none


class WebhookPage(TypedDict):
    """the answer"""

    array: list[Webhook]  # the rows
    nextCursor: NotRequired[str]  # where the next page begins; the last page has none


class DeliveryPage(TypedDict):
    """the answer"""

    array: list[Delivery]  # the rows
    nextCursor: NotRequired[str]  # where the next page begins; the last page has none


class DepositPage(TypedDict):
    """the answer"""

    array: list[Deposit]  # the rows
    nextCursor: NotRequired[str]  # where the next page begins; the last page has none


class DayOfRecordsPage(TypedDict):
    """the answer"""

    array: list[DayOfRecords]  # the rows
    nextCursor: NotRequired[str]  # where the next page begins; the last page has none


class BalancePage(TypedDict):
    """the answer"""

    array: list[Balance]  # the rows
    nextCursor: NotRequired[str]  # where the next page begins; the last page has none
