using CacheService.Settings;

namespace CacheService.Tests.Feed;

internal sealed class CountsOptionsTests
{
    [Test]
    public async Task TimeZone_ThatIsOne_IsTaken([Values("UTC", "Europe/Berlin", "Asia/Kathmandu")] string zone)
    {
        await using var app = ServiceApp.Build(["--ConnectionStrings:Postgres=Host=127.0.0.1", $"--Counts:TimeZone={zone}"]);
    }

    [Test]
    public async Task TimeZone_ThatIsNone_IsRefusedInWords([Values("Europe/Atlantis", "+01:00", "../etc/passwd")] string zone)
    {
        var error = await Assert.ThrowsAsync<BadSettingsException>(async () =>
        {
            await using var app = ServiceApp.Build(["--ConnectionStrings:Postgres=Host=127.0.0.1", $"--Counts:TimeZone={zone}"]);
        });
        Assert.That(error!.Message, Does.Contain($"Counts:TimeZone is '{zone}', which is no time zone that this machine knows; name one as in Europe/Berlin"));
    }
}
