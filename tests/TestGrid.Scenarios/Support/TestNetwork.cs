using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;

namespace TestGrid.Scenarios.Support;

/// <summary>
/// Machines as far as a network can tell: each with an address, a host name, processes and mounts of its own, on one
/// switch, which these tests are on as well. None of it has a name on this machine, and all of it is held by pipes of
/// ours: whatever becomes of us, the kernel takes the processes and then the cables. Needs root.
/// </summary>
internal sealed class TestNetwork : IAsyncDisposable
{
    private readonly List<TestHost> hosts = [];
    private readonly int number = RandomNumberGenerator.GetInt32(1, 255);
    private readonly TestHost cables;

    private TestNetwork(TestHost cables) => this.cables = cables;

    /// <summary>Where these tests are on it.</summary>
    public string OwnAddress => AddressOf(1);

    /// <summary>In CIDR form.</summary>
    public string Range => $"10.231.{number}.0/24";

    public static async Task<TestNetwork> StartAsync(CancellationToken stop)
    {
        var made = new TestNetwork(await TestHost.StartAsync("switch", "", stop));
        await made.cables.RunAsync(stop, "ip", "link", "add", "br0", "type", "bridge");
        await made.cables.RunAsync(stop, "ip", "link", "set", "br0", "up");
        // Our own place on it: a request from outside, as a git host or a browser would make it.
        var ours = string.Create(CultureInfo.InvariantCulture, $"tg{made.number}");
        await made.PlugAsync("p1", ours, Environment.ProcessId, stop);
        await TestHost.CallAsync(["ip", "addr", "add", made.AddressOf(1) + "/24", "dev", ours], stop);
        await TestHost.CallAsync(["ip", "link", "set", ours, "up"], stop);
        return made;
    }

    public async Task<TestHost> AddAsync(string name, CancellationToken stop)
    {
        var at = hosts.Count + 2;
        var host = await TestHost.StartAsync(name, AddressOf(at), stop);
        hosts.Add(host);
        await PlugAsync($"p{at}", "eth0", host.ProcessId, stop);
        await host.RunAsync(stop, "ip", "addr", "add", host.Address + "/24", "dev", "eth0");
        await host.RunAsync(stop, "ip", "link", "set", "eth0", "up");
        return host;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var host in hosts)
            await host.DisposeAsync();
        await cables.DisposeAsync();
    }

    private string AddressOf(int at) => string.Create(CultureInfo.InvariantCulture, $"10.231.{number}.{at}");

    private async Task PlugAsync(string port, string end, int process, CancellationToken stop)
    {
        var other = process.ToString(CultureInfo.InvariantCulture);
        await cables.RunAsync(stop, "ip", "link", "add", port, "type", "veth", "peer", "name", end, "netns", other);
        await cables.RunAsync(stop, "ip", "link", "set", port, "master", "br0", "up");
    }
}

/// <summary>One of its machines.</summary>
internal sealed class TestHost : IAsyncDisposable
{
    // It is process 1 there: when it ends, so does everything that was started there.
    private const string Init = """
        hostname "$0"
        ip link set lo up
        echo ready
        while read -r _; do :; done
        """;

    private readonly Process holder;

    private TestHost(Process holder, int process, string address) =>
        (this.holder, ProcessId, Address) = (holder, process, address);

    public string Address { get; }

    /// <summary>Variables of every program that is started there.</summary>
    public Dictionary<string, string?> Environment { get; } = [];

    /// <summary>Its first process, as this machine counts.</summary>
    public int ProcessId { get; }

    /// <summary>What stands before a command that is to run there.</summary>
    public string[] Enter =>
        [
            "nsenter",
            "--target",
            ProcessId.ToString(CultureInfo.InvariantCulture),
            "--net",
            "--uts",
            "--pid",
            "--mount",
            "--",
        ];

    public static async Task<TestHost> StartAsync(string name, string address, CancellationToken stop)
    {
        string[] unshare = ["--net", "--uts", "--mount-proc", "--pid", "--fork", "--kill-child"];
        var start = new ProcessStartInfo("unshare", [.. unshare, "--", "bash", "-c", Init, name])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        var holder = Process.Start(start)!;
        Assert.Equal("ready", await holder.StandardOutput.ReadLineAsync(stop));
        return new TestHost(holder, FirstChild(holder.Id), address);
    }

    /// <summary>Its disk has not what is in this folder of ours: there it is empty.</summary>
    public Task HideAsync(string folder, CancellationToken stop) =>
        CallAsync([.. Enter, "mount", "-t", "tmpfs", "tmpfs", folder], stop);

    /// <summary>Whether a program there finds anything at the path.</summary>
    public async Task<bool> HasAsync(string path, CancellationToken stop)
    {
        string[] command = [.. Enter, "test", "-e", path];
        using var test = Process.Start(command[0], command[1..]);
        await test.WaitForExitAsync(stop);
        return test.ExitCode == 0;
    }

    /// <summary>Cuts its cable, or mends it.</summary>
    public Task LinkAsync(string state, CancellationToken stop) => RunAsync(stop, "ip", "link", "set", "eth0", state);

    /// <summary>Runs a command in its network alone: a process's number means the same there as here.</summary>
    public Task RunAsync(CancellationToken stop, params string[] command) =>
        CallAsync([.. Enter[..3], "--net", "--", .. command], stop);

    public async ValueTask DisposeAsync()
    {
        holder.StandardInput.Close();
        await holder.WaitForExitAsync();
        holder.Dispose();
    }

    internal static int FirstChild(int process)
    {
        var children = File.ReadAllText(
            string.Create(CultureInfo.InvariantCulture, $"/proc/{process}/task/{process}/children")
        );
        return int.Parse(children.Split(' ')[0], CultureInfo.InvariantCulture);
    }

    internal static async Task CallAsync(string[] command, CancellationToken stop)
    {
        var start = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var errors = await process.StandardError.ReadToEndAsync(stop);
        await process.WaitForExitAsync(stop);
        Assert.True(process.ExitCode == 0, $"{string.Join(' ', command)}: {errors}");
    }
}
