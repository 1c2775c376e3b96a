using System.Collections.Immutable;
using TestGrid.Core.Config.Schema;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config;

/// <summary>A job's wish for an app layer: what its <c>install</c> made is kept, and used again while nothing changed.</summary>
/// <param name="Locks">
/// Paths of lock files from the repository's top level on; none for those of <see cref="LockFiles"/> that stand there.
/// </param>
public sealed record AppLayerWish(ImmutableArray<string> Locks)
{
    /// <summary>The most lock files that can be named.</summary>
    public const int LocksMost = 20;

    private const int LongestPath = 200;

    /// <summary>Reads <c>app_layer: true</c>, <c>app_layer: [paths]</c> and <c>app_layer: {lock: [paths]}</c>.</summary>
    internal static AppLayerWish? Read(YamlNode? node, Findings findings)
    {
        if (
            node is null or YamlScalar { Text: null }
            || (node is YamlScalar scalar && ValueTable.Truth(scalar.Text) is false)
        )
            return null;
        if (node is YamlScalar { Text: { } text } && ValueTable.Truth(text) is true)
            return new AppLayerWish([]);
        var written = node is YamlMap map ? map["lock"] : node;
        var locks = ImmutableArray.CreateBuilder<string>();
        foreach (var item in written is null ? [] : Shapes.Flat(written))
        {
            if (item is YamlScalar { Text: { } path } && IsPath(path) && locks.Count < LocksMost)
                locks.Add(path);
            else
                findings.Warn(
                    item.Mark,
                    ProblemCode.BadValue,
                    $"'{Shapes.Short(item.ToString()!)}' is no lock file of the repository, or one of more than {LocksMost}: left out",
                    "write its path from the repository's top level on, as web/package-lock.json",
                    "app_layer"
                );
        }
        return new AppLayerWish([.. locks.Distinct(StringComparer.Ordinal)]);
    }

    private static bool IsPath(string path) =>
        path.Length is > 0 and <= LongestPath
        && !path.Any(char.IsControl)
        && path.Split('/').All(part => part is not ("" or "." or ".." or ".git"));
}

/// <summary>The files that say exactly what a project's <c>install</c> installs.</summary>
public static class LockFiles
{
    /// <summary>Their names at the repository's top level. <c>requirements*.txt</c> is one only with hashes.</summary>
    public static ImmutableArray<LockFile> All { get; } =
    [
        new("package-lock.json", "npm"),
        new("npm-shrinkwrap.json", "npm"),
        new("yarn.lock", "yarn"),
        new("pnpm-lock.yaml", "pnpm"),
        new("bun.lock", "bun"),
        new("bun.lockb", "bun"),
        new("deno.lock", "deno"),
        new("requirements*.txt", "pip", Needs: "--hash="),
        new("Pipfile.lock", "pipenv"),
        new("poetry.lock", "poetry"),
        new("pdm.lock", "pdm"),
        new("uv.lock", "uv"),
        new("pylock.toml", "pip"),
        new("conda-lock.yml", "conda"),
        new("Gemfile.lock", "bundler"),
        new("gems.locked", "bundler"),
        new("composer.lock", "composer"),
        new("go.sum", "go"),
        new("Cargo.lock", "cargo"),
        new("mix.lock", "mix"),
        new("rebar.lock", "rebar3"),
        new("packages.lock.json", "nuget"),
        new("gradle.lockfile", "gradle"),
        new("stack.yaml.lock", "stack"),
        new("cabal.project.freeze", "cabal"),
        new("cpanfile.snapshot", "carton"),
        new("renv.lock", "renv"),
        new("pubspec.lock", "pub"),
        new("shard.lock", "shards"),
        new("conan.lock", "conan"),
        new("flake.lock", "nix"),
    ];
}

/// <summary>A kind of lock file.</summary>
/// <param name="Name">Its name; one <c>*</c> in it stands for anything.</param>
/// <param name="Tool">Whose it is.</param>
/// <param name="Needs">What it must hold to be one; null for nothing.</param>
public sealed record LockFile(string Name, string Tool, string? Needs = null)
{
    /// <summary>Whether a file of this name is one of the kind.</summary>
    public bool Fits(string name)
    {
        if (Name.Split('*') is not [var before, var after])
            return name == Name;
        return name.Length >= before.Length + after.Length
            && name.StartsWith(before, StringComparison.Ordinal)
            && name.EndsWith(after, StringComparison.Ordinal);
    }
}
