using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace CacheService.Postgres.Embedded;

/// <summary>The private PostgreSQL that the service runs when it is given no connection string (section "Embedded").</summary>
public sealed class EmbeddedOptions
{
    public const string Section = "Embedded";

    /// <summary>The folder of the data, the password and the log; up to 1,000 characters.</summary>
    [Description("The folder of the data, the password and the log.")]
    [Required]
    [StringLength(1000, MinimumLength = 1)]
    public string DataDirectory { get; set; } = DataFolder.Default;

    /// <summary>Where initdb, pg_ctl and postgres are: their folder or its parent. Empty: PG_HOME, PATH, then the usual places.</summary>
    [Description("Where initdb, pg_ctl and postgres are: their folder or its parent. Without it: PG_HOME, PATH, then the usual places.")]
    [StringLength(1000)]
    public string? PgHome { get; set; }

    /// <summary>The port on 127.0.0.1. 0: a free one, the same at each start as long as it is free.</summary>
    [Description("The port on 127.0.0.1. 0: a free one, the same at each start as long as it is free.")]
    [Range(0, 65535)]
    public int Port { get; set; }

    /// <summary>How long the server may take to accept connections, crash recovery included.</summary>
    [Description("How long the server may take to accept connections, crash recovery included.")]
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan StartTimeout { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>How long the server may take to shut down cleanly before it is cut off.</summary>
    [Description("How long the server may take to shut down cleanly before it is cut off.")]
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan StopTimeout { get; set; } = TimeSpan.FromSeconds(3);
}

[OptionsValidator]
public sealed partial class EmbeddedOptionsValidator : IValidateOptions<EmbeddedOptions>;
