using CacheService.Tool.Commands;
using CacheService.Tool.Service;

namespace CacheService.Tests.Tool;

public sealed class DemoCommandTests
{
    [Test]
    public void Welcome_WithoutSettings_IsShort() =>
        Assert.That(DemoCommand.Welcome(ServiceSettings.Read(["--Embedded:DataDirectory=/data"]), "tweetcounts", null), Is.EqualTo(
            """

            The service is LIVE, and a simulation writes five retweets and likes a second. See the counts move, in a browser:

              http://127.0.0.1:5081

            Or try, in another terminal:

              tweetcounts top   # read counts
              tweetcounts get 1 2 3
              tweetcounts watch --all
              tweetcounts jobs
              /data/psql   # a psql on its database

            Ctrl-C stops it all; the data is kept in /data.

            """));

    [Test]
    public void Welcome_ElsewhereAndWithOddNames_CanBePastedIntoAShell() =>
        Assert.That(
            DemoCommand.Welcome(ServiceSettings.Read(["--Embedded:DataDirectory=/my data", "--Kestrel:Endpoints:Grpc:Url=http://*:6080"]), "./run.sh tweetcounts", "/it's here"),
            Does.Contain(
                """
                  cd '/it'\''s here'
                  TWEETCOUNTS_ADDRESS=http://127.0.0.1:6080 ./run.sh tweetcounts top   # read counts
                """).And.Contain("  '/my data/psql'   # a psql"));
}
