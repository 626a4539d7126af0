"""Signatures of coins against the examples of BIP 143, BIP 340 and BIP 341."""

import pytest

from hashrail_client import bip340, coin_signatures
from hashrail_client.coin_signatures import Paid

# BIP 143, "Native P2WPKH": the second input. The first is no witness input, so its signature is left out.
SEGWIT_UNSIGNED = (
    "0100000002fff7f7881a8099afa6940d42d1e7f6362bec38171ea3edf433541db4e4ad969f0000000000eeffffff"
    "ef51e1b804cc89d182d279655c3aa89e815b1b309fe287d9b2b55d57b90ec68a0100000000ffffffff02202cb206000000001976a914"
    "8280b37df378db99f66f85c95a783a76ac7a6d5988ac9093510d000000001976a9143bde42dbee7e4dbe6a21b2d50ce2f0167faa815988ac"
    "11000000"
)
SEGWIT_COIN = Paid(600_000_000, bytes.fromhex("00141d0f172a0ecb48aee1be1f2687d2963ae33f71a1"))
SEGWIT_DIGEST = "c37af31116d1b27caf68aae9e3ac82f1477929014d5b917657d0eb49478cb670"
SEGWIT_SIGNATURE = (
    "304402203609e17b84f6a7d30c80bfa610b5b4542f32a8a0d5447a12fb1366d7f01cc44a0220573a954c4518331561406f90300e8f33"
    "58f51928d43c212a8caed02de67eebee01"
)
SEGWIT_KEY = "025476c2e83188368da1ff3e292e7acafcdb3566bb0ad253f62fc70f07aeee6357"
# BIP 341's wallet vectors, "keyPathSpending".
TAPROOT_UNSIGNED = (
    "02000000097de20cbff686da83a54981d2b9bab3586f4ca7e48f57f5b55963115f3b334e9c010000000000000000d7b7cab57b1393ace2d0"
    "64f4d4a2cb8af6def61273e127517d44759b6dafdd990000000000fffffffff8e1f583384333689228c5d28eac13366be082dc57441760d957"
    "275419a418420000000000fffffffff0689180aa63b30cb162a73c6d2a38b7eeda2a83ece74310fda0843ad604853b0100000000feffffffaa"
    "5202bdf6d8ccd2ee0f0202afbbb7461d9264a25e5bfd3c5a52ee1239e0ba6c0000000000feffffff956149bdc66faa968eb2be2d2faa29718a"
    "cbfe3941215893a2a3446d32acd050000000000000000000e664b9773b88c09c32cb70a2a3e4da0ced63b7ba3b22f848531bbb1d5d5f4c9401"
    "0000000000000000e9aa6b8e6c9de67619e6a3924ae25696bb7b694bb677a632a74ef7eadfd4eabf0000000000ffffffffa778eb6a263dc090"
    "464cd125c466b5a99667720b1c110468831d058aa1b82af10100000000ffffffff0200ca9a3b000000001976a91406afd46bcdfd22ef94ac12"
    "2aa11f241244a37ecc88ac807840cb0000000020ac9a87f5594be208f8532db38cff670c450ed2fea8fcdefcc9a663f78bab962b0065cd1d"
)
TAPROOT_COINS = [
    Paid(amount_sat, bytes.fromhex(script))
    for amount_sat, script in (
        (420_000_000, "512053a1f6e454df1aa2776a2814a721372d6258050de330b3c6d10ee8f4e0dda343"),
        (462_000_000, "5120147c9c57132f6e7ecddba9800bb0c4449251c92a1e60371ee77557b6620f3ea3"),
        (294_000_000, "76a914751e76e8199196d454941c45d1b3a323f1433bd688ac"),
        (504_000_000, "5120e4d810fd50586274face62b8a807eb9719cef49c04177cc6b76a9a4251d5450e"),
        (630_000_000, "512091b64d5324723a985170e4dc5a0f84c041804f2cd12660fa5dec09fc21783605"),
        (378_000_000, "00147dd65592d0ab2fe0d0257d571abf032cd9db93dc"),
        (672_000_000, "512075169f4001aa68f15bbed28b218df1d0a62cbbcf1188c6665110c293c907b831"),
        (546_000_000, "5120712447206d7a5238acc7ff53fbe94a3b64539ad291c7cdbc490b7577e4b17df5"),
        (588_000_000, "512077e30a5522dd9f894c3f8b8bd4c4b2cf82ca7da8a3ea6a239655c39c050ab220"),
    )
]
ALL_WRITTEN_OUT = (
    "ff45f742a876139946a149ab4d9185574b98dc919d2eb6754f8abaa59d18b025637a3aa043b91817739554f4ed2026cf8022dbd83e351ce1fa"
    "bc272841d2510a01"
)
ALL_BY_DEFAULT = (
    "b4010dd48a617db09926f729e79c33ae0b4e94b79f04a1ae93ede6315eb3669de185a17d2b0ac9ee09fd4c64b678a0b61a0a86fa888a273c85"
    "11be83bfd6810f"
)
# Signed over single or no outputs, or over one input alone.
OF_OTHER_KINDS = {
    6: (
        "a3785919a2ce3c4ce26f298c3d51619bc474ae24014bcdd31328cd8cfbab2eff"
        "3395fa0a16fe5f486d12f22a9cedded5ae74feb4bbe5351346508c5405bcfee002"
    ),
    8: (
        "bbc9584a11074e83bc8c6759ec55401f0ae7b03ef290c3139814f545b58a9f81"
        "27258000874f44bc46db7646322107d4d86aec8e73b8719a61fff761d75b5dd981"
    ),
}
SOME, KEY = (
    "243F6A8885A308D313198A2E03707344A4093822299F31D0082EFA98EC4E6C89",
    "DFF1D77F2A671C5F36183726DB2341BE58FEAE1DA2DECED843240F7B502BA659",
)
R, S = (
    "6CFF5C3BA86C69EA4B7376F31A9BCB4F74C1976089B2D9963DA2E5543E177769",
    "69E89B4C5564D00349106B8497785DD7D1D713A8AE82B32FA79D5F7FC407D39B",
)
ZEROES = "00" * 32
# BIP 340's test vectors: key, message, signature, whether it holds.
SCHNORR = [
    (
        "F9308A019258C31049344F85F89D5229B531C845836F99B08601F113BCE036F9",
        ZEROES,
        (
            "E907831F80848D1069A5371B402410364BDF1C5F8307B0084C55F1CE2DCA8215"
            "25F66A4A85EA8B71E482A74F382D2CE5EBEEE8FDB2172F477DF4900D310536C0"
        ),
        True,
    ),
    (
        KEY,
        SOME,
        (
            "6896BD60EEAE296DB48A229FF71DFE071BDE413E6D43F917DC8DCF8C78DE3341"
            "8906D11AC976ABCCB20B091292BFF4EA897EFCB639EA871CFA95F6DE339E4B0A"
        ),
        True,
    ),
    (
        "DD308AFEC5777E13121FA72B9CC1B7CC0139715309B086C960E18FD969774EB8",
        "7E2D58D8B3BCDF1ABADEC7829054F90DDA9805AAB56C77333024B9D0A508B75C",
        (
            "5831AAEED7B44BB74E5EAB94BA9D4294C49BCF2A60728D8B4C200F50DD313C1B"
            "AB745879A5AD954A72C45A91C3A51D3C7ADEA98D82F8481E0E1E03674A6F3FB7"
        ),
        True,
    ),
    (
        "25D1DFF95105F5253C4022F628A996AD3A0D95FBF21D468A1B33F8C160D8F517",
        "FF" * 32,
        (
            "7EB0509757E246F19449885651611CB965ECC1A187DD51B64FDA1EDC9637D5EC"
            "97582B9CB13DB3933705B32BA982AF5AF25FD78881EBB32771FC5922EFC66EA3"
        ),
        True,
    ),
    (
        "D69C3509BB99E412E68B0FE8544E72837DFA30746D8BE2AA65975F29D22DC7B9",
        "4DF3C3F68FCC83B27E9D42C90431A72499F17875C81A599B566C9889B9696703",
        (
            "00000000000000000000003B78CE563F89A0ED9414F5AA28AD0D96D6795F9C63"
            "76AFB1548AF603B3EB45C9F8207DEE1060CB71C04E80F593060B07D28308D7F4"
        ),
        True,
    ),
    ("EEFDEA4CDB677750A420FEE807EACF21EB9898AE79B9768766E4FAA04A2D4A34", SOME, R + S, False),
    (
        KEY,
        SOME,
        (
            "FFF97BD5755EEEA420453A14355235D382F6472F8568A18B2F057A1460297556"
            "3CC27944640AC607CD107AE10923D9EF7A73C643E166BE5EBEAFA34B1AC553E2"
        ),
        False,
    ),
    (
        KEY,
        SOME,
        (
            "1FA62E331EDBC21C394792D2AB1100A7B432B013DF3F6FF4F99FCB33E0E1515F"
            "28890B3EDB6E7189B630448B515CE4F8622A954CFE545735AAEA5134FCCDB2BD"
        ),
        False,
    ),
    (KEY, SOME, R + "961764B3AA9B2FFCB6EF947B6887A226E8D7C93E00C5ED0C1834FF0D0C2E6DA6", False),
    (KEY, SOME, ZEROES + "123DDA8328AF9C23A94C1FEECFD123BA4FB73476F0D594DCB65C6425BD186051", False),
    (KEY, SOME, "00" * 31 + "01" + "7615FBAF5AE28864013C099742DEADB4DBA87F11AC6754F93780D5A1837CF197", False),
    (KEY, SOME, "4A298DACAE57395A15D0795DDBFD1DCB564DA82B0F269BC70A74F8220429BA1D" + S, False),
    (KEY, SOME, "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC2F" + S, False),
    (KEY, SOME, R + "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141", False),
    ("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFC30", SOME, R + S, False),
    (KEY, SOME, R, False),
]


def with_witness(unsigned: str, place: int, *witness: str) -> coin_signatures.Transaction:
    """A transaction whose input at a place is signed."""
    found = coin_signatures.read(bytes.fromhex(unsigned))
    inputs = list(found.inputs)
    inputs[place] = inputs[place]._replace(witness=tuple(map(bytes.fromhex, witness)))
    return coin_signatures.Transaction(found.version, tuple(inputs), found.outputs, found.lock_time)


@pytest.mark.parametrize(("key", "message", "signature", "holds"), SCHNORR)
def test_schnorr(key: str, message: str, signature: str, holds: bool) -> None:
    assert bip340.verify(*map(bytes.fromhex, (key, message, signature))) is holds


def test_segwit() -> None:
    signed = with_witness(SEGWIT_UNSIGNED, 1, SEGWIT_SIGNATURE, SEGWIT_KEY)
    assert signed.without_witness().hex() == SEGWIT_UNSIGNED
    assert coin_signatures.segwit_digest(signed, 1, SEGWIT_COIN).hex() == SEGWIT_DIGEST
    coins = [Paid(625_000_000, b""), SEGWIT_COIN]
    assert coin_signatures.is_signed(signed, 1, coins)
    assert not coin_signatures.is_signed(signed, 1, [coins[0], SEGWIT_COIN._replace(amount_sat=600_000_001)])
    of_nobody = with_witness(SEGWIT_UNSIGNED, 1)
    assert not coin_signatures.is_signed(of_nobody, 1, coins)
    over_no_outputs = with_witness(SEGWIT_UNSIGNED, 1, SEGWIT_SIGNATURE[:-2] + "02", SEGWIT_KEY)
    assert not coin_signatures.is_signed(over_no_outputs, 1, coins)


@pytest.mark.parametrize(
    ("place", "kind", "digest", "signature"),
    [
        (3, 1, "bf013ea93474aa67815b1b6cc441d23b64fa310911d991e713cd34c7f5d46669", ALL_WRITTEN_OUT),
        (4, 0, "4f900a0bae3f1446fd48490c2958b5a023228f01661cda3496a11da502a7f7ef", ALL_BY_DEFAULT),
    ],
)
def test_taproot(place: int, kind: int, digest: str, signature: str) -> None:
    signed = with_witness(TAPROOT_UNSIGNED, place, signature)
    assert coin_signatures.taproot_digest(signed, place, TAPROOT_COINS, kind).hex() == digest
    assert coin_signatures.is_signed(signed, place, TAPROOT_COINS)
    first, *others = TAPROOT_COINS
    other_amount = [first._replace(amount_sat=1), *others]
    assert not coin_signatures.is_signed(signed, place, other_amount), "it is over the amounts of all"


@pytest.mark.parametrize("place", OF_OTHER_KINDS)
def test_signatures_over_a_part_do_not_count(place: int) -> None:
    signed = with_witness(TAPROOT_UNSIGNED, place, OF_OTHER_KINDS[place])
    assert not coin_signatures.is_signed(signed, place, TAPROOT_COINS)


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match="neither P2WPKH nor P2TR"):
        coin_signatures.is_signed(with_witness(TAPROOT_UNSIGNED, 2), 2, TAPROOT_COINS)
    raw = bytes.fromhex(TAPROOT_UNSIGNED)
    for broken in (raw[:-1], raw + b"\x00", b"", raw[:41] + b"\x01\x51" + raw[42:]):
        with pytest.raises(ValueError, match=r"cut off|follow|outside"):
            coin_signatures.read(broken)
