using CacheService.Postgres.Addresses;
using CacheService.Postgres.Embedded;
using Npgsql;

namespace CacheService.Tool.Database;

/// <summary>
/// Which database to write to: the one named on the command line, else in the environment, else the embedded
/// server of the service. Looked up for each connection, as the embedded server may come back on another port.
/// </summary>
internal sealed class DatabaseLocation(string? option, Func<string, string?> environment, string dataFolder)
{
    private const string Variable = "ConnectionStrings__Postgres";

    private readonly string _file = Path.Combine(dataFolder, DataFolder.ConnectionStringFile);

    public async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellation)
    {
        var (settings, source) = Find();
        var connection = new NpgsqlConnection(settings.ConnectionString);
        try
        {
            await connection.OpenAsync(cancellation);
            return connection;
        }
        catch (Exception e)
        {
            await connection.DisposeAsync();

            // A PostgresException says by itself what is the matter, and the caller may want its code.
            if (e is PostgresException or OperationCanceledException)
                throw;
            if (TlsDiagnosis.IsAbout(e))
                throw new ToolException($"{await TlsDiagnosis.ExplainAsync(settings, e, cancellation)}; all of it in {source}", e);
            // What the connection string asks for and Npgsql cannot do, or files that it cannot use.
            if (e is ArgumentException or NotSupportedException or IOException or UnauthorizedAccessException)
                throw new ToolException($"the connection string of {source} cannot be used: {e.Message.ReplaceLineEndings(" ")}", e);
            if (e is not NpgsqlException)
                throw;
            throw new DatabaseUnreachableException(
                $"cannot connect to the database at {settings.Host}:{settings.Port}: {DatabaseAdvice.Innermost(e)}; is it running, and {source} right?", e);
        }
    }

    internal (NpgsqlConnectionStringBuilder Settings, string Source) Find()
    {
        var (text, source) = Read();
        try
        {
            var settings = ConnectionString.Parse(text);
            (settings.Pooling, settings.Multiplexing) = (false, false);
            settings.ApplicationName ??= CommandLine.Name;
            return (settings, source);
        }
        catch (BadConnectionStringException e)
        {
            throw new ToolException($"the connection string of {source} cannot be used: {e.Message}", e);
        }
    }

    private (string Text, string Source) Read()
    {
        if (option is not null)
            return (option, "--connection");
        if (environment(Variable) is { Length: > 0 } variable)
            return (variable, Variable);
        try
        {
            var line = File.ReadLines(_file).FirstOrDefault();
            return string.IsNullOrWhiteSpace(line)
                ? throw new DatabaseUnreachableException($"{_file} is empty: restart the service, or name a database with --connection")
                : (line, _file);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new DatabaseUnreachableException(
                $"no database: there is no {_file}; start the service with its embedded server, or name a database with --connection or {Variable}", e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new ToolException($"cannot read {_file}: {e.Message} Run as the service's user, or name a database with --connection", e);
        }
    }
}
