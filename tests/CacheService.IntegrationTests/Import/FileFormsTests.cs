using System.Text;
using CacheService.Import;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Tool;
using Npgsql;

namespace CacheService.IntegrationTests.Import;

/// <summary>Files as people have them: each is read right, or refused with a line number.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class FileFormsTests
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("import-");
    private TestDatabase _database = null!;

    [OneTimeSetUp]
    public async Task CreateDatabase()
    {
        _database = await TestDatabase.CreateAsync();
        await _database.ExecuteAsync(
            $"""
            create table public.form (id int primary key, name text, day date, note json);
            create table public.wide (id int primary key, {string.Join(", ", Enumerable.Range(1, 199).Select(n => $"c{n} text"))})
            """);
    }

    [OneTimeTearDown]
    public async Task DropDatabase()
    {
        await _database.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private static TestCaseData Right(string name, byte[] bytes, string expected, params string[] options) => new TestCaseData(bytes, options, expected, "").SetName($"File_{name}_IsReadRight");

    private static TestCaseData Refused(string name, byte[] bytes, string error, params string[] options) => new TestCaseData(bytes, options, "", error).SetName($"File_{name}_IsRefusedWithItsLine");

    private static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    private static byte[] With(Encoding encoding, string text) => [.. encoding.GetPreamble(), .. encoding.GetBytes(text)];

    private static IEnumerable<TestCaseData> Files()
    {
        const string Two = "(1,Zoë,,) (2,B,,)";
        yield return Right("WithBom", With(new UTF8Encoding(true), "id,name\n1,Zoë\n2,B\n"), Two);
        yield return Right("WithCrLf", Utf8("id,name\r\n1,Zoë\r\n2,B\r\n"), Two);
        yield return Right("WithCrOnly", Utf8("id,name\r1,Zoë\r2,B\r"), Two);
        yield return Right("WithoutLastNewline", Utf8("id,name\n1,Zoë\n2,B"), Two);
        yield return Right("WithBlankLines", Utf8("id,name\n\n1,Zoë\n\n\n2,B\n\n"), Two);
        yield return Right("InUtf16", With(Encoding.Unicode, "id,name\n1,Zoë\n2,B\n"), Two);
        yield return Right("InUtf16BigEndian", With(Encoding.BigEndianUnicode, "id,name\n1,Zoë\n2,B\n"), Two);
        yield return Right("InUtf32", With(Encoding.UTF32, "id,name\n1,Zoë\n2,B\n"), Two);
        yield return Right("InUtf32BigEndian", With(new UTF32Encoding(bigEndian: true, byteOrderMark: true), "id,name\n1,Zoë\n2,B\n"), Two);
        yield return Right("InWindows1252", CodePagesEncodingProvider.Instance.GetEncoding(1252)!.GetBytes("id,name\n1,Zoë €\n"), "(1,\"Zoë €\",,)", "--encoding", "windows-1252");
        yield return Right("WithSemicolons", Utf8("id;name\n1;Zoë\n2;B\n"), Two);
        yield return Right("WithTabs", Utf8("id\tname\n1\tZoë\n2\tB\n"), Two);
        yield return Right("WithAllInQuotes", Utf8("\"id\",\"name\"\n\"1\",\"Zoë\"\n\"2\",\"B\"\n"), Two);
        yield return Right("WithSomeInQuotesAndSemicolons", Utf8("id;\"name\"\n1;\"Zoë\"\n2;B\n"), Two);
        yield return Right("WithBarsSaidSo", Utf8("id|name\n1|Zoë\n2|B\n"), Two, "--separator", "|");
        yield return Right("WithQuotesAndSeparatorsInValues", Utf8("id,name\n1,\"a,\"\"b\"\"\nc\"\n"), "(1,\"a,\"\"b\"\"\nc\",,)");
        yield return Right("WithBackslashesAndTabs", Utf8("id,name\n1,\\N\\t\t.\n"), "(1,\"\\\\N\\\\t\t.\",,)");
        yield return Right("WithEmptyAndNull", Utf8("id,name\n1,\n2,\"\"\n"), "(1,,,) (2,\"\",,)");
        yield return Right("WithEmptyAsNullSaidSo", Utf8("id,name\n1,\n2,\"\"\n"), "(1,,,) (2,,,)", "--null", "");
        yield return Right("WithNullInWords", Utf8("id,name,day\n1,N/A,N/A\n"), "(1,,,)", "--null", "N/A");
        yield return Right("WithColumnsInOtherOrder", Utf8("NAME, ID\nZoë,1\nB,2\n"), Two);
        yield return Right("WithOtherNames", Utf8("Wiki QID,Number,Colour\nZoë,1,x\nB,2,y\n"), Two, "--columns", "name,id,-");
        yield return Right("WithoutHeader", Utf8("1,Zoë\n2,B\n"), Two, "--no-header", "--columns", "id,name");
        yield return Right("WithIsoDates", Utf8("id,day\n1,2017-06-01\n2,20170602\n3,2017/6/3\n"), "(1,,2017-06-01,) (2,,2017-06-02,) (3,,2017-06-03,)");
        yield return Right("WithGermanDates", Utf8("id,day\n1,1.6.2017\n2,02.06.2017\n"), "(1,,2017-06-01,) (2,,2017-06-02,)", "--dates", "dmy");
        yield return Right("WithAmericanDates", Utf8("id,day\n1,6/1/2017\n"), "(1,,2017-06-01,)", "--dates", "mdy");
        yield return Right("WithAColumnThatKnowsNoEquality", Utf8("id,note\n1,\"{\"\"a\"\": 1}\"\n"), "(1,,,\"{\"\"a\"\": 1}\")");
        yield return Right("WithNothingButAHeader", Utf8("id,name\n"), "");
        yield return Refused("WithDatesThatMayBeTwo", Utf8("id,day\n1,2017-06-01\n2,1/2/2017\n"), "line 3: date/time field value out of range: \"1/2/2017\"");
        yield return Refused("WithADayThatNeverWas", Utf8("id,day\n1,2017-02-30\n"), "line 2: date/time field value out of range");
        yield return Refused("WithANumberOfAnotherLand", Utf8("id,name\n\"1.000\",A\n"), "line 2: invalid input syntax for type integer");
        yield return Refused("InLatinTakenForUtf8", Encoding.Latin1.GetBytes("id,name\n1,A\n2,Zoë\n"), "line 3: bytes that are no text in utf-8");
        yield return Refused("WithANulCharacter", Utf8("id,name\n1,A\n2,B\0\n"), "line 3: invalid byte sequence");
        yield return Refused("WithAHeaderTwice", Utf8("id,name\n1,A\nid,name\n2,B\n"), "line 3: it is the header once more");
        yield return Refused("WithARowThatIsTooLong", Utf8("id,name\n1,A,x\n"), "line 2: it has 3 values in place of 2");
        yield return Refused("InUtf7", Utf8("id,name\n1,A\n"), "files in utf-7 are not read", "--encoding", "utf-7");
        yield return Refused("WithAnUnknownEncoding", Utf8("id,name\n1,A\n"), "there is no encoding 'klingon'", "--encoding", "klingon");
    }

    [TestCaseSource(nameof(Files))]
    public async Task File(byte[] bytes, string[] options, string expected, string error)
    {
        await _database.ExecuteAsync("truncate public.form");
        var path = Path.Combine(_folder.FullName, $"{Guid.NewGuid():N}.csv");
        await System.IO.File.WriteAllBytesAsync(path, bytes);
        var run = await ToolRun.RunAsync(["import", path, "--into", "public.form", "--key", "id", "--connection", _database.ConnectionString, "--max-load", "1", "--max-rejects", "1", .. options]);
        // On a slow machine it tells how far it has got.
        Assert.That(run.Error, error.Length == 0 ? Does.Not.Contain("tweetcounts: ") : Does.Contain(error));
        Assert.That(run.ExitCode, Is.EqualTo(error.Length == 0 ? 0 : 1));
        if (error.Length == 0)
        {
            Assert.That(await _database.QueryAsync<string>("select coalesce(string_agg(f::text, ' ' order by id), '') from public.form f"), Is.EqualTo(expected));
            // Once more it is the same, also where the type has no equality of its own.
            var again = await ToolRun.RunAsync(["import", path, "--into", "public.form", "--key", "id", "--connection", _database.ConnectionString, "--max-load", "1", .. options]);
            Assert.That(again.OutputLines[1], Does.Contain("updated 0, inserted 0,"));
        }
    }

    [Test]
    public async Task File_WithTwoHundredColumns_IsReadRight()
    {
        var path = Path.Combine(_folder.FullName, "wide.csv");
        var columns = Enumerable.Range(1, 199).Select(n => $"c{n}").Reverse().Prepend("id");
        var lines = Enumerable.Range(1, 300).Select(id => string.Join(',', columns.Select(column => column == "id" ? $"{id}" : $"{column} of {id}")));
        await System.IO.File.WriteAllLinesAsync(path, lines.Prepend(string.Join(',', columns)));
        var run = await ToolRun.RunAsync("import", path, "--into", "public.wide", "--key", "id", "--connection", _database.ConnectionString, "--max-load", "1");
        Assert.That(run.OutputLines[1], Does.Contain("inserted 300,"), run.Error);
        Assert.That(await _database.QueryAsync<long>("select count(*) from public.wide where c1 = 'c1 of ' || id and c199 = 'c199 of ' || id"), Is.EqualTo(300));
    }

    [Test]
    public async Task File_ThatGrowsWhileItIsRead_IsRefused()
    {
        await _database.ExecuteAsync("truncate public.form");
        var path = Path.Combine(_folder.FullName, "growing.csv");
        await System.IO.File.WriteAllLinesAsync(path, Enumerable.Range(1, 5_000).Select(id => $"{id},a").Prepend("id,name"));
        await using var connection = new NpgsqlConnection(_database.ConnectionString);
        await connection.OpenAsync();
        var order = new ImportOrder { Path = path, Name = "growing.csv", Table = "public.form", Key = ["id"] };
        var importer = new Importer(
            new ConnectionSession(connection), order, askService: null, TimeProvider.System, _ => System.IO.File.AppendAllText(path, "9999,more\n"), _ => Task.CompletedTask);
        var refused = await Assert.ThrowsAsync<ImportException>(() => importer.RunAsync(CancellationToken.None));
        Assert.That(refused!.Message, Does.Contain("was written to while it was read"));
        Assert.That(await _database.QueryAsync<long>("select count(*) from public.form"), Is.Zero);
    }

    [Test]
    public async Task File_ThatIsTakenAway_IsRefusedInWords()
    {
        var path = Path.Combine(_folder.FullName, "taken.csv");
        await System.IO.File.WriteAllTextAsync(path, "id,name\n1,A\n");
        var file = await CsvFile.OpenAsync(new ImportOrder { Path = path, Name = "taken.csv", Table = "public.form", Key = ["id"] }, CancellationToken.None);
        System.IO.File.Delete(path);
        var refused = await Assert.ThrowsAsync<ImportException>(() => file.ReadAsync(',', () => 100, _ => Task.CompletedTask, CancellationToken.None));
        Assert.That(refused!.Message, Does.StartWith("taken.csv cannot be read"));
    }

    /// <summary>As much is copied in one transaction as is merged in one, and the server has no other work with the copy.</summary>
    [Test]
    public async Task File_IsCopiedAtThePaceAtWhichItIsMerged()
    {
        await _database.ExecuteAsync("create table public.paced (id int primary key, name text)");
        var path = Path.Combine(_folder.FullName, "paced.csv");
        await System.IO.File.WriteAllLinesAsync(path, Enumerable.Range(1, 5_000).Select(id => $"{id},a").Prepend("id,name"));
        await ToolRun.RunAsync("import", path, "--into", "public.paced", "--key", "id", "--connection", _database.ConnectionString, "--max-load", "1");
        var stage = await _database.QueryAsync<string>("select format('twimport.stage_%s', max(loadid)) from twimport.load where table_name = 'public.paced'");
        Assert.That(await _database.QueryAsync<long>($"select count(*) from {stage} where xmin = (select xmin from {stage} where id = 1)"), Is.LessThanOrEqualTo(200), "where nothing is known of its speed");
        Assert.That(await _database.QueryAsync<string>($"select array_to_string(reloptions, ' ') from pg_class where oid = '{stage}'::regclass"), Is.EqualTo("autovacuum_enabled=off"));
    }

    /// <summary>So many are sent at a time as fit into some megabytes, whatever their number.</summary>
    [Test]
    public async Task File_WithLargeRows_IsReadSomeAtATime()
    {
        await _database.ExecuteAsync("create table public.large (id int primary key, name text)");
        var path = Path.Combine(_folder.FullName, "large.csv");
        await System.IO.File.WriteAllLinesAsync(path, Enumerable.Range(1, 20).Select(id => $"{id},{new string('x', 1_000_000 + id)}").Prepend("id,name"));
        var run = await ToolRun.RunAsync("import", path, "--into", "public.large", "--key", "id", "--connection", _database.ConnectionString, "--max-load", "1");
        Assert.That(run.OutputLines[1], Does.Contain("inserted 20,"), run.Error);
        Assert.That(await _database.QueryAsync<long>("select count(*) from public.large where length(name) = 1000000 + id"), Is.EqualTo(20));
        var stage = await _database.QueryAsync<string>("select format('twimport.stage_%s', max(loadid)) from twimport.load where table_name = 'public.large'");
        Assert.That(await _database.QueryAsync<long>($"select count(distinct xmin::text) from {stage}"), Is.EqualTo(4));
    }

    /// <summary>A pipe has no end until whoever writes to it says so, and can be read once.</summary>
    [Test]
    [Platform(Exclude = "Win")]
    public async Task File_ThatIsAPipe_IsRefusedAtOnce()
    {
        var path = Path.Combine(_folder.FullName, "pipe.csv");
        using (var make = System.Diagnostics.Process.Start("mkfifo", path))
        {
            await make.WaitForExitAsync();
        }

        System.IO.File.CreateSymbolicLink(path + ".link", path);
        foreach (var name in new[] { path, path + ".link" })
        {
            var run = await ToolRun.RunAsync("import", name, "--into", "public.form", "--key", "id", "--connection", _database.ConnectionString).WaitAsync(RunningService.Patience);
            Assert.That((run.ExitCode, run.Error.Contains("if it is a pipe or a device, save what comes out of it to a file first", StringComparison.Ordinal)), Is.EqualTo((1, true)), run.Error);
        }
    }

    [TestCase("§")]
    [TestCase("ab")]
    [TestCase("x")]
    [TestCase("\"")]
    [TestCase(" ")]
    public async Task Separator_ThatIsNone_IsRefusedInWords(string separator)
    {
        var path = Path.Combine(_folder.FullName, "separated.csv");
        await System.IO.File.WriteAllTextAsync(path, "id,name\n1,A\n");
        var run = await ToolRun.RunAsync("import", path, "--into", "public.form", "--key", "id", "--separator", separator, "--connection", _database.ConnectionString);
        Assert.That((run.ExitCode, run.Error.Contains("write one character of ASCII such as ; or the word tab", StringComparison.Ordinal)), Is.EqualTo((2, true)), run.Error);
    }

    /// <summary>Whatever is taken for a separator, the reader can read by.</summary>
    [Test]
    public void Separators_AllOfThem_AreRead()
    {
        foreach (var separator in Enumerable.Range(0, 256).Select(code => ImportOrder.SeparatorOf($"{(char)code}")).OfType<char>())
        {
            using var reader = new CsvReader(new StringReader($"id{separator}name\n"), separator);
            Assert.That(reader.Read()!.Values, Is.EqualTo(new[] { "id", "name" }), $"{separator}");
        }
    }
}
