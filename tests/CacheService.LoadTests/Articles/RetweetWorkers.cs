using System.Diagnostics;
using System.Globalization;
using CacheService.LoadTests.Machine;
using Npgsql;

namespace CacheService.LoadTests.Articles;

/// <summary>The articles' benchmark: all workers at once connect, retweet the same message again and again, one transaction each, and leave.</summary>
/// <param name="Workers">How many; each has a connection of its own.</param>
/// <param name="Retweets">Of each worker.</param>
internal sealed record RetweetWorkers(int Workers, int Retweets)
{
    private const string SessionsLeftSql = "select exists (select from pg_stat_activity where application_name like 'worker %' and datname = current_database())";

    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(20);

    /// <summary>What all of them are meant to do.</summary>
    public int Total => Workers * Retweets;

    /// <summary>The time begins before the first one connects, and ends when the last one has left, as in the articles.</summary>
    /// <param name="connectionString">Where.</param>
    /// <param name="sql">Retweets the message <c>:id</c>.</param>
    /// <param name="messageId">The message.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<RetweetOutcome> RunAsync(string connectionString, string sql, long messageId, CancellationToken cancellationToken)
    {
        // Connections may be slow to come where a hundred are asked for at the same time.
        var unpooled = new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false, Timeout = 60 }.ConnectionString;
        var start = Stopwatch.GetTimestamp();
        var workers = await Task.WhenAll(Enumerable.Range(0, Workers).Select(number => Task.Run(() => WorkAsync(number), cancellationToken)));
        var elapsed = Stopwatch.GetElapsedTime(start);

        var done = workers.Sum(worker => worker.Done);
        return new RetweetOutcome(done, Total - done, elapsed, workers.Max(worker => worker.Connected));

        async Task<(int Done, TimeSpan Connected)> WorkAsync(int number)
        {
            await using var connection = new NpgsqlConnection(unpooled);
            await connection.OpenAsync(cancellationToken);
            var connected = Stopwatch.GetElapsedTime(start);
            await using (var naming = new NpgsqlCommand(string.Create(CultureInfo.InvariantCulture, $"set application_name to 'worker {number}'"), connection))
            {
                await naming.ExecuteNonQueryAsync(cancellationToken);
            }

            await using var command = new NpgsqlCommand(sql, connection) { Parameters = { new NpgsqlParameter<long>("id", messageId) } };
            var done = 0;
            for (var i = 0; i < Retweets; i++)
            {
                try
                {
                    await command.ExecuteNonQueryAsync(cancellationToken);
                    done++;
                }
                catch (PostgresException)
                {
                    // Counted as an error, because it is not done; the others go on.
                }
            }

            return (done, connected);
        }
    }

    /// <summary>Until the server has let go of all their sessions: so that none of them counts against the next ones' connections, or their time.</summary>
    public static async Task LetSessionsEndAsync(LoadDatabase database, CancellationToken cancellationToken)
    {
        while (await database.QueryAsync<bool>(SessionsLeftSql, cancellationToken))
        {
            await Task.Delay(Poll, cancellationToken);
        }
    }
}

/// <summary>What the workers did.</summary>
/// <param name="Done">Retweets that are committed.</param>
/// <param name="Errors">Retweets that the database has refused.</param>
/// <param name="Elapsed">From before the first connection on.</param>
/// <param name="Connected">Of that, until all had their connection.</param>
internal sealed record RetweetOutcome(int Done, int Errors, TimeSpan Elapsed, TimeSpan Connected);
