using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace CacheService.Reading;

/// <summary>What requests, callers and connections may cost: the section <c>Limits</c>.</summary>
internal sealed class LimitsOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "Limits";

    /// <summary>The most message ids in one request.</summary>
    [Description("The most message ids in one request.")]
    [Range(1, 100_000)]
    public int MaxIdsPerRequest { get; set; } = 10_000;

    /// <summary>The most messages that ListTopCounts answers with.</summary>
    [Description("The most messages that ListTopCounts answers with.")]
    [Range(1, 10_000)]
    public int MaxTopCounts { get; set; } = 1_000;

    /// <summary>How long the answer of ListTopCounts is kept.</summary>
    [Description("How long the answer of ListTopCounts is kept.")]
    [Range(typeof(TimeSpan), "00:00:00.010", "00:01:00")]
    public TimeSpan TopCountsExpiration { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a read with a requirement, or one that goes round the cache, waits at most, whatever its deadline.</summary>
    [Description("How long a read with a requirement, or one that goes round the cache, waits at most, whatever its deadline.")]
    [Range(typeof(TimeSpan), "00:00:00.100", "00:10:00")]
    public TimeSpan MaxReadWait { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How many messages' texts are kept in memory.</summary>
    [Description("How many messages' texts are kept in memory.")]
    [Range(1, 10_000_000)]
    public int CachedMessages { get; set; } = 10_000;

    /// <summary>How long a message's text is kept in memory: a changed text shows after that.</summary>
    [Description("How long a message's text is kept in memory: a changed text shows after that.")]
    [Range(typeof(TimeSpan), "00:00:00.010", "1.00:00:00")]
    public TimeSpan MessageExpiration { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>The most bytes of a message's author and text together.</summary>
    [Description("The most bytes of a message's author and text together, as GetMessage answers with them; clients of gRPC take no answer beyond 4 MB unless told to.")]
    [Range(1_000, 1_000_000_000)]
    public int MaxTextBytes { get; set; } = 4_000_000;

    /// <summary>How many deleted messages are remembered, for subscriptions that resume.</summary>
    [Description("How many deleted messages are remembered, for subscriptions that resume: those that were away for longer begin anew.")]
    [Range(0, 10_000_000)]
    public int MaxTombstones { get; set; } = 100_000;

    /// <summary>The most bytes in one request message: a longer one is refused unread.</summary>
    [Description("The most bytes in one request message: a longer one is refused unread.")]
    [Range(1_000, 100_000_000)]
    public int MaxRequestBytes { get; set; } = 1_048_576;

    /// <summary>The most connections to each endpoint.</summary>
    [Description("The most connections to each endpoint.")]
    [Range(1, 1_000_000)]
    public int MaxConnections { get; set; } = 20_000;

    /// <summary>The most calls at a time on one connection: beyond it clients open another, or wait without a word.</summary>
    [Description("The most calls at a time on one connection. Beyond it some clients open another connection, and the others wait without a word: keep it above Watch:MaxSubscriptions, which is refused in words.")]
    [Range(1, 1_000_000)]
    public int MaxStreamsPerConnection { get; set; } = 12_000;

    /// <summary>The most calls a second, watches begun and each read of a stream among them, of one caller: an API key, a client certificate, or else a remote address. 0: no limit.</summary>
    [Description("The most calls a second, watches begun and each read of a stream among them, of one caller: an API key, a client certificate, or else a remote address. 0: no limit.")]
    [Range(0, 1_000_000)]
    public int CallsPerSecond { get; set; }

    /// <summary>The most reads a second, of all callers together, that go round the cache (source = READ_SOURCE_DATABASE). 0: none is allowed.</summary>
    [Description("The most reads a second, of all callers together, that go round the cache (source = READ_SOURCE_DATABASE). 0: none is allowed.")]
    [Range(0, 1_000_000)]
    public int DatabaseReadsPerSecond { get; set; } = 50;

    /// <summary>The most message ids in one read that goes round the cache.</summary>
    [Description("The most message ids in one read that goes round the cache: the activity of each is summed by the database.")]
    [Range(1, 10_000)]
    public int MaxIdsPerDatabaseRead { get; set; } = 100;

    /// <summary>A connection whose client answers no HTTP/2 ping for so long is ended.</summary>
    [Description("A connection whose client answers no HTTP/2 ping for so long is ended.")]
    [Range(typeof(TimeSpan), "00:00:02", "01:00:00")]
    public TimeSpan DeadClientTimeout { get; set; } = TimeSpan.FromSeconds(30);
}

[OptionsValidator]
internal sealed partial class LimitsOptionsValidator : IValidateOptions<LimitsOptions>;
