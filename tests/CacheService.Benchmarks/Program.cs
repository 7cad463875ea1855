using BenchmarkDotNet.Running;

BenchmarkSwitcher.FromAssembly(typeof(CacheService.Benchmarks.ReadBenchmarks).Assembly).Run(args);
