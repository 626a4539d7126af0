"""Every type of event that the program can note, and what readers call them by."""

import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module

from hashrail.events import types
from hashrail.events.event import Event


@cache
def kinds() -> dict[str, type[Event]]:
    """The types by their names, in the order of those."""
    # The modules of a package are asked for by whoever needs them; here all of them are.
    for module in pkgutil.iter_modules(getattr(types, "__path__", ())):
        import_module(f"{types.__name__}.{module.name}")
    ours = [kind for kind in _below(Event) if "TYPE" in vars(kind) and kind.__module__.startswith(types.__name__)]
    found = {kind.TYPE: kind for kind in ours}
    assert len(found) == len(ours), "no two types of events have one name"
    return dict(sorted(found.items()))


def named(names: str) -> list[str] | None:
    """The types that a list of names means, apart by commas; `order.` means all that begin so. None for an unknown."""
    found: list[str] = []
    for name in names.split(","):
        meant = [each for each in kinds() if each == name or (name.endswith(".") and each.startswith(name))]
        if not meant:
            return None
        found += meant
    return found


def _below(kind: type[Event]) -> Iterator[type[Event]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)
