using System.CommandLine;
using CacheService.Client.Jobs;
using CacheService.Tool.Output;

namespace CacheService.Tool.Commands.Jobs;

internal sealed class ScheduleCommand : ToolCommand
{
    private readonly Terminal _terminal;
    private readonly ServiceOptions _service;
    private readonly Argument<string> _job = new("JOB") { Description = "The job's name; tweetcounts jobs lists them." };
    private readonly Argument<string?> _cron = new("CRON")
    {
        Description = "Five fields, minute hour day month weekday, or six with seconds first, in quotes; or such as @daily. Without it the schedule stays.",
        Arity = ArgumentArity.ZeroOrOne,
    };
    private readonly Option<bool> _byHand = new("--by-hand") { Description = "Run it no longer by itself." };
    private readonly Option<string?> _zone = new("--zone") { HelpName = "ZONE", Description = "The time zone in which it is meant, such as Europe/Berlin." };
    private readonly Option<MisfireRule?> _misfire = new("--misfire") { HelpName = "RULE", Description = "What becomes of slots that were missed: latest (the latest is run, late), all, or skip." };
    private readonly Option<string[]> _set = SetOption.Create("What it is told from then on, in place of all that it was told.");

    public ScheduleCommand(Terminal terminal, TimeProvider time) : base("schedule", "Change when a job runs, and what it is told. What is not named stays as it is.", terminal)
    {
        _terminal = terminal;
        _service = new ServiceOptions(time);
        Add(_job);
        Add(_cron);
        Add(_byHand);
        Add(_zone);
        Add(_misfire);
        Add(_set);
        _service.AddTo(this);
    }

    public override IReadOnlyList<Example> Examples =>
    [
        new("tweetcounts jobs schedule daily-report \"30 2 * * *\" --zone Europe/Berlin", "Each night at half past two in Berlin."),
        new("tweetcounts jobs schedule expire-messages \"0 */6 * * *\" --set older_than=90d --misfire skip", "Four times a day, and not late."),
        new("tweetcounts jobs schedule refresh-mat-views --by-hand", "Never by itself."),
    ];

    protected override async Task<int> RunAsync(ParseResult arguments, CancellationToken stop)
    {
        var (cron, isByHand) = (arguments.GetValue(_cron), arguments.GetValue(_byHand));
        if (cron is not null && isByHand)
            throw new ToolException("a schedule and --by-hand are both there: choose one");

        var change = new JobScheduleChange
        {
            Schedule = isByHand ? "" : cron,
            TimeZone = arguments.GetValue(_zone),
            Misfire = arguments.GetValue(_misfire),
            Parameters = arguments.GetValue(_set) is { Length: > 0 } set ? SetOption.Read(set) : null,
        };
        using var service = _service.Connect(arguments);
        var job = await service.CallAsync(client => client.Jobs.ScheduleAsync(arguments.GetValue(_job)!, change, stop));
        if (_service.Json(arguments))
            JsonOutput.Write(_terminal, job);
        else
            _terminal.Print($"{job.Name}: {JobWords.Schedule(job)}{(job.NextSlot is null ? "" : $", next {JobWords.Time(job.NextSlot)}")}");
        return ExitCode.Success;
    }
}
