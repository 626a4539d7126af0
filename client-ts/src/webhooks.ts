// Webhooks, by the Standard Webhooks specification: whether what arrived is from the deployment, and whole.

import { HashrailWebhookError } from "./errors.ts";
import type { HashrailEvent } from "./generated/answers.ts";
import { compact, readExactly } from "./json.ts";
import { hmac } from "./signing.ts";

const PREFIX = "whsec_";
const TOLERANCE_SECONDS = 300;
const ENCODER = new TextEncoder();

/** What a webhook says: `data` is the event as the feed tells it. */
export interface ReceivedWebhook {
  readonly type: HashrailEvent["type"];
  readonly timestamp: string;
  readonly data: HashrailEvent;
}

/** Headers as fetch has them, or as Node's http server does. */
export type WebhookHeaders = Headers | { readonly [name: string]: string | readonly string[] | undefined };

export interface VerifyOptions {
  /** How old, or ahead, its time may be; 300 where not said. */
  readonly toleranceSeconds?: number;
  /** Instead of this machine's clock, milliseconds since 1970 UTC. */
  readonly nowMs?: number;
}

/**
 * What arrived, verified and read with exact amounts. `body` is what came, byte for byte; `secrets` are those of the
 * endpoint, several while one is being changed. Throws a HashrailWebhookError: BODY_RESERIALISED says that the body was
 * read and written again on its way here, and so is not what was signed.
 */
export async function verifyWebhook(
  body: Uint8Array | string,
  headers: WebhookHeaders,
  secrets: string | readonly string[],
  options: VerifyOptions = {},
): Promise<ReceivedWebhook> {
  if (typeof body !== "string" && !(body instanceof Uint8Array)) {
    throw new HashrailWebhookError("BODY_RESERIALISED", "the body was parsed: pass its bytes, as they came");
  }
  const id = header(headers, "webhook-id");
  const timestamp = header(headers, "webhook-timestamp");
  const signatures = header(headers, "webhook-signature").split(" ");
  checkTime(timestamp, options);
  const text = typeof body === "string" ? body : new TextDecoder().decode(body);
  const keys = (typeof secrets === "string" ? [secrets] : secrets).map(keyOf);
  const isOurs = (content: string) => anyFits(keys, `${id}.${timestamp}.${content}`, signatures);
  if (!(await isOurs(text))) throw await differs(text, isOurs);
  return readExactly(text) as unknown as ReceivedWebhook;
}

async function differs(text: string, isOurs: (content: string) => Promise<boolean>): Promise<HashrailWebhookError> {
  const message = "none of the signatures is that of the body by one of the secrets";
  try {
    if (!(await isOurs(compact(text)))) return new HashrailWebhookError("SIGNATURE_MISMATCH", message);
  } catch {
    return new HashrailWebhookError("BODY_NOT_JSON", "the body is not JSON: it was cut off or changed on its way");
  }
  return new HashrailWebhookError(
    "BODY_RESERIALISED",
    "the body was read and written again on its way here: verify its bytes as they came",
  );
}

function header(headers: WebhookHeaders, name: string): string {
  const found = headers instanceof Headers ? headers.get(name) : ofRecord(headers, name);
  if (typeof found === "string" && found !== "") return found;
  throw new HashrailWebhookError("HEADER_MISSING", `the header ${name} is missing`);
}

function ofRecord(headers: { readonly [name: string]: string | readonly string[] | undefined }, wanted: string) {
  return Object.entries(headers).find(([name]) => name.toLowerCase() === wanted)?.[1];
}

function checkTime(timestamp: string, options: VerifyOptions): void {
  if (!/^\d{1,15}$/.test(timestamp)) {
    throw new HashrailWebhookError("TIMESTAMP_FORMAT", "webhook-timestamp is not in seconds since 1970");
  }
  const age = (options.nowMs ?? Date.now()) / 1000 - Number(timestamp);
  const tolerance = options.toleranceSeconds ?? TOLERANCE_SECONDS;
  if (age > tolerance) throw new HashrailWebhookError("TIMESTAMP_OLD", `it was sent ${Math.round(age)} seconds ago`);
  if (age < -tolerance) {
    throw new HashrailWebhookError("TIMESTAMP_AHEAD", `its time is ${Math.round(-age)} seconds ahead of this clock`);
  }
}

function keyOf(secret: string): Uint8Array<ArrayBuffer> {
  try {
    if (secret === "" || secret === PREFIX) throw new TypeError("it is empty");
    const decoded = atob(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret);
    return Uint8Array.from(decoded, (character) => character.charCodeAt(0));
  } catch {
    throw new HashrailWebhookError("SECRET_FORMAT", "a secret is whsec_ and base64, as webhooks.create answers it");
  }
}

async function anyFits(
  keys: readonly Uint8Array<ArrayBuffer>[],
  text: string,
  signatures: readonly string[],
): Promise<boolean> {
  const computed = await Promise.all(keys.map((key) => hmac(key, ENCODER.encode(text))));
  const known = computed.map((bytes) => `v1,${btoa(String.fromCharCode(...new Uint8Array(bytes)))}`);
  return known.some((one) => signatures.some((other) => sameText(one, other)));
}

/** Whether two texts are the same, in a time that says nothing of where they differ. */
function sameText(one: string, other: string): boolean {
  if (one.length !== other.length) return false;
  let difference = 0;
  for (let at = 0; at < one.length; at += 1) difference |= one.charCodeAt(at) ^ other.charCodeAt(at);
  return difference === 0;
}
