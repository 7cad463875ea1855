using System.Text;
using System.Xml;
using CacheService.Tool.Output;

namespace CacheService.Tool.Play;

/// <summary>
/// Reads the speeches of a play in Jon Bosak's XML: PLAY, within it SPEECH, within that SPEAKER, LINE and STAGEDIR.
/// Other elements, such as acts and scenes, only group.
/// </summary>
internal sealed class PlayReader
{
    // Forty times the longest of these plays.
    internal const int MaxCharacters = 16 * 1024 * 1024;

    private readonly string _name;
    private readonly XmlReader _xml;
    private readonly IXmlLineInfo _position;
    private readonly List<Speech> _speeches = [];
    private readonly List<(string Name, int Line)> _speakers = [];
    private readonly List<string> _lines = [];

    private PlayReader(XmlReader xml, string name)
    {
        _xml = xml;
        _position = (IXmlLineInfo)xml;
        _name = name;
    }

    /// <summary>The speeches in the order of the play. One that several speak together comes once for each of them.</summary>
    /// <param name="play">The XML text.</param>
    /// <param name="name">How errors call it.</param>
    /// <exception cref="ToolException">It is not a play; the message names the line.</exception>
    public static IReadOnlyList<Speech> Read(Stream play, string name)
    {
        // A play needs no DTD: its declaration is skipped, nothing outside the file is opened, no entity expanded.
        var settings = new XmlReaderSettings
        {
            DtdProcessing = DtdProcessing.Ignore,
            XmlResolver = null,
            MaxCharactersInDocument = MaxCharacters,
            IgnoreComments = true,
            IgnoreProcessingInstructions = true,
        };
        using var xml = XmlReader.Create(play, settings);
        try
        {
            return new PlayReader(xml, name).ReadPlay();
        }
        catch (XmlException e)
        {
            throw new ToolException($"{name}, line {Math.Max(e.LineNumber, 1)}: not well-formed XML: {WithoutPosition(e)}", e);
        }
    }

    private List<Speech> ReadPlay()
    {
        _xml.MoveToContent();
        if (_xml.LocalName != "PLAY")
            throw Error($"the root element is {_xml.LocalName}, not PLAY: only plays in Jon Bosak's XML can be loaded");

        while (_xml.Read())
        {
            if (_xml is { NodeType: XmlNodeType.Element, LocalName: "SPEECH" })
                ReadSpeech();
        }
        return _speeches.Count > 0 ? _speeches : throw new ToolException($"{_name} is a play without a single SPEECH: nothing to load");
    }

    private void ReadSpeech()
    {
        var start = _position.LineNumber;
        _speakers.Clear();
        _lines.Clear();

        using (var speech = _xml.ReadSubtree())
        {
            speech.Read();
            speech.Read();
            while (!speech.EOF)
            {
                if (speech is { NodeType: XmlNodeType.Element, LocalName: "SPEAKER" })
                    ReadSpeaker(speech);
                else if (speech is { NodeType: XmlNodeType.Element, LocalName: "LINE" })
                    ReadLine(speech);
                else if (speech is { NodeType: XmlNodeType.Element, LocalName: "STAGEDIR" })
                    speech.Skip();
                else
                    speech.Read();
            }
        }

        if (_speakers.Count == 0)
            throw Error("a SPEECH without a SPEAKER: add one", start);

        // Somebody who only acts says nothing.
        if (_lines.Count == 0)
            return;
        foreach (var (speaker, line) in _speakers)
            _speeches.Add(new Speech(speaker, line, string.Join('\n', _lines)));
    }

    private void ReadSpeaker(XmlReader speech)
    {
        var line = _position.LineNumber;
        var name = ReadText(speech);
        _speakers.Add(name.Length > 0 ? (name, line) : throw Error("an empty SPEAKER: name one", line));
    }

    private void ReadLine(XmlReader speech)
    {
        if (ReadText(speech) is { Length: > 0 } text)
            _lines.Add(text);
    }

    // Leaves the reader behind the element.
    private static string ReadText(XmlReader element)
    {
        if (element.IsEmptyElement)
        {
            element.Read();
            return "";
        }

        var text = new StringBuilder();
        var depth = element.Depth;
        element.Read();
        while (element.Depth > depth)
        {
            if (element is { NodeType: XmlNodeType.Element, LocalName: "STAGEDIR" })
            {
                element.Skip();
                continue;
            }
            if (element.NodeType is XmlNodeType.Text or XmlNodeType.CDATA or XmlNodeType.Whitespace or XmlNodeType.SignificantWhitespace)
                text.Append(element.Value);
            element.Read();
        }
        element.Read();
        return PlainText.OneLine(text.ToString());
    }

    private ToolException Error(string message, int? line = null) => new($"{_name}, line {line ?? _position.LineNumber}: {message}");

    private static string WithoutPosition(XmlException e)
    {
        var position = e.Message.LastIndexOf(" Line ", StringComparison.Ordinal);
        return position > 0 ? e.Message[..position] : e.Message;
    }
}
