using CacheService.Api;
using CacheService.Api.Grpc;
using CacheService.Api.Http;
using CacheService.Api.Page;
using CacheService.Auditing;
using CacheService.Feed;
using CacheService.Feed.Postgres;
using CacheService.Health;
using CacheService.History;
using CacheService.ImportJob;
using CacheService.Jobs;
using CacheService.Jobs.BuiltIn;
using CacheService.Postgres;
using CacheService.Reading;
using CacheService.Reloading;
using CacheService.Replication;
using CacheService.Rollup;
using CacheService.Security;
using CacheService.Settings;
using CacheService.Shutdown;
using CacheService.Telemetry;
using CacheService.Watching;

namespace CacheService;

/// <summary>The whole service, put together.</summary>
internal static class ServiceApp
{
    /// <summary>Builds the service from its arguments; nothing runs yet.</summary>
    /// <param name="args">Settings, as <c>--Section:Setting=value</c>.</param>
    /// <param name="configure">Last changes, for tests.</param>
    /// <exception cref="BadSettingsException">A setting is bad.</exception>
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? configure = null)
    {
        // Settings next to the program, wherever it is started from.
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
        builder.AddLogDefaults();
        builder.AddShutdown();
        var source = builder.ChosenSource();
        builder.AddPostgres(wantsEmbedded: source == FeedSource.Postgres);
        builder.AddCounts();
        builder.AddFeed();
        builder.AddPostgresFeed();
        builder.AddRollup();
        builder.AddHealth();
        builder.AddReading();
        builder.AddAuditing();
        builder.AddReloading();
        builder.AddJobs();
        builder.AddBuiltInJobs();
        builder.AddImportJob();
        builder.AddWatching();
        builder.AddHistory();
        builder.AddSecurity();
        builder.AddApi();
        builder.AddGrpcApi();
        builder.AddHttpApi();
        builder.AddTelemetry();
        builder.AddReplication(source);
        if (source != FeedSource.Postgres)
        {
            // What is done for all caches of the database, those do that follow it.
            builder.Services.PostConfigure<JobsOptions>(options => options.Enabled = false);
            builder.Services.PostConfigure<RollupOptions>(options => options.Interval = TimeSpan.Zero);
            builder.Services.PostConfigure<AuditOptions>(options => options.Interval = TimeSpan.Zero);
        }

        configure?.Invoke(builder);

        var app = builder.Build();
        app.Services.CheckSettings();
        app.Services.GetRequiredService<WatchHub>().Start();
        app.UseHttpProblems();
        app.UseGrpcOverHttp();
        app.UseSecurity();
        app.MapGrpcApi();
        app.MapHttpApi();
        app.MapPage();
        app.MapHealth();
        app.MapTelemetry();
        return app;
    }
}
