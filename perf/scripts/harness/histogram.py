"""Latency histograms: {highest nanoseconds of a bucket: count}, pooled over rounds by adding."""

import math
import re
from collections import Counter

QUANTILES = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999))


class Histogram:
    """Counts by bucket; the largest value is kept apart because it is exact where the source gives it.

    `coarse` says that the bounds are those of /metrics: a value may be up to a fifth lower than its bucket's bound.
    """

    def __init__(self, buckets=(), max_ns=0, coarse=False):
        self.coarse = coarse
        self.buckets = Counter()
        for highest_ns, count in buckets:
            self.buckets[highest_ns] += count
        self.max_ns = max_ns or max(self.buckets, default=0)

    @property
    def count(self):
        return sum(self.buckets.values())

    def add(self, other):
        self.buckets.update(other.buckets)
        self.max_ns = max(self.max_ns, other.max_ns)
        self.coarse = self.coarse or other.coarse

    def quantile(self, fraction):
        """Nanoseconds at or below which `fraction` of the values lie (nearest rank); None when empty."""
        rank, seen = max(1, math.ceil(fraction * self.count)), 0
        for highest_ns in sorted(self.buckets):
            seen += self.buckets[highest_ns]
            if seen >= rank:
                return min(highest_ns, self.max_ns)
        return None


def of_samples(samples_ns):
    return Histogram((value, 1) for value in samples_ns)


def of_summary(summary):
    """Histograms by stage from a program's summary file, where it gives buckets."""
    return {
        stage: Histogram(values["buckets"], values["max"])
        for stage, values in summary.get("stages", {}).items()
        if "buckets" in values
    }


SAMPLE = re.compile(r'^(tickline_\w+_seconds)_bucket\{(.*)\} (\d+)')
LABEL = re.compile(r'(\w+)="([^"]*)"')
WHOLE = {
    "tickline_tick_to_decision_seconds": "tick_to_decision", "tickline_tick_to_signal_seconds": "tick_to_signal",
    "tickline_signal_to_order_seconds": "signal_to_order",
}


def of_metrics(text):
    """Histograms by stage from Prometheus text, whose bounds are coarse."""
    cumulative = {}
    for line in text.splitlines():
        match = SAMPLE.match(line)
        if not match:
            continue
        labels = dict(LABEL.findall(match[2]))
        stage = WHOLE.get(match[1]) or labels.get("stage")
        if stage and labels["le"] != "+Inf":
            # Several series of one stage (one for each feed) add up.
            bounds = cumulative.setdefault(stage, Counter())
            bounds[round(float(labels["le"]) * 1e9)] += int(match[3])
    found = {}
    for stage, bounds in cumulative.items():
        below, buckets = 0, []
        for highest_ns in sorted(bounds):
            if bounds[highest_ns] > below:
                buckets.append((highest_ns, bounds[highest_ns] - below))
            below = bounds[highest_ns]
        found[stage] = Histogram(buckets, coarse=True)
    return found
