"""The gauges of the books: nothing that the readings know is left out, and they are as Prometheus wants them."""

import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hashrail.alarms.readings import Readings
from hashrail.alarms.states import Ringing
from hashrail.processes import gauges
from hashrail.processes.gauges import GAUGES, Seen
from hashrail.processes.metrics_page import written
from hashrail.settings import Settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLAIN: dict[Any, tuple[Any, Any]] = {
    datetime: (NOW, NOW - timedelta(minutes=1)),
    date: (date(2026, 3, 1), date(2026, 2, 1)),
    timedelta: (timedelta(seconds=1), timedelta(seconds=2)),
    Decimal: (Decimal("1.5"), Decimal("2.5")),
    int: (2, 9000),
    bool: (True, False),
    str: ("one", "other"),
}
# What a gauge does not tell, and why.
UNTOLD = {
    "answers.replica_aside": "told by hashrail_replica_serves of the process",
    "archiving.failing": "a file is no label; that the archive stands still is told by its time",
    "days.waits_for": "its waiting is told in seconds",
    "days.held[].inputs": "figures of a day, which `hashrail rates list` shows",
    "days.held[].published_at": "one that is held is not",
    "days.held[].publishes_at": "it waits for somebody",
    "days.held[].held": "words",
    "days.held[].held_for_two": "it waits all the same",
    "fetches[].day": "a day is no label: there is always another",
    "fetches[].since": "told by the day that waits",
    "fetches[].newest_at": "asked again by the rhythm of a job, which is told",
    "fetches[].reason": "words",
    "workers[].name": "there is always another",
    "workers[].began_at": "told by the metrics of its process",
    "jobs{}.name": "it is the label",
    "jobs{}.code": "told by the alarm",
    "jobs{}.message": "words",
    "payouts.paused_reason": "words; that there are some is told",
    "payouts.last_run.findings[].message": "words",
    "payouts.last_run.findings[].stops": "told by its code",
    "payouts.last_run.findings[].about": "there is always another",
    "sold.credit[].partner_id": "its other name is told",
    "standing[].message": "words",
    "standing[].stops": "told by its code",
    "standing[].about": "there is always another",
}


def made(kind: Any, changed: str | None, path: str, leaves: list[str]) -> Any:
    """Something of a type, with another value at the path that is `changed`; notes the paths of its leaves."""
    if get_origin(kind) in (types.UnionType, typing.Union):
        kind = next(each for each in get_args(kind) if each is not type(None))
    origin, inner = get_origin(kind), get_args(kind)
    if is_dataclass(kind) and isinstance(kind, type):
        hints = get_type_hints(kind)
        parts = {each.name: f"{path}.{each.name}".lstrip(".") for each in fields(kind)}
        return kind(**{name: made(hints[name], changed, part, leaves) for name, part in parts.items()})
    if origin is dict:
        return {}
    if origin is Mapping:
        return {"key": made(inner[1], changed, f"{path}{{}}", leaves)}
    if origin in (Sequence, list, tuple):
        return (made(inner[0], changed, f"{path}[]" if is_dataclass(inner[0]) else path, leaves),)
    leaves.append(path)
    return PLAIN[kind][path == changed]


def text_of(now: Readings, *ringing: Ringing) -> str:
    return written(list(gauges.families(Seen(now, ringing, Settings(mode="sandbox"))))).decode()


def paths() -> list[str]:
    leaves: list[str] = []
    made(Readings, None, "", leaves)
    return leaves


def is_untold(path: str) -> bool:
    return any(path == each or path.startswith(f"{each}.") for each in UNTOLD)


@pytest.mark.parametrize("path", [each for each in paths() if not is_untold(each)])
def test_what_the_readings_know_is_told(path: str) -> None:
    """Whatever becomes another in them becomes another on the page."""
    assert text_of(made(Readings, path, "", [])) != text_of(made(Readings, None, "", []))


def test_what_is_not_told_is_there() -> None:
    assert {
        each for each in UNTOLD if not any(path.split(".")[0] and path.startswith(each) for path in paths())
    } == set()


def samples(text: str) -> Iterator[tuple[str, Mapping[str, str], str]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.labels, str(sample.value)


def test_names_are_as_prometheus_wants_them() -> None:
    """Ours by their first word, with a unit where there is one, and no name twice."""
    names = [each.name for each in GAUGES]
    assert len(names) == len(set(names))
    for gauge in GAUGES:
        assert re.fullmatch(r"hashrail_[a-z0-9_]+", gauge.name)
        assert not gauge.name.endswith(("_total", "_count", "_sum", "_bucket", "_info"))
        assert gauge.about.endswith(".")
        assert all(re.fullmatch("[a-z]+", label) for label in gauge.labels)
    text = text_of(made(Readings, None, "", []))
    assert {name for name, _, _ in samples(text)} <= set(names)
    for name, unit in (("BTC", "btc"), ("USD", "usd"), ("TH", "th"), ("For how long", "seconds"), ("When", "seconds")):
        for gauge in GAUGES:
            assert not gauge.about.startswith(f"{name} ") or f"_{unit}" in gauge.name, gauge.name


def test_amounts_are_rounded_for_the_eye_and_times_are_seconds() -> None:
    now = made(Readings, None, "", [])
    found = {name: value for name, _, value in samples(text_of(now))}
    assert (found["hashrail_wallet_available_btc"], found["hashrail_promised_th"]) == ("1.5", "1.5")
    assert found["hashrail_backup_timestamp_seconds"] == str(NOW.timestamp())
    assert found["hashrail_clock_ahead_seconds"] == "1.0"


def test_what_is_not_known_has_no_value() -> None:
    """And is no 0: a wallet that nobody has seen is not empty."""
    now = made(Readings, None, "", [])
    object.__setattr__(now.wallet, "available_btc", None)
    text = text_of(now)
    assert "# TYPE hashrail_wallet_available_btc gauge" in text
    assert "\nhashrail_wallet_available_btc " not in text


def test_words_of_others_stay_in_their_label() -> None:
    """A partner's name breaks no line and no quote."""
    name = 'a"} 1\nhashrail_forged 1\u202e\\'
    ring = Ringing("CREDIT_NEARLY_USED", name, "warning", "", NOW, NOW, None, None, NOW, "")
    found = [
        (labels, value)
        for each, labels, value in samples(text_of(made(Readings, None, "", []), ring))
        if each == "hashrail_alarm_rings"
    ]
    ((labels, value),) = found
    assert labels["subject"].startswith('a"} 1')
    assert not {"\n", "\u202e"} & set(labels["subject"])
    assert (labels["severity"], labels["silenced"], value) == ("warning", "true", "1.0")
