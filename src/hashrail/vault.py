"""Secrets at rest: sealed with a master key that is not in the database.

The master keys come from HASHRAIL_MASTER_KEYS or from `master.key` in the data folder, newest first: the first
seals, all open, so a key is rotated by putting a new one in front.
"""

import base64
import hashlib
import hmac
import os
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class VaultError(RuntimeError):
    """What was sealed cannot be opened with the master keys at hand."""


class Vault:
    """Seals and opens short secrets, and derives keys for purposes."""

    def __init__(self, master_keys: list[str]) -> None:
        if not master_keys:
            raise VaultError("no master key given")
        self._master_keys = master_keys
        try:
            self._fernet = MultiFernet([Fernet(key) for key in master_keys])
        except ValueError as error:
            raise VaultError(f"not a master key: {error}") from error

    def seal(self, secret: bytes) -> bytes:
        """`secret` encrypted and authenticated."""
        return self._fernet.encrypt(secret)

    def open(self, sealed: bytes) -> bytes:
        """The secret again. Raises VaultError when no master key fits."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken as error:
            raise VaultError("sealed with another master key: check HASHRAIL_MASTER_KEYS or master.key") from error

    def derive(self, purpose: str, epoch: str | None) -> list[bytes]:
        """One 32-byte key a master key for `purpose` in an epoch of the deployment, newest first.

        None is for what programs that know no epoch have given out.
        """
        text = f"hashrail/{purpose}" if epoch is None else f"hashrail/{epoch}/{purpose}"
        return [hmac.digest(base64.urlsafe_b64decode(key), text.encode(), hashlib.sha256) for key in self._master_keys]


def open_vault(data: Path, master_keys: str | None, *, make: bool = True) -> Vault:
    """The deployment's vault. Without `master_keys` the key file in `data` is read, or made once if one may be made."""
    if master_keys is not None:
        return Vault([key.strip() for key in master_keys.split(",") if key.strip()])
    path = data / "master.key"
    if not path.exists():
        if not make:
            raise VaultError(f"there is no master key: neither HASHRAIL_MASTER_KEYS is set, nor is there {path}")
        data.mkdir(parents=True, exist_ok=True)
        _write_once(path, Fernet.generate_key())
    return Vault(path.read_text().split())


def _write_once(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read; whoever comes second keeps the first one's file."""
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
