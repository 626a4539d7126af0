"""Which coins a payment spends.

The choice is ours and not the node's, because the node does not know which coins are promised to a payment that is
signed and not sent yet. Sizes are upper bounds, so what is chosen always suffices.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, Decimal

from hashrail.errors import UnavailableError
from hashrail.gateways.bitcoin import to_btc, to_sat
from hashrail.gateways.bitcoin_records import Coin, Outpoint

# vB: what every transaction has; the largest output that is paid (P2WSH, P2TR); inputs by their script.
OVERHEAD, OUTPUT = 12, 43
INPUTS = {"0014": 69, "5120": 58}
LEGACY_INPUT = 149


class WalletShortError(UnavailableError):
    """The wallet has not enough confirmed coins for a payment; `details` have both amounts."""

    code = "BITCOIN_WALLET_SHORT"
    advice = "Send bitcoin to the wallet, or wait until its change is confirmed."


def choose(
    coins: Iterable[Coin],
    outputs_btc: Mapping[str, Decimal],
    *,
    sat_per_vb: Decimal,
    reserved: Collection[Outpoint] = (),
    required: Sequence[Coin] = (),
) -> list[Coin]:
    """Coins for a payment of BTC by address with change: the required ones, then the largest, none of the reserved.

    Raises WalletShortError.
    """
    chosen: list[Coin] = []
    have_sat = 0
    need_sat = sum(map(to_sat, outputs_btc.values())) + _fee(OVERHEAD + OUTPUT * (len(outputs_btc) + 1), sat_per_vb)
    free = sorted(_usable(coins, reserved), key=lambda each: (-each.amount_btc, each.outpoint))
    for coin in (*required, *free):
        chosen.append(coin)
        have_sat += to_sat(coin.amount_btc)
        need_sat += _fee(INPUTS.get(coin.script[:4], LEGACY_INPUT), sat_per_vb)
        if have_sat >= need_sat and len(chosen) >= len(required):
            return chosen
    have_btc, need_btc = to_btc(have_sat), to_btc(need_sat)
    message = f"the wallet has {have_btc:f} BTC in confirmed coins, {need_btc:f} are needed"
    raise WalletShortError(message, haveBtc=have_btc, needBtc=need_btc)


def _usable(coins: Iterable[Coin], reserved: Collection[Outpoint]) -> list[Coin]:
    return [coin for coin in coins if coin.solvable and coin.safe and coin.outpoint not in reserved]


def _fee(vb: int, sat_per_vb: Decimal) -> int:
    return int((vb * sat_per_vb).to_integral_value(ROUND_CEILING))
