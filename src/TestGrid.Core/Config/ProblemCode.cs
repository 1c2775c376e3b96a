namespace TestGrid.Core.Config;

/// <summary>The codes of everything the reader can say, stable for ever: <c>docs/config.md</c> explains each.</summary>
public static class ProblemCode
{
    /// <summary>Error: not YAML.</summary>
    public const string Syntax = "TG0001";

    /// <summary>Error: the top level is not a mapping.</summary>
    public const string NotAMapping = "TG0002";

    /// <summary>Error: too many bytes, levels or expanded parts.</summary>
    public const string OverLimit = "TG0003";

    /// <summary>Error: not UTF-8.</summary>
    public const string Encoding = "TG0004";

    /// <summary>Error: more jobs than allowed.</summary>
    public const string TooManyJobs = "TG0005";

    /// <summary>Error: no job is left to run.</summary>
    public const string NoJobs = "TG0006";

    /// <summary>Error: a condition that cannot be read.</summary>
    public const string BadCondition = "TG0007";

    /// <summary>Error: a file that cannot be imported.</summary>
    public const string BadImport = "TG0008";

    /// <summary>A key that means nothing here.</summary>
    public const string UnknownKey = "TG0101";

    /// <summary>A key that was read as another: a dash, an old name, a slip of the pen.</summary>
    public const string MendedKey = "TG0102";

    /// <summary>A key twice in one mapping.</summary>
    public const string DuplicateKey = "TG0103";

    /// <summary>Two keys that mean the same, such as <c>matrix</c> and <c>jobs</c>.</summary>
    public const string Overwritten = "TG0104";

    /// <summary>An alias that names nothing.</summary>
    public const string UnknownAlias = "TG0105";

    /// <summary>A value that no list of ours knows.</summary>
    public const string UnknownValue = "TG0201";

    /// <summary>A list where one value is meant: the first one counts.</summary>
    public const string UnexpectedList = "TG0202";

    /// <summary>A value of the wrong kind: left out.</summary>
    public const string WrongKind = "TG0203";

    /// <summary>A command that YAML reads as a mapping.</summary>
    public const string CommandIsMap = "TG0204";

    /// <summary>A value that is not on the list of what may be written there: left out.</summary>
    public const string BadValue = "TG0205";

    /// <summary>A key of another language: it makes no axis here.</summary>
    public const string NotOfThisLanguage = "TG0206";

    /// <summary>Something Travis does and TestGrid does not (yet): left out.</summary>
    public const string Ignored = "TG0301";

    /// <summary>An encrypted value: only the service it was made for can read it.</summary>
    public const string SecureValue = "TG0302";

    /// <summary>A key of TestGrid's own that is checked and that nothing acts on yet.</summary>
    public const string NotYet = "TG0303";

    /// <summary>A condition that reads as something else than it looks like.</summary>
    public const string OddCondition = "TG0207";

    /// <summary>A file that imports itself: skipped.</summary>
    public const string ImportedAgain = "TG0208";

    /// <summary>Stages keep their order only.</summary>
    public const string StagesIgnored = "TG0304";
}
