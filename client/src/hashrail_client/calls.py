"""One call of an operation, ready to be sent by either client, and the paths that a server has for its operations."""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from hashrail_client.operations import OPERATIONS, Operation, query_text, wire_fields
from hashrail_client.reading import answer_of
from hashrail_client.user_operations import USER_OPERATIONS
from hashrail_client.wire import number_exactly, stringify

CONTENT = "s2s_export_content"
# What no verb calls by itself.
FURTHER = {CONTENT: "/api/partner/s2s/export/content"}


class Paths:
    """Where a server has each operation. `changed` names other paths than Hashrail's, by the operation's id."""

    def __init__(self, changed: Mapping[str, str] | None = None) -> None:
        self._of = {row.name: row.whole_path for row in (*OPERATIONS, *USER_OPERATIONS)} | FURTHER
        for name, path in (changed or {}).items():
            if name not in self._of:
                raise ValueError(
                    f"{name} is no operation that the SDK calls; their ids stand in its list of operations"
                )
            if not path.startswith("/") or "?" in path:
                raise ValueError(f"the path of {name} has to start with / and to hold no query")
            self._of[name] = path

    def of(self, name: str) -> str:
        """The path of an operation from the root."""
        return self._of[name]


@dataclass(frozen=True, slots=True)
class Call:
    """One call: what is asked, by the wire's names, and the key under which a POST happens once; a GET has none."""

    operation: Operation
    fields: Mapping[str, object]
    idempotency_key: str | None

    @classmethod
    def of(cls, operation: Operation, arguments: Mapping[str, object]) -> "Call":
        """The call of a verb with these arguments; a POST without an idempotency key gets a new one."""
        given = dict(arguments)
        key = given.pop("idempotency_key", None)
        fields = wire_fields(given) | operation.fixed_fields
        if operation.method == "GET":
            return cls(operation, fields, None)
        return cls(operation, fields, str(uuid.uuid4() if key is None else key))

    @property
    def writes(self) -> bool:
        """Whether it may change something: whatever is posted."""
        return self.idempotency_key is not None

    def request(
        self,
        http: httpx.Client | httpx.AsyncClient,
        path: str,
        headers: Mapping[str, str],
        timeout_seconds: float,
    ) -> httpx.Request:
        """The request, still without timestamp and signature. Raises TypeError for what cannot be sent."""
        if self.idempotency_key is None:
            pairs = [(name, query_text(value)) for name, value in self.fields.items()]
            query = urlencode(pairs, quote_via=quote, safe="")
            target = f"{path}?{query}" if query else path
            return http.build_request("GET", target, headers=dict(headers), timeout=timeout_seconds)
        sent = {"Content-Type": "application/json", "Idempotency-Key": self.idempotency_key}
        members = {
            name: query_text(value) if isinstance(value, dt.date) else value for name, value in self.fields.items()
        }
        body = stringify(members, number_exactly).encode()
        return http.build_request(
            self.operation.method, path, headers={**headers, **sent}, content=body, timeout=timeout_seconds
        )

    def answer(self, response: httpx.Response) -> Any:
        """What the call returns. Raises HashrailApiError."""
        return answer_of(response, self.operation)
