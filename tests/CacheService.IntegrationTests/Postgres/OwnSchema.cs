namespace CacheService.IntegrationTests.Postgres;

/// <summary>Schemas of an application that was there before the service.</summary>
internal static class OwnSchema
{
    /// <summary>What every one begins with.</summary>
    public const string Start =
        """
        create schema tweet;
        create table tweet.users (userid int primary key, uname text);
        insert into tweet.users values (1, 'Puck');
        create type tweet.action_t as enum ('rt', 'fav', 'de-rt', 'de-fav', 'seen');
        """;

    /// <summary>One that is supported, as small as can be.</summary>
    public const string Small = Start +
        """
        create table tweet.message (messageid int primary key, userid int, datetime timestamp, message text);
        create table tweet.activity (messageid smallint, action text);
        """;

    /// <summary>Both tables in partitions, one of them in partitions itself.</summary>
    public const string Partitioned = Start +
        """
        create table tweet.message (messageid bigint primary key, userid int, datetime timestamptz, message text) partition by range (messageid);
        create table tweet.message_low partition of tweet.message for values from (minvalue) to (1000);
        create table tweet.message_high partition of tweet.message for values from (1000) to (maxvalue);
        create table tweet.activity (id int, messageid bigint, datetime date default '2025-06-01', action tweet.action_t) partition by range (datetime);
        create table tweet.activity_2025 partition of tweet.activity for values from ('2025-01-01') to ('2026-01-01');
        create table tweet.activity_2026 partition of tweet.activity for values from ('2026-01-01') to ('2027-01-01') partition by list (messageid);
        create table tweet.activity_2026_few partition of tweet.activity_2026 for values in (1, 2, 3);
        create table tweet.activity_2026_rest partition of tweet.activity_2026 default;
        """;

    /// <summary>One ordinary table with a child.</summary>
    public const string Inherited = Start +
        """
        create table tweet.message (messageid bigint primary key, userid int, datetime timestamptz, message text);
        create table tweet.message_child (primary key (messageid)) inherits (tweet.message);
        create table tweet.activity (id int, messageid bigint, datetime date default '2025-06-01', action tweet.action_t);
        create table tweet.activity_child () inherits (tweet.activity);
        """;
}
