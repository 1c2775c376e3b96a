namespace TestGrid.Cli.Diagnosis;

/// <summary>How bad it is.</summary>
internal enum FindingLevel
{
    Ok,

    /// <summary>Absent or idle, and not asked for by the settings.</summary>
    Note,

    /// <summary>It works, but weaker than it could, or not for long.</summary>
    Warning,

    /// <summary>With these settings TestGrid cannot do its work.</summary>
    Failure,
}

/// <summary>One thing that was looked at.</summary>
/// <param name="Part">The part of TestGrid it belongs to: <c>git</c>, <c>store</c>.</param>
/// <param name="What">What was looked at, in words.</param>
/// <param name="Level">How bad it is.</param>
/// <param name="Detail">What was found: a version, a path, the system's own words.</param>
/// <param name="Remedy">The line that mends it: a command, or a setting. Null when there is nothing to mend.</param>
internal sealed record Finding(string Part, string What, FindingLevel Level, string Detail, string? Remedy = null)
{
    public static Finding Ok(string part, string what, string detail) => new(part, what, FindingLevel.Ok, detail);

    public static Finding Note(string part, string what, string detail, string? remedy = null) =>
        new(part, what, FindingLevel.Note, detail, remedy);

    /// <summary>A failure when the settings need it, else no more than a note.</summary>
    public static Finding Missing(string part, string what, bool needed, string detail, string? remedy) =>
        new(part, what, needed ? FindingLevel.Failure : FindingLevel.Note, detail, remedy);
}
