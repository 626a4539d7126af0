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
  /** the correction that this income comes from; null for income of the day itself */
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
  /** how many days closed on the way */
  daysClosed: number;
}

/** Something needs attention, and `message` says what, with its figures. */
export interface AlarmBegan {
  /** its number or name, which never changes */
  id: number;
  /** the error's stable code */
  code: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  since: string;
  /** words for people */
  message: string;
}

/** It is so no more. */
export interface AlarmEnded {
  /** its number or name, which never changes */
  id: number;
  /** the error's stable code */
  code: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  since: string;
}

/** A key was made; `scopes` are what it may do. */
export interface ApiKeyCreated {
  /** its number or name, which never changes */
  id: number;
  /** how the operator calls it */
  label: string;
  /** of what kind it is */
  kind: "full" | "publishable" | "secret";
  /** what the key may do */
  scopes: string[];
}

/** The key has ended for good, and so have the sessions that it opened. */
export interface ApiKeyRevoked {
  /** its number or name, which never changes */
  id: number;
  /** how the operator calls it */
  label: string;
  /** of what kind it is */
  kind: "full" | "publishable" | "secret";
}

/** The key has a new secret; the one before it goes on signing until it is revoked. */
export interface ApiKeyRotated {
  /** its number or name, which never changes */
  id: number;
  /** how the operator calls it */
  label: string;
  /** of what kind it is */
  kind: "full" | "publishable" | "secret";
}

/** The key may do other things now: `scopes` are all of them. */
export interface ApiKeyScopesChanged {
  /** its number or name, which never changes */
  id: number;
  /** how the operator calls it */
  label: string;
  /** of what kind it is */
  kind: "full" | "publishable" | "secret";
  /** what the key may do */
  scopes: string[];
}

/** Older secrets of the key sign no more, `count` of them. */
export interface ApiKeySecretsRevoked {
  /** its number or name, which never changes */
  id: number;
  /** how the operator calls it */
  label: string;
  /** of what kind it is */
  kind: "full" | "publishable" | "secret";
  /** how many there are */
  count: number;
}

/** An attempt: a status, or an error where nobody answered, and how the answer begins. */
export interface Attempt {
  /** the attempt's number, from 1 */
  number: number;
  /** ISO 8601, UTC, with milliseconds and Z */
  attemptedAt: string;
  /** the HTTP status that the endpoint answered; null where no answer came */
  status: number | null;
  /** why the attempt failed; null where it did not */
  error: string | null;
  /** how long the endpoint took, milliseconds */
  tookMs: number;
  /** the beginning of what the endpoint answered */
  answer: string;
}

/** What the user can spend. */
export interface Balance {
  /** its number or name, which never changes */
  id: number;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  /** the currency, such as BTC */
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
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
  /** the currency, such as BTC */
  currency: string;
  /** in the currency that is named */
  change: Amount;
  /** in the currency that is named */
  reservedChange: Amount;
  /** why it is so */
  cause: "correction" | "deposit" | "refund" | "withdrawal";
  /** what it belongs to: an order, an upgrade or a payment */
  reference: string;
}

/**
 * A user's leaf in the tree of a day: BTC that were owed, spelled with 18 decimals, and the way to the root. The
 * nonce makes the leaf theirs. Whoever is shown the proof learns the user's name and balance.
 */
export interface BalanceProof {
  /** a day, UTC */
  day: string;
  /** the partner's public id */
  partnerId: string;
  /** your own name of the user */
  partnerUserId: string;
  /** what hides who the leaf belongs to, in hexadecimal */
  nonce: string;
  /** as it is in the document, digits as text */
  amount: string;
  /** the leaf's place in the tree, from 0 */
  index: number;
  /** what the leaf is hashed with, from the leaf to the root */
  path: Node[];
}

/**
 * Balances, newest users first. `position` is how far the partner's feed goes: what changes later stands behind
 * it. Of a list in pages, keep the position of the first page.
 */
export interface Balances {
  /** the rows */
  array: UserBalance[];
  /** its place in the partner's feed */
  position: number;
  /** where the next page begins; the last page has none */
  nextCursor?: string | undefined;
}

/** The simulated chain: no bitcoin moves. */
export interface Chain {
  /** whether no bitcoin moves: a sandbox plays it */
  simulated: true;
  /** what the chain plays */
  scenario: "confirm" | "double_spend" | "evicted" | "reorg" | "stuck";
  /** the newest block's number */
  height: number;
  /** payments that wait for a block */
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
  /** how far the sandbox's clock is ahead */
  offsetSeconds: number;
  publishedThrough: string | null;
  closedThrough: string | null;
  scenario: Scenario;
  /** what the simulated chain plays */
  chainScenario: "confirm" | "double_spend" | "evicted" | "reorg" | "stuck" | null;
}

/** Value USD; annualROI percent; poolReward BTC a day and costs USD a day, all for the whole miner. */
export interface Collection {
  /** its number or name, which never changes */
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
  /** exactly the bytes that are signed, as text */
  content: string;
  /** the SHA-256 in hexadecimal */
  sha256: string;
  /** the name of the key that signed */
  kid: string;
  /** the signature */
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
  /** the records of the day's miners */
  incomes: IncomeRecord[];
  /** where the records go on, where they are too many for one answer */
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
  /** users with a row of that day */
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
  /** how many orders were issued */
  orders: number;
  /** USD */
  ordersValue: Amount;
  /** how many orders were taken back */
  refunds: number;
  /** USD */
  refundsValue: Amount;
  /** how many withdrawals were paid */
  withdrawals: number;
  /** BTC */
  withdrawalsAmount: Amount;
  /** BTC */
  withdrawalsFee: Amount;
  /** BTC */
  paidAmount: Amount;
  /** BTC */
  paidFee: Amount;
  /** how many deposits were credited */
  deposits: number;
  /** BTC */
  depositsAmount: Amount;
}

/**
 * An event at an endpoint; `eventId` is its `webhook-id`. Without `nextAttemptAt` one that waits waits for an
 * earlier event of its object.
 */
export interface Delivery {
  /** its place in the partner's feed */
  position: number;
  /** the event's id, the same in the feed and in webhooks */
  eventId: string;
  /** of what type it is */
  type: string;
  /** the kind of object that the event is about */
  objectKind: string;
  /** the number or name of the object */
  objectId: string;
  /** where it stands; see the states of each object */
  state: "delivered" | "given_up" | "waiting";
  /** how often it was tried */
  attempts: number;
  nextAttemptAt: string | null;
  /** the attempts, the newest first */
  log: Attempt[];
}

/**
 * What arrived, BTC. It can be spent from `credited` on; `confirmations` are counted to a hundred.
 * `confirmationsNeeded` are those that its own amount asks for; where one block brings more, it may take more.
 */
export interface Deposit {
  /** its number or name, which never changes */
  id: number;
  /** your own name of the user */
  partnerUserId: string;
  /** a bitcoin address */
  address: string;
  /** the bitcoin transaction; null until there is one */
  txid: string;
  /** which output of the transaction */
  vout: number;
  /** BTC */
  amount: Amount;
  /** where it stands; see the states of each object */
  state: "credited" | "gone" | "lost" | "pending";
  /** blocks on top of the payment, its own included */
  confirmations: number;
  /** confirmations from which it counts */
  confirmationsNeeded: number;
  /** whether no bitcoin moves: a sandbox plays it */
  simulated: boolean;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  creditedAt: string | null;
}

/** The user's own address; `simulated` says that no bitcoin arrives there: the chain of a sandbox without a node. */
export interface DepositAddress {
  /** a bitcoin address */
  address: string;
  /** whether no bitcoin moves: a sandbox plays it */
  simulated: boolean;
}

/** Somebody pays an address: `amount` in BTC. */
export interface DepositBody {
  /** a bitcoin address */
  address: string;
  /** BTC, at most 8 decimals */
  amount: AmountLike;
}

/** It is the user's to spend; after `deposit.lost` it came back, and was theirs all along. */
export interface DepositCredited {
  /** its number or name, which never changes */
  id: number;
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
  /** a bitcoin address */
  address: string;
  /** the bitcoin transaction; null until there is one */
  txid: string;
  /** which output of the transaction */
  vout: number;
  /** BTC */
  amount: Amount;
  /** where it stands; see the states of each object */
  state: "credited" | "gone" | "lost" | "pending";
}

/** It was never credited and never will be, since the chain has spent its coins otherwise. */
export interface DepositGone {
  /** its number or name, which never changes */
  id: number;
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
  /** a bitcoin address */
  address: string;
  /** the bitcoin transaction; null until there is one */
  txid: string;
  /** which output of the transaction */
  vout: number;
  /** BTC */
  amount: Amount;
  /** where it stands; see the states of each object */
  state: "credited" | "gone" | "lost" | "pending";
}

/** A reorg took it back after it was credited: the user keeps it, the operator bears the loss. */
export interface DepositLost {
  /** its number or name, which never changes */
  id: number;
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
  /** a bitcoin address */
  address: string;
  /** the bitcoin transaction; null until there is one */
  txid: string;
  /** which output of the transaction */
  vout: number;
  /** BTC */
  amount: Amount;
  /** where it stands; see the states of each object */
  state: "credited" | "gone" | "lost" | "pending";
}

/** Bitcoin for the user was seen, and is not deep enough yet; again where it came back, or is of another amount. */
export interface DepositPending {
  /** its number or name, which never changes */
  id: number;
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
  /** a bitcoin address */
  address: string;
  /** the bitcoin transaction; null until there is one */
  txid: string;
  /** which output of the transaction */
  vout: number;
  /** BTC */
  amount: Amount;
  /** where it stands; see the states of each object */
  state: "credited" | "gone" | "lost" | "pending";
}

/** From the miner's present W/TH to fewer. */
export interface EfficiencyUpgrade {
  /** of what type it is */
  type: "nftEnergyEfficiencyUpgrade";
  /** the miner's number */
  nftId: number;
  /** TH with at most 4 decimals, or W/TH with at most 2 */
  fromEnergyEfficiency: AmountLike;
  /** TH with at most 4 decimals, or W/TH with at most 2 */
  toEnergyEfficiency: AmountLike;
}

/** How many sessions were open and are not any more. */
export interface Ended {
  /** how many sessions ended */
  ended: number;
}

/** What an event is about. `sequence` counts the events of the object from 1, in the order of what happened. */
export interface EventObject {
  /** what kind of thing it happened to */
  kind: string;
  /** the number or name of what it happened to */
  id: string;
  /** the number of the object's event, from 1 */
  sequence: number;
}

/** Events by their positions. `last` is the position to go on after, also where no event was wanted up to it. */
export interface Events {
  /** the events, oldest first */
  events: HashrailEvent[];
  /** the newest position of this answer: go on after it */
  last: number;
  /** whether more events follow already */
  hasMore: boolean;
}

/** What one of a currency is worth. */
export interface ExchangeRate {
  /** the currency, such as BTC */
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
  /** its number or name, which never changes */
  id: number;
  /** what the file tells */
  kind: "balances" | "deposits" | "income" | "orders" | "withdrawals";
  /** the kind of file */
  format: "csv" | "ndjson" | "parquet";
  /** a day, UTC */
  startDay: string;
  /** a day, UTC */
  endDay: string;
  /** where it stands; see the states of each object */
  state: "done" | "expired" | "failed" | "running" | "waiting";
  /** how many rows the file has */
  rows: number;
  /** size of the file */
  bytes: number;
  /** the SHA-256 in hexadecimal */
  sha256: string | null;
  /** what each column adds up to */
  totals: Total[];
  closedThrough: string | null;
  /** why, in words or in one */
  reason: string | null;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  endedAt: string | null;
  /** when it ends */
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
  /** where it was paid to; income is credited here, so it is null */
  toAddress: string | null;
  /** the state, as the vendor's API calls it */
  status: string;
  /** the records of the day's miners */
  incomes: IncomeRecord[] | null;
  /** a day, UTC */
  day: string;
  /** where the records go on, where they are too many for one answer */
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
  /** the miner's number */
  nftId: number;
  /** a day, UTC */
  day: string;
  /** the correction that this income comes from; null for income of the day itself */
  adjustmentId?: number | null | undefined;
}

/** BTC. `nextCursor` is there when further miners follow; the sums are of all of them. */
export interface IncomeTotal {
  /** the rows */
  array: MinerTotal[];
  /** BTC */
  totalIncome: Amount;
  lastIncome: LastIncome | null;
  /** BTC */
  withdrawnAmount: Amount;
  /** BTC */
  onBalanceAmount: Amount;
  /** where the next page begins; the last page has none */
  nextCursor?: string | undefined;
}

/**
 * The key of the call. Without `allowedAddresses` it may be used from anywhere; `address` is where the call came
 * from. `secretsSince` are the secrets that sign, newest first: two during a rotation. `lastUsedAt` is exact to
 * some minutes. `requestsPerMinute` is a limit of the key's own, 0 for none and null for the deployment's.
 */
export interface Key {
  /** the key, as calls carry it */
  key: string;
  /** for servers, for clients, or for both */
  kind: "full" | "publishable" | "secret";
  /** how the operator calls it */
  label: string;
  /** what the key may do */
  scopes: string[];
  /** addresses and networks from which the key may call; empty: from everywhere */
  allowedAddresses: string[];
  /** a bitcoin address */
  address: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  /** when it ends */
  expiresAt: string | null;
  lastUsedAt: string | null;
  /** when each secret of the key began to count */
  secretsSince: string[];
  /** how many requests the key may send a minute; null: as many as the deployment lets through */
  requestsPerMinute: number | null;
  /** whether upgrades may be asked for without a signature */
  unsignedUpgrades: boolean;
  /** the partner's public id */
  partnerId: string;
  /** how the operator calls the partner */
  partnerName: string;
  /** whether the partner is open, suspended or closed */
  partnerStanding: "closed" | "open" | "suspended";
  /** sandbox or production */
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
  /** exactly the bytes that are signed, as text */
  content: string;
  /** the SHA-256 in hexadecimal */
  sha256: string;
  /** the name of the key that signed */
  kid: string;
  /** the signature */
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
  /** of what type it is */
  type: "order" | "orderRefund" | "payment" | "paymentReversal" | "upgrade" | "upgradeRefund";
  /** what it belongs to: an order, an upgrade or a payment */
  reference: string;
  /** the miner's number */
  nftId: number | null;
  /** USD */
  amountUsd: Amount;
  /** USD */
  balanceUsd: Amount;
}

/** A user of a list. `blockedAt` is since when the operator has blocked them; `levelDiscount` is their level's. */
export interface ListedUser {
  /** its number or name, which never changes */
  id: number;
  /** your own name of the user */
  partnerUserId: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  /** the user's mail address, as you gave it */
  email: string | null;
  /** where it stands; see the states of each object */
  state: "active" | "blocked";
  blockedAt: string | null;
  /** a fraction: 0.2 is 20 % */
  levelDiscount: Amount;
}

/** Power TH/s, energyEfficiency W/TH. */
export interface Miner {
  /** its number or name, which never changes */
  id: number;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  /** its name */
  name: string;
  /** TH/s */
  power: Amount;
  /** W/TH */
  energyEfficiency: Amount;
}

/** A miner earns this UTC day for the last time, and is in no list any more. */
export interface MinerEnded {
  /** the miner's number */
  nftId: number;
  /** the user's number here, which their first login answered */
  userId: number;
  /** why it is so */
  cause: "partner_closed" | "refunded";
}

/** A miner came into a user's hands by an order, and earns from the next UTC day on. */
export interface MinerIssued {
  /** the miner's number */
  nftId: number;
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own number of the order: the same one again is the same order */
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
  /** the miner's number */
  nftId: number;
}

/** A miner went from one user to another, who is `userId` and earns by it from the next UTC day on. */
export interface MinerTransferred {
  /** the miner's number */
  nftId: number;
  /** the user's number here, which their first login answered */
  userId: number;
  /** the user who had it before */
  fromUserId: number;
  /** your own name of the user who had it before */
  fromPartnerUserId: string;
  /** your own name of the user who gets it */
  toPartnerUserId: string;
}

/** A miner is better from the next UTC day on: `power` and `energyEfficiency` are what it has then. */
export interface MinerUpgraded {
  /** the miner's number */
  nftId: number;
  /** the user's number here, which their first login answered */
  userId: number;
  /** the number of what is owed for the upgrade */
  postPaymentId: string;
  /** TH/s */
  power: Amount;
  /** W/TH */
  energyEfficiency: Amount;
}

/** The token itself, which is not shown again: `Authorization: Bearer <token>`. */
export interface NewReadToken {
  /** its number or name, which never changes */
  id: string;
  /** how the user calls it */
  name: string;
  /** the token; shown this once */
  token: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  expiresAt: string;
}

/** A neighbour on the way to the root: its hash, and what is owed below it in BTC, spelled with 18 decimals. */
export interface Node {
  /** SHA-256 in hexadecimal */
  hash: string;
  /** what the leaves below add up to */
  sum: string;
}

/** SHA-256 over the bytes of `salt` and of `text` is the partner's commitment in the day's document. */
export interface Opening {
  /** a day, UTC */
  day: string;
  /** what hides the figures, in hexadecimal */
  salt: string;
  /** exactly the text that was hashed */
  text: string;
}

/**
 * An order: value USD, power TH, energyEfficiency W/TH. `nftId` is the miner that it was issued as. A refunded
 * order was issued, and its miner has ended since.
 */
export interface Order {
  /** your own number of the order: the same one again is the same order */
  externalId: string;
  /** the user's number here, which their first login answered */
  userId: number;
  /** the offer of the catalogue: `id` of a collection */
  nftCollectionId: number;
  /** where it stands; see the states of each object */
  state: "cancelled" | "created" | "expired" | "issued" | "refunded";
  /** USD */
  value: Amount;
  /** TH/s */
  power: Amount;
  /** W/TH */
  energyEfficiency: Amount;
  /** the miner's number */
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
  /** your own number of the order: the same one again is the same order */
  externalId: string;
  /** the user's number here, which their first login answered */
  userId: number;
  /** the offer of the catalogue: `id` of a collection */
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
  /** your own number of the order: the same one again is the same order */
  externalId: string;
  /** the user's number here, which their first login answered */
  userId: number;
  /** the offer of the catalogue: `id` of a collection */
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
  /** your own number of the order: the same one again is the same order */
  externalId: string;
  /** the user's number here, which their first login answered */
  userId: number;
  /** the offer of the catalogue: `id` of a collection */
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
  /** your own number of the order: the same one again is the same order */
  externalId: string;
  /** the user's number here, which their first login answered */
  userId: number;
  /** the offer of the catalogue: `id` of a collection */
  nftCollectionId: number;
  /** TH/s */
  power: Amount;
  /** W/TH */
  energyEfficiency: Amount;
  /** USD */
  value: Amount;
  /** the miner's number */
  nftId: number;
}

/** An issued order was refunded and its miner ended; `refunded` is owed no more, upgrades of the miner included. */
export interface OrderRefunded {
  /** your own number of the order: the same one again is the same order */
  externalId: string;
  /** the user's number here, which their first login answered */
  userId: number;
  /** the offer of the catalogue: `id` of a collection */
  nftCollectionId: number;
  /** TH/s */
  power: Amount;
  /** W/TH */
  energyEfficiency: Amount;
  /** USD */
  value: Amount;
  /** the miner's number */
  nftId: number;
  /** USD */
  refunded: Amount;
}

/**
 * Orders, newest first. `position` is how far the partner's feed goes: what changes later stands behind it. Of a
 * list in pages, keep the position of the first page.
 */
export interface Orders {
  /** the rows */
  array: Order[];
  /** its place in the partner's feed */
  position: number;
  /** where the next page begins; the last page has none */
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
  /** the partner's public id */
  partnerId: string;
}

/** Other browser pages may call for the partner's users now; `origins` are all that may. */
export interface PartnerOriginsChanged {
  /** the partner's public id */
  partnerId: string;
  /** sites whose pages may call */
  origins: string[];
}

/** The operator has recorded that the partner paid: so much less is owed. */
export interface PartnerPaymentRecorded {
  /** its number or name, which never changes */
  id: number;
  /** what it belongs to: an order, an upgrade or a payment */
  reference: string;
  /** USD */
  amount: Amount;
}

/** A recorded payment counts no more: so much is owed again. */
export interface PartnerPaymentReversed {
  /** its number or name, which never changes */
  id: number;
  /** what it belongs to: an order, an upgrade or a payment */
  reference: string;
  /** USD */
  amount: Amount;
}

/** A suspended partner goes on as before. */
export interface PartnerReopened {
  /** the partner's public id */
  partnerId: string;
}

/** Sessions of many users ended at once, `count` of them: all of the partner's, or those that one key had opened. */
export interface PartnerSessionsEnded {
  /** the partner's public id */
  partnerId: string;
  /** how many there are */
  count: number;
  /** the key's number; null for all keys */
  keyId: number | null;
}

/** Nothing new is written for the partner; its users go on earning, and everything can be read. */
export interface PartnerSuspended {
  /** the partner's public id */
  partnerId: string;
}

/** TON wallets may log users in for other domains now; `domains` are all that count. */
export interface PartnerTonDomainsChanged {
  /** the partner's public id */
  partnerId: string;
  /** domains whose TON logins are accepted */
  domains: string[];
}

/** What the wallet is to sign: 64 hex digits. */
export interface Payload {
  /** the text that the wallet has to sign */
  payload: string;
}

/** Value USD, fixed. */
export interface Payment {
  /** USD */
  value: Amount;
  /** your own number of the order: the same one again is the same order */
  externalId: string;
}

/** What the partner owes for an upgrade: value USD; from and to are TH or W/TH. */
export interface PostPayment {
  /** its number or name, which never changes */
  id: string;
  /** of what type it is */
  type: "nftEnergyEfficiencyUpgrade" | "nftPowerUpgrade";
  /** the miner's number */
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
  /** its number or name, which never changes */
  id: string;
  /** the miner's number */
  nftId: number;
  /** USD */
  value: Amount;
  /** of what type it is */
  type: "nftEnergyEfficiencyUpgrade" | "nftPowerUpgrade";
}

/** It is owed no more, since the miner's order was refunded. */
export interface PostPaymentReversed {
  /** its number or name, which never changes */
  id: string;
  /** the miner's number */
  nftId: number;
  /** USD */
  value: Amount;
  /** your own number of the order: the same one again is the same order */
  externalId: string;
}

/** From the miner's present TH to more. */
export interface PowerUpgrade {
  /** of what type it is */
  type: "nftPowerUpgrade";
  /** the miner's number */
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
  /** the name of the key that signed */
  kid: string;
  /** the public key */
  publicKey: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
}

/** Every key that has ever signed, the newest first. */
export interface ProofKeys {
  /** the keys */
  keys: ProofKey[];
}

/** A read token that lives. `lastUsedOn` is the day of its last use, null until there is one. */
export interface ReadToken {
  /** its number or name, which never changes */
  id: string;
  /** how the user calls it */
  name: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  expiresAt: string;
  lastUsedOn: string | null;
}

/** A user made a read token; `expiresAt` is when it ends by itself. */
export interface ReadTokenCreated {
  /** its number or name, which never changes */
  id: string;
  /** the user's number here, which their first login answered */
  userId: number;
  /** its name */
  name: string;
  /** when it ends */
  expiresAt: string;
}

/** A read token opens nothing any more: somebody revoked it, or its user's sessions or its key were ended. */
export interface ReadTokenRevoked {
  /** its number or name, which never changes */
  id: string;
  /** the user's number here, which their first login answered */
  userId: number;
  /** its name */
  name: string;
}

/**
 * A refunded order: its miner has ended, and `value` USD are owed no more, upgrades included. `income` says
 * whether what the miner earned stays with the users or is taken back, as `takings` tell.
 */
export interface Refund {
  /** your own number of the order: the same one again is the same order */
  externalId: string;
  /** the miner's number */
  nftId: number;
  /** USD */
  value: Amount;
  /** what becomes of the income that the miner earned */
  income: "keep" | "take";
  /** why, in words or in one */
  reason: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  refundedAt: string;
  /** what was taken back, by currency */
  takings: Taking[];
}

/** How many events are sent again. */
export interface Replayed {
  /** how many events are sent once more */
  events: number;
}

/** Coins that the wallet could spend after a day: `content` is the text whose bytes are signed, with Ed25519. */
export interface Reserves {
  /** a day, UTC */
  day: string;
  /** exactly the bytes that are signed, as text */
  content: string;
  /** the SHA-256 in hexadecimal */
  sha256: string;
  /** the name of the key that signed */
  kid: string;
  /** the signature */
  signature: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  signedAt: string;
}

export type Scenario = "crash" | "growth" | "halving" | "steady";

/** An open session. `apiKey` opened it; null where a TON wallet did. It ends at `endsAt` unless it is renewed. */
export interface Session {
  /** its number or name, which never changes */
  id: string;
  /** the key that opened the session */
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
  /** its number or name, which never changes */
  id: string;
  /** the user's number here, which their first login answered */
  userId: number;
  /** why it is so */
  cause: "ended" | "logged_out" | "token_reused" | "too_many";
}

/** A signed day: SHA-256 of its document, and which key signed it. */
export interface SignedDay {
  /** a day, UTC */
  day: string;
  /** the SHA-256 in hexadecimal */
  sha256: string;
  /** the name of the key that signed */
  kid: string;
}

/** At most 366 signed days, in order. */
export interface SignedDays {
  /** the days */
  days: SignedDay[];
}

/** Lines oldest first; USD owed before the first day and after the last one; owed, reserved and allowed now. */
export interface Statement {
  /** the rows */
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
  /** where the next page begins; the last page has none */
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
  /** addresses that the user has bound */
  walletsCount: number;
  /** miners that the user owns */
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
  /** your own name of the user */
  partnerUserId: string;
  /** BTC */
  earned: Amount;
  /** BTC */
  taken: Amount;
}

/** A pair of tokens; `userId` is the internal id that #11 needs. */
export interface Tokens {
  /** what the user's client shows with each call, for 15 minutes */
  jwtToken: string;
  /** what is changed for the next pair of tokens, once */
  refreshToken: string;
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
}

/** the wallet, as TON Connect hands it over */
export interface TonWallet {
  /** the wallet's account */
  account: {
    address: string;
    chain: string;
    walletStateInit: string;
    publicKey?: string | null | undefined;
  };
  /** what the wallet answered */
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
  /** the column that is added up */
  field: string;
  /** the currency, such as BTC */
  currency: string;
  /** in the row's currency */
  total: Amount;
}

/** Days, oldest first. Days after `closedThrough` have no income yet. */
export interface Totals {
  /** the rows */
  array: DayTotals[];
  closedThrough: string | null;
}

/** What is told: its `id` begins with `test_`, in the feed and as `webhook-id`. */
export interface Triggered {
  /** the event's id, the same in the feed and in webhooks */
  eventId: string;
  /** of what type it is */
  type: string;
  /** the kind of object that the event is about */
  objectKind: string;
  /** the number or name of the object */
  objectId: string;
}

/** The number of the post-payment. */
export interface Upgrade {
  /** its number or name, which never changes */
  id: string;
}

/** A partner's user. */
export interface User {
  /** the user's number here */
  id: number;
  /** your own name of the user */
  partnerUserId: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  /** the user's mail address, as you gave it */
  email: string | null;
}

/** What a user can spend of a currency, and what is reserved for withdrawals; `id` is the account's. */
export interface UserBalance {
  /** its number or name, which never changes */
  id: number;
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
  /** the currency, such as BTC */
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
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
  /** whether payouts go on all the same */
  payoutsGoOn: boolean;
}

/** The user has another e-mail address or another level; `levelDiscount` is what the level takes off maintenance. */
export interface UserChanged {
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
  /** a fraction: 0.2 is 20 % */
  levelDiscount: Amount;
}

/** The user is registered, with accounts that hold nothing yet. */
export interface UserCreated {
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
}

/** The user may write again. */
export interface UserUnblocked {
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
}

/**
 * Users, newest first. `position` is how far the partner's feed goes: what changes later stands behind it. Of a
 * list in pages, keep the position of the first page.
 */
export interface Users {
  /** the rows */
  array: ListedUser[];
  /** its place in the partner's feed */
  position: number;
  /** where the next page begins; the last page has none */
  nextCursor?: string | undefined;
}

/** Why a withdrawal waits, and until when, if that ends by itself. */
export interface Wait {
  /** why it is so */
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
  /** why, in words or in one */
  reason: string;
  until: string | null;
}

/** A transaction in the mempool; its fee in BTC. */
export interface Waiting {
  /** the bitcoin transaction; null until there is one */
  txid: string;
  /** BTC */
  fee: Amount;
}

/**
 * A bound address; its type is BTC. `usableAt` is from when it is paid, where only bound addresses are and it
 * was bound beside another; null is at once.
 */
export interface Wallet {
  /** its number or name, which never changes */
  id: number;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  /** a bitcoin address */
  address: string;
  /** of what type it is */
  type?: "BTC" | undefined;
  usableAt: string | null;
}

/** Decimal texts. */
export interface WalletBalance {
  /** its number or name, which never changes */
  id: number;
  /** the currency, such as BTC */
  currency: string;
  gmtValueAtSyncDateNumeric?: string | null | undefined;
  /** there is no such thing here: null */
  timeLockedValueAtSyncDateNumeric?: null | undefined;
  /** there is no such thing here: null */
  flexibleStakingValueAtSyncDateNumeric?: null | undefined;
  /** in the row's currency, a decimal as text */
  freezedValueNumericAtSyncDate: string;
  /** in the row's currency, a decimal as text */
  valueNumericAtSyncDate: string;
}

/** An address was bound; `usableAt` is from when it is paid where only bound ones are, null is at once. */
export interface WalletBound {
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
  /** a bitcoin address */
  address: string;
  usableAt: string | null;
}

/** An address was taken off; withdrawals to it that were asked for go their way. */
export interface WalletUnbound {
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
  /** a bitcoin address */
  address: string;
}

/**
 * An endpoint. `reason` says why it is disabled; `failures` counts those since the last success. Its events are
 * read up to `plannedThrough`; what happens while it is disabled waits.
 */
export interface Webhook {
  /** its number or name, which never changes */
  id: number;
  /** where events are sent to */
  url: string;
  /** words of your own */
  description: string;
  /** types of events that are sent; a type that ends with a dot stands for all that begin so */
  types: string[];
  /** where it stands; see the states of each object */
  state: "deleted" | "disabled" | "enabled";
  /** why, in words or in one */
  reason: "failing" | "gone" | "operator" | "partner" | null;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  /** the position up to which deliveries are planned */
  plannedThrough: number;
  failingSince: string | null;
  /** deliveries that failed one after the other */
  failures: number;
  oldSecretUntil: string | null;
}

/** Nothing is sent there any more; `reason` is `gone` (it answered 410), `failing`, `partner` or `operator`. */
export interface WebhookEndpointDisabled {
  /** the webhook endpoint's number */
  endpointId: number;
  /** where events are sent to */
  url: string;
  /** why, in words or in one */
  reason: string;
}

/** Somebody tries the endpoint: it is sent to this one, whatever its types are, and to no other. */
export interface WebhookEndpointTest {
  /** the webhook endpoint's number */
  endpointId: number;
}

/** An endpoint and its secret, which is shown this once. */
export interface WebhookWithSecret {
  /** its number or name, which never changes */
  id: number;
  /** where events are sent to */
  url: string;
  /** words of your own */
  description: string;
  /** types of events that are sent; a type that ends with a dot stands for all that begin so */
  types: string[];
  /** where it stands; see the states of each object */
  state: "deleted" | "disabled" | "enabled";
  /** why, in words or in one */
  reason: "failing" | "gone" | "operator" | "partner" | null;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  /** the position up to which deliveries are planned */
  plannedThrough: number;
  failingSince: string | null;
  /** deliveries that failed one after the other */
  failures: number;
  oldSecretUntil: string | null;
  /** what signs deliveries; shown this once */
  secret: string;
}

/**
 * A withdrawal, BTC: `amount` arrives, `fee` came on top. `waits` says all that it waits for now, and
 * `waitsUntil` when that is over, if it ends by itself. `txid` is null until a transaction pays it; while it
 * waits for a block, a raised fee gives it another one. `simulated` says that no bitcoin moves: the chain of a
 * sandbox without a node.
 */
export interface Withdrawal {
  /** its number or name, which never changes */
  id: number;
  /** your own name of the user */
  partnerUserId: string;
  /** within 24 hours without a commission, or within the hour with one */
  speed: "daily" | "fast";
  /** the bitcoin address that is paid */
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  /** where it stands; see the states of each object */
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
  /** the bitcoin transaction; null until there is one */
  txid: string | null;
  /** blocks on top of the payment, its own included */
  confirmations: number;
  /** why, in words or in one */
  reason: string | null;
  /** what it waits for */
  waits: Wait[];
  waitsUntil: string | null;
  /** whether no bitcoin moves: a sandbox plays it */
  simulated: boolean;
  /** ISO 8601, UTC, with milliseconds and Z */
  createdAt: string;
  /** ISO 8601, UTC, with milliseconds and Z */
  changedAt: string;
}

/** Two people of the operator have to approve it first. */
export interface WithdrawalAwaitingApproval {
  /** its number or name, which never changes */
  id: number;
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
  /** within 24 hours without a commission, or within the hour with one */
  speed: "daily" | "fast";
  /** the bitcoin address that is paid */
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  /** where it stands; see the states of each object */
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
  /** the bitcoin transaction; null until there is one */
  txid: string | null;
  /** why, in words or in one */
  reason: string | null;
}

/** Its transaction is sent and waits for a block; again after a reorg, and where a higher fee makes another one. */
export interface WithdrawalBroadcast {
  /** its number or name, which never changes */
  id: number;
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
  /** within 24 hours without a commission, or within the hour with one */
  speed: "daily" | "fast";
  /** the bitcoin address that is paid */
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  /** where it stands; see the states of each object */
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
  /** the bitcoin transaction; null until there is one */
  txid: string | null;
  /** why, in words or in one */
  reason: string | null;
}

/** It was taken back before it was paid: what it reserved is the user's again. */
export interface WithdrawalCancelled {
  /** its number or name, which never changes */
  id: number;
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
  /** within 24 hours without a commission, or within the hour with one */
  speed: "daily" | "fast";
  /** the bitcoin address that is paid */
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  /** where it stands; see the states of each object */
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
  /** the bitcoin transaction; null until there is one */
  txid: string | null;
  /** why, in words or in one */
  reason: string | null;
}

/** Its transaction is in a block; a reorg may still take it back. */
export interface WithdrawalConfirmed {
  /** its number or name, which never changes */
  id: number;
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
  /** within 24 hours without a commission, or within the hour with one */
  speed: "daily" | "fast";
  /** the bitcoin address that is paid */
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  /** where it stands; see the states of each object */
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
  /** the bitcoin transaction; null until there is one */
  txid: string | null;
  /** why, in words or in one */
  reason: string | null;
}

/** It is queued, and no batch takes it before `until`, since its address is too new. */
export interface WithdrawalDelayed {
  /** its number or name, which never changes */
  id: number;
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
  /** within 24 hours without a commission, or within the hour with one */
  speed: "daily" | "fast";
  /** the bitcoin address that is paid */
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  /** where it stands; see the states of each object */
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
  /** the bitcoin transaction; null until there is one */
  txid: string | null;
  /** why, in words or in one */
  reason: string | null;
  /** why it is so */
  cause: "BINDING_COOL_DOWN" | "COOL_DOWN";
  /** ISO 8601, UTC, with milliseconds and Z */
  until: string;
}

/** The operator pays it with another program. */
export interface WithdrawalExported {
  /** its number or name, which never changes */
  id: number;
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
  /** within 24 hours without a commission, or within the hour with one */
  speed: "daily" | "fast";
  /** the bitcoin address that is paid */
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  /** where it stands; see the states of each object */
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
  /** the bitcoin transaction; null until there is one */
  txid: string | null;
  /** why, in words or in one */
  reason: string | null;
}

/** It is paid and posted: what was reserved has left the user's balance. */
export interface WithdrawalFinal {
  /** its number or name, which never changes */
  id: number;
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
  /** within 24 hours without a commission, or within the hour with one */
  speed: "daily" | "fast";
  /** the bitcoin address that is paid */
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  /** where it stands; see the states of each object */
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
  /** the bitcoin transaction; null until there is one */
  txid: string | null;
  /** why, in words or in one */
  reason: string | null;
}

/** It waits for a batch that pays it; again where the one that had it can never be mined any more. */
export interface WithdrawalQueued {
  /** its number or name, which never changes */
  id: number;
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
  /** within 24 hours without a commission, or within the hour with one */
  speed: "daily" | "fast";
  /** the bitcoin address that is paid */
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  /** where it stands; see the states of each object */
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
  /** the bitcoin transaction; null until there is one */
  txid: string | null;
  /** why, in words or in one */
  reason: string | null;
}

/** The operator refused it, for the `reason`: what it reserved is the user's again. */
export interface WithdrawalRefused {
  /** its number or name, which never changes */
  id: number;
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
  /** within 24 hours without a commission, or within the hour with one */
  speed: "daily" | "fast";
  /** the bitcoin address that is paid */
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  /** where it stands; see the states of each object */
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
  /** the bitcoin transaction; null until there is one */
  txid: string | null;
  /** why, in words or in one */
  reason: string | null;
}

/** A withdrawal was asked for, and what it takes is reserved. */
export interface WithdrawalRequested {
  /** its number or name, which never changes */
  id: number;
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
  /** within 24 hours without a commission, or within the hour with one */
  speed: "daily" | "fast";
  /** the bitcoin address that is paid */
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  /** where it stands; see the states of each object */
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
  /** the bitcoin transaction; null until there is one */
  txid: string | null;
  /** why, in words or in one */
  reason: string | null;
}

/** A transaction that pays it is signed, and cannot be taken back; again where a higher fee makes another one. */
export interface WithdrawalSigned {
  /** its number or name, which never changes */
  id: number;
  /** the user's number here, which their first login answered */
  userId: number;
  /** your own name of the user */
  partnerUserId: string;
  /** within 24 hours without a commission, or within the hour with one */
  speed: "daily" | "fast";
  /** the bitcoin address that is paid */
  walletAddress: string;
  /** BTC */
  amount: Amount;
  /** BTC */
  fee: Amount;
  /** where it stands; see the states of each object */
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
  /** the bitcoin transaction; null until there is one */
  txid: string | null;
  /** why, in words or in one */
  reason: string | null;
}
