"""The pages before the door: name and password, and the code of the second factor, which begins with a secret."""

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

from hashrail import db
from hashrail.deployment.opened import Deployment
from hashrail.errors import UnauthorizedError
from hashrail.pages.console.visit import ROOT
from hashrail.parties import operator_sessions, operators, second_factors, signing_in
from hashrail.parties.operator_sessions import Session, Stage
from hashrail.parties.operators import Operator
from hashrail.parties.signing_in import From

PATH, CODE = f"{ROOT}/sign-in", f"{ROOT}/code"
LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


class PasswordTooLongAgoError(UnauthorizedError):
    """The password that a code belongs to was given more than five minutes ago."""

    code = "PASSWORD_TOO_LONG_AGO"
    advice = "Give name and password again, and the code soon after."


def safe(path: str) -> str:
    """Where to go after signing in: a page of the console, whatever the address says."""
    is_ours = path == ROOT or path.startswith((f"{ROOT}/", f"{ROOT}?"))
    is_plain = path.isascii() and path.isprintable() and "\\" not in path
    return path if is_ours and is_plain and not path.startswith((PATH, CODE)) else ROOT


def asking(fields: Mapping[str, str]) -> dict[str, Any]:
    """What the page that asks for name and password shows."""
    return {"next": safe(fields.get("next", "")), "name": "", "error": None}


async def take_password(deployment: Deployment, form: Mapping[str, str], where: From) -> tuple[str, Stage]:
    """Raises what `signing_in.by_password` does."""
    return await signing_in.by_password(
        deployment.pool,
        form.get("name", ""),
        form.get("password", ""),
        asks_codes=not deployment.is_sandbox or deployment.settings.console_codes,
        where=where,
    )


async def asking_code(deployment: Deployment, token: str | None, fields: Mapping[str, str]) -> dict[str, Any] | None:
    """What the page that asks for a code shows; None where nobody gave a password."""
    found = await _waiting(deployment, token)
    if found is None:
        return None
    _, operator = found
    facts: dict[str, Any] = {"next": safe(fields.get("next", "")), "operator": operator, "error": None, "secret": None}
    async with db.transaction(deployment.pool) as tx:
        if not await second_factors.is_confirmed(tx, operator.id):
            secret = await second_factors.secret_to_confirm(tx, deployment.vault, operator.id)
            issuer = f"Hashrail {deployment.settings.issuer}"
            facts |= {"secret": secret, "address": second_factors.address_of(secret, operator.name, issuer)}
    return facts


async def take_code(deployment: Deployment, token: str | None, form: Mapping[str, str], where: From) -> str:
    """Raises PasswordTooLongAgoError and what `signing_in.by_code` does."""
    found = await _waiting(deployment, token)
    if found is None:
        raise PasswordTooLongAgoError("nobody gave a password lately")
    session, operator = found
    code = form.get("code", "")
    return await signing_in.by_code(deployment.pool, deployment.vault, session, operator.name, code, where=where)


async def _waiting(deployment: Deployment, token: str | None) -> tuple[Session, Operator] | None:
    """The session that waits for its code, and whose it is."""
    session = None if token is None else await operator_sessions.find(deployment.pool, token)
    if session is None or session.stage != "password":
        return None
    return session, await operators.by_id(deployment.pool, session.operator_id)
