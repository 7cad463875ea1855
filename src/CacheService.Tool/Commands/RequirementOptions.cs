using System.CommandLine;
using CacheService.Client;

namespace CacheService.Tool.Commands;

/// <summary>What an answer must include: one of --strong, --max-age and --at-least-xid, or nothing; and whether it is to come from the cache.</summary>
/// <param name="withDatabase">Whether it may come from elsewhere.</param>
internal sealed class RequirementOptions(bool withDatabase = true)
{
    private readonly Option<bool> _strong = new("--strong") { Description = "Include everything committed before now." };
    private readonly Option<TimeSpan?> _maxAge = DurationOption.Create("--max-age", "Be no older than that, such as 100ms or 2s.");
    private readonly Option<ulong?> _atLeastXid = new("--at-least-xid")
    {
        HelpName = "XID",
        Description = "Include this transaction: what select pg_current_xact_id() says in it.",
    };

    private readonly Option<bool> _fromDatabase = new("--from-database")
    {
        Description = "Go round the cache, to the database's tables, with everything committed before now. The service allows few such reads.",
    };

    public void AddTo(Command command)
    {
        command.Add(_strong);
        command.Add(_maxAge);
        command.Add(_atLeastXid);
        if (withDatabase)
            command.Add(_fromDatabase);
        command.Validators.Add(result =>
        {
            Option[] options = [_strong, _maxAge, _atLeastXid];
            if (options.Count(o => result.GetResult(o) is { Implicit: false }) > 1)
                result.AddError("give only one of --strong, --max-age and --at-least-xid");
        });
    }

    public ReadRequirement? Read(ParseResult arguments)
    {
        // The tables are as --strong and --max-age want them.
        if (withDatabase && arguments.GetValue(_fromDatabase))
            return arguments.GetValue(_atLeastXid) is { } transaction ? ReadRequirement.AtLeastXidFromDatabase(transaction) : ReadRequirement.FromDatabase;
        if (arguments.GetValue(_strong))
            return ReadRequirement.Strong;
        if (arguments.GetValue(_maxAge) is { } age)
            return ReadRequirement.MaxAge(age);
        return arguments.GetValue(_atLeastXid) is { } xid ? ReadRequirement.AtLeastXid(xid) : null;
    }
}
