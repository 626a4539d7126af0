// Written by `make reference`; edit what it is written from, not this file: tools/sdk_typescript.py.

import type { Operation } from "../operation.ts";

/** What a partner's server calls, by noun and verb. */
export const OPERATIONS = {
  "users.login": { id: "s2s_login", method: "POST", path: "/s2s/auth/login", signed: true, keyed: true },
  "users.refresh": { id: "s2s_refresh", method: "POST", path: "/s2s/auth/refresh", signed: false },
  "sessions.list": { id: "s2s_sessions", method: "GET", path: "/s2s/session/find-by-user", signed: true },
  "sessions.end": {
    id: "s2s_session_end",
    method: "POST",
    path: "/s2s/session/end",
    signed: true,
    keyed: true,
  },
  "readTokens.list": {
    id: "s2s_read_tokens",
    method: "GET",
    path: "/s2s/read-token/find-by-user",
    signed: true,
  },
  "readTokens.revoke": {
    id: "s2s_read_token_revoke",
    method: "POST",
    path: "/s2s/read-token/revoke",
    signed: true,
    keyed: true,
  },
  "sessions.logOut": { id: "c2s_logout", method: "POST", path: "/c2s/auth/logout", signed: false },
  "ton.generatePayload": {
    id: "c2s_generate_payload",
    method: "POST",
    path: "/c2s/auth/generate-payload",
    signed: false,
  },
  "ton.checkProof": {
    id: "c2s_check_proof",
    method: "POST",
    path: "/c2s/auth/check-proof",
    signed: false,
    once: true,
  },
  "ton.refresh": { id: "c2s_refresh", method: "POST", path: "/c2s/auth/refresh", signed: false },
  "users.statistics": {
    id: "s2s_user_statistics",
    method: "GET",
    path: "/s2s/user/get-statistics",
    signed: true,
  },
  "users.list": { id: "s2s_users", method: "GET", path: "/s2s/user/find-all", signed: true },
  "miners.list": { id: "s2s_miners", method: "GET", path: "/s2s/nft/find-by-user", signed: true },
  "miners.transfer": {
    id: "s2s_transfer",
    method: "POST",
    path: "/s2s/nft/transfer",
    signed: true,
    keyed: true,
  },
  "collections.list": {
    id: "s2s_collections",
    method: "GET",
    path: "/s2s/nft-collection/find-all-generative",
    signed: false,
  },
  "payments.create": {
    id: "s2s_payment_create",
    method: "POST",
    path: "/s2s/nft-payment/create",
    signed: true,
    keyed: true,
  },
  "payments.success": {
    id: "s2s_payment_success",
    method: "POST",
    path: "/s2s/nft-payment/success",
    signed: true,
    keyed: true,
  },
  "payments.get": { id: "s2s_payment", method: "GET", path: "/s2s/nft-payment/find-one", signed: true },
  "payments.list": { id: "s2s_payments", method: "GET", path: "/s2s/nft-payment/find-all", signed: true },
  "upgrades.price": {
    id: "s2s_upgrade_price",
    method: "GET",
    path: "/s2s/nft-upgrade/calculate-price",
    signed: true,
  },
  "upgrades.create": {
    id: "s2s_upgrade",
    method: "POST",
    path: "/s2s/nft-upgrade/create",
    signed: true,
    keyed: true,
  },
  "upgrades.list": {
    id: "s2s_post_payments",
    method: "GET",
    path: "/s2s/nft-upgrade/find-all",
    signed: true,
  },
  "statement.lines": {
    id: "s2s_statement",
    method: "GET",
    path: "/s2s/partner/get-statement",
    signed: true,
  },
  "statement.days": { id: "s2s_totals", method: "GET", path: "/s2s/partner/get-totals", signed: true },
  "exports.create": {
    id: "s2s_export_create",
    method: "POST",
    path: "/s2s/export/create",
    signed: true,
    keyed: true,
  },
  "exports.get": { id: "s2s_export", method: "GET", path: "/s2s/export/find-one", signed: true },
  "exports.list": { id: "s2s_exports", method: "GET", path: "/s2s/export/find-all", signed: true },
  "exchange.prices": {
    id: "s2s_exchange_rates",
    method: "GET",
    path: "/s2s/exchanges/get-prices",
    signed: false,
  },
  "income.perTh": {
    id: "s2s_income_per_th",
    method: "POST",
    path: "/s2s/income-statistic/get-income-per-th",
    signed: true,
  },
  "income.list": { id: "s2s_income", method: "GET", path: "/s2s/nft-income/find-by-user", signed: true },
  "income.byDay": {
    id: "s2s_income_by_day",
    method: "GET",
    path: "/s2s/nft-income/find-aggregated-by-date",
    signed: true,
    whole: true,
  },
  "balances.list": { id: "s2s_balances", method: "GET", path: "/s2s/wallet/get-balances", signed: true },
  "balances.ofAll": { id: "s2s_every_balance", method: "GET", path: "/s2s/wallet/find-all", signed: true },
  "wallets.bind": {
    id: "s2s_wallet_bind",
    method: "POST",
    path: "/s2s/wallet/bind",
    signed: true,
    keyed: true,
  },
  "wallets.unbind": {
    id: "s2s_wallet_unbind",
    method: "POST",
    path: "/s2s/wallet/unbind",
    signed: true,
    keyed: true,
  },
  "wallets.list": { id: "s2s_wallets", method: "GET", path: "/s2s/wallet/find-by-user", signed: true },
  "withdrawals.terms": {
    id: "s2s_withdraw_commission",
    method: "GET",
    path: "/s2s/income-withdraw/get-commission",
    signed: true,
  },
  "withdrawals.create": {
    id: "s2s_withdraw",
    method: "POST",
    path: "/s2s/income-withdraw/create-order",
    signed: true,
    keyed: true,
    header: "X-Withdrawal-Id",
  },
  "withdrawals.createFast": {
    id: "s2s_withdraw_fast",
    method: "POST",
    path: "/s2s/income-withdraw/create-instant",
    signed: true,
    keyed: true,
    header: "X-Withdrawal-Id",
  },
  "withdrawals.get": {
    id: "s2s_withdrawal",
    method: "GET",
    path: "/s2s/income-withdraw/find-one",
    signed: true,
  },
  "withdrawals.list": {
    id: "s2s_withdrawals",
    method: "GET",
    path: "/s2s/income-withdraw/find-all",
    signed: true,
  },
  "withdrawals.cancel": {
    id: "s2s_withdrawal_cancel",
    method: "POST",
    path: "/s2s/income-withdraw/cancel",
    signed: true,
    keyed: true,
  },
  "webhooks.create": {
    id: "s2s_webhook_create",
    method: "POST",
    path: "/s2s/webhook/create",
    signed: true,
    keyed: true,
  },
  "webhooks.list": { id: "s2s_webhooks", method: "GET", path: "/s2s/webhook/find-all", signed: true },
  "webhooks.update": {
    id: "s2s_webhook_update",
    method: "POST",
    path: "/s2s/webhook/update",
    signed: true,
    keyed: true,
  },
  "webhooks.delete": {
    id: "s2s_webhook_delete",
    method: "POST",
    path: "/s2s/webhook/delete",
    signed: true,
    keyed: true,
  },
  "webhooks.rotateSecret": {
    id: "s2s_webhook_rotate",
    method: "POST",
    path: "/s2s/webhook/rotate-secret",
    signed: true,
    keyed: true,
  },
  "webhooks.test": {
    id: "s2s_webhook_test",
    method: "POST",
    path: "/s2s/webhook/test",
    signed: true,
    keyed: true,
  },
  "webhooks.deliveries": {
    id: "s2s_webhook_deliveries",
    method: "GET",
    path: "/s2s/webhook/deliveries",
    signed: true,
  },
  "webhooks.replay": {
    id: "s2s_webhook_replay",
    method: "POST",
    path: "/s2s/webhook/replay",
    signed: true,
    keyed: true,
  },
  "deposits.address": {
    id: "s2s_deposit_address",
    method: "GET",
    path: "/s2s/deposit/address",
    signed: true,
  },
  "deposits.list": { id: "s2s_deposits", method: "GET", path: "/s2s/deposit/find-all", signed: true },
  "events.read": { id: "s2s_events", method: "GET", path: "/s2s/events", signed: true },
  "proofs.keys": { id: "proof_keys", method: "GET", path: "/api/proofs/keys", signed: false },
  "proofs.days": { id: "proof_days", method: "GET", path: "/api/proofs/days", signed: false },
  "proofs.day": { id: "proof_day", method: "GET", path: "/api/proofs/day", signed: false },
  "proofs.power": { id: "s2s_proof_power", method: "GET", path: "/s2s/proofs/power", signed: true },
  "proofs.liabilities": {
    id: "proof_liabilities",
    method: "GET",
    path: "/api/proofs/liabilities",
    signed: false,
  },
  "proofs.liabilitiesDays": {
    id: "proof_liabilities_days",
    method: "GET",
    path: "/api/proofs/liabilities/days",
    signed: false,
  },
  "proofs.reserves": { id: "proof_reserves", method: "GET", path: "/api/proofs/reserves", signed: false },
  "proofs.balance": { id: "s2s_proof_balance", method: "GET", path: "/s2s/proofs/balance", signed: true },
  "keys.get": { id: "s2s_key", method: "GET", path: "/s2s/key", signed: true },
  "sandbox.advance": {
    id: "sandbox_advance",
    method: "POST",
    path: "/api/sandbox/advance",
    signed: true,
    keyed: true,
  },
  "sandbox.clock": { id: "sandbox_clock", method: "GET", path: "/api/sandbox/clock", signed: true },
  "sandbox.scenario": {
    id: "sandbox_scenario",
    method: "POST",
    path: "/api/sandbox/scenario",
    signed: true,
    keyed: true,
  },
  "sandbox.chain": {
    id: "sandbox_chain",
    method: "POST",
    path: "/api/sandbox/chain",
    signed: true,
    keyed: true,
  },
  "sandbox.pay": { id: "sandbox_pay", method: "POST", path: "/api/sandbox/pay", signed: true, keyed: true },
  "sandbox.lateNotice": {
    id: "sandbox_late_notice",
    method: "POST",
    path: "/api/sandbox/late-notice",
    signed: true,
    keyed: true,
  },
  "sandbox.chargeBack": {
    id: "sandbox_chargeback",
    method: "POST",
    path: "/api/sandbox/chargeback",
    signed: true,
    keyed: true,
  },
  "sandbox.payOperator": {
    id: "sandbox_partner_payment",
    method: "POST",
    path: "/api/sandbox/partner-payment",
    signed: true,
    keyed: true,
  },
  "sandbox.trigger": {
    id: "sandbox_trigger",
    method: "POST",
    path: "/api/sandbox/trigger",
    signed: true,
    keyed: true,
  },
} as const satisfies { [name: string]: Operation };

/** What a user's own client calls. */
export const USER_OPERATIONS = {
  "miners.list": { id: "c2s_miners", method: "GET", path: "/c2s/nft/find-by-user", signed: false },
  "collections.list": {
    id: "c2s_collections",
    method: "GET",
    path: "/c2s/nft-collection/find-all-generative",
    signed: false,
  },
  "income.perTh": {
    id: "c2s_income_per_th",
    method: "GET",
    path: "/c2s/income-statistic/get-income-per-th",
    signed: false,
  },
  "income.total": {
    id: "c2s_income_total",
    method: "GET",
    path: "/c2s/nft-income/find-aggregated",
    signed: false,
  },
  "income.list": { id: "c2s_income", method: "GET", path: "/c2s/nft-income/find-by-user", signed: false },
  "income.days": {
    id: "c2s_income",
    method: "GET",
    path: "/c2s/nft-income/find-by-user",
    signed: false,
    fixed: {"groupByDays": true},
  },
  "balances.list": { id: "c2s_balances", method: "GET", path: "/c2s/wallet/get-balances", signed: false },
  "proofs.balance": { id: "c2s_proof_balance", method: "GET", path: "/c2s/proofs/balance", signed: false },
  "wallets.bind": {
    id: "c2s_wallet_bind",
    method: "POST",
    path: "/c2s/wallet/bind",
    signed: false,
    keyed: true,
  },
  "wallets.unbind": {
    id: "c2s_wallet_unbind",
    method: "POST",
    path: "/c2s/wallet/unbind",
    signed: false,
    keyed: true,
  },
  "wallets.list": { id: "c2s_wallets", method: "GET", path: "/c2s/wallet/find-by-user", signed: false },
  "exchange.prices": {
    id: "exchange_rates",
    method: "GET",
    path: "/c2s/exchanges/get-prices",
    signed: false,
  },
  "deposits.address": {
    id: "c2s_deposit_address",
    method: "GET",
    path: "/c2s/deposit/address",
    signed: false,
  },
  "readTokens.create": {
    id: "c2s_read_token_create",
    method: "POST",
    path: "/c2s/read-token/create",
    signed: false,
    keyed: true,
  },
  "readTokens.list": {
    id: "c2s_read_tokens",
    method: "GET",
    path: "/c2s/read-token/find-by-user",
    signed: false,
  },
  "readTokens.revoke": {
    id: "c2s_read_token_revoke",
    method: "POST",
    path: "/c2s/read-token/revoke",
    signed: false,
    keyed: true,
  },
  "sessions.logOut": { id: "c2s_logout", method: "POST", path: "/c2s/auth/logout", signed: false },
  "ton.generatePayload": {
    id: "c2s_generate_payload",
    method: "POST",
    path: "/c2s/auth/generate-payload",
    signed: false,
  },
  "ton.checkProof": {
    id: "c2s_check_proof",
    method: "POST",
    path: "/c2s/auth/check-proof",
    signed: false,
    once: true,
  },
  "ton.refresh": { id: "c2s_refresh", method: "POST", path: "/c2s/auth/refresh", signed: false },
} as const satisfies { [name: string]: Operation };

/** The names under which an exact amount stands in what is answered. */
export const AMOUNTS: ReadonlySet<string> = new Set([
  "amount",
  "amountUsd",
  "annualROI",
  "available",
  "avgEnergyEfficiency",
  "balance",
  "balanceUsd",
  "btcRate",
  "c1Value",
  "c2Value",
  "c3Value",
  "c4Value",
  "change",
  "closingUsd",
  "creditLimit",
  "creditLimitUsd",
  "depositsAmount",
  "discount",
  "earned",
  "electricityCost",
  "energyEfficiency",
  "fee",
  "from",
  "gominingRate",
  "incomePerTh",
  "incomeWithdrawCommission",
  "incomeWithdrawMinValue",
  "kWh",
  "levelDiscount",
  "netIncomePerTh",
  "onBalanceAmount",
  "openingUsd",
  "ordersValue",
  "owed",
  "owedUsd",
  "paidAmount",
  "paidFee",
  "poolReward",
  "poolRewardPerTh",
  "power",
  "price",
  "refunded",
  "refundsValue",
  "reserved",
  "reservedChange",
  "reservedUsd",
  "reward",
  "serviceCost",
  "serviceFee",
  "settled",
  "taken",
  "to",
  "total",
  "totalDiscount",
  "totalIncome",
  "totalPower",
  "totalPowerTH",
  "totalValue",
  "value",
  "withdrawalsAmount",
  "withdrawalsFee",
  "withdrawnAmount",
]);

/** The names under which an amount is given. */
export const GIVEN_AMOUNTS: ReadonlySet<string> = new Set([
  "amount",
  "from",
  "fromEnergyEfficiency",
  "fromPower",
  "to",
  "toEnergyEfficiency",
  "toPower",
]);

/** The names of operations in the API's document. */
export type OperationId =
  | "c2s_balances"
  | "c2s_check_proof"
  | "c2s_collections"
  | "c2s_deposit_address"
  | "c2s_generate_payload"
  | "c2s_income"
  | "c2s_income_per_th"
  | "c2s_income_total"
  | "c2s_logout"
  | "c2s_miners"
  | "c2s_proof_balance"
  | "c2s_read_token_create"
  | "c2s_read_token_revoke"
  | "c2s_read_tokens"
  | "c2s_refresh"
  | "c2s_wallet_bind"
  | "c2s_wallet_unbind"
  | "c2s_wallets"
  | "exchange_rates"
  | "proof_day"
  | "proof_days"
  | "proof_keys"
  | "proof_liabilities"
  | "proof_liabilities_days"
  | "proof_reserves"
  | "s2s_balances"
  | "s2s_collections"
  | "s2s_deposit_address"
  | "s2s_deposits"
  | "s2s_events"
  | "s2s_every_balance"
  | "s2s_exchange_rates"
  | "s2s_export"
  | "s2s_export_content"
  | "s2s_export_create"
  | "s2s_exports"
  | "s2s_income"
  | "s2s_income_by_day"
  | "s2s_income_per_th"
  | "s2s_key"
  | "s2s_login"
  | "s2s_miners"
  | "s2s_payment"
  | "s2s_payment_create"
  | "s2s_payment_success"
  | "s2s_payments"
  | "s2s_post_payments"
  | "s2s_proof_balance"
  | "s2s_proof_power"
  | "s2s_read_token_revoke"
  | "s2s_read_tokens"
  | "s2s_refresh"
  | "s2s_session_end"
  | "s2s_sessions"
  | "s2s_statement"
  | "s2s_totals"
  | "s2s_transfer"
  | "s2s_upgrade"
  | "s2s_upgrade_price"
  | "s2s_user_statistics"
  | "s2s_users"
  | "s2s_wallet_bind"
  | "s2s_wallet_unbind"
  | "s2s_wallets"
  | "s2s_webhook_create"
  | "s2s_webhook_delete"
  | "s2s_webhook_deliveries"
  | "s2s_webhook_replay"
  | "s2s_webhook_rotate"
  | "s2s_webhook_test"
  | "s2s_webhook_update"
  | "s2s_webhooks"
  | "s2s_withdraw"
  | "s2s_withdraw_commission"
  | "s2s_withdraw_fast"
  | "s2s_withdrawal"
  | "s2s_withdrawal_cancel"
  | "s2s_withdrawals"
  | "sandbox_advance"
  | "sandbox_chain"
  | "sandbox_chargeback"
  | "sandbox_clock"
  | "sandbox_late_notice"
  | "sandbox_partner_payment"
  | "sandbox_pay"
  | "sandbox_scenario"
  | "sandbox_trigger";

/** The codes of refusals. */
export type ErrorCode =
  | "ADDRESS_INVALID"
  | "ADVANCE_ONE_WAY"
  | "AMOUNT_PRECISION"
  | "AMOUNT_TOO_SMALL"
  | "BAD_AMOUNT"
  | "BAD_DATE"
  | "BAD_VALUE"
  | "BAD_WEBHOOK_URL"
  | "BODY_MALFORMED"
  | "BODY_NOT_JSON"
  | "BODY_NOT_OBJECT"
  | "BODY_NOT_UTF8"
  | "CLOCK_BACKWARDS"
  | "CLOCK_TOO_FAR"
  | "CURSOR_INVALID"
  | "CURSOR_WITH_OFFSET"
  | "DATE_WITHOUT_TIME_ZONE"
  | "DUPLICATE_FIELD"
  | "EVENT_OBJECT"
  | "EVENT_TYPE_UNKNOWN"
  | "FIELD_MISSING"
  | "FIELD_OUT_OF_BOUNDS"
  | "FIELD_TEXT"
  | "FIELD_TYPE"
  | "FIELD_UNKNOWN"
  | "IMPLAUSIBLE_FIGURE"
  | "OBJECT_KIND_MISSING"
  | "OBJECT_KIND_UNKNOWN"
  | "ORDER_HALF_OPENED"
  | "QUERY_NOT_UTF8"
  | "RANGE_BACKWARDS"
  | "RANGE_TOO_LONG"
  | "REASON_MISSING"
  | "REPLAY_NAMES_NOTHING"
  | "REQUEST_MALFORMED"
  | "STATEMENT_TOO_LONG"
  | "SYMBOL_UNKNOWN"
  | "TON_DOMAIN_LENGTH"
  | "TON_SHAPE"
  | "TON_STATE_INIT"
  | "TON_STATE_INIT_ENCODING"
  | "TOO_MANY_RECORDS"
  | "UNKNOWN_EVENT_TYPE"
  | "UPGRADE_OUT_OF_BOUNDS"
  | "API_KEY_EXPIRED"
  | "API_KEY_IS_LIVE"
  | "API_KEY_IS_TEST"
  | "API_KEY_MISSING"
  | "API_KEY_REVOKED"
  | "API_KEY_UNKNOWN"
  | "HEADER_REPEATED"
  | "READ_TOKEN_ENDED"
  | "RECV_WINDOW_FORMAT"
  | "RECV_WINDOW_TOO_LARGE"
  | "REFRESH_TOKEN_EPOCH"
  | "REFRESH_TOKEN_EXPIRED"
  | "REFRESH_TOKEN_INVALID"
  | "REFRESH_TOKEN_REUSED"
  | "REFRESH_TOKEN_REVOKED"
  | "REPLAY"
  | "SESSION_ENDED"
  | "SESSION_KEY_ENDED"
  | "SESSION_LIFE_ENDED"
  | "SIGNATURE_FORMAT"
  | "SIGNATURE_MISMATCH"
  | "SIGNATURE_MISSING"
  | "TIMESTAMP_AHEAD"
  | "TIMESTAMP_EXPIRED"
  | "TIMESTAMP_FORMAT"
  | "TIMESTAMP_IN_SECONDS"
  | "TIMESTAMP_MISSING"
  | "TOKEN_EPOCH"
  | "TOKEN_EXPIRED"
  | "TOKEN_INVALID"
  | "TOKEN_MISSING"
  | "TOKEN_OF_OTHER_PARTNER"
  | "TON_ADDRESS_MISMATCH"
  | "TON_CHAIN"
  | "TON_CHAIN_REQUIRED"
  | "TON_DOMAIN"
  | "TON_KEY_UNKNOWN"
  | "TON_PAYLOAD_EXPIRED"
  | "TON_PAYLOAD_UNKNOWN"
  | "TON_PAYLOAD_USED"
  | "TON_PUBLIC_KEY_MISMATCH"
  | "TON_SIGNATURE"
  | "TON_TIME_AHEAD"
  | "TON_TIME_OLD"
  | "TON_WALLET_DATA"
  | "ADDRESS_NOT_BOUND"
  | "IP_NOT_ALLOWED"
  | "KEY_CANNOT_SIGN"
  | "KEY_IS_SECRET"
  | "ORIGIN_NOT_ALLOWED"
  | "PARTNER_CLOSED"
  | "PARTNER_SUSPENDED"
  | "READ_TOKEN_ONLY_READS"
  | "SCOPE_MISSING"
  | "USER_BLOCKED"
  | "COLLECTION_NOT_FOUND"
  | "DAY_NOT_SIGNED"
  | "EXPORT_NOT_FOUND"
  | "LIABILITIES_NOT_TAKEN"
  | "LIABILITY_TREE_GONE"
  | "MINER_NOT_FOUND"
  | "NOTHING_OWED"
  | "ORDER_NOT_FOUND"
  | "PARTNER_UNKNOWN"
  | "READ_TOKEN_NOT_FOUND"
  | "RESERVES_NOT_TAKEN"
  | "SESSION_NOT_FOUND"
  | "USER_NOT_FOUND"
  | "WALLET_NOT_BOUND"
  | "WEBHOOK_NOT_FOUND"
  | "WITHDRAWAL_NOT_FOUND"
  | "BODY_TOO_SLOW"
  | "CAPACITY_EXCEEDED"
  | "CAPACITY_PROMISED"
  | "CHAIN_IS_REAL"
  | "CREDIT_LIMIT_EXCEEDED"
  | "DUPLICATE_WITHDRAWAL"
  | "EXPORTS_OPEN"
  | "EXPORT_NOT_READY"
  | "EXPORT_SPACE"
  | "FEED_SHORTER"
  | "INSUFFICIENT_FUNDS"
  | "ORDER_CANCELLED"
  | "ORDER_CONFLICT"
  | "ORDER_EXPIRED"
  | "ORDER_NOT_ISSUED"
  | "ORDER_PAID"
  | "ORDER_REFUNDED"
  | "PAYMENT_CONFLICT"
  | "READ_TOKEN_NAME_TAKEN"
  | "TOO_MANY_NEW_USERS"
  | "TOO_MANY_PAYLOADS"
  | "TOO_MANY_READ_TOKENS"
  | "TOO_MANY_WALLETS"
  | "TOO_MANY_WEBHOOKS"
  | "TRANSFER_TO_SELF"
  | "UPGRADE_NOT_PRICED"
  | "UPGRADE_STALE"
  | "WEBHOOK_DISABLED"
  | "WITHDRAWAL_LIMIT"
  | "WITHDRAWAL_MAY_BE_PAID"
  | "WITHDRAWAL_UNDER_WAY"
  | "BODY_TOO_LARGE"
  | "RANGE_NOT_SATISFIABLE"
  | "IDEMPOTENCY_KEY_REUSED"
  | "RATE_LIMITED"
  | "TOO_MANY_WAIT"
  | "INTERNAL_ERROR"
  | "BITCOIN_NODE_REFUSED"
  | "BITCOIN_NODE_UNKNOWN"
  | "BITCOIN_NODE_UNREACHABLE"
  | "BOOKS_ARE_OLDER"
  | "BUSY"
  | "CLOCK_DIFFERS"
  | "DATABASE_DOWN"
  | "DATABASE_FULL"
  | "DATABASE_POOLED"
  | "DATABASE_READ_ONLY"
  | "DATABASE_RIGHTS"
  | "DEPOSITS_NOT_AVAILABLE"
  | "NO_DAY_PUBLISHED"
  | "NO_UPGRADE_TARIFF"
  | "PARTNER_BUSY"
  | "STINT_AHEAD"
  | "TON_CHAIN_UNAVAILABLE"
  | "UNKNOWN_OUTCOME";
