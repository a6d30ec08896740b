import Foundation
import TestSupport
import Testing

@testable import ExchangeSimulator

/// Requests the exchange refuses: bad ones, and too many of them.
@Suite(.serialized) struct RESTLimitTests {
    private let idle = SimulatorConfiguration.synthetic(10, pacing: .speed(1e-9))

    @Test(
        arguments: [
            ("/api/v3/historicalTrades", 400, -1102), ("/api/v3/historicalTrades?symbol=", 400, -1102),
            ("/api/v3/historicalTrades?symbol=NONEUSDT", 400, -1121),
            ("/api/v3/historicalTrades?symbol=btcusdt", 400, -1100),
            ("/api/v3/historicalTrades?symbol=BTC%20USDT", 400, -1100),
            ("/api/v3/historicalTrades?symbol=BTC%zz", 400, -1100),
            ("/api/v3/historicalTrades?symbol=BTCUSDT&fromId=x", 400, -1100),
            ("/api/v3/historicalTrades?symbol=BTCUSDT&fromId=-1", 400, -1100),
            ("/api/v3/historicalTrades?symbol=BTCUSDT&fromId=", 400, -1105),
            ("/api/v3/historicalTrades?symbol=BTCUSDT&fromId=99999999999999999999", 400, -1130),
            ("/api/v3/historicalTrades?symbol=BTCUSDT&limit=0", 400, -1130),
            ("/api/v3/historicalTrades?symbol=BTCUSDT&limit=1001", 400, -1130),
            ("/api/v3/historicalTrades?symbol=BTCUSDT&limit=5&limit=6", 400, -1101),
            ("/api/v3/historicalTrades?symbol=BTCUSDT&startTime=5", 400, -1104),
            ("/api/v3/aggTrades?symbol=BTCUSDT&fromId=1&startTime=5", 400, -1128),
            ("/api/v3/aggTrades?symbol=BTCUSDT&startTime=6&endTime=5", 400, -1128),
            ("/api/v3/aggTrades?symbol=BTCUSDT&startTime=0&endTime=9999999999", 200, nil),
            ("/api/v3/historicalTrades?symbol=BTCUSDT&limit=1000", 200, nil),
            ("/fapi/v1/aggTrades?symbol=BTCUSDT", 400, -1121),
            ("/fapi/v1/aggTrades?symbol=BTCUSDT&other=1", 400, -1121),
            ("/fapi/v1/aggTrades?symbol=BTCUSDT&startTime=6&endTime=5", 400, -1023),
            ("/fapi/v1/aggTrades?symbol=BTCUSDT&startTime=0&endTime=3600000", 400, -1127),
            ("/fapi/v1/aggTrades?symbol=BTCUSDT&startTime=0&endTime=3599999", 400, -1121),
            ("/fapi/v1/historicalTrades?symbol=BTCUSDT&fromId=1", 401, -2014), ("/api/v3/trades", 404, nil),
        ] as [(String, Int, Int?)])
    func `bad requests are refused in the exchange's words`(path: String, status: Int, code: Int?) async throws {
        try await withSimulator(idle) { _, port in
            let answer = try await ask(port, path)
            #expect(answer.status == status && answer.code == code)
            if code != nil {
                let object = try #require(
                    try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any])
                #expect((object["msg"] as? String)?.isEmpty == false)
            }
        }
    }

    @Test func `requests weigh what the exchange says, counted apart for each venue`() async throws {
        try await withinOneMinute { port in
            var used: [Int?] = []
            for path in [
                "/api/v3/historicalTrades?symbol=BTCUSDT", "/api/v3/aggTrades?symbol=BTCUSDT", "/api/v3/aggTrades",
                "/fapi/v1/aggTrades?symbol=BTCUSDT", "/fapi/v1/historicalTrades", "/api/v3/trades",
            ] {
                used.append(try await ask(port, path).usedWeight)
            }
            return used == [25, 29, 33, 20, 40, nil]
        }
    }

    @Test func `too much weight is refused until the minute is over, and hammering on is banned`() async throws {
        try await withinOneMinute(weight: 100) { port in
            let path = "/api/v3/historicalTrades?symbol=BTCUSDT"
            var answers: [HistoryAnswer] = []
            for _ in 0..<4 + RequestWeight.refusalsBeforeBan + 2 { answers.append(try await ask(port, path)) }
            let refused = answers.dropFirst(4).prefix(RequestWeight.refusalsBeforeBan)
            // The other venue has a limit of its own.
            let other = try await ask(port, "/fapi/v1/aggTrades?symbol=BTCUSDT")
            return answers.prefix(4).allSatisfy { $0.status == 200 }
                && refused.allSatisfy {
                    $0.status == 429 && $0.code == -1003 && (1...60).contains(Int($0.headers["retry-after"] ?? "") ?? 0)
                }
                && answers.suffix(2).allSatisfy {
                    $0.status == 418 && $0.code == -1003
                        && (119...120).contains(Int($0.headers["retry-after"] ?? "") ?? 0)
                }
                && answers[4].usedWeight == 125 && other.code == -1121
        }
    }

    /// `check` on a simulator of its own, once more where the minute that weights are counted in ended meanwhile.
    private func withinOneMinute(weight: Int? = nil, _ check: (_ port: Int) async throws -> Bool) async throws {
        var configuration = idle
        configuration.requestWeightPerMinute = weight
        func minute() -> Int64 { WallClock.nowNanos() / 60_000_000_000 }
        for _ in 0..<2 {
            let start = minute()
            var result = false
            try await withSimulator(configuration) { _, port in result = try await check(port) }
            if result { return }
            guard minute() != start else { break }
        }
        Issue.record("the answers are not those of the limit")
    }

    @Test func `a ban ends after two minutes, and a new minute has its whole weight`() {
        let minute: Int64 = 60_000_000_000
        let start = 29_000_000 * minute + 10_500_000_000
        var weight = RequestWeight(limit: 50)
        #expect(weight.take(50, wallNanos: start) == .admitted)
        #expect(weight.take(1, wallNanos: start) == .limited(retryAfterSeconds: 50))
        #expect(weight.used == 51)
        #expect(weight.take(50, wallNanos: start + minute) == .admitted && weight.used == 50)
        for _ in 0..<RequestWeight.refusalsBeforeBan {
            #expect(weight.take(4, wallNanos: start + minute) == .limited(retryAfterSeconds: 50))
        }
        let until = start + 3 * minute
        #expect(
            weight.take(4, wallNanos: start + minute)
                == .banned(untilMillis: until / 1_000_000, retryAfterSeconds: 120))
        #expect(
            weight.take(4, wallNanos: until - 1) == .banned(untilMillis: until / 1_000_000, retryAfterSeconds: 1))
        #expect(weight.take(4, wallNanos: until) == .admitted && weight.used == 4)
    }

    @Test func `a limit that would refuse everything is refused itself`() async throws {
        var configuration = idle
        configuration.requestWeightPerMinute = 0
        await #expect(throws: SimulatorError.self) { try await withSimulator(configuration) { _, _ in } }
    }
}
