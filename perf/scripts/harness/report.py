"""Markdown tables of a run; times in microseconds."""

import os
import platform
import statistics
import subprocess

from . import histogram, programs

MEASURES = (
    ("tick_to_decision", "tick → decision"),
    ("tick_to_signal", "tick → signal sent"),
    ("sight", "intended → sight"),
)


def machine():
    """Processor model, number of processors, kernel release."""
    model = platform.machine()
    with open("/proc/cpuinfo") as info:
        for line in info:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return model, os.cpu_count(), platform.release()


def commit():
    def git(*arguments):
        return subprocess.run(
            ["git", "-C", programs.ROOT, *arguments], capture_output=True, text=True, check=True).stdout.strip()
    # A result that is yet to be committed changes nothing that is measured.
    changes = git("status", "--porcelain", "--", ".", ":!perf/Results")
    return git("rev-parse", "--short=12", "HEAD") + (" with changes" if changes else "")


def micros(nanos):
    return "–" if nanos is None else f"{nanos / 1000:.1f}" if nanos < 1_000_000 else f"{nanos / 1000:,.0f}"


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|---" * 2 + "|---:" * (len(header) - 2) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def pooled(rounds, measure):
    """All rounds of one program together."""
    total = histogram.Histogram()
    for each in rounds:
        total.add(of_round(each, measure))
    return total


def of_round(each, measure):
    if measure == "sight":
        return histogram.of_samples(each.outcome.intended_to_sight_ns)
    if measure == "lag":
        return histogram.of_samples(each.send_lag_ns)
    return each.stages.get(measure, histogram.Histogram())


def percentile_rows(label, results, measure):
    for name, rounds in results.items():
        found = pooled(rounds, measure)
        source = f"{label} (≤)" if found.coarse else label
        yield ([source, name] + [micros(found.quantile(fraction)) for _, fraction in histogram.QUANTILES]
               + [micros(found.max_ns if found.count else None), f"{found.count:,}"])


def centre(rounds, measure, best_third):
    """Median over rounds of their medians, of all rounds or of the third with the lowest."""
    medians = sorted(filter(None, (of_round(each, measure).quantile(0.5) for each in rounds)))
    if best_third:
        medians = medians[:max(1, len(medians) // 3)]
    return statistics.median(medians) if medians else None


def ratio_rows(results):
    floor, *others = results
    for measure, label in MEASURES:
        for name in others:
            row = [label, name]
            for best_third in (True, False):
                ours, least = centre(results[name], measure, best_third), centre(results[floor], measure, best_third)
                row.append(f"{ours / least:.2f}" if ours and least else "–")
            yield row


def load_section(load, results):
    """`results` maps a program's name to its rounds; the first program is the floor."""
    header = ["time, µs", "program"] + [name for name, _ in histogram.QUANTILES] + ["max", "samples"]
    rows = [row for measure, label in MEASURES for row in percentile_rows(label, results, measure)]
    whole = {measure for measure, _ in MEASURES}
    stages = sorted({stage for rounds in results.values() for each in rounds for stage in each.stages} - whole)
    for stage in stages:
        rows += [row for row in percentile_rows(f"stage {stage}", results, stage) if row[-1] != "0"]
    rows += percentile_rows("generator's lag (sent − intended)", results, "lag")
    parts = [f"## {load.name}", table(header, rows)]
    if len(results) > 1:
        parts.append(table(["p50 ÷ floor's p50", "program", "best third of rounds", "all rounds"], ratio_rows(results)))
    steal = "; ".join(
        f"{name} {statistics.mean(each.steal_percent for each in rounds):.1f} %" for name, rounds in results.items())
    signals = "; ".join(
        f"{name} {sum(each.outcome.expected for each in rounds):,}" for name, rounds in results.items())
    if any("(≤)" in row[0] for row in rows):
        parts.append("(≤): the program gave no buckets at its end, so these are upper bounds of the coarse buckets of "
                     "its /metrics; the values may be up to a fifth lower.")
    parts.append(f"Signals, each matched to its tick and found exactly once: {signals}. Steal time: {steal}.")
    return "\n\n".join(parts)


def heading(date, command, settings):
    model, processors, kernel = machine()
    return f"""# Latency, {date}

- command: `{command}`, commit {commit()}
- machine: {model}, {processors} processors, Linux {kernel}
- settings: {settings}

Open loop: each trade has an intended time, and **intended → sight** runs from there to the return of the recv call
that brought the entry to a blocked XREAD of another process, so a stall is in the tail and the generator's own lag
(shown) is too. **tick → decision** and **tick → signal sent** are the programs' own figures, from the return of the
read that delivered the tick's last byte to the decision and to the return of the call that sent the publish command;
they include the warm-up trades before the measured part, intended → sight does not. Percentiles are over all rounds
together. The floor is a one-thread C client that blocks in recv, scans, computes and sends, with none of the
product's checks, journal or recovery. Load, program, Redis and reader share the machine's processors."""
