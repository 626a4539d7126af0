"""DATABASE_URL as libpq reads it: what is given on, done in another way, left out, or refused by its name."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from hashrail import database_url
from hashrail.settings import BadSettingError, Settings

URL = "postgresql://ann:s%40cret@db.example:6432/books"
AS_PSYCOPG = {"user": "ann", "password": "s@cret", "host": "db.example", "port": "6432", "dbname": "books"}
# What hosts and their manuals put into the URL.
AS_HOSTS_HAVE_IT = (
    "sslmode=require",
    "sslmode=prefer&channel_binding=prefer",
    "sslmode=disable&gssencmode=disable",
    "connect_timeout=10",
    "connect_timeout=0",
    "keepalives=1&keepalives_idle=30&keepalives_interval=10&keepalives_count=3&tcp_user_timeout=10000",
    "gssencmode=prefer&channel_binding=disable",
    "target_session_attrs=read-write",
    "target_session_attrs=primary&load_balance_hosts=random",
    "application_name=books",
    "fallback_application_name=books",
    "options=-c%20geqo%3Doff",
    "options=endpoint%3Dep-cool-name-123456",
    "client_encoding=utf8",
    "sslsni=1&sslcompression=0&sslcertmode=allow&gssdelegation=0",
    "replication=false&min_protocol_version=3.0&max_protocol_version=3.2",
    "sslrootcert=system",
    "sslrootcert=system&sslmode=verify-full",
    "ssl_min_protocol_version=TLSv1.3",
)
REFUSED = {
    "channel_binding=require": "channel_binding",
    "gssencmode=require": "gssencmode",
    "require_auth=scram-sha-256": "require_auth",
    "requirepeer=postgres": "requirepeer",
    "sslcertmode=require": "sslcertmode",
    "sslcrldir=/etc/crl": "sslcrldir",
    "gssdelegation=1": "gssdelegation",
    "replication=database": "replication",
    "min_protocol_version=3.2": "min_protocol_version",
    "target_session_attrs=read-only": "target_session_attrs",
    "target_session_attrs=leader": "target_session_attrs",
    "scram_client_key=c2VjcmV0": "scram_client_key",
    "oauth_client_secret=s3cret": "oauth_client_secret",
    "sslrootcert=system&sslmode=require": "sslmode",
    "sslrootcert=/nowhere/ca.pem": "sslrootcert",
    "sslcert=/nowhere/me.pem&sslkey=/nowhere/me.key": "sslcert",
    "connect_timeout=soon": "connect_timeout",
    "hostaddr=10.0.0.1&sslmode=verify-full": "hostaddr",
    "pgbouncer=true": "pgbouncer",
    "connection_limit=1": "connection_limit",
    "schema=public": "schema",
    "ssl=true&foo=bar": "foo",
}


def test_every_option_of_libpq_is_decided() -> None:
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()}
    assert known <= set(database_url.OPTIONS)
    assert all(option.how for option in database_url.OPTIONS.values())


@pytest.mark.parametrize("options", AS_HOSTS_HAVE_IT)
def test_what_hosts_put_into_the_url(options: str) -> None:
    target = database_url.read(f"{URL}?{options}")
    (place,) = target.places()
    assert (place["host"], place["port"], place["database"]) == ("db.example", 6432, "books")
    assert (place["user"], place["password"]) == ("ann", "s@cret")
    given = conninfo_to_dict(target.conninfo)
    assert AS_PSYCOPG.items() <= given.items()


@pytest.mark.parametrize(("options", "name"), REFUSED.items())
def test_what_would_change_the_meaning(options: str, name: str) -> None:
    with pytest.raises(BadSettingError) as refused:
        database_url.read(f"{URL}?{options}")
    assert refused.value.details == {"option": name}
    assert name in refused.value.message
    for secret in ("s@cret", "s3cret", "c2VjcmV0"):
        assert secret not in refused.value.message


@pytest.mark.parametrize(
    "text",
    [
        *("garbage", "mysql://x:secret@y/z", "postgresql+asyncpg://x:secret@y/z", "postgresql://x:secret@y:port/z"),
        *("postgresql://x:secret@y:0/z", "postgresql://x:secret@y:99999999/z", "postgresql://x:se/c?ret=1@y/z"),
        *("postgresql://x:%zz@y/z", "host=y password='secret", "postgresql://[::1/z"),
    ],
)
def test_what_is_no_url(text: str) -> None:
    """What could be a password is not repeated."""
    with pytest.raises(BadSettingError) as refused:
        database_url.read(text)
    assert refused.value.message == database_url.FORM


def facts(place: dict[str, Any], *names: str) -> list[Any]:
    return [place[name] for name in names]


def test_how_places_are_told() -> None:
    two = database_url.read("postgresql://ann@one:1,two:2/books?target_session_attrs=read-write")
    assert [facts(place, "host", "port") for place in two.places()] == [["one", 1], ["two", 2]]
    assert two.wants == "primary"
    assert conninfo_to_dict(two.conninfo)["target_session_attrs"] == "primary"
    shared = database_url.read("postgresql://one,two/books?port=7")
    assert [facts(place, "host", "port") for place in shared.places()] == [["one", 7], ["two", 7]]
    assert facts(database_url.read("postgresql://[::1]:5/x").places()[0], "host", "port") == ["::1", 5]
    assert facts(database_url.read("postgresql:///x?host=/var/run").places()[0], "host", "port") == ["/var/run", None]
    words = database_url.read("host=one port=6 dbname=books user=ann password='a b'")
    assert facts(words.places()[0], "host", "port", "database", "password") == ["one", 6, "books", "a b"]
    dialled = database_url.read("postgresql://one/x?hostaddr=10.0.0.1")
    assert facts(dialled.places()[0], "host") == ["10.0.0.1"]
    with pytest.raises(BadSettingError, match="more hosts than ports"):
        database_url.read("postgresql://one,two,three/x?port=1,2")


def test_hosts_in_another_order_each_time() -> None:
    many = database_url.read("postgresql://a,b,c,d,e,f,g,h/x?load_balance_hosts=random")
    orders = {tuple(place["host"] for place in many.places()) for _ in range(20)}
    assert len(orders) > 1
    assert all(sorted(order) == list("abcdefgh") for order in orders)


def test_what_is_done_in_another_way() -> None:
    (place,) = database_url.read(f"{URL}?sslrootcert=system").places()
    assert place["ssl"].check_hostname
    assert place["dsn"] is None
    (place,) = database_url.read(f"{URL}?sslmode=require&ssl_min_protocol_version=TLSv1.3").places()
    assert place["dsn"] == "postgresql://?sslmode=require&ssl_min_protocol_version=TLSv1.3"
    assert database_url.read(URL).connect_seconds == database_url.CONNECT_SECONDS
    assert database_url.read(f"{URL}?connect_timeout=3").connect_seconds == 3
    assert database_url.read(f"{URL}?connect_timeout=-1").connect_seconds == database_url.CONNECT_SECONDS
    for options, name in (
        ("", "hashrail"),
        ("?application_name=mine", "mine"),
        ("?fallback_application_name=mine", "mine"),
        ("?application_name=mine&fallback_application_name=other", "mine"),
    ):
        assert database_url.read(URL + options).places()[0]["server_settings"]["application_name"] == name
    startup = database_url.read(f"{URL}?options=-c%20geqo%3Doff").places()[0]["server_settings"]
    assert startup["options"] == "-c geqo=off"


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_an_empty_setting_is_none(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("DATABASE_URL", text)
    assert Settings().database_url is None


def test_blanks_around_it_are_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f" {URL}\n")
    assert Settings().database_url == URL


def test_an_empty_setting_of_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HASHRAIL_MASTER_KEYS", "HASHRAIL_KWH_USD", "HASHRAIL_MODE", "HASHRAIL_TRUSTED_PROXIES"):
        monkeypatch.setenv(name, "")
    assert Settings() == Settings(_env_prefix="NOTHING_")  # type: ignore[call-arg]


def test_an_empty_url_asks_nobody(tmp_path: Path) -> None:
    """A command looks for the embedded database, and says so."""
    made = subprocess.run(
        [sys.executable, "-m", "hashrail.cli", "partner", "list", "--data", str(tmp_path)],
        env=os.environ | {"DATABASE_URL": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 1
    assert made.stderr.startswith("NO_DEPLOYMENT")
