"""The front page: what it says of a deployment, and to whom it gives the sandbox's key."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Router

from hashrail.pages import app, assets
from hashrail.pages.assets import Assets, PagesNotBuiltError
from hashrail.pages.front import is_here
from hashrail.settings import Settings
from tests.support.layers import litestar_of

SECRET = "hrs_not_for_everybody"
BOX = {
    "baseUrl": "http://127.0.0.1:8080",
    "partnerId": "partner-x",
    "apiKey": "key-x",
    "apiSecret": SECRET,
    "users": [{"partnerUserId": "</script><script>alert(1)</script>", "userId": 1}],
}
BUNDLES = {"front.js": "front-ABC.js", "page.css": "page-DEF.css"}
HERE = ("127.0.0.1", 5000)


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Assets:
    """Bundles as a build leaves them."""
    for name in BUNDLES.values():
        (tmp_path / name).write_text(f"/* {name} */")
    (tmp_path / "manifest.json").write_text(json.dumps(BUNDLES))
    found = Assets.built(tmp_path)
    monkeypatch.setattr(assets.Assets, "built", lambda: found)
    return found


async def asked(
    settings: Settings, path: str = "/", *, host: str = "127.0.0.1:8080", client: tuple[str, int] = HERE
) -> httpx.Response:
    """The answer of an application that is not connected to anything."""
    transport = httpx.ASGITransport(app.build(settings), client=client)
    async with httpx.AsyncClient(transport=transport, base_url=f"http://{host}") as http:
        return await http.get(path)


def sandbox(folder: Path, **box: Any) -> Settings:
    (folder / "demo.json").write_text(json.dumps(BOX | box))
    return Settings(mode="sandbox", data=folder)


@pytest.mark.usefixtures("built")
async def test_a_browser_of_this_machine_gets_the_key(tmp_path: Path) -> None:
    page = await asked(sandbox(tmp_path))
    assert page.status_code == 200
    assert SECRET in page.text
    assert "SANDBOX" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize(
    ("host", "client"),
    [("evil.example:8080", HERE), ("127.0.0.1.evil.example", HERE), ("127.0.0.1:8080", ("10.0.0.7", 5000))],
)
async def test_nobody_else_does(tmp_path: Path, host: str, client: tuple[str, int]) -> None:
    """A site whose name was pointed at this machine asks by its own name."""
    page = await asked(sandbox(tmp_path), host=host, client=client)
    assert page.status_code == 200
    assert SECRET not in page.text
    assert "Open this page on the machine that it runs on" in page.text


@pytest.mark.usefixtures("built")
async def test_production_shows_no_key(tmp_path: Path) -> None:
    sandbox(tmp_path)
    page = await asked(Settings(mode="production", data=tmp_path))
    assert SECRET not in page.text
    assert "PRODUCTION" in page.text
    assert "<script" not in page.text


@pytest.mark.usefixtures("built")
async def test_a_sandbox_that_no_demo_made(tmp_path: Path) -> None:
    page = await asked(Settings(mode="sandbox", data=tmp_path))
    assert "Its operator gives out keys" in page.text


@pytest.mark.usefixtures("built")
async def test_what_a_user_is_called_is_no_script(tmp_path: Path) -> None:
    page = await asked(sandbox(tmp_path))
    assert "alert(1)" in page.text
    assert "<script>alert" not in page.text


async def test_a_bundle_is_kept_by_browsers(built: Assets, tmp_path: Path) -> None:
    settings = sandbox(tmp_path)
    url = built.url("page.css")
    assert url in (await asked(settings)).text
    answer = await asked(settings, url)
    assert answer.text == "/* page-DEF.css */"
    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]
    assert (await asked(settings, "/assets/manifest.json")).status_code == 404


async def test_without_a_build_or_a_wish_the_api_is_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PagesNotBuiltError):
        Assets.built(tmp_path)

    def nothing() -> Assets:
        raise PagesNotBuiltError("nothing is built")

    monkeypatch.setattr(assets.Assets, "built", nothing)
    for settings in (sandbox(tmp_path), Settings(mode="sandbox", data=tmp_path, pages=False)):
        assert (await asked(settings)).json()["error"] == "ROUTE_NOT_FOUND"
        assert (await asked(settings, "/healthz")).json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("host", "address", "expected"),
    [
        ("127.0.0.1:8080", "127.0.0.1", True),
        ("localhost", "::1", True),
        ("[::1]:8080", "::1", True),
        ("[::1]", "::1", True),
        ("127.0.0.1:8080", "192.168.1.5", False),
        ("hashrail.example", "127.0.0.1", False),
        ("", "127.0.0.1", False),
        ("localhost", "", False),
    ],
)
def test_who_is_here(host: str, address: str, *, expected: bool) -> None:
    assert is_here(host, address) is expected


def test_what_is_taken_together_is_known_as_if_it_had_come_one_by_one(tmp_path: Path) -> None:
    """Each path with its methods, pages and operations."""
    built: Any = app.build(sandbox(tmp_path))
    routes: Any = litestar_of(built)
    assert len(routes.routes) == len(routes.route_handler_method_map) > 300
    one_by_one: Any = Router.route_handler_method_map
    assert routes.route_handler_method_map == one_by_one.fget(routes)
