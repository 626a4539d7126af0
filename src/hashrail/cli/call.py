"""`hashrail call`: any operation of the API by its name, with its fields as options.

The operations are those of the server's own route table, so nothing here has to be kept beside it.
"""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import httpx
import msgspec
import typer

from hashrail.api.operations import routes
from hashrail.api.serving.operation import AnyOperation, Auth
from hashrail.cli import call_fields
from hashrail.cli.call_fields import BadFieldError
from hashrail.cli.calling import Asked, Caller, check
from hashrail.cli.examples import example
from hashrail.cli.integrating import ProfileOption, as_profile
from hashrail.cli.printing import Shape, about, prints, show_json, show_wire, usage_error
from hashrail.cli.shared import say, table, warn
from hashrail_client.auth import KEY_HEADER
from hashrail_client.wire import read_body, read_query

app = typer.Typer(no_args_is_help=True)

JSON = "application/json"
OPERATIONS = {each.name: each for each in (*routes.OPERATIONS, *routes.SANDBOX_OPERATIONS)}
LOGIN = "s2s_login"
# Characters of a call as curl sends it.
MAX_CURL = 100_000
# What does without a token, and what without a key.
OF_USERS = (Auth.BEARER, Auth.KEY_OR_BEARER, Auth.ANY_KEY_OR_BEARER)
WHO = {
    Auth.SERVER_KEY: "your key",
    Auth.BEARER: "a user's token",
    Auth.KEY_OR_BEARER: "your key, or a user's token",
    Auth.SIGNED: "your signature",
    Auth.ANY_KEY_OR_BEARER: "your key, or a user's token",
    Auth.NONE: "anybody",
}


class OperationShape(Shape, kw_only=True):
    """An operation that can be called."""

    name: Annotated[str, about("as call takes it")]
    number: Annotated[int | None, about("the contract's number, where it has one")]
    method: Annotated[str, about("GET or POST")]
    path: Annotated[str, about("where it is")]
    who: Annotated[str, about("who may call it")]
    scope: Annotated[str | None, about("the scope that the key needs")]
    options: Annotated[list[str], about("its fields as options, those that are needed first")]
    about: Annotated[str, about("what it does")]


@app.command(
    "call",
    epilog=example(
        "hashrail call s2s_miners --partner-user-id alice",
        "hashrail call c2s_income --as-user alice --limit 5",
        "hashrail call s2s_withdraw --help",
        "hashrail call --list",
    ),
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
@prints(list[OperationShape])
def call(
    ctx: typer.Context,
    operation: Annotated[str | None, typer.Argument(help="The operation, as s2s_miners.")] = None,
    data: Annotated[
        str | None, typer.Option(help="The whole body as JSON, @FILE, or - for standard input; options add to it.")
    ] = None,
    token: Annotated[str | None, typer.Option(help="A user's token, for operations of users.")] = None,
    as_user: Annotated[
        str | None, typer.Option(help="Log in as this user of yours first (registers who is new), and use the token.")
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="Send a write again with the same, and it happens once.")
    ] = None,
    show_request: Annotated[
        bool, typer.Option("--show-request", help="Print the text that was signed, and the call as curl sends it.")
    ] = False,
    profile: ProfileOption = None,
    shown: Annotated[bool, typer.Option("--list", help="Show every operation.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Show a refusal as JSON, or the list.")] = False,
    asks_help: Annotated[bool, typer.Option("--help", help="Show this, or the fields of the operation.")] = False,
) -> None:
    """Call an operation of the API, signed as its kind asks for, and print the answer: JSON with every digit.

    Each field of the operation is an option: partnerUserId is --partner-user-id, nftId within data is --data.nft-id.
    Ends with 1 where the server refuses, and with 2 where the call cannot be made.
    """
    if shown:
        _list(as_json=as_json)
    elif operation is None:
        ctx.get_help()
    elif asks_help:
        _explain(_named(operation))
    else:
        named = _named(operation)
        asked = _asked(named, data, ctx.args)
        with as_profile(profile, as_json_too=as_json) as caller:
            credentials = _credentials(named, caller, token, as_user)
            if idempotency_key is not None:
                credentials["Idempotency-Key"] = idempotency_key
            response = caller.send(_with_headers(asked, credentials))
            if show_request:
                _show_request(response.request, is_signed=asked.is_signed)
            check(response)
            _print(response)


def _named(name: str) -> AnyOperation:
    found = OPERATIONS.get(name)
    if found is None:
        near = call_fields.meant(name, OPERATIONS)
        raise usage_error(f"there is no operation {name}{near} All of them: hashrail call --list")
    return found


def _asked(operation: AnyOperation, data: str | None, words: list[str]) -> Asked:
    """The call as it was typed."""
    is_query = operation.method == "GET"
    if is_query and data is not None:
        raise usage_error(f"{operation.name} has no body: its fields are options")
    try:
        members = {} if data is None else call_fields.json_of(_text(data), "--data")
        fields = call_fields.typed(operation.model, words, is_query=is_query)
    except BadFieldError as error:
        raise usage_error(f"{error} Its fields: hashrail call {operation.name} --help") from error
    return Asked(
        operation.method,
        routes.full_path(operation.path),
        query=list(fields.items()) if is_query else (),
        members={} if is_query else members | fields,
        is_signed=operation.auth is Auth.SIGNED,
    )


def _text(data: str) -> str:
    """What --data says, or the file that it names."""
    if data == "-":
        return sys.stdin.read()
    if not data.startswith("@"):
        return data
    try:
        return Path(data[1:]).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise usage_error(f"cannot read {data[1:]}: {getattr(error, 'strerror', 'it is no UTF-8')}") from error


def _credentials(operation: AnyOperation, caller: Caller, token: str | None, as_user: str | None) -> dict[str, str]:
    """The headers that say who calls, beside a signature. Raises RefusedError where a user cannot log in."""
    if operation.auth not in OF_USERS:
        if token or as_user:
            raise usage_error(f"{operation.name} is not called by users: leave --token and --as-user out")
        return {KEY_HEADER: caller.profile.api_key} if operation.auth is Auth.SERVER_KEY else {}
    if as_user is not None:
        login = routes.full_path(OPERATIONS[LOGIN].path)
        token = caller.data(Asked("POST", login, members={"partnerUserId": as_user}))["jwtToken"]
    if token is not None:
        return {"Authorization": f"Bearer {token}"}
    if operation.auth is Auth.BEARER:
        raise usage_error(f"{operation.name} is called by a user: name --as-user PARTNER_USER_ID, or --token")
    return {KEY_HEADER: caller.profile.api_key}


def _with_headers(asked: Asked, headers: dict[str, str]) -> Asked:
    return Asked(asked.method, asked.path, asked.query, asked.members, headers, asked.is_signed)


def _print(response: httpx.Response) -> None:
    """The answer: JSON in lines on a terminal, everything else as it came."""
    if response.headers.get("content-type") == JSON:
        raw = msgspec.json.format(response.content, indent=2) if sys.stdout.isatty() else response.content
        show_wire(raw.decode())
    elif sys.stdout.isatty():
        if not response.headers.get("content-type", "").startswith("text/"):
            raise usage_error("the answer is a file: send it to one, with > FILE")
        for line in response.text.splitlines():
            say(line)
    else:
        sys.stdout.buffer.write(response.content)


def _show_request(request: httpx.Request, *, is_signed: bool) -> None:
    """What was signed and how curl would send the same, on standard error; a signature holds for some seconds."""
    if is_signed:
        sent = read_query(request.url.query) if request.method == "GET" else read_body(request.content)
        warn("Signed text:", "bold")
        warn(sent.text, limit=MAX_CURL)
    named = ("x-partner-api-key", "authorization", "content-type", "idempotency-key")
    headers = [f"{name}: {request.headers[name]}" for name in named if name in request.headers]
    words = ["curl", *(word for header in headers for word in ("-H", header))]
    words += ["--data-binary", request.content.decode()] if request.method == "POST" else []
    warn("As curl sends it:", "bold")
    warn(shlex.join([*words, str(request.url)]), limit=MAX_CURL)


def _list(*, as_json: bool) -> None:
    found = [_shape(each) for each in OPERATIONS.values()]
    if as_json:
        show_json(found)
        return
    rows = [(each.name, each.method, each.path, each.who, each.about) for each in found]
    table("Operations", ("operation", "method", "path", "who", "what it does"), rows)


def _shape(operation: AnyOperation) -> OperationShape:
    fields = sorted(call_fields.fields_of(operation.model), key=lambda field: not field.is_required)
    return OperationShape(
        name=operation.name,
        number=operation.number,
        method=operation.method,
        path=routes.full_path(operation.path),
        who=WHO[operation.auth],
        scope=operation.scope,
        options=[field.option for field in fields],
        about=operation.story.split("\n\n", maxsplit=1)[0].replace("\n", " "),
    )


def _explain(operation: AnyOperation) -> None:
    """The help of one operation."""
    said = _shape(operation)
    say(f"hashrail call {said.name}", "bold")
    say(said.about)
    scope = f", scope {said.scope}" if said.scope else ""
    number = f", number {said.number} of the contract" if said.number else ""
    say(f"{said.method} {said.path}, called by: {said.who}{scope}{number}")
    rows: list[tuple[Any, ...]] = [
        (field.option, field.kind, "needed" if field.is_required else "", field.about)
        for field in call_fields.fields_of(operation.model)
    ]
    if rows:
        table("Fields", ("option", "value", "", "what it is"), rows)
    refused = ", ".join(sorted(kind.code for kind in operation.refuses))
    if refused:
        say(f"May be refused with: {refused}")
    needed = [f"{field.option} ..." for field in call_fields.fields_of(operation.model) if field.is_required]
    needed += ["--as-user ..."] if operation.auth is Auth.BEARER else []
    say(f"Example: {' '.join(['hashrail call', said.name, *needed])}")
