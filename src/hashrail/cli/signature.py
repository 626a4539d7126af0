"""`hashrail signature`: sign a request by hand, or ask why a signature is not accepted.

It reads what goes over the wire from a file (`-` is standard input): the raw query string of a GET, without the
question mark, or the raw body of a POST. The judge is the one that the API uses.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from hashrail.cli.examples import example
from hashrail.cli.printing import Shape, about, prints, show_json, usage_error
from hashrail.clock import wall_millis
from hashrail_client.causes import CAUSES, EXPLAINED, classify
from hashrail_client.signing import (
    Sent,
    SignatureFault,
    read_body,
    read_query,
    sign_body_text,
    sign_query_text,
    verify,
)
from hashrail_client.wire import append_member, append_pair

DEFAULT_WINDOW_MS = 5000

app = typer.Typer(no_args_is_help=True)


class Method(StrEnum):
    """Where the signature travels: in the query or in the body."""

    GET = "GET"
    POST = "POST"


class Verdict(Shape, kw_only=True):
    """How a signature was judged."""

    verdict: Annotated[Literal["accept", "reject"], about("whether the API would accept it")]
    code: Annotated[str | None, about("the API's code for the refusal")]
    message: Annotated[str, about("the same in words")]
    signed_text: Annotated[str | None, about("the text that the signature has to cover; null where none can be read")]
    cause: Annotated[str | None, about("the mistake that was recognised")]
    explanation: Annotated[str | None, about("what to do about it")]


SecretOption = Annotated[
    str, typer.Option(envvar="HASHRAIL_API_SECRET", help="The API secret; safer from the environment than typed.")
]
MethodOption = Annotated[Method, typer.Option(case_sensitive=False, help="GET: a query string. POST: a JSON body.")]
WireOption = Annotated[
    Path,
    typer.Option(help="The file with the raw query or body, exactly as sent; - is standard input.", allow_dash=True),
]
NowOption = Annotated[int | None, typer.Option(help="The time in milliseconds since 1970 UTC; without it, now.")]


@app.command("sign", epilog=example("printf 'partnerUserId=user-1' | hashrail signature sign --method GET --wire -"))
def sign(secret: SecretOption, method: MethodOption, wire: WireOption, now: NowOption = None) -> None:
    """Print the query or body with its signature, ready to send.

    A missing timestamp is added first; everything else stays as it is, to the last space. Nothing is printed after
    the text, not even a newline, so that it can be piped to whatever sends it.
    """
    _check_secret(secret)
    raw = _read(wire, method)
    try:
        sent = _parse(raw, method)
    except SignatureFault as fault:
        raise usage_error(f"{fault.message}. {fault.advice}") from fault
    if sent.signature is not None:
        raise usage_error("the request is signed already; take its signature out first")
    timestamp = str(wall_millis() if now is None else now)
    text = raw.decode()
    if method is Method.GET:
        text = append_pair(text, "timestamp", timestamp) if sent.timestamp is None else text
        signed = sign_query_text(secret, text)
    else:
        text = append_member(text, "timestamp", timestamp) if sent.timestamp is None else text
        signed = sign_body_text(secret, text)
    typer.echo(signed.encode(), nl=False)


@app.command("verify", epilog=example("hashrail signature verify --method POST --wire body.json --now 1721656927974"))
@prints(Verdict)
def verify_command(
    secret: SecretOption,
    method: MethodOption,
    wire: WireOption,
    now: NowOption = None,
    recv_window_default: Annotated[
        int, typer.Option(min=1, help="The window of the operation in milliseconds, where the request sends none.")
    ] = DEFAULT_WINDOW_MS,
    other_secret: Annotated[
        list[str] | None, typer.Option(help="Further secrets of the partner that could have been taken by mistake.")
    ] = None,
) -> None:
    """Print one JSON object with the verdict; the exit status is 0 for accept and 1 for reject.

    "signedText" is the text that the signature has to cover, "cause" the mistake that was recognised, if any.
    """
    _check_secret(secret)
    raw = _read(wire, method)
    moment = wall_millis() if now is None else now
    verdict = _verdict(raw, method, secret, moment, recv_window_default, other_secret or [])
    show_json(verdict, indent=None)
    if verdict.verdict == "reject":
        raise typer.Exit(1)


def _verdict(
    raw: bytes, method: Method, secret: str, now_ms: int, default_window_ms: int, other_secrets: list[str]
) -> Verdict:
    try:
        sent = _parse(raw, method)
    except SignatureFault as fault:
        return _rejection(fault, None, None)
    try:
        verified = verify(sent, [secret], now_ms, default_window_ms)
    except SignatureFault as fault:
        cause = classify(sent, [secret], other_secrets) if fault.code in EXPLAINED else None
        return _rejection(fault, sent.text, cause)
    return Verdict(
        verdict="accept",
        code=None,
        message="the signature holds",
        signed_text=verified.text,
        cause=None,
        explanation=None,
    )


def _rejection(fault: SignatureFault, text: str | None, cause: str | None) -> Verdict:
    return Verdict(
        verdict="reject",
        code=fault.code,
        message=fault.message,
        signed_text=text,
        cause=cause,
        explanation=fault.advice if cause is None else CAUSES[cause],
    )


def _parse(raw: bytes, method: Method) -> Sent:
    return read_query(raw) if method is Method.GET else read_body(raw)


def _read(wire: Path, method: Method) -> bytes:
    """The bytes of the file. An editor ends a file with a newline, which no query can hold: it goes."""
    try:
        raw = sys.stdin.buffer.read() if str(wire) == "-" else wire.read_bytes()
    except OSError as error:
        raise usage_error(f"cannot read {wire}: {error.strerror}") from error
    return raw.removesuffix(b"\n").removesuffix(b"\r") if method is Method.GET else raw


def _check_secret(secret: str) -> None:
    if not secret:
        raise usage_error("the secret is empty")
