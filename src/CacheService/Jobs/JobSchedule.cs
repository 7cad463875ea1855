using Cronos;

namespace CacheService.Jobs;

/// <summary>
/// At which instants a job is due, its slots. A time of day that the clocks jump over in spring is due when they have jumped; one that comes twice in autumn is due the first time only, unless it is part of an
/// interval, such as every hour or every 20 minutes, which goes on through both.
/// </summary>
internal sealed class JobSchedule
{
    private const int FieldsWithSeconds = 6;

    private readonly CronExpression _expression;
    private readonly TimeZoneInfo _zone;

    private JobSchedule(CronExpression expression, TimeZoneInfo zone) => (_expression, _zone) = (expression, zone);

    /// <summary>Reads a cron expression.</summary>
    /// <param name="expression">Five fields, or six with seconds first; or such as <c>@daily</c>.</param>
    /// <param name="timeZone">In which it is meant, by its IANA name.</param>
    /// <exception cref="JobRefusedException">It cannot be read, or the zone is not known here.</exception>
    public static JobSchedule Parse(string expression, string timeZone)
    {
        if (!TimeZoneInfo.TryFindSystemTimeZoneById(timeZone, out var zone))
        {
            throw JobRefusedException.BadRequest($"'{timeZone}' is no time zone that this machine knows; name one as in Europe/Berlin (every zone but UTC needs the machine's time zone data: the package tzdata)");
        }

        try
        {
            var fields = expression.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Length;
            return new JobSchedule(CronExpression.Parse(expression, fields == FieldsWithSeconds ? CronFormat.IncludeSeconds : CronFormat.Standard), zone);
        }
        catch (CronFormatException e)
        {
            throw JobRefusedException.BadRequest(
                $"'{expression}' is no schedule: {e.Message.TrimEnd('.')}. Write five fields, minute hour day month weekday, such as 30 2 * * 1-5, or six with seconds first");
        }
    }

    /// <summary>The first slot after an instant; null: there is none any more.</summary>
    public DateTimeOffset? Next(DateTimeOffset after) => _expression.GetNextOccurrence(after, _zone)?.ToUniversalTime();

    /// <summary>The slots after an instant, up to another one and with it.</summary>
    public IEnumerable<DateTimeOffset> Between(DateTimeOffset after, DateTimeOffset upTo) =>
        after >= upTo ? [] : _expression.GetOccurrences(after, upTo, _zone, fromInclusive: false, toInclusive: true).Select(slot => slot.ToUniversalTime());
}
