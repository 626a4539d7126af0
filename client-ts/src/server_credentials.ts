// How a partner's server shows who it is: an API key, and a signature by a secret that is never sent.

import type { Credentials, Prepared } from "./calling.ts";
import type { HashrailApiError } from "./errors.ts";
import type { Operation } from "./operation.ts";
import { appendMember, appendPair, signBodyText, signQueryText } from "./signing.ts";

const CLOCK_FAULTS: ReadonlySet<string> = new Set(["TIMESTAMP_AHEAD", "TIMESTAMP_EXPIRED"]);

export class ServerCredentials implements Credentials {
  readonly #key: string;
  readonly #secret: string;
  readonly #recvWindowMs: number | undefined;
  readonly #clock: () => number;
  /** How far the server's clock is ahead of this machine's, milliseconds, as far as it is known. */
  skewMs = 0;

  constructor(key: string, secret: string, recvWindowMs: number | undefined, clock: () => number) {
    this.#key = key;
    this.#secret = secret;
    this.#recvWindowMs = recvWindowMs;
    this.#clock = clock;
  }

  async prove(request: Prepared, operation: Operation): Promise<Prepared> {
    const headers = { ...request.headers, "X-PARTNER-API-KEY": this.#key };
    if (!operation.signed) return { ...request, headers };
    const added: [string, string][] = [["timestamp", String(this.#clock() + this.skewMs)]];
    if (this.#recvWindowMs !== undefined) added.push(["recvWindow", String(this.#recvWindowMs)]);
    if (request.body === null) {
      const query = added.reduce((text, [name, value]) => appendPair(text, name, value), request.query);
      return { ...request, headers, query: await signQueryText(this.#secret, query) };
    }
    const body = added.reduce((text, [name, value]) => appendMember(text, name, value), request.body);
    return { ...request, headers, body: await signBodyText(this.#secret, body) };
  }

  /** The server refuses a wrong clock before it does anything, and tells its own. */
  mend(refusal: HashrailApiError): Promise<boolean> {
    const { serverTime } = refusal.details;
    if (!CLOCK_FAULTS.has(refusal.code) || typeof serverTime !== "number") return Promise.resolve(false);
    this.skewMs = serverTime - this.#clock();
    return Promise.resolve(true);
  }
}
