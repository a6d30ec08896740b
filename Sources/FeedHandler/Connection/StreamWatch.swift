package import TradingModel

/// Notices streams that deliver nothing, by marks that the hot path leaves: one byte for each instrument and kind of record.
///
/// Has no clock. Streams of one instrument whose records are of one kind (`depth` and `depth@100ms`, klines of several
/// intervals) share a mark. All memory is taken at creation. Owned by one thread.
@safe package struct StreamWatch: ~Copyable, @unchecked Sendable {
    // Unchecked: noncopyable, so exactly one thread holds the memory.
    /// Time from one look to the next, which is added to a limit at most.
    package static let lookMillis: UInt64 = 200
    /// Marks of one instrument: room for every `RecordKind`.
    private static let marksPerInstrument = 16

    /// A stream's place among the marks and its limits.
    package struct Place: Sendable {
        /// The instrument's index in the run's catalogue.
        package var instrument: Int
        /// The kind of its records.
        package var kind: RecordKind
        /// How long it may be silent.
        package var limits: SilenceLimits

        /// Creates a place.
        package init(instrument: Int, kind: RecordKind, limits: SilenceLimits = .standard) {
            self.instrument = instrument
            self.kind = kind
            self.limits = limits
        }
    }

    private struct Stream {
        let mark: Int
        let limits: SilenceLimits
        /// When it was subscribed or last heard; nil while not subscribed.
        var heardAt: MonotonicNanos?
        var hasDelivered = false
        var isSilent = false

        var limitMillis: UInt64? { hasDelivered ? limits.laterMillis : limits.firstMillis }
    }

    private let marks: UnsafeMutableBufferPointer<UInt8>
    private let streams: UnsafeMutableBufferPointer<Stream>
    private var nextLookAt: MonotonicNanos?
    private var undelivered: Int

    /// Watches streams at these places; `instruments` is the number of them in the run's catalogue.
    package init(_ places: [Place], instruments: Int) {
        unsafe marks = .allocate(capacity: instruments * Self.marksPerInstrument)
        unsafe marks.initialize(repeating: 0)
        undelivered = places.count
        unsafe streams = .allocate(capacity: places.count)
        for (position, place) in places.enumerated() {
            precondition((0..<instruments).contains(place.instrument), "a stream of no instrument")
            let mark = Self.mark(UInt32(place.instrument), place.kind.rawValue)
            unsafe streams.initializeElement(at: position, to: Stream(mark: mark, limits: place.limits))
        }
    }

    deinit {
        unsafe marks.deallocate()
        unsafe streams.deallocate()
    }

    @inline(__always)
    private static func mark(_ instrument: UInt32, _ kind: UInt8) -> Int {
        Int(instrument) * marksPerInstrument + Int(kind & 15)
    }

    /// A record of this instrument and kind came. One store.
    // hot path: HotPathTests, probe `feed`
    @inline(__always)
    package func didDeliver(instrument: UInt32, kind: UInt8) {
        unsafe marks[Self.mark(instrument, kind)] = 1
    }

    /// Streams are subscribed: their first message is awaited from now on.
    package mutating func didSubscribe(_ range: Range<Int>, at now: MonotonicNanos) {
        for stream in range where unsafe streams[stream].heardAt == nil { unsafe streams[stream].heardAt = now }
        if nextLookAt == nil { nextLookAt = now.adding(millis: Self.lookMillis) }
    }

    /// The connection ended: nothing is awaited.
    package mutating func didDisconnect() {
        nextLookAt = nil
        undelivered = unsafe streams.count
        for mark in unsafe marks.indices { unsafe marks[mark] = 0 }
        for stream in unsafe streams.indices {
            let old = unsafe streams[stream]
            unsafe streams[stream] = Stream(mark: old.mark, limits: old.limits)
        }
    }

    /// When the next look is due; nil without a subscription.
    package var deadline: MonotonicNanos? { nextLookAt }

    /// Looks at the marks, where a look is due, and takes them away; tells `subscriptions` which streams delivered for the
    /// first time. O(streams), no allocation.
    ///
    /// - Returns: whether the streams that are missed have changed.
    package mutating func look(at now: MonotonicNanos, telling subscriptions: inout SubscriptionStateMachine) -> Bool {
        guard let nextLookAt, now >= nextLookAt else { return false }
        var hasChanged = false
        self.nextLookAt = now.adding(millis: Self.lookMillis)
        for position in unsafe streams.indices {
            var stream = unsafe streams[position]
            if unsafe marks[stream.mark] != 0 {
                // A record can outrun the answer to the request that asked for it.
                stream.heardAt = now
                if !stream.hasDelivered, subscriptions.didDeliver(position) { hasChanged = true }
                if !stream.hasDelivered { undelivered -= 1 }
                stream.hasDelivered = true
            }
            let isSilent = stream.heardAt.flatMap { heardAt in
                stream.limitMillis.map { now >= heardAt.adding(millis: $0) }
            }
            if stream.isSilent != (isSilent ?? false) {
                stream.isSilent.toggle()
                hasChanged = true
            }
            unsafe streams[position] = stream
        }
        // Afterwards, for streams may share a mark.
        for position in unsafe streams.indices { unsafe marks[streams[position].mark] = 0 }
        return hasChanged
    }

    /// Whether each stream has delivered on this connection, as of the last look.
    package var hasAllDelivered: Bool { undelivered == 0 }

    /// The streams that are silent beyond their limit. O(streams).
    package var silent: [Int] { unsafe streams.indices.filter { unsafe streams[$0].isSilent } }
}
