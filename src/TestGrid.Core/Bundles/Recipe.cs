using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;

namespace TestGrid.Core.Bundles;

/// <summary>What a bundle shall contain: <c>runner-images/NAME/recipe.yml</c>, read and checked.</summary>
public sealed record Recipe
{
    /// <summary>Its name, as configurations and logs call it: <c>python</c>.</summary>
    public required string Name { get; init; }

    /// <summary>One line for people.</summary>
    public string Title { get; init; } = "";

    /// <summary>
    /// The recipe it builds upon, or null. Of another suite that one's packages are meant as they are in this suite.
    /// </summary>
    public string? From { get; init; }

    /// <summary>The Debian suite by its codename: <c>bookworm</c>.</summary>
    public required string Suite { get; init; }

    /// <summary>Debian packages, in name order, without versions: the release at build time decides those.</summary>
    public ImmutableSortedSet<string> Packages { get; init; } = ImmutableSortedSet<string>.Empty;

    /// <summary>Packages of its parent that it does without, because its own suite has not got them.</summary>
    public ImmutableSortedSet<string> Without { get; init; } = ImmutableSortedSet<string>.Empty;

    /// <summary>
    /// Which of the suite's archives give packages: <c>main</c>, <c>updates</c>, <c>security</c>; empty for all.
    /// </summary>
    public ImmutableSortedSet<string> Archives { get; init; } = ImmutableSortedSet<string>.Empty;

    /// <summary>Archives that are no Debian packages, in the order in which they are unpacked.</summary>
    public ImmutableArray<RecipeTool> Tools { get; init; } = [];

    /// <summary>The languages it is for, and the versions of each that it has: <c>python</c> → <c>3.11</c>.</summary>
    public ImmutableSortedDictionary<string, ImmutableArray<string>> Languages { get; init; } =
        ImmutableSortedDictionary<string, ImmutableArray<string>>.Empty;

    public ImmutableArray<RecipeUser> Users { get; init; } = [];

    public ImmutableArray<RecipeFile> Files { get; init; } = [];

    /// <summary>The language of the environment, and those beside it; null leaves what the packages make.</summary>
    public RecipeLocale? Locale { get; init; }

    /// <summary>The local time zone, as tzdata names it: <c>Europe/Vienna</c>; empty leaves what the packages make.</summary>
    public string TimeZone { get; init; } = "";

    /// <summary>Whether manuals, documentation but the licences, and translations are left out.</summary>
    public bool Slim { get; init; }

    /// <summary>
    /// A shell script that is run last, as root inside, with no network; empty for none. What it makes must be the same each
    /// time: a build's proof finds what is not.
    /// </summary>
    public string Setup { get; init; } = "";

    /// <summary>Programs that must run in the finished tree, or the build has failed.</summary>
    public ImmutableArray<RecipeCheck> Checks { get; init; } = [];

    /// <summary>How it serves beside a job, or null: then jobs run in it. It is not inherited.</summary>
    public RecipeService? Service { get; init; }

    /// <summary>
    /// SHA-256 over everything in it that decides the tree, as 64 hexadecimal digits. Title, languages, checks and
    /// service do not: changing them rebuilds nothing.
    /// </summary>
    public string ContentHash()
    {
        var text = new StringBuilder("testgrid.recipe/1\n");
        Line("suite", Suite);
        foreach (var archive in Archives)
            Line("archive", archive);
        foreach (var package in Packages)
            Line("package", package);
        foreach (var tool in Tools)
            Line("tool", tool.Line());
        foreach (var user in Users)
            Line("user", $"{user.Name} {user.Uid} {user.Sudo}");
        foreach (var file in Files.OrderBy(file => file.Path, StringComparer.Ordinal))
            Line("file", $"{file.Mode} {file.Path} {Convert.ToHexStringLower(Encoding.UTF8.GetBytes(file.Text))}");
        // What is not said adds no line: recipes that never said it keep their hash.
        if (Locale is { } locale)
            Line("locale", $"{locale.Default} {string.Join(' ', locale.Generate)}");
        if (TimeZone.Length > 0)
            Line("timezone", TimeZone);
        if (Slim)
            Line("slim", "true");
        if (Setup.Length > 0)
            Line("setup", Convert.ToHexStringLower(Encoding.UTF8.GetBytes(Setup)));
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())));

        void Line(string key, string value) => text.Append(key).Append(' ').Append(value).Append('\n');
    }

    /// <summary>This recipe with all that its parent gives; what both say, this one decides.</summary>
    public Recipe Upon(Recipe parent) =>
        this with
        {
            From = null,
            Packages = parent.Packages.Except(Without).Union(Packages),
            Without = parent.Without.Union(Without),
            Tools = [.. parent.Tools, .. Tools],
            Users = [.. parent.Users.Where(user => Users.All(own => own.Name != user.Name)), .. Users],
            Files = [.. parent.Files.Where(file => Files.All(own => own.Path != file.Path)), .. Files],
            Locale = Locale ?? parent.Locale,
            TimeZone = TimeZone.Length > 0 ? TimeZone : parent.TimeZone,
            Slim = Slim || parent.Slim,
            Setup = parent.Setup.Length > 0 && Setup.Length > 0 ? $"{parent.Setup}\n{Setup}" : parent.Setup + Setup,
            Checks = [.. parent.Checks.Where(check => Checks.All(own => !own.Run.SequenceEqual(check.Run))), .. Checks],
        };
}

/// <summary>
/// A user to make; the group has the same name and id, the home is <c>/home/NAME</c>, the shell bash.
/// </summary>
public sealed record RecipeUser(string Name, int Uid, bool Sudo);

/// <summary>The language of an environment.</summary>
/// <param name="Default">What <c>/etc/default/locale</c> says: <c>de_AT.UTF-8</c>.</param>
/// <param name="Generate">Those to make, in order, out of the package <c>locales</c>.</param>
public sealed record RecipeLocale(string Default, ImmutableArray<string> Generate);

/// <summary>A file to write, owned by root.</summary>
/// <param name="Path">Absolute, inside.</param>
/// <param name="Mode">Four octal digits: <c>0644</c>.</param>
/// <param name="Text">Its whole content.</param>
public sealed record RecipeFile(string Path, string Mode, string Text);

/// <summary>
/// A program that must exit with 0 and print <paramref name="Expect"/> somewhere; run as the first user.
/// </summary>
public sealed record RecipeCheck(ImmutableArray<string> Run, string Expect);

/// <summary>What a recipe offers to configurations: which bundle to take for a language and version.</summary>
/// <param name="Recipe">The recipe's name.</param>
/// <param name="Language">Travis's word: <c>python</c>, <c>c</c>, <c>generic</c>.</param>
/// <param name="Versions">What it has, the default first; empty when the language has no versions.</param>
public sealed record BundleOffer(string Recipe, string Language, ImmutableArray<string> Versions)
{
    /// <summary>Its Debian suite by codename; null where nobody asks.</summary>
    public string? Suite { get; init; }
}
