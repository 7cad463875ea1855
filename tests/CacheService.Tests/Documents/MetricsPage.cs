using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using CacheService.Metrics;
using CacheService.Telemetry;
using Microsoft.Extensions.DependencyInjection;

namespace CacheService.Tests.Documents;

/// <summary>What docs/metrics.md has to say, made from the instruments of a service that was put together and not started.</summary>
internal static class MetricsPage
{
    /// <summary>All instruments, by their names.</summary>
    public static IReadOnlyList<Instrument> All { get; } = Collect();

    /// <summary>The whole page.</summary>
    public static string Text { get; } = Write();

    /// <summary>The name under which Prometheus has it; of a histogram what its series begin with.</summary>
    public static string PrometheusNameOf(Instrument instrument)
    {
        var unit = instrument.Unit switch { "s" => "_seconds", "By" => "_bytes", _ => "" };
        return $"{instrument.Name.Replace('.', '_')}{unit}{(instrument is ObservableCounter<long> ? "_total" : "")}";
    }

    private static List<Instrument> Collect()
    {
        var found = new List<Instrument>();
        using var app = ServiceApp.Build([]);
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, _) => found.Add(instrument);
        app.Services.GetRequiredService<StateMetrics>();
        _ = Instruments.Reads;
        listener.Start();
        return [.. found.Where(instrument => instrument.Meter.Name == Instruments.MeterName).DistinctBy(instrument => instrument.Name).OrderBy(instrument => instrument.Name, StringComparer.Ordinal)];
    }

    private static string Write()
    {
        var page = new StringBuilder(
            """
            # Metrics

            This page is made from the code: `TWCACHE_WRITE_DOCS=1 ./test.sh --filter FullyQualifiedName~Documents` writes it anew. [operations.md](operations.md#watch-it) says how they are
            scraped, and what to be alerted of.

            The names are OpenTelemetry's, and below each is the one under which Prometheus has it. Tags are listed with all the values that they can have: none is an id, an address or a text. A value that is not known
            is missing, not 0. Counters begin at 0 with the process.

            | name | type | unit | tags | |
            |--|--|--|--|--|

            """);
        foreach (var instrument in All)
            page.Append(CultureInfo.InvariantCulture, $"| `{instrument.Name}`<br>`{PrometheusNameOf(instrument)}` | {TypeOf(instrument)} | {UnitOf(instrument)} | {TagsOf(instrument)} | {instrument.Description} |\n");

        return page.Append(
            """

            Besides these: Kestrel's (`kestrel.*`), the runtime's (`dotnet.*`), Npgsql's (`db.client.*`, whose pools are named by their purpose), and those of ASP.NET Core that cost no call, as .NET
            and Npgsql document them. What ASP.NET Core and Kestrel measure with each call (`http.server.*`, `kestrel.queued_requests`) is left out, because `GetCounts` takes a sixth more
            processor time for it (18 %, by h2load on two busy cores). `Metrics:EachCall=true` adds it. Without it metrics cost 1.5 % there, where two services without metrics differ by 2 %.

            ## Traces

            Where `OTEL_EXPORTER_OTLP_ENDPOINT` is set: each call, by ASP.NET Core, and in it or by themselves

            | span | |
            |--|--|
            | `wait for a drain` | in a call: a read waited until its requirement was met |
            | `load from the activity`, `load from the rollup` | all counts were loaded |
            | `audit` | all counts were compared, with how many messages and differences |

            `OTEL_TRACES_SAMPLER` says how many calls are traced: by default all, which each call pays for. Calls to `/metrics`, `/health` and the standard health service are not.

            """).ToString().ReplaceLineEndings("\n");
    }

    private static string TypeOf(Instrument instrument) => instrument switch
    {
        Histogram<double> => "histogram",
        ObservableCounter<long> => "counter",
        ObservableUpDownCounter<long> => "up-down counter",
        _ => "gauge",
    };

    private static string UnitOf(Instrument instrument) => instrument.Unit switch
    {
        "s" => "seconds",
        "By" => "bytes",
        "1" => "a share, 0 to 1",
        var counted => counted?.Trim('{', '}') ?? "",
    };

    private static string TagsOf(Instrument instrument) =>
        (Instruments.Tags.GetValueOrDefault(instrument.Name) ?? StateMetrics.Tags.GetValueOrDefault(instrument.Name)) is { } tags
            ? string.Join("; ", tags.Select(tag => $"`{tag.Name}`: {string.Join(", ", tag.Values)}"))
            : "";
}
