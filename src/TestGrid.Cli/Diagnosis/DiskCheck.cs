using TestGrid.Server.Dashboard;

namespace TestGrid.Cli.Diagnosis;

/// <summary>Is there room for data, bundles and running jobs.</summary>
internal static class DiskCheck
{
    public const string Part = "disk";

    public static IEnumerable<Finding> Examine(Ground ground)
    {
        if (ground.RunnerOf is null)
            yield return Data(ground);
        if (!ground.RunsJobs)
            yield break;
        yield return Look(
            "for running jobs",
            ground.Runner.StatePath,
            ground.Runner.KeepFreeBytes,
            FindingLevel.Failure,
            "no job starts (runner:keepFreeBytes)"
        );
        yield return Look(
            "for new bundles",
            ground.Bundles.RootPath,
            ground.Bundles.FreeBytes,
            FindingLevel.Warning,
            "none is built (bundles:freeBytes)"
        );
    }

    private static Finding Data(Ground ground) =>
        Look(
            "for data",
            ground.Settings.DataPath,
            ConditionWatch.FreeBytesMin,
            FindingLevel.Failure,
            "the server says that it is not ready"
        );

    private static Finding Look(string what, string path, long wanted, FindingLevel level, string consequence)
    {
        var drive = new DriveInfo(Ground.Existing(path));
        var free = drive.AvailableFreeSpace;
        return free >= wanted
            ? Finding.Ok(Part, what, $"{free >> 20} MiB free at {path}")
            : new Finding(
                Part,
                what,
                level,
                $"{free >> 20} MiB free at {path}, below {wanted >> 20} {consequence}",
                "testgrid store gc   # or more room there"
            );
    }
}
