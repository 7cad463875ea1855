using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace CacheService.LoadTests.Options;

/// <summary>The usual help, followed by examples.</summary>
internal sealed class HelpWithExamples(HelpAction usual) : SynchronousCommandLineAction
{
    private const string Examples =
        """
        Examples:
          ./run.sh loadtest
              All parts but series.
          ./run.sh loadtest --quick
              Whether it works; the figures are rough.
          ./run.sh loadtest --full
              Longer rounds, everything, and 10 million messages (about 10 GB of disk).
          ./run.sh loadtest --parts reads,rpc --callers 64 --rounds 5 --round 3
              Two parts, with 64 callers only, five rounds of three seconds.
          ./run.sh loadtest --parts startup --load-sizes 10000000
              Loading 10 million messages.
          ./run.sh loadtest --parts series
              The benchmarks of the article series "PostgreSQL Concurrency", beside what the articles printed (four minutes; with --quick half a minute).

        Nothing is left running. h2load (Debian: nghttp2-client), etcd (etcd-server) and pgbench (postgresql-contrib or postgresql) are used
        where they are; a comparison that lacks its program is reported as not run.
        Exit codes: 0 measured, whatever the goals; 1 failed, or void because the cache gave a wrong answer; 2 bad arguments; 130 interrupted.
        """;

    public override bool ClearsParseErrors => true;

    public override int Invoke(ParseResult parseResult)
    {
        var exitCode = usual.Invoke(parseResult);
        parseResult.InvocationConfiguration.Output.WriteLine(Examples);
        return exitCode;
    }
}
