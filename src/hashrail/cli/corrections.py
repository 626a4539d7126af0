"""hashrail user credit, hashrail user debit: what operators give and take by hand."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Annotated, Literal

import typer

from hashrail.acts import corrections as acts
from hashrail.acts.acting import Acting
from hashrail.acts.corrections import Wanted
from hashrail.cli.acting import AsOption, acting
from hashrail.cli.examples import example
from hashrail.cli.shared import DataOption, PartnerOption, amount, say
from hashrail.db import Tx
from hashrail.parties import partners

app = typer.Typer()

UserArgument = Annotated[str, typer.Argument(metavar="PARTNER_USER_ID", help="The user by the partner's own id.")]
AmountOption = Annotated[Decimal, typer.Option("--amount", parser=amount, metavar="AMOUNT", help="How much.")]
CurrencyOption = Annotated[Literal["BTC", "GOMINING"], typer.Option(help="In which currency.")]
ReferenceOption = Annotated[str, typer.Option(help="Your own, as a case number; each is done once.")]
ReasonOption = Annotated[str, typer.Option(help="Why; it goes into the log.")]
CREDIT = 'hashrail user credit user-123 --partner 1 --amount 0.0001 --reference "case 88" --reason "lost in a reorg"'
DEBIT = 'hashrail user debit user-123 --partner 1 --amount 0.0001 --reference "case 89" --reason "credited twice"'


@app.command("credit", epilog=example(CREDIT))
def credit(
    user: UserArgument,
    partner: PartnerOption,
    much: AmountOption,
    reference: ReferenceOption,
    reason: ReasonOption,
    currency: CurrencyOption = "BTC",
    operator: AsOption = None,
    data: DataOption = None,
) -> None:
    """Add to a user's balance by hand; the books keep it as an expense of yours. The same reference again is a no-op.

    Beyond what one operator corrects alone in 24 hours it takes two admins: hashrail operator alone.
    """
    wanted = Wanted(currency, _positive(much), reference, reason)
    done = acting(data, "user credit", operator, _corrected(partner, user, wanted))
    say(f"{user} is credited." if done else "This reference was done before; nothing changed.")


@app.command("debit", epilog=example(DEBIT))
def debit(
    user: UserArgument,
    partner: PartnerOption,
    much: AmountOption,
    reference: ReferenceOption,
    reason: ReasonOption,
    currency: CurrencyOption = "BTC",
    operator: AsOption = None,
    data: DataOption = None,
) -> None:
    """Take from a user's balance by hand, never more than they can spend. The same reference again is a no-op.

    Beyond what one operator corrects alone in 24 hours it takes two admins: hashrail operator alone.
    """
    wanted = Wanted(currency, -_positive(much), reference, reason)
    done = acting(data, "user debit", operator, _corrected(partner, user, wanted))
    say(f"{user} is debited." if done else "This reference was done before; nothing changed.")


def _corrected(partner: str, user: str, wanted: Wanted) -> Callable[[Tx, Acting], Awaitable[bool]]:
    """A correction of a user of a partner."""

    async def work(tx: Tx, act: Acting) -> bool:
        return await acts.correct(tx, act, (await partners.find(tx, partner)).id, user, wanted)

    return work


def _positive(much: Decimal) -> Decimal:
    """What is credited and what is debited is said without a sign. Ends with the usage."""
    if much <= 0:
        raise typer.BadParameter("--amount is above zero")
    return much
