using CacheService.Health.Protocol;
using CacheService.Security;
using Google.Protobuf.Reflection;
using TweetCounts.V1;

namespace CacheService.Tests.Security;

internal sealed class MethodRightsTests
{
    private static IEnumerable<string> Methods =>
        new ServiceDescriptor[]
        {
            TweetCountsService.Descriptor, JobsService.Descriptor, HealthReflection.Descriptor.Services.Single(), global::Grpc.Reflection.V1.ServerReflection.Descriptor, global::Grpc.Reflection.V1Alpha.ServerReflection.Descriptor,
        }
            .SelectMany(service => service.Methods.Select(method => $"/{service.FullName}/{method.Name}"));

    [TestCaseSource(nameof(Methods))]
    public void Knows_EveryMethodOfTheService_IsListed(string method) => Assert.That(MethodRights.Knows(method), "decide which right it asks for");

    [Test]
    public void Of_AMethodThatIsNotListed_IsTheHighest() => Assert.That(MethodRights.Of("/tweetcounts.v1.TweetCountsService/DropAll"), Is.EqualTo(Rights.Admin));
}
