import ExchangeSimulator
import Foundation
import TestSupport
import Testing

/// `tickline journal` as a user meets it.
@Suite(.serialized) struct JournalCommandTests {
    private let folder = try! TemporaryFolder()
    private var data: String { folder.url.appendingPathComponent("data").path }

    private func journal(_ arguments: [String]) throws -> (status: Int32, output: String, error: String) {
        try Tickline.run(["journal"] + arguments)
    }

    private static func signals(_ output: String) -> [Substring] {
        output.split(separator: "\n").filter { $0.hasPrefix("{\"signal\"") }
    }

    /// Signals without what differs from run to run.
    private static func withoutReceiveTime(_ lines: [Substring]) -> [String] {
        lines.map { String($0.prefix(upTo: $0.range(of: ",\"receiveTime\"")?.lowerBound ?? $0.endIndex)) }
    }

    /// A line of `ls --format json`.
    private struct Segment: Decodable {
        var chain: String
        var segment: Int?
        var entries, capacity, usedBytes, bytes: Int
        var state: String?
        var first, last: String?
        var committedEntries: Int?

        /// Its file in the journal's folder.
        var name: String { "\(chain).\(String(format: "%012d", segment ?? 0)).segment" }
        var entryBytes: Range<Int> { 4_096..<4_096 + entries * 64 }
        var table: Range<Int> { 4_096..<4_096 + capacity * 64 }
        var dataBytes: Range<Int> { table.upperBound..<table.upperBound + usedBytes - entryBytes.upperBound }
    }

    /// Where the data of an unsealed segment's last entry begins, if that places any: there a flip looks like a torn tail.
    private func firstTearableByte(_ segment: Segment, _ path: String) throws -> Int {
        let entry = try Data(contentsOf: URL(fileURLWithPath: path))[segment.entryBytes].suffix(64)
        let bytes = Array(entry)
        guard segment.state == "open", bytes[4] >= 128 else { return segment.dataBytes.upperBound }
        return bytes[16..<20].reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    private func list(_ path: String) throws -> [Segment] {
        let (status, output, error) = try journal(["ls", path, "--format", "json"])
        #expect(status == 0 && error.isEmpty, "\(error)")
        return try output.split(separator: "\n").map { try JSONDecoder().decode(Segment.self, from: Data($0.utf8)) }
    }

    /// Runs of 4,000 trades each into one journal, the last one killed where asked.
    private func makeRuns(killingLast: Bool) async throws {
        for round in 0..<2 {
            let market = try await MarketRun(
                .trades(4_000), ["--store", "none", "--journal-budget", "128", "--data", data],
                folder: folder.url.appendingPathComponent("run\(round)"))
            try await market.waitForTicks(4_000)
            if killingLast, round == 1 {
                market.run.process.stop(SIGKILL)
                await market.simulator.stop()
            } else {
                #expect(try await market.stop().status == 0)
            }
        }
    }

    @Test func `lists what two runs left, one of them killed, and finds it sound`() async throws {
        defer { folder.remove() }
        try await makeRuns(killingLast: true)
        let lines = try list(data)
        let segments = lines.filter { $0.segment != nil }
        #expect(segments.map(\.chain) == ["feed-0", "feed-0", "engine-0", "engine-0"])
        #expect(segments.map(\.state) == ["sealed", "open", "sealed", "open"])
        for chain in ["feed-0", "engine-0"] {
            let parts = segments.filter { $0.chain == chain }
            let total = try #require(lines.first { $0.chain == chain && $0.segment == nil })
            #expect(total.entries == parts.reduce(0) { $0 + $1.entries } && total.entries > 0)
            #expect(total.usedBytes == parts.reduce(0) { $0 + $1.usedBytes })
        }
        let year = String(Calendar(identifier: .gregorian).component(.year, from: Date()))
        #expect(segments.allSatisfy { $0.first?.hasPrefix(year) == true && $0.last?.hasPrefix(year) == true })
        let table = try journal(["ls", data + "/journal", "--format", "table"]).output.split(separator: "\n")
        #expect(table.count == 7 && table[0].hasPrefix("CHAIN") && table[1].contains("sealed"))
        let (status, output, error) = try journal(["verify", data])
        #expect(status == 0 && error.isEmpty && output.hasPrefix("sound: 4 segments"), "\(output)\(error)")
        #expect(output.contains(" 2 runs, 8") && output.contains(" signals played again"), "\(output)")
        print("figure: \(output.dropLast())")
        // What is left when a budget's end has taken the first run's messages: the second run is played all the same.
        try FileManager.default.removeItem(atPath: "\(data)/journal/\(segments[0].name)")
        let rest = try journal(["verify", data])
        #expect(rest.status == 0 && rest.output.contains("engine segment 1 was not played"), "\(rest.output)")
        #expect(rest.output.contains("sound: 3 segments") && rest.output.contains(" 2 runs, 4"), "\(rest.output)")
        // A feed that the engine took from is never gone altogether.
        try FileManager.default.removeItem(atPath: "\(data)/journal/\(segments[1].name)")
        #expect(try journal(["verify", data]).status == 1)
    }

    @Test(arguments: [UInt64.random(in: 0...UInt64.max)])
    func `verify finds every flipped byte of what is used and none of what is free`(seed: UInt64) async throws {
        print("seed \(seed)")
        defer { folder.remove() }
        try await makeRuns(killingLast: true)
        var random = SeededRandom(seed: seed)
        var (found, silent) = (0, 0)
        for segment in try list(data) where segment.segment != nil {
            let path = "\(data)/journal/\(segment.name)"
            // As if the power had failed just before the last entry was known to be on disk.
            if segment.state == "open" { try TornSegment.note(segment.entries - 1, in: path) }
            func verify(flipping offset: Int) throws -> (status: Int32, output: String) {
                let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
                defer { try? file.close() }
                func flip() throws {
                    try file.seek(toOffset: UInt64(offset))
                    let byte = try #require(try file.read(upToCount: 1)?.first)
                    try file.seek(toOffset: UInt64(offset))
                    try file.write(contentsOf: [byte ^ (1 << UInt8.random(in: 0..<8, using: &random))])
                    return
                }
                let before = try Data(contentsOf: URL(fileURLWithPath: path))
                try flip()
                let (status, output, error) = try journal(["verify", data])
                #expect(error.isEmpty, "\(error)")
                try file.seek(toOffset: UInt64(offset))
                try file.write(contentsOf: [before[offset]])
                return (status, output)
            }
            // The last entry of an unsealed segment is left out: there a flip looks like a torn tail.
            let entries = segment.entryBytes.lowerBound..<segment.entryBytes.upperBound - 64
            for offset in (0..<4).map({ _ in Int.random(in: entries, using: &random) }) {
                let (status, output) = try verify(flipping: offset)
                let place = "\(segment.name), entry \((offset - 4_096) / 64): damaged"
                #expect(status == 1 && output.contains(place), "byte \(offset) of \(segment.name): \(output)")
                found += 1
            }
            let content = try segment.dataBytes.lowerBound..<firstTearableByte(segment, path)
            for offset in (0..<4).map({ _ in Int.random(in: content, using: &random) }) {
                let (status, output) = try verify(flipping: offset)
                #expect(status == 1 && output.contains("\(segment.name), entry "), "byte \(offset): \(output)")
                found += 1
            }
            for region in [
                200..<4_096, segment.entryBytes.upperBound..<segment.table.upperBound,
                segment.dataBytes.upperBound..<segment.bytes,
            ] {
                let offset = Int.random(in: region, using: &random)
                let (status, output) = try verify(flipping: offset)
                #expect(status == 0 && output.hasPrefix("sound"), "byte \(offset) of \(segment.name): \(output)")
                silent += 1
            }
        }
        // A torn tail is named, and is no error.
        let last = try #require(try list(data).last { $0.state == "open" })
        let path = URL(fileURLWithPath: "\(data)/journal/\(last.name)")
        var bytes = try Data(contentsOf: path)
        bytes[last.entryBytes.upperBound - 10] ^= 1
        try bytes.write(to: path)
        let (status, output, _) = try journal(["verify", data])
        #expect(
            status == 0
                && output.contains("\(last.name): torn tail, \(last.entries - 1) whole entries of \(last.entries)"))
        let torn = try #require(try list(data).last { $0.chain == last.chain && $0.segment != nil })
        #expect(torn.state == "torn" && torn.entries == last.entries - 1 && torn.committedEntries == last.entries)
        print("figure: \(found) flips found of \(found), \(silent) in free space not reported")
    }

    @Test(.enabled(if: SharedData.shouldRun))
    func `a run that is exported as a recording and simulated again gives the same signals`() async throws {
        defer { folder.remove() }
        var recording = SharedData.path("binance/btcusdt@trade.20240808.ndjson.gz")
        var published: [[String]] = []
        for round in 0..<2 {
            let simulator = try await RunningSimulator(
                [recording, "--speed", "max"], folder: folder.url, name: "simulate\(round)")
            let run = try RunningTickline(
                ["--feed", "binance=ws://127.0.0.1:\(simulator.port)/ws/btcusdt@trade", "--store", "none"],
                folder: folder.url, name: "run\(round)", data: "data\(round)")
            try await waitUntil("all ticks taken") { await run.metric("tickline_ticks_total") >= 9_757 }
            #expect(run.process.stop() == 0)
            simulator.process.stop()
            let live = Self.signals(run.process.output)
            published.append(Self.withoutReceiveTime(live))
            let data = folder.url.appendingPathComponent("data\(round)").path
            let name = folder.url.appendingPathComponent("export\(round)").path
            let (status, output, error) = try journal(["export", data, "--chain", "feed-0", "--recording", name])
            #expect(status == 0 && output.isEmpty && error.contains("messages of feed-0"), "\(error)")
            #expect(try journal(["export", data, "--recording", name]).status == 78, "nothing is overwritten")
            recording = name + ".ndjson"
            // The engine's own account has each signal once, with the numbers that were published.
            let engine = try journal(["export", data, "--chain", "engine"]).output.split(separator: "\n")
            let crossings = engine.filter { field("kind", of: $0) == "decision" && field("signal", of: $0) != nil }
            for key in ["id", "price", "shortSMA", "longSMA", "tickId", "receiveTime"] {
                #expect(crossings.map { field(key, of: $0) } == live.map { field(key, of: $0) }, "\(key)")
            }
            #expect(engine.count { field("kind", of: $0) == "sent" } == live.count)
            let taken = engine.filter { field("kind", of: $0) == "take" }.compactMap { field("count", of: $0) }
            #expect(taken.compactMap { Int($0) }.reduce(0, +) >= 9_757)
        }
        #expect(published[0].count == 37 && published[1] == published[0])
        // The reply to the run's question which streams it has comes between any two trades.
        let trades = try ["export0", "export1"].map {
            try String(contentsOf: folder.url.appendingPathComponent("\($0).ndjson"), encoding: .utf8)
                .split(separator: "\n").filter { !$0.hasPrefix(#"{"result""#) }
        }
        #expect(trades[0] == trades[1] && trades[0].count == 9_757)
        print("figure: \(published[0].count) signals of the recording, and of its export simulated again")
    }

    @Test func `messages are printed as received, by time and chain, also while the run writes`() async throws {
        defer { folder.remove() }
        let market = try await MarketRun(
            .trades(rate: 2_000, pacing: .recorded), ["--store", "none", "--journal-budget", "128", "--data", data],
            folder: folder.url)
        try await market.waitForTicks(3_000)
        for _ in 0..<3 {
            let (status, output, error) = try journal(["verify", data])
            #expect(status == 0 && error.isEmpty && output.hasPrefix("sound"), "\(output)\(error)")
            #expect(try list(data).contains { $0.state == "open" })
        }
        #expect(try journal(["export", data]).output.split(separator: "\n").count >= 3_000)
        #expect(try await market.stop().status == 0)
        let all = try journal(["export", data]).output.split(separator: "\n")
        let sent = market.ledger.count
        #expect(all.count >= 3_000 && all.count <= sent + 4)
        // Beside trades there are the exchange's replies to requests.
        let trades = all.filter { field("e", of: $0) == "trade" }
        let ids = trades.compactMap { field("t", of: $0).flatMap { UInt64($0) } }
        #expect(ids.count >= 3_000 && all.count - ids.count < 4 && ids == Array((ids.first ?? 0)...(ids.last ?? 0)))
        for line in [trades[0], trades[trades.count - 1]] {
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            #expect(object?["feed"] as? Int == 0 && object?["connection"] as? Int == 1)
            #expect((object?["message"] as? [String: Any])?["e"] as? String == "trade")
        }
        // A time of receipt in the middle splits them.
        let time = try #require(all[1_000].split(separator: ",").first?.dropFirst("{\"receiveTime\":".count))
        let seconds = Double(time).map { $0 / 1e9 } ?? 0
        let text = ISO8601DateFormatter().string(from: Date(timeIntervalSince1970: seconds.rounded(.down)))
        let before = try journal(["export", data, "--to", text]).output.split(separator: "\n")
        let after = try journal(["export", data, "--from", text]).output.split(separator: "\n")
        #expect(before + after == all && !after.isEmpty)
        let csv = try journal(["export", data, "--format", "csv"]).output.split(separator: "\r\n")
        #expect(csv.count == all.count + 1 && csv[0] == "receiveTime,feed,connection,message")
        let table = try journal(["export", data, "--chain", "engine", "--format", "csv"]).output
        let engine = try journal(["export", data, "--chain", "engine"]).output.split(separator: "\n")
        #expect(table.split(separator: "\r\n").count == engine.count + 1)
    }

    @Test func `a reader that goes away ends it quietly`() async throws {
        defer { folder.remove() }
        try await makeRuns(killingLast: false)
        let script = """
            import subprocess, sys
            p = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            first = p.stdout.readline()
            p.stdout.close()
            print(p.wait(), len(p.stderr.read()), len(first) > 0)
            """
        for arguments in [["export", data], ["export", data, "--chain", "engine"], ["ls", data], ["verify", data]] {
            let (process, output) = (Process(), Pipe())
            process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
            process.arguments = ["-c", script, Tickline.executable, "journal"] + arguments
            process.standardOutput = output
            try process.runUnmasked()
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            #expect(text == "0 0 True\n", "\(arguments)")
        }
    }

    @Test func `what is no journal, newer or damaged is refused in one line and left as it is`() async throws {
        defer { folder.remove() }
        func refused(_ arguments: [String], _ status: Int32, _ words: String) throws {
            let result = try journal(arguments)
            #expect(result.status == status, "\(arguments): \(result.status) \(result.error)")
            #expect(result.error.split(separator: "\n").count == 1 && result.error.contains(words), "\(result.error)")
        }
        for command in ["ls", "verify", "export"] {
            try refused([command, folder.path], 78, "no journal is there; give the --data folder of a run")
            try refused([command, folder.path + "/absent"], 78, "no journal is there")
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/absent"))
        try await makeRuns(killingLast: false)
        let segment = try #require(try list(data).first)
        let path = URL(fileURLWithPath: "\(data)/journal/\(segment.name)")
        let whole = try Data(contentsOf: path)
        func changed(at offset: Int, to byte: UInt8) throws -> Data {
            var bytes = whole
            bytes[offset] = byte
            try bytes.write(to: path)
            return bytes
        }
        let newer = try changed(at: 8, to: 9)
        for command in ["ls", "verify", "export"] { try refused([command, data], 78, "a newer version of tickline") }
        #expect(try Data(contentsOf: path) == newer)
        let foreign = try changed(at: 0, to: 9)
        for command in ["ls", "export"] { try refused([command, data], 78, "is not a journal segment") }
        #expect(try journal(["verify", data]).status == 1)
        #expect(try Data(contentsOf: path) == foreign)
        let entry = segment.entries / 2
        let damaged = try changed(at: 4_096 + entry * 64 + 20, to: whole[4_096 + entry * 64 + 20] ^ 4)
        try refused(["export", data], 78, "is damaged (entry \(entry) of \(segment.entries) is not whole)")
        #expect(try Data(contentsOf: path) == damaged)
        try whole.write(to: path)
        try refused(["export", data, "--chain", "feed-1"], 64, "did you mean feed-0?")
        try refused(["export", data, "--from", "yesterday"], 64, "is no time")
        try refused(["ls", data, "--format", "tabel"], 64, "did you mean table?")
    }
}
