using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace CacheService.Auditing;

/// <summary>How the counts are audited against the tables: the section <c>Audit</c>.</summary>
internal sealed class AuditOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "Audit";

    /// <summary>The pause between one audit's end and the next one's start; 0: only on request.</summary>
    [Description("The pause between one audit's end and the next one's start. 0: audits run on request only.")]
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00")]
    public TimeSpan Interval { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>The share of its time for which an audit asks the database; the rest it pauses.</summary>
    [Description("The share of its time for which an audit asks the database; the rest it pauses. An audit that somebody waits for does not pause.")]
    [Range(0.01, 1)]
    public double MaxLoad { get; set; } = 0.25;

    /// <summary>The longest that the count of one message's activity may take.</summary>
    [Description("The longest that the count of one message's activity may take: one that takes longer is left out of the audit, which reports it.")]
    [Range(typeof(TimeSpan), "00:00:00.001", "1.00:00:00")]
    public TimeSpan MaxMessageTime { get; set; } = TimeSpan.FromMinutes(10);
}

[OptionsValidator]
internal sealed partial class AuditOptionsValidator : IValidateOptions<AuditOptions>;
