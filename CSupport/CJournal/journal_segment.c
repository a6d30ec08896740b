#include "journal_segment.h"

#include "journal_checksum.h"

#include <stdatomic.h>
#include <string.h>

static const uint64_t MAGIC = 0x4C4E524A4B434954ull; // "TICKJRNL", least byte first
static const uint64_t SEALED = 1ull << 63;
// Of the word that says what is on disk: versions before it left that word 0, and pass over it now, so the header's
// version is the same.
static const uint64_t NOTED = 1ull << 63;

struct header {
    uint64_t magic;
    uint32_t version;
    uint32_t checksum; // of `identity`
    struct journal_identity identity;
    // Not of `identity`: segments of versions that did not say it keep their checksums.
    uint64_t in_memory_before;
    uint8_t padding[56];
    // The writer's: entries visible, with SEALED where no more will follow.
    _Atomic uint64_t committed;
    uint8_t more_padding[48];
    // The synchronising thread's: NOTED, and entries known to be on disk.
    _Atomic uint64_t on_disk;
};

_Static_assert(sizeof(struct header) <= JOURNAL_HEADER_BYTES, "the header fits its place");
_Static_assert(offsetof(struct header, committed) >= 128, "what the writer changes has its own cache line");
_Static_assert(offsetof(struct header, committed) % 64 + sizeof(uint64_t) <= 64, "and is within it");
_Static_assert(offsetof(struct header, on_disk) == 192,
               "so has what another thread changes; the place is the format's");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "64-bit atomics must be lock-free");

// Entries of another run, segment or chain that a recycled file still holds have another seed.
static uint32_t seed_of(const struct journal_identity *identity) {
    return journal_checksum(identity->chain_kind, identity, sizeof *identity);
}

static uint32_t entry_checksum(uint32_t seed, const struct journal_entry *entry) {
    return journal_checksum(seed, (const uint8_t *)entry + sizeof entry->checksum,
                            sizeof *entry - sizeof entry->checksum);
}

void journal_segment_create(uint8_t *base, const struct journal_identity *identity, uint64_t in_memory_before) {
    memset(base, 0, JOURNAL_HEADER_BYTES);
    struct header *header = (struct header *)base;
    header->version = JOURNAL_VERSION;
    header->identity = *identity;
    header->in_memory_before = in_memory_before;
    header->checksum = journal_checksum(JOURNAL_VERSION, identity, sizeof *identity);
    // relaxed: nobody knows of the segment yet.
    atomic_store_explicit(&header->on_disk, NOTED, memory_order_relaxed);
    // A process killed before this store leaves a file that nobody has begun. The signal fence keeps the compiler's
    // order; a process's end keeps the processor's.
    atomic_signal_fence(memory_order_release);
    header->magic = MAGIC;
}

void journal_writer_begin(struct journal_writer *writer, uint8_t *base, const struct journal_identity *identity) {
    *writer = (struct journal_writer){
        .base = base,
        .table_entries = identity->table_entries,
        .next_sequence = identity->first_sequence,
        .data_used = journal_data_offset(identity->table_entries),
        .segment_bytes = identity->segment_bytes,
        .seed = seed_of(identity),
    };
}

void journal_append(struct journal_writer *writer, struct journal_entry *entry) {
    entry->sequence = writer->next_sequence++;
    entry->checksum = entry_checksum(writer->seed, entry);
    memcpy(writer->base + JOURNAL_HEADER_BYTES + writer->entries * JOURNAL_ENTRY_BYTES, entry, sizeof *entry);
    writer->entries++;
    // release: the entry and the bytes it places are written before; pairs with the acquire in
    // journal_segment_committed.
    atomic_store_explicit(&((struct header *)writer->base)->committed, writer->entries, memory_order_release);
}

void journal_append_data(struct journal_writer *writer, struct journal_entry *entry, uint32_t offset_bytes,
                         uint32_t length_bytes) {
    entry->words[0] = (uint64_t)length_bytes << 32 | offset_bytes;
    uint32_t checksum = journal_checksum(writer->seed, writer->base + offset_bytes, length_bytes);
    entry->words[1] = (entry->words[1] & 0xFFFFFFFF00000000ull) | checksum;
    journal_append(writer, entry);
}

void journal_segment_seal(uint8_t *base, uint64_t entries) {
    // release: as in journal_append.
    atomic_store_explicit(&((struct header *)base)->committed, entries | SEALED, memory_order_release);
}

void journal_segment_note_on_disk(uint8_t *base, uint64_t entries) {
    // relaxed: it says something of the disk, nothing of memory; which entries are visible is said by `committed`
    // alone.
    atomic_store_explicit(&((struct header *)base)->on_disk, entries | NOTED, memory_order_relaxed);
}

enum journal_result journal_segment_open(const uint8_t *base, uint64_t mapped_bytes,
                                         struct journal_identity *identity) {
    if (mapped_bytes < JOURNAL_HEADER_BYTES) return JOURNAL_NOT_A_JOURNAL;
    const struct header *header = (const struct header *)base;
    if (header->magic != MAGIC) return JOURNAL_NOT_A_JOURNAL;
    if (header->version > JOURNAL_VERSION) return JOURNAL_NEWER;
    *identity = header->identity;
    if (header->checksum != journal_checksum(header->version, identity, sizeof *identity)) return JOURNAL_DAMAGED;
    uint64_t most_entries = (JOURNAL_MOST_SEGMENT_BYTES - JOURNAL_HEADER_BYTES) / JOURNAL_ENTRY_BYTES;
    if (identity->segment_bytes > JOURNAL_MOST_SEGMENT_BYTES || identity->segment_bytes > mapped_bytes ||
        identity->table_entries > most_entries ||
        journal_data_offset(identity->table_entries) > identity->segment_bytes)
        return JOURNAL_DAMAGED;
    return JOURNAL_OK;
}

static uint64_t committed_word(const uint8_t *base) {
    // acquire: pairs with the release in journal_append. The cast away from const is for C17's atomic_load alone.
    return atomic_load_explicit((_Atomic uint64_t *)&((struct header *)(uintptr_t)base)->committed,
                                memory_order_acquire);
}

uint64_t journal_segment_committed(const uint8_t *base) {
    return committed_word(base) & ~SEALED;
}

uint64_t journal_segment_in_memory_before(const uint8_t *base) {
    return ((const struct header *)base)->in_memory_before;
}

int journal_segment_is_sealed(const uint8_t *base) {
    return (committed_word(base) & SEALED) != 0;
}

uint64_t journal_segment_on_disk(const uint8_t *base) {
    // relaxed: as in journal_segment_note_on_disk. The cast is as above.
    uint64_t word =
        atomic_load_explicit((_Atomic uint64_t *)&((struct header *)(uintptr_t)base)->on_disk, memory_order_relaxed);
    return (word & NOTED) != 0 ? word & ~NOTED : JOURNAL_NOTHING_NOTED;
}

int journal_segment_read(const uint8_t *base, const struct journal_identity *identity, uint64_t index, int places_data,
                         struct journal_entry *entry) {
    if (index >= identity->table_entries) return 0;
    memcpy(entry, base + JOURNAL_HEADER_BYTES + index * JOURNAL_ENTRY_BYTES, sizeof *entry);
    uint32_t seed = seed_of(identity);
    if (entry->kind == 0 || entry->checksum != entry_checksum(seed, entry)) return 0;
    if (entry->sequence != identity->first_sequence + index) return 0;
    if (!places_data) return 1;
    uint64_t offset = entry->words[0] & 0xFFFFFFFFull;
    uint64_t length = entry->words[0] >> 32;
    if (offset < journal_data_offset(identity->table_entries) || offset + length > identity->segment_bytes) return 0;
    return (uint32_t)entry->words[1] == journal_checksum(seed, base + offset, length);
}
