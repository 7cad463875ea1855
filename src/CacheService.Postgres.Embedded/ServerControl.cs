namespace CacheService.Postgres.Embedded;

/// <summary>
/// Starts and stops the server through pg_ctl, which gives it a session of its own: a Ctrl-C in the terminal does not reach it.
/// </summary>
internal sealed class ServerControl
{
    private const int LoggedTail = 20;

    // pg_ctl keeps to its own time limit; this is for the case that it hangs.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(10);

    private readonly DataLayout _layout;
    private readonly ServerUser _user;
    private readonly PostgresBinaries _binaries;
    private readonly ILogger _logger;

    public ServerControl(DataLayout layout, ServerUser user, PostgresBinaries binaries, ILogger logger)
    {
        _layout = layout;
        _user = user;
        _binaries = binaries;
        _logger = logger;
    }

    /// <summary>Null once the server accepts connections; else what the end of its log says.</summary>
    public async Task<string?> TryStartAsync(TimeSpan timeout, CancellationToken cancellationToken)
    {
        // One start, one file: the end of it belongs to this start, and it cannot grow for ever.
        if (File.Exists(_layout.LogFile))
            File.Move(_layout.LogFile, _layout.LogFile + ".old", overwrite: true);

        var result = await PgCtlAsync(
            timeout, ["start", "-l", _layout.LogFile, "-o", $"-c config_file='{_layout.Configuration}'"], cancellationToken);
        if (result.Succeeded)
            return null;

        var log = File.Exists(_layout.LogFile) ? await File.ReadAllLinesAsync(_layout.LogFile, cancellationToken) : [];
        var tail = string.Join('\n', log.TakeLast(LoggedTail));
        return tail.Length > 0 ? tail : result.Output;
    }

    /// <summary>True once no server runs on the data: stopped cleanly, or cut off when that took too long.</summary>
    public async Task<bool> StopAsync(TimeSpan timeout, bool immediate = false)
    {
        // Stopping is not cancelled: each step has its bound.
        if (!immediate && (await PgCtlAsync(timeout, ["stop", "-m", "fast"], CancellationToken.None)).Succeeded)
            return true;

        if (!immediate && PostmasterPid.Read(_layout.Cluster) is null)
            return true;

        if (!immediate)
            _logger.StopTimedOut(timeout);

        return (await PgCtlAsync(Grace, ["stop", "-m", "immediate"], CancellationToken.None)).Succeeded
            || PostmasterPid.Read(_layout.Cluster) is null;
    }

    /// <summary>
    /// Stops the server of a service that has crashed, and removes what a crashed server has left, so that neither is in the way of
    /// a start. The caller holds the lock of the data folder: whatever runs there has no owner any more.
    /// </summary>
    public async Task CleanUpAfterCrashAsync(TimeSpan stopTimeout, CancellationToken cancellationToken)
    {
        if (PostmasterPid.Read(_layout.Cluster) is not { } left)
            return;

        if (await left.IsServerOfAsync(_layout.Cluster, cancellationToken))
        {
            _logger.StoppingOrphan(left.Pid, _layout.Root);
            if (!await StopAsync(stopTimeout))
            {
                throw new EmbeddedPostgresException(
                    $"the PostgreSQL that a crash has left on {_layout.Root} (pid {left.Pid}) does not stop: kill it");
            }
        }
        else
        {
            // PostgreSQL would look at the number only, and refuse to start beside a stranger who has it now.
            File.Delete(PostmasterPid.PathIn(_layout.Cluster));
        }

        SocketFolder.Remove(left.SocketFolder);
    }

    private Task<CommandResult> PgCtlAsync(TimeSpan timeout, string[] action, CancellationToken cancellationToken)
    {
        var seconds = (int)Math.Ceiling(timeout.TotalSeconds);
        string[] command = [_binaries.PgCtl, "-D", _layout.Cluster, "-s", "-w", "-t", $"{seconds}", .. action];
        return Command.RunAsync(_user.Command(command), timeout + Grace, cancellationToken);
    }
}
