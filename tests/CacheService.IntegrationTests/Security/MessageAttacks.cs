using System.Globalization;
using System.Net.Http.Headers;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using TweetCounts.V1;

namespace CacheService.IntegrationTests.Security;

/// <summary>Right HTTP/2 with wrong messages in it.</summary>
internal sealed class MessageAttacks : IDisposable
{
    private readonly Random _random;
    private readonly HttpClient _client;

    public MessageAttacks(Random random, Uri address, string key)
    {
        _random = random;
        _client = new HttpClient { BaseAddress = address };
        _client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        _client.DefaultRequestHeaders.TE.ParseAdd("trailers");
    }

    private static readonly (string Path, IMessage Sample)[] Methods =
    [
        ("/tweetcounts.v1.TweetCountsService/GetCounts", new GetCountsRequest { MessageId = 1, Read = new ReadOptions { MaxAge = Duration.FromTimeSpan(TimeSpan.FromSeconds(1)) } }),
        ("/tweetcounts.v1.TweetCountsService/BatchGetCounts", new BatchGetCountsRequest { MessageIds = { 1, 2, 3 }, Read = new ReadOptions { Strong = true } }),
        ("/tweetcounts.v1.TweetCountsService/ListTopCounts", new ListTopCountsRequest { OrderBy = TopOrder.Likes, Limit = 3 }),
        ("/tweetcounts.v1.TweetCountsService/GetMessage", new GetMessageRequest { MessageId = 1 }),
        ("/tweetcounts.v1.TweetCountsService/WatchCounts", new WatchCountsRequest { MessageIds = { 1 }, ResumeEpoch = "e", ResumeRevision = 7, Heartbeat = Duration.FromTimeSpan(TimeSpan.FromSeconds(1)) }),
        ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", new global::Grpc.Reflection.V1.ServerReflectionRequest { FileContainingSymbol = "tweetcounts.v1.Counts" }),
        ("/grpc.health.v1.Health/Check", new global::Grpc.Health.V1.HealthCheckRequest { Service = "x" }),
    ];

    private (string Name, bool IsWrong, Func<byte[], byte[]> Body)[] Kinds =>
    [
        ("random bytes as a message", false, _ => Http2Frames.Message(Bytes(100))),
        ("a mutated message", false, sample => Http2Frames.Message(Mutate(sample))),
        ("an end without a beginning", true, _ => Http2Frames.Message([0x0c])),
        ("a field longer than the message", true, _ => Http2Frames.Message([0x0a, 0x7f, 1])),
        ("a number without an end", true, _ => Http2Frames.Message([8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255])),
        ("groups within groups", true, _ => Http2Frames.Message([.. Enumerable.Repeat((byte)0x0b, 100_000)])),
        ("a flag that does not exist", true, sample => Http2Frames.Message(sample, (byte)_random.Next(2, 256))),
        ("compressed without saying how", true, sample => Http2Frames.Message(sample, 1)),
        ("half a message", true, sample => Http2Frames.Message(sample, 0, (uint)(sample.Length + _random.Next(1, 1000)))),
        ("half a head", true, _ => [0, 0, 0]),
        ("longer than is allowed", true, sample => Http2Frames.Message(sample, 0, (uint)_random.NextInt64(10_000_000, uint.MaxValue))),
        ("bytes after the message", false, sample => [.. Http2Frames.Message(sample), .. Bytes(20)]),
        ("nothing", false, _ => []),
    ];

    /// <summary>Sends one, and checks that it ends in a gRPC status, and in an error where it is wrong whatever the method.</summary>
    /// <returns>Which it was.</returns>
    public async Task<string> RunAsync(int number)
    {
        var (name, isWrong, body) = Kinds[number % Kinds.Length];
        var (path, sample) = Methods[_random.Next(Methods.Length)];
        using var request = new HttpRequestMessage(HttpMethod.Post, path)
        {
            Version = new Version(2, 0),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(body(sample.ToByteArray())),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        if (name == "compressed without saying how" && _random.Next(2) == 0)
        {
            request.Headers.Add("grpc-encoding", "gzip");
            name = "compressed, but not in the way it says";
        }

        using var patience = new CancellationTokenSource(Infrastructure.RunningService.Patience);
        using var response = await _client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, patience.Token);
        if (path.EndsWith("WatchCounts", StringComparison.Ordinal) && !isWrong)
        {
            // A watch goes on for ever, if the mutation has left one.
            return name;
        }

        await response.Content.CopyToAsync(Stream.Null, patience.Token);
        var status = response.TrailingHeaders.Concat(response.Headers).Where(header => header.Key == "grpc-status").SelectMany(header => header.Value).FirstOrDefault();
        Assert.That(status, Is.Not.Null, $"{name}, to {path}: {response}");
        if (isWrong)
        {
            Assert.That((StatusCode)int.Parse(status!, CultureInfo.InvariantCulture), Is.Not.EqualTo(StatusCode.OK), $"{name}, to {path}");
        }

        return name;
    }

    public void Dispose() => _client.Dispose();

    private byte[] Mutate(byte[] bytes)
    {
        for (var i = _random.Next(1, 4); i > 0 && bytes.Length > 0; i--)
        {
            bytes[_random.Next(bytes.Length)] = (byte)_random.Next(256);
        }

        return bytes;
    }

    private byte[] Bytes(int most)
    {
        var bytes = new byte[_random.Next(most + 1)];
        _random.NextBytes(bytes);
        return bytes;
    }
}
