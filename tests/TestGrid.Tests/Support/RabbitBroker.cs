using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace TestGrid.Tests.Support;

/// <summary>
/// A real rabbitmq-server of the tests' own: own ports, data, node name, cookie and port mapper, all in one process
/// group that ends with the tests, however those end. It may be stopped, killed and started again over the same data.
/// </summary>
/// <param name="address">Where it listens.</param>
/// <param name="enter">What stands before a command that runs where that address is.</param>
public sealed class RabbitBroker(string address = "127.0.0.1", params string[] enter) : IAsyncDisposable
{
    // The group lives as long as its input is open: the kernel closes that for us if the tests are killed.
    private const string Group = """
        epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 &
        /usr/lib/rabbitmq/bin/rabbitmq-server &
        while read -r _; do :; done
        kill -9 0
        """;

    private const string Programs = "/usr/lib/rabbitmq/bin";

    private readonly TempFolder folder = new();
    private readonly StringBuilder said = new();
    private readonly int mapper = FreePort();
    private readonly int distribution = FreePort();
    private Process? group;

    public int Port { get; } = FreePort();

    /// <summary>Its address, with the user that a broker makes for programs on the same machine.</summary>
    public string Url => $"amqp://guest@{address}:{Port}";

    public bool IsRunning => group is not null;

    /// <summary>A folder with <c>ca.pem</c>, <c>server.pem</c> and <c>server.key</c>: then it listens with TLS, too.</summary>
    public string? CertificatesPath { get; init; }

    /// <summary>Where it listens with TLS.</summary>
    public int TlsPort { get; } = FreePort();

    /// <summary>Starts it over the data it has; returns when it says that it has started.</summary>
    public async Task StartAsync(CancellationToken stop)
    {
        await File.WriteAllTextAsync(
            At("rabbitmq.conf"),
            $"""
            listeners.tcp.1 = {address}:{Port}
            loopback_users = none
            log.console = true
            log.file = false
            disk_free_limit.absolute = 1MB
            {Tls()}

            """,
            stop
        );
        await File.WriteAllTextAsync(At("plugins"), "[].\n", stop);
        await File.WriteAllTextAsync(At("env.conf"), "", stop); // or it reads the machine's
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        string[] command = [.. enter, "setsid", "bash", "-c", Group];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in Settings())
            start.Environment[name] = value;
        group = Process.Start(start)!;
        group.OutputDataReceived += (_, e) => Heard(e.Data);
        group.ErrorDataReceived += (_, e) => Heard(e.Data);
        group.BeginOutputReadLine();
        group.BeginErrorReadLine();
        try
        {
            await started.Task.WaitAsync(TimeSpan.FromMinutes(2), stop);
        }
        catch (TimeoutException)
        {
            lock (said)
                throw new InvalidOperationException($"rabbitmq-server did not start:\n{said}");
        }

        void Heard(string? line)
        {
            lock (said)
                said.AppendLine(line);
            if (line?.Contains("Server startup complete", StringComparison.Ordinal) == true)
                started.TrySetResult();
        }
    }

    /// <summary>SIGKILL, to all of it.</summary>
    public async Task KillAsync()
    {
        if (group is not { } running)
            return;
        running.StandardInput.Close();
        await running.WaitForExitAsync();
        running.Dispose();
        group = null;
        // The group is killed by its own hand; the broker's port is free when the kernel is through with it.
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (Listens())
            await timer.WaitForNextTickAsync();
    }

    /// <summary>Freezes it, or lets it go on: a broker that hangs.</summary>
    public async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("pkill", ["-" + signal, "-g", $"{group!.Id}", "beam"]);
        await kill.WaitForExitAsync();
        if (kill.ExitCode != 0)
            throw new InvalidOperationException($"no broker took {signal}");
    }

    /// <summary>Does this text lie in its data?</summary>
    public bool Wrote(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return Directory
            .EnumerateFiles(At("data"), "*", SearchOption.AllDirectories)
            .Any(file => File.ReadAllBytes(file).AsSpan().IndexOf(bytes) >= 0);
    }

    /// <summary>Runs rabbitmqctl against it.</summary>
    public Task<string> ControlAsync(CancellationToken stop, params string[] arguments) =>
        RunAsync([Path.Combine(Programs, "rabbitmqctl"), "--quiet", .. arguments], "", stop);

    /// <summary>Runs a line as somebody would who pastes it into a shell on the broker's machine.</summary>
    /// <param name="line">With rabbitmqctl and its like in it.</param>
    /// <param name="typed">What is typed when it asks.</param>
    /// <param name="stop">Ends it.</param>
    public Task<string> PasteAsync(string line, string typed, CancellationToken stop) =>
        RunAsync(["bash", "-c", $"PATH={Programs}:$PATH; {line}"], typed, stop);

    private async Task<string> RunAsync(string[] command, string input, CancellationToken stop)
    {
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in Settings())
            start.Environment[name] = value;
        using var control = Process.Start(start)!;
        await control.StandardInput.WriteAsync(input);
        control.StandardInput.Close();
        var output = control.StandardOutput.ReadToEndAsync(stop);
        var error = await control.StandardError.ReadToEndAsync(stop);
        await control.WaitForExitAsync(stop);
        return control.ExitCode == 0 ? await output : throw new InvalidOperationException(await output + error);
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        folder.Dispose();
    }

    private string Tls() =>
        CertificatesPath is not { } path
            ? ""
            : $"""
                listeners.ssl.1 = {address}:{TlsPort}
                ssl_options.cacertfile = {path}/ca.pem
                ssl_options.certfile = {path}/server.pem
                ssl_options.keyfile = {path}/server.key
                """;

    private string At(string name) => Path.Combine(folder.Path, name);

    private Dictionary<string, string> Settings() =>
        new()
        {
            ["HOME"] = folder.Path, // its cookie
            ["ERL_EPMD_PORT"] = $"{mapper}",
            ["RABBITMQ_NODENAME"] = $"testgrid-{Port}@localhost",
            ["RABBITMQ_DIST_PORT"] = $"{distribution}",
            ["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"] = "-kernel inet_dist_use_interface {127,0,0,1}",
            ["RABBITMQ_CONF_ENV_FILE"] = At("env.conf"),
            ["RABBITMQ_CONFIG_FILE"] = At("rabbitmq"),
            ["RABBITMQ_ENABLED_PLUGINS_FILE"] = At("plugins"),
            ["RABBITMQ_MNESIA_BASE"] = At("data"),
            ["RABBITMQ_LOG_BASE"] = At("log"),
            ["RABBITMQ_GENERATED_CONFIG_DIR"] = At("generated"),
            ["RABBITMQ_PID_FILE"] = At("pid"),
        };

    private bool Listens()
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Connect(IPAddress.Parse(address), Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
