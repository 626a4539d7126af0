"""Where tests keep databases and chains: in memory where there is enough of it, since hundreds are made and dropped.

A process that is killed loses nothing there, and no test pulls the machine's plug.
"""

import os
import shutil
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108
NEEDED_BYTES = 4 * 2**30


def quick() -> str:
    """A folder in which files are made quickly."""
    if os.access(MEMORY, os.W_OK | os.X_OK) and shutil.disk_usage(MEMORY).free >= NEEDED_BYTES:
        return str(MEMORY)
    return "/tmp"  # noqa: S108
