/// Writes plain values one behind the other into memory of the journal's. Engine's thread; no allocation.
///
/// The memory's owner knows that everything fits (`DecisionCore.mostCheckpointBytes`); where it does not, that is our own
/// mistake and traps. Values are stored as they lie in memory: a checkpoint names the layout it was written with.
struct CheckpointWriter {
    private let memory: UnsafeMutableRawBufferPointer
    private(set) var usedBytes = 0

    init(_ memory: UnsafeMutableRawBufferPointer) { self.memory = memory }

    mutating func write<Value: BitwiseCopyable>(_ value: Value) {
        memory.storeBytes(of: value, toByteOffset: usedBytes, as: Value.self)
        usedBytes += MemoryLayout<Value>.size
    }

    mutating func write(bytes: UnsafeRawBufferPointer) {
        UnsafeMutableRawBufferPointer(rebasing: memory[usedBytes...]).copyMemory(from: bytes)
        usedBytes += bytes.count
    }

    mutating func write<Value: BitwiseCopyable>(_ values: UnsafeMutablePointer<Value>, count: Int) {
        write(bytes: UnsafeRawBufferPointer(start: values, count: count * MemoryLayout<Value>.stride))
    }
}

/// Reads what `CheckpointWriter` wrote. Values are nil once something did not fit.
struct CheckpointReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Whether everything was read.
    var isAtEnd: Bool { position == bytes.count }

    mutating func read<Value: BitwiseCopyable>(_ type: Value.Type = Value.self) -> Value? {
        let end = position + MemoryLayout<Value>.size
        guard end <= bytes.count else { return nil }
        defer { position = end }
        return bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: position, as: Value.self) }
    }

    mutating func read(bytes count: Int) -> [UInt8]? {
        guard count >= 0, count <= bytes.count - position else { return nil }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    mutating func read<Value: BitwiseCopyable>(_ type: Value.Type, count: Int) -> [Value]? {
        let stride = MemoryLayout<Value>.stride
        guard let raw = read(bytes: count * stride) else { return nil }
        return raw.withUnsafeBytes { raw in
            (0..<count).map { raw.loadUnaligned(fromByteOffset: $0 * stride, as: Value.self) }
        }
    }
}
