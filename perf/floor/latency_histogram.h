// A log-linear histogram of nanoseconds with the product's resolution: exact to 255 ns, then 128 buckets an octave up
// to 2^40 ns. One thread; no allocation; a record costs about 1 ns. Zero-initialise it.

#ifndef TICKLINE_PERF_LATENCY_HISTOGRAM_H
#define TICKLINE_PERF_LATENCY_HISTOGRAM_H

#include <stdint.h>
#include <stdio.h>

#define LATENCY_HISTOGRAM_BUCKETS (256 + 32 * 128)

struct latency_histogram {
    uint64_t counts[LATENCY_HISTOGRAM_BUCKETS];
    uint64_t count;
    uint64_t max_ns;
};

static inline void latency_histogram_record(struct latency_histogram *_Nonnull histogram, uint64_t ns) {
    uint64_t bucket = ns;
    if (ns >= 256) {
        uint64_t exponent = 63u - (uint64_t)__builtin_clzll(ns);
        // The leading one is implied: ns >> (exponent - 7) lies in 128..255.
        bucket = 256 + (exponent - 8) * 128 + (ns >> (exponent - 7)) - 128;
        if (exponent >= 40) bucket = LATENCY_HISTOGRAM_BUCKETS - 1;
    }
    histogram->counts[bucket] += 1;
    histogram->count += 1;
    if (ns > histogram->max_ns) histogram->max_ns = ns;
}

// Writes {"count":…,"max":…,"buckets":[[highest ns, count],…]} with the buckets that are not empty, ascending.
void latency_histogram_write_json(const struct latency_histogram *_Nonnull histogram, FILE *_Nonnull out);

#endif
