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
    adjustmentId: int
    effectiveDay: str  # a day, UTC


class AlarmBegan(TypedDict):
    """Something needs attention, and `message` says what, with its figures."""

    id: int
    code: str
    since: str  # ISO 8601, UTC, with milliseconds and Z
    message: str


class AlarmEnded(TypedDict):
    """It is so no more."""

    id: int
    code: str
    since: str  # ISO 8601, UTC, with milliseconds and Z


class ApiKeyCreated(TypedDict):
    """A key was made; `scopes` are what it may do."""

    id: int
    label: str
    kind: Literal["full", "publishable", "secret"]
    scopes: list[str]


class ApiKeyRevoked(TypedDict):
    """The key has ended for good, and so have the sessions that it opened."""

    id: int
    label: str
    kind: Literal["full", "publishable", "secret"]


class ApiKeyRotated(TypedDict):
    """The key has a new secret; the one before it goes on signing until it is revoked."""

    id: int
    label: str
    kind: Literal["full", "publishable", "secret"]


class ApiKeyScopesChanged(TypedDict):
    """The key may do other things now: `scopes` are all of them."""

    id: int
    label: str
    kind: Literal["full", "publishable", "secret"]
    scopes: list[str]


class ApiKeySecretsRevoked(TypedDict):
    """Older secrets of the key sign no more, `count` of them."""

    id: int
    label: str
    kind: Literal["full", "publishable", "secret"]
    count: int


class BalanceChanged(TypedDict):
    """What a user has, or what is reserved of it, became more or less; what miners earn is told by the day
    instead.

    `change` is signed and counts at once; `reservedChange` is what more is held for a withdrawal, or less. What
    caused it is named: a withdrawal, deposit or correction by its number, the refunded order by its externalId.
    """

    userId: int
    partnerUserId: str
    currency: str
    change: Amount  # in the currency that is named
    reservedChange: Amount  # in the currency that is named
    cause: Literal["correction", "deposit", "refund", "withdrawal"]
    reference: str


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

    id: int
    userId: int
    partnerUserId: str
    address: str
    txid: str
    vout: int
    amount: Amount  # BTC
    state: Literal["credited", "gone", "lost", "pending"]


class DepositGone(TypedDict):
    """It was never credited and never will be, since the chain has spent its coins otherwise."""

    id: int
    userId: int
    partnerUserId: str
    address: str
    txid: str
    vout: int
    amount: Amount  # BTC
    state: Literal["credited", "gone", "lost", "pending"]


class DepositLost(TypedDict):
    """A reorg took it back after it was credited: the user keeps it, the operator bears the loss."""

    id: int
    userId: int
    partnerUserId: str
    address: str
    txid: str
    vout: int
    amount: Amount  # BTC
    state: Literal["credited", "gone", "lost", "pending"]


class DepositPending(TypedDict):
    """Bitcoin for the user was seen, and is not deep enough yet; again where it came back, or is of another
    amount.
    """

    id: int
    userId: int
    partnerUserId: str
    address: str
    txid: str
    vout: int
    amount: Amount  # BTC
    state: Literal["credited", "gone", "lost", "pending"]


class MinerEnded(TypedDict):
    """A miner earns this UTC day for the last time, and is in no list any more."""

    nftId: int
    userId: int
    cause: Literal["partner_closed", "refunded"]


class MinerIssued(TypedDict):
    """A miner came into a user's hands by an order, and earns from the next UTC day on."""

    nftId: int
    userId: int
    externalId: str
    power: Amount  # TH/s
    energyEfficiency: Amount  # W/TH


class MinerTransferred(TypedDict):
    """A miner went from one user to another, who is `userId` and earns by it from the next UTC day on."""

    nftId: int
    userId: int
    fromUserId: int
    fromPartnerUserId: str
    toPartnerUserId: str


class MinerUpgraded(TypedDict):
    """A miner is better from the next UTC day on: `power` and `energyEfficiency` are what it has then."""

    nftId: int
    userId: int
    postPaymentId: str
    power: Amount  # TH/s
    energyEfficiency: Amount  # W/TH


class OrderCancelled(TypedDict):
    """The operator took it back: what it reserved is released."""

    externalId: str
    userId: int
    nftCollectionId: int
    power: Amount  # TH/s
    energyEfficiency: Amount  # W/TH
    value: Amount  # USD


class OrderCreated(TypedDict):
    """An order was opened: its price is fixed and its credit reserved."""

    externalId: str
    userId: int
    nftCollectionId: int
    power: Amount  # TH/s
    energyEfficiency: Amount  # W/TH
    value: Amount  # USD


class OrderExpired(TypedDict):
    """Nobody told its payment in time: what it reserved is released."""

    externalId: str
    userId: int
    nftCollectionId: int
    power: Amount  # TH/s
    energyEfficiency: Amount  # W/TH
    value: Amount  # USD


class OrderIssued(TypedDict):
    """Its payment was told: the miner exists, and earns from the next day on."""

    externalId: str
    userId: int
    nftCollectionId: int
    power: Amount  # TH/s
    energyEfficiency: Amount  # W/TH
    value: Amount  # USD
    nftId: int


class OrderRefunded(TypedDict):
    """An issued order was refunded and its miner ended; `refunded` is owed no more, upgrades of the miner
    included.
    """

    externalId: str
    userId: int
    nftCollectionId: int
    power: Amount  # TH/s
    energyEfficiency: Amount  # W/TH
    value: Amount  # USD
    nftId: int
    refunded: Amount  # USD


class PartnerClosed(TypedDict):
    """The partner is closed for good: its miners and keys have ended, what its users hold stays theirs."""

    partnerId: str


class PartnerOriginsChanged(TypedDict):
    """Other browser pages may call for the partner's users now; `origins` are all that may."""

    partnerId: str
    origins: list[str]


class PartnerReopened(TypedDict):
    """A suspended partner goes on as before."""

    partnerId: str


class PartnerSessionsEnded(TypedDict):
    """Sessions of many users ended at once, `count` of them: all of the partner's, or those that one key had
    opened.
    """

    partnerId: str
    count: int
    keyId: int | None


class PartnerSuspended(TypedDict):
    """Nothing new is written for the partner; its users go on earning, and everything can be read."""

    partnerId: str


class PartnerTonDomainsChanged(TypedDict):
    """TON wallets may log users in for other domains now; `domains` are all that count."""

    partnerId: str
    domains: list[str]


class PartnerPaymentRecorded(TypedDict):
    """The operator has recorded that the partner paid: so much less is owed."""

    id: int
    reference: str
    amount: Amount  # USD


class PartnerPaymentReversed(TypedDict):
    """A recorded payment counts no more: so much is owed again."""

    id: int
    reference: str
    amount: Amount  # USD


class PostPaymentCreated(TypedDict):
    """An upgrade was bought, and is owed."""

    id: str
    nftId: int
    value: Amount  # USD
    type: Literal["nftEnergyEfficiencyUpgrade", "nftPowerUpgrade"]


class PostPaymentReversed(TypedDict):
    """It is owed no more, since the miner's order was refunded."""

    id: str
    nftId: int
    value: Amount  # USD
    externalId: str


class ReadTokenCreated(TypedDict):
    """A user made a read token; `expiresAt` is when it ends by itself."""

    id: str
    userId: int
    name: str
    expiresAt: str


class ReadTokenRevoked(TypedDict):
    """A read token opens nothing any more: somebody revoked it, or its user's sessions or its key were ended."""

    id: str
    userId: int
    name: str


class SessionEnded(TypedDict):
    """A user's session ended before its time; those of many users at once are counted in `partner.sessions_ended`.

    `cause`: the user logged out, somebody ended it, a spent token was used again, or newer sessions took its
    place.
    """

    id: str
    userId: int
    cause: Literal["ended", "logged_out", "token_reused", "too_many"]


class UserBlocked(TypedDict):
    """Nothing of the user's is written any more; `payoutsGoOn` says whether withdrawals that wait are paid."""

    userId: int
    partnerUserId: str
    payoutsGoOn: bool


class UserChanged(TypedDict):
    """The user has another e-mail address or another level; `levelDiscount` is what the level takes off
    maintenance.
    """

    userId: int
    partnerUserId: str
    levelDiscount: Amount  # a fraction: 0.2 is 20 %


class UserCreated(TypedDict):
    """The user is registered, with accounts that hold nothing yet."""

    userId: int
    partnerUserId: str


class UserUnblocked(TypedDict):
    """The user may write again."""

    userId: int
    partnerUserId: str


class WalletBound(TypedDict):
    """An address was bound; `usableAt` is from when it is paid where only bound ones are, null is at once."""

    userId: int
    partnerUserId: str
    address: str
    usableAt: str | None


class WalletUnbound(TypedDict):
    """An address was taken off; withdrawals to it that were asked for go their way."""

    userId: int
    partnerUserId: str
    address: str


class WebhookEndpointDisabled(TypedDict):
    """Nothing is sent there any more; `reason` is `gone` (it answered 410), `failing`, `partner` or `operator`."""

    endpointId: int
    url: str
    reason: str


class WebhookEndpointTest(TypedDict):
    """Somebody tries the endpoint: it is sent to this one, whatever its types are, and to no other."""

    endpointId: int


class WithdrawalAwaitingApproval(TypedDict):
    """Two people of the operator have to approve it first."""

    id: int
    userId: int
    partnerUserId: str
    speed: Literal["daily", "fast"]
    walletAddress: str
    amount: Amount  # BTC
    fee: Amount  # BTC
    state: Literal[
        "awaiting_approval", "broadcast", "cancelled", "confirmed", "exported", "final", "queued", "refused", "signed"
    ]
    txid: str | None
    reason: str | None


class WithdrawalBroadcast(TypedDict):
    """Its transaction is sent and waits for a block; again after a reorg, and where a higher fee makes another
    one.
    """

    id: int
    userId: int
    partnerUserId: str
    speed: Literal["daily", "fast"]
    walletAddress: str
    amount: Amount  # BTC
    fee: Amount  # BTC
    state: Literal[
        "awaiting_approval", "broadcast", "cancelled", "confirmed", "exported", "final", "queued", "refused", "signed"
    ]
    txid: str | None
    reason: str | None


class WithdrawalCancelled(TypedDict):
    """It was taken back before it was paid: what it reserved is the user's again."""

    id: int
    userId: int
    partnerUserId: str
    speed: Literal["daily", "fast"]
    walletAddress: str
    amount: Amount  # BTC
    fee: Amount  # BTC
    state: Literal[
        "awaiting_approval", "broadcast", "cancelled", "confirmed", "exported", "final", "queued", "refused", "signed"
    ]
    txid: str | None
    reason: str | None


class WithdrawalConfirmed(TypedDict):
    """Its transaction is in a block; a reorg may still take it back."""

    id: int
    userId: int
    partnerUserId: str
    speed: Literal["daily", "fast"]
    walletAddress: str
    amount: Amount  # BTC
    fee: Amount  # BTC
    state: Literal[
        "awaiting_approval", "broadcast", "cancelled", "confirmed", "exported", "final", "queued", "refused", "signed"
    ]
    txid: str | None
    reason: str | None


class WithdrawalDelayed(TypedDict):
    """It is queued, and no batch takes it before `until`, since its address is too new."""

    id: int
    userId: int
    partnerUserId: str
    speed: Literal["daily", "fast"]
    walletAddress: str
    amount: Amount  # BTC
    fee: Amount  # BTC
    state: Literal[
        "awaiting_approval", "broadcast", "cancelled", "confirmed", "exported", "final", "queued", "refused", "signed"
    ]
    txid: str | None
    reason: str | None
    cause: Literal["BINDING_COOL_DOWN", "COOL_DOWN"]
    until: str  # ISO 8601, UTC, with milliseconds and Z


class WithdrawalExported(TypedDict):
    """The operator pays it with another program."""

    id: int
    userId: int
    partnerUserId: str
    speed: Literal["daily", "fast"]
    walletAddress: str
    amount: Amount  # BTC
    fee: Amount  # BTC
    state: Literal[
        "awaiting_approval", "broadcast", "cancelled", "confirmed", "exported", "final", "queued", "refused", "signed"
    ]
    txid: str | None
    reason: str | None


class WithdrawalFinal(TypedDict):
    """It is paid and posted: what was reserved has left the user's balance."""

    id: int
    userId: int
    partnerUserId: str
    speed: Literal["daily", "fast"]
    walletAddress: str
    amount: Amount  # BTC
    fee: Amount  # BTC
    state: Literal[
        "awaiting_approval", "broadcast", "cancelled", "confirmed", "exported", "final", "queued", "refused", "signed"
    ]
    txid: str | None
    reason: str | None


class WithdrawalQueued(TypedDict):
    """It waits for a batch that pays it; again where the one that had it can never be mined any more."""

    id: int
    userId: int
    partnerUserId: str
    speed: Literal["daily", "fast"]
    walletAddress: str
    amount: Amount  # BTC
    fee: Amount  # BTC
    state: Literal[
        "awaiting_approval", "broadcast", "cancelled", "confirmed", "exported", "final", "queued", "refused", "signed"
    ]
    txid: str | None
    reason: str | None


class WithdrawalRefused(TypedDict):
    """The operator refused it, for the `reason`: what it reserved is the user's again."""

    id: int
    userId: int
    partnerUserId: str
    speed: Literal["daily", "fast"]
    walletAddress: str
    amount: Amount  # BTC
    fee: Amount  # BTC
    state: Literal[
        "awaiting_approval", "broadcast", "cancelled", "confirmed", "exported", "final", "queued", "refused", "signed"
    ]
    txid: str | None
    reason: str | None


class WithdrawalRequested(TypedDict):
    """A withdrawal was asked for, and what it takes is reserved."""

    id: int
    userId: int
    partnerUserId: str
    speed: Literal["daily", "fast"]
    walletAddress: str
    amount: Amount  # BTC
    fee: Amount  # BTC
    state: Literal[
        "awaiting_approval", "broadcast", "cancelled", "confirmed", "exported", "final", "queued", "refused", "signed"
    ]
    txid: str | None
    reason: str | None


class WithdrawalSigned(TypedDict):
    """A transaction that pays it is signed, and cannot be taken back; again where a higher fee makes another one."""

    id: int
    userId: int
    partnerUserId: str
    speed: Literal["daily", "fast"]
    walletAddress: str
    amount: Amount  # BTC
    fee: Amount  # BTC
    state: Literal[
        "awaiting_approval", "broadcast", "cancelled", "confirmed", "exported", "final", "queued", "refused", "signed"
    ]
    txid: str | None
    reason: str | None


class EventObject(TypedDict):
    """What an event is about. `sequence` counts the events of the object from 1, in the order of what happened."""

    kind: str
    id: str
    sequence: int


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
