using Deque.AxeCore.Commons;
using PuppeteerSharp;

namespace CacheService.IntegrationTests.Browser;

/// <summary>axe-core, which finds what keeps people from using a page.</summary>
internal static class Axe
{
    // Evaluated by the browser itself: the page's own policy lets nobody add a script.
    private static readonly string Script = new BundledAxeScriptProvider().GetScript();

    /// <summary>What is serious or critical, and where.</summary>
    public static async Task<string[]> FindBarriersAsync(IPage page)
    {
        await page.EvaluateExpressionAsync($"{Script}; 0");
        return await page.EvaluateFunctionAsync<string[]>(
            """
            async () => (await axe.run()).violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
              .flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}: ${node.target.join(' ')}: ${node.failureSummary}`))
            """);
    }
}
