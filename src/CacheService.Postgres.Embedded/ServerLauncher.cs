namespace CacheService.Postgres.Embedded;

/// <summary>Takes one data folder, whose lock the caller holds, from any state that a crash can leave to a running server.</summary>
internal sealed class ServerLauncher
{
    private const int MaxPortAttempts = 5;

    // The processes of a killed postmaster notice its death within moments and let go of the shared memory.
    private const int MaxSharedMemoryAttempts = 20;
    private static readonly TimeSpan SharedMemoryPause = TimeSpan.FromMilliseconds(500);

    private readonly ServerUser _user;
    private readonly ServerControl _control;
    private readonly EmbeddedOptions _options;
    private readonly IReadOnlyDictionary<string, string> _settings;
    private readonly ILogger _logger;

    private string _socketFolder = "";

    private ServerLauncher(
        DataLayout layout, ServerUser user, PostgresBinaries binaries, EmbeddedOptions options,
        IReadOnlyDictionary<string, string> settings, ILogger logger)
    {
        Layout = layout;
        Binaries = binaries;
        _user = user;
        _control = new(layout, user, binaries, logger);
        _options = options;
        _settings = settings;
        _logger = logger;
    }

    public DataLayout Layout { get; }

    public PostgresBinaries Binaries { get; }

    public int Port { get; private set; }

    /// <summary>Null when no server runs.</summary>
    public int? Pid => PostmasterPid.Read(Layout.Cluster)?.Pid;

    public static async Task<ServerLauncher> CreateAsync(
        DataLayout layout, ServerUser user, EmbeddedOptions options, IReadOnlyDictionary<string, string> settings, ILogger logger,
        CancellationToken cancellationToken)
    {
        var binaries = await PostgresBinaries.FindAsync(
            options.PgHome ?? Environment.GetEnvironmentVariable("PG_HOME"), Environment.GetEnvironmentVariable("PATH"),
            PostgresPlaces.Usual(), layout.ClusterVersion, cancellationToken);
        return new(layout, user, binaries, options, settings, logger);
    }

    public Task CleanUpAfterCrashAsync(CancellationToken cancellationToken) =>
        _control.CleanUpAfterCrashAsync(_options.StopTimeout, cancellationToken);

    public Task InitializeAsync(string role, string password, CancellationToken cancellationToken)
    {
        var sync = _settings.GetValueOrDefault("fsync") != "off";
        return Cluster.EnsureAsync(Layout, _user, Binaries, role, password, sync, _logger, cancellationToken);
    }

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        await _user.CreateFolderAsync(Layout.LogFolder, cancellationToken);
        _socketFolder = await SocketFolder.CreateAsync(Layout, _user, cancellationToken);

        // The server binds the port after this has found it free: in between it can be lost to another program.
        Port = _options.Port > 0 ? _options.Port : LoopbackPort.Choose(Layout);
        var attempts = _options.Port > 0 ? 1 : MaxPortAttempts;
        while (!await TryStartAsync(mayChangePort: --attempts > 0, cancellationToken))
            Port = LoopbackPort.ChooseNew();

        await LoopbackPort.RememberAsync(Layout, Port, cancellationToken);
    }

    public async Task StartOnSamePortAsync(CancellationToken cancellationToken)
    {
        _socketFolder = await SocketFolder.CreateAsync(Layout, _user, cancellationToken);
        await TryStartAsync(mayChangePort: false, cancellationToken);
    }

    /// <summary>True once no server runs.</summary>
    public async Task<bool> StopAsync(TimeSpan timeout, bool immediate)
    {
        var stopped = await _control.StopAsync(timeout, immediate);
        if (stopped)
            SocketFolder.Remove(_socketFolder);
        return stopped;
    }

    /// <summary>False when another port has to be tried; throws when that would not help.</summary>
    private async Task<bool> TryStartAsync(bool mayChangePort, CancellationToken cancellationToken)
    {
        await ServerConfiguration.WriteAsync(Layout, Port, _socketFolder, _settings, cancellationToken);
        for (var attempt = 1; ; attempt++)
        {
            var log = await _control.TryStartAsync(_options.StartTimeout, cancellationToken);
            if (log is null)
                return true;

            if (mayChangePort && log.Contains("could not bind IPv4 address", StringComparison.Ordinal))
            {
                _logger.StartRetried($"port {Port} is taken");
                return false;
            }

            if (attempt >= MaxSharedMemoryAttempts || !log.Contains("pre-existing shared memory block", StringComparison.Ordinal))
                throw Failure(log);

            _logger.StartRetried("processes of a crashed server are still ending");
            await Task.Delay(SharedMemoryPause, cancellationToken);
        }
    }

    private EmbeddedPostgresException Failure(string log)
    {
        _logger.StartFailed(log);
        return new($"PostgreSQL did not start: {Reason(log.Split('\n'))} (the whole log: {Layout.LogFile})");
    }

    private static string Reason(string[] log)
    {
        var last = Array.FindLast(log, line => line.Contains("FATAL:", StringComparison.Ordinal)) ?? log[^1];
        // Two last words that name a consequence; the cause stands before them.
        var cause = last.Contains("contains errors", StringComparison.Ordinal) ? log[0]
            : last.Contains("could not create any TCP/IP sockets", StringComparison.Ordinal)
                ? Array.Find(log, line => line.Contains("could not bind", StringComparison.Ordinal))
            : null;
        var line = (cause ?? last).Trim();

        // "time [pid] LEVEL:  message"
        return line[(line.IndexOf(":  ", StringComparison.Ordinal) is var end and >= 0 ? end + 3 : 0)..];
    }
}
