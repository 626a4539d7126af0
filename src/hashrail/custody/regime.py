"""The regime of payouts: what is to be said all the time, until somebody has done something about it.

It stops nothing. `hashrail payouts status` shows it, and the worker logs it every hour.
"""

from hashrail.bitcoin.findings import Finding
from hashrail.custody import payout_policy
from hashrail.db import Reader
from hashrail.parties import changes, people


async def warnings(tx: Reader, *, is_sandbox: bool) -> list[Finding]:
    """What one person can do alone, and what waits for a second; in a sandbox no person is asked for."""
    found = []
    if not is_sandbox:
        lacking = (await payout_policy.get(tx)).lacking()
        if lacking:
            found.append(Finding("PAYOUTS_UNLIMITED", f"payouts have no limit here: {', '.join(lacking)}"))
    if not is_sandbox and not await people.are_two_admins(tx):
        message = "no two admins are two people: whoever is one adds operators and loosens limits alone"
        found.append(Finding("ONE_PERSON", message))
    return found + [
        Finding("CHANGE_WAITS", f"change {each.id}, asked for by {each.asked_by}: {each.act}, {each.subject}")
        for each in await changes.waiting(tx)
    ]
