import Foundation
import TestSupport
import Testing

/// What a replay says of input that it can't take: one line, the exit status, and not one signal.
@Suite struct ReplayRefusalTests {
    private let files = RecordedFiles()

    /// Enough trades for signals, so that anything printed too early shows.
    private static let trades = (0..<2_000).map { index in
        let time = 1_700_000_000_000 + index
        let price = 100 + (index / 40 % 2 == 0 ? index % 40 : 40 - index % 40)
        return #"{"e":"trade","E":\#(time),"s":"BTCUSDT","t":\#(index + 1),"p":"\#(price)","q":"1","T":\#(time),"#
            + #""m":false,"M":true}"#
    }
    private static let quote = #"{"u":1,"s":"BTCUSDT","b":"1.0","B":"1.0","a":"2.0","A":"1.0"}"#
    private static let periods = ["--short", "5", "--long", "20"]

    private func refused(_ arguments: [String], _ status: Int32, _ words: String...) throws {
        let result = try Tickline.run(["replay"] + arguments)
        #expect(result.status == status, "\(arguments): \(result.error)")
        #expect(result.output.isEmpty)
        #expect(result.error.split(separator: "\n").count == 1, "\(result.error)")
        for word in words { #expect(result.error.contains(word), "\(result.error)") }
    }

    private func gzip(_ path: String) throws -> Data {
        try Command.run(["gzip", "-kf", path])
        return try Data(contentsOf: URL(fileURLWithPath: path + ".gz"))
    }

    private func write(_ data: Data, as name: String) throws -> String {
        let url = files.folder.url.appendingPathComponent(name)
        try data.write(to: url)
        return url.path
    }

    @Test func `a gzip file that is damaged, cut short or none is named`() throws {
        defer { files.folder.remove() }
        let plain = try files.write(Self.trades, as: "trades.ndjson")
        #expect(try PrintedSignal.list(RecordedFiles.replay([plain] + Self.periods).output).count > 40)
        let sound = try gzip(plain)
        var damaged = sound
        damaged[damaged.count - 6] ^= 0x55
        try refused(
            [try write(damaged, as: "a.ndjson.gz")] + Self.periods, 78, "a.ndjson.gz", "record or copy it again")
        let cut = try write(sound.dropLast(20), as: "b.ndjson.gz")
        try refused([cut] + Self.periods, 78, "b.ndjson.gz", "ends too early")
        try refused([plain, cut] + Self.periods, 78, "b.ndjson.gz", "ends too early")
        try refused([try write(Data(Self.quote.utf8), as: "c.ndjson.gz")], 78, "c.ndjson.gz", "no gzip header")
        let words = "behind its end is something else"
        for garbage in [Data("garbage".utf8), Data(count: 512), sound.dropFirst(2)] {
            try refused([try write(sound + garbage, as: "d.ndjson.gz")] + Self.periods, 78, "d.ndjson.gz", words)
        }
        // Members behind each other are one file.
        let half = try gzip(try files.write(Self.trades.prefix(1_000), as: "half.ndjson"))
        let rest = try gzip(try files.write(Self.trades.dropFirst(1_000), as: "rest.ndjson"))
        let joined = try RecordedFiles.replay([try write(half + rest, as: "e.ndjson.gz")] + Self.periods)
        #expect(try joined.output == RecordedFiles.replay([plain] + Self.periods).output)
    }

    @Test func `a broken line is named by its number, also behind all the others`() throws {
        defer { files.folder.remove() }
        for line in ["{\"e\":\"trade\",", "nonsense", "[1]"] {
            let path = try files.write(Self.trades + [line], as: "broken.ndjson")
            try refused(
                [path] + Self.periods, 78, "broken.ndjson line 2001 is not a JSON object", "one websocket message")
        }
    }

    @Test func `a message that a feed would refuse is counted, and the replay goes on`() throws {
        defer { files.folder.remove() }
        let spoiled = Self.trades.map {
            $0.contains("\"t\":1000,") ? $0.replacing("\"q\":\"1\"", with: "\"q\":\"NaN\"") : $0
        }
        let (_, error) = try RecordedFiles.replay([try files.write(spoiled, as: "spoiled.ndjson")] + Self.periods)
        #expect(error.contains("1999 ticks, 1 gap with 1 id, 1 message refused"), "\(error)")
    }

    @Test func `an empty file, one without a stream's messages and one that is missing are named`() throws {
        defer { files.folder.remove() }
        let sound = try files.write(Self.trades, as: "sound.ndjson")
        let empty = try write(Data(), as: "empty.ndjson")
        for arguments in [[empty], [sound, empty]] {
            try refused(arguments + Self.periods, 78, "empty.ndjson holds no stream message", "leave it out")
        }
        let replies = try files.write([#"{"result":null,"id":1}"#], as: "replies.ndjson")
        try refused([replies], 78, "replies.ndjson holds no stream message")
        try refused([sound, files.folder.path + "/none.ndjson"], 78, "none.ndjson: No such file", "check the path")
    }

    @Test func `times that do not fit, or are needed and not there, are named`() throws {
        defer { files.folder.remove() }
        let path = try files.write(Self.trades, as: "timed.ndjson")
        let times = (0..<2_000).map { "\(1_700_000_000_000_000_000 + $0)" }
        for (lines, words) in [(times.dropLast(), "ends after 1999 lines"), (times + ["1"], "more lines")] {
            _ = try files.write(lines, as: "timed.recv_ns")
            try refused([path] + Self.periods, 78, "timed.recv_ns", words)
        }
        let quotes = try files.write([Self.quote], as: "quotes.ndjson")
        try refused([quotes, "--speed", "real"], 78, "quotes.ndjson has no times", ".recv_ns")
    }

    @Test func `an unknown kind of file and a mixture are wrong usage`() throws {
        defer { files.folder.remove() }
        let recording = try files.write(Self.trades, as: "trades.ndjson")
        let table = try files.write(["a,b"], as: "table.csv")
        try refused([table], 64, "table.csv is no recording", ".ndjson.gz", "--data folder")
        try refused([recording, files.folder.path], 64, "one journal, or recorded files, not both")
        try refused([files.folder.path, files.folder.path], 64, "one journal")
        for name in ["pipe.ndjson", "pipe.ndjson.gz"] {
            let pipe = files.folder.path + "/" + name
            #expect(mkfifo(pipe, 0o600) == 0)
            try refused([pipe], 78, "\(name) is no regular file; write what it gives into one first")
        }
        for count in [257, 300] {
            try refused(Array(repeating: recording, count: count), 64, "\(count) files are too many", "256")
        }
    }

    @Test func `that nothing is there is said first, whatever settings are given`() throws {
        defer { files.folder.remove() }
        for settings in [[], ["--short", "5"]] {
            try refused([files.folder.path + "/nosuch.gz"] + settings, 78, "nosuch.gz: nothing is there; give files")
            try refused([""] + settings, 78, "\"\": nothing is there")
            try refused([files.folder.path] + settings, 78, "no journal is there; give the --data folder of a run")
        }
    }

    @Test func `settings are those of a run`() throws {
        defer { files.folder.remove() }
        let recording = try files.write(Self.trades, as: "trades.ndjson")
        try refused([recording, "--short", "300"], 78, "--short", "below")
        try refused([recording, "--scale", "ETHUSDT=2"], 78, "ETHUSDT", "binance:BTCUSDT")
        let coarse = try RecordedFiles.replay([recording, "--scale", "BTCUSDT=0,0"] + Self.periods)
        #expect(try coarse.output == RecordedFiles.replay([recording] + Self.periods).output)
        let settings = try write(
            Data("instruments:\n  ETHUSDT:\n    priceDecimals: 2\nstrategy:\n  short: 5\n  long: 20\n".utf8),
            as: "run.yaml")
        #expect(try RecordedFiles.replay([recording, "--config", settings]).output == coarse.output)
    }
}
