using CacheService.Tool.Database;
using Npgsql;

namespace CacheService.Tool.Simulation;

/// <summary>One connection that writes activity, one row a transaction, whenever it is its turn.</summary>
internal sealed class SimulationClient(
    DatabaseLocation database, ActivityPlan plan, Outage outage, TimeProvider time) : IAsyncDisposable
{
    // A write that is under way when the simulation stops is waited for, so that the totals are what was written.
    private static readonly TimeSpan TimeToFinish = TimeSpan.FromSeconds(5);

    private readonly BackOff _backOff = new();
    private NpgsqlConnection? _connection;
    private NpgsqlCommand? _insert;

    /// <summary>Writes that failed, or whose outcome is unknown.</summary>
    public long Errors { get; private set; }

    public async Task RunAsync(Pacer pacer, CancellationToken stop)
    {
        using var abort = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
        await using var stopping = stop.Register(() => abort.CancelAfter(TimeToFinish));
        try
        {
            while (await pacer.WaitForTurnAsync(stop))
            {
                if (plan.Next() is { } activity && !await TryWriteAsync(activity, abort.Token))
                    await ReconnectAsync(stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Being stopped is the usual end.
        }
    }

    /// <summary>Connects; a failure here is not waited out.</summary>
    public async Task ConnectAsync(CancellationToken cancellation)
    {
        await DisposeAsync();
        _connection = await database.OpenAsync(cancellation);
        _insert = new NpgsqlCommand("insert into tweet.activity (messageid, action) values ($1, $2::text::tweet.action_t)", _connection)
        {
            Parameters = { new NpgsqlParameter<long>(), new NpgsqlParameter<string>() },
        };
        await _insert.PrepareAsync(cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        if (_insert is not null)
            await _insert.DisposeAsync();
        if (_connection is not null)
            await _connection.DisposeAsync();
        _insert = null;
        _connection = null;
    }

    // False: the connection is of no use any more.
    private async Task<bool> TryWriteAsync(Activity activity, CancellationToken abort)
    {
        try
        {
            ((NpgsqlParameter<long>)_insert!.Parameters[0]).TypedValue = activity.MessageId;
            ((NpgsqlParameter<string>)_insert.Parameters[1]).TypedValue = activity.Action;
            await _insert.ExecuteNonQueryAsync(abort);
            plan.CountWritten(activity);
            return true;
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ForeignKeyViolation)
        {
            plan.Forget(activity.MessageId);
            return true;
        }
        catch (OperationCanceledException)
        {
            Errors++;
            throw;
        }
        catch (NpgsqlException e) when (DatabaseAdvice.IsPassing(e))
        {
            Errors++;
            outage.Report(e);
            return false;
        }
    }

    private async Task ReconnectAsync(CancellationToken stop)
    {
        _backOff.Reset();
        while (true)
        {
            await Task.Delay(_backOff.Next(), time, stop);
            try
            {
                await ConnectAsync(stop);
                outage.ReportEnd();
                return;
            }
            catch (NpgsqlException e) when (DatabaseAdvice.IsPassing(e))
            {
                outage.Report(e);
            }
        }
    }
}
