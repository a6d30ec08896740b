// Checksums of the journal: CRC-32C (Castagnoli; RFC 3720, appendix B.4) over bytes in four interleaved lanes.
//
// Threads: any; no state. Memory: reads `bytes` only. Nothing allocates or blocks.
// Words of eight bytes go to the lanes in turn, and the four lanes' CRCs with the bytes that are left are the message
// of a last CRC. One lane alone would wait three cycles for each word; four keep the processor's CRC unit busy. Each
// lane finds what a CRC-32C of its words finds, so every error of up to four neighbouring bytes is found. Cost: about
// one cycle for eight bytes with the processor's CRC instruction, eight table look-ups without.

#ifndef TICKLINE_JOURNAL_CHECKSUM_H
#define TICKLINE_JOURNAL_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

// The checksum of `count_bytes` bytes, begun with `seed` so that equal bytes of different segments differ.
uint32_t journal_checksum(uint32_t seed, const void *_Nullable bytes, size_t count_bytes);

// The same by table look-ups, whatever the processor can do; for tests.
uint32_t journal_checksum_portable(uint32_t seed, const void *_Nullable bytes, size_t count_bytes);

#endif
