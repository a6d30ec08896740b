"""One round: a fresh Redis, the blocked reader, the load and one program; everything it starts it also ends."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field

from . import histogram, match, programs

START_SECONDS = 20  # for each of: a server's port, the connection, readiness
SETTLE_SECONDS = 5  # for the last signals to reach the stream
QUIET_SECONDS = 0.3  # for trades behind the last signal, which nothing outside shows
STOP_SECONDS = 10  # from SIGTERM to the exit
WARM_UP_SECONDS = 0.6  # at the load's 200 trades/s, after readiness


class RoundFailed(Exception):
    """A part did not start, answer or stop; the text says which and what it printed."""


@dataclass
class Round:
    stages: dict  # histograms by stage, the program's own figures
    outcome: match.Outcome
    send_lag_ns: list  # sent - intended of every measured trade
    steal_percent: float
    errors: list = field(default_factory=list)


class Processes(contextlib.ExitStack):
    """Starts child processes in `folder` and ends each of them on leaving; the kernel ends them where this one dies."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder
        self.children = []

    def start(self, name, command, **pipes):
        errors = self.enter_context(open(f"{self.folder}/{name}.log", "wb"))
        pipes.setdefault("stdout", errors)
        bound = ["setpriv", "--pdeathsig", "KILL"]
        process = subprocess.Popen(bound + [str(part) for part in command], stderr=errors, **pipes)
        process.label = name
        self.children.append(process)
        self.callback(self.end, process)
        return process

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.kill()
        process.wait()

    def fail(self, process, what):
        """Raises; where another part ended by itself, that is the cause and is named instead."""
        for child in self.children:
            if child is not process and child.poll() is not None and child.returncode > 0:
                self.report(child, f"exited with {child.returncode}")
        self.report(process, what)

    def report(self, process, what):
        with open(f"{self.folder}/{process.label}.log", errors="replace") as log:
            raise RoundFailed(f"{process.label} {what}\n{log.read()[-2000:]}".rstrip())

    def terminate(self, process):
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.report(process, f"did not stop within {STOP_SECONDS} s of SIGTERM")
        if code != 0:
            self.report(process, f"exited with {code}")

    def line(self, process, word, seconds):
        """The rest of the next line of `process`, which must begin with `word`."""
        def readable():
            return select.select([process.stdout], [], [], 0)[0] or any(child.poll() for child in self.children)

        wait_until(readable, seconds)
        ready = select.select([process.stdout], [], [], 0)[0]
        text = process.stdout.readline().decode() if ready else ""
        if not text.startswith(word):
            self.fail(process, f"did not say {word!r} within {seconds:.0f} s")
        return text[len(word):].strip()


def free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


def wait_until(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def fetch(url):
    """Body of a 200 answer, else None: not listening yet and not ready yet are the same to the caller."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.read().decode()
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


def redis_integer(port, *command):
    """Sends one command to Redis and returns its integer reply; None where it does not answer so."""
    text = f"*{len(command)}\r\n" + "".join(f"${len(part)}\r\n{part}\r\n" for part in command)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(text.encode())
            reply = connection.recv(64)
    except OSError:
        return None
    return int(reply[1:]) if reply.startswith(b":") else None


def self_signed(folder):
    """Makes a certificate for localhost and its key, which Redis shows on its TLS port."""
    subprocess.run([
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", f"{folder}/redis.key", "-out",
        f"{folder}/redis.pem"], check=True, capture_output=True)


def cpu_times():
    """Jiffies stolen by the host, and all jiffies; guest time is in user time already."""
    with open("/proc/stat") as stat:
        values = [int(value) for value in stat.readline().split()[1:9]]
    return values[7], sum(values)


def steal_percent(before, after):
    return 100 * (after[0] - before[0]) / max(1, after[1] - before[1])


def run(program, load, groups, seed, folder, binaries, disturb=None):
    """Runs one round in `folder` (empty). `disturb`, for the self-test, is called with the program while under load."""
    os.makedirs(folder)
    names = dict(binaries, folder=folder, short=match.SHORT, long=match.LONG)
    names.update(zip(("redis", "redis_tls", "collector", "processor", "trader"), free_ports(5)))
    self_signed(folder)
    with Processes(folder) as processes:
        redis = processes.start("redis", [
            "redis-server", "--port", names["redis"], "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
            "--dir", folder, "--tls-port", names["redis_tls"], "--tls-cert-file", f"{folder}/redis.pem",
            "--tls-key-file", f"{folder}/redis.key", "--tls-auth-clients", "no"])
        if not wait_until(lambda: redis_integer(names["redis"], "XLEN", programs.STREAM) == 0, START_SECONDS):
            processes.fail(redis, "does not answer")
        sight = processes.start("sight", [
            f"{binaries['perf']}/stream_sight", names["redis"], programs.STREAM, f"{folder}/sight.tsv"])
        exchange = processes.start("load", [
            f"{binaries['perf']}/load_generator", load.group, load.interval_us, groups, seed, f"{folder}/ledger.csv"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        names["feed"] = processes.line(exchange, "listening", START_SECONDS)
        tested = processes.start("program", [part.format(**names) for part in program.command])
        processes.line(exchange, "connected", START_SECONDS)
        for address in program.ready:
            if not wait_until(lambda: fetch(address.format(**names)) is not None, START_SECONDS):
                processes.fail(tested, f"is not ready: {address.format(**names)}")
        time.sleep(WARM_UP_SECONDS)

        before = cpu_times()
        exchange.stdin.write(b"start\n")
        if disturb:
            disturb(tested)
        processes.line(exchange, "done", START_SECONDS + 2 * groups * load.interval_us / 1e6)
        steal = steal_percent(before, cpu_times())
        trades = match.read_ledger(f"{folder}/ledger.csv")
        expected = len(match.expected_entries(trades))
        wait_until(lambda: (redis_integer(names["redis"], "XLEN", programs.STREAM) or 0) >= expected, SETTLE_SECONDS)
        time.sleep(QUIET_SECONDS)
        metrics = fetch(program.metrics.format(**names)) if program.metrics else None
        if tested.poll() is not None:
            processes.fail(tested, f"ended by itself with {tested.returncode}")
        processes.terminate(tested)
        # Nothing can be added now: what the reader sees is the whole stream.
        processes.terminate(sight)
    stages = histogram.of_metrics(metrics) if metrics else {}
    if os.path.exists(f"{folder}/summary.json"):
        with open(f"{folder}/summary.json") as summary:
            stages.update(histogram.of_summary(json.load(summary)))
    outcome = match.match(trades, match.read_sightings(f"{folder}/sight.tsv"))
    return Round(stages, outcome, [t.sent_ns - t.intended_ns for t in trades if t.intended_ns], steal,
                 errors=outcome.errors + count_errors(stages, trades, outcome))


def count_errors(stages, trades, outcome):
    """A program's own figures must cover every trade and every signal, warm-up included."""
    wanted = {"tick_to_decision": len(trades), "tick_to_signal": outcome.expected}
    return [
        f"wrong: {stage} has {stages[stage].count if stage in stages else 'no'} samples, not {count}"
        for stage, count in wanted.items()
        if stage not in stages or stages[stage].count != count
    ]
