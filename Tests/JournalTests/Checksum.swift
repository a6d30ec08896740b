import CJournal

/// The C functions over Swift's buffers.
enum Checksum {
    static func fast(_ seed: UInt32, _ bytes: Slice<UnsafeRawBufferPointer>) -> UInt32 {
        let whole = UnsafeRawBufferPointer(rebasing: bytes)
        return journal_checksum(seed, whole.baseAddress, whole.count)
    }

    static func portable(_ seed: UInt32, _ bytes: Slice<UnsafeRawBufferPointer>) -> UInt32 {
        let whole = UnsafeRawBufferPointer(rebasing: bytes)
        return journal_checksum_portable(seed, whole.baseAddress, whole.count)
    }
}
