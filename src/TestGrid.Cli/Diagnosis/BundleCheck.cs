using System.Runtime.CompilerServices;
using TestGrid.Runner.Bundles;

namespace TestGrid.Cli.Diagnosis;

/// <summary>Are there bundles, and can more be built: recipes, mmdebstrap, the Debian mirror.</summary>
internal static class BundleCheck
{
    public const string Part = "bundle tools";

    private static readonly (string Program, string Package)[] Programs =
    [
        ("mmdebstrap", "mmdebstrap"),
        ("apt-get", "apt"),
        ("apt-config", "apt"),
        ("dpkg", "dpkg"),
        ("tar", "tar"),
        ("setsid", "util-linux"),
        ("unshare", "util-linux"),
        ("mount", "mount"),
    ];

    public static async IAsyncEnumerable<Finding> ExamineAsync(
        Ground ground,
        [EnumeratorCancellation] CancellationToken stop
    )
    {
        if (!Directory.Exists(ground.Bundles.RecipesPath))
        {
            yield return Finding.Missing(
                Part,
                "recipes",
                ground.RunsJobs,
                $"there is no {ground.Bundles.RecipesPath}",
                "reinstall testgrid, or set bundles:recipesPath"
            );
            yield break;
        }
        var missing = Programs.Where(one => ground.FindProgram(one.Program) is null).ToArray();
        yield return missing is []
            ? Finding.Ok(Part, "programs", string.Join(", ", Programs.Select(one => one.Program)))
            : Finding.Missing(
                Part,
                "programs",
                ground.RunsJobs,
                $"missing: {string.Join(", ", missing.Select(one => one.Program))}",
                $"apt-get install {string.Join(' ', missing.Select(one => one.Package).Distinct())}"
            );
        if (missing is [])
            yield return await MirrorAsync(ground, stop);
        if (Passage(ground) is { } closed)
            yield return closed;
        yield return Store(ground);
        var way = MountWay.Here(ground.Bundles.Mount);
        yield return way.IsErofs || ground.Bundles.Mount != BundleMount.Erofs
            ? Finding.Ok(Part, "their trees", way.Text)
            : Finding.Missing(Part, "their trees", ground.RunsJobs, way.Text, "set bundles:mount to auto or directory");
    }

    private static async Task<Finding> MirrorAsync(Ground ground, CancellationToken stop)
    {
        const string What = "a Debian mirror";
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(stop);
            limit.CancelAfter(TimeSpan.FromSeconds(60));
            var lines = await ground.Get<AptSources>().ForSuiteAsync("stable", limit.Token);
            return Finding.Ok(Part, What, lines.Split('\n')[0].Replace("stable", "SUITE", StringComparison.Ordinal));
        }
        catch (BundleException e)
        {
            return Finding.Missing(
                Part,
                What,
                ground.RunsJobs,
                e.Message,
                "set bundles:mirrors in testgrid.json: [\"deb http://YOUR-MIRROR/debian {suite} main\"]"
            );
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return Finding.Missing(Part, What, ground.RunsJobs, "it did not answer within a minute", "apt-get update");
        }
    }

    private static Finding? Passage(Ground ground)
    {
        var closed = new List<string>();
        for (var path = Ground.Existing(ground.Bundles.RootPath); path is not null; path = Path.GetDirectoryName(path))
        {
            if (!File.GetUnixFileMode(path).HasFlag(UnixFileMode.OtherExecute))
                closed.Add(path);
        }
        return closed is []
            ? null
            : Finding.Missing(
                Part,
                "the way to them",
                ground.RunsJobs,
                $"sandboxes run as strangers and cannot pass {string.Join(", ", closed)}",
                $"chmod o+x {string.Join(' ', closed)}"
            );
    }

    private static Finding Store(Ground ground)
    {
        if (!Directory.Exists(ground.Bundles.RootPath))
            return Finding.Note(
                Part,
                "bundles",
                "none yet: the first job that needs one builds it",
                "testgrid bundle build base"
            );
        var bundles = ground.Get<BundleStore>().List();
        return bundles is []
            ? Finding.Note(
                Part,
                "bundles",
                "none yet: the first job that needs one builds it",
                "testgrid bundle build base"
            )
            : Finding.Ok(Part, "bundles", string.Join(", ", bundles.Select(one => one.Name).Distinct()));
    }
}
