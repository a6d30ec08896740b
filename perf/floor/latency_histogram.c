#include "latency_histogram.h"

#include <inttypes.h>

static uint64_t highest_ns(uint64_t bucket) {
    if (bucket < 256) return bucket;
    uint64_t octave = (bucket - 256) / 128;
    uint64_t position = (bucket - 256) % 128;
    return ((position + 129) << (octave + 1)) - 1;
}

void latency_histogram_write_json(const struct latency_histogram *histogram, FILE *out) {
    fprintf(out, "{\"count\":%" PRIu64 ",\"max\":%" PRIu64 ",\"buckets\":[", histogram->count, histogram->max_ns);
    const char *separator = "";
    for (uint64_t bucket = 0; bucket < LATENCY_HISTOGRAM_BUCKETS; bucket++) {
        if (histogram->counts[bucket] == 0) continue;
        fprintf(out, "%s[%" PRIu64 ",%" PRIu64 "]", separator, highest_ns(bucket), histogram->counts[bucket]);
        separator = ",";
    }
    fputs("]}", out);
}
