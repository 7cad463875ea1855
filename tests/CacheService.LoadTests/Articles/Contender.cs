using CacheService.LoadTests.Contenders;
using CacheService.LoadTests.Writes;

namespace CacheService.LoadTests.Articles;

/// <summary>A way to retweet that the articles measure, or ours.</summary>
/// <param name="Name">As in the results.</param>
/// <param name="Writer">What a retweet is, and in which database.</param>
/// <param name="CountedSql">How many retweets of the message <c>{0}</c> are counted there by now.</param>
internal sealed record Contender(string Name, Writer Writer, string CountedSql)
{
    public const string Update = "update";
    public const string Insert = "insert";
    public const string Notify = "insert, NOTIFY trigger";
    public const string Upsert = "insert, upsert trigger";
    public const string Cache = "insert, this cache";

    private const string InView = "select rts from tweet.message_with_counters where messageid = {0}";
    private const string InSummary = "select rts from loadtest.summary where messageid = {0}";
    private const string InMessage = "select coalesce(rts, 0) from loadtest.message where messageid = {0}";

    private static readonly Writer UpdateOfMessage =
        new(Update, "load_writes_message", PlainTables.WithoutTriggersSql + ";" + MessageWithCounters.CreateSql, MessageWithCounters.RetweetSql, BulkSql: null);

    public static IReadOnlyList<Contender> All { get; } =
    [
        new(Update, UpdateOfMessage, InMessage),
        new(Insert, Writer.Find(Writer.NoTrigger), InView),
        new(Notify, Writer.Find(Writer.Notify), InView),
        new(Upsert, Writer.Find(Writer.Summary), InSummary),
        new(Cache, Writer.Find(Writer.CacheRunning), InView),
    ];

    public static Contender Find(string name) => All.Single(contender => contender.Name == name);
}
