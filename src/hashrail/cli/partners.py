"""hashrail partner: partners, what they owe, and the domains that their TON users sign for."""

from decimal import Decimal
from typing import Annotated, TypeAlias

import msgspec
import typer

from hashrail import business_clock
from hashrail.access import ton_domains
from hashrail.acts import allowed
from hashrail.acts import partners as acts
from hashrail.acts.acting import Acting
from hashrail.acts.partners import Limited
from hashrail.cli import preview_shapes, shapes
from hashrail.cli.acting import AsOption, acting
from hashrail.cli.examples import example
from hashrail.cli.payments import credit_shape
from hashrail.cli.printing import prints, show_json
from hashrail.cli.rates import doubt_shapes
from hashrail.cli.second_look import ConfirmOption, DryRunOption, named
from hashrail.cli.shared import DataOption, JsonOption, PartnerOption, amount, in_transaction, say, table
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.money import ZERO
from hashrail.parties import newcomers, partners, standings
from hashrail.parties.newcomers import Newcomers
from hashrail.parties.partners import Partner
from hashrail.parties.standings import Present
from hashrail.selling import billing

# What a partner is shown with: itself, what it owes, how it stands.
Seen: TypeAlias = tuple[Partner, billing.Receivable, Present]
app = typer.Typer()
domains = typer.Typer(
    help="Add, remove and list the domains that a partner's TON users sign for.", no_args_is_help=True
)
app.add_typer(domains, name="ton-domain")

DomainArgument = Annotated[str, typer.Argument(metavar="DOMAIN", help="The host as the wallet shows it: app.example.")]


@app.command(
    "create",
    epilog=example(
        'hashrail partner create --name "Wallet Ltd" --credit-limit 50000',
        'hashrail partner create --name "Wallet Ltd" --credit-limit 50000 --dry-run',
    ),
)
@prints(preview_shapes.CreatedPartner)
def create(
    name: Annotated[str, typer.Option(help="A name that tells the partner apart.")],
    credit_limit: Annotated[
        Decimal, typer.Option(parser=amount, metavar="USD", help="The most that the partner may owe.")
    ] = Decimal(10_000),
    confirm: ConfirmOption = None,
    dry_run: DryRunOption = False,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open a partner with its books."""

    async def work(tx: Tx, act: Acting) -> preview_shapes.CreatedPartner:
        meant = named(confirm, dry_run=dry_run)
        made = await acts.create(tx, act, name=name, credit_limit=credit_limit, confirm=meant)
        told = {"dry_run": dry_run, "doubts": doubt_shapes(made.doubts)}
        if dry_run:
            due = billing.Receivable(ZERO, ZERO, credit_limit)
            nobody = {"id": None, "partner_id": None}
            open_ = msgspec.structs.asdict(shape(made.partner, due, Present("open", None, None)))
            return preview_shapes.CreatedPartner(**open_ | nobody | told)
        return preview_shapes.CreatedPartner(**msgspec.structs.asdict(shape(*await seen(tx, made.partner))) | told)

    made = acting(data, "partner create", operator, work, tries=dry_run)
    if as_json:
        show_json(made)
    elif dry_run:
        say("Nothing was changed.")
        for each in made.doubts:
            say(f"{each.field} {each.confirm}: {each.why}")
    else:
        table("Partner created", ("number", "public id", "name"), [(made.id, made.partner_id, made.name)])
        say(f"Next: hashrail partner key create --partner {made.id}")


@app.command("list")
@prints(list[shapes.Partner])
def list_partners(data: DataOption = None, as_json: JsonOption = False) -> None:
    """List partners with what they owe, and whether they are open."""

    async def work(tx: Tx, _: Deployment) -> list[Seen]:
        return [await seen(tx, partner) for partner in await partners.every(tx)]

    found = in_transaction(data, work)
    if as_json:
        show_json([shape(*one) for one in found])
        return
    table(
        "Partners",
        ("number", "public id", "name", "is", "owes USD", "reserved USD", "limit USD"),
        [(p.id, p.public_id, p.name, is_.standing, due.owed, due.reserved, due.credit_limit) for p, due, is_ in found],
    )


@app.command("credit-limit", epilog=example("hashrail partner credit-limit --partner 1 80000 --dry-run"))
@prints(preview_shapes.SetCredit)
def credit_limit(
    partner: PartnerOption,
    usd: Annotated[Decimal, typer.Argument(parser=amount, metavar="USD", help="The most that it may owe.")],
    confirm: ConfirmOption = None,
    dry_run: DryRunOption = False,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change the most that a partner may owe, and say how much it can order then. To raise it takes two admins."""

    async def work(tx: Tx, act: Acting) -> Limited:
        partner_id = (await partners.find(tx, partner)).id
        return await acts.set_credit_limit(tx, act, partner_id, usd, confirm=named(confirm, dry_run=dry_run))

    made = acting(data, "partner credit-limit", operator, work, tries=dry_run)
    effect, doubts = made.effect, made.doubts
    if as_json:
        show_json(preview_shapes.SetCredit(dry_run=dry_run, doubts=doubt_shapes(doubts), credit=credit_shape(effect)))
        return
    say("Nothing was changed." if dry_run else "The limit is set.")
    say(f"{effect.words()}.")


@app.command("new-users", epilog=example("hashrail partner new-users --partner 1 --per-day 50000"))
@prints(shapes.NewUsers)
def new_users(
    partner: PartnerOption,
    per_day: Annotated[
        str | None, typer.Option(metavar="N", help="Users in 24 hours; 0 for no limit, default for the deployment's.")
    ] = None,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how many users a partner may register in a day and has registered, after changing what is given."""
    bound = None if per_day in (None, "default") else _number_of_users(per_day)

    async def work(tx: Tx, act: Acting) -> Newcomers:
        partner_id = (await partners.find(tx, partner)).id
        if per_day is not None:
            await acts.bound_new_users(tx, act, partner_id, bound)
        return await newcomers.of_partner(tx, partner_id, now=await business_clock.now(tx))

    found = acting(data, "partner new-users", operator, work)
    if as_json:
        show_json(shapes.NewUsers(per_day=found.own_per_day, registered=found.registered))
        return
    own = {None: "the deployment's", 0: "no limit"}.get(found.own_per_day, found.own_per_day)
    table("New users", ("a day", "registered in 24 hours"), [(own, found.registered)])


def _number_of_users(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > newcomers.MAX_PER_DAY:
        raise typer.BadParameter(f"--per-day is default, or a number from 0 to {newcomers.MAX_PER_DAY}")
    return int(text)


@domains.command("add", epilog=example("hashrail partner ton-domain add app.example --partner 1"))
def add_domain(
    domain: DomainArgument, partner: PartnerOption, operator: AsOption = None, data: DataOption = None
) -> None:
    """Let a partner's users log in with TON proofs that are signed for a domain."""

    async def work(tx: Tx, act: Acting) -> bool:
        return await allowed.add_ton_domain(tx, act, (await partners.find(tx, partner)).id, domain)

    added = acting(data, "partner ton-domain add", operator, work)
    say(f"{domain} is listed." if added else f"{domain} was listed before; nothing changed.")


@domains.command("remove")
def remove_domain(
    domain: DomainArgument, partner: PartnerOption, operator: AsOption = None, data: DataOption = None
) -> None:
    """Refuse TON proofs that are signed for a domain from now on; sessions that are open go on."""

    async def work(tx: Tx, act: Acting) -> None:
        await allowed.remove_ton_domain(tx, act, (await partners.find(tx, partner)).id, domain)

    acting(data, "partner ton-domain remove", operator, work)
    say(f"{domain} is not listed any more.")


@domains.command("list")
@prints(list[str])
def list_domains(partner: PartnerOption, data: DataOption = None, as_json: JsonOption = False) -> None:
    """List the domains that a partner's TON users may sign for."""

    async def work(tx: Tx, _: Deployment) -> list[str]:
        return await ton_domains.ton_domains(tx, (await partners.find(tx, partner)).id)

    found = in_transaction(data, work)
    if as_json:
        show_json(found)
    else:
        table("TON domains", ("domain",), [(domain,) for domain in found])


async def seen(tx: Tx, partner: Partner) -> Seen:
    """A partner with what it owes and how it stands."""
    return partner, await billing.receivable(tx, partner.id), await standings.of_partner(tx, partner.id)


def shape(partner: Partner, due: billing.Receivable, present: Present) -> shapes.Partner:
    """The same, for scripts."""
    return shapes.Partner(
        id=partner.id,
        partner_id=partner.public_id,
        name=partner.name,
        created_at=partner.created_at,
        owed_usd=due.owed,
        reserved_usd=due.reserved,
        credit_limit_usd=due.credit_limit,
        standing=present.standing,
        standing_reason=present.reason,
        standing_since=present.since,
    )
