"""How the console writes values: amounts with every digit, times in UTC that a script adds the local time to.

Whatever a partner, a user or an operator has written is shown as one line without anything that acts on it; the
template engine escapes it for HTML after that.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from markupsafe import Markup, escape

from hashrail import clock, texts
from hashrail.acts.acting import Noted
from hashrail.money import BTC_DECIMALS, decimals, plain
from hashrail.parties.operators import plainly

USD_DECIMALS = 2
# What was done, after a form has led to a page.
DONE = {
    "asked": "It is noted, and waits for a second admin.",
    "created": "It is there.",
    "changed": "It is changed.",
    "confirmed": "You have confirmed it, and it is done.",
    "taken_back": "It is taken back, and nothing of it is done.",
    "resumed": "Payouts go on.",
    "adopted": "The wallet that is read next is the right one.",
    "acknowledged": "They stand in nobody's way any more.",
    "not_paid": "It is cancelled, and what it held is the user's again.",
    "approved": "Your approval is noted.",
    "refused": "The withdrawal is refused, and what it held is the user's again.",
    "blocked": "The user is blocked.",
    "unblocked": "The user is not blocked any more.",
    "noted": "The note is written.",
    "ended": "The session has ended.",
    "signed_out": "Their sessions have ended.",
    "passkey_added": "The passkey is there, and every other session has ended. The next sign-in asks for it.",
    "passkey_removed": "The passkey is gone, and every other session has ended.",
    "suspended": "The partner is suspended: what is new has stopped.",
    "reopened": "The partner is open again.",
    "closed": "The partner is closed for good.",
    "recorded": "The payment is recorded.",
    "reversed": "The payment is taken back.",
    "issued": "The invoice is issued.",
    "rotated": "The key has a new secret; the one before stays valid until you revoke it.",
    "revoked": "The key is revoked.",
    "sessions_ended": "The sessions have ended.",
    "webhook_disabled": "Nothing is sent there any more.",
    "webhook_enabled": "It is sent to again, beginning with what waits.",
    "webhook_tried": "The event is on its way; it stands below once it was sent.",
    "webhook_replayed": "The events are on their way again.",
    "offered": "It is on sale.",
    "cancelled": "The order is cancelled, and what it reserved is released.",
    "refunded": "The order is refunded, and its miner leaves with this day.",
    "paused": "Payouts are paused: nothing is signed or sent until an admin lets them go on.",
}


def written(value: object) -> object:
    """What stands on a page for any value that a template names."""
    if value is None:
        return "–"
    if isinstance(value, Markup | int):
        return value
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return value.isoformat()
    return texts.shown(str(value), limit=4000)


def btc(value: Decimal) -> str:
    """An amount with at least 8 decimals, and as many as it has."""
    return f"{value:,.{max(BTC_DECIMALS, decimals(value))}f}"


def usd(value: Decimal) -> str:
    """An amount with at least 2 decimals, and as many as it has."""
    return f"{value:,.{max(USD_DECIMALS, decimals(value))}f}"


def moment(value: datetime | None) -> Markup:
    """A time to the second, UTC; a script adds the reader's own."""
    if value is None:
        return Markup("–")
    said = clock.iso(value)
    return Markup('<time datetime="{}">{} UTC</time>').format(said, said[:19].replace("T", " "))


def minute(value: datetime) -> Markup:
    """A time to the minute, UTC: for what would be another one at each look."""
    said = clock.iso(value.replace(second=0, microsecond=0))
    return Markup('<time datetime="{}">{} UTC</time>').format(said, said[:16].replace("T", " "))


def lines(text: str) -> Markup:
    """A text of several lines."""
    return Markup("<br>").join(texts.shown(line, limit=4000) for line in text.splitlines())


def kept(text: str) -> Markup:
    """What stands in a field of several lines: each as it is shown, and still one of its own."""
    return escape(texts.shown_lines("\n".join(text.splitlines()), limit=4000))


def values(of: Mapping[str, object] | None) -> str:
    """What there was before or after, in a line."""
    return "" if of is None else ", ".join(f"{name}: {plainly(value)}" for name, value in of.items())


def differences(noted: Noted) -> list[tuple[str, str, str]]:
    """What an act has changed, by name: what there was, and what there is then."""
    before, after = noted.before or {}, noted.after or {}
    return [
        (name, _shown(before.get(name)), _shown(after.get(name)))
        for name in {**before, **after}
        if name not in before or name not in after or before[name] != after[name]
    ]


def _shown(value: object) -> str:
    if value is None or value == []:
        return "–"
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_shown(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value))
    return str(plainly(value))


FILTERS: dict[str, Callable[..., Any]] = {
    "btc": btc,
    "usd": usd,
    "moment": moment,
    "minute": minute,
    "lines": lines,
    "kept": kept,
    "values": values,
    "differences": differences,
}
