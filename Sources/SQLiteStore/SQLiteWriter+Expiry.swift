extension SQLiteWriter {
    /// Streams whose expired rows are looked for behind one batch.
    private static let streamsPerTurn = 20

    /// Removes at most `most` rows of each of the next few streams that were inserted before `millis`.
    ///
    /// Only the oldest id of a stream is looked at while nothing has expired, since ids rise with time: no index over the
    /// time of insertion has to be kept, which would cost half as much as the rows themselves. An old id that came late
    /// holds those behind it back, until it expires too.
    mutating func expire(before millis: Int64, most: Int) throws(SQLiteFailure) {
        for _ in 0..<min(Self.streamsPerTurn, storedStreams.count) {
            let (stream, isBook) = storedStreams[nextStream % storedStreams.count]
            nextStream = (nextStream + 1) % storedStreams.count
            if isBook {
                try Self.expire(oldestBook, expireBooks, stream, millis, most)
            } else {
                try Self.expire(oldestTick, expireTicks, stream, millis, most)
            }
        }
    }

    private static func expire(
        _ oldest: borrowing SQLiteStatement, _ expire: borrowing SQLiteStatement, _ stream: Int64, _ millis: Int64,
        _ most: Int
    ) throws(SQLiteFailure) {
        oldest.bind(stream, at: 0)
        let createdMillis = try oldest.firstNumber()
        guard let createdMillis, createdMillis < millis else { return }
        expire.bind(stream, at: 0)
        expire.bind(millis, at: 1)
        expire.bind(Int64(most), at: 2)
        try expire.run()
    }
}
