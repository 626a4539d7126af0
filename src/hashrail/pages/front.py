"""The front page at `/`: what this is, and in a sandbox what it does, told by its own API.

In a sandbox that `hashrail demo` made, the page is a client like any other: its script signs calls with the demo
partner's key and shows what comes back. The key is given to a browser on the same machine only, which asked for this
machine by name: another site whose name was pointed here gets a page without it.
"""

import json
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from hashrail.settings import Settings

DEMO = "demo.json"
# Names by which a browser asks for its own machine.
HERE = ("127.0.0.1", "localhost", "[::1]")
# What the script needs of demo.json.
GIVEN = ("partnerId", "apiKey", "apiSecret", "users")


def facts(settings: Settings, *, host: str, address: str) -> dict[str, Any]:
    """What the template shows to whoever asked for `host` from `address`."""
    box = demo_of(settings) if settings.mode == "sandbox" else None
    is_near = box is not None and is_here(host, address)
    return {
        "box": {name: box[name] for name in GIVEN} if box is not None and is_near else None,
        "operators": box.get("operators", ()) if box is not None and is_near else (),
        "members": box.get("members", ()) if box is not None and is_near else (),
        "is_demo": box is not None,
    }


def is_here(host: str, address: str) -> bool:
    """Whether a browser of this machine asks this machine by its name."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    try:
        return name in HERE and ip_address(address).is_loopback
    except ValueError:
        return False


def demo_of(settings: Settings) -> Mapping[str, Any] | None:
    """What `hashrail demo` wrote, where it made this sandbox."""
    try:
        found: Mapping[str, Any] = json.loads((Path(settings.data) / DEMO).read_text())
    except FileNotFoundError:
        return None
    return found
