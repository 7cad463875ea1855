using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using CacheService.IntegrationTests.Infrastructure;
using NATS.NKeys;

namespace CacheService.IntegrationTests.Security;

/// <summary>Who a service is at a NATS server without a password: by a key of its own, or by a file of credentials that an account has signed, which an operator has.</summary>
internal sealed class NatsIdentity : IDisposable
{
    private readonly string _folder = TestFolders.NewPath();
    private readonly KeyPair _operator = KeyPair.CreatePair(PrefixByte.Operator);
    private readonly KeyPair _account = KeyPair.CreatePair(PrefixByte.Account);
    private readonly KeyPair _system = KeyPair.CreatePair(PrefixByte.Account);
    private readonly KeyPair _user = KeyPair.CreatePair(PrefixByte.User);

    public NatsIdentity()
    {
        Directory.CreateDirectory(_folder);
        KeyFile = Write("user.nk", $"{_user.GetSeed()}\n{_user.GetPublicKey()}\n");
        CredentialsFile = Write("user.creds", $"""
            -----BEGIN NATS USER JWT-----
            {Token(_account, _user, new { type = "user", version = 2, subs = -1, data = -1, payload = -1 })}
            ------END NATS USER JWT------

            -----BEGIN USER NKEY SEED-----
            {_user.GetSeed()}
            ------END USER NKEY SEED------

            """);
    }

    /// <summary>The file with the key's seed and its public key.</summary>
    public string KeyFile { get; }

    /// <summary>The file of credentials.</summary>
    public string CredentialsFile { get; }

    /// <summary>The configuration of a server that knows the key.</summary>
    public string ServerByKey => $$"""authorization { users: [ { nkey: {{_user.GetPublicKey()}} } ] }""";

    /// <summary>The configuration of a server that knows the operator.</summary>
    public string ServerByCredentials
    {
        get
        {
            const int Any = -1;
            var limits = new
            {
                subs = Any,
                data = Any,
                payload = Any,
                imports = Any,
                exports = Any,
                wildcards = true,
                conn = Any,
                leaf = Any,
                mem_storage = Any,
                disk_storage = Any,
                streams = Any,
                consumer = Any,
            };
            // JetStream needs an account of the servers' own besides.
            return $$"""
                operator: {{Token(_operator, _operator, new { type = "operator", version = 2 })}}
                system_account: {{_system.GetPublicKey()}}
                resolver: MEMORY
                resolver_preload: {
                  {{_system.GetPublicKey()}}: {{Token(_operator, _system, new { type = "account", version = 2, limits = limits with { mem_storage = 0, disk_storage = 0, streams = 0, consumer = 0 } })}}
                  {{_account.GetPublicKey()}}: {{Token(_operator, _account, new { type = "account", version = 2, limits })}}
                }
                """;
        }
    }

    public void Dispose()
    {
        _operator.Dispose();
        _account.Dispose();
        _system.Dispose();
        _user.Dispose();
        TestFolders.Delete(_folder);
    }

    private static string Token(KeyPair issuer, KeyPair subject, object nats)
    {
        var claims = new { jti = Guid.NewGuid().ToString("N"), iat = DateTimeOffset.UtcNow.ToUnixTimeSeconds(), iss = issuer.GetPublicKey(), sub = subject.GetPublicKey(), name = "test", nats };
        var signed = $"{Encode(new { typ = "JWT", alg = "ed25519-nkey" })}.{Encode(claims)}";
        var signature = new byte[64];
        issuer.Sign(Encoding.ASCII.GetBytes(signed), signature);
        return $"{signed}.{Base64Url.EncodeToString(signature)}";
    }

    private static string Encode(object part) => Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(part));

    private string Write(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}
