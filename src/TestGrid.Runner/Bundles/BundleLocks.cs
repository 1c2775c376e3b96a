using System.Collections.Immutable;
using Microsoft.Extensions.Options;
using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles;

/// <summary>Recipes' locks: made, brought up to date, compared and checked. Builds nothing.</summary>
public sealed class BundleLocks
{
    private readonly BundleOptions options;
    private readonly LockShelf shelf;
    private readonly LockMaker maker;
    private readonly PackagePool pool;
    private readonly ToolSource tools;
    private readonly RecipeBook recipes;
    private readonly ImmutableArray<RecipeProblem> problems;

    public BundleLocks(IOptions<BundleOptions> options, AptSources sources, TimeProvider time)
    {
        this.options = options.Value;
        (shelf, pool) = (new LockShelf(this.options), new PackagePool(this.options, sources, time));
        tools = new ToolSource(this.options, pool);
        maker = new LockMaker(sources, tools);
        recipes = ReadBook(this.options, out problems);
    }

    /// <summary>Every recipe's name.</summary>
    public IEnumerable<string> Recipes => recipes.Names;

    /// <summary>What the recipe says, as its lock names it.</summary>
    public string RecipeHashOf(string recipe) => Recipe(recipe).ContentHash();

    /// <summary>Where the recipe's lock lies, or would.</summary>
    public string FileOf(string recipe) => shelf.FileOf(recipe);

    /// <summary>The lock beside the recipe; null when there is none.</summary>
    /// <exception cref="BundleException">It has problems; each is named with its line.</exception>
    public BundleLock? Find(string recipe) => shelf.Beside(Recipe(recipe).Name);

    /// <summary>What the recipe means on this machine's mirror today. Nothing is written.</summary>
    /// <exception cref="BundleException">The mirror is not there, or apt cannot satisfy the recipe.</exception>
    public async ValueTask<BundleLock> ResolveAsync(string recipe, CancellationToken stop)
    {
        var wanted = Recipe(recipe);
        var folder = Directory.CreateTempSubdirectory("testgrid-lock-").FullName;
        try
        {
            return await maker.MakeAsync(wanted, Usable(recipe), folder, stop);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>Writes the lock beside its recipe.</summary>
    public void Keep(BundleLock made) => shelf.WriteBeside(made);

    /// <summary>
    /// What is wrong with a recipe and its lock, a sentence each, with file and line where there is one; empty when
    /// they agree and every locked package is in the pool.
    /// </summary>
    public async ValueTask<ImmutableArray<string>> CheckAsync(string recipe, CancellationToken stop)
    {
        try
        {
            if (Find(recipe) is not { } locked)
                return [$"{recipe} has no lock. Remedy: testgrid bundle lock {recipe}"];
            var found = ImmutableArray.CreateBuilder<string>();
            if (locked.RecipeHash != Recipe(recipe).ContentHash())
                found.Add($"The lock of {recipe} is older than the recipe. Remedy: testgrid bundle lock {recipe}");
            var missing = await pool.MissingAsync(locked, stop);
            if (!missing.IsEmpty)
                found.Add(
                    $"{missing.Length} of {locked.Packages.Length} packages of {recipe} are not in the pool, "
                        + $"{missing[0]} for one. Remedy: testgrid bundle build {recipe}"
                );
            var absent = await tools.MissingAsync(locked, stop);
            if (!absent.IsEmpty)
                found.Add(
                    $"{absent.Length} of {locked.Tools.Length} tools of {recipe} are not in the pool, {absent[0]} for "
                        + $"one. Remedy: testgrid bundle build {recipe}"
                );
            return found.ToImmutable();
        }
        catch (BundleException e)
        {
            return [e.Message];
        }
    }

    /// <summary>
    /// Writes the packages of these recipes' locks as a tar that <see cref="ImportAsync"/> reads; returns how many.
    /// </summary>
    /// <exception cref="BundleException">A package is not in the pool.</exception>
    public async ValueTask<int> ExportAsync(IEnumerable<string> names, Stream output, CancellationToken stop)
    {
        var locks = names.Select(Find).OfType<BundleLock>().ToArray();
        foreach (var locked in locks)
        {
            string[] missing =
            [
                .. (await pool.MissingAsync(locked, stop)).Select(package => package.ToString()),
                .. (await tools.MissingAsync(locked, stop)).Select(tool => tool.ToString()),
            ];
            if (missing.Length > 0)
                throw new BundleException(
                    $"{missing.Length} packages of {locked.Bundle} are not in the pool, {missing[0]} for one. "
                        + $"Remedy: testgrid bundle build {locked.Bundle}"
                );
        }
        return await PoolArchive.WriteAsync(pool, locks.SelectMany(one => one.Hashes), output, stop);
    }

    /// <summary>Takes every package of such a tar into the pool; returns how many. Each must be what its name says.</summary>
    /// <exception cref="BundleException">It is no such tar, or a file in it is not what its name says.</exception>
    public async ValueTask<int> ImportAsync(Stream input, CancellationToken stop) =>
        await PoolArchive.ReadAsync(pool, Directory.CreateDirectory(options.RootPath).FullName, input, stop);

    // One that cannot be read saves nothing, and is about to be replaced.
    private BundleLock? Usable(string recipe)
    {
        try
        {
            return shelf.Beside(recipe);
        }
        catch (BundleException)
        {
            return null;
        }
    }

    internal static RecipeBook ReadBook(BundleOptions options, out ImmutableArray<RecipeProblem> problems) =>
        RecipeBook.Of(
            options.RecipeFile is { } file ? [(file, File.ReadAllText(file))] : ReadRecipes(options.RecipesPath),
            out problems,
            options.ParentsPath is { } parents ? ReadRecipes(parents) : null
        );

    /// <summary>The texts of a folder's recipes, <c>NAME/recipe.yml</c>.</summary>
    internal static IEnumerable<(string File, string Text)> ReadRecipes(string path) =>
        Directory.Exists(path)
            ? Directory
                .GetDirectories(path)
                .Order(StringComparer.Ordinal)
                .Select(folder => Path.Combine(folder, "recipe.yml"))
                .Where(File.Exists)
                .Select(file => (Path.GetRelativePath(path, file), File.ReadAllText(file)))
            : [];

    private Recipe Recipe(string name) =>
        recipes.Find(name)
        ?? throw new BundleException(
            problems
                .Where(p => p.File == options.RecipeFile || p.File.StartsWith(name + "/", StringComparison.Ordinal))
                .ToArray()
                is { Length: > 0 } bad
                ? $"The recipe of bundle {name} has problems:\n{string.Join('\n', bad.Select(one => one.ToString()))}"
                : $"There is no bundle called '{name}'; there are: {string.Join(", ", recipes.Names)}."
        );
}
