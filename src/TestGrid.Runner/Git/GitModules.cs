using System.Text.RegularExpressions;

namespace TestGrid.Runner.Git;

/// <summary>One submodule as <c>.gitmodules</c> has it. Untrusted.</summary>
internal sealed record GitModule(string Name, string Path, string Url);

/// <summary>Reads <c>.gitmodules</c>: only what is needed, and nothing that could be a path out of the tree.</summary>
internal static partial class GitModules
{
    /// <exception cref="GitFetchException">A name or an address in it is not acceptable.</exception>
    public static List<GitModule> Read(string text)
    {
        var modules = new List<GitModule>();
        string? name = null;
        var fields = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var line in text.Split('\n').Select(line => line.Trim()).Append("[end]"))
        {
            if (line.StartsWith('['))
            {
                if (
                    name is not null
                    && fields.TryGetValue("path", out var path)
                    && fields.TryGetValue("url", out var url)
                )
                    modules.Add(new GitModule(Safe(name), path.TrimEnd('/'), url));
                fields.Clear();
                name = Section.Match(line) is { Success: true } match ? match.Groups[1].Value : null;
            }
            else if (line.Split('=', 2) is [var key, var value])
            {
                fields[key.Trim()] = value.Trim().Trim('"');
            }
        }
        return modules;
    }

    // The name becomes a folder in .git/modules: "../../hooks" was a hole in git itself (CVE-2018-11235).
    private static string Safe(string name) =>
        Form.IsMatch(name) && !name.Split('/').Any(part => part is "" or "." or "..")
            ? name
            : throw new GitFetchException(
                $"A submodule in .gitmodules has the name \"{name}\", which is not acceptable."
            );

    [GeneratedRegex("""\A\[submodule "((?:[^"\\])+)"\]""")]
    private static partial Regex Section { get; }

    [GeneratedRegex(@"\A[A-Za-z0-9_][A-Za-z0-9_ .+@/-]*\z")]
    private static partial Regex Form { get; }
}
