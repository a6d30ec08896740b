import SimulatedSystem
import SimulatedWorld

/// What goes wrong in one run: of all kinds some, at moments of the seed.
struct FaultPlan {
    /// Which kinds a run has: a run with few of them shows what many hide.
    struct Kinds: OptionSet {
        let rawValue: Int
        static let exchange = Kinds(rawValue: 1 << 0)
        static let history = Kinds(rawValue: 1 << 1)
        static let redis = Kinds(rawValue: 1 << 2)
        static let store = Kinds(rawValue: 1 << 3)
        static let kills = Kinds(rawValue: 1 << 4)
        static let disk = Kinds(rawValue: 1 << 5)
        static let reserve = Kinds(rawValue: 1 << 6)
        static let consumers = Kinds(rawValue: 1 << 7)
    }

    let kinds: Kinds
    /// Mean milliseconds between two faults.
    let intervalMillis: Int
    /// Mean milliseconds between two trades.
    let tradeMillis: Int
    /// How long things go wrong.
    let durationMillis: Double
    let publishesOnce: Bool
    let reconnectAfterSeconds: Int
    /// Small journal segments are switched often.
    let hasSmallSegments: Bool
    let journalBudgetMiB: Int
    /// Signals that a process takes over at a time.
    let takenOverSignals: Int
    /// Whether Redis may lose what it has acknowledged.
    let redisMayLoseData: Bool

    /// Drawn from the seed.
    init(_ world: World) {
        var kinds = Kinds(rawValue: world.random(0...31))
        if world.happens(oneIn: 3) { kinds.insert(.disk) }
        if world.happens(oneIn: 2) { kinds.insert(.consumers) }
        // Signals that wait, in a small journal that fills with them life after life.
        let fillsReserve = world.happens(oneIn: 6)
        if fillsReserve { kinds = kinds.subtracting(.redis).union([.kills, .reserve]) }
        self.kinds = kinds
        intervalMillis = [150, 500, 1_500][world.random(0...2)]
        tradeMillis = [5, 15, 40][world.random(0...2)]
        durationMillis = Double(world.random(4_000...12_000)) * (fillsReserve ? 2 : 1)
        publishesOnce = world.happens(oneIn: 3)
        reconnectAfterSeconds = world.happens(oneIn: 4) ? world.random(3...8) : 0
        hasSmallSegments = fillsReserve || world.happens(oneIn: 2)
        journalBudgetMiB = fillsReserve ? 34 : world.happens(oneIn: 4) ? 128 : 2_048
        takenOverSignals = world.happens(oneIn: 2) ? world.random(1...40) : 1 << 17
        // What is recycled, or was in memory alone when the process was killed, can't be put back into the stream.
        redisMayLoseData = journalBudgetMiB == 2_048 && !kinds.isSuperset(of: [.disk, .kills])
    }

    /// Lets one thing go wrong.
    func strike(_ simulation: Simulation) {
        let world = simulation.world
        let all: [(Kinds, () -> Void)] = [
            (.exchange, { exchange(simulation.exchange, world) }),
            (.history, { history(simulation.exchange, world) }),
            (.redis, { redis(simulation.redis, world) }),
            (.store, { simulation.storeTrouble(millis: Double(world.random(50...1_500))) }),
            (.kills, { simulation.killSoon() }),
            (.disk, { disk(simulation) }),
            (.reserve, { reserve(simulation) }),
            (.consumers, { simulation.redis.consume(areKnown: publishesOnce || simulation.knowsAcknowledgements) }),
        ]
        let possible = all.filter { kinds.contains($0.0) }
        guard !possible.isEmpty else { return }
        possible[world.random(0...possible.count - 1)].1()
    }

    private func exchange(_ exchange: ExchangeFront, _ world: World) {
        let kind = world.random(0...9)
        world.note("exchange: \(kind)")
        switch kind {
        case 0, 1: exchange.cut()
        case 2: exchange.stall()
        case 3, 4: exchange.skip()
        case 5: exchange.sendMalformed()
        case 6: exchange.announceShutdown()
        case 7:
            exchange.reorders = true
            world.after(millis: 200) { exchange.reorders = false }
        case 8:
            exchange.duplicatesOneIn = 3
            world.after(millis: 500) { exchange.duplicatesOneIn = 0 }
        default:
            exchange.refusesUpgrades = true
            exchange.cut()
            world.after(millis: Double(world.random(50...800))) { exchange.refusesUpgrades = false }
        }
    }

    private func history(_ exchange: ExchangeFront, _ world: World) {
        let modes: [ExchangeFront.HistoryMode] = [.refusesTrades, .fails, .isSlow, .cuts]
        exchange.history = modes[world.random(0...3)]
        world.after(millis: Double(world.random(200...2_000))) { exchange.history = .serves }
        world.note("history: \(exchange.history)")
        exchange.skip()
    }

    private func redis(_ redis: RedisFront, _ world: World) {
        let millis = Double(world.random(20...1_500))
        switch world.random(0...5) {
        case 0, 1: redis.stop(millis: millis, keepingData: true)
        case 2: redis.stop(millis: millis, keepingData: !redisMayLoseData)
        case 3: redis.stall(millis: Double(world.random(20...3_500)))
        case 4: redis.cutReply()
        default:
            redis.refuse(RedisFault.allCases[world.random(0...RedisFault.allCases.count - 1)], millis: millis)
        }
    }

    /// No room, or no synchronising; and, where there are kills, one while it lasts or behind it.
    private func disk(_ simulation: Simulation) {
        let world = simulation.world
        let millis = Double(world.random(50...2_500))
        if world.happens(oneIn: 4) {
            world.note("the disk fails")
            sim_disk_failing(true)
            world.after(millis: millis) { sim_disk_failing(false) }
        } else {
            world.note("the disk is full")
            sim_disk_full(true)
            world.after(millis: millis) { sim_disk_full(false) }
        }
        guard kinds.contains(.kills), world.happens(oneIn: 2) else { return }
        world.after(millis: millis * Double(world.random(0...150)) / 100) { simulation.killSoon() }
    }

    /// Redis is away for long, and each life of the process, few whole or many short ones, leaves segments with signals that wait
    /// for it.
    private func reserve(_ simulation: Simulation) {
        let world = simulation.world
        guard !simulation.redis.isAway else { return }
        // A life begins to decide 2 s after its start at the latest, without the stream's last signs. Those behind it need not:
        // each takes a segment all the same.
        let (first, next) = (2_600, world.happens(oneIn: 2) ? 2_600 : 700)
        let lives = next == first ? world.random(2...6) : world.random(16...24)
        simulation.redis.stop(millis: Double(first + lives * next), keepingData: true)
        for life in 0..<lives {
            world.after(millis: Double(first + life * next)) { simulation.killSoon(isAtOnce: next < first) }
        }
    }
}
