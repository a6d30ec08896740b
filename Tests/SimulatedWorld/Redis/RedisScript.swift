/// The scripts the server knows the meaning of: the publisher's two.
///
/// KEYS: stream, hash of ids. ARGV: id, then the entry's fields and values.
enum RedisScript: CaseIterable {
    /// Adds the entry unless its id is known.
    case publish
    /// Adds the entry unless its id is known and its entry there.
    case putBack

    var text: String {
        switch self {
        case .publish:
            """
            local known = redis.call('HGET', KEYS[2], ARGV[1])
            if known then
              local entry = redis.call('XRANGE', KEYS[1], known, known)[1]
              return {known, entry and entry[2] or {}}
            end
            local added = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
            redis.call('HSET', KEYS[2], ARGV[1], added)
            return added
            """
        case .putBack:
            """
            local known = redis.call('HGET', KEYS[2], ARGV[1])
            local entry = known and redis.call('XRANGE', KEYS[1], known, known)[1]
            if entry then return {known, entry[2]} end
            local added = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
            redis.call('HSET', KEYS[2], ARGV[1], added)
            return added
            """
        }
    }

    /// SHA-1 of the text.
    var sha1: String {
        switch self {
        case .publish: "407e23fdecdc8f54d7ae871f7102582dd6c8c7bf"
        case .putBack: "11c009770d4dba9102fae27ccf9f660e7fd27bc2"
        }
    }

    /// The line of the text that adds.
    var addingLine: Int {
        switch self {
        case .publish: 6
        case .putBack: 4
        }
    }
}
