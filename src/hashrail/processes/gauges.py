"""What the books say, as gauges for Prometheus: everything that `alarms.readings` knows, and what rings.

Each gauge is a row of `GAUGES`: a name with its unit, what it means, and where in the readings it stands. What happened
is told as a time, from which a rule reckons its age, and what waits as an age, by the clock that it waits by. Nothing
is told of what is not known.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

from prometheus_client.core import GaugeMetricFamily

from hashrail import clock, texts
from hashrail.alarms import workers
from hashrail.alarms.messages import SEVERITIES
from hashrail.alarms.observations import Observation
from hashrail.alarms.readings import Readings
from hashrail.alarms.states import Ringing
from hashrail.money import round_half_even
from hashrail.settings import Settings

# For display: whoever reads a gauge reads a float.
PLACES = 8
Value: TypeAlias = Decimal | int | timedelta | datetime | None
Labelled: TypeAlias = tuple[tuple[str, ...], Value]


@dataclass(frozen=True, slots=True)
class Seen:
    """The readings of one moment, and what rings by them."""

    readings: Readings
    ringing: Sequence[Ringing]
    settings: Settings


@dataclass(frozen=True, slots=True)
class Gauge:
    """A metric: its name, what it means, its labels, and its values by them."""

    name: str
    about: str
    labels: tuple[str, ...]
    look: Callable[[Seen], Iterable[Labelled]]


def families(seen: Seen) -> Iterator[GaugeMetricFamily]:
    """Every gauge with what is known of it."""
    for gauge in GAUGES:
        family = GaugeMetricFamily(gauge.name, gauge.about, labels=gauge.labels)
        for labels, value in gauge.look(seen):
            if value is not None:
                # Prometheus-client makes a float of it when it writes it down.
                family.add_metric([texts.shown(each) for each in labels], _number(value))  # type: ignore[arg-type]
        yield family


def _number(value: Decimal | int | timedelta | datetime) -> Decimal | int:
    if isinstance(value, datetime):
        value -= clock.EPOCH
    if isinstance(value, timedelta):
        return Decimal(value // timedelta(milliseconds=1)).scaleb(-3)
    return round_half_even(value, PLACES) if isinstance(value, Decimal) else value


def _one(name: str, about: str, look: Callable[[Readings], Value]) -> Gauge:
    """A gauge with one value."""
    return Gauge(name, about, (), lambda seen: [((), look(seen.readings))])


def _by(name: str, about: str, label: str, look: Callable[[Readings], Iterable[tuple[str, Value]]]) -> Gauge:
    """A gauge with a value for each of something."""
    return Gauge(name, about, (label,), lambda seen: [((each,), value) for each, value in look(seen.readings)])


def _since(now: datetime, since: datetime | None) -> timedelta:
    """For how long; nothing where it does not wait."""
    return timedelta(0) if since is None else now - since


def _held_for(now: Readings) -> timedelta:
    return _since(now.moment.business_now, now.days.held[0].entered_at if now.days.held else None)


def _counts(found: Iterable[str]) -> list[tuple[str, Value]]:
    """How often each is there."""
    known = list(found)
    return [(each, known.count(each)) for each in dict.fromkeys(known)]


def _versions(now: Readings) -> list[tuple[str, Value]]:
    """Workers that were heard lately, by what they run."""
    at = now.moment.database_now
    return _counts(each.version for each in now.workers if at - each.beat_at < workers.SILENT)


def _jobs(look: Callable[[Observation, datetime], Value]) -> Callable[[Readings], Iterable[tuple[str, Value]]]:
    return lambda now: [(name, look(job, now.moment.database_now)) for name, job in sorted(now.jobs.items())]


def _rings(seen: Seen) -> Iterator[Labelled]:
    for each in seen.ringing:
        yield (each.code, each.subject, each.severity, _silenced(each)), 1


def _alarms(seen: Seen) -> Iterator[Labelled]:
    """Every severity, also where nothing rings: a series that is not there is no 0."""
    told = [(each.severity, _silenced(each)) for each in seen.ringing]
    for severity in SEVERITIES:
        for silenced in ("false", "true"):
            yield (severity, silenced), told.count((severity, silenced))


def _silenced(one: Ringing) -> str:
    return "false" if one.silenced_until is None else "true"


def _needed(seen: Seen) -> Iterator[Labelled]:
    yield (), seen.readings.needed_btc(seen.settings.alarm_wallet_days)


def _findings(now: Readings) -> list[tuple[str, Value]]:
    return _counts(each.code for each in now.payouts.last_run.findings)


ALARMS = (
    Gauge("hashrail_alarms", "Alarms that ring.", ("severity", "silenced"), _alarms),
    Gauge("hashrail_alarm_rings", "1 for each alarm that rings.", ("code", "subject", "severity", "silenced"), _rings),
    _by(
        "hashrail_alarm_undelivered_seconds",
        "For how long the oldest message about an alarm waits for a receiver who was not reached.",
        "target",
        lambda now: [(name, now.moment.database_now - at) for name, at in sorted(now.undelivered.items())],
    ),
)
DAYS = (
    _one("hashrail_business_timestamp_seconds", "Business time.", lambda now: now.moment.business_now),
    _one(
        "hashrail_days_published_through_timestamp_seconds",
        "The newest published day, at its beginning.",
        lambda now: None if now.days.published_through is None else clock.start_of(now.days.published_through),
    ),
    _one("hashrail_days_open", "Days that are over and not published.", lambda now: now.days.open_days),
    _one(
        "hashrail_days_behind",
        "Published days that the books of the partner furthest behind have not closed.",
        lambda now: now.days.behind_days,
    ),
    _one(
        "hashrail_day_waits_seconds",
        "For how long the first day without rates could have been credited; 0 where none waits.",
        lambda now: _since(now.moment.business_now, now.days.waits_since),
    ),
    _one(
        "hashrail_day_publishable_seconds",
        "For how long the next day could have been published; 0 where none is due, or it has to wait.",
        lambda now: _since(now.moment.business_now, now.days.publishable_since),
    ),
    _one("hashrail_days_held", "Days that wait for an operator.", lambda now: len(now.days.held)),
    _one("hashrail_day_held_seconds", "For how long the first of them waits; 0 where none does.", _held_for),
    _one("hashrail_days_not_fetched", "Days whose figures could not be fetched.", lambda now: len(now.fetches)),
    _by(
        "hashrail_days_fetch_attempts",
        "How often they were asked for, by what the newest attempt met.",
        "code",
        lambda now: [
            (code, sum(each.attempts for each in now.fetches if each.code == code))
            for code in dict.fromkeys(each.code for each in now.fetches)
        ],
    ),
)
WORKERS = (
    _by("hashrail_workers", "Workers that were heard within five minutes, by version.", "version", _versions),
    _one("hashrail_worker_heard_timestamp_seconds", "When a worker was last heard.", lambda now: now.heard_at),
    _one(
        "hashrail_clock_ahead_seconds",
        "How far the clock of a machine is ahead of the database's, where it is furthest; negative behind.",
        lambda now: now.furthest[1],
    ),
    _by(
        "hashrail_job_ended_timestamp_seconds",
        "When a job of the worker last ended, well or not.",
        "job",
        _jobs(lambda job, _: job.seen_at),
    ),
    _by(
        "hashrail_job_good_timestamp_seconds",
        "When a job of the worker last ended well.",
        "job",
        _jobs(lambda job, _: job.good_at),
    ),
    _by(
        "hashrail_job_fails_seconds",
        "For how long a job of the worker fails; 0 where it went well.",
        "job",
        _jobs(lambda job, at: _since(at, job.bad_since)),
    ),
    _one(
        "hashrail_events_wait_seconds",
        "For how long the oldest event waits for its position in a feed; 0 where none does.",
        lambda now: _since(now.moment.business_now, now.events_wait_since),
    ),
    _one(
        "hashrail_webhooks_due_seconds",
        "For how long the first webhook that is due and that nobody sends waits; 0 where none does.",
        lambda now: _since(now.moment.database_now, now.webhooks.due_since),
    ),
    _by(
        "hashrail_webhooks_disabled",
        "A partner's webhook endpoints that were disabled within a day as they answered 410 or only failed, of those "
        "with most.",
        "partner",
        lambda now: [(each.partner, each.endpoints) for each in now.webhooks.disabled],
    ),
    _one("hashrail_backup_timestamp_seconds", "When the newest backup was made.", lambda now: now.backup_at),
    _one(
        "hashrail_archived_timestamp_seconds",
        "Until when what the database wrote is in an archive, where it is archived continuously.",
        lambda now: None if now.archiving is None else now.archiving.until,
    ),
)
PAYOUTS = (
    _one(
        "hashrail_withdrawal_overdue_seconds",
        "For how long the oldest withdrawal is due; 0 where none is.",
        lambda now: _since(now.moment.business_now, now.payouts.due_since),
    ),
    _one(
        "hashrail_withdrawals_waiting_btc",
        "BTC of withdrawals that are asked for and not signed.",
        lambda now: now.payouts.backlog.waiting_btc,
    ),
    _one("hashrail_approvals", "Withdrawals to approve.", lambda now: now.payouts.backlog.approvals),
    _one(
        "hashrail_approval_waits_seconds",
        "For how long the oldest of them waits; 0 where none does.",
        lambda now: _since(now.moment.business_now, now.payouts.backlog.approval_since),
    ),
    _one(
        "hashrail_payouts_paused", "1 while payouts are paused.", lambda now: int(now.payouts.paused_reason is not None)
    ),
    _one(
        "hashrail_payout_run_timestamp_seconds",
        "When the last run of payouts ended, by the business clock.",
        lambda now: now.payouts.last_run.ended_at,
    ),
    _by("hashrail_payout_findings", "What the last run of payouts found, by code.", "code", _findings),
    _by(
        "hashrail_standing_findings",
        "What stands until somebody does something about it, by code.",
        "code",
        lambda now: _counts(each.code for each in now.standing),
    ),
)
WALLET = (
    _one(
        "hashrail_wallet_available_btc",
        "BTC of confirmed free coins, when the wallet was last seen.",
        lambda now: now.wallet.available_btc,
    ),
    _one(
        "hashrail_wallet_outflow_btc_per_day",
        "BTC that left a day in the week before.",
        lambda now: now.wallet.per_day_btc,
    ),
    Gauge("hashrail_wallet_needed_btc", "BTC that the days of HASHRAIL_ALARM_WALLET_DAYS will take.", (), _needed),
    _one("hashrail_wallet_seen_timestamp_seconds", "When the wallet was last seen.", lambda now: now.wallet.seen_at),
)
BOOKS = (
    _one("hashrail_audit_timestamp_seconds", "When the newest audit ended.", lambda now: now.books.audited_at),
    _one(
        "hashrail_invariants_broken",
        "Invariants that the newest audit found broken.",
        lambda now: len(now.books.broken),
    ),
    _by("hashrail_invariant_broken", "1 for each of them.", "invariant", lambda now: _counts(now.books.broken)),
    _one(
        "hashrail_invariants_broken_seconds",
        "For how long audits find something; 0 where the newest is clean.",
        lambda now: _since(now.moment.database_now, now.books.broken_since),
    ),
    _one(
        "hashrail_reconciliation_timestamp_seconds",
        "When the newest reconciliation ended.",
        lambda now: now.books.reconciled_at,
    ),
    _one("hashrail_unexplained_btc", "BTC that it left without an explanation.", lambda now: now.books.unexplained_btc),
    _one(
        "hashrail_unexplained_seconds",
        "For how long reconciliations leave something; 0 where the newest left none.",
        lambda now: _since(now.moment.database_now, now.books.unexplained_since),
    ),
)
SOLD = (
    _by(
        "hashrail_credit_used_usd",
        "USD of a partner's credit that is used, of the partners nearest to their limits.",
        "partner",
        lambda now: [(each.partner, each.used_usd) for each in now.sold.credit],
    ),
    _by(
        "hashrail_credit_limit_usd",
        "USD of a partner's credit limit, of the same partners.",
        "partner",
        lambda now: [(each.partner, each.limit_usd) for each in now.sold.credit],
    ),
    _one(
        "hashrail_capacity_th", "TH that may be promised; none where there is no cap.", lambda now: now.sold.capacity_th
    ),
    _one("hashrail_promised_th", "TH that are promised.", lambda now: now.sold.promised_th),
)
ANSWERS = (
    _by(
        "hashrail_recent_failed_answers",
        "Answers of all API processes within 15 minutes that failed: with 500 (error) or 503 (unavailable).",
        "outcome",
        lambda now: [("error", now.answers.errors), ("unavailable", now.answers.unavailable)],
    ),
    _by(
        "hashrail_recent_ton_questions",
        "Questions to the TON endpoint within 15 minutes.",
        "outcome",
        lambda now: [("answered", now.answers.ton_answered), ("silent", now.answers.ton_silent)],
    ),
)
GAUGES = (*ALARMS, *DAYS, *WORKERS, *PAYOUTS, *WALLET, *BOOKS, *SOLD, *ANSWERS)
