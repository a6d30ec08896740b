internal import CHiredis

/// One reply as a value. For cold threads: it copies all text.
enum RedisReply: Equatable {
    case text(String)
    case integer(Int64)
    case array([RedisReply])
    case null
    case error(String)

    /// The text of a string or status reply.
    var text: String? {
        guard case .text(let text) = self else { return nil }
        return text
    }

    /// The number of an integer reply.
    var integer: Int64? {
        guard case .integer(let value) = self else { return nil }
        return value
    }

    /// The elements of an array reply.
    var elements: [RedisReply]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    /// Copies a reply of hiredis, which stays the caller's. Depth is bounded by hiredis (7 levels).
    init(copying raw: UnsafePointer<redisReply>) {
        let reply = unsafe raw.pointee
        switch unsafe reply.type {
        case REDIS_REPLY_STRING, REDIS_REPLY_STATUS: self = unsafe .text(Self.string(reply))
        case REDIS_REPLY_ERROR: self = unsafe .error(Self.string(reply))
        case REDIS_REPLY_INTEGER: self = unsafe .integer(reply.integer)
        case REDIS_REPLY_ARRAY:
            var elements: [RedisReply] = []
            unsafe elements.reserveCapacity(reply.elements)
            for index in unsafe 0..<reply.elements {
                guard let element = unsafe reply.element[index] else { continue }
                elements.append(unsafe RedisReply(copying: element))
            }
            self = .array(elements)
        default: self = .null
        }
    }

    /// Bytes that are no UTF-8 are repaired: foreign entries may hold anything.
    private static func string(_ reply: redisReply) -> String {
        guard let start = unsafe reply.str else { return "" }
        return unsafe String(
            decoding: UnsafeRawBufferPointer(start: start, count: Int(reply.len)), as: UTF8.self)
    }
}

/// hiredis' incremental parser. Owned by one thread.
@safe struct ReplyReader: ~Copyable {
    private let raw: UnsafeMutablePointer<redisReader>

    /// Allocates a parser; without memory for it the process is lost and traps.
    init() {
        guard let reader = unsafe redisReaderCreate() else { preconditionFailure("no memory for a reply reader") }
        unsafe raw = reader
    }

    deinit { unsafe redisReaderFree(raw) }

    /// Takes received bytes.
    mutating func feed(_ bytes: UnsafeRawBufferPointer) throws(RedisStreamsError) {
        guard let start = bytes.baseAddress else { return }
        let code = unsafe redisReaderFeed(raw, start.assumingMemoryBound(to: CChar.self), bytes.count)
        guard code == REDIS_OK else { throw error() }
    }

    /// The next whole reply, nil until more bytes come.
    mutating func next() throws(RedisStreamsError) -> RedisReply? {
        var object: UnsafeMutableRawPointer?
        guard unsafe redisReaderGetReply(raw, &object) == REDIS_OK else { throw error() }
        guard let object = unsafe object else { return nil }
        defer { unsafe freeReplyObject(object) }
        return unsafe RedisReply(copying: object.assumingMemoryBound(to: redisReply.self))
    }

    private func error() -> RedisStreamsError {
        let text = unsafe withUnsafeBytes(of: raw.pointee.errstr) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return .malformedReply(text)
    }
}
