using CacheService.IntegrationTests.Hosting;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using TweetCounts.V1;
using CountsMessage = TweetCounts.V1.Counts;

namespace CacheService.IntegrationTests.Compat;

/// <summary>The server and the client packages do their work over the gRPC abstractions of this solution: calls.</summary>
[TestFixture]
public sealed class CallTests
{
    private readonly ProbeService _probe = new();
    private GrpcTestServer _server = null!;
    private TweetCountsService.TweetCountsServiceClient _client = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _server = await GrpcTestServer.StartAsync(
            services =>
            {
                services.AddGrpc();
                services.AddSingleton(_probe);
            },
            endpoints =>
            {
                endpoints.MapGrpcService<ProbeService>();
                endpoints.MapGrpcService(TextService.Definition);
            });
        _client = new TweetCountsService.TweetCountsServiceClient(_server.Channel);
    }

    [OneTimeTearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [SetUp]
    public void Forget() => _probe.Calls.Clear();

    [Test]
    public async Task UnaryCall_Answered_HasHeadersResponseStatusAndTrailers()
    {
        using var call = _client.GetCountsAsync(new GetCountsRequest { MessageId = 5 });

        Assert.That((await call.ResponseHeadersAsync).GetValue("served-by"), Is.EqualTo("probe"));
        Assert.That((await call).Counts, Is.EqualTo(new CountsMessage { MessageId = 5, Likes = 7 }));
        Assert.That(call.GetStatus().StatusCode, Is.EqualTo(StatusCode.OK));
        Assert.That(call.GetTrailers().GetValue("cost"), Is.EqualTo("1"));
    }

    [Test]
    public void UnaryCall_Blocking_ReturnsResponse() =>
        Assert.That(_client.GetCounts(new GetCountsRequest { MessageId = 6 }).Counts.MessageId, Is.EqualTo(6));

    [Test]
    public async Task UnaryCall_HandlerThrowsStatus_ClientGetsCodeDetailAndTrailers()
    {
        var error = await RpcError.OfAsync(_client.GetCountsAsync(new GetCountsRequest { MessageId = ProbeService.Fails }));

        Assert.That(error.Status.StatusCode, Is.EqualTo(StatusCode.NotFound));
        Assert.That(error.Status.Detail, Is.EqualTo("no message 404"));
        Assert.That(error.Trailers.GetValue("reason"), Is.EqualTo("gone"));
        Assert.That(error.Trailers.GetValueBytes("detail-bin"), Is.EqualTo(new byte[] { 1, 2, 255 }));
    }

    [Test]
    public async Task UnaryCall_NotImplemented_IsUnimplemented()
    {
        var error = await RpcError.OfAsync(_client.GetStatusAsync(new GetStatusRequest()));

        Assert.That(error.StatusCode, Is.EqualTo(StatusCode.Unimplemented));
    }

    [Test]
    public async Task UnaryCall_DeadlinePasses_EndsOnBothSides()
    {
        var deadline = DateTime.UtcNow.AddMilliseconds(200);

        var error = await RpcError.OfAsync(
            _client.GetCountsAsync(new GetCountsRequest { MessageId = ProbeService.Hangs }, deadline: deadline));
        await _probe.HangEnded.Task;

        Assert.That(error.StatusCode, Is.EqualTo(StatusCode.DeadlineExceeded));
        Assert.That(_probe.Calls.Single().Deadline, Is.EqualTo(deadline).Within(TimeSpan.FromSeconds(5)));
    }

    [Test]
    public async Task ServerStream_ReadToItsEnd_HasEveryMessageInOrder()
    {
        var ids = Enumerable.Range(1, 500).Select(id => (long)id).ToList();
        using var call = _client.WatchCounts(new WatchCountsRequest { MessageIds = { ids } });

        var received = new List<long>();
        await foreach (var response in call.ResponseStream.ReadAllAsync())
            received.Add(response.Counts.Single().MessageId);

        Assert.That(received, Is.EqualTo(ids));
        Assert.That(call.GetStatus().StatusCode, Is.EqualTo(StatusCode.OK));
    }

    [Test]
    public async Task ClientStream_Completed_IsAnswered()
    {
        using var call = _server.Channel.CreateCallInvoker().AsyncClientStreamingCall(TextService.Join, null, default);
        await call.RequestStream.WriteAsync("to");
        await call.RequestStream.WriteAsync("gether");
        await call.RequestStream.CompleteAsync();

        Assert.That(await call, Is.EqualTo("together"));
    }

    [Test]
    public async Task DuplexStream_RequestForRequest_IsAnsweredEach()
    {
        using var call = _server.Channel.CreateCallInvoker().AsyncDuplexStreamingCall(TextService.Upper, null, default);
        foreach (var word in new[] { "one", "two" })
        {
            await call.RequestStream.WriteAsync(word);
            Assert.That(await call.ResponseStream.MoveNext(), Is.True);
            Assert.That(call.ResponseStream.Current, Is.EqualTo(word.ToUpperInvariant()));
        }

        await call.RequestStream.CompleteAsync();
        Assert.That(await call.ResponseStream.MoveNext(), Is.False);
    }
}
