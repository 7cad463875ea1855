namespace CacheService.IntegrationTests.Faults;

/// <summary>Prints the table when the last fault is over.</summary>
[SetUpFixture]
public sealed class FaultSetUp
{
    [OneTimeTearDown]
    public Task PrintTable() => FaultTable.Text() is { Length: > 0 } table ? TestContext.Progress.WriteLineAsync($"\n{table}\n") : Task.CompletedTask;
}
