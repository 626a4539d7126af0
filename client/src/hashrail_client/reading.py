"""Answers read: the JSON of the API with exact numbers, or the error that an answer is."""

import json
import re
from decimal import Decimal
from typing import Any

import httpx

from hashrail_client.errors import BY_STATUS, NOT_THE_API, HashrailApiError, NotTheApiError
from hashrail_client.operations import Operation

PARTIAL_CONTENT = 206
NUMBER = re.compile("[0-9]{1,16}")


def answer_of(response: httpx.Response, operation: Operation) -> Any:
    """What the call returns. Raises HashrailApiError for every answer but a success of the API."""
    if not response.is_success:
        raise error_of(response)
    document = _document(response)
    if "data" not in document:
        raise _not_the_api(response)
    if operation.header is not None:
        return _number(response, operation.header)
    return document if operation.whole else document["data"]


def part_of(response: httpx.Response) -> bytes:
    """The part of a file that an answer holds. Raises HashrailApiError."""
    if response.status_code != PARTIAL_CONTENT:
        raise error_of(response)
    return response.content


def error_of(response: httpx.Response) -> HashrailApiError:
    """The error that an answer is."""
    document = _document(response)
    if not isinstance(document.get("error"), str):
        return _not_the_api(response)
    request_id, details = document.get("requestId"), document.get("details")
    return BY_STATUS.get(response.status_code, HashrailApiError)(
        response.status_code,
        document["error"],
        str(document.get("message", "")),
        request_id if isinstance(request_id, str) else response.headers.get("X-Request-Id"),
        details if isinstance(details, dict) else {},
        _retry_after(response),
    )


def _document(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of an answer with exact numbers; empty when the answer is something else."""
    try:
        document = json.loads(response.content, parse_float=Decimal)
    except (json.JSONDecodeError, UnicodeDecodeError):
        return {}
    return document if isinstance(document, dict) else {}


def _number(response: httpx.Response, header: str) -> int | None:
    """The number in a header. A server that knows only the contract sends none, and has done what was asked."""
    text = response.headers.get(header, "")
    return int(text) if NUMBER.fullmatch(text) else None


def _not_the_api(response: httpx.Response) -> HashrailApiError:
    message = f"the answer is not the API's ({response.headers.get('Content-Type', 'no content type')})"
    return NotTheApiError(
        response.status_code, NOT_THE_API, message, response.headers.get("X-Request-Id"), {}, _retry_after(response)
    )


def _retry_after(response: httpx.Response) -> int | None:
    """The seconds of Retry-After. A date is left alone: it would be compared with a clock that may be wrong."""
    text = response.headers.get("Retry-After", "")
    return int(text) if NUMBER.fullmatch(text) else None
