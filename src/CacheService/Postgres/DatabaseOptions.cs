using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace CacheService.Postgres;

/// <summary>What the service takes of the database server: the section <c>Database</c>.</summary>
internal sealed class DatabaseOptions
{
    /// <summary>The section's name.</summary>
    public const string Section = "Database";

    // The listener and the reader, which stay; the loader, which comes and goes.
    private const int Singles = 3;
    private const int FewConnections = 6;

    /// <summary>The most connections to the database at a time.</summary>
    [Description("The most connections to the database at a time: 3 for the counts (one of them while loading), 2 for the lease (1 of 6), half of the others for authors and texts (GetMessage, which waits for one) and all but one of these for reads that go round the cache too, half for care and audits. With several hosts one more to each, for moments.")]
    [Range(FewConnections, 1_000)]
    public int MaxConnections { get; set; } = 12;

    /// <summary>Those that renew the lease, which nothing else uses. The second is for the case that the first does not answer.</summary>
    internal int LeaseConnections => MaxConnections > FewConnections ? 2 : 1;

    /// <summary>Those that read authors and texts.</summary>
    internal int TextConnections => (MaxConnections - Singles - LeaseConnections) / 2;

    /// <summary>Those of <see cref="TextConnections"/> that reads which go round the cache may use: the authors and texts keep one to themselves, if there are two.</summary>
    internal int TableReads => Math.Max(1, TextConnections - 1);

    /// <summary>Those for all other short statements.</summary>
    internal int OtherConnections => MaxConnections - Singles - LeaseConnections - TextConnections;
}

[OptionsValidator]
internal sealed partial class DatabaseOptionsValidator : IValidateOptions<DatabaseOptions>;
