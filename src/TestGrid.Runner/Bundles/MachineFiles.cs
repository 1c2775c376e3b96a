using System.Collections.Immutable;

namespace TestGrid.Runner.Bundles;

/// <summary>A file of this machine that a sandbox is shown over its bundle's, read-only.</summary>
/// <param name="Source">The path here, readable by all.</param>
/// <param name="Target">The path inside.</param>
public sealed record MachineFile(string Source, string Target);

/// <summary>
/// What a bundle cannot hold because it differs from machine to machine: where packages come from, through which
/// proxy, and which further certificates are trusted.
/// </summary>
internal sealed class MachineFiles(AptSources sources, BundleOptions options)
{
    /// <summary>
    /// Inside: the extra authorities alone, for programs that bring their own list (<c>NODE_EXTRA_CA_CERTS</c>).
    /// </summary>
    private const string Extra = "/usr/local/share/ca-certificates/testgrid-extra.crt";
    private const string Whole = "/etc/ssl/certs/ca-certificates.crt";

    public async ValueTask<ImmutableArray<MachineFile>> ForAsync(Bundle bundle, CancellationToken stop)
    {
        // Another's tree is of no suite of this mirror, and a link in it could lead anywhere here.
        if (bundle.IsUnlocked)
            return [];
        var folder = Directory.CreateDirectory(Path.Combine(options.RootPath, "machine", bundle.Suite)).FullName;
        var files = ImmutableArray.CreateBuilder<MachineFile>();
        await ShowAsync("sources.list", "/etc/apt/sources.list", await sources.ForSuiteAsync(bundle.Suite, stop));
        await ShowAsync("apt.conf", "/etc/apt/apt.conf.d/95machine", await sources.ConfigAsync(stop));
        if (options.ExtraCertificates is { } extra)
        {
            var more = await ReadExtraAsync(extra, stop);
            var own = await File.ReadAllTextAsync(bundle.RootPath + Whole, stop);
            await ShowAsync("extra.crt", Extra, more);
            await ShowAsync($"ca-{bundle.Digest.Short}.crt", Whole, own.TrimEnd() + "\n" + more);
        }
        return files.ToImmutable();

        async Task ShowAsync(string name, string target, string text)
        {
            var path = Path.Combine(folder, name);
            files.Add(new MachineFile(path, target));
            if (File.Exists(path) && await File.ReadAllTextAsync(path, stop) == text)
                return;
            // A sandbox that has the old one mounted keeps it whole: it is replaced, not rewritten.
            var beside = Path.Combine(folder, Path.GetRandomFileName());
            await File.WriteAllTextAsync(beside, text, stop);
            File.SetUnixFileMode(beside, (UnixFileMode)0x1A4); // 0644
            File.Move(beside, path, overwrite: true);
        }
    }

    private static async Task<string> ReadExtraAsync(string path, CancellationToken stop)
    {
        try
        {
            var text = await File.ReadAllTextAsync(path, stop);
            return text.Contains("-----BEGIN CERTIFICATE-----", StringComparison.Ordinal)
                ? text
                : throw new BundleException($"Bundles:ExtraCertificates, {path}, holds no PEM certificate.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BundleException($"Bundles:ExtraCertificates, {path}, cannot be read: {e.Message}", e);
        }
    }
}
