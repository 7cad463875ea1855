using CacheService.LoadTests.Machine;
using CacheService.LoadTests.Rpc.Protocol;
using CacheService.Postgres.Embedded;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace CacheService.LoadTests.Rpc;

/// <summary>An etcd of one member that holds one key.</summary>
internal sealed class EtcdProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly ByteString Key = ByteString.CopyFromUtf8("message/1");
    private static readonly ByteString Value = ByteString.CopyFromUtf8("retweets=12345 likes=67890");

    private readonly ChildProcess _process;

    private EtcdProcess(ChildProcess process, Uri address)
    {
        (_process, Address) = (process, address);
        Processes = new ProcessTree("server", process.Id);
    }

    /// <summary>A read that the member answers from memory.</summary>
    public static RangeRequest Read { get; } = new() { Key = Key, Serializable = true };

    public Uri Address { get; }

    public ProcessTree Processes { get; }

    /// <summary>Returns once it has given the key back.</summary>
    public static async Task<EtcdProcess> StartAsync(string program, string folder, CancellationToken cancellationToken)
    {
        var (client, peer) = ($"http://127.0.0.1:{LoopbackPort.ChooseNew()}", $"http://127.0.0.1:{LoopbackPort.ChooseNew()}");
        string[] arguments =
        [
            "--name", "loadtest", "--data-dir", folder, "--log-level", "error",
            "--listen-client-urls", client, "--advertise-client-urls", client,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", $"loadtest={peer}",
        ];
        // Older releases do not run on this architecture unless told so; on others the word means nothing.
        var environment = new Dictionary<string, string> { ["ETCD_UNSUPPORTED_ARCH"] = "arm64" };
        var etcd = new EtcdProcess(ChildProcess.Start(program, arguments, environment), new Uri(client));
        try
        {
            await etcd.PutAsync(cancellationToken);
            return etcd;
        }
        catch
        {
            await etcd.DisposeAsync();
            throw;
        }
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    private async Task PutAsync(CancellationToken cancellationToken)
    {
        using var channel = GrpcChannel.ForAddress(Address);
        var client = new KV.KVClient(channel);
        try
        {
            // It is slow to listen, and slower to elect itself.
            var patient = new CallOptions(deadline: DateTime.UtcNow + Patience, cancellationToken: cancellationToken).WithWaitForReady();
            await client.PutAsync(new PutRequest { Key = Key, Value = Value }, patient);
            var answer = await client.RangeAsync(Read, patient);
            if (answer.Count != 1)
            {
                throw new LoadTestException("etcd does not give back the key that was put");
            }
        }
        catch (RpcException e)
        {
            throw new LoadTestException($"etcd does not answer ({e.Status.Detail}): {_process.Output}", e);
        }
    }
}
