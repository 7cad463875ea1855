using Npgsql;
using NpgsqlTypes;

namespace CacheService.Tool.Play;

/// <summary>Writes the speeches of a play as messages of their speakers, all of them or none.</summary>
internal sealed class PlayLoader(NpgsqlConnection connection)
{
    /// <summary>Returns how many messages were written, for how many users.</summary>
    /// <exception cref="ToolException">A speaker is nobody, or could be several users.</exception>
    public async Task<(int Messages, int Speakers)> LoadAsync(
        IReadOnlyList<Speech> speeches, SpeakerMatcher matcher, string play, CancellationToken cancellation)
    {
        var users = matcher.Match(speeches, play);

        await using var transaction = await connection.BeginTransactionAsync(cancellation);

        // One COPY: message ids are drawn in the order of the rows, so their order is that of the play.
        await using (var rows = await connection.BeginBinaryImportAsync(
            "copy tweet.message (userid, message) from stdin (format binary)", cancellation))
        {
            foreach (var speech in speeches)
            {
                await rows.StartRowAsync(cancellation);
                await rows.WriteAsync(users[speech.Speaker].UserId, NpgsqlDbType.Bigint, cancellation);
                await rows.WriteAsync(speech.Text, NpgsqlDbType.Text, cancellation);
            }
            await rows.CompleteAsync(cancellation);
        }

        await transaction.CommitAsync(cancellation);
        return (speeches.Count, users.Values.Select(u => u.UserId).Distinct().Count());
    }

    public async Task<IReadOnlyList<TweetUser>> ReadUsersAsync(CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("select userid, uname, nickname from tweet.users order by userid", connection);
        await using var rows = await command.ExecuteReaderAsync(cancellation);
        var users = new List<TweetUser>();
        while (await rows.ReadAsync(cancellation))
            users.Add(new TweetUser(rows.GetInt64(0), rows.GetString(1), await rows.IsDBNullAsync(2, cancellation) ? null : rows.GetString(2)));
        return users;
    }
}
