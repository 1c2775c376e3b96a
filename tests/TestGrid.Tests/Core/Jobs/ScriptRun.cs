using System.Buffers;
using System.Collections.Immutable;
using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using TestGrid.Core.Builds;
using TestGrid.Core.Bundles;
using TestGrid.Core.Config;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;

namespace TestGrid.Tests.Core.Jobs;

/// <summary>A job's script, run by this machine's bash in a home of its own.</summary>
internal sealed partial class ScriptRun
{
    public static readonly ConfigSettings Settings = new([
        new BundleOffer("base", "generic", []),
        new BundleOffer("c", "c", []),
        new BundleOffer("python", "python", ["3.11"]),
    ]);

    /// <param name="verdict">How the job ended.</param>
    /// <param name="output">Its log.</param>
    /// <param name="phases">The phases that ended, in order.</param>
    public ScriptRun(JobVerdict verdict, string output, ImmutableArray<PhaseEnd> phases) =>
        (Verdict, Output, Phases) = (verdict, output, phases);

    public int? ExitCode => Verdict.ExitCode;

    /// <summary>The log, phase marks taken out.</summary>
    public string Output { get; }

    public ImmutableArray<PhaseEnd> Phases { get; }

    public JobVerdict Verdict { get; }

    /// <summary>The log as a person sees it: without folds, times and colours.</summary>
    public string Visible => Hidden.Replace(Output, "");

    public IEnumerable<string> Folds => Fold.Matches(Output).Select(match => match.Groups[1].Value);

    public static JobOrder Order(JobConfig config, CommitRef? commit = null) =>
        new(
            new JobId(42, 3),
            7,
            new RepositoryRef(1, "github.com", "owner/name", "https://github.com/owner/name"),
            new Trigger(TriggerKind.Push, commit ?? new CommitRef(new string('a', 40), "refs/heads/master", "msg")),
            config,
            JobLimits.Default,
            "http://ci.example"
        );

    public static JobConfig Config(string yaml, string file = ".travis.yml", ConfigSettings? settings = null) =>
        Assert
            .IsType<ConfigReading.Read>(CiConfigReader.Read(file, Encoding.UTF8.GetBytes(yaml), settings ?? Settings))
            .Config.Jobs[0];

    public static async Task<ScriptRun> OfAsync(
        string yaml,
        CommitRef? commit = null,
        IReadOnlyDictionary<string, string>? env = null,
        ConfigSettings? settings = null
    ) => await OfAsync(Order(Config(yaml, settings: settings), commit), env);

    /// <param name="order">The job.</param>
    /// <param name="env">More variables of the process.</param>
    /// <param name="files">Executable files of the checkout, each a script that does nothing.</param>
    public static async Task<ScriptRun> OfAsync(
        JobOrder order,
        IReadOnlyDictionary<string, string>? env = null,
        IEnumerable<string>? files = null
    )
    {
        var stop = TestContext.Current.CancellationToken;
        var home = Directory.CreateTempSubdirectory("testgrid-script-").FullName;
        try
        {
            var script = Path.Combine(home, "job.sh");
            await File.WriteAllTextAsync(script, JobScript.Compile(order), stop);
            var checkout = Directory.CreateDirectory(Path.Combine(home, "build", order.Repository.Slug)).FullName;
            foreach (var file in files ?? [])
            {
                var path = Path.Combine(checkout, file);
                Directory.CreateDirectory(Path.GetDirectoryName(path)!);
                await File.WriteAllTextAsync(path, "#!/bin/sh\n", stop);
                File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
            }

            var key = PhaseMarks.NewKey();

            // Both streams in one, as a sandbox gives them.
            var start = new ProcessStartInfo("/bin/bash", ["-c", "exec /bin/bash \"$0\" 2>&1 </dev/null", script])
            {
                RedirectStandardOutput = true,
                WorkingDirectory = home,
            };
            start.Environment.Clear();
            start.Environment["HOME"] = home;
            start.Environment["PATH"] = "/usr/local/bin:/usr/bin:/bin";
            start.Environment["TRAVIS_ROOT"] = home + "/";
            start.Environment[PhaseMarks.KeyVariable] = key;
            foreach (var (name, value) in env ?? ImmutableDictionary<string, string>.Empty)
                start.Environment[name] = value;
            using var bash = Process.Start(start)!;
            var (log, phases, marks) = (new ArrayBufferWriter<byte>(), new List<PhaseEnd>(), new PhaseMarks(key));
            var buffer = new byte[4096];
            int read;
            while ((read = await bash.StandardOutput.BaseStream.ReadAsync(buffer, stop)) > 0)
                marks.Take(buffer.AsSpan(0, read), log, phases);
            marks.Complete(log);
            await bash.WaitForExitAsync(stop);
            var output = Encoding
                .UTF8.GetString(log.WrittenSpan)
                .Replace(home, "/home/travis", StringComparison.Ordinal);
            var verdict = JobScript.VerdictOf(bash.ExitCode, marks.FirstFailure, marks.Current);
            return new ScriptRun(verdict, output, [.. phases]);
        }
        finally
        {
            Directory.Delete(home, recursive: true);
        }
    }

    [GeneratedRegex(@"travis_(fold|time):[^\r]*\r\e\[0K|\e\[[0-9;]*[mK]")]
    private static partial Regex Hidden { get; }

    [GeneratedRegex(@"travis_fold:start:([^\r]*)\r")]
    private static partial Regex Fold { get; }
}
