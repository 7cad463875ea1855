using CacheService.Api.Grpc.Reflection;
using CacheService.IntegrationTests.Hosting;
using Google.Protobuf.Reflection;
using Grpc.Core;
using Grpc.Reflection.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using TweetCounts.V1;
using ReflectionCall = Grpc.Core.AsyncDuplexStreamingCall<
    Grpc.Reflection.V1.ServerReflectionRequest, Grpc.Reflection.V1.ServerReflectionResponse>;

namespace CacheService.IntegrationTests.Reflection;

[TestFixture]
public sealed class ReflectionServiceTests
{
    private const string TweetCountsFile = "tweetcounts/v1/tweet_counts.proto";
    private const string DurationFile = "google/protobuf/duration.proto";
    private const string TimestampFile = "google/protobuf/timestamp.proto";

    private GrpcTestServer _server = null!;

    [SetUp]
    public async Task StartAsync() => _server = await GrpcTestServer.StartAsync(
        services =>
        {
            services.AddGrpc();
            services.AddSingleton(new DescriptorIndex(TweetCountsService.Descriptor, ServerReflection.Descriptor, Extended.Service));
            services.AddSingleton<ReflectionService>();
        },
        endpoints => endpoints.MapGrpcService<ReflectionService>());

    [TearDown]
    public async Task StopAsync() => await _server.DisposeAsync();

    [Test]
    public async Task ListServices_Asked_NamesThemInOrder()
    {
        var response = await AskAsync(new ServerReflectionRequest { ListServices = "*", Host = "h" });

        Assert.That(
            response.ListServicesResponse.Service.Select(service => service.Name),
            Is.EqualTo(["grpc.reflection.v1.ServerReflection", "probe.Extending", "tweetcounts.v1.TweetCountsService"]));
        Assert.That(response.ValidHost, Is.EqualTo("h"));
        Assert.That(response.OriginalRequest, Is.EqualTo(new ServerReflectionRequest { ListServices = "*", Host = "h" }));
    }

    [TestCase(TweetCountsFile, TweetCountsFile, DurationFile, TimestampFile)]
    [TestCase(DurationFile, DurationFile)]
    [TestCase("probe/extending.proto", "probe/extending.proto", "probe/extended.proto")]
    public async Task FileByFilename_Known_IsThatFileThenItsDependencies(string name, params string[] files)
    {
        var response = await AskAsync(new ServerReflectionRequest { FileByFilename = name });

        Assert.That(Files(response), Is.EqualTo(files));
    }

    [TestCase("tweetcounts.v1.TweetCountsService", TweetCountsFile)]
    [TestCase("tweetcounts.v1.TweetCountsService.GetCounts", TweetCountsFile)]
    [TestCase("tweetcounts.v1.Counts", TweetCountsFile)]
    [TestCase("tweetcounts.v1.Counts.likes", TweetCountsFile)]
    [TestCase("tweetcounts.v1.ReadOptions.requirement", TweetCountsFile)]
    [TestCase("tweetcounts.v1.FeedState", TweetCountsFile)]
    [TestCase("tweetcounts.v1.FEED_STATE_LIVE", TweetCountsFile)]
    [TestCase("google.protobuf.Timestamp", TimestampFile)]
    [TestCase("probe.Extended.Kind", "probe/extended.proto")]
    [TestCase("probe.Extended.PLAIN", "probe/extended.proto")]
    [TestCase("probe.note", "probe/extending.proto")]
    [TestCase("probe.Holder.inner", "probe/extending.proto")]
    public async Task FileContainingSymbol_Known_IsTheFileThatDeclaresIt(string symbol, string file)
    {
        var response = await AskAsync(new ServerReflectionRequest { FileContainingSymbol = symbol });

        Assert.That(Files(response).First(), Is.EqualTo(file));
    }

    [Test]
    public async Task FileContainingExtension_Known_IsTheFileThatDeclaresIt()
    {
        var request = new ExtensionRequest { ContainingType = "probe.Extended", ExtensionNumber = 101 };

        var response = await AskAsync(new ServerReflectionRequest { FileContainingExtension = request });

        Assert.That(Files(response).First(), Is.EqualTo("probe/extending.proto"));
    }

    [TestCase("probe.Extended", 100, 101)]
    [TestCase("tweetcounts.v1.Counts")]
    public async Task AllExtensionNumbers_OfKnownMessage_AreListed(string message, params int[] numbers)
    {
        var response = await AskAsync(new ServerReflectionRequest { AllExtensionNumbersOfType = message });

        Assert.That(response.AllExtensionNumbersResponse.BaseTypeName, Is.EqualTo(message));
        Assert.That(response.AllExtensionNumbersResponse.ExtensionNumber, Is.EqualTo(numbers));
    }

    [Test]
    public async Task Requests_ThatCannotBeMet_AreAnsweredByErrorsOnTheSameStream()
    {
        using var call = Open();
        var extension = new ExtensionRequest { ContainingType = "tweetcounts.v1.Counts", ExtensionNumber = 1 };
        var requests = new Dictionary<ServerReflectionRequest, StatusCode>
        {
            [new() { FileByFilename = "no/such.proto" }] = StatusCode.NotFound,
            [new() { FileContainingSymbol = "no.Such" }] = StatusCode.NotFound,
            [new() { FileContainingSymbol = "tweetcounts.v1" }] = StatusCode.NotFound,
            [new() { FileContainingExtension = extension }] = StatusCode.NotFound,
            [new() { AllExtensionNumbersOfType = "tweetcounts.v1.FeedState" }] = StatusCode.NotFound,
            [new()] = StatusCode.InvalidArgument,
        };

        foreach (var (request, code) in requests)
        {
            var response = await AskAsync(call, request);
            Assert.That((StatusCode)response.ErrorResponse.ErrorCode, Is.EqualTo(code), request.ToString());
            Assert.That(response.ErrorResponse.ErrorMessage, Is.Not.Empty);
        }

        await call.RequestStream.CompleteAsync();
        Assert.That(await call.ResponseStream.MoveNext(), Is.False);
    }

    [Test]
    public async Task Stream_LeftOpenWhenServerStops_Ends()
    {
        using var call = Open();
        await AskAsync(call, new ServerReflectionRequest { ListServices = "" });

        var next = call.ResponseStream.MoveNext();
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await _server.StopAsync(timeout.Token);

        Assert.That(timeout.IsCancellationRequested, Is.False);

        // Not always UNAVAILABLE: the end of the connection may reach the client before the trailers are read.
        Assert.That(async () => await next, Throws.TypeOf<RpcException>());
    }

    private static IEnumerable<string> Files(ServerReflectionResponse response) =>
        response.FileDescriptorResponse.FileDescriptorProto.Select(file => FileDescriptorProto.Parser.ParseFrom(file).Name);

    private static async Task<ServerReflectionResponse> AskAsync(ReflectionCall call, ServerReflectionRequest request)
    {
        await call.RequestStream.WriteAsync(request);
        Assert.That(await call.ResponseStream.MoveNext(), Is.True);
        return call.ResponseStream.Current;
    }

    private ReflectionCall Open() => new ServerReflection.ServerReflectionClient(_server.Channel).ServerReflectionInfo();

    private async Task<ServerReflectionResponse> AskAsync(ServerReflectionRequest request)
    {
        using var call = Open();
        return await AskAsync(call, request);
    }
}
