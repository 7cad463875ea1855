using CacheService.Postgres.Embedded;
using CacheService.Tool;
using CacheService.Tool.Service;
using Microsoft.Extensions.Configuration;

namespace CacheService.Tests.Tool.Service;

public sealed class ServiceSettingsTests
{
    [Test]
    public void Read_NoSettings_IsTheServiceAsItIsWithoutAny()
    {
        var settings = ServiceSettings.Read([]);

        Assert.That(settings.HasDatabase, Is.False);
        Assert.That(settings.DataDirectory, Is.EqualTo(DataFolder.Default));
        Assert.That((settings.GrpcAddress.AbsoluteUri, settings.HttpAddress.AbsoluteUri), Is.EqualTo(("http://127.0.0.1:5080/", "http://127.0.0.1:5081/")));
    }

    [TestCase("--Kestrel:Endpoints:Http:Url=http://*:1", "http://127.0.0.1:1/")]
    [TestCase("--kestrel:endpoints:http:url=http://+:1;http://host:2", "http://127.0.0.1:1/")]
    [TestCase("Kestrel:Endpoints:Http:Url=http://[::]:1", "http://127.0.0.1:1/")]
    [TestCase("/Kestrel:Endpoints:Http:Url=http://0.0.0.0:1/", "http://127.0.0.1:1/")]
    [TestCase("--Kestrel:Endpoints:Http:Url http://host:1", "http://host:1/")]
    public void HttpAddress_OfWhatTheServiceListensOn_CanBeCalled(string arguments, string expected) =>
        Assert.That(ServiceSettings.Read(arguments.Split(' ')).HttpAddress.AbsoluteUri, Is.EqualTo(expected));

    [Test]
    public void GrpcAddress_ThatIsNone_IsNamed() =>
        Assert.That(() => ServiceSettings.Read(["--Kestrel:Endpoints:Grpc:Url=5080"]).GrpcAddress, Throws.TypeOf<ToolException>().With.Message.Contains("'5080' of Kestrel:Endpoints:Grpc:Url"));

    [TestCase("", false)]
    [TestCase(" ", false)]
    [TestCase("Host=db", true)]
    public void HasDatabase_OfAConnectionString_IsWhetherTheServiceUsesIt(string text, bool expected) =>
        Assert.That(ServiceSettings.Read([$"--ConnectionStrings:Postgres={text}"]).HasDatabase, Is.EqualTo(expected));

    [Test]
    public void DataDirectory_Relative_IsBelowTheCurrentFolder()
    {
        var settings = new ServiceSettings(new ConfigurationBuilder().AddInMemoryCollection([new("Embedded:DataDirectory", "here")]).Build());

        Assert.That(settings.DataDirectory, Is.EqualTo(Path.Combine(Environment.CurrentDirectory, "here")));
    }
}
