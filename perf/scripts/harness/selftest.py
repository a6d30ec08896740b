"""Shows that the harness notices what it is there to notice. Takes seconds; asserts no speed."""

import csv
import gzip
import json
import os
import signal
import time
from decimal import Decimal

from . import histogram, match, programs, round as rounds

STALL_SECONDS = 0.3
DATA = programs.ROOT.parent / "shared/data"
RECORDING = DATA / "binance/btcusdt@trade.20240808.ndjson.gz"
CROSSINGS = DATA / "series/binance_btcusdt_trade_20240808.sma5_20.expected.csv"


def changed(sightings, index, name, value):
    """The sightings with one field of one entry replaced."""
    sight_ns, pairs = sightings[index]
    entry = [(key, value if key == name else old) for key, old in pairs]
    return sightings[:index] + [(sight_ns, entry)] + sightings[index + 1:]


def check(what, holds):
    print(f"{'ok  ' if holds else 'FAIL'} {what}", flush=True)
    return holds


def notices(trades, sightings, word):
    return [error.split(":")[0] for error in match.match(trades, sightings).errors] == [word]


def check_matcher(folder):
    trades = match.read_ledger(f"{folder}/ledger.csv")
    seen = match.read_sightings(f"{folder}/sight.tsv")
    other_side = {"BUY": "SELL", "SELL": "BUY"}[dict(seen[3][1])["signal"]]
    expected = match.expected_entries(trades)
    no_signal = next(trade.id for trade in trades if trade.id not in expected)
    yield check("a missing signal is noticed", notices(trades, seen[:3] + seen[4:], "missing"))
    yield check("a doubled signal is noticed", notices(trades, seen[:4] + seen[3:], "doubled"))
    yield check("a wrong side is noticed", notices(trades, changed(seen, 3, "signal", other_side), "wrong"))
    yield check("a wrong average is noticed", notices(trades, changed(seen, 3, "longSMA", "61837.63"), "wrong"))
    yield check("a wrong time is noticed", notices(trades, changed(seen, 3, "time", "2024-08-08"), "wrong"))
    yield check("a signal that is none is noticed",
                notices(trades, seen + changed(seen, 3, "tickId", str(no_signal))[3:4], "unexpected"))
    yield check("a lacking field is noticed",
                "malformed" in [error.split(":")[0] for error in
                                match.match(trades, seen[:3] + [(seen[3][0], seen[3][1][:-1])] + seen[4:]).errors])
    yield check("swapped signals are noticed", "out of order" in [
        error.split(":")[0] for error in match.match(trades, seen[:3] + [seen[4], seen[3]] + seen[5:]).errors])


def check_reference():
    """The rule on a hand-made series with periods 1 and 2, where short − long has the sign of the last step."""
    periods, (match.SHORT, match.LONG) = (match.SHORT, match.LONG), (1, 2)
    try:
        prices = [100, 101, 102, 102, 103, 103, 102, 101, 102]
        trades = [match.Trade(index, price, 0, 1, 1) for index, price in enumerate(prices)]
        found = [(tick_id, entry["signal"]) for tick_id, entry in match.expected_entries(trades).items()]
    finally:
        match.SHORT, match.LONG = periods
    yield check("first sign is state, a touch is none, a passing tie is one", found == [(6, "SELL"), (8, "BUY")])
    yield check("averages round half to even at 10 places",
                [match.average(1, 512), match.average(3, 512), match.average(6183763 * 3, 3), match.average(2, 3)]
                == ["0.0000195312", "0.0000585938", "61837.63", "0.0066666667"])


def check_recording():
    """The rule and the averages on a real recording whose true crossings are known."""
    if not RECORDING.exists():
        yield check(f"recorded crossings: SKIPPED, no {RECORDING.name} in {RECORDING.parent}",
                    os.environ.get("CI") != "true")
        return
    with gzip.open(RECORDING, "rt") as lines:
        messages = [json.loads(line) for line in lines]
    trades = [match.Trade(each["t"], round(Decimal(each["p"]) * 100), each["T"], 1, 1) for each in messages]
    found = [(each["tickId"], each["signal"], each["shortSMA"], each["longSMA"])
             for each in match.expected_entries(trades).values()]
    with open(CROSSINGS) as rows:
        true = [(row["trade_id"], row["direction"], row["sma5"], row["sma20"])
                for row in csv.DictReader(rows) if row["kind"] == "cross"]
    yield check(f"the {len(true)} crossings of a recording are found, with their averages", found == true)


def check_histogram():
    found = histogram.of_samples(range(1, 1001))
    yield check("percentiles are nearest ranks", histogram.of_samples([1, 2, 3]).quantile(0.5) == 2 and
                [found.quantile(fraction) for _, fraction in histogram.QUANTILES] == [500, 900, 990, 999])
    text = "\n".join(
        f'tickline_stage_seconds_bucket{{stage="send",feed="{feed}",le="{bound}"}} {count}'
        for feed in "ab" for bound, count in (("1.6e-05", 2), ("3.2e-05", 3), ("+Inf", 3)))
    send = histogram.of_metrics(text)["send"]
    yield check("series of one stage are pooled from metrics",
                (dict(send.buckets), send.max_ns, send.coarse) == ({16_000: 4, 32_000: 2}, 32_000, True))


def stall(process):
    time.sleep(0.2)
    process.send_signal(signal.SIGSTOP)
    time.sleep(STALL_SECONDS)
    process.send_signal(signal.SIGCONT)


def run(folder, binaries):
    """True where all checks hold."""
    floor, (steady, _, bursts) = programs.PROGRAMS[0], programs.LOADS
    results = [*check_reference(), *check_recording(), *check_histogram()]
    plain = rounds.run(floor, steady, 500, 1, f"{folder}/plain", binaries)
    results.append(check(f"the floor's {plain.outcome.expected} signals match the reference", not plain.errors))
    results += check_matcher(f"{folder}/plain")
    burst = rounds.run(floor, bursts, 5, 2, f"{folder}/bursts", binaries)
    results.append(check(f"and its {burst.outcome.expected} in bursts", not burst.errors))
    stalled = rounds.run(floor, steady, 1_000, 3, f"{folder}/stalled", binaries, disturb=stall)
    # Trades kept coming meanwhile, so about 300 of 1,000 were late, evenly from 0 to the stall's length.
    slow = histogram.of_samples(stalled.outcome.intended_to_sight_ns)
    results.append(check("a stalled client loses nothing", not stalled.errors))
    results.append(check("and the stall shows in p90 and max of intended → sight",
                         slow.quantile(0.9) > STALL_SECONDS / 4 * 1e9 and slow.max_ns > STALL_SECONDS / 2 * 1e9))
    wrong = programs.Program("floor", tuple("7" if part == "{short}" else part for part in floor.command))
    other = rounds.run(wrong, steady, 500, 1, f"{folder}/wrong", binaries)
    results.append(check("a program with other periods fails", bool(other.errors)))
    return all(results)
