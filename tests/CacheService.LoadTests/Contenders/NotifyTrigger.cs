namespace CacheService.LoadTests.Contenders;

/// <summary>The well-known design: a row trigger that sends each change as JSON in a notification.</summary>
internal static class NotifyTrigger
{
    public const string Channel = "activity";

    public const string CreateSql =
        $"""
        create schema if not exists loadtest;
        create function loadtest.notify_counts() returns trigger language plpgsql as $$
        begin
            perform pg_notify('{Channel}', json_build_object(
                'messageid', new.messageid,
                'rts', case new.action when 'rt' then 1 when 'de-rt' then -1 else 0 end,
                'favs', case new.action when 'fav' then 1 when 'de-fav' then -1 else 0 end)::text);
            return null;
        end
        $$;
        create trigger notify_counts after insert on tweet.activity for each row execute function loadtest.notify_counts()
        """;
}
