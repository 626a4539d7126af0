export { compare, sum } from "./amounts.ts";
export type { CallOptions, ClientOptions, WriteOptions } from "./calling.ts";
export { Hashrail, type HashrailOptions } from "./client.ts";
export {
  DownloadDiffersError,
  HashrailApiError,
  HashrailError,
  HashrailNetworkError,
  HashrailWebhookError,
  type WebhookFault,
} from "./errors.ts";
export type { FollowOptions } from "./following.ts";
export type * from "./generated/answers.ts";
export type { ErrorCode, OperationId } from "./generated/operations.ts";
export { type Amount, type AmountLike, type Json, readExactly } from "./json.ts";
export type { Page } from "./pages.ts";
export { hexDigest, signBodyText, signHeaders, signQueryText, type SignedRequest } from "./signing.ts";
export { UserHashrail, type UserHashrailOptions } from "./user.ts";
export type { TokenPair } from "./user_credentials.ts";
export { type ReceivedWebhook, type VerifyOptions, verifyWebhook, type WebhookHeaders } from "./webhooks.ts";
