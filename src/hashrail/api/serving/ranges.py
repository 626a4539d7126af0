"""Parts of files: what a request asks for by `Range`, so that a fetch that was cut off goes on (RFC 9110, 14).

One range is answered; where several are asked for, or a unit that nobody knows, the whole file is the answer, as the
standard allows. `If-Range` with another tag than the file's gets the whole as well.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from hashrail.api.serving.call import Call, File, FileReply
from hashrail.api.serving.limits import BYTES_OF_A_REQUEST, ROWS_OF_A_REQUEST
from hashrail.errors import HashrailError

# A file is read in parts, which cost far less than as many bytes of answers that are put together: one request for each
# of so many bytes.
BYTES_OF_A_PART = 64 * BYTES_OF_A_REQUEST
RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{1,18})?|-([0-9]{1,18}))")


class RangeNotSatisfiableError(HashrailError):
    """The file has no byte in the range that was asked for."""

    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    code = "RANGE_NOT_SATISFIABLE"
    advice = "You have the whole file already, or it is another one: compare its size and sha256."


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes of a file that are answered, from `first` to `last`, both included, and how: headers and status."""

    first: int
    last: int
    status: HTTPStatus
    headers: Mapping[str, str]

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self.last - self.first + 1


def part_of(file: File, sent: Mapping[str, str]) -> Part:
    """The part that a request's headers ask for, or the whole. Raises RangeNotSatisfiableError."""
    headers = {
        "accept-ranges": "bytes",
        "etag": file.tag,
        "content-disposition": f'attachment; filename="{file.name}"',
    }
    asked = _asked(file, sent)
    if asked is None:
        return Part(0, file.size - 1, HTTPStatus.OK, headers)
    first, last = asked
    headers["content-range"] = f"bytes {first}-{last}/{file.size}"
    return Part(first, last, HTTPStatus.PARTIAL_CONTENT, headers)


def refused(error: RangeNotSatisfiableError) -> dict[str, str]:
    """The headers of an answer to who asked for a part that is not there."""
    return {"content-range": f"bytes */{error.details['size']}"}


def reply(call: Call, file: File) -> FileReply:
    """The part of the file that a request asks for, or the whole. Raises RangeNotSatisfiableError."""
    try:
        part = part_of(file, dict(call.arrival.headers))
    except RangeNotSatisfiableError as error:
        call.arrival.spending.headers.update(refused(error))
        raise
    call.cost.rows += part.size // BYTES_OF_A_PART * ROWS_OF_A_REQUEST
    is_sent = part.size > 0 and call.arrival.method == "GET"
    return FileReply(
        b"",
        {**call.headers, **part.headers},
        part.status,
        size=part.size,
        content=file.read(part.first, part.last) if is_sent else None,
    )


def _asked(file: File, sent: Mapping[str, str]) -> tuple[int, int] | None:
    """The first byte and the last one, both included; None for the whole."""
    found = RANGE.fullmatch(sent.get("range", ""))
    if found is None or sent.get("if-range", file.tag) != file.tag:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        asked = (max(0, file.size - int(suffix)), file.size - 1)
    else:
        asked = (int(first), file.size - 1 if last is None else min(int(last), file.size - 1))
    if last is not None and int(last) < int(first):
        return None  # no range at all, says the standard
    if asked[0] > asked[1]:
        raise RangeNotSatisfiableError(f"the file has {file.size} bytes", size=file.size)
    return asked
