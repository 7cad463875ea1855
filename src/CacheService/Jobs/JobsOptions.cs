using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace CacheService.Jobs;

/// <summary>Work on a schedule: the section <c>Jobs</c>.</summary>
internal sealed class JobsOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "Jobs";

    /// <summary>Whether this service runs jobs.</summary>
    [Description("Whether this service runs jobs, and answers what is asked about them. Its role needs: grant twcache_jobs. It takes 3 connections more than Database:MaxConnections, and one for each run.")]
    public bool Enabled { get; set; }

    /// <summary>How many runs this service has under way at most.</summary>
    [Description("How many runs this service has under way at most. What is due then, another service runs, or this one later.")]
    [Range(1, 100)]
    public int MaxRuns { get; set; } = 4;

    /// <summary>How long a service may be silent before its runs are taken for lost.</summary>
    [Description("How long a service may be silent, frozen or cut off, before the others take its runs for lost, end their sessions and resume them. A service that has died is noticed at once.")]
    [Range(typeof(TimeSpan), "00:00:02", "00:10:00")]
    public TimeSpan LostAfter { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>For how long runs are kept.</summary>
    [Description("For how long runs are kept after their end, with their items, logs and outputs.")]
    [Range(typeof(TimeSpan), "01:00:00", "3650.00:00:00")]
    public TimeSpan KeepFor { get; set; } = TimeSpan.FromDays(90);

    /// <summary>How many runs of a job are kept at most.</summary>
    [Description("How many runs of a job are kept at most, the latest ones.")]
    [Range(10, 1_000_000)]
    public int KeepRuns { get; set; } = 10_000;
}

[OptionsValidator]
internal sealed partial class JobsOptionsValidator : IValidateOptions<JobsOptions>;
