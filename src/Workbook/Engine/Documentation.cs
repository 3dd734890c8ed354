// The documentation of a symbol: the comment above it where it stands in a cell, else the XML file beside its assembly. .NET's
// own are in the SDK's reference pack, split over other assemblies than those that run; the files are searched as text.

using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;
using Microsoft.CodeAnalysis;

namespace Workbook.Engine;

/// <summary>A member's documentation as text; empty where there is none.</summary>
internal sealed record Documentation(string Summary, IReadOnlyList<(string Name, string Text)> Parameters, string Returns)
{
    private static readonly Documentation None = new("", [], "");
    private static readonly Lazy<string[]> PackFiles = new(FindPackFiles);

    /// <summary>What is written about a symbol of this compilation.</summary>
    public static Documentation Of(ISymbol symbol, Compilation compilation) => Of(symbol.OriginalDefinition, compilation, inherited: 0);

    private static Documentation Of(ISymbol symbol, Compilation compilation, int inherited)
    {
        if (Member(symbol, compilation) is not { } member)
            return None;
        if (member.Descendants("inheritdoc").Any() && inherited < 5 && Inherited(symbol) is { } origin)
            return Of(origin.OriginalDefinition, compilation, inherited + 1);
        return new Documentation(Text(member.Element("summary")),
            [.. member.Elements("param").Select(param => ((string?)param.Attribute("name") ?? "", Text(param)))], Text(member.Element("returns")));
    }

    private static XElement? Member(ISymbol symbol, Compilation compilation)
    {
        if (symbol.Locations.Any(location => location.IsInSource))
            return Parse(symbol.GetDocumentationCommentXml());
        if (symbol.GetDocumentationCommentId() is not { } id || symbol.ContainingAssembly is not { } assembly
            || compilation.GetMetadataReference(assembly) is not PortableExecutableReference { FilePath: { } path })
            return null;
        string own = Path.ChangeExtension(path, ".xml");
        return Search(File.Exists(own) ? [own] : path.StartsWith(RuntimeEnvironment.GetRuntimeDirectory(), StringComparison.Ordinal)
            ? PackFiles.Value.OrderBy(file => Path.GetFileName(file) == Path.GetFileName(own) ? 0 : 1) : [], id);
    }

    private static XElement? Search(IEnumerable<string> files, string id)
    {
        string start = $"<member name=\"{new XText(id)}\"";
        foreach (string file in files)
        {
            string text = File.ReadAllText(file);
            int at = text.IndexOf(start, StringComparison.Ordinal);
            int end = at < 0 ? -1 : text.IndexOf("</member>", at, StringComparison.Ordinal);
            if (end > 0)
                return Parse(text[at..(end + "</member>".Length)]);
        }
        return null;
    }

    private static XElement? Parse(string? xml)
    {
        try
        {
            return string.IsNullOrEmpty(xml) ? null : XElement.Parse(xml);
        }
        catch (XmlException) // a comment that is no XML says nothing
        {
            return null;
        }
    }

    private static ISymbol? Inherited(ISymbol symbol)
    {
        ISymbol? overridden = symbol switch
        {
            IMethodSymbol method => method.OverriddenMethod,
            IPropertySymbol property => property.OverriddenProperty,
            INamedTypeSymbol type => type.BaseType,
            _ => null,
        };
        return overridden ?? symbol.ContainingType?.AllInterfaces.SelectMany(contract => contract.GetMembers(symbol.Name))
            .FirstOrDefault(member => SymbolEqualityComparer.Default.Equals(symbol.ContainingType.FindImplementationForInterfaceMember(member), symbol));
    }

    /// <summary>An element's text on one line a paragraph; references by their last names.</summary>
    private static string Text(XElement? element)
    {
        if (element is null)
            return "";
        var text = new StringBuilder();
        Append(element);
        return Regex.Replace(text.ToString(), @"[ \t\r\n]+", " ").Replace(" \u2029 ", "\n").Replace("\u2029", "\n").Trim();

        void Append(XElement from)
        {
            foreach (var node in from.Nodes())
            {
                if (node is XText words)
                    text.Append(words.Value);
                if (node is not XElement inner)
                    continue;
                if (inner.Name.LocalName is "para" or "br" or "item")
                    text.Append('\u2029');
                string? named = (string?)inner.Attribute("langword") ?? (string?)inner.Attribute("name") ?? LastName((string?)inner.Attribute("cref"));
                if (inner.IsEmpty || inner.Value.Length == 0)
                    text.Append(named);
                else
                    Append(inner);
            }
        }
    }

    /// <summary>"Name" of "M:Space.Type.Name(System.Int32)" and of "T:Space.Name`1".</summary>
    private static string? LastName(string? cref) => cref?.Split('(')[0].Split('.', ':')[^1].Split('`')[0];

    private static string[] FindPackFiles()
    {
        string packs = Path.Combine(Path.GetDirectoryName(DotnetHost.Path)!, "packs", "Microsoft.NETCore.App.Ref");
        if (!Directory.Exists(packs))
            return [];
        var files = Directory.GetFiles(packs, "*.xml", SearchOption.AllDirectories);
        return [.. files.OrderBy(file => Path.GetFileName(file) == "System.Runtime.xml" ? 0 : 1).ThenBy(file => file, StringComparer.Ordinal)];
    }
}
