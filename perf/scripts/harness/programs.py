"""The programs under test and the loads, as data. {names} in a command are filled in for each round."""

from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
STREAM = "trade_signals_stream"
FEED_PATH = "/ws/btcusdt@trade"


@dataclass(frozen=True)
class Program:
    name: str
    command: tuple
    ready: tuple = ()  # addresses that must answer 200 before the measured part
    metrics: str = ""  # scraped at the end where the summary has no buckets


@dataclass(frozen=True)
class Load:
    name: str
    group: int  # trades due at one time
    interval_us: int


def tickline(redis, *more):
    return TICKLINE + ("--redis", redis) + more


TICKLINE = (
    "{tickline}", "run", "--feed", "ws://127.0.0.1:{feed}" + FEED_PATH, "--short", "{short}", "--long", "{long}",
    "--signal-stream", STREAM, "--store", "none", "--data", "{folder}/data",
    "--collector-http", "127.0.0.1:{collector}", "--processor-http", "127.0.0.1:{processor}",
    "--trader-http", "127.0.0.1:{trader}", "--summary-json", "{folder}/summary.json")
PLAIN = "redis://127.0.0.1:{redis}"
READY = ("http://127.0.0.1:{collector}/readyz", "http://127.0.0.1:{processor}/readyz")
METRICS = "http://127.0.0.1:{collector}/metrics"

# The first is what the others are compared with.
PROGRAMS = (
    Program("floor", (
        "{perf}/floor_client", "127.0.0.1", "{feed}", FEED_PATH, "127.0.0.1", "{redis}", STREAM, "{short}", "{long}",
        "binance:BTCUSDT", "{folder}/summary.json")),
    Program("tickline", tickline(PLAIN), READY, METRICS),
    Program("tickline --publish once", tickline(PLAIN, "--publish", "once"), READY, METRICS),
    Program("tickline over TLS", tickline(
        "rediss://localhost:{redis_tls}", "--redis-ca-file", "{folder}/redis.pem"), READY, METRICS),
)

LOADS = (
    Load("1 k ticks/s", 1, 1_000),
    Load("10 k ticks/s", 1, 100),
    Load("bursts of 1,000 every 100 ms", 1_000, 100_000),
)

# Of the recorded market data beside the checkout; what the decoder is measured on.
RECORDINGS = (
    "binance/btcusdt@trade.20240808.ndjson.gz", "binance/btcusdt@bookTicker.20240808.ndjson.gz",
    "binance_usdm/btcusdt@trade.20240808.ndjson.gz")
