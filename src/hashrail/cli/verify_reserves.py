"""`hashrail verify reserves`: check the coins that a deployment has proven, and ask a node of one's own for them."""

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer

from hashrail.bitcoin.amounts import to_sat
from hashrail.bitcoin.node import BitcoinNode
from hashrail.bitcoin.records import Outpoint
from hashrail.cli.examples import example
from hashrail.cli.printing import prints, usage_error
from hashrail.cli.shared import refusals_shown
from hashrail.cli.verify import AsJson, KeysOption, Verified, read_file, show_verdict
from hashrail_client import liabilities, proofs
from hashrail_client import reserves as rules
from hashrail_client.liabilities import VerifiedLiabilities
from hashrail_client.proofs import ProofError
from hashrail_client.reserves import Coin, VerifiedReserves

app = typer.Typer()
SHOWN = 3


@app.command("reserves", epilog=example("hashrail verify reserves reserves.json owed.json --keys keys.json"))
@prints(Verified)
def reserves(
    document: Annotated[Path, typer.Argument(help="The answer of GET /api/proofs/reserves.")],
    owed: Annotated[Path, typer.Argument(help="The answer of GET /api/proofs/liabilities for the same day.")],
    keys: KeysOption,
    node: Annotated[
        str | None, typer.Option(metavar="URL", help="A Bitcoin node of your own, which is asked for each coin.")
    ] = None,
    node_cookie: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The node's cookie, or any file with USER:PASSWORD.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that the keys of each coin signed for it under these liabilities, and that the coins cover what is owed.

    From files alone it does not see whether the coins are on the chain: with --node the node is asked, and coins that
    were spent since do not hold. Ends with 1 where anything does not, or the coins do not suffice.
    """
    if (node is None) != (node_cookie is None):
        raise usage_error("--node and --node-cookie go together")
    held: list[VerifiedReserves] = []
    try:
        known = proofs.read_keys(read_file(keys))
        debts = liabilities.verify_liabilities(read_file(owed), known)
        found = rules.verify_reserves(read_file(document), known, debts)
        if node is not None and node_cookie is not None:
            with refusals_shown():
                asyncio.run(_ask(node, node_cookie, found))
        held.append(found)
        _assert_covered(found, debts)
    except ProofError as error:
        show_verdict(error, held, as_json=as_json)
    seen = "the node has each of them" if node is not None else "no node was asked whether they are on the chain"
    message = (
        f"{len(found.coins)} coin(s), {found.total:f} BTC, cover {debts.total:f} BTC owed after {found.day}; {seen}"
    )
    show_verdict(message, held, as_json=as_json)


def _assert_covered(found: VerifiedReserves, debts: VerifiedLiabilities) -> None:
    if found.total < debts.total:
        raise ProofError("NOT_COVERED", f"{found.total:f} BTC in coins are less than {debts.total:f} BTC owed")


async def _ask(url: str, cookie: Path, found: VerifiedReserves) -> None:
    """Each coin is on the node's chain, as it was proven, and nobody has spent it.

    Raises ProofError (BLOCK, COIN_DIFFERS, COIN_GONE), and what the node does.
    """
    async with BitcoinNode(url, auth=cookie) as node:
        if await node.block_hash(found.height) != found.block_hash:
            raise ProofError("BLOCK", f"the node has another block at height {found.height}")
        gone = []
        for coin in found.coins:
            output = await node.output(Outpoint(coin.txid, coin.vout))
            if output is None:
                gone.append(coin)
            elif (to_sat(output.value), output.script.hex) != (coin.amount_sat, coin.script):
                raise ProofError("COIN_DIFFERS", f"on the chain {coin.txid}:{coin.vout} is {output.value} BTC")
            elif await node.height() - output.confirmations + 1 > found.height:
                raise ProofError("COIN_DIFFERS", f"{coin.txid}:{coin.vout} is younger than block {found.height}")
    if gone:
        raise ProofError("COIN_GONE", _gone(gone, found))


def _gone(coins: Sequence[Coin], found: VerifiedReserves) -> str:
    names = ", ".join(f"{each.txid}:{each.vout}" for each in coins[:SHOWN])
    more = f" and {len(coins) - SHOWN} more" if len(coins) > SHOWN else ""
    left = found.total - sum((each.amount for each in coins), Decimal(0))
    return f"spent since, or never there: {names}{more}; {left:f} BTC are still there"
