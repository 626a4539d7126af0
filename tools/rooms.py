"""The layout of `src/hashrail`: which rooms there are, in the order of imports, and what each shows to the others.

A module of the ground imports only what stands before it on the ground. A module of a package imports the ground, the
packages before its own, and of those only the modules that they show: their public face. Within a package modules
import each other as they like, without a cycle. `tests/house/test_rooms.py` holds all of it, and
docs/reference/modules.md shows it.
"""

from dataclasses import dataclass

GROUND = (
    *(
        "version",
        "texts",
        "logs",
        "errors",
        "money",
        "bounds",
        "clock",
        "sheets",
        "venues",
        "market_settings",
        "settings",
        "sqlstates",
    ),
    *("database_url", "db_session", "db_pooled", "db", "business_clock", "private_files", "vault"),
)
# `hashrail` itself, whose docstring says what it is.
ROOT_PACKAGE = "hashrail"


@dataclass(frozen=True, slots=True)
class Room:
    """A package: what it is for, and the modules that others may import."""

    name: str
    title: str
    face: tuple[str, ...]


ROOMS = (
    Room(
        "postgres",
        "A PostgreSQL of our own",
        (
            *("binaries", "bootstrap", "distributing", "dumping", "job_queue", "positions", "readiness", "replicas"),
            *("scratch", "server", "table_kinds", "tether"),
        ),
    ),
    Room(
        "bitcoin",
        "Bitcoin: addresses, the node, its chain or a simulated one",
        (
            *("addresses", "amounts", "block_proofs", "chain", "coin_selection", "evidence", "findings", "look_back"),
            *(
                "coin_proofs",
                "node",
                "node_chain",
                "node_checks",
                "node_report",
                "opening",
                "public_descriptors",
                "records",
                "rpc",
                "signer",
                "simulated_chain",
                "simulated_look",
                "wallet_marks",
            ),
        ),
    ),
    Room(
        "deployment",
        "An open deployment, and what it is",
        ("changing", "comparing", "establishing", "facts", "journal", "journal_file", "opened", "sealing"),
    ),
    Room("market", "What the world outside says of a day: blocks and prices", ("chain_days", "exchanges", "quotes")),
    Room(
        "events",
        "What happened, told to partners",
        (
            *(
                "browsing",
                "catalogue",
                "deliveries",
                "delivery_log",
                "drafts",
                "endpoints",
                "event",
                "feed",
                "looking",
                "mover",
                "outlook",
                "planning",
            ),
            *("samples", "selection", "sending", "standing", "targets", "turns"),
            *("types.alarms", "types.balances", "types.days", "types.deposits"),
            *("types.keys", "types.miners", "types.orders", "types.partners", "types.payments"),
            *(
                "types.read_tokens",
                "types.sessions",
                "types.users",
                "types.wallets",
                "types.webhooks",
                "types.withdrawals",
            ),
        ),
    ),
    Room(
        "access",
        "Who may: signatures, tokens, keys, limits, idempotency",
        (
            "addresses",
            *(
                "access_tokens",
                "call_log",
                "api_keys",
                "idempotency",
                "open_sessions",
                "origins",
                "rate_budgets",
                "read_tokens",
                "scopes",
                "session_grants",
            ),
            *("sessions", "signatures"),
            *("ton_domains", "ton_endpoint", "ton_payloads", "ton_proof", "ton_wallet", "withdrawal_keys"),
        ),
    ),
    Room("books", "The books", ("chart", "fence", "ledger", "lost_numbers", "transfer_sets")),
    Room(
        "parties",
        "Partners, users, operators",
        (
            *(
                "alone",
                "browser_sessions",
                "changes",
                "day_ago",
                "invitations",
                "member_changes",
                "member_log",
                "member_passkeys",
                "member_second_factors",
                "member_sessions",
                "member_signing_in",
                "member_tasks",
                "members",
                "newcomers",
                "operator_passkeys",
                "operator_sessions",
                "operators",
                "partners",
                "passkeys",
                "passwords",
                "people",
                "permissions",
                "second_factors",
                "sent_forms",
                "sign_in_attempts",
                "signing_in",
                "staff",
                "standings",
                "tasks",
                "totp",
                "users",
                "views",
            ),
        ),
    ),
    Room(
        "rewards",
        "What miners earn",
        (
            *(
                "closing",
                "day_sources",
                "day_sums",
                "day_waits",
                "detailed_days",
                "discounts",
                "entering",
                "fetching",
                "formula",
            ),
            "income_records",
            *("node_words", "portfolios", "preview", "rate_classes", "rates", "record_pages", "settling", "standing"),
            *("stints", "taking_back", "tariffs", "trial", "user_balances"),
        ),
    ),
    Room(
        "selling",
        "What partners sell",
        (
            *(
                "beginnings",
                "billing",
                "capacity",
                "catalogue",
                "gathered_orders",
                "miner_transfers",
                "miners",
                "offer_files",
                "orders",
            ),
            *("partner_closing", "payment_reversals", "platform_totals", "preview", "refunds", "samples"),
            *("statement_files", "statements"),
            *("upgrade_prices", "upgrade_tariff", "upgrades", "user_purchases"),
        ),
    ),
    Room(
        "custody",
        "Bitcoin in trust: deposits and withdrawals",
        (
            *(
                "address_owners",
                "approvals",
                "bound_wallets",
                "corrections",
                "deposit_addresses",
                "deposit_evidence",
                "deposits",
                "deposits_by_number",
                "destinations",
                "foreign_spends",
                "gathered_wallets",
                "hot_wallet",
                "movements",
                "operator_withdrawals",
                "payout_policy",
                "payout_terms",
                "regime",
            ),
            *("wallet_history", "withdrawal_sums", "withdrawal_telling", "withdrawals"),
        ),
    ),
    Room(
        "payouts",
        "Paying out",
        (
            *("batches", "exports", "fee_bumps", "outflow", "processor", "queue", "recorded_payments", "run_report"),
            *("settlement", "stops", "watch"),
        ),
    ),
    Room(
        "audit",
        "Holding the books against themselves",
        ("auditing", "explain", "invariants", "marks", "reconciliation", "reconciliation_lines"),
    ),
    Room("proofs", "What others can check without trust", ("day_documents", "keys", "liabilities", "reserves")),
    Room(
        "accounting",
        "For accountants: journal, trial balance, invoices, statements, and what the pool has paid",
        (
            *("account_pages", "invoice_page", "invoices", "journal_texts", "periods"),
            *("pool_files", "pool_payments", "pool_promises", "pool_receipts"),
            *("trial_balance", "user_statement", "words"),
        ),
    ),
    Room(
        "exports",
        "A partner's days as files, and what they add up to",
        ("columns", "content", "day_totals", "export", "kinds", "making"),
    ),
    Room(
        "support",
        "Answers for who is asked",
        (
            *("balances", "finding", "histories", "income_change", "income_periods", "lists", "notes", "user_pages"),
            *("deposit_waits", "miner_pages", "over_all", "partner_lists", "waiting", "waits"),
        ),
    ),
    Room(
        "recovery",
        "After a restore",
        ("archiving", "backup_check", "backup_file", "backups", "lost", "restoring", "restoring_backup", "takings"),
    ),
    Room(
        "alarms",
        "What people are told",
        (
            *("counts", "dead_man", "delivery", "messages", "noting", "observations", "readings", "rules", "silences"),
            *("states", "workers"),
        ),
    ),
    Room(
        "acts",
        "What operators do",
        (
            *(
                "acting",
                "alarms",
                "allowed",
                "catalogue",
                "changes",
                "corrections",
                "days",
                "deployment",
                "discounts",
                "invoices",
                "keys",
            ),
            *("members", "operators", "orders", "partners", "payments", "payout_terms", "payouts", "pool", "rates"),
            *("running", "sessions", "standings", "tariffs", "webhooks", "withdrawals"),
        ),
    ),
    Room("sandbox", "A sandbox", ("chain", "customers", "demo", "journey", "moves", "rates", "scenarios")),
    Room(
        "processes",
        "What runs",
        (
            *(
                "alarm_page",
                "gauges",
                "housekeeping",
                "leaving",
                "meters",
                "metrics_page",
                "onlooker",
                "probes",
                "server",
            ),
            *("timetable", "worker"),
        ),
    ),
    Room(
        "api",
        "The API",
        (
            *("app", "document.field_words", "document.openapi", "operations.routes"),
            *("serving.answering", "serving.call", "serving.door", "serving.envelope", "serving.errors"),
            "serving.operation",
            *("serving.ranges", "serving.state", "wire.fields", "wire.models"),
        ),
    ),
    Room("pages", "Pages for people", ()),
    Room("cli", "The operator's command line", ()),
)
# The rooms inside the API, in the order of their imports; `app` puts them together.
API_ROOMS = ("wire", "serving", "operations", "document", "app")
