"""Keys of the partner: made, rotated, narrowed, widened and ended.

What takes something away is done at once. What lets bitcoin out waits for a second owner (`key_changes.py`).
"""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_network

from hashrail.access import api_keys, origins, ton_domains
from hashrail.access import scopes as known_scopes
from hashrail.access.api_keys import KeyKind, NewKey
from hashrail.access.scopes import WITHDRAW
from hashrail.acts import keys as of_keys
from hashrail.db import Row, Tx
from hashrail.errors import BadRequestError
from hashrail.pages.asking import Asked, Done
from hashrail.pages.forms import Field, Values
from hashrail.pages.portal import key_changes
from hashrail.pages.portal.acting import MemberActing
from hashrail.pages.portal.visit import Visit, link
from hashrail.pages.visiting import Shown
from hashrail.parties import members

PAGE = "/keys"
# What a scope is for, as a box says it.
WORDS = {
    "read": "read: what you and your users have",
    "login": "login: register users, open and end their sessions",
    "wallet": "wallet: bind addresses to users, and give them addresses to deposit at",
    "order": "order: order, say that orders were paid, upgrade",
    "transfer": "transfer: give miners from one user to another",
    "withdraw": "withdraw: withdraw bitcoin of users; takes two owners",
    "webhooks": "webhooks: look after endpoints and their secrets",
}
KINDS: dict[KeyKind, str] = {
    "secret": "secret: for your server, which signs",
    "publishable": "publishable: for pages and apps, with your origins and without a secret",
    "full": "full: both in one, as the vendor's keys are",
}
ADDRESSES = Field(
    "addresses",
    "Addresses that may use it, one a line",
    "lines",
    needed=False,
    help="Like 203.0.113.7 or 203.0.113.0/24. Without any, every address may.",
)


class BadNetworkError(BadRequestError):
    """A line of a list of addresses is neither an address nor a network."""

    code = "BAD_NETWORK"
    advice = "Write one a line, like 203.0.113.7 or 203.0.113.0/24; without any, every address may use the key."


async def listed(tx: Tx, visit: Visit) -> Shown:
    """All keys, what of them waits for a second owner, and where pages and users may come from."""
    found = await api_keys.list_keys(tx, visit.partner_id)
    return Shown(
        {
            "keys": [row for row in found if row["revoked_at"] is None],
            "ended": [row for row in found if row["revoked_at"] is not None],
            "waiting": await key_changes.waiting(tx, visit),
            "are_two": await members.are_two_owners(tx, visit.partner_id),
            "origins": sorted(await origins.load(tx, visit.partner_id)),
            "domains": await ton_domains.ton_domains(tx, visit.partner_id),
            "per_minute": visit.deployment.settings.rate_limit_per_minute,
        }
    )


async def one(tx: Tx, visit: Visit) -> Shown:
    """A key, and what can be done with it."""
    row = await named(tx, visit)
    known = await api_keys.facts_of(tx, visit.partner_id, row["id"])
    return Shown(
        {
            "row": row,
            "since": known.secrets_since,
            "withdraws": WITHDRAW in row["scopes"],
            "are_two": await members.are_two_owners(tx, visit.partner_id),
            "per_minute": visit.deployment.settings.rate_limit_per_minute,
        }
    )


async def named(tx: Tx, visit: Visit) -> Row:
    """The key whose number the path has. Raises KeyNotFoundError."""
    return await of_keys.row_of(tx, visit.partner_id, visit.numbers["key"])


async def ask_to_create(tx: Tx, visit: Visit) -> Asked:
    """What the key is for."""
    fields = (
        Field("label", "What it is for", help="Like: production server. Only your team reads it.", most=100),
        Field("kind", "Kind", "choice", "secret", choices=tuple(KINDS.items())),
        *_boxes(["read", "login", "order"]),
        ADDRESSES,
        Field("expires", "Ends at", "moment", needed=False, help="Like 2027-01-31T12:00:00Z. Without: never."),
    )
    words = ["Its secret is shown once. Give it no more than it needs: scopes can be changed later."]
    return Asked("Make a key", "Make the key", link(PAGE), fields, [*words, *await key_changes.words(tx, visit)])


async def create(tx: Tx, act: MemberActing, visit: Visit, values: Values) -> Done:
    """Make it; that it may withdraw is asked of a second owner."""
    act.books.assert_open()
    wanted = _scopes(values)
    granted = [each for each in wanted if each != WITHDRAW]
    networks = _networks(values["addresses"])
    made: NewKey | None = None
    meant: dict[str, object] = {
        "kind": values["kind"],
        "label": values["label"],
        "scopes": granted,
        "allowed_ips": [str(each) for each in networks],
        "expires_at": values["expires"],
    }
    if not act.tries:
        # It gets no number by being asked for, so that no number is missing later.
        made = await api_keys.create_key(
            tx,
            visit.deployment.vault,
            partner_id=visit.partner_id,
            kind=values["kind"],
            label=values["label"],
            scopes=tuple(granted),
            allowed_ips=tuple(networks),
            expires_at=values["expires"],
        )
    subject = "the new key" if made is None else _subject(made.key_id)
    await act.note(tx, "key made", subject, after=meant)
    if WITHDRAW in wanted:
        begins = meant if made is None else await key_changes.begins(tx, visit.partner_id, made.key_id)
        before = begins | {"scopes": granted}
        await act.waits(tx, key_changes.SCOPES, subject, before=before, after=before | {"scopes": wanted})
    if made is None:
        return Done(link(PAGE))
    return Done(link(PAGE), _shown(made))


async def ask_to_rotate(tx: Tx, visit: Visit) -> Asked:
    """What another secret comes to."""
    row = await named(tx, visit)
    words = ["It gets another secret, shown once. The one before signs on until you end it, or rotate again."]
    if WITHDRAW in row["scopes"]:
        words.append("It may withdraw: the new secret signs once a second owner has confirmed it.")
    more = await key_changes.words(tx, visit) if WITHDRAW in row["scopes"] else []
    return Asked(f"Rotate {_called(row)}", "Make another secret", _page(row), (), [*words, *more])


async def rotate(tx: Tx, act: MemberActing, visit: Visit, _: Values) -> Done:
    """Give it another secret."""
    row = await named(tx, visit)
    partner_id, number = visit.partner_id, row["id"]
    made, sealed = await api_keys.next_secret(tx, visit.deployment.vault, partner_id=partner_id, key_id=number)
    if WITHDRAW in row["scopes"]:
        before = await key_changes.begins(tx, partner_id, number)
        after = before | {"rotates": True}
        await act.waits(tx, key_changes.SECRET, _subject(number), before=before, after=after, secret=sealed.decode())
    else:
        await api_keys.take_secret(tx, partner_id=partner_id, key_id=number, sealed=sealed)
        live = (await named(tx, visit))["live_secrets"]
        before_live, after_live = {"live_secrets": row["live_secrets"]}, {"live_secrets": live, "rotated": True}
        await act.note(tx, "key rotated", _subject(number), before=before_live, after=after_live)
    return Done(_page(row), _shown(made))


async def ask_to_revoke_old(tx: Tx, visit: Visit) -> Asked:
    """What ending a rotation comes to."""
    row = await named(tx, visit)
    words = ["Only the newest secret signs from now on. Servers that still sign with an older one are refused at once."]
    return Asked(f"End older secrets of {_called(row)}?", "End older secrets", _page(row), (), words)


async def revoke_old(tx: Tx, act: MemberActing, visit: Visit, _: Values) -> Done:
    """End the older secrets."""
    row = await named(tx, visit)
    await api_keys.revoke_old_secret(tx, partner_id=visit.partner_id, key_id=row["id"])
    live = (await named(tx, visit))["live_secrets"]
    before, after = {"live_secrets": row["live_secrets"]}, {"live_secrets": live}
    await act.note(tx, "older secrets ended", _subject(row["id"]), before=before, after=after)
    return Done(_page(row, done="changed"))


async def ask_to_revoke(tx: Tx, visit: Visit) -> Asked:
    """What ending a key comes to."""
    row = await named(tx, visit)
    last = row["last_used_at"]
    words = [
        "Every request with this key is refused from the moment you press it.",
        "The sessions of users that it opened end. Nothing brings it back: you would make another key.",
        "It was never used." if last is None else f"It was used last at {last:%Y-%m-%d %H:%M} UTC.",
    ]
    return Asked(f"End {_called(row)}?", "End the key", _page(row), (), words)


async def revoke(tx: Tx, act: MemberActing, visit: Visit, _: Values) -> Done:
    """End it for good."""
    row = await named(tx, visit)
    await api_keys.revoke_key(tx, partner_id=visit.partner_id, key_id=row["id"])
    before, after = {"ended": row["revoked_at"] is not None}, {"ended": True}
    await act.note(tx, "key ended", _subject(row["id"]), before=before, after=after)
    return Done(link(PAGE, done="key_ended"))


async def ask_for_scopes(tx: Tx, visit: Visit) -> Asked:
    """What it may do."""
    row = await named(tx, visit)
    words = ["Without login, the sessions of users that it opened end."]
    fields = _boxes(row["scopes"])
    return Asked(
        f"Scopes of {_called(row)}",
        "Change the scopes",
        _page(row),
        fields,
        [*words, *await key_changes.words(tx, visit)],
    )


async def set_scopes(tx: Tx, act: MemberActing, visit: Visit, values: Values) -> Done:
    """Give it other scopes; what it would have with withdraw is asked of a second owner."""
    row, wanted = await named(tx, visit), _scopes(values)
    partner_id, number, present = visit.partner_id, row["id"], row["scopes"]
    await api_keys.assert_scopes_may_change(tx, partner_id=partner_id, key_id=number, scopes=wanted)
    widens = WITHDRAW in wanted and not set(wanted) <= set(present)
    if widens:
        before = await key_changes.begins(tx, partner_id, number)
        after = before | {"scopes": wanted}
        await act.waits(tx, key_changes.SCOPES, _subject(number), before=before, after=after)
    else:
        await api_keys.set_scopes(tx, partner_id=partner_id, key_id=number, scopes=wanted)
        await act.note(tx, "scopes changed", _subject(number), before={"scopes": present}, after={"scopes": wanted})
    return Done(_page(row, done="changed"))


async def ask_for_addresses(tx: Tx, visit: Visit) -> Asked:
    """From where it may be used."""
    row = await named(tx, visit)
    fields = (replace(ADDRESSES, value=[str(each) for each in row["allowed_ips"]]),)
    words = ["Requests from elsewhere are refused within seconds."]
    more = await key_changes.words(tx, visit) if WITHDRAW in row["scopes"] else []
    return Asked(f"Addresses of {_called(row)}", "Change the addresses", _page(row), fields, [*words, *more])


async def set_addresses(tx: Tx, act: MemberActing, visit: Visit, values: Values) -> Done:
    """Let it be used from elsewhere; more places for one that may withdraw are asked of a second owner."""
    row, wanted = await named(tx, visit), _networks(values["addresses"])
    partner_id, number = visit.partner_id, row["id"]
    told, present = [str(each) for each in wanted], [str(each) for each in row["allowed_ips"]]
    if WITHDRAW in row["scopes"] and not api_keys.is_within(wanted, row["allowed_ips"]):
        before = await key_changes.begins(tx, partner_id, number)
        after = before | {"allowed_ips": told}
        await act.waits(tx, key_changes.ADDRESSES, _subject(number), before=before, after=after)
    else:
        await api_keys.set_addresses(tx, partner_id=partner_id, key_id=number, allowed_ips=wanted)
        before_said, after_said = {"allowed_ips": present}, {"allowed_ips": told}
        await act.note(tx, "addresses changed", _subject(number), before=before_said, after=after_said)
    return Done(_page(row, done="changed"))


def _boxes(present: Sequence[str]) -> tuple[Field, ...]:
    """A box for each scope."""
    return tuple(
        Field(f"scope_{each}", WORDS[each], "check", each in present, needed=False) for each in known_scopes.SCOPES
    )


def _scopes(values: Values) -> list[str]:
    return known_scopes.check(each for each in known_scopes.SCOPES if values[f"scope_{each}"])


def _networks(lines: Sequence[str]) -> list[IPv4Network | IPv6Network]:
    try:
        return [ip_network(line) for line in lines]
    except ValueError as error:
        raise BadNetworkError(str(error), field="addresses") from error


def _shown(made: NewKey) -> dict[str, str]:
    return {"API key": made.key} | ({} if made.secret is None else {"API secret": made.secret})


def _subject(number: int) -> str:
    return f"key {number}"


def _called(row: Row) -> str:
    return f"key {row['id']}" + (f" ({row['label']})" if row["label"] else "")


def _page(row: Row, **query: object) -> str:
    return link(f"{PAGE}/{row['id']}", **query)
