import Logging
import MongoStore
import Replay
import RingBuffer
import SQLiteStore
import StoreWriter
import Telemetry
import ThreadExecutor
import TradingModel

/// The service that writes to the store of the settings: SQLite in `folder`, else MongoDB.
///
/// - Throws: `SettingsError.conflict` where the store refuses its settings or its file.
func storing(
    _ records: consuming RingConsumer, backlog: JournalCatchUp?, folder: DataFolder?, catalog: MarketCatalog,
    settings: Settings,
    progress: StoreProgressHandler?, metrics: MetricsRegistry, health: HealthCheck, logger: Logger
) throws(SettingsError) -> DrainingService {
    let retentionSeconds = settings.tickRetentionDays * 86_400
    if let folder {
        let store: SQLiteStore
        do {
            store = try SQLiteStore(
                path: folder.database, retentionSeconds: retentionSeconds, catalog: catalog,
                wallClock: { MonotonicClock.wallClock() })
        } catch {
            throw .conflict("\(error)")
        }
        return writing(
            records, backlog: backlog, to: store, progress: progress, metrics: metrics, health: health, logger: logger)
    }
    var configuration = MongoStoreSettings(uri: settings.mongo ?? "")
    configuration.database = settings.mongoDatabase
    configuration.depthCollection = settings.depthCollection
    configuration.signalsCollection = settings.signalsCollection
    configuration.tickRetentionSeconds = retentionSeconds
    let store: MongoStore
    do {
        store = try MongoStore(settings: configuration, catalog: catalog, wallClock: { MonotonicClock.wallClock() })
    } catch {
        throw .conflict("\(error)")
    }
    return writing(
        records, backlog: backlog, to: store, progress: progress, metrics: metrics, health: health, logger: logger)
}

private func writing<Store: TradeStore & ~Copyable>(
    _ records: consuming RingConsumer, backlog: JournalCatchUp?, to store: consuming Store,
    progress: StoreProgressHandler?,
    metrics: MetricsRegistry, health: HealthCheck, logger: Logger
) -> DrainingService {
    let writer = StoreWriter(
        records: records, backlog: backlog, store: store, configuration: StoreWriterConfiguration(), metrics: metrics,
        health: health,
        logger: logger, progress: progress)
    return DrainingService(
        start: { writer.start() },
        drainAndStop: { limit in await offCooperativePool { writer.drainAndStop(timeout: limit) } },
        limit: .milliseconds(1_500),
        leftBehind: backlog == nil
            ? "records not stored at the end are lost to the store"
            : "records not stored at the end; the next run stores them from the journal", logger: logger)
}

extension JournalCatchUp: RecordBacklog {}
