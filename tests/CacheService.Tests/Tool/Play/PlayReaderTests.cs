using System.Text;
using CacheService.Tool;
using CacheService.Tool.Play;

namespace CacheService.Tests.Tool.Play;

public sealed class PlayReaderTests
{
    [Test]
    public void Read_TwoScenes_SpeechesComeInOrderWithSpeakerAndLine()
    {
        var speeches = Read("""
            <?xml version="1.0"?>
            <PLAY><TITLE>A short one</TITLE>
            <ACT><SCENE><TITLE>One</TITLE>
            <SPEECH>
            <SPEAKER>ANNA</SPEAKER>
            <LINE>Good day,</LINE>
            <LINE>Bert.</LINE>
            </SPEECH></SCENE><SCENE>
            <SPEECH><SPEAKER>BERT</SPEAKER><LINE>Good day.</LINE></SPEECH>
            </SCENE></ACT></PLAY>
            """);

        Assert.That(speeches, Is.EqualTo(new[] { new Speech("ANNA", 5, "Good day,\nBert."), new Speech("BERT", 9, "Good day.") }));
    }

    [Test]
    public void Read_StageDirections_AreLeftOut()
    {
        var speeches = Read("""
            <PLAY><STAGEDIR>Enter ANNA</STAGEDIR>
            <SPEECH><SPEAKER>ANNA</SPEAKER>
            <STAGEDIR>Looks about</STAGEDIR>
            <LINE><STAGEDIR>Sings</STAGEDIR></LINE>
            <LINE><STAGEDIR>Aside</STAGEDIR>  Is anybody <STAGEDIR>knocks</STAGEDIR>here?</LINE>
            <STAGEDIR>Exit</STAGEDIR></SPEECH></PLAY>
            """);

        Assert.That(speeches.Single().Text, Is.EqualTo("Is anybody here?"));
    }

    [Test]
    public void Read_LineWithMarkupEntitiesAndBreaks_IsOneLineOfText() =>
        Assert.That(
            Read("<PLAY><SPEECH><SPEAKER> DR.\n FAUST </SPEAKER><LINE>Me &amp;\n <EM>you</EM>, <![CDATA[<3]]></LINE></SPEECH></PLAY>"),
            Is.EqualTo(new[] { new Speech("DR. FAUST", 1, "Me & you, <3") }));

    [Test]
    public void Read_SpeechOfTwoSpeakers_ComesForEach() =>
        Assert.That(
            Read("<PLAY><SPEECH><SPEAKER>ANNA</SPEAKER><SPEAKER>BERT</SPEAKER><LINE>Yes!</LINE></SPEECH></PLAY>").Select(s => (s.Speaker, s.Text)),
            Is.EqualTo(new[] { ("ANNA", "Yes!"), ("BERT", "Yes!") }));

    [Test]
    public void Read_SpeechWithoutWords_IsLeftOut() =>
        Assert.That(
            Read("<PLAY><SPEECH><SPEAKER>ANNA</SPEAKER><STAGEDIR>Nods</STAGEDIR><LINE/></SPEECH>"
                + "<SPEECH><SPEAKER>BERT</SPEAKER><LINE>I see.</LINE></SPEECH></PLAY>").Single().Speaker,
            Is.EqualTo("BERT"));

    [Test]
    public void Read_DocumentType_OpensNothing() =>
        Assert.That(
            Read("""
                <?xml version="1.0"?>
                <!DOCTYPE PLAY SYSTEM "file:///no/such/play.dtd">
                <PLAY><SPEECH><SPEAKER>ANNA</SPEAKER><LINE>Hm.</LINE></SPEECH></PLAY>
                """),
            Has.Count.EqualTo(1));

    [Test]
    public void Read_EntityOfTheDocument_IsNotExpanded() =>
        Fails(
            """
            <!DOCTYPE PLAY [<!ENTITY secret SYSTEM "file:///etc/hostname">]>
            <PLAY><SPEECH><SPEAKER>ANNA</SPEAKER>
            <LINE>&secret;</LINE></SPEECH></PLAY>
            """,
            "play.xml, line 3: not well-formed XML: Reference to undeclared entity 'secret'.");

    [TestCase("", "play.xml, line 1: not well-formed XML: Root element is missing.")]
    [TestCase("<PLAY>\n<SPEECH>\n</PLAY>", "play.xml, line 3: not well-formed XML: *'SPEECH' start tag*")]
    [TestCase("<PLAY>\n<SPEECH><SPEAKER>ANNA", "play.xml, line 2: not well-formed XML: Unexpected end of file*")]
    [TestCase("\n<POEM/>", "play.xml, line 2: the root element is POEM, not PLAY*")]
    [TestCase("<PLAY><TITLE>Silence</TITLE></PLAY>", "play.xml is a play without a single SPEECH: nothing to load")]
    [TestCase("<PLAY>\n<SPEECH><LINE>Who?</LINE></SPEECH></PLAY>", "play.xml, line 2: a SPEECH without a SPEAKER*")]
    [TestCase("<PLAY>\n\n<SPEECH/></PLAY>", "play.xml, line 3: a SPEECH without a SPEAKER*")]
    [TestCase("<PLAY><SPEECH>\n<SPEAKER> </SPEAKER><LINE>Who?</LINE></SPEECH></PLAY>", "play.xml, line 2: an empty SPEAKER*")]
    public void Read_NoPlay_SaysWhatAndWhere(string xml, string message) => Fails(xml, message);

    [Test]
    public void Read_EndlessText_IsRefused() =>
        Fails($"<PLAY><TITLE>{new string('x', PlayReader.MaxCharacters)}</TITLE></PLAY>", "play.xml, line 1: *MaxCharactersInDocument*");

    private static void Fails(string xml, string message)
    {
        var error = Assert.Throws<ToolException>(() => Read(xml));
        var pattern = $"^{System.Text.RegularExpressions.Regex.Escape(message).Replace("\\*", ".*", StringComparison.Ordinal)}$";
        Assert.That(error.Message, Does.Match(pattern));
    }

    private static IReadOnlyList<Speech> Read(string xml)
    {
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(xml));
        return PlayReader.Read(stream, "play.xml");
    }
}
