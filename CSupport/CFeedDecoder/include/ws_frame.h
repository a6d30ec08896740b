// RFC 6455 frames as a client sees them: a zero-copy parser of received bytes and a writer of masked frames.
//
// Threads: no state of its own, so any thread on its own memory. Memory: the caller's; nothing allocates or blocks, and
// nothing is read past the given length. Cost: a parse looks at the header only (at most 14 bytes), a write touches
// each payload byte once. Message rules (fragment order, UTF-8, close codes) are the caller's; see RFC 6455, section 5.

#ifndef TICKLINE_WS_FRAME_H
#define TICKLINE_WS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Longest payload of a control frame (section 5.5).
#define WS_FRAME_CONTROL_BYTES_MAX 125u
// Two bytes, eight of extended length, four of mask (section 5.2).
#define WS_FRAME_HEADER_BYTES_MAX 14u

// Opcodes of section 11.8.
enum ws_frame_opcode {
    WS_FRAME_CONTINUATION = 0x0,
    WS_FRAME_TEXT = 0x1,
    WS_FRAME_BINARY = 0x2,
    WS_FRAME_CLOSE = 0x8,
    WS_FRAME_PING = 0x9,
    WS_FRAME_PONG = 0xA,
};

enum ws_frame_result {
    WS_FRAME_OK = 0,
    WS_FRAME_NEED_MORE,          // the frame is incomplete; `frame_bytes` says what it needs in all, as far as known
    WS_FRAME_RESERVED_BITS,      // RSV1-3 set, though no extension was negotiated
    WS_FRAME_RESERVED_OPCODE,    // opcode 3-7 or 11-15
    WS_FRAME_CONTROL_FRAGMENTED, // a control frame without FIN
    WS_FRAME_CONTROL_TOO_LONG,   // a control frame above 125 bytes
    WS_FRAME_MASKED,             // servers must not mask (section 5.1)
    WS_FRAME_LENGTH_NOT_MINIMAL, // a longer length field than the length needs, or its highest bit set
    WS_FRAME_TOO_LARGE,          // above the caller's limit; known from the header alone
};

struct ws_frame {
    const uint8_t *_Nullable payload; // inside the caller's bytes; valid as long as those are
    uint64_t payload_bytes;
    uint64_t frame_bytes; // header and payload: what to consume
    uint8_t opcode;
    bool is_final;
};

// Parses the frame at the start of `bytes`. On WS_FRAME_OK all of `frame` is set. On WS_FRAME_NEED_MORE `frame_bytes`
// is the smallest total that can lead further; where the header is whole, `payload` is not NULL, `payload_bytes` counts
// the part of it that is there, and opcode and finality are set. Every other result is a violation after which the
// connection must be closed. Violations are reported as soon as the header shows them, before the payload arrives.
__attribute__((warn_unused_result)) enum ws_frame_result ws_frame_parse(const uint8_t *_Nonnull bytes,
                                                                        size_t byte_count, uint64_t payload_bytes_max,
                                                                        struct ws_frame *_Nonnull frame);

// Writes one final, masked frame to `out` and returns its length, or 0 where `out_capacity` is too small. `payload` may
// be NULL when `payload_bytes` is 0. `mask` must be fresh random bytes (section 5.3).
__attribute__((warn_unused_result)) size_t ws_frame_write(uint8_t *_Nonnull out, size_t out_capacity,
                                                          enum ws_frame_opcode opcode, const uint8_t *_Nullable payload,
                                                          size_t payload_bytes, const uint8_t mask[_Nonnull 4]);

#endif
