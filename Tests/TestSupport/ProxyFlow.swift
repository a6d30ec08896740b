import Glibc

/// One direction of a proxied connection: a delay line between two sockets. Used by the connection's thread.
struct ProxyFlow {
    /// Bytes the line holds before it stops reading, so that the sender is held back as by a real network.
    private static let mostHeldBytes = 256 << 10
    private static let chunkBytes = 64 << 10

    let from: Int32
    let to: Int32
    /// Bytes the receiver's socket has taken.
    private(set) var passedBytes = 0
    /// Whether the cut has come.
    private(set) var isCut = false
    /// Whether the end of the stream has been passed on.
    private(set) var isOver = false

    private let fault: FaultProxy.Fault.Flow
    private let cutAfter: Int?
    private let endAfter: Int?
    /// What is on its way, from `head` on.
    private var line: [(due: ContinuousClock.Instant, bytes: ArraySlice<UInt8>)] = []
    private var head = 0
    private var heldBytes = 0
    private var readBytes = 0
    private var hasReadEnd = false
    private var lastDue = ContinuousClock.now

    init(from: Int32, to: Int32, _ fault: FaultProxy.Fault.Flow, isFirst: Bool) {
        self.from = from
        self.to = to
        self.fault = fault
        cutAfter = isFirst ? fault.cutAfterBytes : nil
        endAfter = isFirst ? fault.halfCloseAfterBytes : nil
        isCut = cutAfter == 0
    }

    /// Whether it wants to read.
    var canRead: Bool { !hasReadEnd && heldBytes < Self.mostHeldBytes }
    /// When the next bytes are due, nil where none wait.
    var nextDue: ContinuousClock.Instant? { head < line.count ? line[head].due : nil }
    /// Whether bytes wait whose time has come.
    var isDue: Bool { nextDue.map { $0 <= .now } ?? false }

    /// Reads what is there and passes on what is due; false where the connection is broken.
    mutating func pass() -> Bool {
        guard read() else { return false }
        while !isCut, !isOver, passedBytes != endAfter, isDue {
            guard let count = send(line[head].bytes) else { return true }
            guard count >= 0 else { return false }
            passedBytes += count
            heldBytes -= count
            line[head].bytes = line[head].bytes.dropFirst(count)
            if line[head].bytes.isEmpty { head += 1 }
            if head == line.count { clear() }
            isCut = passedBytes == cutAfter
        }
        if !isOver, passedBytes == endAfter || hasReadEnd && line.isEmpty {
            isOver = true
            clear()
            shutdown(to, Int32(SHUT_WR))
        }
        return true
    }

    private mutating func clear() {
        line.removeAll(keepingCapacity: true)
        (head, heldBytes) = (0, 0)
    }

    private mutating func read() -> Bool {
        guard canRead else { return true }
        var bytes = [UInt8](repeating: 0, count: Self.chunkBytes)
        let count = recv(from, &bytes, bytes.count, Int32(MSG_DONTWAIT))
        if count < 0 { return errno == EAGAIN || errno == EINTR }
        hasReadEnd = count == 0
        // What comes after the receiver has seen the end goes nowhere.
        guard !isOver else { return true }
        take(bytes[..<count])
        return true
    }

    /// Cuts the bytes into pieces and gives each its time.
    private mutating func take(_ bytes: ArraySlice<UInt8>) {
        var rest = bytes
        let arrival = ContinuousClock.now + .milliseconds(fault.delayMillis)
        while !rest.isEmpty {
            // The places where something happens are the ends of pieces.
            let marks = [cutAfter, endAfter, fault.splitAfterBytes].compactMap { $0 }.map { $0 - readBytes }
            let limits = [
                rest.count, fault.pieceBytes ?? rest.count, fault.bytesPerSecond.map { max(1, $0 / 100) } ?? rest.count,
            ]
            let count = (limits + marks.filter { $0 > 0 }).min()!
            var due = max(arrival, lastDue)
            if readBytes == fault.splitAfterBytes { due += .milliseconds(FaultProxy.splitPauseMillis) }
            line.append((due, rest.prefix(count)))
            lastDue = due + (fault.bytesPerSecond.map { .seconds(1) * count / $0 } ?? .zero)
            rest = rest.dropFirst(count)
            readBytes += count
            heldBytes += count
        }
    }

    /// Bytes taken; nil where the socket is full, below 0 where it is broken.
    private func send(_ bytes: ArraySlice<UInt8>) -> Int? {
        let count = bytes.withUnsafeBytes {
            Glibc.send(to, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        }
        if count < 0, errno == EAGAIN || errno == EINTR { return nil }
        return count
    }
}
