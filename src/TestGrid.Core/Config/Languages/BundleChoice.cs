using System.Collections.Immutable;
using TestGrid.Core.Bundles;
using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Config.Schema;
using TestGrid.Core.Jobs;

namespace TestGrid.Core.Config.Languages;

/// <summary>Which recipe a job runs in, or why none.</summary>
/// <param name="Recipe">The recipe's name; of an impossible job the one it would need.</param>
/// <param name="Version">
/// The version of the language, where it has one to choose: as asked for, else as offered.
/// </param>
/// <param name="Impossible">Why it cannot run here, or null.</param>
internal sealed record BundleChoice(string Recipe, string? Version = null, JobImpossible? Impossible = null)
{
    private const string Base = "generic";

    public static BundleChoice Of(MatrixJob job, string language, LanguageRule rule, ImmutableArray<BundleOffer> offers)
    {
        var asked = rule.VersionKey is null ? null : job.Text(rule.VersionKey);
        if (job.Text("bundle") is { } name)
            return Named(name, asked, rule, offers);
        var candidates = offers.Where(offer => offer.Language == language).ToList();
        if (candidates.Count == 0)
            candidates = [.. offers.Where(offer => offer.Language == rule.Recipe)];
        if (candidates.Count == 0)
            return None(rule.Recipe, MissingLanguage(language, rule, offers));
        foreach (var offer in candidates)
        {
            if (asked is null || offer.Versions.IsEmpty)
                return new BundleChoice(offer.Recipe, asked ?? offer.Versions.FirstOrDefault());
            if (offer.Versions.Any(version => IsA(version, asked)))
                return new BundleChoice(offer.Recipe, asked);
        }

        return None(candidates[0].Recipe, MissingVersion(rule, asked, candidates));
    }

    /// <summary>
    /// Is this version what was asked for? <c>3.11</c> is a <c>3</c>, and neither a <c>3.1</c> nor a <c>3.11-dev</c>.
    /// </summary>
    private static bool IsA(string version, string asked) =>
        version == asked || version.StartsWith(asked + ".", StringComparison.Ordinal);

    private static BundleChoice Named(string name, string? asked, LanguageRule rule, ImmutableArray<BundleOffer> offers)
    {
        if (offers.FirstOrDefault(offer => offer.Recipe == name) is { } found)
            return new BundleChoice(
                name,
                asked ?? (found.Language == rule.Recipe ? found.Versions.FirstOrDefault() : null)
            );
        var sentence = $"there is no bundle '{Shapes.Short(name)}' here; {Here(offers)}.";
        return None(name, sentence);
    }

    private static string MissingLanguage(string language, LanguageRule rule, ImmutableArray<BundleOffer> offers)
    {
        var sentence =
            $"language {Shapes.Short(language)} needs a bundle '{Shapes.Short(rule.Recipe)}' that is not here yet; "
            + Here(offers);
        var fallback = offers.FirstOrDefault(offer => offer.Language == Base);
        return fallback is null
            ? sentence + "."
            : $"{sentence}. To run it in one of them all the same, write bundle: {fallback.Recipe} in .testgrid.yml.";
    }

    private static string MissingVersion(LanguageRule rule, string? asked, List<BundleOffer> candidates) =>
        $"{rule.Recipe} {Shapes.Short(asked ?? "")} needs a bundle that is not here yet; "
        + $"{rule.Recipe} is here in {Join(candidates.SelectMany(offer => offer.Versions))}.";

    private static BundleChoice None(string recipe, string sentence) =>
        new(recipe, null, new JobImpossible(JobReason.NoBundle, sentence));

    private static string Here(ImmutableArray<BundleOffer> offers) =>
        offers.IsEmpty
            ? "no bundle is here"
            : "the bundles here are "
                + Join(
                    offers.Select(offer =>
                        offer.Versions.IsEmpty ? offer.Recipe : $"{offer.Recipe} ({Join(offer.Versions)})"
                    )
                );

    private static string Join(IEnumerable<string> words)
    {
        var all = words.Distinct().ToList();
        return all.Count < 2 ? string.Concat(all) : string.Join(", ", all[..^1]) + " and " + all[^1];
    }
}
