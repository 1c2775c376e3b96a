using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace TestGrid.Core.Bundles;

/// <summary>
/// Exactly what a bundle is made of, package by package and hash by hash: <c>runner-images/NAME/lock.json</c>. It names
/// no mirror: where a package comes from is the machine's business, its hash is what counts.
/// </summary>
public sealed record BundleLock
{
    public const string Schema = "testgrid.lock/1";

    /// <summary>The recipe's name.</summary>
    public required string Bundle { get; init; }

    /// <summary>The Debian suite by its codename.</summary>
    public required string Suite { get; init; }

    /// <summary>Debian's word for the processor: <c>amd64</c>.</summary>
    public required string Architecture { get; init; }

    /// <summary><see cref="Recipe.ContentHash"/> of the complete recipe; another one makes the lock stale.</summary>
    public required string RecipeHash { get; init; }

    /// <summary>Newest date of the releases, in seconds since 1970: the only clock that a build knows.</summary>
    public required long Epoch { get; init; }

    public required ImmutableArray<LockedRelease> Releases { get; init; }

    /// <summary>All packages, essential ones too, by name and architecture.</summary>
    public required ImmutableArray<LockedPackage> Packages { get; init; }

    /// <summary>The archives that are no packages, in the recipe's order: one for each of its tools.</summary>
    public ImmutableArray<LockedTool> Tools { get; init; } = [];

    /// <summary>Every file that the pool must have for it, by hash.</summary>
    public IEnumerable<string> Hashes =>
        Packages.Select(package => package.Sha256).Concat(Tools.Select(tool => tool.Sha256));

    /// <summary>64 hexadecimal digits over all that decides the tree: recipe, clock, packages, tools.</summary>
    public string Digest
    {
        get
        {
            var text = new StringBuilder().Append(
                CultureInfo.InvariantCulture,
                $"{Schema}\n{Suite} {Architecture} {RecipeHash} {Epoch}\n"
            );
            foreach (var one in Packages)
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"{one.Name} {one.Version} {one.Arch} {one.Sha256} {(one.Required ? 1 : 0)}\n"
                );
            foreach (var tool in Tools)
                text.Append(CultureInfo.InvariantCulture, $"{tool} {tool.Sha256}\n");
            return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));
        }
    }

    /// <summary>
    /// The file's whole text: JSON, one package a line, in order, so that git's diff of it is the report of changes.
    /// </summary>
    public string Text()
    {
        // By hand: a serializer writes a line a value or one line for all. Every value's form was checked.
        var text = new StringBuilder("{\n")
            .Append(CultureInfo.InvariantCulture, $"  \"schema\": \"{Schema}\",\n  \"bundle\": \"{Bundle}\",\n")
            .Append(CultureInfo.InvariantCulture, $"  \"suite\": \"{Suite}\",\n")
            .Append(CultureInfo.InvariantCulture, $"  \"architecture\": \"{Architecture}\",\n")
            .Append(CultureInfo.InvariantCulture, $"  \"recipeDigest\": \"sha256:{RecipeHash}\",\n")
            .Append(CultureInfo.InvariantCulture, $"  \"sourceDateEpoch\": {Epoch},\n  \"releases\": [\n")
            .AppendJoin(",\n", Releases.Select(release => $"    {release.Line()}"))
            .Append("\n  ],\n  \"packages\": [\n")
            .AppendJoin(",\n", Packages.Select(package => $"    {package.Line()}"))
            .Append(Tools.IsEmpty ? "" : "\n  ],\n  \"tools\": [\n")
            .AppendJoin(",\n", Tools.Select(tool => $"    {tool.Line()}"))
            .Append(CultureInfo.InvariantCulture, $"\n  ],\n  \"lockDigest\": \"sha256:{Digest}\"\n}}\n");
        return text.ToString();
    }

    /// <summary>What another lock has otherwise, by name; empty when their packages are the same.</summary>
    public ImmutableArray<LockChange> ChangesTo(BundleLock other)
    {
        var (mine, theirs) = (Keyed(this), Keyed(other));
        return
        [
            .. mine
                .Keys.Union(theirs.Keys)
                .Order(StringComparer.Ordinal)
                .Select(key => new LockChange(mine.GetValueOrDefault(key), theirs.GetValueOrDefault(key)))
                .Where(change => change.Before?.Sha256 != change.After?.Sha256),
        ];

        static Dictionary<string, LockedPackage> Keyed(BundleLock one) =>
            one.Packages.ToDictionary(package => $"{package.Name}:{package.Arch}", StringComparer.Ordinal);
    }

    /// <summary>The tools that another lock has otherwise, a line each.</summary>
    public IEnumerable<string> ToolChangesTo(BundleLock other) =>
        Tools
            .Except(other.Tools)
            .Select(tool => $"- {tool}")
            .Concat(other.Tools.Except(Tools).Select(tool => $"+ {tool}"));

    /// <summary>
    /// This lock with those packages of <paramref name="newer"/> that a security archive gave, and what is new with
    /// them.
    /// </summary>
    public BundleLock WithSecurityOf(BundleLock newer)
    {
        var changes = ChangesTo(newer);
        var moved = changes
            .Where(change => change is { Before: not null, After: { IsSecurity: true } })
            .ToDictionary(change => (change.Before!.Name, change.Before.Arch), change => change.After!);
        if (moved.Count == 0)
            return this;
        return this with
        {
            Epoch = newer.Epoch,
            Releases = newer.Releases,
            Packages = InOrder(
                Packages
                    .Select(package => moved.GetValueOrDefault((package.Name, package.Arch), package))
                    .Concat(changes.Where(change => change.Before is null).Select(change => change.After!))
            ),
        };
    }

    public static ImmutableArray<LockedPackage> InOrder(IEnumerable<LockedPackage> packages) =>
        [
            .. packages
                .OrderBy(package => package.Name, StringComparer.Ordinal)
                .ThenBy(package => package.Arch, StringComparer.Ordinal),
        ];
}

/// <summary>A release that was read for a lock.</summary>
/// <param name="Archive">Suite and pocket: <c>bookworm-security</c>.</param>
/// <param name="Date">As the release says it, seconds since 1970.</param>
/// <param name="Sha256">Of its signed file.</param>
public sealed record LockedRelease(string Archive, long Date, string Sha256)
{
    internal string Line() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $$"""{ "archive": "{{Archive}}", "date": {{Date}}, "sha256": "{{Sha256}}" }"""
        );
}

/// <summary>One Debian package, exactly.</summary>
/// <param name="Archive">Suite and pocket that gave it: <c>bookworm-security</c>.</param>
/// <param name="Path">Its place on a mirror: <c>pool/main/b/bash/bash_5.2.15-2+b7_amd64.deb</c>.</param>
/// <param name="Size">In bytes.</param>
/// <param name="Sha256">64 hexadecimal digits.</param>
/// <param name="Required">Whether the archive calls it required: it is installed in the first round.</param>
public sealed record LockedPackage(
    string Name,
    string Version,
    string Arch,
    string Archive,
    string Path,
    long Size,
    string Sha256,
    bool Required
)
{
    public bool IsSecurity => Archive.EndsWith("-security", StringComparison.Ordinal);

    public override string ToString() => $"{Name} {Version} ({Arch})";

    internal string Line() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $$"""{ "name": "{{Name}}", "version": "{{Version}}", "arch": "{{Arch}}", "archive": "{{Archive}}", """
                + $$"""
                "path": "{{Path}}", "size": {{Size}}, "sha256": "{{Sha256}}"{{Mark}} }
                """
        );

    private string Mark => Required ? ", \"required\": true" : "";
}

/// <summary>A package that two locks have otherwise; null where a lock has it not.</summary>
public sealed record LockChange(LockedPackage? Before, LockedPackage? After)
{
    public override string ToString() =>
        (Before, After) switch
        {
            (null, { } after) => $"+ {after}",
            ({ } before, null) => $"- {before}",
            ({ } before, { } after) => $"{before.Name} {before.Version} → {after.Version}, {after.Archive}",
            _ => "",
        };
}
