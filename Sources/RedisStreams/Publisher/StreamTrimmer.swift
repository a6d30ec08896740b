/// Keeps the stream within its bounds, on a connection and a thread of its own.
final class StreamTrimmer {
    private let core: PublisherCore
    private let settings: StreamTrimSettings

    init(_ core: PublisherCore, _ settings: StreamTrimSettings) {
        self.core = core
        self.settings = settings
    }

    /// Runs until the publisher has stopped.
    func run() {
    }
}
