/// A Lua script and the name `EVALSHA` knows it by.
struct PublishScript {
    let text: String
    /// SHA-1 of the text; what `SCRIPT LOAD` answers must equal it.
    let sha1: String

    /// Publishes one signal unless its id is known, for several writers on one stream (`PublishMode.once`).
    ///
    /// KEYS: stream, hash of ids. ARGV: id, then the entry's fields and values. Returns the new entry's id, or for a known
    /// id an array of that entry's id and its fields (empty where the entry is gone). Both keys are in one cluster slot.
    static let publish = PublishScript(
        text: """
            local known = redis.call('HGET', KEYS[2], ARGV[1])
            if known then
              local entry = redis.call('XRANGE', KEYS[1], known, known)[1]
              return {known, entry and entry[2] or {}}
            end
            local added = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
            redis.call('HSET', KEYS[2], ARGV[1], added)
            return added
            """,
        sha1: "407e23fdecdc8f54d7ae871f7102582dd6c8c7bf")

    /// The same for a signal that was acknowledged and that the read-back has found lost: it is written although its id is
    /// known, unless another writer has put it back first.
    static let putBack = PublishScript(
        text: """
            local known = redis.call('HGET', KEYS[2], ARGV[1])
            local entry = known and redis.call('XRANGE', KEYS[1], known, known)[1]
            if entry then return {known, entry[2]} end
            local added = redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
            redis.call('HSET', KEYS[2], ARGV[1], added)
            return added
            """,
        sha1: "11c009770d4dba9102fae27ccf9f660e7fd27bc2")
}
