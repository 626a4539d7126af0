"""Addresses that may be bound and paid: the published vectors, every network against every other, and damage."""

from typing import get_args

import bdkpython as bdk
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashrail.bitcoin import addresses
from hashrail.bitcoin.addresses import BDK_NETWORKS, MAX_LENGTH, AddressInvalidError, parse
from hashrail.settings import Network

NETWORKS: tuple[Network, ...] = get_args(Network)
MAIN: Network = "bitcoin"
G = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"

# BIP-173 and BIP-350: valid addresses with their scripts, and what they are to us.
VALID: list[tuple[str, Network, str, str]] = [
    ("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", MAIN, "P2WPKH", "0014751e76e8199196d454941c45d1b3a323f1433bd6"),
    (
        *("tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7", "signet", "P2WSH"),
        "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
    ),
    (
        *("tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy", "testnet4", "P2WSH"),
        "0020000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
    ),
    (
        *("tb1pqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesf3hn0c", "testnet4", "P2TR"),
        "5120000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
    ),
    ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", MAIN, "P2TR", f"5120{G}"),
    ("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2", MAIN, "P2PKH", "76a91477bff20c60e522dfaa3350c39b030a5d004e839a88ac"),
    ("3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", MAIN, "P2SH", "a914b472a266d0bd89c13706a4132ccfb16f7c3b9fcb87"),
    ("mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", "regtest", "P2PKH", "76a914243f1394f44554f4ce3fd68649c19adc483ce92488ac"),
    ("2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc", "regtest", "P2SH", "a9144e9f39ca4688ff102128ea4ccda34105324305b087"),
]
# BIP-350: valid, but nobody can say yet who may spend what is sent there.
LATER = (
    "bc1pw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kt5nd6y",
    "BC1SW50QGDZ25J",
    "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs",
)
# BIP-173 and BIP-350: invalid for any network, and why. What BIP-173 took for right after version 0 has its checksum,
# which is none of a later version since BIP-350.
INVALID = {
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5": "checksum",
    "BC13W508D6QEJXTDG4Y5R3ZARVARY0C5XW7KN40WF2": "checksum",  # version 17
    "bc1rw5uspcuh": "checksum",  # program of one byte
    "bc10w508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kw5rljs90": "checksum",  # program of 41 bytes
    "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P": "checksum",  # version 0 with 16 bytes
    "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sL5k7": "mixed case",
    "bc1zw508d6qejxtdg4y5r3zarvaryvqyzf3du": "checksum",  # more than four bits of padding
    "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3pjxtptv": "checksum",  # padding that is not zero
    "bc1gmk9yu": "checksum",  # nothing in it
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd": "checksum",  # version 1 with that of version 0
    "tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf": "checksum",
    "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL": "checksum",
    "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh": "checksum",  # version 0 with that of version 1
    "tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47": "checksum",
    "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4": "no address",  # a character that there is not
    "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R": "checksum",  # 17
    "bc1pw5dgrnzv": "checksum",  # of one byte
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav": "checksum",  # of 41 bytes
    "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq": "mixed case",
    "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf": "checksum",  # more than four bits
    "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j": "checksum",  # padding that is not zero
}
# Each kind of script that is paid.
SCRIPTS = {kind: bytes.fromhex(script) for _, _, kind, script in VALID}


def refusal(text: str, network: Network = MAIN) -> str:
    """Why an address is refused; the refusal names field and network as well."""
    with pytest.raises(AddressInvalidError) as caught:
        parse(text, network, field="address")
    error = caught.value
    assert (error.status, error.code) == (400, "ADDRESS_INVALID")
    assert sorted(error.details) == ["field", "network", "reason"]
    assert (error.details["field"], error.details["network"]) == ("address", network)
    assert error.message.endswith(str(error.details["reason"]))
    return str(error.details["reason"])


def written(script: bytes, network: Network) -> str:
    """The address of a script on a network."""
    return str(bdk.Address.from_script(bdk.Script(script), BDK_NETWORKS[network]))


@pytest.mark.parametrize(("text", "network", "kind", "script"), VALID, ids=lambda value: str(value)[:12])
def test_valid_vectors(text: str, network: Network, kind: str, script: str) -> None:
    found = parse(text, network, field="address")
    assert (found.script.hex(), found.kind) == (script, kind)
    assert found.text == (text.lower() if text.isupper() else text)
    assert parse(found.text, network, field="address") == found


def test_the_vectors_have_every_kind() -> None:
    assert sorted(SCRIPTS) == ["P2PKH", "P2SH", "P2TR", "P2WPKH", "P2WSH"]
    assert set(BDK_NETWORKS) == set(NETWORKS)


@pytest.mark.parametrize("text", LATER)
def test_later_witness_versions_are_refused_by_that_name(text: str) -> None:
    assert refusal(text) == "witness version"
    assert refusal(text, "regtest") == "network"


@pytest.mark.parametrize(("text", "reason"), INVALID.items())
@pytest.mark.parametrize("network", NETWORKS)
def test_invalid_vectors_are_invalid_everywhere(text: str, reason: str, network: Network) -> None:
    assert refusal(text, network) == reason


@pytest.mark.parametrize(
    "text",
    [
        "tc1qw508d6qejxtdg4y5r3zarvary0c5xw7kg3g4ty",  # BIP-173: a prefix that nobody has
        "tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut",  # BIP-350
        "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9",  # Litecoin
        "LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1",
    ],
)
@pytest.mark.parametrize("network", NETWORKS)
def test_other_chains_are_another_network(text: str, network: Network) -> None:
    assert refusal(text, network) == "network"


# The test networks share the prefixes of old addresses, and testnet4 and signet those of new ones too: an address of
# one is as good as one of the other, and nobody can tell them apart.
TWINS: dict[str, dict[Network, set[Network]]] = {
    "legacy": {
        "bitcoin": {"bitcoin"},
        "testnet4": {"testnet4", "signet", "regtest"},
        "signet": {"testnet4", "signet", "regtest"},
        "regtest": {"testnet4", "signet", "regtest"},
    },
    "witness": {
        "bitcoin": {"bitcoin"},
        "testnet4": {"testnet4", "signet"},
        "signet": {"testnet4", "signet"},
        "regtest": {"regtest"},
    },
}


@pytest.mark.parametrize("theirs", NETWORKS)
@pytest.mark.parametrize("ours", NETWORKS)
@pytest.mark.parametrize("kind", sorted(SCRIPTS))
def test_each_network_against_each(kind: str, ours: Network, theirs: Network) -> None:
    text = written(SCRIPTS[kind], theirs)
    form = "legacy" if kind in ("P2PKH", "P2SH") else "witness"
    if ours in TWINS[form][theirs]:
        found = parse(text, ours, field="address")
        assert (found.text, found.script, found.kind) == (text, SCRIPTS[kind], kind)
    else:
        assert refusal(text, ours) == "network"


# Case


def test_upper_case_is_the_same_address() -> None:
    for network in NETWORKS:
        for kind in ("P2WPKH", "P2WSH", "P2TR"):
            text = written(SCRIPTS[kind], network)
            assert parse(text.upper(), network, field="address") == parse(text, network, field="address")
            assert parse(text.upper(), network, field="address").text == text


def test_old_addresses_mean_their_case() -> None:
    assert refusal("1BVBMSEYSTWETQTFN5AU4M4GFG7XJANVN2") == "checksum"


@pytest.mark.parametrize("prefix", ["Bc1", "bC1", "BC1"])
def test_mixed_case_is_refused_by_that_name(prefix: str) -> None:
    for network in NETWORKS:
        assert refusal(f"{prefix}qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", network) == "mixed case"


# What is no address at all


@pytest.mark.parametrize("space", [" ", "\t", "\n", "\r\n", "\u00a0", "\u2003", "\u3000", "\x1c"], ids=ascii)
def test_white_space_is_refused_wherever_it_is(space: str) -> None:
    text = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
    for place in (0, 3, 20, len(text)):
        assert refusal(text[:place] + space + text[place:]) == "white space"
    assert refusal(space) == "white space"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1" * (MAX_LENGTH + 1),
        "bc1q" * 30,
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4\u200b",  # a space of no width
        "bс1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "１BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
    ],
    ids=ascii,
)
def test_no_address(text: str) -> None:
    assert refusal(text) == "no address"


@pytest.mark.parametrize(
    "text",
    [
        *("1", "1" * MAX_LENGTH, "x", "0OIl", "nowhere", "alice@example.com", "\x00", "bc1", "bc1q", "BC1", "tb1qqqq"),
        "bitcoin:1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
        "BITCOIN:BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
        "bitcoin:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4?amount=0.1",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4?amount=0.1",
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVNl",  # a character that there is not
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3tb",
    ],
    ids=ascii,
)
@pytest.mark.parametrize("network", NETWORKS)
def test_where_no_checksum_can_be_read_it_is_no_address(text: str, network: Network) -> None:
    assert refusal(text, network) == "no address"


@pytest.mark.parametrize(
    "text",
    [
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3",
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN",  # the last one is left out
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN22",  # and said twice
        "LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc2",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t",
        "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt08",
    ],
)
@pytest.mark.parametrize("network", NETWORKS)
def test_what_could_have_been_an_address_is_mistyped(text: str, network: Network) -> None:
    assert refusal(text, network) == "checksum"


def test_a_long_text_is_not_repeated_in_full() -> None:
    with pytest.raises(AddressInvalidError) as caught:
        parse("1" * 10_000, MAIN, field="address")
    assert len(caught.value.message) < 2 * MAX_LENGTH


# What can be parsed and is not paid


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (next(iter(addresses.BURN_SCRIPTS)), "burn"),
        (bytes.fromhex("51024e73"), "anchor"),
        (bytes.fromhex("51024e74"), "witness version"),
        (bytes.fromhex("511400") + bytes(19), "witness version"),
        (bytes.fromhex("5220") + bytes(32), "witness version"),
        (bytes.fromhex("6002751e"), "witness version"),
    ],
    ids=lambda value: value.hex()[:8] if isinstance(value, bytes) else value,
)
@pytest.mark.parametrize("network", NETWORKS)
def test_scripts_that_are_not_paid(script: bytes, reason: str, network: Network) -> None:
    assert refusal(written(script, network), network) == reason


def test_the_known_ones_by_name() -> None:
    assert refusal("1111111111111111111114oLvT2") == "burn"
    assert refusal("bc1pfeessrawgf") == "anchor"


# Damage

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
MISTYPED = ("checksum", "network", "no address", "mixed case")


@given(
    kind=st.sampled_from(sorted(SCRIPTS)),
    network=st.sampled_from(NETWORKS),
    place=st.integers(0, 200),
    other=st.sampled_from(ALPHABET),
)
def test_a_mistyped_character_is_never_another_address(kind: str, network: Network, place: int, other: str) -> None:
    text = written(SCRIPTS[kind], network)
    place %= len(text)
    if text[place] != other:
        assert refusal(text[:place] + other + text[place + 1 :], network) in MISTYPED


@pytest.mark.parametrize("kind", sorted(SCRIPTS))
def test_neighbours_changed_places(kind: str) -> None:
    text = written(SCRIPTS[kind], MAIN)
    for place in range(len(text) - 1):
        left, right = text[place], text[place + 1]
        if left != right:
            assert refusal(f"{text[:place]}{right}{left}{text[place + 2 :]}") in MISTYPED


def test_the_weak_spot_of_the_old_checksum() -> None:
    """Each q before a last p keeps it right, but a program of that length is none of version 0."""
    texts = (written(bytes.fromhex("0014") + number.to_bytes(20, "big"), MAIN) for number in range(1000))
    text = next(each for each in texts if each.endswith("p"))
    assert parse(text, MAIN, field="address").kind == "P2WPKH"
    for count in range(1, 11):
        assert refusal(f"{text[:-1]}{'q' * count}p") == "checksum"
