using System.Collections.Immutable;
using TestGrid.Core.Config.Schema;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config;

/// <summary>Reads <c>deploy</c> in its normal form, a list of providers (travis-build, addons/deploy/script.rb).</summary>
internal static class DeployReading
{
    /// <summary>What Travis deploys from when nothing is said.</summary>
    private const string UsualBranch = "master";

    // The keys of `on` that are versions, and what their variables call them.
    private static readonly (string Key, string Word)[] Versioned =
    [
        ("jdk", "JDK"),
        ("node", "NODE"),
        ("node_js", "NODE"),
        ("perl", "PERL"),
        ("php", "PHP"),
        ("python", "PYTHON"),
        ("ruby", "RUBY"),
        ("rvm", "RUBY"),
        ("scala", "SCALA"),
        ("go", "GO"),
        ("rust", "RUST"),
    ];

    /// <param name="node">The value of <c>deploy</c>, or null.</param>
    public static ImmutableArray<Deployment> Read(YamlNode? node) =>
        node is YamlList list ? [.. list.Items.OfType<YamlMap>().Select(Read)] : [];

    private static Deployment Read(YamlMap entry)
    {
        var on = entry["on"] as YamlMap;
        var tags = Truth(on?["tags"]);
        var any = Truth(on?["all_branches"]) is true || tags is true;
        var branches = Texts(on?["branch"]);
        return new Deployment(Text(entry["provider"]) ?? "", Text(entry["script"]))
        {
            Repository = Text(on?["repo"]),
            Branches =
                any ? []
                : branches.IsEmpty ? [UsualBranch]
                : branches,
            Tags = tags,
            Conditions = Texts(on?["condition"]),
            Versions = [.. Versioned.SelectMany(one => Versions(on, one.Key, one.Word))],
            AllowFailure = Truth(entry["allow_failure"]) is true,
        };
    }

    private static IEnumerable<EnvVar> Versions(YamlMap? on, string key, string word) =>
        Texts(on?[key]).Select(value => new EnvVar($"TRAVIS_{word}_VERSION", value));

    private static ImmutableArray<string> Texts(YamlNode? node) =>
        node switch
        {
            YamlList list => [.. list.Items.Select(Text).OfType<string>()],
            // Travis takes branches as the keys of a mapping, too.
            YamlMap map => [.. map.Entries.Select(entry => entry.Key)],
            _ => Text(node) is { } one ? [one] : [],
        };

    private static string? Text(YamlNode? node) => (node as YamlScalar)?.Text;

    private static bool? Truth(YamlNode? node) => ValueTable.Truth(Text(node));
}
