import Logging
import RedisStreams
import Replay
import Synchronization
import Telemetry
import TradingModel

/// Signals of earlier runs that are too many for the publisher to take over: they are published before it starts, so many at a
/// time, by publishers of their own. Memory has a bound whatever their number is.
final class SignalBacklog: Sendable {
    private let numbers: Range<UInt64>
    private let journal: NodeJournal
    private let makePublisher: @Sendable (TakenOverSignals) throws(RedisStreamsError) -> SignalPublisher
    private let logger: Logger
    private let isDone = Atomic<Bool>(false)

    /// - Parameters:
    ///   - numbers: theirs, of which some may not be for the stream.
    ///   - makePublisher: makes one that takes over those it is given.
    init(
        _ numbers: Range<UInt64>, journal: NodeJournal, logger: Logger,
        makePublisher: @escaping @Sendable (TakenOverSignals) throws(RedisStreamsError) -> SignalPublisher
    ) {
        (self.numbers, self.journal, self.logger, self.makePublisher) = (numbers, journal, logger, makePublisher)
    }

    /// Whether some of them may not be in the stream. Any thread.
    var isWaiting: Bool { !isDone.load(ordering: .relaxed) }

    /// Returns once the stream has them all; once, with the journal started.
    ///
    /// - Parameter limit: how long the stream may go on without taking any.
    /// - Throws: `OverfullJournal` where it did, or where they can't be read.
    func publish(within limit: Duration) async throws(OverfullJournal) {
        logger.info("publishing what earlier runs have left", metadata: ["signals": "up to \(numbers.count)"])
        var rest = numbers
        while !rest.isEmpty {
            let page: (signals: TakenOverSignals?, rest: Range<UInt64>)
            let publisher: SignalPublisher?
            do {
                page = try journal.earlier(rest, logger: logger)
                publisher = try page.signals.map { signals in try makePublisher(signals) }
            } catch { throw OverfullJournal(waiting: UInt64(rest.count), trouble: "\(error)") }
            if let publisher, let left = await Self.publish(publisher, within: limit) {
                throw OverfullJournal(
                    waiting: left + UInt64(page.rest.count), trouble: "Redis has taken none for \(limit)")
            }
            rest = page.rest
        }
        // relaxed: a signal that is acknowledged is so whenever it is seen.
        isDone.store(true, ordering: .relaxed)
    }

    /// Publishes what `publisher` has taken over; the number of signals that are left where it got on no more for `limit`.
    private static func publish(_ publisher: SignalPublisher, within limit: Duration) async -> UInt64? {
        publisher.start()
        var (acknowledged, deadline) = (UInt64(0), ContinuousClock.now + limit)
        while publisher.pendingSignals > 0, ContinuousClock.now < deadline, !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(10))  // Cancelled, the loop ends.
            let now = publisher.takenSignals.acknowledged
            if now > acknowledged { (acknowledged, deadline) = (now, ContinuousClock.now + limit) }
        }
        let left = await publisher.drainAndStop(timeout: .zero)
        return left > 0 ? UInt64(left) : nil
    }
}
