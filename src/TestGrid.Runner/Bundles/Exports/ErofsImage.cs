using TestGrid.Core.Bundles;

namespace TestGrid.Runner.Bundles.Exports;

/// <summary>A bundle's tree as an EROFS image.</summary>
internal static class ErofsImage
{
    // mkfs.erofs of Debian 12 reads folders only, no tars, and so it runs as the range's root; that one may write
    // nowhere here, and mkfs.erofs seeks: the image comes to be in memory, and is told from there. What engines make
    // themselves is left out as in every archive of a bundle.
    private const string Make = """
        set -e
        mount -t tmpfs tmpfs /mnt
        mkfs.erofs -d0 -x1 -T"$1" -U"$2" --exclude-regex='^(dev|proc|sys|run|tmp)/' /mnt/image "$3" >&2
        exec cat /mnt/image
        """;

    private static readonly Dictionary<string, string> Env = new()
    {
        ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        ["LC_ALL"] = "C",
    };

    public static async Task WriteAsync(
        IdRange range,
        BundleRecord bundle,
        string root,
        string file,
        CancellationToken stop
    )
    {
        var said = new List<string>();
        string[] words = ["sh", "-c", Make, "erofs", $"{bundle.Epoch}", Uuid(bundle.Digest), root];
        await using var program = await LifelineProcess.StartAsync(range, words, Env, said.Add, stop);
        await using (var output = new FileStream(file, FileMode.CreateNew))
            await program.Output.CopyToAsync(output, stop);
        if (await program.WaitAsync(stop) == 0)
            return;
        var words0 = string.Join("; ", said.TakeLast(5));
        throw new BundleException(
            words0.Contains("not found", StringComparison.Ordinal)
                ? "mkfs.erofs is missing. Remedy: apt-get install erofs-utils"
                : $"mkfs.erofs failed: {words0}"
        );
    }

    // The image's own name follows from the content, so that the same bundle gives the same bytes.
    private static string Uuid(BundleDigest digest) =>
        $"{digest.Hex[..8]}-{digest.Hex[8..12]}-{digest.Hex[12..16]}-{digest.Hex[16..20]}-{digest.Hex[20..32]}";
}
