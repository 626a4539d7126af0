"""hashrail partner payment: what partners have paid, and what of it was taken back."""

from decimal import Decimal
from typing import Annotated

import typer

from hashrail.acts import payments as acts
from hashrail.acts.acting import Acting
from hashrail.acts.payments import Recorded, Reversed
from hashrail.cli import preview_shapes, shapes
from hashrail.cli.acting import AsOption, acting
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.rates import doubt_shapes
from hashrail.cli.second_look import ConfirmOption, DryRunOption, named
from hashrail.cli.shared import MAX_ID, DataOption, JsonOption, PartnerOption, amount, in_transaction, say, table
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.parties import partners
from hashrail.selling import payment_reversals, preview
from hashrail.selling.payment_reversals import Payment
from hashrail.selling.preview import CreditEffect

app = typer.Typer(name="payment", help="Record, list and reverse what a partner has paid.", no_args_is_help=True)
COLUMNS = ("number", "USD", "recorded", "reversed", "reference", "why")


@app.command(
    "record",
    epilog=example(
        'hashrail partner payment record --partner 1 --amount 1500.25 --reference "SEPA 8821"',
        'hashrail partner payment record --partner 1 --amount 1500.25 --reference "SEPA 8821" --dry-run',
    ),
)
@prints(preview_shapes.RecordedPayment)
def record_payment(
    partner: PartnerOption,
    usd: Annotated[Decimal, typer.Option("--amount", parser=amount, metavar="USD", help="What was paid.")],
    reference: Annotated[str, typer.Option(help="The bank's reference; each is recorded once.")],
    confirm: ConfirmOption = None,
    dry_run: DryRunOption = False,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Record that a partner has paid; it owes less, or has paid in advance. Far more than is owed takes two."""

    async def work(tx: Tx, act: Acting) -> Recorded:
        partner_id = (await partners.find(tx, partner)).id
        meant = named(confirm, dry_run=dry_run)
        return await acts.record(tx, act, partner_id, amount_usd=usd, reference=reference, confirm=meant)

    made = acting(data, "partner payment record", operator, work, tries=dry_run)
    if as_json:
        show_json(
            preview_shapes.RecordedPayment(
                reference=reference,
                amount_usd=usd,
                new=made.new,
                dry_run=dry_run,
                doubts=doubt_shapes(made.doubts),
                credit=credit_shape(made.effect),
            )
        )
        return
    done = "Nothing was changed." if dry_run else "Recorded."
    say(done if made.new else "This reference was recorded before; nothing changed.")
    say(f"{made.effect.words()}.")
    due = made.effect.after
    table("Receivable", ("owes USD", "reserved USD", "limit USD"), [(due.owed, due.reserved, due.credit_limit)])


@app.command("list", epilog=example("hashrail partner payment list --partner 1"))
@prints(list[shapes.Payment])
def list_payments(
    partner: PartnerOption,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the newest.")] = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what a partner has paid, newest first, and what of it was taken back."""

    async def work(tx: Tx, _: Deployment) -> list[Payment]:
        return await payment_reversals.of_partner(tx, (await partners.find(tx, partner)).id, limit=limit)

    found = in_transaction(data, work)
    if as_json:
        show_json([_shape(one) for one in found])
    else:
        rows = [(p.id, p.amount_usd, p.recorded_at, p.reversed_at, p.reference, p.reason) for p in found]
        table("Payments", COLUMNS, rows)


@app.command("reverse", epilog=example('hashrail partner payment reverse 12 --partner 1 --reason "bounced"'))
def reverse_payment(
    payment_id: Annotated[int, typer.Argument(metavar="ID", max=MAX_ID, help="Its number, from the list.")],
    partner: PartnerOption,
    reason: Annotated[str, typer.Option(help="Why; it goes into the log.")],
    operator: AsOption = None,
    data: DataOption = None,
) -> None:
    """Take a payment back, whole: the partner owes it again, whatever its credit limit. Again is a no-op.

    Beyond what one operator takes back alone in 24 hours it takes two admins: hashrail operator alone.
    """

    async def work(tx: Tx, act: Acting) -> Reversed:
        return await acts.reverse(tx, act, (await partners.find(tx, partner)).id, payment_id, reason=reason)

    found = acting(data, "partner payment reverse", operator, work)
    say("Reversed." if found.done else "This payment was reversed before; nothing changed.")
    due = found.after
    if due.credit_limit > found.before.credit_limit:
        say(f"The credit limit rose from {found.before.credit_limit} to what is owed: lower it once that is paid.")
    table("Receivable", ("owes USD", "reserved USD", "limit USD"), [(due.owed, due.reserved, due.credit_limit)])


def credit_shape(effect: CreditEffect) -> preview_shapes.Credit:
    """What a partner owes and may owe, before and then, for scripts."""
    before, after = effect.before, effect.after
    return preview_shapes.Credit(
        owed_usd=after.owed,
        before_owed_usd=before.owed,
        reserved_usd=after.reserved,
        credit_limit_usd=after.credit_limit,
        before_credit_limit_usd=before.credit_limit,
        room_usd=preview.room(after),
        before_room_usd=preview.room(before),
        open_orders=effect.orders,
    )


def _shape(one: Payment) -> shapes.Payment:
    return shapes.Payment(
        id=one.id,
        reference=one.reference,
        amount_usd=one.amount_usd,
        recorded_at=one.recorded_at,
        reversed_at=one.reversed_at,
        reason=one.reason,
    )
