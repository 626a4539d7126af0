// A call: printed once, proved, sent, and sent again where that is safe.

import { HashrailApiError, HashrailError, HashrailNetworkError } from "./errors.ts";
import type { OperationId } from "./generated/operations.ts";
import { type Json, printed, queryText, readExactly } from "./json.ts";
import type { Operation } from "./operation.ts";
import { POSITION, Seen } from "./positions.ts";

export const PREFIX = "/api/partner";
const PASSING: ReadonlySet<number> = new Set([429, 502, 503, 504]);
const REFUSED_BEFORE: ReadonlySet<string> = new Set(["RATE_LIMITED", "BUSY"]);
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 60_000;

/** What any call takes beside its arguments. */
export interface CallOptions {
  /** Gives the call up; the reason is what is thrown. */
  readonly signal?: AbortSignal | undefined;
}

/** What a write takes beside its arguments. */
export interface WriteOptions extends CallOptions {
  /** Your own name for this write: repeated with the same one, it happens once. One is made where you give none. */
  readonly idempotencyKey?: string | undefined;
}

export type Fields = { readonly [name: string]: unknown };

/** What a verb does with its name, its required arguments and its options. */
export type Send = <Answer>(name: string, required: Fields, options: WriteOptions) => Promise<Answer>;

/** What both clients take. Times are milliseconds. */
export interface ClientOptions {
  /** How long to wait for an answer; 30 s where not said. A call that waits for events waits on top of it. */
  readonly timeoutMs?: number;
  /** How often a call is repeated after a lost connection, a 429, 502, 503 or 504; 3 where not said. */
  readonly retries?: number;
  /** What stands before every path, "/api/partner" where not said. */
  readonly prefix?: string;
  /** Operations that the deployment has elsewhere, by their names in its document: { s2s_miners: "/v1/miners" }. */
  readonly paths?: { readonly [Id in OperationId]?: string };
  /** Instead of the global fetch: behind a proxy, or in tests. */
  readonly fetch?: typeof fetch;
  /** Instead of this machine's clock, milliseconds since 1970 UTC. */
  readonly clock?: () => number;
  /** Instead of a timer: what waits between two attempts. */
  readonly pause?: (milliseconds: number, signal?: AbortSignal) => Promise<void>;
}

/** A request before and after it is proved. */
export interface Prepared {
  readonly url: string;
  readonly method: "GET" | "POST";
  readonly query: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

/** How a client shows who calls. */
export interface Credentials {
  /** The request with what proves who calls. */
  prove(request: Prepared, operation: Operation): Promise<Prepared>;
  /** Whether the cause of a refusal of what was sent is gone now, so that the request may be sent once more. */
  mend(refusal: HashrailApiError, sent: Prepared): Promise<boolean>;
}

export class Caller {
  readonly #baseUrl: string;
  readonly #operations: { readonly [name: string]: Operation };
  readonly #options: ClientOptions;
  readonly #seen = new Seen();

  constructor(baseUrl: string, operations: { readonly [name: string]: Operation }, options: ClientOptions) {
    this.#baseUrl = baseUrl.replace(/\/+$/, "");
    this.#operations = operations;
    this.#options = options;
  }

  /** The whole answer's data, exact. Throws a HashrailError, or a TypeError where an argument is none. */
  async call(name: string, required: Fields, options: WriteOptions, credentials: Credentials): Promise<Json> {
    const { signal, idempotencyKey, ...optional } = options;
    const operation = this.#operation(name);
    const fields: Fields = { ...operation.fixed, ...required, ...optional };
    const key = operation.keyed ? (idempotencyKey ?? crypto.randomUUID()) : null;
    const request = this.#prepared(operation, fields, key);
    const { waitSeconds } = fields;
    const waited = typeof waitSeconds === "number" ? waitSeconds * 1000 : 0;
    const response = await this.exchange(request, operation, credentials, { signal, key, waited });
    return answerOf(response, operation);
  }

  /** Send a request until it is answered; the answer is a success. Throws a HashrailError. */
  async exchange(
    request: Prepared,
    operation: Operation,
    credentials: Credentials,
    about: { signal?: AbortSignal | undefined; key: string | null; waited?: number },
  ): Promise<Answered> {
    const pause = this.#options.pause ?? sleep;
    let mended = false;
    for (let attempt = 0; ; attempt += 1) {
      const sent = await credentials.prove(request, operation);
      try {
        return await this.#once(sent, about);
      } catch (error) {
        if (sent.method === "POST") this.#seen.lost();
        if (!(error instanceof HashrailError)) throw error;
        if (!mended && error instanceof HashrailApiError && (await credentials.mend(error, sent))) {
          mended = true;
          attempt -= 1;
          continue;
        }
        const wait = attempt < (this.#options.retries ?? 3) ? pauseBefore(error, operation, attempt) : null;
        if (wait === null) throw error;
        await pause(wait, about.signal);
      }
    }
  }

  /** Be shown all that is committed from now on. */
  forgetPosition(): void {
    this.#seen.lost();
  }

  /** The URL of an operation. */
  url(operation: Operation): string {
    const { paths, prefix = PREFIX } = this.#options;
    const path = operation.path.startsWith("/api/") ? operation.path : `${prefix}${operation.path}`;
    return `${this.#baseUrl}${paths?.[operation.id] ?? path}`;
  }

  #operation(name: string): Operation {
    const found = this.#operations[name];
    if (found === undefined) throw new TypeError(`there is no operation ${name}`);
    return found;
  }

  #prepared(operation: Operation, fields: Fields, key: string | null): Prepared {
    const given = Object.entries(fields).filter(([, value]) => value !== undefined);
    const url = this.url(operation);
    if (operation.method === "GET") {
      const pairs = given.map(([field, value]) => `${field}=${encodeURIComponent(queryText(value, field))}`);
      return { url, method: "GET", query: pairs.join("&"), headers: {}, body: null };
    }
    const headers = { "Content-Type": "application/json", ...(key === null ? {} : { "Idempotency-Key": key }) };
    return { url, method: "POST", query: "", headers, body: printed(Object.fromEntries(given), "") };
  }

  async #once(
    request: Prepared,
    about: { signal?: AbortSignal | undefined; key: string | null; waited?: number },
  ): Promise<Answered> {
    const timeout = AbortSignal.timeout((this.#options.timeoutMs ?? 30_000) + (about.waited ?? 0));
    const signal = about.signal === undefined ? timeout : AbortSignal.any([timeout, about.signal]);
    const url = request.query === "" ? request.url : `${request.url}?${request.query}`;
    const { method, body } = request;
    const { headers: seen, losses } = this.#seen.sent();
    const headers = { ...request.headers, ...seen };
    let response: Response, content: Uint8Array<ArrayBuffer>;
    try {
      response = await (this.#options.fetch ?? fetch)(url, { method, headers, body, signal, redirect: "manual" });
      content = new Uint8Array(await response.arrayBuffer());
    } catch (error) {
      about.signal?.throwIfAborted();
      throw new HashrailNetworkError(error, about.key);
    }
    if (!response.ok) throw refusalOf(response, content, about.key);
    this.#seen.told(response, losses, method === "POST" || POSITION in seen);
    return { response, content, key: about.key };
  }
}

/** A success of the API, or of what stands before it. */
export interface Answered {
  readonly response: Response;
  readonly content: Uint8Array<ArrayBuffer>;
  readonly key: string | null;
}

function answerOf(answered: Answered, operation: Operation): Json {
  const { response, content, key } = answered;
  const document = documentOf(content);
  if (!("data" in document)) throw notTheApi(response, key);
  if (operation.header !== undefined) return numberIn(response.headers.get(operation.header));
  return operation.whole ? document : (document["data"] ?? null);
}

function numberIn(header: string | null): number | null {
  return header === null ? null : Number(header);
}

function refusalOf(response: Response, content: Uint8Array, key: string | null): HashrailApiError {
  const { error, message, requestId, details } = documentOf(content);
  if (typeof error !== "string") return notTheApi(response, key);
  const known = typeof details === "object" && details !== null && !Array.isArray(details);
  return new HashrailApiError({
    ...facts(response, key),
    code: error,
    message: typeof message === "string" ? message : "",
    requestId: typeof requestId === "string" ? requestId : response.headers.get("X-Request-Id"),
    details: known ? details : {},
  });
}

function notTheApi(response: Response, key: string | null): HashrailApiError {
  const message = `the answer is not the API's (${response.headers.get("Content-Type") ?? "no content type"})`;
  const requestId = response.headers.get("X-Request-Id");
  return new HashrailApiError({ ...facts(response, key), code: "NOT_THE_API", message, requestId, details: {} });
}

function facts(response: Response, key: string | null) {
  const told = response.headers.get("Retry-After") ?? "";
  const retryAfterSeconds = /^\d+$/.test(told) ? Number(told) : null;
  return { status: response.status, idempotencyKey: key, retryAfterSeconds };
}

/** The JSON object of an answer; empty when the answer is something else. */
function documentOf(content: Uint8Array): { [name: string]: Json } {
  try {
    const document = readExactly(new TextDecoder("utf-8", { fatal: true }).decode(content));
    return typeof document === "object" && document !== null && !Array.isArray(document) ? document : {};
  } catch {
    return {};
  }
}

/** How long to wait before the call is repeated; null where it is not. */
function pauseBefore(error: HashrailError, operation: Operation, attempt: number): number | null {
  if (!passes(error)) return null;
  if (operation.once && !(error instanceof HashrailApiError && REFUSED_BEFORE.has(error.code))) return null;
  const told = error instanceof HashrailApiError ? error.retryAfterSeconds : null;
  const wait = told === null ? FIRST_PAUSE_MS * 2 ** attempt * (0.5 + Math.random() / 2) : told * 1000;
  return wait > LONGEST_PAUSE_MS ? null : wait;
}

/** Whether the same call may be answered a little later. */
export function passes(error: unknown): boolean {
  return error instanceof HashrailNetworkError || (error instanceof HashrailApiError && PASSING.has(error.status));
}

/** Wait so many milliseconds. Throws the signal's reason once it is given up. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const giveUp = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", giveUp);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", giveUp, { once: true });
  });
}

/** What the verbs of a client send by. The API answers what its document says, from which their types are written. */
export function sendBy(caller: Caller, credentials: Credentials): Send {
  return async <Answer>(...[name, required, options]: Parameters<Send>) =>
    (await caller.call(name, required, options, credentials)) as Answer;
}
