// Signatures: HMAC-SHA256, in hexadecimal, over exactly what is sent. Fields stay in the order sent, never sorted.

const SIGNATURE = "signature";
const ENCODER = new TextEncoder();

/** Bytes in lower-case hexadecimal. */
export function hex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** HMAC-SHA256 of a text under a key. */
export async function hmac(key: Uint8Array<ArrayBuffer>, text: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return crypto.subtle.sign("HMAC", imported, text);
}

/** The signature of a text under an API secret, both as UTF-8. */
export async function hexDigest(secret: string, text: string): Promise<string> {
  return hex(await hmac(ENCODER.encode(secret), ENCODER.encode(text)));
}

/** A query string (without its question mark) with its signature as last pair. Throws a TypeError if it has one. */
export async function signQueryText(secret: string, query: string): Promise<string> {
  if (new URLSearchParams(query).has(SIGNATURE)) throw new TypeError("the query is signed already");
  return appendPair(query, SIGNATURE, await hexDigest(secret, query));
}

/** The text of a JSON object with its signature as last member. Throws a TypeError if it has one. */
export async function signBodyText(secret: string, body: string): Promise<string> {
  const members: unknown = JSON.parse(body);
  if (typeof members !== "object" || members === null || Array.isArray(members)) {
    throw new TypeError("the body is no JSON object");
  }
  if (Object.hasOwn(members, SIGNATURE)) throw new TypeError("the body is signed already");
  return appendMember(body, SIGNATURE, JSON.stringify(await hexDigest(secret, body)));
}

/** A query with one more pair at its end; name and value stand as they are. */
export function appendPair(query: string, name: string, value: string): string {
  return query === "" ? `${name}=${value}` : `${query}&${name}=${value}`;
}

/** The text of a JSON object with one more member right after its last; `value` is JSON text. */
export function appendMember(body: string, name: string, value: string): string {
  const kept = body.trimEnd().slice(0, -1).trimEnd();
  return `${kept}${kept.endsWith("{") ? "" : ","}${JSON.stringify(name)}:${value}${body.slice(kept.length)}`;
}

/** What a signature in headers covers beside its time: path and query as sent, percent-encoding included. */
export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly body: string;
}

/** The headers that carry a signature, for requests whose query and body are to stay as they are. */
export async function signHeaders(
  secret: string,
  timestampMs: number,
  request: SignedRequest,
  recvWindowMs?: number,
): Promise<Record<string, string>> {
  const moment = recvWindowMs === undefined ? String(timestampMs) : `${timestampMs} ${recvWindowMs}`;
  const hash = hex(await crypto.subtle.digest("SHA-256", ENCODER.encode(request.body)));
  const text = [moment, request.method.toUpperCase(), request.path, request.query, hash].join("\n");
  const window = recvWindowMs === undefined ? {} : { "X-PARTNER-RECV-WINDOW": String(recvWindowMs) };
  return {
    "X-PARTNER-SIGNATURE": await hexDigest(secret, text),
    "X-PARTNER-TIMESTAMP": String(timestampMs),
    ...window,
  };
}
