using System.Diagnostics;
using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Bundles;

namespace TestGrid.Tests.Support;

/// <summary>A mirror in a folder with packages made by dpkg-deb, for tests of the pool: no network, no Debian.</summary>
public sealed class SyntheticMirror(string folder)
{
    public string PathOf(LockedPackage package) => Path.Combine(folder, package.Path);

    internal PackagePool Pool(string root)
    {
        var options = new BundleOptions { RootPath = root, Mirrors = { $"deb file://{folder} {{suite}} main" } };
        return new PackagePool(options, new AptSources(Options.Create(options)), TimeProvider.System);
    }

    /// <summary>Builds a package that holds one file, and puts it on the mirror.</summary>
    /// <param name="script">What it runs when it is installed, for <c>/bin/sh</c>; or null.</param>
    public async Task<LockedPackage> AddAsync(
        string name,
        string version,
        CancellationToken stop,
        string? script = null
    )
    {
        var tree = Directory.CreateDirectory(Path.Combine(folder, "build", name));
        var control = Directory.CreateDirectory(Path.Combine(tree.FullName, "DEBIAN"));
        await File.WriteAllTextAsync(
            Path.Combine(control.FullName, "control"),
            $"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: {name}\n",
            stop
        );
        await File.WriteAllTextAsync(Path.Combine(tree.FullName, name), version, stop);
        if (script is not null)
        {
            var file = Path.Combine(control.FullName, "postinst");
            await File.WriteAllTextAsync(file, script, stop);
            File.SetUnixFileMode(file, (UnixFileMode)0x1ED); // 0755
        }
        var path = $"pool/main/{name[0]}/{name}_{version}_all.deb";
        var package = Path.Combine(folder, path);
        Directory.CreateDirectory(Path.GetDirectoryName(package)!);
        using var build = Process.Start(
            new ProcessStartInfo("dpkg-deb", ["--root-owner-group", "-b", tree.FullName, package])
            {
                RedirectStandardOutput = true,
            }
        )!;
        await build.StandardOutput.ReadToEndAsync(stop);
        await build.WaitForExitAsync(stop);
        var bytes = await File.ReadAllBytesAsync(package, stop);
        var hash = Convert.ToHexStringLower(SHA256.HashData(bytes));
        return new LockedPackage(name, version, "all", "bookworm", path, bytes.Length, hash, false);
    }

    public static BundleLock Lock(params LockedPackage[] packages) =>
        new()
        {
            Bundle = "tiny",
            Suite = "bookworm",
            Architecture = "amd64",
            RecipeHash = new string('a', 64),
            Epoch = 1_795_227_046,
            Releases = [],
            Packages = BundleLock.InOrder(packages),
        };
}
