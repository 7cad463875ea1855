using System.Security.Cryptography;
using System.Text;
using CacheService.Security;
using Microsoft.Extensions.Options;

namespace CacheService.Tests.Security;

internal sealed class ApiKeysTests
{
    private readonly ApiKeys _keys = new(Options.Create(new SecurityOptions
    {
        ApiKeys =
        [
            new ApiKeyOptions { Name = "one", Sha256 = Hash("first"), Rights = Rights.Read },
            new ApiKeyOptions { Name = "two", Sha256 = Hash("second").ToUpperInvariant(), Rights = Rights.Read | Rights.Admin },
        ],
    }));

    [TestCase("first", "key one", "Read")]
    [TestCase("second", "key two", "Read,Admin")]
    public async Task Find_AKnownKey_IsItsHolderWithTheirRights(string key, string name, string rights)
    {
        var principal = (await _keys.Find(key)!.Result).Principal!;
        Assert.That(principal.Identity!.Name, Is.EqualTo(name));
        Assert.That(principal.FindAll(Caller.RightClaim).Select(claim => claim.Value), Is.EqualTo(rights.Split(',')));
    }

    [TestCase("")]
    [TestCase("First")]
    [TestCase("first ")]
    [TestCase("third")]
    public void Find_AnotherKey_IsNobody(string key) => Assert.That(_keys.Find(key), Is.Null);

    [Test]
    public void Find_AVeryLongKey_IsNobody() => Assert.That(_keys.Find(new string('x', 1_000_000)), Is.Null);

    [Test]
    public void Find_TheHashItself_IsNobody() => Assert.That(_keys.Find(Hash("first")), Is.Null);

    private static string Hash(string key) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));
}
