using System.Globalization;

namespace CacheService.Reading;

/// <summary>Checks what a read says. Whatever is wrong is refused with words that say what to send instead.</summary>
internal static class ReadChecks
{
    /// <summary>Ids that no transaction can have: 0 is none, 1 and 2 are PostgreSQL's own.</summary>
    private const ulong FirstNormalXid = 3;

    private const int DefaultTopLimit = 10;

    /// <summary>The id of one message.</summary>
    public static long MessageId(long messageId) =>
        messageId >= 1 ? messageId : throw ReadRefusedException.BadRequest($"message_id is {messageId}; ids are 1 or more");

    /// <summary>The ids of some messages, of their own from here on.</summary>
    /// <param name="messageIds">What was sent.</param>
    /// <param name="most">How many there may be.</param>
    public static long[] MessageIds(IList<long> messageIds, int most)
    {
        if (messageIds.Count == 0)
        {
            throw ReadRefusedException.BadRequest("message_ids is empty; name at least one message");
        }

        if (messageIds.Count > most)
        {
            throw ReadRefusedException.BadRequest($"message_ids has {messageIds.Count} ids; split it into requests of at most {most}");
        }

        var ids = new long[messageIds.Count];
        messageIds.CopyTo(ids, 0);
        for (var i = 0; i < ids.Length; i++)
        {
            if (ids[i] < 1)
            {
                throw ReadRefusedException.BadRequest($"message_ids[{i}] is {ids[i]}; ids are 1 or more");
            }
        }

        return ids;
    }

    /// <summary>How many messages of the top; 0 asks for the default.</summary>
    public static int TopLimit(int limit, int most) => limit switch
    {
        0 => Math.Min(DefaultTopLimit, most),
        _ when limit < 0 || limit > most => throw ReadRefusedException.BadRequest($"limit is {limit}; ask for 1 to {most} messages"),
        _ => limit,
    };

    /// <summary>A day as in 2026-11-29; empty for the one that stands for none.</summary>
    public static DateOnly Day(string day, string name, DateOnly none) => day.Length == 0
        ? none
        : DateOnly.TryParseExact(day, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var read)
            ? read
            : throw ReadRefusedException.BadRequest($"{name} is no day; write it as in 2026-11-29, or leave it empty");

    /// <summary>A transaction's id.</summary>
    public static ulong Xid(ulong xid) => xid >= FirstNormalXid
        ? xid
        : throw ReadRefusedException.BadRequest($"at_least_xid is {xid}; take it from `select pg_current_xact_id()` within the writing transaction");
}
