import Synchronization
import Telemetry
import TradingModel

@testable import RedisStreams

/// What was acknowledged, as a journal keeps it over runs; shared with publishers' threads.
final class Acknowledgements: Sendable {
    private let list = Mutex<[SignalAcknowledgement]>([])

    /// All that was told, in order.
    var told: [SignalAcknowledgement] { list.withLock { $0 } }

    /// The ordinals told, in order.
    var ordinals: [UInt64] { told.map(\.ordinal) }

    /// Takes one; a publisher's handler.
    func take(_ acknowledgement: SignalAcknowledgement) { list.withLock { $0.append(acknowledgement) } }

    /// Takes away the last `count`, as if the process had ended before they were written.
    func forgetLast(_ count: Int) { list.withLock { $0.removeLast(count) } }

    /// The last entry id told of an ordinal.
    func entry(_ ordinal: UInt64) -> String? {
        told.last { $0.ordinal == ordinal }.map { "\($0.entryMillis)-\($0.entrySequence)" }
    }
}

extension RecoveredSignals {
    /// What a run takes over that follows one which decided the first `count` signals of the fixture.
    static func fixture(_ count: Int, _ acknowledgements: Acknowledgements) -> RecoveredSignals {
        var recovered = RecoveredSignals()
        recovered.parts = [Part(catalog: Fixture.catalog, signals: (0..<count).map { Fixture.signal($0) })]
        recovered.acknowledgements = acknowledgements.told
        return recovered
    }
}

extension Probe {
    /// Whether each told signal is where it was last told to be: ordinal 1 is the fixture's signal 0.
    func agrees(with acknowledgements: Acknowledgements, key: String = "signals") throws -> Bool {
        try entries(key).allSatisfy { entry in
            guard let id = entry.fields["tickId"].flatMap({ UInt64($0) }) else { return true }
            return acknowledgements.entry(id - 999) == entry.entryID
        }
    }
}
