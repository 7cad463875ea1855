namespace CacheService.LoadTests.Contenders;

/// <summary>No activity at all: each retweet adds one to a counter.</summary>
internal static class CounterTable
{
    public const string CreateSql =
        """
        create schema if not exists loadtest;
        create table loadtest.counter (messageid bigint primary key, rts bigint not null, favs bigint not null);
        insert into loadtest.counter select messageid, 0, 0 from tweet.message
        """;
}
