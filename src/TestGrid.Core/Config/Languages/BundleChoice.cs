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

    /// <summary>What the log must say because it is not literally what was asked for.</summary>
    public ImmutableArray<string> Notes { get; init; } = [];

    public static BundleChoice Of(MatrixJob job, string language, LanguageRule rule, ConfigSettings settings)
    {
        var offers = settings.Offers;
        var key = rule.KeyFor(job);
        var asked = key is null ? null : job.Text(key);
        if (job.Text("bundle") is { } name)
            return Named(name, asked, rule, offers);
        var candidates = offers.Where(offer => offer.Language == language).ToList();
        if (candidates.Count == 0)
            candidates = [.. offers.Where(offer => offer.Language == rule.Recipe)];
        if (candidates.Count == 0)
            return None(rule.Recipe, MissingLanguage(language, rule, offers));
        var isNearest = job.Text("versions") is { } wish ? wish == "nearest" : settings.NearestVersions;
        var choice = First(rule, key, asked, candidates, isNearest);
        return choice.Impossible is null && rule.Also is var (second, other) && job.Text(second) is { } also
            ? Second(choice, second, other, also, offers, isNearest)
            : choice;
    }

    private static BundleChoice First(
        LanguageRule rule,
        string? key,
        string? asked,
        List<BundleOffer> candidates,
        bool isNearest
    )
    {
        if (asked is null or "default")
            return new BundleChoice(candidates[0].Recipe, candidates[0].Versions.FirstOrDefault());
        if (candidates.Find(offer => offer.Versions.IsEmpty) is { } any)
            return new BundleChoice(any.Recipe, asked);
        var wish = rule.Words.Read(asked);
        var versions = candidates.SelectMany(offer => offer.Versions);
        if (wish.IsNewest && VersionWish.NewestOf(versions) is { } newest && !versions.Contains(asked))
            return Taken(newest, $"{key}: {Shapes.Short(asked)} is {newest} here, the newest there is.");
        if (versions.Contains(asked))
            return Taken(asked, null) with { Version = asked };
        if (versions.FirstOrDefault(wish.IsMetBy) is { } met)
            return Taken(met, Vendor(key, asked)) with { Version = wish.Text };
        var near = wish.NearestOf(versions, rule.Words.MajorIsAnother);
        return isNearest && near is not null
            ? Taken(near, $"{key}: {Shapes.Short(asked)} is not here: this job runs in {near}, the nearest that is.")
            : None(candidates[0].Recipe, MissingVersion(rule, asked, versions, near), near);

        BundleChoice Taken(string version, string? note) =>
            new(candidates.First(offer => offer.Versions.Contains(version)).Recipe, version)
            {
                Notes = note is null ? [] : [note],
            };
    }

    private static string? Vendor(string? key, string asked) =>
        asked.StartsWith("oraclejdk", StringComparison.OrdinalIgnoreCase)
            ? $"{key}: {Shapes.Short(asked)} is OpenJDK's build of that version here, not Oracle's."
            : null;

    private static BundleChoice Second(
        BundleChoice choice,
        string key,
        string language,
        string asked,
        ImmutableArray<BundleOffer> offers,
        bool isNearest
    )
    {
        if (
            offers.FirstOrDefault(offer => offer.Recipe == choice.Recipe && offer.Language == language) is not { } offer
        )
            return choice;
        var wish = VersionWords.Plain.Read(asked);
        if (offer.Versions.IsEmpty || offer.Versions.Any(wish.IsMetBy))
            return choice;
        var near = wish.NearestOf(offer.Versions, majorIsAnother: false);
        var here =
            $"{key}: {Shapes.Short(asked)} is not in the bundle {choice.Recipe}, which has {Join(offer.Versions)}";
        return isNearest && near is not null
            ? choice with
            {
                Notes = [.. choice.Notes, here + "."],
            }
            : None(choice.Recipe, $"{here}; write {key}: {near} to run it there.", near);
    }

    private static BundleChoice Named(string name, string? asked, LanguageRule rule, ImmutableArray<BundleOffer> offers)
    {
        if (BundleForm.Read(name, out var problem) is not { } form)
            return None(name, $"bundle: {Shapes.Short(name)}: {problem}.");
        if (form is not BundleForm.Shipped)
            return new BundleChoice(name, asked);
        var found = offers.Where(offer => offer.Recipe == name).ToList();
        if (found.Count == 0)
            return None(name, $"there is no bundle '{Shapes.Short(name)}' here; {Here(offers)}.");
        var has = found.Find(offer => offer.Language == rule.Recipe)?.Versions ?? [];
        var isOther = asked is not null && has.Length > 0 && !has.Any(rule.Words.Read(asked).IsMetBy);
        return new BundleChoice(name, isOther ? has[0] : asked ?? has.FirstOrDefault())
        {
            Notes = isOther
                ? [$"{rule.Recipe} {Shapes.Short(asked!)} is asked for, and bundle: {name} has {Join(has)}: that runs."]
                : [],
        };
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

    private static string MissingVersion(LanguageRule rule, string asked, IEnumerable<string> versions, string? near) =>
        $"{rule.Recipe} {Shapes.Short(asked)} needs a bundle that is not here yet; "
        + $"{rule.Recipe} is here in {Join(versions)}."
        + (near is null ? "" : $" The nearest is {near}: ask for that, or write versions: nearest in .testgrid.yml.");

    private static BundleChoice None(string recipe, string sentence, string? nearest = null) =>
        new(recipe, null, new JobImpossible(JobReason.NoBundle, sentence, nearest));

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
