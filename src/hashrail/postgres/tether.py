"""Run a program that dies with its owner: `python -I -S tether.py OWNER UID GID SIGNAL PROGRAM ARGUMENTS...`.

`postgres/server_processes.py` and `processes/server.py` start this file by its path. It drops to UID and GID when it
runs as root, asks the kernel (Linux) to send SIGNAL when the thread that forked it ends, and becomes PROGRAM. It is a
file of its own, and not a `preexec_fn`, because a fork that runs Python in a process with threads can hang. A child
that becomes no other program asks by `end_with`.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
# Opened when this is imported: a child that was forked from a process with threads should not have to.
LIBC = ctypes.CDLL(None, use_errno=True)


def end_with(owner: int, signal_number: int) -> None:
    """Have the kernel send a signal to this process when the thread that forked it ends; exit if `owner` has ended."""
    if LIBC.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != owner:
        sys.exit("the owner ended before its program began")


def main(owner: int, uid: int, gid: int, signal_number: int, program: list[str]) -> None:
    """Become `program`; returns only by raising OSError when it cannot."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    # After setuid: changing the user clears the request.
    end_with(owner, signal_number)
    os.execv(program[0], program)  # noqa: S606  # no shell is the point


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
