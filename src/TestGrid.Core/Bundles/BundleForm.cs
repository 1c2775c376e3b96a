using System.Text;

namespace TestGrid.Core.Bundles;

/// <summary>How a configuration's <c>bundle:</c> names what its jobs run in.</summary>
public abstract record BundleForm
{
    private const string ImagePrefix = "image:";
    private const string DigestPrefix = "sha256:";
    private const string DockerPrefix = "docker-archive:";
    private const string OciPrefix = "oci:";

    private BundleForm() { }

    /// <summary>A recipe that the machine has: <c>python</c>.</summary>
    public sealed record Shipped(string Name) : BundleForm;

    /// <summary>A bundle by its content: <c>sha256:…</c>.</summary>
    public sealed record Exact(BundleDigest Digest) : BundleForm;

    /// <summary>An image of a registry: <c>image:HOST/NAME@sha256:…</c>.</summary>
    public sealed record Image(ImageReference Reference) : BundleForm;

    /// <summary>An image in the repository: <c>docker-archive:FILE</c>, or <c>oci:PATH</c>, a layout's folder or a tar of it.</summary>
    /// <param name="IsOci">Which of the two.</param>
    /// <param name="Path">From the repository's root; it may still lead through a link.</param>
    public sealed record Archive(bool IsOci, string Path) : BundleForm;

    /// <summary>A recipe in the repository, <c>ci/bundle.yml</c>, with its lock beside it.</summary>
    /// <param name="Path">From the repository's root; it may still lead through a link.</param>
    public sealed record Own(string Path) : BundleForm
    {
        /// <summary>The lock's file: <c>lock.json</c> beside a <c>recipe.yml</c>, else as the recipe's with <c>.lock.json</c>.</summary>
        public string LockPath => OwnRecipe.LockOf(Path);
    }

    /// <summary>Whether nobody can say what it was built from.</summary>
    public bool IsUnlocked => this is Image or Archive;

    /// <param name="text">The value of <c>bundle:</c>.</param>
    /// <param name="problem">What is wrong with it, as an end of a sentence; null when nothing is.</param>
    public static BundleForm? Read(string text, out string? problem)
    {
        problem = null;
        if (After(text, ImagePrefix) is { } reference)
            return ImageReference.Read(reference, out problem) is { } image ? new Image(image) : null;
        if (After(text, DockerPrefix) is { } file)
            return IsInside(file, out problem) ? new Archive(IsOci: false, file) : null;
        if (After(text, OciPrefix) is { } layout)
            return IsInside(layout, out problem) ? new Archive(IsOci: true, layout) : null;
        if (IsRecipeFile(text))
            return IsInside(text, out problem) ? new Own(text) : null;
        if (After(text, DigestPrefix) is null)
            return new Shipped(text);
        if (BundleDigest.TryParse(text, null, out var digest))
            return new Exact(digest);
        problem = "it is no digest: write sha256: and the 64 hexadecimal digits that testgrid bundle list says";
        return null;
    }

    /// <summary>Whether this is a recipe's file, and no recipe's name.</summary>
    public static bool IsRecipeFile(string text) =>
        text.EndsWith(".yml", StringComparison.Ordinal) || text.EndsWith(".yaml", StringComparison.Ordinal);

    /// <summary>Whether a job's bundle, as it was named, is one of which nobody can say what it was built from.</summary>
    public static bool IsUnlockedName(string text) => Read(text, out _) is { IsUnlocked: true };

    /// <summary>A bundle's name that is made of another's words: at most 64 lower case letters, digits, <c>. + -</c>.</summary>
    public static string NameOf(string words)
    {
        var name = new StringBuilder();
        foreach (var c in words.ToLowerInvariant().Take(64))
            name.Append(char.IsAsciiLetterOrDigit(c) || (name.Length > 0 && c is '.' or '+' or '-') ? c : '-');
        var found = name.ToString().Trim('-', '.', '+');
        return found.Length > 0 ? found : "image";
    }

    private static string? After(string text, string prefix) =>
        text.StartsWith(prefix, StringComparison.Ordinal) ? text[prefix.Length..] : null;

    private static bool IsInside(string path, out string? problem)
    {
        problem =
            path.Length is > 0 and <= 1024
            && path[0] != '/'
            && !path.Any(char.IsControl)
            && !path.TrimEnd('/').Split('/').Any(part => part is "" or "." or ".." or ".git")
                ? null
                : "it is no path within the repository: write one from its root, without '..'";
        return problem is null;
    }
}
