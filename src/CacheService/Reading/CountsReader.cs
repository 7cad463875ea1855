using System.Buffers;
using CacheService.Counts;
using CacheService.Feed;
using CacheService.Metrics;
using Microsoft.Extensions.Options;

namespace CacheService.Reading;

/// <summary>
/// The reads that every API offers: each is checked, held back until the store meets what it asks for, and answered from the store. What cannot be answered ends in
/// a <see cref="ReadRefusedException"/>. Thread-safe.
/// </summary>
internal sealed class CountsReader(
    CountsStore store, TopCounts topCounts, TextCache texts, FeedStatus status, ReadGate gate, IOptions<LimitsOptions> limits, IOptions<CountsOptions> counted, TimeProvider time)
{
    /// <summary>Ten years: what an answer may have without being too large.</summary>
    private const int MostDays = 3660;

    private readonly LimitsOptions _limits = limits.Value;

    /// <summary>One message's counts, as they are.</summary>
    public CountsReading Read(long messageId)
    {
        Instruments.Reads.Increment(ReadMethod.GetCounts, ReadKind.None);
        return Look(messageId);
    }

    /// <summary>One message's counts, once the terms are met.</summary>
    public async Task<CountsReading> ReadAsync(long messageId, ReadTerms terms)
    {
        Instruments.Reads.Increment(ReadMethod.GetCounts, terms.Kind);
        ReadChecks.MessageId(messageId);
        await PassAsync(terms);
        return Look(messageId);
    }

    /// <summary>Many messages' counts, all of one version, once the terms are met.</summary>
    /// <param name="messageIds">The messages; some may be missing.</param>
    /// <param name="terms">What it asks for.</param>
    public async ValueTask<BatchReading> ReadManyAsync(IList<long> messageIds, ReadTerms terms)
    {
        Instruments.Reads.Increment(ReadMethod.BatchGetCounts, terms.Kind);
        var ids = ReadChecks.MessageIds(messageIds, _limits.MaxIdsPerRequest);
        await PassAsync(terms);

        // Pooled: for many messages it is among the large objects, which are dear to collect.
        var counts = ArrayPool<MessageCounts?>.Shared.Rent(ids.Length);
        return new BatchReading(ids, counts, store.ReadMany(ids, counts) ?? throw NotLoaded());
    }

    /// <summary>The messages with the highest counts, highest first.</summary>
    /// <param name="order">What they are ranked by.</param>
    /// <param name="limit">How many; 0 for the default.</param>
    /// <param name="cancellationToken">The caller gave up.</param>
    public async Task<TopList> ReadTopAsync(TopOrder order, int limit, CancellationToken cancellationToken)
    {
        Instruments.Reads.Increment(ReadMethod.ListTopCounts, ReadKind.None);
        var most = ReadChecks.TopLimit(limit, _limits.MaxTopCounts);
        RequireLoaded();
        var top = await topCounts.GetAsync(order, cancellationToken);
        return top with { Messages = [.. top.Messages.Take(most)] };
    }

    /// <summary>What happened on each day of a range, once the terms are met.</summary>
    /// <param name="from">Its first day, as in 2026-11-29; empty: the first that there is.</param>
    /// <param name="to">Its last day; empty: the last that there is.</param>
    /// <param name="terms">What it asks for.</param>
    public async Task<DaysReading> ReadDaysAsync(string from, string to, ReadTerms terms)
    {
        Instruments.Reads.Increment(ReadMethod.ListDailyCounts, terms.Kind);
        var (first, last) = (ReadChecks.Day(from, "from", DateOnly.MinValue), ReadChecks.Day(to, "to", DateOnly.MaxValue));
        if (first > last)
        {
            throw ReadRefusedException.BadRequest("from is a later day than to; name the first day, then the last");
        }

        if (terms.FromDatabase)
        {
            throw ReadRefusedException.BadRequest("source is READ_SOURCE_DATABASE, and days come from the cache only, because the database would read all activity for them; leave it out (AuditNow compares the days with the tables)");
        }

        await PassAsync(terms);
        var version = store.Version!;
        var days = (version.Days ?? throw ReadRefusedException.NoDays()).Between(first, last, MostDays, out var all);
        return all <= MostDays
            ? new DaysReading(days, counted.Value.TimeZone, version)
            : throw ReadRefusedException.BadRequest($"{all} days with activity lie in this range; ask for at most {MostDays} at a time, by from and to");
    }

    /// <summary>A message's author, text and counts, once the terms are met.</summary>
    public async Task<MessageReading> ReadMessageAsync(long messageId, ReadTerms terms, CancellationToken cancellationToken)
    {
        Instruments.Reads.Increment(ReadMethod.GetMessage, terms.Kind);
        ReadChecks.MessageId(messageId);
        await PassAsync(terms);
        Look(messageId);
        var text = await texts.GetAsync(messageId, cancellationToken) ?? throw ReadRefusedException.NoSuchMessage(messageId);

        // Read last, so that the counts are no older than the answer.
        var (_, counts, version) = Look(messageId);
        return new MessageReading(messageId, text, counts, version);
    }

    private CountsReading Look(long messageId)
    {
        ReadChecks.MessageId(messageId);
        var version = store.Read(messageId, out var counts) ?? throw NotLoaded();
        return new CountsReading(messageId, counts ?? throw ReadRefusedException.NoSuchMessage(messageId), version);
    }

    private ValueTask PassAsync(ReadTerms terms)
    {
        RequireLoaded();
        return terms.Requirement is null
            ? ValueTask.CompletedTask
            : new ValueTask(gate.PassAsync(terms.Requirement, ReadDeadline.LimitOf(terms.Deadline, _limits.MaxReadWait, time), terms.Cancelled));
    }

    private void RequireLoaded()
    {
        if (store.Version is null)
        {
            throw NotLoaded();
        }
    }

    private ReadRefusedException NotLoaded() => ReadRefusedException.NotLoaded(status.Condition.Detail);
}

/// <summary>One message's counts, and the version they are of.</summary>
internal readonly record struct CountsReading(long MessageId, MessageCounts Counts, CountsVersion Version);

/// <summary>Some messages' counts, all of one version. To be disposed of, once, when they have been taken.</summary>
internal readonly struct BatchReading(long[] messageIds, MessageCounts?[] pooled, CountsVersion version) : IDisposable
{
    /// <summary>The messages that were asked for.</summary>
    public ReadOnlySpan<long> MessageIds => messageIds;

    /// <summary>Their counts; null for those that are missing.</summary>
    public ReadOnlySpan<MessageCounts?> Counts => pooled.AsSpan(0, messageIds.Length);

    /// <summary>What the counts are of.</summary>
    public CountsVersion Version => version;

    /// <inheritdoc/>
    public void Dispose() => ArrayPool<MessageCounts?>.Shared.Return(pooled);
}

/// <summary>What happened on some days, by day, in which time zone those are, and the version they are of.</summary>
internal sealed record DaysReading(IReadOnlyList<DayCounts> Days, string TimeZone, CountsVersion Version);

/// <summary>A message with its counts, and the version they are of.</summary>
internal sealed record MessageReading(long MessageId, MessageText Text, MessageCounts Counts, CountsVersion Version);

/// <summary>What a read asks for beyond "the cache as it is", and for how long it waits for that. The default asks for nothing, and waits for nothing.</summary>
/// <param name="Requirement">What it asks for; null: nothing.</param>
/// <param name="Deadline">When its caller gives up, in UTC; or <see cref="ReadDeadline.None"/>.</param>
/// <param name="Cancelled">Its caller gave up.</param>
/// <param name="FromDatabase">Whether it goes round the cache, and is for <see cref="DatabaseReader"/>.</param>
internal readonly record struct ReadTerms(ReadRequirement? Requirement, DateTime Deadline, CancellationToken Cancelled, bool FromDatabase = false)
{
    /// <summary>What kind of read it is.</summary>
    public ReadKind Kind => FromDatabase ? ReadKind.Database : Requirement?.Kind ?? ReadKind.None;
}
