/// What a command asks for and when it is allowed.
struct RedisCommand: Sendable {
    struct Traits: OptionSet, Sendable {
        let rawValue: Int
        static let write = Traits(rawValue: 1)
        /// Needs memory.
        static let adds = Traits(rawValue: 2)
        static let whileLoading = Traits(rawValue: 4)
        static let whileStale = Traits(rawValue: 8)
        static let beforeLogin = Traits(rawValue: 16)
        static let always: Traits = [.whileLoading, .whileStale]
    }

    /// The number of words, or the negated least one.
    let arity: Int
    let traits: Traits
    /// Carries it out for a client, by its id; nil for a form of the command that is not known here.
    let perform: @Sendable (SimulatedRedis) -> ([String], Int) -> RESPReply?

    /// Commands whose second word is a part of their name.
    static let containers: Set<String> = ["client", "script", "xinfo"]

    static let all: [String: RedisCommand] = [
        "auth": RedisCommand(arity: -2, traits: [.always, .beforeLogin], perform: SimulatedRedis.auth),
        "select": RedisCommand(arity: 2, traits: .always, perform: SimulatedRedis.select),
        "hello": RedisCommand(arity: -1, traits: [.always, .beforeLogin], perform: SimulatedRedis.hello),
        "client|info": RedisCommand(arity: 2, traits: .always, perform: SimulatedRedis.clientInfo),
        "client|kill": RedisCommand(arity: -3, traits: .always, perform: SimulatedRedis.clientKill),
        "time": RedisCommand(arity: 1, traits: .always, perform: SimulatedRedis.time),
        "script|load": RedisCommand(arity: 3, traits: .whileStale, perform: SimulatedRedis.scriptLoad),
        "evalsha": RedisCommand(arity: -3, traits: .whileStale, perform: SimulatedRedis.evalSHA),
        "xadd": RedisCommand(arity: -5, traits: [.write, .adds], perform: SimulatedRedis.xAdd),
        "xtrim": RedisCommand(arity: -4, traits: .write, perform: SimulatedRedis.xTrim),
        "xdel": RedisCommand(arity: -3, traits: .write, perform: SimulatedRedis.xDel),
        "xlen": RedisCommand(arity: 2, traits: [], perform: SimulatedRedis.xLen),
        "xrange": RedisCommand(arity: -4, traits: [], perform: SimulatedRedis.xRange),
        "xrevrange": RedisCommand(arity: -4, traits: [], perform: SimulatedRedis.xRevRange),
        "xinfo|stream": RedisCommand(arity: -3, traits: [], perform: SimulatedRedis.xInfoStream),
        "xinfo|groups": RedisCommand(arity: 3, traits: [], perform: SimulatedRedis.xInfoGroups),
        "xpending": RedisCommand(arity: -3, traits: [], perform: SimulatedRedis.xPending),
        "hget": RedisCommand(arity: 3, traits: [], perform: SimulatedRedis.hGet),
        "hdel": RedisCommand(arity: -3, traits: .write, perform: SimulatedRedis.hDel),
        "hscan": RedisCommand(arity: -3, traits: [], perform: SimulatedRedis.hScan),
    ]
}

extension RESPReply {
    static let notANumber = RESPReply.error("ERR value is not an integer or out of range")
    static let noSuchKey = RESPReply.error("ERR no such key")
    static let invalidEntryID = RESPReply.error("ERR Invalid stream ID specified as stream command argument")
}
