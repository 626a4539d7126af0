// The client of a partner's server: `client.noun.verb(...)`.

import { Caller, type ClientOptions, type Credentials, sendBy } from "./calling.ts";
import { download } from "./downloads.ts";
import { FollowedEvents } from "./following.ts";
import { OPERATIONS } from "./generated/operations.ts";
import { ServerNouns } from "./generated/verbs.ts";
import { ServerCredentials } from "./server_credentials.ts";
import { UserHashrail } from "./user.ts";
import type { TokenPair } from "./user_credentials.ts";

export interface HashrailOptions extends ClientOptions {
  /** How long a signature counts, milliseconds; the operation's own window where not said. */
  readonly recvWindowMs?: number;
}

/**
 * The partner API for a partner's server. `baseUrl` is the deployment's address, with a path where a proxy put it under
 * one. Never use it in a browser: the secret would be public. `UserHashrail` is for browsers.
 */
export class Hashrail extends ServerNouns {
  override readonly events: FollowedEvents;
  readonly #baseUrl: string;
  readonly #options: ClientOptions;
  readonly #caller: Caller;
  readonly #credentials: Credentials;

  constructor(baseUrl: string, apiKey: string, apiSecret: string, options: HashrailOptions = {}) {
    const caller = new Caller(baseUrl, OPERATIONS, options);
    const credentials = new ServerCredentials(apiKey, apiSecret, options.recvWindowMs, options.clock ?? Date.now);
    const send = sendBy(caller, credentials);
    super(send);
    this.events = new FollowedEvents(send, options.pause);
    this.#baseUrl = baseUrl;
    this.#options = options;
    this.#caller = caller;
    this.#credentials = credentials;
  }

  /** The client of the user who got these tokens; `onTokens` is told of every new pair. */
  asUser(tokens: TokenPair, onTokens: (tokens: TokenPair | null) => void = () => undefined): UserHashrail {
    return new UserHashrail(this.#baseUrl, { ...this.#options, tokens, onTokens });
  }

  /** Be shown all that is committed from now on, by whomever: where another process has told of its write. */
  forgetPosition(): void {
    this.#caller.forgetPosition();
  }

  /**
   * The file of an export that is done, fetched in parts, each again where it is cut off, and held against the export's
   * checksum. It stays in memory. Throws a DownloadDiffersError, or a HashrailError.
   */
  async download(exportId: number, options: { readonly signal?: AbortSignal } = {}): Promise<Uint8Array> {
    const told = await this.exports.get(exportId, options);
    return download(this.#caller, this.#credentials, told, options.signal);
  }
}
