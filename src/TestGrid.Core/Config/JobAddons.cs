using System.Collections.Immutable;
using System.Text.RegularExpressions;
using TestGrid.Core.Yaml;

namespace TestGrid.Core.Config;

/// <summary>What a job's small addons ask for (travis-build, addons/hosts.rb, ssh_known_hosts.rb, code_climate.rb).</summary>
public sealed partial record JobAddons
{
    /// <summary>The service that is a program beside the job's own, and needs no files of its own.</summary>
    internal const string Screen = "xvfb";

    private static readonly string[] Names = ["hostname", "hosts", "ssh_known_hosts", "code_climate"];

    /// <summary>Names that mean the job's own machine: addon <c>hosts</c>.</summary>
    public ImmutableArray<string> Hosts { get; init; } = [];

    /// <summary>Machines whose ssh keys are asked for and believed, each with a port or not: <c>ssh_known_hosts</c>.</summary>
    public ImmutableArray<string> KnownHosts { get; init; } = [];

    /// <summary>What the job's machine is called, or null for its usual name: addon <c>hostname</c>.</summary>
    public string? HostName { get; init; }

    /// <summary>A screen that nobody sees, <c>DISPLAY=:99.0</c>: service <c>xvfb</c>, a program of the job's own bundle.</summary>
    public bool HasScreen { get; init; }

    /// <summary>The value of <c>CODECLIMATE_REPO_TOKEN</c>, or a reference to a variable; null for none.</summary>
    public string? CodeClimateToken { get; init; }

    /// <summary>Whether an addon is one of these, and nothing of its value is lost: it may be encrypted, or no name.</summary>
    internal static bool Has(string name, YamlNode value) =>
        Names.Contains(name)
        && (
            name == "code_climate"
                ? value is not YamlMap map || map["repo_token"] is null or YamlScalar
                : All(value).All(item => item is YamlScalar { Text: { } text } && IsHost(text))
        );

    internal static JobAddons Of(YamlMap job)
    {
        var addons = job["addons"] as YamlMap;
        return new JobAddons
        {
            HostName = Texts(addons?["hostname"]).FirstOrDefault(name => name.Length < 64 && !name.Contains(':')),
            Hosts = Texts(addons?["hosts"]),
            KnownHosts = Texts(addons?["ssh_known_hosts"]),
            HasScreen = All(job["services"]).Any(item => item is YamlScalar { Text: Screen }),
            CodeClimateToken = ((addons?["code_climate"] as YamlMap)?["repo_token"] as YamlScalar)?.Text,
        };
    }

    private static ImmutableArray<string> Texts(YamlNode? node) =>
        [.. All(node).OfType<YamlScalar>().Select(item => item.Text).OfType<string>().Where(IsHost).Distinct()];

    private static ImmutableArray<YamlNode> All(YamlNode? node) =>
        node switch
        {
            null => [],
            YamlList list => list.Items,
            _ => [node],
        };

    // They become words of commands.
    private static bool IsHost(string text) => text.Length <= 260 && Host.IsMatch(text);

    [GeneratedRegex(@"\A[A-Za-z0-9_][A-Za-z0-9._-]*(:[0-9]{1,5})?\z")]
    private static partial Regex Host { get; }
}
