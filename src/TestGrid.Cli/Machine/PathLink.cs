namespace TestGrid.Cli.Machine;

/// <summary>Puts <c>testgrid</c> where the shell finds it, unless it finds one: a link to this clone's launcher.</summary>
/// <param name="launcher">The script that the name shall mean.</param>
/// <param name="folder">Where a link is made.</param>
/// <param name="searched">The folders that the shell looks in, in order: <c>$PATH</c>.</param>
internal sealed class PathLink(string launcher, string folder, string searched)
{
    private const string Name = "testgrid";

    private readonly string link = Path.Combine(folder, Name);

    private string Remedy => $"sudo ln -sf {launcher} {link}";

    /// <summary><c>/usr/local/bin</c>, or <c>$TESTGRID_BIN</c>.</summary>
    public static PathLink Usual(string launcher) =>
        new(
            launcher,
            Environment.GetEnvironmentVariable("TESTGRID_BIN") is { Length: > 0 } given ? given : "/usr/local/bin",
            Environment.GetEnvironmentVariable("PATH") ?? ""
        );

    /// <summary>Makes the link where there is none, or one that leads nowhere; never takes the name from another program.</summary>
    /// <returns>What a person should know, or null when the shell finds this very program.</returns>
    public string? Make()
    {
        var found = searched
            .Split(':', StringSplitOptions.RemoveEmptyEntries)
            .Select(where => Path.Combine(where, Name))
            .FirstOrDefault(LeadsSomewhere);
        if (found is not null)
        {
            var target = Target(found);
            return target == Target(launcher) ? null
                : found == target ? $"the testgrid on the PATH is another: {found}. This one is {launcher}"
                : $"the testgrid on the PATH is another clone's: {found} is {target}. "
                    + $"To make it this one: sudo ln -sf {launcher} {found}";
        }
        try
        {
            if (LeadsSomewhere(link))
                return Target(link) == Target(launcher)
                    ? $"{link} is this program, but the PATH has not got {folder}"
                    : $"to call it testgrid from anywhere: {Remedy}";
            if (new FileInfo(link).LinkTarget is not null)
                File.Delete(link); // it leads nowhere: its clone was moved or removed
            File.CreateSymbolicLink(link, launcher);
            return $"{link} is this program now";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"to call it testgrid from anywhere: {Remedy}";
        }
    }

    // As the shell sees it. File.Exists says yes to a link that leads nowhere.
    private static bool LeadsSomewhere(string path)
    {
        try
        {
            return File.Exists(Target(path));
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static string Target(string path) =>
        File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? path;
}
