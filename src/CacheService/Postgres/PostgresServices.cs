using CacheService.Postgres.Addresses;
using CacheService.Postgres.Embedded;
using CacheService.Settings;

namespace CacheService.Postgres;

/// <summary>Registers the database.</summary>
internal static class PostgresServices
{
    /// <summary>Adds the connections, and the embedded server where no connection string is configured.</summary>
    /// <param name="builder">The service.</param>
    /// <param name="wantsEmbedded">Whether the service needs a database in any case.</param>
    public static void AddPostgres(this WebApplicationBuilder builder, bool wantsEmbedded)
    {
        builder.Services.AddSettings<EmbeddedOptions, EmbeddedOptionsValidator>(builder.Configuration, EmbeddedOptions.Section);
        builder.Services.AddSettings<DatabaseOptions, DatabaseOptionsValidator>(builder.Configuration, DatabaseOptions.Section);
        builder.Services.AddSingleton(ConfiguredAddress(builder.Configuration, wantsEmbedded));
        builder.Services.AddSingleton<PostgresConnections>();
        builder.Services.AddSingleton<SchemaInstaller>();
        builder.Services.AddSingleton<EmbeddedPostgresHost>();
        builder.Services.AddHostedService(services => services.GetRequiredService<EmbeddedPostgresHost>());
    }

    // Here, before the other settings are checked: what the other services are made with depends on it.
    private static DatabaseAddress ConfiguredAddress(IConfiguration configuration, bool wantsEmbedded)
    {
        var connectionString = configuration.GetConnectionString("Postgres");
        if (string.IsNullOrWhiteSpace(connectionString))
        {
            return new DatabaseAddress(null, isWanted: wantsEmbedded);
        }

        try
        {
            return ConnectionStringFilter.Apply(connectionString);
        }
        catch (BadConnectionStringException e)
        {
            throw new BadSettingsException([$"ConnectionStrings:Postgres cannot be used: {e.Message}"]);
        }
    }
}
