"""What the OpenAPI document says in prose, and the parts that every operation shares."""

from typing import Any, TypeAlias

from hashrail.access.signatures import MAX_WINDOW_MS
from hashrail.api.serving.operation import Auth

EXAMPLE_BASE = "http://127.0.0.1:8080"
# The documented examples of the contract; a test signs them anew.
EXAMPLE_SECRET = "123a6fd0-f542-46dc-a91b-627146deb6c9"  # noqa: S105  a published example
EXAMPLE_QUERY = "partnerUserId=123&timestamp=1721656927974&limit=20&offset=0"
EXAMPLE_QUERY_SIGNATURE = "0cefa897946a49e8027b2c5787a48c547c83a6dc9f7d172870ba7f81cef42bd5"
EXAMPLE_BODY = '{"partnerUserId":"123","timestamp":1721656927974}'
EXAMPLE_BODY_SIGNATURE = "03955aeac5ffe46c02fbb74e2b41f0d36f3992b5363253949a4a7dd79c972a24"

STORY = """The partner API of a Hashrail deployment: a partner's server (`/s2s`, signed) and its users' clients (`/c2s`,
with a token) buy miners, read income and withdraw it. Operations with a contract number answer as version 2.0.0 of the
vendor's API does; the others are extensions and say so.

**Answers** are `{"data": ...}` with status 200. Fields may be added to answers; ignore those you do not know.

**Numbers** are exact: read them as decimals, not as binary floating point, where a digit matters. They may use an
exponent (`6.6e-7`).

**Dates** are ISO 8601 in UTC with milliseconds; a date that you send needs `Z` or an offset.

**Bodies**: `null` in an optional field is as if it were left out, whole numbers may be written 1.0 or 1e3, an empty
body is an empty object. Every POST takes the fields of a signature; where none is needed, one that is sent is verified.

**Refusals** have one shape and one code per cause. `x-hashrail-errors` lists every code with its cause and what to do.

**Repetitions** of a write are safe: the very same request, or one with the same `Idempotency-Key` and body, gets the
kept answer.

**Read replicas**, where the deployment has some, show everybody what was committed when they asked. Answers then carry
`X-Hashrail-Position`: whoever sends the greatest one that they have got is shown at least that, and perhaps no more.
After a write that failed, and where an answer to a write or to whoever sent one has none, send none until the next."""

SIGNATURE = f"""HMAC-SHA256 in hexadecimal, in any case, keyed with the API key's secret, over exactly what is sent, the
signature itself left out. The order of the fields is the order sent. `timestamp` is in milliseconds since 1970 UTC;
`recvWindow` (milliseconds, at most {MAX_WINDOW_MS}) says for how long the signature is valid.

There are three ways to carry it:

1. **GET**: `timestamp` and `signature` in the query. Signed is the query without the `signature` pair. With the secret
   `{EXAMPLE_SECRET}`, the query `{EXAMPLE_QUERY}` has the signature `{EXAMPLE_QUERY_SIGNATURE}`.
2. **POST**: `timestamp` and `signature` as members of the JSON body. Signed is the body without the `signature` member.
   With the same secret, the body `{EXAMPLE_BODY}` has the signature `{EXAMPLE_BODY_SIGNATURE}`.
3. **In headers**, for both: `X-PARTNER-SIGNATURE`, `X-PARTNER-TIMESTAMP` and optionally `X-PARTNER-RECV-WINDOW`.
   Signed are five lines, joined by line feeds: the timestamp (followed by a space and recvWindow, if that is sent), the
   method, the path, the query, and the SHA-256 of the body in lower-case hexadecimal."""

CONTACT = {"name": "The operator of this deployment"}
LICENSE = {"name": "Apache License 2.0", "identifier": "Apache-2.0"}
TAGS = {
    "Login": "Tokens for a user: with a TON wallet, by the partner's server, and renewed.",
    "Sessions": "Where a user is logged in, and ending that.",
    "Read tokens": "What a user gives to a dashboard: it reads for as long as they want, and can be revoked.",
    "Miners": "What a user owns, and handing a miner to another user.",
    "Catalogue": "What is on sale.",
    "Income": "What miners earn: a TH on the newest day, and a user's records, days and totals.",
    "Rates": "What currencies are worth.",
    "Users": "A user at a glance.",
    "Orders": "Buying a miner: an order, and the word that it was paid.",
    "Upgrades": "More power or fewer W/TH for a miner, and what the partner owes for it.",
    "Partner": "What the partner owes, line by line.",
    "Keys": "What a key may do, and from where.",
    "Wallets": "What a user has, by currency, and the bitcoin addresses that they have bound.",
    "Exports": "Days of all users as files, for the partner's own books.",
    "Withdrawals": "Bitcoin that leaves: asked for, watched, taken back.",
    "Deposit": "Bitcoin that arrives.",
    "Events": "What happened, in one order.",
    "Webhooks": "Where events are sent to, and what became of them.",
    "Market": "Figures for anybody's page, without a credential.",
    "Dashboards": "What dashboards of others ask the vendor's app for: figures, and a user's own data.",
    "Proofs": "Signed documents of days, to be checked without trust in whoever serves them.",
    "Time": "The server's clocks.",
    "Errors": "Every code of a refusal.",
    "Sandbox": "What a sandbox alone can do: move its clock, and play with its chain.",
}

REFUSAL_NAME = "Refusal"
REFUSAL: dict[str, Any] = {
    "title": REFUSAL_NAME,
    "description": "Why a request was refused. `error` is stable; `message` is for people.",
    "type": "object",
    "properties": {
        "statusCode": {"type": "integer", "description": "the HTTP status"},
        "error": {"type": "string", "description": "one code per cause"},
        "message": {"type": "string"},
        "requestId": {"type": "string", "description": "the same as in X-Request-Id"},
        "details": {
            "type": "object",
            "description": "depends on the code; `field` names the field, header or parameter at fault",
        },
    },
    "required": ["statusCode", "error", "message", "requestId", "details"],
}

TOO_MANY = 429
REQUEST_ID, SERVER_TIME, REPLAYED, WITHDRAWAL_ID, RETRY_AFTER, POSITION = (
    "X-Request-Id",
    "X-Server-Time",
    "Idempotency-Replayed",
    "X-Withdrawal-Id",
    "Retry-After",
    "X-Hashrail-Position",
)
HEADERS: dict[str, Any] = {
    REQUEST_ID: {
        "description": "Yours, if you sent a plain one, or a new one. Logs know the request by it.",
        "required": True,
        "schema": {"type": "string"},
    },
    SERVER_TIME: {
        "description": "The server's clock in milliseconds since 1970 UTC; signatures are judged by it.",
        "required": True,
        "schema": {"type": "integer"},
    },
    "RateLimit": {
        "description": "What is left of each budget, and seconds until the oldest requests in it are counted no more.",
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": "Each budget, its requests and its window in seconds.",
        "schema": {"type": "string"},
    },
    RETRY_AFTER: {"description": "Seconds to wait.", "schema": {"type": "integer"}},
    REPLAYED: {
        "description": "`true`: the request was answered before, and nothing was done this time.",
        "schema": {"type": "string", "const": "true"},
    },
    WITHDRAWAL_ID: {
        "description": "The withdrawal's number, for the operations that read it.",
        "schema": {"type": "integer"},
    },
    POSITION: {
        "description": "How far the deployment's log was, where it has read replicas. Later ones are greater as texts; "
        "send the greatest with what you read, and you are shown at least that.",
        "schema": {"type": "string", "pattern": "^[0-9A-F]{8}-[0-9A-F]{16}$"},
    },
}
HEADERS_OF_ALL = (REQUEST_ID, SERVER_TIME, "RateLimit", "RateLimit-Policy")

SECURITY_SCHEMES: dict[str, Any] = {
    "apiKey": {
        "type": "apiKey",
        "in": "header",
        "name": "X-PARTNER-API-KEY",
        "description": "A partner's key, of kind `secret` (servers), `publishable` (clients) or `full` (both).",
    },
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A user's `jwtToken` from a login; it is valid for 15 minutes and opens that user's data only.",
    },
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "X-PARTNER-SIGNATURE",
        "description": f"{SIGNATURE}\n\nA POST carries it in its body or in this header.",
    },
    "signatureInQuery": {
        "type": "apiKey",
        "in": "query",
        "name": "signature",
        "description": "As `signature` tells, in the query: the way of a GET.",
    },
}

Requirements: TypeAlias = list[dict[str, list[str]]]
KEY: dict[str, list[str]] = {"apiKey": []}
IN_HEADERS = KEY | {"signature": []}
IN_QUERY = KEY | {"signatureInQuery": []}
SECURITY: dict[Auth, Requirements] = {
    Auth.NONE: [],
    Auth.SERVER_KEY: [KEY],
    Auth.BEARER: [{"bearer": []}],
    Auth.KEY_OR_BEARER: [KEY, {"bearer": []}],
    Auth.ANY_KEY_OR_BEARER: [KEY, {"bearer": []}],
    Auth.SIGNED: [IN_HEADERS],
}


def security(auth: Auth, method: str) -> Requirements:
    """What an operation asks of its caller: one of the alternatives."""
    return [IN_QUERY, IN_HEADERS] if (auth, method) == (Auth.SIGNED, "GET") else SECURITY[auth]


CALLERS = {
    Auth.NONE: "No credential is needed.",
    Auth.SERVER_KEY: "Caller: the partner's server with a `secret` or `full` key.",
    Auth.BEARER: "Caller: a user with their token. A key beside it must be the same partner's.",
    Auth.KEY_OR_BEARER: "Caller: a user with their token, or the partner's client with a `publishable` or `full` key.",
    Auth.ANY_KEY_OR_BEARER: "Caller: a user with their token, or the partner with any key.",
    Auth.SIGNED: "Caller: the partner's server with a `secret` or `full` key, and a signature with its `timestamp`, "
    "in the query, in the body or in headers.",
}
REPETITION = "A repetition (the very same request, or the same `Idempotency-Key` and body) gets the kept answer."
IN_STEPS = "It commits on its way: a repetition of one that was cut off goes on from there, and nothing is done twice."
MAY_BE_UNSIGNED = "A key with the setting `unsigned_upgrades` may leave the signature out."
PART = "The part of the file that Range asks for; Content-Range says which one it is."
NOT_MODIFIED = {"description": "The caller has the same answer: If-None-Match names its ETag. There is no body."}
EXTENSION = "An extension of Hashrail: the partner API's contract does not have it."

IDEMPOTENCY_KEY: dict[str, Any] = {
    "in": "header",
    "required": False,
    "description": "Your own name for this write, so that it may be sent again under a new signature.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
}
