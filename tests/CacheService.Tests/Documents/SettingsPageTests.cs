namespace CacheService.Tests.Documents;

/// <summary>docs/settings.md says of every setting what the code says.</summary>
internal sealed class SettingsPageTests
{
    private const string Page = "docs/settings.md";
    private const string WriteVariable = "TWCACHE_WRITE_DOCS";

    [Test]
    public void SettingsPage_Always_IsWhatTheOptionsSay()
    {
        if (Environment.GetEnvironmentVariable(WriteVariable) == "1")
            File.WriteAllText(Path.Combine(Repository.Root, Page), SettingsPage.Text);

        Assert.That(Repository.Read(Page), Is.EqualTo(SettingsPage.Text), $"{Page} is not what the options say. Write it anew: {WriteVariable}=1 ./test.sh --filter FullyQualifiedName~Documents");
    }
}
