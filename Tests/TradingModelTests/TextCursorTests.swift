import Testing
import TradingModel

@Suite struct TextCursorTests {
    @Test(
        arguments: [
            (61_826_0000_0000, 8, "61826"), (50_000_000, 8, "0.5"), (-125, 2, "-1.25"), (0, 8, "0"), (7, 0, "7"),
            (Int64.max, 12, "9223372.036854775807"), (Int64.min, 0, "-9223372036854775808"), (1, 12, "0.000000000001"),
        ] as [(Int64, Int, String)])
    func `writes fixed-point numbers without trailing zeros`(value: Int64, decimals: Int, text: String) {
        #expect(TextCursor.text { $0.append(fixedPoint: value, decimals: decimals) } == text)
    }

    @Test(
        arguments: [
            (309_134_669_0, 50, 3, "61826.9338"), (1, 3, 0, "0.3333333333"), (2, 3, 0, "0.6666666667"),
            (-2, 3, 0, "-0.6666666667"), (0, 7, 8, "0"),
            // exactly half of the tenth place: to even
            (1, 2, 10, "0"), (3, 2, 10, "0.0000000002"), (5, 2, 10, "0.0000000002"), (-1, 2, 10, "0"),
            // scales finer than ten places
            (15, 1, 11, "0.0000000002"), (149, 1, 12, "0.0000000001"), (150, 1, 12, "0.0000000002"),
            (250, 1, 12, "0.0000000002"), (251, 1, 12, "0.0000000003"),
        ] as [(Int128, Int, Int, String)])
    func `rounds averages half to even at ten places`(sum: Int128, count: Int, decimals: Int, text: String) {
        #expect(TextCursor.text { $0.append(averageOf: sum, count: count, decimals: decimals) } == text)
    }

    @Test func `writes averages of the largest sums exactly`() {
        let sum = Int128(Int64.max) * Int128(1 << 20)
        let text = TextCursor.text { $0.append(averageOf: sum, count: 1 << 20, decimals: 0) }
        #expect(text == "9223372036854775807")
        let wide = TextCursor.text { $0.append(averageOf: sum, count: 1, decimals: 0) }
        #expect(wide == "9671406556917033396600832")
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (1_723_161_268_396_000_000, "2024-08-08T23:54:28.396Z"),
            (1_709_164_800_000_001_000, "2024-02-29T00:00:00.000001Z"), (-1, "1969-12-31T23:59:59.999999999Z"),
            (951_782_400_123_456_789, "2000-02-29T00:00:00.123456789Z"),
            (4_102_444_799_999_000_000, "2099-12-31T23:59:59.999Z"),
        ] as [(Int64, String)])
    func `writes RFC 3339 times`(nanos: Int64, text: String) {
        #expect(TextCursor.text { $0.append(rfc3339: UnixNanos(rawValue: nanos)) } == text)
    }

    @Test func `drops what does not fit and says so`() {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4) { buffer in
            var cursor = TextCursor(buffer: buffer)
            cursor.append("abc")
            let fits = !cursor.isOverflown
            cursor.append("de")
            let (isOverflown, count) = (cursor.isOverflown, cursor.count)
            #expect(fits && isOverflown && count == 3)
        }
    }

    @Test func `exact decimals are written with all of their 34 digits, before the point or behind it`() throws {
        let nines = String(repeating: "9", count: 34)
        for text in [
            nines, "-" + nines, "0." + nines, "0." + String(repeating: "0", count: 33) + "1",
            "12345678901234.12345678901234567891", "1.00000000000000000001", "0.1234567890123456789",
        ] {
            #expect(ExactDecimal(text)?.description == text)
        }
    }
}
