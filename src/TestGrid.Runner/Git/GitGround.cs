using LibGit2Sharp;

namespace TestGrid.Runner.Git;

/// <summary>Settings of libgit2 that hold for the whole process, made once before its first use.</summary>
internal static class GitGround
{
    private static readonly Lazy<bool> Ready = new(Prepare);

    public static void Use() => _ = Ready.Value;

    private static bool Prepare()
    {
        // A runner as root reads repositories of other users: that is its work. The check guards people who walk into
        // a stranger's folder and whose git then runs what that folder's config says; libgit2 runs neither hooks nor
        // filters nor pagers from it, and the one program it does start, ssh, is named by our own mirrors' config.
        GlobalSettings.SetOwnerValidation(false);

        // Nobody's ~/.gitconfig decides here: url.insteadOf would undo the check of addresses, core.autocrlf the files.
        foreach (var level in new[] { ConfigurationLevel.System, ConfigurationLevel.Global, ConfigurationLevel.Xdg })
            GlobalSettings.SetConfigSearchPaths(level, "/nonexistent");
        return true;
    }
}
