"""`hashrail login` and `hashrail logout`: the deployments that are called from this terminal, and their keys."""

import os
import sys
from json import JSONDecodeError, loads
from pathlib import Path
from typing import Annotated, Any

import typer

from hashrail.cli import profiles
from hashrail.cli.calling import Asked, calling
from hashrail.cli.examples import example
from hashrail.cli.integrating import ProfileOption, refused_shown
from hashrail.cli.printing import Shape, about, prints, show_json, usage_error
from hashrail.cli.profiles import Profile
from hashrail.cli.shared import JsonOption, refusals_shown, say, table, warn

app = typer.Typer(no_args_is_help=True)

SECRET = "HASHRAIL_API_SECRET"  # noqa: S105
KEY = "/api/partner/s2s/key"


class ProfileShape(Shape, kw_only=True):
    """A stored profile, without its secret."""

    name: Annotated[str, about("as --profile names it")]
    base_url: Annotated[str, about("the deployment")]
    api_key: Annotated[str, about("the key that it calls with")]
    is_chosen: Annotated[bool, about("whether it is the one that is used where none is named")]


@app.command(
    "login",
    epilog=example(
        "hashrail login --from .hashrail/demo.json",
        "hashrail login --profile live --base-url https://hashrail.example --api-key hrk_live_7_...",
        "hashrail login --list",
    ),
)
@prints(list[ProfileShape])
def login(
    profile: ProfileOption = None,
    base_url: Annotated[str | None, typer.Option(help="The deployment, as https://hashrail.example.")] = None,
    api_key: Annotated[str | None, typer.Option(help="The API key that the operator gave you.")] = None,
    from_file: Annotated[
        Path | None, typer.Option("--from", help="Take all three from the demo.json of a sandbox.")
    ] = None,
    shown: Annotated[bool, typer.Option("--list", help="Show the stored profiles, and change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Store a key and its secret as a profile, once the server has accepted them.

    `call`, `events` and `doctor` use it. The secret is asked for and not shown; or it comes from HASHRAIL_API_SECRET
    or, where there is no terminal, from standard input. It is kept in a file that only you may read.
    """
    with refusals_shown():
        if shown:
            _list(profile, as_json=as_json)
            return
        name = profiles.chosen_name(profile)
        wanted = _asked(base_url, api_key) if from_file is None else _read(from_file)
        with refused_shown(), calling(wanted) as caller:
            told = caller.data(Asked("GET", KEY))
        place = profiles.keep(name, wanted)
        if as_json:
            _list(name, as_json=True)
            return
    say(
        f"Logged in as {name}: {told['partnerName']} ({told['partnerId']}), {told['mode']}, at {wanted.base_url}",
        "bold",
    )
    say(f"The key is {told['kind']} and may: {', '.join(told['scopes']) or 'nothing'}")
    say(f"Stored in {place}, which only you may read.")
    if told["mode"] == "production" and wanted.base_url.startswith("http://"):
        warn(
            "The connection is not encrypted: users' tokens can be read on the way. Use the https:// address.", "yellow"
        )


@app.command("logout", epilog=example("hashrail logout --profile live"))
def logout(profile: ProfileOption = None) -> None:
    """Take a profile off this machine. The key itself goes on: the operator revokes it."""
    with refusals_shown():
        name = profiles.chosen_name(profile)
        gone = profiles.forget(name)
    say(f"Profile {name} is gone from {profiles.path()}. Its key {gone.api_key} still works elsewhere.")


def _list(name: str | None, *, as_json: bool) -> None:
    chosen = profiles.chosen_name(name)
    found = [
        ProfileShape(name=each, base_url=one.base_url, api_key=one.api_key, is_chosen=each == chosen)
        for each, one in profiles.every().items()
    ]
    if as_json:
        show_json(found)
        return
    rows = [(each.name, each.base_url, each.api_key, "chosen" if each.is_chosen else "") for each in found]
    table("Profiles", ("name", "base URL", "API key", ""), rows)


def _asked(base_url: str | None, api_key: str | None) -> Profile:
    """What the call says, and for the rest whoever sits at the terminal."""
    interactive = sys.stdin.isatty()
    if not interactive and (base_url is None or api_key is None):
        raise usage_error("name --base-url and --api-key, or --from FILE: nobody can be asked here")
    base_url = base_url or typer.prompt("Base URL of the deployment", default="http://127.0.0.1:8080")
    api_key = api_key or typer.prompt("API key")
    secret = os.environ.get(SECRET)
    if not secret:
        secret = typer.prompt("API secret", hide_input=True) if interactive else sys.stdin.readline()
    return _profile(base_url, api_key, secret)


def _read(path: Path) -> Profile:
    try:
        found: Any = loads(path.read_bytes())
        return _profile(found["baseUrl"], found["apiKey"], found["apiSecret"])
    except OSError as error:
        raise usage_error(f"cannot read {path}: {error.strerror}") from error
    except (JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise usage_error(f"{path} is no demo.json: it lacks baseUrl, apiKey or apiSecret") from error


def _profile(base_url: str, api_key: str, secret: str) -> Profile:
    """Raises BadProfileError."""
    checked = Profile(base_url=profiles.base_url(base_url), api_key=api_key.strip(), api_secret=secret.strip())
    for name, value in (("API key", checked.api_key), ("API secret", checked.api_secret)):
        if not value or not value.isascii() or not value.isprintable():
            raise profiles.BadProfileError(f"the {name} is empty, or holds characters that none has")
    return checked
