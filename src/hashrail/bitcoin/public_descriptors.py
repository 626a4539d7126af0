"""The public descriptors of an external signer, kept in the books for processes that never read its keys.

Whoever has the signer writes them down. From then on every process derives addresses itself, and an address that the
node gives counts only where the signer's descriptor gives it as well.
"""

import re
from typing import Literal

import bdkpython as bdk

from hashrail.bitcoin.addresses import BDK_NETWORKS
from hashrail.db import Reader, Tx
from hashrail.errors import HashrailError
from hashrail.settings import Network

Side = Literal["receive", "change"]
# An index above it is hardened.
MAX_INDEX = 2**31 - 1
# The only shape that bdkpython is given; see `signer.DESCRIPTOR`.
DESCRIPTOR = re.compile(r"(wpkh|tr)\((\[[0-9a-f]{8}(/\d+['h])*\])?[xt]pub\w+(/\d+)*/\*\)(#\w{8})?")


class AddressNotOursError(HashrailError):
    """The node gave an address that the signer's descriptor does not give."""

    status = 502
    code = "ADDRESS_NOT_OURS"
    advice = "Give out no address of this node before it is understood whose it is."


async def keep(tx: Tx, receive: str, change: str) -> None:
    """Write them down; other ones than before begin with the first address. Again is a no-op."""
    before = await tx.fetchval("SELECT descriptor FROM signer_descriptor WHERE side = 'receive'")
    kept: list[tuple[Side, str]] = [("change", change), ("receive", receive)]
    await tx.executemany(
        """INSERT INTO signer_descriptor AS d (side, descriptor) VALUES ($1, $2)
           ON CONFLICT (side) DO UPDATE SET descriptor = excluded.descriptor
           WHERE d.descriptor <> excluded.descriptor""",
        kept,
    )
    if before not in (None, receive):
        await tx.execute("UPDATE deposit_index SET next_index = 0 WHERE id = 1")


async def receive(tx: Reader) -> str | None:
    """The descriptor of addresses to receive with; None where nobody with a signer has been here."""
    kept: str | None = await tx.fetchval("SELECT descriptor FROM signer_descriptor WHERE side = 'receive'")
    return kept


def derive(descriptor: str, index: int, network: Network) -> str:
    """The address of a public descriptor at an index."""
    assert DESCRIPTOR.fullmatch(descriptor), "a signer has descriptors of this shape only"
    assert 0 <= index <= MAX_INDEX, "others are hardened, and a public descriptor has none"
    kind = bdk.NetworkKind.MAIN if network == "bitcoin" else bdk.NetworkKind.TEST
    return str(bdk.Descriptor(descriptor, kind).derive_address(index, BDK_NETWORKS[network]))
