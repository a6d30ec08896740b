import Execution
import Testing
import TradingModel

@Suite struct TargetPolicyTests {
    private static func legs(
        _ side: OrderSide, held: String, closable: String? = nil, sellTarget: SellTarget = .short,
        isAfterGap: Bool = false,
        isExpired: Bool = false,
        size: String = "2"
    ) -> TargetPlan {
        TargetPolicy(sellTarget: sellTarget, mostSignalAgeMillis: nil).plan(
            Samples.signal(side, isAfterGap: isAfterGap), held: number(held), closable: number(closable ?? held),
            size: number(size),
            isExpired: isExpired)
    }

    private static func leg(_ leg: Int, _ side: OrderSide, _ quantity: String) -> OrderLeg {
        OrderLeg(number: leg, side: side, quantity: number(quantity))
    }

    @Test func `from nothing, the target is opened`() {
        let plan = Self.legs(.buy, held: "0")
        #expect(plan == TargetPlan(target: number("2"), legs: [Self.leg(1, .buy, "2")], isOpeningLeftOut: false))
        let short = Self.legs(.sell, held: "0")
        #expect(short == TargetPlan(target: number("-2"), legs: [Self.leg(1, .sell, "2")], isOpeningLeftOut: false))
    }

    @Test func `from the other side, what is held is closed first and the target opened then`() {
        #expect(Self.legs(.sell, held: "2").legs == [Self.leg(0, .sell, "2"), Self.leg(1, .sell, "2")])
        #expect(Self.legs(.buy, held: "-1.5").legs == [Self.leg(0, .buy, "1.5"), Self.leg(1, .buy, "2")])
    }

    @Test func `a flat target only closes`() {
        #expect(Self.legs(.sell, held: "2", sellTarget: .flat).legs == [Self.leg(0, .sell, "2")])
        #expect(Self.legs(.sell, held: "0", sellTarget: .flat).legs.isEmpty)
        // A short position from before the setting was changed.
        #expect(Self.legs(.sell, held: "-2", sellTarget: .flat).legs == [Self.leg(0, .buy, "2")])
    }

    @Test(arguments: ["2", "0.3", "7"]) func `the same side again is no operation, whatever the size is now`(
        held: String
    ) {
        #expect(Self.legs(.buy, held: held) == TargetPlan(target: number(held), legs: [], isOpeningLeftOut: false))
        #expect(Self.legs(.sell, held: "-\(held)").legs.isEmpty)
    }

    @Test func `after a gap, and when it is too old, a signal only reduces`() {
        for plan in [Self.legs(.sell, held: "2", isAfterGap: true), Self.legs(.sell, held: "2", isExpired: true)] {
            #expect(plan == TargetPlan(target: .zero, legs: [Self.leg(0, .sell, "2")], isOpeningLeftOut: true))
        }
        let nothing = Self.legs(.buy, held: "0", isExpired: true)
        #expect(nothing == TargetPlan(target: .zero, legs: [], isOpeningLeftOut: true))
        #expect(!Self.legs(.buy, held: "1", isExpired: true).isOpeningLeftOut)
        #expect(!Self.legs(.sell, held: "1", sellTarget: .flat, isExpired: true).isOpeningLeftOut)
    }

    @Test func `a size of nothing opens nothing`() {
        #expect(Self.legs(.buy, held: "-1", size: "0").legs == [Self.leg(0, .buy, "1")])
        #expect(Self.legs(.buy, held: "0", size: "0").legs.isEmpty)
        #expect(Self.legs(.buy, held: "0", size: "0").isBelowStep)
        // Nor does it close what is on its own side.
        #expect(
            Self.legs(.buy, held: "3", size: "0") == TargetPlan(target: number("3"), legs: [], isOpeningLeftOut: false))
    }

    @Test func `whole steps of a position are closed, and a rest below one stands in nobody's way`() {
        #expect(Self.legs(.sell, held: "2.5", closable: "2", sellTarget: .flat).legs == [Self.leg(0, .sell, "2")])
        // What is left is asked to be closed, which the venue's rules refuse, so that it is seen.
        #expect(Self.legs(.sell, held: "0.5", closable: "0", sellTarget: .flat).legs == [Self.leg(0, .sell, "0.5")])
        // It is on neither side: targets are opened as from nothing.
        for held in ["0.5", "-0.5"] {
            #expect(Self.legs(.buy, held: held, closable: "0").legs == [Self.leg(1, .buy, "2")])
            #expect(Self.legs(.sell, held: held, closable: "0").legs == [Self.leg(1, .sell, "2")])
        }
        #expect(Self.legs(.buy, held: "0.5", closable: "0", isAfterGap: true).legs.isEmpty)
    }

    // Every pair of tick orders and kinds.
    @Test(
        arguments: [
            (9, false, 10, false, true), (9, true, 10, true, true), (9, false, 10, true, true),
            (10, false, 10, false, true), (10, true, 10, false, true), (10, true, 10, true, true),
            (10, false, 10, true, false), (11, false, 10, false, false), (11, true, 10, false, false),
        ]) func `a signal is superseded by a later tick, and by its own unless a crossing follows a gap`(
            tick: Int, isAfterGap: Bool, lastTick: Int, lastIsAfterGap: Bool, isSuperseded: Bool
        )
    {
        let signal = Samples.signal(tick: UInt64(tick), isAfterGap: isAfterGap)
        let last = AppliedSignal(tickID: UInt64(lastTick), isAfterGap: lastIsAfterGap)
        #expect(TargetPolicy.isSuperseded(signal, by: last) == isSuperseded)
        #expect(!TargetPolicy.isSuperseded(signal, by: nil))
    }

    @Test func `a signal expires by the reader's clock, and never where expiry is off`() {
        let policy = TargetPolicy(sellTarget: .flat, mostSignalAgeMillis: 5)
        let signal = Samples.signal(receiveNanos: 1_000)
        #expect(!policy.isExpired(signal, now: UnixNanos(rawValue: 5_001_000)))
        #expect(policy.isExpired(signal, now: UnixNanos(rawValue: 5_001_001)))
        #expect(!policy.isExpired(signal, now: UnixNanos(rawValue: 0)))
        #expect(!policy.isExpired(signal, now: UnixNanos(rawValue: .min)))
        let old = Samples.signal(receiveNanos: .min)
        #expect(policy.isExpired(old, now: UnixNanos(rawValue: .max)))
        #expect(
            !TargetPolicy(sellTarget: .flat, mostSignalAgeMillis: nil).isExpired(old, now: UnixNanos(rawValue: .max)))
    }
}
