using CacheService.Tool;
using CacheService.Tool.Play;

namespace CacheService.Tests.Tool.Play;

public sealed class PlayFileTests
{
    [Test]
    public void Read_MissingFile_NamesIt() =>
        Assert.That(() => PlayFile.Read("no-such-play.xml"), Throws.TypeOf<ToolException>().With.Message.EqualTo("there is no file no-such-play.xml: check its name"));

    [Test]
    public void Read_Folder_SaysThatItIsOne() =>
        Assert.That(
            () => PlayFile.Read(TestContext.CurrentContext.TestDirectory),
            Throws.TypeOf<ToolException>().With.Message.EndsWith("is a folder: name the file of the play"));
}
