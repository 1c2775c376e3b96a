using TestGrid.Core.Config;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Core.Jobs;

/// <summary>Debian packages that a job asks for.</summary>
public sealed class JobAptTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Apt_comes_first_in_a_fold_and_its_failure_ends_the_job_as_errored()
    {
        // An apt-get of the test's own: this machine's is left alone.
        var bin = Directory.CreateTempSubdirectory("testgrid-apt-").FullName;
        var apt = Path.Combine(bin, "apt-get");
        await File.WriteAllTextAsync(
            apt,
            "#!/bin/sh\necho \"apt: $*\"\ncase \"$*\" in *broken*) exit 100;; *update) exit ${UPDATE:-0};; esac\n",
            TestContext.Current.CancellationToken
        );
        await File.WriteAllTextAsync(
            Path.Combine(bin, "sudo"),
            "#!/bin/sh\nshift; exec \"$@\"\n",
            TestContext.Current.CancellationToken
        );
        foreach (var tool in Directory.GetFiles(bin))
            File.SetUnixFileMode(tool, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var env = new Dictionary<string, string> { ["PATH"] = $"{bin}:/usr/bin:/bin" };
        try
        {
            var good = await ScriptRun.OfAsync(
                "language: generic\naddons: {apt: [cmake, ninja-build]}\nscript: echo go\n",
                env: env
            );
            Assert.Equal(0, good.ExitCode);
            Assert.Equal("apt", good.Folds.First());
            Assert.Contains(
                "Installing APT Packages\n$ travis_apt_get_update\napt: -yq update\n"
                    + "$ sudo -E apt-get -yq --no-install-suggests --no-install-recommends install cmake ninja-build\n"
                    + "apt: -yq --no-install-suggests --no-install-recommends install cmake ninja-build\n",
                good.Visible,
                StringComparison.Ordinal
            );

            var bad = await ScriptRun.OfAsync(
                "language: generic\naddons: {apt: [broken]}\nscript: echo go\n",
                env: env
            );
            Assert.Equal((2, JobState.Errored), (bad.ExitCode, bad.Verdict.State));
            Assert.StartsWith("apt failed:", bad.Verdict.Sentence, StringComparison.Ordinal);
            Assert.DoesNotContain("$ echo go", bad.Visible, StringComparison.Ordinal);

            // One list of several was out of step on its mirror: the packages may be in the others.
            env["UPDATE"] = "100";
            var partly = await ScriptRun.OfAsync(
                "language: generic\naddons: {apt: [cmake]}\nscript: echo go\n",
                env: env
            );
            Assert.Contains("failed 3 times", partly.Visible, StringComparison.Ordinal);
            Assert.Equal((0, JobState.Passed), (partly.ExitCode, partly.Verdict.State));
        }
        finally
        {
            Directory.Delete(bin, recursive: true);
        }
    }

    [Fact]
    public async Task A_package_that_is_not_there_has_a_stand_in_where_the_nearest_is_wanted_and_its_programs_a_name()
    {
        using var folder = new TempFolder();
        // Lists that have ninja-build alone. What needs root is told and not done: this machine is left alone.
        await File.WriteAllTextAsync(
            Path.Combine(folder.Path, "apt-cache"),
            "#!/bin/sh\n[ \"$3\" = ninja-build ]\n",
            Stop
        );
        foreach (var tool in new[] { "apt-get", "ln" })
            await File.WriteAllTextAsync(Path.Combine(folder.Path, tool), $"#!/bin/sh\necho \"{tool}: $*\"\n", Stop);
        await File.WriteAllTextAsync(Path.Combine(folder.Path, "sudo"), "#!/bin/sh\nshift; exec \"$@\"\n", Stop);
        foreach (var tool in Directory.GetFiles(folder.Path))
            File.SetUnixFileMode(tool, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        const string asks =
            "language: generic\naddons: {apt: [g++-7, ninja-build, mine], chrome: stable}\nscript: echo go\n";
        var env = new Dictionary<string, string> { ["PATH"] = $"{folder.Path}:/usr/bin:/bin" };

        var near = await ScriptRun.OfAsync(
            asks,
            env: env,
            settings: new ConfigSettings([new("base", "generic", [])]) { NearestVersions = true }
        );
        var exact = await ScriptRun.OfAsync(asks, env: env);

        const string install = "-yq --no-install-suggests --no-install-recommends install ";
        Assert.Contains(
            "The package g++-7 is not here: this job has g++, the nearest that is.",
            near.Visible,
            StringComparison.Ordinal
        );
        Assert.Contains($"apt-get: {install}g++ ninja-build mine chromium\n", near.Visible, StringComparison.Ordinal);
        Assert.Contains($"apt-get: {install}g++-7 ninja-build mine\n", exact.Visible, StringComparison.Ordinal);
        Assert.Contains("addon chrome is not available yet", exact.Visible, StringComparison.Ordinal);
        if (File.Exists("/usr/bin/g++") && !File.Exists("/usr/bin/g++-7"))
            Assert.Contains("ln: -s /usr/bin/g++ /usr/local/bin/g++-7\n", near.Visible, StringComparison.Ordinal);
    }

    [Fact]
    public void Packages_of_another_processor_make_apt_know_it_first()
    {
        var script = JobScript.Compile(
            ScriptRun.Order(
                ScriptRun.Config("language: c\naddons: {apt: [libc6:i386, 'gcc:amd64', 'zlib1g:i386=1:1.2*']}\n")
            )
        );

        var added = "travis_cmd '_tg_sudo dpkg --add-architecture i386'";
        Assert.Equal(2, script.Split(added).Length);
        Assert.True(
            script.IndexOf(added, StringComparison.Ordinal)
                < script.IndexOf("travis_cmd travis_apt_get_update", StringComparison.Ordinal)
        );
        Assert.DoesNotContain("--add-architecture amd64", script, StringComparison.Ordinal);
    }
}
