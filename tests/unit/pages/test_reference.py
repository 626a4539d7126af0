"""The API reference: all of the document is on it, its examples are right, and its links lead somewhere."""

import ast
import gzip
import inspect
import re
from collections.abc import Iterator
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import msgspec
import pytest

from hashrail.api.document.field_words import WORDS
from hashrail.api.serving.errors import RouteNotFoundError
from hashrail.pages import app, assets
from hashrail.pages.assets import Asset, Assets
from hashrail.pages.reference import guides, prose, samples
from hashrail.pages.reference.fields import SIGNED_FIELDS, _bounds
from hashrail.pages.reference.serving import Reference
from hashrail.pages.rendering import Templates
from hashrail.settings import Settings
from hashrail_client import Hashrail
from hashrail_client.operations import OPERATIONS
from hashrail_client.user_operations import USER_OPERATIONS
from tests.support.folders import ROOT

BUNDLES = ("page.css", "reference.js", "try_it.js", "front.js")
BUILT = Assets({name: Asset(name, "text/plain", b"") for name in BUNDLES})
SETTINGS = Settings(mode="sandbox", data=Path("/nowhere"))
BASE = "https://api.example"
SHAPES = {
    (is_user, f"{row.noun}.{row.verb}"): row.signature
    for is_user, rows in ((False, OPERATIONS), (True, USER_OPERATIONS))
    for row in rows
}
INLINE = re.compile(r'<script(?! type="(?:module|application/json)")|<[^>]*\s(?:on\w+|style)="|<style')
TYPESCRIPT = ROOT / "client-ts" / "src" / "generated" / "operations.ts"


@pytest.fixture(scope="module")
def reference() -> Reference:
    """That of a sandbox; its book is written once."""
    return Reference(SETTINGS, Templates(SETTINGS, BUILT))


@pytest.fixture(scope="module")
def shown(reference: Reference) -> dict[str, str]:
    """Every page by its address, as text of HTML."""
    urls = [url for url, _ in reference.book.order]
    return {url: reference.page(url.removeprefix("/api/docs"), BASE, None).decode() for url in urls}


# ----------------------------------------------------------------------------------------------------------------------
# All of the document


def described(reference: Reference) -> Iterator[tuple[str, str, Any]]:
    for path, methods in reference.book.document["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def test_every_operation_has_its_page(reference: Reference, shown: dict[str, str]) -> None:
    for path, method, operation in described(reference):
        page = shown[f"/api/docs/{operation['operationId']}"]
        assert f"<h1>{prose.plain(operation['summary'])}</h1>" in unescape(page)
        assert f"<code>{path}</code>" in page
        assert f">{method}</span>" in page
        for part in operation.get("parameters", []):
            name = part["name"]
            assert f'id="in.{name}"' in page or (name in SIGNED_FIELDS and "How to sign" in page)
        for field in top_fields(reference, operation):
            assert f'id="in.{field}"' in page
        for code in re.findall(r"`([A-Z_]+)`:", "".join(refusals(reference, operation))):
            assert f"/api/docs/errors#{code}" in page


def top_fields(reference: Reference, operation: Any) -> set[str]:
    """Those of the body, but for the signature's."""
    schema = operation.get("requestBody", {"content": {"": {"schema": {}}}})["content"]
    ((_, content),) = schema.items()
    name = content["schema"].get("$ref", "").rpartition("/")[2]
    properties = reference.book.document["components"]["schemas"].get(name, {}).get("properties", {})
    return set(properties) - set(SIGNED_FIELDS)


def refusals(reference: Reference, operation: Any) -> list[str]:
    components = reference.book.document["components"]["responses"]
    refs = [response.get("$ref", "") for response in operation["responses"].values()]
    return [components[ref.rpartition("/")[2]]["description"] for ref in refs if ref]


def test_every_field_of_every_answer_is_shown(reference: Reference) -> None:
    """What a recorded answer holds has a row."""
    for section in reference.book.sections.values():
        rows = {field.path for field in section.given}
        answer = section.described["responses"]["200"]["content"][section.media_type].get("example")
        if section.media_type == "application/json" and not section.name.startswith(("proof_", "app_")):
            assert set(paths_of(answer)) <= rows, section.name


def paths_of(value: Any, path: str = "") -> Iterator[str]:
    """The path of every field of a document, `data.array[].id`."""
    if isinstance(value, list):
        for each in value:
            yield from paths_of(each, f"{path}[]")
    if isinstance(value, dict):
        for name, one in value.items():
            inner = f"{path}.{name}" if path else name
            yield inner
            # What differs from event to event is told by its type.
            if name not in ("data", "details") or not path:
                yield from paths_of(one, inner)


def test_the_error_catalogue_has_every_code(reference: Reference, shown: dict[str, str]) -> None:
    for code, facts in reference.book.document["x-hashrail-errors"].items():
        assert shown["/api/docs/errors"].count(f'id="{code}"') == 1
        assert str(prose.inline(facts["advice"])) in shown["/api/docs/errors"]


def test_what_comes_first(reference: Reference, shown: dict[str, str]) -> None:
    """The first call, the signature, the server's login; then noun by noun, the server's calls before the client's."""
    assert list(reference.book.sections)[:2] == ["s2s_login", "s2s_refresh"]
    for _, _, sections in reference.book.chapters:
        callers = [section.caller == "server" for section in sections]
        assert callers == sorted(callers, reverse=True)
        for is_servers in (True, False):
            numbers = [each.number or 99 for each in sections if (each.caller == "server") is is_servers]
            assert numbers == sorted(numbers)
    start = shown["/api/docs"]
    assert start.index("Get a key") < start.index("Sign and send") < start.index("Log a user in") < start.index("Nouns")


def test_every_field_has_a_meaning(reference: Reference) -> None:
    silent = {
        f"{section.name}: {field.path}"
        for section in reference.book.sections.values()
        for field in (*section.taken, *section.given)
        if not field.about
    }
    assert silent == set()


def test_no_word_stands_for_a_field_that_is_gone(reference: Reference) -> None:
    rows = [row for section in reference.book.sections.values() for row in (*section.taken, *section.given)]
    models = set(reference.book.document["components"]["schemas"])
    names = {row.name for row in rows}
    for word in WORDS:
        model, _, name = word.rpartition(".")
        assert name in names
        assert model in ("", *models)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"minLength": 1, "maxLength": 255}, "1 to 255 characters"),
        ({"minLength": 88, "maxLength": 88}, "88 characters"),
        ({"minimum": 1, "maximum": 2**53 - 1}, "at least 1"),
        ({"maximum": 0}, "at most 0"),
        ({"minimum": 0, "maximum": 25, "default": 0}, "0 to 25, default `0`"),
        ({"default": False}, "default `false`"),
        ({"default": []}, ""),
        ({"enum": ["a", None]}, "one of `a`"),
        ({"exclusiveMinimum": 0, "exclusiveMaximum": 10**20}, "more than 0"),
    ],
)
def test_bounds(schema: dict[str, Any], words: str) -> None:
    assert _bounds(schema) == words


def test_a_field_is_told_in_few_words(shown: dict[str, str]) -> None:
    """What only validators read is folded, and a signature is one line."""
    page = shown["/api/docs/s2s_payment_create"]
    text = re.sub(r"<details.*?</details>", "", page, flags=re.S)
    assert "9007199254740991" in page
    assert "9007199254740991" not in text
    assert page.count("How to sign") == 1
    assert 'id="in.signature"' not in page


# ----------------------------------------------------------------------------------------------------------------------
# Pages


def test_links_lead_somewhere(shown: dict[str, str]) -> None:
    ids = {url: set(re.findall(r'\sid="([^"]+)"', page)) for url, page in shown.items()}
    served = {"/", "/console", "/portal", "/api/openapi.json", *(f"/assets/{name}" for name in BUNDLES)}
    for url, page in shown.items():
        assert len(re.findall(r'\sid="', page)) == len(ids[url]), f"{url} has an id twice"
        for target in set(re.findall(r'href="([^"]+)"', page)):
            place, _, anchor = unescape(target).partition("#")
            if place.startswith(("https://", "data:")) or target == "#content" or place in served:
                continue
            assert place in ("", *shown), f"{url} leads to {target}"
            assert anchor in ("", *ids[place or url]), f"{url} leads to {target}"


def test_pages_need_nothing_from_elsewhere(shown: dict[str, str]) -> None:
    """Nothing inline either: the policy would not let it run."""
    for url, page in shown.items():
        loaded = re.findall(r'<(?:link|script|img|iframe)[^>]*\s(?:href|src)="([^"]*)"', page)
        assert [each for each in loaded if not each.startswith("data:")] == [
            "/assets/page.css",
            "/assets/reference.js",
        ], url
        assert INLINE.findall(page) == [], url


def test_a_page_that_is_not_there(reference: Reference) -> None:
    for path in ("/s2s_nothing", "/guides/nothing", "/guides/../../pyproject", "/guides"):
        with pytest.raises(RouteNotFoundError):
            reference.page(path, BASE, None)


async def asked(path: str, **headers: str) -> httpx.Response:
    """The answer of an application that is not connected to anything."""
    transport = httpx.ASGITransport(app.build(SETTINGS), client=("10.0.0.7", 5000))
    async with httpx.AsyncClient(transport=transport, base_url="http://hashrail.test", headers=headers) as http:
        return await http.get(path)


async def test_what_goes_over_the_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples name the address that was asked, where it is one; pages are pressed; the index is JSON."""
    monkeypatch.setattr(assets.Assets, "built", lambda: BUILT)
    page = await asked("/api/docs/s2s_miners", **{"accept-encoding": "gzip", "x-forwarded-proto": "https"})
    assert page.headers["content-encoding"] == "gzip"
    assert "https://hashrail.test/api/partner/s2s/nft/find-by-user" in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    hostile = await asked("/api/docs/s2s_miners", host="x$(reboot)")
    assert "reboot" not in hostile.text
    assert "http://127.0.0.1:8080/api/partner" in hostile.text
    guide = await asked("/api/docs/guides/how-to/sign-requests")
    assert '<h1 id="sign-a-request">Sign a request</h1>' in guide.text
    index = await asked("/api/docs/search.json")
    entries = index.json()
    assert len(gzip.compress(index.content)) < 40_000
    assert {entry["name"] for entry in entries if entry["kind"] == "error"} >= {"SIGNATURE_MISMATCH", "RATE_LIMITED"}
    assert [entry["url"] for entry in entries if entry["name"] == "s2s_miners"] == ["/api/docs/s2s_miners"]
    assert {entry["kind"] for entry in entries} == {"page", "operation", "error", "field", "guide"}
    assert (await asked("/api/docs/nothing")).json()["error"] == "ROUTE_NOT_FOUND"


def test_what_the_search_finds_is_there(reference: Reference, shown: dict[str, str]) -> None:
    for entry in msgspec.json.decode(reference.index):
        place, _, anchor = entry["url"].partition("#")
        assert not anchor or f'id="{anchor}"' in shown[place], entry


# ----------------------------------------------------------------------------------------------------------------------
# Examples


def test_python_examples_are_calls_that_the_sdk_takes(reference: Reference) -> None:
    """Each compiles, calls the operation's own verb, and gives it arguments that it has."""
    for section in reference.book.sections.values():
        tree = ast.parse(samples.python(section.request, BASE))
        calls = [(spelled, call) for call in ast.walk(tree) for spelled in [verb_of(call)] if spelled is not None]
        for (owner, verb), call in calls:
            assert isinstance(call, ast.Call)
            given = [ast.dump(each) for each in call.args]
            named = {str(each.arg): each.value for each in call.keywords}
            SHAPES[owner == "user", verb].bind(*given, **named)
        row = section.request.row
        if row is not None:
            assert f"{row.noun}.{row.verb}" in {verb for (_, verb), _ in calls}, section.name
        elif section.name != samples.DOWNLOAD:
            assert f"{BASE}{section.path}" in ast.unparse(tree)
    inspect.signature(Hashrail.download).bind(None, 1, "export.csv")


def verb_of(node: ast.AST) -> tuple[str, str] | None:
    """(client or user, noun.verb) of a call of the SDK."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Attribute(value=ast.Name(id=owner), attr=noun), attr=verb)):
            return (owner, f"{noun}.{verb}") if owner in ("client", "user") else None
    return None


def test_typescript_examples_call_verbs_that_there_are(reference: Reference) -> None:
    verbs = set(re.findall(r'^  "(\w+\.\w+)": \{', TYPESCRIPT.read_text(), re.M))
    for section in reference.book.sections.values():
        source = samples.typescript(section.request, BASE)
        called = set(re.findall(r"await (?:client|user)\.(\w+\.\w+)\(", source))
        assert called <= verbs, section.name
        if section.request.row is not None:
            row = section.request.row
            assert f"{camel(row.noun)}.{camel(row.verb)}" in called, section.name


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def test_shell_examples_send_the_example(reference: Reference) -> None:
    """Nothing of the recorded signature is left; the fields are all there."""
    for section in reference.book.sections.values():
        source = samples.curl(section.request, BASE)
        assert f'"{BASE}{section.path}' in source
        assert ("openssl" in source) is section.is_signed
        if section.method == "GET" and section.is_signed:
            (query,) = re.findall(r'^QUERY="(.*)timestamp=\$', source, re.M)
            assert [name for name, _ in parse_qsl(query)] == list(section.request.fields)


def test_amounts_keep_their_digits() -> None:
    found = {"a": [Decimal("0.00000001"), None, True]}
    assert samples._python_value(found) == '{"a": [Decimal("0.00000001"), None, True]}'
    assert samples._typescript_value(found) == '{ a: ["0.00000001", null, true] }'


# ----------------------------------------------------------------------------------------------------------------------
# Guides and prose


def test_every_page_of_docs_is_a_guide() -> None:
    pages = {path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert pages == set(guides.by_name())


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("../why/journal.md", "/api/docs/guides/why/journal"),
        ("accounts.md#x", "/api/docs/guides/how-to/accounts#x"),
        ("https://example.org", "https://example.org"),
        ("#here", "#here"),
        ("../../src/hashrail/db.py", None),
        ("../../../../etc/passwd", None),
    ],
)
def test_links_of_a_guide(target: str, url: str | None) -> None:
    assert guides.linked(guides.by_name()["how-to/alarms"], target) == url


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a <b> & `c` **d**", "<p>a &lt;b&gt; &amp; <code>c</code> <strong>d</strong></p>\n"),
        ("<!-- expect: x -->\n\na", "\n<p>a</p>\n"),
        ("<script>alert(1)</script>", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>\n"),
    ],
)
def test_prose(text: str, html: str) -> None:
    assert prose.shown(text) == html


def test_anchors_of_headings() -> None:
    text = "# A `b`\n```\n# no heading\n```\n## In a shell, twice\n"
    assert list(prose.headings(text)) == [(1, "A b"), (2, "In a shell, twice")]
    assert 'id="in-a-shell-twice"' in prose.page(text, lambda target: target)
