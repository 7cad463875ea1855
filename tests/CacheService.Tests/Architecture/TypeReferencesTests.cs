namespace CacheService.Tests.Architecture;

/// <summary>What <see cref="TypeReferences"/> overlooks, <see cref="FolderArrowsTests"/> cannot hold.</summary>
internal sealed class TypeReferencesTests
{
    private static readonly HashSet<Type> Found = [.. typeof(TypeReferencesTests).Assembly.GetTypes().Where(IsOfSample).SelectMany(TypeReferences.Of)];

    [TestCase(typeof(Parent))]
    [TestCase(typeof(IContract))]
    [TestCase(typeof(MarkAttribute))]
    [TestCase(typeof(Named))]
    [TestCase(typeof(Bound))]
    [TestCase(typeof(Held))]
    [TestCase(typeof(Taken))]
    [TestCase(typeof(Given))]
    [TestCase(typeof(Asked))]
    [TestCase(typeof(Made))]
    [TestCase(typeof(Known))]
    [TestCase(typeof(Awaited))]
    [TestCase(typeof(Captured))]
    [TestCase(typeof(Caught))]
    [TestCase(typeof(Switched))]
    public void Of_ATypeThatIsMentioned_HasIt(Type mentioned) => Assert.That(Found, Does.Contain(mentioned));

    [Test]
    public void Of_ATypeThatIsNotMentioned_LacksIt() => Assert.That(Found, Does.Not.Contain(typeof(Unknown)));

    private static bool IsOfSample(Type type) => type == typeof(Sample<>) || (type.DeclaringType is { } outer && IsOfSample(outer));

    [Mark(typeof(Named))]
    private sealed class Sample<T> : Parent, IContract
        where T : Bound
    {
        private readonly List<Held[]> _held = [];

        public IReadOnlyList<Given>? Do(Dictionary<int, Taken> taken, int number)
        {
            try
            {
                _ = new Made();
                _held.Add([]);
                Asked.Something();
                _ = new Func<string>(() => Captured.Something);
                _ = number switch { 0 => "", 1 => "b", 2 => "c", 3 => "d", 4 => Switched.Something, _ => "f" };
                return taken.Count == typeof(Known).Name.Length ? null : [];
            }
            catch (Caught)
            {
                return [];
            }
        }

        public async Task DoAsync()
        {
            _held.Clear();
            await Task.Yield();
            Awaited.Something();
        }
    }

    private class Parent;

    private interface IContract;

    [AttributeUsage(AttributeTargets.Class)]
    private sealed class MarkAttribute(Type type) : Attribute
    {
        public Type Type { get; } = type;
    }

    private sealed class Named;

    private abstract class Bound;

    private sealed class Held;

    private sealed class Taken;

    private sealed class Given;

    private sealed class Made;

    private sealed class Known;

    private sealed class Unknown;

    private sealed class Caught : Exception;

    private static class Asked
    {
        public static void Something()
        {
        }
    }

    private static class Awaited
    {
        public static void Something()
        {
        }
    }

    private static class Captured
    {
        public static string Something => "";
    }

    private static class Switched
    {
        public static string Something => "";
    }
}
