"""What withdrawals wait for, read in one snapshot: the facts for `waits.why`, a few statements however many there are.

The queue of payouts (`payouts/queue.py`) asks the same of the same rows; a test makes each cause happen, and holds both
against each other.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from hashrail import business_clock
from hashrail.custody import approvals, foreign_spends, payout_policy
from hashrail.custody.withdrawals import Withdrawal
from hashrail.db import Reader, Row
from hashrail.deployment.opened import Deployment
from hashrail.payouts import queue, run_report
from hashrail.payouts.batches import Due
from hashrail.payouts.queue import Asked, Rhythm
from hashrail.settings import Settings
from hashrail.support import waits
from hashrail.support.waits import Scene, Situation, Wait

# A withdrawal in one of these is at its end.
ENDED = ("final", "cancelled", "refused")


async def of(
    tx: Reader, deployment: Deployment, partner_id: int, withdrawals: Sequence[Withdrawal]
) -> dict[int, list[Wait]]:
    """What each of a partner's withdrawals waits for, by number; one that is at its end for nothing."""
    return await of_all(tx, deployment, {partner_id: withdrawals})


async def of_all(
    tx: Reader, deployment: Deployment, withdrawals: Mapping[int, Sequence[Withdrawal]]
) -> dict[int, list[Wait]]:
    """The same of several partners, by partner; no two withdrawals have the same number."""
    found: dict[int, list[Wait]] = {one.id: [] for theirs in withdrawals.values() for one in theirs}
    scene: Scene | None = None
    for partner_id, theirs in withdrawals.items():
        open_ones = [one for one in theirs if one.state not in ENDED]
        if open_ones:
            scene = scene or await _scene(tx, deployment, now=await business_clock.now(tx))
            rows = await _facts(tx, partner_id, [one.id for one in open_ones])
            for one in open_ones:
                # One that was not there yet when the facts were read is looked at the next time.
                if one.id in rows:
                    found[one.id] = waits.why(_situation(one, rows[one.id], deployment.settings, scene), scene)
    return found


async def _scene(tx: Reader, deployment: Deployment, *, now: datetime) -> Scene:
    policy = await payout_policy.get(tx)
    settings = deployment.settings
    return Scene(
        now=now,
        policy=policy,
        final_depth=settings.bitcoin_final_depth,
        has_node=deployment.facts.chain != "none",
        foreign=await foreign_spends.stopping(tx),
        report=await run_report.last(tx),
        today=await queue.left_today(tx, now),
    )


async def _facts(tx: Reader, partner_id: int, numbers: Sequence[int]) -> Mapping[int, Row]:
    rows = await tx.fetch(
        """SELECT w.partner_id, w.id, CASE WHEN NOT u.payouts_go_on THEN u.blocked_at END AS blocked_at,
                  p.payouts_daily_btc,
                  least((SELECT min(x.created_at) FROM withdrawal x WHERE x.partner_id = $1
                         AND x.user_id = w.user_id AND x.address = w.address),
                        (SELECT b.created_at FROM wallet b WHERE b.partner_id = $1
                         AND b.user_id = w.user_id AND b.address = w.address)) AS known_since,
                  CASE WHEN p.bound_addresses_only THEN coalesce(
                      (SELECT b.usable_at FROM wallet b WHERE b.partner_id = $1
                       AND b.user_id = w.user_id AND b.address = w.address),
                      (SELECT o.usable_at FROM wallet_unbound o WHERE o.partner_id = $1
                       AND o.user_id = w.user_id AND o.address = w.address)) END AS usable_at,
                  EXISTS (SELECT 1 FROM withdrawal_approval a JOIN operator_account o ON o.id = a.operator_id
                          WHERE a.partner_id = $1 AND a.withdrawal_id = w.id AND o.disabled_at IS NULL
                            AND o.role IN ('approver', 'admin')) AS approved
           FROM withdrawal w JOIN partner p ON p.id = w.partner_id
           JOIN app_user u ON u.partner_id = w.partner_id AND u.id = w.user_id
           WHERE w.partner_id = $1 AND w.id = ANY($2)""",
        partner_id,
        numbers,
    )
    return {row["id"]: row for row in rows}


def _situation(one: Withdrawal, row: Row, settings: Settings, scene: Scene) -> Situation:
    policy, due_at = scene.policy, Rhythm.of(settings).due_at(one.speed, one.created_at)
    return Situation(
        withdrawal=one,
        asked=Asked(
            due=Due(row["partner_id"], one.id, one.address, one.amount_btc),
            user=(row["partner_id"], one.user_id),
            speed=one.speed,
            is_due=due_at <= scene.now,
            due_at=due_at,
            user_limit=policy.user_daily_btc,
            partner_limit=row["payouts_daily_btc"] or policy.partner_daily_btc,
            deployment_limit=policy.deployment_daily_btc,
        ),
        blocked_at=row["blocked_at"],
        approvals=1 if row["approved"] else 0,
        needed=approvals.NEEDED,
        known_since=row["known_since"],
        usable_at=row["usable_at"],
    )
