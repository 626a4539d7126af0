"""The wallet behind a TON address, and its key.

An address is the hash of a StateInit: the contract's code and initial data. So a StateInit of the right hash proves
what contract it is, and the data of the wallets known here holds the key. A wallet of other code, or one that can
replace its key, must be asked on chain (`gateways/ton.py`); what the chain says is one of `OnChain`, and without a
clear answer there is no key.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from hashrail.errors import BadRequestError, HashrailError, UnauthorizedError, UnavailableError

if TYPE_CHECKING:
    from pytoniq_core.boc.cell import Cell

STATE_INIT_FIELD = "tonWallet.account.walletStateInit"
KEY_BITS = 256
LIBRARY_CELL = 2
# Optional split depth and special flags, then code and data, which a wallet has, then perhaps libraries.
STATE_INIT_BITS = re.compile(r"(?:0|1.{5})(?:0|1..)11(?P<library>[01])")


class Step(StrEnum):
    """The checks, in their order."""

    SHAPES = "shapes"
    CHAIN = "chain"
    PAYLOAD = "payload"
    DOMAIN = "domain"
    TIME = "time"
    STATE_INIT = "state_init"
    KEY = "key"
    PUBLIC_KEY = "public_key"
    SIGNATURE = "signature"


# Refusals


class TonProofRefusal(HashrailError):  # noqa: N818  the family of the errors below, which are named as errors
    """A proof that is not accepted; `details.step` names the check that failed."""

    step: ClassVar[Step]

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message, step=self.step.value, **details)


class TonStateInitError(TonProofRefusal, BadRequestError):
    """The walletStateInit is not the StateInit of a wallet."""

    code = "TON_STATE_INIT"
    advice = "Send account.walletStateInit as the wallet gave it: a bag of cells with one root."
    step = Step.STATE_INIT


class TonAddressMismatchError(TonProofRefusal, UnauthorizedError):
    """The StateInit belongs to another address."""

    code = "TON_ADDRESS_MISMATCH"
    advice = "Send address and walletStateInit of one and the same account."
    step = Step.STATE_INIT


class TonWalletDataError(TonProofRefusal, UnauthorizedError):
    """The wallet's version is known, but its data holds no key that may sign for it."""

    code = "TON_WALLET_DATA"
    advice = "Connect a wallet that its own key controls."
    step = Step.KEY


class TonKeyUnknownError(TonProofRefusal, UnauthorizedError):
    """Neither the StateInit nor the chain tells the account's key."""

    code = "TON_KEY_UNKNOWN"
    advice = "Connect a wallet of a standard version, v1 to v5."
    step = Step.KEY


class TonChainRequiredError(TonProofRefusal, UnauthorizedError):
    """The wallet can change its key, so only the chain knows it, and this deployment asks no chain."""

    code = "TON_CHAIN_REQUIRED"
    advice = "Connect a wallet of a standard version, or ask the operator to configure a TON endpoint."
    step = Step.KEY


class TonChainUnavailableError(TonProofRefusal, UnavailableError):
    """The account's key must be read on chain, and the TON endpoint did not tell it."""

    code = "TON_CHAIN_UNAVAILABLE"
    advice = "Send the same proof again in a few seconds; its payload was not consumed."
    step = Step.KEY


# Records


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a wallet version keeps its key: `key_at` bits into a data cell of `data_bits`.

    `may_sign` is the first bit of a wallet whose key is allowed to sign, where there is such a switch. A wallet that
    `rotates` can replace its key on chain, so that its StateInit only tells the first one.
    """

    name: str
    data_bits: int
    key_at: int
    may_sign: int | None = None
    rotates: bool = False


@dataclass(frozen=True, slots=True)
class Wallet:
    """The contract behind the address: its layout if the version is known, and its initial data."""

    layout: Layout | None
    code_hash: bytes
    data: "Cell"

    @property
    def asks_chain(self) -> bool:
        """Whether only the chain knows the present key."""
        return self.layout is None or self.layout.rotates


@dataclass(frozen=True, slots=True)
class ChainKey:
    """The chain's answer: the account's present key."""

    public_key: bytes


@dataclass(frozen=True, slots=True)
class NotDeployed:
    """The chain's answer: there is no contract at the address yet."""


@dataclass(frozen=True, slots=True)
class NoKey:
    """The chain's answer: the account tells no key, and asking again will not help."""

    cause: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The chain could not be asked, or its answer cannot be relied on."""

    cause: str


OnChain: TypeAlias = ChainKey | NotDeployed | NoKey | NoAnswer


# By the hash of the code cell. All were computed from the code that the wallets' makers publish. v5beta's code is a
# library cell: its hash is that of the reference, and stands for one code only.
LAYOUTS = {
    "a0cfc2c48aee16a271f2cfc0b7382d81756cecb1017d077faaab3bb602f6868c": Layout("v1r1", 288, 32),
    "d4902fcc9fad74698fa8e353220a68da0dcf72e32bcb2eb9ee04217c17d3062c": Layout("v1r2", 288, 32),
    "587cc789eff1c84f46ec3797e45fc809a14ff5ae24f1e0c7a6a99cc9dc9061ff": Layout("v1r3", 288, 32),
    "5c9a5e68c108e18721a07c42f9956bfb39ad77ec6d624b60c576ec88eee65329": Layout("v2r1", 288, 32),
    "fe9530d3243853083ef2ef0b4c2908c0abf6fa1c31ea243aacaa5bf8c7d753f1": Layout("v2r2", 288, 32),
    "b61041a58a7980b946e8fb9e198e3c904d24799ffa36574ea4251c41a566f581": Layout("v3r1", 320, 64),
    "84dafa449f98a6987789ba232358072bc0f76dc4524002a5d0918b9a75d2d599": Layout("v3r2", 320, 64),
    "64dd54805522c5be8a9db59cea0105ccf0d08786ca79beb8cb79e880a8d7322d": Layout("v4r1", 321, 64),
    "feb5ff6820e2ff0d9483e7e0d62c817d846789fb4ae580c878866d959dabd5c0": Layout("v4r2", 321, 64),
    "f3d7ca53493deedac28b381986a849403cbac3d2c584779af081065af0ac4b93": Layout("v5beta", 370, 113, may_sign=0),
    "20834b7b72b112147e1b2fb457b84e74d1a30f04f737d4f62a668e9552d2b72f": Layout("v5r1", 322, 65, may_sign=1),
    "9149ae51c1e4689710cebf7830297b16acfbadb363a920a537893e7ffeeca768": Layout("tg", 328, 72, rotates=True),
}


# Verbs


def open_state_init(state_init: bytes, address: str) -> Wallet:
    """The wallet that a StateInit describes. `address` is raw, in lower case. Raises TonStateInitError, and
    TonAddressMismatchError if the StateInit is not the one behind the address."""
    root = _root(state_init)
    code, data = _code_and_data(root)
    workchain, _, account_hash = address.partition(":")
    if root.hash.hex() != account_hash:
        raise TonAddressMismatchError(
            "the walletStateInit is of another address",
            field=STATE_INIT_FIELD,
            stateInitAddress=f"{workchain}:{root.hash.hex()}",
        )
    return Wallet(LAYOUTS.get(code.hash.hex()), code.hash, data)


def key_of(wallet: Wallet, on_chain: OnChain | None) -> bytes:
    """The 32 bytes of the wallet's present key. `on_chain` is what the chain says where `wallet.asks_chain`, None if
    there is no chain to ask. Raises TonWalletDataError, TonKeyUnknownError, TonChainRequiredError and
    TonChainUnavailableError: no answer is never taken for the first key being the present one."""
    if not wallet.asks_chain:
        return _initial_key(wallet)
    code_hash = wallet.code_hash.hex()
    match on_chain:
        case ChainKey(public_key):
            return public_key
        case NotDeployed() if wallet.layout is not None:
            return _initial_key(wallet)
        case NoAnswer(cause):
            raise TonChainUnavailableError("the TON endpoint did not tell the account's key", cause=cause)
        case NoKey(cause):
            raise TonKeyUnknownError("the account tells no key on chain", cause=cause, codeHash=code_hash)
        case None if wallet.layout is not None:
            raise TonChainRequiredError(f"the key of a {wallet.layout.name} wallet is read on chain")
    raise TonKeyUnknownError("the wallet's code is not known", cause="unknown code", codeHash=code_hash)


def _root(state_init: bytes) -> "Cell":
    """The only root of a bag of cells without pruned parts.

    A pruned cell's hash is whatever it says, so that no hash above it proves anything. Of the exotic cells only
    references to libraries occur in wallets.
    """
    roots = _roots(state_init)
    if len(roots) != 1:
        raise _bad_state_init(f"has {len(roots)} roots")
    if any(cell.is_exotic and cell.type_ != LIBRARY_CELL for cell in _cells(roots[0])):
        raise _bad_state_init("has pruned parts")
    return roots[0]


def _roots(state_init: bytes) -> "list[Cell]":
    # Loading the library takes longer than most commands: only who has a proof to read waits for it.
    from pytoniq_core.boc.cell import Cell  # noqa: PLC0415

    try:
        return Cell.from_boc(state_init)
    except Exception as error:
        # pytoniq-core says no with plain Exception, and with whatever its parser trips over.
        raise _bad_state_init("is not a bag of cells") from error


def _cells(root: "Cell") -> "Iterator[Cell]":
    """Every cell once. Cells are shared: a small bag has more ways through it than anyone could walk."""
    seen: set[int] = set()
    waiting = [root]
    while waiting:
        cell = waiting.pop()
        if id(cell) not in seen:
            seen.add(id(cell))
            waiting.extend(cell.refs)
            yield cell


def _code_and_data(root: "Cell") -> "tuple[Cell, Cell]":
    found = None if root.is_exotic else STATE_INIT_BITS.fullmatch(root.bits.to01())
    if found is None or len(root.refs) != 2 + int(found["library"]):
        raise _bad_state_init("is not the StateInit of a contract with code and data")
    return root.refs[0], root.refs[1]


def _bad_state_init(fault: str) -> TonStateInitError:
    return TonStateInitError(f"{STATE_INIT_FIELD} {fault}", field=STATE_INIT_FIELD)


def _initial_key(wallet: Wallet) -> bytes:
    """The key in the data of a wallet whose version is known. The length is checked here: cells do not underflow."""
    layout = wallet.layout
    assert layout is not None, "a wallet of unknown code has no layout"
    bits = wallet.data.bits
    if wallet.data.is_exotic or len(bits) != layout.data_bits:
        raise TonWalletDataError(f"the data is not that of a {layout.name} wallet", wallet=layout.name)
    if layout.may_sign is not None and bits[0] != layout.may_sign:
        raise TonWalletDataError("the wallet does not accept its own key", wallet=layout.name)
    return bytes(bits[layout.key_at : layout.key_at + KEY_BITS].tobytes())
