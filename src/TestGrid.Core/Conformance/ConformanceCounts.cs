namespace TestGrid.Core.Conformance;

/// <summary>How much of an oracle is the same here: of each kind of line how many there are, and how many agree.</summary>
public sealed class ConformanceCounts
{
    /// <summary>Configurations.</summary>
    public int Files { get; internal set; }

    /// <summary>Configurations that make as many jobs.</summary>
    public int JobCountEqual { get; internal set; }

    /// <summary>Configurations that make the same jobs in the same order, all compared keys.</summary>
    public int JobsEqual { get; internal set; }

    /// <summary>
    /// Those of them that agree but for a difference that was decided on: an empty entry of <c>jobs.include</c> is a
    /// job here.
    /// </summary>
    public int DecidedDifferences { get; internal set; }

    /// <summary>Configurations with phases.</summary>
    public int Phases { get; internal set; }

    /// <summary>Those whose first Linux job has the same commands in the phases that the configuration gives.</summary>
    public int PhasesEqual { get; internal set; }

    /// <summary>Configurations with a normal form.</summary>
    public int Configs { get; internal set; }

    /// <summary>Those that are brought to the same normal form.</summary>
    public int ConfigEqual { get; internal set; }

    public int Specs { get; internal set; }

    /// <summary>Specs with the same jobs and the same normal form, or refused as there.</summary>
    public int SpecsEqual { get; internal set; }

    public int Conditions { get; internal set; }

    /// <summary>Conditions with the same tree and the same truths.</summary>
    public int ConditionsEqual { get; internal set; }

    public int EnvLines { get; internal set; }

    public int EnvLinesEqual { get; internal set; }

    /// <summary>What the library says of files and is compared: unknown, mended and doubled keys, values of a wrong kind.</summary>
    public int Messages { get; internal set; }

    /// <summary>Those that are said here too, about the same key or value.</summary>
    public int MessagesEqual { get; internal set; }

    /// <summary>Files for which all of them are.</summary>
    public int MessageFilesEqual { get; internal set; }

    /// <summary>Files that have any.</summary>
    public int MessageFiles { get; internal set; }

    /// <summary>For people: what, how many agree, of how many; without the kinds that were not there.</summary>
    public IEnumerable<(string What, int Same, int Of)> Rows() =>
        new (string, int, int Of)[]
        {
            ("job count", JobCountEqual, Files),
            ("ordered jobs", JobsEqual, Files),
            ("phases", PhasesEqual, Phases),
            ("normal form", ConfigEqual, Configs),
            ("specs", SpecsEqual, Specs),
            ("messages", MessagesEqual, Messages),
            ("files by message", MessageFilesEqual, MessageFiles),
            ("conditions", ConditionsEqual, Conditions),
            ("env lines", EnvLinesEqual, EnvLines),
        }.Where(row => row.Of > 0);
}

/// <summary>Of one language or key: files that have it, and how many of them agree.</summary>
public sealed record ConformanceTally(int Files = 0, int Jobs = 0, int Config = 0);

/// <summary>One thing that is not the same.</summary>
/// <param name="Name">The line's name, or its text where it has none.</param>
/// <param name="What">What differs: <c>jobs</c>, <c>config</c>, …</param>
/// <param name="Key">The first key that differs, with dots.</param>
/// <param name="Ours">What it is here, short.</param>
/// <param name="Theirs">What it is there, short.</param>
public sealed record ConformanceDifference(string Name, string What, string Key, string Ours, string Theirs);
