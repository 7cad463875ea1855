using System.ComponentModel;
using System.Data;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using CacheService.IntegrationTests.Infrastructure;
using Npgsql;

namespace CacheService.IntegrationTests.Interop;

/// <summary>Runs programs in other languages, which check the service from outside: those of this folder, and the tools they need.</summary>
internal static class ForeignProgram
{
    /// <summary>What a program prints before a statement that it wants to have run.</summary>
    private const string SqlRequest = "sql ";

    private static readonly TimeSpan TimeLimit = TimeSpan.FromMinutes(5);

    /// <summary>Where the programs are.</summary>
    public static string Folder { get; } = Path.Combine(AppContext.BaseDirectory, "Interop");

    /// <summary>Where the .proto files are: of the API, and of the standard services.</summary>
    public static string Protos { get; } = Path.Combine(AppContext.BaseDirectory, "protos");

    /// <summary>How to start a program whose input and output are ours.</summary>
    public static ProcessStartInfo StartInfo(string interpreter, IEnumerable<string> arguments) => new(interpreter, arguments)
    {
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
        // The service is on this machine, whatever proxy there is to others.
        Environment = { ["no_grpc_proxy"] = "*" },
    };

    /// <summary>Runs a program of this folder to its end; fails the test, with its output, if a check of its failed or it took too long.</summary>
    /// <param name="program">Its name.</param>
    /// <param name="start">How it is started.</param>
    /// <param name="database">Where it has statements run, over one connection.</param>
    public static async Task RunAsync(string program, ProcessStartInfo start, TestDatabase database)
    {
        var settings = new NpgsqlConnectionStringBuilder(database.ConnectionString) { Pooling = false };
        await using var connection = new NpgsqlConnection(settings.ConnectionString);
        using var patience = new CancellationTokenSource(TimeLimit);
        using var process = Process.Start(start)!;
        var output = new StringBuilder();
        var errors = process.StandardError.ReadToEndAsync(CancellationToken.None);
        try
        {
            while (await process.StandardOutput.ReadLineAsync(patience.Token) is { } line)
            {
                output.AppendLine(line);
                if (line.StartsWith(SqlRequest, StringComparison.Ordinal))
                {
                    await process.StandardInput.WriteLineAsync(await RunSqlAsync(connection, line[SqlRequest.Length..], patience.Token));
                    await process.StandardInput.FlushAsync(patience.Token);
                }
            }

            await process.WaitForExitAsync(patience.Token);
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            End(process);
            Assert.Fail($"{program} was ended after {TimeLimit.TotalSeconds} seconds. It said:\n{output}{await errors}");
        }
        catch (PostgresException e)
        {
            End(process);
            Assert.Fail($"the last statement of {program} failed: {e.MessageText}. It said:\n{output}{await errors}");
        }
        finally
        {
            End(process);
        }

        // An exit code alone would be right for a program that checked nothing.
        var cameToItsEnd = output.ToString().TrimEnd().EndsWith("\ndone", StringComparison.Ordinal);
        Assert.That((process.ExitCode, cameToItsEnd), Is.EqualTo((0, true)), $"{program} said:\n{output}{await errors}");
    }

    /// <summary>Runs something to its end; an exit code of null where there is no such program.</summary>
    /// <param name="start">How it is started.</param>
    /// <param name="timeLimit">How long it may take, if that is not five minutes.</param>
    public static async Task<(int? ExitCode, string Output)> RunToEndAsync(ProcessStartInfo start, TimeSpan? timeLimit = null)
    {
        using var patience = new CancellationTokenSource(timeLimit ?? TimeLimit);
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            return (null, e.Message);
        }

        using (process)
        {
            try
            {
                var output = await Task.WhenAll(
                    process.StandardOutput.ReadToEndAsync(patience.Token), process.StandardError.ReadToEndAsync(patience.Token));
                await process.WaitForExitAsync(patience.Token);
                return (process.ExitCode, string.Concat(output));
            }
            finally
            {
                End(process);
            }
        }
    }

    private static async Task<string> RunSqlAsync(NpgsqlConnection connection, string statement, CancellationToken cancellationToken)
    {
        if (connection.State == ConnectionState.Closed)
        {
            await connection.OpenAsync(cancellationToken);
        }

        await using var command = new NpgsqlCommand(statement, connection);
        return Convert.ToString(await command.ExecuteScalarAsync(cancellationToken), CultureInfo.InvariantCulture) ?? "";
    }

    private static void End(Process process)
    {
        if (!process.HasExited)
        {
            process.Kill(entireProcessTree: true);
        }
    }
}
