using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace CacheService.Feed;

/// <summary>How the cache follows the database: the section <c>Feed</c>.</summary>
internal sealed class FeedOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "Feed";

    /// <summary>Whom the cache follows.</summary>
    [Description("Whom the cache follows: Postgres, the database; or Nats, a service that publishes its counts there (Nats:Url). That needs no connection to the database.")]
    [EnumDataType(typeof(FeedSource))]
    public FeedSource Source { get; set; }

    /// <summary>Whether a follower whose publisher is away follows the database meanwhile.</summary>
    [Description("Whether a service that follows Nats follows the database while no publisher answers; needs ConnectionStrings:Postgres.")]
    public bool FallBack { get; set; }

    /// <summary>While changes come, the change log is read at most once in this time.</summary>
    [Description("While changes come, the change log is read at most once in this time; beside very busy writers less often, once in 10 ms.")]
    [Range(typeof(TimeSpan), "00:00:00", "00:00:01")]
    public TimeSpan MinDrainInterval { get; set; } = TimeSpan.FromMilliseconds(2);

    /// <summary>The longest pause between reads of the change log while writers' transactions are open.</summary>
    [Description("The longest pause between reads of the change log while writers' transactions are open.")]
    [Range(typeof(TimeSpan), "00:00:00.001", "00:00:01")]
    public TimeSpan MaxDrainPause { get; set; } = TimeSpan.FromMilliseconds(8);

    /// <summary>The change log is read this often when nothing happens, which proves the counts' age.</summary>
    [Description("The change log is read this often when nothing happens, which proves the counts' age.")]
    [Range(typeof(TimeSpan), "00:00:00.010", "00:00:10")]
    public TimeSpan HeartbeatInterval { get; set; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Whether the cache sleeps while nothing happens, and is woken by writers.</summary>
    [Description("Whether the cache sleeps while nothing happens, and is woken by writers: Auto, Always or Never. A transaction that wakes it cannot be prepared (PREPARE TRANSACTION). Auto: unless the server allows prepared transactions (max_prepared_transactions).")]
    [EnumDataType(typeof(Doorbell))]
    public Doorbell Doorbell { get; set; }

    /// <summary>Where changes are recorded; null: as the database has it.</summary>
    [Description("Where changes are recorded. Table: tweet.activity is itself the log of what is inserted, by a column recorded_by with an index. Change: triggers write all changes to a table beside it. The database is brought to it at the start, which needs its owner's rights. Without it: as the database has it, which at first is Change.")]
    [EnumDataType(typeof(LogForm))]
    public LogForm? Log { get; set; }

    /// <summary>Counts older than this are marked STALE.</summary>
    [Description("Counts older than this are marked STALE.")]
    [Range(typeof(TimeSpan), "00:00:00.100", "00:10:00")]
    public TimeSpan StaleAfter { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>A read of the change log that takes longer counts as a lost connection.</summary>
    [Description("A read of the change log that takes longer counts as a lost connection; the next attempt may take longer. Whole seconds.")]
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan DrainTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long writers go on recording changes for a cache that is gone.</summary>
    [Description("How long writers go on recording changes for a cache that is gone. A cache away for longer loads afresh. Whole seconds.")]
    [Range(typeof(TimeSpan), "00:00:03", "01:00:00")]
    public TimeSpan LeaseDuration { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>The longest pause between attempts to reach the database.</summary>
    [Description("The longest pause between attempts to reach the database.")]
    [Range(typeof(TimeSpan), "00:00:00.100", "00:05:00")]
    public TimeSpan MaxReconnectDelay { get; set; } = TimeSpan.FromSeconds(1.5);

    /// <summary>Memory that PostgreSQL may use to count all activity at a load, in megabytes.</summary>
    [Description("Memory that PostgreSQL may use to count all activity at a load, in megabytes.")]
    [Range(1, 16384)]
    public int LoadWorkMemory { get; set; } = 256;

    /// <summary>A load of all counts that takes longer counts as failed.</summary>
    [Description("A load of all counts that takes longer counts as failed; so does a first read of the change log that has much to catch up with. Whole seconds.")]
    [Range(typeof(TimeSpan), "00:00:10", "1.00:00:00")]
    public TimeSpan LoadTimeout { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>From this share of the server's notification queue on, 0 to 1, a warning is logged.</summary>
    [Description("From this share of the server's notification queue on, 0 to 1, a warning is logged: a full queue fails writers.")]
    [Range(0.0001, 1)]
    public double NotificationQueueWarning { get; set; } = 0.1;

    internal int LeaseSeconds => (int)LeaseDuration.TotalSeconds;
}

/// <summary>Whom the cache follows.</summary>
internal enum FeedSource
{
    /// <summary>The database.</summary>
    Postgres,

    /// <summary>A service that publishes its counts over NATS.</summary>
    Nats,
}

/// <summary>Whether writers wake the cache.</summary>
internal enum Doorbell
{
    /// <summary>Unless the server allows prepared transactions, which may not notify.</summary>
    Auto,

    /// <summary>Yes.</summary>
    Always,

    /// <summary>No: the change log is read again and again.</summary>
    Never,
}

/// <summary>Where changes are recorded.</summary>
internal enum LogForm
{
    /// <summary>In <c>tweet.activity</c> itself, as far as they are insertions.</summary>
    Table,

    /// <summary>In <c>twcache.change</c>, all of them.</summary>
    Change,
}

[OptionsValidator]
internal sealed partial class FeedOptionsValidator : IValidateOptions<FeedOptions>;
