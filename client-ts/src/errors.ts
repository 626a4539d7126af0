import type { ErrorCode } from "./generated/operations.ts";
import type { Json } from "./json.ts";

/** Whatever the SDK throws, except for a TypeError where an argument is none. */
export class HashrailError extends Error {
  override readonly name: string = "HashrailError";
}

export interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly requestId: string | null;
  readonly details: { readonly [name: string]: Json };
  readonly idempotencyKey: string | null;
  readonly retryAfterSeconds: number | null;
}

/**
 * The API did not do what was asked: `code` is the stable word of the error catalogue, `details` what belongs to it.
 * Give `requestId` to the operator when you ask about it, and `idempotencyKey` to the call when you repeat it. An
 * answer that is not the API's own, such as a proxy's page, has the code NOT_THE_API.
 */
export class HashrailApiError extends HashrailError {
  override readonly name = "HashrailApiError";
  readonly status: number;
  readonly code: string;
  readonly requestId: string | null;
  readonly details: { readonly [name: string]: Json };
  readonly idempotencyKey: string | null;
  readonly retryAfterSeconds: number | null;
  /** Whether what was asked for may have been done all the same. */
  readonly mayBeDone: boolean;

  constructor(refusal: Refusal) {
    super(`${refusal.status} ${refusal.code}: ${refusal.message}`);
    this.status = refusal.status;
    this.code = refusal.code;
    this.requestId = refusal.requestId;
    this.details = refusal.details;
    this.idempotencyKey = refusal.idempotencyKey;
    this.retryAfterSeconds = refusal.retryAfterSeconds;
    this.mayBeDone = refusal.code === "UNKNOWN_OUTCOME";
  }

  /** Whether it has that code; the compiler knows them all. */
  is(code: ErrorCode): boolean {
    return this.code === code;
  }
}

/** No answer came: the call may have been done or not. Repeated with the same `idempotencyKey`, it happens once. */
export class HashrailNetworkError extends HashrailError {
  override readonly name = "HashrailNetworkError";
  readonly idempotencyKey: string | null;
  readonly mayBeDone = true;

  constructor(cause: unknown, idempotencyKey: string | null) {
    super(`no answer came: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.idempotencyKey = idempotencyKey;
  }
}

/** What came is not the file whose checksum the export tells. */
export class DownloadDiffersError extends HashrailError {
  override readonly name = "DownloadDiffersError";
}

export type WebhookFault =
  | "HEADER_MISSING"
  | "SECRET_FORMAT"
  | "TIMESTAMP_FORMAT"
  | "TIMESTAMP_OLD"
  | "TIMESTAMP_AHEAD"
  | "SIGNATURE_MISMATCH"
  | "BODY_RESERIALISED"
  | "BODY_NOT_JSON";

/** What arrived is not to be believed; `code` says why. */
export class HashrailWebhookError extends HashrailError {
  override readonly name = "HashrailWebhookError";
  readonly code: WebhookFault;

  constructor(code: WebhookFault, message: string) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}
