internal import CJemalloc
import Telemetry

/// What the allocator holds, asked for when scraped.
enum AllocatorMetrics {
    /// Adds the gauge; 0 where jemalloc is not the allocator.
    static func register(_ metrics: MetricsRegistry) {
        metrics.gauge("tickline_allocated_bytes", help: "Bytes allocated and not freed, by the allocator's own count.")
        {
            Double(CJemalloc_allocated_bytes())
        }
    }
}
