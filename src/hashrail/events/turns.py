"""Turns: whoever has an endpoint's turn delivers to it, alone, until the turn ends or was not renewed in time.

A worker that is killed leaves its turns behind; when they are over others take them, and send again what was on its
way. So every event arrives at least once, and an object's events in their order. Whose turn was taken meanwhile settles
nothing any more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hashrail import clock, db
from hashrail.db import Pool, Row, Tx
from hashrail.events import endpoints, schedule
from hashrail.events.feed import Told
from hashrail.events.sending import Outcome
from hashrail.vault import Vault

LIFE = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class Turn:
    """An endpoint's turn; `secrets` are those that sign, newest first."""

    partner_id: int
    endpoint_id: int
    number: int
    url: str
    secrets: tuple[str, ...]
    failures: int

    @property
    def is_failing(self) -> bool:
        """Whether its last attempt had failed when the turn began."""
        return self.failures > 0


@dataclass(frozen=True, slots=True)
class Due:
    """A delivery that is due, with how many attempts its schedule counts."""

    event: Told
    step: int


async def take(pool: Pool, vault: Vault, *, failing: bool, limit: int) -> list[Turn]:
    """The turns of some endpoints that something is due to; those whose last attempt failed are asked for apart.

    They are found over all partners, and taken a partner at a time: what another worker has taken meanwhile is not due.
    """
    now = clock.wall_now()
    rows = await pool.fetch(
        """SELECT partner_id, id FROM webhook_endpoint
           WHERE state = 'enabled' AND due_at <= $1 AND (turn_ends_at IS NULL OR turn_ends_at <= $1)
             AND (failures > 0) = $2
           ORDER BY due_at LIMIT $3""",
        now,
        failing,
        limit,
    )
    taken: list[Row] = []
    for partner_id, numbers in _by_partner((row["partner_id"], row["id"]) for row in rows):
        async with db.transaction(pool) as tx:
            taken += await tx.fetch(
                """WITH due AS (
                       SELECT id FROM webhook_endpoint
                       WHERE partner_id = $1 AND id = ANY ($2::bigint[]) AND state = 'enabled' AND due_at <= $3
                         AND (turn_ends_at IS NULL OR turn_ends_at <= $3) AND (failures > 0) = $4
                       ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
                   )
                   UPDATE webhook_endpoint e SET turn = e.turn + 1, turn_ends_at = $5
                   FROM due WHERE e.partner_id = $1 AND e.id = due.id
                   RETURNING e.partner_id, e.id, e.turn, e.url, e.sealed_secret, e.failures,
                             CASE WHEN e.old_secret_until > $3 THEN e.sealed_old_secret END AS sealed_old_secret""",
                *(partner_id, numbers, now),
                failing,
                now + LIFE,
            )
    return [_turn(row, vault) for row in taken]


async def renew(pool: Pool, held: Sequence[Turn]) -> None:
    """Let turns go on."""
    for partner_id, mine in _turns_by_partner(held):
        async with db.transaction(pool) as tx:
            await tx.execute(
                """UPDATE webhook_endpoint e SET turn_ends_at = $4
                   FROM (SELECT w.id FROM unnest($2::bigint[], $3::bigint[]) AS mine (id, turn)
                         JOIN webhook_endpoint w ON w.partner_id = $1 AND w.id = mine.id
                           AND w.turn = mine.turn AND w.turn_ends_at IS NOT NULL
                         ORDER BY w.id FOR NO KEY UPDATE OF w SKIP LOCKED) held
                   WHERE e.partner_id = $1 AND e.id = held.id""",
                *(partner_id, [turn.endpoint_id for turn in mine], [turn.number for turn in mine]),
                clock.wall_now() + LIFE,
            )


async def hand_back(pool: Pool, held: Sequence[Turn]) -> None:
    """End turns whose outcome nobody will settle, so that others need not wait until they are over."""
    for partner_id, mine in _turns_by_partner(held):
        async with db.transaction(pool) as tx:
            await tx.execute(
                """UPDATE webhook_endpoint e SET turn_ends_at = NULL
                   FROM (SELECT w.id FROM unnest($2::bigint[], $3::bigint[]) AS mine (id, turn)
                         JOIN webhook_endpoint w ON w.partner_id = $1 AND w.id = mine.id AND w.turn = mine.turn
                         ORDER BY w.id FOR NO KEY UPDATE OF w) held
                   WHERE e.partner_id = $1 AND e.id = held.id""",
                *(partner_id, [turn.endpoint_id for turn in mine], [turn.number for turn in mine]),
            )


async def due(pool: Pool, turn: Turn, *, limit: int) -> list[Due]:
    """What is due to the endpoint, each of another object."""
    rows = await pool.fetch(
        """SELECT v.position, v.name, v.type, v.version, v.object_kind, v.object_id, v.sequence, v.data, v.occurred_at,
                  d.step
           FROM webhook_delivery d JOIN event v ON v.partner_id = d.partner_id AND v.position = d.position
           WHERE d.partner_id = $1 AND d.endpoint_id = $2 AND d.next_attempt_at <= $3
           ORDER BY d.next_attempt_at, d.position LIMIT $4""",
        turn.partner_id,
        turn.endpoint_id,
        clock.wall_now(),
        limit,
    )
    return [_due(row) for row in rows]


async def settle(pool: Pool, turn: Turn, brought: Sequence[tuple[Due, Outcome]], *, ends: bool) -> bool:
    """Keep what attempts brought, and perhaps end the turn; answers whether it goes on.

    An endpoint that answered 410, or has only failed for days, is disabled here.
    """
    async with db.transaction(pool) as tx:
        standing = await tx.fetchrow(
            """SELECT state, failures, failing_since FROM webhook_endpoint
               WHERE partner_id = $1 AND id = $2 AND turn = $3 AND state <> 'deleted' FOR NO KEY UPDATE""",
            turn.partner_id,
            turn.endpoint_id,
            turn.number,
        )
        if standing is None:
            return False
        now = clock.wall_now()
        if brought:
            await _keep(tx, turn, brought)
            await _let_next_follow(tx, turn, [one.event.position for one, _ in brought], now)
        return await _leave(tx, turn, standing, [outcome for _, outcome in brought], ends=ends, now=now)


async def _leave(tx: Tx, turn: Turn, standing: Row, outcomes: Sequence[Outcome], *, ends: bool, now: datetime) -> bool:
    """How the endpoint stands after these attempts; answers whether the turn goes on."""
    failed = [outcome for outcome in outcomes if not outcome.is_delivered]
    some_arrived = len(failed) < len(outcomes)
    failures, since = standing["failures"] + len(failed), standing["failing_since"]
    if some_arrived:
        failures, since = 0, None
        if standing["failures"] >= schedule.BACK_AFTER:
            await _hurry(tx, turn, now)
    elif failed:
        since = since or failed[0].at
    wait = max((outcome.wait for outcome in failed if outcome.wait is not None), default=None)
    # Without an attempt it rests as long as was said before.
    rests = schedule.rest_until(now, failures, wait) if outcomes else None
    goes_on = not ends and rests is None and standing["state"] == "enabled"
    await tx.execute(
        """UPDATE webhook_endpoint
           SET failures = $3, failing_since = $4, paused_until = CASE WHEN $8 THEN $5 ELSE paused_until END,
               turn_ends_at = CASE WHEN $6 THEN $7::timestamptz END,
               due_at = CASE WHEN state = 'enabled' THEN (
                   SELECT greatest(min(d.next_attempt_at), $5) FROM webhook_delivery d
                   WHERE d.partner_id = $1 AND d.endpoint_id = $2 AND d.next_attempt_at IS NOT NULL) END
           WHERE partner_id = $1 AND id = $2""",
        turn.partner_id,
        turn.endpoint_id,
        failures,
        since,
        rests,
        goes_on,
        now + LIFE,
        bool(outcomes),
    )
    is_gone = any(outcome.is_gone for outcome in failed)
    if is_gone or (since is not None and now - since > schedule.GIVEN_UP_AFTER):
        await endpoints.disable(tx, turn.partner_id, turn.endpoint_id, "gone" if is_gone else "failing")
        return False
    return goes_on


async def _keep(tx: Tx, turn: Turn, brought: Sequence[tuple[Due, Outcome]]) -> None:
    """Each delivery as its attempt left it, and the attempt in the log."""
    nexts = [
        None if outcome.is_delivered else schedule.next_attempt(outcome.at, one.step + 1) for one, outcome in brought
    ]
    states = [
        "delivered" if outcome.is_delivered else "given_up" if at is None else "waiting"
        for at, (_, outcome) in zip(nexts, brought, strict=True)
    ]
    rows = await tx.fetch(
        """UPDATE webhook_delivery d
           SET state = b.state, next_attempt_at = b.next_at, attempts = d.attempts + 1, step = d.step + 1,
               attempted_at = b.at, status = b.status, error = b.error, took_ms = b.took_ms
           FROM unnest($3::bigint[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::int[], $8::text[],
                       $9::int[]) AS b (position, state, next_at, at, status, error, took_ms)
           WHERE d.partner_id = $1 AND d.endpoint_id = $2 AND d.position = b.position AND d.next_attempt_at IS NOT NULL
           RETURNING d.position, d.attempts""",
        turn.partner_id,
        turn.endpoint_id,
        [one.event.position for one, _ in brought],
        states,
        nexts,
        [outcome.at for _, outcome in brought],
        [outcome.status for _, outcome in brought],
        [outcome.error for _, outcome in brought],
        [outcome.took_ms for _, outcome in brought],
    )
    numbers = {row["position"]: row["attempts"] for row in rows}
    kept = [(one, outcome) for one, outcome in brought if one.event.position in numbers]
    await tx.execute(
        """INSERT INTO webhook_attempt (partner_id, endpoint_id, position, number, attempted_at, status, error, took_ms,
                                        answer)
           SELECT $1, $2, b.position, b.number, b.at, b.status, b.error, b.took_ms, b.answer
           FROM unnest($3::bigint[], $4::int[], $5::timestamptz[], $6::int[], $7::text[], $8::int[], $9::text[])
                AS b (position, number, at, status, error, took_ms, answer)""",
        turn.partner_id,
        turn.endpoint_id,
        [one.event.position for one, _ in kept],
        [numbers[one.event.position] for one, _ in kept],
        [outcome.at for _, outcome in kept],
        [outcome.status for _, outcome in kept],
        [outcome.error for _, outcome in kept],
        [outcome.took_ms for _, outcome in kept],
        [outcome.answer for _, outcome in kept],
    )


async def _let_next_follow(tx: Tx, turn: Turn, positions: list[int], now: datetime) -> None:
    """Of each object whose delivery is done, the next one is due."""
    await tx.execute(
        """UPDATE webhook_delivery d SET next_attempt_at = $4
           FROM (SELECT DISTINCT ON (w.object_kind, w.object_id) w.position, w.next_attempt_at
                 FROM webhook_delivery done
                 JOIN webhook_delivery w ON w.partner_id = done.partner_id AND w.endpoint_id = done.endpoint_id
                   AND w.object_kind = done.object_kind AND w.object_id = done.object_id AND w.state = 'waiting'
                 WHERE done.partner_id = $1 AND done.endpoint_id = $2 AND done.position = ANY ($3)
                   AND done.state <> 'waiting'
                 ORDER BY w.object_kind, w.object_id, w.position) first
           WHERE d.partner_id = $1 AND d.endpoint_id = $2 AND d.position = first.position
             AND d.next_attempt_at IS NULL""",
        turn.partner_id,
        turn.endpoint_id,
        positions,
        now,
    )


async def _hurry(tx: Tx, turn: Turn, now: datetime) -> None:
    """The endpoint is back: what waits for its next attempt leaves at once."""
    await tx.execute(
        """UPDATE webhook_delivery SET next_attempt_at = $3
           WHERE partner_id = $1 AND endpoint_id = $2 AND next_attempt_at > $3""",
        turn.partner_id,
        turn.endpoint_id,
        now,
    )


def _turn(row: Row, vault: Vault) -> Turn:
    sealed = [each for each in (row["sealed_secret"], row["sealed_old_secret"]) if each is not None]
    opened = tuple(vault.open(each).decode() for each in sealed)
    return Turn(row["partner_id"], row["id"], row["turn"], row["url"], opened, row["failures"])


def _due(row: Row) -> Due:
    fields = dict(row)
    step = fields.pop("step")
    return Due(Told(**fields), step)


def _by_partner(numbers: Iterable[tuple[int, int]]) -> list[tuple[int, list[int]]]:
    """Endpoints by their partner, both in order."""
    found: dict[int, list[int]] = {}
    for partner_id, endpoint_id in sorted(numbers):
        found.setdefault(partner_id, []).append(endpoint_id)
    return list(found.items())


def _turns_by_partner(held: Sequence[Turn]) -> list[tuple[int, list[Turn]]]:
    """Turns by their partner, both in order."""
    found: dict[int, list[Turn]] = {}
    for turn in sorted(held, key=lambda each: (each.partner_id, each.endpoint_id)):
        found.setdefault(turn.partner_id, []).append(turn)
    return list(found.items())
