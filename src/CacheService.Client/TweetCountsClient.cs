using System.Net;
using CacheService.Client.Connections;
using CacheService.Client.Jobs;
using CacheService.Client.Streams;
using CacheService.Client.Watching;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using TweetCounts.V1;

namespace CacheService.Client;

/// <summary>
/// Reads and watches the retweet and like counts of messages. Thread-safe; meant to live as long as the application. A read that finds a
/// server away (UNAVAILABLE) is tried again, up to three times and within its deadline, at the next server if there are several.
/// </summary>
/// <remarks>
/// Every read throws an <see cref="RpcException"/> where it fails: UNAVAILABLE where no server answers, before a server's first load, and
/// where a <see cref="ReadRequirement"/> cannot be met while the database is away; DEADLINE_EXCEEDED after
/// <see cref="TweetCountsClientOptions.DefaultDeadline"/>; INVALID_ARGUMENT for ids, durations and limits out of range. Status.Detail says
/// what to do. A cancelled read throws an <see cref="OperationCanceledException"/>, and one of a disposed client an
/// <see cref="ObjectDisposedException"/>.
/// </remarks>
public sealed class TweetCountsClient : IDisposable
{
    private const int MostAttempts = 4;

    private readonly TweetCountsClientOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly ServerList _servers;
    private readonly ReadConnections _reads;
    private readonly ReadStreams _streams;
    private readonly Func<StreamedRead, RpcException, Task<CountsAnswer>> _retry;
    private readonly Func<StreamedRead, RpcException, Task<CountsAnswer>> _retryByCall;
    private readonly WatchServers _watchServers;
    private readonly CancellationTokenSource _disposed = new();

    /// <summary>Creates a client. It connects when it is first used.</summary>
    /// <param name="options">Not to be changed afterwards.</param>
    /// <param name="loggers">For its log; null for none.</param>
    /// <param name="time">For deadlines, pauses and ages; null for the system's.</param>
    /// <exception cref="Microsoft.Extensions.Options.OptionsValidationException">Options are out of range; it names them all.</exception>
    public TweetCountsClient(TweetCountsClientOptions options, ILoggerFactory? loggers = null, TimeProvider? time = null)
        : this(options, loggers, time, Dns.GetHostAddressesAsync)
    {
    }

    /// <summary>Creates a client that looks names up its own way.</summary>
    internal TweetCountsClient(TweetCountsClientOptions options, ILoggerFactory? loggers, TimeProvider? time, Func<string, CancellationToken, Task<IPAddress[]>> lookUp)
    {
        ArgumentNullException.ThrowIfNull(options);
        TweetCountsClientOptionsValidator.ThrowIfInvalid(options);

        _options = options;
        _time = time ?? TimeProvider.System;
        loggers ??= NullLoggerFactory.Instance;
        _logger = loggers.CreateLogger<TweetCountsClient>();
        _servers = new ServerList(options, _logger, _time, lookUp);
        var channels = new Channels(options, _servers, loggers);
        _reads = new ReadConnections(channels, Environment.ProcessorCount);
        _streams = new ReadStreams(options, _servers, channels, _time);
        _retry = RetryAsync;
        _retryByCall = (read, failure) => GetCountsByCallAsync(read, failure, attempts: 2);
        _watchServers = new WatchServers(_servers, channels);
        Jobs = new JobsClient(this, _time);
    }

    /// <summary>The jobs of the servers' database.</summary>
    public JobsClient Jobs { get; }

    /// <summary>The counts of one message.</summary>
    /// <exception cref="RpcException">NOT_FOUND: there is no such message. FAILED_PRECONDITION and OUT_OF_RANGE: see <see cref="ReadRequirement.AtLeastXid"/>. Others: see <see cref="TweetCountsClient"/>.</exception>
    public Task<CountsAnswer> GetCountsAsync(long messageId, ReadRequirement? requirement = null, CancellationToken cancellationToken = default)
    {
        if (requirement is not { GoesRoundTheCache: true } && !cancellationToken.IsCancellationRequested && _streams.Choose() is { } stream)
        {
            var read = new StreamedRead(messageId, requirement, _time.GetUtcNow().UtcDateTime + _options.DefaultDeadline, _retry, cancellationToken);
            if (stream.TryBegin(read))
            {
                return read.Task;
            }
        }

        return GetCountsByCallAsync(messageId, requirement, null, cancellationToken);
    }

    /// <summary>The counts of many messages, all from one snapshot of the database: of no transaction is only a part seen.</summary>
    /// <exception cref="RpcException">FAILED_PRECONDITION and OUT_OF_RANGE: see <see cref="ReadRequirement.AtLeastXid"/>. INVALID_ARGUMENT: also for too many ids (10,000 unless the server is set otherwise). Others: see <see cref="TweetCountsClient"/>.</exception>
    public async Task<BatchAnswer> BatchGetCountsAsync(
        IEnumerable<long> messageIds, ReadRequirement? requirement = null, CancellationToken cancellationToken = default)
    {
        var request = new BatchGetCountsRequest { MessageIds = { messageIds }, Read = Wire.To(requirement) };
        return await CallAsync((reads, call) => reads.ReadBatchAsync(request, call), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The messages with the highest counts. The answer may be up to a second old.</summary>
    /// <param name="order">What counts.</param>
    /// <param name="limit">How many at most.</param>
    /// <param name="cancellationToken">Ends the read.</param>
    /// <exception cref="RpcException">See <see cref="TweetCountsClient"/>.</exception>
    public async Task<TopAnswer> ListTopCountsAsync(TopOrder order = TopOrder.Total, int limit = 10, CancellationToken cancellationToken = default)
    {
        var request = new ListTopCountsRequest { OrderBy = Wire.To(order), Limit = limit };
        var answer = await CallAsync((reads, call) => reads.ListTopCountsAsync(request, call), cancellationToken).ConfigureAwait(false);
        return new TopAnswer(Wire.Of(answer.Counts), Wire.Of(answer.Freshness));
    }

    /// <summary>What happened on each day of a range, by the time of the activity itself.</summary>
    /// <param name="from">The first day; null: from the first that there is.</param>
    /// <param name="to">The last day; null: to the last that there is.</param>
    /// <param name="requirement">What the answer must include. It comes from the cache: <see cref="ReadRequirement.FromDatabase"/> is INVALID_ARGUMENT.</param>
    /// <param name="cancellationToken">Ends the read.</param>
    /// <exception cref="RpcException">FAILED_PRECONDITION: the database does not tell the time of activity; see also <see cref="ReadRequirement.AtLeastXid"/>. INVALID_ARGUMENT: more than 3,660 days would be listed. Others: see <see cref="TweetCountsClient"/>.</exception>
    public async Task<DaysAnswer> ListDailyCountsAsync(DateOnly? from = null, DateOnly? to = null, ReadRequirement? requirement = null, CancellationToken cancellationToken = default)
    {
        var request = new ListDailyCountsRequest { From = Wire.To(from), To = Wire.To(to), Read = Wire.To(requirement) };
        var answer = await CallAsync((reads, call) => reads.ListDailyCountsAsync(request, call), cancellationToken).ConfigureAwait(false);
        return new DaysAnswer([.. answer.Days.Select(Wire.Of)], answer.TimeZone, Wire.Of(answer.Freshness));
    }

    /// <summary>A message's author, text and counts.</summary>
    /// <exception cref="RpcException">NOT_FOUND: there is no such message. FAILED_PRECONDITION and OUT_OF_RANGE: see <see cref="ReadRequirement.AtLeastXid"/>. Others: see <see cref="TweetCountsClient"/>.</exception>
    public async Task<TweetMessage> GetMessageAsync(long messageId, ReadRequirement? requirement = null, CancellationToken cancellationToken = default)
    {
        var request = new GetMessageRequest { MessageId = messageId, Read = Wire.To(requirement) };
        return Wire.Of(await CallAsync((reads, call) => reads.GetMessageAsync(request, call), cancellationToken).ConfigureAwait(false));
    }

    /// <summary>How a server is doing; of several, how the next in turn is.</summary>
    /// <exception cref="RpcException">UNAVAILABLE or DEADLINE_EXCEEDED: none answers.</exception>
    public async Task<ServiceStatus> GetStatusAsync(CancellationToken cancellationToken = default) =>
        Wire.Of(await CallAsync((reads, call) => reads.GetStatusAsync(new GetStatusRequest(), call), cancellationToken).ConfigureAwait(false));

    /// <summary>What a server did lately, in samples of a few seconds, by time; of several servers, the next in turn.</summary>
    /// <param name="span">How far back, up to an hour; null: as far as it remembers.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="RpcException">UNAVAILABLE or DEADLINE_EXCEEDED: none answers. INVALID_ARGUMENT: the span.</exception>
    public async Task<IReadOnlyList<HistorySample>> GetHistoryAsync(TimeSpan? span = null, CancellationToken cancellationToken = default)
    {
        var request = new GetHistoryRequest { Span = span is { } back ? Duration.FromTimeSpan(back) : null };
        var answer = await CallAsync((reads, call) => reads.GetHistoryAsync(request, call), cancellationToken).ConfigureAwait(false);
        return [.. answer.Samples.Select(Wire.Of)];
    }

    /// <summary>The caches that are registered with the database, by name, as it had them a second ago at most.</summary>
    /// <exception cref="RpcException">UNAVAILABLE: the database cannot be asked. Others: see <see cref="TweetCountsClient"/>.</exception>
    public async Task<IReadOnlyList<RegisteredCache>> ListCachesAsync(CancellationToken cancellationToken = default)
    {
        var answer = await CallAsync((reads, call) => reads.ListCachesAsync(new ListCachesRequest(), call), cancellationToken).ConfigureAwait(false);
        return [.. answer.Caches.Select(Wire.Of)];
    }

    /// <summary>
    /// Has a server compare all its counts with the database now, and correct what differs; of several servers, the next in turn. That holds up
    /// nobody, and takes from a second to minutes, as there are messages and activity.
    /// </summary>
    /// <param name="timeout">How long to wait at most; the audit goes on nevertheless. Null: <see cref="TweetCountsClientOptions.DefaultDeadline"/>.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="RpcException">UNAVAILABLE: the server's feed is not live, or did not stay so. Others: see <see cref="TweetCountsClient"/>.</exception>
    public async Task<AuditAnswer> AuditNowAsync(TimeSpan? timeout = null, CancellationToken cancellationToken = default) =>
        Wire.Of(await CallAsync((reads, call) => reads.AuditNowAsync(new AuditNowRequest(), call), cancellationToken, timeout).ConfigureAwait(false));

    /// <summary>
    /// Has all servers' caches load all counts afresh from the database, for whoever distrusts the counts, and waits until one, of several servers the next in turn, is
    /// LIVE again; the others follow by themselves. It is asked for once: a failure is not tried again.
    /// </summary>
    /// <param name="timeout">How long to wait at most; the load goes on nevertheless. Null: <see cref="TweetCountsClientOptions.DefaultDeadline"/>.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="RpcException">UNAVAILABLE: the database cannot be asked, or the server was not LIVE in time. Others: see <see cref="TweetCountsClient"/>.</exception>
    public async Task<ReloadAnswer> ReloadNowAsync(TimeSpan? timeout = null, CancellationToken cancellationToken = default) =>
        Wire.Of(await CallAsync((reads, call) => reads.ReloadNowAsync(new ReloadNowRequest(), call), cancellationToken, timeout, attempts: 1).ConfigureAwait(false));

    /// <summary>
    /// Watches counts: the current ones, then what changes, until it is cancelled. It connects again by itself and goes on where it was;
    /// see <see cref="WatchUpdate"/>. Of changes that come faster than the caller takes them only the latest is told.
    /// </summary>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="RpcException">INVALID_ARGUMENT, PERMISSION_DENIED, UNAUTHENTICATED or UNIMPLEMENTED: what no other attempt can mend. Nothing else.</exception>
    /// <exception cref="ObjectDisposedException">The client was disposed.</exception>
    public async IAsyncEnumerable<WatchUpdate> WatchAsync(
        WatchOptions options, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ObjectDisposedException.ThrowIf(_disposed.IsCancellationRequested, this);
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _disposed.Token);
        await using var updates = new WatchRun(_watchServers, options, _options, _time, _logger).RunAsync(ended.Token).GetAsyncEnumerator(ended.Token);
        while (await NextAsync().ConfigureAwait(false))
        {
            yield return updates.Current;
        }

        async ValueTask<bool> NextAsync()
        {
            try
            {
                return await updates.MoveNextAsync().ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (ended.IsCancellationRequested)
            {
                cancellationToken.ThrowIfCancellationRequested();
                throw new ObjectDisposedException(nameof(TweetCountsClient));
            }
        }
    }

    /// <summary>Starts a mirror: a dictionary in memory that a watch keeps. Dispose it to end it.</summary>
    /// <exception cref="ObjectDisposedException">The client was disposed.</exception>
    public CountsMirror StartMirror(WatchOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ObjectDisposedException.ThrowIf(_disposed.IsCancellationRequested, this);
        return new CountsMirror(cancellationToken => WatchAsync(options, cancellationToken), _time, _logger);
    }

    /// <summary>Whether there is a stream of reads to each server.</summary>
    internal bool HasStreams => _streams.AreOpen;

    /// <summary>Asks a server about jobs, or tells it what to do with them.</summary>
    internal Task<TResponse> CallJobsAsync<TResponse>(
        Func<JobsService.JobsServiceClient, CallOptions, AsyncUnaryCall<TResponse>> method, bool isRepeatable, CancellationToken cancellationToken) =>
        CallAsync(static connection => connection.Jobs, method, timeout: null, isRepeatable ? MostAttempts : 1, failed: null, cancellationToken);

    /// <summary>Closes the connections; calls and watches end with an <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        if (_disposed.IsCancellationRequested)
        {
            return;
        }

        _disposed.Cancel();
        _streams.Dispose();
        _reads.Dispose();
        _watchServers.Dispose();
        _servers.Dispose();
    }

    /// <summary>Tries a read again that a stream has failed.</summary>
    private Task<CountsAnswer> RetryAsync(StreamedRead read, RpcException failure)
    {
        // Over another server's stream, where there is one: calls may go to the server that is gone until their balancer notices.
        if (read.IsCutOff && _streams.Choose() is { } other)
        {
            var again = new StreamedRead(read.MessageId, read.Requirement, read.Deadline, _retryByCall, read.CancellationToken);
            if (other.TryBegin(again))
            {
                return again.Task;
            }
        }

        return GetCountsByCallAsync(read, failure, attempts: 1);
    }

    private Task<CountsAnswer> GetCountsByCallAsync(StreamedRead read, RpcException failure, int attempts) =>
        GetCountsByCallAsync(read.MessageId, read.Requirement, new EarlierAttempts(attempts, failure, read.Deadline), read.CancellationToken);

    private async Task<CountsAnswer> GetCountsByCallAsync(long messageId, ReadRequirement? requirement, EarlierAttempts? failed, CancellationToken cancellationToken)
    {
        var request = new GetCountsRequest { MessageId = messageId, Read = Wire.To(requirement) };
        var answer = await CallAsync((reads, call) => reads.GetCountsAsync(request, call), cancellationToken, failed: failed).ConfigureAwait(false);
        return new CountsAnswer(Wire.Of(answer.Counts), Wire.Of(answer.Freshness));
    }

    private Task<TResponse> CallAsync<TResponse>(
        Func<ReadsClient, CallOptions, AsyncUnaryCall<TResponse>> method, CancellationToken cancellationToken, TimeSpan? timeout = null, int attempts = MostAttempts,
        EarlierAttempts? failed = null) =>
        CallAsync(static connection => connection.Client, method, timeout, attempts, failed, cancellationToken);

    // Tries again by itself: a channel that is told to allocates a sixth more for each call, tried again or not.
    private async Task<TResponse> CallAsync<TService, TResponse>(
        Func<ReadConnection, TService> choose, Func<TService, CallOptions, AsyncUnaryCall<TResponse>> method, TimeSpan? timeout, int attempts, EarlierAttempts? failed, CancellationToken cancellationToken)
    {
        var deadline = failed?.Deadline ?? (_time.GetUtcNow().UtcDateTime + (timeout ?? _options.DefaultDeadline));
        var options = new CallOptions(deadline: deadline, cancellationToken: cancellationToken);
        var pauses = new RetryPauses(_options.MaxBackoff);
        var connection = _reads.Choose();
        connection.Begin();
        try
        {
            for (var attempt = failed?.Count ?? 1; ; attempt++)
            {
                ObjectDisposedException.ThrowIf(_disposed.IsCancellationRequested, this);
                TimeSpan pause;
                try
                {
                    if (attempt == failed?.Count)
                    {
                        throw failed.Failure;
                    }

                    using var call = method(choose(connection), options);
                    return await call.ResponseAsync.ConfigureAwait(false);
                }
                catch (RpcException e) when (e.StatusCode == StatusCode.Cancelled)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    ObjectDisposedException.ThrowIf(_disposed.IsCancellationRequested, this);
                    throw;
                }
                catch (RpcException e) when (attempt < attempts && pauses.After(e) is { } next && _time.GetUtcNow().UtcDateTime + next < deadline)
                {
                    pause = next;
                }

                using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _disposed.Token);
                await Task.Delay(pause, _time, ended.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellationToken.ThrowIfCancellationRequested();
            }
        }
        finally
        {
            connection.End();
        }
    }

    /// <summary>The attempts at a read that streams have made, and what the last one failed with.</summary>
    private sealed record EarlierAttempts(int Count, RpcException Failure, DateTime Deadline);
}
