using System.Globalization;
using System.Net;
using System.Text;
using CacheService.LoadTests.Measuring;

namespace CacheService.LoadTests.Reporting;

/// <summary>A scenario as horizontal bars, in SVG: the median, and a line from the least to the most.</summary>
internal static class BarChart
{
    private const int LabelWidth = 260;
    private const int BarWidth = 380;
    private const int ValueWidth = 170;
    private const int RowHeight = 28;
    private const int BarHeight = 16;

    // From here on a linear scale shows the small ones as nothing.
    private const double LinearRange = 40;

    public static string Of(Scenario scenario)
    {
        var most = scenario.Series.Max(series => series.Spread.Max);
        var least = scenario.Series.Min(series => series.Spread.Min);
        var isLogarithmic = least > 0 && most / least > LinearRange;
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<figure><figcaption><b>{Escape(scenario.Name)}</b>, {Escape(scenario.Unit)}{(isLogarithmic ? ", on a logarithmic scale" : "")}</figcaption>");
        svg.Append(CultureInfo.InvariantCulture, $"<svg viewBox=\"0 0 {LabelWidth + BarWidth + ValueWidth} {RowHeight * scenario.Series.Count}\" role=\"img\" aria-label=\"{Escape(scenario.Name)}\">");
        for (var i = 0; i < scenario.Series.Count; i++)
        {
            Append(svg, scenario, scenario.Series[i], i * RowHeight);
        }

        return svg.Append("</svg></figure>").ToString();

        void Append(StringBuilder svg, Scenario scenario, Series series, int top)
        {
            var middle = top + (RowHeight / 2);
            var (from, to) = (X(series.Spread.Min), X(series.Spread.Max));
            var ratio = scenario.RatioToBaseline(series) is { } known ? $" ({Figures.Short(known.Median)} ×)" : "";
            svg.Append(CultureInfo.InvariantCulture, $"<text class=\"label\" x=\"{LabelWidth - 10}\" y=\"{middle}\">{Escape(series.Candidate)}</text>");
            svg.Append(CultureInfo.InvariantCulture, $"<rect class=\"{(series.Candidate == scenario.Baseline ? "baseline" : "bar")}\" x=\"{LabelWidth}\" y=\"{middle - (BarHeight / 2)}\" width=\"{X(series.Spread.Median):0.0}\" height=\"{BarHeight}\" rx=\"2\"/>");
            svg.Append(CultureInfo.InvariantCulture, $"<line x1=\"{LabelWidth + from:0.0}\" x2=\"{LabelWidth + to:0.0}\" y1=\"{middle}\" y2=\"{middle}\"/>");
            svg.Append(CultureInfo.InvariantCulture, $"<text x=\"{LabelWidth + Math.Max(to, X(series.Spread.Median)) + 8:0.0}\" y=\"{middle}\">{Figures.Short(series.Spread.Median)}{ratio}</text>");
        }

        // A decade below the least, so that even that one has a bar.
        double X(double value) => isLogarithmic ? BarWidth * Math.Log(value / least * 10) / Math.Log(most / least * 10)
            : most > 0 ? BarWidth * Math.Max(0, value) / most
            : 0;
    }

    private static string Escape(string text) => WebUtility.HtmlEncode(text);
}
