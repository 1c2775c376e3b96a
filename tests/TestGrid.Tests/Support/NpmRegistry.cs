using System.Formats.Tar;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace TestGrid.Tests.Support;

/// <summary>A registry of npm packages on a loopback port, as much of one as tools need.</summary>
public sealed class NpmRegistry : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly SortedDictionary<string, byte[]> tarballs = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, List<(string Version, string Integrity)>> packages = [];

    private NpmRegistry(WebApplication app) => this.app = app;

    public string Address => app.Urls.Single();

    /// <summary>How many tarballs were asked for.</summary>
    public int Given { get; private set; }

    public static async Task<NpmRegistry> StartAsync(CancellationToken stop)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var registry = new NpmRegistry(builder.Build());
        registry.app.MapGet("/{package}", registry.List);
        registry.app.MapGet("/{package}/-/{file}", registry.Give);
        await registry.app.StartAsync(stop);
        return registry;
    }

    /// <summary>Publishes files, each with its mode, as npm packs them: under <c>package/</c>.</summary>
    /// <param name="integrity">What the list says of it; null for the truth.</param>
    public byte[] Publish(
        string package,
        string version,
        string? integrity = null,
        params (string Path, byte[] Bytes)[] files
    )
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        using (var tar = new TarWriter(gzip, TarEntryFormat.Ustar))
        {
            foreach (var (path, bytes) in files)
                tar.WriteEntry(
                    new UstarTarEntry(TarEntryType.RegularFile, "package/" + path)
                    {
                        DataStream = new MemoryStream(bytes),
                        Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
                    }
                );
        }
        var whole = packed.ToArray();
        tarballs[$"{package}-{version}.tgz"] = whole;
        if (!packages.TryGetValue(package, out var versions))
            packages[package] = versions = [];
        versions.Add((version, integrity ?? $"sha512-{Convert.ToBase64String(SHA512.HashData(whole))}"));
        return whole;
    }

    /// <summary>The registry gives something else from now on, as one that was broken into.</summary>
    public void Replace(string package, string version, string with) =>
        tarballs[$"{package}-{version}.tgz"] = Encoding.UTF8.GetBytes(with);

    public async ValueTask DisposeAsync() => await app.DisposeAsync();

    private IResult List(string package) =>
        packages.TryGetValue(package, out var versions)
            ? Results.Json(
                new
                {
                    name = package,
                    versions = versions.ToDictionary(
                        one => one.Version,
                        one => new { dist = new { integrity = one.Integrity } }
                    ),
                }
            )
            : Results.NotFound();

    private IResult Give(string package, string file)
    {
        Given++;
        return tarballs.TryGetValue(file, out var bytes) ? Results.Bytes(bytes) : Results.NotFound();
    }
}
