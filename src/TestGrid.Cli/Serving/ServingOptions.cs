using System.CommandLine;
using TestGrid.Cli.Machine;

namespace TestGrid.Cli.Serving;

/// <summary>How a server is started: what the command line says.</summary>
/// <param name="Listen">Where it listens.</param>
/// <param name="PublicUrl">Where git hosts and people reach it, if that is elsewhere.</param>
/// <param name="DataPath">The data folder.</param>
/// <param name="BundlesPath">The bundle store, if it is not in the data folder.</param>
/// <param name="Slots">Jobs at once of the embedded runner; null is one per processor.</param>
/// <param name="Verbose">Log more.</param>
internal sealed record ServingSettings(
    string Listen,
    string? PublicUrl,
    string DataPath,
    string? BundlesPath,
    int? Slots,
    bool Verbose
)
{
    /// <summary>Where jobs wait.</summary>
    public QueueWords Queue { get; init; } = new();

    /// <summary>More names that it answers to.</summary>
    public string[] Hosts { get; init; } = [];
}

/// <summary>The options that <c>up</c> and <c>server</c> share.</summary>
internal sealed class ServingOptions
{
    private readonly Option<string> listen = new("--listen")
    {
        Description = "where to listen: an IP address or localhost, and a port; port 0 takes a free one",
        DefaultValueFactory = _ => "http://127.0.0.1:8080",
        HelpName = "URL",
    };

    private readonly Option<string?> publicUrl = new("--public-url")
    {
        Description = "where git hosts and people reach it, if that is elsewhere (behind a proxy)",
        HelpName = "URL",
    };

    private readonly Option<string[]> hosts = new("--host")
    {
        Description = "one more name that it answers to, such as a container's; may be repeated",
        HelpName = "NAME",
    };

    private readonly Option<DirectoryInfo?> data = new("--data")
    {
        Description = "the data folder (default: $TESTGRID_DATA, else /var/lib/testgrid)",
        HelpName = "DIR",
    };

    private readonly Option<DirectoryInfo?> bundles = new("--bundles")
    {
        Description = "the bundle store, if it is not in the data folder",
        HelpName = "DIR",
    };

    private readonly Option<int?> slots = new("--slots")
    {
        Description = "jobs at once of the embedded runner; 0 runs none (default: one per processor)",
    };

    private readonly QueueChoice queue = new("by default jobs wait in the server's own database: sqlite");

    private readonly Option<bool> verbose = new("--verbose", "-v") { Description = "log more" };

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[listen, publicUrl, hosts, data, bundles, slots, verbose])
            command.Add(option);
        queue.AddTo(command);
    }

    /// <summary>Only what says where and how many, for commands that look at a machine and start nothing.</summary>
    public void AddPlacesTo(Command command)
    {
        foreach (var option in (Option[])[listen, data, bundles, slots])
            command.Add(option);
        queue.AddTo(command);
    }

    public ServingSettings Read(ParseResult parsed) =>
        new(
            Url(parsed.GetValue(listen)!),
            parsed.GetValue(publicUrl),
            parsed.GetValue(data)?.FullName ?? Server.Store.DataFolder.Usual(),
            parsed.GetValue(bundles)?.FullName,
            parsed.GetValue(slots),
            parsed.GetValue(verbose)
        )
        {
            Queue = queue.Said(parsed),
            Hosts = parsed.GetValue(hosts) ?? [],
        };

    // People write 127.0.0.1:8080, too; there is only one scheme that it could be.
    private static string Url(string listen) =>
        listen.Contains("://", StringComparison.Ordinal) ? listen : $"http://{listen}";
}
