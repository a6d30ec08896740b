import Foundation
public import Telemetry

/// The process's own figures under Prometheus' customary names, read from `/proc` when scraped.
///
/// Names: prometheus.io/docs/instrumenting/writing_clientlibs, "process metrics". A figure that can't be read shows as
/// NaN, which is no value to Prometheus, rather than as a wrong number.
public enum ProcessMetrics {
    /// Adds the figures and `tickline_build_info`; once per registry, a second time traps.
    public static func register(in metrics: MetricsRegistry, version: String) {
        metrics.counter("process_cpu_seconds_total", help: "User and system CPU time spent.") {
            guard let user = statField(14), let system = statField(15) else { return .nan }
            return (user + system) / ticksPerSecond
        }
        metrics.gauge("process_resident_memory_bytes", help: "Resident memory.") {
            statField(24).map { $0 * Double(sysconf(Int32(_SC_PAGESIZE))) } ?? .nan
        }
        metrics.gauge("process_virtual_memory_bytes", help: "Virtual memory.") { statField(23) ?? .nan }
        metrics.gauge("process_threads", help: "Threads.") { statField(20) ?? .nan }
        metrics.gauge("process_open_fds", help: "Open file descriptors.") { openDescriptors() }
        metrics.gauge("process_max_fds", help: "Most file descriptors allowed.") {
            var limit = rlimit()
            return getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 ? Double(limit.rlim_cur) : .nan
        }
        let startTime = startTimeSeconds()
        metrics.gauge("process_start_time_seconds", help: "Start of the process, Unix time.") { startTime }
        metrics.gauge(
            "tickline_build_info", help: "Always 1; the label tells the version.", labels: [("version", version)]
        )
        .set(1)
    }

    private static let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))

    /// Field `number` of `/proc/self/stat`, counted from 1 as in proc(5), 3 or higher.
    static func statField(_ number: Int) -> Double? {
        guard let text = contents(of: "/proc/self/stat") else { return nil }
        // The second field is the program's name in parentheses and may itself hold blanks and parentheses.
        guard let nameEnd = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: nameEnd)...].split(separator: " ")
        return number - 3 < fields.count ? Double(fields[number - 3]) : nil
    }

    private static func startTimeSeconds() -> Double {
        guard let ticks = statField(22), let stat = contents(of: "/proc/stat"),
            let line = stat.split(separator: "\n").first(where: { $0.hasPrefix("btime ") }),
            let boot = Double(line.dropFirst("btime ".count))
        else { return .nan }
        return boot + ticks / ticksPerSecond
    }

    private static func openDescriptors() -> Double {
        guard let folder = opendir("/proc/self/fd") else { return .nan }
        defer { closedir(folder) }
        var count = 0
        while let entry = readdir(folder) {
            if entry.pointee.d_type == UInt8(DT_LNK) { count += 1 }  // not "." and ".."
        }
        return Double(count)
    }

    private static func contents(of path: String) -> String? {
        do {
            return try String(contentsOfFile: path, encoding: .utf8)
        } catch {
            return nil  // shown as NaN by the caller
        }
    }
}
