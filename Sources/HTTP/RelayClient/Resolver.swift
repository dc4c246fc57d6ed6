public import Domain

/// Names to addresses, off the reactors, with a cache. One for all reactors.
public final class Resolver: Sendable {
    public init(ambient: Ambient) {}
}
