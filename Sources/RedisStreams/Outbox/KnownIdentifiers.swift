/// The FNV-1a hash of ids (Fowler, Noll, Vo; 64 bits), computed piecewise as a command is formatted.
struct IdentifierHash {
    private(set) var value: UInt64 = 0xCBF2_9CE4_8422_2325

    /// Takes one more byte.
    @inline(__always)
    mutating func add(_ byte: UInt8) { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }

    /// The hash of a whole id.
    static func of(_ text: String) -> UInt64 {
        var hash = IdentifierHash()
        for byte in text.utf8 { hash.add(byte) }
        return hash.value
    }
}

/// A fixed-size set of id hashes: open addressing at a load of at most one half. Belongs to the socket's owner.
///
/// A trivial handle, so that the engine's use of it counts no references; `Outbox` frees the memory. A hit may be a chance
/// collision; the publisher then compares the ids themselves.
@safe struct KnownIdentifiers: @unchecked Sendable {
    // Unchecked: only the socket's owner touches the table (`SocketOwnership`).
    private let table: UnsafeMutablePointer<UInt64>
    private let mask: Int
    private let most: Int

    /// Allocates room for `most` hashes.
    init(most: Int) {
        self.most = most
        var size = 16
        while size < most * 2 { size *= 2 }
        mask = size - 1
        unsafe table = .allocate(capacity: size)
        unsafe table.initialize(repeating: 0, count: size)
    }

    /// Frees the memory; called once, by the owner of the handle.
    func deallocate() { unsafe table.deallocate() }

    /// Whether the hash is in the set; O(1), no allocation. // hot path
    @inline(__always)
    func contains(_ hash: UInt64) -> Bool {
        // 0 marks an empty place, so an id that hashes to 0 shares the place of 1.
        let hash = max(hash, 1)
        var index = Int(truncatingIfNeeded: hash) & mask
        while unsafe table[index] != 0 {
            if unsafe table[index] == hash { return true }
            index = (index &+ 1) & mask
        }
        return false
    }

    /// Replaces the set by the first `most` of `hashes`.
    func replace(with hashes: some Sequence<UInt64>) {
        unsafe table.update(repeating: 0, count: mask + 1)
        for hash in hashes.prefix(most) where !contains(hash) {
            var index = Int(truncatingIfNeeded: max(hash, 1)) & mask
            while unsafe table[index] != 0 { index = (index &+ 1) & mask }
            unsafe table[index] = max(hash, 1)
        }
    }
}
