using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Security;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Telemetry;

/// <summary>Where OpenTelemetry's own variable says so, metrics and traces are sent by OTLP.</summary>
internal sealed class OtlpTests
{
    [Test]
    public async Task Telemetry_ToAReceiver_ArrivesThere()
    {
        var key = new TestKey(0, "all", "Read,Watch,Admin");
        await using var receiver = await OtlpReceiver.StartAsync();
        await using var database = await TestDatabase.CreateAsync();
        await database.ApplySchemaAsync();
        await database.AddMessagesAsync(3);
        await using var service = await ScrapedService.StartAsync(
            database.ConnectionString,
            [
                ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.Address), ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"), ("OTEL_METRIC_EXPORT_INTERVAL", "200"), ("OTEL_BSP_SCHEDULE_DELAY", "100"),
                ("OTEL_SERVICE_NAME", "counts-of-tests"),
            ],
            key.Settings);
        var headers = new Metadata { { "authorization", $"Bearer {key.Key}" } };
        await service.Client.GetCountsAsync(new GetCountsRequest { MessageId = 1, Read = new ReadOptions { Strong = true } }, headers);
        await service.Client.AuditNowAsync(new AuditNowRequest(), headers);

        await UntilAsync(() => receiver.Has("/v1/metrics", "counts-of-tests", "tweetcounts.counts.age", "tweetcounts.reads", "tweetcounts.read.wait.duration", "db.client.connection.count"), "metrics arrive");
        await UntilAsync(() => receiver.Has("/v1/traces", "load from the"), "the load's span arrives");
        await UntilAsync(() => receiver.Has("/v1/traces", "wait for a drain"), "the wait's span arrives");
        await UntilAsync(() => receiver.Has("/v1/traces", "audit", "tweetcounts.audit.messages"), "the audit's span arrives");
        await UntilAsync(() => receiver.Has("/v1/traces", "/tweetcounts.v1.TweetCountsService/GetCounts"), "the call's span arrives");
        Assert.That(receiver.All, Does.Not.Contain(key.Key), "no key is sent");
        Assert.That(receiver.Has("/v1/traces", "/health"), Is.False, "who only looks is not traced");
    }

    [Test]
    public async Task Receiver_ThatIsNoAddress_EndsTheStartInWords()
    {
        await using var service = ServiceProcess.Start([], [("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317")], "--ConnectionStrings:Postgres=Host=127.0.0.1;Port=1;Username=x");
        var (code, output) = await service.WaitForExitAsync();
        Assert.That(code, Is.EqualTo(1));
        Assert.That(output, Does.Contain("Bad setting: OTEL_EXPORTER_OTLP_ENDPOINT is no address; write http://HOST:4317"));
    }

    private static Task UntilAsync(Func<bool> condition, string what) => Wait.UntilAsync(condition, RunningService.Patience, what);
}
