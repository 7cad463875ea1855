namespace CacheService.Feed;

/// <summary>
/// What of a <see cref="Baseline"/> is cheap enough to be looked at with every drain, as numbers that differ where anything differs. Transaction ids and oids only
/// grow, so that of the same number of catalog rows no other has the same sum.
/// </summary>
/// <param name="Triggers">The triggers of all tables, with the transactions that last changed them.</param>
/// <param name="Functions">Their functions in schema twcache, likewise.</param>
/// <param name="Readings">
/// The columns that are counted and their labels, how the view reads the tables, and the subscriptions that fill them, likewise.
/// </param>
/// <param name="Children">The partitions and children of all tables, likewise.</param>
/// <param name="Files">The files of all tables and of the change log: another file is another content.</param>
/// <param name="Message">What <c>tweet.message</c> names.</param>
/// <param name="Activity">What <c>tweet.activity</c> names.</param>
/// <param name="ChangeLog">What <c>twcache.change</c> names, and whether it has rules or triggers, or had some until the last vacuum.</param>
internal readonly record struct Footprint(long Triggers, long Functions, long Readings, long Children, long Files, long Message, long Activity, long ChangeLog)
{
    /// <summary>What is different, in words.</summary>
    public string DescribeChangeTo(Footprint now)
    {
        if ((Message, Activity, ChangeLog) != (now.Message, now.Activity, now.ChangeLog))
        {
            var name = Message != now.Message ? "tweet.message" : Activity != now.Activity ? "tweet.activity" : "twcache.change";
            return $"{name} is another table than before, or gone{(Message == now.Message && Activity == now.Activity ? ", or has or had rules or triggers" : "")}";
        }

        return Children != now.Children ? "partitions or children of tweet.activity or tweet.message came or went"
            : Triggers != now.Triggers ? "triggers of tweet.activity or tweet.message were changed"
            : Functions != now.Functions ? "trigger functions of schema twcache were replaced"
            : Readings != now.Readings
                ? "columns or labels of tweet.activity or tweet.message, or the view tweet.message_with_counters, were changed, or tables came to be filled by a subscription"
            : "tweet.activity, tweet.message, a partition of them or twcache.change was truncated or rewritten";
    }
}
