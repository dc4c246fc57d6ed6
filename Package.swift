// swift-tools-version: 6.2
import PackageDescription

// One list of strict settings for every target: Swift 6 mode, strict memory safety, no warning survives, imports are internal
// unless they say otherwise. `scripts/build` adds the check that a target imports only what it declares.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    // Whether two parts of one thread touch one value at once is checked while running in debug builds, that is in every test; the
    // release build would pay a twentieth of the reactor's own time for it and leaves it out.
    .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]

func module(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource]? = nil) -> Target {
    .target(name: name, dependencies: dependencies, exclude: ["README.md"], resources: resources, swiftSettings: strict)
}

func suite(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, path: "Tests/\(name)", swiftSettings: strict)
}

let package = Package(
    name: "gatehouse",
    products: [.executable(name: "gatehouse", targets: ["Server"])],
    targets: [
        // C libraries: a module map and a shim header each, nothing else.
        .systemLibrary(name: "CSQLite"),
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq"),
        .systemLibrary(name: "CSodium"),
        .systemLibrary(name: "CCrypt"),
        .systemLibrary(name: "CCurl"),
        .systemLibrary(name: "COpenSSL"),
        .systemLibrary(name: "CZlib"),
        .systemLibrary(name: "CQREncode", pkgConfig: "libqrencode"),
        .target(name: "CEpoll"),

        // Imports point down only; Tests/Tidy checks the whole table.
        module("Domain"),
        module("Processes"),
        module("Telemetry", ["Domain"]),
        module("Secrets", ["Domain", "Telemetry", "CSodium", "CCrypt", "COpenSSL"]),
        module("HTTP", ["Domain", "Telemetry", "CEpoll", "COpenSSL", "CCurl", "CZlib"]),
        module(
            "Store", ["Domain", "Telemetry", "Secrets", "Processes", "CSQLite", "CPostgres"],
            resources: [
                .embedInCode("Migrations/m0001_foundation.sql"), .embedInCode("Migrations/m0002_user_limits.sql"),
                .embedInCode("Migrations/m0003_account_pool.sql"), .embedInCode("Migrations/m0004_limits_prices.sql"),
                .embedInCode("Migrations/m0005_batches_conversations.sql"),
                .embedInCode("Migrations/m0006_lifecycle.sql"), .embedInCode("Migrations/m0007_payments.sql"),
                .embedInCode("Migrations/m0008_webhook_targets.sql"), .embedInCode("Migrations/m0009_personal_tokens.sql"),
                .embedInCode("Migrations/m0010_metering.sql"),
                .embedInCode("Migrations/m0011_mail.sql"), .embedInCode("Migrations/m0012_second_factor.sql"),
                .embedInCode("Migrations/m0013_request_bodies.sql"), .embedInCode("Migrations/m0014_alert_words.sql"),
                .embedInCode("Migrations/m0015_attempts.sql"), .embedInCode("Migrations/m0016_taken_over.sql"),
                .embedInCode("Migrations/m0017_idempotent_effects.sql"),
                .embedInCode("Migrations/m0018_stored_webhooks.sql"), .embedInCode("Migrations/m0019_models.sql"),
                .embedInCode("Migrations/m0020_shared_access.sql"),
                .embedInCode("Migrations/m0021_disabled_webhooks.sql"),
                .embedInCode("Migrations/m0022_batch_intents.sql"),
            ]),
        module("Mail", ["Domain", "Telemetry", "Secrets", "HTTP", "Store"]),
        module("Relay", ["Domain", "Telemetry", "Secrets", "HTTP", "Store", "Processes"]),
        module("API", ["Domain", "Telemetry", "Secrets", "HTTP", "Store", "Provisioning", "Billing", "QR", "Mail"]),
        module("Provisioning", ["Domain", "Telemetry", "Secrets", "Store"]),
        module("Billing", ["Domain", "Telemetry", "Secrets", "HTTP", "Store", "Provisioning"]),
        module("Drivers", ["Domain", "HTTP", "Secrets", "Processes"]),
        module("QR", ["Domain", "CQREncode", "CZlib"]),
        module("Web", ["Domain", "Telemetry", "HTTP"]),
        .executableTarget(
            name: "Server",
            dependencies: [
                "Domain", "Telemetry", "Secrets", "HTTP", "Store", "Relay", "API", "Web", "Provisioning", "Billing", "Drivers", "Mail",
            ],
            exclude: ["README.md"],
            swiftSettings: strict),

        // An upstream for tests, built from nothing of the above.
        module("FakeUpstreamParts", ["COpenSSL"]),
        .executableTarget(
            name: "FakeWgEasy", dependencies: ["FakeUpstreamParts"], exclude: ["README.md"], swiftSettings: strict),
        .executableTarget(name: "FakeUpstream", dependencies: ["FakeUpstreamParts"], exclude: ["README.md"], swiftSettings: strict),

        // Measures the life cycle; docs/benchmarks.md names the command.
        .executableTarget(
            name: "LifeBench", dependencies: ["Domain", "Telemetry", "Secrets", "HTTP", "Store", "Provisioning", "Drivers"],
            exclude: ["README.md"],
            swiftSettings: strict),

        // Measures admission with many keys. It looks inside, so its release build turns testing on: see its README.
        .executableTarget(
            name: "AdmissionBench", dependencies: ["Domain", "Telemetry", "Secrets", "HTTP", "Store", "Relay"], exclude: ["README.md"],
            swiftSettings: strict),

        module("TestKit", ["Domain", "HTTP", "Store", "CEpoll"]),

        suite("DomainTests", ["Domain", "TestKit"]),
        suite("Contracts", ["Domain", "HTTP", "Store", "Provisioning", "Drivers", "FakeUpstreamParts", "TestKit"]),
        suite("HTTPEngineTests", ["Domain", "HTTP", "TestKit"]),
        suite("HTTPClientTests", ["Domain", "HTTP", "TestKit", "CZlib"]),
        suite("StoreTests", ["Domain", "Store", "TestKit"]),
        suite("TelemetryTests", ["Domain", "Telemetry"]),
        suite("SecretsTests", ["Domain", "Telemetry", "Secrets"]),
        suite("EndpointTests", ["Domain", "HTTP", "TestKit"]),
        suite("RelayTests", ["Domain", "Telemetry", "Secrets", "HTTP", "Store", "Relay", "TestKit"]),
        suite(
            "APITests",
            [
                "Domain", "Telemetry", "Secrets", "HTTP", "Store", "Provisioning", "Billing", "Drivers", "Mail", "API", "FakeUpstreamParts",
                "TestKit",
            ]),
        suite("WebTests", ["Domain", "HTTP", "Web", "TestKit"]),
        suite("FakeUpstreamTests", ["FakeUpstreamParts", "TestKit"]),
        suite("ServerTests", ["Domain", "Telemetry", "Secrets", "HTTP", "Store", "Relay", "Provisioning", "API", "Server", "TestKit"]),
        suite("ProcessesTests", ["Processes"]),
        suite("ProvisioningTests", ["Domain", "Telemetry", "Secrets", "Store", "Provisioning", "Drivers", "TestKit"]),
        suite(
            "BillingTests", ["Domain", "Telemetry", "Secrets", "HTTP", "Store", "Provisioning", "Drivers", "Billing", "TestKit"]),
        suite("MailTests", ["Domain", "Telemetry", "Secrets", "HTTP", "Store", "Mail", "TestKit"]),
        suite(
            "WireGuardTests",
            [
                "Domain", "Telemetry", "Secrets", "HTTP", "Processes", "Store", "Provisioning", "Billing", "Drivers", "FakeUpstreamParts",
                "TestKit", "QR",
            ]),
        suite("Tidy", []),
    ]
)
