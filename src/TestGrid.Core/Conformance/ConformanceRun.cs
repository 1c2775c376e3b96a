using System.Text;
using System.Text.Json.Nodes;
using TestGrid.Core.Config;
using TestGrid.Core.Config.Schema;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Conformance;

/// <summary>
/// Compares, line by line, what an oracle says with what is made here of the same text. A line is JSON of one of these
/// forms: a configuration (<c>input_yaml</c>, <c>expected</c>), a named one (<c>yaml</c>, <c>jobs</c>), a condition
/// (<c>expr</c> or <c>cond</c>) or a text of variables (<c>input</c>).
/// </summary>
/// <param name="events">What conditions are evaluated for, by name, where a line does not say it.</param>
public sealed partial class ConformanceRun(IReadOnlyDictionary<string, JsonObject> events)
{
    private readonly List<ConformanceDifference> differences = [];
    private readonly List<(string Name, string What, string About)> unsaid = [];

    public ConformanceCounts Counts { get; } = new();

    public IReadOnlyList<ConformanceDifference> Differences => differences;

    /// <summary>What the library says of a file, with its place, and is not said here.</summary>
    public IReadOnlyList<(string Name, string What, string About)> Unsaid => unsaid;

    public SortedDictionary<string, ConformanceTally> Languages { get; } = new(StringComparer.Ordinal);

    /// <summary>Keys that mean something at the top level.</summary>
    public SortedDictionary<string, ConformanceTally> Keys { get; } = new(StringComparer.Ordinal);

    /// <summary>Compares one line; false when it is of no known form.</summary>
    public bool Add(JsonObject line)
    {
        if (line["input_yaml"] is { } input && line["expected"] is JsonObject expected)
            Configuration(
                Name(line),
                (string)input!,
                expected,
                line["data"] as JsonObject,
                line.ContainsKey("spec_kind")
            );
        else if (line["yaml"] is { } yaml && line["jobs"] is JsonArray)
            Configuration(Name(line), (string)yaml!, line, null, isSpec: false);
        else if (line["expr"] is { } condition)
            Condition((string)condition!, line["ast"], (bool)line["parses"]!, line["eval"] as JsonObject);
        else if (line["vectors"] is JsonArray vectors && line["data"] is JsonObject data)
            Vectors(vectors, data);
        else if (line["input"] is { } text && line["expected"] is JsonArray vars)
            EnvText((string)text!, vars);
        else
            return false;
        return true;
    }

    private static ExpandedConfig? Expanded(string yaml, ConfigSettings settings, Findings? findings = null) =>
        CiConfigReader.Expand(".travis.yml", Ascii(yaml), settings, findings ?? new Findings(".travis.yml"));

    private static bool HasEmptyJob(YamlEntry part) =>
        part is { Key: "include", Value: YamlList list } && list.Items.Any(item => item is YamlMap { IsEmpty: true });

    // Whoever made the oracle read the texts without what is not ASCII: with it, every such name would differ.
    private static byte[] Ascii(string yaml) => Encoding.UTF8.GetBytes(string.Concat(yaml.Where(char.IsAscii)));

    private static string Name(JsonObject line) => (string?)line["name"] ?? "(no name)";

    private void Configuration(string name, string yaml, JsonObject expected, JsonObject? data, bool isSpec)
    {
        Counts.Files++;
        var before = differences.Count;
        var settings = new ConfigSettings([])
        {
            MaxCells = 5000,
            MaxBytes = 4 << 20,
            Event = OracleEvent.Of(data ?? events.GetValueOrDefault("push_master") ?? []),
        };
        var findings = new Findings(".travis.yml");
        var ours = Expanded(yaml, settings, findings);
        if (ours?.Root["jobs"] is YamlMap { Entries: var parts } && parts.Any(HasEmptyJob))
        {
            Counts.DecidedDifferences++;
            ours = Expanded(yaml, settings with { IsEmptyIncludeJob = false });
        }

        if (expected["error"] is not null)
        {
            // It is refused there; that is all there is to compare.
            if (ours is not null)
                differences.Add(new ConformanceDifference(name, "error", "", "read", "refused"));
            else
                Counts.JobCountEqual++;
        }
        else
        {
            Jobs(name, ours, expected["jobs"]!.AsArray());
            if (expected["first_linux_job_phases"] is JsonObject phases)
                Phases(name, ours, phases);
            if (expected["config"] is JsonObject config)
                Config(name, ours, config);
            if (!isSpec && expected["messages"] is JsonArray messages)
                Messages(name, [.. messages.OfType<JsonObject>()], [.. findings.All]);
        }

        if (!isSpec)
        {
            Tally(ours, expected, [.. differences.Skip(before).Select(difference => difference.What)]);
            return;
        }

        Counts.Specs++;
        if (differences.Count == before)
            Counts.SpecsEqual++;
    }

    private void Tally(ExpandedConfig? ours, JsonObject expected, List<string> wrong)
    {
        if (expected["config"] is not JsonObject config)
            return;
        var language = config["language"]?.ToString() ?? "";
        var known = Languages.GetValueOrDefault(language) ?? new ConformanceTally();
        Languages[language] = new ConformanceTally(
            known.Files + 1,
            known.Jobs + (wrong.Contains("jobs") || wrong.Contains("job count") ? 0 : 1),
            known.Config + (wrong.Contains("config") ? 0 : 1)
        );
        var form = ours is null ? [] : NormalForm.Of(ours.Root);
        var theirs = CommandsAsText(config);
        foreach (var (key, value) in theirs.Where(pair => ConfigShape.IsKey(pair.Key)))
        {
            var tally = Keys.GetValueOrDefault(key) ?? new ConformanceTally();
            var isSame = Difference.First(form[key], value) is null || !wrong.Contains("config");
            Keys[key] = new ConformanceTally(tally.Files + 1, 0, tally.Config + (isSame ? 1 : 0));
        }
    }

    private void Jobs(string name, ExpandedConfig? ours, JsonArray theirs)
    {
        var left = JobForm.Ours(ours);
        var right = JobForm.Theirs(theirs);
        if (left.Count == right.Count)
            Counts.JobCountEqual++;
        if (left.SequenceEqual(right))
        {
            Counts.JobsEqual++;
            return;
        }

        var at = left.Zip(right).TakeWhile(pair => pair.First == pair.Second).Count();
        var found = Difference.First(Parsed(left.ElementAtOrDefault(at)), Parsed(right.ElementAtOrDefault(at)));
        differences.Add(
            new ConformanceDifference(
                name,
                left.Count == right.Count ? "jobs" : "job count",
                $"job {at + 1} of {left.Count}/{right.Count}: {found?.Key}",
                found?.Ours ?? "",
                found?.Theirs ?? ""
            )
        );

        static JsonNode? Parsed(string? text) => text is null ? null : JsonNode.Parse(text);
    }

    private void Phases(string name, ExpandedConfig? ours, JsonObject theirs)
    {
        Counts.Phases++;
        var job = JobForm
            .Ours(ours)
            .Select(text => JsonNode.Parse(text)!.AsObject())
            .FirstOrDefault(job => (string?)job["os"] == "linux");
        var form = job is null ? [] : PhaseForm.Of(job);
        if (Difference.First(form, job is null ? theirs : PhaseForm.Given(theirs, job)) is { } found)
            differences.Add(new ConformanceDifference(name, "phases", found.Key, found.Ours, found.Theirs));
        else
            Counts.PhasesEqual++;
    }

    private void Config(string name, ExpandedConfig? ours, JsonObject theirs)
    {
        Counts.Configs++;
        var form = ours is null ? null : WithoutEmptyJobs(NormalForm.Of(ours.Root));
        if (Difference.First(form, CommandsAsText(theirs)) is { } found)
            differences.Add(new ConformanceDifference(name, "config", found.Key, found.Ours, found.Theirs));
        else
            Counts.ConfigEqual++;
    }

    private void Messages(string name, List<JsonObject> messages, List<ConfigProblem> problems)
    {
        var compared = messages.Where(MessageForm.IsCompared).ToList();
        if (compared.Count == 0)
            return;
        var silent = compared.Where(message => !MessageForm.IsSaid(message, problems)).ToList();
        Counts.MessageFiles++;
        Counts.Messages += compared.Count;
        Counts.MessagesEqual += compared.Count - silent.Count;
        if (silent.Count == 0)
            Counts.MessageFilesEqual++;
        foreach (var message in silent)
            unsaid.Add((name, $"{message["code"]} {message["key"]}", Difference.Short(message["args"])));
    }

    private static JsonObject WithoutEmptyJobs(JsonObject config)
    {
        if ((config["jobs"] as JsonObject)?["include"] is JsonArray included)
            included.RemoveAll(job => job is JsonObject { Count: 0 });
        return config;
    }

    /// <summary>What they leave as a mapping in commands is the text that was meant here.</summary>
    private static JsonObject CommandsAsText(JsonObject config)
    {
        var copy = (JsonObject)config.DeepClone();
        Mend(copy);
        if (copy["jobs"] is JsonObject jobs)
        {
            foreach (var job in jobs.SelectMany(pair => (pair.Value as JsonArray ?? []).OfType<JsonObject>()))
                Mend(job);
        }

        return copy;

        static void Mend(JsonObject map)
        {
            foreach (var phase in KeyTable.Phases)
            {
                if (map[phase] is JsonArray list && list.Any(item => item is JsonObject))
                    map[phase] = JobForm.Commands(list);
            }
        }
    }
}
