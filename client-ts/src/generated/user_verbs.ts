// Written by `make reference`; edit what it is written from, not this file: tools/sdk_typescript.py.

// What a user's own client calls.

import type { CallOptions, Send, WriteOptions } from "../calling.ts";
import { iterate } from "../pages.ts";
import type { Page } from "../pages.ts";
import type {
  Balance,
  BalanceProof,
  Collection,
  DayOfRecords,
  DepositAddress,
  ExchangeRate,
  IncomePerTh,
  IncomeRecord,
  IncomeTotal,
  Miner,
  MinerTotal,
  NewReadToken,
  Payload,
  ReadToken,
  Tokens,
  TonWallet,
  Wallet,
} from "./answers.ts";

/** What users own. */
export class UserMiners {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** The user's miners: {array, nextCursor}; power in TH, energyEfficiency in W/TH. */
  list(
    options: CallOptions & {
      limit?: number | undefined;
      offset?: number | undefined;
      cursor?: string | undefined;
    } = {},
  ): Promise<Page<Miner>> {
    return this.#send("miners.list", {}, options);
  }

  /** Each row of `list`, page after page of `limit`, asked for as you go. */
  iterate(
    options: CallOptions & { limit?: number | undefined } = {},
  ): AsyncGenerator<Miner, void, undefined> {
    return iterate((cursor) => this.list({ ...options, cursor }));
  }
}

/** What is on sale. */
export class UserCollections {
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

/** What miners earned, by record and by day. */
export class UserIncome {
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

  /** Their income over all time, by miner and in all: {array, totalIncome, onBalanceAmount, ...}; BTC. */
  total(
    options: CallOptions & { cursor?: string | undefined } = {},
  ): Promise<IncomeTotal> {
    return this.#send("income.total", {}, options);
  }

  /** Each row of `total`, page after page of `limit`, asked for as you go. */
  iterateTotal(
    options: CallOptions = {},
  ): AsyncGenerator<MinerTotal, void, undefined> {
    return iterate((cursor) => this.total({ ...options, cursor }));
  }

  /** The user's income, one record a miner and day, newest first: {array, nextCursor}; values in BTC. */
  list(
    options: CallOptions & {
      limit?: number | undefined;
      offset?: number | undefined;
      cursor?: string | undefined;
    } = {},
  ): Promise<Page<IncomeRecord>> {
    return this.#send("income.list", {}, options);
  }

  /** Each row of `list`, page after page of `limit`, asked for as you go. */
  iterate(
    options: CallOptions & { limit?: number | undefined } = {},
  ): AsyncGenerator<IncomeRecord, void, undefined> {
    return iterate((cursor) => this.list({ ...options, cursor }));
  }

  /** The user's income by day, newest first, with the records of each: {array, nextCursor}; values in BTC. */
  days(
    options: CallOptions & {
      limit?: number | undefined;
      offset?: number | undefined;
      cursor?: string | undefined;
    } = {},
  ): Promise<Page<DayOfRecords>> {
    return this.#send("income.days", {}, options);
  }

  /** Each row of `days`, page after page of `limit`, asked for as you go. */
  iterateDays(
    options: CallOptions & { limit?: number | undefined } = {},
  ): AsyncGenerator<DayOfRecords, void, undefined> {
    return iterate((cursor) => this.days({ ...options, cursor }));
  }
}

/** What users can spend. */
export class UserBalances {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** The user's balances, one row a currency: {array}; BTC and tokens. */
  list(
    options: CallOptions & { limit?: number | undefined; offset?: number | undefined } = {},
  ): Promise<Page<Balance>> {
    return this.#send("balances.list", {}, options);
  }
}

/** Days that the deployment signed, and what it owes. */
export class UserProofs {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** The user's way into what was owed after a day, or the newest: {amount, nonce, index, path}. See liabilities. */
  balance(
    options: CallOptions & { day?: string | undefined } = {},
  ): Promise<BalanceProof> {
    return this.#send("proofs.balance", {}, options);
  }
}

/** Addresses that users withdraw to. */
export class UserWallets {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** Bind a Bitcoin address to the user; again changes nothing: true. */
  bind(
    address: string,
    options: WriteOptions = {},
  ): Promise<boolean> {
    return this.#send("wallets.bind", { address }, options);
  }

  /** Take a bound address off the user; again changes nothing, and what was asked for before is paid: true. */
  unbind(
    address: string,
    options: WriteOptions = {},
  ): Promise<boolean> {
    return this.#send("wallets.unbind", { address }, options);
  }

  /** The user's bound addresses: {array, nextCursor}. */
  list(
    options: CallOptions & {
      limit?: number | undefined;
      offset?: number | undefined;
      cursor?: string | undefined;
    } = {},
  ): Promise<Page<Wallet>> {
    return this.#send("wallets.list", {}, options);
  }

  /** Each row of `list`, page after page of `limit`, asked for as you go. */
  iterate(
    options: CallOptions & { limit?: number | undefined } = {},
  ): AsyncGenerator<Wallet, void, undefined> {
    return iterate((cursor) => this.list({ ...options, cursor }));
  }
}

/** Prices of the last closed day. */
export class UserExchange {
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

/** Bitcoin that users sent to top up. */
export class UserDeposits {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** The address at which the user tops up with bitcoin, the same for ever: {address, simulated}. */
  address(
    options: CallOptions = {},
  ): Promise<DepositAddress> {
    return this.#send("deposits.address", {}, options);
  }
}

/** What users gave to dashboards to read with. */
export class UserReadTokens {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** Make a token that only reads, for a dashboard and some days: {id, name, token, expiresAt}; shown this once. */
  create(
    name: string,
    days: number,
    options: WriteOptions = {},
  ): Promise<NewReadToken> {
    return this.#send("readTokens.create", { name, days }, options);
  }

  /** The user's read tokens that live, the newest first: {array}; id, name, createdAt, expiresAt, lastUsedOn. */
  list(
    options: CallOptions = {},
  ): Promise<Page<ReadToken>> {
    return this.#send("readTokens.list", {}, options);
  }

  /** Revoke one of the user's read tokens: true. It is refused from then on; again changes nothing. */
  revoke(
    id: string,
    options: WriteOptions = {},
  ): Promise<boolean> {
    return this.#send("readTokens.revoke", { id }, options);
  }
}

/** Where users are logged in. */
export class UserSessions {
  readonly #send: Send;

  constructor(send: Send) {
    this.#send = send;
  }

  /** End the session of a refresh token; again changes nothing: true. The call needs no key. */
  logOut(
    refreshToken: string,
    options: CallOptions = {},
  ): Promise<boolean> {
    return this.#send("sessions.logOut", { refreshToken }, options);
  }
}

/** Logins with a TON wallet. */
export class UserTon {
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

/** The nouns. */
export class UserNouns {
  readonly miners: UserMiners;
  readonly collections: UserCollections;
  readonly income: UserIncome;
  readonly balances: UserBalances;
  readonly proofs: UserProofs;
  readonly wallets: UserWallets;
  readonly exchange: UserExchange;
  readonly deposits: UserDeposits;
  readonly readTokens: UserReadTokens;
  readonly sessions: UserSessions;
  readonly ton: UserTon;

  constructor(send: Send) {
    this.miners = new UserMiners(send);
    this.collections = new UserCollections(send);
    this.income = new UserIncome(send);
    this.balances = new UserBalances(send);
    this.proofs = new UserProofs(send);
    this.wallets = new UserWallets(send);
    this.exchange = new UserExchange(send);
    this.deposits = new UserDeposits(send);
    this.readTokens = new UserReadTokens(send);
    this.sessions = new UserSessions(send);
    this.ton = new UserTon(send);
  }
}
