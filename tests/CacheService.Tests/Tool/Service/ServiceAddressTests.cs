using CacheService.Tool;
using CacheService.Tool.Service;

namespace CacheService.Tests.Tool.Service;

public sealed class ServiceAddressTests
{
    [TestCase("http://option:1", "http://variable:2", "http://option:1/")]
    [TestCase(null, "https://variable:2", "https://variable:2/")]
    [TestCase("dns:///counts:5080", null, "dns:///counts:5080")]
    [TestCase(null, "", "http://127.0.0.1:5080/")]
    [TestCase(null, null, "http://127.0.0.1:5080/")]
    public void Find_OptionThenVariableThenThisMachine_IsTheAddress(string? option, string? variable, string expected) =>
        Assert.That(ServiceAddress.Find(option, name => name == "TWEETCOUNTS_ADDRESS" ? variable : null).AbsoluteUri, Is.EqualTo(expected));

    [TestCase("localhost:5080")]
    [TestCase("ftp://localhost")]
    [TestCase("")]
    public void Find_AnythingElse_SaysWhatToWrite(string address) =>
        Assert.That(() => ServiceAddress.Find(address, _ => null), Throws.TypeOf<ToolException>().With.Message.EndsWith("write http://127.0.0.1:5080"));
}
