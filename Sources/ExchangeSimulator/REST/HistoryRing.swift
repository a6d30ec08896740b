/// The newest elements of a rising sequence, up to a limit; adding one more forgets the oldest.
///
/// Memory grows with what is added, at most `capacity` elements. For sequences that have to be kept whole use an array.
struct HistoryRing<Element> {
    let capacity: Int
    private var elements: [Element] = []
    /// Index of the oldest element once the ring is full.
    private var start = 0

    init(capacity: Int) {
        precondition(capacity > 0, "a ring has room for something")
        self.capacity = capacity
    }

    var count: Int { elements.count }
    var last: Element? { count == 0 ? nil : self[count - 1] }

    /// The element at `position`, the oldest at 0. O(1).
    subscript(position: Int) -> Element {
        get { elements[index(position)] }
        set { elements[index(position)] = newValue }
    }

    private func index(_ position: Int) -> Int {
        precondition(position < count, "position \(position) of \(count)")
        let index = start + position
        return index < elements.count ? index : index - elements.count
    }

    /// Adds the newest element. O(1), amortized while it grows.
    mutating func append(_ element: Element) {
        if elements.count < capacity { return elements.append(element) }
        elements[start] = element
        start = start + 1 == capacity ? 0 : start + 1
    }

    mutating func removeAll() {
        elements.removeAll()
        start = 0
    }

    /// The first position whose element satisfies `predicate`, which all behind it must too; `count` where none does.
    /// O(log count).
    func firstPosition(where predicate: (Element) -> Bool) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if predicate(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
