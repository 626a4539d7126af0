"""The pages before a door: name and password, and the code of the second factor, which begins with a secret.

Console and portal have the same, each for its own people: what differs is whose names and sessions they are.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any, ClassVar

from hashrail import db
from hashrail.deployment.opened import Deployment
from hashrail.errors import UnauthorizedError
from hashrail.pages import qr
from hashrail.parties import totp
from hashrail.parties.browser_sessions import Stage
from hashrail.parties.signing_in import From

LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


class PasswordTooLongAgoError(UnauthorizedError):
    """The password that a code belongs to was given more than five minutes ago."""

    code = "PASSWORD_TOO_LONG_AGO"
    advice = "Give name and password again, and the code soon after."


@dataclass(frozen=True, slots=True)
class Half:
    """Somebody whose password was right: the code is still to come. `secret` is of a generator that shows none yet."""

    account: str
    secret: str | None
    # What the browser is asked to sign with a passkey, as JSON; None where there is none for this host.
    passkey: str | None = None
    takes_codes: bool = True


class SignIn(ABC):
    """The way in at one door."""

    root: ClassVar[str]

    @property
    def path(self) -> str:
        """Where name and password are given."""
        return f"{self.root}/sign-in"

    @property
    def code(self) -> str:
        """Where the code is given."""
        return f"{self.root}/code"

    def safe(self, path: str) -> str:
        """Where to go after signing in: a page behind this door, whatever the address says."""
        is_ours = path == self.root or path.startswith((f"{self.root}/", f"{self.root}?"))
        is_plain = path.isascii() and path.isprintable() and "\\" not in path
        return path if is_ours and is_plain and not path.startswith((self.path, self.code)) else self.root

    def asking(self, fields: Mapping[str, str]) -> dict[str, Any]:
        """What the page that asks for name and password shows."""
        return {"next": self.safe(fields.get("next", "")), "name": "", "error": None}

    async def asking_code(
        self, deployment: Deployment, token: str | None, fields: Mapping[str, str], site: str
    ) -> dict[str, Any] | None:
        """What the page that asks for a code shows; None where nobody gave a password."""
        async with db.transaction(deployment.pool) as tx:
            half = None if token is None else await self.half(tx, deployment, token, site)
        if half is None:
            return None
        facts: dict[str, Any] = {"next": self.safe(fields.get("next", "")), "account": half.account, "error": None}
        address = picture = None
        if half.secret is not None:
            address = totp.address_of(half.secret, half.account, f"Hashrail {deployment.settings.issuer}")
            picture = qr.drawn(address, "The secret as a QR code")
        return (
            facts
            | {"secret": half.secret, "address": address, "picture": picture}
            | {
                "passkey": half.passkey,
                "takes_codes": half.takes_codes,
            }
        )

    @abstractmethod
    async def take_password(self, deployment: Deployment, form: Mapping[str, str], where: From) -> tuple[str, Stage]:
        """A session's token, and whether a code is still to come. Raises what the sign-in refuses."""

    @abstractmethod
    async def take_code(
        self, deployment: Deployment, token: str | None, form: Mapping[str, str], where: From, site: str
    ) -> str:
        """The token of the whole session. Raises PasswordTooLongAgoError and what the sign-in refuses."""

    @abstractmethod
    async def half(self, tx: db.Tx, deployment: Deployment, token: str, site: str) -> Half | None:
        """Who waits for a code to be given, at that address of ours; None where nobody does."""


def asks_codes(deployment: Deployment) -> bool:
    """Whether everybody has to have a code generator: outside a sandbox they do."""
    return not deployment.is_sandbox or deployment.settings.console_codes
