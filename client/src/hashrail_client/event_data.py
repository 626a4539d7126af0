# Written by `python -m tools.python_sdk`; edit the tables of operations or the API's models, not this file.
"""Events by their types. `if event['type'] == ...` tells mypy which."""

from typing import Literal, TypeAlias, TypedDict

from hashrail_client.amounts import Amount


class AdjustmentPublished(TypedDict):
    """A closed day's rates were corrected: its users are credited or charged the differences with `effectiveDay`."""

    day: str  # a day, UTC
    power: Amount  # TH/s
    poolReward: Amount  # BTC
    value: Amount  # BTC
    c1Value: Amount  # BTC
    c2Value: Amount  # BTC
    adjustmentId: int  # the correction that this income comes from; null for income of the day itself
    effectiveDay: str  # a day, UTC


class AlarmBegan(TypedDict):
    """Something needs attention, and `message` says what, with its figures."""

    id: int  # its number or name, which never changes
    code: str  # the error's stable code
    since: str  # ISO 8601, UTC, with milliseconds and Z
    message: str  # words for people


class AlarmEnded(TypedDict):
    """It is so no more."""

    id: int  # its number or name, which never changes
    code: str  # the error's stable code
    since: str  # ISO 8601, UTC, with milliseconds and Z


class ApiKeyCreated(TypedDict):
    """A key was made; `scopes` are what it may do."""

    id: int  # its number or name, which never changes
    label: str  # how the operator calls it
    kind: Literal["full", "publishable", "secret"]  # of what kind it is
    scopes: list[str]  # what the key may do


class ApiKeyRevoked(TypedDict):
    """The key has ended for good, and so have the sessions that it opened."""

    id: int  # its number or name, which never changes
    label: str  # how the operator calls it
    kind: Literal["full", "publishable", "secret"]  # of what kind it is


class ApiKeyRotated(TypedDict):
    """The key has a new secret; the one before it goes on signing until it is revoked."""

    id: int  # its number or name, which never changes
    label: str  # how the operator calls it
    kind: Literal["full", "publishable", "secret"]  # of what kind it is


class ApiKeyScopesChanged(TypedDict):
    """The key may do other things now: `scopes` are all of them."""

    id: int  # its number or name, which never changes
    label: str  # how the operator calls it
    kind: Literal["full", "publishable", "secret"]  # of what kind it is
    scopes: list[str]  # what the key may do


class ApiKeySecretsRevoked(TypedDict):
    """Older secrets of the key sign no more, `count` of them."""

    id: int  # its number or name, which never changes
    label: str  # how the operator calls it
    kind: Literal["full", "publishable", "secret"]  # of what kind it is
    count: int  # how many there are


class BalanceChanged(TypedDict):
    """What a user has, or what is reserved of it, became more or less; what miners earn is told by the day
    instead.

    `change` is signed and counts at once; `reservedChange` is what more is held for a withdrawal, or less. What
    caused it is named: a withdrawal, deposit or correction by its number, the refunded order by its externalId.
    """

    userId: int  # the user's number here, which their first login answered
    partnerUserId: str  # your own name of the user
    currency: str  # the currency, such as BTC
    change: Amount  # in the currency that is named
    reservedChange: Amount  # in the currency that is named
    cause: Literal["correction", "deposit", "refund", "withdrawal"]  # why it is so
    reference: str  # what it belongs to: an order, an upgrade or a payment


class DayClosed(TypedDict):
    """A day is closed, and what it brought is credited; days on which nobody had a miner are not told."""

    day: str  # a day, UTC
    power: Amount  # TH/s
    poolReward: Amount  # BTC
    value: Amount  # BTC
    c1Value: Amount  # BTC
    c2Value: Amount  # BTC


class DepositCredited(TypedDict):
    """It is the user's to spend; after `deposit.lost` it came back, and was theirs all along."""

    id: int  # its number or name, which never changes
    userId: int  # the user's number here, which their first login answered
    partnerUserId: str  # your own name of the user
    address: str  # a bitcoin address
    txid: str  # the bitcoin transaction; null until there is one
    vout: int  # which output of the transaction
    amount: Amount  # BTC
    state: Literal["credited", "gone", "lost", "pending"]  # where it stands; see the states of each object


class DepositGone(TypedDict):
    """It was never credited and never will be, since the chain has spent its coins otherwise."""

    id: int  # its number or name, which never changes
    userId: int  # the user's number here, which their first login answered
    partnerUserId: str  # your own name of the user
    address: str  # a bitcoin address
    txid: str  # the bitcoin transaction; null until there is one
    vout: int  # which output of the transaction
    amount: Amount  # BTC
    state: Literal["credited", "gone", "lost", "pending"]  # where it stands; see the states of each object


class DepositLost(TypedDict):
    """A reorg took it back after it was credited: the user keeps it, the operator bears the loss."""

    id: int  # its number or name, which never changes
    userId: int  # the user's number here, which their first login answered
    partnerUserId: str  # your own name of the user
    address: str  # a bitcoin address
    txid: str  # the bitcoin transaction; null until there is one
    vout: int  # which output of the transaction
    amount: Amount  # BTC
    state: Literal["credited", "gone", "lost", "pending"]  # where it stands; see the states of each object


class DepositPending(TypedDict):
    """Bitcoin for the user was seen, and is not deep enough yet; again where it came back, or is of another
    amount.
    """

    id: int  # its number or name, which never changes
    userId: int  # the user's number here, which their first login answered
    partnerUserId: str  # your own name of the user
    address: str  # a bitcoin address
    txid: str  # the bitcoin transaction; null until there is one
    vout: int  # which output of the transaction
    amount: Amount  # BTC
    state: Literal["credited", "gone", "lost", "pending"]  # where it stands; see the states of each object


class MinerEnded(TypedDict):
    """A miner earns this UTC day for the last time, and is in no list any more."""

    nftId: int  # the miner's number
    userId: int  # the user's number here, which their first login answered
    cause: Literal["partner_closed", "refunded"]  # why it is so


class MinerIssued(TypedDict):
    """A miner came into a user's hands by an order, and earns from the next UTC day on."""

    nftId: int  # the miner's number
    userId: int  # the user's number here, which their first login answered
    externalId: str  # your own number of the order: the same one again is the same order
    power: Amount  # TH/s
    energyEfficiency: Amount  # W/TH


class MinerTransferred(TypedDict):
    """A miner went from one user to another, who is `userId` and earns by it from the next UTC day on."""

    nftId: int  # the miner's number
    userId: int  # the user's number here, which their first login answered
    fromUserId: int  # the user who had it before
    fromPartnerUserId: str  # your own name of the user who had it before
    toPartnerUserId: str  # your own name of the user who gets it


class MinerUpgraded(TypedDict):
    """A miner is better from the next UTC day on: `power` and `energyEfficiency` are what it has then."""

    nftId: int  # the miner's number
    userId: int  # the user's number here, which their first login answered
    postPaymentId: str  # the number of what is owed for the upgrade
    power: Amount  # TH/s
    energyEfficiency: Amount  # W/TH


class OrderCancelled(TypedDict):
    """The operator took it back: what it reserved is released."""

    externalId: str  # your own number of the order: the same one again is the same order
    userId: int  # the user's number here, which their first login answered
    nftCollectionId: int  # the offer of the catalogue: `id` of a collection
    power: Amount  # TH/s
    energyEfficiency: Amount  # W/TH
    value: Amount  # USD


class OrderCreated(TypedDict):
    """An order was opened: its price is fixed and its credit reserved."""

    externalId: str  # your own number of the order: the same one again is the same order
    userId: int  # the user's number here, which their first login answered
    nftCollectionId: int  # the offer of the catalogue: `id` of a collection
    power: Amount  # TH/s
    energyEfficiency: Amount  # W/TH
    value: Amount  # USD


class OrderExpired(TypedDict):
    """Nobody told its payment in time: what it reserved is released."""

    externalId: str  # your own number of the order: the same one again is the same order
    userId: int  # the user's number here, which their first login answered
    nftCollectionId: int  # the offer of the catalogue: `id` of a collection
    power: Amount  # TH/s
    energyEfficiency: Amount  # W/TH
    value: Amount  # USD


class OrderIssued(TypedDict):
    """Its payment was told: the miner exists, and earns from the next day on."""

    externalId: str  # your own number of the order: the same one again is the same order
    userId: int  # the user's number here, which their first login answered
    nftCollectionId: int  # the offer of the catalogue: `id` of a collection
    power: Amount  # TH/s
    energyEfficiency: Amount  # W/TH
    value: Amount  # USD
    nftId: int  # the miner's number


class OrderRefunded(TypedDict):
    """An issued order was refunded and its miner ended; `refunded` is owed no more, upgrades of the miner
    included.
    """

    externalId: str  # your own number of the order: the same one again is the same order
    userId: int  # the user's number here, which their first login answered
    nftCollectionId: int  # the offer of the catalogue: `id` of a collection
    power: Amount  # TH/s
    energyEfficiency: Amount  # W/TH
    value: Amount  # USD
    nftId: int  # the miner's number
    refunded: Amount  # USD


class PartnerClosed(TypedDict):
    """The partner is closed for good: its miners and keys have ended, what its users hold stays theirs."""

    partnerId: str  # the partner's public id


class PartnerOriginsChanged(TypedDict):
    """Other browser pages may call for the partner's users now; `origins` are all that may."""

    partnerId: str  # the partner's public id
    origins: list[str]  # sites whose pages may call


class PartnerReopened(TypedDict):
    """A suspended partner goes on as before."""

    partnerId: str  # the partner's public id


class PartnerSessionsEnded(TypedDict):
    """Sessions of many users ended at once, `count` of them: all of the partner's, or those that one key had
    opened.
    """

    partnerId: str  # the partner's public id
    count: int  # how many there are
    keyId: int | None  # the key's number; null for all keys


class PartnerSuspended(TypedDict):
    """Nothing new is written for the partner; its users go on earning, and everything can be read."""

    partnerId: str  # the partner's public id


class PartnerTonDomainsChanged(TypedDict):
    """TON wallets may log users in for other domains now; `domains` are all that count."""

    partnerId: str  # the partner's public id
    domains: list[str]  # domains whose TON logins are accepted


class PartnerPaymentRecorded(TypedDict):
    """The operator has recorded that the partner paid: so much less is owed."""

    id: int  # its number or name, which never changes
    reference: str  # what it belongs to: an order, an upgrade or a payment
    amount: Amount  # USD


class PartnerPaymentReversed(TypedDict):
    """A recorded payment counts no more: so much is owed again."""

    id: int  # its number or name, which never changes
    reference: str  # what it belongs to: an order, an upgrade or a payment
    amount: Amount  # USD


class PostPaymentCreated(TypedDict):
    """An upgrade was bought, and is owed."""

    id: str  # its number or name, which never changes
    nftId: int  # the miner's number
    value: Amount  # USD
    type: Literal["nftEnergyEfficiencyUpgrade", "nftPowerUpgrade"]  # of what type it is


class PostPaymentReversed(TypedDict):
    """It is owed no more, since the miner's order was refunded."""

    id: str  # its number or name, which never changes
    nftId: int  # the miner's number
    value: Amount  # USD
    externalId: str  # your own number of the order: the same one again is the same order


class ReadTokenCreated(TypedDict):
    """A user made a read token; `expiresAt` is when it ends by itself."""

    id: str  # its number or name, which never changes
    userId: int  # the user's number here, which their first login answered
    name: str  # its name
    expiresAt: str  # when it ends


class ReadTokenRevoked(TypedDict):
    """A read token opens nothing any more: somebody revoked it, or its user's sessions or its key were ended."""

    id: str  # its number or name, which never changes
    userId: int  # the user's number here, which their first login answered
    name: str  # its name


class SessionEnded(TypedDict):
    """A user's session ended before its time; those of many users at once are counted in `partner.sessions_ended`.

    `cause`: the user logged out, somebody ended it, a spent token was used again, or newer sessions took its
    place.
    """

    id: str  # its number or name, which never changes
    userId: int  # the user's number here, which their first login answered
    cause: Literal["ended", "logged_out", "token_reused", "too_many"]  # why it is so


class UserBlocked(TypedDict):
    """Nothing of the user's is written any more; `payoutsGoOn` says whether withdrawals that wait are paid."""

    userId: int  # the user's number here, which their first login answered
    partnerUserId: str  # your own name of the user
    payoutsGoOn: bool  # whether payouts go on all the same


class UserChanged(TypedDict):
    """The user has another e-mail address or another level; `levelDiscount` is what the level takes off
    maintenance.
    """

    userId: int  # the user's number here, which their first login answered
    partnerUserId: str  # your own name of the user
    levelDiscount: Amount  # a fraction: 0.2 is 20 %


class UserCreated(TypedDict):
    """The user is registered, with accounts that hold nothing yet."""

    userId: int  # the user's number here, which their first login answered
    partnerUserId: str  # your own name of the user


class UserUnblocked(TypedDict):
    """The user may write again."""

    userId: int  # the user's number here, which their first login answered
    partnerUserId: str  # your own name of the user


class WalletBound(TypedDict):
    """An address was bound; `usableAt` is from when it is paid where only bound ones are, null is at once."""

    userId: int  # the user's number here, which their first login answered
    partnerUserId: str  # your own name of the user
    address: str  # a bitcoin address
    usableAt: str | None


class WalletUnbound(TypedDict):
    """An address was taken off; withdrawals to it that were asked for go their way."""

    userId: int  # the user's number here, which their first login answered
    partnerUserId: str  # your own name of the user
    address: str  # a bitcoin address


class WebhookEndpointDisabled(TypedDict):
    """Nothing is sent there any more; `reason` is `gone` (it answered 410), `failing`, `partner` or `operator`."""

    endpointId: int  # the webhook endpoint's number
    url: str  # where events are sent to
    reason: str  # why, in words or in one


class WebhookEndpointTest(TypedDict):
    """Somebody tries the endpoint: it is sent to this one, whatever its types are, and to no other."""

    endpointId: int  # the webhook endpoint's number


class WithdrawalAwaitingApproval(TypedDict):
    """Two people of the operator have to approve it first."""

    id: int  # its number or name, which never changes
    userId: int  # the user's number here, which their first login answered
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
    reason: str | None  # why, in words or in one


class WithdrawalBroadcast(TypedDict):
    """Its transaction is sent and waits for a block; again after a reorg, and where a higher fee makes another
    one.
    """

    id: int  # its number or name, which never changes
    userId: int  # the user's number here, which their first login answered
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
    reason: str | None  # why, in words or in one


class WithdrawalCancelled(TypedDict):
    """It was taken back before it was paid: what it reserved is the user's again."""

    id: int  # its number or name, which never changes
    userId: int  # the user's number here, which their first login answered
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
    reason: str | None  # why, in words or in one


class WithdrawalConfirmed(TypedDict):
    """Its transaction is in a block; a reorg may still take it back."""

    id: int  # its number or name, which never changes
    userId: int  # the user's number here, which their first login answered
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
    reason: str | None  # why, in words or in one


class WithdrawalDelayed(TypedDict):
    """It is queued, and no batch takes it before `until`, since its address is too new."""

    id: int  # its number or name, which never changes
    userId: int  # the user's number here, which their first login answered
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
    reason: str | None  # why, in words or in one
    cause: Literal["BINDING_COOL_DOWN", "COOL_DOWN"]  # why it is so
    until: str  # ISO 8601, UTC, with milliseconds and Z


class WithdrawalExported(TypedDict):
    """The operator pays it with another program."""

    id: int  # its number or name, which never changes
    userId: int  # the user's number here, which their first login answered
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
    reason: str | None  # why, in words or in one


class WithdrawalFinal(TypedDict):
    """It is paid and posted: what was reserved has left the user's balance."""

    id: int  # its number or name, which never changes
    userId: int  # the user's number here, which their first login answered
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
    reason: str | None  # why, in words or in one


class WithdrawalQueued(TypedDict):
    """It waits for a batch that pays it; again where the one that had it can never be mined any more."""

    id: int  # its number or name, which never changes
    userId: int  # the user's number here, which their first login answered
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
    reason: str | None  # why, in words or in one


class WithdrawalRefused(TypedDict):
    """The operator refused it, for the `reason`: what it reserved is the user's again."""

    id: int  # its number or name, which never changes
    userId: int  # the user's number here, which their first login answered
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
    reason: str | None  # why, in words or in one


class WithdrawalRequested(TypedDict):
    """A withdrawal was asked for, and what it takes is reserved."""

    id: int  # its number or name, which never changes
    userId: int  # the user's number here, which their first login answered
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
    reason: str | None  # why, in words or in one


class WithdrawalSigned(TypedDict):
    """A transaction that pays it is signed, and cannot be taken back; again where a higher fee makes another one."""

    id: int  # its number or name, which never changes
    userId: int  # the user's number here, which their first login answered
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
    reason: str | None  # why, in words or in one


class EventObject(TypedDict):
    """What an event is about. `sequence` counts the events of the object from 1, in the order of what happened."""

    kind: str  # what kind of thing it happened to
    id: str  # the number or name of what it happened to
    sequence: int  # the number of the object's event, from 1


class EventFacts(TypedDict):
    """What every event has beside its type and its data.

    `position` is its place in the feed, `object` what it is about, with its own count of events in `sequence`.
    """

    id: str
    position: int
    version: int
    object: EventObject
    # ISO 8601, UTC: business time
    occurredAt: str


class AdjustmentPublishedEvent(EventFacts):
    """An event of type adjustment.published."""

    type: Literal["adjustment.published"]
    data: AdjustmentPublished


class AlarmBeganEvent(EventFacts):
    """An event of type alarm.began."""

    type: Literal["alarm.began"]
    data: AlarmBegan


class AlarmEndedEvent(EventFacts):
    """An event of type alarm.ended."""

    type: Literal["alarm.ended"]
    data: AlarmEnded


class ApiKeyCreatedEvent(EventFacts):
    """An event of type api_key.created."""

    type: Literal["api_key.created"]
    data: ApiKeyCreated


class ApiKeyRevokedEvent(EventFacts):
    """An event of type api_key.revoked."""

    type: Literal["api_key.revoked"]
    data: ApiKeyRevoked


class ApiKeyRotatedEvent(EventFacts):
    """An event of type api_key.rotated."""

    type: Literal["api_key.rotated"]
    data: ApiKeyRotated


class ApiKeyScopesChangedEvent(EventFacts):
    """An event of type api_key.scopes_changed."""

    type: Literal["api_key.scopes_changed"]
    data: ApiKeyScopesChanged


class ApiKeySecretsRevokedEvent(EventFacts):
    """An event of type api_key.secrets_revoked."""

    type: Literal["api_key.secrets_revoked"]
    data: ApiKeySecretsRevoked


class BalanceChangedEvent(EventFacts):
    """An event of type balance.changed."""

    type: Literal["balance.changed"]
    data: BalanceChanged


class DayClosedEvent(EventFacts):
    """An event of type day.closed."""

    type: Literal["day.closed"]
    data: DayClosed


class DepositCreditedEvent(EventFacts):
    """An event of type deposit.credited."""

    type: Literal["deposit.credited"]
    data: DepositCredited


class DepositGoneEvent(EventFacts):
    """An event of type deposit.gone."""

    type: Literal["deposit.gone"]
    data: DepositGone


class DepositLostEvent(EventFacts):
    """An event of type deposit.lost."""

    type: Literal["deposit.lost"]
    data: DepositLost


class DepositPendingEvent(EventFacts):
    """An event of type deposit.pending."""

    type: Literal["deposit.pending"]
    data: DepositPending


class MinerEndedEvent(EventFacts):
    """An event of type miner.ended."""

    type: Literal["miner.ended"]
    data: MinerEnded


class MinerIssuedEvent(EventFacts):
    """An event of type miner.issued."""

    type: Literal["miner.issued"]
    data: MinerIssued


class MinerTransferredEvent(EventFacts):
    """An event of type miner.transferred."""

    type: Literal["miner.transferred"]
    data: MinerTransferred


class MinerUpgradedEvent(EventFacts):
    """An event of type miner.upgraded."""

    type: Literal["miner.upgraded"]
    data: MinerUpgraded


class OrderCancelledEvent(EventFacts):
    """An event of type order.cancelled."""

    type: Literal["order.cancelled"]
    data: OrderCancelled


class OrderCreatedEvent(EventFacts):
    """An event of type order.created."""

    type: Literal["order.created"]
    data: OrderCreated


class OrderExpiredEvent(EventFacts):
    """An event of type order.expired."""

    type: Literal["order.expired"]
    data: OrderExpired


class OrderIssuedEvent(EventFacts):
    """An event of type order.issued."""

    type: Literal["order.issued"]
    data: OrderIssued


class OrderRefundedEvent(EventFacts):
    """An event of type order.refunded."""

    type: Literal["order.refunded"]
    data: OrderRefunded


class PartnerClosedEvent(EventFacts):
    """An event of type partner.closed."""

    type: Literal["partner.closed"]
    data: PartnerClosed


class PartnerOriginsChangedEvent(EventFacts):
    """An event of type partner.origins_changed."""

    type: Literal["partner.origins_changed"]
    data: PartnerOriginsChanged


class PartnerReopenedEvent(EventFacts):
    """An event of type partner.reopened."""

    type: Literal["partner.reopened"]
    data: PartnerReopened


class PartnerSessionsEndedEvent(EventFacts):
    """An event of type partner.sessions_ended."""

    type: Literal["partner.sessions_ended"]
    data: PartnerSessionsEnded


class PartnerSuspendedEvent(EventFacts):
    """An event of type partner.suspended."""

    type: Literal["partner.suspended"]
    data: PartnerSuspended


class PartnerTonDomainsChangedEvent(EventFacts):
    """An event of type partner.ton_domains_changed."""

    type: Literal["partner.ton_domains_changed"]
    data: PartnerTonDomainsChanged


class PartnerPaymentRecordedEvent(EventFacts):
    """An event of type partner_payment.recorded."""

    type: Literal["partner_payment.recorded"]
    data: PartnerPaymentRecorded


class PartnerPaymentReversedEvent(EventFacts):
    """An event of type partner_payment.reversed."""

    type: Literal["partner_payment.reversed"]
    data: PartnerPaymentReversed


class PostPaymentCreatedEvent(EventFacts):
    """An event of type post_payment.created."""

    type: Literal["post_payment.created"]
    data: PostPaymentCreated


class PostPaymentReversedEvent(EventFacts):
    """An event of type post_payment.reversed."""

    type: Literal["post_payment.reversed"]
    data: PostPaymentReversed


class ReadTokenCreatedEvent(EventFacts):
    """An event of type read_token.created."""

    type: Literal["read_token.created"]
    data: ReadTokenCreated


class ReadTokenRevokedEvent(EventFacts):
    """An event of type read_token.revoked."""

    type: Literal["read_token.revoked"]
    data: ReadTokenRevoked


class SessionEndedEvent(EventFacts):
    """An event of type session.ended."""

    type: Literal["session.ended"]
    data: SessionEnded


class UserBlockedEvent(EventFacts):
    """An event of type user.blocked."""

    type: Literal["user.blocked"]
    data: UserBlocked


class UserChangedEvent(EventFacts):
    """An event of type user.changed."""

    type: Literal["user.changed"]
    data: UserChanged


class UserCreatedEvent(EventFacts):
    """An event of type user.created."""

    type: Literal["user.created"]
    data: UserCreated


class UserUnblockedEvent(EventFacts):
    """An event of type user.unblocked."""

    type: Literal["user.unblocked"]
    data: UserUnblocked


class WalletBoundEvent(EventFacts):
    """An event of type wallet.bound."""

    type: Literal["wallet.bound"]
    data: WalletBound


class WalletUnboundEvent(EventFacts):
    """An event of type wallet.unbound."""

    type: Literal["wallet.unbound"]
    data: WalletUnbound


class WebhookEndpointDisabledEvent(EventFacts):
    """An event of type webhook_endpoint.disabled."""

    type: Literal["webhook_endpoint.disabled"]
    data: WebhookEndpointDisabled


class WebhookEndpointTestEvent(EventFacts):
    """An event of type webhook_endpoint.test."""

    type: Literal["webhook_endpoint.test"]
    data: WebhookEndpointTest


class WithdrawalAwaitingApprovalEvent(EventFacts):
    """An event of type withdrawal.awaiting_approval."""

    type: Literal["withdrawal.awaiting_approval"]
    data: WithdrawalAwaitingApproval


class WithdrawalBroadcastEvent(EventFacts):
    """An event of type withdrawal.broadcast."""

    type: Literal["withdrawal.broadcast"]
    data: WithdrawalBroadcast


class WithdrawalCancelledEvent(EventFacts):
    """An event of type withdrawal.cancelled."""

    type: Literal["withdrawal.cancelled"]
    data: WithdrawalCancelled


class WithdrawalConfirmedEvent(EventFacts):
    """An event of type withdrawal.confirmed."""

    type: Literal["withdrawal.confirmed"]
    data: WithdrawalConfirmed


class WithdrawalDelayedEvent(EventFacts):
    """An event of type withdrawal.delayed."""

    type: Literal["withdrawal.delayed"]
    data: WithdrawalDelayed


class WithdrawalExportedEvent(EventFacts):
    """An event of type withdrawal.exported."""

    type: Literal["withdrawal.exported"]
    data: WithdrawalExported


class WithdrawalFinalEvent(EventFacts):
    """An event of type withdrawal.final."""

    type: Literal["withdrawal.final"]
    data: WithdrawalFinal


class WithdrawalQueuedEvent(EventFacts):
    """An event of type withdrawal.queued."""

    type: Literal["withdrawal.queued"]
    data: WithdrawalQueued


class WithdrawalRefusedEvent(EventFacts):
    """An event of type withdrawal.refused."""

    type: Literal["withdrawal.refused"]
    data: WithdrawalRefused


class WithdrawalRequestedEvent(EventFacts):
    """An event of type withdrawal.requested."""

    type: Literal["withdrawal.requested"]
    data: WithdrawalRequested


class WithdrawalSignedEvent(EventFacts):
    """An event of type withdrawal.signed."""

    type: Literal["withdrawal.signed"]
    data: WithdrawalSigned


Event: TypeAlias = (
    AdjustmentPublishedEvent
    | AlarmBeganEvent
    | AlarmEndedEvent
    | ApiKeyCreatedEvent
    | ApiKeyRevokedEvent
    | ApiKeyRotatedEvent
    | ApiKeyScopesChangedEvent
    | ApiKeySecretsRevokedEvent
    | BalanceChangedEvent
    | DayClosedEvent
    | DepositCreditedEvent
    | DepositGoneEvent
    | DepositLostEvent
    | DepositPendingEvent
    | MinerEndedEvent
    | MinerIssuedEvent
    | MinerTransferredEvent
    | MinerUpgradedEvent
    | OrderCancelledEvent
    | OrderCreatedEvent
    | OrderExpiredEvent
    | OrderIssuedEvent
    | OrderRefundedEvent
    | PartnerClosedEvent
    | PartnerOriginsChangedEvent
    | PartnerReopenedEvent
    | PartnerSessionsEndedEvent
    | PartnerSuspendedEvent
    | PartnerTonDomainsChangedEvent
    | PartnerPaymentRecordedEvent
    | PartnerPaymentReversedEvent
    | PostPaymentCreatedEvent
    | PostPaymentReversedEvent
    | ReadTokenCreatedEvent
    | ReadTokenRevokedEvent
    | SessionEndedEvent
    | UserBlockedEvent
    | UserChangedEvent
    | UserCreatedEvent
    | UserUnblockedEvent
    | WalletBoundEvent
    | WalletUnboundEvent
    | WebhookEndpointDisabledEvent
    | WebhookEndpointTestEvent
    | WithdrawalAwaitingApprovalEvent
    | WithdrawalBroadcastEvent
    | WithdrawalCancelledEvent
    | WithdrawalConfirmedEvent
    | WithdrawalDelayedEvent
    | WithdrawalExportedEvent
    | WithdrawalFinalEvent
    | WithdrawalQueuedEvent
    | WithdrawalRefusedEvent
    | WithdrawalRequestedEvent
    | WithdrawalSignedEvent
)
