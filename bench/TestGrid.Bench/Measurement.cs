namespace TestGrid.Bench;

/// <summary>Everything, in one run: figures of one run can be compared, figures of two cannot on a shared machine.</summary>
internal static class Measurement
{
    public static async Task<int> RunAsync(string[] only)
    {
        var settings = BenchSettings.FromEnvironment();
        using var work = new WorkFolder();
        Console.WriteLine(Machine.Describe());
        if (Wants(only, "latency"))
            await Latency.RunAsync(settings, work);
        if (Wants(only, "throughput"))
            await Throughput.RunAsync(settings, work);
        if (Wants(only, "engines"))
            await Engines.RunAsync(settings, work);
        if (Wants(only, "combinations"))
            await Combinations.RunAsync(settings, work);
        if (Wants(only, "log"))
        {
            await LogFileRate.RunAsync(settings, work);
            await LogRate.RunAsync(settings, work);
        }
        if (Wants(only, "git"))
            await GitSpeed.RunAsync(work);
        if (Wants(only, "bundles"))
            await BundleSpeed.RunAsync(settings, work);
        if (Wants(only, "config"))
            await ConfigSpeed.RunAsync();
        return 0;
    }

    private static bool Wants(string[] only, string what) => only.Length == 0 || only.Contains(what);
}

/// <summary>How much is measured: <c>TESTGRID_BENCH_ROUNDS</c>, and where bundles are kept.</summary>
internal sealed record BenchSettings(int Rounds, string Bundles)
{
    public static BenchSettings FromEnvironment() =>
        new(
            int.TryParse(Environment.GetEnvironmentVariable("TESTGRID_BENCH_ROUNDS"), out var rounds) ? rounds : 25,
            Path.Combine(
                Environment.GetEnvironmentVariable("TESTGRID_TEST_CACHE") ?? "/var/cache/testgrid-tests",
                "bundles"
            )
        );
}
