namespace TestGrid.Core.Bundles;

/// <summary>A recipe of a repository, complete with what its parents here give, and the lock that it is built from.</summary>
/// <param name="Recipe">Complete.</param>
/// <param name="Lock">Of exactly this recipe.</param>
public sealed record OwnRecipe(Recipe Recipe, BundleLock Lock)
{
    private const int MostProblems = 5;

    /// <summary>The file of a recipe's lock: <c>lock.json</c> beside a <c>recipe.yml</c>, else <c>NAME.lock.json</c>.</summary>
    public static string LockOf(string recipePath)
    {
        var name = recipePath[(recipePath.LastIndexOf('/') + 1)..];
        var folder = recipePath[..^name.Length];
        return folder + (name == "recipe.yml" ? "lock.json" : name[..name.LastIndexOf('.')] + ".lock.json");
    }

    /// <param name="path">The recipe's file in the repository, for messages.</param>
    /// <param name="recipe">What stands in it.</param>
    /// <param name="locked">What stands in its lock; null where there is none.</param>
    /// <param name="parents">The recipes that <c>from:</c> may name: each file's name, and what stands in it.</param>
    /// <param name="architecture">Of this machine, as Debian calls it; null where nobody builds.</param>
    /// <param name="problem">What is wrong, in sentences that name the file and the remedy; null when nothing is.</param>
    public static OwnRecipe? Read(
        string path,
        string recipe,
        string? locked,
        IEnumerable<(string File, string Text)> parents,
        string? architecture,
        out string? problem
    )
    {
        var book = RecipeBook.Of([(path, recipe)], out var problems, parents);
        if (problems.Length > 0 || book.Names.SingleOrDefault() is not { } name)
        {
            problem = $"The recipe has problems:\n{string.Join('\n', problems.Take(MostProblems))}";
            return null;
        }
        var (whole, file) = (book.Find(name)!, LockOf(path));
        var remedy = $"Remedy: testgrid bundle lock {path}, and commit both files.";
        if (locked is null)
        {
            problem = $"{path} has no lock, {file}, beside it at this commit. {remedy}";
            return null;
        }
        if (LockReader.Read(file, locked) is not LockReading.Read { Lock: var read })
        {
            var bad = LockReader.Read(file, locked) is LockReading.Refused refused ? refused.Problems : [];
            problem = $"The lock has problems:\n{string.Join('\n', bad.Take(MostProblems))}\n{remedy}";
            return null;
        }
        problem = Mismatch(path, whole, read, recipe.Contains("from:", StringComparison.Ordinal), architecture);
        problem = problem is null ? null : $"{problem}. {remedy}";
        return problem is null ? new OwnRecipe(whole, read) : null;
    }

    private static string? Mismatch(string path, Recipe whole, BundleLock read, bool hasParent, string? architecture)
    {
        var file = LockOf(path);
        if (read.Bundle != whole.Name)
            return $"{file} is the lock of bundle '{read.Bundle}', and {path} makes '{whole.Name}'";
        if (read.RecipeHash != whole.ContentHash())
            return $"{file} is stale: it is of another {path}"
                + (hasParent ? ", or of another version of the recipes that it is from" : "");
        return architecture is not null && read.Architecture != architecture
            ? $"{file} is for {read.Architecture}, and this machine is {architecture}"
            : null;
    }
}
