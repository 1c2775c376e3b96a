using System.Collections.Immutable;
using System.CommandLine;
using Microsoft.Extensions.DependencyInjection;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;
using TestGrid.Cli.Output;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Bundles;

namespace TestGrid.Cli.Commands;

/// <summary><c>testgrid bundle lock · update · outdated · check</c>: what a recipe's lock says, and shall say.</summary>
internal static class LockCommands
{
    private const string IsCurrent = "is current";

    public static Option<DirectoryInfo?> RecipesOption() =>
        new("--recipes")
        {
            Description = "a folder with recipes of your own, NAME/recipe.yml; their locks are never replaced unasked",
        };

    public static Command Lock() =>
        Each(
            "lock",
            "write down exactly what a recipe means on the mirror today, if its lock is missing or stale",
            [],
            async (locks, recipe, _, stop) =>
            {
                var before = Kept(locks, recipe);
                if (before is not null && before.RecipeHash == locks.RecipeHashOf(recipe))
                    return new LockReport(recipe, IsCurrent, before.Packages.Length, []);
                var made = await locks.ResolveAsync(recipe, stop);
                locks.Keep(made);
                return new LockReport(recipe, "locked", made.Packages.Length, Changes(before, made));
            }
        );

    public static Command Update()
    {
        var security = new Option<bool>("--security") { Description = "only what a security archive has newer" };
        return Each(
            "update",
            "move a recipe's lock to what the mirror has today, and say what changed",
            [security],
            async (locks, recipe, parsed, stop) =>
            {
                var before = Kept(locks, recipe);
                var made = await locks.ResolveAsync(recipe, stop);
                if (parsed.GetValue(security) && before is not null && before.RecipeHash == made.RecipeHash)
                    made = before.WithSecurityOf(made);
                var changes = Changes(before, made);
                // A release that was dated anew and changed nothing here makes no new bundle.
                if (before is not null && before.RecipeHash == made.RecipeHash && changes.Length == 0)
                    return new LockReport(recipe, IsCurrent, before.Packages.Length, []);
                locks.Keep(made);
                return new LockReport(recipe, "updated", made.Packages.Length, changes);
            }
        );
    }

    public static Command Outdated() =>
        Each(
            "outdated",
            "what an update would change; writes nothing; exits with 1 when there is something",
            [],
            async (locks, recipe, _, stop) =>
            {
                var before =
                    locks.Find(recipe)
                    ?? throw new BundleException($"{recipe} has no lock: testgrid bundle lock {recipe}");
                var changes = Changes(before, await locks.ResolveAsync(recipe, stop));
                var did = changes.Length > 0 ? "outdated" : IsCurrent;
                return new LockReport(recipe, did, before.Packages.Length, changes) { Fails = changes.Length > 0 };
            }
        );

    public static Command Check() =>
        Each(
            "check",
            "whether recipes and locks agree and the pool has every package; exits with 1 when not",
            [],
            async (locks, recipe, _, stop) =>
            {
                var problems = await locks.CheckAsync(recipe, stop);
                return new LockReport(recipe, "checked", null, problems) { Fails = !problems.IsEmpty };
            }
        );

    private static Command Each(
        string verb,
        string does,
        Option[] more,
        Func<BundleLocks, string, ParseResult, CancellationToken, Task<LockReport>> work
    )
    {
        var names = new Argument<string[]>("RECIPE")
        {
            Description = "recipes' names; none means all; or one recipe's file: ci/bundle.yml",
        };
        names.Arity = ArgumentArity.ZeroOrMore;
        var (recipes, json) = (RecipesOption(), Printed.JsonOption());
        var command = new Command(verb, does) { names, recipes, json };
        foreach (var option in more)
            command.Options.Add(option);
        command.SetAction(
            async (parsed, stop) =>
            {
                var asked = parsed.GetValue(names) ?? [];
                var file = FileOf(asked);
                await using var services = LocalServices.ForBundles(parsed.GetValue(recipes), file);
                var locks = services.GetRequiredService<BundleLocks>();
                var code = ExitCodes.Ok;
                foreach (var recipe in file is null && asked.Length > 0 ? asked : NamesOf(locks.Recipes, file))
                {
                    if (!Console.IsErrorRedirected)
                        Console.Error.WriteLine($"{recipe} …");
                    var report = await work(locks, recipe, parsed, stop);
                    Say(report, parsed.GetValue(json));
                    code = report.Fails ? ExitCodes.Failed : code;
                }
                return code;
            }
        );
        return command;
    }

    /// <summary>The one recipe's file that is named instead of recipes; null when recipes are.</summary>
    /// <exception cref="CommandException">It is not there, or is not alone.</exception>
    public static string? FileOf(string[] asked)
    {
        if (asked.FirstOrDefault(one => BundleForm.IsRecipeFile(one)) is not { } file)
            return null;
        if (asked.Length > 1)
            throw new CommandException($"{file} is a recipe's file: name it alone.", ExitCodes.Usage);
        return File.Exists(file)
            ? Path.GetFullPath(file)
            : throw new CommandException($"There is no {file} here.", ExitCodes.Usage);
    }

    /// <summary>The names of the recipes that there are, or of the one in the file.</summary>
    /// <exception cref="CommandException">The file has problems.</exception>
    public static string[] NamesOf(IEnumerable<string> recipes, string? file)
    {
        string[] names = [.. recipes];
        if (file is null || names.Length > 0)
            return names;
        var problems = RecipeReader.Read(file, File.ReadAllText(file)) is RecipeReading.Refused refused
            ? string.Join('\n', refused.Problems)
            : $"{file}: its from: names a recipe that is not here, or leads in a circle";
        throw new CommandException(problems);
    }

    private static void Say(LockReport report, bool json)
    {
        if (json)
        {
            Printed.Lines([report]);
            return;
        }
        var packages = report.Packages is { } count ? $", {count} packages" : "";
        var changed = report.Changes.Length == 0 ? "" : $", {report.Changes.Length} to tell";
        Console.WriteLine($"{report.Recipe}: {report.Did}{packages}{changed}");
        foreach (var change in report.Changes)
            Console.WriteLine("  " + change);
    }

    private static ImmutableArray<string> Changes(BundleLock? before, BundleLock after) =>
        before is null
            ? []
            : [.. before.ChangesTo(after).Select(change => change.ToString()), .. before.ToolChangesTo(after)];

    // A lock that cannot be read is one to replace here, and not one to stumble over.
    private static BundleLock? Kept(BundleLocks locks, string recipe)
    {
        try
        {
            return locks.Find(recipe);
        }
        catch (BundleException) when (File.Exists(locks.FileOf(recipe)))
        {
            return null;
        }
    }

    private sealed record LockReport(string Recipe, string Did, int? Packages, ImmutableArray<string> Changes)
    {
        public bool Fails { get; init; }
    }
}
