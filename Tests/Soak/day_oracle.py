"""Recomputes every average of a day's run from what the exchange sent, independently of the product's code.

usage: day_oracle.py REPORT.json    (written by the soak run; see DayRun.swift)

Reads the ledger of all trades, takes from the gap records only which of the withheld ones were refilled, and says which
decisions must exist with which averages: whole windows summed as integers, divided as fractions. Compares the stored
decisions and the stream's entries with them, and the engine's memory with its bound. Prints one figure a line; exit status
1 where a promise was broken, each breach named.
"""

import array
import json
import sqlite3
import sys
from fractions import Fraction

sys.dont_write_bytecode = True
from oracle import Verdict, check_memory, stream_entries  # noqa: E402

# Averages are told to 10 places, prices are kept as integers of 8.
PLACES, PRICE_PLACES = 10, 8


def average_text(prices):
    """The mean of prices in units of 10^-8, half to even at 10 places, without trailing zeros."""
    units = round(Fraction(sum(prices), len(prices)) * 10 ** (PLACES - PRICE_PLACES))
    whole, fraction = divmod(units, 10 ** PLACES)
    return f"{whole}.{fraction:0{PLACES}d}".rstrip("0").rstrip(".")


def trades_of(path):
    """The stream's trades as (id, price, whether it was sent)."""
    numbers = array.array("q")
    with open(path, "rb") as file:
        numbers.frombytes(file.read())
    return list(zip(numbers[0::3], numbers[1::3], numbers[2::3]))


def check_gaps(verdict, database, symbol, trades):
    """Each withheld trade is in one gap record, each other one in none. Returns the ids that were never seen."""
    withheld = {identifier for identifier, _, sent in trades if not sent}
    lost, refilled = set(), set()
    for first, last, mended in database.execute(
            "SELECT fromId, toId, refilled FROM gaps WHERE symbol = ? AND kind = 'trade'", (symbol,)):
        (refilled if mended else lost).update(range(first, last + 1))
    verdict.check(not lost & refilled, f"{symbol}: {len(lost & refilled)} ids are both refilled and missing")
    # The last gap has nothing behind it that would show it.
    seen = [identifier for identifier, _, sent in trades if sent]
    withheld = {identifier for identifier in withheld if identifier < seen[-1]}
    silent, invented = withheld - lost - refilled, (lost | refilled) - withheld
    verdict.check(not silent, f"{symbol}: {len(silent)} withheld ids are in no gap record, such as {min(silent, default=0)}")
    verdict.check(not invented, f"{symbol}: {len(invented)} ids in gap records were sent, such as {min(invented, default=0)}")
    end = seen[-1]
    return lost | {identifier for identifier, _, _ in trades if identifier > end}, len(refilled), len(lost)


def expected_decisions(trades, lost, short, long):
    """The decisions in order: id, side, reason, and the prices' positions where there is a whole window."""
    prices = [price for identifier, price, _ in trades if identifier not in lost]
    identifiers = [identifier for identifier, _, _ in trades if identifier not in lost]
    begin, short_sum, long_sum, last_sign, over_gap = 0, 0, 0, 0, 0
    recorded, why = None, "warming"
    for at, identifier in enumerate(identifiers):
        if at and identifier != identifiers[at - 1] + 1:
            begin, short_sum, long_sum, why = at, 0, 0, "gap"
            over_gap, last_sign = last_sign or over_gap, 0
        short_sum += prices[at] - (prices[at - short] if at - begin >= short else 0)
        long_sum += prices[at] - (prices[at - long] if at - begin >= long else 0)
        if at - begin < long - 1:
            state = ("NEUTRAL", why)
            if recorded != state:
                recorded = state
                yield identifier, *state, None
            continue
        difference = short_sum * long - long_sum * short
        sign = (difference > 0) - (difference < 0)
        side = {1: "BUY", -1: "SELL", 0: "NEUTRAL"}[sign]
        if sign == 0:
            reason = "tie"
        elif last_sign == 0:
            reason = "gap" if over_gap and sign != over_gap else "state"
        else:
            reason = "cross" if sign != last_sign else "state"
        if reason in ("cross", "gap") or (reason == "state" and (not recorded or recorded[0] != side)) or (
                reason == "tie" and recorded != (side, reason)):
            recorded = (side, reason)
            yield identifier, side, reason, (average_text(prices[at - short + 1:at + 1]), average_text(prices[at - long + 1:at + 1]))
        if sign:
            last_sign, over_gap = sign, 0


def main():
    with open(sys.argv[1]) as file:
        report = json.load(file)
    verdict = Verdict()
    database = sqlite3.connect(f"file:{report['database']}?mode=ro", uri=True)
    strategy = f"sma-{report['short']}-{report['long']}"
    published = {}
    for entry in stream_entries(report["redisPort"], report["stream"]):
        verdict.check(entry["id"] not in published, f"{entry['id']} is twice in the stream")
        published[entry["id"]] = (entry["signal"], entry["reason"], (entry["shortSMA"], entry["longSMA"]))
    stored = {row[0]: row[1:] for row in database.execute(
        "SELECT _id, signal, reason, isSignal, shortSMA, longSMA FROM trade_signals")}
    decisions = signals = differences = trade_count = refilled_count = lost_count = 0
    for stream, path in sorted(report["trades"].items()):
        symbol = stream.split("@")[0].upper()
        trades = trades_of(path)
        trade_count += len(trades)
        lost, refilled, missing = check_gaps(verdict, database, symbol, trades)
        refilled_count, lost_count = refilled_count + refilled, lost_count + missing
        for identifier, side, reason, averages in expected_decisions(trades, lost, report["short"], report["long"]):
            name = f"simulator:{symbol}:{strategy}:{identifier}" + ("" if reason == "cross" else f":{reason}")
            is_signal = reason in ("cross", "gap") and side != "NEUTRAL"
            decisions += 1
            found = stored.pop(name, None)
            wanted = (side, reason, int(is_signal), *(averages or (None, None)))
            differences += found != wanted
            verdict.check(found == wanted, f"{name}: stored {found}, recomputed {wanted}")
            if is_signal:
                signals += 1
                entry = published.pop(name, None)
                differences += entry != (side, reason, averages)
                verdict.check(entry == (side, reason, averages), f"{name}: published {entry}, recomputed {(side, reason, averages)}")
    verdict.check(not stored, f"{len(stored)} decisions are stored that do not follow, such as {next(iter(stored), '')}")
    verdict.check(not published, f"{len(published)} signals are published that do not follow, such as {next(iter(published), '')}")
    counts = report["counts"]
    verdict.check(counts["dropped"] == 0, f"{counts['dropped']} records found no room on their way to the store")
    verdict.check(signals > 0 and lost_count > 0, "the market has no crossing or no gap")
    verdict.figure("market time", f"{report['seconds']:.0f} s in {report['runSeconds']:.1f} s")
    verdict.figure("messages", f"{report['messages']}, {report['messages'] / report['runSeconds']:.0f} a second")
    verdict.figure("trades", trade_count)
    verdict.figure("trades withheld and refilled", refilled_count)
    verdict.figure("trades withheld and in gap records", lost_count)
    verdict.figure("records dropped", counts["dropped"])
    verdict.figure("decisions recomputed", decisions)
    verdict.figure("signals recomputed", signals)
    verdict.figure("averages and decisions that differ", differences + len(stored) + len(published))
    check_memory(verdict, report)
    print("day passed" if verdict.breaches == 0 else f"day failed: {verdict.breaches} breaches")
    return 1 if verdict.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
