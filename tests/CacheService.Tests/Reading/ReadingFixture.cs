using CacheService.Counts;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace CacheService.Tests.Reading;

/// <summary>The service with its store, and nothing that runs: no feed, no server, no database.</summary>
internal sealed class ReadingFixture : IAsyncDisposable
{
    private readonly WebApplication _service = ServiceApp.Build(["--ConnectionStrings:Postgres=Host=127.0.0.1", "--Limits:MaxIdsPerRequest=3", "--Limits:MaxTopCounts=2"]);

    /// <summary>The store, empty at first.</summary>
    public CountsStore Store => Get<CountsStore>();

    public T Get<T>()
        where T : class => _service.Services.GetRequiredService<T>();

    /// <summary>Loads messages 1, 2 and 3, as of transactions below 100.</summary>
    /// <param name="age">How long ago.</param>
    public void Load(TimeSpan age = default) => Store.Load(
        [new(1, new MessageCounts(10, 1, 0)), new(2, new MessageCounts(20, 2, 0)), new(3, new MessageCounts(30, 3, 0))],
        PgSnapshot.Parse("100:100:"),
        TimeProvider.System.GetTimestamp() - (long)(age.TotalSeconds * TimeProvider.System.TimestampFrequency));

    public ValueTask DisposeAsync() => _service.DisposeAsync();
}
