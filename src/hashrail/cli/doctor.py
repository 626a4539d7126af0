"""`hashrail doctor`: look at everything that a call needs, and say what to do about what it lacks."""

from typing import Annotated

import typer

from hashrail.cli import doctor_checks
from hashrail.cli.doctor_checks import Check
from hashrail.cli.examples import example
from hashrail.cli.integrating import ProfileOption
from hashrail.cli.printing import prints, show_json
from hashrail.cli.receivers import receiver_at
from hashrail.cli.shared import JsonOption, mark, say

app = typer.Typer(no_args_is_help=True)

STYLES = {"ok": "green", "warn": "yellow", "fail": "red"}


@app.command(
    "doctor",
    epilog=example("hashrail doctor", "hashrail doctor --profile live --fire --json"),
)
@prints(list[Check])
def doctor(
    profile: ProfileOption = None,
    fire: Annotated[
        bool, typer.Option("--fire", help="Have the server send a test event to each enabled endpoint.")
    ] = False,
    forward_to: Annotated[
        str | None, typer.Option(help="Send a test event to this URL too: a receiver on this machine.")
    ] = None,
    webhook_secret: Annotated[
        str | None, typer.Option(help="The secret to sign that with, whsec_...; without: a new one, which is shown.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check what a call needs, from the name of the host to webhooks, and say what to do next.

    It looks at the profile, the server and its version, this machine's clock, the signature, the key with its scopes,
    secrets and addresses, what is left of the rate limit, and every webhook endpoint. Ends with 1 if something fails.
    """
    receiver = None if forward_to is None else receiver_at(forward_to, webhook_secret)
    found = []
    for check in doctor_checks.every(profile, receiver, fire=fire):
        found.append(check)
        if not as_json:
            _show(check)
    if as_json:
        show_json(found)
    fails = sum(check.state == "fail" for check in found)
    if not as_json:
        warns = sum(check.state == "warn" for check in found)
        say(f"{len(found)} checks: {fails} failed, {warns} to look at", "bold")
    raise typer.Exit(1 if fails else 0)


def _show(check: Check) -> None:
    """A check as it is done: the slow ones are seen to go on."""
    mark(f"{check.state.upper():<4}", STYLES[check.state], f"  {check.name:<10}  {check.message}")
    if check.advice is not None:
        say(f"{'':<18}{check.advice}")
