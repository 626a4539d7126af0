// The client of a user: for browsers and apps, without a secret.

import { Caller, type ClientOptions, type Send, sendBy } from "./calling.ts";
import { USER_OPERATIONS } from "./generated/operations.ts";
import { UserNouns } from "./generated/user_verbs.ts";
import { type TokenPair, UserCredentials } from "./user_credentials.ts";

export interface UserHashrailOptions extends ClientOptions {
  /** The partner's publishable key: for the catalogue and figures, before somebody is logged in. */
  readonly publishableKey?: string;
  /** What a login of your server answered, or what `onTokens` gave you the last time. */
  readonly tokens?: TokenPair;
  /** Keep these for the next visit; null once the user has logged out. */
  readonly onTokens?: (tokens: TokenPair | null) => void;
}

/**
 * The partner API for one user. Tokens are renewed where they have lived their time, and `onTokens` is told. The user
 * comes from your server (`client.users.login` there) or from their TON wallet (`ton.checkProof` here).
 */
export class UserHashrail extends UserNouns {
  readonly #credentials: UserCredentials;

  constructor(baseUrl: string, options: UserHashrailOptions = {}) {
    const caller = new Caller(baseUrl, USER_OPERATIONS, options);
    const credentials = new UserCredentials(options.publishableKey, options.tokens ?? null, caller, options.onTokens);
    const plain = sendBy(caller, credentials);
    const send: Send = async <Answer>(...call: Parameters<Send>) => {
      const answer = await plain<Answer>(...call);
      if (call[0] === "ton.checkProof") credentials.keep(answer as TokenPair);
      return answer;
    };
    super(send);
    this.#credentials = credentials;
  }

  /** The present tokens, null where nobody is logged in. */
  get tokens(): TokenPair | null {
    return this.#credentials.tokens;
  }

  /** Change the refresh token for a new pair now. Throws a HashrailApiError: then the user has to log in again. */
  refresh(): Promise<TokenPair> {
    return this.#credentials.refresh();
  }

  /** End the user's session and forget the tokens; again changes nothing. */
  async logOut(): Promise<void> {
    const tokens = this.#credentials.tokens;
    if (tokens === null) return;
    await this.sessions.logOut(tokens.refreshToken);
    this.#credentials.keep(null);
  }
}
