import Foundation
import Glibc
import TestSupport
import Testing

/// The proxy between a blocking client and a server that echoes, or says its piece and ends.
@Suite(.serialized) struct FaultProxyTests {
    private static let text = Array((0..<2_000).map { UInt8(0x21 + $0 % 90) })

    private func client(_ fault: FaultProxy.Fault, _ body: (PlainSocket, EchoServer, FaultProxy) throws -> Void) throws
    {
        let server = EchoServer()
        let proxy = FaultProxy(target: server.port, fault: fault)
        defer {
            proxy.stop()
            server.stop()
        }
        try body(try #require(PlainSocket(port: proxy.port)), server, proxy)
    }

    @Test func `without a fault every byte comes back, and the end of the stream is passed on`() throws {
        try client(FaultProxy.Fault()) { socket, server, proxy in
            socket.send(Self.text)
            #expect(socket.receive(Self.text.count) == Self.text)
            socket.endSending()
            #expect(socket.receive(1) == [])
            #expect(proxy.firstConnectionBytes == (2_000, 2_000) && proxy.cuts == 0)
        }
    }

    @Test(arguments: [0, 1, 2, 7, 100, 1_999, 2_000], [true, false])
    func `a cut lets exactly its bytes through`(bytes: Int, inRequest: Bool) throws {
        var fault = FaultProxy.Fault()
        if inRequest { fault.request.cutAfterBytes = bytes } else { fault.reply.cutAfterBytes = bytes }
        try client(fault) { socket, server, proxy in
            socket.send(Self.text)
            let received = socket.receive(Self.text.count + 1)
            if inRequest {
                server.waitForEnd()
                #expect(server.received == Array(Self.text.prefix(bytes)))
            } else {
                #expect(received == Array(Self.text.prefix(bytes)))
            }
            #expect(proxy.cuts == 1)
            // The next connection is not cut.
            let second = try #require(PlainSocket(port: proxy.port))
            second.send(Self.text)
            #expect(second.receive(Self.text.count) == Self.text)
        }
    }

    @Test func `a cut by reset is seen as one`() throws {
        var fault = FaultProxy.Fault()
        fault.reply.cutAfterBytes = 5
        fault.cutsByReset = true
        try client(fault) { socket, _, _ in
            socket.send(Self.text)
            #expect(socket.receive(Self.text.count).count <= 5)
            #expect(socket.lastError == ECONNRESET)
        }
    }

    @Test func `after a half-close the client reads the end and is still heard`() throws {
        var fault = FaultProxy.Fault()
        fault.reply.halfCloseAfterBytes = 10
        try client(fault) { socket, server, _ in
            socket.send(Self.text)
            #expect(socket.receive(Self.text.count) == Array(Self.text.prefix(10)))
            socket.send(Self.text)
            socket.endSending()
            server.waitForEnd()
            #expect(server.received == Self.text + Self.text)
        }
    }

    @Test func `pieces arrive one by one and make the same bytes`() throws {
        var fault = FaultProxy.Fault()
        fault.reply.pieceBytes = 1
        fault.reply.delayMillis = 1
        try client(fault) { socket, _, _ in
            socket.send(Self.text)
            #expect(socket.receive(Self.text.count) == Self.text)
        }
        fault = FaultProxy.Fault()
        for split in [1, 2, 999] {
            fault.reply.splitAfterBytes = split
            try client(fault) { socket, _, _ in
                socket.send(Self.text)
                #expect(socket.receiveOnce() == Array(Self.text.prefix(split)), "the two parts are read apart")
                #expect(socket.receive(Self.text.count - split) == Array(Self.text.dropFirst(split)))
            }
        }
    }

    @Test func `a delay keeps chunks' distances, a limit spreads bytes over time`() throws {
        var fault = FaultProxy.Fault()
        fault.reply.delayMillis = 60
        try client(fault) { socket, _, _ in
            let start = ContinuousClock.now
            for _ in 0..<5 { socket.send(Array(Self.text.prefix(10))) }
            #expect(socket.receive(50).count == 50)
            let took = ContinuousClock.now - start
            print("figure: five chunks behind 60 ms of delay took \(took)")
            #expect(took >= .milliseconds(60))
        }
        fault = FaultProxy.Fault()
        fault.request.bytesPerSecond = 10_000
        try client(fault) { socket, _, _ in
            let start = ContinuousClock.now
            socket.send(Self.text)
            #expect(socket.receive(Self.text.count) == Self.text)
            let took = ContinuousClock.now - start
            print("figure: 2,000 bytes at 10,000 a second took \(took)")
            #expect(took >= .milliseconds(180))
        }
    }

    @Test func `a stalled connection passes nothing on until it is resumed`() throws {
        try client(FaultProxy.Fault()) { socket, server, proxy in
            socket.send([1])
            #expect(socket.receive(1) == [1])
            proxy.stall(connection: 1)
            socket.send([2])
            #expect(socket.receiveOnce(withinMillis: 100) == nil)
            proxy.resume()
            #expect(socket.receive(1) == [2])
        }
    }
}
