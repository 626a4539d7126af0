"""hashrail partner key: the API keys of a partner."""

from collections.abc import Awaitable, Callable
from functools import partial
from ipaddress import ip_network
from typing import Annotated, Any

import typer

from hashrail import clock
from hashrail.access import api_keys, scopes
from hashrail.access.api_keys import KeyKind, NewKey
from hashrail.acts import kept
from hashrail.acts.acting import Acting
from hashrail.books import fence
from hashrail.cli import shapes, shared
from hashrail.cli.acting import AsOption, acting
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import DataOption, JsonOption, PartnerOption, in_transaction, say, table, warn
from hashrail.db import Row, Tx
from hashrail.deployment.opened import Deployment
from hashrail.parties import changes, partners
from hashrail.settings import MAX_REQUESTS

app = typer.Typer(
    name="key", help="Create, rotate, change, revoke and list the API keys of a partner.", no_args_is_help=True
)

KeyArgument = Annotated[int, typer.Argument(metavar="KEY_ID", help="The key's number, from: partner key list.")]


@app.command(
    "create",
    epilog=example("hashrail partner key create --partner 1 --scope read --scope order --allow-ip 203.0.113.0/24"),
)
@prints(shapes.NewKey)
def create_key(
    partner: PartnerOption,
    kind: Annotated[str, typer.Option(help="full, secret or publishable.")] = "secret",
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
    scope: Annotated[list[str] | None, typer.Option(help=f"{scopes.NAMED}; repeat it. Without: all.")] = None,
    allow_ip: Annotated[
        list[str] | None, typer.Option(help="Network that may use the key, as 10.0.0.0/8; repeat it. Without: any.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="End of the key, ISO 8601 with time zone.")] = None,
    unsigned_upgrades: Annotated[
        bool, typer.Option("--unsigned-upgrades", help="Accept upgrades without a signature; needs --allow-ip.")
    ] = False,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key. Its secret is shown once and kept sealed. A partner that is closed gets none.

    Where there are two admins, another one confirms that it may withdraw; until then it has its other scopes.
    """
    if kind not in ("full", "secret", "publishable"):
        raise typer.BadParameter("kind is full, secret or publishable")
    checked: KeyKind = "full" if kind == "full" else "secret" if kind == "secret" else "publishable"
    try:
        networks = tuple(ip_network(text) for text in allow_ip or ())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error

    async def work(tx: Tx, act: Acting) -> None:
        partner_id = (await partners.find(tx, partner)).id
        # Sharing the fence: one who closes the partner at the same time waits, and ends this key too.
        (await fence.share(tx, partner_id)).assert_not_closed()
        wanted = scopes.check(scope or scopes.SCOPES)
        waits = scopes.WITHDRAW in wanted and act.operator is not None and await changes.takes_two(tx)
        made = await api_keys.create_key(
            tx,
            act.deployment.vault,
            partner_id=partner_id,
            kind=checked,
            label=label,
            scopes=tuple(each for each in wanted if not (waits and each == scopes.WITHDRAW)),
            allowed_ips=networks,
            expires_at=None if expires is None else clock.parse_iso(expires, "expires"),
            unsigned_upgrades=unsigned_upgrades,
        )
        row = await _row(tx, partner_id, made.key_id)
        await act.note(tx, _subject(partner_id, made.key_id), after=_kept(row))
        if waits:
            before = {"partner": partner_id, "key": made.key_id, "scopes": row["scopes"]}
            await act.waits(tx, _subject(partner_id, made.key_id), before=before, after=before | {"scopes": wanted})
        _show_new(made, row, as_json=as_json)

    acting(data, "partner key create", operator, work)


@app.command("rotate")
@prints(shapes.NewKey)
def rotate_key(
    key_id: KeyArgument,
    partner: PartnerOption,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a key a new secret; the one before stays valid until `revoke-old`, or until the next rotation.

    Where there are two admins, the secret of a key that may withdraw signs once another one has confirmed it.
    """

    async def work(tx: Tx, act: Acting) -> None:
        partner_id = (await partners.find(tx, partner)).id
        made, sealed = await api_keys.next_secret(tx, act.deployment.vault, partner_id=partner_id, key_id=key_id)
        row = await _row(tx, partner_id, key_id)
        before = await kept.rotation(tx, partner_id, key_id)
        if scopes.WITHDRAW in row["scopes"] and await act.waits(
            tx, _subject(partner_id, key_id), before=before, after=before | {"rotates": True}, secret=sealed.decode()
        ):
            _show_new(made, row, as_json=as_json)
            return
        await api_keys.take_secret(tx, partner_id=partner_id, key_id=key_id, sealed=sealed)
        row = await _row(tx, partner_id, key_id)
        await act.note(tx, _subject(partner_id, key_id), after={"live_secrets": row["live_secrets"]})
        _show_new(made, row, as_json=as_json)

    acting(data, "partner key rotate", operator, work)


@app.command("revoke-old")
def revoke_old(key_id: KeyArgument, partner: PartnerOption, operator: AsOption = None, data: DataOption = None) -> None:
    """End a rotation: only the newest secret of the key stays valid."""

    async def work(tx: Tx, act: Acting) -> int:
        partner_id = (await partners.find(tx, partner)).id
        revoked = await api_keys.revoke_old_secret(tx, partner_id=partner_id, key_id=key_id)
        if revoked:
            live = {"live_secrets": (await _row(tx, partner_id, key_id))["live_secrets"]}
            await act.note(tx, _subject(partner_id, key_id), after=live)
        return revoked

    say(f"{acting(data, 'partner key revoke-old', operator, work)} old secret(s) revoked.")


@app.command("revoke")
def revoke_key(key_id: KeyArgument, partner: PartnerOption, operator: AsOption = None, data: DataOption = None) -> None:
    """End a key for good, and the sessions of users that it opened."""
    acting(data, "partner key revoke", operator, _changed(partner, key_id, api_keys.revoke_key))
    say(f"Key {key_id} is revoked.")


@app.command("scopes", epilog=example("hashrail partner key scopes 3 --partner 1 --scope read --scope login"))
def set_scopes(
    key_id: KeyArgument,
    partner: PartnerOption,
    scope: Annotated[list[str], typer.Option(help=f"{scopes.NAMED}; repeat it for all that the key shall have.")],
    operator: AsOption = None,
    data: DataOption = None,
) -> None:
    """Give a key other scopes; one that it lacks takes two admins.

    Sessions that it opened reach what it does, and end when it loses login.
    """
    change = _changed(partner, key_id, partial(api_keys.set_scopes, scopes=scope))

    async def work(tx: Tx, act: Acting) -> None:
        partner_id = (await partners.find(tx, partner)).id
        await api_keys.assert_scopes_may_change(tx, partner_id=partner_id, key_id=key_id, scopes=scope)
        present = (await _row(tx, partner_id, key_id))["scopes"]
        before = {"partner": partner_id, "key": key_id, "scopes": present}
        after = before | {"scopes": scopes.check(scope)}
        widens = not set(scope) <= set(present)
        if not widens or not await act.waits(tx, _subject(partner_id, key_id), before=before, after=after):
            await change(tx, act)

    acting(data, "partner key scopes", operator, work)
    say(f"Key {key_id} has the scopes {', '.join(scopes.check(scope))}.")


@app.command("limit", epilog=example("hashrail partner key limit 3 --partner 1 --per-minute 12000"))
def limit_key(
    key_id: KeyArgument,
    partner: PartnerOption,
    per_minute: Annotated[
        int | None,
        typer.Option(min=0, max=MAX_REQUESTS, help="Requests a minute, 0 for no limit. Without: the deployment's."),
    ] = None,
    operator: AsOption = None,
    data: DataOption = None,
) -> None:
    """Give a key a rate limit of its own, or the deployment's again."""
    acting(
        data,
        "partner key limit",
        operator,
        _changed(partner, key_id, partial(api_keys.limit_key, requests_per_minute=per_minute)),
    )
    if per_minute is None:
        say(f"Key {key_id} has the deployment's limit.")
    else:
        say(f"Key {key_id} may make {per_minute or 'any number of'} requests a minute.")


@app.command("list")
@prints(list[shapes.Key])
def list_keys(partner: PartnerOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List a partner's keys; secrets are never shown again."""

    async def work(tx: Tx, _: Deployment) -> list[Row]:
        return await api_keys.list_keys(tx, (await partners.find(tx, partner)).id)

    rows = in_transaction(data, work)
    if as_json:
        show_json([shapes.Key(**_facts(row)) for row in rows])
        return
    table(
        "Keys",
        (
            "id",
            "key",
            "kind",
            "label",
            "scopes",
            "networks",
            "secrets",
            "last used",
            "revoked",
            "unsigned upgrades",
            "a minute",
        ),
        [
            (
                row["id"],
                row["key"],
                row["kind"],
                row["label"],
                row["scopes"],
                row["allowed_ips"],
                row["live_secrets"],
                row["last_used_at"],
                row["revoked_at"],
                "allowed" if row["unsigned_upgrades"] else None,
                row["requests_per_minute"],
            )
            for row in rows
        ],
    )


async def _row(tx: Tx, partner_id: int, key_id: int) -> Row:
    """What the list says of a key."""
    return next(row for row in await api_keys.list_keys(tx, partner_id) if row["id"] == key_id)


def _changed(
    partner: str, key_id: int, verb: Callable[..., Awaitable[None]]
) -> Callable[[Tx, Acting], Awaitable[None]]:
    """What a verb does with a key of a partner, noted with what the list says of it before and after."""

    async def work(tx: Tx, act: Acting) -> None:
        partner_id = (await partners.find(tx, partner)).id
        listed = {row["id"]: row for row in await api_keys.list_keys(tx, partner_id)}
        before = _kept(listed[key_id]) if key_id in listed else {}
        await verb(tx, partner_id=partner_id, key_id=key_id)
        await act.note(tx, _subject(partner_id, key_id), before=before, after=_kept(await _row(tx, partner_id, key_id)))

    return work


def _subject(partner_id: int, key_id: int) -> str:
    return f"key {partner_id}:{key_id}"


def _kept(row: Row) -> dict[str, object]:
    """What the log keeps of a key, which is not how it was used."""
    return {name: value for name, value in _facts(row).items() if name not in ("last_used_at", "created_at", "key_id")}


def _show_new(made: NewKey, row: Row, *, as_json: bool) -> None:
    """Before it is committed: a secret that could not be shown is nobody's, and the one before stays."""
    with shared.shown_whole():
        if as_json:
            show_json(shapes.NewKey(api_secret=made.secret, **_facts(row)))
            return
        table("API key", ("id", "apiKey", "apiSecret"), [(made.key_id, made.key, made.secret)])
    if made.secret is not None:
        warn("Store the secret now: it is not shown again.")


def _facts(row: Row) -> dict[str, Any]:
    """The fields of a key's shape."""
    return {
        "key_id": row["id"],
        "api_key": row["key"],
        "kind": row["kind"],
        "label": row["label"],
        "scopes": row["scopes"],
        "allowed_ips": [str(network) for network in row["allowed_ips"]],
        "created_at": row["created_at"],
        "expires_at": row["expires_at"],
        "revoked_at": row["revoked_at"],
        "last_used_at": row["last_used_at"],
        "unsigned_upgrades": row["unsigned_upgrades"],
        "requests_per_minute": row["requests_per_minute"],
        "live_secrets": row["live_secrets"],
    }
