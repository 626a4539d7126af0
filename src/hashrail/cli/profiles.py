"""Profiles: the deployments that an integrator calls from a terminal, each with a key and its secret.

They stand in `profiles.json` in the folder `hashrail` of XDG_CONFIG_HOME, which is `~/.config` where nobody says
otherwise. Folder and file are their owner's alone; the file is written whole or not at all.
"""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct

from hashrail import private_files
from hashrail.errors import BadRequestError, ConflictError, NotFoundError

USUAL = "default"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
URL = re.compile(r"https?://[^\s/?#@]+")
FOLDER_MODE = 0o700
OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class NoProfileError(NotFoundError):
    """No profile of that name is stored on this machine."""

    code = "NO_PROFILE"
    advice = "Store it with: hashrail login. Those that are there: hashrail login --list."


class ProfilesUnreadableError(ConflictError):
    """The file with the profiles cannot be read, or is none."""

    code = "PROFILES_UNREADABLE"
    advice = "Look at the file; moved away, it is made anew by: hashrail login."


class BadProfileError(BadRequestError):
    """A profile has no name, address or key that could be meant."""

    code = "BAD_PROFILE"
    advice = "A name has letters, digits and . _ -; a base URL is like https://hashrail.example, without a path."


class Profile(Struct, rename="camel", frozen=True, kw_only=True):
    """Where to call, and as whom."""

    base_url: str
    api_key: str
    api_secret: str


class _File(Struct):
    profiles: dict[str, Profile] = {}


@dataclass(frozen=True, slots=True)
class Chosen:
    """A profile and the name under which it is stored."""

    name: str
    profile: Profile


def folder() -> Path:
    """The folder of what the program keeps for this user."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "hashrail"


def path() -> Path:
    """The file with the profiles."""
    return folder() / "profiles.json"


def chosen_name(name: str | None) -> str:
    """The profile that is meant. Raises BadProfileError."""
    meant = name or os.environ.get("HASHRAIL_PROFILE") or USUAL
    if NAME.fullmatch(meant) is None:
        raise BadProfileError(f"{meant!r} is no name of a profile")
    return meant


def base_url(text: str) -> str:
    """An address of a deployment, without what follows it. Raises BadProfileError."""
    bare = text.strip().rstrip("/")
    if URL.fullmatch(bare) is None:
        raise BadProfileError(f"{text!r} is no base URL")
    return bare


def choose(name: str | None) -> Chosen:
    """The profile that is meant. Raises BadProfileError, NoProfileError, ProfilesUnreadableError."""
    meant = chosen_name(name)
    found = every().get(meant)
    if found is None:
        raise NoProfileError(f"there is no profile {meant} in {path()}")
    return Chosen(meant, found)


def every() -> dict[str, Profile]:
    """The profiles by name. Raises ProfilesUnreadableError."""
    try:
        found = msgspec.json.decode(path().read_bytes(), type=_File)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ProfilesUnreadableError(f"{path()}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise ProfilesUnreadableError(f"{path()}: {error}") from error
    return dict(sorted(found.profiles.items()))


def keep(name: str, profile: Profile) -> Path:
    """Store a profile in place of the one of that name. Raises ProfilesUnreadableError, FileNotWrittenError."""
    return _write(every() | {name: profile})


def forget(name: str) -> Profile:
    """Take a profile off this machine. Raises NoProfileError, ProfilesUnreadableError, FileNotWrittenError."""
    left = every()
    if name not in left:
        raise NoProfileError(f"there is no profile {name} in {path()}")
    gone = left.pop(name)
    _write(left)
    return gone


def is_open_to_others() -> bool:
    """Whether somebody else on this machine can read the file."""
    return bool(path().stat().st_mode & OF_OTHERS)


def _write(profiles: dict[str, Profile]) -> Path:
    place = path()
    try:
        place.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        place.parent.chmod(FOLDER_MODE)
    except OSError as error:
        raise private_files.FileNotWrittenError(f"{place.parent}: {error.strerror}") from error
    text = msgspec.json.format(msgspec.json.encode(_File(profiles)), indent=2).decode()
    private_files.write(place, text + "\n")
    return place
