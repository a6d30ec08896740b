// websocket-echo URL AGENT: the product's websocket client under a conformance suite (Autobahn's fuzzing server).
//
// Reads the number of cases from URL/getCaseCount, echoes each URL/runCase?case=N&agent=AGENT, and asks for the report at
// URL/updateReports?agent=AGENT. Exit status: 0 all cases were run, whatever their verdict; 1 the server could not be
// reached or gave no count; 64 wrong usage.

import Glibc

func say(_ words: String) {
    let line = Array("websocket-echo: \(words)\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
}

func fail(_ words: String, status: Int32) -> Never {
    say(words)
    exit(status)
}

/// What may stand in a query unescaped.
func isAgentName(_ text: String) -> Bool {
    !text.isEmpty
        && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x7A).contains($0 | 0x20) || $0 == 0x2D }
}

let usage = "usage: websocket-echo URL AGENT, for example websocket-echo ws://127.0.0.1:9001 tickline"
if CommandLine.arguments.dropFirst().contains(where: { $0 == "--help" || $0 == "-h" }) {
    print(
        """
        \(usage)

        Echoes every case of a conformance suite's server: it reads the number of cases from URL/getCaseCount, serves each
        URL/runCase?case=N&agent=AGENT and asks for the report. Exit status: 0 all cases were run, 1 the server could not
        be reached, 64 wrong usage.
        """)
    exit(0)
}
guard CommandLine.arguments.count == 3, isAgentName(CommandLine.arguments[2]) else { fail(usage, status: 64) }
let agent = CommandLine.arguments[2]
do {
    var client = try EchoClient(address: CommandLine.arguments[1])
    guard let text = try client.run("/getCaseCount"), let count = Int(text), count > 0 else {
        fail("the server gave no number of cases", status: 1)
    }
    for number in 1...count {
        // One case must not keep the others from running; the suite's report says how it ended.
        do { _ = try client.run("/runCase?case=\(number)&agent=\(agent)") } catch {
            say("case \(number): \(error)")
        }
    }
    _ = try client.run("/updateReports?agent=\(agent)")
} catch EchoError.invalidAddress(let text) {
    fail("\(EchoError.invalidAddress(text))", status: 64)
} catch {
    fail("\(error)", status: 1)
}
