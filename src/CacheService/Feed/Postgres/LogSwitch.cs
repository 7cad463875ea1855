using CacheService.Postgres;
using Npgsql;

namespace CacheService.Feed.Postgres;

/// <summary>Brings the database from one form of the log to the other, while it is written to.</summary>
internal sealed partial class LogSwitch(ILogger<LogSwitch> logger)
{
    /// <summary>How often locks are asked for that are not to be had in a moment.</summary>
    private const int LockAttempts = 20;

    /// <summary>Statements that the database asks for before it can go on: to drop an index that somebody began, and to create one.</summary>
    private const int MostSteps = 4;

    // Where it has the form, what a call left undone, or a restore brought, is mended. Rows are only looked at where the column is there.
    private const string IsDueSql =
        """
        select case when twcache.log_form() <> $1 then true
                    when $1 <> 'table' then false
                    when exists (select from unnest(twcache.problems()) as problem where problem like '%recorded_by%') then true
                    else twcache.foreign_rows() is not null end
        """;

    /// <summary>Does nothing where the log has that form.</summary>
    /// <exception cref="DatabaseSetupException">The role may not do it, or the database cannot have it.</exception>
    /// <exception cref="TimeoutException">Other transactions hold locks that are needed: try again.</exception>
    public async Task SetAsync(NpgsqlConnection connection, LogForm form, CancellationToken cancellationToken)
    {
        var name = form.ToString().ToLowerInvariant();
        try
        {
            if (!await IsDueAsync(connection, name, cancellationToken))
            {
                return;
            }

            for (var step = 0; step < MostSteps; step++)
            {
                if (await CallAsync(connection, name, cancellationToken) is not { } next)
                {
                    LogSet(logger, name);
                    return;
                }

                LogStep(logger, next);
                // An index of a large table takes its time, and nobody waits for it.
                await using var statement = new NpgsqlCommand(next, connection) { CommandTimeout = 0 };
                await statement.ExecuteNonQueryAsync(cancellationToken);
            }
        }
        catch (PostgresException e) when (DatabaseErrors.IsPermanent(e) || e.SqlState is PostgresErrorCodes.ObjectNotInPrerequisiteState or PostgresErrorCodes.DependentObjectsStillExist)
        {
            throw Refused(name, e.MessageText, e);
        }

        throw Refused(name, "its index could not be created", null);
    }

    private static async Task<bool> IsDueAsync(NpgsqlConnection connection, string form, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(IsDueSql, connection);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = form });
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    /// <returns>What is to be run before it can go on; null: it is done.</returns>
    private static async Task<string?> CallAsync(NpgsqlConnection connection, string form, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var command = new NpgsqlCommand("select next from twcache.set_log($1) where not done", connection);
                command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = form });
                return await command.ExecuteScalarAsync(cancellationToken) as string;
            }
            catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected)
            {
                if (attempt == LockAttempts)
                {
                    throw new TimeoutException($"The log is not of form {form} yet: other transactions hold locks on tweet.activity, and it waits for a moment only so as not to hold up writers", e);
                }

                // Not in step with a writer that comes at intervals.
                await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.Next(20, 300)), cancellationToken);
            }
        }
    }

    private static DatabaseSetupException Refused(string form, string why, Exception? cause) => new(
        $"The log could not be brought to the form of Feed:Log ({why}). As the owner of the tables run: select * from twcache.set_log('{form}') and what it asks for; or leave Feed:Log out", cause);

    [LoggerMessage(EventId = 1020, EventName = "LogFormSet", Level = LogLevel.Information, Message = "The log has the form \"{Form}\" from now on.")]
    private static partial void LogSet(ILogger logger, string form);

    [LoggerMessage(EventId = 1021, EventName = "LogFormStep", Level = LogLevel.Information, Message = "Before the log can have another form: {Statement}")]
    private static partial void LogStep(ILogger logger, string statement);
}
