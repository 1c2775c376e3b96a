using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using TestGrid.Core.Text;

namespace TestGrid.Runner.Bundles.Exports;

/// <summary>What a <c>.run</c> file has beside the bundle.</summary>
/// <param name="Folder">The application's, on this machine; it is <c>/app</c> inside.</param>
/// <param name="Command">What starts it, as <c>sh</c> reads it, in <c>/app</c>; null for a shell.</param>
public sealed record RunApplication(string? Folder, string? Command);

/// <summary>
/// One executable file: a header in sh (<c>RunFile.sh</c>, where the ways to start it are), the tools it needs, the bundle and
/// an application as squashfs images.
/// </summary>
internal sealed class RunFile(IdRange range, BundleRecord bundle, string root)
{
    // A squashfs is mounted where a loop device can begin: at whole sectors.
    private const int HeaderBytes = 16 << 10;
    private const int Sector = 4096;

    /// <param name="toolsOf">The bundle of the recipe <see cref="RunTools.Recipe"/>.</param>
    /// <param name="toolsRoot">Its tree.</param>
    /// <param name="application">What it starts.</param>
    /// <param name="file">A new file.</param>
    /// <param name="stop">Ends it.</param>
    public async Task WriteAsync(
        BundleRecord toolsOf,
        string toolsRoot,
        RunApplication application,
        string file,
        CancellationToken stop
    )
    {
        var image = file + ".image";
        try
        {
            await using var output = new FileStream(file, FileMode.CreateNew, FileAccess.ReadWrite);
            output.Position = HeaderBytes;
            var toolsSum = await RunTools.WriteAsync(range, toolsOf, toolsRoot, output, stop);
            var tools = new Part(HeaderBytes, output.Position - HeaderBytes, toolsSum);
            await SquashfsImage.WriteAsync(range, root, bundle.Epoch, image, stop);
            var tree = await AppendAsync(image, output, stop);
            var app = new Part(0, 0, "-");
            if (application.Folder is { } folder)
            {
                await SquashfsImage.WriteAppAsync(folder, bundle.Epoch, image, stop);
                app = await AppendAsync(image, output, stop);
            }
            var header = Header(tools, tree, app, application.Command);
            output.Position = 0;
            await output.WriteAsync(header, stop);
            File.SetUnixFileMode(file, (UnixFileMode)0x1ED); // 0755
        }
        finally
        {
            File.Delete(image);
        }
    }

    private static async Task<Part> AppendAsync(string image, FileStream output, CancellationToken stop)
    {
        output.SetLength((output.Length + Sector - 1) / Sector * Sector);
        output.Position = output.Length;
        var at = output.Position;
        await using (var input = File.OpenRead(image))
        {
            using var hash = SHA256.Create();
            await using (var both = new CryptoStream(output, hash, CryptoStreamMode.Write, leaveOpen: true))
                await input.CopyToAsync(both, stop);
            File.Delete(image);
            return new Part(at, output.Position - at, Convert.ToHexStringLower(hash.Hash!));
        }
    }

    private byte[] Header(Part tools, Part tree, Part app, string? command)
    {
        using var stream = typeof(RunFile).Assembly.GetManifestResourceStream("RunFile.sh")!;
        using var reader = new StreamReader(stream, Encoding.UTF8);
        var text = new StringBuilder(reader.ReadToEnd());
        var built = DateTimeOffset.FromUnixTimeSeconds(bundle.Epoch);
        (string Name, string Value)[] values =
        [
            ("NAME", bundle.Name),
            ("DIGEST", bundle.Digest.ToString()),
            ("LOCK", bundle.LockDigest),
            ("SUITE", bundle.Suite),
            ("BUILT", built.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture)),
            ("UNPACKED", $"{bundle.Bytes}"),
            ("ARCHITECTURE", "x86-64"),
            .. tools.Values("TOOLS"),
            .. tree.Values("BUNDLE"),
            .. app.Values("APP"),
            ("COMMAND", Bash.Quote(command ?? "")), // the last: it may say anything
        ];
        foreach (var (name, value) in values)
            text.Replace($"@{name}@", value);
        var bytes = Encoding.UTF8.GetBytes(text.ToString());
        // sh reads on behind an `exit` only by the block, and no byte there is a command.
        return bytes.Length <= HeaderBytes
            ? [.. bytes, .. Enumerable.Repeat((byte)'\n', HeaderBytes - bytes.Length)]
            : throw new BundleException($"The command is too long for a .run file: {command![..60]}…");
    }

    private readonly record struct Part(long At, long Bytes, string Sha256)
    {
        public (string, string)[] Values(string name) =>
            [($"{name}_AT", $"{At}"), ($"{name}_SIZE", $"{Bytes}"), ($"{name}_SHA256", Sha256)];
    }
}
