"""The portal's way in: members by e-mail address and password, then a code or a passkey."""

from collections.abc import Mapping

from hashrail.db import Reader, Tx
from hashrail.deployment.opened import Deployment
from hashrail.pages import own_passkeys
from hashrail.pages.portal.visit import ROOT
from hashrail.pages.signing import Half, PasswordTooLongAgoError, SignIn, asks_codes
from hashrail.parties import member_passkeys, member_second_factors, member_sessions, member_signing_in, members
from hashrail.parties.browser_sessions import Stage
from hashrail.parties.member_sessions import Session
from hashrail.parties.members import Member
from hashrail.parties.signing_in import From


class PortalSignIn(SignIn):
    """Members sign in."""

    root = ROOT

    async def take_password(self, deployment: Deployment, form: Mapping[str, str], where: From) -> tuple[str, Stage]:
        """Raises what `member_signing_in.by_password` does."""
        email, password = form.get("name", ""), form.get("password", "")
        return await member_signing_in.by_password(
            deployment.pool, email, password, asks_codes=asks_codes(deployment), where=where
        )

    async def take_code(
        self, deployment: Deployment, token: str | None, form: Mapping[str, str], where: From, site: str
    ) -> str:
        """Raises PasswordTooLongAgoError and what `member_signing_in.by_code` and `by_passkey` do."""
        found = None if token is None else await _waiting(deployment.pool, token)
        if token is None or found is None:
            raise PasswordTooLongAgoError("nobody gave a password lately")
        session, member = found
        answer, code = form.get("credential", ""), form.get("code", "")
        if answer:
            return await member_signing_in.by_passkey(
                deployment.pool, session, token, member, answer, site=site, where=where
            )
        return await member_signing_in.by_code(deployment.pool, deployment.vault, session, member, code, where=where)

    async def half(self, tx: Tx, deployment: Deployment, token: str, site: str) -> Half | None:
        """Who waits for a code to be given."""
        found = await _waiting(tx, token)
        if found is None:
            return None
        _, member = found
        known = await member_passkeys.of_member(tx, member.partner_id, member.id)
        is_confirmed = await member_second_factors.is_confirmed(tx, member.partner_id, member.id)
        guarded = own_passkeys.half(member.email, known, has_generator=is_confirmed, token=token, site=site)
        if guarded is not None:
            return guarded
        secret = await member_second_factors.secret_to_confirm(tx, deployment.vault, member.partner_id, member.id)
        return Half(member.email, secret)


async def _waiting(reader: Reader, token: str) -> tuple[Session, Member] | None:
    """The session that waits for its code, and whose it is."""
    session = await member_sessions.find(reader, token)
    if session is None or session.stage != "password":
        return None
    return session, await members.get(reader, session.partner_id, session.member_id)
