"""Where things are: the repository, its vectors, and a quick folder for databases and chains.

Hundreds of databases are made and dropped, so they live in memory where there is enough of it. A process that is killed
loses nothing there, and no test pulls the machine's plug.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
VECTORS = ROOT / "tests" / "vectors"
# Published with the SDK, whose own tests read them.
SIGNING_VECTORS = ROOT / "client" / "tests" / "signing.json"
MEMORY = Path("/dev/shm")  # noqa: S108
NEEDED_BYTES = 4 * 2**30


def of_this_process() -> Path:
    """A new folder that goes away with the process."""
    folder = tempfile.mkdtemp(prefix="hashrail-tests-", dir=quick())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def quick() -> str:
    """A folder in which files are made quickly."""
    if os.access(MEMORY, os.W_OK | os.X_OK) and shutil.disk_usage(MEMORY).free >= NEEDED_BYTES:
        return str(MEMORY)
    return "/tmp"  # noqa: S108
