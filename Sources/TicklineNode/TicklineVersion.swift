/// The release this code is.
public enum TicklineVersion {
    /// Semantic version.
    public static let current = "0.1.0"
}
