public import TradingModel

/// Streams that more than one feed delivers: of these it is on record which feed was first, and by how much.
public struct RedundancyConfiguration: Sendable {
    /// The feeds' names in metrics, by index. Feed `f` and feed `f + feedNames.count` are connections of one feed.
    public var feedNames: [String]
    /// By instrument index, the kinds of records that several feeds deliver.
    public var kinds: [[RecordKind]]

    /// Creates a configuration.
    public init(feedNames: [String], kinds: [[RecordKind]]) {
        self.feedNames = feedNames
        self.kinds = kinds
    }
}
