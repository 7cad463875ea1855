using System.Diagnostics;
using CacheService.Client;
using CacheService.LoadTests.Machine;
using Npgsql;

namespace CacheService.LoadTests.Freshness;

/// <summary>
/// Retweets one message now and then, and looks how long after the commit, as the writer was told of it, the new count shows: to a reader who
/// calls GetCounts again and again until it does, and to a watcher of that message.
/// </summary>
internal sealed class Probe : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    // A reader that calls again at once, and the service that answers it, keep two processors busy, for which PostgreSQL then has to wait: up to 70 ms were seen.
    private static readonly TimeSpan ReadPause = TimeSpan.FromMilliseconds(1);

    private readonly NpgsqlConnection _connection;
    private readonly NpgsqlCommand _insert;
    private readonly TweetCountsClient _reader;
    private readonly ProbeWatcher _watcher;
    private readonly long _messageId;
    private long _retweets;

    private Probe(NpgsqlConnection connection, NpgsqlCommand insert, TweetCountsClient reader, ProbeWatcher watcher, long messageId, long retweets) =>
        (_connection, _insert, _reader, _watcher, _messageId, _retweets) = (connection, insert, reader, watcher, messageId, retweets);

    public static async Task<Probe> StartAsync(LoadDatabase database, MeasuredService service, long messageId, CancellationToken cancellationToken)
    {
        var connection = await database.OpenAsync(cancellationToken);
        var insert = new NpgsqlCommand("insert into tweet.activity (messageid, action) values ($1, 'rt')", connection) { Parameters = { new NpgsqlParameter<long> { TypedValue = messageId } } };
        await insert.PrepareAsync(cancellationToken);
        var watcher = await ProbeWatcher.StartAsync(service, messageId, cancellationToken);
        var answer = await service.Client.GetCountsAsync(messageId, ReadRequirement.Strong, cancellationToken);
        return new Probe(connection, insert, service.Client, watcher, messageId, answer.Counts.Retweets);
    }

    /// <summary>One retweet: milliseconds until GetCounts showed it, and until it came to the watcher. Zero: not later than the writer heard of its commit.</summary>
    public async Task<(double Visible, double Watched)> MeasureAsync(CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            var wanted = ++_retweets;
            var arrival = _watcher.WaitAsync(wanted, patience.Token);
            // The reader calls all the while, so that what is measured is not when it begins to.
            var sight = ReadUntilAsync(wanted, patience.Token);
            await _insert.ExecuteNonQueryAsync(patience.Token);
            var committed = Stopwatch.GetTimestamp();
            return (Since(committed, await sight), Since(committed, await arrival));
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new LoadTestException($"a commit was not seen within {Patience.TotalSeconds} seconds");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _watcher.DisposeAsync();
        await _insert.DisposeAsync();
        await _connection.DisposeAsync();
    }

    private async Task<long> ReadUntilAsync(long retweets, CancellationToken cancellationToken)
    {
        while ((await _reader.GetCountsAsync(_messageId, cancellationToken: cancellationToken)).Counts.Retweets < retweets)
        {
            // Timers are late by another millisecond; sleep is not.
            await Task.Run(() => Thread.Sleep(ReadPause), cancellationToken);
        }

        return Stopwatch.GetTimestamp();
    }

    private static double Since(long committed, long seen) => Math.Max(0, Stopwatch.GetElapsedTime(committed, seen).TotalMilliseconds);
}
