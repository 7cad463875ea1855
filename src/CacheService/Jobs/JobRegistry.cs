using System.Text.RegularExpressions;

namespace CacheService.Jobs;

/// <summary>The jobs that this service knows.</summary>
internal sealed partial class JobRegistry
{
    private readonly Dictionary<string, Job> _jobs;

    /// <exception cref="InvalidOperationException">Two have one name, or a name or a schedule is none.</exception>
    public JobRegistry(IEnumerable<Job> jobs)
    {
        _jobs = jobs.ToDictionary(job => job.Name, StringComparer.Ordinal);
        foreach (var job in _jobs.Values)
        {
            if (!NameForm().IsMatch(job.Name))
            {
                throw new InvalidOperationException($"'{job.Name}' is no name for a job: use small letters, digits and hyphens, up to 60.");
            }

            if (job.Schedule is not null)
            {
                JobSchedule.Parse(job.Schedule, job.TimeZone);
            }
        }
    }

    /// <summary>All of them.</summary>
    public IReadOnlyCollection<Job> All => _jobs.Values;

    /// <summary>A job by its name; null: it is not known here.</summary>
    public Job? Find(string name) => _jobs.GetValueOrDefault(name);

    /// <summary>Checks that a job has these parameters.</summary>
    /// <exception cref="JobRefusedException">It has not.</exception>
    public static void RequireKnown(Job job, IEnumerable<string> parameters)
    {
        if (parameters.FirstOrDefault(name => job.Parameters.All(parameter => parameter.Name != name)) is { } unknown)
        {
            throw JobRefusedException.BadRequest($"{job.Name} has no parameter '{unknown}'; it has {(job.Parameters.Count > 0 ? string.Join(", ", job.Parameters.Select(parameter => parameter.Name)) : "none")}");
        }
    }

    [GeneratedRegex("^[a-z][a-z0-9-]{0,59}$")]
    private static partial Regex NameForm();
}
