using System.Runtime.CompilerServices;
using Google.Protobuf;
using Microsoft.Extensions.Options;
using NATS.Client.Core;
using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;
using NATS.Client.ObjectStore;
using NATS.Client.ObjectStore.Models;
using TweetCounts.V1;

namespace CacheService.Replication;

/// <summary>What the caches have of NATS: a stream of frames, a bucket of checkpoints, questions and answers. Thread-safe.</summary>
internal sealed class Broker : IAsyncDisposable
{
    private const int WrongLastSequence = 10071;

    private const string Inbox = "_INBOX";

    /// <summary>In bytes.</summary>
    private const int LongestQuestion = 4096;

    /// <summary>What comes faster than it is taken waits at the broker beyond this.</summary>
    private const int MostBytesAhead = 16 * 1024 * 1024;

    /// <summary>Of a checkpoint, in bytes.</summary>
    private const int LargestChunk = 128 * 1024;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>What a server that has just gone was asked, is never answered: it is asked again, of the others.</summary>
    private static readonly TimeSpan RequestPatience = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan ListPatience = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan AckPatience = TimeSpan.FromSeconds(1);

    /// <summary>With a subscription that ends, also while the service runs: nobody wants what would still come.</summary>
    private static readonly TimeSpan DrainPatience = TimeSpan.FromMilliseconds(100);

    private readonly NatsOptions _options;
    private readonly ILogger _logger;
    private readonly NatsConnection _connection;
    private readonly NatsJSContext _jetStream;
    private readonly NatsObjContext _objects;

    public Broker(IOptions<NatsOptions> options, ILoggerFactory loggers)
    {
        _options = options.Value;
        _logger = loggers.CreateLogger<Broker>();
        Name = $"{Environment.MachineName}-{Environment.ProcessId}-{Number:x8}";
        _connection = new NatsConnection(new NatsOpts
        {
            Url = _options.Url,
            Name = $"tweetcounts {Name}",
            InboxPrefix = InboxOf(_options.User),
            LoggerFactory = loggers,
            RetryOnInitialConnect = true,
            ReconnectWaitMin = TimeSpan.FromMilliseconds(100),
            ReconnectWaitMax = TimeSpan.FromSeconds(1),
            ReconnectJitter = TimeSpan.FromMilliseconds(50),
            PingInterval = TimeSpan.FromSeconds(2),
            MaxPingOut = 2,
            // A password that is wrong for a moment is no reason never to connect again.
            IgnoreAuthErrorAbort = true,
            RequestTimeout = RequestPatience,
            // What is asked or published while there is no connection fails, and is tried again by who knows whether it is still wanted.
            PublishTimeoutOnDisconnected = true,
            CommandTimeout = Patience,
            // Else the socket is closed first, under what is just being sent: with TLS, an error in the log.
            DrainSubscriptionsOnDispose = true,
            DrainPingTimeout = DrainPatience,
            AuthOpts = new NatsAuthOpts
            {
                Username = NullIfEmpty(_options.User),
                Password = NullIfEmpty(_options.Password),
                CredsFile = NullIfEmpty(_options.CredsFile),
                NKeyFile = NullIfEmpty(_options.NKeyFile),
            },
            TlsOpts = new NatsTlsOpts { CaFile = NullIfEmpty(_options.CaFile), CertFile = NullIfEmpty(_options.CertFile), KeyFile = NullIfEmpty(_options.KeyFile) },
        });
        _jetStream = new NatsJSContext(_connection);
        _objects = new NatsObjContext(_jetStream);
    }

    /// <summary>Names this service among those of the broker.</summary>
    public string Name { get; }

    /// <summary>The end of <see cref="Name"/>, by which frames name their publisher.</summary>
    public uint Number { get; } = (uint)Random.Shared.NextInt64(1, uint.MaxValue);

    /// <summary>How many bytes a message may have.</summary>
    public int MaxPayload => _connection.ServerInfo?.MaxPayload ?? 1024 * 1024;

    private string Frames => $"{_options.Name}.frames";

    private string Questions => $"{_options.Name}.questions";

    private string Bucket => $"{_options.Name}-checkpoints";

    /// <summary>Connects, if there is no connection, and creates what is missing of stream and bucket. What is there stays as it is.</summary>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        await ConnectAsync(cancellationToken);
        if (await FindStreamAsync(cancellationToken) is { } stream)
        {
            if (stream.Info.Config is { Subjects: var subjects, Discard: var discard } && (subjects?.Contains(Frames) != true || discard != StreamConfigDiscard.Old))
            {
                throw new InvalidOperationException($"the stream {_options.Name} is there, and is not as it has to be: it takes the subject {Frames}, and discards what is old; delete it, or choose another Nats:Name.");
            }
        }
        else
        {
            await _jetStream.CreateStreamAsync(
                new StreamConfig(_options.Name, [Frames])
                {
                    Storage = StreamConfigStorage.File,
                    NumReplicas = _options.Replicas,
                    MaxAge = _options.MaxAge,
                    MaxBytes = _options.MaxMegabytes * 1024L * 1024,
                    Discard = StreamConfigDiscard.Old,
                },
                cancellationToken);
        }

        try
        {
            await _objects.GetObjectStoreAsync(Bucket, cancellationToken);
        }
        catch (NatsJSApiException e) when (e.Error.Code == 404)
        {
            await _objects.CreateObjectStoreAsync(new NatsObjConfig(Bucket) { Storage = NatsObjStorageType.File, NumberOfReplicas = _options.Replicas, MaxAge = 2 * _options.MaxAge }, cancellationToken);
        }
    }

    /// <summary>Puts a part of a frame behind the last one.</summary>
    /// <param name="part">The part.</param>
    /// <param name="after">The sequence of the last one; null: whichever that is.</param>
    /// <param name="cancellationToken">Ends the wait; then it is not known whether it was put there.</param>
    /// <returns>Its sequence.</returns>
    /// <exception cref="FencedException">Somebody else has put something behind that one.</exception>
    public async Task<ulong> PublishAsync(Frame part, ulong? after, CancellationToken cancellationToken)
    {
        var answer = await _jetStream.PublishAsync(Frames, part.ToByteArray(), opts: new NatsJSPubOpts { ExpectedLastSequence = after }, cancellationToken: cancellationToken)
            .AsTask().WaitAsync(AckPatience, cancellationToken);
        if (answer.Error is { ErrCode: WrongLastSequence })
        {
            throw new FencedException();
        }

        answer.EnsureSuccess();
        return answer.Seq;
    }

    /// <summary>A part that the stream has.</summary>
    /// <returns>Null: it has none of that sequence, or it is no frame.</returns>
    /// <exception cref="StreamGoneException">There is no stream.</exception>
    public async Task<Frame?> ReadPartAsync(ulong sequence, CancellationToken cancellationToken)
    {
        await ConnectAsync(cancellationToken);
        return await ReadAsync(await FindStreamAsync(cancellationToken) ?? throw new StreamGoneException(), 0, sequence, cancellationToken);
    }

    /// <summary>The end of the stream.</summary>
    /// <returns>Null: there is no stream.</returns>
    public async Task<StreamEnd?> ReadEndAsync(CancellationToken cancellationToken)
    {
        await ConnectAsync(cancellationToken);
        if (await FindStreamAsync(cancellationToken) is not { } stream)
        {
            return null;
        }

        var (first, last) = ((ulong)stream.Info.State.FirstSeq, (ulong)stream.Info.State.LastSeq);
        var (at, frame) = (last, await ReadAsync(stream, first, last, cancellationToken));
        while (frame is not null && frame.Part + 1 < frame.Parts)
        {
            // Its publisher has got no further: what is whole is before its first part.
            at = frame.Part < at ? at - frame.Part - 1 : 0;
            frame = await ReadAsync(stream, first, at, cancellationToken);
        }

        return new StreamEnd(first, last, frame);
    }

    /// <summary>All parts of frames from a sequence on, as they come, for ever. Where the stream lacks some, those after them.</summary>
    /// <exception cref="ChainEndedException">There is something that is no frame.</exception>
    public async IAsyncEnumerable<(ulong Sequence, Frame Part)> ReadFromAsync(ulong sequence, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var consumer = await _jetStream.CreateOrderedConsumerAsync(
            _options.Name, new NatsJSOrderedConsumerOpts { DeliverPolicy = ConsumerConfigDeliverPolicy.ByStartSequence, OptStartSeq = sequence }, cancellationToken);
        await foreach (var message in consumer.ConsumeAsync<byte[]>(opts: new NatsJSConsumeOpts { MaxBytes = MostBytesAhead }, cancellationToken: cancellationToken))
        {
            Frame part;
            try
            {
                part = Frame.Parser.ParseFrom(message.Data ?? []);
            }
            catch (InvalidProtocolBufferException)
            {
                throw new ChainEndedException("the stream has something that is no frame: only publishers may publish there");
            }

            yield return (message.Metadata!.Value.Sequence.Stream, part);
        }
    }

    /// <summary>The checkpoints that there are.</summary>
    public async Task<IReadOnlyList<CheckpointEntry>> ListCheckpointsAsync(CancellationToken cancellationToken)
    {
        var entries = new List<CheckpointEntry>();
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        ending.CancelAfter(ListPatience);
        try
        {
            // An empty bucket has no last entry, at which a list ends.
            var bucket = await _jetStream.GetStreamAsync($"OBJ_{Bucket}", new StreamInfoRequest { SubjectsFilter = $"$O.{Bucket}.M.>" }, ending.Token);
            if (bucket.Info.State.Subjects is not { Count: > 0 })
            {
                return entries;
            }

            var store = await _objects.GetObjectStoreAsync(Bucket, ending.Token);
            await foreach (var item in store.ListAsync(cancellationToken: ending.Token))
            {
                if (item.Metadata is { } metadata && metadata.TryGetValue("chain", out var chain) && metadata.TryGetValue("sequence", out var text) && ulong.TryParse(text, out var sequence))
                {
                    entries.Add(new CheckpointEntry(item.Name, chain, sequence));
                }
            }
        }
        catch (Exception e) when (e is NatsObjNotFoundException or NatsJSApiException { Error.Code: 404 })
        {
            // There is none at all, or not even the bucket.
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException($"the checkpoints of {Bucket} cannot be listed within {ListPatience.TotalSeconds:F0} s.");
        }

        return entries;
    }

    /// <summary>Stores a checkpoint.</summary>
    public async Task WriteCheckpointAsync(CheckpointEntry entry, Stream content, CancellationToken cancellationToken)
    {
        var store = await _objects.GetObjectStoreAsync(Bucket, cancellationToken);
        var metadata = new Dictionary<string, string> { ["chain"] = entry.Chain, ["sequence"] = $"{entry.Sequence}" };
        var options = new MetaDataOptions { MaxChunkSize = Math.Min(LargestChunk, MaxPayload / 2) };
        await store.PutAsync(new ObjectMetadata { Name = entry.Name, Metadata = metadata, Options = options }, content, cancellationToken: cancellationToken);
    }

    /// <summary>Reads a checkpoint.</summary>
    public async Task ReadCheckpointAsync(CheckpointEntry entry, Stream destination, CancellationToken cancellationToken)
    {
        var store = await _objects.GetObjectStoreAsync(Bucket, cancellationToken);
        await store.GetAsync(entry.Name, destination, leaveOpen: true, cancellationToken);
    }

    /// <summary>Deletes a checkpoint.</summary>
    public async Task DeleteCheckpointAsync(CheckpointEntry entry, CancellationToken cancellationToken)
    {
        var store = await _objects.GetObjectStoreAsync(Bucket, cancellationToken);
        await store.DeleteAsync(entry.Name, cancellationToken);
    }

    /// <summary>Asks the publisher.</summary>
    /// <exception cref="NatsException">Nobody answers.</exception>
    public async Task<Answer> AskAsync(Question question, TimeSpan atMost, CancellationToken cancellationToken)
    {
        var reply = await _connection.RequestAsync<byte[], byte[]>(Questions, question.ToByteArray(), replyOpts: new NatsSubOpts { Timeout = atMost }, cancellationToken: cancellationToken);
        return Answer.Parser.ParseFrom(reply.Data);
    }

    /// <summary>The questions that come, for ever.</summary>
    public async IAsyncEnumerable<AskedQuestion> ListenAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var message in _connection.SubscribeAsync<byte[]>(Questions, cancellationToken: cancellationToken))
        {
            // Also of what has the form of a question: replies go to those who wait for them, and nowhere else.
            if (message.ReplyTo?.StartsWith(Inbox + ".", StringComparison.Ordinal) != true || message.Data?.Length > LongestQuestion)
            {
                continue;
            }

            Question question;
            try
            {
                question = Question.Parser.ParseFrom(message.Data ?? []);
            }
            catch (InvalidProtocolBufferException)
            {
                // Not of a follower. Whoever sent it waits for nothing that could be answered.
                continue;
            }

            yield return new AskedQuestion(question, answer => message.ReplyAsync(answer.ToByteArray()));
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await _connection.DisposeAsync().AsTask().WaitAsync(Patience);
        }
        catch (Exception e) when (e is TimeoutException or NatsException)
        {
            // The server takes nothing, as far as is known, and is not waited for: what is not sent is sent again by the next service, or
            // not wanted any more.
            ReplicationLog.NotClosed(_logger, e.Message);
        }
    }

    /// <summary>Waits for a connection; it goes on connecting by itself.</summary>
    private async Task ConnectAsync(CancellationToken cancellationToken)
    {
        if (_connection.ConnectionState == NatsConnectionState.Open)
        {
            return;
        }

        try
        {
            await _connection.ConnectAsync().AsTask().WaitAsync(Patience, cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException or NatsException)
        {
            throw new TimeoutException(
                $"no NATS server of Nats:Url has taken the service within {Patience.TotalSeconds:F0} s: it is away, or refuses the user or the certificate (Nats:User, Nats:CredsFile, Nats:NKeyFile, Nats:CaFile). {e.Message}");
        }
    }

    private async Task<INatsJSStream?> FindStreamAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _jetStream.GetStreamAsync(_options.Name, cancellationToken: cancellationToken);
        }
        catch (NatsJSApiException e) when (e.Error.Code == 404)
        {
            return null;
        }
    }

    private static async Task<Frame?> ReadAsync(INatsJSStream stream, ulong first, ulong sequence, CancellationToken cancellationToken)
    {
        if (sequence < first || sequence == 0)
        {
            return null;
        }

        try
        {
            var response = await stream.GetAsync(new StreamMsgGetRequest { Seq = sequence }, cancellationToken);
            return Frame.Parser.ParseFrom(response.Message.Data.Span);
        }
        catch (InvalidProtocolBufferException)
        {
            // Somebody has put there what is no frame: what is before it cannot be gone on with.
            return null;
        }
        catch (NatsJSApiException e) when (e.Error.Code == 404)
        {
            // It has just been dropped, because it is too old.
            return null;
        }
    }

    /// <summary>Begins the subjects on which a user is answered: its own, so that the servers can keep each from what others are told.</summary>
    private static string InboxOf(string user) => user.Length > 0 && user.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_') ? $"{Inbox}.{user}" : Inbox;

    private static string? NullIfEmpty(string text) => text.Length == 0 ? null : text;
}

/// <summary>The end of the stream.</summary>
/// <param name="First">The sequence of the oldest part that is there.</param>
/// <param name="Last">The sequence of the last part that was put there.</param>
/// <param name="Frame">The last part of the last frame that is whole; null: there is none.</param>
internal sealed record StreamEnd(ulong First, ulong Last, Frame? Frame);

/// <summary>A checkpoint, as it is listed.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Chain">The chain whose counts it has.</param>
/// <param name="Sequence">The frames after it in the stream come after this sequence.</param>
internal sealed record CheckpointEntry(string Name, string Chain, ulong Sequence);

/// <summary>A question, and how it is answered.</summary>
internal sealed record AskedQuestion(Question Question, Func<Answer, ValueTask> ReplyAsync);

/// <summary>The stream has been deleted, or has lost frames that it had acknowledged.</summary>
internal sealed class StreamGoneException() : Exception("the stream, or its end, is gone.");

/// <summary>Another publisher has gone on in the stream.</summary>
internal sealed class FencedException() : Exception("the stream does not end with its last frame: another service publishes, or the stream has lost frames");
