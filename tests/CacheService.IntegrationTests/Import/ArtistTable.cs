using System.Globalization;
using CacheService.Import;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Tool;
using Npgsql;

namespace CacheService.IntegrationTests.Import;

/// <summary>The article's table, <c>moma.artist</c>, in a database of its own, and files for it. The museum's own files are not to be had: these have their shape.</summary>
internal sealed class ArtistTable : IAsyncDisposable
{
    public const string Header = "constituentid,name,bio,nationality,gender,begin,end,wiki_qid,ulan";

    public const string Create =
        """
        create schema moma;
        create table moma.artist (constituentid int primary key, name text not null, bio text, nationality text, gender text, begin int, "end" int, wiki_qid text, ulan text)
        """;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("import-");

    private ArtistTable(TestDatabase database) => Database = database;

    public TestDatabase Database { get; }

    public static async Task<ArtistTable> CreateAsync()
    {
        var database = await TestDatabase.CreateAsync();
        await database.ExecuteAsync(Create);
        return new ArtistTable(database);
    }

    /// <summary>An artist of a number, as a line of a file.</summary>
    public static string Line(int id, string? bio = null)
    {
        var born = 1800 + (id % 200);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{id},\"Artist, {id}\",{bio ?? $"American {born}"},{(id % 7 == 0 ? "" : "American")},{(id % 2 == 0 ? "Female" : "Male")},{born},{(id % 3 == 0 ? "" : "1990")},"
            + $"{(id % 5 == 0 ? $"Q{id}" : "")},");
    }

    /// <summary>Writes a file of these lines, with a header.</summary>
    public string Write(string name, params IEnumerable<string> lines) => WriteText(name, string.Join('\n', lines.Prepend(Header)) + '\n');

    public string WriteText(string name, string text)
    {
        var path = PathOf(name);
        File.WriteAllText(path, text);
        return path;
    }

    public string WriteBytes(string name, byte[] bytes)
    {
        var path = PathOf(name);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    public string PathOf(string name) => Path.Combine(_folder.FullName, name);

    /// <summary>Imports a file, as from the command line.</summary>
    public Task<ToolRun> ImportAsync(string path, params string[] more) => ImportIntoAsync("moma.artist", "constituentid", path, more);

    /// <summary>Imports a file into another table of the same database.</summary>
    public Task<ToolRun> ImportIntoAsync(string table, string key, string path, params string[] more) => ToolRun.RunAsync(
        ["import", path, "--into", table, "--key", key, "--connection", Database.ConnectionString, .. more.Contains("--max-load") ? more : [.. more, "--max-load", "1"]]);

    /// <summary>A file for an import in this process.</summary>
    public static ImportOrder OrderOf(string path) =>
        new() { Path = path, Name = Path.GetFileName(path), Table = "moma.artist", Key = ["constituentid"], MaxLoad = 1 };

    /// <summary>
    /// Imports get no further than to this artist until the other session ends the transaction that it begins here, because it has
    /// written the same row.
    /// </summary>
    public static Task HoldAsync(NpgsqlConnection other, int id) => other.ExecuteAsync(string.Create(
        CultureInfo.InvariantCulture, $"begin; insert into moma.artist (constituentid, name) values ({id}, 'held') on conflict (constituentid) do update set name = 'held'"));

    /// <summary>Whether somebody waits for a lock.</summary>
    public async Task<bool> IsLockedAsync() =>
        await Database.QueryAsync<long>("select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'") > 0;

    /// <summary>Waits until some rows of a file are merged.</summary>
    public Task WaitUntilMergingAsync() => Wait.UntilAsync(
        async () => await Database.QueryAsync<bool>("select to_regclass('twimport.load') is not null")
            && await Database.QueryAsync<long>("select coalesce(max(place), 0) from twimport.load where state = 'merging'") > 0,
        RunningService.Patience,
        "it merges");

    /// <summary>All of the table, as one text.</summary>
    public Task<string> ContentAsync() => Database.QueryAsync<string>("select coalesce(string_agg(a::text, e'\\n' order by constituentid), '') from moma.artist a");

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        _folder.Delete(recursive: true);
    }
}
