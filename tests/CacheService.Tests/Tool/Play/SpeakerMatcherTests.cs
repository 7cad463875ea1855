using CacheService.Tool;
using CacheService.Tool.Play;

namespace CacheService.Tests.Tool.Play;

public sealed class SpeakerMatcherTests
{
    private static readonly TweetUser Anna = new(1, "Anna", null);
    private static readonly TweetUser Bert = new(2, "Bert Baker", "Bert");
    private static readonly TweetUser Chorus = new(3, "chorus", "Chorus");

    [TestCase("Anna", 1)]
    [TestCase("ANNA", 1)]
    [TestCase("bert", 2)]
    [TestCase("BERT BAKER", 2)]
    [TestCase("Chorus", 3)]
    public void Match_UnameOrNicknameInAnyCase_IsTheUser(string speaker, long userId) =>
        Assert.That(Match([Says(speaker, 1)])[speaker].UserId, Is.EqualTo(userId));

    [Test]
    public void Match_SpeakerInTwoSpellings_IsOneUser()
    {
        var users = Match([Says("ANNA", 1), Says("Anna", 2)]);

        Assert.That(users["anna"], Is.EqualTo(Anna));
    }

    [Test]
    public void Match_UnknownSpeakers_NamesEachWithItsLinesAndHowToMendIt() =>
        Fails(
            [Says("ANNA", 1), Says("BRET", 5), Says("Ghost", 7), Says("GHOST", 9)],
            [],
            "play.xml: nobody in tweet.users is called BRET (line 5) or Ghost (lines 7, 9). Nothing was written. "
            + "Name a user for each: --alias BRET=USER --alias Ghost=USER");

    [Test]
    public void Match_MisspeltSpeaker_SuggestsTheUser() =>
        Fails(
            [Says("ANNA", 1), Says("CHORVS", 5)],
            [],
            "play.xml: nobody in tweet.users is called CHORVS (line 5). Nothing was written. Name a user for each: --alias CHORVS=chorus");

    [Test]
    public void Match_ManyLines_NamesTheFirstTen() =>
        Fails(
            [Says("ANNA", 1), .. Enumerable.Range(2, 12).Select(line => Says("GHOST", line))],
            [],
            "play.xml: nobody in tweet.users is called GHOST (lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more). Nothing was written. "
            + "Name a user for each: --alias GHOST=USER");

    [Test]
    public void Match_NobodyKnown_PointsToTheCast()
    {
        var error = Assert.Throws<ToolException>(() => Match([Says("GHOST", 2)]));

        Assert.That(error.Message, Does.Contain("tweetcounts load-cast"));
    }

    [Test]
    public void Match_NoUsers_PointsToTheCast() =>
        Assert.That(
            () => new SpeakerMatcher([], []).Match([Says("ANNA", 1)], "play.xml"),
            Throws.TypeOf<ToolException>().With.Message.EqualTo("tweet.users is empty, so nobody can speak: run tweetcounts load-cast first"));

    [TestCase("BRET=bert")]
    [TestCase("bret=BERT BAKER")]
    public void Match_Alias_IsTheNamedUser(string alias) =>
        Assert.That(Match([Says("BRET", 1)], alias)["BRET"], Is.EqualTo(Bert));

    [Test]
    public void Match_AliasOfAKnownSpeaker_GoesFirst() =>
        Assert.That(Match([Says("ANNA", 1)], "Anna=Bert")["ANNA"], Is.EqualTo(Bert));

    [Test]
    public void Match_AliasToUnknownUser_NamesIt() =>
        Fails(
            [Says("ANNA", 1), Says("BRET", 5)],
            ["BRET=Chorrus"],
            "play.xml: --alias BRET=Chorrus: nobody is called Chorrus. Nothing was written. Name a user for each: --alias BRET=chorus");

    [Test]
    public void Match_TwoUsersOfThatName_IsAnErrorThatAnAliasMends()
    {
        TweetUser[] users = [Anna, new(4, "Tall Anna", "ANNA")];
        var speeches = new[] { Says("Anna", 3) };

        var error = Assert.Throws<ToolException>(() => new SpeakerMatcher(users, []).Match(speeches, "play.xml"));
        var mended = new SpeakerMatcher(users, [SpeakerAlias.Parse("Anna=Anna")!]).Match(speeches, "play.xml");

        Assert.That(error.Message, Does.StartWith("play.xml: Anna (line 3) can be Anna or Tall Anna. Nothing was written. "));
        Assert.That(error.Message, Does.EndWith("--alias Anna=Anna"));
        Assert.That(mended["Anna"], Is.EqualTo(Anna));
    }

    [Test]
    public void Unused_AliasOfSomebodySilent_IsFound()
    {
        var silent = SpeakerAlias.Parse("Ghost=Anna")!;
        var matcher = new SpeakerMatcher([Anna], [silent, SpeakerAlias.Parse("ANN=Anna")!]);

        Assert.That(matcher.Unused([Says("Ann", 1)]), Is.EqualTo(new[] { silent }));
    }

    private static void Fails(Speech[] speeches, string[] aliases, string message) =>
        Assert.That(() => Match(speeches, aliases), Throws.TypeOf<ToolException>().With.Message.EqualTo(message));

    private static IReadOnlyDictionary<string, TweetUser> Match(Speech[] speeches, params string[] aliases) =>
        new SpeakerMatcher([Anna, Bert, Chorus], aliases.Select(a => SpeakerAlias.Parse(a)!)).Match(speeches, "play.xml");

    private static Speech Says(string speaker, int line) => new(speaker, line, "Hello.");
}
