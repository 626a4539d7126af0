"""Settings are judged when a process starts: what is no setting, and what no setting can be."""

import subprocess
import sys

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from hashrail.cli.main import app
from hashrail.settings import BadSettingError, Settings, assert_names_known


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("HASHRAIL_BITCOIN_FEECAP", "HASHRAIL_BITCOIN_FEE_CAP"),
        ("HASHRAIL_WITHDRAW_MINIMUM", "HASHRAIL_WITHDRAW_MINIMUM_BTC"),
        ("HASHRAIL_TRUSTED_PROXY", "HASHRAIL_TRUSTED_PROXIES"),
        ("hashrail_moed", "HASHRAIL_MODE"),
        ("HASHRAIL_DATABASE_URL", "DATABASE_URL"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(BadSettingError, match=f"{name} is no setting: is {near} meant\\?"):
        assert_names_known({name: "1"})


def test_a_name_like_no_other_is_refused_too() -> None:
    with pytest.raises(BadSettingError, match=r"HASHRAIL_XYZZY is no setting$"):
        assert_names_known({"HASHRAIL_XYZZY": "1"})


@pytest.mark.parametrize(
    "name",
    [
        *("HASHRAIL_MODE", "hashrail_mode", "HASHRAIL_OPERATOR_PASSWORD", "HASHRAIL_API_SECRET", "HASHRAILX", "PATH"),
        *("HASHRAIL_SERVICE_HOST", "HASHRAIL_API_SERVICE_PORT_HTTP", "HASHRAIL_PORT", "HASHRAIL_PORT_8080_TCP_ADDR"),
    ],
)
def test_what_is_read_elsewhere_is_no_matter(name: str) -> None:
    """By other programs of ours, and what hosts set for a service of that name."""
    assert_names_known({name: "1"})
    assert_names_known({"HASHRAIL_XYZZY": " "})  # empty is not set


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trusted_proxies", '["10.0.0.1/8"]'),
        ("trusted_proxies", '["nginx"]'),
        ("trusted_proxies", '["*"]'),
        ("kwh_usd", "-1"),
        ("service_usd_per_th", "-0.01"),
        ("gomining_usd", "0"),
        ("withdraw_commission_btc", "6000"),
        ("withdraw_commission_btc", "NaN"),
        ("withdraw_minimum_btc", "2"),
        ("income_per_th_efficiency", "0"),
        ("order_ttl_seconds", "99999999"),
        ("bitcoin_fee_minimum", "201"),
        ("market_btc_sources", "[]"),
        ("market_btc_sources", '["kraken:BTC/USD","coinbase:BTC/USD"]'),
        ("market_btc_sources", '["kraken:BTC/USD","coinbase:BTC/USD","kraken:BTC/USDT"]'),
        ("market_btc_sources", '["kraken:BTC/USD","coinbase:BTC/USD","krakn:BTC/USD"]'),
        ("market_btc_sources", '["kraken:BTC/USD","okx:BTC/USDT","myokx:BTC/USDT"]'),
        ("market_btc_sources", '["hitbtc:BTC/USDT","fmfwio:BTC/USDT","bequant:BTC/USDT"]'),
        ("market_btc_sources", '["kraken:BTC/USD","coinbase:BTC/USD","coinbaseexchange:BTC/USD"]'),
        ("market_btc_sources", '["kraken:BTC/USD","coinbase:BTC/USD","../evil:BTC/USD"]'),
        ("market_btc_sources", '["kraken:BTC/USD","coinbase:BTC/USD","bitstamp"]'),
        ("market_gomining_sources", '["mexc:GOMINING/USDT"]'),
        ("market_urls", '{"krakn": "http://127.0.0.1"}'),
        ("market_urls", '{"kraken": "127.0.0.1"}'),
        ("market_quorum", "2"),
        ("market_quorum", "7"),
        ("market_deviation", "0"),
        ("market_deviation", "0.6"),
        ("market_fetch", "perhaps"),
    ],
)
def test_what_makes_no_sense_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """By its name."""
    monkeypatch.setenv(f"HASHRAIL_{name.upper()}", value)
    with pytest.raises(ValidationError, match=name):
        Settings()


def test_every_command_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it looks for a deployment."""
    for name, value in (
        ("HASHRAIL_BITCOIN_FEECAP", "5"),
        ("HASHRAIL_KWH_USD", "-1"),
        ("HASHRAIL_BITCOIN_FEE_CAP", "0.5"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            for words in (("payouts", "status"), ("migrate",), ("demo",), ("serve",), ("worker",)):
                made = CliRunner().invoke(app, words)
                assert (made.exit_code, made.stderr.partition(":")[0]) == (1, "BAD_SETTING"), made.output


def test_exchanges_are_known_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is judged when a process starts, and the library takes a second to import."""
    loaded = "import sys; from hashrail.settings import Settings; Settings(); print('ccxt' in sys.modules)"
    monkeypatch.setenv("HASHRAIL_MARKET_BTC_SOURCES", '["kraken:BTC/USD","coinbase:BTC/USD","gemini:BTC/USD"]')
    made = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert made.stdout == "False\n"
