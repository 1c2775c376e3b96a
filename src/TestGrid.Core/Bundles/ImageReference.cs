using System.Text.RegularExpressions;

namespace TestGrid.Core.Bundles;

/// <summary>An image of a registry: <c>HOST[:PORT]/NAME[:TAG][@sha256:HEX]</c>. No registry is meant where none is written.</summary>
/// <param name="Registry">Host and port, as written.</param>
/// <param name="Repository">Its name there: <c>team/app</c>.</param>
/// <param name="Tag">What it was called when somebody wrote this; a tag moves, so that it decides nothing. Null of none.</param>
/// <param name="Digest">Of its manifest, or of a list of manifests; null when only a tag is given.</param>
public sealed partial record ImageReference(string Registry, string Repository, string? Tag, BundleDigest? Digest)
{
    /// <summary>Its bundle's name, should it become one: the last word of the repository's.</summary>
    public string Name => BundleForm.NameOf(Repository[(Repository.LastIndexOf('/') + 1)..]);

    /// <param name="text">A reference, without <c>image:</c>.</param>
    /// <param name="problem">What is wrong with it, as an end of a sentence; null when nothing is.</param>
    public static ImageReference? Read(string text, out string? problem)
    {
        var form = text.Length <= 512 ? Form.Match(text) : Match.Empty;
        problem = form.Success
            ? null
            : "it is no image: write HOST/NAME@sha256:DIGEST with the registry's host, its port if it has one, and the "
                + "name in lower case";
        if (!form.Success)
            return null;
        string? Group(string name) => form.Groups[name] is { Success: true } group ? group.Value : null;
        return new ImageReference(
            Group("host")!,
            Group("name")!,
            Group("tag"),
            Group("digest") is { } digest ? BundleDigest.Parse(digest, null) : null
        );
    }

    public override string ToString() =>
        $"{Registry}/{Repository}{(Tag is null ? "" : ":" + Tag)}{(Digest is null ? "" : "@" + Digest)}";

    // Of the distribution specification 1.1; a host has a dot or a port, or is localhost, as docker has it.
    [GeneratedRegex(
        @"\A(?<host>(?=[^/]*[.:]|localhost/)(\[[0-9a-fA-F:]{2,45}\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:[0-9]{1,5})?)/"
            + @"(?<name>[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*)"
            + @"(:(?<tag>[A-Za-z0-9_][A-Za-z0-9._-]{0,127}))?(@(?<digest>sha256:[0-9a-f]{64}))?\z"
    )]
    private static partial Regex Form { get; }
}
