// One segment of a journal's chain: a file of fixed size, mapped, written once from front to back.
//
// Layout: a header of 4,096 bytes, a table of 64-byte entries, and a data region. An entry says what happened; its
// words may place bytes of the data region (what a socket's read delivered, a checkpoint). An entry counts once its
// checksum is right, and so do the bytes it places. Nothing written is changed later, except for the header's last
// two words: how many entries there are, and how many of them are known to be on disk. What is known to be there is
// whole for ever; of the entries behind it a power loss can take any, also where the header says that the segment is
// complete.
//
// Threads: one appends; one, which may be another, notes what is on disk; any number in any process read. Memory: the
// caller's mapping, of the size the header names, 64-byte aligned, kept until all are done. Nothing here allocates,
// blocks or enters the kernel, but touching a page of a mapped file may fault. Cost: an append is two checksums and a
// 64-byte copy. Order: byte order is the machine's; a file of another order has another magic number and is refused.

#ifndef TICKLINE_JOURNAL_SEGMENT_H
#define TICKLINE_JOURNAL_SEGMENT_H

#include <stddef.h>
#include <stdint.h>

#define JOURNAL_VERSION 1u
#define JOURNAL_HEADER_BYTES 4096u
#define JOURNAL_ENTRY_BYTES 64u
// What a segment says to be on disk that is of a version that did not say it.
#define JOURNAL_NOTHING_NOTED 0xFFFFFFFFFFFFFFFFull
// Data is placed by 32-bit offsets.
#define JOURNAL_MOST_SEGMENT_BYTES (1ull << 31)

// What a segment is; constant from its creation on. All times in nanoseconds.
struct journal_identity {
    uint64_t run;            // wall clock at the start of the process that wrote it; rises from run to run
    uint64_t segment;        // number within the chain, from 1, rising over runs
    uint64_t first_sequence; // sequence of its first entry within the chain
    uint64_t segment_bytes;  // of the whole file
    uint64_t table_entries;  // capacity of the table
    int64_t created_wall_ns; // wall clock at its creation
    uint32_t chain_kind;     // who writes
    uint32_t chain_index;    // which one of them
};

struct journal_entry {
    uint32_t checksum; // of the 60 bytes behind, seeded by the segment's run and number
    uint8_t kind;      // the chain's own meaning, never 0
    uint8_t detail;
    uint16_t source;
    uint64_t sequence; // counts the chain's entries from 1, over runs
    uint64_t words[6];
};

_Static_assert(sizeof(struct journal_entry) == JOURNAL_ENTRY_BYTES, "an entry is one cache line");

enum journal_result {
    JOURNAL_OK = 0,
    JOURNAL_NOT_A_JOURNAL, // no magic number, or of the other byte order
    JOURNAL_NEWER,         // written by a later version
    JOURNAL_DAMAGED,       // the header's checksum or sizes are wrong
};

// ---- the writer ----

// Where an appending thread stands in its segment. Plain memory of the caller's, one thread.
struct journal_writer {
    uint8_t *_Nullable base; // the mapping; NULL before the first segment
    uint64_t entries;        // written
    uint64_t table_entries;  // capacity
    uint64_t next_sequence;
    uint64_t data_used; // bytes, counted from the segment's start
    uint64_t segment_bytes;
    uint32_t seed;
    uint32_t padding;
};

// Bytes from the segment's start to its data region.
static inline uint64_t journal_data_offset(uint64_t table_entries) {
    return JOURNAL_HEADER_BYTES + table_entries * JOURNAL_ENTRY_BYTES;
}

// Writes the header of a new segment over whatever the mapping holds; old entries are void by their checksums' seed.
// `in_memory_before`: how many segments directly in front of it were in memory alone.
void journal_segment_create(uint8_t *_Nonnull base, const struct journal_identity *_Nonnull identity,
                            uint64_t in_memory_before);

// Makes `writer` append to the empty segment at `base`, which `journal_segment_create` made.
void journal_writer_begin(struct journal_writer *_Nonnull writer, uint8_t *_Nonnull base,
                          const struct journal_identity *_Nonnull identity);

// Appends an entry; `kind` to `words` are taken from `entry`, sequence and checksum are set. The caller knows that the
// table has room. Visible to readers when it returns.
void journal_append(struct journal_writer *_Nonnull writer, struct journal_entry *_Nonnull entry);

// The same for an entry that places `length_bytes` bytes at `offset_bytes` (from the segment's start), already written
// there: words 0 (offset, and the length in the upper half) and the lower half of word 1 (the bytes' checksum) are set
// here.
void journal_append_data(struct journal_writer *_Nonnull writer, struct journal_entry *_Nonnull entry,
                         uint32_t offset_bytes, uint32_t length_bytes);

// Entries that still fit.
static inline uint64_t journal_free_entries(const struct journal_writer *_Nonnull writer) {
    return writer->table_entries - writer->entries;
}

// Says that no more entries will follow in this segment. By the writer's side, once.
void journal_segment_seal(uint8_t *_Nonnull base, uint64_t entries);

// Notes that the first `entries` entries and the bytes they place are on disk: so many were visible before a
// synchronisation of the file began that has succeeded, and none has failed before. By one thread, which need not be
// the writer's; the number never falls.
void journal_segment_note_on_disk(uint8_t *_Nonnull base, uint64_t entries);

// ---- readers ----

// Reads and checks the header at `base`, of which `mapped_bytes` are readable.
enum journal_result journal_segment_open(const uint8_t *_Nonnull base, uint64_t mapped_bytes,
                                         struct journal_identity *_Nonnull identity);

// Entries the writer has made visible; also in a segment of a process that was killed. Only the checksums say whether
// they reached the disk before a power loss.
uint64_t journal_segment_committed(const uint8_t *_Nonnull base);

// How many segments directly in front of it were in memory alone, for the disk refused; 0 in one of a version that did
// not say it.
uint64_t journal_segment_in_memory_before(const uint8_t *_Nonnull base);

// 1 where the segment was sealed, 0 where its writer still runs or was killed.
int journal_segment_is_sealed(const uint8_t *_Nonnull base);

// Entries that are known to be on disk, and the bytes they place; JOURNAL_NOTHING_NOTED in a segment of a version that
// noted none. The note itself may have come to the disk later or not at all, never earlier than they did.
uint64_t journal_segment_on_disk(const uint8_t *_Nonnull base);

// The entry at `index`, copied to `entry`: 1 where it and the bytes it places are whole, else 0. `places_data` says
// whether entries of this kind place bytes.
int journal_segment_read(const uint8_t *_Nonnull base, const struct journal_identity *_Nonnull identity, uint64_t index,
                         int places_data, struct journal_entry *_Nonnull entry);

#endif
