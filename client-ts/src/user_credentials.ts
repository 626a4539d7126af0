// How a user's own client shows who it is: the user's token, and perhaps the partner's publishable key.

import type { Caller, Credentials, Prepared } from "./calling.ts";
import type { HashrailApiError } from "./errors.ts";

/** What a login answers. The access token lives 15 minutes; the refresh token is changed for a new pair, once. */
export interface TokenPair {
  readonly jwtToken: string;
  readonly refreshToken: string;
}

/** Nobody: what a refresh and the steps of a login are sent with. */
const NOBODY: Credentials = {
  prove: (request: Prepared) => Promise.resolve(request),
  mend: () => Promise.resolve(false),
};

export class UserCredentials implements Credentials {
  readonly #key: string | undefined;
  readonly #caller: Caller;
  readonly #kept: ((tokens: TokenPair | null) => void) | undefined;
  #tokens: TokenPair | null;
  #refreshing: Promise<TokenPair> | null = null;

  constructor(
    key: string | undefined,
    tokens: TokenPair | null,
    caller: Caller,
    kept: ((tokens: TokenPair | null) => void) | undefined,
  ) {
    this.#key = key;
    this.#tokens = tokens;
    this.#caller = caller;
    this.#kept = kept;
  }

  get tokens(): TokenPair | null {
    return this.#tokens;
  }

  /** Go on with other tokens, or with none. */
  keep(tokens: TokenPair | null): void {
    this.#tokens = tokens;
    this.#kept?.(tokens);
  }

  prove(request: Prepared): Promise<Prepared> {
    const key = this.#key === undefined ? {} : { "X-PARTNER-API-KEY": this.#key };
    const bearer = this.#tokens === null ? {} : { Authorization: `Bearer ${this.#tokens.jwtToken}` };
    return Promise.resolve({ ...request, headers: { ...request.headers, ...key, ...bearer } });
  }

  /** A token that has lived its time is renewed; calls that were sent with it share one renewal. */
  async mend(refusal: HashrailApiError, sent: Prepared): Promise<boolean> {
    if (!refusal.is("TOKEN_EXPIRED") || this.#tokens === null) return false;
    if (sent.headers["Authorization"] === `Bearer ${this.#tokens.jwtToken}`) await this.refresh();
    return true;
  }

  /** Change the refresh token for a new pair. Throws a HashrailApiError: then the user has to log in again. */
  refresh(): Promise<TokenPair> {
    this.#refreshing ??= this.#renew().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #renew(): Promise<TokenPair> {
    if (this.#tokens === null) throw new TypeError("nobody is logged in");
    const { refreshToken } = this.#tokens;
    const answer = await this.#caller.call("ton.refresh", { refreshToken }, {}, NOBODY);
    const tokens = answer as unknown as TokenPair;
    this.keep({ jwtToken: tokens.jwtToken, refreshToken: tokens.refreshToken });
    return tokens;
  }
}
