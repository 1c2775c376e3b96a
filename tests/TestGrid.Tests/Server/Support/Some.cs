using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using TestGrid.Core.Builds;
using TestGrid.Core.Bundles;
using TestGrid.Core.Config;
using TestGrid.Core.Grids;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Tests.Core.Config;

namespace TestGrid.Tests.Server.Support;

/// <summary>Valid things, for tests that care for one part of them.</summary>
public static class Some
{
    public const string Sha = "0123456789abcdef0123456789abcdef01234567";
    public const string Before = "76543210fedcba9876543210fedcba9876543210";

    public static BundleDigest Digest { get; } = BundleDigest.Of(new byte[32]);

    public static BundleDigest OtherDigest { get; } = BundleDigest.Of([.. new byte[31], 1]);

    public static JobVerdict Passed { get; } = new(JobState.Passed, JobReason.ExitCode, "every command passed", 0);

    public static JobVerdict Failed { get; } = new(JobState.Failed, JobReason.ExitCode, "script exited 1", 1);

    public static JobConfig Config(string value = "1", bool allowFailure = false, JobImpossible? impossible = null) =>
        new()
        {
            Language = "c",
            Bundle = "c",
            Cell = new Cell([new AxisValue("env", $"N={value}")]),
            Phases = [new Phase("script", ["make test"])],
            Env = [new EnvVar("N", value, FromMatrix: true)],
            AllowFailure = allowFailure,
            Impossible = impossible,
        };

    /// <summary>A service of this name, from the bundle <c>service-NAME</c>.</summary>
    public static JobService Service(string name) =>
        new(name, $"service-{name}", Reading.Service(name, "7.0", 6379).Service);

    public static CiConfig Grid(params JobConfig[] jobs) => new(".testgrid.yml", [.. jobs], ["env"], [], [], []);

    public static CommitRef Commit(string @ref = "refs/heads/main") => new(Sha, @ref, "Tests more", "Ada", Before);

    public static Trigger Trigger() => new(TriggerKind.Push, Commit());

    public static JobOrder Order(int cell = 1, long build = 1) =>
        new(
            new JobId(build, cell),
            7,
            new RepositoryRef(1, "local", "us/them", "/srv/them"),
            Trigger(),
            Config(),
            JobLimits.Default,
            "http://127.0.0.1:8080"
        );

    public static string Json(JobOrder order) => JsonSerializer.Serialize(order);

    public static ReadOnlyMemory<byte> Bytes(string text) => Encoding.UTF8.GetBytes(text);

    public static ImmutableArray<T> Of<T>(params T[] items) => [.. items];
}
