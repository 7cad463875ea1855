using System.Reflection;
using BenchmarkDotNet.Attributes;

namespace CacheService.Benchmarks;

/// <summary>Holds every benchmark to its budget. What is allocated is the same on a slow and on a busy machine; times are not, and are not tested.</summary>
internal sealed class BudgetTests
{
    private const int WarmUps = 200;
    private const int Operations = 100;
    private const int Rounds = 5;

    private static IEnumerable<TestCaseData> Benchmarks() => typeof(BudgetTests).Assembly.GetTypes()
        .SelectMany(type => type.GetMethods())
        .Where(method => method.IsDefined(typeof(BenchmarkAttribute)))
        .Select(method => new TestCaseData(method).SetArgDisplayNames(method.Name));

    [TestCaseSource(nameof(Benchmarks))]
    public async Task Benchmark_Repeated_KeepsToItsBudgetOfAllocatedBytes(MethodInfo benchmark)
    {
        var budget = benchmark.GetCustomAttribute<AllocationBudgetAttribute>();
        Assert.That(budget, Is.Not.Null, "every benchmark has a budget");
        var fixture = Activator.CreateInstance(benchmark.DeclaringType!)!;
        await CallAsync<GlobalSetupAttribute>(fixture);
        try
        {
            var operation = ToAction(benchmark, fixture);
            Measure(operation, WarmUps);

            // The least of some: now and then the runtime allocates something of its own.
            var bytes = Enumerable.Range(0, Rounds).Min(_ => Measure(operation, Operations)) / Operations;
            await TestContext.Out.WriteLineAsync($"{benchmark.Name}: {bytes} bytes, of {budget!.Bytes}");
            Assert.That(bytes, Is.LessThanOrEqualTo(budget.Bytes));
        }
        finally
        {
            await CallAsync<GlobalCleanupAttribute>(fixture);
        }
    }

    private static long Measure(Action operation, int times)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var n = 0; n < times; n++)
        {
            operation();
        }

        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    private static Action ToAction(MethodInfo method, object fixture)
    {
        if (method.ReturnType == typeof(void))
        {
            return method.CreateDelegate<Action>(fixture);
        }

        // It ends at once: nothing in it waits, and all that it allocates is allocated on this thread.
        var operation = method.CreateDelegate<Func<Task>>(fixture);
        return () =>
        {
            if (!operation().IsCompletedSuccessfully)
            {
                throw new InvalidOperationException($"{method.Name} waited, or failed.");
            }
        };
    }

    private static async Task CallAsync<TAttribute>(object fixture)
        where TAttribute : Attribute
    {
        foreach (var method in fixture.GetType().GetMethods().Where(method => method.IsDefined(typeof(TAttribute))))
        {
            await (method.Invoke(fixture, null) as Task ?? Task.CompletedTask);
        }
    }
}
