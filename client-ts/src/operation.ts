import type { OperationId } from "./generated/operations.ts";

/** One operation of the API: `path` follows the prefix of the deployment, unless it begins with /api. */
export interface Operation {
  /** Its name in the API's document. */
  readonly id: OperationId;
  readonly method: "GET" | "POST";
  readonly path: string;
  /** Whether a partner's server signs it. */
  readonly signed: boolean;
  /** Whether it takes an Idempotency-Key: sent twice with the same one, it happens once. */
  readonly keyed?: true;
  /** What is sent whatever the arguments are. */
  readonly fixed?: { readonly [name: string]: unknown };
  /** Whether the answer is the whole document, and not only its `data`. */
  readonly whole?: true;
  /** The header whose number is the answer; null where something on the way has cut it off. */
  readonly header?: string;
  /** Whether it may not be sent again when its answer was lost. */
  readonly once?: true;
}
