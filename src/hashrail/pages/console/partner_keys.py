"""A partner's keys, the pages and domains it is called from, and its users' sessions.

They are the acts of `hashrail partner key`, `partner origin`, `partner ton-domain` and `session end`. A secret is shown
once, after it was made.
"""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from hashrail.access import api_keys, origins, scopes, ton_domains
from hashrail.acts import allowed
from hashrail.acts import keys as acts
from hashrail.acts import sessions as session_acts
from hashrail.acts.acting import Acting
from hashrail.acts.keys import Made, Wanted
from hashrail.db import Row, Tx
from hashrail.pages.console.asking import Asked, Done
from hashrail.pages.console.partners import page_of, whose
from hashrail.pages.console.visit import Visit
from hashrail.pages.forms import Field, FieldNotReadError, Values
from hashrail.settings import MAX_REQUESTS

KINDS = (
    ("secret", "secret: signed calls of the partner's server"),
    ("publishable", "publishable: names the partner in its pages, without a secret"),
    ("full", "full: both in one"),
)
SCOPES = {
    "read": "what the partner and its users have",
    "login": "register users, open and end their sessions",
    "wallet": "bind addresses, and give users one to deposit at",
    "order": "order, tell that orders were paid, upgrade",
    "transfer": "give miners from one user to another",
    "withdraw": "withdraw, and take withdrawals back; takes two admins",
    "webhooks": "look after endpoints, their secrets and deliveries",
}


async def ask_to_create(tx: Tx, visit: Visit) -> Asked:
    """Make a key."""
    partner = await whose(tx, visit)
    fields = (
        Field("kind", "Kind", "choice", "secret", choices=KINDS),
        Field("label", "What the key is for", needed=False),
        *_scope_fields(scopes.SCOPES),
        Field(
            "addresses",
            "Networks that may use it",
            "lines",
            help="One a line, like 203.0.113.0/24. Empty lets any.",
            needed=False,
        ),
        Field("expires", "Ends by itself at", "moment", help="Like 2027-01-31T00:00:00Z.", needed=False),
        Field("unsigned_upgrades", "Accept upgrades without a signature; needs networks", "check"),
    )
    told = [
        "Its secret is shown once, right after it was made, and kept sealed.",
        "Where there are two admins, another one confirms that it may withdraw; until then it has its other scopes.",
    ]
    return Asked(f"Make a key for {partner.name}", "Make the key", page_of(visit, "api-keys"), fields, told)


async def create(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Make it."""
    wanted = Wanted(
        kind=values["kind"],
        label=values["label"] or "",
        scopes=_chosen(values),
        allowed_ips=_networks(values["addresses"]),
        expires_at=values["expires"],
        unsigned_upgrades=values["unsigned_upgrades"],
    )
    made = await acts.create(tx, act, visit.numbers["partner"], wanted)
    return _shown(visit, made, "created")


async def ask_to_rotate(tx: Tx, visit: Visit) -> Asked:
    """Give a key a new secret."""
    live = [row for row in await _live(tx, visit) if row["kind"] != "publishable"]
    told = [
        "The secret of now stays valid beside the new one, until you revoke it or rotate again.",
        "Where there are two admins, the secret of a key that may withdraw signs once another one has confirmed it.",
    ]
    heading = f"Give a key of {(await whose(tx, visit)).name} a new secret"
    return Asked(heading, "Make the secret", page_of(visit, "api-keys"), (_key_field(live),), told)


async def rotate(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Give it one."""
    made = await acts.rotate(tx, act, visit.numbers["partner"], int(values["key"]))
    return _shown(visit, made, "rotated")


async def ask_to_revoke_old(tx: Tx, visit: Visit) -> Asked:
    """End a rotation."""
    heading = f"Revoke old secrets of a key of {(await whose(tx, visit)).name}"
    told = ["Only the newest secret stays valid. Has the partner's server changed over?"]
    fields = (_key_field(await _live(tx, visit)),)
    return Asked(heading, "Revoke the old secrets", page_of(visit, "api-keys"), fields, told)


async def revoke_old(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """End it."""
    await acts.revoke_old(tx, act, visit.numbers["partner"], int(values["key"]))
    return Done(page_of(visit, "api-keys", "changed"))


async def ask_to_revoke(tx: Tx, visit: Visit) -> Asked:
    """End a key."""
    heading = f"Revoke a key of {(await whose(tx, visit)).name}"
    told = ["It ends for good, at once, and the sessions of users that it opened end with it."]
    return Asked(heading, "Revoke the key", page_of(visit, "api-keys"), (_key_field(await _live(tx, visit)),), told)


async def revoke(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """End it."""
    await acts.revoke(tx, act, visit.numbers["partner"], int(values["key"]))
    return Done(page_of(visit, "api-keys", "revoked"))


async def ask_scopes(tx: Tx, visit: Visit) -> Asked:
    """What a key may reach."""
    live = await _live(tx, visit)
    chosen = next((row for row in live if str(row["id"]) == visit.query.get("key")), None)
    fields = (_key_field(live), *_scope_fields(() if chosen is None else chosen["scopes"]))
    told = [
        "One that it lacks takes two admins. Sessions that it opened reach what it does, and end when it loses login.",
    ]
    heading = f"Scopes of a key of {(await whose(tx, visit)).name}"
    return Asked(heading, "Set the scopes", page_of(visit, "api-keys"), fields, told)


async def set_scopes(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Set them."""
    await acts.set_scopes(tx, act, visit.numbers["partner"], int(values["key"]), _chosen(values))
    return Done(page_of(visit, "api-keys", "changed"))


async def ask_limit(tx: Tx, visit: Visit) -> Asked:
    """How many requests a key may make."""
    live = await _live(tx, visit)
    chosen = next((row for row in live if str(row["id"]) == visit.query.get("key")), None)
    fields = (
        _key_field(live),
        Field(
            "per_minute",
            "Requests a minute",
            "number",
            None if chosen is None else chosen["requests_per_minute"],
            help=f"At most {MAX_REQUESTS}; 0 is without a limit, empty is the deployment's.",
            needed=False,
        ),
    )
    told = ["Requests beyond it are refused, and told when to come again."]
    heading = f"Rate limit of a key of {(await whose(tx, visit)).name}"
    return Asked(heading, "Set the limit", page_of(visit, "api-keys"), fields, told)


async def set_limit(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """Set it. Raises FieldNotReadError."""
    per_minute = values["per_minute"]
    if per_minute is not None and per_minute > MAX_REQUESTS:
        raise FieldNotReadError(f"more than {MAX_REQUESTS} requests a minute are no limit", field="per_minute")
    await acts.set_limit(tx, act, visit.numbers["partner"], int(values["key"]), per_minute)
    return Done(page_of(visit, "api-keys", "changed"))


async def ask_to_add_origin(tx: Tx, visit: Visit) -> Asked:
    """Let pages call."""
    partner = await whose(tx, visit)
    fields = (Field("origin", "Scheme, host and perhaps a port", help="Like https://app.example.com."),)
    told = ["Pages of it may call the client operations for this partner's users."]
    return Asked(f"Let pages call for {partner.name}", "Let them call", page_of(visit, "pages"), fields, told)


async def add_origin(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """List the origin."""
    await allowed.add_origin(tx, act, visit.numbers["partner"], values["origin"])
    return Done(page_of(visit, "pages", "changed"))


async def ask_to_remove_origin(tx: Tx, visit: Visit) -> Asked:
    """Let pages call no more."""
    partner = await whose(tx, visit)
    listed = sorted(await origins.load(tx, partner.id))
    fields = (Field("origin", "Origin", "choice", choices=[(each, each) for each in listed]),)
    told = ["Browsers refuse calls of its pages from now on."]
    return Asked(f"Refuse pages that call for {partner.name}", "Refuse them", page_of(visit, "pages"), fields, told)


async def remove_origin(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """List it no more."""
    await allowed.remove_origin(tx, act, visit.numbers["partner"], values["origin"])
    return Done(page_of(visit, "pages", "changed"))


async def ask_to_add_domain(tx: Tx, visit: Visit) -> Asked:
    """Accept TON proofs."""
    partner = await whose(tx, visit)
    fields = (Field("domain", "The host as the wallet shows it", help="Like app.example."),)
    told = ["Users may log in with TON proofs that are signed for it."]
    return Asked(f"Add a TON domain of {partner.name}", "Add the domain", page_of(visit, "pages"), fields, told)


async def add_domain(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """List the domain."""
    await allowed.add_ton_domain(tx, act, visit.numbers["partner"], values["domain"])
    return Done(page_of(visit, "pages", "changed"))


async def ask_to_remove_domain(tx: Tx, visit: Visit) -> Asked:
    """Refuse TON proofs."""
    partner = await whose(tx, visit)
    listed = await ton_domains.ton_domains(tx, partner.id)
    fields = (Field("domain", "Domain", "choice", choices=[(each, each) for each in listed]),)
    told = ["TON proofs that are signed for it are refused from now on; sessions that are open go on."]
    return Asked(f"Remove a TON domain of {partner.name}", "Remove the domain", page_of(visit, "pages"), fields, told)


async def remove_domain(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """List it no more."""
    await allowed.remove_ton_domain(tx, act, visit.numbers["partner"], values["domain"])
    return Done(page_of(visit, "pages", "changed"))


async def ask_to_end_sessions(tx: Tx, visit: Visit) -> Asked:
    """End sessions of its users."""
    partner = await whose(tx, visit)
    fields = (
        Field("user", "Only of the user, by the partner's own id", needed=False),
        Field("key", "Only those that a key opened", "choice", choices=_choices(await _live(tx, visit)), needed=False),
        Field("session", "Only this one, by its id or that of a read token; with a user", needed=False),
    )
    told = [
        "Their tokens are refused from now on; users log in again. Without a user and a key all of the partner's end.",
        "With all of a user or a key end the read tokens that were made in them.",
    ]
    return Asked(f"End sessions of {partner.name}'s users", "End them", page_of(visit, "api-keys"), fields, told)


async def end_sessions(tx: Tx, act: Acting, visit: Visit, values: Values) -> Done:
    """End them. Raises FieldNotReadError."""
    user, session = values["user"], values["session"]
    if session is not None and user is None:
        raise FieldNotReadError("a session is one of a user: name the user as well", field="user")
    key = None if values["key"] is None else int(values["key"])
    await session_acts.end(tx, act, visit.numbers["partner"], user=user, key=key, session=session)
    return Done(page_of(visit, "api-keys", "sessions_ended"))


async def _live(tx: Tx, visit: Visit) -> list[Row]:
    """The keys of the path's partner that are not revoked."""
    partner = await whose(tx, visit)
    return [row for row in await api_keys.list_keys(tx, partner.id) if row["revoked_at"] is None]


def _key_field(keys: Sequence[Row]) -> Field:
    return Field("key", "Key", "choice", choices=_choices(keys))


def _choices(keys: Sequence[Row]) -> list[tuple[str, str]]:
    return [(str(row["id"]), f"{row['id']}: {row['kind']} {row['label']}".rstrip()) for row in keys]


def _scope_fields(given: Sequence[str]) -> list[Field]:
    """A box for each scope."""
    return [Field(f"scope-{name}", f"{name}: {words}", "check", name in given) for name, words in SCOPES.items()]


def _chosen(values: Values) -> list[str]:
    """The scopes whose boxes are ticked. Raises FieldNotReadError."""
    found = [name for name in SCOPES if values[f"scope-{name}"]]
    if not found:
        raise FieldNotReadError("a key without a scope reaches nothing: tick one", field="scope-read")
    return found


def _networks(lines: Sequence[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Raises FieldNotReadError."""
    try:
        return tuple(ip_network(line) for line in lines)
    except ValueError as error:
        raise FieldNotReadError(str(error), field="addresses") from error


def _shown(visit: Visit, made: Made | None, done: str) -> Done:
    """Its page, with the secret before it where there is one."""
    path = page_of(visit, "api-keys", done)
    if made is None or made.key.secret is None:
        return Done(path)
    return Done(path, {"API key": made.key.key, "API secret": made.key.secret})
