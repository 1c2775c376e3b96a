namespace TestGrid.Runner.Sandboxes.Native;

/// <summary>File modes by what they are for; C# has no octal numbers.</summary>
internal static class Modes
{
    /// <summary>0644</summary>
    public const UnixFileMode File =
        UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>0711: to be walked through, not to be listed.</summary>
    public const UnixFileMode Passage =
        UnixFileMode.UserRead
        | UnixFileMode.UserWrite
        | UnixFileMode.UserExecute
        | UnixFileMode.GroupExecute
        | UnixFileMode.OtherExecute;

    /// <summary>0755</summary>
    public const UnixFileMode Folder = Passage | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>0777</summary>
    public const UnixFileMode All = Folder | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;

    /// <summary>1777: everybody's, and nobody removes another's.</summary>
    public const UnixFileMode Shared = All | UnixFileMode.StickyBit;
}
