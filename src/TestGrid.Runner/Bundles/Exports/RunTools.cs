using System.Security.Cryptography;

namespace TestGrid.Runner.Bundles.Exports;

/// <summary>
/// The programs that a <c>.run</c> file brings with it, cut out of the bundle <see cref="Recipe"/> with the loader and the
/// libraries that they need: the machine it is started on need not have them, or may have others.
/// </summary>
internal static class RunTools
{
    /// <summary>The shipped recipe whose bundle has them.</summary>
    public const string Recipe = "run-tools";

    // Its loader is started, and so it runs as nobody of this machine, as all that is in a bundle does.
    private const string Cut = """
        set -e
        epoch=$1
        cd "$2"
        mount -t tmpfs tmpfs /mnt
        mkdir /mnt/bin /mnt/lib
        loader=usr/lib64/ld-linux-x86-64.so.2
        cp -L "$loader" /mnt/lib/ld.so
        for program in busybox mount setpriv squashfuse unshare unsquashfs; do
            cp -L "usr/bin/$program" /mnt/bin/
            [ "$program" = busybox ] || # static
                "$loader" --library-path usr/lib/x86_64-linux-gnu --list "usr/bin/$program" |
                sed -n 's/.* => \([^ ]*\) .*/\1/p'
        done | sort -u | while read -r library; do cp -L "$library" /mnt/lib/; done
        tar --create --format=ustar --sort=name "--mtime=@$epoch" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX \
            --directory=/mnt . | gzip --no-name
        """;

    private static readonly Dictionary<string, string> Env = new()
    {
        ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ["LC_ALL"] = "C",
    };

    /// <summary>Writes them as a tar.gz: the same bundle gives the same bytes.</summary>
    /// <param name="range">The sandboxes' ids.</param>
    /// <param name="record">The bundle.</param>
    /// <param name="root">Its tree.</param>
    /// <param name="output">Where to.</param>
    /// <param name="stop">Ends it.</param>
    /// <returns>The SHA-256 of what was written, in hexadecimal digits.</returns>
    /// <exception cref="BundleException">They cannot be cut.</exception>
    public static async Task<string> WriteAsync(
        IdRange range,
        BundleRecord record,
        string root,
        Stream output,
        CancellationToken stop
    )
    {
        var said = new List<string>();
        string[] words = ["sh", "-c", Cut, "cut", $"{record.Epoch}", root];
        await using var program = await LifelineProcess.StartAsync(range, words, Env, said.Add, stop);
        using var written = new MemoryStream();
        await program.Output.CopyToAsync(written, stop);
        if (await program.WaitAsync(stop) != 0)
            throw new BundleException(
                $"The tools of a .run file could not be cut out of {record.Name}: {string.Join("; ", said)}"
            );
        var bytes = written.ToArray();
        await output.WriteAsync(bytes, stop);
        return Convert.ToHexStringLower(SHA256.HashData(bytes));
    }
}
