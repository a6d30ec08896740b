#if TICKLINE_PLANTED_BUGS
    import Glibc

    /// A mistake planted on purpose: each breaks the promise, and the simulation must find it (`scripts/planted-bugs`).
    ///
    /// Compiled with `TICKLINE_PLANTED_BUGS` alone, which no shipped build sets.
    public enum PlantedBug: String, CaseIterable, Sendable {
        /// A new connection to Redis goes on behind what was sent on the one before.
        case skipResend = "skip-resend"
        /// Some messages of a feed are dropped.
        case dropFrame = "drop-frame"
        /// The long window is one price too long.
        case windowOffByOne = "window-off-by-one"
        /// What is taken from the record ring counts as stored before it is written.
        case acknowledgeUnwritten = "acknowledge-unwritten"
        /// What a feed reads is published before it is in the journal.
        case publishUnjournaled = "publish-unjournaled"

        /// The one that the process' environment names.
        public static let planted = getenv("TICKLINE_PLANTED_BUG").flatMap { PlantedBug(rawValue: String(cString: $0)) }
    }
#endif
