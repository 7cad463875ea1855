using System.Buffers.Binary;
using System.Globalization;
using System.Text.RegularExpressions;
using CacheService.LoadTests.Machine;
using CacheService.LoadTests.Measuring;
using Google.Protobuf;

namespace CacheService.LoadTests.Rpc;

/// <summary>Runs h2load, which sends one and the same call again and again.</summary>
internal sealed partial class H2Load(string program, TemporaryFolder folder)
{
    public const string Load = "-c 8 -m 32";

    // A byte that says "not compressed", then the length.
    private const int FrameHeader = 5;

    // Answers differ by the bytes that the age takes.
    private const double LeastPart = 0.9;

    /// <summary>One call, which is sent again and again.</summary>
    /// <param name="name">In the results.</param>
    /// <param name="address">The server's.</param>
    /// <param name="method">What is called.</param>
    /// <param name="request">What is sent.</param>
    /// <param name="answerLength">How many bytes an answer has, more or less; 0 where that is not known.</param>
    /// <param name="server">The server.</param>
    public Candidate Candidate(string name, Uri address, string method, IMessage request, int answerLength, ProcessTree server)
    {
        var body = folder.Write($"{method.Replace('/', '.')}.request", Frame(request));
        return new Candidate(name, (duration, cancellationToken) => RunAsync(new Uri(address, method), body, answerLength, server, duration, cancellationToken));
    }

    private async Task<RoundResult> RunAsync(Uri method, string body, int answerLength, ProcessTree server, TimeSpan duration, CancellationToken cancellationToken)
    {
        var cpu = new CpuMeter(ProcessTree.OfClient with { Name = "h2load" }, server);
        string[] arguments =
        [
            .. Load.Split(' '), "-D", $"{duration.TotalMilliseconds:0}ms", "-d", body, "-H", "te: trailers", "-H", "content-type: application/grpc", method.ToString(),
        ];
        var output = await ChildProcess.RunAsync(program, arguments, environment: null, cancellationToken);
        var details = new Dictionary<string, double>();
        cpu.AddTo(details);
        return new RoundResult(RequestsPerSecond(output, answerLength), details);
    }

    private static byte[] Frame(IMessage request)
    {
        var message = request.ToByteArray();
        var frame = new byte[FrameHeader + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), message.Length);
        message.CopyTo(frame, FrameHeader);
        return frame;
    }

    private static double RequestsPerSecond(string output, int answerLength)
    {
        if (RateLine().Match(output) is not { Success: true } rate || RequestsLine().Match(output) is not { Success: true } requests
            || StatusLine().Match(output) is not { Success: true } statuses || DataLine().Match(output) is not { Success: true } data)
        {
            throw new LoadTestException($"h2load says nothing of use: {output}");
        }

        if (((Group[])[.. requests.Groups.Values.Skip(2), .. statuses.Groups.Values.Skip(1)]).Any(group => Number(group) > 0))
        {
            throw new LoadTestException($"h2load had failures: {output}");
        }

        // A call that fails in gRPC ends in HTTP status 200 too, but brings no message, not even an empty one.
        if (Number(data.Groups[1]) < LeastPart * (FrameHeader + answerLength) * Number(requests.Groups[1]))
        {
            throw new LoadTestException($"h2load got calls without an answer: {output}");
        }

        return double.Parse(rate.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
    }

    private static long Number(Group group) => long.Parse(group.ValueSpan, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"finished in [0-9.a-z]+, ([0-9.]+) req/s")]
    private static partial Regex RateLine();

    [GeneratedRegex(@"headers \([^)]*\), [^ ]+ \((\d+)\) data")]
    private static partial Regex DataLine();

    [GeneratedRegex(@"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout")]
    private static partial Regex RequestsLine();

    [GeneratedRegex(@"status codes: \d+ 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx")]
    private static partial Regex StatusLine();
}
