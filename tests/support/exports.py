"""Exports to test with: asked for, made in this process as the worker does, and fetched."""

from datetime import timedelta
from typing import Any

from hashrail import db
from hashrail.exports import making
from hashrail.exports.content import Terms
from tests.support.api_client import Api, answered

# Of the deployment with many records: closed days, and miners that have each of them.
DAYS, MINERS = 10, 5_000
TERMS = Terms(max_bytes=2**30, keep=timedelta(days=7))
SPRING = {"startDate": "2026-03-01T00:00:00.000Z", "endDate": "2026-05-31T00:00:00.000Z"}


async def make_all(pool: db.Pool, terms: Terms = TERMS) -> int:
    """Make what waits, of every partner."""
    return await making.make_waiting(pool, terms)


async def exported(api: Api, kind: str, file_format: str, **fields: object) -> tuple[dict[str, Any], bytes]:
    """An export of the partner's, as it is told, and its file."""
    asked = answered(await api.server.call("s2s_export_create", kind=kind, format=file_format, **SPRING | fields))
    await make_all(api.world.pool)
    told = answered(await api.server.call("s2s_export", id=asked["id"]))
    assert told["state"] == "done", told
    response = await api.server.call("s2s_export_content", id=asked["id"])
    assert response.status_code == 200, response.text
    assert len(response.content) == told["bytes"]
    return told, response.content
