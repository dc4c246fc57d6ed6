/// Every metric the process exposes: name, unit, labels. Counted next to what they measure.
extension MetricDefinition {
    private static let nanosecondsPerSecond = 1e9
    private static let latencySeconds: [Double] = [
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300,
    ]

    // HTTP
    public static let httpRequests = MetricDefinition(
        "gatehouse_http_requests_total", "Finished requests by route template, method and status.", .counter,
        labels: ["route", "method", "status"], maximumLabelSets: 1000)
    public static let httpDuration = MetricDefinition(
        "gatehouse_http_request_duration_seconds", "Time from the first byte of the head to the end of the reply.",
        .histogram(latencySeconds),
        labels: ["route"], divisor: nanosecondsPerSecond)
    public static let httpBytesReceived = MetricDefinition("gatehouse_http_received_bytes_total", "Bytes read from clients.", .counter)
    public static let httpBytesSent = MetricDefinition("gatehouse_http_sent_bytes_total", "Bytes written to clients.", .counter)
    public static let httpConnections = MetricDefinition("gatehouse_http_connections", "Open client connections.", .gauge)

    // Relay
    public static let relayRequests = MetricDefinition(
        "gatehouse_relay_requests_total", "Relayed requests by outcome.", .counter, labels: ["outcome"])
    public static let relayPriceMissing = MetricDefinition(
        "gatehouse_relay_price_missing_total", "Attempts billed at the dearest price of a family because their model has none.", .counter)
    public static let relayBatchDifferences = MetricDefinition(
        "gatehouse_relay_batch_differences_total", "Readings of a batch with more or fewer results than it has requests.", .counter)
    public static let relayRefusals = MetricDefinition(
        "gatehouse_relay_refusals_total", "Requests refused before going upstream, by reason.", .counter, labels: ["reason"])
    public static let relayUpstreamStatus = MetricDefinition(
        "gatehouse_relay_upstream_status_total", "Upstream answers by status.", .counter, labels: ["status"])
    /// Accounts are made by operators, families and outcomes are closed lists; past the bound the rest shares "other".
    public static let relayAccountAttempts = MetricDefinition(
        "gatehouse_relay_account_attempts_total", "Attempts with an upstream account, by model family and outcome.", .counter,
        labels: ["account", "family", "outcome"], maximumLabelSets: 5000)
    public static let relayStickyMoves = MetricDefinition(
        "gatehouse_relay_sticky_moves_total", "Sessions that moved to another account, by reason.", .counter, labels: ["reason"])
    public static let relayTokenRefreshes = MetricDefinition(
        "gatehouse_relay_token_refreshes_total", "OAuth refreshes of accounts, by outcome.", .counter, labels: ["outcome"])
    public static let relayAccounts = MetricDefinition(
        "gatehouse_relay_accounts", "Upstream accounts by what they can do now.", .gauge, labels: ["status"])
    public static let relayTokens = MetricDefinition(
        "gatehouse_relay_tokens_total", "Tokens settled, by class.", .counter, labels: ["class"])
    public static let relayInFlight = MetricDefinition("gatehouse_relay_in_flight", "Relayed requests under way.", .gauge)
    public static let relayOverhead = MetricDefinition(
        "gatehouse_relay_overhead_seconds", "Time a request spent here rather than waiting for the upstream.",
        .histogram([0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1]), divisor: nanosecondsPerSecond)
    public static let relayTimeToFirstByte = MetricDefinition(
        "gatehouse_relay_first_byte_seconds", "Time from sending upstream to its first body byte.", .histogram(latencySeconds),
        divisor: nanosecondsPerSecond)
    public static let relayBodiesDropped = MetricDefinition(
        "gatehouse_relay_bodies_dropped_total", "Bodies that a key has kept and that were lost because too many waited.", .counter)
    public static let journalPending = MetricDefinition(
        "gatehouse_journal_pending_records", "Journal records not yet in the ledger.", .gauge)
    public static let journalDamaged = MetricDefinition(
        "gatehouse_journal_damaged_total", "Journal files set aside because their tail could not be read.", .counter)
    public static let journalSyncs = MetricDefinition(
        "gatehouse_journal_syncs_total", "Times the journal was brought to the disk.", .counter)
    public static let ledgerEntries = MetricDefinition("gatehouse_ledger_entries_total", "Entries written to the ledger.", .counter)

    public static let booksDiffer = MetricDefinition(
        "gatehouse_books_differences", "Daily totals and balances that last night were not the sum of their entries.", .gauge)

    // Life cycle
    public static let jobs = MetricDefinition(
        "gatehouse_jobs_total", "Tries of jobs by how they ended.", .counter, labels: ["outcome"])
    public static let reconcileBraked = MetricDefinition(
        "gatehouse_reconcile_braked_places", "Places where reconcile waits for the operator.", .gauge)
    public static let webhooksSent = MetricDefinition(
        "gatehouse_webhooks_total", "Events told to the operator's systems, by outcome.", .counter, labels: ["outcome"])
    public static let mails = MetricDefinition("gatehouse_mails_total", "Tries of mails, by outcome.", .counter, labels: ["outcome"])
    public static let reconcileMended = MetricDefinition(
        "gatehouse_reconcile_mended_total", "Services whose backend showed something else than we had.", .counter)

    // People
    public static let logins = MetricDefinition(
        "gatehouse_logins_total", "Attempts to log in, by outcome.", .counter, labels: ["outcome"])

    // Logging and the process, in the names Prometheus client libraries use
    public static let logDropped = MetricDefinition("gatehouse_log_dropped_lines", "Log lines lost since the start.", .gauge)
    public static let processResidentMemory = MetricDefinition("process_resident_memory_bytes", "Resident memory size in bytes.", .gauge)
    public static let processOpenDescriptors = MetricDefinition("process_open_fds", "Number of open file descriptors.", .gauge)
    public static let processCPU = MetricDefinition(
        "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.", .counter, divisor: 1e6)
    public static let processStart = MetricDefinition(
        "process_start_time_seconds", "Start time of the process since unix epoch in seconds.", .gauge, divisor: 1000)
}
