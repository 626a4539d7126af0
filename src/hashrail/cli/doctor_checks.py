"""What `hashrail doctor` looks at, one thing after another: each check tells how it stands and what to do next.

A check that fails may take the next ones' ground away; they are left out then. Nothing is changed at the server, but
that `fire` has it send a test event to each endpoint.
"""

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated, Any, Literal

import httpx
import msgspec

from hashrail import clock
from hashrail.cli import calling, profiles
from hashrail.cli.calling import Asked, Caller, NotReachedError, NotTheServerError, RefusedError
from hashrail.cli.integrating import advice_for
from hashrail.cli.printing import Shape, about
from hashrail.cli.profiles import Chosen
from hashrail.cli.receivers import Receiver
from hashrail.errors import HashrailError
from hashrail.events.types.webhooks import WebhookEndpointTest

State = Literal["ok", "warn", "fail"]
TIME, S2S = "/api/time", "/api/partner/s2s"
# A signature may be so far ahead of the server, and so old where a request names no window.
AHEAD_MS, WINDOW_MS = 1000, 5000
SOON, OLD, UNFINISHED = timedelta(days=14), timedelta(days=365), timedelta(days=7)
FIRE_SECONDS = 20
POLL_SECONDS = 0.25
LEFT = re.compile(r'"(?P<name>[^"]+)";r=(?P<left>\d+)')
LIMIT = re.compile(r'"(?P<name>[^"]+)";q=(?P<limit>\d+)')
# Refusals that are about something else than the signature.
OF_ADDRESS, OF_RATE = "IP_NOT_ALLOWED", "RATE_LIMITED"
OF_KEY = ("API_KEY_UNKNOWN", "API_KEY_REVOKED", "API_KEY_EXPIRED", "API_KEY_IS_TEST", "API_KEY_IS_LIVE")
REASONS = {
    "gone": "it answered 410",
    "failing": "it failed for days",
    "partner": "you have disabled it",
    "operator": "the operator has disabled it",
}


class Check(Shape, kw_only=True):
    """One thing that was looked at."""

    name: Annotated[str, about("what was looked at")]
    state: Annotated[State, about("whether it is as it should be")]
    message: Annotated[str, about("what was found")]
    advice: Annotated[str | None, about("what to do next")]


class StopError(Exception):
    """What follows needs what this check has missed."""

    def __init__(self, check: Check) -> None:
        super().__init__(check.message)
        self.check = check


def ok(name: str, message: str) -> Check:
    """As it should be."""
    return Check(name=name, state="ok", message=message, advice=None)


def warning(name: str, message: str, advice: str) -> Check:
    """It works, and will not for ever, or not everywhere."""
    return Check(name=name, state="warn", message=message, advice=advice)


def failed(name: str, message: str, advice: str) -> Check:
    """It does not work."""
    return Check(name=name, state="fail", message=message, advice=advice)


def every(name: str | None, receiver: Receiver | None, *, fire: bool) -> Iterator[Check]:
    """All checks of a profile, in their order, up to one that takes the ground from the rest."""
    try:
        chosen = _chosen(name)
        yield of_profile(chosen)
        with calling.calling(chosen.profile) as caller:
            yield from of_server(caller)
            yield from of_key(caller)
            yield from of_webhooks(caller, fire=fire)
    except StopError as stopped:
        yield stopped.check
    if receiver is not None:
        yield of_receiver(receiver)


def _chosen(name: str | None) -> Chosen:
    """The profile that is meant. Raises StopError."""
    try:
        return profiles.choose(name)
    except HashrailError as error:
        raise StopError(failed("profile", error.message, error.advice)) from error


def of_profile(chosen: Chosen) -> Check:
    """Whether the secret is kept for oneself."""
    if profiles.is_open_to_others():
        return warning("profile", f"others can read {profiles.path()}", f"chmod 600 {profiles.path()}")
    return ok("profile", f"{chosen.name}: {chosen.profile.api_key} at {chosen.profile.base_url}")


# The server


def of_server(caller: Caller) -> Iterator[Check]:
    """Whether somebody answers, and is Hashrail; whose clock is right. Raises StopError."""
    base_url = caller.profile.base_url
    sent, began = clock.wall_millis(), clock.monotonic()
    try:
        response = caller.send(Asked("GET", TIME, is_signed=False))
        round_trip = round((clock.monotonic() - began) * 1000)
        calling.check(response)
        told = calling.data_of(response)
    except NotReachedError as error:
        raise StopError(failed("server", error.message, _way(error))) from error
    except NotTheServerError as error:
        raise StopError(failed("server", error.message, error.advice)) from error
    except (RefusedError, msgspec.DecodeError, KeyError, TypeError) as error:
        raise StopError(failed("server", f"{base_url}: {error}", NotTheServerError.advice)) from error
    version, mode, contract = (str(told.get(name, "unknown")) for name in ("version", "mode", "contract"))
    message = f"Hashrail {version} at {base_url}: {mode}, contract {contract}, {round_trip} ms"
    if mode == "production" and base_url.startswith("http://") and not _is_here(base_url):
        yield warning("server", f"{message}, not encrypted", "Use the https:// address: tokens can be read on the way.")
    else:
        yield ok("server", message)
    yield _of_clock(sent + round_trip // 2 - int(response.headers[calling.SERVER_TIME]), round_trip // 2)


def _way(error: NotReachedError) -> str:
    """What to do about a server that did not answer, by what stood in the way."""
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    for kind, advice in (
        (socket.gaierror, "Nobody knows the name of the host: check its spelling, and the DNS of this machine."),
        (ssl.SSLError, "The certificate is not accepted: check the name, the date, and this machine's authorities."),
        (ConnectionRefusedError, "Nobody listens there: check the port, and whether the server runs."),
        (httpx.TimeoutException, "No answer in time: check firewalls and proxies between here and there."),
    ):
        if any(isinstance(each, kind) for each in causes):
            return advice
    return NotReachedError.advice


def _is_here(base_url: str) -> bool:
    """Whether a URL leads to this machine."""
    host = httpx.URL(base_url).host
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _of_clock(ahead_ms: int, within_ms: int) -> Check:
    """This machine's clock against the server's, as exact as half of the round trip."""
    message = f"{abs(ahead_ms)} ms {'ahead of' if ahead_ms > 0 else 'behind'} the server, within {within_ms} ms"
    room = AHEAD_MS if ahead_ms > 0 else WINDOW_MS
    advice = f"Set this machine's clock by NTP: a signature may be {AHEAD_MS} ms ahead and {WINDOW_MS} ms old."
    if abs(ahead_ms) >= room:
        return failed("clock", message, advice)
    return ok("clock", message) if abs(ahead_ms) < room // 2 else warning("clock", message, advice)


# The key


def of_key(caller: Caller) -> Iterator[Check]:
    """Whether the secret signs, what the key may do, and from where. Raises StopError."""
    try:
        response = caller.send(Asked("GET", f"{S2S}/key"))
        told = calling.data_of(response)
    except RefusedError as error:
        raise StopError(_of_refusal(error)) from error
    except (NotReachedError, NotTheServerError) as error:
        raise StopError(failed("signature", error.message, error.advice)) from error
    yield ok("signature", "the secret signs")
    yield _of_partner(told)
    yield _of_scopes(told)
    yield _of_secrets(told)
    yield _of_address(told)
    yield _of_rate(response)


def _of_refusal(error: RefusedError) -> Check:
    """Why a signed call was refused, under the name of what it is about."""
    refusal = error.refusal
    advice = advice_for(refusal) or f"Ask the operator about the request {refusal.request_id}."
    if error.code == OF_ADDRESS:
        return failed("address", refusal.message, advice)
    if error.code == OF_RATE:
        return failed("rate limit", refusal.message, advice)
    cause = refusal.details.get("cause")
    known = f" ({cause})" if isinstance(cause, str) else ""
    return failed("key" if error.code in OF_KEY else "signature", f"{error}{known}", advice)


def _of_partner(told: dict[str, Any]) -> Check:
    name = f"{told['partnerName']} ({told['partnerId']}) is {told['partnerStanding']}"
    if told["partnerStanding"] == "open":
        return ok("partner", name)
    return warning("partner", name, "Writes are refused until the operator opens the partner again; reads go on.")


def _of_scopes(told: dict[str, Any]) -> Check:
    """What the key may do, and until when."""
    message = f"{told['kind']}, may: {', '.join(told['scopes']) or 'nothing'}"
    if told["expiresAt"] is None:
        return ok("key", message)
    message += f"; ends at {told['expiresAt']}"
    if clock.parse_iso(told["expiresAt"], "expiresAt") - clock.wall_now() > SOON:
        return ok("key", message)
    return warning("key", message, "Ask the operator for its successor.")


def _of_secrets(told: dict[str, Any]) -> Check:
    """How old the secrets are, and whether a rotation was ended."""
    since = [clock.parse_iso(each, "secretsSince") for each in told["secretsSince"]]
    message = f"{len(since)} that sign; the newest since {told['secretsSince'][0]}"
    age = clock.wall_now() - since[0]
    if len(since) > 1 and age > UNFINISHED:
        return warning(
            "secret", message, "End the rotation: the operator revokes the old one (partner key revoke-old)."
        )
    if age > OLD:
        return warning("secret", message, "It is over a year old: let the operator rotate it.")
    return ok("secret", message)


def _of_address(told: dict[str, Any]) -> Check:
    """From where the server sees this machine call. Other addresses are refused before this is told."""
    allowed = ", ".join(told["allowedAddresses"])
    if allowed:
        return ok("address", f"{told['address']} is among {allowed}")
    message = f"{told['address']}; the key may be used from anywhere"
    if told["mode"] == "sandbox":
        return ok("address", message)
    return warning("address", message, "Have the operator tie the key to your servers' addresses (--allow-ip).")


def _of_rate(response: httpx.Response) -> Check:
    """What is left of the requests of this minute."""
    left, limit = (
        LEFT.search(response.headers.get("ratelimit", "")),
        LIMIT.search(response.headers.get("ratelimit-policy", "")),
    )
    if left is None or limit is None:
        return ok("rate limit", "none")
    message = f"{left['left']} of {limit['limit']} requests a minute are left"
    if int(left["left"]) * 10 >= int(limit["limit"]):
        return ok("rate limit", message)
    return warning("rate limit", message, "Spread requests over the minute, or ask the operator for more.")


# Webhooks


def of_webhooks(caller: Caller, *, fire: bool) -> Iterator[Check]:
    """Every endpoint: whether it is sent events, and how the last went; with `fire` a test event is sent to it."""
    try:
        found = caller.data(Asked("GET", f"{S2S}/webhook/find-all"))["array"]
        if not found:
            yield ok("webhooks", "no endpoint")
        for endpoint in found:
            yield _of_endpoint(caller, endpoint, fire=fire)
    except RefusedError as error:
        if error.code == "SCOPE_MISSING":
            yield warning("webhooks", "the key may not look at them", "Use a key with the scope webhooks to see them.")
        else:
            yield failed("webhooks", str(error), advice_for(error.refusal) or "Run it again.")
    except NotReachedError as error:
        yield failed("webhooks", error.message, error.advice)


def _of_endpoint(caller: Caller, endpoint: dict[str, Any], *, fire: bool) -> Check:
    name, url = f"webhook {endpoint['id']}", endpoint["url"]
    if endpoint["state"] != "enabled":
        reason = REASONS.get(endpoint["reason"], endpoint["reason"])
        advice = f"Repair it, then: hashrail call s2s_webhook_update --id {endpoint['id']} --enabled true"
        return failed(name, f"{url} is disabled: {reason}", advice)
    if fire:
        return _fired(caller, name, endpoint)
    last = _newest(caller, endpoint["id"], "")
    if endpoint["failures"]:
        message = f"{url} has failed {endpoint['failures']} times since {endpoint['failingSince']}"
        return warning(name, f"{message}: {_tried(last)}", "See what it answers: hashrail call s2s_webhook_deliveries")
    return ok(name, f"{url} is enabled; {'nothing was sent yet' if last is None else f'last: {_tried(last)}'}")


def _fired(caller: Caller, name: str, endpoint: dict[str, Any]) -> Check:
    """Have the server send a test event, and wait for what comes of it."""
    before = _newest(caller, endpoint["id"], WebhookEndpointTest.TYPE)
    caller.data(Asked("POST", f"{S2S}/webhook/test", members={"id": endpoint["id"]}))

    def tried() -> dict[str, Any] | None:
        found = _newest(caller, endpoint["id"], WebhookEndpointTest.TYPE)
        is_new = found is not None and (before is None or found["position"] > before["position"])
        return found if is_new and found is not None and found["log"] else None

    found = _awaited(tried)
    if found is None:
        message = f"{endpoint['url']} was sent nothing within {FIRE_SECONDS} s"
        return failed(name, message, "The operator's worker sends webhooks: ask whether it runs.")
    if found["state"] == "delivered":
        return ok(name, f"{endpoint['url']} took the test event: {_tried(found)}")
    is_answered = found["log"][-1]["status"] is not None
    advice = "Answer 2xx within 15 s." if is_answered else "Let the server reach it: check its address and firewalls."
    return failed(name, f"{endpoint['url']} did not take the test event: {_tried(found)}", advice)


def _awaited(look: Callable[[], dict[str, Any] | None]) -> dict[str, Any] | None:
    """What is found in time."""
    ends = clock.monotonic() + FIRE_SECONDS
    while (found := look()) is None and clock.monotonic() < ends:
        time.sleep(POLL_SECONDS)
    return found


def _newest(caller: Caller, number: int, kind: str) -> dict[str, Any] | None:
    """The newest delivery of an endpoint, of a type where one is named."""
    query = [("id", str(number)), ("limit", "20")]
    found = caller.data(Asked("GET", f"{S2S}/webhook/deliveries", query=query))["array"]
    return next((each for each in found if kind in ("", each["type"])), None)


def _tried(delivery: dict[str, Any] | None) -> str:
    """A delivery in words."""
    if delivery is None:
        return "no attempt is kept"
    attempt = delivery["log"][-1] if delivery["log"] else {"status": None, "error": "not tried yet", "attemptedAt": ""}
    answer = attempt["error"] if attempt["status"] is None else f"status {attempt['status']}"
    return f"{delivery['type']} {delivery['state']}, {answer} {attempt['attemptedAt']}".strip()


def of_receiver(receiver: Receiver) -> Check:
    """Whether a receiver on this machine takes what is sent to it."""
    at = clock.iso(clock.wall_now())
    event = {
        "id": "test_receiver",
        "position": 1,
        "type": WebhookEndpointTest.TYPE,
        "version": 1,
        "object": {"kind": WebhookEndpointTest.KIND, "id": "1", "sequence": 1},
        "occurredAt": at,
        "data": {"endpointId": 1},
    }
    taken = receiver.post("test_receiver", WebhookEndpointTest.TYPE, at, msgspec.Raw(msgspec.json.encode(event)))
    if taken.is_taken:
        return ok("receiver", f"{receiver.url} answered {taken.said}")
    advice = "Start it, or verify the bytes as they came with the secret that was shown; answer 2xx."
    return failed("receiver", f"{receiver.url}: {taken.said}", advice)
