using System.Diagnostics;
using Microsoft.Extensions.Options;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Bundles.Exports;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Bundles;

/// <summary>A bundle and an application in one file, once for all tests of the class.</summary>
public sealed class RunFileSample : IAsyncLifetime
{
    private readonly TempFolder folder = new();

    public BundleExported Written { get; private set; } = null!;

    public string Folder => folder.Path;

    public async ValueTask InitializeAsync()
    {
        var app = Directory.CreateDirectory(Path.Combine(folder.Path, "application")).FullName;
        await File.WriteAllTextAsync(Path.Combine(app, "go"), "echo \"$PWD:$1:$2\"; cat .data; exit 7\n");
        await File.WriteAllTextAsync(Path.Combine(app, ".data"), "it's data\n");
        Written = await ExportAsync("sample.run");
    }

    public async Task<BundleExported> ExportAsync(string name)
    {
        await using var lease = await TestBundles.Store.GetAsync(
            "run-tools",
            new Progress<BundleProgress>(),
            CancellationToken.None
        );
        var record = TestBundles.Store.RecordOf(lease.Bundle.Digest)!;
        var options = Options.Create(new BundleOptions { RootPath = Path.Combine(TestBundles.CachePath, "bundles") });
        return await new BundleExport(options, TestBundles.Store).WriteRunAsync(
            record,
            new RunApplication(Path.Combine(folder.Path, "application"), "sh ./go 'first @DIGEST@'"),
            Path.Combine(folder.Path, name),
            new Progress<BundleProgress>(),
            CancellationToken.None
        );
    }

    public ValueTask DisposeAsync()
    {
        folder.Dispose();
        return ValueTask.CompletedTask;
    }
}

/// <summary>One file that starts a bundle on a machine with nothing installed, whoever starts it.</summary>
public sealed class RunFileTests(RunFileSample sample) : IClassFixture<RunFileSample>
{
    private const string Nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups ";

    // The user's own folder: who else could write in it would say what he starts.
    private const string Prepare = """
        run=$1 TG_CACHE=$(mktemp -d); export TG_CACHE
        trap 'rm -rf "$TG_CACHE"' EXIT
        as_user() { chown 65534:65534 "$TG_CACHE"; setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
        no_fuse() { : >"$TG_CACHE.no"; mount --bind "$TG_CACHE.no" /dev/fuse; rm "$TG_CACHE.no"; }
        fuse() { mknod "$TG_CACHE.fuse" c 10 229; chmod 666 "$TG_CACHE.fuse"; mount --bind "$TG_CACHE.fuse" /dev/fuse; rm "$TG_CACHE.fuse"; }

        """;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("no_fuse; $run", "", "loop")]
    [InlineData("fuse; as_user $run", "--tg-mode fuse", "fuse")]
    [InlineData("no_fuse; as_user $run", "", "ext")]
    public async Task The_application_starts_with_its_words_and_its_exit_code_is_the_files(
        string start,
        string mode,
        string way
    )
    {
        var script = $"{start} {mode} 'second one'; echo $?; ls \"$TG_CACHE\" | grep -c ^bundle- || true";

        var (output, _) = await ShAsync(script);

        Assert.Equal(
            ["/app:first @DIGEST@:second one", "it's data", "7", way == "ext" ? "1" : "0"],
            output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        );
    }

    [Theory]
    [InlineData("$run")]
    [InlineData("fuse; as_user $run")]
    public async Task Another_command_runs_in_the_bundle_and_what_it_writes_is_gone(string start)
    {
        var (output, _) = await ShAsync(
            "export SECRET=1; "
                + start
                + " -- sh -c 'id -u; echo a >/etc/made; cat /etc/made; echo \"${SECRET-none}\"; "
                + "[ -x /usr/bin/unsquashfs ] && [ ! -e /home/travis ]; exit 3' || echo $?; "
                + start
                + " -- test -e /etc/made || echo gone; grep -c \" $TG_CACHE\" /proc/mounts || true"
        );

        Assert.Equal("0\na\nnone\n3\ngone\n0\n", output);
    }

    [Fact]
    public async Task A_folder_and_a_variable_of_the_machine_are_given_where_they_are_asked_for()
    {
        var (output, _) = await ShAsync(
            "export KEPT='a b'; mkdir $TG_CACHE/in; as_user true; chown 65534 $TG_CACHE/in; fuse; "
                + "as_user $run --tg-bind \"$TG_CACHE/in:/data\" --tg-env KEPT --tg-env 'SAID=c'\\''d' -- "
                + "sh -c 'echo \"$KEPT $SAID\" >/data/out'; cat $TG_CACHE/in/out"
        );

        Assert.Equal("a b c'd\n", output);
    }

    [Fact]
    public async Task It_says_what_is_in_it_and_finds_any_changed_byte()
    {
        var changed = Path.Combine(sample.Folder, "changed.run");
        File.Copy(sample.Written.File, changed, overwrite: true);
        await using (var bytes = File.OpenWrite(changed))
        {
            bytes.Position = bytes.Length - 20_000;
            bytes.Write("changed"u8);
        }

        var (info, _) = await ShAsync("$run --tg-info");
        var (whole, _) = await ShAsync("$run --tg-verify");
        var (broken, said) = await ShAsync(Path.Combine(sample.Folder, "changed.run") + " --tg-verify || echo $?");

        Assert.Contains($"bundle   {sample.Written.Bundle}\n", info, StringComparison.Ordinal);
        Assert.Equal($"tools: whole\nbundle: whole\napplication: whole\nbundle   {sample.Written.Bundle}\n", whole);
        Assert.Equal("tools: whole\nbundle: CHANGED\napplication: whole\n125\n", broken);
        Assert.Contains("copy it again", said, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mount -t tmpfs -o size=40m small $TG_CACHE; no_fuse; as_user $run", "MiB free, and")]
    [InlineData("mount -t tmpfs -o noexec noexec $TG_CACHE; $run", "it is mounted noexec")]
    [InlineData("as_user true; $run", "is not this user's")]
    [InlineData("unset TG_CACHE HOME XDG_CACHE_HOME; TG_CACHE= as_user_plain $run", "there is no HOME")]
    [InlineData("$run --tg-mode loop", "there is no mode loop")]
    [InlineData("$run --tg-what", "there is no --tg-what")]
    [InlineData("$run --", "-- wants a command")]
    [InlineData("$run --tg-bind /no/such -- true", "there is no /no/such")]
    [InlineData("$run --tg-bind /etc:/a/../b -- true", "no .. inside")]
    [InlineData(
        "unshare --user --map-root-user sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec \"$0\" --tg-mode extract' $run",
        "gives user 0 no namespaces.\nRemedy: run it as root; or let root say"
    )]
    public async Task What_does_not_work_is_told_with_its_remedy(string command, string reason)
    {
        var plain = $"as_user_plain() {{ {Nobody} \"$@\"; }}; ";

        var (output, said) = await ShAsync($"{plain} {command} && echo done || echo $?");

        Assert.Equal("125\n", output);
        Assert.Contains(reason, said, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Slow", "true")]
    public async Task Twice_it_is_the_same_bytes()
    {
        var again = await sample.ExportAsync("again.run");

        Assert.Equal(sample.Written.Sha256, again.Sha256);
        File.Delete(again.File);
    }

    // In a mount namespace of its own, which takes its mounts with it.
    private async Task<(string Output, string Said)> ShAsync(string script)
    {
        string[] words = ["--mount", "sh", "-c", Prepare + script, "sh", sample.Written.File];
        var start = new ProcessStartInfo("unshare", words)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var said = process.StandardError.ReadToEndAsync(Stop);
        var output = await process.StandardOutput.ReadToEndAsync(Stop);
        await process.WaitForExitAsync(Stop);
        return (output, await said);
    }
}
