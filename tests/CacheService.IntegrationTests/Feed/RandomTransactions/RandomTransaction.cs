namespace CacheService.IntegrationTests.Feed.RandomTransactions;

/// <summary>A transaction to run: its isolation level, its statements, and whether it commits.</summary>
/// <param name="Isolation">In SQL.</param>
/// <param name="Steps">Statements, in order; one that begins with <see cref="CopyMark"/> is a COPY of as many rows as the number that follows.</param>
/// <param name="Commits">Otherwise it is rolled back.</param>
internal sealed record RandomTransaction(string Isolation, IReadOnlyList<string> Steps, bool Commits)
{
    public const string CopyMark = "copy rows: ";

    public override string ToString() => $"[{Isolation}: {string.Join("; ", Steps)}; {(Commits ? "commit" : "rollback")}]";
}
