using System.Collections.Immutable;
using System.Net;
using System.Security.Cryptography;
using System.Text.Json;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Bundles.Imports;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// Where the archives of recipes' <c>tools:</c> come from: npm's registry as npm is set up here, or the address that
/// the recipe gives. What comes is believed by its hash alone, and kept in the pool with the packages.
/// </summary>
internal sealed class ToolSource(BundleOptions options, PackagePool pool)
{
    // The largest that anybody ships this way is about a tenth of this.
    private const long MostBytes = 2L << 30;
    private const int MostListBytes = 128 << 20;
    private static readonly TimeSpan AnswerTime = TimeSpan.FromMinutes(10);
    private string? registry;

    /// <summary>What each tool of the recipe is today; each is in the pool then.</summary>
    /// <param name="known">An older lock: what it has already is not fetched again; null of none.</param>
    /// <param name="folder">For files on the way.</param>
    public async Task<ImmutableArray<LockedTool>> ResolveAsync(
        Recipe recipe,
        BundleLock? known,
        string folder,
        CancellationToken stop
    )
    {
        var found = ImmutableArray.CreateBuilder<LockedTool>();
        foreach (var tool in recipe.Tools)
            found.Add(
                tool.Npm is { } package
                    ? await ResolveNpmAsync(package, tool.Version, known, folder, stop)
                    : await ResolveUrlAsync(tool, known, folder, stop)
            );
        return found.ToImmutable();
    }

    /// <summary>Tools of the lock that the pool has not got. The others count as used now.</summary>
    public async Task<ImmutableArray<LockedTool>> MissingAsync(BundleLock wanted, CancellationToken stop)
    {
        var missing = ImmutableArray.CreateBuilder<LockedTool>();
        foreach (var tool in wanted.Tools)
        {
            if (!await pool.HasAsync(tool.Size, tool.Sha256, stop))
                missing.Add(tool);
        }
        return missing.ToImmutable();
    }

    /// <summary>Fetches those that are missing into the pool.</summary>
    /// <exception cref="BundleException">One cannot be had, or is another than the lock says.</exception>
    public async Task FetchAsync(BundleLock wanted, string folder, CancellationToken stop)
    {
        foreach (var tool in await MissingAsync(wanted, stop))
        {
            var address = tool.IsNpm ? await TarballAsync(tool.Name, tool.Version, stop) : tool.Name;
            var (file, _, _) = await DownloadAsync(tool.ToString(), address, folder, stop);
            if (!await pool.TakeAsync(file, tool.Size, tool.Sha256, stop))
                throw new BundleException(
                    $"What was fetched for {tool} is not what the lock of {wanted.Bundle} says. It is not used."
                );
        }
    }

    private async Task<LockedTool> ResolveNpmAsync(
        string package,
        string version,
        BundleLock? known,
        string folder,
        CancellationToken stop
    )
    {
        var (exact, integrity) = await NewestAsync(package, version, stop);
        if (
            known?.Tools.FirstOrDefault(tool =>
                (tool.Name, tool.Version, tool.Integrity) == (package, exact, integrity)
            ) is
            { } same
        )
            return same;
        var address = await TarballAsync(package, exact, stop);
        var (file, sha256, sha512) = await DownloadAsync($"{package}@{exact}", address, folder, stop);
        if (integrity != $"sha512-{Convert.ToBase64String(sha512)}")
            throw new BundleException($"What npm's registry gives as {package}@{exact} is not what it says it is.");
        return await TakeAsync(new LockedTool(package, exact, 0, "", integrity), file, sha256, stop);
    }

    private async Task<LockedTool> ResolveUrlAsync(
        RecipeTool tool,
        BundleLock? known,
        string folder,
        CancellationToken stop
    )
    {
        if (known?.Tools.FirstOrDefault(old => old.Name == tool.Url && old.Sha256 == tool.Sha256) is { } same)
            return same;
        var (file, sha256, _) = await DownloadAsync(tool.Url!, tool.Url!, folder, stop);
        var found = Convert.ToHexStringLower(sha256);
        return found == tool.Sha256
            ? await TakeAsync(new LockedTool(tool.Url!, "", 0, "", ""), file, sha256, stop)
            : throw new BundleException(
                $"{tool.Url} gives a file with the SHA-256 {found}, and the recipe says {tool.Sha256}."
            );
    }

    private async Task<LockedTool> TakeAsync(LockedTool tool, string file, byte[] sha256, CancellationToken stop)
    {
        var locked = tool with { Size = new FileInfo(file).Length, Sha256 = Convert.ToHexStringLower(sha256) };
        if (!await pool.TakeAsync(file, locked.Size, locked.Sha256, stop))
            throw new BundleException($"{tool} was changed on its way into the pool.");
        return locked;
    }

    private async Task<(string Version, string Integrity)> NewestAsync(
        string package,
        string wanted,
        CancellationToken stop
    )
    {
        var address = $"{await RegistryAsync(stop)}/{package.Replace("/", "%2f", StringComparison.Ordinal)}";
        using var http = Client();
        http.MaxResponseContentBufferSize = MostListBytes;
        http.DefaultRequestHeaders.Add("Accept", "application/vnd.npm.install-v1+json, application/json;q=0.8");
        try
        {
            using var list = JsonDocument.Parse(await http.GetByteArrayAsync(new Uri(address), stop));
            var newest = list
                .RootElement.GetProperty("versions")
                .EnumerateObject()
                .Where(one => one.Name == wanted || one.Name.StartsWith(wanted + ".", StringComparison.Ordinal))
                .Select(one => (Version: Version.TryParse(one.Name, out var whole) ? whole : null, one.Value))
                .Where(one => one.Version is { Build: >= 0, Revision: < 0 })
                .OrderByDescending(one => one.Version)
                .FirstOrDefault();
            if (newest.Version is null)
                throw new BundleException($"npm's registry has no {package}@{wanted}.");
            var integrity = newest.Value.GetProperty("dist").TryGetProperty("integrity", out var said)
                ? said.GetString() ?? ""
                : "";
            return integrity.StartsWith("sha512-", StringComparison.Ordinal)
                ? (newest.Version.ToString(), integrity)
                : throw new BundleException($"npm's registry gives no sha512 for {package}@{newest.Version}.");
        }
        catch (Exception e)
            when (e is HttpRequestException or JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new BundleException($"npm's registry could not be asked for {package}: {e.Message}. {Remedy}", e);
        }
    }

    private async Task<string> TarballAsync(string package, string version, CancellationToken stop) =>
        $"{await RegistryAsync(stop)}/{package}/-/{package[(package.IndexOf('/', StringComparison.Ordinal) + 1)..]}"
        + $"-{version}.tgz";

    private async Task<(string File, byte[] Sha256, byte[] Sha512)> DownloadAsync(
        string name,
        string address,
        string folder,
        CancellationToken stop
    )
    {
        var file = Path.Combine(folder, Path.GetRandomFileName());
        try
        {
            using var http = Client(options.GuardsTools && name == address);
            using var answer = await http.GetAsync(new Uri(address), HttpCompletionOption.ResponseHeadersRead, stop);
            answer.EnsureSuccessStatusCode();
            await using var from = await answer.Content.ReadAsStreamAsync(stop);
            await using var to = File.Create(file);
            using var sha256 = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            using var sha512 = IncrementalHash.CreateHash(HashAlgorithmName.SHA512);
            var buffer = new byte[1 << 16];
            int read;
            while ((read = await from.ReadAsync(buffer, stop)) > 0)
            {
                if (to.Length + read > MostBytes)
                    throw new BundleException($"{name} has more than {MostBytes >> 20} MB: no tool is that large.");
                await to.WriteAsync(buffer.AsMemory(0, read), stop);
                sha256.AppendData(buffer, 0, read);
                sha512.AppendData(buffer, 0, read);
            }
            return (file, sha256.GetHashAndReset(), sha512.GetHashAndReset());
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new BundleException($"{name} could not be fetched: {e.Message}. {Remedy}", e);
        }
        catch (TaskCanceledException e) when (!stop.IsCancellationRequested)
        {
            throw new BundleException($"{name} could not be fetched within {AnswerTime}. {Remedy}", e);
        }
    }

    private HttpClient Client(bool isStrangers = false) =>
        new(
            new SocketsHttpHandler
            {
                AutomaticDecompression = DecompressionMethods.All,
                ConnectTimeout = TimeSpan.FromSeconds(20),
                Proxy = options.Proxy is { } proxy ? new WebProxy(proxy) : null,
                // A repository's recipe would have this machine ask what its network does not show to others.
                ConnectCallback = isStrangers ? new RegistryAddresses(options.Registries).ConnectAsync : null,
            }
        )
        {
            Timeout = AnswerTime,
        };

    // npm's own configuration says it, wherever that lies: its files, its variables, its default.
    private async Task<string> RegistryAsync(CancellationToken stop)
    {
        if (registry is not null)
            return registry;
        var said = options.NpmRegistry ?? await AskNpmAsync(stop);
        return Uri.TryCreate(said, UriKind.Absolute, out var address) && address.Scheme is "http" or "https"
            ? registry = said.TrimEnd('/')
            : throw new BundleException($"No npm registry is known here. {Remedy}");
    }

    private static async Task<string> AskNpmAsync(CancellationToken stop)
    {
        try
        {
            var (code, said) = await AptSources.RunAsync("npm", ["config", "get", "registry"], stop);
            return code == 0 ? said.Trim() : "";
        }
        catch (BundleException)
        {
            return ""; // npm is not here
        }
    }

    private const string Remedy =
        "Remedy: set Bundles:NpmRegistry to your registry's address, or install npm here, whose setting counts then; "
        + "or take a pool from another machine (testgrid pool export, import).";
}
