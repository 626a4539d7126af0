// Written by `make reference`; edit what it is written from, not this file: tools/sdk_typescript.py.

// What a partner's server calls.

import type { CallOptions, Send, WriteOptions } from "../calling.ts";
import { iterate } from "../pages.ts";
import type { AmountLike } from "../json.ts";
import type { Page } from "../pages.ts";
import type {
  Advance,
  BalanceProof,
  Balances,
  Chain,
  Clock,
  Collection,
  Commission,
  DayDocument,
  Delivery,
  Deposit,
  DepositAddress,
  DepositBody,
  EfficiencyUpgrade,
  Ended,
  Events,
  ExchangeRate,
  Export,
  IncomeDay,
  IncomePerTh,
  IncomeRecord,
  Key,
  Liabilities,
  Line,
  ListedUser,
  Miner,
  Opening,
  Order,
  Orders,
  Owed,
  Payload,
  Payment,
  PostPayment,
  PowerUpgrade,
  Price,
  ProofKeys,
  ReadToken,
  Refund,
  Replayed,
  Reserves,
  Scenario,
  Session,
  SignedDays,
  Statement,
  Statistics,
  Tokens,
  TonWallet,
  Totals,
  Triggered,
  Upgrade,
  UserBalance,
  Users,
  Wallet,
  WalletBalance,
  Webhook,
  WebhookWithSecret,
  Withdrawal,
} from "./answers.ts";

/** Your users. */
export class ServerUsers {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** Register the user, or log an existing one in: {jwtToken, refreshToken, userId}. */
  login(
    partnerUserId: string,
    options: WriteOptions & { email?: string | undefined } = {},
  ): Promise<Tokens> {
    return this.#send("users.login", { partnerUserId }, options);
  }

  /** Change a refresh token for two new tokens: {jwtToken, refreshToken}. */
  refresh(
    refreshToken: string,
    options: CallOptions = {},
  ): Promise<Tokens> {
    return this.#send("users.refresh", { refreshToken }, options);
  }

  /** A user and their totals: {user, stats}; totalPowerTH in TH, totalIncome in BTC. */
  statistics(
    partnerUserId: string,
    options: CallOptions = {},
  ): Promise<Statistics> {
    return this.#send("users.statistics", { partnerUserId }, options);
  }

  /** Your users, newest first: {array, position, nextCursor}. changedSince is the position of an earlier answer. */
  list(
    options: CallOptions & {
      state?: "active" | "blocked" | undefined;
      changedSince?: number | undefined;
      limit?: number | undefined;
      offset?: number | undefined;
      cursor?: string | undefined;
    } = {},
  ): Promise<Users> {
    return this.#send("users.list", {}, options);
  }

  /** Each row of `list`, page after page of `limit`, asked for as you go. */
  iterate(
    options: CallOptions & {
      state?: "active" | "blocked" | undefined;
      changedSince?: number | undefined;
      limit?: number | undefined;
    } = {},
  ): AsyncGenerator<ListedUser, void, undefined> {
    return iterate((cursor) => this.list({ ...options, cursor }));
  }
}

/** Where users are logged in. */
export class ServerSessions {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** The user's open sessions, the last renewed first: {array}; id, apiKey, createdAt, renewedAt, endsAt. */
  list(
    partnerUserId: string,
    options: CallOptions = {},
  ): Promise<Page<Session>> {
    return this.#send("sessions.list", { partnerUserId }, options);
  }

  /** End all sessions of the user, or the one with that id: {ended}. Their tokens are refused from then on. */
  end(
    partnerUserId: string,
    options: WriteOptions & { id?: string | undefined } = {},
  ): Promise<Ended> {
    return this.#send("sessions.end", { partnerUserId }, options);
  }

  /** End the session of a refresh token; again changes nothing: true. The call needs no key. */
  logOut(
    refreshToken: string,
    options: CallOptions = {},
  ): Promise<boolean> {
    return this.#send("sessions.logOut", { refreshToken }, options);
  }
}

/** What users gave to dashboards to read with. */
export class ServerReadTokens {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** The user's read tokens that live, the newest first: {array}; id, name, createdAt, expiresAt, lastUsedOn. */
  list(
    partnerUserId: string,
    options: CallOptions = {},
  ): Promise<Page<ReadToken>> {
    return this.#send("readTokens.list", { partnerUserId }, options);
  }

  /** Revoke one of the user's read tokens: true. It is refused from then on; again changes nothing. */
  revoke(
    partnerUserId: string,
    id: string,
    options: WriteOptions = {},
  ): Promise<boolean> {
    return this.#send("readTokens.revoke", { partnerUserId, id }, options);
  }
}

/** Logins with a TON wallet. */
export class ServerTon {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** A text for a user's TON wallet to sign: {payload}. partnerId is your public id. It opens one session. */
  generatePayload(
    partnerId: string,
    options: CallOptions = {},
  ): Promise<Payload> {
    return this.#send("ton.generatePayload", { partnerId }, options);
  }

  /** Register or log in the user whose wallet signed: {jwtToken, refreshToken, userId, partnerUserId}. */
  checkProof(
    tonWallet: TonWallet,
    options: CallOptions = {},
  ): Promise<Tokens> {
    return this.#send("ton.checkProof", { tonWallet }, options);
  }

  /** Change a refresh token for two new tokens, as users.refresh does, but the call needs no key. */
  refresh(
    refreshToken: string,
    options: CallOptions = {},
  ): Promise<Tokens> {
    return this.#send("ton.refresh", { refreshToken }, options);
  }
}

/** What users own. */
export class ServerMiners {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** The user's miners: {array, nextCursor}; power in TH, energyEfficiency in W/TH. */
  list(
    partnerUserId: string,
    options: CallOptions & {
      limit?: number | undefined;
      offset?: number | undefined;
      cursor?: string | undefined;
    } = {},
  ): Promise<Page<Miner>> {
    return this.#send("miners.list", { partnerUserId }, options);
  }

  /** Each row of `list`, page after page of `limit`, asked for as you go. */
  iterate(
    partnerUserId: string,
    options: CallOptions & { limit?: number | undefined } = {},
  ): AsyncGenerator<Miner, void, undefined> {
    return iterate((cursor) => this.list(partnerUserId, { ...options, cursor }));
  }

  /** Give a miner of the user to another of your users, who earns from tomorrow: true. */
  transfer(
    partnerUserId: string,
    nftId: number,
    toPartnerUserId: string,
    options: WriteOptions = {},
  ): Promise<boolean> {
    return this.#send("miners.transfer", { partnerUserId, nftId, toPartnerUserId }, options);
  }
}

/** What is on sale. */
export class ServerCollections {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** What is on sale: {array}; value in USD, poolReward in BTC a day. */
  list(
    options: CallOptions = {},
  ): Promise<Page<Collection>> {
    return this.#send("collections.list", {}, options);
  }
}

/** Orders: opened, paid for, looked up. */
export class ServerPayments {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** Open an order under your own externalId: {value in USD, externalId}. Again answers the same. */
  create(
    userId: number,
    nftCollectionId: number,
    externalId: string,
    options: WriteOptions = {},
  ): Promise<Payment> {
    return this.#send("payments.create", { userId, nftCollectionId, externalId }, options);
  }

  /** Say that your user has paid; the miner is issued once: true. */
  success(
    externalId: string,
    userId: number,
    options: WriteOptions = {},
  ): Promise<boolean> {
    return this.#send("payments.success", { externalId, userId }, options);
  }

  /** The order under your own externalId, with its state and, once it is issued, its nftId; value in USD. */
  get(
    externalId: string,
    options: CallOptions = {},
  ): Promise<Order> {
    return this.#send("payments.get", { externalId }, options);
  }

  /** Your orders, newest first: {array, position, nextCursor}. changedSince is the position of an earlier answer. */
  list(
    options: CallOptions & {
      partnerUserId?: string | undefined;
      state?: "cancelled" | "created" | "expired" | "issued" | "refunded" | undefined;
      changedSince?: number | undefined;
      limit?: number | undefined;
      offset?: number | undefined;
      cursor?: string | undefined;
    } = {},
  ): Promise<Orders> {
    return this.#send("payments.list", {}, options);
  }

  /** Each row of `list`, page after page of `limit`, asked for as you go. */
  iterate(
    options: CallOptions & {
      partnerUserId?: string | undefined;
      state?: "cancelled" | "created" | "expired" | "issued" | "refunded" | undefined;
      changedSince?: number | undefined;
      limit?: number | undefined;
    } = {},
  ): AsyncGenerator<Order, void, undefined> {
    return iterate((cursor) => this.list({ ...options, cursor }));
  }
}

/** Improving miners. */
export class ServerUpgrades {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /**
   * What an upgrade costs now: {price in USD}. type is nftPowerUpgrade (TH) or nftEnergyEfficiencyUpgrade
   * (W/TH).
   */
  price(
    type: "nftEnergyEfficiencyUpgrade" | "nftPowerUpgrade",
    nftId: number,
    from: AmountLike,
    to: AmountLike,
    options: CallOptions = {},
  ): Promise<Price> {
    return this.#send("upgrades.price", { type, nftId, from, to }, options);
  }

  /**
   * Improve a miner from tomorrow on; you owe the price: {id}. data is {type, nftId, fromPower, toPower} or
   * {type, nftId, fromEnergyEfficiency, toEnergyEfficiency}, from its present value.
   */
  create(
    data: EfficiencyUpgrade | PowerUpgrade,
    options: WriteOptions = {},
  ): Promise<Upgrade> {
    return this.#send("upgrades.create", { data }, options);
  }

  /** What you owe for upgrades, newest first: {array, nextCursor}; value in USD. */
  list(
    options: CallOptions & {
      limit?: number | undefined;
      offset?: number | undefined;
      cursor?: string | undefined;
    } = {},
  ): Promise<Page<PostPayment>> {
    return this.#send("upgrades.list", {}, options);
  }

  /** Each row of `list`, page after page of `limit`, asked for as you go. */
  iterate(
    options: CallOptions & { limit?: number | undefined } = {},
  ): AsyncGenerator<PostPayment, void, undefined> {
    return iterate((cursor) => this.list({ ...options, cursor }));
  }
}

/** What you owe and what you paid. */
export class ServerStatement {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /**
   * What you owe by order and upgrade, and what you paid, oldest first: {array, openingUsd, closingUsd,
   * owedUsd}.
   */
  lines(
    startDate: Date | string,
    endDate: Date | string,
    options: CallOptions & { limit?: number | undefined; cursor?: string | undefined } = {},
  ): Promise<Statement> {
    return this.#send("statement.lines", { startDate, endDate }, options);
  }

  /** Each row of `lines`, page after page of `limit`, asked for as you go. */
  iterateLines(
    startDate: Date | string,
    endDate: Date | string,
    options: CallOptions & { limit?: number | undefined } = {},
  ): AsyncGenerator<Line, void, undefined> {
    return iterate((cursor) => this.lines(startDate, endDate, { ...options, cursor }));
  }

  /** What each day adds up to, both dates inclusive: {array, closedThrough}; BTC and USD. */
  days(
    startDate: Date | string,
    endDate: Date | string,
    options: CallOptions = {},
  ): Promise<Totals> {
    return this.#send("statement.days", { startDate, endDate }, options);
  }
}

/** Days of all users as files. */
export class ServerExports {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /**
   * Ask for days of all users as a file: {id, state}. kind is income, balances, orders, withdrawals or deposits,
   * format csv, ndjson or parquet. Both dates inclusive.
   */
  create(
    kind: "balances" | "deposits" | "income" | "orders" | "withdrawals",
    format: "csv" | "ndjson" | "parquet",
    startDate: Date | string,
    endDate: Date | string,
    options: WriteOptions = {},
  ): Promise<Export> {
    return this.#send("exports.create", { kind, format, startDate, endDate }, options);
  }

  /** An export: {state, rows, bytes, sha256, totals}; download it when its state is done. */
  get(
    id: number,
    options: CallOptions = {},
  ): Promise<Export> {
    return this.#send("exports.get", { id }, options);
  }

  /** Your exports, newest first: {array, nextCursor}. */
  list(
    options: CallOptions & {
      limit?: number | undefined;
      offset?: number | undefined;
      cursor?: string | undefined;
    } = {},
  ): Promise<Page<Export>> {
    return this.#send("exports.list", {}, options);
  }

  /** Each row of `list`, page after page of `limit`, asked for as you go. */
  iterate(
    options: CallOptions & { limit?: number | undefined } = {},
  ): AsyncGenerator<Export, void, undefined> {
    return iterate((cursor) => this.list({ ...options, cursor }));
  }
}

/** Prices of the last closed day. */
export class ServerExchange {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** Prices of the last closed day: {array}; symbol and price in USD. */
  prices(
    options: CallOptions = {},
  ): Promise<Page<ExchangeRate>> {
    return this.#send("exchange.prices", {}, options);
  }
}

/** What miners earned, by record and by day. */
export class ServerIncome {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** The last closed day's income of one TH, in BTC, with the rates it was reckoned at, in USD. */
  perTh(
    options: CallOptions = {},
  ): Promise<IncomePerTh> {
    return this.#send("income.perTh", {}, options);
  }

  /** The user's income, one record a miner and day, newest first: {array, nextCursor}; values in BTC. */
  list(
    partnerUserId: string,
    options: CallOptions & {
      limit?: number | undefined;
      offset?: number | undefined;
      cursor?: string | undefined;
    } = {},
  ): Promise<Page<IncomeRecord>> {
    return this.#send("income.list", { partnerUserId }, options);
  }

  /** Each row of `list`, page after page of `limit`, asked for as you go. */
  iterate(
    partnerUserId: string,
    options: CallOptions & { limit?: number | undefined } = {},
  ): AsyncGenerator<IncomeRecord, void, undefined> {
    return iterate((cursor) => this.list(partnerUserId, { ...options, cursor }));
  }

  /** The user's income by day, both dates inclusive: {data, totalCount}. Dates are a Date or ISO text. */
  byDay(
    partnerUserId: string,
    startDate: Date | string,
    endDate: Date | string,
    options: CallOptions & {
      limit?: number | undefined;
      offset?: number | undefined;
      includeIncomesByNfts?: boolean | undefined;
    } = {},
  ): Promise<{ data: IncomeDay[]; totalCount: number }> {
    return this.#send("income.byDay", { partnerUserId, startDate, endDate }, options);
  }
}

/** What users can spend. */
export class ServerBalances {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** The user's balances, one row a currency: {array}; amounts are decimal strings. */
  list(
    partnerUserId: string,
    options: CallOptions & { limit?: number | undefined; offset?: number | undefined } = {},
  ): Promise<Page<WalletBalance>> {
    return this.#send("balances.list", { partnerUserId }, options);
  }

  /** What all your users can spend, a row a user and currency, newest users first: {array, position, nextCursor}. */
  ofAll(
    options: CallOptions & {
      partnerUserId?: string | undefined;
      currency?: "BTC" | "GOMINING" | undefined;
      changedSince?: number | undefined;
      limit?: number | undefined;
      offset?: number | undefined;
      cursor?: string | undefined;
    } = {},
  ): Promise<Balances> {
    return this.#send("balances.ofAll", {}, options);
  }

  /** Each row of `ofAll`, page after page of `limit`, asked for as you go. */
  iterateOfAll(
    options: CallOptions & {
      partnerUserId?: string | undefined;
      currency?: "BTC" | "GOMINING" | undefined;
      changedSince?: number | undefined;
      limit?: number | undefined;
    } = {},
  ): AsyncGenerator<UserBalance, void, undefined> {
    return iterate((cursor) => this.ofAll({ ...options, cursor }));
  }
}

/** Addresses that users withdraw to. */
export class ServerWallets {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** Bind a Bitcoin address to the user; again changes nothing: true. */
  bind(
    partnerUserId: string,
    address: string,
    options: WriteOptions = {},
  ): Promise<boolean> {
    return this.#send("wallets.bind", { partnerUserId, address }, options);
  }

  /** Take a bound address off the user; again changes nothing, and what was asked for before is paid: true. */
  unbind(
    partnerUserId: string,
    address: string,
    options: WriteOptions = {},
  ): Promise<boolean> {
    return this.#send("wallets.unbind", { partnerUserId, address }, options);
  }

  /** The user's bound addresses: {array, nextCursor}. */
  list(
    partnerUserId: string,
    options: CallOptions & {
      limit?: number | undefined;
      offset?: number | undefined;
      cursor?: string | undefined;
    } = {},
  ): Promise<Page<Wallet>> {
    return this.#send("wallets.list", { partnerUserId }, options);
  }

  /** Each row of `list`, page after page of `limit`, asked for as you go. */
  iterate(
    partnerUserId: string,
    options: CallOptions & { limit?: number | undefined } = {},
  ): AsyncGenerator<Wallet, void, undefined> {
    return iterate((cursor) => this.list(partnerUserId, { ...options, cursor }));
  }
}

/** Bitcoin on its way out. */
export class ServerWithdrawals {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** What withdrawing asks and costs, in BTC: {incomeWithdrawMinValue, incomeWithdrawCommission}. */
  terms(
    partnerUserId: string,
    options: CallOptions = {},
  ): Promise<Commission> {
    return this.#send("withdrawals.terms", { partnerUserId }, options);
  }

  /** Pay amount (BTC) to the address within 24 hours, without a commission: the withdrawal's number. */
  create(
    partnerUserId: string,
    walletAddress: string,
    amount: AmountLike,
    options: WriteOptions = {},
  ): Promise<number | null> {
    return this.#send("withdrawals.create", { partnerUserId, walletAddress, amount }, options);
  }

  /** Pay amount (BTC) to the address within the hour; the commission comes on top: its number. */
  createFast(
    partnerUserId: string,
    walletAddress: string,
    amount: AmountLike,
    options: WriteOptions = {},
  ): Promise<number | null> {
    return this.#send("withdrawals.createFast", { partnerUserId, walletAddress, amount }, options);
  }

  /** A withdrawal by its number: state, amount and fee in BTC, txid. */
  get(
    id: number,
    options: CallOptions = {},
  ): Promise<Withdrawal> {
    return this.#send("withdrawals.get", { id }, options);
  }

  /** Your withdrawals or one user's, newest first: {array, nextCursor}. */
  list(
    options: CallOptions & {
      partnerUserId?: string | undefined;
      limit?: number | undefined;
      offset?: number | undefined;
      cursor?: string | undefined;
    } = {},
  ): Promise<Page<Withdrawal>> {
    return this.#send("withdrawals.list", {}, options);
  }

  /** Each row of `list`, page after page of `limit`, asked for as you go. */
  iterate(
    options: CallOptions & { partnerUserId?: string | undefined; limit?: number | undefined } = {},
  ): AsyncGenerator<Withdrawal, void, undefined> {
    return iterate((cursor) => this.list({ ...options, cursor }));
  }

  /** Take back a withdrawal that is not on its way; again changes nothing: the withdrawal. */
  cancel(
    id: number,
    options: WriteOptions = {},
  ): Promise<Withdrawal> {
    return this.#send("withdrawals.cancel", { id }, options);
  }
}

/** Endpoints that events are sent to. */
export class ServerWebhooks {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** Make an endpoint that events are sent to: its fields and its secret, which is shown this once. */
  create(
    url: string,
    options: WriteOptions & {
      description?: string | undefined;
      types?: readonly string[] | undefined;
      after?: number | undefined;
    } = {},
  ): Promise<WebhookWithSecret> {
    return this.#send("webhooks.create", { url }, options);
  }

  /** Your endpoints by id: {array}; id, url, types, state, reason, failures, plannedThrough. */
  list(
    options: CallOptions = {},
  ): Promise<Page<Webhook>> {
    return this.#send("webhooks.list", {}, options);
  }

  /** Change an endpoint; enabled: false stops it, and enabled: true sends what waited. */
  update(
    id: number,
    options: WriteOptions & {
      url?: string | undefined;
      description?: string | undefined;
      types?: readonly string[] | undefined;
      enabled?: boolean | undefined;
    } = {},
  ): Promise<Webhook> {
    return this.#send("webhooks.update", { id }, options);
  }

  /** Take an endpoint away, with what waits for it: true. */
  delete(
    id: number,
    options: WriteOptions = {},
  ): Promise<boolean> {
    return this.#send("webhooks.delete", { id }, options);
  }

  /** Give an endpoint a new secret, shown this once; the old one signs too for oldSecretHours, 24 if not given. */
  rotateSecret(
    id: number,
    options: WriteOptions & { oldSecretHours?: number | undefined } = {},
  ): Promise<WebhookWithSecret> {
    return this.#send("webhooks.rotateSecret", { id }, options);
  }

  /** Send the endpoint an event of type webhookEndpoint.test: true. */
  test(
    id: number,
    options: WriteOptions = {},
  ): Promise<boolean> {
    return this.#send("webhooks.test", { id }, options);
  }

  /** What became of events at an endpoint, the newest first: {array, nextCursor}, with each attempt. */
  deliveries(
    id: number,
    options: CallOptions & {
      state?: "delivered" | "given_up" | "waiting" | undefined;
      limit?: number | undefined;
      cursor?: string | undefined;
    } = {},
  ): Promise<Page<Delivery>> {
    return this.#send("webhooks.deliveries", { id }, options);
  }

  /** Each row of `deliveries`, page after page of `limit`, asked for as you go. */
  iterateDeliveries(
    id: number,
    options: CallOptions & {
      state?: "delivered" | "given_up" | "waiting" | undefined;
      limit?: number | undefined;
    } = {},
  ): AsyncGenerator<Delivery, void, undefined> {
    return iterate((cursor) => this.deliveries(id, { ...options, cursor }));
  }

  /** Send events once more, by positions or since a moment: {events}. */
  replay(
    id: number,
    options: WriteOptions & {
      fromPosition?: number | undefined;
      toPosition?: number | undefined;
      since?: Date | string | undefined;
    } = {},
  ): Promise<Replayed> {
    return this.#send("webhooks.replay", { id }, options);
  }
}

/** Bitcoin that users sent to top up. */
export class ServerDeposits {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** The address at which a user tops up with bitcoin, the same for ever: {address, simulated}. */
  address(
    partnerUserId: string,
    options: CallOptions = {},
  ): Promise<DepositAddress> {
    return this.#send("deposits.address", { partnerUserId }, options);
  }

  /** Your deposits or one user's, newest first: {array, nextCursor}. */
  list(
    options: CallOptions & {
      partnerUserId?: string | undefined;
      limit?: number | undefined;
      offset?: number | undefined;
      cursor?: string | undefined;
    } = {},
  ): Promise<Page<Deposit>> {
    return this.#send("deposits.list", {}, options);
  }

  /** Each row of `list`, page after page of `limit`, asked for as you go. */
  iterate(
    options: CallOptions & { partnerUserId?: string | undefined; limit?: number | undefined } = {},
  ): AsyncGenerator<Deposit, void, undefined> {
    return iterate((cursor) => this.list({ ...options, cursor }));
  }
}

/** The feed of what happened. */
export class ServerEvents {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** What happened after a position, in order: {events, last, hasMore}; go on after last. See `follow`. */
  read(
    options: CallOptions & {
      after?: number | undefined;
      types?: string | undefined;
      objectKind?: string | undefined;
      objectId?: string | undefined;
      limit?: number | undefined;
      waitSeconds?: number | undefined;
    } = {},
  ): Promise<Events> {
    return this.#send("events.read", {}, options);
  }
}

/** Days that the deployment signed, and what it owes. */
export class ServerProofs {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** The keys that days are signed with. Anybody may ask. */
  keys(
    options: CallOptions = {},
  ): Promise<ProofKeys> {
    return this.#send("proofs.keys", {}, options);
  }

  /** The signed days after one, oldest first, by their checksums. Anybody may ask. */
  days(
    options: CallOptions & { after?: string | undefined } = {},
  ): Promise<SignedDays> {
    return this.#send("proofs.days", {}, options);
  }

  /** The signed document of a day. Anybody may ask. */
  day(
    day: string,
    options: CallOptions = {},
  ): Promise<DayDocument> {
    return this.#send("proofs.day", { day }, options);
  }

  /** What opens your own line of a signed day: {day, salt, text}. */
  power(
    day: string,
    options: CallOptions = {},
  ): Promise<Opening> {
    return this.#send("proofs.power", { day }, options);
  }

  /** The signed document of what was owed to all users after a day, or the newest. Anybody may ask. */
  liabilities(
    options: CallOptions & { day?: string | undefined } = {},
  ): Promise<Liabilities> {
    return this.#send("proofs.liabilities", {}, options);
  }

  /** After which days, behind one, it was signed what is owed to all users. Anybody may ask. */
  liabilitiesDays(
    options: CallOptions & { after?: string | undefined } = {},
  ): Promise<SignedDays> {
    return this.#send("proofs.liabilitiesDays", {}, options);
  }

  /** The coins that the wallet could spend after a day, or the newest, signed by their keys. Anybody may ask. */
  reserves(
    options: CallOptions & { day?: string | undefined } = {},
  ): Promise<Reserves> {
    return this.#send("proofs.reserves", {}, options);
  }

  /** A user's way into what was owed after a day, or the newest: {amount, nonce, index, path}. See liabilities. */
  balance(
    partnerUserId: string,
    options: CallOptions & { day?: string | undefined } = {},
  ): Promise<BalanceProof> {
    return this.#send("proofs.balance", { partnerUserId }, options);
  }
}

/** The API key that you call with. */
export class ServerKeys {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** What your key is: kind, scopes, allowedAddresses, the address that you call from, secretsSince, the partner. */
  get(
    options: CallOptions = {},
  ): Promise<Key> {
    return this.#send("keys.get", {}, options);
  }
}

/** Time, money and the chain of a sandbox; no other deployment has these verbs. */
export class ServerSandbox {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** Let the sandbox's time pass, by days, by seconds or to a date; days close: {businessTime, daysClosed, ...}. */
  advance(
    options: WriteOptions & {
      days?: number | undefined;
      seconds?: number | undefined;
      date?: string | undefined;
      scenario?: Scenario | null | undefined;
    } = {},
  ): Promise<Advance> {
    return this.#send("sandbox.advance", {}, options);
  }

  /** The sandbox's clocks, how far its days are, and by which scenarios they go on. */
  clock(
    options: CallOptions = {},
  ): Promise<Clock> {
    return this.#send("sandbox.clock", {}, options);
  }

  /** Let the days to come go by a scenario: steady, growth, halving or crash. It answers as clock does. */
  scenario(
    scenario: Scenario,
    options: WriteOptions = {},
  ): Promise<Clock> {
    return this.#send("sandbox.scenario", { scenario }, options);
  }

  /**
   * Tell the simulated chain what to play, mine or bring; without a wish look at it: {scenario, height,
   * mempool}.
   */
  chain(
    options: WriteOptions & {
      scenario?: "confirm" | "double_spend" | "evicted" | "reorg" | "stuck" | null | undefined;
      blocks?: number | undefined;
      deposit?: DepositBody | null | undefined;
    } = {},
  ): Promise<Chain> {
    return this.#send("sandbox.chain", {}, options);
  }

  /**
   * Play a customer who buys: the order is opened for userId and nftCollectionId if it is not there, and its
   * payment told. outcome is paid, paidTwice or never.
   */
  pay(
    externalId: string,
    options: WriteOptions & {
      userId?: number | undefined;
      nftCollectionId?: number | undefined;
      outcome?: "never" | "paid" | "paid_twice" | null | undefined;
    } = {},
  ): Promise<Order> {
    return this.#send("sandbox.pay", { externalId }, options);
  }

  /** Play a payment that is told late: the clock goes lateSeconds past the order's end, and then it is told. */
  lateNotice(
    externalId: string,
    options: WriteOptions & {
      userId?: number | undefined;
      nftCollectionId?: number | undefined;
      lateSeconds?: number | undefined;
    } = {},
  ): Promise<Order> {
    return this.#send("sandbox.lateNotice", { externalId }, options);
  }

  /** Play a customer whose bank takes the payment back: the order is refunded, and its miner ends. */
  chargeBack(
    externalId: string,
    options: WriteOptions & { reason?: string | undefined } = {},
  ): Promise<Refund> {
    return this.#send("sandbox.chargeBack", { externalId }, options);
  }

  /** Play your own payment of amount (USD) to the operator: {owed, reserved, creditLimit}. */
  payOperator(
    amount: AmountLike,
    reference: string,
    options: WriteOptions = {},
  ): Promise<Owed> {
    return this.#send("sandbox.payOperator", { amount, reference }, options);
  }

  /** Have an event of a type told as an example, in the feed and to webhooks; its eventId begins with test_. */
  trigger(
    type: string,
    options: WriteOptions & { objectId?: string | undefined } = {},
  ): Promise<Triggered> {
    return this.#send("sandbox.trigger", { type }, options);
  }
}

/** The nouns. */
export class ServerNouns {
  readonly users: ServerUsers;
  readonly sessions: ServerSessions;
  readonly readTokens: ServerReadTokens;
  readonly ton: ServerTon;
  readonly miners: ServerMiners;
  readonly collections: ServerCollections;
  readonly payments: ServerPayments;
  readonly upgrades: ServerUpgrades;
  readonly statement: ServerStatement;
  readonly exports: ServerExports;
  readonly exchange: ServerExchange;
  readonly income: ServerIncome;
  readonly balances: ServerBalances;
  readonly wallets: ServerWallets;
  readonly withdrawals: ServerWithdrawals;
  readonly webhooks: ServerWebhooks;
  readonly deposits: ServerDeposits;
  readonly events: ServerEvents;
  readonly proofs: ServerProofs;
  readonly keys: ServerKeys;
  readonly sandbox: ServerSandbox;

  constructor(send: Send) {
    this.users = new ServerUsers(send);
    this.sessions = new ServerSessions(send);
    this.readTokens = new ServerReadTokens(send);
    this.ton = new ServerTon(send);
    this.miners = new ServerMiners(send);
    this.collections = new ServerCollections(send);
    this.payments = new ServerPayments(send);
    this.upgrades = new ServerUpgrades(send);
    this.statement = new ServerStatement(send);
    this.exports = new ServerExports(send);
    this.exchange = new ServerExchange(send);
    this.income = new ServerIncome(send);
    this.balances = new ServerBalances(send);
    this.wallets = new ServerWallets(send);
    this.withdrawals = new ServerWithdrawals(send);
    this.webhooks = new ServerWebhooks(send);
    this.deposits = new ServerDeposits(send);
    this.events = new ServerEvents(send);
    this.proofs = new ServerProofs(send);
    this.keys = new ServerKeys(send);
    this.sandbox = new ServerSandbox(send);
  }
}
