"""hashrail order refund, hashrail partner refunds: taking an issued miner back, and what becomes of its income."""

from dataclasses import dataclass
from typing import Annotated, Literal

import typer

from hashrail.acts.acting import Acting
from hashrail.books import fence
from hashrail.cli import shapes
from hashrail.cli.acting import AsOption, acting
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import DataOption, JsonOption, PartnerOption, in_transaction, say, table
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.money import plain
from hashrail.parties import operators, partners
from hashrail.parties.alone import Kind
from hashrail.selling import orders, refunds
from hashrail.selling.refunds import Refund

order_app, partner_app = typer.Typer(), typer.Typer()


@dataclass(frozen=True, slots=True)
class Refunded:
    """What became of an order: `refund` is None where it waits for a second; `again` where it was refunded before."""

    refund: Refund | None
    again: bool


@order_app.command("refund", epilog=example('hashrail order refund order-77 --partner 1 --reason "charged back"'))
@prints(shapes.Refund)
def refund(
    external_id: Annotated[str, typer.Argument(metavar="EXTERNAL_ID", help="The partner's externalId.")],
    partner: PartnerOption,
    reason: Annotated[str, typer.Option(help="Why; it goes into the log.")],
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take an issued miner back: it leaves with this day, and the partner owes its price no more. Again is a no-op.

    Upgrades of the miner are refunded with it, whoever has it by now. Beyond what one operator refunds alone in 24
    hours it takes two admins: hashrail operator alone.
    """

    async def work(tx: Tx, act: Acting) -> Refunded:
        books = await fence.share(tx, (await partners.find(tx, partner)).id)
        operators.assert_reason(reason)
        try:
            issued = await refunds.lock(tx, books, external_id)
        except orders.OrderRefundedError:
            order = await orders.get(tx, books.partner_id, external_id)
            return Refunded(await refunds.find(tx, books.partner_id, order), again=True)
        before = refunds.facts(books, issued)
        after, of = before | {"state": "refunded", "reason": reason}, (Kind.REFUND, "USD", issued.value_usd)
        subject = f"order {books.partner_id}:{external_id}"
        if await act.waits_beyond(tx, subject, of, before=before, after=after):
            return Refunded(None, again=False)
        made = await refunds.refund(tx, books, issued, reason=reason)
        await act.note(tx, subject, before=before, after=after | refunds.taken(made), reason=reason)
        return Refunded(made, again=False)

    found = acting(data, "order refund", operator, work)
    assert found.refund is not None, "what waits ends the command"
    _show(found.refund, again=found.again, as_json=as_json)


@partner_app.command("refunds", epilog=example("hashrail partner refunds --partner 1 --income take"))
@prints(shapes.RefundTerms)
def refund_terms(
    partner: PartnerOption,
    income: Annotated[
        Literal["keep", "take"] | None,
        typer.Option(help="Whether users keep what a refunded miner has earned, or it is taken from their balance."),
    ] = None,
    operator: AsOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what becomes of the income of refunded miners, after changing it. It counts for refunds from then on."""

    async def change(tx: Tx, act: Acting) -> bool:
        partner_id = (await partners.find(tx, partner)).id
        before = {"takes_income": await refunds.takes_income(tx, partner_id)}
        await refunds.set_takes_income(tx, partner_id, takes=income == "take")
        await act.note(tx, f"partner {partner_id}", before=before, after={"takes_income": income == "take"})
        return await show(tx, act.deployment)

    async def show(tx: Tx, _: Deployment) -> bool:
        return await refunds.takes_income(tx, (await partners.find(tx, partner)).id)

    takes = in_transaction(data, show) if income is None else acting(data, "partner refunds", operator, change)
    if as_json:
        show_json(shapes.RefundTerms(income="take" if takes else "keep"))
    else:
        what = "is taken back, as far as it is there" if takes else "stays with the users"
        table("Refunds", ("what a miner has earned",), [(what,)])


def _show(made: Refund, *, again: bool, as_json: bool) -> None:
    if as_json:
        takings = [
            shapes.Taking(
                partner_user_id=one.partner_user_id,
                earned=one.earned_btc,
                taken=one.taken_btc,
                shortfall=one.earned_btc - one.taken_btc,
            )
            for one in made.takings
        ]
        show_json(
            shapes.Refund(
                nft_id=made.miner_id,
                value=made.value_usd,
                income="take" if made.takes_income else "keep",
                reason=made.reason,
                refunded_at=made.refunded_at,
                takings=takings,
            )
        )
        return
    if again:
        say("This order was refunded before; nothing changed.")
    else:
        say(f"Refunded: miner {made.miner_id} leaves with this day, and {plain(made.value_usd)} USD are owed no more.")
    if made.takes_income:
        columns = ("earned BTC", "taken BTC", "not there BTC", "user")
        rows = [(t.earned_btc, t.taken_btc, t.earned_btc - t.taken_btc, t.partner_user_id) for t in made.takings]
        table("Income of the miner", columns, rows)
