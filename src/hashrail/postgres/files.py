"""Where the embedded PostgreSQL keeps its files, and who may reach them.

    DATA/postgres/         what follows; a link where the server's user could not reach it
      owner.lock           held by the owner
      data/                the cluster, made under another name and renamed when it is complete
      socket/              the server listens here and nowhere else
      postgres.log         at most LOG_BYTES or so, and postgres.log.1 before it

Who may connect: whoever can reach the socket, without a password. Its folder has mode 0700 and belongs to the user
that the server runs as, so that is this user and root. PostgreSQL refuses to run as root: there it runs as
`postgres`, or `nobody`, or whoever owns the cluster already, and everything else belongs to root. If that user cannot
reach DATA (a folder of mode 0700 is above it) the files live in SYSTEM_FOLDER/clusters/<hash of DATA>, and
DATA/postgres links there; deleting DATA then leaves them behind, and a new DATA in the same place begins with an
empty cluster. A socket whose path is too long for the system, or has characters that clients give a meaning to, such
as a comma, moves to SHORT_FOLDER.
"""

import hashlib
import itertools
import os
import pwd
import re
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from hashrail import texts
from hashrail.errors import UnavailableError

SYSTEM_FOLDER = Path("/var/lib/hashrail")
SHORT_FOLDER = Path("/tmp")  # noqa: S108  # what is made in it is checked
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_BYTES = 100
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._ -]+")
LOG_BYTES = 8 * 1024 * 1024


class EmbeddedPostgresError(UnavailableError):
    """The embedded PostgreSQL cannot be started or reached; the message says what to do."""

    code = "EMBEDDED_POSTGRES_UNAVAILABLE"
    advice = "Read the server's log: the operator has to repair the embedded PostgreSQL or set DATABASE_URL."

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message, **details)
        # The end of the server's log has lines, the last of which tell most: each is bounded, not the whole.
        self.message = texts.shown_lines(message)
        self.args = (self.message,)


@dataclass(frozen=True, slots=True)
class SystemUser:
    """The user that root drops to for the server."""

    uid: int
    gid: int


def find_account(data: Path) -> SystemUser | None:
    """Whom to drop to as root: the owner of the cluster `data`, else `postgres`, else `nobody`. Else None."""
    if os.geteuid() != 0:
        return None
    if data.exists():
        status = data.stat()
        return SystemUser(status.st_uid, status.st_gid)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return SystemUser(entry.pw_uid, entry.pw_gid)
    raise EmbeddedPostgresError(
        "PostgreSQL refuses to run as root and there is no user postgres or nobody: add one, or start as another user"
    )


def find_home(data_dir: Path, account: SystemUser | None) -> Path:
    """The folder of the server's files, links resolved; made when it is not there. Raises EmbeddedPostgresError."""
    home = data_dir / "postgres"
    if not home.exists():
        if home.is_symlink():
            raise EmbeddedPostgresError(
                f"{home} links to {home.readlink()}, which is gone: restore it, or delete the link to start empty"
            )
        make_folder(data_dir, account)
        if account is None or reaches(account, data_dir):
            make_folder(home, account)
        else:
            _make_elsewhere(home, account)
    refuse_other_user(home)
    home = home.resolve()
    if account is not None and not reaches(account, home):
        raise EmbeddedPostgresError(
            f"PostgreSQL runs as user {account.uid}, who cannot reach {home}: do chmod o+x on the folders above it"
        )
    return home


def make_folder(path: Path, account: SystemUser | None) -> None:
    """Make `path`, for root so that the server's user can pass through it. One that exists is left as it is."""
    if not path.exists():
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if account is not None:
            path.chmod(0o711)


def _make_elsewhere(home: Path, account: SystemUser) -> None:
    """Make a folder below SYSTEM_FOLDER and link `home` to it. One that is there belongs to another folder: kept."""
    clusters = SYSTEM_FOLDER / "clusters"
    for folder in (SYSTEM_FOLDER, clusters):
        make_folder(folder, account)
    name = short_hash(home.parent)
    for number in itertools.count(2):
        try:
            (clusters / name).mkdir()
            break
        except FileExistsError:
            name = f"{short_hash(home.parent)}-{number}"
    (clusters / name).chmod(0o711)
    try:
        home.symlink_to(clusters / name)
    except FileExistsError:
        (clusters / name).rmdir()  # another process was faster


def refuse_other_user(home: Path) -> None:
    """Raise EmbeddedPostgresError when `home` is another user's: they could not, and root should not, use it."""
    owner = home.stat().st_uid
    if owner != os.geteuid():
        raise EmbeddedPostgresError(f"{home} belongs to user {owner}: run as that user")


def reaches(account: SystemUser, *paths: Path) -> bool:
    """Whether `account` may pass through or run every path, asked of the system: modes are not the whole answer."""
    test = 'for path; do test -x "$path" || exit 1; done'
    command = ["/bin/sh", "-c", test, "sh", *map(str, paths)]
    asked = subprocess.run(  # noqa: S603  # the text is a constant
        command, cwd="/", env={}, user=account.uid, group=account.gid, extra_groups=[], check=False
    )
    return asked.returncode == 0


def socket_folder(home: Path, account: SystemUser | None) -> Path:
    """The folder of the socket, mode 0700, of the server's user; in SHORT_FOLDER where the path would not do."""
    uid, gid = (account.uid, account.gid) if account is not None else (os.getuid(), os.getgid())
    folder = home / "socket"
    if not has_room_for_socket(home):
        folder = SHORT_FOLDER / f"hashrail-{uid}-{short_hash(home)}"
    try:
        folder.mkdir(mode=0o700)
        os.chown(folder, uid, gid)
    except FileExistsError:
        status = folder.lstat()
        if (status.st_uid, status.st_mode) != (uid, stat.S_IFDIR | 0o700):
            raise EmbeddedPostgresError(f"{folder} is not a folder of user {uid} with mode 0700: remove it") from None
    return folder


def has_room_for_socket(home: Path) -> bool:
    """Whether the path of a socket in `home` is one that the system and every client take."""
    path = str(home / "socket" / SOCKET_NAME)
    return len(os.fsencode(path)) < SOCKET_PATH_BYTES and PLAIN_PATH.fullmatch(path) is not None


def short_hash(path: Path) -> str:
    """16 hexadecimal digits that stand for a path where it would be too long."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def bound_log(home: Path) -> None:
    """Put a log that grew too long aside. The server appends to an open file, so it is emptied, not renamed."""
    log = home / "postgres.log"
    if log.exists() and log.stat().st_size > LOG_BYTES:
        (home / "postgres.log.1").touch(mode=0o600)
        shutil.copyfile(log, home / "postgres.log.1")
        os.truncate(log, 0)


def log_tail(home: Path) -> str:
    """The last lines of the server's log, for an error message."""
    log = home / "postgres.log"
    lines = log.read_text(errors="replace").splitlines()[-20:] if log.exists() else []
    return "\n".join([f"The end of {log}:", *(lines or ["(empty)"])])
