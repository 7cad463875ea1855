using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using CacheService.IntegrationTests.Infrastructure;
using CacheService.IntegrationTests.Interop;
using CacheService.IntegrationTests.Security;
using CacheService.Settings;
using k8s;
using k8s.Models;

namespace CacheService.IntegrationTests.Deployment;

/// <summary>The manifests of deploy/kubernetes: of the types that Kubernetes knows, fitting together, and with settings that the service takes.</summary>
[Parallelizable(ParallelScope.Self)]
internal sealed class KubernetesTests
{
    private const string Folder = "deploy/kubernetes/base";

    private static readonly IReadOnlyList<object> Objects = [.. Load("deploy/kubernetes/base"), .. Load("deploy/kubernetes/monitoring", "servicemonitor.yaml")];
    private static readonly V1Deployment Deployment = Objects.OfType<V1Deployment>().Single();
    private static readonly V1Container Container = Deployment.Spec.Template.Spec.Containers.Single();

    private static IDictionary<string, string> PodLabels => Deployment.Spec.Template.Metadata.Labels;

    [TestCase("deploy/kubernetes/base", 6)]
    [TestCase("deploy/kubernetes/monitoring", 8)]
    public async Task Kustomization_Rendered_HasAllAndRefersToItsSettings(string folder, int objects)
    {
        var program = await InstalledProgram.RequireAsync("the kustomization is NOT rendered", "kubectl");
        var (code, output) = await ForeignProgram.RunToEndAsync(
            new ProcessStartInfo(program, ["kustomize", SourceFolder.PathOf(folder)]) { RedirectStandardOutput = true, RedirectStandardError = true });
        Assert.That(code, Is.Zero, output);
        Assert.That(output.Split('\n').Count(line => line.StartsWith("kind: ", StringComparison.Ordinal)), Is.EqualTo(objects), output);

        var known = KubernetesYaml.LoadAllFromString(string.Join("---\n", output.Split("---\n").Where(one => !one.Contains("kind: ServiceMonitor", StringComparison.Ordinal))), strict: true);
        var settings = known.OfType<V1ConfigMap>().Single();
        var container = known.OfType<V1Deployment>().Single().Spec.Template.Spec.Containers.Single();
        Assert.That(settings.Data, Is.EqualTo(SettingsFile.Read($"{Folder}/settings.env")));
        Assert.That(container.EnvFrom.Select(source => source.ConfigMapRef?.Name), Does.Contain(settings.Metadata.Name), "the name that changes with the settings");
    }

    [Test]
    public void Selectors_OfAll_AreOfThePods()
    {
        var selectors = new[] { Deployment.Spec.Selector.MatchLabels }
            .Concat(Objects.OfType<V1PodDisruptionBudget>().Select(budget => budget.Spec.Selector.MatchLabels))
            .Concat(Objects.OfType<V1NetworkPolicy>().Select(policy => policy.Spec.PodSelector.MatchLabels))
            .Concat(Objects.OfType<V1Service>().Select(service => service.Spec.Selector))
            .Concat(Deployment.Spec.Template.Spec.TopologySpreadConstraints.Select(spread => spread.LabelSelector.MatchLabels));
        Assert.That(selectors.ToList(), Has.Count.EqualTo(7).And.All.EqualTo(PodLabels));
    }

    [Test]
    public void Ports_OfAll_AreThoseOfTheContainer()
    {
        var ports = Container.Ports.ToDictionary(port => port.Name, port => $"{port.ContainerPort}");
        var named = Objects.OfType<V1Service>().SelectMany(service => service.Spec.Ports).Select(port => (string)port.TargetPort)
            .Concat(Objects.OfType<V1NetworkPolicy>().SelectMany(policy => policy.Spec.Ingress).SelectMany(rule => rule.Ports).Select(port => (string)port.Port))
            .Concat([(string)Container.ReadinessProbe.HttpGet.Port, (string)Container.LivenessProbe.HttpGet.Port]);
        Assert.That(named.Distinct(), Is.EquivalentTo(ports.Keys));
        var settings = SettingsFile.Read($"{Folder}/settings.env");
        Assert.That(settings["Kestrel__Endpoints__Grpc__Url"], Does.EndWith($":{ports["grpc"]}"));
        Assert.That(settings["Kestrel__Endpoints__Http__Url"], Does.EndWith($":{ports["http"]}"));
    }

    [Test]
    public void Services_Always_HaveOneForBalancingByClients()
    {
        var headless = Objects.OfType<V1Service>().Where(service => service.Spec.ClusterIP == "None").ToList();
        Assert.That(headless.Select(service => service.Spec.Ports.Single().Name), Is.EqualTo(new[] { "grpc" }));
    }

    [Test]
    public void Pod_Always_MayDoLittle()
    {
        var (pod, container) = (Deployment.Spec.Template.Spec, Container.SecurityContext);
        Assert.That((pod.SecurityContext.RunAsNonRoot, container.ReadOnlyRootFilesystem, container.AllowPrivilegeEscalation), Is.EqualTo(((bool?)true, (bool?)true, (bool?)false)));
        Assert.That((container.Capabilities.Drop.Single(), pod.SecurityContext.SeccompProfile.Type, pod.AutomountServiceAccountToken), Is.EqualTo(("ALL", "RuntimeDefault", (bool?)false)));
        Assert.That(TimeSpan.Parse(SettingsFile.Read($"{Folder}/settings.env")["Shutdown__DrainPeriod"], System.Globalization.CultureInfo.InvariantCulture), Is.LessThan(TimeSpan.FromSeconds(pod.TerminationGracePeriodSeconds!.Value)));
    }

    [Test]
    public void ServiceMonitor_Always_FindsTheServiceAndItsPort()
    {
        var monitor = Yaml.Read(SourceFolder.PathOf("deploy/kubernetes/monitoring/servicemonitor.yaml"));
        var labels = monitor["spec"]!["selector"]!["matchLabels"]!.AsObject().ToDictionary(label => label.Key, label => (string)label.Value!);
        var found = Objects.OfType<V1Service>().Where(service => labels.All(label => service.Metadata.Labels.TryGetValue(label.Key, out var value) && value == label.Value)).ToList();
        Assert.That(found.Select(service => service.Spec.Ports.Single().Name), Is.EqualTo(new[] { (string)monitor["spec"]!["endpoints"]![0]!["port"]! }));
    }

    /// <summary>Built, not run: nothing of a test listens beyond this machine.</summary>
    [Test]
    public async Task Settings_WithoutKeys_AreRefusedAndWithKeysAllowed()
    {
        string[] settings = [.. SettingsFile.AsArguments(SettingsFile.Read($"{Folder}/settings.env")), "--ConnectionStrings:Postgres=Host=db"];
        Assert.That(() => ServiceApp.Build(settings), Throws.TypeOf<BadSettingsException>().With.Property(nameof(BadSettingsException.Errors)).Some.Contains("Security:ApiKeys"));
        await using var app = ServiceApp.Build([.. settings, .. new TestKey(0, "dashboard", "Read,Watch").Settings]);
        Assert.That(app, Is.Not.Null);
    }

    [Test]
    public async Task Probes_OfAServiceWithTheseSettings_AreAnswered()
    {
        using var certificates = new TestCertificates();
        var key = new TestKey(0, "prometheus", "Read");
        await using var database = await TestDatabase.CreateAsync();
        var settings = SettingsFile.AsArguments(SettingsFile.Read($"{Folder}/settings.env")).Select(argument => argument
            .Replace("https://*:5080", "https://127.0.0.1:0", StringComparison.Ordinal).Replace("https://*:5081", "https://127.0.0.1:0", StringComparison.Ordinal)
            .Replace("/tls/tls.crt", certificates.ServerFile, StringComparison.Ordinal).Replace("/tls/tls.key", certificates.ServerKeyFile, StringComparison.Ordinal)
            .Replace("00:00:10", "00:00:00", StringComparison.Ordinal));
        await using var service = await RunningService.StartAsync(database.ConnectionString, [.. settings, .. key.Settings]);

        // Kubernetes, too, asks without looking at the certificate.
        using var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = HttpClientHandler.DangerousAcceptAnyServerCertificateValidator };
        using var client = new HttpClient(handler) { BaseAddress = service.HttpAddress };
        foreach (var probe in new[] { Container.ReadinessProbe, Container.LivenessProbe })
        {
            Assert.That(probe.HttpGet.Scheme, Is.EqualTo("HTTPS"));
            using var answer = await client.GetAsync(new Uri(probe.HttpGet.Path, UriKind.Relative));
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.OK));
        }

        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key.Key);
        using var metrics = await client.GetAsync(new Uri("/metrics", UriKind.Relative));
        Assert.That(metrics.StatusCode, Is.EqualTo(HttpStatusCode.OK));
    }

    // Of custom types Kubernetes' own library knows nothing.
    private static IEnumerable<object> Load(string folder, params string[] custom) =>
        from file in Directory.EnumerateFiles(SourceFolder.PathOf(folder), "*.yaml")
        where Path.GetFileName(file) != "kustomization.yaml" && !custom.Contains(Path.GetFileName(file))
        from one in KubernetesYaml.LoadAllFromString(File.ReadAllText(file), strict: true)
        select one;
}
