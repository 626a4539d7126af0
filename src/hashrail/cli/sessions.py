"""hashrail session: the open sessions of a partner's users and their read tokens, and their end."""

from datetime import timedelta
from typing import Annotated

import typer

from hashrail.access import api_keys, open_sessions, read_tokens
from hashrail.access.open_sessions import OpenSession
from hashrail.access.read_tokens import ReadToken
from hashrail.acts import sessions as acts
from hashrail.acts.acting import Acting
from hashrail.cli import shapes
from hashrail.cli.acting import AsOption, acting
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import MAX_ID, DataOption, JsonOption, PartnerOption, in_transaction, say, table
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.parties import partners, users

app = typer.Typer()

UserOption = Annotated[str | None, typer.Option("--user", help="Only this user's, by the partner's own id.")]
KeyOption = Annotated[
    int | None, typer.Option("--key", max=MAX_ID, help="Only those that this key opened, from: partner key list.")
]


@app.command("list", epilog=example("hashrail session list --partner 1 --user user-123"))
@prints(list[shapes.Session])
def list_sessions(
    partner: PartnerOption,
    user: UserOption = None,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List open sessions of a partner's users, the last renewed first: a thousand at most."""

    async def work(tx: Tx, deployment: Deployment) -> list[OpenSession]:
        partner_id = (await partners.find(tx, partner)).id
        life = timedelta(days=deployment.settings.session_days)
        if key is not None:
            await api_keys.assert_exists(tx, partner_id=partner_id, key_id=key)
        if user is None:
            return await open_sessions.of_partner(tx, partner_id, life=life, key_id=key)
        found = await open_sessions.of_user(tx, partner_id, (await users.find(tx, partner_id, user)).id, life=life)
        return [one for one in found if key is None or one.key_id == key]

    found = in_transaction(data, work)
    if as_json:
        show_json([session_shape(one) for one in found])
        return
    table(
        "Open sessions",
        ("id", "user", "key", "opened", "renewed", "ends"),
        [(one.family, one.partner_user_id, one.key_id, one.opened_at, one.renewed_at, one.ends_at) for one in found],
    )


@app.command("read-tokens", epilog=example("hashrail session read-tokens user-123 --partner 1"))
@prints(list[shapes.ReadToken])
def list_read_tokens(
    user: Annotated[str, typer.Argument(help="The user, by the partner's own id.")],
    partner: PartnerOption,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List a user's read tokens, which dashboards read with; one is revoked by: session end --user USER --id ID."""

    async def work(tx: Tx, _: Deployment) -> list[ReadToken]:
        partner_id = (await partners.find(tx, partner)).id
        return await read_tokens.of_user(tx, partner_id, (await users.find(tx, partner_id, user)).id)

    found = in_transaction(data, work)
    if as_json:
        show_json([read_token_shape(one) for one in found])
        return
    table(
        "Read tokens",
        ("id", "name", "made", "ends", "last used"),
        [(one.text, one.label, one.created_at, one.expires_at, one.last_used_on) for one in found],
    )


@app.command("end", epilog=example("hashrail session end --partner 1 --user user-123"))
def end_sessions(
    partner: PartnerOption,
    user: UserOption = None,
    key: KeyOption = None,
    session: Annotated[
        str | None, typer.Option("--id", help="Only this one, from: session list or read-tokens; with --user.")
    ] = None,
    operator: AsOption = None,
    data: DataOption = None,
) -> None:
    """End sessions: their tokens are refused from now on. Of a user, of a key, or without both all of the partner's.

    With all of a user or a key end the read tokens that were made in them.
    """
    if session is not None and user is None:
        raise typer.BadParameter("--id names a session of a user: give --user as well")

    async def work(tx: Tx, act: Acting) -> int:
        partner_id = (await partners.find(tx, partner)).id
        return await acts.end(tx, act, partner_id, user=user, key=key, session=session)

    ended = acting(data, "session end", operator, work)
    say(f"{ended} session(s) ended.")


def read_token_shape(one: ReadToken) -> shapes.ReadToken:
    """The same for scripts."""
    return shapes.ReadToken(
        id=one.text,
        name=one.label,
        created_at=one.created_at,
        expires_at=one.expires_at,
        last_used_on=one.last_used_on,
    )


def session_shape(one: OpenSession) -> shapes.Session:
    """The same for scripts."""
    return shapes.Session(
        id=str(one.family),
        partner_user_id=one.partner_user_id,
        key_id=one.key_id,
        opened_at=one.opened_at,
        renewed_at=one.renewed_at,
        ends_at=one.ends_at,
    )
