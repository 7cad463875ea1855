using F = CacheService.IntegrationTests.Security.Http2Frames;

namespace CacheService.IntegrationTests.Security;

/// <summary>What an ill-meaning or broken client sends instead of HTTP/2, each on a connection of its own.</summary>
internal sealed class FrameAttacks(Random random, Uri address, string key)
{
    private static readonly string[] Paths =
    [
        "/tweetcounts.v1.TweetCountsService/GetCounts", "/tweetcounts.v1.TweetCountsService/WatchCounts", "/grpc.health.v1.Health/Watch",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "/tweetcounts.v1.TweetCountsService/Nothing", "/", "*", "/a/../../b",
    ];

    private (string Name, Func<byte[]> Bytes)[] Kinds =>
    [
        ("random bytes", () => Bytes(4096)),
        ("random bytes after the preface", () => [.. F.Preface, .. Bytes(4096)]),
        ("random frames", () => [.. F.Preface, .. Many(50, _ => RandomFrame())]),
        ("a mutated call", () => Mutate([.. F.Preface, .. ValidCall(1), .. ValidCall(3)])),
        ("junk HPACK", () => [.. F.Preface, .. Many(5, i => F.Frame(F.HeadersType, F.EndHeaders, (2 * i) + 1, Bytes(200)))]),
        ("data of wrong lengths", () => [.. F.Preface, .. F.Call(1, Path()), .. F.Frame(F.Data, F.EndStream, 1, Bytes(100), random.Next(1 << 24))]),
        ("a flood of resets", () => [.. F.Preface, .. Many(300, i => [.. ValidCall((2 * i) + 1), .. F.Frame(F.ResetType, 0, (2 * i) + 1, [0, 0, 0, 8])])]),
        ("a flood of continuations", () => [.. F.Preface, .. F.Frame(F.HeadersType, 0, 1, F.Block((":method", "POST"))), .. Many(500, i => F.Frame(F.ContinuationType, 0, 1, F.Block(($"x-{i}", new string('x', 500)))))]),
        ("empty continuations", () => [.. F.Preface, .. F.Frame(F.HeadersType, 0, 1, []), .. Many(2000, _ => F.Frame(F.ContinuationType, 0, 1, []))]),
        ("huge headers", () => [.. F.Preface, .. F.Call(1, Path(), ("authorization", $"Bearer {key}"), ("x-huge", new string('x', 15_000))), .. F.Call(3, Path(), [.. Enumerable.Range(0, 500).Select(i => ($"x-{i}", "y"))])]),
        ("a flood of settings", () => [.. F.Preface, .. Many(2000, i => F.Frame(F.SettingsType, 0, 0, [0, 4, 0, 0, 0, (byte)i]))]),
        ("bad settings", () => [.. F.Preface, .. F.Frame(F.SettingsType, 0, 0, Bytes(36)), .. F.Frame(F.SettingsType, F.Ack, 0, Bytes(6))]),
        ("a flood of pings", () => [.. F.Preface, .. Many(2000, i => F.Frame(F.PingType, 0, 0, BitConverter.GetBytes((long)i)))]),
        ("windows beyond all bounds", () => [.. F.Preface, .. F.Call(1, Path()), .. Many(5, i => F.Frame(F.WindowUpdateType, 0, i % 2, [0x7f, 0xff, 0xff, 0xff]))]),
        ("frames for streams that are not", () => [.. F.Preface, .. Many(20, i => F.Frame((byte)(i % 10), 0, random.Next(), Bytes(20)))]),
        ("half a call", () => [.. F.Preface, .. ValidCall(1).AsSpan(0, random.Next(20, 100))]),
        ("HTTP/1.1", () => "POST /tweetcounts.v1.TweetCountsService/GetCounts HTTP/1.1\r\nHost: counts\r\nContent-Type: application/grpc\r\nContent-Length: 5\r\n\r\n\0\0\0\0\0"u8.ToArray()),
    ];

    /// <summary>Makes one attack, and sees the connection closed.</summary>
    /// <returns>Which it was.</returns>
    public async Task<string> RunAsync(int number)
    {
        var (name, bytes) = Kinds[number % Kinds.Length];
        using var connection = await RawConnection.OpenAsync(address);
        await connection.SendAsync(bytes());
        if (random.Next(3) == 0)
        {
            connection.Reset();
        }
        else
        {
            await connection.FinishAsync();
        }

        return name;
    }

    private static byte[] Many(int count, Func<int, byte[]> frame) => [.. Enumerable.Range(0, count).SelectMany(frame)];

    private byte[] ValidCall(int stream) =>
    [
        .. F.Call(stream, Path(), ("authorization", random.Next(4) == 0 ? "Bearer nobody" : $"Bearer {key}")),
        .. F.Frame(F.Data, F.EndStream, stream, F.Message([8, 1])),
    ];

    private byte[] RandomFrame() => F.Frame(
        (byte)random.Next(random.Next(10) == 0 ? 256 : 10), (byte)random.Next(64), random.Next(10) == 0 ? random.Next() : random.Next(8), Bytes(200),
        random.Next(10) == 0 ? random.Next(1 << 15) : null);

    private byte[] Mutate(byte[] bytes)
    {
        for (var i = random.Next(1, 10); i > 0; i--)
        {
            // Most beyond the preface, where there is more to get wrong.
            bytes[random.Next(random.Next(10) == 0 ? 0 : 24, bytes.Length)] = (byte)random.Next(256);
        }

        return bytes;
    }

    private byte[] Bytes(int most)
    {
        var bytes = new byte[random.Next(most + 1)];
        random.NextBytes(bytes);
        return bytes;
    }

    private string Path() => Paths[random.Next(Paths.Length)];
}
