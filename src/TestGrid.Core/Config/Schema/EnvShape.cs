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
    /// <summary>At the top level. Null when it says nothing.</summary>
    public YamlMap? AtRoot(YamlNode node)
    {
        if (node is not YamlMap map || !map.Entries.Any(entry => IsGlobal(entry.Key) || IsJobs(entry.Key)))
            return Of(null, Items(node), node.Mark);
        var global = map.Entries.Where(entry => IsGlobal(entry.Key)).SelectMany(entry => Items(entry.Value));
        var jobs = map.Entries.Where(entry => IsJobs(entry.Key)).SelectMany(entry => Items(entry.Value)).ToList();
        var others = map.Where(entry => !IsGlobal(entry.Key) && !IsJobs(entry.Key));
        if (!others.IsEmpty)
            jobs.AddRange(Items(others));
        return Of(global, jobs, node.Mark);
    }

    /// <summary>In an entry of include, exclude or allow_failures: all of it is that one job's.</summary>
    public YamlList? InJob(YamlNode node)
    {
        if (node is YamlMap map && map.Entries.Any(entry => IsGlobal(entry.Key) || IsJobs(entry.Key)))
            return AtRoot(map) is { } both ? ListOf([.. Part(both, "global"), .. Part(both, "jobs")], node.Mark) : null;
        return ListOf(Items(node), node.Mark);
    }

    private static ImmutableArray<YamlNode> Part(YamlMap env, string part) =>
        env[part] is YamlList list ? list.Items : [];

    private static bool IsGlobal(string key) => key is "global" or "globals";

    private static bool IsJobs(string key) => key is "jobs" or "matrix" or "job";

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
            vars[name] = new YamlEntry(name, mark, new YamlScalar(value, true, mark));
        return new YamlMap([.. vars.Values], mark);
    }

    private YamlMap Vars(YamlMap map)
    {
        var vars = ImmutableArray.CreateBuilder<YamlEntry>();
        foreach (var entry in map.Entries)
        {
            switch (entry.Value)
            {
                case YamlScalar scalar:
                    vars.Add(entry with { Value = new YamlScalar(scalar.Text ?? "", scalar.IsPlain, scalar.Mark) });
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
                    vars.Add(entry with { Value = first });
                    break;
                default:
                    findings.Warn(
                        entry.Value.Mark,
                        ProblemCode.WrongKind,
                        $"the variable '{Shapes.Short(entry.Key)}' takes a text: left out"
                    );
                    break;
            }
        }

        return new YamlMap(vars.ToImmutable(), map.Mark);
    }
}
