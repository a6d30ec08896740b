internal import Digests
package import Transport

/// Bytes that wait for the socket: the upgrade request and our frames. Bounded; owned by one thread.
package struct SendQueue: ~Copyable {
    private(set) var bytes: ReceiveBuffer

    init(capacityBytes: Int) { bytes = ReceiveBuffer(capacityBytes: capacityBytes) }

    /// Whether all is sent.
    @inline(__always)
    package var isEmpty: Bool { unsafe bytes.readable.isEmpty }

    /// Appends text; false where it does not fit.
    mutating func append(_ text: String) -> Bool {
        var text = text
        let count = text.utf8.count
        bytes.makeRoom(for: count)
        let tail = unsafe bytes.writableTail
        guard count <= tail.count else { return false }
        text.withUTF8 { unsafe tail.copyMemory(from: UnsafeRawBufferPointer($0)) }
        bytes.didReceive(count)
        return true
    }

    /// Appends a frame with a fresh mask; false where it does not fit.
    package mutating func append(_ opcode: WebSocketOpcode, payload: UnsafeRawBufferPointer) -> Bool {
        // 2 bytes of header, up to 8 of length, 4 of mask.
        bytes.makeRoom(for: payload.count + 14)
        let count = unsafe WebSocketFrame.write(
            opcode, payload: payload, mask: SecureRandom.bytes(), to: bytes.writableTail)
        bytes.didReceive(count)
        return count > 0
    }

    /// Hands over what the socket takes.
    package mutating func flush(to connection: borrowing TransportConnection) throws(TransportError) {
        while !isEmpty {
            let count = unsafe try connection.send(bytes.readable)
            guard count > 0 else { return }
            bytes.consume(count)
        }
    }

    /// Forgets what is unsent, for the next connection.
    mutating func removeAll() { bytes.removeAll() }
}
