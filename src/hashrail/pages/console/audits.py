"""Audit: what is held against the books at all times and how it last came out; reconciliation; and signed proofs."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hashrail.alarms import observations
from hashrail.alarms.observations import Observation
from hashrail.audit import invariants
from hashrail.db import Tx
from hashrail.pages.console.visit import Shown, Visit
from hashrail.proofs import day_documents, keys, liabilities, reserves
from hashrail.proofs.liabilities import LiabilitiesNotTakenError
from hashrail.proofs.reserves import ReservesNotTakenError
from hashrail_client import proofs

# Of signed documents, the newest.
LISTED = 30


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a reconciliation: what is there stands first, and what it should be follows, in BTC."""

    title: str
    lines: Sequence[tuple[str, Decimal, int]]

    @property
    def left(self) -> Decimal:
        """BTC that no line explains."""
        first, *others = [amount for _, amount, _ in self.lines]
        return first - sum(others, Decimal(0))


PARTS = (
    ("wallet", "Wallet: its coins, against its history"),
    ("bridge", "From the wallet to the books"),
    ("books", "Books: the wallet, against deposits and withdrawals"),
)


async def audit(tx: Tx, _: Visit) -> Shown:
    """Every invariant with its sentence, how the newest audit found it, and the newest reconciliation."""
    known = await observations.known(tx)
    seen = known.get(observations.AUDIT)
    job = known.get(observations.JOB + "audit")
    return Shown(
        {
            "sections": invariants.SECTIONS,
            "count": len(invariants.every()),
            "seen": seen,
            "by": _by(seen),
            "since": None if seen is None else seen.figures.get("since"),
            "broken": set() if seen is None else set(seen.figures.get("broken", ())),
            "rows": {} if seen is None else seen.figures.get("rows", {}),
            "failed": job if job is not None and job.code is not None else None,
            "reconciled": known.get(observations.RECONCILIATION),
            "reconciled_by": _by(known.get(observations.RECONCILIATION)),
            "parts": _parts(known.get(observations.RECONCILIATION)),
        }
    )


async def proven(tx: Tx, _: Visit) -> Shown:
    """Signed days, what was owed to users, the coins that could pay it, and the keys that signed."""
    days = await day_documents.newest(tx, LISTED)
    return Shown(
        {
            "days": days,
            "owed": await liabilities.newest(tx, LISTED),
            "reserves": await _reserves(tx),
            "newest_owed": await _owed(tx),
            "keys": await keys.published(tx),
        }
    )


def _by(seen: Observation | None) -> str:
    return "" if seen is None else seen.figures.get("by", "the worker")


def _parts(seen: Observation | None) -> list[Part]:
    """The lines that a reconciliation has noted; none where a version of before noted it."""
    if seen is None:
        return []
    return [
        Part(title, [(what, Decimal(amount), count) for what, amount, count in seen.figures[name]])
        for name, title in PARTS
        if seen.figures.get(name)
    ]


async def _reserves(tx: Tx) -> dict[str, Any] | None:
    """The newest proof of coins, with what stands in it."""
    try:
        found = await reserves.find(tx, None)
    except ReservesNotTakenError:
        return None
    content = proofs.read(found.content)
    owed, total = Decimal(content["owed"]), Decimal(content["total"])
    return {
        "document": found,
        "owed": owed,
        "total": total,
        "coins": len(content["coins"]),
        "height": content["height"],
    }


async def _owed(tx: Tx) -> dict[str, Any] | None:
    """What the newest document of what is owed says."""
    try:
        found = await liabilities.find(tx, None)
    except LiabilitiesNotTakenError:
        return None
    content = proofs.read(found.content)
    return {"document": found, "sum": Decimal(content["sum"]), "count": content["count"], "root": content["root"]}
