import FeedHandler
import Testing

@Suite struct SubscriptionReplyTests {
    private func reply(_ text: String) -> SubscriptionReply? {
        Array(text.utf8).withUnsafeBytes { SubscriptionReply(parsing: $0) }
    }

    @Test(
        arguments: [
            (#"{"result":null,"id":1}"#, 1, .accepted),
            (#" { "id" : 9223372036854775807 , "result" : null } "#, .max, .accepted),
            (#"{"result":null,"id":-1}"#, -1, .accepted), (#"{"result":null,"id":null}"#, nil, .accepted),
            (#"{"result":null}"#, nil, .accepted), (#"{"result":null,"id":"abc7"}"#, nil, .accepted),
            (
                #"{"result":["btcusdt@trade","ethusdt@depth@100ms"],"id":3}"#, 3,
                .list(["btcusdt@trade", "ethusdt@depth@100ms"])
            ),
            (#"{"result":[],"id":3}"#, 3, .list([])),
            (#"{"result":["btcusdt\u0040trade"],"id":3}"#, 3, .list(["btcusdt@trade"])),
            (
                #"{"code":2,"msg":"Invalid request: request ID must be an unsigned integer"}"#, nil,
                .refused(code: 2, message: "Invalid request: request ID must be an unsigned integer")
            ),
            (#"{"code":0,"msg":"Unknown property","id":"4"}"#, nil, .refused(code: 0, message: "Unknown property")),
            (#"{"code":3,"msg":"Invalid JSON","id":4}"#, 4, .refused(code: 3, message: "Invalid JSON")),
            (
                #"{"error":{"code":-1121,"msg":"Invalid symbol."},"id":5}"#, 5,
                .refused(code: -1121, message: "Invalid symbol.")
            ),
            (
                #"{"id":5,"error":{"msg":"Gone","code":1,"data":{"x":[1]}},"result":null}"#, 5,
                .refused(code: 1, message: "Gone")
            ),
        ] as [(String, Int64?, SubscriptionReply.Outcome)])
    func `reads what the exchange answers`(text: String, id: Int64?, outcome: SubscriptionReply.Outcome) {
        #expect(reply(text) == SubscriptionReply(id: id, outcome: outcome))
    }

    @Test(arguments: [
        "", "{", "{}", "null", "7", "[]", #"{"id":1}"#, #"{"result":true,"id":1}"#, #"{"result":[7],"id":1}"#,
        #"{"result":{},"id":1}"#, #"{"code":"2","msg":"x"}"#, #"{"code":2}"#, #"{"code":1.5,"msg":"x"}"#,
        #"{"code":99999999999999999999,"msg":"x"}"#, #"{"error":"x","id":1}"#, #"{"error":{"code":1},"id":1}"#,
        #"{"result":null,"id":1"#, #"{"result":null,"id":1}x"#, #"{"e":"trade","s":"BTCUSDT"}"#,
    ])
    func `takes nothing else for a reply`(text: String) { #expect(reply(text) == nil) }

    @Test func `takes no truncated reply`() {
        let text = #"{"error":{"code":2,"msg":"x"},"result":["a"],"id":1}"#
        for length in 0..<text.utf8.count { #expect(reply(String(text.prefix(length))) == nil, "length \(length)") }
    }
}
