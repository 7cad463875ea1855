using System.Globalization;
using CacheService.Jobs;
using Npgsql;

namespace CacheService.Examples.Jobs;

/// <summary>
/// Welcomes users who have written nothing yet, one after the other in the order of their ids: a job as one would write it.
/// It began as a class whose RunAsync threw a NotImplementedException, to see that it is there, fails, and says so.
/// </summary>
internal sealed class WelcomeUsers : Job
{
    private const string NextSql =
        "select userid::bigint, uname from tweet.users u where userid > $1 and not exists (select from tweet.message m where m.userid = u.userid) order by userid limit 1";

    private const string WelcomeSql = "insert into tweet.message (userid, message) values ($1, $2)";

    public override string Name => "welcome-users";

    public override string Description => "Has each new user say hello.";

    public override IReadOnlyList<JobParameter> Parameters => [new("greeting", "What they say.", "Hello, I am")];

    public override string? Schedule => "0 9 * * 1-5";

    public override async Task RunAsync(JobRun run)
    {
        // Each in a batch of its own: a run that is stopped or lost goes on with the next one.
        while (await WelcomeNextAsync(run))
        {
        }
    }

    private static async Task<bool> WelcomeNextAsync(JobRun run)
    {
        var isDone = false;
        await run.BatchAsync(async batch =>
        {
            var after = long.Parse(run.Cursor ?? "0", CultureInfo.InvariantCulture);
            (long Id, string Name)? user = null;
            await using (var next = batch.Command(NextSql, new NpgsqlParameter<long> { TypedValue = after }))
            await using (var reader = await next.ExecuteReaderAsync(run.Stopping))
            {
                if (await reader.ReadAsync(run.Stopping))
                {
                    user = (reader.GetInt64(0), reader.GetString(1));
                }
            }

            if (user is not { } found)
            {
                isDone = true;
                return;
            }

            if (!run.IsDryRun)
            {
                await using var welcome = batch.Command(WelcomeSql, new NpgsqlParameter<long> { TypedValue = found.Id }, new NpgsqlParameter<string> { TypedValue = $"{run.Parameter("greeting")} {found.Name}" });
                await welcome.ExecuteNonQueryAsync(run.Stopping);
            }

            batch.Done(found.Name, after: new { userid = found.Id });
            batch.Count("welcomed_users");
            batch.Cursor = found.Id.ToString(CultureInfo.InvariantCulture);
        });
        return !isDone;
    }
}
