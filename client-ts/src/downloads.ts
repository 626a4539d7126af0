import type { Caller, Credentials } from "./calling.ts";
import { DownloadDiffersError, HashrailApiError } from "./errors.ts";
import type { Export } from "./generated/answers.ts";
import type { Operation } from "./operation.ts";
import { hex } from "./signing.ts";

const PART_BYTES = 8 * 1024 * 1024;
const PARTIAL_CONTENT = 206;
const CONTENT: Operation = { id: "s2s_export_content", method: "GET", path: "/s2s/export/content", signed: true };

/** Fetch the file of an export, part by part. */
export async function download(
  caller: Caller,
  credentials: Credentials,
  told: Export,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const { bytes, sha256 } = told;
  if (typeof bytes !== "number" || typeof sha256 !== "string") throw new TypeError(`the export is ${told.state}`);
  const whole = new Uint8Array(bytes);
  for (let have = 0; have < bytes; ) {
    const last = Math.min(have + PART_BYTES, bytes) - 1;
    const headers = { Range: `bytes=${have}-${last}`, "If-Range": `"${sha256}"` };
    const url = caller.url(CONTENT);
    const request = { url, method: "GET", query: `id=${told.id}`, headers, body: null } as const;
    const { response, content } = await caller.exchange(request, CONTENT, credentials, { signal, key: null });
    if (response.status !== PARTIAL_CONTENT || content.length !== last + 1 - have) throw notThePart(response);
    whole.set(content, have);
    have += content.length;
  }
  const digest = hex(await crypto.subtle.digest("SHA-256", whole));
  if (digest !== sha256) throw new DownloadDiffersError(`export ${told.id} came with the checksum ${digest}`);
  return whole;
}

function notThePart(response: Response): HashrailApiError {
  return new HashrailApiError({
    status: response.status,
    code: "NOT_THE_API",
    message: "the answer is not the part that was asked for",
    requestId: response.headers.get("X-Request-Id"),
    details: {},
    idempotencyKey: null,
    retryAfterSeconds: null,
  });
}
