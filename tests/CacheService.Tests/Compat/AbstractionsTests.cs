namespace CacheService.Tests.Compat;

/// <summary>
/// The server and the client are compiled against Grpc.Core.Api and Grpc.Net.Common. What one of those lacks shows only
/// when the call that needs it is made, so it is looked for here.
/// </summary>
[TestFixture]
public sealed class AbstractionsTests
{
    [Test]
    public void Abstractions_UsedByPackage_HaveEveryTypeAndMember(
        [Values("Grpc.AspNetCore.Server", "Grpc.Net.Client")] string package,
        [Values("Grpc.Core.Api", "Grpc.Net.Common")] string abstractions)
    {
        using var consumer = new AssemblyFile(package);
        using var assembly = new AssemblyFile(abstractions);
        var demands = new AssemblyDemands(consumer.Metadata);

        Assert.That(demands.Of(abstractions), Is.Not.Empty);
        Assert.That(demands.Unmet(new AssemblySurface(assembly.Metadata)), Is.Empty);
    }

    [Test]
    public void Abstractions_ReferredToByPackage_HaveTheVersionAndKeyItAsksFor(
        [Values("Grpc.AspNetCore.Server", "Grpc.Net.Client")] string package,
        [Values("Grpc.Core.Api", "Grpc.Net.Common")] string abstractions)
    {
        using var consumer = new AssemblyFile(package);
        using var assembly = new AssemblyFile(abstractions);
        var reference = consumer.Metadata.AssemblyReferences
            .Select(handle => consumer.Metadata.GetAssemblyReference(handle).GetAssemblyName())
            .Single(name => name.Name == abstractions);
        var definition = assembly.Metadata.GetAssemblyDefinition().GetAssemblyName();

        Assert.That(definition.Version, Is.EqualTo(reference.Version));
        Assert.That(definition.GetPublicKeyToken(), Is.EqualTo(reference.GetPublicKeyToken()));
    }

    [TestCase("Status", "get_Detail", null)]
    [TestCase("Status", "get_Nonsense", "Grpc.Core.Status::get_Nonsense() : String")]
    [TestCase("Status", "get_StatusCode", "Grpc.Core.Status::get_StatusCode() : String")]
    [TestCase("Nonsense", "get_Detail", "Grpc.Core.Nonsense, Grpc.Core.Nonsense::get_Detail() : String")]
    public void Demands_OfAnAssembly_AreUnmetWhereTypeNameOrSignatureDiffer(string type, string method, string? unmet)
    {
        using var consumer = new InventedConsumer("Grpc.Core.Api", "Grpc.Core", type, method);
        using var assembly = new AssemblyFile("Grpc.Core.Api");

        var found = new AssemblyDemands(consumer.Metadata).Unmet(new AssemblySurface(assembly.Metadata));

        Assert.That(string.Join(", ", found), Is.EqualTo(unmet ?? ""));
    }

    [Test]
    public void Demands_OnOverridesAndGenericInstantiations_AreCounted()
    {
        using var consumer = new AssemblyFile("Grpc.Net.Client");

        var demands = new AssemblyDemands(consumer.Metadata).Of("Grpc.Core.Api");

        Assert.That(demands, Has.Some.StartsWith("virtual Grpc.Core.CallInvoker::AsyncUnaryCall<2>("));
        Assert.That(demands, Has.Some.EqualTo(
            "Grpc.Core.IAsyncStreamReader`1::MoveNext(struct System.Threading.CancellationToken) : System.Threading.Tasks.Task`1<Boolean>"));
    }
}
