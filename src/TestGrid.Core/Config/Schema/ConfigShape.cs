using System.Collections.Frozen;
using System.Collections.Immutable;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config.Schema;

/// <summary>
/// Brings a whole file to the one shape that the matrix is made from: known keys, lists where lists are meant.
/// </summary>
internal sealed class ConfigShape(Findings findings)
{
    private readonly Shapes shapes = new(findings);
    private readonly EnvShape env = new(findings);

    public YamlMap Root(YamlMap map) => shapes.Keys(map, KeyTable.Root, "at the top level", AtRoot);

    private YamlNode? AtRoot(string key, YamlNode node) =>
        key switch
        {
            "os" => shapes.AllOf(ValueTable.Os, key, node),
            "arch" => shapes.AllOf(ValueTable.Arch, key, node),
            "env" => env.AtRoot(node),
            "jobs" => Jobs(node),
            "name" or "stage" => OfAJob(key, node),
            "stages" => Stages(node),
            _ when KeyTable.AxisByKey.ContainsKey(key) => shapes.Texts(key, node),
            _ when KeyTable.Phases.Contains(key) => shapes.Commands(key, node, keepEmpty: false),
            _ => Common(key, node),
        };

    private YamlScalar? OfAJob(string key, YamlNode node)
    {
        findings.Warn(
            node.Mark,
            ProblemCode.UnknownKey,
            $"'{key}' at the top level is given to every job",
            $"write it at the jobs of jobs.include"
        );
        return shapes.One(key, node);
    }

    private YamlNode? InJob(string key, YamlNode node) =>
        key switch
        {
            "os" => shapes.Of(ValueTable.Os, key, node),
            "arch" => shapes.Of(ValueTable.Arch, key, node),
            "env" => env.InJob(node),
            "name" or "stage" => shapes.One(key, node),
            "allow_failure" => shapes.Truth(key, node),
            _ when KeyTable.AxisByKey.ContainsKey(key) => shapes.One(key, node),
            _ when KeyTable.Phases.Contains(key) => shapes.Commands(key, node, keepEmpty: true),
            _ => Common(key, node),
        };

    private YamlNode? Common(string key, YamlNode node) =>
        key switch
        {
            "language" => shapes.Of(ValueTable.Language, key, node),
            "dist" or "if" or "group" => shapes.One(key, node),
            "tty" => shapes.Truth(key, node),
            "versions" => shapes.Of(ValueTable.Versions, key, node),
            "services" => shapes.AllOf(ValueTable.Service, key, node),
            "branches" => Branches(node),
            "addons" => Addons(node),
            "git" => Section("git", node, KeyTable.Git),
            "limits" => Section("limits", node, KeyTable.Limits),
            _ => node,
        };

    private YamlMap? Section(string key, YamlNode node, FrozenSet<string> known)
    {
        if (node is YamlMap map)
            return shapes.Keys(map, known, $"in '{key}'", (_, value) => value);
        if (node is not YamlScalar { Text: null })
            findings.Warn(node.Mark, ProblemCode.WrongKind, $"'{key}' takes a mapping: left out");
        return null;
    }

    private YamlMap? Jobs(YamlNode node)
    {
        if (node is YamlList list)
            node = new YamlMap([new YamlEntry("include", list.Mark, list)], list.Mark);
        if (
            node is YamlMap foreign
            && !foreign.Entries.Any(entry => KeyRepair.Find(entry.Key, KeyTable.Jobs) is not null)
        )
            node = new YamlMap([new YamlEntry("include", foreign.Mark, foreign)], foreign.Mark);
        if (node is not YamlMap map)
        {
            if (node is not YamlScalar { Text: null })
                findings.Warn(node.Mark, ProblemCode.WrongKind, "'jobs' takes a mapping or a list of jobs: left out");
            return null;
        }

        return shapes.Keys(
            map,
            KeyTable.Jobs,
            "in 'jobs'",
            (key, value) => key == "fast_finish" ? shapes.Truth(key, value) : Entries(key, value)
        );
    }

    /// <summary>
    /// The entries of include, exclude or allow_failures. An empty entry stays: in include it is a job.
    /// </summary>
    private YamlList? Entries(string key, YamlNode node)
    {
        var entries = ImmutableArray.CreateBuilder<YamlNode>();
        foreach (var item in Shapes.Flat(node))
        {
            if (item is YamlMap map)
                entries.Add(shapes.Keys(map, KeyTable.Job, $"in 'jobs.{key}'", InJob));
            else
                findings.Warn(item.Mark, ProblemCode.WrongKind, $"'jobs.{key}' takes jobs, each a mapping: left out");
        }

        return entries.Count == 0 ? null : new YamlList(entries.ToImmutable(), node.Mark);
    }

    private YamlList? Stages(YamlNode node)
    {
        var stages = ImmutableArray.CreateBuilder<YamlNode>();
        foreach (var item in Shapes.Flat(node))
        {
            if (item is YamlScalar name)
                stages.Add(new YamlMap([new YamlEntry("name", name.Mark, name)], name.Mark));
            else if (item is YamlMap map && map["name"] is YamlScalar { Text: not null })
                stages.Add(map);
            else
                findings.Warn(item.Mark, ProblemCode.WrongKind, "a stage needs a name: left out", "write - name: test");
        }

        return stages.Count == 0 ? null : new YamlList(stages.ToImmutable(), node.Mark);
    }

    private YamlMap? Branches(YamlNode node)
    {
        if (node is not YamlMap map)
            map = new YamlMap([new YamlEntry("only", node.Mark, node)], node.Mark);
        var result = shapes.Keys(map, ["only", "except"], "in 'branches'", shapes.Texts);
        return result.IsEmpty ? null : result;
    }

    private YamlMap? Addons(YamlNode node)
    {
        if (node is YamlList list)
        {
            var maps = list.Items.OfType<YamlMap>().ToList();
            findings.Warn(
                node.Mark,
                ProblemCode.UnexpectedList,
                "'addons' takes a mapping and here is a list: its parts are merged"
            );
            node =
                maps.Count == 0
                    ? new YamlScalar(null, true, node.Mark)
                    : maps.Aggregate((under, over) => over.Over(under));
        }

        if (node is YamlMap map)
            return shapes.Keys(
                map,
                KeyTable.Addons,
                "in 'addons'",
                (key, value) =>
                    key switch
                    {
                        "apt" => Apt(value),
                        "apt_packages" => shapes.Texts(key, value),
                        _ => value,
                    }
            );
        if (node is not YamlScalar { Text: null })
            findings.Warn(node.Mark, ProblemCode.WrongKind, "'addons' takes a mapping: left out");
        return null;
    }

    private YamlMap? Apt(YamlNode node)
    {
        if (node is not YamlMap map)
            map = new YamlMap([new YamlEntry("packages", node.Mark, node)], node.Mark);
        return shapes.Keys(
            map,
            KeyTable.Apt,
            "in 'addons.apt'",
            (key, value) =>
                key switch
                {
                    "packages" => shapes.Texts(key, value),
                    "sources" => value is YamlList ? value : new YamlList([value], value.Mark),
                    _ => value,
                }
        );
    }
}
