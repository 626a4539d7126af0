"""Deposits: a list over all partners, what the worker found against any, and one with why it is or is not credited."""

from hashrail.accounting import account_pages
from hashrail.books.chart import TransferKind
from hashrail.custody import deposit_addresses, deposit_evidence, deposits_by_number
from hashrail.custody.deposits import Deposit, DepositTerms
from hashrail.db import Tx
from hashrail.pages.console import over_all
from hashrail.pages.console.over_all import Kind
from hashrail.pages.console.partners import numbered
from hashrail.pages.console.visit import Sheet, Shown, Visit
from hashrail.pages.console.ways import ConsoleWays
from hashrail.payouts import run_report
from hashrail.support import deposit_waits, lists

KIND = Kind("deposit", "/deposits", lists.STATES["deposit"])
COLUMNS = (
    *("id", "userId", "partnerUserId", "state", "amountBtc", "address", "txid", "vout", "isCoinbase"),
    *("confirmations", "createdAt", "creditedAt"),
)


async def listed(tx: Tx, visit: Visit) -> Shown:
    """What arrived for users of all partners, as the filters ask, newest first; and what was found of deposits."""
    facts = await over_all.listed(tx, visit, KIND, deposits_by_number.some)
    run, terms = await run_report.last(tx), DepositTerms.of(visit.deployment.settings)
    facts |= {
        "run": run,
        "findings": deposit_waits.of_all(run.findings),
        "whys": {one.id: deposit_waits.why(one, terms, run.findings) for _, one in facts["found"]},
        "simulated": visit.deployment.simulates_chain,
        "has_node": visit.deployment.facts.chain != "none",
    }
    return Shown(facts, over_all.subject(visit, KIND))


async def sheet(tx: Tx, visit: Visit) -> Sheet:
    """The same as a file, all of them."""
    return await over_all.sheet(tx, visit, KIND, deposits_by_number.some, COLUMNS, _line)


async def one(tx: Tx, visit: Visit) -> Shown:
    """A deposit: whose address it pays, how deep it is, its proofs, what was posted. Raises DepositNotFoundError."""
    partner = await numbered(tx, visit.numbers["partner"])
    found = await deposits_by_number.get(tx, partner.id, visit.numbers["deposit"])
    run, terms = await run_report.last(tx), DepositTerms.of(visit.deployment.settings)
    facts = {
        "one": found,
        "partner": partner,
        "ways": ConsoleWays(partner.id),
        "needed": terms.needed(found.amount_btc, coinbase=found.coinbase),
        "whys": deposit_waits.why(found, terms, run.findings),
        "run": run,
        "is_given": await deposit_addresses.known(tx, partner.id, found.user_id) == found.address,
        "proofs": await deposit_evidence.of_deposit(tx, partner.id, found.id),
        "kind": TransferKind.DEPOSIT.value,
        "legs": await account_pages.legs(tx, partner.id, TransferKind.DEPOSIT.value, found.id),
        "simulated": visit.deployment.simulates_chain,
    }
    return Shown(facts, f"deposit {partner.id}:{found.id}")


def _line(one: Deposit) -> tuple[object, ...]:
    """A line of the file."""
    return (
        *(one.id, one.user_id, one.partner_user_id, one.state, one.amount_btc, one.address, one.txid, one.vout),
        *(one.coinbase, one.confirmations, one.created_at, one.credited_at),
    )
