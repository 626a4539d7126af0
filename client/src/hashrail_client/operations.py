"""The operations that a partner's server calls: one row each, the one description of the SDK.

A row names its arguments as Python does; the wire's names are the same words in camel case. `python -m
tools.python_sdk` joins the rows with the OpenAPI document and writes the typed nouns of both clients. What a user's own
client calls stands in `user_operations`.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from inspect import Parameter, Signature

PREFIX = "/api/partner"


@dataclass(frozen=True, slots=True)
class Operation:
    """`client.noun.verb(required..., optional=...)` is `method` on `path`.

    `name` is the operation's id in the OpenAPI document. A path is below the API's prefix, unless it starts with /api.
    `signed` tells whether the call carries a signature beside the API key; `whole` that the answer is the whole
    document and not only its `data`; `header` that it is the number in that header. `fixed` are fields of the wire that
    are always sent, and `answer` names the records where the operation answers one of several things.
    """

    name: str
    noun: str
    verb: str
    method: str
    path: str
    teaches: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    signed: bool = True
    whole: bool = False
    header: str | None = None
    fixed: tuple[tuple[str, bool | int | str], ...] = ()
    answer: str = ""

    @property
    def signature(self) -> Signature:
        """What the verb takes: the required by position or name, the optional by name only."""
        required = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in self.required]
        named = self.optional if self.method == "GET" else (*self.optional, "idempotency_key")
        optional = [Parameter(name, Parameter.KEYWORD_ONLY, default=None) for name in named]
        return Signature([*required, *optional])

    @property
    def whole_path(self) -> str:
        """The path from the root of a deployment."""
        return self.path if self.path.startswith("/api/") else PREFIX + self.path

    @property
    def fixed_fields(self) -> dict[str, object]:
        """What is sent whatever the arguments are."""
        return dict(self.fixed)

    @property
    def is_paged(self) -> bool:
        """Whether it answers a page of a list."""
        return "cursor" in self.optional or "offset" in self.optional


# What each noun is, for whoever reads the class of its verbs.
NOUNS = {
    "balances": "What users can spend.",
    "collections": "What is on sale.",
    "deposits": "Bitcoin that users sent to top up.",
    "events": "The feed of what happened.",
    "exchange": "Prices of the last closed day.",
    "exports": "Days of all users as files.",
    "income": "What miners earned, by record and by day.",
    "keys": "The API key that you call with.",
    "miners": "What users own.",
    "payments": "Orders: opened, paid for, looked up.",
    "proofs": "Days that the deployment signed, and what it owes.",
    "read_tokens": "What users gave to dashboards to read with.",
    "sandbox": "Time, money and the chain of a sandbox; no other deployment has these verbs.",
    "sessions": "Where users are logged in.",
    "statement": "What you owe and what you paid.",
    "ton": "Logins with a TON wallet.",
    "upgrades": "Improving miners.",
    "users": "Your users.",
    "wallets": "Addresses that users withdraw to.",
    "webhooks": "Endpoints that events are sent to.",
    "withdrawals": "Bitcoin on its way out.",
}

PAGING = ("limit", "offset")
CURSOR = (*PAGING, "cursor")
WITHDRAWAL = "X-Withdrawal-Id"

OPERATIONS = (
    Operation(
        "s2s_login", "users", "login", "POST", "/s2s/auth/login",
        "Register the user, or log an existing one in: {jwtToken, refreshToken, userId}.",
        ("partner_user_id",), ("email",),
    ),
    Operation(
        "s2s_refresh", "users", "refresh", "POST", "/s2s/auth/refresh",
        "Change a refresh token for two new tokens: {jwtToken, refreshToken}.",
        ("refresh_token",), signed=False,
    ),
    Operation(
        "s2s_sessions", "sessions", "list", "GET", "/s2s/session/find-by-user",
        "The user's open sessions, the last renewed first: {array}; id, apiKey, createdAt, renewedAt, endsAt.",
        ("partner_user_id",),
    ),
    Operation(
        "s2s_session_end", "sessions", "end", "POST", "/s2s/session/end",
        "End all sessions of the user, or the one with that id: {ended}. Their tokens are refused from then on.",
        ("partner_user_id",), ("id",),
    ),
    Operation(
        "s2s_read_tokens", "read_tokens", "list", "GET", "/s2s/read-token/find-by-user",
        "The user's read tokens that live, the newest first: {array}; id, name, createdAt, expiresAt, lastUsedOn.",
        ("partner_user_id",),
    ),
    Operation(
        "s2s_read_token_revoke", "read_tokens", "revoke", "POST", "/s2s/read-token/revoke",
        "Revoke one of the user's read tokens: True. It is refused from then on; again changes nothing.",
        ("partner_user_id", "id"),
    ),
    Operation(
        "c2s_logout", "sessions", "log_out", "POST", "/c2s/auth/logout",
        "End the session of a refresh token; again changes nothing: True. The call needs no key.",
        ("refresh_token",), signed=False,
    ),
    Operation(
        "c2s_generate_payload", "ton", "generate_payload", "POST", "/c2s/auth/generate-payload",
        "A text for a user's TON wallet to sign: {payload}. partner_id is your public id. It opens one session.",
        ("partner_id",), signed=False,
    ),
    Operation(
        "c2s_check_proof", "ton", "check_proof", "POST", "/c2s/auth/check-proof",
        "Register or log in the user whose wallet signed: {jwtToken, refreshToken, userId, partnerUserId}.",
        ("ton_wallet",), signed=False,
    ),
    Operation(
        "c2s_refresh", "ton", "refresh", "POST", "/c2s/auth/refresh",
        "Change a refresh token for two new tokens, as users.refresh does, but the call needs no key.",
        ("refresh_token",), signed=False,
    ),
    Operation(
        "s2s_user_statistics", "users", "statistics", "GET", "/s2s/user/get-statistics",
        "A user and their totals: {user, stats}; totalPowerTH in TH, totalIncome in BTC.",
        ("partner_user_id",),
    ),
    Operation(
        "s2s_users", "users", "list", "GET", "/s2s/user/find-all",
        "Your users, newest first: {array, position, nextCursor}. changed_since is the position of an earlier answer.",
        (), ("state", "changed_since", *CURSOR),
    ),
    Operation(
        "s2s_miners", "miners", "list", "GET", "/s2s/nft/find-by-user",
        "The user's miners: {array, nextCursor}; power in TH, energyEfficiency in W/TH.",
        ("partner_user_id",), CURSOR,
    ),
    Operation(
        "s2s_transfer", "miners", "transfer", "POST", "/s2s/nft/transfer",
        "Give a miner of the user to another of your users, who earns from tomorrow: True.",
        ("partner_user_id", "nft_id", "to_partner_user_id"),
    ),
    Operation(
        "s2s_collections", "collections", "list", "GET", "/s2s/nft-collection/find-all-generative",
        "What is on sale: {array}; value in USD, poolReward in BTC a day.",
        signed=False,
    ),
    Operation(
        "s2s_payment_create", "payments", "create", "POST", "/s2s/nft-payment/create",
        "Open an order under your own external_id: {value in USD, externalId}. Again answers the same.",
        ("user_id", "nft_collection_id", "external_id"),
    ),
    Operation(
        "s2s_payment_success", "payments", "success", "POST", "/s2s/nft-payment/success",
        "Say that your user has paid; the miner is issued once: True.",
        ("external_id", "user_id"),
    ),
    Operation(
        "s2s_payment", "payments", "get", "GET", "/s2s/nft-payment/find-one",
        "The order under your own external_id, with its state and, once it is issued, its nftId; value in USD.",
        ("external_id",),
    ),
    Operation(
        "s2s_payments", "payments", "list", "GET", "/s2s/nft-payment/find-all",
        "Your orders, newest first: {array, position, nextCursor}. changed_since is the position of an earlier answer.",
        (), ("partner_user_id", "state", "changed_since", *CURSOR),
    ),
    Operation(
        "s2s_upgrade_price", "upgrades", "price", "GET", "/s2s/nft-upgrade/calculate-price",
        "What an upgrade costs now: {price in USD}. type is nftPowerUpgrade (TH) or nftEnergyEfficiencyUpgrade (W/TH).",
        ("type", "nft_id", "from_", "to"),
    ),
    Operation(
        "s2s_upgrade", "upgrades", "create", "POST", "/s2s/nft-upgrade/create",
        "Improve a miner from tomorrow on; you owe the price: {id}. data is {type, nftId, fromPower, toPower} "
        "or {type, nftId, fromEnergyEfficiency, toEnergyEfficiency}, from its present value.",
        ("data",),
    ),
    Operation(
        "s2s_post_payments", "upgrades", "list", "GET", "/s2s/nft-upgrade/find-all",
        "What you owe for upgrades, newest first: {array, nextCursor}; value in USD.",
        (), CURSOR,
    ),
    Operation(
        "s2s_statement", "statement", "lines", "GET", "/s2s/partner/get-statement",
        "What you owe by order and upgrade, and what you paid, oldest first: {array, openingUsd, closingUsd, owedUsd}.",
        ("start_date", "end_date"), ("limit", "cursor"),
    ),
    Operation(
        "s2s_totals", "statement", "days", "GET", "/s2s/partner/get-totals",
        "What each day adds up to, both dates inclusive: {array, closedThrough}; BTC and USD.",
        ("start_date", "end_date"),
    ),
    Operation(
        "s2s_export_create", "exports", "create", "POST", "/s2s/export/create",
        "Ask for days of all users as a file: {id, state}. kind is income, balances, orders, withdrawals or deposits, "
        "format csv, ndjson or parquet. Both dates inclusive.",
        ("kind", "format", "start_date", "end_date"),
    ),
    Operation(
        "s2s_export", "exports", "get", "GET", "/s2s/export/find-one",
        "An export: {state, rows, bytes, sha256, totals}; download it when its state is done.",
        ("id",),
    ),
    Operation(
        "s2s_exports", "exports", "list", "GET", "/s2s/export/find-all",
        "Your exports, newest first: {array, nextCursor}.",
        (), CURSOR,
    ),
    Operation(
        "s2s_exchange_rates", "exchange", "prices", "GET", "/s2s/exchanges/get-prices",
        "Prices of the last closed day: {array}; symbol and price in USD.",
        signed=False,
    ),
    Operation(
        "s2s_income_per_th", "income", "per_th", "POST", "/s2s/income-statistic/get-income-per-th",
        "The last closed day's income of one TH, in BTC, with the rates it was reckoned at, in USD.",
    ),
    Operation(
        "s2s_income", "income", "list", "GET", "/s2s/nft-income/find-by-user",
        "The user's income, one record a miner and day, newest first: {array, nextCursor}; values in BTC.",
        ("partner_user_id",), CURSOR,
    ),
    Operation(
        "s2s_income_by_day", "income", "by_day", "GET", "/s2s/nft-income/find-aggregated-by-date",
        "The user's income by day, both dates inclusive: {data, totalCount}. Dates are aware datetimes or ISO text.",
        ("partner_user_id", "start_date", "end_date"), (*PAGING, "include_incomes_by_nfts"), whole=True,
    ),
    Operation(
        "s2s_balances", "balances", "list", "GET", "/s2s/wallet/get-balances",
        "The user's balances, one row a currency: {array}; amounts are decimal strings.",
        ("partner_user_id",), PAGING,
    ),
    Operation(
        "s2s_every_balance", "balances", "of_all", "GET", "/s2s/wallet/find-all",
        "What all your users can spend, a row a user and currency, newest users first: {array, position, nextCursor}.",
        (), ("partner_user_id", "currency", "changed_since", *CURSOR),
    ),
    Operation(
        "s2s_wallet_bind", "wallets", "bind", "POST", "/s2s/wallet/bind",
        "Bind a Bitcoin address to the user; again changes nothing: True.",
        ("partner_user_id", "address"),
    ),
    Operation(
        "s2s_wallet_unbind", "wallets", "unbind", "POST", "/s2s/wallet/unbind",
        "Take a bound address off the user; again changes nothing, and what was asked for before is paid: True.",
        ("partner_user_id", "address"),
    ),
    Operation(
        "s2s_wallets", "wallets", "list", "GET", "/s2s/wallet/find-by-user",
        "The user's bound addresses: {array, nextCursor}.",
        ("partner_user_id",), CURSOR,
    ),
    Operation(
        "s2s_withdraw_commission", "withdrawals", "terms", "GET", "/s2s/income-withdraw/get-commission",
        "What withdrawing asks and costs, in BTC: {incomeWithdrawMinValue, incomeWithdrawCommission}.",
        ("partner_user_id",),
    ),
    Operation(
        "s2s_withdraw", "withdrawals", "create", "POST", "/s2s/income-withdraw/create-order",
        "Pay amount (a Decimal, BTC) to the address within 24 hours, without a commission: the withdrawal's number.",
        ("partner_user_id", "wallet_address", "amount"), header=WITHDRAWAL,
    ),
    Operation(
        "s2s_withdraw_fast", "withdrawals", "create_fast", "POST", "/s2s/income-withdraw/create-instant",
        "Pay amount (a Decimal, BTC) to the address within the hour; the commission comes on top: its number.",
        ("partner_user_id", "wallet_address", "amount"), header=WITHDRAWAL,
    ),
    Operation(
        "s2s_withdrawal", "withdrawals", "get", "GET", "/s2s/income-withdraw/find-one",
        "A withdrawal by its number: state, amount and fee in BTC, txid.",
        ("id",),
    ),
    Operation(
        "s2s_withdrawals", "withdrawals", "list", "GET", "/s2s/income-withdraw/find-all",
        "Your withdrawals or one user's, newest first: {array, nextCursor}.",
        (), ("partner_user_id", *CURSOR),
    ),
    Operation(
        "s2s_withdrawal_cancel", "withdrawals", "cancel", "POST", "/s2s/income-withdraw/cancel",
        "Take back a withdrawal that is not on its way; again changes nothing: the withdrawal.",
        ("id",),
    ),
    Operation(
        "s2s_webhook_create", "webhooks", "create", "POST", "/s2s/webhook/create",
        "Make an endpoint that events are sent to: its fields and its secret, which is shown this once.",
        ("url",), ("description", "types", "after"),
    ),
    Operation(
        "s2s_webhooks", "webhooks", "list", "GET", "/s2s/webhook/find-all",
        "Your endpoints by id: {array}; id, url, types, state, reason, failures, plannedThrough.",
    ),
    Operation(
        "s2s_webhook_update", "webhooks", "update", "POST", "/s2s/webhook/update",
        "Change an endpoint; enabled=False stops it, and enabled=True sends what waited.",
        ("id",), ("url", "description", "types", "enabled"),
    ),
    Operation(
        "s2s_webhook_delete", "webhooks", "delete", "POST", "/s2s/webhook/delete",
        "Take an endpoint away, with what waits for it: True.",
        ("id",),
    ),
    Operation(
        "s2s_webhook_rotate", "webhooks", "rotate_secret", "POST", "/s2s/webhook/rotate-secret",
        "Give an endpoint a new secret, shown this once; the old one signs too for old_secret_hours, 24 if not given.",
        ("id",), ("old_secret_hours",),
    ),
    Operation(
        "s2s_webhook_test", "webhooks", "test", "POST", "/s2s/webhook/test",
        "Send the endpoint an event of type webhook_endpoint.test: True.",
        ("id",),
    ),
    Operation(
        "s2s_webhook_deliveries", "webhooks", "deliveries", "GET", "/s2s/webhook/deliveries",
        "What became of events at an endpoint, the newest first: {array, nextCursor}, with each attempt.",
        ("id",), ("state", "limit", "cursor"),
    ),
    Operation(
        "s2s_webhook_replay", "webhooks", "replay", "POST", "/s2s/webhook/replay",
        "Send events once more, by positions or since a moment: {events}.",
        ("id",), ("from_position", "to_position", "since"),
    ),
    Operation(
        "s2s_deposit_address", "deposits", "address", "GET", "/s2s/deposit/address",
        "The address at which a user tops up with bitcoin, the same for ever: {address, simulated}.",
        ("partner_user_id",),
    ),
    Operation(
        "s2s_deposits", "deposits", "list", "GET", "/s2s/deposit/find-all",
        "Your deposits or one user's, newest first: {array, nextCursor}.",
        (), ("partner_user_id", *CURSOR),
    ),
    Operation(
        "s2s_events", "events", "read", "GET", "/s2s/events",
        "What happened after a position, in order: {events, last, hasMore}; go on after last. See events.follow.",
        (), ("after", "types", "object_kind", "object_id", "limit", "wait_seconds"),
    ),
    Operation(
        "proof_keys", "proofs", "keys", "GET", "/api/proofs/keys",
        "The keys that days are signed with. Anybody may ask.",
        signed=False,
    ),
    Operation(
        "proof_days", "proofs", "days", "GET", "/api/proofs/days",
        "The signed days after one, oldest first, by their checksums. Anybody may ask.",
        (), ("after",), signed=False,
    ),
    Operation(
        "proof_day", "proofs", "day", "GET", "/api/proofs/day",
        "The signed document of a day. Anybody may ask.",
        ("day",), signed=False,
    ),
    Operation(
        "s2s_proof_power", "proofs", "power", "GET", "/s2s/proofs/power",
        "What opens your own line of a signed day: {day, salt, text}.",
        ("day",),
    ),
    Operation(
        "proof_liabilities", "proofs", "liabilities", "GET", "/api/proofs/liabilities",
        "The signed document of what was owed to all users after a day, or the newest. Anybody may ask.",
        (), ("day",), signed=False,
    ),
    Operation(
        "proof_liabilities_days", "proofs", "liabilities_days", "GET", "/api/proofs/liabilities/days",
        "After which days, behind one, it was signed what is owed to all users. Anybody may ask.",
        (), ("after",), signed=False,
    ),
    Operation(
        "proof_reserves", "proofs", "reserves", "GET", "/api/proofs/reserves",
        "The coins that the wallet could spend after a day, or the newest, signed by their keys. Anybody may ask.",
        (), ("day",), signed=False,
    ),
    Operation(
        "s2s_proof_balance", "proofs", "balance", "GET", "/s2s/proofs/balance",
        "A user's way into what was owed after a day, or the newest: {amount, nonce, index, path}. See liabilities.",
        ("partner_user_id",), ("day",),
    ),
    Operation(
        "s2s_key", "keys", "get", "GET", "/s2s/key",
        "What your key is: kind, scopes, allowedAddresses, the address that you call from, secretsSince, the partner.",
    ),
    Operation(
        "sandbox_advance", "sandbox", "advance", "POST", "/api/sandbox/advance",
        "Let the sandbox's time pass, by days, by seconds or to a date; days close: {businessTime, daysClosed, ...}.",
        (), ("days", "seconds", "date", "scenario"),
    ),
    Operation(
        "sandbox_clock", "sandbox", "clock", "GET", "/api/sandbox/clock",
        "The sandbox's clocks, how far its days are, and by which scenarios they go on.",
    ),
    Operation(
        "sandbox_scenario", "sandbox", "scenario", "POST", "/api/sandbox/scenario",
        "Let the days to come go by a scenario: steady, growth, halving or crash. It answers as clock does.",
        ("scenario",),
    ),
    Operation(
        "sandbox_chain", "sandbox", "chain", "POST", "/api/sandbox/chain",
        "Tell the simulated chain what to play, mine or bring; without a wish look at it: {scenario, height, mempool}.",
        (), ("scenario", "blocks", "deposit"),
    ),
    Operation(
        "sandbox_pay", "sandbox", "pay", "POST", "/api/sandbox/pay",
        "Play a customer who buys: the order is opened for user_id and nft_collection_id if it is not there, and its "
        "payment told. outcome is paid, paid_twice or never.",
        ("external_id",), ("user_id", "nft_collection_id", "outcome"),
    ),
    Operation(
        "sandbox_late_notice", "sandbox", "late_notice", "POST", "/api/sandbox/late-notice",
        "Play a payment that is told late: the clock goes late_seconds past the order's end, and then it is told.",
        ("external_id",), ("user_id", "nft_collection_id", "late_seconds"),
    ),
    Operation(
        "sandbox_chargeback", "sandbox", "charge_back", "POST", "/api/sandbox/chargeback",
        "Play a customer whose bank takes the payment back: the order is refunded, and its miner ends.",
        ("external_id",), ("reason",),
    ),
    Operation(
        "sandbox_partner_payment", "sandbox", "pay_operator", "POST", "/api/sandbox/partner-payment",
        "Play your own payment of amount (USD) to the operator: {owed, reserved, creditLimit}.",
        ("amount", "reference"),
    ),
    Operation(
        "sandbox_trigger", "sandbox", "trigger", "POST", "/api/sandbox/trigger",
        "Have an event of a type told as an example, in the feed and to webhooks; its eventId begins with test_.",
        ("type",), ("object_id",),
    ),
)  # fmt: skip


def wire_fields(arguments: Mapping[str, object]) -> dict[str, object]:
    """The given arguments by their names on the wire; what is None is left out."""
    return {_camel(name): value for name, value in arguments.items() if value is not None}


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def query_text(value: object) -> str:
    """`value` as a query carries it. Raises TypeError for a moment without time zone and for what has no text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.datetime):
        if value.tzinfo is None:
            raise TypeError("a moment without time zone could mean two days")
        moment = value.astimezone(dt.UTC)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, int | str):
        return str(value)
    raise TypeError(f"a {type(value).__name__} cannot be sent in a query")
