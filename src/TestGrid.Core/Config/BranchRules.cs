using TestGrid.Core.Builds;
using TestGrid.Core.Config.Conditions;

namespace TestGrid.Core.Config;

public static class BranchRules
{
    /// <summary>
    /// May this be built, by the commit's message and <c>branches: only</c> and <c>except</c>? A tag is looked up by its
    /// name in the same lists, as on Travis: <c>only: [main]</c> stops tags too; of a pull request the branch it is to
    /// go to. Without <c>only</c>, <c>gh-pages</c> is not built: it holds pages, not code. Who asks by hand, and a
    /// timetable, have chosen the branch already.
    /// </summary>
    /// <param name="config">The configuration of that very commit.</param>
    /// <param name="trigger">What happened.</param>
    /// <returns>Null when it may; else a code of <see cref="BuildReason"/>, and why not in words.</returns>
    public static (string Reason, string Sentence)? WhyNotBuilt(this CiConfig config, Trigger trigger)
    {
        if (trigger.Kind is TriggerKind.Manual or TriggerKind.Cron or TriggerKind.Rerun)
            return null;
        if (SkipCommand.Find(trigger.Commit.Message) is { } skip)
            return (BuildReason.Skipped, $"the commit's message says {skip}");
        var name = trigger.Branch ?? trigger.Commit.Tag ?? trigger.Commit.Ref;
        var only = config.OnlyBranches.IsDefaultOrEmpty ? ["/^(?!gh[-_]pages$)/i"] : config.OnlyBranches;
        if (!only.Any(pattern => IsMatch(name, pattern)))
        {
            return (
                BuildReason.Branch,
                config.OnlyBranches.IsDefaultOrEmpty
                    ? $"{name} is not built unless branches.only names it"
                    : $"{name} is none of branches.only in {config.File}"
            );
        }

        return !config.ExceptBranches.IsDefaultOrEmpty && config.ExceptBranches.Any(pattern => IsMatch(name, pattern))
            ? (BuildReason.Branch, $"{name} is one of branches.except in {config.File}")
            : null;
    }

    /// <summary>
    /// A name, or a regular expression between slashes, in which nothing after the last slash is needed.
    /// </summary>
    private static bool IsMatch(string name, string pattern)
    {
        var end = pattern.LastIndexOf('/');
        if (!pattern.StartsWith('/') || end == 0)
            return pattern.Split(',', StringSplitOptions.TrimEntries).Contains(name, StringComparer.Ordinal);
        var source = pattern[1..end];
        return RubyRegex.IsMatch(
            name,
            pattern[(end + 1)..].Contains('i', StringComparison.Ordinal) ? "(?i)" + source : source
        );
    }
}
