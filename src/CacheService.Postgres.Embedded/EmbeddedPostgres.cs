using Npgsql;

namespace CacheService.Postgres.Embedded;

/// <summary>
/// A private PostgreSQL on 127.0.0.1, for a service that was given no other. Its data outlives the service, its processes do not;
/// those that a crash leaves are replaced at the next start. All errors are <see cref="EmbeddedPostgresException"/>.
/// </summary>
public sealed class EmbeddedPostgres : IAsyncDisposable
{
    public const string Database = "tweet";
    public const string Role = "cacheservice";

    private static readonly Dictionary<string, string> NoSettings = [];

    private readonly ServerLauncher _launcher;
    private readonly DataFolderLock _lock;
    private readonly TimeSpan _stopTimeout;
    private readonly ILogger _logger;

    private bool _stopped;

    private EmbeddedPostgres(ServerLauncher launcher, DataFolderLock @lock, string password, TimeSpan stopTimeout, ILogger logger)
    {
        _launcher = launcher;
        _lock = @lock;
        _stopTimeout = stopTimeout;
        _logger = logger;
        ConnectionString = new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1",
            Port = launcher.Port,
            Username = Role,
            Password = password,
            Database = Database,
        }.ConnectionString;
    }

    /// <summary>As the owner of everything, to the database <see cref="Database"/>.</summary>
    public string ConnectionString { get; }

    public int Port => _launcher.Port;

    /// <summary>What a user types to get a psql, arguments may follow. The password is in a file that psql reads, not in a command.</summary>
    public string PsqlCommand => _launcher.Layout.Psql.Contains(' ') ? $"'{_launcher.Layout.Psql}'" : _launcher.Layout.Psql;

    /// <summary>Returns when the server accepts connections and <see cref="Database"/> exists.</summary>
    public static Task<EmbeddedPostgres> StartAsync(EmbeddedOptions options, ILogger logger, CancellationToken cancellationToken) =>
        StartAsync(options, NoSettings, logger, cancellationToken);

    /// <summary>As above, with settings of postgresql.conf that tests want otherwise, such as fsync.</summary>
    internal static async Task<EmbeddedPostgres> StartAsync(
        EmbeddedOptions options, IReadOnlyDictionary<string, string> settings, ILogger logger, CancellationToken cancellationToken)
    {
        if (OperatingSystem.IsWindows())
            throw new EmbeddedPostgresException("the embedded PostgreSQL does not run on Windows: set ConnectionStrings:Postgres");

        var layout = new DataLayout(options.DataDirectory);
        try
        {
            var user = ServerUser.Current();
            // A server under another user must be able to pass through to its part of it.
            OwnedFile.CreateFolder(layout.Root, passable: !user.IsSelf);
            var @lock = await DataFolderLock.TakeAsync(layout, cancellationToken);
            try
            {
                return await StartLockedAsync(layout, @lock, user, options, settings, logger, cancellationToken);
            }
            catch
            {
                @lock.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EmbeddedPostgresException($"cannot use the data folder {layout.Root}: {e.Message}", e);
        }
    }

    /// <summary>Stops whatever a crashed service has left running on a data folder that nobody uses. False when somebody uses it.</summary>
    internal static async Task<bool> StopOrphanAsync(EmbeddedOptions options, ILogger logger, CancellationToken cancellationToken)
    {
        var layout = new DataLayout(options.DataDirectory);
        using var @lock = DataFolderLock.TryTake(layout);
        if (@lock is null)
            return false;

        var launcher = await ServerLauncher.CreateAsync(layout, ServerUser.Current(), options, NoSettings, logger, cancellationToken);
        await launcher.CleanUpAfterCrashAsync(cancellationToken);
        return true;
    }

    /// <summary>
    /// Stops the server: cleanly if it can within <see cref="EmbeddedOptions.StopTimeout"/>, else at once. Then frees the data folder.
    /// </summary>
    public async Task StopAsync()
    {
        if (_stopped)
            return;

        _stopped = true;
        try
        {
            if (await _launcher.StopAsync(_stopTimeout, immediate: false))
                _logger.Stopped();
            else
                _logger.StopFailed(_launcher.Pid);
        }
        finally
        {
            _lock.Dispose();
        }
    }

    /// <summary>Stops the server as a crash would, also while it is being stopped in another way.</summary>
    public Task StopAtOnceAsync()
    {
        _stopped = true;
        return _launcher.StopAsync(_stopTimeout, immediate: true);
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    /// <summary>For tests: an interruption. With <paramref name="immediate"/> a crash, recovery, and the loss of unlogged tables.</summary>
    internal async Task RestartAsync(bool immediate, CancellationToken cancellationToken)
    {
        await PauseAsync(immediate);
        await ResumeAsync(cancellationToken);
    }

    /// <summary>For tests: stops the server and keeps its port and its data folder for <see cref="ResumeAsync"/>.</summary>
    internal Task PauseAsync(bool immediate) => _launcher.StopAsync(_stopTimeout, immediate);

    internal Task ResumeAsync(CancellationToken cancellationToken) => _launcher.StartOnSamePortAsync(cancellationToken);

    /// <summary>For tests: what a kill -9 of the service does. The server runs on, and the data folder has no owner.</summary>
    internal void Abandon()
    {
        _stopped = true;
        _lock.Dispose();
    }

    private static async Task<EmbeddedPostgres> StartLockedAsync(
        DataLayout layout, DataFolderLock @lock, ServerUser user, EmbeddedOptions options, IReadOnlyDictionary<string, string> settings,
        ILogger logger, CancellationToken cancellationToken)
    {
        await user.CheckAccessAsync(layout.Root, cancellationToken);
        var launcher = await ServerLauncher.CreateAsync(layout, user, options, settings, logger, cancellationToken);
        await launcher.CleanUpAfterCrashAsync(cancellationToken);
        var password = await Cluster.EnsurePasswordAsync(layout, Role, cancellationToken);
        await launcher.InitializeAsync(Role, password, cancellationToken);
        try
        {
            await launcher.StartAsync(cancellationToken);
            var server = new EmbeddedPostgres(launcher, @lock, password, options.StopTimeout, logger);
            await Cluster.EnsureDatabaseAsync(server.ConnectionString, cancellationToken);
            await OwnedFile.WriteSecretAsync(layout.ConnectionString, server.ConnectionString + "\n", cancellationToken);
            await OwnedFile.WriteScriptAsync(layout.Psql, server.PsqlScript(), cancellationToken);
            logger.Started(launcher.Binaries.MajorVersion, launcher.Port, server.PsqlCommand);
            return server;
        }
        catch
        {
            await launcher.StopAsync(options.StopTimeout, immediate: true);
            throw;
        }
    }

    private string PsqlScript() => $"""
        #!/bin/sh
        # Written at each start.
        exec {_launcher.Binaries.Psql} -d "host=127.0.0.1 port={Port} user={Role} dbname={Database} passfile='{_launcher.Layout.PassFile}'" "$@"

        """;
}
