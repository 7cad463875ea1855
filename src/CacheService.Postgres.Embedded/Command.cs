using System.ComponentModel;
using System.Diagnostics;
using System.Text;

namespace CacheService.Postgres.Embedded;

/// <summary>Runs a program without a shell and collects what it prints.</summary>
internal static class Command
{
    /// <summary>Throws <see cref="EmbeddedPostgresException"/> when the program is missing or takes too long.</summary>
    public static async Task<CommandResult> RunAsync(
        IReadOnlyList<string> command, TimeSpan timeout, CancellationToken cancellationToken)
    {
        using var process = new Process { StartInfo = StartInfo(command) };
        var output = new StringBuilder();
        process.OutputDataReceived += Collect;
        process.ErrorDataReceived += Collect;

        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            throw new EmbeddedPostgresException($"cannot run {command[0]}: {e.Message}", e);
        }

        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();

        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        bounded.CancelAfter(timeout);
        try
        {
            await process.WaitForExitAsync(bounded.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            cancellationToken.ThrowIfCancellationRequested();
            throw new EmbeddedPostgresException($"{Path.GetFileName(command[0])} did not end within {timeout.TotalSeconds:0} seconds");
        }

        lock (output)
            return new CommandResult(process.ExitCode, output.ToString());

        void Collect(object sender, DataReceivedEventArgs line)
        {
            lock (output)
                output.AppendLine(line.Data);
        }
    }

    private static ProcessStartInfo StartInfo(IReadOnlyList<string> command)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            // Another user, to whom the server is given when the service runs as root, may not enter the current folder.
            WorkingDirectory = "/",
        };

        // PGDATA, PGPORT, PGOPTIONS and their like are meant for the user's own server.
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("PG", StringComparison.Ordinal)).ToArray())
            start.Environment.Remove(name);

        // The server's messages are read, here and in the log.
        start.Environment["LC_ALL"] = "C";
        return start;
    }
}

/// <summary>How a program ended, and what it printed to standard output and standard error together.</summary>
internal sealed record CommandResult(int ExitCode, string Output)
{
    public bool Succeeded => ExitCode == 0;

    /// <summary>The first line that names an error, else the last line: fit for a one-line message.</summary>
    public string Summary
    {
        get
        {
            var lines = Output.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
            return lines.FirstOrDefault(line => line.Contains("error:", StringComparison.Ordinal))
                ?? lines.LastOrDefault()
                ?? $"exit code {ExitCode}";
        }
    }
}
