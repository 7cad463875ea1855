using CacheService.Postgres.Embedded;
using CacheService.Settings;
using Npgsql;

namespace CacheService.Postgres;

/// <summary>Registers the database.</summary>
internal static class PostgresServices
{
    /// <summary>Adds the connections, and the embedded server where no connection string is configured.</summary>
    public static void AddPostgres(this WebApplicationBuilder builder)
    {
        builder.Services.AddSettings<EmbeddedOptions, EmbeddedOptionsValidator>(builder.Configuration, EmbeddedOptions.Section);
        builder.Services.AddSingleton(new DatabaseAddress(ConfiguredAddress(builder.Configuration)));
        builder.Services.AddSingleton<PostgresConnections>();
        builder.Services.AddSingleton<SchemaInstaller>();
        builder.Services.AddHostedService<EmbeddedPostgresHost>();
    }

    private static string? ConfiguredAddress(IConfiguration configuration)
    {
        var connectionString = configuration.GetConnectionString("Postgres");
        if (string.IsNullOrWhiteSpace(connectionString))
        {
            return null;
        }

        try
        {
            return new NpgsqlConnectionStringBuilder(connectionString).ConnectionString;
        }
        catch (ArgumentException e)
        {
            // The message names the keyword, never the password.
            throw new BadSettingsException([$"ConnectionStrings:Postgres is not a connection string: {e.Message}"]);
        }
    }
}
