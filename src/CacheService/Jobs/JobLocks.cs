namespace CacheService.Jobs;

/// <summary>The advisory locks of jobs, in SQL.</summary>
internal static class JobLocks
{
    /// <summary>Their class; the object is the job's number.</summary>
    public const int Class = 1952;

    /// <summary>The processes that hold them, with the jobs' numbers: a query with the columns <c>jobid</c> and <c>pid</c>.</summary>
    public const string Holders =
        """
        select l.objid::bigint::int as jobid, l.pid
          from pg_locks l
         where l.locktype = 'advisory' and l.classid = 1952 and l.objsubid = 2 and l.mode = 'ExclusiveLock' and l.granted and l.database = (select oid from pg_database where datname = current_database())
        """;
}
