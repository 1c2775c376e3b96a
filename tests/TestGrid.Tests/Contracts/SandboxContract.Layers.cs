using TestGrid.Core.Bundles;
using TestGrid.Core.Jobs;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Layers;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Tests.Contracts;

/// <summary>What one sandbox changed is seen by the next one, where the engine can do that.</summary>
public abstract partial class SandboxContract
{
    private const string Project = "/home/travis/build/own/project";

    // Everything that a layer can hold: a file more, less and changed, a folder replaced, owners, modes, a hard link, links
    // that lead out, a capability, names that are no text.
    private const string Install = """
        set -e
        sudo sh -c 'echo own >/opt/own; chown www-data:games /opt/own; chmod 4751 /opt/own; ln /opt/own /opt/twin'
        sudo rm /etc/issue; sudo rm -rf /usr/share/doc; sudo mkdir -m 2750 /usr/share/doc; sudo touch /usr/share/doc/one
        sudo sh -c 'echo more >>/etc/profile'; sudo setcap cap_net_bind_service+ep /opt/own 2>/dev/null || touch ~/nocap
        ln -s /etc/shadow ~/absolute; ln -s ../../../../../etc ~/up; printf x >"$(printf '/home/travis/not\377text')"
        touch -d '2001-02-03 04:05:06.789' ~/old
        echo gone >/tmp/gone; sudo sh -c 'echo gone >/run/gone'
        cd ~/build/own/project; mkdir modules; echo module >modules/m; echo own >tracked/own; echo key >modules/key
        perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, sockaddr_un("modules/socket"))'
        """;

    private const string Look = """
        stat -c '%n %U %G %a %h' /opt/own /opt/twin /usr/share/doc; sudo ls -A /usr/share/doc; tail -n1 /etc/profile
        ls /etc/issue 2>&1 | grep -c No; readlink ~/absolute ~/up; stat -c %y ~/old; ls ~ | grep -ac '^not.text$'
        [ -e ~/nocap ] || getcap /opt/own; cat /tmp/gone /run/gone 2>/dev/null
        cd ~/build/own/project; find . | sort; cat tracked/file tracked/own
        """;

    [Fact]
    public async Task What_one_sandbox_changed_is_a_layer_of_the_next()
    {
        if (!await Engine.HasLayersAsync(Stop))
            return;
        var (root, one) = await SaveAsync(Install);
        Assert.Equal(one.Bytes.Digest, (await SaveBytesAsync(one.Sandbox)).Digest); // the same change, the same bytes
        await one.Sandbox.DisposeAsync();

        var checkout = await MakeCheckoutAsync("two", "newer");
        await using var next = await MakeWithLayerAsync(root, checkout);
        var (exit, said) = await BashAsync(next, Look);

        Assert.Equal(0, exit.ExitCode);
        Assert.Equal(
            one.Said.Replace("gone\ngone\n", "", StringComparison.Ordinal)
                .Replace("./modules/key\n", "", StringComparison.Ordinal)
                .Replace("./modules/socket\n", "", StringComparison.Ordinal)
                .Replace("older\n", "newer\n", StringComparison.Ordinal),
            said
        );
        Assert.Contains("gone\ngone\n", one.Said, StringComparison.Ordinal);
        Assert.Contains("./modules/m\n", said, StringComparison.Ordinal);
        Assert.Equal("none\n", (await BashAsync(next, "cat /etc/hostname | grep -v testgrid; echo none")).Said);
    }

    [Fact]
    public async Task What_is_done_over_a_layer_changes_neither_it_nor_another_sandbox_over_it()
    {
        if (!await Engine.HasLayersAsync(Stop))
            return;
        var (root, one) = await SaveAsync("echo first >~/file; mkdir ~/folder; touch ~/folder/x");
        await one.Sandbox.DisposeAsync();
        await using var first = await MakeWithLayerAsync(root, await MakeCheckoutAsync("two", "x"));
        await using var second = await MakeWithLayerAsync(root, await MakeCheckoutAsync("three", "x"));

        await BashAsync(first, "echo other >~/file; rm -rf ~/folder");

        Assert.Equal("first\nx\n", (await BashAsync(second, "cat ~/file; ls ~/folder")).Said);
        Assert.Equal(one.Bytes.Digest, await LayerArchive.DigestAsync(Range, root, Stop));
    }

    [Fact]
    public async Task A_link_in_a_layer_leads_no_mount_astray()
    {
        if (!await Engine.HasLayersAsync(Stop))
            return;
        var (root, one) = await SaveAsync(
            "sudo sh -c 'mv /etc/apt /etc/apt.was; ln -s /srv /etc/apt; rm -rf /opt; ln -s / /opt'; mkdir ~/x"
        );
        await one.Sandbox.DisposeAsync();
        var shown = Path.Combine(Folder.Path, "shown");
        await File.WriteAllTextAsync(shown, "shown\n", Stop);

        await using var next = await Engine.CreateAsync(
            Spec(await MakeCheckoutAsync("two", "x"), root) with
            {
                Mounts =
                [
                    new SandboxMount(shown, "/etc/apt/sources.list", SandboxMountKind.ReadOnly),
                    new SandboxMount(shown, "/opt/testgrid/job.sh", SandboxMountKind.ReadOnly),
                ],
            },
            Stop
        );

        var (_, said) = await BashAsync(
            next,
            "cat /etc/apt/sources.list /opt/testgrid/job.sh; ls /srv; stat -c %F /opt"
        );
        Assert.Equal("shown\nshown\ndirectory\n", said);
    }

    [Fact]
    public async Task A_layer_that_nobody_takes_is_not_saved_and_the_sandbox_goes_on()
    {
        if (!await Engine.HasLayersAsync(Stop))
            return;
        await using var sandbox = await MakeAsync();
        await BashAsync(sandbox, "head -c 20M /dev/zero >~/zeros");
        await using var full = new FullStream();

        await Assert.ThrowsAsync<IOException>(async () => await sandbox.SaveLayerAsync(full, [], Stop));
        using var ask = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        await ask.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            await sandbox.SaveLayerAsync(Stream.Null, [], ask.Token)
        );

        Assert.Equal("20971520\n", (await BashAsync(sandbox, "stat -c %s ~/zeros")).Said);
    }

    private IdRange Range => new(FirstId);

    private async Task<(string Root, SavedLayer Saved)> SaveAsync(string install)
    {
        var sandbox = await Engine.CreateAsync(Spec(await MakeCheckoutAsync("one", "older"), null), Stop);
        var (exit, said) = await BashAsync(sandbox, install);
        Assert.True(exit.ExitCode == 0, said);
        (_, said) = await BashAsync(sandbox, Look);
        var bytes = await SaveBytesAsync(sandbox);
        var folder = Path.Combine(Folder.Path, "layer");
        Directory.CreateDirectory(folder);
        File.SetUnixFileMode(Folder.Path, (UnixFileMode)0b111_101_101);
        foreach (var name in new[] { "root", "jail" })
            Directory.CreateDirectory(Path.Combine(folder, name));
        var archive = Path.Combine(folder, "archive");
        await File.WriteAllBytesAsync(archive, bytes.Tar, Stop);
        await GiveAsync(Path.Combine(folder, "root"), 0);
        var root = Path.Combine(folder, "root");
        await LayerArchive.UnpackAsync(Range, archive, root, Path.Combine(folder, "jail"), Stop);
        Assert.Equal(bytes.Digest, await LayerArchive.DigestAsync(Range, root, Stop));
        return (root, new SavedLayer(sandbox, bytes, said));
    }

    private static async Task<(byte[] Tar, BundleDigest Digest)> SaveBytesAsync(Sandbox sandbox)
    {
        using var tar = new MemoryStream();
        await sandbox.SaveLayerAsync(tar, [Project + "/modules/key"], Stop);
        return (tar.ToArray(), BundleDigest.Of(System.Security.Cryptography.SHA256.HashData(tar.ToArray())));
    }

    private async Task<string> MakeCheckoutAsync(string name, string text)
    {
        var folder = Path.Combine(Folder.Path, name);
        Directory.CreateDirectory(Path.Combine(folder, "tracked"));
        File.WriteAllText(Path.Combine(folder, "tracked/file"), text + "\n");
        await GiveAsync(folder, 2000);
        return folder;
    }

    // A runner that is no root has its range's helper for it.
    private async Task GiveAsync(string path, int inside)
    {
        int owner = Environment.IsPrivilegedProcess ? FirstId + inside : inside;
        string[] words = ["chown", "-R", $"{owner}:{owner}", path];
        using var chown = Environment.IsPrivilegedProcess
            ? System.Diagnostics.Process.Start(words[0], words[1..])
            : await Range.StartAsync(words, Stop);
        await chown.WaitForExitAsync(Stop);
        Assert.Equal(0, chown.ExitCode);
    }

    private Task<Sandbox> MakeWithLayerAsync(string root, string checkout) =>
        Engine.CreateAsync(Spec(checkout, root), Stop).AsTask();

    private SandboxSpec Spec(string checkout, string? layer) =>
        new(
            $"1.1-{Path.GetFileName(checkout)}",
            Bundle.RootPath,
            [new SandboxMount(checkout, Project, SandboxMountKind.Overlay)],
            JobLimits.Default,
            SandboxNetwork.None
        )
        {
            Digest = Bundle.Digest,
            LayerPath = layer,
        };

    private sealed record SavedLayer(Sandbox Sandbox, (byte[] Tar, BundleDigest Digest) Bytes, string Said);

    private sealed class FullStream : MemoryStream
    {
        public override ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer,
            CancellationToken cancellationToken = default
        ) => ValueTask.FromException(new IOException("full"));
    }
}
