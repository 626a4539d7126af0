"""Files that only their owner may read, written whole or not at all.

What counts on a file is committed after its bytes are on the disk: they lie in a draft beside it, which becomes the
file when the commit is through. A process that dies between leaves a draft, whose name begins with a dot.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from hashrail.errors import HashrailError

MODE = 0o600


class FileNotWrittenError(HashrailError):
    """A file could not be written, and nothing was committed that counts on it."""

    status = 500
    code = "FILE_NOT_WRITTEN"
    advice = "Make room for it, or name another folder; then run it again: nothing was changed."


class Drafts:
    """Files that are on the disk already, and under their names when they are kept; what is not kept is gone."""

    def __init__(self) -> None:
        self._drafts: dict[Path, Path] = {}

    def __enter__(self) -> "Drafts":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for draft in self._drafts.values():
            draft.unlink(missing_ok=True)

    def write(self, path: Path, text: str) -> None:
        """Bring a file to the disk, in UTF-8, beside where it is to be. Raises FileNotWrittenError."""
        with self.opened(path) as file:
            file.write(text.encode())

    @contextmanager
    def opened(self, path: Path) -> Iterator[BinaryIO]:
        """A file to write bit by bit beside its place; in the end it is on the disk. Raises FileNotWrittenError."""
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        self._drafts[path] = draft
        try:
            # One of a process that died under this number is nobody's.
            draft.unlink(missing_ok=True)
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise FileNotWrittenError(f"{path}: {error.strerror}") from error

    def keep(self) -> list[Path]:
        """Let the drafts be the files; answers these. Raises OSError for what cannot be replaced, a folder say."""
        for path, draft in self._drafts.items():
            draft.replace(path)
        for folder in {path.parent for path in self._drafts}:
            descriptor = os.open(folder, os.O_RDONLY)
            os.fsync(descriptor)
            os.close(descriptor)
        paths = list(self._drafts)
        self._drafts.clear()
        return paths


def write(path: Path, text: str) -> None:
    """Write a file in one step. Raises FileNotWrittenError."""
    with Drafts() as drafts:
        drafts.write(path, text)
        try:
            drafts.keep()
        except OSError as error:
            raise FileNotWrittenError(f"{path}: {error.strerror}") from error
