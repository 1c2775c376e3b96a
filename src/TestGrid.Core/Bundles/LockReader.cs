using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Bundles;

/// <summary>What reading a lock gave: all of it, or every problem in it.</summary>
public abstract record LockReading
{
    public sealed record Read(BundleLock Lock) : LockReading;

    public sealed record Refused(ImmutableArray<RecipeProblem> Problems) : LockReading;
}

/// <summary>
/// Reads <c>lock.json</c>. What stands in it reaches apt and file names, so only known forms pass; and its own digest
/// must be right, so that a line changed by hand or lost in a merge is found.
/// </summary>
public sealed partial class LockReader
{
    // JSON is YAML, and our reader of YAML knows where everything stands.
    private static readonly YamlLimits Limits = new(Bytes: 8 << 20, Depth: 8, Weight: 1_000_000);
    private readonly string file;
    private readonly List<RecipeProblem> problems = [];

    private LockReader(string file) => this.file = file;

    /// <param name="file">The file's name, for problems.</param>
    /// <param name="text">What stands in it.</param>
    public static LockReading Read(string file, string text)
    {
        var reader = new LockReader(file);
        var yaml = YamlTree.Read(Encoding.UTF8.GetBytes(text), Limits);
        foreach (var fault in yaml.Faults)
            reader.Problem(fault.Mark, fault.Message);
        var read = yaml.IsRefused ? null : reader.Whole(yaml.Root);
        return reader.problems.Count == 0 && read is not null
            ? new LockReading.Read(read)
            : new LockReading.Refused([.. reader.problems]);
    }

    private BundleLock? Whole(YamlNode? root)
    {
        if (root is not YamlMap map)
        {
            Problem(root?.Mark ?? new YamlMark(1, 1), "A lock is one JSON object.");
            return null;
        }
        if (Text(map, "schema", AnyForm, "") is { } schema && schema != BundleLock.Schema)
            Problem(map["schema"]!.Mark, $"This version reads {BundleLock.Schema}, not '{schema}'.");
        var read = new BundleLock
        {
            Bundle = Text(map, "bundle", NameForm, "a bundle's name") ?? "",
            Suite = Text(map, "suite", SuiteForm, "a Debian codename") ?? "",
            Architecture = Text(map, "architecture", SuiteForm, "a Debian architecture: amd64") ?? "",
            RecipeHash = Text(map, "recipeDigest", DigestForm, "sha256: and 64 hexadecimal digits")?[7..] ?? "",
            Epoch = Number(map, "sourceDateEpoch"),
            Releases = [.. Items(map, "releases").Select(Release)],
            Packages = [.. Items(map, "packages").Select(Package)],
            Tools = map.Has("tools") ? [.. Items(map, "tools").Select(Tool)] : [],
        };
        var said = Text(map, "lockDigest", DigestForm, "sha256: and 64 hexadecimal digits");
        if (problems.Count > 0)
            return null;
        if (!BundleLock.InOrder(read.Packages).SequenceEqual(read.Packages))
            Problem(map["packages"]!.Mark, "The packages are not in order, by name and architecture.");
        if (read.Packages.DistinctBy(package => (package.Name, package.Arch)).Count() != read.Packages.Length)
            Problem(map["packages"]!.Mark, "A package stands here twice.");
        if (said != "sha256:" + read.Digest)
            Problem(
                map["lockDigest"]!.Mark,
                "The lock is not what its lockDigest says: it was changed by hand, or a merge went wrong. "
                    + $"Remedy: testgrid bundle lock {read.Bundle}"
            );
        return read;
    }

    private LockedRelease Release(YamlNode node) =>
        node is YamlMap map
            ? new(
                Text(map, "archive", ArchiveForm, "a suite and pocket: bookworm-security") ?? "",
                Number(map, "date"),
                Text(map, "sha256", HashForm, "64 hexadecimal digits") ?? ""
            )
            : Wrong(node, "A release is an object.", new LockedRelease("", 0, ""));

    private LockedPackage Package(YamlNode node) =>
        node is YamlMap map
            ? new(
                Text(map, "name", PackageForm, "a Debian package's name") ?? "",
                Text(map, "version", VersionForm, "a Debian version") ?? "",
                Text(map, "arch", SuiteForm, "a Debian architecture, or all") ?? "",
                Text(map, "archive", ArchiveForm, "a suite and pocket: bookworm-security") ?? "",
                Text(map, "path", PathForm, "a mirror's path, without a host or ..: pool/main/…") ?? "",
                Number(map, "size"),
                Text(map, "sha256", HashForm, "64 hexadecimal digits") ?? "",
                map.Has("required") && Text(map, "required", TrueForm, "true") == "true"
            )
            : Wrong(node, "A package is an object.", new LockedPackage("", "", "", "", "", 0, "", false));

    private LockedTool Tool(YamlNode node)
    {
        if (node is not YamlMap map)
            return Wrong(node, "A tool is an object.", new LockedTool("", "", 0, "", ""));
        var isNpm = map.Has("npm");
        return new(
            Text(map, isNpm ? "npm" : "url", isNpm ? NpmForm : UrlForm, "an npm package, or an address") ?? "",
            isNpm ? Text(map, "version", NpmVersionForm, "a whole version: 22.23.3") ?? "" : "",
            Number(map, "size"),
            Text(map, "sha256", HashForm, "64 hexadecimal digits") ?? "",
            isNpm ? Text(map, "integrity", IntegrityForm, "sha512- and 88 characters of base64") ?? "" : ""
        );
    }

    private T Wrong<T>(YamlNode node, string message, T instead)
    {
        Problem(node.Mark, message);
        return instead;
    }

    private ImmutableArray<YamlNode> Items(YamlMap map, string key)
    {
        if (map[key] is YamlList list)
            return list.Items;
        Problem(map[key]?.Mark ?? map.Mark, $"{key} is a list, and must be there.");
        return [];
    }

    private long Number(YamlMap map, string key) =>
        Text(map, key, NumberForm, "a whole number") is { } text ? long.Parse(text, CultureInfo.InvariantCulture) : 0;

    private string? Text(YamlMap map, string key, Regex form, string wanted)
    {
        if (map[key] is not { } node)
            Problem(map.Mark, $"It says no {key}.");
        else if (node is not YamlScalar { Text: { } text } || !form.IsMatch(text))
            Problem(node.Mark, $"{key}: '{node}' is not {wanted}.");
        else
            return text;
        return null;
    }

    private void Problem(YamlMark mark, string message) =>
        problems.Add(new RecipeProblem(file, mark.Line, message, mark.Column));

    [GeneratedRegex(@"\A.*\z", RegexOptions.Singleline)]
    private static partial Regex AnyForm { get; }

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9.+-]{0,63}\z")]
    private static partial Regex NameForm { get; }

    [GeneratedRegex(@"\A[a-z][a-z0-9-]{1,20}\z")]
    private static partial Regex SuiteForm { get; }

    [GeneratedRegex(@"\A[a-z]{2,20}(?:-[a-z-]{2,30})?\z")]
    private static partial Regex ArchiveForm { get; }

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9.+-]{1,100}\z")]
    private static partial Regex PackageForm { get; }

    [GeneratedRegex(@"\A[0-9][A-Za-z0-9.+:~-]{0,120}\z")]
    private static partial Regex VersionForm { get; }

    [GeneratedRegex(@"\A(?:(?!\.\.?/)[A-Za-z0-9._+~-]{1,200}/){1,12}[A-Za-z0-9._+~-]{1,200}\.deb\z")]
    private static partial Regex PathForm { get; }

    [GeneratedRegex(@"\A[0-9a-f]{64}\z")]
    private static partial Regex HashForm { get; }

    [GeneratedRegex(@"\Asha256:[0-9a-f]{64}\z")]
    private static partial Regex DigestForm { get; }

    [GeneratedRegex(@"\A[0-9]{1,15}\z")]
    private static partial Regex NumberForm { get; }

    [GeneratedRegex(@"\A(?:@[a-z0-9][a-z0-9._-]{0,80}/)?[a-z0-9][a-z0-9._-]{0,80}\z")]
    private static partial Regex NpmForm { get; }

    [GeneratedRegex(@"\A[0-9]{1,6}\.[0-9]{1,6}\.[0-9]{1,6}\z")]
    private static partial Regex NpmVersionForm { get; }

    [GeneratedRegex(@"\Ahttps?://[A-Za-z0-9._~:/%+@-]{1,500}\z")]
    private static partial Regex UrlForm { get; }

    [GeneratedRegex(@"\Asha512-[A-Za-z0-9+/]{86}==\z")]
    private static partial Regex IntegrityForm { get; }

    [GeneratedRegex(@"\Atrue\z")]
    private static partial Regex TrueForm { get; }
}
