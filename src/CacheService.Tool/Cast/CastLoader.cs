using Npgsql;

namespace CacheService.Tool.Cast;

/// <summary>Adds the users, messages and followers of a cast that are not there yet.</summary>
internal sealed class CastLoader(NpgsqlConnection connection)
{
    // The condition keeps a second run from using up ids; the conflict clause is for another run at the same time.
    private const string AddUsers = """
        insert into tweet.users (uname, nickname, bio)
        select c.uname, c.nickname, c.bio
          from unnest($1::text[], $2::text[], $3::text[]) with ordinality as c (uname, nickname, bio, place)
         where not exists (select from tweet.users u where u.uname = c.uname)
         order by c.place
            on conflict (uname) do nothing
        """;

    // Of two runs at the same time the second waits here, and then sees the messages of the first.
    private const string LockUsers = "select from tweet.users where uname = any ($1::text[]) order by userid for no key update";

    private const string AddMessages = """
        insert into tweet.message (userid, message)
        select u.userid, c.message
          from unnest($1::text[], $2::text[]) with ordinality as c (uname, message, place)
          join tweet.users u using (uname)
         where not exists (select from tweet.message m where m.userid = u.userid and m.message = c.message)
         order by c.place
        """;

    private const string AddFollowers = """
        insert into tweet.follower (follower, following)
        select f.userid, u.userid
          from unnest($1::text[], $2::text[]) as c (follower, following)
          join tweet.users f on f.uname = c.follower
          join tweet.users u on u.uname = c.following
            on conflict do nothing
        """;

    /// <summary>Adds them in one transaction.</summary>
    public async Task<CastLoad> LoadAsync(IReadOnlyList<CastMember> cast, CancellationToken cancellation)
    {
        string[] unames = [.. cast.Select(c => c.Uname)];
        var messages = cast.SelectMany(c => c.Messages, (c, message) => (c.Uname, message)).ToList();

        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        var users = await RunAsync(AddUsers, cancellation, unames, [.. cast.Select(c => c.Nickname)], [.. cast.Select(c => c.Bio)]);
        await RunAsync(LockUsers, cancellation, unames);
        var added = await RunAsync(AddMessages, cancellation, [.. messages.Select(m => m.Uname)], [.. messages.Select(m => m.message)]);
        var followers = await AddFollowersAsync(Following.Of(cast), cancellation);
        await transaction.CommitAsync(cancellation);
        return new CastLoad(users, added, followers);
    }

    // Tables of somebody's own may have no followers: the service does not need them.
    private async Task<int?> AddFollowersAsync(IReadOnlyList<Following> followings, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("select to_regclass('tweet.follower') is not null", connection);
        return (bool)(await command.ExecuteScalarAsync(cancellation))!
            ? await RunAsync(AddFollowers, cancellation, [.. followings.Select(f => f.Follower)], [.. followings.Select(f => f.Followed)])
            : null;
    }

    private async Task<int> RunAsync(string sql, CancellationToken cancellation, params string[][] arrays)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (var array in arrays)
            command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = array });
        return await command.ExecuteNonQueryAsync(cancellation);
    }
}

/// <summary>How many rows of a cast were added; null followers where the database has no table of them.</summary>
internal sealed record CastLoad(int Users, int Messages, int? Followers);
