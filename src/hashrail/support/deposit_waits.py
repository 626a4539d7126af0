"""Why a deposit is not credited, in words: what it waits for, and what the last look at the chain found against it."""

import re
from collections.abc import Sequence

from hashrail.bitcoin.findings import Finding
from hashrail.custody.deposits import Deposit, DepositTerms

# What the worker finds of deposits, and of payments to addresses whose users the books do not know.
FOUND = "DEPOSIT_"


def why(one: Deposit, terms: DepositTerms, findings: Sequence[Finding]) -> list[str]:
    """What keeps it from being credited; nothing for one that is."""
    if one.state == "credited":
        return []
    found = [each.message for each in of_deposit(one.id, findings)]
    if one.state == "gone":
        return ["The chain has spent its coins otherwise: it can never arrive any more.", *found]
    needed = terms.needed(one.amount_btc, coinbase=one.coinbase)
    if one.state == "lost":
        return [f"A reorg took it. The user keeps it; it counts again with {needed} confirmations.", *found]
    if one.confirmations == 0:
        return [f"It is in no block yet, and is credited with {needed} confirmations.", *found]
    if one.confirmations < needed:
        return [f"It has {one.confirmations} of {needed} confirmations.", *found]
    more = "It is deep enough by itself: all that its block brings asks for more, or the node has not proven it yet."
    return found or [more]


def of_deposit(number: int, findings: Sequence[Finding]) -> list[Finding]:
    """What was found of one deposit."""
    return [each for each in of_all(findings) if re.search(rf"\bdeposit {number}\b", each.message)]


def of_all(findings: Sequence[Finding]) -> list[Finding]:
    """What was found of deposits."""
    return [each for each in findings if each.code.startswith(FOUND)]
