using CacheService.IntegrationTests.Faults;
using CacheService.IntegrationTests.Infrastructure;
using PuppeteerSharp.Input;

namespace CacheService.IntegrationTests.Browser;

/// <summary>The operator's page in a real browser, on a service that does well.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class OperatorPageTests
{
    private const int Messages = 230;
    private const int Shown = 200;

    private TestDatabase _database = null!;
    private RunningService _service = null!;

    [OneTimeSetUp]
    public async Task StartService()
    {
        _database = await TestDatabase.CreateAsync();
        _service = await RunningService.StartAsync(_database.ConnectionString);
        await _database.AddMessagesAsync(Messages);
        // The lower the id, the higher the count.
        await _database.ExecuteAsync($"insert into tweet.activity (messageid, action) select n, 'rt' from generate_series(1, {Messages}) n, generate_series(n, {Messages})");
        await _service.AssertEqualsViewAsync(_database);
    }

    [OneTimeTearDown]
    public async Task StopService()
    {
        await _service.DisposeAsync();
        await _database.DisposeAsync();
    }

    [Test]
    public async Task Counts_OfTheHighest_AppearAndMoveAndLightUp()
    {
        await using var page = await OperatorPage.OpenLiveAsync(_service);
        await page.UntilAsync($"document.querySelectorAll('#top tbody tr').length === {Shown}", "all rows are there");
        Assert.That(await page.OrderAsync(), Is.EqualTo(Enumerable.Range(1, Shown)), "by count");
        Assert.That(await page.CountsAsync(2), Is.EqualTo(new[] { "229", "0", "229" }));
        Assert.That(await page.TextAsync("#top tbody tr:first-child .text"), Is.EqualTo("Puck message 1"));
        await page.UntilAsync($"[...document.querySelectorAll('#top .said')].every(text => text.textContent)", "all rows have their texts");

        await page.AskAsync<object>(
            """
            window.lit = new Set();
            new MutationObserver((changes) => changes.forEach(({ target }) => target.classList.contains('lit') && lit.add(target.parentElement.dataset.id)))
              .observe(document.querySelector('#top tbody'), { subtree: true, attributeFilter: ['class'] });
            document.querySelector('#top tr[data-id="150"]').scrollIntoView();
            // Two frames later the page knows what can be seen.
            new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))));
            """);
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (150, 'fav'), (150, 'fav')");
        await page.WaitForCountsAsync(150, "81", "2", "83");
        Assert.That(await page.AskAsync<string[]>("[...lit]"), Is.EqualTo(new[] { "150" }), "what has changed lights up, and nothing else");
        await page.UntilAsync("!document.querySelector('#top .lit')", "it goes out again");
        await _database.ExecuteAsync("delete from tweet.activity where messageid = 150 and action = 'fav'");
    }

    [Test]
    public async Task Rows_WhileThePointerIsOnThem_KeepTheirPlacesAndCount()
    {
        await using var page = await OperatorPage.OpenLiveAsync(_service);
        var before = await page.OrderAsync();
        await page.Page.HoverAsync("#top tbody tr:nth-child(3)");
        await page.TextAsync("#top-note", "Order held");
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) select 9, 'fav' from generate_series(1, 300)");
        await page.WaitForCountsAsync(9, "222", "300", "522");
        Assert.That(await page.OrderAsync(), Is.EqualTo(before));

        await page.Page.Mouse.MoveAsync(5, 5);
        await Wait.UntilAsync(async () => (await page.OrderAsync())[0] == 9, RunningService.Patience, "the row has gone where it belongs");
        await _database.ExecuteAsync("delete from tweet.activity where messageid = 9 and action = 'fav'");
        await Wait.UntilAsync(async () => (await page.OrderAsync())[0] == 1, RunningService.Patience, "and back");
    }

    [Test]
    public async Task Order_Chosen_IsThat()
    {
        await using var page = await OperatorPage.OpenLiveAsync(_service);
        // Below the two hundred that have most in all.
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (225, 'fav'), (225, 'fav'), (225, 'fav')");
        await page.Page.ClickAsync("#top button[data-order=likes]");
        await page.Page.Mouse.MoveAsync(5, 5);
        await Wait.UntilAsync(async () => (await page.OrderAsync())[0] == 225, RunningService.Patience, "what is liked most is first");
        Assert.That(await page.AskAsync<string[]>("[...document.querySelectorAll('#top th[aria-sort=descending]')].map(head => head.textContent)"), Is.EqualTo(new[] { "Likes" }));
        await _database.ExecuteAsync("delete from tweet.activity where messageid = 225 and action = 'fav'");
    }

    [Test]
    public async Task Message_ChosenById_IsShownAndFollowed()
    {
        await using var page = await OperatorPage.OpenLiveAsync(_service);
        page.ExpectsFailedCalls = true;
        await page.Page.TypeAsync("#message-id", "999");
        await page.Page.Keyboard.PressAsync(Key.Enter);
        await page.TextAsync("#message-trouble", "there is no message 999");

        await page.AskAsync<object>("document.getElementById('message-id').value = ''");
        await page.Page.TypeAsync("#message-id", "220");
        await page.Page.Keyboard.PressAsync(Key.Enter);
        await page.TextAsync("#message-retweets", "11");
        Assert.That(await page.TextAsync("#message-text"), Is.EqualTo("message 220"));
        Assert.That(await page.AskAsync<bool>("document.getElementById('message-trouble').hidden"));
        await _database.ExecuteAsync("insert into tweet.activity (messageid, action) values (220, 'fav')");
        await page.TextAsync("#message-likes", "1");

        await page.Page.ClickAsync("#message-stop");
        Assert.That(await page.AskAsync<bool>("document.getElementById('message').hidden"));
    }

    [Test]
    public async Task Text_WithScriptAndMarkup_IsShownAndDoesNothing()
    {
        const string Hostile = "<img src=x onerror=\"window.hit = 1\"><script>window.hit = 1</script><a href=\"javascript:window.hit=1\">x</a>{{7*7}}\u202egnp.";
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.ExecuteAsync(
            $"""
            insert into tweet.users (uname) values ('<b onmouseover="window.hit = 1">Snug</b>');
            insert into tweet.message (userid, message) select userid, '{Hostile}' from tweet.users
            """);
        await using var page = await OperatorPage.OpenLiveAsync(service);

        Assert.That(await page.TextAsync("#top tbody .said"), Is.EqualTo(Hostile));
        Assert.That(await page.TextAsync("#top tbody .author"), Is.EqualTo("<b onmouseover=\"window.hit = 1\">Snug</b>"));
        await page.Page.ClickAsync("#top tbody tr:first-child .text");
        await page.TextAsync("#message-text", Hostile);
        Assert.That(await page.AskAsync<int>("document.querySelectorAll('#counts-view img, #counts-view script, #counts-view a, #counts-view b').length"), Is.Zero);
        Assert.That(await page.AskAsync<bool>("'hit' in window"), Is.False);
    }

    [Test]
    public async Task Jobs_OfAServiceThatRunsNone_AreNotOnThePage()
    {
        await using var page = await OperatorPage.OpenAsync(new Uri(_service.HttpAddress, "#/jobs"));
        await page.WaitForStateAsync("LIVE");
        Assert.That(await page.AskAsync<bool>("document.getElementById('views').checkVisibility() || document.getElementById('jobs-view').checkVisibility()"), Is.False);
        Assert.That(page.Requested, Has.None.Contains("v1/jobs"));
    }

    [Test]
    public async Task Audit_ByItsButton_TellsWhatItFound()
    {
        await using var page = await OperatorPage.OpenLiveAsync(_service);
        await page.Page.ClickAsync("#audit");
        await page.TextAsync("#care-result", $"{Messages} messages compared with the tables in ");
        Assert.That(await page.TextAsync("#care-result"), Does.EndWith(": all counts are right."));
        await page.TextAsync("#audit-last", "Last audit ");
    }

    [Test]
    public async Task Reload_ByItsButton_IsConfirmedFirst()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(3);
        await using var page = await OperatorPage.OpenLiveAsync(service);
        var epoch = service.Hub.Published!.Epoch;

        await page.Page.ClickAsync("#reload");
        await page.Page.Keyboard.PressAsync(Key.Escape);
        await page.UntilAsync("!document.getElementById('reload-dialog').open", "the question is gone");
        Assert.That(service.Hub.Published.Epoch, Is.EqualTo(epoch));

        await page.Page.ClickAsync("#reload");
        await page.Page.ClickAsync("#reload-confirm");
        await page.TextAsync("#care-result", "3 messages loaded afresh in ");
        Assert.That(service.Hub.Published.Epoch, Is.Not.EqualTo(epoch));
        await page.WaitForStateAsync("LIVE");
    }

    [Test]
    public async Task Caches_OfTheDatabase_AreListed()
    {
        await using var other = await RunningService.StartAsync(_database.ConnectionString);
        await using var page = await OperatorPage.OpenLiveAsync(_service);
        await Wait.UntilAsync(
            async () => (await page.AskAsync<string[]>("[...document.querySelectorAll('#caches tr')].map(row => row.cells[0].textContent + ', ' + row.cells[1].textContent)")).ToHashSet()
                .SetEquals([$"{_service.Status.Consumer} this one, loaded", $"{other.Status.Consumer}, loaded"]),
            RunningService.Patience, "both caches are listed");
    }

    [Test]
    public async Task History_AfterTheFirstSample_IsDrawn()
    {
        await using var page = await OperatorPage.OpenLiveAsync(_service);
        await page.UntilAsync("[...document.querySelectorAll('#charts .line')].every(line => line.getAttribute('d')?.length > 0)", "all charts have a line");
        Assert.That(await page.AskAsync<string[]>("[...document.querySelectorAll('#charts .name')].map(name => name.textContent)"), Is.EqualTo(new[] { "Reads", "Changes", "Drains", "Age", "Watchers" }));
        await page.Page.FocusAsync("#charts");
        await page.Page.Keyboard.PressAsync(Key.ArrowLeft);
        await page.TextAsync("#history-note", " ago");
    }

    [Test]
    public async Task Page_ByKeyboard_IsReachedAll()
    {
        await using var page = await OperatorPage.OpenLiveAsync(_service);
        await page.AskAsync<object>(
            """
            window.nameOf = (element) => element.id || element.dataset.order || element.className;
            window.wanted = () => [...document.querySelectorAll('button, input, [tabindex]')]
              .filter((element) => element.tabIndex >= 0 && element.checkVisibility() && !element.closest('dialog')).map(nameOf);
            """);
        await page.Page.TypeAsync("#message-id", "7");
        await page.Page.Keyboard.PressAsync(Key.Enter);
        await page.UntilAsync("!document.getElementById('message').hidden", "all that can be reached is there");
        var wanted = await page.AskAsync<string[]>("wanted()");
        Assert.That(wanted, Does.Contain("row").And.Contain("audit").And.Contain("message-stop").And.Contain("charts"));

        await page.AskAsync<object>("document.activeElement.blur()");
        var reached = new List<string>();
        for (var i = 0; i < wanted.Length + 5; i++)
        {
            await page.Page.Keyboard.PressAsync(Key.Tab);
            reached.Add(await page.AskAsync<string>("nameOf(document.activeElement)"));
            if (reached[^1] == "row")
            {
                await page.Page.Keyboard.PressAsync(Key.ArrowDown);
                Assert.That(await page.AskAsync<string>("document.activeElement.closest('tr').dataset.id"), Is.EqualTo("2"));
                Assert.That(await page.AskAsync<string>("getComputedStyle(document.activeElement).outlineStyle"), Is.EqualTo("solid"), "the focus can be seen");
                await page.Page.Keyboard.PressAsync(Key.Enter);
                await page.TextAsync("#message-text", "message 2");
            }
        }

        Assert.That(wanted.Except(reached), Is.Empty);
    }

    [Test]
    public async Task Page_Hidden_AsksForNothingAndGoesOnWhereItWas()
    {
        await using var database = await TestDatabase.CreateAsync();
        await using var service = await RunningService.StartAsync(database.ConnectionString);
        await database.AddMessagesAsync(5);
        await using var page = await OperatorPage.OpenLiveAsync(service);
        await Wait.UntilAsync(() => service.Hub.Count == 1, RunningService.Patience, "the page watches");

        await using (var other = await page.Page.BrowserContext.NewPageAsync())
        {
            await other.BringToFrontAsync();
            await page.UntilAsync("document.visibilityState === 'hidden'", "the page is hidden");
            await Wait.UntilAsync(() => service.Hub.Count == 0, RunningService.Patience, "the page does not watch");
            await database.ExecuteAsync("insert into tweet.activity (messageid, action) values (3, 'fav')");
            await service.AssertEqualsViewAsync(database);
        }

        await page.Page.BringToFrontAsync();
        await page.WaitForCountsAsync(3, "0", "1", "1");
    }

    [Test]
    public async Task Events_CutAnywhere_AreTheSame()
    {
        await using var page = await OperatorPage.OpenLiveAsync(_service);
        var read = await page.AskAsync<string[]>(
            """
            (async () => {
              const { EventParser } = await import(new URL('events.js', document.querySelector('script').src));
              const text = 'retry: 1000\n\nevent: counts\nid: a:1\ndata: {"x": 1}\n\n: nothing new\nid: a:2\n\n: comment\n\nid\ndata: 2\r\n\r\n';
              return [...text].map((_, cut) => {
                const parser = new EventParser();
                return JSON.stringify([...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))]);
              });
            })()
            """);
        Assert.That(read, Has.All.EqualTo("""[{"data":"{\"x\": 1}","id":"a:1"},{"data":"","id":"a:2"},{"data":"2","id":""}]"""));
    }

    [Test]
    public async Task Service_Gone_IsSaidUntilItIsBack()
    {
        await using var network = new SwallowingProxy(_service.HttpAddress.Port);
        await using var page = await OperatorPage.OpenAsync(new Uri($"http://127.0.0.1:{network.Port}"));
        page.ExpectsFailedCalls = true;
        await page.WaitForStateAsync("LIVE");

        network.Fault = NetworkFault.Refuses;
        await page.WaitForStateAsync("NO ANSWER");
        Assert.That(await page.TextAsync("#problems"), Does.StartWith("The s").And.EndWith("This page goes on trying."));
        Assert.That((await page.OrderAsync()).Length, Is.EqualTo(Shown), "what was known stays");
        network.Fault = NetworkFault.None;
        await page.WaitForStateAsync("LIVE");
        await page.UntilAsync("document.getElementById('problems').hidden", "nothing is wrong any more");
    }
}
