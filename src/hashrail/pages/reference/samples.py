"""Examples of calls in curl, Python and TypeScript, from the document's own example and the rows of the SDK.

A shell signs with openssl, so that what stands here runs as it is once `API_KEY` and `API_SECRET` are set.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from hashrail.api.serving.call import ENCODER
from hashrail.api.serving.operation import JSON
from hashrail.pages.reference.fields import SIGNED_FIELDS
from hashrail_client.operations import OPERATIONS, Operation, wire_fields
from hashrail_client.user_operations import USER_OPERATIONS

EXAMPLE_USER = "alice"
# Verbs that fetch a file stand beside the table of operations.
DOWNLOAD = "s2s_export_content"


@dataclass(frozen=True, slots=True)
class Sample:
    """The example in one language."""

    name: str
    language: str
    source: str


@dataclass(frozen=True, slots=True)
class Request:
    """What an example asks for: `caller` is `signed`, `key`, `bearer` or `anybody`; `fields` by their wire names."""

    name: str
    method: str
    path: str
    caller: str
    fields: Mapping[str, Any]
    media_type: str
    row: Operation | None
    is_users: bool

    @property
    def arguments(self) -> tuple[list[Any], dict[str, Any]]:
        """The fields as the verb takes them: by position, and by the names that Python gives them."""
        assert self.row is not None
        required = [self.fields[_wire(name)] for name in self.row.required]
        by_name = {_wire(name): name for name in self.row.optional}
        return required, {by_name[name]: value for name, value in self.fields.items() if name in by_name}


def of_operation(operation: Any, method: str, path: str) -> Request:
    """The request of the document's example."""
    name = operation["operationId"]
    fields = {
        part["name"]: part["example"]
        for part in operation.get("parameters", [])
        if part["in"] == "query" and "example" in part
    }
    if "requestBody" in operation:
        fields = dict(operation["requestBody"]["content"][JSON].get("example", {}))
    ((media_type, _),) = operation["responses"]["200"]["content"].items()
    row, is_users = _row(name, path)
    return Request(
        name=name,
        method=method,
        path=path,
        caller=caller(operation),
        fields={key: value for key, value in fields.items() if key not in SIGNED_FIELDS},
        media_type=media_type,
        row=row,
        is_users=is_users,
    )


def caller(operation: Any) -> str:
    """Who calls: `signed` and `key` are a partner's server, `bearer` is a user's client."""
    schemes = [name for alternative in operation["security"] for name in alternative]
    if "signature" in schemes:
        return "signed"
    if "bearer" in schemes:
        return "bearer"
    return "key" if schemes else "anybody"


def samples(request: Request, base: str) -> list[Sample]:
    """The example in each language, against the deployment at `base`."""
    return [
        Sample("curl", "bash", curl(request, base)),
        Sample("Python", "python", python(request, base)),
        Sample("TypeScript", "typescript", typescript(request, base)),
    ]


# ----------------------------------------------------------------------------------------------------------------------
# A shell


def curl(request: Request, base: str) -> str:
    """Lines of a POSIX shell."""
    if request.method == "GET":
        return _curl_get(request, f"{base}{request.path}")
    return _curl_post(request, f"{base}{request.path}")


def _curl_get(request: Request, url: str) -> str:
    query = _query(request.fields)
    if request.caller != "signed":
        return " \\\n  ".join([f'curl "{url}{"?" + query if query else ""}"', *_headers(request)])
    pairs = f"{query}&" if query else ""
    return "\n".join(
        [
            f'QUERY="{pairs}timestamp=$(date +%s)000"',
            _signed("QUERY"),
            " \\\n  ".join([f'curl "{url}?$QUERY&signature=$SIGNATURE"', *_headers(request)]),
        ]
    )


def _curl_post(request: Request, url: str) -> str:
    headers = [*_headers(request), '-H "Content-Type: application/json"']
    body = ENCODER.encode(dict(request.fields)).decode().replace("'", "'\\''")
    if request.caller != "signed":
        return " \\\n  ".join([f'curl "{url}"', *headers, f"-d '{body}'"])
    open_body = f"{body[:-1]}{',' if request.fields else ''}"
    return "\n".join(
        [
            f"BODY='{open_body}\"timestamp\":'$(date +%s)'000}}'",
            _signed("BODY"),
            " \\\n  ".join([f'curl "{url}"', *headers, '-d "${BODY%?},\\"signature\\":\\"$SIGNATURE\\"}"']),
        ]
    )


def _signed(variable: str) -> str:
    return f'SIGNATURE=$(printf %s "${variable}" | openssl dgst -sha256 -hmac "$API_SECRET" -r | cut -d" " -f1)'


def _headers(request: Request) -> list[str]:
    return {
        "signed": ['-H "X-PARTNER-API-KEY: $API_KEY"'],
        "key": ['-H "X-PARTNER-API-KEY: $API_KEY"'],
        "bearer": ['-H "Authorization: Bearer $TOKEN"'],
        "anybody": [],
    }[request.caller]


def _query(fields: Mapping[str, Any]) -> str:
    return "&".join(f"{name}={quote(_text(value), safe='')}" for name, value in fields.items())


def _text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


# ----------------------------------------------------------------------------------------------------------------------
# Python

PYTHON_CLIENT = 'with Hashrail("{}", os.environ["API_KEY"], os.environ["API_SECRET"]) as client:'
PYTHON_LOGIN = f'client.users.login("{EXAMPLE_USER}")'


def python(request: Request, base: str) -> str:
    """A program that uses the SDK, or httpx where the SDK has no verb."""
    client = PYTHON_CLIENT.format(base)
    if request.name == DOWNLOAD:
        lines = [client, f'    print(client.download({request.fields["id"]}, "export.csv"))']
        return "\n".join(["import os", "", "from hashrail_client import Hashrail", "", *lines])
    if request.row is None:
        return _python_by_httpx(request, base)
    required, named = request.arguments
    given = [*map(_python_value, required), *(f"{name}={_python_value(value)}" for name, value in named.items())]
    call = f"{request.row.noun}.{request.row.verb}({', '.join(given)})"
    lines = [client]
    if request.is_users:
        lines += [f"    user = client.as_user({PYTHON_LOGIN})", f"    print(user.{call})"]
    else:
        lines += [f"    print(client.{call})"]
    imports = ["import os", *(["from decimal import Decimal"] if "Decimal(" in call else [])]
    return "\n".join([*imports, "", "from hashrail_client import Hashrail", "", *lines])


def _python_by_httpx(request: Request, base: str) -> str:
    url = f'"{base}{request.path}"'
    given = [f"{'params' if request.method == 'GET' else 'json'}={_python_value(request.fields)}"]
    if request.method == "GET" and not request.fields:
        given = []
    read = "json()" if request.media_type == JSON else "text"
    send = f"httpx.{request.method.lower()}"
    if request.caller == "signed":
        auth = 'auth=SignatureAuth(os.environ["API_KEY"], os.environ["API_SECRET"])'
        imports = ["import os", "", "import httpx", "from hashrail_client import SignatureAuth", ""]
        return "\n".join([*imports, f"print({send}({', '.join([url, *given, auth])}).{read})"])
    if request.caller == "bearer":
        return "\n".join(
            [
                *("import os", "", "import httpx", "from hashrail_client import Hashrail", ""),
                PYTHON_CLIENT.format(base),
                f'    token = {PYTHON_LOGIN}["jwtToken"]',
                'headers = {"Authorization": f"Bearer {token}"}',
                f"print({send}({', '.join([url, *given, 'headers=headers'])}).{read})",
            ]
        )
    return "\n".join(["import httpx", "", f"print({send}({', '.join([url, *given])}).{read})"])


def _python_value(value: object) -> str:
    if isinstance(value, Decimal):
        return f'Decimal("{value:f}")'
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_python_value(name)}: {_python_value(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(_python_value, value))}]"
    return repr(value)


# ----------------------------------------------------------------------------------------------------------------------
# TypeScript

TYPESCRIPT_CLIENT = 'const client = new Hashrail("{}", process.env.API_KEY!, process.env.API_SECRET!);'
TYPESCRIPT_LOGIN = f'await client.users.login("{EXAMPLE_USER}")'


def typescript(request: Request, base: str) -> str:
    """A module that uses the SDK, or fetch where the SDK has no verb."""
    imports, client = 'import { Hashrail } from "hashrail-client";', TYPESCRIPT_CLIENT.format(base)
    if request.name == DOWNLOAD:
        return "\n".join([imports, "", client, f"const content = await client.download({request.fields['id']});"])
    if request.row is None:
        return _typescript_by_fetch(request, base)
    required, named = request.arguments
    given = [*map(_typescript_value, required)]
    if named:
        given.append(_typescript_value({_wire(name): value for name, value in named.items()}))
    call = f"{_wire(request.row.noun)}.{_wire(request.row.verb)}({', '.join(given)})"
    if request.is_users:
        lines = [client, f"const user = client.asUser({TYPESCRIPT_LOGIN});", f"console.log(await user.{call});"]
    else:
        lines = [client, f"console.log(await client.{call});"]
    return "\n".join([imports, "", *lines])


def _typescript_by_fetch(request: Request, base: str) -> str:
    url = f"{base}{request.path}"
    if request.caller == "signed":
        return _typescript_signed(request, url)
    lines, options = [], []
    if request.method == "POST":
        headers = '"Content-Type": "application/json"'
        options = ['method: "POST"', f"body: JSON.stringify({_typescript_value(request.fields)})"]
    else:
        query = _query(request.fields)
        url, headers = f"{url}?{query}" if query else url, ""
    if request.caller == "bearer":
        lines = ['import { Hashrail } from "hashrail-client";', "", TYPESCRIPT_CLIENT.format(base)]
        lines.append(f"const {{ jwtToken }} = {TYPESCRIPT_LOGIN};")
        headers = ", ".join(part for part in ("Authorization: `Bearer ${jwtToken}`", headers) if part)
    if headers:
        options.append(f"headers: {{ {headers} }}")
    joined = ",\n  ".join(options)
    given = f", {{\n  {joined},\n}}" if options else ""
    return "\n".join([*lines, f'const answer = await fetch("{url}"{given});', "console.log(await answer.text());"])


def _typescript_signed(request: Request, url: str) -> str:
    key = '"X-PARTNER-API-KEY": process.env.API_KEY!'
    lines = ['import { hexDigest } from "hashrail-client";', ""]
    if request.method == "GET":
        pairs = "".join(f"{pair}&" for pair in [_query(request.fields)] if pair)
        lines += [
            f"const query = `{pairs}timestamp=${{new Date().getTime()}}`;",
            "const signature = await hexDigest(process.env.API_SECRET!, query);",
            f"const answer = await fetch(`{url}?${{query}}&signature=${{signature}}`, {{ headers: {{ {key} }} }});",
        ]
    else:
        fields = "".join(f"{name}: {_typescript_value(value)}, " for name, value in request.fields.items())
        lines += [
            f"const body = JSON.stringify({{ {fields}timestamp: new Date().getTime() }});",
            "const signature = await hexDigest(process.env.API_SECRET!, body);",
            f'const answer = await fetch("{url}", {{',
            '  method: "POST",',
            f'  headers: {{ {key}, "Content-Type": "application/json" }},',
            '  body: `${body.slice(0, -1)},"signature":"${signature}"}`,',
            "});",
        ]
    return "\n".join([*lines, "console.log(await answer.text());"])


def _typescript_value(value: object) -> str:
    if isinstance(value, Decimal):
        return f'"{value:f}"'
    if isinstance(value, Mapping):
        if not value:
            return "{}"
        return "{ " + ", ".join(f"{name}: {_typescript_value(one)}" for name, one in value.items()) + " }"
    if isinstance(value, list):
        return f"[{', '.join(map(_typescript_value, value))}]"
    return json.dumps(value, ensure_ascii=False)


# ----------------------------------------------------------------------------------------------------------------------


def _row(name: str, path: str) -> tuple[Operation | None, bool]:
    """The SDK's row of an operation, and whether it is one of a user's client."""
    for rows, is_users in ((OPERATIONS, False), (USER_OPERATIONS, True)):
        for row in rows:
            if (row.name, row.whole_path) == (name, path):
                return row, is_users
    return None, False


def _wire(name: str) -> str:
    (found,) = wire_fields({name: 0})
    return found
