import ConsoleSignals
import Glibc
import Replay
import ThreadExecutor
import TradingModel

/// The journal's signals as the trader's source, where there is no Redis: what an engine decides in this process or another one
/// of the machine, from a position that is kept in the trader's store.
///
/// Entries are in the journal's order; the position moves behind those acknowledged, and after a restart what is behind it, and
/// some before it, comes again. Nothing can be written into the journal, so what is set aside is passed over: its outcome, with the
/// reason, is in the store. Used by one thread.
struct JournalSignalSource<Store: OrderStore & ~Copyable>: SignalSource, @unchecked Sendable, ~Copyable {
    // Unchecked: it can not be copied, and one thread uses it at a time.

    /// The position's and the lease's name.
    static var name: String { "journal" }
    /// How long the segments on disk are believed to be all there are, once the one that is read has no more.
    private static var listNanos: UInt64 { 1_000_000_000 }
    /// Between two looks.
    private static var pauseMicros: UInt32 { 2_000 }

    private let path: String
    private var store: Store
    private var reader: JournalSignalReader?
    private var position: UInt64 = 0
    /// The number of the signal read last; 0 before the first.
    private var lastNumber: UInt64 = 0
    private var missed = 0
    private var listedAt = MonotonicNanos(rawValue: 0)

    /// A source that has read nothing yet; `path` is the journal's folder.
    init(path: String, store: consuming Store) {
        self.path = path
        self.store = store
    }

    mutating func takeOver() throws(SignalSourceError) {
        reader = nil
        lastNumber = 0
        do throws(TradeStoreError) {
            try store.prepareTrading()
            position = try store.sourcePosition(of: Self.name) ?? 0
        } catch { throw .unavailable("\(error)") }
        do throws(ReplayError) { reader = try JournalSignalReader(path: path, behind: position) } catch {
            throw .unavailable("\(error)")
        }
        listedAt = MonotonicClock.now()
    }

    mutating func next(most: Int, waitMillis: Int) throws(SignalSourceError) -> [SignalEntry] {
        let start = MonotonicClock.now()
        while true {
            let entries = try read(most: most)
            if !entries.isEmpty || MonotonicClock.now().nanos(since: start) >= UInt64(max(0, waitMillis)) * 1_000_000 {
                return entries
            }
            usleep(Self.pauseMicros)
        }
    }

    private mutating func read(most: Int) throws(SignalSourceError) -> [SignalEntry] {
        guard var reader else { throw .unavailable("nothing was taken over since") }
        defer { self.reader = reader }
        var entries: [SignalEntry] = []
        do throws(ReplayError) {
            while entries.count < most, let signal = try reader.next() {
                if lastNumber > 0, signal.number > lastNumber { missed += Int(signal.number - lastNumber - 1) }
                lastNumber = signal.number
                let fields = SignalLine(catalog: signal.catalog).fields(signal.decision)
                entries.append(
                    SignalEntry(
                        stream: Self.name, position: "\(signal.number)", deliveries: 1,
                        fields: Dictionary(fields.map { ($0.name, $0.value) }) { $1 }))
            }
            guard entries.isEmpty,
                reader.isAtSegmentEnd || MonotonicClock.now().nanos(since: listedAt) >= Self.listNanos
            else { return entries }
            try reader.refresh()
            listedAt = MonotonicClock.now()
        } catch { throw .unavailable("\(error)") }
        return entries
    }

    mutating func acknowledge(_ entries: [SignalEntry]) throws(SignalSourceError) {
        guard let last = entries.compactMap({ UInt64($0.position) }).max(), last > position else { return }
        do throws(TradeStoreError) { try store.setSourcePosition(last, of: Self.name) } catch {
            throw .unavailable("\(error)")
        }
        position = last
    }

    mutating func setAside(_ entry: SignalEntry, reason: String) throws(SignalSourceError) {
        try acknowledge([entry])
    }

    mutating func backlog() throws(SignalSourceError) -> SourceBacklog {
        defer { missed = 0 }
        return SourceBacklog(lag: nil, pending: 0, missed: missed)
    }

    mutating func close() {
        reader = nil
        store.close()
    }
}
