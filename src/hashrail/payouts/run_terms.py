"""Terms of runs: fees, depths and rhythm stand in the environment of each process, and should be the same in all.

Two workers of which one takes a payment for final after six blocks and the other after three settle by whoever comes
first. So each run keeps its terms, and tells where another one that ran a short while ago had others. Nothing stops for
that: neither is more right, and while processes are started anew with other settings it is as it should be.
"""

import hashlib
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

import msgspec

from hashrail import clock
from hashrail.bitcoin.findings import Finding
from hashrail.db import Pool
from hashrail.money import plain
from hashrail.settings import Settings

DIFFER = "TERMS_DIFFER"
# Settings after which two processes would decide differently of the same money.
NAMES = (
    *("bitcoin_final_depth", "bitcoin_deposit_confirmations", "bitcoin_deposit_depths"),
    *("bitcoin_fee_fallback", "bitcoin_fee_minimum", "bitcoin_fee_cap"),
    *(
        "payout_fee_budget_btc",
        "payout_bump_minutes",
        "payout_fast_minutes",
        "payout_daily_hour",
        "payout_most_outputs",
    ),
)
# Longer than a run may take, so that two workers hear of each other.
RECENT = timedelta(minutes=10)


async def compare(pool: Pool, settings: Settings) -> list[Finding]:
    """Keep the terms of a run that begins, and say in what those of another process differ."""
    mine = terms_of(settings)
    written = msgspec.json.encode(mine, order="sorted")
    digest, now = hashlib.sha256(written).digest(), clock.wall_now()
    rows = await pool.fetch(
        """WITH gone AS (DELETE FROM run_terms WHERE seen_at < $4 AND digest <> $1),
           kept AS (INSERT INTO run_terms (digest, terms, seen_at) VALUES ($1, $2, $3)
                    ON CONFLICT (digest) DO UPDATE SET seen_at = greatest(run_terms.seen_at, excluded.seen_at))
           SELECT terms FROM run_terms WHERE digest <> $1 AND seen_at >= $4 ORDER BY seen_at DESC""",
        digest,
        written.decode(),
        now,
        now - RECENT,
    )
    return [_finding(mine, msgspec.json.decode(row["terms"], type=dict[str, str])) for row in rows]


def terms_of(settings: Settings) -> dict[str, str]:
    """The terms by the names that the environment has for them, however they are written there."""
    return {f"HASHRAIL_{name.upper()}": _text(getattr(settings, name)) for name in NAMES}


def _text(value: Decimal | int | Mapping[Decimal, int]) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{depth} from {plain(start)} BTC on" for start, depth in sorted(value.items()))
    return plain(value) if isinstance(value, Decimal) else str(value)


def _finding(mine: dict[str, str], others: dict[str, str]) -> Finding:
    told = [
        f"{name} is {mine.get(name, 'unknown')} here and {others.get(name, 'unknown')} there"
        for name in sorted({*mine, *others})
        if mine.get(name) != others.get(name)
    ]
    return Finding(DIFFER, f"another process pays by other terms: {'; '.join(told)}", stops=False)
