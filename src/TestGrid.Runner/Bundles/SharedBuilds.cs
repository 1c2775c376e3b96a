namespace TestGrid.Runner.Bundles;

/// <summary>The builds in hand of this process, by what they make: whoever wants the same joins.</summary>
internal sealed class SharedBuilds
{
    private readonly Lock one = new();
    private readonly Dictionary<string, SharedBuild> builds = [];

    /// <summary>Returns when the build of this key is over, which is begun if nobody has.</summary>
    public async Task JoinAsync(
        string key,
        Func<IProgress<BundleProgress>, CancellationToken, Task> begin,
        IProgress<BundleProgress> progress,
        CancellationToken stop
    )
    {
        while (true)
        {
            SharedBuild build;
            lock (one)
            {
                if (!builds.TryGetValue(key, out build!))
                    builds[key] = build = new SharedBuild();
            }
            try
            {
                if (await build.JoinAsync(begin, progress, stop))
                    return;
            }
            finally
            {
                lock (one)
                {
                    if (build.IsOver && builds.GetValueOrDefault(key) == build)
                        builds.Remove(key);
                }
            }
        }
    }
}
