"""The console's way in: operators by name and password, then a code."""

from collections.abc import Mapping

from hashrail.db import Reader, Tx
from hashrail.deployment.opened import Deployment
from hashrail.pages import own_passkeys
from hashrail.pages.console.visit import ROOT
from hashrail.pages.signing import Half, PasswordTooLongAgoError, SignIn, asks_codes
from hashrail.parties import operator_passkeys, operator_sessions, operators, second_factors, signing_in
from hashrail.parties.browser_sessions import Stage
from hashrail.parties.operator_sessions import Session
from hashrail.parties.operators import Operator
from hashrail.parties.signing_in import From


class ConsoleSignIn(SignIn):
    """Operators sign in."""

    root = ROOT

    async def take_password(self, deployment: Deployment, form: Mapping[str, str], where: From) -> tuple[str, Stage]:
        """Raises what `signing_in.by_password` does."""
        name, password = form.get("name", ""), form.get("password", "")
        return await signing_in.by_password(
            deployment.pool, name, password, asks_codes=asks_codes(deployment), where=where
        )

    async def take_code(
        self, deployment: Deployment, token: str | None, form: Mapping[str, str], where: From, site: str
    ) -> str:
        """Raises PasswordTooLongAgoError and what `signing_in.by_code` and `by_passkey` do."""
        found = None if token is None else await _waiting(deployment.pool, token)
        if token is None or found is None:
            raise PasswordTooLongAgoError("nobody gave a password lately")
        session, operator = found
        answer, code = form.get("credential", ""), form.get("code", "")
        if answer:
            return await signing_in.by_passkey(
                deployment.pool, session, token, operator.name, answer, site=site, where=where
            )
        return await signing_in.by_code(deployment.pool, deployment.vault, session, operator.name, code, where=where)

    async def half(self, tx: Tx, deployment: Deployment, token: str, site: str) -> Half | None:
        """Who waits for a code to be given."""
        found = await _waiting(tx, token)
        if found is None:
            return None
        _, operator = found
        known = await operator_passkeys.of_operator(tx, operator.id)
        is_confirmed = await second_factors.is_confirmed(tx, operator.id)
        guarded = own_passkeys.half(operator.name, known, has_generator=is_confirmed, token=token, site=site)
        if guarded is not None:
            return guarded
        return Half(operator.name, await second_factors.secret_to_confirm(tx, deployment.vault, operator.id))


async def _waiting(reader: Reader, token: str) -> tuple[Session, Operator] | None:
    """The session that waits for its code, and whose it is."""
    session = await operator_sessions.find(reader, token)
    if session is None or session.stage != "password":
        return None
    return session, await operators.by_id(reader, session.operator_id)
