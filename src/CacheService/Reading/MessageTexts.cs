using System.Text;
using Npgsql;

namespace CacheService.Reading;

/// <summary>Reads authors and texts from the application's tables.</summary>
internal static class MessageTexts
{
    // Whoever's tables these are, the columns may be null, of related types, or without a foreign key. Text comes as bytes: a database whose encoding is SQL_ASCII
    // may hold what is none, and the server refuses to send that as text. Times are finite, and those of the calendar that answers are written in.
    private static string Sql(string time) =>
        $"""
        select octet_length(u.uname::text), octet_length(m.message::text),
               case when octet_length(u.uname::text) <= $2 then convert_to(u.uname::text, e.name) end,
               case when octet_length(m.message::text) <= $2 then convert_to(m.message::text, e.name) end,
               {time}
          from (select case when getdatabaseencoding() = 'SQL_ASCII' then 'SQL_ASCII' else 'UTF8' end) as e (name)
         cross join tweet.message m
          left join tweet.users u on u.userid = m.userid
         where m.messageid = $1
        """;

    private const string TimeSql =
        """
        case when m.datetime::timestamptz >= '0001-01-01 00:00:00+00' and m.datetime::timestamptz < '10000-01-01 00:00:00+00'
                   then (extract(epoch from m.datetime::timestamptz) * 1000000)::bigint end
        """;

    private static readonly string WithTime = Sql(TimeSql);
    private static readonly string WithoutTime = Sql("null::bigint");

    /// <summary>Whether an error is about a date that is no time, or a column that is no date: what else can be had is had without the time.</summary>
    public static bool IsAboutTime(PostgresException error) => error.SqlState is PostgresErrorCodes.DatetimeFieldOverflow or PostgresErrorCodes.CannotCoerce;

    /// <summary>Reads one text; null if there is no such message.</summary>
    /// <param name="connection">In a transaction.</param>
    /// <param name="messageId">The message.</param>
    /// <param name="maxBytes">Of author and text together.</param>
    /// <param name="withTime">Whether to read the time as well; see <see cref="IsAboutTime"/>.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="ReadRefusedException">It is longer than it may be.</exception>
    public static async Task<MessageText?> ReadAsync(NpgsqlConnection connection, long messageId, int maxBytes, bool withTime, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(withTime ? WithTime : WithoutTime, connection);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = messageId });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = maxBytes });
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        if (!await reader.ReadAsync(cancellationToken))
        {
            return null;
        }

        var bytes = (reader[0] as int? ?? 0L) + (reader[1] as int? ?? 0L);
        if (bytes > maxBytes)
        {
            throw new ReadRefusedException(
                ReadRefusal.TextTooLong, $"author and text of message {messageId} have {bytes} bytes, more than Limits:MaxTextBytes = {maxBytes}: read them from the database");
        }

        return new MessageText(Text(reader, 2), Text(reader, 3), reader[4] as long?);
    }

    // Bytes that are no UTF-8 show as U+FFFD.
    private static string Text(NpgsqlDataReader reader, int column) => reader[column] is byte[] bytes ? Encoding.UTF8.GetString(bytes) : "";
}

/// <summary>What a message says, who wrote it, and when.</summary>
/// <param name="Author">Empty where there is none.</param>
/// <param name="Text">Empty where there is none.</param>
/// <param name="PostedAt">In microseconds since 1970, UTC; null where there is no time, or none between the years 1 and 9999.</param>
internal sealed record MessageText(string Author, string Text, long? PostedAt);
