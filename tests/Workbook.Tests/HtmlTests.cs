using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Workbook.Html;
using Workbook.Notebooks;

namespace Workbook.Tests;

public sealed class HtmlTests
{
    [Theory]
    [InlineData(@"x^2", "<msup><mi>x</mi><mn>2</mn></msup>")]
    [InlineData(@"W_0", "<msub><mi>W</mi><mn>0</mn></msub>")]
    [InlineData(@"a_i^T", "<msubsup><mi>a</mi><mi>i</mi><mi>T</mi></msubsup>")]
    [InlineData(@"f'", "<msup><mi>f</mi><mo>′</mo></msup>")]
    [InlineData(@"\frac{a}{b}", "<mfrac><mrow><mi>a</mi></mrow><mrow><mi>b</mi></mrow></mfrac>")]
    [InlineData(@"\sqrt[3]{x}", "<mroot><mrow><mi>x</mi></mrow><mrow><mn>3</mn></mrow></mroot>")]
    [InlineData(@"\mathbb{R}", "<mi>ℝ</mi>")]
    [InlineData(@"\mathcal{L}", "<mi>ℒ</mi>")]
    [InlineData(@"\angle(W, V)", "<mi>∠</mi><mo stretchy=\"false\">(</mo><mi>W</mi><mo>,</mo><mi>V</mi><mo stretchy=\"false\">)</mo>")]
    [InlineData(@"a < b", "<mi>a</mi><mo>&lt;</mo><mi>b</mi>")]
    [InlineData(@"3.5 - 1", "<mn>3.5</mn><mo>−</mo><mn>1</mn>")]
    [InlineData(@"\hat{y}", "<mover accent=\"true\"><mrow><mi>y</mi></mrow><mo>^</mo></mover>")]
    [InlineData(@"\sum_{i=1}^{n} i", "<munderover><mo>∑</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow><mrow><mi>n</mi></mrow></munderover><mi>i</mi>")]
    [InlineData(@"\text{if } x", "<mtext>if </mtext><mi>x</mi>")]
    [InlineData(@"\operatorname{rank}(A)", "<mi>rank</mi><mo stretchy=\"false\">(</mo><mi>A</mi><mo stretchy=\"false\">)</mo>")]
    [InlineData(@"\left( x \right]", "<mrow><mo>(</mo><mi>x</mi><mo>]</mo></mrow>")]
    public void FormulasAreMathML(string latex, string expected)
    {
        string html = MathMl.Render(latex, display: false);
        Assert.Contains($"<semantics><mrow>{expected}</mrow>", html);
        XElement.Parse(html); // well-formed
    }

    [Theory]
    [InlineData(@"h = W_0 x + \frac{\alpha}{r} B A x, \quad B \in \mathbb{R}^{d \times r}")]
    [InlineData(@"\lVert W + \Delta W \rVert_F^2 \le \sum_{i>r} \sigma_i^2")]
    [InlineData(@"m \odot \frac{V + BA}{\lVert V + BA \rVert_c}")]
    [InlineData(@"\begin{pmatrix} a & b \\ c & d \end{pmatrix}")]
    [InlineData(@"f(x) = \begin{cases} 1 & \text{if } x > 0 \\ 0 & \text{otherwise} \end{cases}")]
    [InlineData(@"\begin{aligned} a &= b \\ &= c \end{aligned}")]
    [InlineData(@"\phi(A, B, i, j) = \frac{\lVert U_A^{i\top} U_B^{j} \rVert_F^2}{\min(i, j)} \in [0, 1]")]
    [InlineData(@"\underbrace{W_0}_{\text{frozen}} + \tilde{\mathbf{B}}\bar{A}, \; \bigl( \ell_2 \bigr), \{1, \dots, n\}, 50\%, x \mapsto \exp(-x)")]
    [InlineData(@"\operatorname*{arg\,min}_{\theta} \mathcal{L}(\theta), \quad \left\lVert x \right\rVert, \left. \frac{\partial f}{\partial x} \right|_{x=0}")]
    public void TheFormulasOfLessonsAreKnown(string latex)
    {
        string html = MathMl.Render(latex, display: true);
        Assert.StartsWith("<math display=\"block\">", html);
        var math = XElement.Parse(html.Replace("&nbsp;", " "));
        foreach (var element in math.Descendants().Where(element => element.Name.LocalName is "mfrac" or "msub" or "msup" or "mover" or "munder"))
            Assert.Equal(2, element.Elements().Count());
        foreach (var element in math.Descendants().Where(element => element.Name.LocalName is "msubsup" or "munderover"))
            Assert.Equal(3, element.Elements().Count());
    }

    [Theory]
    [InlineData(@"\unknown{x}")]
    [InlineData(@"\frac{a}{")]
    [InlineData(@"x^")]
    [InlineData(@"}")]
    [InlineData(@"\begin{pmatrix} a")]
    [InlineData(@"a \")]
    public void WhatIsNotKnownIsShownAsItsSource(string latex) =>
        Assert.Equal($"<code class=\"tex\">{WebUtility.HtmlEncode(latex)}</code>", MathMl.Render(latex, display: false));

    [Fact]
    public void MarkdownHasTablesAndMathematics()
    {
        string html = MarkdownHtml.Render("# Title\n\nInline $a_1$ and\n\n$$\nb^2\n$$\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\nA price of 5 dollars.");
        Assert.Contains("<math><semantics>", html);
        Assert.Contains("<math display=\"block\">", html);
        Assert.Contains("<td>1</td>", html);
    }

    [Fact]
    public void CodeKeepsItsTextWhenItIsHighlighted()
    {
        const string code = "#!import a.csx\n#r \"b.dll\"\nusing System; // why\nvar x = $\"{1 + 2:F1} <b>\"; /* a\nb */ string s = \"\"\"raw\"\"\";\nx.ToString() + nonsense(;\n#!time\nawait Task.Delay(1)\n";
        string html = CSharpHighlighter.Highlight(code);
        Assert.Equal(code, WebUtility.HtmlDecode(Regex.Replace(html, "<[^>]+>", "")));
        Assert.Contains("<span class=\"k\">using</span>", html);
        Assert.Contains("<span class=\"k\">var</span>", html);
        Assert.Contains("<span class=\"c\">// why</span>", html);
        Assert.Contains("<span class=\"d\">#!import a.csx</span>", html);
        Assert.Contains("<span class=\"n\">1</span>", html);
        Assert.Contains("<span class=\"f\">ToString</span>", html);
    }

    [Fact]
    public void APageIsOneFileWithEveryOutput()
    {
        var notebook = Notebook.Create();
        notebook.Add("markdown", "# Low <rank>\n\ntext");
        var cell = notebook.Add("code", "1 < 2");
        cell.ExecutionCount = 4;
        cell.Outputs = new JsonArray(
            JsonNode.Parse("""{"output_type":"stream","name":"stdout","text":"step 1\rstep 2\n\u001b[31mred\u001b[0m <x>\n"}"""),
            JsonNode.Parse("""{"output_type":"display_data","metadata":{},"data":{"image/svg+xml":["<svg>","</svg>"],"application/vnd.plotly.v1+json":{"data":[]},"text/plain":"chart"}}"""),
            JsonNode.Parse("""{"output_type":"execute_result","execution_count":4,"metadata":{},"data":{"text/html":"<b>True</b>","text/plain":"True"}}"""),
            JsonNode.Parse("""{"output_type":"error","ename":"Error","evalue":"boom","traceback":["at <here>"]}"""));
        string page = HtmlPage.Render(notebook, "a");
        Assert.Contains("<title>Low &lt;rank&gt;</title>", page);
        Assert.Contains("name=\"viewport\"", page);
        Assert.Contains("<span class=\"number\">4</span>", page);
        Assert.Contains("<pre class=\"output stdout\">step 2\nred &lt;x&gt;\n</pre>", page);
        Assert.Contains("<svg></svg>", page);
        Assert.DoesNotContain("plotly", page);
        cell.Outputs = new JsonArray(JsonNode.Parse("""{"output_type":"display_data","metadata":{},"data":{"image/svg+xml":"<svg></svg>","text/html":"<i>with a script</i>","text/plain":"chart"}}"""));
        Assert.Contains("<i>with a script</i>", HtmlPage.Render(notebook, "a"));   // a chart's HTML holds its picture too
        Assert.DoesNotContain("<svg>", HtmlPage.Render(notebook, "a"));
        Assert.Contains("<b>True</b>", page);
        Assert.Contains("<pre class=\"output error\">at &lt;here&gt;</pre>", page);
        Assert.DoesNotMatch("(src|href)=\"http", page);
    }
}
