"""Settings of a deployment: environment variables with the prefix HASHRAIL_, or the defaults below."""

from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

MOST_REQUESTS = 100_000_000
Network = Literal["bitcoin", "testnet4", "signet", "regtest"]


class Settings(BaseSettings):
    """What an operator may set. `database_url` is also read from DATABASE_URL, the name that hosts use."""

    model_config = SettingsConfigDict(env_prefix="HASHRAIL_", frozen=True)

    mode: Literal["production", "sandbox"] = "production"
    """A sandbox has a business clock that can be moved, and explains refused signatures."""

    data: Path = Path(".hashrail")
    """Folder of the embedded database and the master key."""

    database_url: str | None = Field(default=None, validation_alias="DATABASE_URL")
    """PostgreSQL to use; without it an embedded one is started in the data folder."""

    master_keys: str | None = None
    """Comma-separated Fernet keys that seal secrets at rest, newest first; without it `data`/master.key is used."""

    issuer: str = "hashrail"
    """Name of this deployment in its access tokens (`iss`)."""

    route_aliases: dict[str, list[str]] = Field(default_factory=dict)
    """Further paths by operation id, each from the root: {"s2s_login": ["/api/partner/s2s/login"]}."""

    route_aliases_file: Path | None = None
    """JSON file that names further paths in the same way; both count."""

    recv_windows: dict[str, int] = Field(default_factory=dict)
    """Default recvWindow in milliseconds by operation id, over the table of the contract."""

    key_cache_seconds: int = Field(default=5, ge=0, le=60)
    """How long a process may trust what it read of an API key; a revocation is also announced at once."""

    trusted_proxies: list[str] = Field(default_factory=list)
    """Networks whose X-Forwarded-For is believed, for IP allow-lists and rate limits; empty believes nobody."""

    rate_limit_per_minute: int = Field(default=6000, ge=0, le=MOST_REQUESTS)
    """Requests that an API key may make in a minute where it has no limit of its own; 0 is without limit."""

    rate_limit_per_user_per_minute: int = Field(default=600, ge=0, le=MOST_REQUESTS)
    """Requests that a user's token may make in a minute; 0 is without limit."""

    rate_limit_per_address_per_minute: int = Field(default=600, ge=0, le=MOST_REQUESTS)
    """Requests in a minute that an address may make without credential, and with a key that anybody can read out of a
    page; 0 is without limit."""

    income_per_th: Literal["gross", "net"] = "gross"
    """What operations 13 and 14 call incomePerTh."""

    income_per_th_efficiency: Decimal = Decimal(20)
    """W/TH at which netIncomePerTh is reckoned."""

    kwh_usd: Decimal = Decimal("0.05")
    """Electricity in USD per kWh where a day's rates name none."""

    service_usd_per_th: Decimal = Decimal("0.0089")
    """Service in USD per TH per day where a day's rates name none."""

    gomining_usd: Decimal = Decimal("0.2989")
    """Price of the token in USD where a day's rates name none."""

    order_ttl_seconds: int = Field(default=3600, ge=1)
    """How long a created order keeps its price and credit reserved."""

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

    bitcoin_wallet: str = "hashrail"
    """Wallet on the node that pays; with a signer it only watches."""

    bitcoin_signer_file: Path | None = None
    """File with the keys of an external signer, readable by its owner only; without one the node's wallet signs."""

    bitcoin_signer: str | None = None
    """The same keys as text, for hosts that hand out secrets as variables; the file wins."""

    bitcoin_fee_fallback: Decimal = Field(default=Decimal(10), ge=1, le=10_000, decimal_places=3)
    """Fee rate in sat/vB where the node has no estimate."""

    bitcoin_fee_minimum: Decimal = Field(default=Decimal(1), ge=Decimal("0.1"), le=10_000, decimal_places=3)
    """The least fee rate in sat/vB."""

    bitcoin_fee_cap: Decimal = Field(default=Decimal(200), ge=1, le=10_000, decimal_places=3)
    """The most that is paid in sat/vB, whatever the node estimates."""

    bitcoin_pinned_height: int | None = Field(default=None, ge=0)
    """Height of a block whose hash the operator knows from elsewhere."""

    bitcoin_pinned_hash: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """Hash of that block; a node that has another one there does not pay."""

    bitcoin_allow_knots: bool = False
    """Let Bitcoin Knots pay on bitcoin and testnet4, where it may have left the chain that others are on."""

    bitcoin_final_depth: int = Field(default=6, ge=1, le=100)
    """Confirmations after which a payment is final and posted, and after which a conflict makes it due again."""

    bitcoin_deposit_confirmations: int = Field(default=2, ge=1, le=100)
    """Confirmations after which a deposit is credited."""

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

    withdraw_minimum_btc: Decimal = Field(default=Decimal("0.00005"), ge=Decimal("0.00000294"), decimal_places=8)
    """The least that can be withdrawn, in BTC; it must be worth more than paying it costs. What an address could not
    spend any more (546 satoshi for P2PKH, 330 for taproot) is refused in any case."""

    withdraw_commission_btc: Decimal = Field(default=Decimal("0.00006"), ge=0, decimal_places=8)
    """Commission of a fast withdrawal in BTC, on top of the amount; one within 24 hours costs nothing."""

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

    answer_retention_seconds: int = Field(default=86400, ge=120)
    """How long the answer of a write is kept for repetitions; longer than any recvWindow."""

    database_connections: int = Field(default=10, ge=1)
    """Connections of one API process."""

    @property
    def network(self) -> Network:
        """The chain that addresses must belong to."""
        return self.bitcoin_network or ("regtest" if self.mode == "sandbox" else "bitcoin")

    @property
    def simulates_chain(self) -> bool:
        """Whether payouts and deposits happen on a simulated chain: in a sandbox without a node."""
        return self.mode == "sandbox" and self.bitcoin_rpc_url is None
