using CacheService.Tool;
using CacheService.Tool.Database;
using Npgsql;

namespace CacheService.Tests.Tool.Database;

public sealed class DatabaseLocationTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory("tweetcounts-").FullName;

    [OneTimeTearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [TearDown]
    public void DeleteFile() => File.Delete(ConnectionStringFile);

    [Test]
    public void Find_Option_GoesFirst() => Assert.That(Find("Host=option", "Host=variable").Settings.Host, Is.EqualTo("option"));

    [Test]
    public void Find_Variable_GoesBeforeTheEmbeddedServer()
    {
        File.WriteAllText(ConnectionStringFile, "Host=file");

        Assert.That(Find(null, "Host=variable").Settings.Host, Is.EqualTo("variable"));
    }

    [Test]
    public void Find_NeitherOptionNorVariable_IsTheEmbeddedServer()
    {
        File.WriteAllText(ConnectionStringFile, "Host=file;Port=5\n");

        Assert.That(Find(null, null).Settings.Port, Is.EqualTo(5));
    }

    [Test]
    public void Find_ServiceBackOnAnotherPort_IsTheNewPort()
    {
        var location = new DatabaseLocation(null, _ => null, _folder);
        File.WriteAllText(ConnectionStringFile, "Host=file;Port=5");
        location.Find();
        File.WriteAllText(ConnectionStringFile, "Host=file;Port=6");

        Assert.That(location.Find().Settings.Port, Is.EqualTo(6));
    }

    [Test]
    public void Find_NoDatabase_SaysWhatToDo() =>
        Assert.That(
            () => Find(null, null),
            Throws.InstanceOf<NpgsqlException>().With.Message.StartsWith($"no database: there is no {ConnectionStringFile}; start the service"));

    [Test]
    public void Find_EmptyFile_SaysWhatToDo()
    {
        File.WriteAllText(ConnectionStringFile, "");

        Assert.That(() => Find(null, null), Throws.InstanceOf<NpgsqlException>().With.Message.Contains("is empty: restart the service"));
    }

    [TestCase("mysql://me:hush@host/db")]
    [TestCase("postgres://me:hush/@host/db")]
    [TestCase("Host=h;Nonsense=hush")]
    [TestCase("Host=h;Password=a;hush=1")]
    [TestCase("host=h password=hush")]
    [TestCase("Host=h;Port=hush")]
    [TestCase("Database=tweets;Password=hush")]
    public void Find_UselessConnectionString_SaysSoAndKeepsSecrets(string text)
    {
        var error = Assert.Throws<ToolException>(() => Find(text, null));

        Assert.That(error.Message, Does.StartWith("the connection string of --connection cannot be used: "));
        for (Exception? e = error; e is not null; e = e.InnerException)
        {
            Assert.That(e.Message, Does.Not.Contain("hush"));
        }
    }

    [Test]
    public void Find_Url_IsUnderstood() => Assert.That(Find("postgresql://me@host:5/db", null).Settings.Port, Is.EqualTo(5));

    private string ConnectionStringFile => Path.Combine(_folder, "connection-string");

    private (NpgsqlConnectionStringBuilder Settings, string Source) Find(string? option, string? variable) =>
        new DatabaseLocation(option, name => name == "ConnectionStrings__Postgres" ? variable : null, _folder).Find();
}
