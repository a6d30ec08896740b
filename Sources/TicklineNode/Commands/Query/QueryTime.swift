import Glibc
import TradingModel

/// Times as people write them on a command line.
enum QueryTime {
    /// Reads an RFC 3339 time (`2024-08-08T23:54:13.5Z`, with an offset, or a date alone for its first instant in UTC), a time
    /// before now (`-90s`, `-15m`, `-1h`, `-7d`) or `now`; nil for anything else, and for years that 64 bits of nanoseconds do
    /// not reach (before 1678, from 2262).
    static func unixNanos(parsing text: String, now: UnixNanos) -> Int64? {
        if text == "now" { return now.rawValue }
        if text.hasPrefix("-") { return before(now, text) }
        var parser = Parser(text)
        guard let year = parser.digits(4), parser.skip("-"), let month = parser.digits(2), parser.skip("-"),
            let day = parser.digits(2), let days = days(year: year, month: month, day: day)
        else { return nil }
        var (seconds, nanos) = (days * 86_400, Int64(0))
        if !parser.isAtEnd {
            guard parser.skip("Tt "), let hour = parser.digits(2), hour < 24, parser.skip(":"),
                let minute = parser.digits(2), minute < 60, parser.skip(":"), let second = parser.digits(2),
                second < 60
            else { return nil }
            if parser.skip(".") {
                guard let fraction = parser.fraction() else { return nil }
                nanos = fraction
            }
            guard let offset = parser.offsetSeconds(), parser.isAtEnd else { return nil }
            seconds += hour * 3_600 + minute * 60 + second - offset
        }
        let (whole, isOver) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, isSumOver) = whole.addingReportingOverflow(nanos)
        return isOver || isSumOver ? nil : sum
    }

    /// The times from `--from`, included, to `--to`, excluded; nil for all.
    ///
    /// - Throws: `invalidTime`, `emptyRange`.
    static func range(from: String?, to: String?, now: UnixNanos) throws(QueryError) -> Range<Int64>? {
        func nanos(_ text: String?, flag: String) throws(QueryError) -> Int64? {
            guard let text else { return nil }
            guard let nanos = unixNanos(parsing: text, now: now) else { throw .invalidTime(flag: flag, text) }
            return nanos
        }
        let (first, end) = (try nanos(from, flag: "--from"), try nanos(to, flag: "--to"))
        if let first, let end, first >= end { throw .emptyRange(from: from ?? "", to: to ?? "") }
        return first == nil && end == nil ? nil : (first ?? Int64.min)..<(end ?? Int64.max)
    }

    private static func before(_ now: UnixNanos, _ text: String) -> Int64? {
        let seconds: [Character: Int64] = ["s": 1, "m": 60, "h": 3_600, "d": 86_400]
        guard let unit = text.last.flatMap({ seconds[$0] }), let count = Int64(text.dropLast()), count < 0 else {
            return nil
        }
        let (nanos, isOver) = count.multipliedReportingOverflow(by: unit * 1_000_000_000)
        let (time, isTimeOver) = now.rawValue.addingReportingOverflow(nanos)
        return isOver || isTimeOver ? nil : time
    }

    /// Days since 1970-01-01; nil for a day that is not in the calendar.
    private static func days(year: Int64, month: Int64, day: Int64) -> Int64? {
        var date = tm()
        date.tm_year = Int32(year) - 1_900
        date.tm_mon = Int32(month) - 1
        date.tm_mday = Int32(day)
        let seconds = timegm(&date)
        // 30 February comes back as a day of March.
        guard Int64(date.tm_mon) == month - 1, Int64(date.tm_mday) == day else { return nil }
        return Int64(seconds) / 86_400
    }

    /// Takes ASCII text from the front.
    private struct Parser {
        private var rest: Substring.UTF8View

        init(_ text: String) { rest = text[...].utf8 }

        var isAtEnd: Bool { rest.isEmpty }

        /// Exactly `count` digits.
        mutating func digits(_ count: Int) -> Int64? {
            let taken = rest.prefix(count)
            guard taken.count == count, taken.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
            rest = rest.dropFirst(count)
            return taken.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
        }

        /// One of `characters`.
        mutating func skip(_ characters: String) -> Bool {
            guard let first = rest.first, characters.utf8.contains(first) else { return false }
            rest = rest.dropFirst()
            return true
        }

        /// One to nine digits as nanoseconds.
        mutating func fraction() -> Int64? {
            let count = rest.prefix { (0x30...0x39).contains($0) }.count
            guard (1...9).contains(count), let value = digits(count) else { return nil }
            return (count..<9).reduce(value) { value, _ in value * 10 }
        }

        /// `Z`, `+01:00`, `-05:30`.
        mutating func offsetSeconds() -> Int64? {
            if skip("Zz") { return 0 }
            let isEast = skip("+")
            guard isEast || skip("-"), let hours = digits(2), hours < 24, skip(":"), let minutes = digits(2),
                minutes < 60
            else { return nil }
            return (isEast ? 1 : -1) * (hours * 3_600 + minutes * 60)
        }
    }
}
