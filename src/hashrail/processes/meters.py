"""What processes count, as Prometheus reads it: one page for all API processes of a server.

Where the environment names a folder (PROMETHEUS_MULTIPROC_DIR, which prometheus-client looks for when it is imported),
each process counts in files there, and a page is the sum of all, also of those that have ended: so a counter never
falls while the server lives, and it does not matter who is asked. Without a folder a process counts for itself.
"""

import os

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Info, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from hashrail.processes.probes import METERS_FOLDER, Page
from hashrail.version import VERSION

# Whoever counts something registers it here.
REGISTRY = CollectorRegistry()
# It counts nothing, so it is in no file, and every page has it.
ABOUT = CollectorRegistry()
BUILD = Info("hashrail_build", "The program that answers.", registry=ABOUT)
BUILD.info({"version": VERSION})


async def page() -> Page:
    """The metrics of all processes that count together."""
    counted = REGISTRY
    if METERS_FOLDER in os.environ:
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    return Page(generate_latest(counted) + generate_latest(ABOUT), CONTENT_TYPE_LATEST)
