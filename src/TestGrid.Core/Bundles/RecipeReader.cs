using System.Collections.Immutable;
using System.Globalization;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace TestGrid.Core.Bundles;

/// <summary>Something in a recipe or a lock that a person should mend, where it stands.</summary>
public sealed record RecipeProblem(string File, int Line, string Message, int Column = 1)
{
    public override string ToString() => $"{File}:{Line}:{Column}: {Message}";
}

/// <summary>What reading a recipe gave: all of it, or every problem in it.</summary>
public abstract record RecipeReading
{
    public sealed record Read(Recipe Recipe) : RecipeReading;

    public sealed record Refused(ImmutableArray<RecipeProblem> Problems) : RecipeReading;
}

/// <summary>Reads <c>recipe.yml</c>. Whatever stands in it reaches a root shell, so only known forms pass.</summary>
public sealed partial class RecipeReader
{
    private static readonly string[] Keys =
    [
        "bundle",
        "title",
        "from",
        "debian",
        "tools",
        "languages",
        "users",
        "files",
        "locale",
        "timezone",
        "slim",
        "setup",
        "check",
        "service",
    ];

    private readonly string file;
    private readonly List<RecipeProblem> problems = [];

    private RecipeReader(string file) => this.file = file;

    /// <param name="file">The file's name, for problems.</param>
    /// <param name="text">What stands in it.</param>
    public static RecipeReading Read(string file, string text)
    {
        var reader = new RecipeReader(file);
        try
        {
            var yaml = new YamlStream();
            yaml.Load(new StringReader(text));
            var recipe = reader.Whole(yaml.Documents is [var only] ? only.RootNode : null);
            return reader.problems.Count == 0 && recipe is not null
                ? new RecipeReading.Read(recipe)
                : new RecipeReading.Refused([.. reader.problems]);
        }
        catch (YamlException e)
        {
            return new RecipeReading.Refused([
                new(file, (int)e.Start.Line, $"This is not YAML: {e.Message}", (int)e.Start.Column),
            ]);
        }
    }

    private Recipe? Whole(YamlNode? root)
    {
        if (root is not YamlMappingNode map)
        {
            problems.Add(new(file, 1, "A recipe is one mapping: bundle:, debian:, …"));
            return null;
        }
        OnlyKeys(map, Keys);
        var debian = Child(map, "debian") as YamlMappingNode;
        if (debian is null)
            Problem(map, "It says no debian: with suite: and packages:.");
        else
            OnlyKeys(debian, ["suite", "archives", "packages", "without"]);
        return new Recipe
        {
            Name = Text(map, "bundle", NameForm, "a name of lower-case letters, digits, dots and dashes") ?? "",
            Title = Text(map, "title", null, "") ?? "",
            From = Child(map, "from") is null ? null : Text(map, "from", NameForm, "the name of another recipe"),
            Suite = (debian is null ? null : Text(debian, "suite", SuiteForm, "a Debian codename: bookworm")) ?? "",
            Archives =
            [
                .. Items(debian, "archives")
                    .Select(node => Scalar(node, ArchiveForm, "main, updates or security"))
                    .OfType<string>(),
            ],
            Packages = [.. Packages(debian, "packages")],
            Without = [.. Packages(debian, "without")],
            Tools = [.. Items(map, "tools").Select(Tool).OfType<RecipeTool>()],
            Languages = Languages(map),
            Users = [.. Items(map, "users").Select(User).OfType<RecipeUser>()],
            Files = [.. Items(map, "files").Select(File).OfType<RecipeFile>()],
            Locale = Locale(map),
            TimeZone = Optional(map, "timezone", ZoneForm, "a time zone as tzdata names it: Europe/Vienna"),
            Slim = Optional(map, "slim", BoolForm, "true or false") == "true",
            Setup = Setup(map),
            Checks = [.. Items(map, "check").Select(Check).OfType<RecipeCheck>()],
            Service = Service(map),
        };
    }

    private ImmutableSortedDictionary<string, ImmutableArray<string>> Languages(YamlMappingNode map)
    {
        var languages = ImmutableSortedDictionary.CreateBuilder<string, ImmutableArray<string>>(StringComparer.Ordinal);
        if (Child(map, "languages") is not { } node)
            return languages.ToImmutable();
        if (node is not YamlMappingNode mapping)
        {
            Problem(node, "languages: is a mapping from a language to its versions: python: [\"3.11\"].");
            return languages.ToImmutable();
        }
        foreach (var (key, _) in mapping.Children)
        {
            if (Scalar(key, LanguageForm, "a language's name") is { } language)
                languages[language] =
                [
                    .. Items(mapping, language)
                        .Select(version => Scalar(version, VersionForm, "a version: \"3.11\""))
                        .OfType<string>(),
                ];
        }
        return languages.ToImmutable();
    }

    private IEnumerable<string> Packages(YamlMappingNode? debian, string key) =>
        Items(debian, key).Select(node => Scalar(node, PackageForm, "a Debian package's name")).OfType<string>();

    private RecipeUser? User(YamlNode node)
    {
        if (node is not YamlMappingNode map)
            return Problem(node, "A user is written { name: travis, uid: 2000, sudo: true }.") as RecipeUser;
        OnlyKeys(map, ["name", "uid", "sudo"]);
        var name = Text(map, "name", UserForm, "a user's name");
        var uid = Text(map, "uid", UidForm, "a number from 1000 to 59999");
        var sudo = Child(map, "sudo") is null ? "false" : Text(map, "sudo", BoolForm, "true or false");
        return name is null || uid is null || sudo is null
            ? null
            : new RecipeUser(name, int.Parse(uid, CultureInfo.InvariantCulture), sudo == "true");
    }

    private RecipeFile? File(YamlNode node)
    {
        if (node is not YamlMappingNode map)
            return Problem(node, "A file is written { path: /etc/x, mode: \"0644\", text: \"…\" }.") as RecipeFile;
        OnlyKeys(map, ["path", "mode", "text"]);
        var path = Text(map, "path", PathForm, "an absolute path without .. or odd characters");
        var mode = Text(map, "mode", ModeForm, "four octal digits in quotes: \"0644\"");
        var text = Text(map, "text", null, "");
        return path is null || mode is null || text is null ? null : new RecipeFile(path, mode, text);
    }

    private RecipeCheck? Check(YamlNode node)
    {
        if (node is not YamlMappingNode map)
            return Problem(node, "A check is written { run: [make, --version], expect: \"GNU Make\" }.") as RecipeCheck;
        OnlyKeys(map, ["run", "expect"]);
        var run = Words(map, "run");
        if (run.IsEmpty)
            Problem(map, "A check needs run: with a program and its arguments.");
        return new RecipeCheck(run, Child(map, "expect") is null ? "" : Text(map, "expect", null, "") ?? "");
    }

    private static YamlNode? Child(YamlMappingNode map, string key) =>
        map.Children.TryGetValue(new YamlScalarNode(key), out var node) ? node : null;

    private string? Text(YamlMappingNode map, string key, Regex? form, string wanted)
    {
        if (Child(map, key) is { } node)
            return Scalar(node, form, wanted);
        if (key != "title")
            Problem(map, $"It says no {key}:{(wanted.Length > 0 ? $" {wanted}" : "")}.");
        return null;
    }

    private IEnumerable<YamlNode> Items(YamlMappingNode? map, string key)
    {
        if (map is null || Child(map, key) is not { } node)
            return [];
        if (node is YamlSequenceNode list)
            return list.Children;
        Problem(node, $"{key}: is a list.");
        return [];
    }

    private string? Scalar(YamlNode node, Regex? form, string wanted)
    {
        if (node is YamlScalarNode { Value: { } value } && (form is null || form.IsMatch(value)))
            return value;
        Problem(
            node,
            wanted.Length > 0 ? $"'{node}' is not {wanted}." : "Here stands one text, not a list or mapping."
        );
        return null;
    }

    private void OnlyKeys(YamlMappingNode map, string[] known)
    {
        foreach (var key in map.Children.Keys.Where(key => !known.Contains(key.ToString())))
            Problem(key, $"'{key}' is not known here; these are: {string.Join(", ", known)}.");
    }

    private object? Problem(YamlNode node, string message)
    {
        problems.Add(new RecipeProblem(file, (int)node.Start.Line, message, (int)node.Start.Column));
        return null;
    }

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9.+-]{0,63}\z")]
    private static partial Regex NameForm { get; }

    [GeneratedRegex(@"\A[a-z][a-z0-9_+-]{0,31}\z")]
    private static partial Regex LanguageForm { get; }

    [GeneratedRegex(@"\A[a-z]{2,20}\z")]
    private static partial Regex SuiteForm { get; }

    [GeneratedRegex(@"\A[a-z0-9][a-z0-9.+-]+(:[a-z0-9]+)?\z")]
    private static partial Regex PackageForm { get; }

    [GeneratedRegex(@"\A[A-Za-z0-9][A-Za-z0-9._+-]{0,31}\z")]
    private static partial Regex VersionForm { get; }

    [GeneratedRegex(@"\A[a-z_][a-z0-9_-]{0,31}\z")]
    private static partial Regex UserForm { get; }

    [GeneratedRegex(@"\A(?:[1-9][0-9]{3}|[1-5][0-9]{4})\z")]
    private static partial Regex UidForm { get; }

    [GeneratedRegex(@"\A(?:main|updates|security)\z")]
    private static partial Regex ArchiveForm { get; }

    [GeneratedRegex(@"\A(?:true|false)\z")]
    private static partial Regex BoolForm { get; }

    [GeneratedRegex(@"\A[0-7]{4}\z")]
    private static partial Regex ModeForm { get; }

    [GeneratedRegex(@"\A(?:/(?!\.\.?(?:/|\z))[A-Za-z0-9._+@-]+)+\z")]
    private static partial Regex PathForm { get; }
}
