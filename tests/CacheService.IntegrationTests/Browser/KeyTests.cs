using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Security;

namespace CacheService.IntegrationTests.Browser;

/// <summary>The operator's page of a service that asks for keys.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class KeyTests
{
    private readonly TestKey _operator = new(0, "operator", "Read,Watch,Admin");
    private readonly TestKey _reader = new(1, "reader", "Read");
    private TestDatabase _database = null!;
    private RunningService _service = null!;

    [OneTimeSetUp]
    public async Task StartService()
    {
        _database = await TestDatabase.CreateAsync();
        _service = await RunningService.StartAsync(_database.ConnectionString, [.. _operator.Settings, .. _reader.Settings]);
        await _database.AddMessagesAsync(3);
    }

    [OneTimeTearDown]
    public async Task StopService()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Test]
    public async Task Page_WhereKeysAreAskedFor_AsksForOneAndSaysThatOneIsWrong()
    {
        await using var page = await OpenAsync();
        await page.WaitForStateAsync("KEY NEEDED");
        Assert.That(await page.OrderAsync(), Is.Empty);

        await EnterAsync(page, "wrong");
        await page.TextAsync("#key-trouble", "the service does not know this API key");
        Assert.That(await page.AskAsync<int>("sessionStorage.length"), Is.Zero, "what is wrong is not kept");

        await EnterAsync(page, _operator.Key);
        await page.WaitForStateAsync("LIVE");
        await page.WaitForCountsAsync(3, "0", "0", "0");
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (3, 'rt')");
        await page.WaitForCountsAsync(3, "1", "0", "1");
        await page.Page.ClickAsync("#audit");
        await page.TextAsync("#care-result", "all counts are right");

        await page.Page.ReloadAsync();
        await page.WaitForStateAsync("LIVE");
        await page.Page.ClickAsync("#key-forget");
        await page.WaitForStateAsync("KEY NEEDED");
        Assert.That(await page.AskAsync<string>("document.documentElement.outerHTML + location + document.cookie + JSON.stringify(localStorage)"), Does.Not.Contain(_operator.Key));
    }

    [Test]
    public async Task Page_WithAKeyThatMayOnlyRead_ReadsAndSaysWhatItLacks()
    {
        await using var page = await OpenAsync();
        await EnterAsync(page, _reader.Key);
        await page.WaitForStateAsync("LIVE");
        await page.TextAsync("#problems", "'key reader' lacks the right Watch");
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (1, 'rt')");
        await page.WaitForCountsAsync(1, "1", "0", "1");
        await page.Page.ClickAsync("#audit");
        await page.TextAsync("#care-result", "'key reader' lacks the right Admin");
    }

    [Test]
    public async Task Question_Declined_CanBeAnsweredLater()
    {
        await using var page = await OpenAsync();
        await page.UntilAsync("document.getElementById('key-dialog').open", "a key is asked for");
        await page.Page.ClickAsync("#key-cancel");
        await page.TextAsync("#problems", "The service asks for an API key.");
        await page.Page.ClickAsync("#key-enter");
        await EnterAsync(page, _operator.Key);
        await page.WaitForStateAsync("LIVE");
    }

    private async Task<OperatorPage> OpenAsync()
    {
        var page = await OperatorPage.OpenAsync(_service.HttpAddress);
        page.ExpectsFailedCalls = true;
        return page;
    }

    private static async Task EnterAsync(OperatorPage page, string key)
    {
        await page.UntilAsync("document.getElementById('key-dialog').open", "a key is asked for");
        await page.Page.TypeAsync("#key", key);
        await page.Page.Keyboard.PressAsync(PuppeteerSharp.Input.Key.Enter);
    }
}
