// The frame parser against its contract and against wslay's; the writer against the parser's rules.

#include "fuzz_support.h"
#include "ws_frame.h"

#include <wslay/wslay.h>

struct source {
    const uint8_t *bytes;
    size_t left;
};

static ssize_t feed(uint8_t *buffer, size_t capacity, int flags, void *context) {
    (void)flags;
    struct source *source = context;
    size_t count = source->left < capacity ? source->left : capacity;
    // wslay takes -1 for "nothing yet", 0 for an end.
    if (count == 0) return -1;
    memcpy(buffer, source->bytes, count);
    source->bytes += count;
    source->left -= count;
    return (ssize_t)count;
}

// What wslay makes of a frame that is whole and fine to us: opcode, finality and payload must be ours.
static void check_against_wslay(const uint8_t *bytes, size_t count, const struct ws_frame *frame) {
    struct source source = {bytes, count};
    struct wslay_frame_callbacks callbacks = {.recv_callback = feed};
    wslay_frame_context_ptr context;
    CHECK(wslay_frame_context_init(&context, &callbacks, &source) == 0);
    uint64_t received = 0;
    struct wslay_frame_iocb part;
    do {
        memset(&part, 0, sizeof part);
        ssize_t result = wslay_frame_recv(context, &part);
        CHECK(result >= 0);
        CHECK(part.payload_length == frame->payload_bytes);
        CHECK(part.opcode == frame->opcode && (part.fin == 1) == frame->is_final && part.mask == 0 && part.rsv == 0);
        CHECK(received + part.data_length <= frame->payload_bytes);
        if (part.data_length > 0) CHECK(memcmp(part.data, frame->payload + received, part.data_length) == 0);
        received += part.data_length;
    } while (received < part.payload_length);
    wslay_frame_context_free(context);
}

static void check_prefix(const uint8_t *bytes, size_t count, uint64_t limit, enum ws_frame_result result,
                         const struct ws_frame *frame) {
    uint8_t *prefix = exact_copy(bytes, count);
    struct ws_frame found;
    enum ws_frame_result before = ws_frame_parse(prefix, count, limit, &found);
    // Less of it: still too little, or the same breach.
    CHECK(before == WS_FRAME_NEED_MORE || before == result);
    if (before == WS_FRAME_NEED_MORE) CHECK(found.frame_bytes > count);
    if (before == WS_FRAME_NEED_MORE && result == WS_FRAME_OK) CHECK(found.frame_bytes <= frame->frame_bytes);
    free(prefix);
}

static void check_written(const uint8_t *payload, size_t count) {
    const uint8_t mask[4] = {0x12, 0xF4, 0x56, 0x00};
    size_t capacity = count + WS_FRAME_HEADER_BYTES_MAX;
    uint8_t *out = malloc(capacity);
    CHECK(out != NULL);
    size_t written = ws_frame_write(out, capacity, WS_FRAME_TEXT, payload, count, mask);
    CHECK(written >= count + 6 && written <= capacity);
    CHECK(ws_frame_write(out, written - 1, WS_FRAME_TEXT, payload, count, mask) == 0);
    for (size_t i = 0; i < count; i++)
        CHECK((out[written - count + i] ^ mask[i % 4]) == payload[i]);
    // A client's frame is a breach to a client, and for its mask alone.
    struct ws_frame frame;
    CHECK(ws_frame_parse(out, written, UINT64_MAX, &frame) == WS_FRAME_MASKED);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    const uint64_t limit = 1ull << (data[0] % 64);
    const uint8_t *bytes = data + 1;
    size_t left = size - 1;
    check_written(bytes, left);
    for (;;) {
        struct ws_frame frame;
        enum ws_frame_result result = ws_frame_parse(bytes, left, limit, &frame);
        CHECK(result <= WS_FRAME_TOO_LARGE);
        for (size_t count = 0; count < left && count < 2 * WS_FRAME_HEADER_BYTES_MAX; count++)
            check_prefix(bytes, count, limit, result, &frame);
        if (result == WS_FRAME_NEED_MORE) {
            CHECK(frame.frame_bytes > left);
            if (frame.payload != NULL) CHECK(frame.payload + frame.payload_bytes == bytes + left);
        }
        if (result != WS_FRAME_OK) return 0;
        CHECK(frame.frame_bytes >= 2 && frame.frame_bytes <= left && frame.payload_bytes <= limit);
        CHECK(frame.payload >= bytes && frame.payload + frame.payload_bytes == bytes + frame.frame_bytes);
        check_against_wslay(bytes, (size_t)frame.frame_bytes, &frame);
        bytes += frame.frame_bytes;
        left -= (size_t)frame.frame_bytes;
    }
}
