"""Settings of a deployment: environment variables with the prefix HASHRAIL_, or the defaults below."""

from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


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

    recv_windows: dict[str, int] = Field(default_factory=dict)
    """Default recvWindow in milliseconds by operation id, over the table of the contract."""

    key_cache_seconds: int = Field(default=5, ge=0, le=60)
    """How long a process may trust what it read of an API key; a revocation is also announced at once."""

    trusted_proxies: list[str] = Field(default_factory=list)
    """Networks whose X-Forwarded-For is believed for the IP allow-list; empty believes nobody."""

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

    answer_retention_seconds: int = Field(default=86400, ge=120)
    """How long the answer of a write is kept for repetitions; longer than any recvWindow."""

    database_connections: int = Field(default=10, ge=1)
    """Connections of one API process."""
