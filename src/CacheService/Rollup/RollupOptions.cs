using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace CacheService.Rollup;

/// <summary>How the counts are written back to the database: the section <c>Rollup</c>.</summary>
internal sealed class RollupOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "Rollup";

    /// <summary>How often the counts are written back; 0: never.</summary>
    [Description("How often the counts are written back to the database (twcache.counters), from where a cache starts in seconds and SQL reads current counts; sooner when much has changed. 0: never.")]
    [Range(typeof(TimeSpan), "00:00:00", "00:10:00")]
    public TimeSpan Interval { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long changes go on being recorded when no cache runs any more, so that the next one need not count all activity.</summary>
    [Description("How long changes go on being recorded when no cache runs any more, so that the next one need not count all activity. Whole seconds.")]
    [Range(typeof(TimeSpan), "00:00:30", "01:00:00")]
    public TimeSpan KeepFor { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>Where more changes than this were recorded since the counts were written back, a cache counts all activity instead.</summary>
    [Description("Where more changes than this were recorded since the counts were written back, a cache that starts counts all activity instead.")]
    [Range(0, 1_000_000_000)]
    public int MaxPendingRows { get; set; } = 5_000_000;

    /// <summary><see cref="KeepFor"/>, and not shorter than it takes until the next rollup may come.</summary>
    internal TimeSpan EffectiveKeepFor => KeepFor > 3 * Interval ? KeepFor : 3 * Interval;
}

[OptionsValidator]
internal sealed partial class RollupOptionsValidator : IValidateOptions<RollupOptions>;
