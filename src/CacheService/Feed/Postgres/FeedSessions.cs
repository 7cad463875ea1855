using CacheService.Postgres;
using Microsoft.Extensions.Options;
using Npgsql;

namespace CacheService.Feed.Postgres;

/// <summary>Opens sessions with the primary.</summary>
internal sealed class FeedSessions(
    PostgresConnections connections, SchemaInstaller installer, LogSwitch log, FeedProgress progress, Hearing hearing, WakeSignal wake, IOptions<FeedOptions> options,
    IOptions<CountsOptions> counts, TimeProvider time) : IFeedSessions
{
    /// <inheritdoc/>
    public async Task<IFeedSession> OpenAsync(bool isFirst, CancellationToken cancellationToken)
    {
        hearing.Rest();
        await connections.ChoosePrimaryAsync(cancellationToken);
        await using (var connection = await connections.OpenLoaderAsync(options.Value.LoadTimeout, cancellationToken))
        {
            await RequirePrimaryAsync(connection, cancellationToken);
            await installer.EnsureAsync(connection, mayInstall: isFirst, cancellationToken);
            if (isFirst && options.Value.Log is { } form)
            {
                await log.SetAsync(connection, form, cancellationToken);
            }

            await DayZone.SetAsync(connection, counts.Value.TimeZone, cancellationToken);
            progress.NoteServer(connection.PostgreSqlVersion.ToString());
        }

        BellListener? listener = null;
        var reader = await ChangeLogReader.OpenAsync(connections, options.Value, counts.Value.TimeZone, time);
        try
        {
            if (reader.OwnsSession)
            {
                listener = await ListenAsync(cancellationToken);
                await TestListenerAsync(listener, cancellationToken);
            }

            return new FeedSession(reader, listener, connections, hearing, wake);
        }
        catch
        {
            reader.Dispose();
            if (listener is not null)
            {
                await listener.DisposeAsync();
            }

            hearing.Rest();
            throw;
        }
    }

    private async Task TestListenerAsync(BellListener listener, CancellationToken cancellationToken)
    {
        await using var selfTest = connections.Pool.CreateCommand("select pg_notify($1, '')");
        selfTest.Parameters.Add(new NpgsqlParameter<string> { TypedValue = listener.SelfTestChannel });
        try
        {
            await selfTest.ExecuteNonQueryAsync(cancellationToken);
        }
        catch (PostgresException e) when (DatabaseErrors.IsFullQueue(e))
        {
            // Because of somebody else. The test has failed, which is said in a moment; heartbeats find every change.
        }
    }

    private async Task<BellListener> ListenAsync(CancellationToken cancellationToken)
    {
        var connection = await connections.OpenListenerAsync(cancellationToken);
        var listener = new BellListener(connection, connections.Instance, hearing);
        try
        {
            await listener.StartAsync(cancellationToken);
            return listener;
        }
        catch
        {
            await listener.DisposeAsync();
            throw;
        }
    }

    private static async Task RequirePrimaryAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand("select pg_is_in_recovery()", connection);
        if (await command.ExecuteScalarAsync(cancellationToken) is true)
        {
            throw new NpgsqlException("the server is a standby; the cache needs the primary (name all hosts in the connection string: Host=one,two)");
        }
    }
}
