"""hashrail partner: partners, their keys and what they owe."""

from decimal import Decimal
from ipaddress import ip_network
from typing import Annotated

import typer

from hashrail import billing, business_clock, clock, ledger, partners
from hashrail.commands import access
from hashrail.commands.common import (
    Books,
    DataOption,
    JsonOption,
    PartnerOption,
    amount,
    err,
    in_transaction,
    show_json,
    table,
)
from hashrail.db import Row, Tx
from hashrail.partners import KeyKind, NewKey, Partner
from hashrail.settings import MOST_REQUESTS

app = typer.Typer(help="Partners: who sells your hashrate, with which keys, and what they owe.", no_args_is_help=True)
keys = typer.Typer(help="API keys of a partner: create, rotate, revoke, list.", no_args_is_help=True)
payments = typer.Typer(help="What a partner has paid.", no_args_is_help=True)
app.add_typer(keys, name="key")
app.add_typer(payments, name="payment")
app.add_typer(access.origins_app, name="origin")
domains = typer.Typer(help="Domains that a partner's TON users sign for: add, remove, list.", no_args_is_help=True)
app.add_typer(domains, name="ton-domain")

DomainArgument = Annotated[str, typer.Argument(metavar="DOMAIN", help="The host as the wallet shows it: app.example.")]
KeyArgument = Annotated[int, typer.Argument(metavar="KEY_ID", help="The key's number, from: partner key list.")]


@app.command()
def create(
    name: Annotated[str, typer.Option(help="A name that tells the partner apart.")],
    credit_limit: Annotated[
        Decimal, typer.Option(parser=amount, metavar="USD", help="The most that the partner may owe.")
    ] = Decimal(10_000),
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open a partner with its books.

    Example: hashrail partner create --name "Wallet Ltd" --credit-limit 50000
    """

    async def work(tx: Tx, _: Books) -> Partner:
        at = await business_clock.now(tx)
        return await partners.create(tx, name=name, credit_limit_usd=credit_limit, at=at)

    made = in_transaction(data, work)
    if as_json:
        show_json({"id": made.id, "partnerId": made.public_id, "name": made.name})
    else:
        table("Partner created", ("number", "public id", "name"), [(made.id, made.public_id, made.name)])
        typer.echo(f"Next: hashrail partner key create --partner {made.id}")


@app.command("list")
def list_partners(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List partners with what they owe."""

    async def work(tx: Tx, _: Books) -> list[tuple[Partner, billing.Receivable]]:
        return [(partner, await billing.receivable(tx, partner.id)) for partner in await partners.every(tx)]

    found = in_transaction(data, work)
    if as_json:
        show_json(
            [
                {
                    "id": partner.id,
                    "partnerId": partner.public_id,
                    "name": partner.name,
                    "owedUsd": due.owed,
                    "reservedUsd": due.reserved,
                    "creditLimitUsd": due.credit_limit,
                }
                for partner, due in found
            ]
        )
        return
    table(
        "Partners",
        ("number", "public id", "name", "owes USD", "reserved USD", "limit USD"),
        [(p.id, p.public_id, p.name, due.owed, due.reserved, due.credit_limit) for p, due in found],
    )


@app.command("credit-limit")
def credit_limit(
    partner: PartnerOption,
    usd: Annotated[Decimal, typer.Argument(parser=amount, metavar="USD")],
    data: DataOption = None,
) -> None:
    """Change the most that a partner may owe."""

    async def work(tx: Tx, _: Books) -> None:
        await ledger.set_credit_limit(tx, (await partners.find(tx, partner)).id, usd)

    in_transaction(data, work)
    typer.echo("The limit is set.")


@keys.command("create")
def create_key(
    partner: PartnerOption,
    kind: Annotated[str, typer.Option(help="full, secret or publishable.")] = "secret",
    label: Annotated[str, typer.Option(help="What the key is for.")] = "",
    scope: Annotated[
        list[str] | None, typer.Option(help="read, order, transfer, withdraw; repeat it. Without: all.")
    ] = None,
    allow_ip: Annotated[
        list[str] | None, typer.Option(help="Network that may use the key, as 10.0.0.0/8; repeat it. Without: any.")
    ] = None,
    expires: Annotated[str | None, typer.Option(help="End of the key, ISO 8601 with time zone.")] = None,
    unsigned_upgrades: Annotated[
        bool, typer.Option("--unsigned-upgrades", help="Accept upgrades without a signature; needs --allow-ip.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key. Its secret is shown once and kept sealed.

    Example: hashrail partner key create --partner 1 --scope read --scope order --allow-ip 203.0.113.0/24
    """
    if kind not in ("full", "secret", "publishable"):
        raise typer.BadParameter("kind is full, secret or publishable")
    checked: KeyKind = "full" if kind == "full" else "secret" if kind == "secret" else "publishable"
    try:
        networks = tuple(ip_network(text) for text in allow_ip or ())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error

    async def work(tx: Tx, books: Books) -> NewKey:
        return await partners.create_key(
            tx,
            books.vault,
            partner_id=(await partners.find(tx, partner)).id,
            kind=checked,
            label=label,
            scopes=tuple(scope) if scope else partners.SCOPES,
            allowed_ips=networks,
            expires_at=None if expires is None else clock.parse_iso(expires, "expires"),
            unsigned_upgrades=unsigned_upgrades,
        )

    _show_key(in_transaction(data, work), as_json=as_json)


@keys.command("rotate")
def rotate_key(
    key_id: KeyArgument, partner: PartnerOption, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Give a key a new secret; the one before stays valid until `revoke-old`, or until the next rotation."""

    async def work(tx: Tx, books: Books) -> NewKey:
        return await partners.rotate_key(
            tx, books.vault, partner_id=(await partners.find(tx, partner)).id, key_id=key_id
        )

    _show_key(in_transaction(data, work), as_json=as_json)


@keys.command("revoke-old")
def revoke_old(key_id: KeyArgument, partner: PartnerOption, data: DataOption = None) -> None:
    """End a rotation: only the newest secret of the key stays valid."""

    async def work(tx: Tx, _: Books) -> int:
        return await partners.revoke_old_secret(tx, partner_id=(await partners.find(tx, partner)).id, key_id=key_id)

    typer.echo(f"{in_transaction(data, work)} old secret(s) revoked.")


@keys.command("revoke")
def revoke_key(key_id: KeyArgument, partner: PartnerOption, data: DataOption = None) -> None:
    """End a key for good."""

    async def work(tx: Tx, _: Books) -> None:
        await partners.revoke_key(tx, partner_id=(await partners.find(tx, partner)).id, key_id=key_id)

    in_transaction(data, work)
    typer.echo(f"Key {key_id} is revoked.")


@keys.command("limit")
def limit_key(
    key_id: KeyArgument,
    partner: PartnerOption,
    per_minute: Annotated[
        int | None,
        typer.Option(min=0, max=MOST_REQUESTS, help="Requests a minute, 0 for no limit. Without: the deployment's."),
    ] = None,
    data: DataOption = None,
) -> None:
    """Give a key a rate limit of its own, or the deployment's again.

    Example: hashrail partner key limit 3 --partner 1 --per-minute 12000
    """

    async def work(tx: Tx, _: Books) -> None:
        partner_id = (await partners.find(tx, partner)).id
        await partners.limit_key(tx, partner_id=partner_id, key_id=key_id, requests_per_minute=per_minute)

    in_transaction(data, work)
    if per_minute is None:
        typer.echo(f"Key {key_id} has the deployment's limit.")
    else:
        typer.echo(f"Key {key_id} may make {per_minute or 'any number of'} requests a minute.")


@keys.command("list")
def list_keys(partner: PartnerOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List a partner's keys; secrets are never shown again."""

    async def work(tx: Tx, _: Books) -> list[Row]:
        return await partners.list_keys(tx, (await partners.find(tx, partner)).id)

    rows = in_transaction(data, work)
    if as_json:
        show_json([{**dict(row.items()), "allowed_ips": [str(ip) for ip in row["allowed_ips"]]} for row in rows])
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


@payments.command("record")
def record_payment(
    partner: PartnerOption,
    usd: Annotated[Decimal, typer.Option("--amount", parser=amount, metavar="USD", help="What was paid.")],
    reference: Annotated[str, typer.Option(help="The bank's reference; each is recorded once.")],
    data: DataOption = None,
) -> None:
    """Record that a partner has paid; it owes less, or has paid in advance.

    Example: hashrail partner payment record --partner 1 --amount 1500.25 --reference "SEPA 8821"
    """

    async def work(tx: Tx, _: Books) -> tuple[bool, billing.Receivable]:
        partner_id = (await partners.find(tx, partner)).id
        recorded = await billing.record_payment(tx, partner_id, amount_usd=usd, reference=reference)
        return recorded, await billing.receivable(tx, partner_id)

    recorded, due = in_transaction(data, work)
    typer.echo("Recorded." if recorded else "This reference was recorded before; nothing changed.")
    table("Receivable", ("owes USD", "reserved USD", "limit USD"), [(due.owed, due.reserved, due.credit_limit)])


@domains.command("add")
def add_domain(domain: DomainArgument, partner: PartnerOption, data: DataOption = None) -> None:
    """Let a partner's users log in with TON proofs that are signed for a domain.

    Example: hashrail partner ton-domain add app.example --partner 1
    """

    async def work(tx: Tx, _: Books) -> bool:
        return await partners.add_ton_domain(tx, (await partners.find(tx, partner)).id, domain)

    added = in_transaction(data, work)
    typer.echo(f"{domain} is listed." if added else f"{domain} was listed before; nothing changed.")


@domains.command("remove")
def remove_domain(domain: DomainArgument, partner: PartnerOption, data: DataOption = None) -> None:
    """Refuse TON proofs that are signed for a domain from now on; sessions that are open go on."""

    async def work(tx: Tx, _: Books) -> None:
        await partners.remove_ton_domain(tx, (await partners.find(tx, partner)).id, domain)

    in_transaction(data, work)
    typer.echo(f"{domain} is not listed any more.")


@domains.command("list")
def list_domains(partner: PartnerOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the domains that a partner's TON users may sign for."""

    async def work(tx: Tx, _: Books) -> list[str]:
        return await partners.ton_domains(tx, (await partners.find(tx, partner)).id)

    found = in_transaction(data, work)
    if as_json:
        show_json(found)
    else:
        table("TON domains", ("domain",), [(domain,) for domain in found])


def _show_key(made: NewKey, *, as_json: bool) -> None:
    if as_json:
        show_json({"keyId": made.key_id, "apiKey": made.key, "apiSecret": made.secret})
        return
    table("API key", ("id", "apiKey", "apiSecret"), [(made.key_id, made.key, made.secret)])
    if made.secret is not None:
        err.print("Store the secret now: it is not shown again.")
