"""What is downloaded in place of a page: a sheet that is read as it is sent, or a file, whole or in parts."""

from collections.abc import AsyncIterator

from litestar import Response
from litestar.response import Stream

from hashrail import db
from hashrail.api.serving import ranges
from hashrail.api.serving.answering import is_known
from hashrail.api.serving.envelope import add_headers
from hashrail.api.serving.ranges import RangeNotSatisfiableError
from hashrail.pages.rendering import PRIVATE_HEADERS
from hashrail.pages.requests import Answer, AnyRequest
from hashrail.pages.visiting import Download, Sheet


def sheet(pool: db.Pool, asked: Sheet) -> Answer:
    """A file that is sent as it is read, however large it is."""

    async def parts() -> AsyncIterator[bytes]:
        async with db.snapshot(pool) as tx:
            async for part in asked.parts(tx):
                yield part.encode()

    headers = PRIVATE_HEADERS | {"content-disposition": f'attachment; filename="{asked.name}"'}
    return Stream(parts(), media_type=asked.media_type, headers=headers)


def part(request: AnyRequest, asked: Download) -> Answer:
    """The part of a file that is asked for, or the whole. Raises RangeNotSatisfiableError."""
    try:
        found = ranges.part_of(asked.file, dict(request.headers))
    except RangeNotSatisfiableError as error:
        add_headers(request.scope, ranges.refused(error))
        raise
    headers = {**PRIVATE_HEADERS, **found.headers}
    if is_known(asked.file.tag, request.headers.multi_items()):
        return Response(b"", status_code=304, headers=headers, media_type=asked.media_type)
    headers["content-length"] = str(found.size)
    content = asked.file.read(found.first, found.last) if found.size > 0 else _nothing()
    return Stream(content, status_code=found.status, media_type=asked.media_type, headers=headers)


async def _nothing() -> AsyncIterator[bytes]:
    yield b""
