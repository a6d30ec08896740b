"""What the stream must hold, computed from the load's ledger alone, and the comparison with what the reader saw.

The reference sums every window anew in unlimited integers: slow, and sharing nothing with the programs under test.
"""

from dataclasses import dataclass, field
from datetime import datetime, timezone

SHORT, LONG = 5, 20
EXCHANGE, SYMBOL = "binance", "BTCUSDT"
FIELDS = ("signal shortSMA longSMA time schema id exchange symbol strategy price tickId eventTime receiveTime "
          "reason").split()


@dataclass
class Trade:
    id: int
    price_cents: int
    event_time_ms: int
    intended_ns: int  # 0 for warm-up
    sent_ns: int


@dataclass
class Outcome:
    """Errors, and the latencies of signals whose trade belongs to the measured part."""
    expected: int = 0
    errors: list = field(default_factory=list)
    intended_to_sight_ns: list = field(default_factory=list)
    sent_to_sight_ns: list = field(default_factory=list)


def read_ledger(path):
    with open(path) as lines:
        return [Trade(*map(int, line.split(","))) for line in lines]


def read_sightings(path):
    """Pairs of time and the entry's (name, value) pairs, in the stream's order."""
    with open(path) as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines]
    return [(int(row[0]), [tuple(pair.split("=", 1)) for pair in row[1:]]) for row in rows]


def decimal(value, places):
    """value / 10^places without trailing zeros."""
    whole, fraction = divmod(value, 10 ** places)
    return f"{whole}.{fraction:0{places}d}".rstrip("0").rstrip(".")


def average(sum_cents, period):
    """Rounded half to even at 10 places."""
    quotient, remainder = divmod(sum_cents * 10 ** 8, period)
    if 2 * remainder > period or (2 * remainder == period and quotient % 2 == 1):
        quotient += 1
    return decimal(quotient, 10)


def expected_entries(trades):
    """The entries that must exist, without receiveTime, by trade id: a crossing is a sign that differs from the last
    one that was not zero; the first sign is state."""
    prices, entries, last = [trade.price_cents for trade in trades], {}, 0
    for index in range(LONG - 1, len(trades)):
        short_sum, long_sum = sum(prices[index + 1 - SHORT:index + 1]), sum(prices[index + 1 - LONG:index + 1])
        left, right = short_sum * LONG, long_sum * SHORT
        if left == right:
            continue
        side = 1 if left > right else -1
        if last == -side:
            entries[trades[index].id] = entry(trades[index], side, short_sum, long_sum)
        last = side
    return entries


def entry(trade, side, short_sum, long_sum):
    second = datetime.fromtimestamp(trade.event_time_ms // 1000, timezone.utc)
    strategy = f"sma-{SHORT}-{LONG}"
    return {
        "signal": "BUY" if side > 0 else "SELL", "shortSMA": average(short_sum, SHORT),
        "longSMA": average(long_sum, LONG), "time": f"{second:%Y-%m-%dT%H:%M:%S}.{trade.event_time_ms % 1000:03d}Z",
        "schema": "1", "id": f"{EXCHANGE}:{SYMBOL}:{strategy}:{trade.id}", "exchange": EXCHANGE, "symbol": SYMBOL,
        "strategy": strategy, "price": decimal(trade.price_cents, 2), "tickId": str(trade.id),
        "eventTime": str(trade.event_time_ms * 1_000_000), "reason": "cross",
    }


def match(trades, sightings):
    """Compares; every expected signal must be there exactly once, in order, field by field, and no other."""
    by_id, expected = {trade.id: trade for trade in trades}, expected_entries(trades)
    outcome, seen, last_id = Outcome(expected=len(expected)), set(), 0
    for sight_ns, pairs in sightings:
        found = dict(pairs)
        if [name for name, _ in pairs] != FIELDS:
            outcome.errors.append(f"malformed: fields are {' '.join(name for name, _ in pairs)}")
            continue
        tick_id = int(found["tickId"])
        wanted = expected.get(tick_id)
        if wanted is None:
            outcome.errors.append(f"unexpected: {found['signal']} at {tick_id}")
            continue
        if tick_id in seen:
            outcome.errors.append(f"doubled: {tick_id}")
            continue
        if tick_id < last_id:
            outcome.errors.append(f"out of order: {tick_id} after {last_id}")
        seen.add(tick_id)
        last_id = tick_id
        for name, value in wanted.items():
            if found[name] != value:
                outcome.errors.append(f"wrong: {name} of {tick_id} is {found[name]}, not {value}")
        if not found["receiveTime"].isdigit():
            outcome.errors.append(f"wrong: receiveTime of {tick_id} is {found['receiveTime']}")
        trade = by_id[tick_id]
        if trade.intended_ns:
            outcome.intended_to_sight_ns.append(sight_ns - trade.intended_ns)
            outcome.sent_to_sight_ns.append(sight_ns - trade.sent_ns)
    outcome.errors += [f"missing: {tick_id}" for tick_id in sorted(expected.keys() - seen)]
    return outcome
