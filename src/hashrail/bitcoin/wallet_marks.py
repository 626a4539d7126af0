"""What we write into the wallet on a node about itself: which one it is, and how far it has looked back.

Nothing that the node tells by itself says so. Two wallets of the same name and keys look alike, and the time that it
tells of a descriptor is the one that somebody has asked for, also where the look-back to it has failed. A label in the
wallet is lost with the wallet, and goes with its copy. It stands at an address that is nobody's.
"""

import re
from hashlib import sha256

from hashrail.bitcoin import addresses
from hashrail.bitcoin.node import BitcoinNode
from hashrail.bitcoin.records import WalletMark
from hashrail.settings import Network

# P2WSH of a hash that no script is known for.
SCRIPT = b"\x00\x20" + sha256(b"hashrail: the mark of a wallet").digest()
TEXT = re.compile(r"hashrail (?P<instance>[0-9a-f-]{36}|new)( (?P<step>looking|looked) back to (?P<since>\d{1,12}))?")


async def read(node: BitcoinNode, network: Network) -> WalletMark:
    """What stands there; an empty mark where there is none."""
    for label in await node.labels_of(addresses.from_script(SCRIPT, network)):
        found = TEXT.fullmatch(label)
        if found is not None:
            instance = None if found["instance"] == "new" else found["instance"]
            since = None if found["since"] is None else int(found["since"])
            return WalletMark(instance, since, ended=found["step"] == "looked")
    return WalletMark()


async def write(node: BitcoinNode, network: Network, mark: WalletMark) -> None:
    """Write it, in place of what stood there."""
    text = f"hashrail {mark.instance or 'new'}"
    if mark.looks_back_to is not None:
        text += f" {'looked' if mark.ended else 'looking'} back to {mark.looks_back_to}"
    await node.put_label(addresses.from_script(SCRIPT, network), text)
