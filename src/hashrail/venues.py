"""The exchanges of the library `ccxt`, and which of them are one: told by its files, as its import takes a second."""

import re
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

EXCHANGE = re.compile("[a-z][a-z0-9]*")
# How the file of an exchange says whose branch it is.
CLASS = re.compile(r"class [a-z0-9]+\((\w+)")
# What the files do not say: the same order book by another interface.
OTHER_DOORS = {"coinbaseexchange": "coinbase"}


def check(names: Iterable[str]) -> None:
    """Raises ValueError for a name that is no exchange of the library."""
    folder = _library()
    for name in names:
        if not EXCHANGE.fullmatch(name) or not (folder / f"{name}.py").exists():
            raise ValueError(f"{name!r} is no exchange of ccxt")


@cache
def of(name: str) -> str:
    """The exchange that this one is a branch or another door of, or itself."""
    if name in OTHER_DOORS:
        return OTHER_DOORS[name]
    with (_library() / f"{name}.py").open(encoding="utf-8") as lines:
        found = next((match for match in map(CLASS.match, lines) if match is not None), None)
    return name if found is None or found[1] == "Exchange" else of(found[1])


def _library() -> Path:
    """Where the library has a file for each exchange."""
    found = find_spec("ccxt")
    assert found is not None, "ccxt is installed with Hashrail"
    assert found.origin is not None, "ccxt is a package of files"
    return Path(found.origin).parent / "async_support"
