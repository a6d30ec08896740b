import CFeedDecoder
import Foundation

/// Cost of turning one recorded message into 64-byte records: BTCUSDT's trades, quotes and books.
///
/// One thread, messages in memory and in recorded order. Left out: reading, frame headers, the ring.
enum DecoderBenchmarks {
    /// Passes over a recording in one run.
    private static let passes = 10

    /// The benchmark of all messages of one file; traps where the file can't be read or a message is refused, since a
    /// refusal would look fast.
    @Sendable static func recording(path: String) -> Benchmark {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            preconditionFailure("cannot read \(path); give a decompressed recording")
        }
        let messages = bytes.split(separator: UInt8(ascii: "\n")).map { ContiguousArray($0) }
        let name = path.split(separator: "/").last.map(String.init) ?? path
        let mean = messages.reduce(0) { $0 + $1.count } / max(1, messages.count)
        return Benchmark(name: "decode: \(name), \(mean) bytes a message", operations: messages.count * passes) {
            run(messages)
        }
    }

    private static func run(_ messages: [ContiguousArray<UInt8>]) -> UInt64 {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: instrument_table_bytes(1), alignment: 64)
        defer { unsafe memory.deallocate() }
        let table = unsafe memory.assumingMemoryBound(to: instrument_table.self)
        unsafe instrument_table_init(table, 1)
        let added = unsafe instrument_table_add(table, "BTCUSDT", 7, 0, 8, 8, 0)
        precondition(added == INSTRUMENT_TABLE_OK, "the table takes one instrument")
        let slots = UnsafeMutablePointer<book_slot>.allocate(capacity: Int(BOOK_SLOTS_MAX))
        defer { unsafe slots.deallocate() }
        var record = tick_record()
        var slotCount: UInt32 = 0
        return Runner.time {
            for _ in 0..<passes {
                for message in messages {
                    let result = unsafe message.withUnsafeBufferPointer { text in
                        guard let start = text.baseAddress else { return DECODE_MALFORMED }
                        let result = unsafe trade_decode(start, text.count, table, 1, 0, &record)
                        guard result == DECODE_DEPTH else { return result }
                        return unsafe book_decode(
                            start, text.count, table, 1, 0, slots, UInt32(BOOK_SLOTS_MAX), &slotCount)
                    }
                    precondition(result == DECODE_TICK || result == DECODE_DEPTH, "a recorded message was refused")
                }
            }
        }
    }
}
