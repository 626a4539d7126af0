"""The commands for integrators against the application: profiles, calls, events and the doctor."""

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from threading import Thread

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from hashrail import clock
from hashrail.api.operations import routes
from hashrail.cli import calling, profiles
from hashrail.cli.profiles import Profile
from hashrail.events import catalogue
from tests.support.api_client import Api, answered, buy, pretend_production
from tests.support.bridged import Terminal
from tests.support.commands import read_strictly
from tests.support.standings import suspended


@pytest.fixture
async def terminal(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.delenv("HASHRAIL_API_SECRET", raising=False)
    return Terminal.of(api, tmp_path, monkeypatch)


@pytest.fixture
async def ready(terminal: Terminal) -> Terminal:
    """A terminal that is logged in."""
    assert (await terminal.log_in()).exit_code == 0
    return terminal


# Profiles


async def test_a_profile_is_stored_for_its_owner_alone(terminal: Terminal) -> None:
    made = await terminal.log_in()
    assert made.exit_code == 0, made.output
    partner = terminal.api.world.partner
    assert f"Logged in as default: {partner.name} ({partner.public_id}), sandbox" in made.stdout
    assert "The key is full and may: read, login" in made.stdout
    secret = terminal.api.server.secret
    assert secret is not None
    assert secret not in made.output
    place = terminal.folder / "hashrail" / "profiles.json"
    assert (stat.S_IMODE(place.stat().st_mode), stat.S_IMODE(place.parent.stat().st_mode)) == (0o600, 0o700)
    assert [each.name for each in place.parent.iterdir()] == ["profiles.json"]
    assert json.loads(place.read_text())["profiles"]["default"]["apiSecret"] == secret


async def test_several_profiles(ready: Terminal) -> None:
    other = await ready.api.caller(kind="secret", scopes=("webhooks",))
    assert (await ready.log_in(other, "--profile", "narrow")).exit_code == 0
    listed = await ready.ok("login", "--list", "--json")
    assert [(one.name, one.is_chosen) for one in read_strictly(("login",), listed)] == [
        ("default", True),
        ("narrow", False),
    ]
    assert str(other.secret) not in listed
    refused = await ready.run("call", "s2s_users", HASHRAIL_PROFILE="narrow")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("SCOPE_MISSING: the scope read is missing\nUse a key with the scope")
    assert "Profile narrow is gone" in await ready.ok("logout", "--profile", "narrow")
    again = await ready.run("logout", "--profile", "narrow")
    assert (again.exit_code, again.stderr.splitlines()[0].partition(":")[0]) == (1, "NO_PROFILE")


async def test_what_the_server_refuses_is_not_stored(terminal: Terminal) -> None:
    made = await terminal.log_in(terminal.api.server.signing_with("another"))
    assert made.exit_code == 1
    assert made.stderr.startswith("SIGNATURE_MISMATCH: ")
    publishable = await terminal.run(
        *("login", "--base-url", "http://hashrail.test", "--api-key", (await terminal.api.key(kind="publishable")).key),
        HASHRAIL_API_SECRET="x",
    )
    assert publishable.stderr.startswith("KEY_CANNOT_SIGN: ")
    assert not (terminal.folder / "hashrail").exists()


@pytest.mark.parametrize(
    ("words", "secret", "code"),
    [
        (("--base-url", "hashrail.test", "--api-key", "k"), "x", "BAD_PROFILE"),
        (("--base-url", "http://hashrail.test/api", "--api-key", "k"), "x", "BAD_PROFILE"),
        (("--base-url", "http://hashrail.test", "--api-key", "k"), "", "BAD_PROFILE"),
        (("--base-url", "http://hashrail.test", "--api-key", "k\nX: y"), "x", "BAD_PROFILE"),
        (("--profile", "../x", "--base-url", "http://hashrail.test", "--api-key", "k"), "x", "BAD_PROFILE"),
        (("--base-url", "http://hashrail.test"), "x", "Error"),
        (("--from", "nowhere.json"), "x", "Error"),
    ],
)
async def test_what_is_no_profile(terminal: Terminal, words: tuple[str, ...], secret: str, code: str) -> None:
    made = await terminal.run("login", *words, stdin=f"{secret}\n")
    assert (made.exit_code, made.stderr.partition(":")[0]) == (2 if code == "Error" else 1, code), made.output


async def test_a_demo_s_facts_are_a_profile(terminal: Terminal, tmp_path: Path) -> None:
    server = terminal.api.server
    facts = {"baseUrl": "http://hashrail.test/", "apiKey": server.key, "apiSecret": server.secret, "clock": "x"}
    (tmp_path / "demo.json").write_text(json.dumps(facts))
    made = await terminal.run("login", "--from", str(tmp_path / "demo.json"), "--json")
    assert [one.base_url for one in read_strictly(("login",), made.stdout)] == ["http://hashrail.test"]


async def test_a_file_that_is_damaged_is_said(ready: Terminal) -> None:
    place = ready.folder / "hashrail" / "profiles.json"
    place.write_text("{")
    made = await ready.run("login", "--list")
    assert (made.exit_code, made.stderr.partition(":")[0]) == (1, "PROFILES_UNREADABLE")
    checks = read_strictly(("doctor",), (await ready.run("doctor", "--json")).stdout)
    assert [(one.name, one.state) for one in checks] == [("profile", "fail")]


# Calls


async def test_answers_are_printed_to_the_last_digit(ready: Terminal, published: None) -> None:
    miner = await buy(ready.api.world, (await ready.api.world.user()).id)
    said = await ready.ok("call", "s2s_miners", "--partner-user-id", "alice")
    sent = ready.bridge.seen[-1]
    assert f'{{"data":{{"array":[{{"id":{miner},' in said
    assert sent.url.params["partnerUserId"] == "alice"
    assert await ready.ok("call", "s2s_miners", "--partnerUserId=alice") == said
    figures = await ready.ok("call", "c2s_collections")
    assert figures.strip() == (await ready.api.server.call("c2s_collections")).text


async def test_a_user_is_called_for(ready: Terminal) -> None:
    said = await ready.json("call", "c2s_miners", "--as-user", "newcomer")
    assert said == {"data": {"array": []}}
    assert "x-partner-api-key" not in ready.bridge.seen[-1].headers
    client = await ready.api.user("newcomer")
    assert client.token is not None
    assert await ready.json("call", "app_user", "--token", client.token)
    made = await ready.run("call", "c2s_miners")
    assert (made.exit_code, made.stderr) == (
        2,
        "Error: c2s_miners is called by a user: name --as-user PARTNER_USER_ID, or --token\n",
    )


async def test_bodies_are_typed_field_by_field_or_as_json(ready: Terminal, tmp_path: Path) -> None:
    user = await ready.api.world.user("alice")
    miner = await buy(ready.api.world, user.id)
    refused = await ready.run(
        *("call", "s2s_upgrade", "--data.type", "nftEnergyEfficiencyUpgrade", "--data.nft-id", str(miner)),
        *("--data.from-energy-efficiency", "15.10", "--data.to-energy-efficiency", "1e1", "--json"),
    )
    assert refused.exit_code == 1
    told = json.loads(refused.stderr)
    assert told["code"].isupper()
    assert told["advice"]
    sent = json.loads(ready.bridge.seen[-1].content, parse_float=str, parse_int=str)["data"]
    assert sent == {
        "type": "nftEnergyEfficiencyUpgrade",
        "nftId": str(miner),
        "fromEnergyEfficiency": "15.1",
        "toEnergyEfficiency": "10",
    }
    (tmp_path / "body.json").write_text('{"partnerUserId": "bob"}')
    for words in (
        ("--data", '{"partnerUserId": "bob"}'),
        ("--data", f"@{tmp_path / 'body.json'}"),
        ("--partner-user-id", "bob"),
    ):
        assert (await ready.json("call", "s2s_login", *words))["data"]["userId"] > 0
    made = await ready.run(
        "call", "s2s_login", "--data", "-", "--email", "b@partner.example", stdin='{"partnerUserId":"b"}'
    )
    assert made.exit_code == 0, made.output
    listed = await ready.json(
        "call", "s2s_webhook_create", "--url", "https://example.com", "--types", "order.issued,day.closed"
    )
    assert listed["data"]["types"] == ["day.closed", "order.issued"]
    number = str(listed["data"]["id"])
    off = await ready.json("call", "s2s_webhook_update", "--id", number, "--enabled", "false")
    assert off["data"]["state"] == "disabled"


async def test_a_number_goes_out_as_it_was_typed(ready: Terminal) -> None:
    """Eighteen decimals and more than a double holds."""
    amount = "0.123456789012345678"
    address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"
    words = ("--partner-user-id", "x", "--wallet-address", address, "--amount", amount)
    await ready.run("call", "s2s_withdraw", *words)
    assert f'"amount":{amount}'.encode() in ready.bridge.seen[-1].content


async def test_a_write_that_is_sent_again_happens_once(ready: Terminal) -> None:
    await ready.api.world.user("alice")
    words = ("call", "s2s_webhook_create", "--url", "https://example.com/x", "--idempotency-key", "k-1")
    assert await ready.json(*words) == await ready.json(*words)
    assert len((await ready.json("call", "s2s_webhooks"))["data"]["array"]) == 1


async def test_what_was_signed_is_shown(ready: Terminal) -> None:
    made = await ready.run("call", "s2s_users", "--limit", "1", "--show-request")
    assert json.loads(made.stdout)["data"]["array"] == []
    said = made.stderr.splitlines()
    assert said[0] == "Signed text:"
    assert said[1].startswith("limit=1&timestamp=")
    assert said[3].startswith("curl -H 'x-partner-api-key: hrk_test_")
    assert "&signature=" in said[3]
    assert str(ready.api.server.secret) not in made.output
    made = await ready.run("call", "s2s_login", "--partner-user-id", "o'neil", "--show-request")
    assert '{"partnerUserId":"o\'neil","timestamp":' in made.stderr.splitlines()[1]
    assert "--data-binary" in made.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("s2s_miner",), "there is no operation s2s_miner; is s2s_miners"),
        (("zzz",), "there is no operation zzz. All of them: hashrail call --list"),
        (("s2s_miners", "--partner-usr", "x"), "there is no field --partner-usr; is --partner-user-id meant?"),
        (("s2s_miners", "alice"), "'alice' belongs to no field"),
        (("s2s_miners", "--limit"), "--limit has no value"),
        (("s2s_miners", "--data", "{}"), "s2s_miners has no body"),
        (("s2s_transfer", "--nft-id", "one"), "--nft-id is a number, and 'one' is none"),
        (("s2s_transfer", "--nft-id", "NaN"), "--nft-id is a number"),
        (("s2s_webhook_update", "--enabled", "yes"), "--enabled is true or false"),
        (("s2s_login", "--data", "[]"), "--data: "),
        (("s2s_login", "--data", "@nowhere"), "cannot read nowhere"),
        (("s2s_login", "--as-user", "x"), "s2s_login is not called by users"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else "",
)
async def test_a_call_that_cannot_be_made(ready: Terminal, words: tuple[str, ...], said: str) -> None:
    asked = len(ready.bridge.seen)
    made = await ready.run("call", *words)
    assert (made.exit_code, made.stdout) == (2, ""), made.output
    assert made.stderr.startswith(f"Error: {said}")
    assert len(ready.bridge.seen) == asked


async def test_every_operation_can_be_called_and_explains_itself(terminal: Terminal) -> None:
    table = {one.name: one for _, one in routes.routes(terminal.api.deployment.settings)}
    listed = read_strictly(("call",), await terminal.ok("call", "--list", "--json"))
    assert {one.name for one in listed} == set(table)
    assert all(one.path.startswith("/api/") and one.about for one in listed)
    for name in table:
        said = await terminal.ok("call", name, "--help")
        assert said.startswith(f"hashrail call {name}\n")
        assert f"Example: hashrail call {name}" in said
    assert "Show every operation" in await terminal.ok("call", "--help")


async def test_a_file_comes_as_it_is(ready: Terminal) -> None:
    words = ("--start-date", "2026-03-01T00:00:00Z", "--end-date", "2026-03-02T00:00:00Z")
    assert (await ready.ok("call", "s2s_statement_csv", *words)).startswith("date,type,")


async def test_texts_of_others_do_not_act(ready: Terminal) -> None:
    name = "evil\x1b[2J\u202e\U0001f4a5"
    await ready.api.world.user(name)
    said = await ready.ok("call", "s2s_users")
    assert json.loads(said)["data"]["array"][0]["partnerUserId"] == name
    assert said.isascii()
    assert "\x1b" not in said
    refused = await ready.run("call", "s2s_events", "--types", "\x9b31m")
    assert "\x9b" not in refused.output


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (httpx.Response(200, text="<html>"), "NOT_THE_SERVER"),
        (httpx.Response(301, headers={"location": "https://hashrail.test/"}), "NOT_THE_SERVER"),
        (httpx.Response(502, text="bad gateway"), "NOT_REACHED"),
        (httpx.Response(418, json={"error": "TEAPOT"}), "NOT_THE_SERVER"),
    ],
    ids=["page", "redirect", "gateway", "other"],
)
async def test_what_is_no_answer_of_the_server(ready: Terminal, answer: httpx.Response, code: str) -> None:
    ready.bridge.change = lambda request, _: httpx.Response(
        answer.status_code, headers=answer.headers, content=answer.content, request=request
    )
    made = await ready.run("call", "s2s_users")
    assert (made.exit_code, made.stderr.partition(":")[0]) == (1, code), made.output


# Events


@contextmanager
def receiving(status: int = 200) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A receiver on this machine: its URL, and what it was handed."""
    taken: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            taken.append((dict(self.headers), body))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hooks", taken
    finally:
        server.shutdown()
        server.server_close()


async def test_the_feed_is_printed_and_forwarded_in_order(ready: Terminal) -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    for name in ("order.created", "order.issued", "withdrawal.final"):
        told = await ready.ok("events", "trigger", name, "--object", "7", "--json")
        assert read_strictly(("events", "trigger"), told).object_id == "7"
    with receiving() as (url, taken):
        made = await ready.run(
            *("events", "listen", "--from-start", "--no-wait", "--types", "order.,withdrawal."),
            *("--forward-to", url, "--webhook-secret", secret),
        )
    assert made.exit_code == 0, made.output
    lines = made.stdout.splitlines()
    assert [line.split()[1:4] for line in lines] == [
        ["order.created", "order", "7"],
        ["order.issued", "order", "7"],
        ["withdrawal.final", "withdrawal", "7"],
    ]
    assert [Webhook(secret).verify(body, headers)["type"] for headers, body in taken] == [
        "order.created",
        "order.issued",
        "withdrawal.final",
    ]
    last = lines[-1].split()[-1]
    assert made.stderr.count("  200 in ") == 3
    assert f"Go on with: hashrail events listen --after {last}" in made.stderr
    again = await ready.run("events", "listen", "--after", str(int(last) - 1), "--no-wait", "--json")
    (envelope,) = map(json.loads, again.stdout.splitlines())
    assert (envelope["position"], envelope["object"]["kind"]) == (int(last), "withdrawal")


async def test_a_receiver_that_fails_holds_nothing_up(ready: Terminal) -> None:
    for name in ("order.created", "order.issued"):
        await ready.ok("events", "trigger", name)
    with receiving(500) as (url, taken):
        made = await ready.run(
            "events", "listen", "--from-start", "--no-wait", "--types", "order.", "--forward-to", url
        )
    assert (made.exit_code, len(taken)) == (0, 2)
    assert made.stderr.count("  500 in ") == 2
    assert "Signed with the secret whsec_" in made.stderr
    made = await ready.run("events", "listen", "--from-start", "--no-wait", "--types", "order.", "--forward-to", url)
    assert made.stderr.count("  not taken: ") == 2


async def test_it_begins_with_what_happens_now_and_waits_for_a_server(
    ready: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends it with the position; a server that is away is asked again from there."""
    await ready.ok("events", "trigger", "order.created")
    monkeypatch.setattr("hashrail.cli.events.WAIT_SECONDS", 0)
    monkeypatch.setattr("hashrail.cli.events.PAUSE_SECONDS", 0)
    answers: list[str] = []

    def change(request: httpx.Request, response: httpx.Response) -> httpx.Response:
        answers.append(request.url.path)
        if len(answers) == 2:
            return httpx.Response(503, text="starting", request=request)
        if len(answers) == 3:
            raise httpx.ConnectError("refused", request=request)
        if len(answers) == 5:
            raise KeyboardInterrupt
        return response

    ready.bridge.change = change
    made = await ready.run("events", "listen")
    assert (made.exit_code, made.stdout) == (0, ""), made.output
    assert made.stderr.count("asking again") == 1
    assert "Answered again; going on after " in made.stderr
    assert "Go on with: hashrail events listen --after " in made.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("listen", "--after", "1", "--from-start"), "say two things"),
        (("listen", "--from-start", "--forward-to", "localhost:1"), "is no URL"),
        (("listen", "--from-start", "--forward-to", "http://x", "--webhook-secret", "x"), "a webhook secret is"),
        (("trigger", "order.isued"), "there is no type order.isued; is order.issued"),
        (("trigger",), "name a type"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else "",
)
async def test_what_cannot_be_followed(ready: Terminal, words: tuple[str, ...], said: str) -> None:
    made = await ready.run("events", *words)
    assert made.exit_code == 2, made.output
    assert said in made.stderr


async def test_types_are_listed(terminal: Terminal) -> None:
    found = read_strictly(("events", "types"), await terminal.ok("events", "types", "--json"))
    assert [one.type for one in found] == list(catalogue.kinds())
    assert "withdrawal.final" in await terminal.ok("events", "trigger", "--list")


async def test_production_has_no_examples(ready: Terminal) -> None:
    """There the operation does not exist."""
    ready.bridge.change = lambda request, response: (
        response if request.url.path != "/api/sandbox/trigger" else _not_found(request, response)
    )
    made = await ready.run("events", "trigger", "order.issued")
    assert made.exit_code == 2
    assert "only a sandbox has examples" in made.stderr


def _not_found(request: httpx.Request, response: httpx.Response) -> httpx.Response:
    told = {"statusCode": 404, "error": "PATH_NOT_FOUND", "message": "x", "requestId": "r", "details": {}}
    return httpx.Response(404, headers={"x-server-time": response.headers["x-server-time"]}, json=told, request=request)


# The doctor


async def examined(terminal: Terminal, *words: str) -> dict[str, tuple[str, str, str | None]]:
    """State, message and advice by the name of each check; it ends with 1 where one failed."""
    made = await terminal.run("doctor", *words, "--json")
    checks = read_strictly(("doctor",), made.stdout)
    assert made.exit_code == (1 if any(one.state == "fail" for one in checks) else 0)
    assert all(one.advice for one in checks if one.state != "ok")
    return {one.name: (one.state, one.message, one.advice) for one in checks}


async def test_all_is_well(ready: Terminal) -> None:
    answered(await ready.api.server.call("s2s_webhook_create", url="https://example.com/hook"))
    found = await examined(ready)
    assert {name: state for name, (state, *_) in found.items() if state != "ok"} == {}
    names = [
        "profile",
        "server",
        "clock",
        "signature",
        "partner",
        "key",
        "secret",
        "address",
        "rate limit",
        "webhook 1",
    ]
    assert [name.partition(" ")[0] for name in found] == [name.partition(" ")[0] for name in names]
    assert "sandbox, contract 2.0.0" in found["server"][1]
    said = await ready.ok("doctor")
    assert said.splitlines()[-1] == "10 checks: 0 failed, 0 to look at"
    assert "\x1b" not in said


def as_stored(terminal: Terminal, **changes: str) -> None:
    """Change the stored profile, as a mistake would."""
    server = terminal.api.server
    assert server.key is not None
    assert server.secret is not None
    known = {"base_url": "http://hashrail.test", "api_key": server.key, "api_secret": server.secret} | changes
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(terminal.folder))
        profiles.keep("default", Profile(**known))


async def test_a_wrong_secret_is_explained(terminal: Terminal) -> None:
    as_stored(terminal, api_secret="another")
    state, message, advice = (await examined(terminal))["signature"]
    assert (state, message.partition(":")[0]) == ("fail", "SIGNATURE_MISMATCH")
    assert "(unknown-secret)" in message
    assert advice is not None
    assert "Most likely another secret" in advice


async def test_a_key_that_nobody_has(terminal: Terminal) -> None:
    as_stored(terminal, api_key="hrk_test_1_x")
    assert (await examined(terminal))["key"][:2] == ("fail", "API_KEY_UNKNOWN: nobody has this API key")
    as_stored(terminal, api_key="hrk_live_1_x")
    assert (await examined(terminal))["key"][1].startswith("API_KEY_IS_LIVE")


@pytest.mark.parametrize(
    ("ahead_ms", "state", "said"),
    [(700, "warn", "ahead of"), (1500, "fail", "ahead of"), (-3000, "warn", "behind"), (-90_000, "fail", "behind")],
)
async def test_a_clock_that_is_wrong(ready: Terminal, ahead_ms: int, state: str, said: str) -> None:
    def change(_: httpx.Request, response: httpx.Response) -> httpx.Response:
        response.headers["x-server-time"] = str(clock.wall_millis() - ahead_ms)
        return response

    ready.bridge.change = change
    found = await examined(ready)
    assert found["clock"][0] == state
    assert f"{said} the server" in found["clock"][1]
    assert found["signature"][0] == "ok"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(111, "refused"), "Nobody listens there"),
        (OSError(-2, "Name or service not known"), "Check the base URL"),
    ],
    ids=["refused", "other"],
)
async def test_nobody_is_there(ready: Terminal, error: OSError, said: str) -> None:
    def change(request: httpx.Request, _: httpx.Response) -> httpx.Response:
        raise httpx.ConnectError(str(error), request=request) from error

    ready.bridge.change = change
    found = await examined(ready)
    assert [*found] == ["profile", "server"]
    assert found["server"][0] == "fail"
    assert str(found["server"][2]).startswith(said)


async def test_no_name_of_the_host(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the real network: names below .invalid are nobody's."""
    as_stored(terminal, base_url="http://hashrail.invalid")
    monkeypatch.setattr(calling, "TRANSPORT", None)
    found = await examined(terminal)
    assert found["server"][0] == "fail"


async def test_it_is_no_hashrail(ready: Terminal) -> None:
    ready.bridge.change = lambda request, _: httpx.Response(200, json={"data": {}}, request=request)
    found = await examined(ready)
    assert found["server"][0] == "fail"
    assert "application/json" in found["server"][1]


async def test_an_address_that_is_not_allowed(terminal: Terminal) -> None:
    elsewhere = await terminal.api.key(allowed_ips=(ip_network("203.0.113.0/24"),))
    assert elsewhere.secret is not None
    as_stored(terminal, api_key=elsewhere.key, api_secret=elsewhere.secret)
    state, message, advice = (await examined(terminal))["address"]
    assert (state, message) == ("fail", "the key may not be used from 127.0.0.1")
    assert advice == "Call from an address on the key's list, or ask the operator to add yours."
    here = await terminal.api.key(allowed_ips=(ip_network("127.0.0.0/8"),))
    assert here.secret is not None
    as_stored(terminal, api_key=here.key, api_secret=here.secret)
    assert (await examined(terminal))["address"][1] == "127.0.0.1 is among 127.0.0.0/8"


async def test_webhooks_that_are_disabled(ready: Terminal) -> None:
    made = answered(await ready.api.server.call("s2s_webhook_create", url="https://example.com/hook"))
    answered(await ready.api.server.call("s2s_webhook_update", id=made["id"], enabled=False))
    state, message, advice = (await examined(ready))[f"webhook {made['id']}"]
    assert (state, message) == ("fail", "https://example.com/hook is disabled: you have disabled it")
    assert advice is not None
    words = advice.partition("hashrail ")[2].split()
    assert "enabled" in await ready.ok(*words)


async def test_what_a_narrow_key_may_not_see(ready: Terminal) -> None:
    narrow = await ready.api.caller(kind="secret", scopes=("read",))
    await ready.log_in(narrow)
    assert (await examined(ready))["webhooks"][0] == "warn"


async def test_a_partner_that_is_suspended_and_a_file_that_is_open(ready: Terminal) -> None:
    await suspended(ready.api.world)
    (ready.folder / "hashrail" / "profiles.json").chmod(0o644)
    found = await examined(ready)
    assert (found["partner"][0], found["profile"][0]) == ("warn", "warn")


async def test_a_receiver_on_this_machine(ready: Terminal) -> None:
    with receiving() as (url, taken):
        assert (await examined(ready, "--forward-to", url))["receiver"][0] == "ok"
    assert len(taken) == 1
    assert (await examined(ready, "--forward-to", url))["receiver"][0] == "fail"


async def test_a_key_in_production_should_be_tied_to_addresses(ready: Terminal) -> None:
    """And its connection encrypted."""
    api = ready.api
    before = api.serving.deployment
    pretend_production(api)
    try:
        old = (api.server.key or "").replace("hrk_test_", "hrk_")
        await api.world.pool.execute("UPDATE api_key SET key = $1 WHERE key = $2", old, api.server.key)
        as_stored(ready, api_key=old)
        found = await examined(ready)
    finally:
        api.serving.deployment = before
    assert {name for name, (state, *_) in found.items() if state == "warn"} == {"address", "server"}
