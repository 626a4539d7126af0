"""`/metrics`: what the processes of a command have counted, and what the books say, which every command reads anew.

So the gauges of the books are the same wherever they are asked for, at a server or at a worker, and those of processes
are of the command that is asked.
"""

from collections.abc import Iterator, Sequence

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from hashrail.errors import HashrailError
from hashrail.processes import gauges, meters
from hashrail.processes.onlooker import Onlooker
from hashrail.processes.probes import Page

# For how long what was read is told again.
KEPT_SECONDS = 5
READABLE = "hashrail_books_readable"
ABOUT_READABLE = "1 where the books could be read; with 0 there is no gauge of them."
log = structlog.get_logger()


class MetricsPage:
    """The metrics of a command."""

    def __init__(self, onlooker: Onlooker) -> None:
        self._onlooker = onlooker

    async def page(self) -> Page:
        """Everything that is known; what the processes counted also while the database is away."""
        counted = await meters.page()
        return counted._replace(body=counted.body + written(await self._of_books()))

    async def _of_books(self) -> list[Metric]:
        try:
            seen = await self._onlooker.look(kept_seconds=KEPT_SECONDS)
        except HashrailError as error:
            log.warning("the books could not be read for metrics", code=error.code, cause=error.message)
            return [GaugeMetricFamily(READABLE, ABOUT_READABLE, 0)]
        return [GaugeMetricFamily(READABLE, ABOUT_READABLE, 1), *gauges.families(seen)]


def written(families: Sequence[Metric]) -> bytes:
    """Families of metrics as Prometheus reads them."""
    registry = CollectorRegistry()
    registry.register(_Given(families))
    return generate_latest(registry)


class _Given:
    """What prometheus-client collects from: read already, since it does not wait for a database."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return iter(self._families)
