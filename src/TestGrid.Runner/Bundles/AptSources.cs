using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;
using TestGrid.Runner.Files;

namespace TestGrid.Runner.Bundles;

/// <summary>
/// Where Debian packages come from on this machine: the operator's mirrors, else those entries of the machine's own
/// source lists whose release says <c>Origin: Debian</c>. No host of a mirror stands in the product or in a bundle.
/// </summary>
public sealed partial class AptSources(IOptions<BundleOptions> options)
{
    private const string Targets = "$(ORIGIN)|$(LABEL)|$(CODENAME)|$(REPO_URI)|$(COMPONENT)";
    private readonly BundleOptions options = options.Value;
    private ImmutableArray<string> templates;
    private string? config;

    /// <summary>
    /// The text of <c>/etc/apt/sources.list</c> for a sandbox of this suite: mount it over the bundle's, which is
    /// empty.
    /// </summary>
    /// <exception cref="BundleException">The machine has no Debian mirror and the operator named none.</exception>
    public async ValueTask<string> ForSuiteAsync(string suite, CancellationToken stop) =>
        string.Concat((await LinesAsync(suite, stop)).Select(line => line + "\n"));

    /// <summary>
    /// The text of an apt.conf file for a sandbox: the machine's proxy, certificates and date checks, which its mirror
    /// may need. Mount it at <c>/etc/apt/apt.conf.d/95machine</c>.
    /// </summary>
    public async ValueTask<string> ConfigAsync(CancellationToken stop)
    {
        // Every job asks; starting a program for each would cost it ten milliseconds.
        if (config is not null)
            return config;
        var (_, dump) = await RunAsync("apt-config", ["dump", "--format", "%F \"%v\";%n"], stop);
        var kept = dump.Split('\n').Where(line => Kept.IsMatch(line));
        if (options.Proxy is { } proxy)
            kept = kept.Where(line => !line.Contains("::Proxy", StringComparison.Ordinal))
                .Append($"Acquire::http::Proxy \"{proxy}\";")
                .Append($"Acquire::https::Proxy \"{proxy}\";");
        return config = string.Concat(kept.Select(line => line + "\n"));
    }

    /// <summary>
    /// The lines themselves; a pocket that the mirror has not got is left out for suites that have none.
    /// </summary>
    internal async ValueTask<ImmutableArray<string>> LinesAsync(string suite, CancellationToken stop)
    {
        // Two who ask at once find the same twice: cheaper than a lock.
        if (templates.IsDefault)
            templates = options.Mirrors.Count > 0 ? [.. options.Mirrors] : await MachinesAsync(stop);
        return
        [
            .. templates
                .Where(line => suite != "sid" || !line.Contains("{suite}-", StringComparison.Ordinal))
                .Select(line => line.Replace("{suite}", suite, StringComparison.Ordinal)),
        ];
    }

    /// <summary>
    /// The newest date of the suite's releases, in seconds since 1970: the only clock a build knows, so that the same
    /// releases give the same bytes whenever it runs. Asks the mirror; signatures are checked.
    /// </summary>
    /// <param name="archives">Which of <c>main</c>, <c>updates</c>, <c>security</c>; empty for all.</param>
    internal async Task<AptRelease> ReleaseAsync(
        string suite,
        ImmutableSortedSet<string> archives,
        string folder,
        CancellationToken stop
    )
    {
        var lines = (await LinesAsync(suite, stop))
            .Where(line =>
                archives.IsEmpty
                || archives.Contains(
                    line.Contains($" {suite}-security ", StringComparison.Ordinal) ? "security"
                    : line.Contains($" {suite}-updates ", StringComparison.Ordinal) ? "updates"
                    : "main"
                )
            )
            .ToArray();
        var config = await IsolateAsync(folder, string.Concat(lines.Select(Signed).Select(line => line + "\n")), stop);
        var (code, errors) = await RunAsync("apt-get", ["-c", config, "-q", "--error-on=any", "update"], stop);
        if (code != 0)
            throw new BundleException(
                $"The Debian mirror does not give {suite}: {LastWords(errors)}. "
                    + "Remedy: see that apt-get update works here, or name another mirror in Bundles:Mirrors."
            );
        var lists = Path.Combine(folder, "lists");
        var newest = DateTimeOffset.UnixEpoch;
        foreach (var file in Directory.GetFiles(lists, "*Release"))
        {
            if (DateOf(file) is { } at && at > newest)
                newest = at;
        }
        return newest > DateTimeOffset.UnixEpoch
            ? new AptRelease(newest.ToUnixTimeSeconds(), config)
            : throw new BundleException($"The mirror's release of {suite} has no date.");
    }

    /// <summary>The names of all packages that the mirror has of a suite now.</summary>
    /// <exception cref="BundleException">The mirror does not give the suite.</exception>
    public async ValueTask<IReadOnlySet<string>> NamesAsync(string suite, CancellationToken stop)
    {
        var folder = Directory.CreateTempSubdirectory("testgrid-names-").FullName;
        try
        {
            var release = await ReleaseAsync(suite, [], folder, stop);
            var (code, said) = await RunAsync("apt-cache", ["-c", release.Config, "pkgnames"], stop);
            return code == 0
                ? said.Split('\n', StringSplitOptions.RemoveEmptyEntries).ToHashSet(StringComparer.Ordinal)
                : throw new BundleException($"apt-cache cannot read the lists of {suite}: {LastWords(said)}.");
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>What a release file says of itself; null when it has no date.</summary>
    internal static DateTimeOffset? DateOf(string file) =>
        File.ReadLines(file).FirstOrDefault(line => line.StartsWith("Date: ", StringComparison.Ordinal)) is { } date
            ? ReadDate(date[6..])
            : null;

    private async Task<ImmutableArray<string>> MachinesAsync(CancellationToken stop)
    {
        var (_, known) = await RunAsync("apt-get", IndexTargets([]), stop);
        var found = Read(known);
        if (found.IsEmpty)
        {
            // Nobody has run apt-get update here (a fresh container): the lists are fetched into a folder of ours.
            var folder = Path.Combine(options.RootPath, "apt", "machine");
            var config = await IsolateAsync(folder, null, stop);
            await RunAsync("apt-get", ["-c", config, "-q", "update"], stop);
            found = Read((await RunAsync("apt-get", IndexTargets(["-c", config]), stop)).Output);
        }
        return !found.IsEmpty
            ? found
            : throw new BundleException(
                "No entry of this machine's apt sources is a Debian mirror (Origin: Debian). "
                    + "Remedy: name one in Bundles:Mirrors, such as \"deb http://YOUR-MIRROR/debian {suite} main\"."
            );

        static string[] IndexTargets(string[] before) =>
            [.. before, "indextargets", "--format", Targets, "Created-By: Packages"];
    }

    // apt reads both forms of source lists and the releases for us. Only the shape is kept (main archive, -updates,
    // -security), so that a machine of another Debian release can still build this suite.
    private static ImmutableArray<string> Read(string targets)
    {
        var (main, pockets) = (new List<string>(), new List<string>());
        foreach (var line in targets.Split('\n'))
        {
            if (line.Split('|') is not ["Debian", var label, var codename, var uri, "main"])
                continue;
            var template = codename.Split('-', 2) switch
            {
                [_] when label == "Debian" => "{suite}",
                [_, "updates"] when label == "Debian" => "{suite}-updates",
                [_, "security"] when label == "Debian-Security" => "{suite}-security",
                _ => null,
            };
            if (template is null || !Address.IsMatch(uri))
                continue;
            (template == "{suite}" ? main : pockets).Add($"deb {uri.TrimEnd('/')} {template} main");
        }
        return main.Count == 0 ? [] : [.. main.Concat(pockets).Distinct()];
    }

    private string Signed(string line) =>
        line.StartsWith("deb [", StringComparison.Ordinal) || !File.Exists(options.Keyring)
            ? line
            : $"deb [signed-by={options.Keyring}] {line["deb ".Length..]}";

    private async Task<string> IsolateAsync(string folder, string? sources, CancellationToken stop)
    {
        Directory.CreateDirectory(Path.Combine(folder, "lists", "partial"));
        Directory.CreateDirectory(Path.Combine(folder, "cache", "archives", "partial"));
        Directory.CreateDirectory(Path.Combine(folder, "none"));
        await File.WriteAllTextAsync(Path.Combine(folder, "status"), "", stop);
        var text = new StringBuilder();
        // The machine's hooks (caches to clear, package kits to tell) are none of our business.
        text.Append("#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n")
            .Append("#clear APT::Update::Pre-Invoke;\n#clear Acquire::IndexTargets::deb::DEP-11;\n")
            .Append(CultureInfo.InvariantCulture, $"Dir::State::lists \"{folder}/lists\";\n")
            .Append(CultureInfo.InvariantCulture, $"Dir::Cache \"{folder}/cache\";\n")
            // What is installed or preferred on this machine must not choose for a bundle.
            .Append(CultureInfo.InvariantCulture, $"Dir::State::status \"{folder}/status\";\n")
            .Append(CultureInfo.InvariantCulture, $"Dir::State::extended_states \"{folder}/extended\";\n")
            .Append(CultureInfo.InvariantCulture, $"Dir::Etc::preferences \"{folder}/none/preferences\";\n")
            .Append(CultureInfo.InvariantCulture, $"Dir::Etc::preferencesparts \"{folder}/none\";\n")
            .Append("#clear APT::Architectures;\n#clear APT::Default-Release;\nAPT::Install-Suggests \"false\";\n")
            .Append(CultureInfo.InvariantCulture, $"APT::Architectures {{ \"{LockMaker.Architecture}\"; }};\n")
            .Append("Acquire::Languages \"none\";\nAcquire::GzipIndexes \"false\";\n");
        if (sources is not null)
        {
            await File.WriteAllTextAsync(Path.Combine(folder, "sources.list"), sources, stop);
            text.Append(CultureInfo.InvariantCulture, $"Dir::Etc::sourcelist \"{folder}/sources.list\";\n")
                .Append(CultureInfo.InvariantCulture, $"Dir::Etc::sourceparts \"{folder}/none\";\n");
        }
        if (Posix.EffectiveUser() == 0)
            text.Append("APT::Sandbox::User \"root\";\n"); // _apt may not reach a folder of ours
        text.Append(await ConfigAsync(stop));
        var config = Path.Combine(folder, "apt.conf");
        await File.WriteAllTextAsync(config, text.ToString(), stop);
        return config;
    }

    internal static async Task<(int Code, string Output)> RunAsync(string tool, string[] words, CancellationToken stop)
    {
        var start = new ProcessStartInfo(tool) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var word in words)
            start.ArgumentList.Add(word);
        start.Environment["LC_ALL"] = "C.UTF-8";
        Process process;
        try
        {
            process = Process.Start(start)!;
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            throw new BundleException($"{tool} is missing: bundles are built on Debian and its like.", e);
        }
        using (process)
        {
            try
            {
                var output = process.StandardOutput.ReadToEndAsync(stop);
                var errors = await process.StandardError.ReadToEndAsync(stop);
                await process.WaitForExitAsync(stop);
                return (process.ExitCode, process.ExitCode == 0 ? await output : errors + await output);
            }
            finally
            {
                if (!process.HasExited)
                    process.Kill(entireProcessTree: true);
            }
        }
    }

    internal static string LastWords(string output) =>
        string.Join(" ", output.Split('\n').Where(line => line.StartsWith("E: ", StringComparison.Ordinal)).Take(3));

    private static DateTimeOffset? ReadDate(string text) =>
        DateTimeOffset.TryParseExact(
            text.Trim().Replace(" UTC", " +00:00", StringComparison.Ordinal),
            "ddd, d MMM yyyy H:mm:ss zzz",
            CultureInfo.InvariantCulture,
            DateTimeStyles.None,
            out var at
        )
            ? at
            : null;

    [GeneratedRegex(@"\A(?:https?|file|mirror\+https?)://?[A-Za-z0-9\[\]:._~/@%+-]+\z")]
    private static partial Regex Address { get; }

    [GeneratedRegex(
        "\\AAcquire::(?:https?::(?:Proxy|Proxy::[^ ]+|Verify-Peer|Verify-Host)|Check-Valid-Until|Check-Date"
            + "|ForceIPv[46]) \"[^\"\\s]+\";\\z"
    )]
    private static partial Regex Kept { get; }
}

/// <summary>What the mirror has of a suite now.</summary>
/// <param name="Epoch">The newest release's date, in seconds since 1970.</param>
/// <param name="Config">An apt.conf that sees only these.</param>
internal sealed record AptRelease(long Epoch, string Config);
