"""Secrets at rest: sealed, opened with any master key at hand, rotated, and the key file made once."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from hashrail.vault import Vault, VaultError, open_vault

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))


def test_what_is_sealed_can_be_opened() -> None:
    """It does not show what is in it, and differs each time."""
    vault = Vault([OLD])
    sealed = vault.seal(b"secret")
    assert vault.open(sealed) == b"secret"
    assert b"secret" not in sealed
    assert vault.seal(b"secret") != sealed
    assert vault.open(vault.seal(b"")) == b""


@pytest.mark.parametrize("change", ["other key", "tampered", "cut", "nothing"])
def test_what_cannot_be_opened_says_what_to_check(change: str) -> None:
    """Another key, or somebody has had his hands on it."""
    sealed = Vault([OLD]).seal(b"secret")
    vault = Vault([NEW if change == "other key" else OLD])
    middle = len(sealed) // 2
    flipped = sealed[:middle] + (b"A" if sealed[middle : middle + 1] != b"A" else b"B") + sealed[middle + 1 :]
    given = {"other key": sealed, "tampered": flipped, "cut": sealed[:-4], "nothing": b""}[change]
    with pytest.raises(VaultError, match=r"check HASHRAIL_MASTER_KEYS or master\.key"):
        vault.open(given)


def test_a_master_key_is_rotated_by_putting_a_new_one_in_front() -> None:
    """The first seals, all open."""
    sealed = Vault([OLD]).seal(b"secret")
    both = Vault([NEW, OLD])
    assert both.open(sealed) == b"secret"
    assert Vault([NEW]).open(both.seal(b"later")) == b"later"
    with pytest.raises(VaultError):
        Vault([OLD]).open(both.seal(b"later"))


def test_keys_are_derived_for_a_purpose() -> None:
    """32 bytes a master key, newest first, the same each time, different by purpose and epoch; never the master key."""
    both = Vault([NEW, OLD])
    derived = both.derive("a", "e")
    assert derived == [*Vault([NEW]).derive("a", "e"), *Vault([OLD]).derive("a", "e")]
    assert [len(key) for key in derived] == [32, 32]
    assert not set(derived) & set(both.derive("b", "e"))
    assert not set(derived) & {*both.derive("a", "f"), *both.derive("a", None)}
    assert derived[0] not in NEW.encode()


def test_without_a_key_there_is_no_vault(tmp_path: Path) -> None:
    """Neither from an empty setting nor from an empty file, and nothing is made up."""
    for given in ("", " , "):
        with pytest.raises(VaultError, match="no master key given"):
            open_vault(tmp_path, given)
    (tmp_path / "master.key").touch()
    with pytest.raises(VaultError, match="no master key given"):
        open_vault(tmp_path, None)
    assert (tmp_path / "master.key").read_bytes() == b""


@pytest.mark.parametrize(
    "given", ["secret", "ü", OLD[:-4], f"{OLD},secret", "!" * 44], ids=["word", "letter", "cut", "second", "signs"]
)
def test_what_is_no_master_key_is_refused(given: str, tmp_path: Path) -> None:
    """As a fault of the settings, before anything is sealed with it."""
    with pytest.raises(VaultError, match="not a master key"):
        open_vault(tmp_path, given)


def test_keys_of_the_settings_come_before_the_file(tmp_path: Path) -> None:
    """Comma-separated, newest first; then no file is made."""
    vault = open_vault(tmp_path / "data", f" {NEW} ,{OLD},")
    assert vault.open(Vault([OLD]).seal(b"a")) == b"a"
    assert Vault([NEW]).open(vault.seal(b"b")) == b"b"
    assert not (tmp_path / "data").exists()


def test_the_key_file_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    """In a folder that need not be there; the next vault opens what this one sealed. Several lines are several keys."""
    data = tmp_path / "a" / "data"
    sealed = open_vault(data, None).seal(b"secret")
    path = data / "master.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in data.iterdir()] == ["master.key"]
    assert open_vault(data, None).open(sealed) == b"secret"
    path.write_text(f"{NEW}\n{path.read_text()}\n")
    again = open_vault(data, None)
    assert again.open(sealed) == b"secret"
    assert Vault([NEW]).open(again.seal(b"new")) == b"new"


def test_processes_that_begin_at_once_agree_on_a_key(tmp_path: Path) -> None:
    """Whoever comes second keeps the first one's file."""
    program = (
        "import sys; from pathlib import Path; from hashrail.vault import open_vault; sys.stdin.read(1);"
        "print(open_vault(Path(sys.argv[1]), None).derive('x', 'e')[0].hex())"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    for each in running:
        assert each.stdin is not None
        os.write(each.stdin.fileno(), b"x")
    answers = {each.communicate(timeout=60)[0] for each in running}
    assert answers == {f"{open_vault(tmp_path, None).derive('x', 'e')[0].hex()}\n".encode()}
    assert [each.name for each in tmp_path.iterdir()] == ["master.key"]
