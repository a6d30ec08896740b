/// What a checkpoint holds: written and read field by field, so that equal states have equal bytes (memory between fields has
/// any).
protocol CheckpointValue {
    func write(to checkpoint: inout CheckpointWriter)
    init?(from checkpoint: inout CheckpointReader)
}

/// Writes plain values one behind the other into memory of the journal's. Engine's thread; no allocation.
///
/// The memory's owner knows that everything fits (`DecisionCore.mostCheckpointBytes`); where it does not, that is our own
/// mistake and traps. Numbers are in the machine's byte order, as all of a journal.
struct CheckpointWriter {
    private let memory: UnsafeMutableRawBufferPointer
    private(set) var usedBytes = 0

    init(_ memory: UnsafeMutableRawBufferPointer) { self.memory = memory }

    mutating func write<Value: FixedWidthInteger & BitwiseCopyable>(_ value: Value) {
        memory.storeBytes(of: value, toByteOffset: usedBytes, as: Value.self)
        usedBytes += MemoryLayout<Value>.size
    }

    mutating func write(bytes: UnsafeRawBufferPointer) {
        UnsafeMutableRawBufferPointer(rebasing: memory[usedBytes...]).copyMemory(from: bytes)
        usedBytes += bytes.count
    }

    mutating func write(_ value: Bool) { write(UInt8(value ? 1 : 0)) }

    /// Writes ticks and numbers, which have nothing between their fields.
    mutating func write<Value: BitwiseCopyable>(plain values: UnsafePointer<Value>, count: Int) {
        write(bytes: UnsafeRawBufferPointer(start: values, count: count * MemoryLayout<Value>.stride))
    }

    mutating func write<Value: CheckpointValue>(_ values: UnsafeMutablePointer<Value>, count: Int) {
        for index in 0..<count { values[index].write(to: &self) }
    }
}

/// Reads what `CheckpointWriter` wrote. Values are nil once something did not fit.
struct CheckpointReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Whether everything was read.
    var isAtEnd: Bool { position == bytes.count }

    mutating func read<Value: FixedWidthInteger & BitwiseCopyable>(_ type: Value.Type = Value.self) -> Value? {
        let end = position + MemoryLayout<Value>.size
        guard end <= bytes.count else { return nil }
        defer { position = end }
        return bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: position, as: Value.self) }
    }

    mutating func readBool() -> Bool? { read(UInt8.self).map { $0 != 0 } }

    mutating func read(bytes count: Int) -> [UInt8]? {
        guard count >= 0, count <= bytes.count - position else { return nil }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    mutating func read<Value: BitwiseCopyable>(plain type: Value.Type, count: Int) -> [Value]? {
        let stride = MemoryLayout<Value>.stride
        guard let raw = read(bytes: count * stride) else { return nil }
        return raw.withUnsafeBytes { raw in
            (0..<count).map { raw.loadUnaligned(fromByteOffset: $0 * stride, as: Value.self) }
        }
    }

    mutating func read<Value: CheckpointValue>(_ type: Value.Type, count: Int) -> [Value]? {
        var values: [Value] = []
        for _ in 0..<count {
            guard let value = Value(from: &self) else { return nil }
            values.append(value)
        }
        return values
    }
}
