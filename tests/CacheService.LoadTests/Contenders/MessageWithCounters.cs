namespace CacheService.LoadTests.Contenders;

/// <summary>A message that has its counters as columns, without a default: the articles' first schema, and the statement with which they measure it.</summary>
internal static class MessageWithCounters
{
    public const string CreateSql =
        """
        create schema if not exists loadtest;
        create table loadtest.message (
            messageid bigserial primary key,
            userid    bigint not null references tweet.users (userid),
            datetime  timestamptz not null default now(),
            message   text not null,
            favs      bigint,
            rts       bigint,
            location  point,
            lang      text,
            url       text
        );
        insert into loadtest.message (messageid, userid, message) select messageid, userid, message from tweet.message
        """;

    public const string RetweetSql = "update loadtest.message set rts = coalesce(rts, 0) + 1 where messageid = :id";
}
