"""hashrail user show, user note: everything about a user on one page, and what operators write down about them."""

from typing import Annotated

import typer

from hashrail.acts.acting import Acting
from hashrail.cli import listing, withdrawals
from hashrail.cli import support_shapes as pages
from hashrail.cli.acting import NamedOption, acting
from hashrail.cli.examples import example
from hashrail.cli.list_options import AfterOption, LimitOption
from hashrail.cli.printing import in_a_line, prints, show_json
from hashrail.cli.sessions import session_shape
from hashrail.cli.shared import DataOption, JsonOption, PartnerOption, in_transaction, say, table
from hashrail.cli.users import UserArgument
from hashrail.db import Tx
from hashrail.deployment.opened import Deployment
from hashrail.parties import partners, users
from hashrail.support import notes, user_pages
from hashrail.support.notes import Note
from hashrail.support.user_pages import UserPage

app = typer.Typer()
note_app = typer.Typer(name="note", help="Write notes on a user, and read them: for whoever asks next.")
BALANCES = ("currency", "the user sees", "settled", "+ income not settled", "- held", "account balance")
NOTES = ("id", "written", "by", "note")
HISTORY = ("done", "by", "what", "to", "why", "from", "into")
# How to read on where a list has more than the page.
MORE = {
    "income": "hashrail income list",
    "miners": "hashrail miner list",
    "orders": "hashrail order list",
    "deposits": "hashrail deposit list",
    "withdrawals": "hashrail withdrawal list",
    "addresses": "hashrail address list",
    "sessions": "hashrail session list",
    "notes": "hashrail user note list",
    "history": "hashrail operator log",
}


@app.command(
    "show", epilog=example("hashrail user show alice --partner 1", "hashrail user show alice --partner 1 --json")
)
@prints(pages.UserPage)
def show(
    user: UserArgument,
    partner: PartnerOption,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many of each list, the newest.")] = 10,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show everything about a user: balances and why, what they have, what came and went, what was done and said."""

    async def work(tx: Tx, deployment: Deployment) -> tuple[UserPage, bool]:
        found = await users.find(tx, (await partners.find(tx, partner)).id, user)
        return await user_pages.of(tx, deployment, found, limit=limit), deployment.simulates_chain

    page, simulated = in_transaction(data, work)
    if as_json:
        show_json(_shape(page, simulated=simulated))
    else:
        _print(page, simulated=simulated)


@note_app.command("add", epilog=example('hashrail user note add alice --partner 1 --text "called, case 88" --as olga'))
def add_note(
    user: UserArgument,
    partner: PartnerOption,
    text: Annotated[str, typer.Option(help="What the next one should know; it is never changed.")],
    operator: NamedOption,
    data: DataOption = None,
) -> None:
    """Write a note on a user, under your name and for ever. The same again at once is the same note."""

    async def work(tx: Tx, act: Acting) -> Note:
        found = await users.find(tx, (await partners.find(tx, partner)).id, user)
        made, is_new = await notes.add(tx, act.named, found.partner_id, found.id, text)
        if is_new:
            await act.note(tx, f"user {found.partner_id}:{found.partner_user_id}", after={"note": made.id})
        return made

    say(f"Note {acting(data, 'user note add', operator, work).id} is written.")


@note_app.command("list", epilog=example("hashrail user note list alice --partner 1"))
@prints(list[pages.UserNote])
def list_notes(
    user: UserArgument,
    partner: PartnerOption,
    after: AfterOption = None,
    limit: LimitOption = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the notes on a user, the newest first."""

    async def work(tx: Tx, _: Deployment) -> list[Note]:
        found = await users.find(tx, (await partners.find(tx, partner)).id, user)
        return await notes.of_user(tx, found.partner_id, found.id, limit=limit, after=after)

    found = in_transaction(data, work)
    if as_json:
        show_json([pages.UserNote.of(one) for one in found])
    else:
        table("Notes", NOTES, [_note_row(one) for one in found])


def _print(page: UserPage, *, simulated: bool) -> None:
    user = page.user
    columns = ("number", "created", "blocked", "level", "settled through", "email", "partner's id")
    facts = (user.id, user.created_at, user.blocked_at, user.level_discount, user.settled_through, user.email)
    table("User", columns, [(*facts, user.partner_user_id)])
    rows = [(one.currency, one.spendable, one.settled, one.unsettled, one.held, one.owned) for one in page.balances]
    table("Balances", BALANCES, rows)
    table("Notes", NOTES, [_note_row(one) for one in page.notes])
    table("Miners", listing.MINERS, [listing.miner_row(miner) for miner, _ in page.miners])
    for miner, stints in page.miners:
        if len(stints) > 1:
            say(f"Miner {miner.id}:")
            listing.show_stints(stints)
    table("Income", listing.INCOME, [listing.income_row(one) for one in page.income])
    table("Orders", listing.ORDERS, [listing.order_row(one) for one in page.orders])
    table("Deposits", listing.DEPOSITS, [listing.deposit_row(one) for one in page.deposits])
    shown = withdrawals.shapes_of(page.user.partner_id, page.withdrawals, page.waits, simulated=simulated)
    table("Withdrawals", withdrawals.COLUMNS, [withdrawals.row_of(one) for one in shown])
    table("Addresses", listing.ADDRESSES, [listing.address_row(one) for one in page.addresses])
    rows_of_sessions = [(one.family, one.key_id, one.opened_at, one.renewed_at, one.ends_at) for one in page.sessions]
    table("Open sessions", ("id", "key", "opened", "renewed", "ends"), rows_of_sessions)
    history = [
        (one.done_at, one.operator, one.action, one.subject, one.reason, in_a_line(one.before), in_a_line(one.after))
        for one in page.history
    ]
    table("What operators did", HISTORY, history)
    for each in page.more:
        say(f"There are more {each}: {MORE[each]}, or a larger --limit.")


def _note_row(one: Note) -> tuple[object, ...]:
    return (one.id, one.written_at, one.operator, one.text)


def _shape(page: UserPage, *, simulated: bool) -> pages.UserPage:
    user = page.user
    return pages.UserPage(
        partner=user.partner_id,
        id=user.id,
        partner_user_id=user.partner_user_id,
        created_at=user.created_at,
        email=user.email,
        blocked_at=user.blocked_at,
        level_discount=user.level_discount,
        settled_through=user.settled_through,
        balances=[pages.SeenBalance.of(one) for one in page.balances],
        income=[pages.UserIncome.of(one) for one in page.income],
        miners=[pages.MinerWithStints.whole(miner, stints) for miner, stints in page.miners],
        orders=[pages.UserOrder.of(one) for one in page.orders],
        deposits=[pages.UserDeposit.of(one) for one in page.deposits],
        withdrawals=withdrawals.shapes_of(user.partner_id, page.withdrawals, page.waits, simulated=simulated),
        addresses=[pages.UserAddress.of(one) for one in page.addresses],
        sessions=[session_shape(one) for one in page.sessions],
        notes=[pages.UserNote.of(one) for one in page.notes],
        history=[pages.UserAction.of(one) for one in page.history],
        more=page.more,
    )
