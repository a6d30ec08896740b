// Exact integer moving-average crossover, O(1) a price, for the floor client.
//
// One thread. Periods up to SMA_CROSSOVER_LONGEST, prices at scale 8 up to 2^48: then sum * period stays below
// 2^48 * 2^7 * 2^7 = 2^62 and sum * 100 below 2^62 too, so 64 bits hold every step. Zero-initialise, set the periods.

#ifndef TICKLINE_PERF_SMA_CROSSOVER_H
#define TICKLINE_PERF_SMA_CROSSOVER_H

#include <stdint.h>

#define SMA_CROSSOVER_LONGEST 128u

struct sma_crossover {
    uint64_t short_period;
    uint64_t long_period;
    uint64_t count;                        // prices seen
    int64_t prices[SMA_CROSSOVER_LONGEST]; // price n is at n modulo the capacity
    int64_t short_sum;
    int64_t long_sum;
    int last_sign; // last sign of short - long that was not 0
};

// Takes the next price. Returns 1 for BUY, -1 for SELL where the sign differs from the last one that was not 0, else 0;
// the first sign after warm-up is state, not a signal.
static inline int sma_crossover_update(struct sma_crossover *_Nonnull sma, int64_t price) {
    uint64_t index = sma->count++;
    sma->short_sum += price;
    sma->long_sum += price;
    if (index >= sma->short_period) sma->short_sum -= sma->prices[(index - sma->short_period) % SMA_CROSSOVER_LONGEST];
    if (index >= sma->long_period) sma->long_sum -= sma->prices[(index - sma->long_period) % SMA_CROSSOVER_LONGEST];
    sma->prices[index % SMA_CROSSOVER_LONGEST] = price;
    if (sma->count < sma->long_period) return 0;
    int64_t left = sma->short_sum * (int64_t)sma->long_period;
    int64_t right = sma->long_sum * (int64_t)sma->short_period;
    int sign = (left > right) - (left < right);
    if (sign == 0) return 0;
    int previous = sma->last_sign;
    sma->last_sign = sign;
    return previous != 0 && previous != sign ? sign : 0;
}

#endif
