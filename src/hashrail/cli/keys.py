"""hashrail partner key: the API keys of a partner."""

from ipaddress import ip_network
from typing import Annotated

import typer

from hashrail import clock
from hashrail.access import api_keys, scopes
from hashrail.access.api_keys import KeyKind
from hashrail.acts import keys as acts
from hashrail.acts.acting import Acting
from hashrail.acts.keys import Made, Wanted, facts
from hashrail.cli import shapes, shared
from hashrail.cli.acting import AsOption, acting
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import DataOption, JsonOption, PartnerOption, in_transaction, say, table, warn
from hashrail.db import Row, Tx
from hashrail.deployment.opened import Deployment
from hashrail.parties import partners
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
        wanted = Wanted(
            kind=checked,
            label=label,
            scopes=scope or (),
            allowed_ips=networks,
            expires_at=None if expires is None else clock.parse_iso(expires, "expires"),
            unsigned_upgrades=unsigned_upgrades,
        )
        made = await acts.create(tx, act, partner_id, wanted)
        assert made is not None, "it is not only tried"
        _show_new(made, as_json=as_json)

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
        _show_new(await acts.rotate(tx, act, partner_id, key_id), as_json=as_json)

    acting(data, "partner key rotate", operator, work)


@app.command("revoke-old")
def revoke_old(key_id: KeyArgument, partner: PartnerOption, operator: AsOption = None, data: DataOption = None) -> None:
    """End a rotation: only the newest secret of the key stays valid."""

    async def work(tx: Tx, act: Acting) -> int:
        partner_id = (await partners.find(tx, partner)).id
        return await acts.revoke_old(tx, act, partner_id, key_id)

    say(f"{acting(data, 'partner key revoke-old', operator, work)} old secret(s) revoked.")


@app.command("revoke")
def revoke_key(key_id: KeyArgument, partner: PartnerOption, operator: AsOption = None, data: DataOption = None) -> None:
    """End a key for good, and the sessions of users that it opened."""

    async def work(tx: Tx, act: Acting) -> None:
        await acts.revoke(tx, act, (await partners.find(tx, partner)).id, key_id)

    acting(data, "partner key revoke", operator, work)
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

    async def work(tx: Tx, act: Acting) -> None:
        await acts.set_scopes(tx, act, (await partners.find(tx, partner)).id, key_id, scope)

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

    async def work(tx: Tx, act: Acting) -> None:
        await acts.set_limit(tx, act, (await partners.find(tx, partner)).id, key_id, per_minute)

    acting(data, "partner key limit", operator, work)
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
        show_json([shapes.Key(**facts(row)) for row in rows])
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


def _show_new(made: Made, *, as_json: bool) -> None:
    """Before it is committed: a secret that could not be shown is nobody's, and the one before stays."""
    with shared.shown_whole():
        if as_json:
            show_json(shapes.NewKey(api_secret=made.key.secret, **facts(made.row)))
            return
        table("API key", ("id", "apiKey", "apiSecret"), [(made.key.key_id, made.key.key, made.key.secret)])
    if made.key.secret is not None:
        warn("Store the secret now: it is not shown again.")
