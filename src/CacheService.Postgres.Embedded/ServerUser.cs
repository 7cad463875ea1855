namespace CacheService.Postgres.Embedded;

/// <summary>The user as whom the server runs. PostgreSQL refuses to run as root, so root hands it to another.</summary>
internal sealed class ServerUser
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(30);

    private readonly string _owner;
    private readonly string[] _runAs;

    private ServerUser(string name, string owner, string[] runAs)
    {
        Name = name;
        _owner = owner;
        _runAs = runAs;
    }

    public string Name { get; }

    /// <summary>True when the server runs as the user of the service itself.</summary>
    public bool IsSelf => _runAs.Length == 0;

    public static ServerUser Current() => Environment.IsPrivilegedProcess ? ForRoot() : new(Environment.UserName, "", []);

    /// <summary>The command that runs <paramref name="command"/> as this user.</summary>
    public string[] Command(params string[] command) => [.. _runAs, .. command];

    /// <summary>Creates the folder if it is missing, owned by this user and closed to others.</summary>
    public async Task CreateFolderAsync(string path, CancellationToken cancellationToken)
    {
        OwnedFile.CreateFolder(path, passable: false);
        await OwnAsync(path, cancellationToken);
    }

    /// <summary>Gives one file or folder, not what is in it, to this user.</summary>
    public async Task OwnAsync(string path, CancellationToken cancellationToken)
    {
        if (IsSelf)
            return;

        var result = await Embedded.Command.RunAsync(["chown", "-h", _owner, path], Timeout, cancellationToken);
        if (!result.Succeeded)
            throw new EmbeddedPostgresException($"cannot give {path} to the user {Name}: {result.Summary}");
    }

    /// <summary>Throws when this user cannot reach <paramref name="folder"/>, say below a home that is closed to others.</summary>
    public async Task CheckAccessAsync(string folder, CancellationToken cancellationToken)
    {
        if (IsSelf)
            return;

        var result = await Embedded.Command.RunAsync(Command("test", "-x", folder), Timeout, cancellationToken);
        if (!result.Succeeded)
        {
            throw new EmbeddedPostgresException($"PostgreSQL does not run as root, and the user {Name}, as whom it would run, cannot enter "
                + $"{folder}: set Embedded:DataDirectory to another folder, or start CacheService as an ordinary user");
        }
    }

    private static ServerUser ForRoot()
    {
        var users = File.ReadLines("/etc/passwd").Select(line => line.Split(':')).Where(fields => fields.Length > 3).ToArray();
        var user = users.FirstOrDefault(fields => fields[0] == "postgres") ?? users.FirstOrDefault(fields => fields[0] == "nobody");
        if (user is null)
            throw new EmbeddedPostgresException("PostgreSQL does not run as root, and there is no user postgres or nobody: add one");

        var (name, uid, gid) = (user[0], user[2], user[3]);
        if (OnPath("setpriv"))
            return new(name, $"{uid}:{gid}", ["setpriv", $"--reuid={uid}", $"--regid={gid}", "--clear-groups", "--"]);
        if (OnPath("runuser"))
            return new(name, $"{uid}:{gid}", ["runuser", "-u", name, "--"]);

        throw new EmbeddedPostgresException(
            "PostgreSQL does not run as root, and neither setpriv nor runuser is there to change the user: "
            + "start CacheService as an ordinary user");
    }

    private static bool OnPath(string program) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Any(folder => File.Exists(Path.Combine(folder, program)));
}
