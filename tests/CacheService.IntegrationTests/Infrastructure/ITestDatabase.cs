namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>A database that a test has to itself, wherever it is.</summary>
internal interface ITestDatabase
{
    /// <summary>As its owner.</summary>
    string ConnectionString { get; }
}
