using Npgsql;

namespace CacheService.IntegrationTests.Infrastructure;

/// <summary>A role that may log in, and is a member of the groups it is created with.</summary>
internal sealed class TestRole : IAsyncDisposable
{
    private readonly string _name = $"role_{Guid.NewGuid():N}";
    private readonly string _password = Guid.NewGuid().ToString("N");

    public string Name => _name;

    private TestRole()
    {
    }

    public static async Task<TestRole> CreateAsync(params string[] groups)
    {
        var role = new TestRole();
        await ExecuteAsync($"create role {role._name} login password '{role._password}' {(groups.Length > 0 ? "in role " + string.Join(", ", groups) : "")}");
        return role;
    }

    public string ConnectionStringTo(TestDatabase database) =>
        new NpgsqlConnectionStringBuilder(database.ConnectionString) { Username = _name, Password = _password, Pooling = false }.ConnectionString;

    public async ValueTask DisposeAsync() => await ExecuteAsync($"drop role {_name}");

    private static async Task ExecuteAsync(string sql)
    {
        await using var connection = new NpgsqlConnection(TestServer.ConnectionString);
        await connection.OpenAsync();
        await connection.ExecuteAsync(sql);
    }
}
