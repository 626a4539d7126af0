// Written by `make reference`; edit what it is written from, not this file: tools/sdk_typescript.py.

import type { Amount, AmountLike } from "../json.ts";

/** An event of one type. */
export interface EventOf<Type extends string, Data> {
  id: string;
  position: number;
  type: Type;
  version: number;
  object: EventObject;
  occurredAt: string;
  data: Data;
}

/** A closed day's rates were corrected: its users are credited or charged the differences with `effectiveDay`. */
export interface AdjustmentPublished {
  /** a day, UTC */
  day: string;
  /** TH/s */
  power: Amount;
  /** BTC */
  poolReward: Amount;
  /** BTC */
  value: Amount;
  /** BTC */
  c1Value: Amount;
  /** BTC */
  c2Value: Amount;
  adjustmentId: number;
  /** a day, UTC */
  effectiveDay: string;
}

/** Where the business clock stands and how far the books are closed. */
export interface Advance {
  /** ISO 8601, UTC, with milliseconds and Z */
  businessTime: string;
  publishedThrough: string | null;
  closedThrough: string | null;
  daysClosed: number;
}

/** Something needs attention, and `message` says what, with its figures. */
export interface AlarmBegan {
  id: number;
  code: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  since: string;
  message: string;
}

/** It is so no more. */
export interface AlarmEnded {
  id: number;
  code: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  since: string;
}

/** A key was made; `scopes` are what it may do. */
export interface ApiKeyCreated {
  id: number;
  label: string;
  kind: "full" | "publishable" | "secret";
  scopes: string[];
}

/** The key has ended for good, and so have the sessions that it opened. */
export interface ApiKeyRevoked {
  id: number;
  label: string;
  kind: "full" | "publishable" | "secret";
}

/** The key has a new secret; the one before it goes on signing until it is revoked. */
export interface ApiKeyRotated {
  id: number;
  label: string;
  kind: "full" | "publishable" | "secret";
}

/** The key may do other things now: `scopes` are all of them. */
export interface ApiKeyScopesChanged {
  id: number;
  label: string;
  kind: "full" | "publishable" | "secret";
  scopes: string[];
}

/** Older secrets of the key sign no more, `count` of them. */
export interface ApiKeySecretsRevoked {
  id: number;
  label: string;
  kind: "full" | "publishable" | "secret";
  count: number;
}

/** An attempt: a status, or an error where nobody answered, and how the answer begins. */
export interface Attempt {
  number: number;
  /** ISO 8601, UTC, with milliseconds and Z */
  attemptedAt: string;
  status: number | null;
  error: string | null;
  tookMs: number;
  answer: string;
}

/** What the user can spend. */
export interface Balance {
  id: number;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  currency: string;
  /** in the row's currency */
  balance: Amount;
}

/**
 * What a user has, or what is reserved of it, became more or less; what miners earn is told by the day instead.
 * `change` is signed and counts at once; `reservedChange` is what more is held for a withdrawal, or less. What
 * caused it is named: a withdrawal, deposit or correction by its number, the refunded order by its externalId.
 */
export interface BalanceChanged {
  userId: number;
  partnerUserId: string;
  currency: string;
  /** in the currency that is named */
  change: Amount;
  /** in the currency that is named */
  reservedChange: Amount;
  cause: "correction" | "deposit" | "refund" | "withdrawal";
  reference: string;
}

/**
 * A user's leaf in the tree of a day: BTC that were owed, spelled with 18 decimals, and the way to the root. The
 * nonce makes the leaf theirs. Whoever is shown the proof learns the user's name and balance.
 */
export interface BalanceProof {
  /** a day, UTC */
  day: string;
  partnerId: string;
  partnerUserId: string;
  nonce: string;
  amount: string;
  index: number;
  path: Node[];
}

/**
 * Balances, newest users first. `position` is how far the partner's feed goes: what changes later stands behind
 * it. Of a list in pages, keep the position of the first page.
 */
export interface Balances {
  array: UserBalance[];
  position: number;
  nextCursor?: string | undefined;
}

/** The simulated chain: no bitcoin moves. */
export interface Chain {
  simulated: true;
  scenario: "confirm" | "double_spend" | "evicted" | "reorg" | "stuck";
  height: number;
  mempool: Waiting[];
}

/**
 * What the clocks read, how far the days are, and how they go on. `offsetSeconds` is how far business time is
 * ahead of wall time. `scenario` is that of the days to come; `chainScenario` is null where a node is the chain.
 */
export interface Clock {
  /** ISO 8601, UTC, with milliseconds and Z */
  businessTime: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  wallTime: string;
  offsetSeconds: number;
  publishedThrough: string | null;
  closedThrough: string | null;
  scenario: Scenario;
  chainScenario: "confirm" | "double_spend" | "evicted" | "reorg" | "stuck" | null;
}

/** Value USD; annualROI percent; poolReward BTC a day and costs USD a day, all for the whole miner. */
export interface Collection {
  id: number;
  /** TH/s */
  power: Amount;
  /** W/TH */
  energyEfficiency: Amount;
  /** USD */
  value: Amount;
  /** percent */
  annualROI: Amount;
  /** BTC a day */
  poolReward: Amount;
  /** USD a day */
  electricityCost: Amount;
  /** USD a day */
  serviceCost: Amount;
  /** a fraction: 0.2 is 20 % */
  levelDiscount: Amount;
}

/** BTC: the least that can be withdrawn, and what a fast withdrawal costs on top. */
export interface Commission {
  /** BTC */
  incomeWithdrawMinValue: Amount;
  /** BTC */
  incomeWithdrawCommission: Amount;
}

/** A day is closed, and what it brought is credited; days on which nobody had a miner are not told. */
export interface DayClosed {
  /** a day, UTC */
  day: string;
  /** TH/s */
  power: Amount;
  /** BTC */
  poolReward: Amount;
  /** BTC */
  value: Amount;
  /** BTC */
  c1Value: Amount;
  /** BTC */
  c2Value: Amount;
}

/** A day's document: `content` is the text whose bytes are signed, as JSON; the signature is Ed25519, in hex. */
export interface DayDocument {
  /** a day, UTC */
  day: string;
  content: string;
  sha256: string;
  kid: string;
  signature: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  signedAt: string;
}

/**
 * A day's sum in BTC and its records. Of a day that holds more records than one answer may, `incomes` are the
 * first ones; `incomesCursor` is there then, and the others follow as a list behind it: #16 without groupByDays.
 * The sum is always of the whole day.
 */
export interface DayOfRecords {
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  /** BTC */
  value: Amount;
  incomes: IncomeRecord[];
  incomesCursor?: string | undefined;
}

/**
 * A day. Income is that which was credited with it: `poolReward` is `value` and both costs together, in BTC.
 * `users` were registered by its end, `totalPower` earned on it. `withdrawals` were asked for on it, whatever
 * became of them; `paidAmount` and `paidFee` became final on it. `settled` is income that moved to users'
 * accounts.
 */
export interface DayTotals {
  /** a day, UTC */
  day: string;
  users: number;
  /** TH/s */
  totalPower: Amount;
  /** BTC */
  poolReward: Amount;
  /** BTC */
  c1Value: Amount;
  /** BTC */
  c2Value: Amount;
  /** BTC */
  value: Amount;
  /** BTC */
  settled: Amount;
  orders: number;
  /** USD */
  ordersValue: Amount;
  refunds: number;
  /** USD */
  refundsValue: Amount;
  withdrawals: number;
  /** BTC */
  withdrawalsAmount: Amount;
  /** BTC */
  withdrawalsFee: Amount;
  /** BTC */
  paidAmount: Amount;
  /** BTC */
  paidFee: Amount;
  deposits: number;
  /** BTC */
  depositsAmount: Amount;
}

/**
 * An event at an endpoint; `eventId` is its `webhook-id`. Without `nextAttemptAt` one that waits waits for an
 * earlier event of its object.
 */
export interface Delivery {
  position: number;
  eventId: string;
  type: string;
  objectKind: string;
  objectId: string;
  state: "delivered" | "given_up" | "waiting";
  attempts: number;
  nextAttemptAt: string | null;
  log: Attempt[];
}

/**
 * What arrived, BTC. It can be spent from `credited` on; `confirmations` are counted to a hundred.
 * `confirmationsNeeded` are those that its own amount asks for; where one block brings more, it may take more.
 */
export interface Deposit {
  id: number;
  partnerUserId: string;
  address: string;
  txid: string;
  vout: number;
  /** BTC */
  amount: Amount;
  state: "credited" | "gone" | "lost" | "pending";
  confirmations: number;
  confirmationsNeeded: number;
  simulated: boolean;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  creditedAt: string | null;
}

/** The user's own address; `simulated` says that no bitcoin arrives there: the chain of a sandbox without a node. */
export interface DepositAddress {
  address: string;
  simulated: boolean;
}

/** Somebody pays an address: `amount` in BTC. */
export interface DepositBody {
  address: string;
  /** BTC, at most 8 decimals */
  amount: AmountLike;
}

/** It is the user's to spend; after `deposit.lost` it came back, and was theirs all along. */
export interface DepositCredited {
  id: number;
  userId: number;
  partnerUserId: string;
  address: string;
  txid: string;
  vout: number;
  /** BTC */
  amount: Amount;
  state: "credited" | "gone" | "lost" | "pending";
}

/** It was never credited and never will be, since the chain has spent its coins otherwise. */
export interface DepositGone {
  id: number;
  userId: number;
  partnerUserId: string;
  address: string;
  txid: string;
  vout: number;
  /** BTC */
  amount: Amount;
  state: "credited" | "gone" | "lost" | "pending";
}

/** A reorg took it back after it was credited: the user keeps it, the operator bears the loss. */
export interface DepositLost {
  id: number;
  userId: number;
  partnerUserId: string;
  address: string;
  txid: string;
  vout: number;
  /** BTC */
  amount: Amount;
  state: "credited" | "gone" | "lost" | "pending";
}

/** Bitcoin for the user was seen, and is not deep enough yet; again where it came back, or is of another amount. */
export interface DepositPending {
  id: number;
  userId: number;
  partnerUserId: string;
  address: string;
  txid: string;
  vout: number;
  /** BTC */
  amount: Amount;
  state: "credited" | "gone" | "lost" | "pending";
}

/** From the miner's present W/TH to fewer. */
export interface EfficiencyUpgrade {
  type: "nftEnergyEfficiencyUpgrade";
  nftId: number;
  /** TH with at most 4 decimals, or W/TH with at most 2 */
  fromEnergyEfficiency: AmountLike;
  /** TH with at most 4 decimals, or W/TH with at most 2 */
  toEnergyEfficiency: AmountLike;
}

/** How many sessions were open and are not any more. */
export interface Ended {
  ended: number;
}

/** What an event is about. `sequence` counts the events of the object from 1, in the order of what happened. */
export interface EventObject {
  kind: string;
  id: string;
  sequence: number;
}

/** Events by their positions. `last` is the position to go on after, also where no event was wanted up to it. */
export interface Events {
  events: HashrailEvent[];
  last: number;
  hasMore: boolean;
}

/** What one of a currency is worth. */
export interface ExchangeRate {
  symbol: string;
  /** USD */
  price: Amount;
}

/**
 * An export. Its file is there while the state is `done`; `rows` and `bytes` grow while it is `running`.
 * `closedThrough` is the last day that was closed when it was read: of later days there is no income in it.
 * `reason` is the code of what it failed with. `sha256` is of the whole file, in hexadecimal.
 */
export interface Export {
  id: number;
  kind: "balances" | "deposits" | "income" | "orders" | "withdrawals";
  format: "csv" | "ndjson" | "parquet";
  /** a day, UTC */
  startDay: string;
  /** a day, UTC */
  endDay: string;
  state: "done" | "expired" | "failed" | "running" | "waiting";
  rows: number;
  bytes: number;
  sha256: string | null;
  totals: Total[];
  closedThrough: string | null;
  reason: string | null;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  endedAt: string | null;
  expiresAt: string | null;
}

/**
 * Something that happened: `type` says what `data` is. `id` is the same however often it is told; the feed is in
 * the order of `position`.
 */
export type HashrailEvent =
  | EventOf<"adjustment.published", AdjustmentPublished>
  | EventOf<"alarm.began", AlarmBegan>
  | EventOf<"alarm.ended", AlarmEnded>
  | EventOf<"api_key.created", ApiKeyCreated>
  | EventOf<"api_key.revoked", ApiKeyRevoked>
  | EventOf<"api_key.rotated", ApiKeyRotated>
  | EventOf<"api_key.scopes_changed", ApiKeyScopesChanged>
  | EventOf<"api_key.secrets_revoked", ApiKeySecretsRevoked>
  | EventOf<"balance.changed", BalanceChanged>
  | EventOf<"day.closed", DayClosed>
  | EventOf<"deposit.credited", DepositCredited>
  | EventOf<"deposit.gone", DepositGone>
  | EventOf<"deposit.lost", DepositLost>
  | EventOf<"deposit.pending", DepositPending>
  | EventOf<"miner.ended", MinerEnded>
  | EventOf<"miner.issued", MinerIssued>
  | EventOf<"miner.transferred", MinerTransferred>
  | EventOf<"miner.upgraded", MinerUpgraded>
  | EventOf<"order.cancelled", OrderCancelled>
  | EventOf<"order.created", OrderCreated>
  | EventOf<"order.expired", OrderExpired>
  | EventOf<"order.issued", OrderIssued>
  | EventOf<"order.refunded", OrderRefunded>
  | EventOf<"partner.closed", PartnerClosed>
  | EventOf<"partner.origins_changed", PartnerOriginsChanged>
  | EventOf<"partner.reopened", PartnerReopened>
  | EventOf<"partner.sessions_ended", PartnerSessionsEnded>
  | EventOf<"partner.suspended", PartnerSuspended>
  | EventOf<"partner.ton_domains_changed", PartnerTonDomainsChanged>
  | EventOf<"partner_payment.recorded", PartnerPaymentRecorded>
  | EventOf<"partner_payment.reversed", PartnerPaymentReversed>
  | EventOf<"post_payment.created", PostPaymentCreated>
  | EventOf<"post_payment.reversed", PostPaymentReversed>
  | EventOf<"read_token.created", ReadTokenCreated>
  | EventOf<"read_token.revoked", ReadTokenRevoked>
  | EventOf<"session.ended", SessionEnded>
  | EventOf<"user.blocked", UserBlocked>
  | EventOf<"user.changed", UserChanged>
  | EventOf<"user.created", UserCreated>
  | EventOf<"user.unblocked", UserUnblocked>
  | EventOf<"wallet.bound", WalletBound>
  | EventOf<"wallet.unbound", WalletUnbound>
  | EventOf<"webhook_endpoint.disabled", WebhookEndpointDisabled>
  | EventOf<"webhook_endpoint.test", WebhookEndpointTest>
  | EventOf<"withdrawal.awaiting_approval", WithdrawalAwaitingApproval>
  | EventOf<"withdrawal.broadcast", WithdrawalBroadcast>
  | EventOf<"withdrawal.cancelled", WithdrawalCancelled>
  | EventOf<"withdrawal.confirmed", WithdrawalConfirmed>
  | EventOf<"withdrawal.delayed", WithdrawalDelayed>
  | EventOf<"withdrawal.exported", WithdrawalExported>
  | EventOf<"withdrawal.final", WithdrawalFinal>
  | EventOf<"withdrawal.queued", WithdrawalQueued>
  | EventOf<"withdrawal.refused", WithdrawalRefused>
  | EventOf<"withdrawal.requested", WithdrawalRequested>
  | EventOf<"withdrawal.signed", WithdrawalSigned>;

/**
 * Reward net and poolReward gross in BTC, totalPower TH, avgEnergyEfficiency W/TH, serviceFee USD. `day` is the
 * day that was mined, `createdAt` when it was credited. `toAddress` is where this income went, or where it goes
 * by the user's newest bound address; null where there is none. Of a day that holds more records than one answer
 * may, `incomes` are the first ones; `incomesCursor` is there then, and the others follow behind it in #17. The
 * figures are always of the whole day.
 */
export interface IncomeDay {
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  /** BTC */
  reward: Amount;
  /** BTC */
  poolReward: Amount;
  /** TH/s */
  totalPower: Amount;
  /** W/TH */
  avgEnergyEfficiency: Amount;
  /** USD */
  serviceFee: Amount;
  /** a fraction: 0.2 is 20 % */
  totalDiscount: Amount;
  toAddress: string | null;
  status: string;
  incomes: IncomeRecord[] | null;
  /** a day, UTC */
  day: string;
  incomesCursor?: string | undefined;
}

/** BTC per TH of the last closed day; rates USD; kWh USD; serviceCost USD per TH per day. */
export interface IncomePerTh {
  /** BTC per TH/s a day */
  incomePerTh: Amount;
  /** USD */
  btcRate: Amount;
  /** USD */
  gominingRate: Amount;
  /** USD per kWh */
  kWh: Amount;
  /** USD per TH/s a day */
  serviceCost: Amount;
  /** BTC per TH/s a day */
  poolRewardPerTh: Amount;
  /** BTC per TH/s a day */
  netIncomePerTh: Amount;
  /** W/TH */
  energyEfficiency: Amount;
}

/** BTC: value net, c1Value electricity, c2Value service; `day` is the day that was mined. */
export interface IncomeRecord {
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  /** BTC */
  value: Amount;
  /** BTC */
  c1Value: Amount;
  /** BTC */
  c2Value: Amount;
  /** BTC */
  c3Value?: Amount | undefined;
  /** BTC */
  c4Value?: Amount | undefined;
  nftId: number;
  /** a day, UTC */
  day: string;
  adjustmentId?: number | null | undefined;
}

/** BTC. `nextCursor` is there when further miners follow; the sums are of all of them. */
export interface IncomeTotal {
  array: MinerTotal[];
  /** BTC */
  totalIncome: Amount;
  lastIncome: LastIncome | null;
  /** BTC */
  withdrawnAmount: Amount;
  /** BTC */
  onBalanceAmount: Amount;
  nextCursor?: string | undefined;
}

/**
 * The key of the call. Without `allowedAddresses` it may be used from anywhere; `address` is where the call came
 * from. `secretsSince` are the secrets that sign, newest first: two during a rotation. `lastUsedAt` is exact to
 * some minutes. `requestsPerMinute` is a limit of the key's own, 0 for none and null for the deployment's.
 */
export interface Key {
  key: string;
  kind: "full" | "publishable" | "secret";
  label: string;
  scopes: string[];
  allowedAddresses: string[];
  address: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  expiresAt: string | null;
  lastUsedAt: string | null;
  secretsSince: string[];
  requestsPerMinute: number | null;
  unsignedUpgrades: boolean;
  partnerId: string;
  partnerName: string;
  partnerStanding: "closed" | "open" | "suspended";
  mode: "production" | "sandbox";
}

/** BTC of the newest day, all miners together. */
export interface LastIncome {
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  /** BTC */
  value: Amount;
  /** BTC */
  c1Value: Amount;
  /** BTC */
  c2Value: Amount;
  /** BTC */
  c3Value?: Amount | undefined;
  /** BTC */
  c4Value?: Amount | undefined;
  /** a day, UTC */
  day: string;
}

/** What was owed to all users after a day: `content` is the text whose bytes are signed, with Ed25519. */
export interface Liabilities {
  /** a day, UTC */
  day: string;
  content: string;
  sha256: string;
  kid: string;
  signature: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  signedAt: string;
}

/**
 * A line of the statement, USD: what it adds to the debt, and the debt after it. A payment or refund is
 * negative. `reference` is the order's externalId, the post-payment's id, or the reference of the payment.
 */
export interface Line {
  /** ISO 8601, UTC, with milliseconds and Z */
  date: string;
  type: "order" | "orderRefund" | "payment" | "paymentReversal" | "upgrade" | "upgradeRefund";
  reference: string;
  nftId: number | null;
  /** USD */
  amountUsd: Amount;
  /** USD */
  balanceUsd: Amount;
}

/** A user of a list. `blockedAt` is since when the operator has blocked them; `levelDiscount` is their level's. */
export interface ListedUser {
  id: number;
  partnerUserId: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  email: string | null;
  state: "active" | "blocked";
  blockedAt: string | null;
  /** a fraction: 0.2 is 20 % */
  levelDiscount: Amount;
}

/** Power TH/s, energyEfficiency W/TH. */
export interface Miner {
  id: number;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  name: string;
  /** TH/s */
  power: Amount;
  /** W/TH */
  energyEfficiency: Amount;
}

/** A miner earns this UTC day for the last time, and is in no list any more. */
export interface MinerEnded {
  nftId: number;
  userId: number;
  cause: "partner_closed" | "refunded";
}

/** A miner came into a user's hands by an order, and earns from the next UTC day on. */
export interface MinerIssued {
  nftId: number;
  userId: number;
  externalId: string;
  /** TH/s */
  power: Amount;
  /** W/TH */
  energyEfficiency: Amount;
}

/** BTC that one miner earned in this user's hands. */
export interface MinerTotal {
  /** BTC */
  totalValue: Amount;
  nftId: number;
}

/** A miner went from one user to another, who is `userId` and earns by it from the next UTC day on. */
export interface MinerTransferred {
  nftId: number;
  userId: number;
  fromUserId: number;
  fromPartnerUserId: string;
  toPartnerUserId: string;
}

/** A miner is better from the next UTC day on: `power` and `energyEfficiency` are what it has then. */
export interface MinerUpgraded {
  nftId: number;
  userId: number;
  postPaymentId: string;
  /** TH/s */
  power: Amount;
  /** W/TH */
  energyEfficiency: Amount;
}

/** The token itself, which is not shown again: `Authorization: Bearer <token>`. */
export interface NewReadToken {
  id: string;
  name: string;
  token: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  expiresAt: string;
}

/** A neighbour on the way to the root: its hash, and what is owed below it in BTC, spelled with 18 decimals. */
export interface Node {
  hash: string;
  sum: string;
}

/** SHA-256 over the bytes of `salt` and of `text` is the partner's commitment in the day's document. */
export interface Opening {
  /** a day, UTC */
  day: string;
  salt: string;
  text: string;
}

/**
 * An order: value USD, power TH, energyEfficiency W/TH. `nftId` is the miner that it was issued as. A refunded
 * order was issued, and its miner has ended since.
 */
export interface Order {
  externalId: string;
  userId: number;
  nftCollectionId: number;
  state: "cancelled" | "created" | "expired" | "issued" | "refunded";
  /** USD */
  value: Amount;
  /** TH/s */
  power: Amount;
  /** W/TH */
  energyEfficiency: Amount;
  nftId: number | null;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  expiresAt: string;
  paidAt: string | null;
  refundedAt: string | null;
}

/** The operator took it back: what it reserved is released. */
export interface OrderCancelled {
  externalId: string;
  userId: number;
  nftCollectionId: number;
  /** TH/s */
  power: Amount;
  /** W/TH */
  energyEfficiency: Amount;
  /** USD */
  value: Amount;
}

/** An order was opened: its price is fixed and its credit reserved. */
export interface OrderCreated {
  externalId: string;
  userId: number;
  nftCollectionId: number;
  /** TH/s */
  power: Amount;
  /** W/TH */
  energyEfficiency: Amount;
  /** USD */
  value: Amount;
}

/** Nobody told its payment in time: what it reserved is released. */
export interface OrderExpired {
  externalId: string;
  userId: number;
  nftCollectionId: number;
  /** TH/s */
  power: Amount;
  /** W/TH */
  energyEfficiency: Amount;
  /** USD */
  value: Amount;
}

/** Its payment was told: the miner exists, and earns from the next day on. */
export interface OrderIssued {
  externalId: string;
  userId: number;
  nftCollectionId: number;
  /** TH/s */
  power: Amount;
  /** W/TH */
  energyEfficiency: Amount;
  /** USD */
  value: Amount;
  nftId: number;
}

/** An issued order was refunded and its miner ended; `refunded` is owed no more, upgrades of the miner included. */
export interface OrderRefunded {
  externalId: string;
  userId: number;
  nftCollectionId: number;
  /** TH/s */
  power: Amount;
  /** W/TH */
  energyEfficiency: Amount;
  /** USD */
  value: Amount;
  nftId: number;
  /** USD */
  refunded: Amount;
}

/**
 * Orders, newest first. `position` is how far the partner's feed goes: what changes later stands behind it. Of a
 * list in pages, keep the position of the first page.
 */
export interface Orders {
  array: Order[];
  position: number;
  nextCursor?: string | undefined;
}

/** What you owe by now, USD: `owed` for issued miners less what you paid, `reserved` by open orders. */
export interface Owed {
  /** USD */
  owed: Amount;
  /** USD */
  reserved: Amount;
  /** USD */
  creditLimit: Amount;
}

/** The partner is closed for good: its miners and keys have ended, what its users hold stays theirs. */
export interface PartnerClosed {
  partnerId: string;
}

/** Other browser pages may call for the partner's users now; `origins` are all that may. */
export interface PartnerOriginsChanged {
  partnerId: string;
  origins: string[];
}

/** The operator has recorded that the partner paid: so much less is owed. */
export interface PartnerPaymentRecorded {
  id: number;
  reference: string;
  /** USD */
  amount: Amount;
}

/** A recorded payment counts no more: so much is owed again. */
export interface PartnerPaymentReversed {
  id: number;
  reference: string;
  /** USD */
  amount: Amount;
}

/** A suspended partner goes on as before. */
export interface PartnerReopened {
  partnerId: string;
}

/** Sessions of many users ended at once, `count` of them: all of the partner's, or those that one key had opened. */
export interface PartnerSessionsEnded {
  partnerId: string;
  count: number;
  keyId: number | null;
}

/** Nothing new is written for the partner; its users go on earning, and everything can be read. */
export interface PartnerSuspended {
  partnerId: string;
}

/** TON wallets may log users in for other domains now; `domains` are all that count. */
export interface PartnerTonDomainsChanged {
  partnerId: string;
  domains: string[];
}

/** What the wallet is to sign: 64 hex digits. */
export interface Payload {
  payload: string;
}

/** Value USD, fixed. */
export interface Payment {
  /** USD */
  value: Amount;
  externalId: string;
}

/** What the partner owes for an upgrade: value USD; from and to are TH or W/TH. */
export interface PostPayment {
  id: string;
  type: "nftEnergyEfficiencyUpgrade" | "nftPowerUpgrade";
  nftId: number;
  /** TH/s or W/TH, by the type */
  from: Amount;
  /** TH/s or W/TH, by the type */
  to: Amount;
  /** USD */
  value: Amount;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
}

/** An upgrade was bought, and is owed. */
export interface PostPaymentCreated {
  id: string;
  nftId: number;
  /** USD */
  value: Amount;
  type: "nftEnergyEfficiencyUpgrade" | "nftPowerUpgrade";
}

/** It is owed no more, since the miner's order was refunded. */
export interface PostPaymentReversed {
  id: string;
  nftId: number;
  /** USD */
  value: Amount;
  externalId: string;
}

/** From the miner's present TH to more. */
export interface PowerUpgrade {
  type: "nftPowerUpgrade";
  nftId: number;
  /** TH with at most 4 decimals, or W/TH with at most 2 */
  fromPower: AmountLike;
  /** TH with at most 4 decimals, or W/TH with at most 2 */
  toPower: AmountLike;
}

/** USD. */
export interface Price {
  /** USD */
  price: Amount;
}

/** A key that signs documents: Ed25519, 32 bytes in hex. */
export interface ProofKey {
  kid: string;
  publicKey: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
}

/** Every key that has ever signed, the newest first. */
export interface ProofKeys {
  keys: ProofKey[];
}

/** A read token that lives. `lastUsedOn` is the day of its last use, null until there is one. */
export interface ReadToken {
  id: string;
  name: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  expiresAt: string;
  lastUsedOn: string | null;
}

/** A user made a read token; `expiresAt` is when it ends by itself. */
export interface ReadTokenCreated {
  id: string;
  userId: number;
  name: string;
  expiresAt: string;
}

/** A read token opens nothing any more: somebody revoked it, or its user's sessions or its key were ended. */
export interface ReadTokenRevoked {
  id: string;
  userId: number;
  name: string;
}

/**
 * A refunded order: its miner has ended, and `value` USD are owed no more, upgrades included. `income` says
 * whether what the miner earned stays with the users or is taken back, as `takings` tell.
 */
export interface Refund {
  externalId: string;
  nftId: number;
  /** USD */
  value: Amount;
  income: "keep" | "take";
  reason: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  refundedAt: string;
  takings: Taking[];
}

/** How many events are sent again. */
export interface Replayed {
  events: number;
}

export type Scenario = "crash" | "growth" | "halving" | "steady";

/** An open session. `apiKey` opened it; null where a TON wallet did. It ends at `endsAt` unless it is renewed. */
export interface Session {
  id: string;
  apiKey: string | null;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  renewedAt: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  endsAt: string;
}

/**
 * A user's session ended before its time; those of many users at once are counted in `partner.sessions_ended`.
 * `cause`: the user logged out, somebody ended it, a spent token was used again, or newer sessions took its
 * place.
 */
export interface SessionEnded {
  id: string;
  userId: number;
  cause: "ended" | "logged_out" | "token_reused" | "too_many";
}

/** A signed day: SHA-256 of its document, and which key signed it. */
export interface SignedDay {
  /** a day, UTC */
  day: string;
  sha256: string;
  kid: string;
}

/** At most 366 signed days, in order. */
export interface SignedDays {
  days: SignedDay[];
}

/** Lines oldest first; USD owed before the first day and after the last one; owed, reserved and allowed now. */
export interface Statement {
  array: Line[];
  /** USD */
  openingUsd: Amount;
  /** USD */
  closingUsd: Amount;
  /** USD */
  owedUsd: Amount;
  /** USD */
  reservedUsd: Amount;
  /** USD */
  creditLimitUsd: Amount;
  nextCursor?: string | undefined;
}

export interface Statistics {
  user: User;
  stats: Stats;
}

/**
 * TotalPowerTH TH, avgEnergyEfficiency W/TH weighted by power, totalIncome BTC. `discount` is the whole one of
 * the newest closed day: level and programmes, at most the cap. `levelDiscount` is the part of it that the
 * user's TH give now.
 */
export interface Stats {
  walletsCount: number;
  nftsCount: number;
  /** TH/s */
  totalPowerTH: Amount;
  /** W/TH */
  avgEnergyEfficiency: Amount;
  /** BTC */
  totalIncome: Amount;
  /** a fraction: 0.2 is 20 % */
  discount: Amount;
  /** a fraction: 0.2 is 20 % */
  levelDiscount: Amount;
}

/** What a miner earned in a user's hands, and what of it was there to be taken back, BTC. */
export interface Taking {
  partnerUserId: string;
  /** BTC */
  earned: Amount;
  /** BTC */
  taken: Amount;
}

/** A pair of tokens; `userId` is the internal id that #11 needs. */
export interface Tokens {
  jwtToken: string;
  refreshToken: string;
  userId: number;
  partnerUserId: string;
}

export interface TonWallet {
  account: {
    address: string;
    chain: string;
    walletStateInit: string;
    publicKey?: string | null | undefined;
  };
  connectItems: {
    tonProof: {
      name: "ton_proof";
      proof: {
        domain: { lengthBytes: number; value: string };
        payload: string;
        signature: string;
        timestamp: number;
      };
    };
  };
}

/** What a column of the file adds up to, in a currency. */
export interface Total {
  field: string;
  currency: string;
  /** in the row's currency */
  total: Amount;
}

/** Days, oldest first. Days after `closedThrough` have no income yet. */
export interface Totals {
  array: DayTotals[];
  closedThrough: string | null;
}

/** What is told: its `id` begins with `test_`, in the feed and as `webhook-id`. */
export interface Triggered {
  eventId: string;
  type: string;
  objectKind: string;
  objectId: string;
}

/** The number of the post-payment. */
export interface Upgrade {
  id: string;
}

/** A partner's user. */
export interface User {
  id: number;
  partnerUserId: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  email: string | null;
}

/** What a user can spend of a currency, and what is reserved for withdrawals; `id` is the account's. */
export interface UserBalance {
  id: number;
  userId: number;
  partnerUserId: string;
  currency: string;
  /** in the row's currency */
  available: Amount;
  /** in the row's currency */
  reserved: Amount;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
}

/** Nothing of the user's is written any more; `payoutsGoOn` says whether withdrawals that wait are paid. */
export interface UserBlocked {
  userId: number;
  partnerUserId: string;
  payoutsGoOn: boolean;
}

/** The user has another e-mail address or another level; `levelDiscount` is what the level takes off maintenance. */
export interface UserChanged {
  userId: number;
  partnerUserId: string;
  /** a fraction: 0.2 is 20 % */
  levelDiscount: Amount;
}

/** The user is registered, with accounts that hold nothing yet. */
export interface UserCreated {
  userId: number;
  partnerUserId: string;
}

/** The user may write again. */
export interface UserUnblocked {
  userId: number;
  partnerUserId: string;
}

/**
 * Users, newest first. `position` is how far the partner's feed goes: what changes later stands behind it. Of a
 * list in pages, keep the position of the first page.
 */
export interface Users {
  array: ListedUser[];
  position: number;
  nextCursor?: string | undefined;
}

/** Why a withdrawal waits, and until when, if that ends by itself. */
export interface Wait {
  cause:
    | "ADDRESS_REFUSED"
    | "APPROVAL"
    | "BINDING_COOL_DOWN"
    | "COOL_DOWN"
    | "DAY_FULL"
    | "DEPTH"
    | "EXPORTED"
    | "FEE_ABOVE_BUDGET"
    | "FEE_NOT_RAISED"
    | "FOREIGN_SPEND"
    | "LIMIT_BELOW_AMOUNT"
    | "MEMPOOL"
    | "NEXT_RUN"
    | "NODE_IN_DOUBT"
    | "NO_NODE"
    | "NO_RUN"
    | "PAYOUTS_PAUSED"
    | "RHYTHM"
    | "TO_BE_SENT"
    | "USER_BLOCKED"
    | "WALLET_SHORT";
  reason: string;
  until: string | null;
}

/** A transaction in the mempool; its fee in BTC. */
export interface Waiting {
  txid: string;
  /** BTC */
  fee: Amount;
}

/**
 * A bound address; its type is BTC. `usableAt` is from when it is paid, where only bound addresses are and it
 * was bound beside another; null is at once.
 */
export interface Wallet {
  id: number;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  address: string;
  type?: "BTC" | undefined;
  usableAt: string | null;
}

/** Decimal texts. */
export interface WalletBalance {
  id: number;
  currency: string;
  gmtValueAtSyncDateNumeric?: string | null | undefined;
  timeLockedValueAtSyncDateNumeric?: null | undefined;
  flexibleStakingValueAtSyncDateNumeric?: null | undefined;
  /** in the row's currency, a decimal as text */
  freezedValueNumericAtSyncDate: string;
  /** in the row's currency, a decimal as text */
  valueNumericAtSyncDate: string;
}

/** An address was bound; `usableAt` is from when it is paid where only bound ones are, null is at once. */
export interface WalletBound {
  userId: number;
  partnerUserId: string;
  address: string;
  usableAt: string | null;
}

/** An address was taken off; withdrawals to it that were asked for go their way. */
export interface WalletUnbound {
  userId: number;
  partnerUserId: string;
  address: string;
}

/**
 * An endpoint. `reason` says why it is disabled; `failures` counts those since the last success. Its events are
 * read up to `plannedThrough`; what happens while it is disabled waits.
 */
export interface Webhook {
  id: number;
  url: string;
  description: string;
  types: string[];
  state: "deleted" | "disabled" | "enabled";
  reason: "failing" | "gone" | "operator" | "partner" | null;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  plannedThrough: number;
  failingSince: string | null;
  failures: number;
  oldSecretUntil: string | null;
}

/** Nothing is sent there any more; `reason` is `gone` (it answered 410), `failing`, `partner` or `operator`. */
export interface WebhookEndpointDisabled {
  endpointId: number;
  url: string;
  reason: string;
}

/** Somebody tries the endpoint: it is sent to this one, whatever its types are, and to no other. */
export interface WebhookEndpointTest {
  endpointId: number;
}

/** An endpoint and its secret, which is shown this once. */
export interface WebhookWithSecret {
  id: number;
  url: string;
  description: string;
  types: string[];
  state: "deleted" | "disabled" | "enabled";
  reason: "failing" | "gone" | "operator" | "partner" | null;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  plannedThrough: number;
  failingSince: string | null;
  failures: number;
  oldSecretUntil: string | null;
  secret: string;
}

/**
 * A withdrawal, BTC: `amount` arrives, `fee` came on top. `waits` says all that it waits for now, and
 * `waitsUntil` when that is over, if it ends by itself. `txid` is null until a transaction pays it; while it
 * waits for a block, a raised fee gives it another one. `simulated` says that no bitcoin moves: the chain of a
 * sandbox without a node.
 */
export interface Withdrawal {
  id: number;
  partnerUserId: string;
  speed: "daily" | "fast";
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  state:
    | "awaiting_approval"
    | "broadcast"
    | "cancelled"
    | "confirmed"
    | "exported"
    | "final"
    | "queued"
    | "refused"
    | "signed";
  txid: string | null;
  confirmations: number;
  reason: string | null;
  waits: Wait[];
  waitsUntil: string | null;
  simulated: boolean;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  changedAt: string;
}

/** Two people of the operator have to approve it first. */
export interface WithdrawalAwaitingApproval {
  id: number;
  userId: number;
  partnerUserId: string;
  speed: "daily" | "fast";
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  state:
    | "awaiting_approval"
    | "broadcast"
    | "cancelled"
    | "confirmed"
    | "exported"
    | "final"
    | "queued"
    | "refused"
    | "signed";
  txid: string | null;
  reason: string | null;
}

/** Its transaction is sent and waits for a block; again after a reorg, and where a higher fee makes another one. */
export interface WithdrawalBroadcast {
  id: number;
  userId: number;
  partnerUserId: string;
  speed: "daily" | "fast";
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  state:
    | "awaiting_approval"
    | "broadcast"
    | "cancelled"
    | "confirmed"
    | "exported"
    | "final"
    | "queued"
    | "refused"
    | "signed";
  txid: string | null;
  reason: string | null;
}

/** It was taken back before it was paid: what it reserved is the user's again. */
export interface WithdrawalCancelled {
  id: number;
  userId: number;
  partnerUserId: string;
  speed: "daily" | "fast";
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  state:
    | "awaiting_approval"
    | "broadcast"
    | "cancelled"
    | "confirmed"
    | "exported"
    | "final"
    | "queued"
    | "refused"
    | "signed";
  txid: string | null;
  reason: string | null;
}

/** Its transaction is in a block; a reorg may still take it back. */
export interface WithdrawalConfirmed {
  id: number;
  userId: number;
  partnerUserId: string;
  speed: "daily" | "fast";
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  state:
    | "awaiting_approval"
    | "broadcast"
    | "cancelled"
    | "confirmed"
    | "exported"
    | "final"
    | "queued"
    | "refused"
    | "signed";
  txid: string | null;
  reason: string | null;
}

/** It is queued, and no batch takes it before `until`, since its address is too new. */
export interface WithdrawalDelayed {
  id: number;
  userId: number;
  partnerUserId: string;
  speed: "daily" | "fast";
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  state:
    | "awaiting_approval"
    | "broadcast"
    | "cancelled"
    | "confirmed"
    | "exported"
    | "final"
    | "queued"
    | "refused"
    | "signed";
  txid: string | null;
  reason: string | null;
  cause: "BINDING_COOL_DOWN" | "COOL_DOWN";
  /** ISO 8601, UTC, with milliseconds and Z */
  until: string;
}

/** The operator pays it with another program. */
export interface WithdrawalExported {
  id: number;
  userId: number;
  partnerUserId: string;
  speed: "daily" | "fast";
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  state:
    | "awaiting_approval"
    | "broadcast"
    | "cancelled"
    | "confirmed"
    | "exported"
    | "final"
    | "queued"
    | "refused"
    | "signed";
  txid: string | null;
  reason: string | null;
}

/** It is paid and posted: what was reserved has left the user's balance. */
export interface WithdrawalFinal {
  id: number;
  userId: number;
  partnerUserId: string;
  speed: "daily" | "fast";
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  state:
    | "awaiting_approval"
    | "broadcast"
    | "cancelled"
    | "confirmed"
    | "exported"
    | "final"
    | "queued"
    | "refused"
    | "signed";
  txid: string | null;
  reason: string | null;
}

/** It waits for a batch that pays it; again where the one that had it can never be mined any more. */
export interface WithdrawalQueued {
  id: number;
  userId: number;
  partnerUserId: string;
  speed: "daily" | "fast";
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  state:
    | "awaiting_approval"
    | "broadcast"
    | "cancelled"
    | "confirmed"
    | "exported"
    | "final"
    | "queued"
    | "refused"
    | "signed";
  txid: string | null;
  reason: string | null;
}

/** The operator refused it, for the `reason`: what it reserved is the user's again. */
export interface WithdrawalRefused {
  id: number;
  userId: number;
  partnerUserId: string;
  speed: "daily" | "fast";
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  state:
    | "awaiting_approval"
    | "broadcast"
    | "cancelled"
    | "confirmed"
    | "exported"
    | "final"
    | "queued"
    | "refused"
    | "signed";
  txid: string | null;
  reason: string | null;
}

/** A withdrawal was asked for, and what it takes is reserved. */
export interface WithdrawalRequested {
  id: number;
  userId: number;
  partnerUserId: string;
  speed: "daily" | "fast";
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  state:
    | "awaiting_approval"
    | "broadcast"
    | "cancelled"
    | "confirmed"
    | "exported"
    | "final"
    | "queued"
    | "refused"
    | "signed";
  txid: string | null;
  reason: string | null;
}

/** A transaction that pays it is signed, and cannot be taken back; again where a higher fee makes another one. */
export interface WithdrawalSigned {
  id: number;
  userId: number;
  partnerUserId: string;
  speed: "daily" | "fast";
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  state:
    | "awaiting_approval"
    | "broadcast"
    | "cancelled"
    | "confirmed"
    | "exported"
    | "final"
    | "queued"
    | "refused"
    | "signed";
  txid: string | null;
  reason: string | null;
}
