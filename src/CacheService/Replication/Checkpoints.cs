using System.IO.Pipelines;
using CacheService.Counts;
using CacheService.Feed;
using CacheService.Reading;
using Google.Protobuf;
using Microsoft.Extensions.Options;
using TweetCounts.V1;

namespace CacheService.Replication;

/// <summary>All counts of a chain, written to the broker for followers to begin at, and read by them.</summary>
internal sealed class Checkpoints(Broker broker, IOptions<CountsOptions> counted, IOptions<LimitsOptions> limits)
{
    private const int EntriesPerPart = 8192;

    private static readonly TimeSpan LongestStandstill = TimeSpan.FromSeconds(10);

    /// <summary>An empty store, for a chain.</summary>
    public CountsStore NewStore() => new(limits.Value.MaxTombstones);

    /// <summary>Begins a chain at the latest checkpoint from which the stream goes on.</summary>
    /// <returns>Null: there is none.</returns>
    /// <exception cref="ChainEndedException">This service cannot follow it.</exception>
    /// <exception cref="UnreadableException">None of them can be read.</exception>
    public async Task<Chain?> LoadAsync(CancellationToken cancellationToken)
    {
        Exception? latest = null;
        foreach (var entry in await FindAsync(cancellationToken))
        {
            try
            {
                return await ReadAsync(entry, cancellationToken);
            }
            catch (Exception e) when (e is not ChainEndedException && !cancellationToken.IsCancellationRequested)
            {
                // Parts of it are missing, which is what the one before it is kept for. Or the servers are away: then this fails as well.
                await broker.ReadEndAsync(cancellationToken);
                latest ??= e;
            }
        }

        return latest is null ? null : throw new UnreadableException(latest);
    }

    /// <summary>Whether there is one.</summary>
    public async Task<bool> ExistsAsync(CancellationToken cancellationToken) => (await FindAsync(cancellationToken)).Count > 0;

    /// <summary>Writes what a chain is at.</summary>
    public async Task WriteAsync(Chain chain, CancellationToken cancellationToken)
    {
        var entry = new CheckpointEntry($"{chain.Name}-{chain.Number}", chain.Name, chain.Sequence);
        var pipe = new Pipe();
        var writing = Task.Run(() => Write(pipe.Writer, chain), CancellationToken.None);
        var content = pipe.Reader.AsStream();
        try
        {
            await broker.WriteCheckpointAsync(entry, content, cancellationToken);
        }
        finally
        {
            // Where the broker has failed, the writer must not wait for it.
            await pipe.Reader.CompleteAsync();
            await writing;
        }
    }

    /// <summary>Deletes those of earlier chains, and of a chain all but the last two, the older of which a follower may just be reading.</summary>
    public async Task CleanUpAsync(string chain, CancellationToken cancellationToken)
    {
        var all = await broker.ListCheckpointsAsync(cancellationToken);
        var kept = all.Where(entry => entry.Chain == chain).OrderByDescending(entry => entry.Sequence).Take(2).ToList();
        // What comes later in the stream, is of another publisher.
        foreach (var entry in all.Except(kept).Where(entry => kept.Count > 0 && entry.Sequence <= kept[^1].Sequence))
        {
            await broker.DeleteCheckpointAsync(entry, cancellationToken);
        }
    }

    /// <summary>Those from which the stream goes on, the latest first.</summary>
    private async Task<IReadOnlyList<CheckpointEntry>> FindAsync(CancellationToken cancellationToken) =>
        await broker.ReadEndAsync(cancellationToken) is not { Frame: { } last } end
            ? []
            : [.. (await broker.ListCheckpointsAsync(cancellationToken))
                .Where(entry => entry.Chain == last.Chain && entry.Sequence + 1 >= end.First && entry.Sequence <= end.Last)
                .OrderByDescending(entry => entry.Sequence)];

    private async Task<Chain> ReadAsync(CheckpointEntry entry, CancellationToken cancellationToken)
    {
        var pipe = new Pipe();
        var read = new Progress();
        var reading = Task.Run(() => Read(pipe.Reader, read), CancellationToken.None);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Exception? failure = null;
        try
        {
            // One that was deleted meanwhile has no end.
            var downloading = broker.ReadCheckpointAsync(entry, pipe.Writer.AsStream(leaveOpen: true), ending.Token);
            for (var before = -1L; await Task.WhenAny(downloading, Task.Delay(LongestStandstill, cancellationToken)) != downloading; before = read.Parts)
            {
                if (before == read.Parts)
                {
                    await ending.CancelAsync();
                }
            }

            await downloading;
        }
        catch (Exception e)
        {
            failure = e;
            throw;
        }
        finally
        {
            await pipe.Writer.CompleteAsync(failure);
            await ((Task)reading).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return await reading;
    }

    private void Write(PipeWriter writer, Chain chain)
    {
        Exception? failure = null;
        try
        {
            using var stream = writer.AsStream(leaveOpen: true);
            var version = chain.Store.Version!;
            var removed = chain.Store.Tombstones.All();
            var header = new CheckpointHeader
            {
                Chain = chain.Name,
                Tenure = chain.Tenure,
                Number = chain.Number,
                Sequence = chain.Sequence,
                Snapshot = chain.Snapshot,
                Revision = version.Revision,
                LogIdentity = chain.LogIdentity,
                Messages = version.Messages,
                Removed = removed.Count,
                RemovedForgottenTo = chain.Store.Tombstones.ForgottenTo,
                HasDays = version.Days is not null,
                DayTimeZone = counted.Value.TimeZone,
            };
            header.Days.AddRange((version.Days?.All() ?? []).Select(Frames.Day));
            header.WriteDelimitedTo(stream);
            foreach (var chunk in removed.Chunk(EntriesPerPart))
            {
                var part = new CheckpointPart();
                part.Removed.AddRange(chunk.Select(message => message.MessageId));
                part.RemovedRevisions.AddRange(chunk.Select(message => message.Revision));
                part.WriteDelimitedTo(stream);
            }

            foreach (var chunk in chain.Store.ReadChangedAfter(0).Chunk(EntriesPerPart))
            {
                var columns = new CountColumns();
                foreach (var (messageId, counts) in chunk)
                {
                    columns.MessageIds.Add(messageId);
                    columns.Retweets.Add(counts.Retweets);
                    columns.Likes.Add(counts.Likes);
                    columns.Revisions.Add(counts.Revision);
                }

                new CheckpointPart { Counts = columns }.WriteDelimitedTo(stream);
            }
        }
        catch (Exception e)
        {
            failure = e;
        }

        writer.Complete(failure);
    }

    private Chain Read(PipeReader reader, Progress progress)
    {
        Exception? failure = null;
        try
        {
            using var stream = reader.AsStream(leaveOpen: true);
            var header = CheckpointHeader.Parser.ParseDelimitedFrom(stream);
            if (header.HasDays && header.DayTimeZone != counted.Value.TimeZone)
            {
                throw new ChainEndedException($"the publisher counts days in {header.DayTimeZone}, and this service is set to {counted.Value.TimeZone}: set Counts:TimeZone to the same on both");
            }

            var (table, tombstones) = (new CountsTable(), new Tombstones(limits.Value.MaxTombstones));
            tombstones.Forget(header.RemovedForgottenTo);
            var missing = header.Removed;
            while (table.Count < header.Messages || missing > 0)
            {
                var part = CheckpointPart.Parser.ParseDelimitedFrom(stream);
                progress.Count();
                for (var i = 0; i < part.Removed.Count; i++)
                {
                    tombstones.Add(part.Removed[i], part.RemovedRevisions[i]);
                }

                missing -= part.Removed.Count;
                for (var i = 0; i < part.Counts?.MessageIds.Count; i++)
                {
                    table.Set(part.Counts.MessageIds[i], new MessageCounts(part.Counts.Retweets[i], part.Counts.Likes[i], part.Counts.Revisions[i]));
                }
            }

            table.EndFilling();
            var days = header.HasDays ? Counts.DailyCounts.Empty.Add([.. header.Days.Select(Frames.Day)]) : null;
            var store = NewStore();
            // Nothing is known of its age yet.
            store.Restore(table, tombstones, new CountsVersion(header.Chain, header.Revision, table.Count, PgSnapshot.Parse(header.Snapshot), TakenAt: long.MinValue) { Days = days });
            return new Chain(store, header);
        }
        catch (Exception e)
        {
            failure = e;
            throw;
        }
        finally
        {
            // Where it cannot be read, nobody waits for the rest.
            reader.Complete(failure);
        }
    }

    /// <summary>How much has been read by now.</summary>
    private sealed class Progress
    {
        private long _parts;

        public long Parts => Volatile.Read(ref _parts);

        public void Count() => Interlocked.Increment(ref _parts);
    }

    /// <summary>There are checkpoints, and none can be read.</summary>
    internal sealed class UnreadableException(Exception innerException) : Exception($"no checkpoint can be read ({innerException.Message})", innerException);
}
