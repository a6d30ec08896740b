internal import Glibc
internal import Synchronization

/// What was done to a message on its way out.
public enum MessageTreatment: Sendable, Hashable {
    /// Sent as it is, in its place. Of reordered messages those that kept their place are sound too.
    case sound
    /// Sent once more.
    case duplicate
    /// Sent out of its order.
    case reordered
    /// Sent with another price.
    case spiked
    /// Sent spoiled; no reader can take it for the source's message.
    case malformed(Malformation)
    /// Not sent.
    case withheld

    /// Whether the source's message, price aside, was put on the wire.
    public var isReadable: Bool {
        switch self {
        case .sound, .duplicate, .reordered, .spiked: true
        case .malformed, .withheld: false
        }
    }

    /// The name in ledger files, such as `sound` or `malformed:nan`.
    public var name: String {
        switch self {
        case .sound: "sound"
        case .duplicate: "duplicate"
        case .reordered: "reordered"
        case .spiked: "spiked"
        case .malformed(let kind): "malformed:\(kind.rawValue)"
        case .withheld: "withheld"
        }
    }
}

/// One data message for one connection, in the order in which they were put on the wire: what a test's oracle reads.
public struct LedgerEntry: Sendable, Hashable {
    /// Number of the connection, from 1 in order of acceptance.
    public var connection: Int
    /// The stream's name as the client asked for it.
    public var stream: String
    /// The source's trade id, aggregate trade id or first update id; nil where the message has none. A malformed message's
    /// is that of the message it stands for.
    public var firstID: UInt64?
    /// The trade's price in units of 10⁻⁸ as the source has it, whatever was put on the wire; nil where the message is no
    /// trade. Not in ledger files.
    public var tradePriceUnits: Int64?
    /// The message's time after the first of the replay, nanoseconds, before any speed factor.
    public var offsetNanos: Int64
    /// When the frame was to be handed over, monotonic nanoseconds; in as-fast-as-possible mode the replay's start.
    public var intendedNanos: Int64
    /// When the frame was put into the outgoing batch, or withheld, monotonic nanoseconds.
    public var sentNanos: Int64
    /// What was put on the wire.
    public var treatment: MessageTreatment
}

/// A ledger in a file: one JSON object per line with the fields of `LedgerEntry` or `RESTLedgerEntry`.
///
/// Give `record` to the simulator. Lines are buffered; `close()` writes the rest and reports what failed.
public final class LedgerFile: Sendable {
    private struct State {
        var descriptor: Int32
        var buffer: [UInt8] = []
        var failure: SimulatorError?
    }

    /// Bytes collected before they are written.
    private static let bufferBytes = 64 << 10

    private let path: String
    private let state: Mutex<State>

    /// Creates or empties the file at `path`.
    public init(path: String) throws(SimulatorError) {
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw .unwritableLedger(path: path, reason: Self.systemMessage()) }
        self.path = path
        state = Mutex(State(descriptor: descriptor))
    }

    deinit { state.withLock { if $0.descriptor >= 0 { _ = Glibc.close($0.descriptor) } } }

    /// Appends one line; from any thread. After a failed write or `close()` it does nothing.
    public func record(_ entry: LedgerEntry) {
        write(Self.line(entry))
    }

    /// The same for an answer of the trade history.
    public func record(_ entry: RESTLedgerEntry) { write(entry.json) }

    private static func line(_ entry: LedgerEntry) -> String {
        let identifier = entry.firstID.map { "\($0)" } ?? "null"
        return "{\"connection\":\(entry.connection),\"stream\":\"\(entry.stream)\",\"firstID\":\(identifier),"
            + "\"offsetNanos\":\(entry.offsetNanos),\"intendedNanos\":\(entry.intendedNanos),"
            + "\"sentNanos\":\(entry.sentNanos),\"treatment\":\"\(entry.treatment.name)\"}\n"
    }

    private func write(_ line: String) {
        state.withLock { state in
            guard state.descriptor >= 0, state.failure == nil else { return }
            state.buffer.append(contentsOf: line.utf8)
            if state.buffer.count >= Self.bufferBytes { flush(&state) }
        }
    }

    /// Writes what is buffered and closes the file; a second call does nothing.
    ///
    /// - Throws: `unwritableLedger` where a write failed: the ledger is incomplete.
    public func close() throws(SimulatorError) {
        let failure: SimulatorError? = state.withLock { state in
            guard state.descriptor >= 0 else { return nil }
            flush(&state)
            if Glibc.close(state.descriptor) != 0, state.failure == nil {
                state.failure = .unwritableLedger(path: path, reason: Self.systemMessage())
            }
            state.descriptor = -1
            return state.failure
        }
        if let failure { throw failure }
    }

    private func flush(_ state: inout State) {
        var written = 0
        while written < state.buffer.count {
            let count = unsafe state.buffer.withUnsafeBytes { bytes in
                unsafe Glibc.write(
                    state.descriptor, bytes.baseAddress.map { unsafe $0 + written }, bytes.count - written)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                state.failure = .unwritableLedger(path: path, reason: Self.systemMessage())
                break
            }
            written += count
        }
        state.buffer.removeAll(keepingCapacity: true)
    }

    private static func systemMessage() -> String {
        guard let text = unsafe strerror(errno) else { return "error \(errno)" }
        return unsafe String(cString: text)
    }
}
