using CacheService.Reading;
using CacheService.Settings;
using Grpc.AspNetCore.Server;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;

namespace CacheService.Security;

/// <summary>Registers who may call, and how much.</summary>
internal static class SecurityServices
{
    /// <summary>Adds keys, certificates, rights and limits.</summary>
    public static void AddSecurity(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddSettings<SecurityOptions, SecurityOptionsValidator>(builder.Configuration, SecurityOptions.Section);
        services.AddSingleton<ISettingsCheck, EndpointCheck>();
        services.AddSingleton<ForeignPages>();
        services.AddCors();
        services.AddSingleton<ApiKeys>();
        services.AddSingleton<ClosedConnections>();
        services.AddSingleton<ClientCertificates>();
        services.AddSingleton<ServerCertificates>();
        services.AddHostedService(provider => provider.GetRequiredService<ServerCertificates>());
        services.AddSingleton<ISettingsCheck>(provider => provider.GetRequiredService<ClientCertificates>());
        services.AddOptions<KestrelServerOptions>().Configure<ClosedConnections>((kestrel, closed) =>
            kestrel.ConfigureEndpointDefaults(endpoint => endpoint.Use(next => connection => closed.ServeAsync(connection, next))));
        services.AddOptions<KestrelServerOptions>().Configure<IOptions<LimitsOptions>, ClientCertificates, ServerCertificates>((kestrel, limits, clients, servers) =>
        {
            try
            {
                Configure(kestrel, limits.Value, clients, servers);
            }
            catch (Exception e) when (e is OptionsValidationException or InvalidOperationException)
            {
                // Bad settings: the host asks for these before they are checked, which names all errors, and nothing starts.
            }
        });

        // Not registered where nothing asks who calls: the host puts them before every call by itself.
        if (AsksWhoCalls(builder.Configuration))
        {
            services.AddAuthentication(CallerAuthentication.SchemeName).AddScheme<AuthenticationSchemeOptions, CallerAuthentication>(CallerAuthentication.SchemeName, null);
            services.AddAuthorization(Configure);
        }

        services.AddRateLimiter(_ => { });
        services.AddSingleton<CallRate>();
        services.AddSingleton<IConfigureOptions<RateLimiterOptions>>(provider => provider.GetRequiredService<CallRate>());
    }

    /// <summary>Guards the endpoints that are mapped after it, with what the settings ask for; where they ask for nothing, no call pays.</summary>
    public static void UseSecurity(this WebApplication app)
    {
        var asksWhoCalls = AsksWhoCalls(app.Configuration);
        var security = app.Services.GetRequiredService<IOptions<SecurityOptions>>().Value;
        if (security.Origins() is { Count: > 0 } origins)
        {
            // Before anything is asked: a browser asks without a key whether it may send one.
            app.UseCors(policy => CrossOrigin.Allow(policy, origins));
        }

        if (asksWhoCalls)
        {
            app.UseAuthentication();
        }

        // Before the rights are looked at, so that guesses at keys count too.
        if (app.Services.GetRequiredService<IOptions<LimitsOptions>>().Value.CallsPerSecond > 0)
        {
            app.UseRateLimiter();
        }

        if (asksWhoCalls)
        {
            app.UseAuthorization();
        }
    }

    /// <summary>Asks the callers of methods, by gRPC or HTTP, for the rights of <see cref="MethodRights"/>, if callers have to say who they are.</summary>
    public static void RequireRights(this IEndpointConventionBuilder service, WebApplication app)
    {
        if (AsksWhoCalls(app.Configuration))
        {
            service.Add(endpoint =>
            {
                // What is no method of the service asks for what nobody has listed.
                var method = endpoint.Metadata.OfType<ServesMethod>().FirstOrDefault()?.FullName ?? endpoint.Metadata.OfType<GrpcMethodMetadata>().FirstOrDefault()?.Method.FullName;
                var right = method is null ? Rights.None : MethodRights.Of(method);
                endpoint.Metadata.Add(right == Rights.None ? new AllowAnonymousAttribute() : new RequiredRight(right));
            });
        }
    }

    /// <summary>Asks the callers of an endpoint for a right, if callers have to say who they are.</summary>
    public static void RequireRight(this IEndpointConventionBuilder endpoint, WebApplication app, Rights right)
    {
        if (AsksWhoCalls(app.Configuration))
        {
            endpoint.WithMetadata(new RequiredRight(right));
        }
    }

    // As SecurityOptions.AsksWhoCalls; before the settings are checked, without which nothing starts.
    private static bool AsksWhoCalls(IConfiguration configuration)
    {
        var security = configuration.GetSection(SecurityOptions.Section);
        return security.GetSection(nameof(SecurityOptions.ApiKeys)).GetChildren().Any() || security[nameof(SecurityOptions.ClientCertificateAuthority)] is { Length: > 0 };
    }

    private static void Configure(AuthorizationOptions authorization)
    {
        foreach (var right in Enum.GetValues<Rights>().Where(right => right != Rights.None))
        {
            authorization.AddPolicy(right.ToString(), policy => policy.RequireAuthenticatedUser().RequireClaim(Caller.RightClaim, right.ToString()));
        }

        // What nobody has mapped.
        authorization.FallbackPolicy = authorization.DefaultPolicy;
    }

    private static void Configure(KestrelServerOptions kestrel, LimitsOptions limits, ClientCertificates clients, ServerCertificates servers)
    {
        kestrel.Limits.MaxConcurrentConnections = limits.MaxConnections;
        kestrel.Limits.Http2.MaxStreamsPerConnection = limits.MaxStreamsPerConnection;

        // A ping after half of the time, and the other half for its answer.
        kestrel.Limits.Http2.KeepAlivePingDelay = limits.DeadClientTimeout / 2;
        kestrel.Limits.Http2.KeepAlivePingTimeout = limits.DeadClientTimeout / 2;
        servers.Configure(kestrel, https =>
        {
            if (clients.AreAskedFor)
            {
                clients.Configure(https);
            }
        });
    }
}
