"""The choice of coins, by itself and against what a real node makes of it."""

import uuid
from decimal import Decimal

import msgspec
import pytest

from hashrail.bitcoin.coin_selection import PaymentTooLargeError, WalletShortError, choose
from hashrail.bitcoin.records import Coin, Outpoint
from hashrail.bitcoin.signer import Intent, NodeSigner
from tests.support.bitcoin_node import Node
from tests.support.paying import customer

WITNESS, TAPROOT, LEGACY = "0014" + "00" * 20, "5120" + "00" * 32, "76a914" + "00" * 20 + "88ac"


def coin(amount_btc: str, script: str = WITNESS, vout: int = 0) -> Coin:
    return Coin("aa" * 32, vout, Decimal(amount_btc), script, confirmations=1, solvable=True, safe=True)


def chosen(
    coins: list[Coin], pays_btc: str, sat_per_vb: str = "1", reserved: frozenset[Outpoint] = frozenset()
) -> list[str]:
    outputs, rate = {"a": Decimal(pays_btc)}, Decimal(sat_per_vb)
    found = choose(coins, outputs, sat_per_vb=rate, max_fee_btc=Decimal(1), reserved=reserved)
    return [str(each.amount_btc) for each in found]


def test_the_largest_come_first_and_no_more_than_needed() -> None:
    coins = [coin("0.1"), coin("0.4", vout=1), coin("0.2", vout=2)]
    assert chosen(coins, "0.3") == ["0.4"]
    assert chosen(coins, "0.4") == ["0.4", "0.2"]
    assert chosen(coins, "0.65") == ["0.4", "0.2", "0.1"]


@pytest.mark.parametrize(("script", "vb"), [(WITNESS, 69), (TAPROOT, 58), (LEGACY, 149)])
def test_the_fee_is_covered_to_the_satoshi(script: str, vb: int) -> None:
    """98 vB are there in any case: the transaction itself, one payment and change."""
    for rate, fee in (("1", 98 + vb), ("2.5", 245 + -(-5 * vb // 2)), ("0.001", 1)):
        exact = Decimal(100_000_000 - fee).scaleb(-8)
        assert chosen([coin("1", script)], str(exact), rate) == ["1"]
        with pytest.raises(WalletShortError) as short:
            chosen([coin("1", script)], str(exact + Decimal("0.00000001")), rate)
        assert short.value.details == {"haveBtc": 1, "needBtc": Decimal("1.00000001")}


def test_what_is_promised_or_not_safe_is_left_alone() -> None:
    promised, free = coin("5"), coin("1", vout=1)
    assert chosen([promised, free], "0.5", reserved=frozenset({promised.outpoint})) == ["1"]
    for change in ({"safe": False}, {"solvable": False}):
        assert chosen([msgspec.structs.replace(promised, **change), free], "0.5") == ["1"]
    with pytest.raises(WalletShortError, match=r"has 0(\.0+)? BTC in confirmed coins, 0\.50000098 are needed"):
        chosen([], "0.5")


def test_what_no_transaction_holds() -> None:
    """1447 coins of P2WPKH fit beside one payment and change, one more does not; nor does a fee above the budget.

    34 of them and 1682 of P2TR are 100000 vB exactly.
    """
    coins = [coin("0.001", vout=number) for number in range(2000)]
    assert len(chosen(coins, "1.4460")) == 1447
    full = coins[:34] + [coin("0.0009", TAPROOT, vout=number) for number in range(1682)]
    assert len(chosen(full, "1.5468")) == len(full)
    with pytest.raises(PaymentTooLargeError, match="has 100079 vB, a transaction 100000") as large:
        chosen(coins, "1.4470")
    assert large.value.details == {"vsize": 100_079}
    outputs = {"a": Decimal("0.5")}
    assert choose([coin("1")], outputs, sat_per_vb=Decimal(10), max_fee_btc=Decimal("0.0000167"))
    with pytest.raises(PaymentTooLargeError, match=r"costs 0\.00001670 BTC, its budget is 0\.00001669"):
        choose([coin("1")], outputs, sat_per_vb=Decimal(10), max_fee_btc=Decimal("0.00001669"))


async def test_a_node_can_pay_with_what_was_chosen(bitcoin_node: Node) -> None:
    """Every kind of coin, at a high rate, with hardly anything left over."""
    wallet = bitcoin_node.wallet(uuid.uuid4().hex)
    kinds = ("bech32", "bech32m", "legacy", "p2sh-segwit")
    bitcoin_node.pay(*[bitcoin_node.rpc("getnewaddress", "", kind, wallet=wallet) for kind in kinds])
    async with bitcoin_node.open(wallet) as btc:
        coins = await btc.list_unspent()
        outputs = {customer(bitcoin_node): Decimal("1.9"), customer(bitcoin_node, "bech32m"): Decimal("2.0991")}
        rate = Decimal(150)
        found = choose(coins, outputs, sat_per_vb=rate, max_fee_btc=Decimal(1))
        assert len(found) == 4
        inputs = [each.outpoint for each in found]
        funded = await btc.create_funded_psbt(inputs, outputs, sat_per_vb=rate)
        intent = Intent(frozenset(inputs), outputs, Decimal("0.001"))
        signed = await NodeSigner(btc, "regtest").sign(funded.psbt, intent)
        assert (await btc.test_accept(signed.raw)).allowed
