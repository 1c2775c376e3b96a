using LibGit2Sharp;

namespace TestGrid.Runner.Git;

/// <summary>Finds out whether git works here, by using it.</summary>
public static class GitFacts
{
    /// <summary>Makes a repository in a new folder; returns the library's version and what it can do.</summary>
    /// <exception cref="DllNotFoundException">The library is not there, or not for this machine.</exception>
    public static string Try(string folder)
    {
        GitGround.Use();
        using var repository = new Repository(Repository.Init(folder, isBare: true));
        var version = GlobalSettings.Version;
        return $"{version.InformationalVersion.Split('+')[0]}, {version.Features}";
    }
}
