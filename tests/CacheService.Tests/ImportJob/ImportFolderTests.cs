using CacheService.ImportJob;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace CacheService.Tests.ImportJob;

internal sealed class ImportFolderTests
{
    private readonly FakeTimeProvider _time = new(DateTimeOffset.UtcNow);
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("folder-");

    [TearDown]
    public void Delete() => _root.Delete(recursive: true);

    /// <summary>Whoever writes a file takes more than one moment for it.</summary>
    [Test]
    public void FindWatched_FilesThatWereWrittenLately_AreLeftForTheNextTime()
    {
        Write("moma.artist@id/settled.csv", age: 6);
        Write("moma.artist@id/growing.csv", age: 4);
        Write("activity/older.csv", age: 60);
        var folder = new ImportFolder(Options.Create(new ImportOptions { Directory = _root.FullName }), _time);
        Assert.That(folder.FindWatched(), Is.EqualTo(new[] { "activity/older.csv", "moma.artist@id/settled.csv" }));

        _time.Advance(TimeSpan.FromSeconds(2));
        Assert.That(folder.FindWatched(), Is.EqualTo(new[] { "activity/older.csv", "moma.artist@id/settled.csv", "moma.artist@id/growing.csv" }));
    }

    private void Write(string name, int age)
    {
        var file = new FileInfo(Path.Combine(_root.FullName, name));
        file.Directory!.Create();
        file.Create().Dispose();
        file.LastWriteTimeUtc = _time.GetUtcNow().UtcDateTime - TimeSpan.FromSeconds(age);
    }
}
