using System.Collections.Immutable;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config.Schema;

/// <summary>
/// The many ways to write <c>env</c>, brought to one: a mapping with <c>global</c> and <c>jobs</c>, each a list of
/// mappings from
/// a variable to its raw bash word. A text of several assignments is taken apart; an encrypted value stays a mapping
/// with <c>secure</c>.
/// </summary>
internal sealed class EnvShape(Findings findings)
{
    private static readonly string[] Parts = ["global", "jobs", "matrix"];

    /// <summary>At the top level. Null when it says nothing.</summary>
    public YamlMap? AtRoot(YamlNode node)
    {
        if (node is not YamlMap map || !map.Entries.Any(entry => IsGlobal(entry.Key) || IsJobs(entry.Key)))
            return Of(null, Items(node), node.Mark);
        var global = map.Entries.Where(entry => IsGlobal(entry.Key)).ToList();
        var jobs = map.Entries.Where(entry => IsJobs(entry.Key)).ToList();
        var others = map.Where(entry => !IsGlobal(entry.Key) && !IsJobs(entry.Key));
        var entries = ImmutableArray.CreateBuilder<YamlEntry>();
        if (global.Count > 0)
            entries.Add(Part("global", global));
        if (jobs.Count > 0)
            entries.Add(Part("jobs", jobs));
        else if (!others.IsEmpty)
            entries.Add(new YamlEntry("jobs", map.Mark, new YamlList([.. Items(others)], map.Mark)));
        // Beside jobs another key is no variable.
        if (jobs.Count > 0)
            entries.AddRange(others.Entries.Where(entry => entry.Value is not YamlScalar { Text: null }));
        return entries.Count == 0 ? null : new YamlMap(entries.ToImmutable(), map.Mark);

        YamlEntry Part(string key, List<YamlEntry> parts) =>
            new(
                key,
                parts[0].Mark,
                new YamlList([.. parts.SelectMany(part => Items(part.Value))], parts[0].Value.Mark)
            );
    }

    /// <summary>In an entry of include, exclude or allow_failures: all of it is that one job's.</summary>
    public YamlList? InJob(YamlNode node)
    {
        if (node is YamlMap map && map.Entry("global") is { } global)
            findings.Warn(
                global.Mark,
                ProblemCode.WrongKind,
                "'global' belongs into 'env' at the top level: in a job it sets nothing",
                "write the variables right below env:"
            );
        return new YamlList([.. Items(node)], node.Mark);
    }

    private static bool IsGlobal(string key) => Part(key) == "global";

    private static bool IsJobs(string key) => Part(key) is "jobs" or "matrix";

    private static string? Part(string key) =>
        key is "global" or "jobs" or "matrix" ? key : KeyRepair.Nearest(key, Parts);

    private static YamlMap? Of(IEnumerable<YamlNode>? global, IEnumerable<YamlNode> jobs, YamlMark mark)
    {
        var entries = ImmutableArray.CreateBuilder<YamlEntry>();
        if (ListOf(global ?? [], mark) is { } shared)
            entries.Add(new YamlEntry("global", mark, shared));
        if (ListOf(jobs, mark) is { } varying)
            entries.Add(new YamlEntry("jobs", mark, varying));
        return entries.Count == 0 ? null : new YamlMap(entries.ToImmutable(), mark);
    }

    private static YamlList? ListOf(IEnumerable<YamlNode> items, YamlMark mark)
    {
        var all = items.ToImmutableArray();
        return all.IsEmpty ? null : new YamlList(all, mark);
    }

    private IEnumerable<YamlNode> Items(YamlNode node) =>
        node switch
        {
            YamlList list => list.Items.SelectMany(item =>
                item is YamlScalar { Text: null } ? [Nothing(item)] : Items(item)
            ),
            YamlScalar { Text: { } text } => [Line(text, node.Mark)],
            YamlScalar => [Nothing(node)],
            YamlMap { Entries: [{ Key: "secure", Value: YamlScalar { Text: null } }] } => [],
            YamlMap map => [Vars(map)],
            _ => [],
        };

    // An empty item is a job without variables of its own.
    private static YamlMap Nothing(YamlNode at) => new([], at.Mark);

    private YamlMap Line(string text, YamlMark mark)
    {
        var vars = new OrderedDictionary<string, YamlEntry>(StringComparer.Ordinal);
        if (EnvLine.Parse(text) is not { } assignments)
        {
            findings.Warn(
                mark,
                ProblemCode.BadValue,
                $"a quote in '{Shapes.Short(text)}' is not closed: none of its variables is set",
                "close the quote, or write each variable on a line of its own"
            );
            assignments = [];
        }

        foreach (var (name, value) in assignments)
            vars[name] = new YamlEntry(name, mark, new YamlScalar(value, false, mark));
        return new YamlMap([.. vars.Values], mark);
    }

    private YamlMap Vars(YamlMap map)
    {
        var vars = ImmutableArray.CreateBuilder<YamlEntry>();
        foreach (var entry in map.Entries)
        {
            switch (entry.Value)
            {
                case YamlScalar { Text: null } when entry.Key == "secure":
                    break;
                case YamlScalar { Text: null }:
                    vars.Add(entry);
                    break;
                case YamlScalar scalar:
                    vars.Add(entry with { Value = new YamlScalar(scalar.Text, false, scalar.Mark) });
                    break;
                case YamlMap secure when secure.Has("secure"):
                    vars.Add(entry);
                    break;
                case YamlList { Items: [YamlScalar first, ..] } list:
                    findings.Warn(
                        list.Mark,
                        ProblemCode.UnexpectedList,
                        $"the variable '{Shapes.Short(entry.Key)}' takes one value and here is a list: the first counts"
                    );
                    vars.Add(entry with { Value = Scalars.AsText(first) });
                    break;
                default:
                    findings.Warn(
                        entry.Value.Mark,
                        ProblemCode.WrongKind,
                        $"the variable '{Shapes.Short(entry.Key)}' takes a text: it is not set"
                    );
                    vars.Add(entry);
                    break;
            }
        }

        return new YamlMap(vars.ToImmutable(), map.Mark);
    }
}
