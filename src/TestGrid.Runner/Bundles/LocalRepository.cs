using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// An apt repository of exactly a lock's packages, so that apt cannot choose anything else, with the archives of its tools
/// beside them. Its own hashes are the lock's, so apt checks every package once more as it reads it.
/// </summary>
internal static partial class LocalRepository
{
    public const string Suite = "locked";

    /// <summary>The source line to give to apt.</summary>
    public static string Line(string folder) => $"deb [trusted=yes] copy:{folder} {Suite} main";

    /// <exception cref="BundleException">A package is another than the lock says.</exception>
    public static async Task MakeAsync(BundleLock wanted, PackagePool pool, string folder, CancellationToken stop)
    {
        var index = Directory.CreateDirectory(
            Path.Combine(folder, "dists", Suite, "main", $"binary-{wanted.Architecture}")
        );
        foreach (var package in wanted.Packages)
            Place(pool.FileOf(package.Sha256), Path.Combine(folder, package.Sha256 + ".deb"));
        foreach (var hash in wanted.Tools.Select(tool => tool.Sha256).Distinct())
            Place(pool.FileOf(hash), Path.Combine(folder, hash));
        var controls = await ControlsAsync(wanted, pool, stop);
        var text = new StringBuilder();
        foreach (var (package, control) in wanted.Packages.Zip(controls))
        {
            Same(package, control, "Package", package.Name);
            Same(package, control, "Version", package.Version);
            Same(package, control, "Architecture", package.Arch);
            // The archive's word on priority counts, as it does for apt, and not the package's own.
            text.Append(Archives.Replace(control, "").Trim('\n'))
                .Append(CultureInfo.InvariantCulture, $"\nPriority: {(package.Required ? "required" : "optional")}\n")
                .Append(CultureInfo.InvariantCulture, $"Filename: {package.Sha256}.deb\nSize: {package.Size}\n")
                .Append(CultureInfo.InvariantCulture, $"SHA256: {package.Sha256}\n\n");
        }
        var packages = Encoding.UTF8.GetBytes(text.ToString());
        await File.WriteAllBytesAsync(Path.Combine(index.FullName, "Packages"), packages, stop);
        var date = DateTimeOffset.FromUnixTimeSeconds(wanted.Epoch).ToString("r").Replace("GMT", "UTC");
        await File.WriteAllTextAsync(
            Path.Combine(folder, "dists", Suite, "Release"),
            $"Origin: TestGrid\nSuite: {Suite}\nCodename: {Suite}\nDate: {date}\nComponents: main\n"
                + $"Architectures: {wanted.Architecture}\nSHA256:\n {Convert.ToHexStringLower(SHA256.HashData(packages))} "
                + $"{packages.Length} main/binary-{wanted.Architecture}/Packages\n",
            stop
        );
    }

    private static void Place(string file, string target)
    {
        if (Posix.TryLink(file, target))
            return;
        File.Copy(file, target);
        File.SetUnixFileMode(target, (UnixFileMode)0x1A4); // 0644
    }

    private static async Task<string[]> ControlsAsync(BundleLock wanted, PackagePool pool, CancellationToken stop)
    {
        const string each = "for file; do dpkg-deb -f \"$file\" || exit; printf '\\001'; done";
        var (code, said) = await AptSources.RunAsync(
            "sh",
            ["-c", each, "controls", .. wanted.Packages.Select(package => pool.FileOf(package.Sha256))],
            stop
        );
        var controls = said.Split('\u0001')[..^1];
        if (code != 0 || controls.Length != wanted.Packages.Length)
            throw new BundleException($"A package of the lock of {wanted.Bundle} is no .deb: {said.Trim()}");
        return controls;
    }

    private static void Same(LockedPackage package, string control, string field, string should)
    {
        var line = $"\n{field}: {should}\n";
        if (!("\n" + control).Contains(line, StringComparison.Ordinal))
            throw new BundleException(
                $"The lock lies about {package}: the file with its hash has another {field}. Remedy: lock it anew."
            );
    }

    [GeneratedRegex(@"^(?:Priority|Filename|Size|SHA256|MD5sum|SHA1):.*\n", RegexOptions.Multiline)]
    private static partial Regex Archives { get; }
}
