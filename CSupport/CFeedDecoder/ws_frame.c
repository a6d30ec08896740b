#include "ws_frame.h"

#define FIN_BIT 0x80u
#define RESERVED_BITS 0x70u
#define OPCODE_BITS 0x0Fu
#define CONTROL_BIT 0x08u
#define MASK_BIT 0x80u
#define LENGTH_BITS 0x7Fu
#define LENGTH_IS_16_BITS 126u
#define LENGTH_IS_64_BITS 127u

static uint64_t read_big_endian(const uint8_t *bytes, size_t count) {
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++)
        value = value << 8 | bytes[i];
    return value;
}

static bool is_known_opcode(uint8_t opcode) {
    // Bits 0, 1, 2, 8, 9 and 10.
    return (0x0707u >> opcode & 1u) != 0;
}

enum ws_frame_result ws_frame_parse(const uint8_t *bytes, size_t byte_count, uint64_t payload_bytes_max,
                                    struct ws_frame *frame) {
    frame->frame_bytes = 2;
    frame->payload = NULL;
    frame->payload_bytes = 0;
    if (byte_count == 0) return WS_FRAME_NEED_MORE;
    uint8_t first = bytes[0];
    uint8_t opcode = first & OPCODE_BITS;
    if ((first & RESERVED_BITS) != 0) return WS_FRAME_RESERVED_BITS;
    if (!is_known_opcode(opcode)) return WS_FRAME_RESERVED_OPCODE;
    bool is_control = (opcode & CONTROL_BIT) != 0;
    if (is_control && (first & FIN_BIT) == 0) return WS_FRAME_CONTROL_FRAGMENTED;
    if (byte_count == 1) return WS_FRAME_NEED_MORE;

    uint8_t second = bytes[1];
    if ((second & MASK_BIT) != 0) return WS_FRAME_MASKED;
    uint64_t length = second & LENGTH_BITS;
    if (is_control && length > WS_FRAME_CONTROL_BYTES_MAX) return WS_FRAME_CONTROL_TOO_LONG;
    uint64_t header = 2;
    if (length == LENGTH_IS_16_BITS) {
        header = 4;
        frame->frame_bytes = header;
        if (byte_count < header) return WS_FRAME_NEED_MORE;
        length = read_big_endian(bytes + 2, 2);
        if (length < LENGTH_IS_16_BITS) return WS_FRAME_LENGTH_NOT_MINIMAL;
    } else if (length == LENGTH_IS_64_BITS) {
        header = 10;
        frame->frame_bytes = header;
        if (byte_count < header) return WS_FRAME_NEED_MORE;
        length = read_big_endian(bytes + 2, 8);
        if (length <= UINT16_MAX || length >> 63 != 0) return WS_FRAME_LENGTH_NOT_MINIMAL;
    }
    if (length > payload_bytes_max) return WS_FRAME_TOO_LARGE;

    // No overflow: the length's highest bit is clear.
    frame->frame_bytes = header + length;
    frame->opcode = opcode;
    frame->is_final = (first & FIN_BIT) != 0;
    if (byte_count < header) return WS_FRAME_NEED_MORE;
    frame->payload = bytes + header;
    bool is_whole = byte_count >= frame->frame_bytes;
    frame->payload_bytes = is_whole ? length : byte_count - header;
    return is_whole ? WS_FRAME_OK : WS_FRAME_NEED_MORE;
}

size_t ws_frame_write(uint8_t *out, size_t out_capacity, enum ws_frame_opcode opcode, const uint8_t *payload,
                      size_t payload_bytes, const uint8_t mask[4]) {
    size_t length_bytes = payload_bytes < LENGTH_IS_16_BITS ? 0 : payload_bytes <= UINT16_MAX ? 2 : 8;
    size_t header = 2 + length_bytes + 4;
    if (out_capacity < header || out_capacity - header < payload_bytes) return 0;
    out[0] = (uint8_t)(FIN_BIT | opcode);
    out[1] = (uint8_t)(MASK_BIT | (length_bytes == 0   ? payload_bytes
                                   : length_bytes == 2 ? LENGTH_IS_16_BITS
                                                       : LENGTH_IS_64_BITS));
    for (size_t i = 0; i < length_bytes; i++) {
        out[2 + i] = (uint8_t)((uint64_t)payload_bytes >> (8 * (length_bytes - 1 - i)));
    }
    for (size_t i = 0; i < 4; i++)
        out[2 + length_bytes + i] = mask[i];
    for (size_t i = 0; i < payload_bytes; i++)
        out[header + i] = payload[i] ^ mask[i % 4];
    return header + payload_bytes;
}
