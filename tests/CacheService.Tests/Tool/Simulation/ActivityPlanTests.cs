using CacheService.Tool.Simulation;

namespace CacheService.Tests.Tool.Simulation;

public sealed class ActivityPlanTests
{
    [Test]
    public void Next_NoMessages_IsNull() => Assert.That(new ActivityPlan(1).Next(), Is.Null);

    [Test]
    public void Next_AllWritten_NeverUndoesMoreThanWasDone()
    {
        var plan = Create(messages: 20);
        var counts = new Dictionary<(long, bool Like), int>();
        var undone = 0;
        for (var i = 0; i < 20_000; i++)
        {
            var activity = plan.Next()!.Value;
            plan.CountWritten(activity);
            var undo = activity.Kind is ActivityKind.UndoLike or ActivityKind.UndoRetweet;
            var key = (activity.MessageId, activity.Kind is ActivityKind.Like or ActivityKind.UndoLike);
            counts[key] = counts.GetValueOrDefault(key) + (undo ? -1 : 1);
            undone += undo ? 1 : 0;
            Assert.That(counts[key], Is.Not.Negative);
        }

        Assert.That(undone, Is.InRange(1_000, 4_000), "a smaller share");
    }

    [Test]
    public void Next_NothingConfirmed_UndoesNothing()
    {
        var plan = Create(messages: 3);

        var kinds = Enumerable.Range(0, 1_000).Select(_ => plan.Next()!.Value.Kind);

        Assert.That(kinds, Has.None.EqualTo(ActivityKind.UndoLike).And.None.EqualTo(ActivityKind.UndoRetweet));
    }

    [Test]
    public void Next_UndoingsUnconfirmed_AreHandedOutOnceForEachDoing()
    {
        var plan = Create(messages: 1);
        for (var i = 0; i < 10; i++)
        {
            plan.CountWritten(new Activity(1, ActivityKind.Like));
            plan.CountWritten(new Activity(1, ActivityKind.Retweet));
        }

        var kinds = Enumerable.Range(0, 1_000).Select(_ => plan.Next()!.Value.Kind).CountBy(kind => kind).ToDictionary();

        Assert.That(kinds[ActivityKind.UndoLike], Is.EqualTo(10));
        Assert.That(kinds[ActivityKind.UndoRetweet], Is.EqualTo(10));
    }

    [Test]
    public void Next_SameSeed_DrawsTheSameMessages()
    {
        var (one, other) = (Create(messages: 50), Create(messages: 50));

        for (var i = 0; i < 500; i++)
        {
            // Whatever becomes of the writes.
            var activity = one.Next()!.Value;
            one.CountWritten(activity);
            Assert.That(other.Next()!.Value.MessageId, Is.EqualTo(activity.MessageId));
        }
    }

    [Test]
    public void Forget_DeletedMessage_NeitherDrawnNorShown()
    {
        var plan = Create(messages: 2);
        plan.CountWritten(new Activity(1, ActivityKind.Like));
        plan.Forget(1);

        Assert.That(plan.Messages, Is.EqualTo(1));
        Assert.That(Enumerable.Range(0, 100).Select(_ => plan.Next()!.Value.MessageId), Is.All.EqualTo(2));
        Assert.That(plan.Hottest(5), Is.Empty);
        Assert.That(plan.Written(ActivityKind.Like), Is.EqualTo(1), "rows written, deleted since or not");
    }

    [Test]
    public void Hottest_SomeWritten_ComeByNumberOfWrites()
    {
        var plan = Create(messages: 3);
        plan.CountWritten(new Activity(2, ActivityKind.Like));
        plan.CountWritten(new Activity(3, ActivityKind.Like));
        plan.CountWritten(new Activity(3, ActivityKind.Retweet));
        plan.CountWritten(new Activity(3, ActivityKind.UndoLike));

        Assert.That(plan.Hottest(2), Is.EqualTo(new[] { new HotMessage(3, 3, 1, 0), new HotMessage(2, 1, 0, 1) }));
    }

    private static ActivityPlan Create(int messages)
    {
        var plan = new ActivityPlan(seed: 7);
        plan.AddMessages(Enumerable.Range(1, messages).Select(id => (long)id));
        return plan;
    }
}
