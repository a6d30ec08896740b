"""From an entry of the signal stream to its order: `tickline trader` on a paced stream, over each store it can have."""

import datetime
import os
import socket
import time

from . import histogram, programs, report, round as rounds

ENTRIES_A_SECOND = 20
MONGOD = programs.ROOT / ".run/mongod/mongod"
STORES = ("SQLite", "MongoDB")


def entry(number, now_ns):
    """The fields of a crossing, BUY and SELL in turn, so that each comes to one order."""
    key = "binance:BTCUSDT:sma-5-20"
    second = now_ns // 10**9
    time_text = datetime.datetime.fromtimestamp(second, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    is_buy = number % 2 == 0
    return {
        "signal": "BUY" if is_buy else "SELL", "shortSMA": "2" if is_buy else "1", "longSMA": "1" if is_buy else "2",
        "time": time_text, "schema": "1", "id": f"{key}:{number + 1}", "exchange": "binance", "symbol": "BTCUSDT",
        "strategy": "sma-5-20", "price": "60000", "tickId": str(number + 1),
        "eventTime": str(second * 10**9), "receiveTime": str(now_ns), "reason": "cross",
    }


def publish(port, count):
    """Adds entries at their due times, whatever became of the ones before."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        start = time.monotonic()
        for number in range(count):
            time.sleep(max(0, start + number / ENTRIES_A_SECOND - time.monotonic()))
            words = ["XADD", programs.STREAM, "*"]
            words += [word for field in entry(number, time.time_ns()).items() for word in field]
            text = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
            connection.sendall(text.encode())
            connection.recv(128)


def measure(store, seconds, folder, binaries):
    """The histogram of one run; every entry must have come to an order."""
    os.makedirs(f"{folder}/mongo")
    count = max(1, round(seconds * ENTRIES_A_SECOND))
    redis, mongo, http = rounds.free_ports(3)
    with rounds.Processes(folder) as processes:
        server = processes.start("redis", [
            "redis-server", "--port", redis, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder])
        if not rounds.wait_until(lambda: rounds.redis_integer(redis, "XLEN", programs.STREAM) == 0, rounds.START_SECONDS):
            processes.fail(server, "does not answer")
        kept = ["--single-trader", "--store", "sqlite"]
        if store == "MongoDB":
            processes.start("mongod", [
                MONGOD, "--dbpath", f"{folder}/mongo", "--port", mongo, "--bind_ip", "127.0.0.1", "--nounixsocket"])
            kept = ["--mongo", f"mongodb://127.0.0.1:{mongo}"]
        tested = processes.start("trader", [
            binaries["tickline"], "trader", "--redis", f"redis://127.0.0.1:{redis}", "--data", f"{folder}/data",
            "--trader-http", f"127.0.0.1:{http}", "--paper-fill", "signal", *kept])
        address = f"http://127.0.0.1:{http}"
        if not rounds.wait_until(lambda: rounds.fetch(f"{address}/readyz") is not None, rounds.START_SECONDS):
            processes.fail(tested, "is not ready")
        before = rounds.cpu_times()
        publish(redis, count)
        handled = rounds.wait_until(
            lambda: rounds.redis_integer(redis, "XLEN", "processed_signals") == count, rounds.SETTLE_SECONDS)
        if not handled:
            processes.fail(tested, f"has not handled {count} entries")
        steal = rounds.steal_percent(before, rounds.cpu_times())
        found = histogram.of_metrics(rounds.fetch(f"{address}/metrics") or "").get("signal_to_order")
        processes.terminate(tested)
    if found is None or found.count != count:
        raise rounds.RoundFailed(f"{store}: {found.count if found else 'no'} orders of {count} entries")
    return found, steal


def section(seconds, folder, binaries):
    header = ["time, µs", "store"] + [name for name, _ in histogram.QUANTILES] + ["samples", "steal time, %"]
    rows = []
    for store in STORES:
        if store == "MongoDB" and not MONGOD.exists():
            rows.append(["entry read → order sent", f"{store}: SKIPPED for want of {MONGOD}"] + ["–"] * 6)
            continue
        found, steal = measure(store, seconds, f"{folder}/trader-{store}", binaries)
        rows.append(["entry read → order sent (≤)", store] + [
            report.micros(found.quantile(fraction)) for _, fraction in histogram.QUANTILES
        ] + [f"{found.count:,}", f"{steal:.1f}"])
    return (f"## From an entry to its order\n\n{report.table(header, rows)}\n\n{ENTRIES_A_SECOND} entries a second, paper "
            "venue on the same store. The intent is stored before the order is sent, and the venue keeps its own word of it: "
            "most of the time is the store's. (≤): bounds of /metrics, a value may be up to a fifth lower.")
