"""DATABASE_URL, understood as PostgreSQL's own library libpq understands it.

Two libraries connect: psycopg, which is libpq, and asyncpg, which knows a part of its options. So libpq parses the
text, and each option is given on, done in another way, or left out where that changes nothing. One that would change
the meaning if it were left out is refused by its name. docs/reference/database-errors.md shows the table.
"""

import random
import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from hashrail.settings import BadSettingError

CONNECT_SECONDS = 10
MAX_PORT = 65_535
POOLER = "HASHRAIL_DATABASE_POOLER_URL"
FORM = "DATABASE_URL is not of the form postgresql://USER:PASSWORD@HOST:PORT/NAME"
UNKNOWN_OPTION = re.compile(r'invalid (?:URI query parameter|connection option) ?:? ?"(?P<name>[a-z_]{2,40})"')
SYSTEM_CERTIFICATES = "system"
NO_HURRY = "every statement has a deadline of its own, so a dead line is noticed"
OTHER_KEY = "asyncpg proves itself by password only"


@dataclass(frozen=True, slots=True)
class Option:
    """What is done with an option, or why not; only the values `allowed` are taken, or all where that is None."""

    how: str
    allowed: tuple[str, ...] | None = None


GIVEN_ON = Option("given on")
OPTIONS: dict[str, Option] = {
    **dict.fromkeys(("host", "port", "dbname", "user", "password", "passfile", "service", "servicefile"), GIVEN_ON),
    **dict.fromkeys(("sslnegotiation", "sslcert", "sslkey", "sslpassword", "sslcrl"), GIVEN_ON),
    **dict.fromkeys(("ssl_min_protocol_version", "ssl_max_protocol_version", "krbsrvname", "gsslib"), GIVEN_ON),
    **dict.fromkeys(("sslmode", "options", "application_name"), GIVEN_ON),
    "hostaddr": Option("the address that is dialled, where sslmode does not ask for the host's name"),
    "connect_timeout": Option(f"given on, for each host; {CONNECT_SECONDS} s where it is 0 or missing"),
    "sslrootcert": Option("given on; `system` are the certificates that the machine trusts"),
    "fallback_application_name": Option("the name where application_name is missing"),
    "load_balance_hosts": Option("`random` asks the hosts in another order each time"),
    "target_session_attrs": Option(
        "given on; `read-write` asks for the primary, since a session that we open is never read-only",
        ("any", "read-write", "primary", "standby", "prefer-standby"),
    ),
    **dict.fromkeys(
        ("keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"),
        Option(f"psycopg only: {NO_HURRY}"),
    ),
    "client_encoding": Option("left out: a session speaks UTF-8"),
    "sslcompression": Option("left out: no library compresses any more"),
    "sslsni": Option("psycopg only: asyncpg always names the host"),
    "sslkeylogfile": Option("psycopg only"),
    "channel_binding": Option(
        "asyncpg cannot bind to the channel; sslmode=verify-full shuts out who sits between as well",
        ("disable", "prefer"),
    ),
    "gssencmode": Option("asyncpg cannot encrypt by GSSAPI", ("disable", "prefer")),
    "gssdelegation": Option("asyncpg cannot delegate", ("0",)),
    "sslcertmode": Option("asyncpg sends a certificate where there is one", ("allow",)),
    "sslcrldir": Option("asyncpg reads one file: use sslcrl", ()),
    "requirepeer": Option("asyncpg cannot look at the server's user", ()),
    "require_auth": Option("asyncpg takes every method that the server asks for", ()),
    "min_protocol_version": Option("asyncpg speaks 3.0", ("3.0",)),
    "max_protocol_version": Option("asyncpg speaks 3.0"),
    "replication": Option("a session runs statements", ("0", "no", "off", "false")),
    "scram_client_key": Option(OTHER_KEY, ()),
    "scram_server_key": Option(OTHER_KEY, ()),
    **dict.fromkeys(
        ("oauth_issuer", "oauth_client_id", "oauth_client_secret", "oauth_scope"),
        Option(OTHER_KEY, ()),
    ),
}
# What asyncpg reads out of a URL's query and nowhere else.
OF_A_QUERY = (
    *("sslmode", "sslnegotiation", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl"),
    *("ssl_min_protocol_version", "ssl_max_protocol_version"),
)
FILES = ("sslcert", "sslkey", "sslrootcert", "sslcrl")


@dataclass(frozen=True, slots=True)
class Target:
    """Where DATABASE_URL leads: its options as libpq reads them, all of them understood."""

    options: Mapping[str, str]

    @property
    def conninfo(self) -> str:
        """The same for psycopg. A primary is asked for as such: see `target_session_attrs`."""
        wants = {"target_session_attrs": "primary"} if self.options.get("target_session_attrs") == "read-write" else {}
        return make_conninfo(**{**self.options, **wants})

    @property
    def connect_seconds(self) -> int:
        """How long one host may take until it has let us in."""
        wished = int(self.options.get("connect_timeout", "0"))
        return wished if wished > 0 else CONNECT_SECONDS

    @property
    def wants(self) -> str:
        """Which kind of server is asked for."""
        wished = self.options.get("target_session_attrs", "any")
        return "primary" if wished == "read-write" else wished

    def places(self) -> list[dict[str, Any]]:
        """Arguments for `asyncpg.connect`, a set for each host, in the order in which they are asked."""
        options = self.options
        shared: dict[str, Any] = {
            "dsn": f"postgresql://?{urlencode(self._query())}" if self._query() else None,
            "user": options.get("user"),
            "password": options.get("password"),
            "passfile": options.get("passfile"),
            "database": options.get("dbname"),
            "service": options.get("service"),
            "servicefile": options.get("servicefile"),
            "krbsrvname": options.get("krbsrvname"),
            "gsslib": options.get("gsslib"),
            "timeout": self.connect_seconds,
            "server_settings": self._startup(),
        }
        if options.get("sslrootcert") == SYSTEM_CERTIFICATES:
            shared["ssl"] = ssl.create_default_context()
        places = [shared | place for place in _places(options)]
        if options.get("load_balance_hosts") == "random":
            random.shuffle(places)  # nothing depends on what it is
        return places

    def _query(self) -> dict[str, str]:
        named = {name: self.options[name] for name in OF_A_QUERY if name in self.options}
        if named.get("sslrootcert") == SYSTEM_CERTIFICATES:
            return {
                name: value for name, value in named.items() if not name.startswith("sslroot") and name != "sslmode"
            }
        return named

    def _startup(self) -> dict[str, str]:
        name = self.options.get("application_name") or self.options.get("fallback_application_name") or "hashrail"
        own = self.options.get("options")
        return {"application_name": name} | ({} if own is None else {"options": own})


def read(text: str) -> Target:
    """Read DATABASE_URL. Raises BadSettingError that names the option; what could be a password is not repeated."""
    try:
        options = {name: str(value) for name, value in conninfo_to_dict(text).items()}
    except psycopg.ProgrammingError as error:
        raise _unreadable(text, str(error)) from error
    for name, value in options.items():
        _check(name, value)
    if (
        options.get("sslrootcert") == SYSTEM_CERTIFICATES
        and options.setdefault("sslmode", "verify-full") != "verify-full"
    ):
        raise BadSettingError("DATABASE_URL: sslrootcert=system asks for sslmode=verify-full", option="sslmode")
    if "hostaddr" in options and "host" in options and options.get("sslmode") == "verify-full":
        raise BadSettingError("DATABASE_URL: hostaddr does not go with sslmode=verify-full", option="hostaddr")
    list(_places(options))
    return Target(options)


def read_pooler(text: str) -> Target:
    """Read HASHRAIL_DATABASE_POOLER_URL in the same way. Raises BadSettingError that names the option."""
    try:
        target = read(text)
    except BadSettingError as error:
        raise BadSettingError(error.message.replace("DATABASE_URL", POOLER, 1), **error.details) from error
    if target.wants != "any":
        raise BadSettingError(
            f"{POOLER}: target_session_attrs cannot be kept: the pooler chooses the server",
            option="target_session_attrs",
        )
    return target


def _unreadable(text: str, message: str) -> BadSettingError:
    unknown = UNKNOWN_OPTION.search(message)
    if unknown is None or "@" in text.partition("?")[2]:  # a password that holds ? is read as options
        return BadSettingError(FORM)
    name = unknown["name"]
    return BadSettingError(f"DATABASE_URL: {name} is no option of a PostgreSQL URL: leave it out", option=name)


def _check(name: str, value: str) -> None:
    option = OPTIONS.get(name)
    if option is None:
        raise BadSettingError(f"DATABASE_URL: the option {name} is not supported", option=name)
    if option.allowed is not None and value not in option.allowed:
        # Without the value, which may be a secret.
        left = f"; it may be {', '.join(option.allowed)}" if option.allowed else ""
        raise BadSettingError(f"DATABASE_URL: {name} cannot be kept: {option.how}{left}", option=name)
    if name in FILES and value and value != SYSTEM_CERTIFICATES and not Path(value).is_file():
        raise BadSettingError(f"DATABASE_URL: the file of {name} is not there", option=name)
    if name == "connect_timeout" and not re.fullmatch(r"-?[0-9]{1,9}", value):
        raise BadSettingError("DATABASE_URL: connect_timeout is not a number of seconds", option=name)


def _places(options: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Host and port of each server. Raises BadSettingError where they do not go together."""
    hosts = (options.get("hostaddr") or options.get("host") or "").split(",")
    ports = (options.get("port") or "").split(",")
    if len(ports) == 1:
        ports *= len(hosts)
    if len(ports) != len(hosts):
        raise BadSettingError("DATABASE_URL: there are more hosts than ports, or more ports than hosts", option="port")
    for host, port in zip(hosts, ports, strict=True):
        if port and not (port.isascii() and port.isdigit() and 1 <= int(port[:6]) <= MAX_PORT):
            raise BadSettingError(FORM)
        yield {"host": host or None, "port": int(port) if port else None}
