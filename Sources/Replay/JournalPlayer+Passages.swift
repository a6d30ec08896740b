internal import Journal

/// A part of a journal that was not played, for what the engine took there is missing.
public struct Passage: Sendable, Equatable, CustomStringConvertible {
    /// The engine's segments; of the first perhaps only the end.
    public var segments: ClosedRange<UInt64>
    /// How many of them are in the journal.
    public var segmentCount: Int
    /// Signals on record in it.
    public var signalCount: UInt64
    /// Whether playing begins behind it.
    public var isInFront: Bool
    /// What is missing first.
    public var reason: ReplayError

    /// One line.
    public var description: String {
        let numbers =
            segments.count == 1 ? "\(segments.lowerBound)" : "\(segments.lowerBound) to \(segments.upperBound)"
        return
            "passed over: engine segment\(segments.count == 1 ? "" : "s") \(numbers), of which \(segmentCount) in the"
            + " journal, with \(signalCount) signals"
            + (isInFront ? ", in front of where everything is there" : "") + " (\(reason.whatIsMissing))"
    }
}

/// A part that is being passed over.
struct Passing {
    /// The first engine segment that is not played, or not to its end.
    let firstSegment: UInt64
    /// Signals in front of it.
    let signalCount: UInt64
    let isInFront: Bool
    let reason: ReplayError
}

extension JournalPlayer {
    /// Goes on at the next segment behind `error`, as if playing began there.
    ///
    /// - Returns: false where there is none.
    /// - Throws: `error` where there is none and nothing was played; what reading throws.
    mutating func goOn(behind error: ReplayError) throws(ReplayError) -> Bool {
        if passing == nil {
            passing = Passing(
                firstSegment: playingSegment, signalCount: signalCount, isInFront: recordCount == 0, reason: error)
        }
        let files = folder.chains[JournalChain(.engine)] ?? []
        guard let next = files.first(where: { $0.segment >= nextStart }) else {
            guard let passing, !passing.isInFront else { throw passing?.reason ?? error }
            let last = try Recovery.lastSignal(from: passing.firstSegment, in: folder).number
            end(passing, behind: files.last?.segment ?? passing.firstSegment, signalCount: last)
            return false
        }
        // What was decided and is not on record may be what the next run has put there.
        carriedNumbers.formUnion(expected.map(\.number))
        core = nil
        (run, description, cursors, expected, hasBegun, lookahead) = (0, nil, [], [], false, nil)
        reader = ChainReader(JournalChain(.engine), in: folder, from: next.segment, refusesHoles: true)
        nextStart = next.segment + 1
        return true
    }

    /// Playing goes on with the checkpoint of that segment.
    mutating func endPassing(at segment: UInt64) {
        guard let passing else { return }
        end(passing, behind: segment - 1, signalCount: signalCount)
    }

    private mutating func end(_ passing: Passing, behind last: UInt64, signalCount: UInt64) {
        let segments = passing.firstSegment...max(last, passing.firstSegment)
        let files = folder.chains[JournalChain(.engine)] ?? []
        passages.append(
            Passage(
                segments: segments, segmentCount: files.count { segments.contains($0.segment) },
                signalCount: signalCount - min(passing.signalCount, signalCount), isInFront: passing.isInFront,
                reason: passing.reason))
        self.passing = nil
    }
}
