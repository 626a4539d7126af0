"""The rules: what is an alarm, by the readings, with its severity, its figures and what to do.

A rule looks at the readings and answers the conditions that are so now. It is pure: when something rings, how often it
is told and when it has ended is for `states`. A rule with a threshold is looked at with the subjects that ring already,
and lets go of those a little later than it has taken them, so that a figure which stands at the threshold rings once.

To add one: a function, a row in `RULES`, a row in docs/runbook.md, and a test that makes it ring by its cause.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import TypeAlias

from hashrail import clock
from hashrail.alarms import workers
from hashrail.alarms.readings import Readings
from hashrail.bitcoin.findings import Finding
from hashrail.money import ZERO, divide_half_even, plain
from hashrail.settings import Settings, Severity

AT_ONCE, MINUTE, HOUR = timedelta(0), timedelta(minutes=1), timedelta(hours=1)
# What a deployment cannot do without, and how long each job may be without an end.
ESSENTIAL = {"keep_days": 10 * MINUTE, "write_journal": 10 * MINUTE, "pay": 15 * MINUTE}
RHYTHMS = ESSENTIAL | {"forget_stalled_jobs": 10 * MINUTE, "audit": 150 * MINUTE}
# Of a deployment with a chain only, so they are missed once they have been there.
OF_CHAIN = {"fetch_rates": HOUR, "see_wallet": HOUR, "reconcile": 3 * HOUR}
# What a worker does beside its jobs and notes like one, missed once it has been there.
BESIDE = {"send_webhooks": 10 * MINUTE}
JOURNAL = "write_journal"
# Below what began it, an alarm of a share goes on until it has fallen by this.
STEP = Decimal("0.05")
ENOUGH_AGAIN = Decimal("1.1")
CLOCK_WARNS, CLOCK_CALMS, CLOCK_STOPS = timedelta(seconds=5), timedelta(seconds=3), timedelta(seconds=60)
ARCHIVING_FILLS = HOUR
MANY_UNAVAILABLE, FEW_UNAVAILABLE = 10, 3
TON_SILENCES = 3
EVENTS_WAIT = WEBHOOKS_WAIT = timedelta(minutes=5)
NODE_SILENT = frozenset({"BITCOIN_NODE_UNREACHABLE", "BITCOIN_NODE_UNKNOWN", "BITCOIN_NODE_REFUSED"})
OF_NODE = ("NODE_", "WALLET_", "WITNESS_", "BITCOIN_WALLET")
SHORT = "BITCOIN_WALLET_SHORT"
PAUSED = "PAYOUTS_PAUSED"
# Somebody may be taking money, or has.
GRAVE = frozenset(
    {
        *("FOREIGN_SPEND", "FINAL_PAYMENT_LOST", "DEPOSIT_LOST", "DEPOSIT_UNPROVEN", "CONFLICT_UNPROVEN"),
        *("WITNESS_DISAGREES", "WALLET_IS_ANOTHER", "TURN_NOT_ENDED"),
    }
)


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is so, told with its figures; `age` is for how long, where the readings know that.

    It is no condition while it is younger than its rule's `holds`. `severity` is its own, where it is not the rule's.
    """

    message: str
    subject: str = ""
    age: timedelta | None = None
    severity: Severity | None = None


Look: TypeAlias = Callable[[Readings, Settings, Collection[str]], Iterable[Condition]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of alarm. It rings when its condition has held for `holds`; `todo` says what to do, in a sentence.

    Where `is_of_partner`, the subject is a partner's name, and the partner is told of it as well.
    """

    code: str
    severity: Severity
    holds: timedelta
    todo: str
    look: Look
    is_of_partner: bool = False


def _rates(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    since = now.days.waits_since
    if since is not None:
        age = now.moment.business_now - since
        severity: Severity = "critical" if age >= clock.ONE_DAY else "warning"
        message = f"{now.days.waits_for} has no rates, and {_many(now.days.open_days, 'day')} cannot be closed"
        for each in now.fetches:
            if each.day == now.days.waits_for:
                message += f"; asked for {_many(each.attempts, 'time')}, last: {each.code}: {each.reason}"
        yield Condition(message, age=age, severity=severity)


def _days(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    days = now.days
    if days.publishable_since is not None:
        age = now.moment.business_now - days.publishable_since
        yield Condition(f"{_many(days.open_days, 'day')} could be published, and the next is not", "publishing", age)
    if days.behind_days > 0:
        yield Condition(f"the books of a partner are {_many(days.behind_days, 'published day')} behind", "closing")


def _held_days(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    if now.days.held:
        first = now.days.held[0]
        more = f", and {len(now.days.held) - 1} more" if len(now.days.held) > 1 else ""
        overdue = now.moment.business_now - clock.credited_at(first.inputs.day)
        severity: Severity | None = "critical" if overdue >= clock.ONE_DAY else None
        age = now.moment.business_now - first.entered_at
        yield Condition(f"{first.inputs.day} is held: {'; '.join(first.held)}{more}", age=age, severity=severity)


def _backups(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    if now.backup_at is not None:
        age = now.moment.database_now - now.backup_at
        yield Condition(f"the newest backup is of {clock.iso(now.backup_at)}", age=age)


def _archiving(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    if now.archiving is not None:
        age = now.moment.database_now - now.archiving.until
        severity: Severity | None = "critical" if age >= ARCHIVING_FILLS else None
        refused = f"; {now.archiving.failing} is refused" if now.archiving.failing is not None else ""
        message = f"what the database wrote since {clock.iso(now.archiving.until)} is in no archive{refused}"
        yield Condition(message, age=age, severity=severity)


def _worker(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    if now.heard_at is None:
        yield Condition("no worker was ever heard", age=workers.SILENT)
        return
    age = now.moment.database_now - now.heard_at
    if age >= workers.SILENT:
        yield Condition(f"no worker was heard since {clock.iso(now.heard_at)}", age=age)


def _jobs(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    for name, seen in sorted(now.jobs.items()):
        # That the node does not answer is told once, by its own rule.
        if seen.bad_since is not None and name != JOURNAL and seen.code not in NODE_SILENT:
            age = now.moment.database_now - seen.bad_since
            message = f"the job {name} fails since {clock.iso(seen.bad_since)}: {seen.code}: {seen.message}"
            yield Condition(message, name, age, "critical" if name in ESSENTIAL else None)
    yield from (_late(now, name) for name in sorted(_missed(now)))


def _missed(now: Readings) -> Iterator[str]:
    """Jobs that did not end in their time, well or not, though a worker lives and has had that time."""
    if now.heard_at is None or now.moment.database_now - now.heard_at >= workers.SILENT:
        return
    # Those that live: a worker that has just come is not to blame for what none has done before it.
    began = min(each.began_at for each in now.workers if now.moment.database_now - each.beat_at < workers.SILENT)
    rhythms = RHYTHMS | {name: rhythm for name, rhythm in (OF_CHAIN | BESIDE).items() if name in now.jobs}
    for name, rhythm in rhythms.items():
        seen = now.jobs.get(name)
        last = began if seen is None else max(began, seen.seen_at)
        is_told = seen is not None and seen.bad_since is not None
        if now.moment.database_now - last >= rhythm and not is_told:
            yield name


def _late(now: Readings, name: str) -> Condition:
    seen = now.jobs.get(name)
    when = "never ended" if seen is None else f"did not end since {clock.iso(seen.seen_at)}"
    severity: Severity = "critical" if name in ESSENTIAL else "warning"
    return Condition(f"the job {name} {when}", name, RHYTHMS.get(name, HOUR), severity)


def _journal(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    seen = now.jobs.get(JOURNAL)
    if seen is not None and seen.bad_since is not None:
        message = f"the journal is not written since {clock.iso(seen.bad_since)}: {seen.code}: {seen.message}"
        yield Condition(message, age=now.moment.database_now - seen.bad_since)


def _overdue(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    since = now.payouts.due_since
    if since is not None:
        age = now.moment.business_now - since
        message = (
            f"the oldest withdrawal is due since {clock.iso(since)}; {plain(now.payouts.backlog.waiting_btc)} BTC wait"
        )
        yield Condition(message, age=age, severity="critical" if age >= clock.ONE_DAY else None)


def _approvals(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    backlog = now.payouts.backlog
    if backlog.approval_since is not None:
        since = clock.iso(backlog.approval_since)
        message = f"{_many(backlog.approvals, 'withdrawal')} to approve, the oldest asked for at {since}"
        yield Condition(message, age=now.moment.business_now - backlog.approval_since)


def _wallet(now: Readings, settings: Settings, ringing: Collection[str]) -> Iterator[Condition]:
    days = settings.alarm_wallet_days
    have_btc, need_btc = now.wallet.available_btc, now.needed_btc(days)
    if have_btc is None or need_btc is None or need_btc == 0:
        return
    if have_btc < (need_btc * ENOUGH_AGAIN if ringing else need_btc):
        message = f"the wallet has {plain(have_btc)} BTC, and {_many(days, 'day')} need {plain(need_btc)} BTC"
        severity: Severity = "critical" if have_btc < now.payouts.backlog.waiting_btc else "warning"
        yield Condition(message, severity=severity)


def _unexplained(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    left_btc, at = now.books.unexplained_btc, now.books.reconciled_at
    if left_btc and at is not None:
        yield Condition(f"{plain(left_btc)} BTC are not explained by the reconciliation of {clock.iso(at)}")


def _invariants(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    if now.books.broken and now.books.audited_at is not None:
        yield Condition(f"broken at the audit of {clock.iso(now.books.audited_at)}: {', '.join(now.books.broken)}")


def _credit(now: Readings, settings: Settings, ringing: Collection[str]) -> Iterator[Condition]:
    begins = settings.alarm_credit_share
    for each in now.sold.credit:
        if each.share >= (begins - STEP if each.partner in ringing else begins):
            used, limit = plain(each.used_usd), plain(each.limit_usd)
            yield Condition(f"{each.partner} has used {used} of {limit} USD ({_percent(each.share)})", each.partner)


def _capacity(now: Readings, settings: Settings, ringing: Collection[str]) -> Iterator[Condition]:
    cap_th, promised_th = now.sold.capacity_th, now.sold.promised_th
    if not cap_th:
        return
    share, begins = divide_half_even(promised_th, cap_th, 4), settings.alarm_capacity_share
    if share >= (begins - STEP if ringing else begins):
        yield Condition(f"{plain(promised_th)} of {plain(cap_th)} TH are promised ({_percent(share)})")


def _node_silent(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    for finding in now.payouts.last_run.findings:
        if finding.code in NODE_SILENT:
            yield Condition(f"{finding.code}: {finding.message}")
            return


def _node_in_doubt(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    yield from _findings(now, lambda one: one.code.startswith(OF_NODE) and one.code != SHORT)


def _payouts_found(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    others = {*NODE_SILENT, PAUSED}
    yield from _findings(
        now, lambda one: one.code not in others and (one.code == SHORT or not one.code.startswith(OF_NODE))
    )


def _findings(now: Readings, is_of: Callable[[Finding], bool]) -> Iterator[Condition]:
    """One condition a code: there may be a finding for every batch."""
    told: dict[str, list[Finding]] = {}
    for finding in filter(is_of, now.payouts.last_run.findings):
        told.setdefault(finding.code, []).append(finding)
    for code, found in told.items():
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        severity: Severity | None = "critical" if code in GRAVE else None if found[0].stops else "info"
        yield Condition(f"{code}: {found[0].message}{more}", code, severity=severity)


def _paused(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    if now.payouts.paused_reason is not None:
        yield Condition(f"payouts are paused: {now.payouts.paused_reason}")


def _clock(now: Readings, _settings: Settings, ringing: Collection[str]) -> Iterator[Condition]:
    machine, ahead = now.furthest
    apart = abs(ahead)
    if apart >= (CLOCK_CALMS if ringing else CLOCK_WARNS):
        which = "ahead of" if ahead > timedelta(0) else "behind"
        message = f"the clock of {machine} is {apart.total_seconds():.1f} s {which} the database's"
        yield Condition(message, severity="critical" if apart >= CLOCK_STOPS else None)


def _errors(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    if now.answers.errors:
        yield Condition(f"{_many(now.answers.errors, 'answer')} of the API failed with 500 within 15 minutes")


def _unavailable(now: Readings, _settings: Settings, ringing: Collection[str]) -> Iterator[Condition]:
    if now.answers.unavailable >= (FEW_UNAVAILABLE if ringing else MANY_UNAVAILABLE):
        yield Condition(f"{_many(now.answers.unavailable, 'answer')} of the API were 503 within 15 minutes")


def _ton(now: Readings, _settings: Settings, ringing: Collection[str]) -> Iterator[Condition]:
    silent, answered = now.answers.ton_silent, now.answers.ton_answered
    if silent > answered and silent >= (1 if ringing else TON_SILENCES):
        asked = silent + answered
        yield Condition(f"the TON endpoint did not answer {silent} of {_many(asked, 'question')} within 15 minutes")


def _replicas(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    if now.answers.replica_aside:
        yield Condition("a standby that is read from was set aside for a minute or longer within 15 minutes")


def _standing(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    for code in dict.fromkeys(each.code for each in now.standing):
        messages = [each.message for each in now.standing if each.code == code]
        more = f", and {len(messages) - 1} more" if len(messages) > 1 else ""
        yield Condition(f"{code}: {messages[0]}{more}", code)


def _events(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    since = now.events_wait_since
    if since is not None and now.moment.business_now - since >= EVENTS_WAIT:
        yield Condition(f"partners are not told what happened since {clock.iso(since)}")


def _webhooks_wait(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    since = now.webhooks.due_since
    if since is not None and now.moment.database_now - since >= WEBHOOKS_WAIT:
        yield Condition(f"webhooks that are due since {clock.iso(since)} are not sent")


def _webhooks_disabled(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    for one in now.webhooks.disabled:
        many = _many(one.endpoints, "webhook endpoint")
        yield Condition(
            f"{many} of {one.partner} gave out within a day: they answered 410, or only failed", one.partner
        )


def _undelivered(now: Readings, _settings: Settings, _ringing: Collection[str]) -> Iterator[Condition]:
    for target, since in sorted(now.undelivered.items()):
        age = now.moment.database_now - since
        yield Condition(f"{target} was not told of alarms since {clock.iso(since)}", target, age)


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _percent(share: Decimal) -> str:
    return f"{plain(share * 100 + ZERO)} %"


RULES = (
    Rule("RATES_MISSING", "warning", 2 * HOUR, "Fetch the rates by hand, or enter them: hashrail rates", _rates),
    Rule("DAY_HELD", "warning", AT_ONCE, "Look at its figures: hashrail rates list, then confirm", _held_days),
    Rule("DAYS_OPEN", "warning", 30 * MINUTE, "Close by hand, and read what is in the way: hashrail day close", _days),
    Rule("WORKER_SILENT", "critical", AT_ONCE, "Start the worker, and read the end of its log", _worker),
    Rule("JOB_FAILS", "warning", 5 * MINUTE, "Read the worker's log for the job's name", _jobs),
    Rule("JOURNAL_NOT_WRITTEN", "critical", 2 * MINUTE, "Give the journal's file room and rights", _journal),
    Rule("WITHDRAWAL_OVERDUE", "warning", 2 * HOUR, "See what payouts wait for: hashrail payouts status", _overdue),
    Rule("APPROVAL_WAITS", "warning", 4 * HOUR, "Look at it, approve or refuse: hashrail payouts waiting", _approvals),
    Rule("HOT_WALLET_LOW", "warning", 10 * MINUTE, "Send bitcoin to the wallet", _wallet),
    Rule("UNEXPLAINED_SATOSHI", "critical", AT_ONCE, "Pause, and reconcile: hashrail payouts reconcile", _unexplained),
    Rule("INVARIANT_BROKEN", "critical", AT_ONCE, "Stop what writes, take a dump: hashrail audit", _invariants),
    Rule(
        *("CREDIT_NEARLY_USED", "warning", 5 * MINUTE, "Record the partner's payment, or raise its limit", _credit),
        is_of_partner=True,
    ),
    Rule("CAPACITY_NEARLY_USED", "warning", 5 * MINUTE, "Add hashrate: hashrail catalogue capacity", _capacity),
    Rule("NODE_SILENT", "critical", 5 * MINUTE, "See whether the node runs: hashrail payouts node", _node_silent),
    Rule("NODE_IN_DOUBT", "critical", 10 * MINUTE, "See what the node lacks: hashrail payouts node", _node_in_doubt),
    Rule("PAYOUTS_FOUND", "warning", 10 * MINUTE, "See what the run found: hashrail payouts status", _payouts_found),
    Rule(
        "PAYOUTS_PAUSED", "warning", AT_ONCE, "Let them go on once the reason is gone: hashrail payouts resume", _paused
    ),
    Rule("CLOCK_OFF", "warning", 2 * MINUTE, "Set the clocks by NTP", _clock),
    Rule("API_ERRORS", "warning", AT_ONCE, "Look for `internal error` in the log of the API", _errors),
    Rule(
        "API_UNAVAILABLE", "warning", 3 * MINUTE, "See which code the answers have, in the log of the API", _unavailable
    ),
    Rule("TON_ENDPOINT_SILENT", "warning", 2 * MINUTE, "Ask whoever runs the TON endpoint, or name another", _ton),
    Rule(
        *("REPLICA_ASIDE", "warning", AT_ONCE, "Look for `a standby is set aside` in the log of the API", _replicas),
    ),
    Rule("BACKUP_OLD", "warning", 36 * HOUR, "See why no backup is made: hashrail backup", _backups),
    Rule("ARCHIVING_STANDS_STILL", "warning", 15 * MINUTE, "See PostgreSQL's log for archive_command", _archiving),
    # A sandbox's clock may have moved since: what waits is looked at twice.
    Rule("EVENTS_WAIT", "warning", 2 * MINUTE, "Read the worker's log for move events", _events),
    Rule("WEBHOOKS_WAIT", "warning", 2 * MINUTE, "Read the worker's log for delivering failed", _webhooks_wait),
    Rule("WEBHOOKS_DISABLED", "info", AT_ONCE, "Ask the partner: hashrail webhook list --partner", _webhooks_disabled),
    Rule("STANDING_FINDING", "info", AT_ONCE, "Do what the finding asks for: hashrail payouts status", _standing),
    Rule("ALARM_NOT_DELIVERED", "warning", 30 * MINUTE, "Try every receiver: hashrail alarms test", _undelivered),
)
BY_CODE = {rule.code: rule for rule in RULES}
