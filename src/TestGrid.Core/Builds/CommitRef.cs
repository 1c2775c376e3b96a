namespace TestGrid.Core.Builds;

/// <summary>The commit a build is about, in no git host's words.</summary>
/// <param name="Sha">The full object name: 40 (or 64) lower-case hexadecimal digits.</param>
/// <param name="Ref">The whole ref that was pushed, such as <c>refs/heads/main</c> or <c>refs/tags/v1</c>.</param>
/// <param name="Message">The commit's message; the first line is its title. Untrusted text.</param>
/// <param name="Author">The author's name. Untrusted text.</param>
/// <param name="Before">What the ref pointed at before, when the host said so; for the range of commits in a push.</param>
public sealed record CommitRef(string Sha, string Ref, string Message = "", string Author = "", string? Before = null)
{
    private const string Heads = "refs/heads/";
    private const string Tags = "refs/tags/";

    /// <summary>The branch's name, or null when a tag was pushed.</summary>
    public string? Branch => Ref.StartsWith(Heads, StringComparison.Ordinal) ? Ref[Heads.Length..] : null;

    /// <summary>The tag's name, or null when a branch was pushed.</summary>
    public string? Tag => Ref.StartsWith(Tags, StringComparison.Ordinal) ? Ref[Tags.Length..] : null;

    /// <summary>The message's first line.</summary>
    public string Title => Message.Split('\n', 2)[0].TrimEnd('\r');
}
