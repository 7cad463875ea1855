using System.Diagnostics;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Interop;
using CacheService.IntegrationTests.Security;
using CacheService.Replication;
using k8s;
using k8s.Models;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace CacheService.IntegrationTests.Deployment;

/// <summary>The manifests of deploy/kubernetes/nats, as kubectl renders them: services that publish, NATS servers, and services that follow.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class NatsManifestsTests
{
    private const string Folder = "deploy/kubernetes/nats";

    private IReadOnlyList<object> _objects = [];

    private V1Deployment Publishers => One<V1Deployment>("tweetcounts");

    private V1Deployment Followers => One<V1Deployment>("tweetcounts-followers");

    private V1StatefulSet Servers => One<V1StatefulSet>("nats");

    [OneTimeSetUp]
    public async Task RenderAsync()
    {
        var program = await InstalledProgram.RequireAsync("the kustomization with NATS is NOT rendered", "kubectl");
        var (code, output) = await ForeignProgram.RunToEndAsync(
            new ProcessStartInfo(program, ["kustomize", SourceFolder.PathOf(Folder)]) { RedirectStandardOutput = true, RedirectStandardError = true });
        Assert.That(code, Is.Zero, output);
        _objects = KubernetesYaml.LoadAllFromString(output, strict: true);
    }

    [Test]
    public void Rendered_HasTheBaseTheServersAndTheFollowers() => Assert.That(
        _objects.Cast<IKubernetesObject<V1ObjectMeta>>().Select(one => $"{one.Kind} {one.Metadata.Name.Split("-settings-")[0]}"),
        Is.SupersetOf(new[]
        {
            "Deployment tweetcounts", "Deployment tweetcounts-followers", "StatefulSet nats", "Service tweetcounts", "Service tweetcounts-followers", "Service nats",
            "HorizontalPodAutoscaler tweetcounts-followers", "PodDisruptionBudget nats", "PodDisruptionBudget tweetcounts-followers", "NetworkPolicy nats",
        }));

    [Test]
    public void Selectors_OfAll_AreOfPodsThatThereAre()
    {
        var pods = new[] { Publishers.Spec.Template, Followers.Spec.Template, Servers.Spec.Template }.Select(template => template.Metadata.Labels).ToList();
        var selectors = _objects.OfType<V1PodDisruptionBudget>().Select(budget => budget.Spec.Selector.MatchLabels)
            .Concat(_objects.OfType<V1NetworkPolicy>().Select(policy => policy.Spec.PodSelector.MatchLabels))
            .Concat(_objects.OfType<V1Service>().Select(service => service.Spec.Selector))
            .Concat([Followers.Spec.Selector.MatchLabels, Servers.Spec.Selector.MatchLabels])
            .ToList();
        Assert.That(selectors, Has.Count.EqualTo(3 + 4 + 5 + 2));
        Assert.That(selectors.Where(selector => !pods.Exists(pod => selector.All(pod.Contains))), Is.Empty);
    }

    [Test]
    public void Pods_OfAll_MayDoLittle()
    {
        foreach (var pod in new[] { Publishers.Spec.Template.Spec, Followers.Spec.Template.Spec, Servers.Spec.Template.Spec })
        {
            var container = pod.Containers.Single().SecurityContext;
            Assert.That((pod.SecurityContext.RunAsNonRoot, container.ReadOnlyRootFilesystem, container.AllowPrivilegeEscalation), Is.EqualTo(((bool?)true, (bool?)true, (bool?)false)));
            Assert.That((container.Capabilities.Drop.Single(), pod.SecurityContext.SeccompProfile.Type, pod.AutomountServiceAccountToken), Is.EqualTo(("ALL", "RuntimeDefault", (bool?)false)));
        }
    }

    [Test]
    public void Followers_Always_KnowNoDatabase()
    {
        var container = Followers.Spec.Template.Spec.Containers.Single();
        Assert.That(container.Env.Select(variable => variable.Name), Is.EqualTo(new[] { "Nats__Password" }));
        Assert.That(SettingsOf(Followers).Keys, Has.None.Contains("Postgres"));
        Assert.That(Publishers.Spec.Template.Spec.Containers.Single().Env.Select(variable => variable.Name), Is.EquivalentTo(new[] { "ConnectionStrings__Postgres", "Nats__Password" }));
        var goesOut = _objects.OfType<V1NetworkPolicy>().Where(policy => policy.Spec.PodSelector.MatchLabels.All(Followers.Spec.Template.Metadata.Labels.Contains)).SelectMany(policy => policy.Spec.Egress).SelectMany(rule => rule.Ports).Select(port => (string)port.Port);
        Assert.That(goesOut, Has.None.EqualTo("5432"));
    }

    [Test]
    public void Followers_Always_AreAsManyAsTheLoadAsksFor()
    {
        var scaler = _objects.OfType<V2HorizontalPodAutoscaler>().Single();
        Assert.That((scaler.Spec.ScaleTargetRef.Kind, scaler.Spec.ScaleTargetRef.Name), Is.EqualTo(("Deployment", Followers.Metadata.Name)));
        Assert.That(Followers.Spec.Replicas, Is.Null, "a number would be set again with each change that is applied");
    }

    [Test]
    public void Servers_Always_AreThoseThatServicesAndServersName()
    {
        var pods = Enumerable.Range(0, Servers.Spec.Replicas!.Value).Select(number => $"{Servers.Metadata.Name}-{number}.{Servers.Spec.ServiceName}").ToList();
        var ports = Servers.Spec.Template.Spec.Containers.Single().Ports.ToDictionary(port => port.Name, port => port.ContainerPort);
        var url = string.Join(',', pods.Select(pod => $"tls://{pod}:{ports["client"]}"));
        Assert.That(new[] { SettingsOf(Publishers)["Nats__Url"], SettingsOf(Followers)["Nats__Url"] }, Is.All.EqualTo(url));
        Assert.That(SettingsOf(Publishers)["Nats__Replicas"], Is.EqualTo($"{pods.Count}"));

        var configuration = Configuration().Data["nats.conf"];
        Assert.That(configuration, Does.Contain(string.Join(", ", pods.Select(pod => $"\"nats://{pod}:{ports["cluster"]}\""))));
        Assert.That(configuration, Does.Contain($"\"0.0.0.0:{ports["client"]}\"").And.Contain($"\"0.0.0.0:{ports["monitor"]}\"").And.Contain("include \"rights.conf\""));
        var headless = One<V1Service>(Servers.Spec.ServiceName).Spec;
        Assert.That((headless.ClusterIP, headless.PublishNotReadyAddresses), Is.EqualTo(("None", (bool?)true)), "they find one another before they are ready");
        Assert.That(Servers.Spec.Template.Spec.Volumes.Single(volume => volume.ConfigMap is not null).ConfigMap.Name, Is.EqualTo(Configuration().Metadata.Name), "the name that changes with the configuration");
    }

    /// <summary>Read, not run: it is for names and addresses of a cluster.</summary>
    [Test]
    public async Task Configuration_OfTheServers_IsTaken()
    {
        var program = await InstalledProgram.RequireAsync("the NATS servers' configuration is NOT tested", "nats-server");
        using var certificates = new TestCertificates();
        foreach (var (name, text) in Configuration().Data)
        {
            certificates.Write(name, text
                .Replace("/tls/tls.crt", certificates.ServerFile, StringComparison.Ordinal).Replace("/tls/tls.key", certificates.ServerKeyFile, StringComparison.Ordinal)
                .Replace("/tls/ca.crt", certificates.AuthorityFile, StringComparison.Ordinal).Replace("/data", certificates.Folder, StringComparison.Ordinal));
        }

        var start = new ProcessStartInfo(program, ["-t", "-c", Path.Combine(certificates.Folder, "nats.conf")]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var variable in Servers.Spec.Template.Spec.Containers.Single().Env)
        {
            start.Environment[variable.Name] = "n1";
        }

        var (code, output) = await ForeignProgram.RunToEndAsync(start);
        Assert.That(code, Is.Zero, output);
    }

    /// <summary>Built, not run: nothing of a test listens beyond this machine.</summary>
    [Test]
    public async Task Settings_OfPublishersAndFollowers_AreAllowed()
    {
        using var certificates = new TestCertificates();
        await using var publisher = ServiceApp.Build(ArgumentsOf(Publishers, certificates, "--ConnectionStrings:Postgres=Host=db"));
        Assert.That(publisher.Services.GetServices<IHostedService>().OfType<Publisher>().ToList(), Has.Count.EqualTo(1));
        await using var follower = ServiceApp.Build(ArgumentsOf(Followers, certificates));
        Assert.That(follower.Services.GetServices<IHostedService>().OfType<FollowerFeed>().ToList(), Has.Count.EqualTo(1));
    }

    private T One<T>(string name)
        where T : IKubernetesObject<V1ObjectMeta> => _objects.OfType<T>().Single(one => one.Metadata.Name == name);

    private V1ConfigMap Configuration() => _objects.OfType<V1ConfigMap>().Single(map => map.Metadata.Name.StartsWith("tweetcounts-nats", StringComparison.Ordinal));

    private IDictionary<string, string> SettingsOf(V1Deployment deployment) =>
        One<V1ConfigMap>(deployment.Spec.Template.Spec.Containers.Single().EnvFrom.Select(source => source.ConfigMapRef?.Name).OfType<string>().Single()).Data;

    private string[] ArgumentsOf(V1Deployment deployment, TestCertificates certificates, params string[] more) =>
    [
        .. SettingsFile.AsArguments(SettingsOf(deployment)).Select(argument => argument.Replace("/nats/ca.crt", certificates.AuthorityFile, StringComparison.Ordinal)),
        "--Nats:Password=secret",
        .. new TestKey(0, "dashboard", "Read,Watch").Settings,
        .. more,
    ];
}
