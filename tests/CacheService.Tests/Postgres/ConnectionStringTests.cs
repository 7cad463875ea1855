extern alias service;

using CacheService.Postgres;
using Npgsql;
using BadConnectionStringException = service::CacheService.Postgres.Addresses.BadConnectionStringException;
using ConnectionString = service::CacheService.Postgres.Addresses.ConnectionString;

namespace CacheService.Tests.Postgres;

/// <summary>Connection strings of both forms, and that nothing of one that cannot be read is repeated.</summary>
internal sealed class ConnectionStringTests
{
    private const string Secret = "s3cretPW";

    [TestCase("postgresql://counts:s3cretPW@db:5433/app", "Host=db;Port=5433;Username=counts;Password=s3cretPW;Database=app")]
    [TestCase("postgres://db", "Host=db;Port=5432")]
    [TestCase("POSTGRESQL://db/app", "Host=db;Port=5432;Database=app")]
    [TestCase("postgresql://counts@db/", "Host=db;Port=5432;Username=counts")]
    [TestCase("postgresql://counts:p%40ss%3A%2F%25w%C3%BC@db/a%20b", "Host=db;Port=5432;Username=counts;Password='p@ss:/%wü';Database='a b'")]
    [TestCase("postgresql://counts:p@ss@db/app", "Host=db;Port=5432;Username=counts;Password=p@ss;Database=app")]
    [TestCase("postgresql://counts:pass:word@db/app", "Host=db;Port=5432;Username=counts;Password=pass:word;Database=app")]
    [TestCase("postgresql://one,two:5433,three:5434/app", "Host='one:5432,two:5433,three:5434';Database=app")]
    [TestCase("postgresql://[2001:db8::1]:5433/app", "Host=2001:db8::1;Port=5433;Database=app")]
    [TestCase("postgresql://[::1],db/app", "Host='[::1]:5432,db:5432';Database=app")]
    [TestCase("postgresql://%2Fvar%2Frun%2Fpg:5433/app", "Host=/var/run/pg;Port=5433;Database=app")]
    [TestCase("postgresql:///app?host=/var/run/pg&port=5433&user=counts", "Host=/var/run/pg;Port=5433;Username=counts;Database=app")]
    [TestCase("postgresql:///?host=one,two&port=1,2&dbname=app", "Host='one:1,two:2';Database=app")]
    [TestCase("postgresql://db/app?sslmode=verify-full&sslrootcert=/ca.pem", "Host=db;Port=5432;Database=app;SSL Mode=VerifyFull;Root Certificate=/ca.pem")]
    [TestCase("postgresql://db/app?sslmode=verify-ca&sslcert=/c.pem&sslkey=/c.key&sslpassword=x", "Host=db;Port=5432;Database=app;SSL Mode=VerifyCA;SSL Certificate=/c.pem;SSL Key=/c.key;SSL Password=x")]
    [TestCase("postgresql://db/app?sslmode=require&sslrootcert=/ca.pem", "Host=db;Port=5432;Database=app;SSL Mode=VerifyCA;Root Certificate=/ca.pem")]
    [TestCase("postgresql://db?sslmode=disable", "Host=db;Port=5432;SSL Mode=Disable")]
    [TestCase("postgresql://db?ssl=true", "Host=db;Port=5432;SSL Mode=Require")]
    [TestCase("postgresql://db?sslrootcert=system", "Host=db;Port=5432;SSL Mode=VerifyFull")]
    [TestCase("postgresql://db?connect_timeout=7&application_name=mine&client_encoding=utf8&", "Host=db;Port=5432;Timeout=7;Application Name=mine")]
    [TestCase("postgresql://db?options=-c%20search_path%3Dx&keepalives=1&keepalives_idle=9", "Host=db;Port=5432;Options='-c search_path=x';TCP Keepalive=True;TCP Keepalive Time=9")]
    [TestCase("postgresql://db?target_session_attrs=read-write&gssencmode=disable&channel_binding=require", "Host=db;Port=5432;Target Session Attributes=read-write;GSS Encryption Mode=Disable;Channel Binding=Require")]
    [TestCase(" Host=db ; Username=counts ", "Host=db;Username=counts")]
    [TestCase("Server=db;UID=counts;PWD='a;b=c'", "Host=db;Username=counts;Password='a;b=c'")]
    public void Parse_WhatIsOfUse_IsRead(string text, string expected) =>
        Assert.That(Parts(ConnectionString.Parse(text)), Is.EqualTo(Parts(new NpgsqlConnectionStringBuilder(expected))));

    [TestCase("postgresql://counts:s3cretPW@db:x/app", "port")]
    [TestCase("postgresql://counts:s3cretPW@db:99999/app", "port")]
    [TestCase("postgresql://counts:s3cretPW/@db/app", "percent-encoded")]
    [TestCase("postgresql://counts:s3cretPW?@db/app", "percent-encoded")]
    [TestCase("postgresql://counts:%s3cretPW@db/app", "%25")]
    [TestCase("postgresql://counts@db/app?s3cretPW=1", "sslmode")]
    [TestCase("postgresql://counts@db/app?sslmode=s3cretPW", "SSL Mode")]
    [TestCase("postgresql://counts:s3cretPW@db,/app?port=1,2,3", "ports")]
    [TestCase("postgresql://[s3cretPW", "IPv6")]
    [TestCase("mysql://counts:s3cretPW@db/app", "none of PostgreSQL's")]
    [TestCase("jdbc:postgresql://counts:s3cretPW@db/app", "none of PostgreSQL's")]
    [TestCase("counts:s3cretPW@db/app", "cannot be read")]
    [TestCase("s3cretPW", "cannot be read")]
    [TestCase("Username=counts;Password=s3cretPW;Database=app", "names no host")]
    [TestCase("Host=;Password=s3cretPW", "names no host")]
    [TestCase("Host=db;Password=a;s3cretPW=b", "Password='…'")]
    [TestCase("Host=db;Password=a;b;s3cretPW", "quotes")]
    [TestCase("Host=db;Password='a's3cretPW'", "quotes")]
    [TestCase("Host=db;Passwort=s3cretPW", "is Password meant?")]
    [TestCase("Host=db;dbname=s3cretPW", "is Database meant?")]
    [TestCase("Host=db;Port=s3cretPW", "the value of Port")]
    [TestCase("Host=db;SSL Mode=s3cretPW", "the value of SSL Mode")]
    [TestCase("host=db port=5432 user=counts password=s3cretPW", "separated by ;")]
    [TestCase("Host=counts:s3cretPW@db", "no host's name")]
    public void Parse_WhatIsOfNoUse_SaysWhyAndRepeatsNothing(string text, string words)
    {
        var error = Assert.Throws<BadConnectionStringException>(() => ConnectionString.Parse(text));
        Assert.That(error.ToString(), Does.Contain(words).And.Not.Contain(Secret).IgnoreCase);
    }

    [Test]
    public void Service_OfHowConnectionsAreUsed_TakesNothing()
    {
        var taken = ConnectionStringFilter.Apply(
            "Host=db;Username=counts;Pooling=false;Enlist=true;Command Timeout=0;Keepalive=1;No Reset On Close=false;Maximum Pool Size=1;Minimum Pool Size=1;Search Path=evil;Read Buffer Size=100;"
            + "Max Auto Prepare=50;Include Error Detail=true;Log Parameters=true;Persist Security Info=true;Client Encoding=latin1;Array Nullability Mode=Always;Application Name=mine");
        Assert.That(taken.ConnectionString, Is.EqualTo("Host=db;Username=counts;Application Name=mine"));
        Assert.That(taken.LeftOut.Select(name => name.ToUpperInvariant()), Has.Member("POOLING").And.Member("SEARCH PATH").And.No.Member("HOST"));
    }

    [TestCase("Host=db;Multiplexing=true", "Multiplexing")]
    [TestCase("Host=db;Root Certificate=/nowhere/ca.pem", "/nowhere/ca.pem")]
    [TestCase("Host=db;SSL Certificate=/nowhere/c.pem", "/nowhere/c.pem")]
    [TestCase("Host=db;Passfile=/nowhere/passfile", "/nowhere/passfile")]
    public void Service_OfWhatCannotBe_SaysWhat(string text, string words) =>
        Assert.That(() => ConnectionStringFilter.Apply(text), Throws.InstanceOf<BadConnectionStringException>().With.Message.Contains(words));

    [Test]
    public void Hosts_OfSeveral_EachHaveTheirPort()
    {
        var hosts = ConnectionStringFilter.Apply("postgresql://one:1,[::1]:2,three/app").Hosts.Select(host => new NpgsqlConnectionStringBuilder(host));
        Assert.That(hosts.Select(host => (host.Host, host.Port)), Is.EqualTo(new[] { ("one", 1), ("::1", 2), ("three", 5432) }));
    }

    private static IEnumerable<string> Parts(NpgsqlConnectionStringBuilder settings) => settings.Keys.Select(key => $"{key}={settings[key]}").Order(StringComparer.Ordinal);
}
