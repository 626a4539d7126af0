"""Checking that a user is in what a deployment says it owes: a tree whose root is signed, and a path up to it.

    liabilities = verify_liabilities(client.proofs.liabilities(), keys)
    proof = client.proofs.balance("alice")
    verify_balance(liabilities, proof, partner_user_id="alice", amount=Decimal("0.00012"))

Each user whom bitcoin is owed to is one leaf, and each node adds up the two below it. A leaf's hash binds the day, the
amount, and an owner: a hash of partner, user and a nonce that only they are told. A node's hash binds hash and sum of
both its children. So a path that holds says that the user's amount is part of the signed sum, that nothing on the way
is negative, and that no other user can have been shown the same leaf. A node without a neighbour goes up as it is, and
number and count of leaves alone say where that is: nothing is padded.

What it does not prove: that users who never look are in the tree.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from hashrail_client.proofs import ProofError, VerifiedDay, open_document

KIND, VERSION = "hashrail liabilities", 1
DECIMALS = 18
# Amounts have one spelling, since they are hashed: no sign, no leading zero, 18 decimals.
AMOUNT = re.compile(r"(0|[1-9][0-9]{0,19})\.([0-9]{18})")
HASH = re.compile(r"[0-9a-f]{64}")
EMPTY_ROOT = bytes(32)


class Node(NamedTuple):
    """A node of the tree: its hash, and what is owed below it in units of 10^-18 BTC."""

    hash: bytes
    units: int


@dataclass(frozen=True)
class VerifiedLiabilities:
    """A document that holds: the hash that the next has to name, the root, and how many leaves are below it."""

    day: str
    sha256: str
    root: Node
    count: int
    content: Mapping[str, Any]

    @property
    def total(self) -> Decimal:
        """What is owed, BTC."""
        return Decimal(self.root.units).scaleb(-DECIMALS)


def verify_liabilities(
    document: Mapping[str, Any],
    keys: Mapping[str, bytes],
    *,
    day: VerifiedDay | None = None,
    previous: VerifiedLiabilities | None = None,
) -> VerifiedLiabilities:
    """The document of what is owed, as the operation `proof_liabilities` answers it.

    With `day` it has to name that document of its day; with `previous`, the one of liabilities before it. Raises
    ProofError: KEY_UNKNOWN, SIGNATURE, HASH, CONTENT, DAY_DOCUMENT or CHAIN.
    """
    sha256, content = open_document(document, keys, KIND, VERSION)
    try:
        root, count = Node(_hash(content["root"]), units(content["sum"])), int(content["count"])
    except (KeyError, ValueError) as error:
        raise ProofError("CONTENT", f"root, sum or count cannot be read: {error}") from error
    if count < 0 or (count == 0) != (root == Node(EMPTY_ROOT, 0)):
        raise ProofError("CONTENT", f"{count} leaves cannot have this root")
    if day is not None and (content["day"], content["dayDocument"]) != (day.day, day.sha256):
        raise ProofError("DAY_DOCUMENT", f"it names another document of a day than that of {day.day}")
    if previous is not None and content["previous"] != previous.sha256:
        raise ProofError("CHAIN", f"it does not follow from the liabilities of {previous.day}")
    return VerifiedLiabilities(content["day"], sha256, root, count, content)


def verify_balance(
    liabilities: VerifiedLiabilities, proof: Mapping[str, Any], *, partner_user_id: str, amount: Decimal | None = None
) -> Decimal:
    """A user's proof, as `s2s_proof_balance` and `c2s_proof_balance` answer it; answers the BTC that it proves.

    `partner_user_id` is who the user is, from whoever checks; `amount` what they know to be owed. Raises ProofError:
    DAY, USER, AMOUNT, BALANCE, PATH or SUM.
    """
    if proof["day"] != liabilities.day:
        raise ProofError("DAY", f"the proof is of {proof['day']}, the liabilities of {liabilities.day}")
    if proof["partnerUserId"] != partner_user_id:
        raise ProofError("USER", f"it is the proof of {proof['partnerUserId']}")
    try:
        owed = units(proof["amount"])
        path = [Node(_hash(each["hash"]), units(each["sum"])) for each in proof["path"]]
        owner = owner_of(liabilities.day, _hash(proof["nonce"]), str(proof["partnerId"]), partner_user_id)
    except (KeyError, TypeError, ValueError) as error:
        raise ProofError("AMOUNT", f"an amount or a hash is not written as it has to be: {error}") from error
    if amount is not None and amount.scaleb(DECIMALS) != owed:
        raise ProofError("BALANCE", f"the tree says {proof['amount']} BTC, and not {amount:f}")
    found = climb(leaf(liabilities.day, owner, owed), int(proof["index"]), liabilities.count, path)
    if found.hash != liabilities.root.hash:
        raise ProofError("PATH", "the path leads to another root")
    if found.units != liabilities.root.units:
        raise ProofError("SUM", f"the path adds up to {spelled(found.units)} BTC")
    return Decimal(owed).scaleb(-DECIMALS)


def owner_of(day: str, nonce: bytes, partner_id: str, partner_user_id: str) -> bytes:
    """Whose a leaf is, for who knows the nonce."""
    return _sha256(f"hashrail liability owner\n{day}\n{nonce.hex()}\n{partner_id}\n{partner_user_id}")


def leaf(day: str, owner: bytes, owed: int) -> Node:
    """The leaf of an owner to whom so many units are owed."""
    return Node(_sha256(f"hashrail liability leaf\n{day}\n{owner.hex()}\n{spelled(owed)}"), owed)


def join(left: Node, right: Node) -> Node:
    """The node above two."""
    (one, one_units), (other, other_units) = left, right
    text = f"hashrail liability node\n{one.hex()} {spelled(one_units)}\n{other.hex()} {spelled(other_units)}"
    return Node(_sha256(text), one_units + other_units)


def row_above(row: Sequence[Node]) -> list[Node]:
    """The next row of a tree; a last node without a neighbour goes up as it is."""
    above = [join(row[place], row[place + 1]) for place in range(0, len(row) - 1, 2)]
    return [*above, row[-1]] if len(row) % 2 else above


def climb(node: Node, index: int, count: int, path: Sequence[Node]) -> Node:
    """The root over the leaf of a number, by its neighbours on the way up. Raises ProofError: PATH."""
    if not 0 <= index < count:
        raise ProofError("PATH", f"there is no leaf {index} among {count}")
    left = list(reversed(path))
    while count > 1:
        if index % 2 or index + 1 < count:
            if not left:
                raise ProofError("PATH", "the path is too short")
            beside = left.pop()
            node = join(beside, node) if index % 2 else join(node, beside)
        index, count = index // 2, (count + 1) // 2
    if left:
        raise ProofError("PATH", "the path is too long")
    return node


def spelled(amount: int) -> str:
    """Units as an amount of BTC."""
    whole, rest = divmod(amount, 10**DECIMALS)
    return f"{whole}.{rest:018d}"


def units(text: object) -> int:
    """An amount as units. Raises ValueError where it is not spelled as amounts are, and so for each negative one."""
    found = AMOUNT.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"{text} is no amount with 18 decimals")
    return int(found[1] + found[2])


def _hash(text: object) -> bytes:
    if not isinstance(text, str) or not HASH.fullmatch(text):
        raise ValueError(f"{text} is no SHA-256 in hex")
    return bytes.fromhex(text)


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
