using System.Text.Json;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Security;
using CacheService.IntegrationTests.Telemetry;
using Grpc.Core;
using Npgsql;
using TweetCounts.V1;

namespace CacheService.IntegrationTests;

/// <summary>The log as JSON, at its most talkative: each line is JSON, calls have scopes, and no key or password is in it.</summary>
internal sealed class SecretsInLogsTests
{
    [Test]
    public async Task Log_OfEverything_HasScopesAndNoSecrets()
    {
        var (reader, unknown) = (new TestKey(0, "reader", "Read"), new TestKey(1, "unknown", "Read"));
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(1);
        await using var role = await TestRole.CreateAsync("twcache_reader");
        var connectionString = role.ConnectionStringTo(database);
        await using var service = await ScrapedService.StartAsync(
            connectionString,
            [.. reader.Settings, "--Logging:Console:FormatterName=json", "--Logging:LogLevel:Default=Trace", "--Logging:LogLevel:Microsoft=Trace", "--Logging:LogLevel:Grpc=Trace", "--Logging:LogLevel:Npgsql=Trace"]);
        await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1 }, Key(reader));
        await Assert.ThrowsAsync<RpcException>(async () => await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1 }, Key(unknown)));
        using var watch = service.Client.WatchCounts(new WatchCountsRequest { All = true }, Key(reader));
        await Assert.ThrowsAsync<RpcException>(async () => await watch.ResponseStream.MoveNext(CancellationToken.None));

        IReadOnlyList<JsonElement> lines = [];
        await Wait.UntilAsync(
            () =>
            {
                lines = [.. service.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
                return lines.Any(line => ScopesOf(line).Contains("/tweetcounts.v1.TweetCountsService/WatchCounts", StringComparison.Ordinal));
            },
            RunningService.Patience,
            "the calls are logged, with their scopes");
        Assert.That(lines.Select(line => line.GetProperty("Category").GetString()), Does.Contain("Microsoft.AspNetCore.Server.Kestrel.Http2"), "it is at its most talkative");
        Assert.That(service.Output, Does.Not.Contain(reader.Key).And.Not.Contain(unknown.Key).And.Not.Contain(new NpgsqlConnectionStringBuilder(connectionString).Password));
    }

    private static Metadata Key(TestKey key) => new() { { "authorization", $"Bearer {key.Key}" } };

    private static string ScopesOf(JsonElement line) => line.TryGetProperty("Scopes", out var scopes) ? scopes.ToString() : "";
}
