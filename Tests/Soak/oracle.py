"""Compares what a soak run stored and published with what the exchanges sent, independently of the product's code.

usage: oracle.py REPORT.json    (written by the soak run; see SoakReport.swift)

A plain reference: it reads the ledger of what was put on the wire, the SQLite file and the Redis stream's entries, says which
ticks must exist, which ids may be missing and why, and which signals follow. Prints one figure a line; exit status 1 where
a promise was broken, each breach named.
"""

import bisect
import json
import sqlite3
import subprocess
import sys
from collections import defaultdict

MOST_BREACHES_SHOWN = 20
PAGE_ENTRIES = 20_000
class Verdict:
    """Figures and breaches, printed as they come."""

    def __init__(self):
        self.breaches = 0

    def figure(self, name, value):
        print(f"figure: {name} {value}")

    def check(self, holds, words):
        if holds:
            return
        self.breaches += 1
        if self.breaches <= MOST_BREACHES_SHOWN:
            print(f"breach: {words}")


def sent_ids(runs):
    """By stream: what an in-order reader takes (id at or above the next one), what was malformed, what came too late.

    Each is a sorted list of [first, last]. An id that is sent after a higher one is too late: the hole was recorded by then.
    """
    taken, broken = defaultdict(list), defaultdict(list)
    for run in runs:
        key = (run["exchange"], run["stream"])
        (taken if run["isValid"] else broken)[key].append(run)
    return taken, broken


def merged(intervals):
    """Sorted, disjoint intervals with the same ids."""
    result = []
    for first, last in sorted(intervals):
        if result and first <= result[-1][1] + 1:
            result[-1][1] = max(result[-1][1], last)
        else:
            result.append([first, last])
    return result


def overlap(intervals, first, last):
    """The parts of first...last that lie in sorted disjoint intervals."""
    at = bisect.bisect_right(intervals, [first, float("inf")]) - 1
    parts = []
    for begin, end in intervals[max(at, 0):]:
        if begin > last:
            break
        low, high = max(begin, first), min(end, last)
        if low <= high:
            parts.append((low, high))
    return parts


def check_stream(verdict, database, stream, runs, must_have):
    """One contiguous stream: stored and missing ids are a partition, and nothing that arrived is missing."""
    exchange, name = stream
    symbol, kind = name.split("@")
    symbol = symbol.upper()
    words = f"{exchange}:{symbol} {kind}"
    where = "exchange = ? AND symbol = ? AND kind = ?"
    key = (exchange, symbol, kind)
    count, low, high = database.execute(f"SELECT count(*), min(tickId), max(tickId) FROM ticks WHERE {where}", key).fetchone()
    if not count:
        verdict.check(not runs, f"{words}: nothing stored")
        return 0, 0
    gaps = database.execute(
        f"SELECT fromId, toId, missing FROM gaps WHERE {where} AND refilled = 0 ORDER BY fromId", key).fetchall()
    missing = sum(row[2] for row in gaps)
    for first, last in database.execute(f"SELECT fromId, toId FROM gaps WHERE {where} AND refilled = 1", key).fetchall():
        inside = database.execute(f"SELECT count(*) FROM ticks WHERE {where} AND tickId BETWEEN ? AND ?", key + (first, last))
        verdict.check(inside.fetchone()[0] == last - first + 1, f"{words}: not all of the refilled ids {first}-{last} are stored")
    verdict.check(high - low + 1 == count + missing,
                  f"{words}: {high - low + 1} ids from {low} to {high}, but {count} stored and {missing} in gap records")
    for first, last, size in gaps:
        verdict.check(size == last - first + 1, f"{words}: gap {first}-{last} says {size} ids")
        inside = database.execute(f"SELECT count(*) FROM ticks WHERE {where} AND tickId BETWEEN ? AND ?", key + (first, last))
        verdict.check(inside.fetchone()[0] == 0, f"{words}: ids of gap {first}-{last} are stored as well")
    verdict.check(high >= must_have.get(f"{exchange}:{name}", 0), f"{words}: the last ids sent before the end are not stored")

    # What may be missing although it was sent whole: what came behind a higher id, and the tail of a connection that was cut.
    highest, excused = -1, []
    last_of_connection = {run["connection"]: run["last"] for run in runs}
    for run in runs:
        if run["first"] <= highest:
            excused.append((run["first"], min(run["last"], highest)))
        highest = max(highest, run["last"])
        if run["last"] == last_of_connection[run["connection"]]:
            excused.append((max(run["first"], run["last"] - TAIL_IDS), run["last"]))
    sent, excused = merged((run["first"], run["last"]) for run in runs), merged(excused)
    for first, last, _ in gaps:
        for begin, end in overlap(sent, first, last):
            covered = sum(b - a + 1 for a, b in overlap(excused, begin, end))
            verdict.check(covered == end - begin + 1,
                          f"{words}: {end - begin + 1 - covered} of ids {begin}-{end} were sent on a living connection and are in a gap")
    return count, missing


# The share of readable quotes that must be stored: what is in flight at cuts is lost without being promised.
LEAST_QUOTES = 0.95
# Ids of one stream that may be in flight when a connection is cut: a second of the busiest stream and more.
TAIL_IDS = 50_000


def check_books(verdict, database):
    """Book events: each begins where the one before ended, or a gap record names what lies between."""
    rows = database.execute(
        "SELECT exchange, symbol, firstupdateid, finalupdateid, previousupdateid FROM depth WHERE kind = 'depth'"
        " ORDER BY exchange, symbol, finalupdateid").fetchall()
    gaps = set(database.execute("SELECT exchange, symbol, toId FROM gaps WHERE kind = 'depth'").fetchall())
    before = {}
    for exchange, symbol, first, last, previous in rows:
        ended = before.get((exchange, symbol))
        if ended is not None:
            joins = previous == ended if previous is not None else first == ended + 1
            verdict.check(joins or (exchange, symbol, first - 1) in gaps or any(
                g[:2] == (exchange, symbol) and ended < g[2] <= last for g in gaps),
                f"{exchange}:{symbol} depth: {first} does not join {ended}, and no gap record says so")
        before[exchange, symbol] = last
    return len(rows)


def check_quotes(verdict, database, sent):
    """Quotes are promised monotonic only; but one bad message or cut must not cost what comes after it."""
    for key, count in sorted(sent.items()):
        exchange, name = key.split(":")
        symbol, kind = name.split("@", 1)
        if exchange != "simulator" or kind != "bookTicker":
            continue
        where = (exchange, symbol.upper(), kind)
        stored = database.execute(
            "SELECT count(*) FROM ticks WHERE exchange = ? AND symbol = ? AND kind = ?", where).fetchone()[0]
        verdict.check(stored >= count * LEAST_QUOTES, f"{key}: {count} quotes were sent, only {stored} are stored")


def expected_signals(verdict, database, exchange, symbol, short, long):
    """The rule of crossings, recomputed over whole windows with exact numbers."""
    gap_starts = {row[0]: row[1] for row in database.execute(
        "SELECT fromId, toId FROM gaps WHERE exchange = ? AND symbol = ? AND kind = 'trade' AND refilled = 0",
        (exchange, symbol))}
    window, previous_id, last_sign, over_gap = [], None, 0, 0
    short_sum = long_sum = 0
    signals = []
    rows = database.execute(
        "SELECT tickId, price FROM ticks WHERE exchange = ? AND symbol = ? AND kind = 'trade' ORDER BY tickId", (exchange, symbol))
    for identifier, text in rows:
        if previous_id is not None and identifier != previous_id + 1:
            verdict.check(gap_starts.get(previous_id + 1) == identifier - 1,
                          f"{exchange}:{symbol}: the hole before {identifier} has no record of its own")
            window, short_sum, long_sum = [], 0, 0
            over_gap, last_sign = last_sign or over_gap, 0
        previous_id = identifier
        price = scaled(text)
        window.append(price)
        long_sum += price
        short_sum += price
        if len(window) > short:
            short_sum -= window[-short - 1]
        if len(window) > long:
            long_sum -= window[-long - 1]
            if len(window) > 4096 + long:
                del window[:-long - 1]
        if len(window) < long:
            continue
        difference = short_sum * long - long_sum * short
        sign = (difference > 0) - (difference < 0)
        if sign == 0:
            continue
        base = f"{exchange}:{symbol}:sma-{short}-{long}:{identifier}"
        if last_sign == 0:
            if over_gap and sign != over_gap:
                signals.append((base + ":gap", sign))
        elif sign != last_sign:
            signals.append((base, sign))
        last_sign, over_gap = sign, 0
    return signals


def scaled(text):
    """A decimal text as an integer at 8 decimals."""
    whole, _, fraction = text.partition(".")
    return int(whole + (fraction + "00000000")[:8])


def stream_entries(port, stream):
    """The fields of all entries in order, by an independent client, a page at a time."""
    last = "-"
    while True:
        command = ["redis-cli", "-p", str(port), "--json", "XRANGE", stream, last, "+", "COUNT", str(PAGE_ENTRIES)]
        rows = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        for last, words in rows:
            yield dict(zip(words[::2], words[1::2]))
        if len(rows) < PAGE_ENTRIES:
            return
        last = "(" + last


def check_signals(verdict, database, report):
    """The stream holds each signal once, in order, and no other."""
    published = defaultdict(list)
    seen = set()
    doubled = 0
    for entry in stream_entries(report["redisPort"], report["stream"]):
        identifier = entry["id"]
        doubled += identifier in seen
        seen.add(identifier)
        published[entry["exchange"], entry["symbol"]].append((identifier, 1 if entry["signal"] == "BUY" else -1))
    verdict.figure("signals doubled", doubled)
    verdict.check(doubled == 0, f"{doubled} signals are twice in the stream")
    instruments = sorted({(run["exchange"], run["stream"].split("@")[0].upper()) for run in report["runs"]})
    lost = invented = total = 0
    for exchange, symbol in instruments:
        wanted = expected_signals(verdict, database, exchange, symbol, report["short"], report["long"])
        found = published.pop((exchange, symbol), [])
        total += len(wanted)
        lost += len(set(wanted) - set(found))
        invented += len(set(found) - set(wanted))
        verdict.check(found == wanted, f"{exchange}:{symbol}: {len(found)} signals published, {len(wanted)} expected")
    verdict.check(not published, f"signals of instruments without ticks: {list(published)}")
    verdict.figure("signals expected", total)
    verdict.figure("signals lost", lost)
    verdict.figure("signals invented", invented)


def check_memory(verdict, report):
    """Medians of the first and the last tenth of the samples behind the warm-up."""
    for name, bound in (("allocatedBytes", report["mostGrowthBytes"]), ("residentBytes", report.get("mostResidentGrowthBytes"))):
        samples = [row[name] for row in report["memory"] if row["second"] >= report["warmUpSeconds"]]
        if len(samples) < 10:
            verdict.check(False, f"only {len(samples)} samples of {name} behind the warm-up")
            continue
        tenth = max(3, len(samples) // 10)
        begin, end = sorted(samples[:tenth])[tenth // 2], sorted(samples[-tenth:])[tenth // 2]
        verdict.figure(f"{name} after warm-up", f"{begin / 2**20:.2f} MiB, at the end {end / 2**20:.2f} MiB")
        verdict.check(bound is None or end - begin <= bound, f"{name} grew by {(end - begin) / 2**20:.2f} MiB")


def main():
    with open(sys.argv[1]) as file:
        report = json.load(file)
    verdict = Verdict()
    database = sqlite3.connect(f"file:{report['database']}?mode=ro", uri=True)
    taken, broken = sent_ids(report["runs"])
    stored = missing = 0
    for stream, runs in sorted(taken.items()):
        counts = check_stream(verdict, database, stream, runs, report["mustHave"])
        stored, missing = stored + counts[0], missing + counts[1]
    rows = database.execute("SELECT count(*) FROM ticks").fetchone()[0]
    books = check_books(verdict, database)
    check_quotes(verdict, database, report["quotesSent"])
    counts = report["counts"]
    verdict.figure("messages sent", report["messagesSent"])
    verdict.figure("rate", f"{report['messagesProduced'] / report['seconds']:.0f} messages/s over {report['seconds']:.0f} s")
    verdict.figure("faults injected", sum(report["faults"].values()))
    for name, count in sorted(report["faults"].items()):
        verdict.figure(f"fault {name}", count)
    verdict.figure("ticks stored", rows)
    verdict.figure("book updates stored", books)
    verdict.figure("trades stored", stored)
    verdict.figure("trades missing, all in gap records", missing)
    verdict.figure("malformed messages sent", sum(r["last"] - r["first"] + 1 for s in broken.values() for r in s))
    verdict.figure("ticks accepted", counts["ticks"])
    verdict.check(counts["ticks"] == rows + books, f"{counts['ticks']} ticks accepted, but {rows} + {books} are stored")
    verdict.check(counts["dropped"] == 0, f"{counts['dropped']} records dropped")
    check_signals(verdict, database, report)
    check_memory(verdict, report)
    print("soak passed" if verdict.breaches == 0 else f"soak failed: {verdict.breaches} breaches")
    return 1 if verdict.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
