using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace CacheService.Watching;

/// <summary>What subscriptions may cost: the section <c>Watch</c>.</summary>
internal sealed class SubscriptionOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "Watch";

    /// <summary>How long a stream that ends, because the service stops or for an error, waits for a client that takes nothing.</summary>
    public static readonly TimeSpan PatienceAtTheEnd = TimeSpan.FromSeconds(1);

    /// <summary>The most subscriptions at a time.</summary>
    [Description("The most subscriptions at a time.")]
    [Range(1, 1_000_000)]
    public int MaxSubscriptions { get; set; } = 10_000;

    /// <summary>The most message ids in one subscription; more is a subscription of all.</summary>
    [Description("The most message ids in one subscription; more is a subscription of all.")]
    [Range(1, 1_000_000)]
    public int MaxIdsPerSubscription { get; set; } = 10_000;

    /// <summary>The most message ids in all subscriptions together: some 200 bytes each.</summary>
    [Description("The most message ids in all subscriptions together, each as often as it is watched: some 200 bytes each. A subscription of all counts as none.")]
    [Range(1, 100_000_000)]
    public int MaxWatchedIds { get; set; } = 5_000_000;

    /// <summary>A client that has not read for so long is ended.</summary>
    [Description("A client that has not read for so long is ended.")]
    [Range(typeof(TimeSpan), "00:00:00.100", "01:00:00")]
    public TimeSpan StuckClientTimeout { get; set; } = TimeSpan.FromSeconds(30);
}

[OptionsValidator]
internal sealed partial class SubscriptionOptionsValidator : IValidateOptions<SubscriptionOptions>;
