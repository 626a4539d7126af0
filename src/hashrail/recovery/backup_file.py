"""The file of a backup: a tar with the dump, the journal and, last, a manifest that says what must be in them.

    database.dump      pg_dump's custom format, compressed
    journal.jsonl      and journal.jsonl.1 ..., as they were beside the database
    manifest.json      `Manifest`

The dump goes straight into it, so that it needs no room twice: its length stands in the tar's head once it is known. A
file has its name when it is whole and on the disk; before that it is a draft beside it, whose name begins with a dot. A
draft that nobody holds is of a process that died, and goes with the next one.
"""

import fcntl
import hashlib
import io
import os
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import msgspec

from hashrail.errors import BadRequestError, ConflictError
from hashrail.private_files import MODE, FileNotWrittenError

FORMAT = 1
DUMP, MANIFEST, JOURNAL = "database.dump", "manifest.json", "journal.jsonl"
SUFFIX = ".tar"
DRAFT = ".part"
CHUNK_BYTES = 2**20
# No manifest has more, and no journal that is kept.
MOST_MANIFEST_BYTES, MOST_JOURNAL_BYTES = 2**22, 2**26


class BackupExistsError(ConflictError):
    """A file of that name is there, or is being written: no backup is written over another one."""

    code = "BACKUP_EXISTS"
    advice = "Name a file that is not there, or a folder: then the file is named by the time."


class BackupBrokenError(BadRequestError):
    """The file is no backup, or not as it was written."""

    code = "BACKUP_BROKEN"
    advice = "Restore from another one. Was it copied whole? Compare its size with the original's."


class Member(msgspec.Struct, frozen=True, rename="camel"):
    """A file in the backup."""

    name: str
    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What a backup is of, and what a restore must show; `epoch` is the digest that tokens show of it.

    `made_at` is the moment of its snapshot, `rows` counts each table by its name.
    """

    format: int
    made_at: datetime
    version: str
    postgres: int
    dumped_by: int
    mode: str | None
    network: str | None
    epoch: str | None
    schema: list[str]
    published_through: str | None
    rows: dict[str, int]
    members: list[Member]


class Writer:
    """A backup that is being written; what is not kept is gone."""

    def __init__(self, path: Path) -> None:
        """Raises BackupExistsError, FileNotWrittenError."""
        self.path = path
        self.draft = path.with_name(f".{path.name}{DRAFT}")
        self.members: list[Member] = []
        try:
            self._file = os.fdopen(os.open(self.draft, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE), "r+b")
        except OSError as error:
            raise FileNotWrittenError(f"{path}: {error.strerror}") from error
        held = _held(self._file)
        if not held or path.exists():
            self._file.close()
            if held:
                self.draft.unlink(missing_ok=True)
            raise BackupExistsError(f"{path} is there already, or is being written", field="target")
        self._file.truncate(0)
        self._forget_others()

    def __enter__(self) -> "Writer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self.draft.unlink(missing_ok=True)

    def begin(self) -> "Growing":
        """A member whose length is not known yet."""
        return Growing(self._file)

    def end(self, name: str, growing: "Growing") -> None:
        """The member that has grown. Raises FileNotWrittenError."""
        self.members.append(growing.finish(name))

    def add(self, name: str, content: bytes) -> None:
        """A small member."""
        growing = self.begin()
        growing.write(content)
        self.end(name, growing)

    def keep(self, manifest: Manifest) -> int:
        """Let the draft be the file, with its manifest; answers its bytes. Raises FileNotWrittenError."""
        self.add(MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
        try:
            self._file.write(bytes(2 * tarfile.BLOCKSIZE))
            self._file.flush()
            os.fsync(self._file.fileno())
            self.draft.rename(self.path)
            folder = os.open(self.path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)
        except OSError as error:
            raise FileNotWrittenError(f"{self.path}: {error.strerror}") from error
        return self._file.tell()

    def _forget_others(self) -> None:
        """Remove drafts of processes that died: nobody holds them."""
        for other in self.path.parent.glob(f".*{SUFFIX}{DRAFT}"):
            if other != self.draft:
                with other.open("rb") as file:
                    if _held(file):
                        other.unlink()


class Growing:
    """A member of a tar while it is written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._sum, self.size = file, hashlib.sha256(), 0
        self._head = file.tell()
        file.write(bytes(tarfile.BLOCKSIZE))

    def write(self, chunk: bytes) -> None:
        """Append. Raises FileNotWrittenError."""
        try:
            self._file.write(chunk)
        except OSError as error:
            raise FileNotWrittenError(f"the backup: {error.strerror}") from error
        self._sum.update(chunk)
        self.size += len(chunk)

    def finish(self, name: str) -> Member:
        """Write the head, and fill up the last block."""
        info = tarfile.TarInfo(name)
        info.size, info.mode = self.size, MODE
        self._file.write(bytes(-self.size % tarfile.BLOCKSIZE))
        end = self._file.tell()
        self._file.seek(self._head)
        self._file.write(info.tobuf(tarfile.GNU_FORMAT))
        self._file.seek(end)
        return Member(name, self.size, self._sum.hexdigest())


class Reader:
    """A backup that is read; its members are looked at before they are used (`sums`)."""

    def __init__(self, path: Path) -> None:
        """Raises BackupBrokenError."""
        with ExitStack() as undo:
            try:
                self._tar = undo.enter_context(tarfile.open(path, "r:"))
                self._found = {info.name: info for info in self._tar.getmembers() if info.isreg()}
                self.manifest = msgspec.json.decode(self._small(MANIFEST, MOST_MANIFEST_BYTES), type=Manifest)
            except OSError as error:
                raise BackupBrokenError(f"{path}: {error.strerror or error}", field="file") from error
            except (tarfile.TarError, msgspec.DecodeError, KeyError) as error:
                raise BackupBrokenError(f"{path} is no backup: {error}", field="file") from error
            if self.manifest.format != FORMAT:
                raise BackupBrokenError(f"{path} has the format {self.manifest.format}, and {FORMAT} is known here")
            undo.pop_all()

    def __enter__(self) -> "Reader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tar.close()

    def chunks(self, name: str) -> Iterator[bytes]:
        """The content of a member. Raises BackupBrokenError."""
        try:
            file = self._tar.extractfile(self._found[name])
            assert file is not None, "it is a regular file"
            while chunk := file.read(CHUNK_BYTES):
                yield chunk
        except (OSError, tarfile.TarError, KeyError) as error:
            raise BackupBrokenError(f"{name} cannot be read: {error}", member=name) from error

    def sums(self) -> Iterator[tuple[Member, int]]:
        """Go through every member, telling how many bytes were read. Raises BackupBrokenError for what is changed."""
        for member in self.manifest.members:
            found, read_ = hashlib.sha256(), 0
            for chunk in self.chunks(member.name):
                found.update(chunk)
                read_ += len(chunk)
                yield member, len(chunk)
            if (read_, found.hexdigest()) != (member.size, member.sha256):
                raise BackupBrokenError(f"{member.name} is not as it was written", member=member.name)

    def journals(self) -> dict[str, bytes]:
        """The files of the journal."""
        names = [one.name for one in self.manifest.members if one.name.startswith(JOURNAL)]
        return {name: self._small(name, MOST_JOURNAL_BYTES) for name in names}

    def _small(self, name: str, most: int) -> bytes:
        info = self._found[name]
        if info.size > most:
            raise tarfile.ReadError(f"{name} has {info.size} bytes")
        file = self._tar.extractfile(info) or io.BytesIO()
        return file.read()


def _held(file: BinaryIO) -> bool:
    """Whether this process holds a file now, which another one had let go of."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
