using System.Collections.Immutable;

namespace TestGrid.Core.Bundles;

/// <summary>All recipes there are, each complete with what its parents give.</summary>
public sealed class RecipeBook
{
    private readonly ImmutableSortedDictionary<string, Recipe> recipes;

    private RecipeBook(ImmutableSortedDictionary<string, Recipe> recipes) => this.recipes = recipes;

    /// <summary>The recipes' names, in order.</summary>
    public IEnumerable<string> Names => recipes.Keys;

    /// <summary>Which bundle has which language in which versions, for the reader of configurations.</summary>
    public ImmutableArray<BundleOffer> Offers =>
        [
            .. recipes.Values.SelectMany(recipe =>
                recipe.Languages.Select(language => new BundleOffer(recipe.Name, language.Key, language.Value)
                {
                    Suite = recipe.Suite,
                })
            ),
        ];

    /// <summary>Which bundle gives which service, in the recipes' order.</summary>
    public ImmutableArray<ServiceOffer> Services =>
        [
            .. recipes
                .Values.Where(recipe => recipe.Service is not null)
                .Select(recipe => new ServiceOffer(recipe.Name, recipe.Service!)),
        ];

    /// <summary>The complete recipe, or null when there is none of that name.</summary>
    public Recipe? Find(string name) => recipes.GetValueOrDefault(name);

    /// <param name="texts">Each file's name and what stands in it.</param>
    /// <param name="problems">Every problem in any of them; a recipe with a problem is not in the book.</param>
    /// <param name="parents">Others that <c>from:</c> may name, and that are not in the book; their problems are nobody's here.</param>
    public static RecipeBook Of(
        IEnumerable<(string File, string Text)> texts,
        out ImmutableArray<RecipeProblem> problems,
        IEnumerable<(string File, string Text)>? parents = null
    )
    {
        var found = ImmutableArray.CreateBuilder<RecipeProblem>();
        var raw = new SortedDictionary<string, (Recipe Recipe, string File)>(StringComparer.Ordinal);
        foreach (var (file, text) in texts)
        {
            switch (RecipeReader.Read(file, text))
            {
                case RecipeReading.Refused refused:
                    found.AddRange(refused.Problems);
                    break;
                case RecipeReading.Read { Recipe: var recipe } when !raw.TryAdd(recipe.Name, (recipe, file)):
                    found.Add(new(file, 1, $"There is another recipe called '{recipe.Name}'."));
                    break;
            }
        }
        string[] mine = [.. raw.Keys];
        foreach (var (file, text) in parents ?? [])
        {
            if (RecipeReader.Read(file, text) is RecipeReading.Read { Recipe: var parent })
                raw.TryAdd(parent.Name, (parent, file));
        }
        var whole = ImmutableSortedDictionary.CreateBuilder<string, Recipe>(StringComparer.Ordinal);
        foreach (var (recipe, file) in mine.Select(name => raw[name]))
        {
            if (Complete(recipe, raw, out var why) is { } complete)
                whole[recipe.Name] = complete;
            else
                found.Add(new(file, 1, why));
        }
        problems = found.ToImmutable();
        return new RecipeBook(whole.ToImmutable());
    }

    private static Recipe? Complete(
        Recipe recipe,
        SortedDictionary<string, (Recipe Recipe, string File)> all,
        out string why
    )
    {
        (why, var seen) = ("", new HashSet<string> { recipe.Name });
        while (recipe.From is { } from)
        {
            if (!all.TryGetValue(from, out var parent))
                why = $"from: names '{from}', which is no recipe here.";
            else if (!seen.Add(from))
                why = $"from: goes round in a circle at '{from}'.";
            if (why.Length > 0)
                return null;
            recipe = recipe.Upon(parent.Recipe) with { From = parent.Recipe.From };
        }
        return recipe;
    }
}
