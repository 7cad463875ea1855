using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Jobs;
using CacheService.IntegrationTests.Security;
using CacheService.Jobs;
using PuppeteerSharp;
using PuppeteerSharp.Input;
using Job = CacheService.Jobs.Job;
using JobRun = CacheService.Jobs.JobRun;

namespace CacheService.IntegrationTests.Browser;

/// <summary>The jobs on the operator's page, in a real browser: one service, which asks for keys. How they look is written to <c>artifacts/screenshots</c>, and examined by axe-core.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class JobsPageTests
{
    private const string Broken = "<b>Snug</b> & co";

    private static readonly (string Name, ViewPortOptions Size)[] Devices =
    [
        ("desk", new ViewPortOptions { Width = 1280, Height = 860 }),
        ("phone", new ViewPortOptions { Width = 390, Height = 844, DeviceScaleFactor = 2, IsMobile = true, HasTouch = true }),
    ];

    private readonly TestKey _operator = new(0, "operator", "Read,Watch,Jobs");
    private readonly TestKey _reader = new(1, "reader", "Read,Watch");
    private TestDatabase _database = null!;
    private RunningService _service = null!;
    private string _folder = "";
    private volatile bool _isMended;

    [OneTimeSetUp]
    public async Task StartService()
    {
        _folder = Directory.CreateTempSubdirectory("imports-").FullName;
        _database = await TestDatabase.CreateAsync();
        Job[] jobs =
        [
            new ScriptedJob("send-reports", SendReportsAsync) { Retry = (run, key) => run.ItemAsync(key, batch => SendAsync(batch, key, 1)) },
            new ScriptedJob("heeding", CountAndWaitAsync),
            new ScriptedJob("brief", run => run.BatchAsync(_ => Task.CompletedTask)),
        ];
        _service = await JobsHost.StartAsync(_database.ConnectionString, jobs, [.. _operator.Settings, .. _reader.Settings, $"--Import:Directory={_folder}"]);
        await _database.AddMessagesAsync(3);
    }

    [OneTimeTearDown]
    public async Task StopService()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public async Task FailedItem_FoundReadAndRetried_IsDoneOnAllPages()
    {
        _isMended = false;
        await using var page = await OpenAsync("#/jobs");
        await using var other = await OpenAsync("#/jobs");
        await PressAsync(page, "#jobs tr[data-key='send-reports'] button");
        await page.TextAsync("#job-title", "send-reports");
        await ConfirmAsync(page, "#job-start");
        await page.TextAsync("#run-state", "incomplete");
        await page.TextAsync("#jobs tr[data-key='send-reports']", "incomplete");
        await page.TextAsync("#jobs-sum", "1 failed");

        // Another page finds what has failed by itself.
        await other.TextAsync("#jobs-sum", "1 failed");
        await PressAsync(other, "#jobs tr[data-key='send-reports'] button");
        await other.TextAsync("#runs tbody tr:first-child .did", "2 sent reports");
        await PressAsync(other, "#runs tbody tr:first-child button");
        await other.TextAsync("#items li:first-child .error", "the address of <b>Snug</b> & co is missing");
        Assert.That(await other.TextAsync("#items li:first-child strong"), Is.EqualTo(Broken));
        Assert.That(await other.TextAsync("#items li:last-child .difference"), Is.EqualTo("toStarvelingsent2 → 3"), "what was, and what is");
        await other.TextAsync("#log", "The reports are on their way.");
        Assert.That(await other.AskAsync<int>("document.querySelectorAll('#jobs-view b').length"), Is.Zero, "texts are texts");

        _isMended = true;
        await ConfirmAsync(other, "#items li:first-child .again");
        await other.UntilAsync("document.querySelectorAll('#items [data-state=done]').length === 3", "the item is done");
        await page.UntilAsync("document.querySelectorAll('#items [data-state=done]').length === 3", "on the other page, too");
        Assert.That(await page.TextAsync($"#items li[data-key='{Broken}']"), Does.Contain("attempt 2"));
        await page.UntilAsync("document.getElementById('jobs-sum').textContent === '' && document.getElementById('run-retry').hidden", "nothing has failed any more");
        await page.TextAsync("#actions tbody tr:first-child", "key operator");
        Assert.That(await page.TextAsync("#actions tbody tr:first-child"), Does.Contain("retry"));

        await PressAsync(page, "#outputs button");
        Assert.That(await page.TextAsync("#output-text", "3 reports"), Is.EqualTo("3 reports\n"));
        Assert.That(await page.AskAsync<string>("document.getElementById('output-save').download"), Is.EqualTo("reports.txt"));
        await PressAsync(page, "#output-close");
    }

    [Test]
    public async Task RunningJob_StoppedResumedAndCancelled_DoesAsItIsToldOnAllPages()
    {
        await using var page = await OpenAsync("#/jobs/heeding");
        await using var other = await OpenAsync("#/jobs/heeding");
        await page.TextAsync("#job-title", "heeding");
        await ConfirmAsync(page, "#job-start");
        await page.TextAsync("#run-numbers", "rows");
        await PressAsync(other, "#runs tbody tr:first-child button");
        await other.TextAsync("#run-state", "running");
        await other.TextAsync("#run-facts", "so far");

        await ConfirmAsync(other, "#run-stop", ("reason", "tea"));
        await other.TextAsync("#jobs-result", "is stopped.");
        await page.TextAsync("#run-state", "stopped");
        await page.TextAsync("#run-detail", "by key operator (tea)");
        await page.TextAsync("#actions", "tea");

        var stopped = await page.TextAsync("#run-title");
        await ConfirmAsync(page, "#run-resume");
        await page.TextAsync("#run-of", $"It resumes {stopped[..stopped.IndexOf(" of", StringComparison.Ordinal)].ToLowerInvariant()}");
        await page.TextAsync("#run-numbers", "2");
        await ConfirmAsync(page, "#run-restart");
        await page.TextAsync("#run-of", "It restarts");
        await ConfirmAsync(page, "#run-cancel");
        await page.TextAsync("#run-state", "cancelled");
        await other.TextAsync("#runs tbody tr:first-child", "cancelled");
        Assert.That(await page.AskAsync<bool>("document.getElementById('run-resume').hidden && document.getElementById('run-stop').hidden"));
    }

    [Test]
    public async Task File_ChosenOnThePage_IsImported()
    {
        await _database.ExecuteAsync("create table public.artist (id int primary key, name text); insert into artist values (1, 'Bottom')");
        var file = Path.Combine(_folder, "artists.csv");
        await File.WriteAllTextAsync(file, "id,name\n1,Bottom\n2,Quince\nx,Snout\n");
        await using var page = await OpenAsync("#/jobs/import");
        await PressAsync(page, "#job-upload");
        await (await page.Page.QuerySelectorAsync("#ask-file")).UploadFileAsync(file);
        await page.Page.TypeAsync("#ask-told-into", "public.artist");
        await page.Page.TypeAsync("#ask-told-key", "id");
        await page.Page.ClickAsync("#ask-confirm");
        await page.TextAsync("#run-state", "incomplete");
        await page.TextAsync("#run-numbers", "inserted");
        await page.TextAsync("#items", "line 4");
        Assert.That(await _database.QueryAsync<string>("select string_agg(name, ', ' order by id) from artist"), Is.EqualTo("Bottom, Quince"));
    }

    [Test]
    public async Task Job_PausedAndScheduled_SaysSoAndByWhom()
    {
        await using var page = await OpenAsync("#/jobs/brief");
        page.ExpectsFailedCalls = true;
        await page.TextAsync("#job-title", "brief");
        await ConfirmAsync(page, "#job-schedule", ("schedule", "0 0 31 2 *"));
        await page.TextAsync("#ask-trouble", "never comes");
        await page.Page.Keyboard.PressAsync(Key.Escape);
        await ConfirmAsync(page, "#job-schedule", ("schedule", "30 2 * * *"), ("timeZone", "Europe/Berlin"), ("told-word", "hello"));
        await page.TextAsync("#job-facts", "30 2 * * * (Europe/Berlin)");
        await page.TextAsync("#job-facts", "word=hello");
        await ConfirmAsync(page, "#job-pause", ("reason", "release"));
        await page.TextAsync("#jobs tr[data-key='brief']", "paused by key operator: release");
        await ConfirmAsync(page, "#job-start");
        await page.TextAsync("#ask-trouble", "unpause it first");
        await page.Page.Keyboard.PressAsync(Key.Escape);
        await ConfirmAsync(page, "#job-unpause");
        await page.TextAsync("#jobs-result", "brief runs again.");
        await page.TextAsync("#runs tbody", "paused by key operator: release");
        Assert.That(
            await page.AskAsync<string[]>("[...document.querySelectorAll('#actions tbody tr')].map(row => row.cells[1].textContent + ' ' + row.cells[2].firstChild.textContent.trim())"),
            Is.EqualTo(new[] { "key operator unpause", "key operator pause", "key operator schedule" }));
    }

    [Test]
    public async Task Page_WithAKeyThatMayOnlyRead_SeesAllAndDoesNothing()
    {
        await using var page = await OpenAsync("#/jobs/brief", _reader);
        page.ExpectsFailedCalls = true;
        await page.TextAsync("#job-title", "brief");
        var runs = await _database.QueryAsync<long>("select count(*) from twjobs.run r join twjobs.job j using (jobid) where j.name = 'brief'");
        await ConfirmAsync(page, "#job-start");
        await page.TextAsync("#ask-trouble", "'key reader' lacks the right Jobs");
        Assert.That(await _database.QueryAsync<long>("select count(*) from twjobs.run r join twjobs.job j using (jobid) where j.name = 'brief'"), Is.EqualTo(runs));
    }

    [Test]
    public async Task Run_ThatIsNone_IsSaidToBeNone()
    {
        await using var page = await OpenAsync("#/jobs/brief/999999");
        page.ExpectsFailedCalls = true;
        await page.TextAsync("#run-trouble", "there is no run 999999");
        await page.AskAsync<object>("location.hash = '#/jobs/nothing'");
        await page.TextAsync("#jobs-trouble", "There is no job nothing.");
        await PressAsync(page, "#views [data-view=counts]");
        await page.WaitForCountsAsync(1, "0", "0", "0");
        Assert.That(await page.AskAsync<bool>("document.getElementById('jobs-view').hidden"));
    }

    [Test]
    public async Task Jobs_ByKeyboard_AreReachedAll()
    {
        _isMended = false;
        await using var page = await OpenAsync("#/jobs/send-reports");
        await page.TextAsync("#job-title", "send-reports");
        await ConfirmAsync(page, "#job-start");
        await page.TextAsync("#items", "failed");
        await page.AskAsync<object>(
            """
            window.nameOf = (element) => element.id || element.dataset.view || `${element.closest('[id]')?.id} ${element.className || element.tagName}`;
            window.wanted = () => [...document.querySelectorAll('button, input, select, a, [tabindex]')]
              .filter((element) => element.tabIndex >= 0 && element.checkVisibility() && !element.closest('dialog')).map(nameOf);
            """);
        // A run that is still ending has no items that can be tried again.
        await Wait.UntilAsync(async () => (await page.AskAsync<string[]>("wanted()")).Contains("items again"), RunningService.Patience, "items can be tried again");
        var wanted = await page.AskAsync<string[]>("wanted()");
        Assert.That(wanted, Does.Contain("jobs row").And.Contain("runs row").And.Contain("job-pause").And.Contain("items again").And.Contain("log-scroll").And.Contain("jobs").And.Contain("runs-state"));
        await page.AskAsync<object>("document.activeElement.blur()");
        var reached = new List<string>();
        for (var i = 0; i < wanted.Length + 5; i++)
        {
            await page.Page.Keyboard.PressAsync(Key.Tab);
            reached.Add(await page.AskAsync<string>("nameOf(document.activeElement)"));
        }

        Assert.That(wanted.Except(reached), Is.Empty);
        await page.Page.FocusAsync("#jobs tr:first-child button");
        await page.Page.Keyboard.PressAsync(Key.ArrowDown);
        await page.Page.Keyboard.PressAsync(Key.Enter);
        await page.TextAsync("#job-title", "brief");
        Assert.That(await page.AskAsync<string>("document.activeElement.closest('tr').dataset.key"), Is.EqualTo("brief"), "the focus stays where it was");
    }

    [Test]
    public async Task Jobs_ByDayAndByNightOnDeskAndPhone_LookAsTheyShouldAndHaveNoBarriers()
    {
        _isMended = false;
        // A past, and a run that was skipped.
        await _database.ExecuteAsync(
            """
            insert into twjobs.run (jobid, state, trigger, slot, last_slot, slots, detail, asked_by, service, started_at, ended_at, numbers)
            select jobid, state, 'schedule', slot, slot, 1, case state when 'failed' then 'the mail server at 192.0.2.7 refuses connections' when 'skipped' then 'run 7 was still running' else '' end, 'the schedule', 'counts-1',
                   case when state <> 'skipped' then slot end, slot + (n * 37 % 53) * interval '1.7 seconds', case state when 'succeeded' then format('{"sent_reports": %s}', 40 + n * 13 % 29)::jsonb else '{}' end
              from twjobs.job, generate_series(1, 40) n,
                   lateral (select date_trunc('hour', now()) - (41 - n) * interval '6 hours' as slot, case when n % 17 = 5 then 'failed' when n % 11 = 3 then 'skipped' else 'succeeded' end as state) s
             where name = 'send-reports'
            """);
        await using var page = await OpenAsync("#/jobs/send-reports");
        await page.TextAsync("#job-title", "send-reports");
        await ConfirmAsync(page, "#job-start");
        await page.TextAsync("#run-state", "incomplete");
        foreach (var theme in (string[])["light", "dark"])
        {
            await page.Page.EmulateMediaFeaturesAsync([new MediaFeatureValue { MediaFeature = MediaFeature.PrefersColorScheme, Value = theme }]);
            foreach (var (device, size) in Devices)
            {
                await page.Page.SetViewportAsync(size);
                await page.TextAsync("#run-state", "incomplete");
                Assert.That(await page.AskAsync<int>("document.documentElement.scrollWidth - innerWidth"), Is.LessThanOrEqualTo(0), $"nothing is cut off on a {device}");
                await ShootAsync(page, $"jobs-{theme}-{device}", isWhole: true);
                Assert.That(await Axe.FindBarriersAsync(page.Page), Is.Empty, $"{theme}, {device}");
                await PressAsync(page, "#job-schedule");
                await ShootAsync(page, $"jobs-schedule-{theme}-{device}", isWhole: false);
                Assert.That(await Axe.FindBarriersAsync(page.Page), Is.Empty, $"dialog, {theme}, {device}");
                await page.Page.Keyboard.PressAsync(Key.Escape);
            }
        }
    }

    private Task<OperatorPage> OpenAsync(string place) => OpenAsync(place, _operator);

    private Task<OperatorPage> OpenAsync(string place, TestKey key) => OperatorPage.OpenAsync(
        new Uri(_service.HttpAddress, place), page => page.EvaluateExpressionOnNewDocumentAsync($"sessionStorage.setItem('tweetcounts-key', '{key.Key}')"));

    /// <summary>Presses a button, answers what is asked, and confirms.</summary>
    private static async Task ConfirmAsync(OperatorPage page, string button, params (string Field, string Value)[] answers)
    {
        await PressAsync(page, button);
        await page.UntilAsync("document.getElementById('ask-dialog').open", "it is asked first");
        foreach (var (field, value) in answers)
        {
            await page.AskAsync<object>($"document.getElementById('ask-{field}').value = ''");
            await page.Page.TypeAsync($"#ask-{field}", value);
        }

        await page.Page.ClickAsync("#ask-confirm");
        await page.UntilAsync("!document.getElementById('ask-dialog').open || !document.getElementById('ask-trouble').hidden", "it is done, or refused");
    }

    /// <summary>Presses a button as soon as it is there. Not by the mouse, because what the page shows next may move what is below it.</summary>
    private static Task PressAsync(OperatorPage page, string button) =>
        page.UntilAsync($"document.querySelector(\"{button}\")?.checkVisibility() && (document.querySelector(\"{button}\").click(), true)", $"{button} can be pressed");

    private static async Task ShootAsync(OperatorPage page, string name, bool isWhole)
    {
        await page.AskAsync<object>("scrollTo(0, 0)");
        var folder = Directory.CreateDirectory(SourceFolder.PathOf("artifacts/screenshots")).FullName;
        await page.Page.ScreenshotAsync(Path.Combine(folder, $"{name}.png"), new ScreenshotOptions { FullPage = isWhole });
    }

    private async Task SendReportsAsync(JobRun run)
    {
        run.Log("The reports are on their way.");
        foreach (var (name, i) in new[] { "Flute", Broken, "Starveling" }.Select((name, i) => (name, i)))
        {
            await run.ItemAsync(name, batch => SendAsync(batch, name, i));
        }

        await run.BatchAsync(batch =>
        {
            batch.Output("reports.txt", "text/plain", "3 reports\n");
            return Task.CompletedTask;
        });
    }

    private Task SendAsync(JobBatch batch, string name, int before)
    {
        if (name == Broken && !_isMended)
        {
            throw new JobFailedException($"the address of {name} is missing: enter it, and try again");
        }

        batch.Count("sent_reports");
        batch.Done(name, new { sent = before, to = name }, new { sent = before + 1, to = name });
        return Task.CompletedTask;
    }

    private static async Task CountAndWaitAsync(JobRun run)
    {
        await run.BatchAsync(batch =>
        {
            batch.Count("rows");
            batch.Cursor = "row 1";
            return Task.CompletedTask;
        });
        await Task.Delay(Timeout.Infinite, run.Stopping);
    }
}
