package import TradingModel

/// A point of time in an HTTP header, in the form servers must send and the two older ones that must be understood
/// (RFC 9110, section 5.6.7).
package enum HTTPDate {
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// Reads `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT` or `Sun Nov  6 08:49:37 1994`; nil for
    /// anything else, and for years before 1970. A year of two digits is the one at most 50 years ahead of `now`. The day's
    /// name is not looked at.
    package static func parse(_ text: String, now: UnixNanos) -> UnixNanos? {
        let words = text.split { $0 == " " || $0 == "," || $0 == "-" }.map(String.init)
        switch words.count {
        case 6 where words[5] == "GMT":
            guard let year = year(words[3], now: now) else { return nil }
            return time(year: year, month: words[2], day: words[1], clock: words[4])
        case 5:
            guard let year = Int(words[4]), words[4].count == 4 else { return nil }
            return time(year: year, month: words[1], day: words[2], clock: words[3])
        default: return nil
        }
    }

    private static func year(_ text: String, now: UnixNanos) -> Int? {
        guard let year = Int(text) else { return nil }
        guard text.count == 2 else { return text.count == 4 ? year : nil }
        // Counted from 1970 in mean years: a day off at the turn of a year is no matter over 50 years.
        let current = 1970 + Int(now.rawValue / 31_556_952_000_000_000)
        let candidate = current / 100 * 100 + year
        if candidate > current + 50 { return candidate - 100 }
        return candidate <= current - 50 ? candidate + 100 : candidate
    }

    private static func time(year: Int, month: String, day: String, clock: String) -> UnixNanos? {
        let parts = clock.split(separator: ":", omittingEmptySubsequences: false).compactMap { Int($0) }
        // 60: a leap second. The years are those that 64 bits of nanoseconds hold.
        guard let month = months.firstIndex(of: month), let day = Int(day), (1...31).contains(day),
            (1970...2261).contains(year), parts.count == 3, (0...23).contains(parts[0]), (0...59).contains(parts[1]),
            (0...60).contains(parts[2])
        else { return nil }
        let seconds =
            days(year: year, month: month + 1, day: day) * 86_400 + parts[0] * 3_600 + parts[1] * 60 + parts[2]
        return UnixNanos(rawValue: Int64(seconds) * 1_000_000_000)
    }

    /// Days from 1970-01-01 to a date of the Gregorian calendar. Years are counted from March, so that the leap day is
    /// their last.
    private static func days(year: Int, month: Int, day: Int) -> Int {
        let year = month > 2 ? year : year - 1
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let leapDays = year / 4 - year / 100 + year / 400
        // From 0000-03-01 to 1970-01-01 are 719,468 days.
        return year * 365 + leapDays + dayOfYear - 719_468
    }
}
