"""`hashrail verify`: check what a deployment has signed, from files alone. No database and no server is asked.

The files hold what the API answers: documents of days and of what was owed (`GET /api/proofs/day`, `GET
/api/proofs/liabilities`), the published keys (`GET /api/proofs/keys`), a user's record of income or proof of a balance,
a partner's opening. The judge is the SDK's.
"""

from collections.abc import Sequence
from decimal import Decimal
from json import JSONDecodeError
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from hashrail.cli.examples import example
from hashrail.cli.printing import Shape, about, prints, show_json, usage_error
from hashrail.cli.shared import amount, say
from hashrail_client import liabilities, proofs
from hashrail_client.liabilities import VerifiedLiabilities
from hashrail_client.proofs import ProofError, VerifiedDay
from hashrail_client.reserves import VerifiedReserves

app = typer.Typer(no_args_is_help=True)
Held = VerifiedDay | VerifiedLiabilities | VerifiedReserves


class Verified(Shape, kw_only=True):
    """What was checked, and what of it does not hold."""

    holds: Annotated[bool, about("whether everything does")]
    code: Annotated[str | None, about("the check that failed")]
    message: Annotated[str, about("the same in words")]
    days: Annotated[list[str], about("the days that hold, in order")]


KeysOption = Annotated[Path, typer.Option(help="The answer of GET /api/proofs/keys that you have kept.")]
DocumentArgument = Annotated[Path, typer.Argument(help="The answer of GET /api/proofs/day.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@app.command("day", epilog=example("hashrail verify day 2026-03-01.json 2026-03-02.json --keys keys.json"))
@prints(Verified)
def day(
    documents: Annotated[list[Path], typer.Argument(help="Answers of GET /api/proofs/day, in the order of days.")],
    keys: KeysOption,
    as_json: AsJson = False,
) -> None:
    """Check documents of days: signature, chain of hashes, and every rate reckoned again from the day's inputs.

    Several documents have to follow each other without a gap. Ends with 1 at the first that does not hold.
    """
    held: list[VerifiedDay] = []
    known = proofs.read_keys(read_file(keys))
    try:
        for each in documents:
            held.append(proofs.verify_day(read_file(each), known, previous=held[-1] if held else None))
    except ProofError as error:
        show_verdict(error, held, as_json=as_json)
    rates = sum(len(each.content["classes"]) for each in held)
    show_verdict(
        f"{len(held)} day(s), {rates} rates: they follow from their inputs and each other", held, as_json=as_json
    )


@app.command(
    "income",
    epilog=example("hashrail verify income day.json record.json --keys keys.json --power 64 --efficiency 15"),
)
@prints(Verified)
def income(
    document: DocumentArgument,
    record: Annotated[Path, typer.Argument(help="One record of income, as #16 to #18 answer it.")],
    keys: KeysOption,
    power: Annotated[Decimal, typer.Option(parser=amount, help="TH of the miner on that day.")],
    efficiency: Annotated[Decimal, typer.Option(parser=amount, help="W/TH of the miner on that day.")],
    discount: Annotated[
        Decimal | None, typer.Option(parser=amount, help="The user's discount, a fraction, if known.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a user's record of income against the day's signed rates."""
    held: list[VerifiedDay] = []
    try:
        held.append(proofs.verify_day(read_file(document), proofs.read_keys(read_file(keys))))
        paid = proofs.verify_record(
            held[0], read_file(record), power=power, energy_efficiency=efficiency, discount=discount
        )
    except ProofError as error:
        show_verdict(error, held, as_json=as_json)
    show_verdict(
        f"{power:f} TH x {paid['net']:f} BTC per TH, at a discount of {paid['discount']}", held, as_json=as_json
    )


@app.command("power", epilog=example("hashrail verify power day.json opening.json --keys keys.json"))
@prints(Verified)
def power(
    document: DocumentArgument,
    opening: Annotated[Path, typer.Argument(help="The answer of GET /api/partner/s2s/proofs/power.")],
    keys: KeysOption,
    as_json: AsJson = False,
) -> None:
    """Check a partner's power by class against its commitment in the day's document, and reckon what it earned."""
    held: list[VerifiedDay] = []
    try:
        held.append(proofs.verify_day(read_file(document), proofs.read_keys(read_file(keys))))
        lines = proofs.verify_power(held[0], read_file(opening))
    except ProofError as error:
        show_verdict(error, held, as_json=as_json)
    total, earned = (sum((Decimal(line[name]) for line in lines), Decimal(0)) for name in ("power", "net"))
    show_verdict(f"{total:f} TH in {len(lines)} class(es) earned {earned:f} BTC", held, as_json=as_json)


@app.command(
    "liabilities", epilog=example("hashrail verify liabilities owed-1.json owed-2.json --keys keys.json --day day.json")
)
@prints(Verified)
def owed(
    documents: Annotated[list[Path], typer.Argument(help="Answers of GET /api/proofs/liabilities, one after another.")],
    keys: KeysOption,
    day: Annotated[Path | None, typer.Option(help="The document of the last one's day.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check documents of what is owed to all users: signature, and that each names the one before.

    None may be left out between them. Ends with 1 at the first that does not hold.
    """
    held: list[VerifiedLiabilities] = []
    known = proofs.read_keys(read_file(keys))
    try:
        verified = None if day is None else proofs.verify_day(read_file(day), known)
        for place, each in enumerate(documents, start=1):
            held.append(
                liabilities.verify_liabilities(
                    read_file(each),
                    known,
                    day=verified if place == len(documents) else None,
                    previous=held[-1] if held else None,
                )
            )
    except ProofError as error:
        show_verdict(error, held, as_json=as_json)
    newest = held[-1]
    show_verdict(f"{newest.total:f} BTC were owed to {newest.count} user(s) after {newest.day}", held, as_json=as_json)


@app.command(
    "balance",
    epilog=example(
        "hashrail verify balance owed.json proof.json --keys keys.json --partner-user-id alice --amount 0.00012"
    ),
)
@prints(Verified)
def balance(
    document: Annotated[Path, typer.Argument(help="The answer of GET /api/proofs/liabilities.")],
    proof: Annotated[Path, typer.Argument(help="The answer of GET /api/partner/c2s/proofs/balance, or of s2s.")],
    keys: KeysOption,
    partner_user_id: Annotated[str, typer.Option(help="Who the user is, at their partner.")],
    owing: Annotated[
        Decimal | None, typer.Option("--amount", parser=amount, help="BTC that the user was owed, if known.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that what a user was owed is part of the signed sum of what is owed to all."""
    held: list[VerifiedLiabilities] = []
    try:
        held.append(liabilities.verify_liabilities(read_file(document), proofs.read_keys(read_file(keys))))
        proven = liabilities.verify_balance(held[0], read_file(proof), partner_user_id=partner_user_id, amount=owing)
    except ProofError as error:
        show_verdict(error, held, as_json=as_json)
    message = f"{proven:f} BTC of {partner_user_id} are part of {held[0].total:f} BTC owed to {held[0].count} user(s)"
    show_verdict(message, held, as_json=as_json)


def read_file(path: Path) -> Any:
    """What a file holds, without the envelope that answers of the API have."""
    try:
        found = proofs.read(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, JSONDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no JSON"
        raise usage_error(f"cannot read {path}: {reason}") from error
    return found.get("data", found) if isinstance(found, dict) else found


def show_verdict(outcome: str | ProofError, held: Sequence[Held], *, as_json: bool) -> NoReturn:
    """Say what was found, and end with 0 or 1."""
    failed = isinstance(outcome, ProofError)
    code = outcome.code if isinstance(outcome, ProofError) else None
    verified = Verified(holds=not failed, code=code, message=str(outcome), days=[each.day for each in held])
    if as_json:
        show_json(verified)
    else:
        say(f"{'does not hold' if failed else 'holds'}: {verified.message}")
    raise typer.Exit(1 if failed else 0)
