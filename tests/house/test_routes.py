"""The route table and the paths that an operator adds: what is refused at start, and that an alias is the operation."""

import json
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from hashrail.api import app
from hashrail.api.operations import routes
from hashrail.api.operations.routes import RouteAliasError
from hashrail.cli import main
from hashrail.settings import Settings
from tests.support import patience
from tests.support.api_client import CONTRACT, KEY_HEADER, Api, answered, check_refused, open_api, settings_of
from tests.support.layers import litestar_of
from tests.support.served import serving
from tests.support.world import World

LOGIN, MINERS, OLD = "/api/partner/s2s/login", "/v1/my-miners", "/old/miners.php"
ALIASES = {
    "s2s_login": [LOGIN],
    "s2s_miners": [OLD],
    "c2s_miners": [MINERS, "/api/partner/c2s/miners"],
    "market_last_income": ["/income/last"],
    "exchange_rates": [LOGIN],
}


def table(**changes: Any) -> list[tuple[str, str]]:
    """Path and operation of every row."""
    return [(path, route.name) for path, route in routes.routes(settings_of("x", **changes))]


# What the table holds


def test_aliases_come_after_the_paths_of_the_contract() -> None:
    plain = table()
    assert table(route_aliases=ALIASES) == [
        *plain,
        (LOGIN, "s2s_login"),
        (OLD, "s2s_miners"),
        (MINERS, "c2s_miners"),
        ("/api/partner/c2s/miners", "c2s_miners"),
        ("/income/last", "market_last_income"),
        # A GET beside a POST of the same path is another request.
        (LOGIN, "exchange_rates"),
    ]
    assert table(route_aliases={}) == plain


def test_an_alias_that_is_there_already_adds_nothing() -> None:
    own = CONTRACT["s2s_login"][2]
    assert table(route_aliases={"s2s_login": [own]}) == table()
    twice = table(route_aliases={"s2s_login": [LOGIN, LOGIN]})
    assert twice == [*table(), (LOGIN, "s2s_login")]


def test_aliases_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "aliases.json"
    file.write_text(json.dumps({"s2s_miners": [OLD]}))
    assert table(route_aliases_file=file) == [*table(), (OLD, "s2s_miners")]
    both = table(route_aliases_file=file, route_aliases={"s2s_login": [LOGIN]})
    assert both == [*table(), (LOGIN, "s2s_login"), (OLD, "s2s_miners")]


def test_aliases_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHRAIL_ROUTE_ALIASES", json.dumps(ALIASES))
    assert Settings().route_aliases == ALIASES


@pytest.mark.parametrize(
    ("aliases", "words"),
    [
        ({"s2s_logon": ["/x"]}, "'s2s_logon' is no operation"),
        ({"": ["/x"]}, "'' is no operation"),
        ({"s2s_login": ["x"]}, "'x' does not start with /"),
        ({"s2s_login": [""]}, "'' does not start with /"),
        ({"s2s_login": ["https://x/y"]}, "does not start with /"),
        ({"s2s_login": ["/x?y=1"]}, "holds a query"),
        ({"s2s_login": ["/x?"]}, "holds a query"),
        ({"s2s_login": ["/healthz"]}, "/healthz is a page"),
        ({"s2s_login": ["/readyz"]}, "/readyz is a page"),
        ({"s2s_login": ["/api/docs"]}, "/api/docs is a page"),
        ({"s2s_login": ["/console"]}, "/console is a page"),
        ({"s2s_login": ["/portal/keys"]}, "/portal/keys is a page"),
        ({"s2s_login": ["/api/docs/s2s_login"]}, "/api/docs/s2s_login is a page"),
        ({"s2s_login": [CONTRACT["s2s_payment_create"][2]]}, "is the path of s2s_payment_create already"),
        (
            {"s2s_login": ["/x"], "s2s_payment_create": ["/y", "/x"]},
            "POST /x of s2s_payment_create is the path of s2s_login",
        ),
        *(
            ({"s2s_login": [path]}, "is no plain path")
            for path in (
                *("/", "//", "/x/", "/x//y", "/x y", "/x#y", "/%78", "/ü", "/{id}", "/{id:int}", "/x\n", "/x\x00"),
                *("/x/../y", "/.", "/..", "/x/.", "/x\\y", "/x;y"),
            )
        ),
    ],
    ids=repr,
)
def test_aliases_that_are_refused(aliases: dict[str, list[str]], words: str) -> None:
    with pytest.raises(RouteAliasError) as refused:
        table(route_aliases=aliases)
    assert words in refused.value.message
    with pytest.raises(RouteAliasError):
        app.build(settings_of("x", route_aliases=aliases))


def test_a_sandbox_operation_has_no_alias_in_production() -> None:
    aliases = {"sandbox_advance": ["/advance"]}
    assert table(route_aliases=aliases)[-1] == ("/advance", "sandbox_advance")
    with pytest.raises(RouteAliasError, match="no operation of this deployment"):
        table(route_aliases=aliases, mode="production")


@pytest.mark.parametrize("content", ["", "[]", "{", '{"s2s_login": "/x"}', '{"s2s_login": [7]}', "\xff"])
def test_files_that_are_refused(tmp_path: Path, content: str) -> None:
    file = tmp_path / "aliases.json"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(RouteAliasError, match=r"aliases\.json"):
        table(route_aliases_file=file)
    with pytest.raises(RouteAliasError, match="cannot be read"):
        table(route_aliases_file=tmp_path / "nothing.json")


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_command_says_it_before_it_starts(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HASHRAIL_ROUTE_ALIASES", '{"s2s_logon": ["/x"]}')
    monkeypatch.delenv("DATABASE_URL", raising=False)
    folder = tmp_path / "data"
    result = CliRunner().invoke(main.app, [command, "--data", str(folder)])
    assert result.exit_code == 1
    assert "ROUTE_ALIAS: 's2s_logon' is no operation of this deployment" in result.stderr
    assert "HASHRAIL_ROUTE_ALIASES" in result.stderr
    assert not folder.exists()


def test_every_page_beside_the_operations_is_listed() -> None:
    """So that an alias can be held against it."""
    built: Any = app.build(settings_of("x"))
    served = litestar_of(built)
    paths = {route.path for route in served.routes}
    assert paths - {path for path, _ in table()} == set(routes.PAGES)


# What an alias answers


@pytest.fixture
async def api(world: World, dsn: str) -> AsyncIterator[Api]:
    async with open_api(world, dsn, route_aliases=ALIASES) as opened:
        await world.next_day()
        yield opened


async def test_an_alias_answers_as_the_operation_does(api: Api) -> None:
    key = str(api.server.key)
    user = await api.world.user()
    miner = await api.world.miner(user.id)
    signed = api.server.request("s2s_login", partnerUserId="alice")
    response = await api.http.post(LOGIN, content=signed.content, headers={KEY_HEADER: key})
    token = answered(response)["jwtToken"]
    for path in (MINERS, "/api/partner/c2s/miners"):
        response = await api.http.get(path, headers={"authorization": f"Bearer {token}"})
        assert [row["id"] for row in answered(response)["array"]] == [miner]
    # A signature in the query covers the query, not the path.
    query = api.server.request("s2s_miners", partnerUserId="alice").url.query.decode()
    response = await api.http.get(f"{OLD}?{query}", headers={KEY_HEADER: key})
    assert [row["id"] for row in answered(response)["array"]] == [miner]
    assert answered(await api.http.post("/income/last"))["daysCounted"] == 1
    assert answered(await api.http.get(LOGIN, headers={KEY_HEADER: key}))["array"][0]["symbol"] == "BTC"
    check_refused(await api.http.put(LOGIN), 405, "METHOD_NOT_ALLOWED")
    check_refused(await api.http.get(MINERS), 401, "TOKEN_MISSING")


async def test_headers_sign_the_path_that_is_called(api: Api) -> None:
    """The same call under each of its paths; a signature for one path is none for another."""
    await api.world.user()
    own = CONTRACT["s2s_miners"][2]
    for path in (own, OLD, f"{own}/", f"{OLD}/"):
        assert answered(await api.server.raw("GET", f"{path}?partnerUserId=alice")) == {"array": []}
    login = json.dumps({"partnerUserId": "alice"}).encode()
    for path in (CONTRACT["s2s_login"][2], LOGIN):
        assert answered(await api.server.raw("POST", path, login))["partnerUserId"] == "alice"
    for signed, called in ((own, OLD), (OLD, own), (own, f"{own}/")):
        fair = await api.server.raw("GET", f"{signed}?partnerUserId=alice")
        headers = {k: v for k, v in fair.request.headers.items() if k.startswith("x-partner")}
        response = await api.http.get(f"{called}?partnerUserId=alice", headers=headers)
        check_refused(response, 401, "SIGNATURE_MISMATCH")


async def test_a_write_is_one_under_all_its_paths(api: Api) -> None:
    """The same signed body under the alias is a repetition, for it is the same operation."""
    request = api.server.request("s2s_login", partnerUserId="alice")
    first = await api.server.send_again(request)
    again = await api.http.post(LOGIN, content=request.content, headers={KEY_HEADER: str(api.server.key)})
    assert answered(again) == answered(first)
    assert again.headers["idempotency-replayed"] == "true"


async def test_pages_may_call_the_alias_of_what_is_for_them(api: Api) -> None:
    asking = {"origin": "https://app.example", "access-control-request-method": "GET"}
    assert (await api.http.options(MINERS, headers=asking)).status_code == 204
    asking["access-control-request-method"] = "POST"
    response = await api.http.options("/income/last", headers=asking)
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (204, "*")
    check_refused(await api.http.options(OLD, headers=asking), 405, "METHOD_NOT_ALLOWED")


async def test_a_real_server(world: World, dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a socket: a header-signed call of an alias, and a calculator's fetch with nothing but its URL."""
    monkeypatch.setenv("HASHRAIL_ROUTE_ALIASES", json.dumps(ALIASES))
    await world.user()
    await world.next_day(btc_usd="80000", pool_btc_per_th="0.0000005")
    async with open_api(world, dsn) as api:
        with serving(dsn, tmp_path, "aliased") as served:
            async with served.http() as http:
                server = replace(api.server, http=http)
                for path in (OLD, f"{OLD}/", CONTRACT["s2s_miners"][2]):
                    assert answered(await server.raw("GET", f"{path}?partnerUserId=alice")) == {"array": []}
            for target, data in (("/api/nft-income-aggregation/get-last", b""), ("/api/nft/get-upgrade-rate", b"{}")):
                with urllib.request.urlopen(served.url + target, data=data) as response:  # noqa: S310
                    assert response.headers["access-control-allow-origin"] == "*"
                    body = json.loads(response.read(), parse_float=Decimal)["data"]
                assert body.get("totalIncomePerThToday", Decimal("0.04")) == Decimal("0.04")
            with urllib.request.urlopen(f"{served.url}/api/nft-collection/find-all-generative") as response:  # noqa: S310
                body = json.loads(response.read())["data"]
                tag = response.headers["etag"]
            assert body["count"] == len(body["array"])
            again = httpx.get(
                f"{served.url}/api/nft-collection/find-all-generative",
                headers={"if-none-match": tag},
                timeout=patience.SECONDS,
            )
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
