"""Remove a folder when its owner has ended: `python -I -S janitor.py FOLDER`, with a pipe from the owner.

`postgres/scratch.py` starts this file by its path. A server that runs in the folder stops by itself, and writes until
it has: the folder is removed until it is gone and nobody makes it anew.
"""

import os
import shutil
import sys
import time
from pathlib import Path

POLL_SECONDS = 0.05
# Two minutes: a server that was told to stop takes less.
TRIALS = 2400


def main(folder: Path) -> None:
    """Wait for the end of the owner, then remove."""
    sys.stdin.buffer.read()
    server = _server_of(folder)
    for _ in range(TRIALS):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists() and not _lives(server):
            return
        time.sleep(POLL_SECONDS)


def _server_of(folder: Path) -> int | None:
    """The number of its process, if one runs."""
    try:
        return int((folder / "postgres" / "data" / "postmaster.pid").read_bytes().split(b"\n")[0])
    except (OSError, ValueError):
        return None


def _lives(server: int | None) -> bool:
    if server is None:
        return False
    try:
        os.kill(server, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    main(Path(sys.argv[1]))
