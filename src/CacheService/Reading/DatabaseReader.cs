using CacheService.Counts;
using CacheService.Metrics;
using CacheService.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CacheService.Reading;

/// <summary>
/// The reads that go round the cache: each counts its messages in the tables, at a snapshot that is taken after it arrived, and so meets every requirement but one,
/// that of a transaction which has not ended. They need no feed and no load. Because the database pays for them, they are few: in a second, at a time, and in the number of
/// their messages. What cannot be answered ends in a <see cref="ReadRefusedException"/>. Thread-safe.
/// </summary>
internal sealed class DatabaseReader(
    PostgresConnections connections, DatabaseAddress address, ITransactionIds transactions, IOptions<LimitsOptions> limits, IOptions<DatabaseOptions> database, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(200);

    private readonly LimitsOptions _limits = limits.Value;
    private readonly DatabaseReadRate _rate = new(limits.Value.DatabaseReadsPerSecond);
    private readonly int _most = database.Value.TableReads;
    private readonly SemaphoreSlim _turns = new(database.Value.TableReads);

    /// <summary>What a read is waiting for.</summary>
    private enum Obstacle
    {
        OtherReads,
        Connection,
        Locks,
        Work,
        Transaction,
    }

    /// <summary>One message's counts.</summary>
    public async Task<DatabaseReading> ReadAsync(long messageId, ReadTerms terms)
    {
        Instruments.Reads.Increment(ReadMethod.GetCounts, ReadKind.Database);
        var reading = await RunAsync([ReadChecks.MessageId(messageId)], terms, static (_, reading, _) => Task.FromResult(reading));
        return reading.Counts.ContainsKey(messageId) ? reading : throw ReadRefusedException.NoSuchMessage(messageId);
    }

    /// <summary>Some messages' counts, all at one snapshot; some may be missing.</summary>
    public Task<DatabaseReading> ReadManyAsync(IList<long> messageIds, ReadTerms terms)
    {
        Instruments.Reads.Increment(ReadMethod.BatchGetCounts, ReadKind.Database);
        return RunAsync(ReadChecks.MessageIds(messageIds, _limits.MaxIdsPerDatabaseRead), terms, static (_, reading, _) => Task.FromResult(reading));
    }

    /// <summary>A message's author, text and counts, all at one snapshot.</summary>
    public async Task<(MessageText Text, DatabaseReading Reading)> ReadMessageAsync(long messageId, ReadTerms terms)
    {
        Instruments.Reads.Increment(ReadMethod.GetMessage, ReadKind.Database);
        var withTime = true;
        return await RunAsync([ReadChecks.MessageId(messageId)], terms, async (connection, reading, cancellationToken) =>
        {
            try
            {
                var text = await MessageTexts.ReadAsync(connection, messageId, _limits.MaxTextBytes, withTime, cancellationToken);
                return text is not null && reading.Counts.ContainsKey(messageId) ? (text, reading) : throw ReadRefusedException.NoSuchMessage(messageId);
            }
            catch (PostgresException e) when (withTime && MessageTexts.IsAboutTime(e))
            {
                withTime = false;
                throw new TransactionOverException(e);
            }
        });
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _rate.Dispose();
        _turns.Dispose();
    }

    /// <summary>Counts, and reads on at the same snapshot, again and again until neither a lock nor a transaction stands in the way.</summary>
    private async Task<T> RunAsync<T>(long[] messageIds, ReadTerms terms, Func<NpgsqlConnection, DatabaseReading, CancellationToken, Task<T>> readOn)
    {
        if (address.IsNone)
        {
            throw ReadRefusedException.NoDatabase();
        }

        _rate.Pass();
        var limit = ReadDeadline.LimitOf(terms.Deadline, _limits.MaxReadWait, time);
        var xid = (terms.Requirement as ReadRequirement.AtLeastXid)?.Xid;
        var counts = new TableCounts(messageIds, xid, limit, time);
        var (obstacle, isAssigned) = (Obstacle.OtherReads, false);
        using var limited = CancellationTokenSource.CreateLinkedTokenSource(terms.Cancelled);
        limited.CancelAfter(limit);
        try
        {
            for (var pause = FirstPause; ; pause = pause * 2 < LongestPause ? pause * 2 : LongestPause)
            {
                await _turns.WaitAsync(limited.Token);
                try
                {
                    obstacle = obstacle == Obstacle.OtherReads ? Obstacle.Connection : obstacle;
                    var (isRead, result) = await connections.ReadTextsAtOneSnapshotAsync(AttemptAsync, limited.Token);
                    if (isRead)
                    {
                        return result!;
                    }

                    obstacle = Obstacle.Transaction;
                }
                catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.LockNotAvailable)
                {
                    obstacle = Obstacle.Locks;
                }
                catch (TransactionOverException)
                {
                    // Once more, in another one.
                }
                catch (ObjectDisposedException) when (!terms.Cancelled.IsCancellationRequested)
                {
                    // The service has found another primary, and opens connections there.
                    obstacle = Obstacle.Connection;
                }
                finally
                {
                    _turns.Release();
                }

                if (obstacle == Obstacle.Transaction && !isAssigned)
                {
                    await transactions.RequireAssignedAsync(xid!.Value, limited.Token);
                    isAssigned = true;
                }

                await Task.Delay(pause, time, limited.Token);
            }
        }
        catch (Exception e) when (!terms.Cancelled.IsCancellationRequested && (e is OperationCanceledException or PostgresException { SqlState: PostgresErrorCodes.QueryCanceled }))
        {
            throw Refuse(obstacle, limit, xid);
        }

        async Task<(bool IsRead, T? Result)> AttemptAsync(NpgsqlConnection connection)
        {
            // Its first statement asks for locks. Whoever has waited for a transaction until now, still does.
            obstacle = obstacle == Obstacle.Transaction ? obstacle : Obstacle.Locks;
            var reading = await counts.ReadAsync(connection, () => obstacle = Obstacle.Work, limited.Token);
            return reading is null ? (false, default) : (true, await readOn(connection, reading, limited.Token));
        }
    }

    private ReadRefusedException Refuse(Obstacle obstacle, TimeSpan limit, ulong? xid)
    {
        var within = $"within {limit.TotalSeconds:F1} s";
        return obstacle switch
        {
            Obstacle.OtherReads => new ReadRefusedException(
                ReadRefusal.TooManyDatabaseReads,
                $"{_most} reads that go round the cache are under way, as many as there may be at a time, and this one's turn did not come {within}; try again, or read the cache, without source"),
            Obstacle.Work => new ReadRefusedException(
                ReadRefusal.DatabaseReadTooLong,
                $"the database did not sum the activity of these messages {within}; ask for fewer at a time, allow more time (a deadline, Limits:MaxReadWait), or read the cache, without source"),
            Obstacle.Locks => new ReadRefusedException(
                ReadRefusal.DatabaseUnavailable,
                $"the tables were not to be had {within}: other transactions hold locks on them (see pg_locks); try again, or read the cache, without source"),
            Obstacle.Transaction => ReadRefusedException.InProgress(xid!.Value),
            _ => new ReadRefusedException(ReadRefusal.DatabaseUnavailable, $"the database was not to be had {within}; try again, or read the cache, without source"),
        };
    }

    /// <summary>An error has ended the transaction, and another one will do.</summary>
    private sealed class TransactionOverException(Exception inner) : Exception(inner.Message, inner);
}

/// <summary>Some messages' counts from the tables, all at one snapshot.</summary>
/// <param name="MessageIds">The messages that were asked for.</param>
/// <param name="Counts">Those of them that exist. The tables know no revisions.</param>
/// <param name="TakenAt">A <see cref="TimeProvider"/> timestamp from before the snapshot was taken: whatever was committed by then is included.</param>
internal sealed record DatabaseReading(long[] MessageIds, IReadOnlyDictionary<long, MessageCounts> Counts, long TakenAt);
