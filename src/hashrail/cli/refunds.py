"""hashrail order refund, hashrail partner refunds: taking an issued miner back, and what becomes of its income."""

from typing import Annotated, Literal

import typer

from hashrail.acts import orders as acts
from hashrail.acts.acting import Acting
from hashrail.acts.orders import Refunded
from hashrail.cli import shapes
from hashrail.cli.acting import AsOption, acting
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, show_json
from hashrail.cli.shared import DataOption, JsonOption, PartnerOption, in_transaction, say, table
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.money import plain
from hashrail.parties import partners
from hashrail.selling import refunds
from hashrail.selling.refunds import Refund

order_app, partner_app = typer.Typer(), typer.Typer()


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
        return await acts.refund(tx, act, (await partners.find(tx, partner)).id, external_id, reason=reason)

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
        await acts.set_income_rule(tx, act, partner_id, takes=income == "take")
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
