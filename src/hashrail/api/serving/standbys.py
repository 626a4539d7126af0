"""What a process tells of the standbys that it reads from: metrics, what alarms ask about, and readiness."""

from prometheus_client import Counter, Gauge

from hashrail import clock
from hashrail.alarms.counts import COUNTS, REPLICA_ASIDE
from hashrail.postgres.replicas import Replicas, Standby
from hashrail.processes.meters import REGISTRY

HERE, NOBODY = "standby", "no standby"
READS = Counter(
    "hashrail_replica_reads",
    "Reads that a standby may answer, by who did: a standby, or the primary where no standby serves, where those that "
    "do were behind or away, or where one cancelled the read.",
    ["outcome"],
    registry=REGISTRY,
)
LAG = Gauge(
    "hashrail_replica_lag_seconds",
    "For how long a standby has lacked what the primary has, when it was last looked at.",
    ["standby"],
    registry=REGISTRY,
    multiprocess_mode="mostrecent",
)
SERVES = Gauge(
    "hashrail_replica_serves",
    "1 for a standby that is read from, 0 for one that is set aside.",
    ["standby"],
    registry=REGISTRY,
    multiprocess_mode="mostrecent",
)
# So long one may be set aside without anybody being told, and so often it is counted then.
TOLD_SECONDS = 60.0


def noted(standby: Standby) -> None:
    """What was seen of a standby, for metrics; one that is aside for long is counted for the alarms."""
    LAG.labels(standby.name).set(standby.lag_seconds)
    SERVES.labels(standby.name).set(0 if standby.aside else 1)
    if standby.aside is not None and clock.monotonic() - standby.aside_since_seconds >= TOLD_SECONDS:
        COUNTS.add(REPLICA_ASIDE)


def shown(replicas: Replicas | None) -> dict[str, int]:
    """How many standbys there are and serve, for whoever asks whether the process is ready; nothing where none is."""
    if replicas is None:
        return {}
    return {"standbys": len(replicas.standbys), "standbysServing": len(replicas.serving())}
