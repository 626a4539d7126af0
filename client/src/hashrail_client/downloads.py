"""Downloads of exports: part by part, so that one that was cut off goes on where it stopped, and checked at the end.

What has come stands in a file beside the path that was asked for, which has the export's checksum in its name: another
export's parts are never mixed with it. The path itself appears when the whole file is there and is right.
"""

import hashlib
from pathlib import Path

from hashrail_client.answers import Export
from hashrail_client.errors import HashrailError

PART_BYTES = 8 * 1024 * 1024


class DownloadDiffersError(HashrailError):
    """What came is not the file whose checksum the export tells. It was thrown away: download it again."""


class Download:
    """A file that comes in parts: `told` is the export as the API tells it, which is done.

    Raises ValueError where it is not.
    """

    def __init__(self, told: Export, path: Path) -> None:
        sha256 = told["sha256"]
        if sha256 is None:
            raise ValueError(f"export {told['id']} is {told['state']}: only one that is done has a file")
        self._size = told["bytes"]
        self._sha256 = sha256
        self._path = path
        self._beside = path.with_name(f"{path.name}.{self._sha256[:16]}.part")
        self._have = self._beside.stat().st_size if self._beside.exists() else 0

    @property
    def is_whole(self) -> bool:
        """Whether every byte has come."""
        return self._have >= self._size

    @property
    def headers(self) -> dict[str, str]:
        """What asks for the next part."""
        last = min(self._have + PART_BYTES, self._size) - 1
        return {"Range": f"bytes={self._have}-{last}", "If-Range": f'"{self._sha256}"'}

    def take(self, part: bytes) -> None:
        """Put the next part behind those that have come."""
        with self._beside.open("ab") as file:
            file.write(part)
        self._have += len(part)

    def finish(self) -> Path:
        """Let the file appear under its path. Raises DownloadDiffersError."""
        self._beside.touch()
        digest = hashlib.sha256()
        with self._beside.open("rb") as file:
            while block := file.read(PART_BYTES):
                digest.update(block)
        if digest.hexdigest() != self._sha256:
            self._beside.unlink()
            raise DownloadDiffersError(f"{self._path} has another checksum than the export")
        return self._beside.replace(self._path)
