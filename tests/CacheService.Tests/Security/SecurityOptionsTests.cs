using CacheService.Security;
using CacheService.Settings;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;

namespace CacheService.Tests.Security;

/// <summary>What is said of bad settings; never a key that somebody took for its hash.</summary>
internal sealed class SecurityOptionsTests
{
    private const string Hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    [Test]
    public void Check_GoodKeys_FindsNoErrors() =>
        Assert.That(Check(("ApiKeys:0:Name", "a"), ("ApiKeys:0:Sha256", Hash), ("ApiKeys:0:Rights", "read,Watch"), ("ClientCertificateRights", "None")), Is.Empty);

    [TestCase("Sha256", "twc_this-is-a-key-itself", "tweetcounts new-api-key")]
    [TestCase("Sha256", "", "tweetcounts new-api-key")]
    [TestCase("Name", "", "Name")]
    [TestCase("Rights", "none", "Rights")]
    [TestCase("Rights", "everything", "Security:ApiKeys:0:Rights")]
    [TestCase("Rights", "64", "Rights")]
    [TestCase("Key", "twc_this-is-a-key-itself", "Security:ApiKeys:0:Key is no setting")]
    public void Check_ABadKey_SaysWhatIsWrong(string setting, string value, string words)
    {
        var settings = new Dictionary<string, string> { ["Name"] = "a", ["Sha256"] = Hash, ["Rights"] = "Read", [setting] = value };
        var errors = Check([.. settings.Select(pair => ($"ApiKeys:0:{pair.Key}", pair.Value))]);
        Assert.That(errors, Is.Not.Empty);
        Assert.That(string.Join('\n', errors), Does.Contain(words).And.Not.Contain("this-is-a-key"));
    }

    [TestCase("ApiKeys", "twc_this-is-a-key-itself")]
    [TestCase("ApiKeys:0", "twc_this-is-a-key-itself")]
    public void Check_AKeyInsteadOfAList_SaysWhatToWrite(string setting, string value)
    {
        var errors = Check((setting, value));
        Assert.That(string.Join('\n', errors), Does.Contain("Security:ApiKeys is a list: write Security:ApiKeys:0:Name").And.Not.Contain("this-is-a-key"));
    }

    [Test]
    public void Check_TwoOfAKind_NamesThem()
    {
        var errors = Check(
            ("ApiKeys:0:Name", "a"), ("ApiKeys:0:Sha256", Hash), ("ApiKeys:0:Rights", "Read"), ("ApiKeys:1:Name", "a"), ("ApiKeys:1:Sha256", Hash.ToUpperInvariant()), ("ApiKeys:1:Rights", "Read"));
        Assert.That(string.Join('\n', errors), Does.Contain("two are named 'a'").And.Contain("two have the same Sha256"));
    }

    private static List<string> Check(params (string Key, string Value)[] settings)
    {
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings.Select(setting => KeyValuePair.Create($"Security:{setting.Key}", (string?)setting.Value))).Build();
        var collection = new ServiceCollection();
        collection.AddSettings<SecurityOptions, SecurityOptionsValidator>(configuration, SecurityOptions.Section);
        using var services = collection.BuildServiceProvider();
        return [.. services.GetServices<ISettingsCheck>().SelectMany(check => check.FindErrors())];
    }
}
