using NATS.Client.JetStream;
using NATS.Client.JetStream.Models;

namespace CacheService.IntegrationTests.Replication;

/// <summary>What anybody may do to checkpoints who may write them.</summary>
internal static class CheckpointBucket
{
    /// <summary>The subjects that have their contents, one each.</summary>
    public static async Task<IReadOnlyCollection<string>> ListCheckpointContentsAsync(this NatsJSContext jetStream, string name)
    {
        var bucket = await jetStream.GetStreamAsync($"OBJ_{name}-checkpoints", new StreamInfoRequest { SubjectsFilter = $"$O.{name}-checkpoints.C.>" });
        return [.. bucket.Info.State.Subjects?.Keys ?? []];
    }

    /// <summary>Puts something else where the content of a checkpoint is.</summary>
    public static async Task OverwriteCheckpointAsync(this NatsJSContext jetStream, string name, string content)
    {
        await jetStream.PurgeStreamAsync($"OBJ_{name}-checkpoints", new StreamPurgeRequest { Filter = content });
        (await jetStream.PublishAsync(content, "rubbish"u8.ToArray())).EnsureSuccess();
    }
}
