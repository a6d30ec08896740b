import TradingModel

/// Formats signals as complete Redis commands, straight into outbox slots.
///
/// What is constant per (instrument, strategy) is prepared once. Immutable afterwards, so any thread may use it.
///
/// `.append`: `XADD key * field value …`. `.once`: `EVALSHA sha 2 key ids-key id field value …`.
@safe final class SignalCommandFormat: @unchecked Sendable {
    // Unchecked: the memory is written in `init` alone.

    /// The fields of an entry.
    static let fieldCount = 14

    @unsafe private struct Pair {
        var prefix: UnsafeBufferPointer<UInt8>
        var names: UnsafeBufferPointer<UInt8>
        var hash: IdentifierHash
        var priceDecimals: Int
        var shortPeriod: Int
        var longPeriod: Int
    }

    private let arena: UnsafeMutablePointer<UInt8>
    private let preamble: UnsafeBufferPointer<UInt8>
    private let pairs: UnsafeMutablePointer<Pair>
    private let strategyCount: Int
    private let mode: PublishMode
    /// The longest command any signal of the catalogue can give, rounded up to whole cache lines.
    let mostCommandBytes: Int

    /// Prepares the constant parts of every pair of `catalog`.
    init(configuration: SignalPublisherConfiguration, catalog: MarketCatalog) {
        mode = configuration.mode
        strategyCount = catalog.strategies.count
        let command: [String] =
            switch mode {
            case .append: ["XADD", configuration.streamKey, "*"]
            case .once:
                ["EVALSHA", PublishScript.publish.sha1, "2", configuration.streamKey, configuration.identifierKey]
            }
        let wordCount = command.count + (mode == .once ? 1 : 0) + 2 * Self.fieldCount
        var bytes = Array("*\(wordCount)\r\n".utf8)
        for word in command { bytes += Self.bulk(word) }
        let preambleBytes = bytes.count
        var extents: [(prefix: Int, names: Int, end: Int)] = []
        for instrument in catalog.instruments.indices {
            let specification = catalog.instruments[instrument]
            for strategy in catalog.strategies.indices {
                let (index, number) = (UInt32(instrument), UInt16(strategy))
                let start = bytes.count
                bytes += Array(catalog.identifierPrefix(instrument: index, strategy: number).utf8)
                let names = bytes.count
                for word in [
                    "exchange", specification.instrument.exchange.rawValue, "symbol", specification.instrument.symbol,
                    "strategy", catalog.strategyName(instrument: index, strategy: number), "price",
                ] { bytes += Self.bulk(word) }
                extents.append((start, names, bytes.count))
            }
        }
        unsafe arena = .allocate(capacity: bytes.count)
        unsafe arena.initialize(from: bytes, count: bytes.count)
        unsafe preamble = UnsafeBufferPointer(start: arena, count: preambleBytes)
        unsafe pairs = .allocate(capacity: max(1, extents.count))
        var mostPrefix = 0
        var mostNames = 0
        for (index, extent) in extents.enumerated() {
            var hash = IdentifierHash()
            for byte in bytes[extent.prefix..<extent.names] { hash.add(byte) }
            let strategy = catalog.strategies[index % strategyCount]
            unsafe (pairs + index).initialize(
                to: Pair(
                    prefix: UnsafeBufferPointer(start: arena + extent.prefix, count: extent.names - extent.prefix),
                    names: UnsafeBufferPointer(start: arena + extent.names, count: extent.end - extent.names),
                    hash: hash,
                    priceDecimals: catalog.instruments[index / strategyCount].priceDecimals,
                    shortPeriod: strategy.shortPeriod, longPeriod: strategy.longPeriod))
            mostPrefix = max(mostPrefix, extent.names - extent.prefix)
            mostNames = max(mostNames, extent.end - extent.names)
        }
        // Variable parts at their longest: id = prefix + 20 digits + ":gap" (once or, with the script, twice); averages 31
        // (sign, 19 digits, point, 10 places) twice; price 21, time 30, tick id, two stamps 20 each; names, lengths and
        // line ends of all 14 fields come to less than 400.
        let identifiers = (mode == .once ? 2 : 1) * (mostPrefix + 24 + 10)
        mostCommandBytes = (preambleBytes + mostNames + identifiers + 62 + 21 + 30 + 60 + 400 + 63) & ~63
    }

    deinit {
        unsafe arena.deallocate()
        unsafe pairs.deallocate()
    }

    /// Writes the command of `signal` to `memory` (`mostCommandBytes` of it); no allocation.
    // hot path: HotPathTests, probe `sink`; cost: SignalBenchmarks
    func write(
        _ signal: borrowing Decision, to memory: UnsafeMutableBufferPointer<UInt8>
    ) -> (bytes: Int, identifierHash: UInt64) {
        let pair = unsafe pairs[Int(signal.instrument) &* strategyCount &+ Int(signal.strategy)]
        var output = unsafe RESPCursor(memory)
        unsafe output.raw(preamble)
        var hash: UInt64 = 0
        if mode == .once { hash = unsafe identifier(signal, pair, &output) }
        output.raw("$6\r\nsignal\r\n")
        output.raw(signal.side == .buy ? "$3\r\nBUY\r\n" : "$4\r\nSELL\r\n")
        output.raw("$8\r\nshortSMA\r\n")
        let decimals = unsafe pair.priceDecimals
        output.bulk { [sum = signal.shortSum] in
            unsafe $0.append(averageOf: sum, count: pair.shortPeriod, decimals: decimals)
        }
        output.raw("$7\r\nlongSMA\r\n")
        output.bulk { [sum = signal.longSum] in
            unsafe $0.append(averageOf: sum, count: pair.longPeriod, decimals: decimals)
        }
        output.raw("$4\r\ntime\r\n")
        output.bulk { [time = signal.exchangeTime] in $0.append(rfc3339: time) }
        output.raw("$6\r\nschema\r\n$1\r\n1\r\n$2\r\nid\r\n")
        hash = unsafe identifier(signal, pair, &output)
        unsafe output.raw(pair.names)
        output.bulk { [price = signal.price] in $0.append(fixedPoint: price, decimals: decimals) }
        output.raw("$6\r\ntickId\r\n")
        output.bulk { [id = signal.tickID] in $0.append(id) }
        output.raw("$9\r\neventTime\r\n")
        output.bulk { [time = signal.exchangeTime.rawValue] in $0.append(time) }
        output.raw("$11\r\nreceiveTime\r\n")
        output.bulk { [time = signal.receiveTime.rawValue] in $0.append(time) }
        output.raw("$6\r\nreason\r\n")
        output.raw(signal.reason == .cross ? "$5\r\ncross\r\n" : "$3\r\ngap\r\n")
        return (output.count, hash)
    }

    /// Appends the id as one bulk string and returns its hash. // hot path: see `write`
    @inline(__always)
    private func identifier(_ signal: borrowing Decision, _ pair: Pair, _ output: inout RESPCursor) -> UInt64 {
        var hash = unsafe pair.hash
        let start = output.count
        let isGap = signal.reason == .gap
        output.bulk { [tickID = signal.tickID] in
            unsafe $0.append(bytes: pair.prefix)
            $0.append(tickID)
            if isGap { $0.append(":gap") }
        }
        // The variable part is what lies behind the prefix in what was just written, up to the line end.
        let length = output.count - start - 2
        let digits = unsafe output.lastBulkBytes - pair.prefix.count
        let first = start + length - digits
        for offset in first..<(first + digits) { hash.add(output[offset]) }
        return hash.value
    }

    private static func bulk(_ word: String) -> [UInt8] { Array("$\(word.utf8.count)\r\n\(word)\r\n".utf8) }
}

extension SignalCommandFormat {
    /// The words of a command this type has written; cold.
    static func words(_ command: UnsafeRawBufferPointer) -> [String] {
        var words: [String] = []
        var index = unsafe (command.firstIndex(of: 0x0A) ?? command.count - 1) + 1
        while index < command.count, unsafe command[index] == 0x24 {
            var length = 0
            index += 1
            while unsafe command[index] != 0x0D {
                length = unsafe length * 10 + Int(command[index] - 0x30)
                index += 1
            }
            index += 2
            words.append(
                unsafe String(
                    decoding: UnsafeRawBufferPointer(rebasing: command[index..<index + length]), as: UTF8.self))
            index += length + 2
        }
        return words
    }
}

/// Writes RESP into caller-owned memory, which a computed bound makes large enough; exceeding it traps.
@safe struct RESPCursor: ~Copyable {
    private let memory: UnsafeMutableBufferPointer<UInt8>
    /// Bytes written.
    private(set) var count = 0
    /// The payload length of the last bulk string.
    private(set) var lastBulkBytes = 0

    init(_ memory: UnsafeMutableBufferPointer<UInt8>) { unsafe self.memory = memory }

    /// A byte already written.
    subscript(_ offset: Int) -> UInt8 { unsafe memory[offset] }

    /// Appends prepared protocol bytes. // hot path: see `write`
    @inline(__always)
    mutating func raw(_ bytes: UnsafeBufferPointer<UInt8>) {
        unsafe precondition(bytes.count <= memory.count &- count, "a command exceeds its computed bound")
        guard let from = bytes.baseAddress, let base = unsafe memory.baseAddress else { return }
        unsafe (base + count).update(from: from, count: bytes.count)
        count &+= bytes.count
    }

    /// Appends prepared protocol bytes. // hot path: see `write`
    @inline(__always)
    mutating func raw(_ text: StaticString) {
        unsafe raw(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// Appends one bulk string of 1 to 999 bytes whose text `body` writes. // hot path: see `write`
    ///
    /// The length stands before the text but is known after it: two places are kept for it and the text is moved by one
    /// where the length has another number of digits, since Redis refuses leading zeros.
    @inline(__always)
    mutating func bulk(_ body: (inout TextCursor) -> Void) {
        guard let base = unsafe memory.baseAddress else { preconditionFailure("a command needs memory") }
        let header = 5
        let room = unsafe memory.count &- count &- header &- 3
        precondition(room > 0, "a command exceeds its computed bound")
        let start = unsafe base + count
        var text = unsafe TextCursor(
            buffer: UnsafeMutableBufferPointer(start: start + header, count: room))
        body(&text)
        precondition(!text.isOverflown, "a command exceeds its computed bound")
        let length = text.count
        unsafe start[0] = 0x24
        var at = 1
        if length >= 100 {
            unsafe (start + header + 1).update(from: start + header, count: length)
            unsafe start[at] = 0x30 &+ UInt8(truncatingIfNeeded: length / 100)
            at &+= 1
        } else if length < 10 {
            unsafe (start + header - 1).update(from: start + header, count: length)
        }
        if length >= 10 {
            unsafe start[at] = 0x30 &+ UInt8(truncatingIfNeeded: length / 10 % 10)
            at &+= 1
        }
        unsafe start[at] = 0x30 &+ UInt8(truncatingIfNeeded: length % 10)
        unsafe start[at &+ 1] = 0x0D
        unsafe start[at &+ 2] = 0x0A
        at = at &+ 3 &+ length
        unsafe start[at] = 0x0D
        unsafe start[at &+ 1] = 0x0A
        count &+= at &+ 2
        lastBulkBytes = length
    }
}
