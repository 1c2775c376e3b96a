using System.CommandLine;
using TestGrid.Cli.Api;
using TestGrid.Cli.Exits;
using TestGrid.Cli.Machine;
using TestGrid.Server.Store;

namespace TestGrid.Cli.Serving;

/// <summary>How a remote runner is started: what the command line says.</summary>
/// <param name="Server">Its server, and a runner's token.</param>
/// <param name="Name">Who it is.</param>
/// <param name="Slots">Jobs at once; null is one per processor.</param>
/// <param name="DataPath">Where it keeps checkouts, bundles, and what is not told yet.</param>
/// <param name="BundlesPath">The bundle store, if it is not in the data folder.</param>
/// <param name="Verbose">Log more.</param>
/// <param name="Queue">The broker that its orders come from, if not the server.</param>
internal sealed record RemoteSettings(
    Connection Server,
    string Name,
    int? Slots,
    string DataPath,
    string? BundlesPath,
    bool Verbose,
    QueueWords Queue
);

/// <summary>The options of <c>testgrid runner</c>.</summary>
internal sealed class RemoteOptions
{
    private readonly Option<string?> name = new("--name")
    {
        Description = "who it is, on the runners page and in logs (default: this machine's name)",
        HelpName = "NAME",
    };

    private readonly Option<int?> slots = new("--slots")
    {
        Description = "jobs at once, 1 to 64 (default: one per processor)",
    };

    private readonly Option<DirectoryInfo?> data = new("--data")
    {
        Description = "where it keeps its things (default: $TESTGRID_DATA, else /var/lib/testgrid)",
        HelpName = "DIR",
    };

    private readonly Option<DirectoryInfo?> bundles = new("--bundles")
    {
        Description = "the bundle store, if it is not in the data folder",
        HelpName = "DIR",
    };

    private readonly Option<bool> insecure = new("--allow-insecure")
    {
        Description = "send the token, and get secrets, over plain http to another machine",
    };

    private readonly QueueChoice queue = new(
        "the server's own, to take orders from it; by default the server is asked for them"
    );

    private readonly Option<bool> verbose = new("--verbose", "-v") { Description = "log more" };

    public void AddTo(Command command)
    {
        foreach (var option in (Option[])[name, slots, data, bundles, insecure, verbose])
            command.Add(option);
        queue.AddTo(command);
    }

    public RemoteSettings Read(ParseResult parsed)
    {
        var server = Connection.OfRunner(parsed);
        if (server.Url.Scheme is "http" && !server.Url.IsLoopback && !parsed.GetValue(insecure))
        {
            throw new CommandException(
                $"{server.Url} is plain http on another machine: whoever listens in between would read the token and the "
                    + "jobs' secrets. Use https, or say --allow-insecure on a network that is nobody else's",
                ExitCodes.Usage
            );
        }
        if (parsed.GetValue(slots) is < 1 or > 64)
            throw new CommandException("--slots is 1 to 64", ExitCodes.Usage);
        return new RemoteSettings(
            server,
            parsed.GetValue(name) ?? Environment.MachineName,
            parsed.GetValue(slots),
            parsed.GetValue(data)?.FullName ?? DataFolder.Usual(),
            parsed.GetValue(bundles)?.FullName,
            parsed.GetValue(verbose),
            queue.Said(parsed)
        );
    }
}
