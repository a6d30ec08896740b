import Execution
import Testing

@Suite struct ClientOrderIDTests {
    // base64.b32encode(hashlib.sha256(id).digest())[:26] in Python.
    @Test(
        arguments: [
            ("binance:BTCUSDT:sma-50-200:3735683486", "PDXPIL4NKF3AQ3SQD2WUX7NZDP"),
            ("binance:BTCUSDT:sma-50-200:3735683486:gap", "7MF256NEHS2S2FYSYZMUI7ECWR"),
            ("", "4OYMIQUY7QOBJGX36TEJS35ZEQ"),
        ]) func `is base32 of SHA-256 as other languages write it`(id: String, expected: String)
    {
        #expect(ClientOrderID.text(ofSignal: id, leg: 0) == "tl\(expected)-00")
        #expect(ClientOrderID.text(ofSignal: id, leg: 1) == "tl\(expected)-01")
        #expect(OrderID.text(ofSignal: id, leg: 42) == "\(id)-42")
    }

    @Test func `has at most 36 of the characters that venues allow, and differs by signal`() {
        var seen: Set<String> = []
        for tick in 0..<10_000 {
            let id = ClientOrderID.text(ofSignal: "binance:BTCUSDT:sma-50-200:\(tick)", leg: tick % 100)
            #expect(
                id.utf8.count == 31
                    && id.utf8.allSatisfy {
                        "-".utf8.contains($0) || ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x41 && $0 <= 0x5A)
                            || "tl".utf8.contains($0)
                    })
            seen.insert(id)
        }
        #expect(seen.count == 10_000)
    }
}
