"""Settings of a deployment: environment variables with the prefix HASHRAIL_, or the defaults below.

They stand in groups by noun; `Settings` has all of them.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from hashrail.errors import BadRequestError
from hashrail.market_settings import MarketSettings

MAX_REQUESTS = 100_000_000
Mode = Literal["production", "sandbox"]
Network = Literal["bitcoin", "testnet4", "signet", "regtest"]
Severity = Literal["info", "warning", "critical"]


# What else programs of ours read: who a command acts for, a secret to sign with, and how tests are run.
OTHER_NAMES = frozenset(
    {
        *("HASHRAIL_OPERATOR", "HASHRAIL_OPERATOR_PASSWORD", "HASHRAIL_NEW_OPERATOR_PASSWORD"),
        *("HASHRAIL_API_SECRET", "HASHRAIL_PROFILE", "HASHRAIL_EXAMPLES"),
    }
)
PREFIX, OF_TESTS = "HASHRAIL_", "HASHRAIL_TEST_"
# Settings that hosts and poolers name in this way too.
WITHOUT_PREFIX = ("database_url", "database_read_urls")
# What Kubernetes and Docker set by themselves for a service of that name, or of one like hashrail-api.
OF_HOSTS = re.compile(r"HASHRAIL_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT(_\d+_(TCP|UDP)(_\w+)?)?)")
MAX_BTC = Decimal(1)
MAX_USD = Decimal(1_000)


class BadSettingError(BadRequestError):
    """A setting of the environment has a value that it cannot have."""

    code = "BAD_SETTING"
    advice = "Correct the environment variable of that name: DATABASE_..., or HASHRAIL_ and the setting in capitals."


class DeploymentSettings(BaseModel):
    """The deployment: its mode, its data, its name."""

    mode: Mode = "production"
    """A sandbox has a business clock that can be moved, and explains refused signatures."""

    data: Path = Path(".hashrail")
    """Folder of the embedded database and the master key."""

    journal: Path | None = None
    """File that outlives the database and tells what was given and taken away; without it `data`/journal.jsonl."""

    database_url: str | None = Field(default=None, validation_alias="DATABASE_URL")
    """PostgreSQL to use; without it an embedded one is started in the data folder."""

    database_pooler_url: str | None = None
    """The same database by way of a pooler in transaction mode: API processes ask it for what they read and write. Who
    listens, works off jobs or migrates connects to `DATABASE_URL`."""

    database_connections: int = Field(default=10, ge=1)
    """Connections of one API process."""

    database_read_urls: str | None = Field(default=None, validation_alias="DATABASE_READ_URLS")
    """Hot standbys of that PostgreSQL that API processes may read from, URLs separated by commas; a comma within one is
    %2C."""

    database_read_max_lag_seconds: int = Field(default=2, ge=1, le=3600)
    """How far behind a standby may be that is read from, in seconds."""

    master_keys: str | None = None
    """Comma-separated Fernet keys that seal secrets at rest, newest first; without it `data`/master.key is used."""

    issuer: str = "hashrail"
    """Name of this deployment in its access tokens (`iss`)."""

    session_days: int = Field(default=90, ge=1, le=3650)
    """How long after the login a user's session ends, however often it is renewed."""

    sessions_per_user: int = Field(default=100, ge=1, le=1000)
    """How many sessions a user may have; a login beyond them ends the one that was not renewed for longest."""

    liabilities_every_days: int = Field(default=1, ge=0, le=366)
    """After how many signed days what is owed to all users is taken and signed again; 0 is never."""

    @field_validator("database_url", "database_pooler_url", "database_read_urls")
    @classmethod
    def _named(cls, value: str | None) -> str | None:
        """Without the blanks and the newline that the file had it was read from; None where nothing is left."""
        return (value or "").strip() or None


class ApiSettings(BaseModel):
    """The API: its paths, who is believed, how long answers are kept."""

    route_aliases: dict[str, list[str]] = Field(default_factory=dict)
    """Further paths by operation id, each from the root: {"s2s_login": ["/api/partner/s2s/login"]}."""

    route_aliases_file: Path | None = None
    """JSON file that names further paths in the same way; both count."""

    recv_windows: dict[str, int] = Field(default_factory=dict)
    """Default recvWindow in milliseconds by operation id, over the table of the contract."""

    answer_retention_seconds: int = Field(default=86400, ge=120)
    """How long the answer of a write is kept for repetitions; longer than any recvWindow."""

    key_cache_seconds: int = Field(default=5, ge=0, le=60)
    """How long a process may trust what it read of an API key; a revocation is also announced at once."""

    pages: bool = True
    """Whether the API's processes serve pages for people beside it."""

    console_codes: bool = False
    """Whether the console of a sandbox asks for codes of a generator too; that of production always does."""

    log_reads: bool = True
    """Whether reads that were answered have a line in the log; writes and refusals always have."""

    call_log_days: int = Field(default=7, ge=0, le=90)
    """How many days partners find their requests in the portal; 0 keeps none."""

    call_log_reads: bool | None = None
    """Whether reads that were answered are kept for them too, beside writes and refusals; without it a sandbox does."""

    audit_whole_hours: int = Field(default=24, ge=1, le=168)
    """After how many hours the worker's audit looks at everything once more; in between at what was written since."""

    trusted_proxies: list[IPv4Network | IPv6Network] = Field(default_factory=list)
    """Networks whose X-Forwarded-For is believed, for IP allow-lists and rate limits; empty believes nobody."""


class DoorSettings(BaseModel):
    """What strangers and slow callers may hold of one API process."""

    connections: int = Field(default=8192, ge=64, le=1_000_000)
    """Connections that a process serves at once; fewer where its limit of open files is lower."""

    connections_per_address: int = Field(default=1024, ge=1)
    """Connections that an address may have; of more, those silent longest are ended. Trusted proxies have no limit."""

    head_seconds: int = Field(default=30, ge=1, le=60)
    """How long a request's line and headers may take to come, and a connection be idle between two requests."""

    leave_seconds: int = Field(default=0, ge=0, le=300)
    """How long `hashrail serve` goes on after SIGTERM, not ready any more, so that a proxy sends nothing new to it; 0
    ends at once with what has begun."""

    body_seconds: int = Field(default=15, ge=1, le=600)
    """How long a request's body may take to come."""

    bodies_per_address: int = Field(default=64, ge=1)
    """Bodies of one address that are waited for at once; of more, the oldest is refused."""

    write_seconds: int = Field(default=30, ge=1, le=3600)
    """How long an answer may lie of which a caller takes less than 32 KiB; then the connection is ended."""


class ProbeSettings(BaseModel):
    """Health, readiness and metrics, on a listener of their own."""

    probe_host: str = "127.0.0.1"
    """Address on which `/healthz`, `/readyz` and `/metrics` are answered, whatever holds the API; not for the world."""

    probe_port: int | None = Field(default=None, ge=1, le=65535)
    """Port of it for `hashrail serve`; without one the API's port and 1000, if that is free."""

    worker_probe_port: int | None = Field(default=None, ge=1, le=65535)
    """Port of it for `hashrail worker`; without one 9070, if that is free."""


class RateLimitSettings(BaseModel):
    """How many requests may be made in a minute."""

    rate_limit_per_minute: int = Field(default=6000, ge=0, le=MAX_REQUESTS)
    """Requests that an API key may make in a minute where it has no limit of its own; 0 is without limit."""

    rate_limit_per_user_per_minute: int = Field(default=600, ge=0, le=MAX_REQUESTS)
    """Requests that a user's token may make in a minute; 0 is without limit."""

    rate_limit_per_address_per_minute: int = Field(default=600, ge=0, le=MAX_REQUESTS)
    """Requests in a minute that an address may make without credential, and with a key that anybody can read out of a
    page; 0 is without limit."""

    new_users_per_day: int = Field(default=10_000, ge=0, le=MAX_REQUESTS)
    """Users that a partner may register in 24 hours where it has no bound of its own; 0 is without limit."""

    ton_payloads_per_address_per_minute: int = Field(default=60, ge=0, le=MAX_REQUESTS)
    """Payloads of TON logins that an address may ask for in a minute; 0 is without limit."""

    ton_payloads_per_partner: int = Field(default=10_000, ge=1, le=1_000_000)
    """Payloads of TON logins that may be under way at a partner: issued, not used and not expired."""


class RateSettings(BaseModel):
    """What a day's rates lack, and how an income per TH is told."""

    kwh_usd: Decimal = Field(default=Decimal("0.05"), ge=0, le=MAX_USD, decimal_places=18)
    """Electricity in USD per kWh where a day's rates name none."""

    service_usd_per_th: Decimal = Field(default=Decimal("0.0089"), ge=0, le=MAX_USD, decimal_places=18)
    """Service in USD per TH per day where a day's rates name none."""

    gomining_usd: Decimal = Field(default=Decimal("0.2989"), gt=0, le=MAX_USD, decimal_places=18)
    """Price of the token in USD where a day's rates name none."""

    income_per_th: Literal["gross", "net"] = "gross"
    """What operations 13 and 14 call incomePerTh."""

    income_per_th_efficiency: Decimal = Field(default=Decimal(20), gt=0, lt=1000, decimal_places=2)
    """W/TH at which netIncomePerTh is reckoned."""


class OrderSettings(BaseModel):
    """Orders and exports."""

    order_ttl_seconds: int = Field(default=3600, ge=1, le=31 * 86400)
    """How long a created order keeps its price and credit reserved."""

    late_notice_seconds: int = Field(default=86400, ge=0)
    """How long after its end an order is still issued when its payment is told, if its offer is as it was."""

    open_orders_share: Decimal = Field(default=Decimal("0.5"), gt=0, le=1)
    """The most of the capacity that is not sold that a partner's unpaid orders may hold, where there are several
    partners; one order may always be open."""

    export_keep_seconds: int = Field(default=7 * 86400, ge=60, le=366 * 86400)
    """How long the finished file of an export is kept."""


class BitcoinNodeSettings(BaseModel):
    """The Bitcoin node: where it is, and which chain it must have."""

    bitcoin_network: Network | None = None
    """Chain that withdrawals are paid on; without it bitcoin, and regtest in a sandbox."""

    bitcoin_rpc_url: str | None = Field(default=None, pattern="^https?://.")
    """JSON-RPC endpoint of the Bitcoin node that pays, like http://127.0.0.1:8332; without it nothing is paid."""

    bitcoin_rpc_cookie: Path | None = None
    """The node's cookie file, read for each call; it wins over user and password."""

    bitcoin_rpc_user: str | None = None
    """User of the node's JSON-RPC."""

    bitcoin_rpc_password: str | None = None
    """Password of that user."""

    bitcoin_rpc_timeout_seconds: int = Field(default=30, ge=1, le=600)
    """How long the node may take for an answer; after that, whether it acted counts as unknown."""

    bitcoin_witness_url: str | None = Field(default=None, pattern="^https?://.")
    """JSON-RPC endpoint of a second node, of somebody else or on another machine: a deposit is credited, and a payment
    given up, only where it has the block as deep as the first one."""

    bitcoin_witness_cookie: Path | None = None
    """The second node's cookie file; it wins over user and password."""

    bitcoin_witness_user: str | None = None
    """User of the second node's JSON-RPC."""

    bitcoin_witness_password: str | None = None
    """Password of that user."""

    bitcoin_pinned_height: int | None = Field(default=None, ge=0)
    """Height of a block whose hash the operator knows from elsewhere."""

    bitcoin_pinned_hash: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """Hash of that block; a node that has another one there does not pay."""

    bitcoin_allow_knots: bool = False
    """Let Bitcoin Knots pay on bitcoin and testnet4, where it may have left the chain that others are on."""


class BitcoinWalletSettings(BaseModel):
    """The wallet that pays: its keys, fee rates, and when something counts as done."""

    bitcoin_wallet: str = "hashrail"
    """Wallet on the node that pays; with a signer it only watches."""

    bitcoin_signer_file: Path | None = None
    """File with the keys of an external signer, readable by its owner only; without one the node's wallet signs."""

    bitcoin_signer: str | None = None
    """The same keys as text, for hosts that hand out secrets as variables; the file wins."""

    bitcoin_fee_fallback: Decimal = Field(default=Decimal(10), ge=0, le=10_000, decimal_places=3)
    """Fee rate in sat/vB where the node has no estimate; with 0 nothing is paid until it has one."""

    bitcoin_fee_minimum: Decimal = Field(default=Decimal(1), ge=Decimal("0.1"), le=10_000, decimal_places=3)
    """The least fee rate in sat/vB."""

    bitcoin_fee_cap: Decimal = Field(default=Decimal(200), ge=1, le=10_000, decimal_places=3)
    """The most that is paid in sat/vB, whatever the node estimates."""

    @model_validator(mode="after")
    def _in_order(self) -> "BitcoinWalletSettings":
        """The least is not more than the most."""
        if not self.bitcoin_fee_minimum <= self.bitcoin_fee_cap:
            raise ValueError(
                f"bitcoin_fee_minimum is {self.bitcoin_fee_minimum}, above the cap of {self.bitcoin_fee_cap}"
            )
        return self

    bitcoin_final_depth: int = Field(default=6, ge=1, le=100)
    """Confirmations after which a payment is final and posted, and after which a conflict makes it due again."""

    bitcoin_deposit_confirmations: int = Field(default=2, ge=1, le=100)
    """Confirmations after which a deposit is credited, where no amount below asks for more."""

    bitcoin_deposit_depths: dict[Decimal, Annotated[int, Field(ge=1, le=100)]] = Field(
        default_factory=lambda: {Decimal(1): 3, Decimal(10): 6}
    )
    """Confirmations by BTC from which on they are asked for, like {"1": 3, "10": 6}; what one block brings counts
    together, since it costs as much to make up one deposit in it as many."""


class PayoutSettings(BaseModel):
    """Batches of payouts."""

    payout_fast_minutes: int = Field(default=10, ge=0, le=50)
    """How long fast withdrawals are gathered, counted from the oldest, before a batch pays them."""

    payout_daily_hour: int = Field(default=6, ge=0, le=23)
    """Hour of the UTC day at which withdrawals without commission are paid."""

    payout_most_outputs: int = Field(default=500, ge=1, le=2000)
    """The most addresses that one transaction pays."""

    payout_fee_budget_btc: Decimal = Field(default=Decimal("0.05"), gt=0, le=1, decimal_places=8)
    """The most that one batch may cost in network fees, raised fees included, in BTC."""

    payout_bump_minutes: int = Field(default=60, ge=10, le=10_080)
    """After how many minutes without a confirmation the fee of a batch is raised."""


class WithdrawalSettings(BaseModel):
    """Withdrawals."""

    withdraw_minimum_btc: Decimal = Field(
        default=Decimal("0.00005"), ge=Decimal("0.00000294"), le=MAX_BTC, decimal_places=8
    )
    """The least that can be withdrawn, in BTC; it must be worth more than paying it costs. What an address could not
    spend any more (546 satoshi for P2PKH, 330 for taproot) is refused in any case."""

    binding_cooldown_seconds: int = Field(default=86_400, ge=0, le=2_592_000)
    """How long an address that a user binds beside another waits before it is paid, where a partner's users withdraw to
    bound addresses only; 0 is at once."""

    wallets_per_user: int = Field(default=50, ge=1, le=10_000)
    """How many addresses a user may bind; one that was taken off counts for 30 days."""

    withdraw_commission_btc: Decimal = Field(default=Decimal("0.00006"), ge=0, le=MAX_BTC / 100, decimal_places=8)
    """Commission of a fast withdrawal in BTC, on top of the amount; one within 24 hours costs nothing."""


class TonSettings(BaseModel):
    """Logins with a TON wallet."""

    ton_chain: str = "-239"
    """TON network whose wallets may log in: -239 is mainnet, -3 testnet."""

    ton_workchains: list[Literal[0, -1]] = [0, -1]
    """Workchains whose accounts may log in."""

    ton_payload_seconds: int = Field(default=900, ge=60, le=86400)
    """How long a user may take from asking for a payload to logging in with it."""

    ton_max_age_seconds: int = Field(default=900, ge=1, le=86400)
    """How old a TON proof may be."""

    ton_max_ahead_seconds: int = Field(default=60, ge=0, le=3600)
    """How far in the future the time of a TON proof may lie: wallets' clocks differ."""

    ton_rpc_url: str | None = Field(default=None, pattern="^https?://.")
    """JSON-RPC endpoint of a TON HTTP API of the toncenter v2 kind; without it, wallets whose key only the chain knows
    are refused."""

    ton_rpc_api_key: str | None = None
    """Sent to the TON endpoint as X-API-Key."""

    ton_rpc_timeout_seconds: int = Field(default=5, ge=1, le=60)
    """How long the TON endpoint may take to tell an account's key."""

    ton_rpc_asks_per_address_per_minute: int = Field(default=30, ge=0)
    """Logins from one address in a minute that ask the TON endpoint; 0 is without limit."""


class WebhookSettings(BaseModel):
    """Webhooks."""

    webhook_anywhere: bool | None = None
    """Let webhooks go to private addresses, any port and http; without it a sandbox does, and production does not."""


class AlarmSettings(BaseModel):
    """Alarms: who is told, and from when on something is one."""

    alarm_urls: dict[Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_-]{0,49}$")], SecretStr] = Field(
        default_factory=dict
    )
    """Who is told of alarms, each by a name and a URL of apprise's: {"ops": "mailto://...", "pager": "slack://..."}."""

    alarm_least: dict[str, Severity] = Field(default_factory=dict)
    """From which severity on each of them is told (info, warning, critical); warning where none is named:
    {"pager": "critical"}."""

    heartbeat_url: SecretStr | None = Field(default=None)
    """Called by the worker every minute while its essential jobs succeed, so that somebody outside misses it."""

    admin_token_digest: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """SHA-256, in hex, of the token with which monitoring reads `/api/admin/alarms`; without it nobody does."""

    alarm_wallet_days: int = Field(default=3, ge=1, le=90)
    """For how many days the hot wallet should suffice, by what waits and what left a day in the last week."""

    alarm_credit_share: Decimal = Field(default=Decimal("0.9"), gt=0, le=1, decimal_places=4)
    """From which share of its credit limit on a partner's use is an alarm."""

    alarm_capacity_share: Decimal = Field(default=Decimal("0.95"), gt=0, le=1, decimal_places=4)
    """From which share of the capacity on what is promised is an alarm."""

    @model_validator(mode="after")
    def _named_twice(self) -> "AlarmSettings":
        """A severity is of somebody who is told."""
        strangers = sorted(self.alarm_least.keys() - self.alarm_urls.keys())
        if strangers:
            raise ValueError(f"alarm_least names {', '.join(strangers)}, whom alarm_urls does not name")
        heartbeat = self.heartbeat_url
        if heartbeat is not None and not heartbeat.get_secret_value().startswith(("http://", "https://")):
            raise ValueError("heartbeat_url begins with http:// or https://")
        return self


class Settings(
    DeploymentSettings,
    ApiSettings,
    DoorSettings,
    ProbeSettings,
    RateLimitSettings,
    RateSettings,
    MarketSettings,
    OrderSettings,
    BitcoinNodeSettings,
    BitcoinWalletSettings,
    PayoutSettings,
    WithdrawalSettings,
    TonSettings,
    WebhookSettings,
    AlarmSettings,
    BaseSettings,
):
    """What an operator may set. `database_url` is read from DATABASE_URL, the name that hosts use.

    A variable that is empty counts as not set.
    """

    model_config = SettingsConfigDict(env_prefix="HASHRAIL_", env_ignore_empty=True, frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments and variables: files are not looked for."""
        return init_settings, env_settings

    @property
    def read_urls(self) -> list[str]:
        """Where standbys are that may be read from."""
        return [url.strip() for url in (self.database_read_urls or "").split(",") if url.strip()]

    @property
    def journal_file(self) -> Path:
        """Where the journal is written."""
        return self.journal or self.data / "journal.jsonl"

    @property
    def network(self) -> Network:
        """The chain that addresses must belong to."""
        return self.bitcoin_network or ("regtest" if self.mode == "sandbox" else "bitcoin")


def assert_names_known(environment: Mapping[str, str]) -> None:
    """No variable looks like a setting and is none: a misspelt one would be ignored without a word.

    Raises BadSettingError with the nearest name that there is.
    """
    known = [PREFIX + name.upper() for name in Settings.model_fields if name not in WITHOUT_PREFIX]
    for name, value in environment.items():
        shown = name.upper()
        is_ours = shown.startswith(PREFIX) and not shown.startswith(OF_TESTS) and not OF_HOSTS.fullmatch(shown)
        if is_ours and value.strip() and shown not in OTHER_NAMES and shown not in known:
            bare = {each.removeprefix(PREFIX): each for each in known}
            bare |= {name.upper(): name.upper() for name in WITHOUT_PREFIX}
            near = [bare[each] for each in get_close_matches(shown.removeprefix(PREFIX), bare, n=1)]
            raise BadSettingError(f"{name} is no setting{f': is {near[0]} meant?' if near else ''}")


# In the order in which the reference shows them; the last base is what reads the environment.
GROUPS: tuple[type[BaseModel], ...] = Settings.__bases__[:-1]
