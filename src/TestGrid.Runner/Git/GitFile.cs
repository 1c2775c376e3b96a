namespace TestGrid.Runner.Git;

/// <summary>A file of a commit, read as a blob: never through a checkout, where it may be a link to anything.</summary>
public abstract record GitFile
{
    public sealed record Text(string Content) : GitFile;

    /// <summary>The commit has no such file.</summary>
    public sealed record Missing : GitFile;

    /// <summary>There is something of that name that is not read; the sentence says why.</summary>
    public sealed record Refused(string Why) : GitFile;
}

/// <summary>A branch and the commit it stands at.</summary>
public sealed record GitBranch(string Name, string Sha);
