using CacheService;
using CacheService.Health;

if (args.Contains("--help") || args.Contains("-h"))
{
    Console.WriteLine(SettingsHelp.Text);
    return 0;
}

try
{
    if (args is [HealthProbe.Option, ..])
    {
        return await HealthProbe.RunAsync(args[1..]);
    }

    await using var app = ServiceApp.Build(args);
    return await ServiceRun.RunAsync(app) is { } reason ? Fail(reason) : 0;
}
catch (Exception e)
{
    // An error that nobody foresaw: its trace is wanted.
    return Fail(StartErrors.Describe(e) ?? [$"The service failed: {e.Message.ReplaceLineEndings(" ")}", e.ToString()]);
}

static int Fail(IEnumerable<string> lines)
{
    foreach (var line in lines)
    {
        Console.Error.WriteLine(line);
    }

    return 1;
}
