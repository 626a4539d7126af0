"""hashrail partner: partners, what they owe, and the domains that their TON users sign for."""

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Annotated, TypeAlias, TypeVar

import msgspec
import typer

from hashrail import bounds, business_clock, db
from hashrail.access import ton_domains
from hashrail.acts import partners as acts
from hashrail.acts.acting import Acting
from hashrail.acts.second_look import with_effect
from hashrail.books import ledger
from hashrail.bounds import Doubt
from hashrail.cli import preview_shapes, shapes
from hashrail.cli.acting import AsOption, acting
from hashrail.cli.examples import example
from hashrail.cli.payments import credit_shape
from hashrail.cli.printing import prints, show_json
from hashrail.cli.rates import doubt_shapes
from hashrail.cli.second_look import ConfirmOption, DryRunOption
from hashrail.cli.shared import DataOption, JsonOption, PartnerOption, amount, in_transaction, say, table
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.money import ZERO
from hashrail.parties import newcomers, partners, standings
from hashrail.parties.newcomers import Newcomers
from hashrail.parties.partners import Partner
from hashrail.parties.standings import Present
from hashrail.selling import billing, preview
from hashrail.selling.preview import CreditEffect

T = TypeVar("T")
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
        named = [each.figure for each in billing.doubt_credit_limit(None, credit_limit)] if dry_run else confirm or ()
        made = await acts.create(tx, act, name=name, credit_limit=credit_limit, confirm=named)
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

    async def work(tx: Tx, act: Acting) -> tuple[CreditEffect, Sequence[Doubt]]:
        partner_id = (await partners.find(tx, partner)).id
        was = await billing.receivable(tx, partner_id)
        subject, before = f"partner {partner_id}", {"partner": partner_id, "credit_limit_usd": was.credit_limit}
        after = {"partner": partner_id, "credit_limit_usd": usd}
        async with db.undone(tx):
            # What the books refuse is refused first, also in a dry run.
            await ledger.set_credit_limit(tx, partner_id, usd)
            due = await billing.receivable(tx, partner_id)
        effect = CreditEffect(was, due, await preview.open_orders(tx, partner_id))
        doubts = billing.doubt_credit_limit(was.credit_limit, usd)
        if dry_run:
            return effect, doubts
        bounds.assert_confirmed(doubts, confirm or (), effect.words())
        kept = with_effect(after, effect.words())
        if usd > was.credit_limit and await act.waits(tx, subject, before=before, after=kept):
            return effect, doubts
        await ledger.set_credit_limit(tx, partner_id, usd)
        await act.note(tx, subject, before=before, after=after)
        return effect, doubts

    effect, doubts = acting(data, "partner credit-limit", operator, work)
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
        now = await business_clock.now(tx)
        before = await newcomers.of_partner(tx, partner_id, now=now)
        if per_day is None:
            return before
        await newcomers.set_bound(tx, partner_id, bound)
        kept = {"per_day": before.own_per_day}
        await act.note(tx, f"partner {partner_id}", before=kept, after={"per_day": bound})
        return await newcomers.of_partner(tx, partner_id, now=now)

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
    work = _changed_domains(partner, domain, ton_domains.add_ton_domain)
    added = acting(data, "partner ton-domain add", operator, work)
    say(f"{domain} is listed." if added else f"{domain} was listed before; nothing changed.")


@domains.command("remove")
def remove_domain(
    domain: DomainArgument, partner: PartnerOption, operator: AsOption = None, data: DataOption = None
) -> None:
    """Refuse TON proofs that are signed for a domain from now on; sessions that are open go on."""
    work = _changed_domains(partner, domain, ton_domains.remove_ton_domain)
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


def _changed_domains(
    partner: str, domain: str, verb: Callable[[Tx, int, str], Awaitable[T]]
) -> Callable[[Tx, Acting], Awaitable[T]]:
    """What a verb does to the domains of a partner, noted."""

    async def work(tx: Tx, act: Acting) -> T:
        partner_id = (await partners.find(tx, partner)).id
        was = await ton_domains.ton_domains(tx, partner_id)
        made = await verb(tx, partner_id, domain)
        listed = await ton_domains.ton_domains(tx, partner_id)
        await act.note(tx, f"partner {partner_id}", before={"ton_domains": was}, after={"ton_domains": listed})
        return made

    return work


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
