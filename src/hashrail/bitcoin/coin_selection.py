"""Which coins a payment spends.

The choice is ours and not the node's, because the node does not know which coins are promised to a payment that is
signed and not sent yet. Sizes are upper bounds, so what is chosen always suffices.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, Decimal

from hashrail.bitcoin.amounts import to_btc, to_sat
from hashrail.bitcoin.records import Coin, Outpoint
from hashrail.errors import UnavailableError

# vB: what every transaction has; the largest output that is paid (P2WSH, P2TR); inputs by their script.
OVERHEAD, OUTPUT = 12, 43
INPUTS = {"0014": 69, "5120": 58}
LEGACY_INPUT = 149
# vB that nodes relay in one transaction.
MAX_SIZE = 100_000


class WalletShortError(UnavailableError):
    """The wallet has not enough confirmed coins for a payment; `details` have both amounts."""

    code = "BITCOIN_WALLET_SHORT"
    advice = "Send bitcoin to the wallet, or wait until its change is confirmed."


class PaymentTooLargeError(UnavailableError):
    """A payment needs more coins than a transaction holds, or costs more than its budget; `details` say which."""

    code = "PAYMENT_TOO_LARGE"
    advice = "Join small coins of the wallet while fees are low, or raise HASHRAIL_PAYOUT_FEE_BUDGET_BTC."


def choose(
    coins: Iterable[Coin],
    outputs_btc: Mapping[str, Decimal],
    *,
    sat_per_vb: Decimal,
    max_fee_btc: Decimal,
    reserved: Collection[Outpoint] = (),
    required: Sequence[Coin] = (),
) -> list[Coin]:
    """Coins for a payment of BTC by address with change: the required ones, then the largest, none of the reserved.

    Raises WalletShortError, PaymentTooLargeError.
    """
    chosen: list[Coin] = []
    have_sat, paid_sat = 0, sum(map(to_sat, outputs_btc.values()))
    size = _base(len(outputs_btc))
    free = sorted(_usable(coins, reserved), key=lambda each: (-each.amount_btc, each.outpoint))
    for coin in (*required, *free):
        chosen.append(coin)
        have_sat += to_sat(coin.amount_btc)
        size += _input(coin)
        if have_sat >= paid_sat + _fee(size, sat_per_vb) and len(chosen) >= len(required):
            _check_size(size, _fee(size, sat_per_vb), max_fee_btc)
            return chosen
    have_btc, need_btc = to_btc(have_sat), to_btc(paid_sat + _fee(size, sat_per_vb))
    message = f"the wallet has {have_btc:f} BTC in confirmed coins, {need_btc:f} are needed"
    raise WalletShortError(message, haveBtc=have_btc, needBtc=need_btc)


def affordable_rate(outputs_btc: Mapping[str, Decimal], spent: Sequence[Coin], max_fee_btc: Decimal) -> Decimal:
    """sat/vB, rounded down to three decimals, at which a payment out of these coins costs no more than its budget."""
    thousandths = to_sat(max_fee_btc) * 1000 // (_base(len(outputs_btc)) + sum(map(_input, spent)))
    return Decimal(thousandths).scaleb(-3)


def most_fee(outputs_btc: Mapping[str, Decimal], spent: Sequence[Coin], sat_per_vb: Decimal) -> Decimal:
    """BTC that a payment out of these coins costs at most."""
    return to_btc(_fee(_base(len(outputs_btc)) + sum(map(_input, spent)), sat_per_vb))


def _base(outputs: int) -> int:
    """vB at most, with change and without inputs."""
    return OVERHEAD + OUTPUT * (outputs + 1)


def _input(coin: Coin) -> int:
    return INPUTS.get(coin.script[:4], LEGACY_INPUT)


def _check_size(size: int, fee_sat: int, max_fee_btc: Decimal) -> None:
    if size > MAX_SIZE:
        raise PaymentTooLargeError(f"the payment has {size} vB, a transaction {MAX_SIZE}", vsize=size)
    if to_btc(fee_sat) > max_fee_btc:
        raise PaymentTooLargeError(
            f"the payment costs {to_btc(fee_sat):f} BTC, its budget is {max_fee_btc:f}", feeBtc=to_btc(fee_sat)
        )


def _usable(coins: Iterable[Coin], reserved: Collection[Outpoint]) -> list[Coin]:
    return [coin for coin in coins if coin.solvable and coin.safe and coin.outpoint not in reserved]


def _fee(vb: int, sat_per_vb: Decimal) -> int:
    return int((vb * sat_per_vb).to_integral_value(ROUND_CEILING))
