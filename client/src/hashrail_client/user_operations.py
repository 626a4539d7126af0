"""The operations that a user's own client calls, with the user's token in place of a key and a signature.

Rows as in `operations`, for the nouns of `UserHashrail`.
"""

from hashrail_client.operations import CURSOR, Operation

USER_OPERATIONS = (
    Operation(
        "c2s_miners", "miners", "list", "GET", "/c2s/nft/find-by-user",
        "The user's miners: {array, nextCursor}; power in TH, energyEfficiency in W/TH.",
        (), CURSOR, signed=False,
    ),
    Operation(
        "c2s_collections", "collections", "list", "GET", "/c2s/nft-collection/find-all-generative",
        "What is on sale: {array}; value in USD, poolReward in BTC a day.",
        signed=False,
    ),
    Operation(
        "c2s_income_per_th", "income", "per_th", "GET", "/c2s/income-statistic/get-income-per-th",
        "The last closed day's income of one TH, in BTC, with the rates it was reckoned at, in USD.",
        signed=False,
    ),
    Operation(
        "c2s_income_total", "income", "total", "GET", "/c2s/nft-income/find-aggregated",
        "Their income over all time, by miner and in all: {array, totalIncome, onBalanceAmount, ...}; BTC.",
        (), ("cursor",), signed=False,
    ),
    Operation(
        "c2s_income", "income", "list", "GET", "/c2s/nft-income/find-by-user",
        "The user's income, one record a miner and day, newest first: {array, nextCursor}; values in BTC.",
        (), CURSOR, signed=False, answer="Record",
    ),
    Operation(
        "c2s_income", "income", "days", "GET", "/c2s/nft-income/find-by-user",
        "The user's income by day, newest first, with the records of each: {array, nextCursor}; values in BTC.",
        (), CURSOR, signed=False, fixed=(("groupByDays", True),), answer="DayOfRecords",
    ),
    Operation(
        "c2s_balances", "balances", "list", "GET", "/c2s/wallet/get-balances",
        "The user's balances, one row a currency: {array}; BTC and tokens.",
        (), ("limit", "offset"), signed=False,
    ),
    Operation(
        "c2s_proof_balance", "proofs", "balance", "GET", "/c2s/proofs/balance",
        "The user's way into what was owed after a day, or the newest: {amount, nonce, index, path}. See liabilities.",
        (), ("day",), signed=False,
    ),
    Operation(
        "c2s_wallet_bind", "wallets", "bind", "POST", "/c2s/wallet/bind",
        "Bind a Bitcoin address to the user; again changes nothing: True.",
        ("address",), signed=False,
    ),
    Operation(
        "c2s_wallet_unbind", "wallets", "unbind", "POST", "/c2s/wallet/unbind",
        "Take a bound address off the user; again changes nothing, and what was asked for before is paid: True.",
        ("address",), signed=False,
    ),
    Operation(
        "c2s_wallets", "wallets", "list", "GET", "/c2s/wallet/find-by-user",
        "The user's bound addresses: {array, nextCursor}.",
        (), CURSOR, signed=False,
    ),
    Operation(
        "exchange_rates", "exchange", "prices", "GET", "/c2s/exchanges/get-prices",
        "Prices of the last closed day: {array}; symbol and price in USD.",
        signed=False,
    ),
    Operation(
        "c2s_deposit_address", "deposits", "address", "GET", "/c2s/deposit/address",
        "The address at which the user tops up with bitcoin, the same for ever: {address, simulated}.",
        signed=False,
    ),
    Operation(
        "c2s_read_token_create", "read_tokens", "create", "POST", "/c2s/read-token/create",
        "Make a token that only reads, for a dashboard and some days: {id, name, token, expiresAt}; shown this once.",
        ("name", "days"), signed=False,
    ),
    Operation(
        "c2s_read_tokens", "read_tokens", "list", "GET", "/c2s/read-token/find-by-user",
        "The user's read tokens that live, the newest first: {array}; id, name, createdAt, expiresAt, lastUsedOn.",
        signed=False,
    ),
    Operation(
        "c2s_read_token_revoke", "read_tokens", "revoke", "POST", "/c2s/read-token/revoke",
        "Revoke one of the user's read tokens: True. It is refused from then on; again changes nothing.",
        ("id",), signed=False,
    ),
)  # fmt: skip
