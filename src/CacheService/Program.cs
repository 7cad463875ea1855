using CacheService;
using CacheService.Settings;

if (args.Contains("--help") || args.Contains("-h"))
{
    Console.WriteLine(SettingsHelp.Text);
    return 0;
}

try
{
    await using var app = ServiceApp.Build(args);
    var startFailure = app.Services.GetRequiredService<StartFailure>();
    await app.RunAsync();
    return startFailure.Reason is { } reason ? Fail([reason]) : 0;
}
catch (OperationCanceledException)
{
    // Stopped while it was starting.
    return 0;
}
catch (Exception e) when (StartErrors.Describe(e) is not null)
{
    return Fail(StartErrors.Describe(e)!);
}

static int Fail(IEnumerable<string> lines)
{
    foreach (var line in lines)
    {
        Console.Error.WriteLine(line);
    }

    return 1;
}
