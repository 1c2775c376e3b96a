using System.Collections.Immutable;
using System.Globalization;
using System.IO.Pipelines;
using System.Text;
using TestGrid.Core.Config;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Sandboxes;

namespace TestGrid.Runner.Services;

/// <summary>
/// What a job's <c>services:</c> asks for: bundles in use, then programs beside the job in its sandbox, and at last their
/// words where the job went wrong. They end with the sandbox; disposing lets the bundles go.
/// </summary>
internal sealed class JobServices : IAsyncDisposable
{
    private readonly List<(JobService Service, BundleLease Lease)> bundles = [];
    private ImmutableArray<RunningService> running = [];

    private JobServices() { }

    /// <summary>What the sandbox is to be made with.</summary>
    public ImmutableArray<SandboxService> Specs =>
        [
            .. bundles.Select(one => new SandboxService(one.Service.Name, one.Lease.Bundle.RootPath)
            {
                Digest = one.Lease.Bundle.Digest,
                Sockets = one.Service.Service.Sockets,
            }),
        ];

    /// <summary>Takes the bundles into use.</summary>
    /// <param name="wanted">What the job asks for.</param>
    /// <param name="get">Gives the bundle of a recipe that the job's build runs on.</param>
    /// <exception cref="BundleException">One cannot be had.</exception>
    public static async Task<JobServices> LeaseAsync(
        ImmutableArray<JobService> wanted,
        Func<string, ValueTask<BundleLease>> get
    )
    {
        var services = new JobServices();
        try
        {
            foreach (var service in wanted)
                services.bundles.Add((service, await get(service.Bundle)));
            return services;
        }
        catch
        {
            await services.DisposeAsync();
            throw;
        }
    }

    /// <summary>
    /// Starts all of them in the sandbox and waits until each is ready; each is told in a line, and what they said where
    /// one is not.
    /// </summary>
    /// <exception cref="ServiceException">One ended, or was not ready in time.</exception>
    public async Task StartAsync(
        Sandbox sandbox,
        PipeWriter output,
        TimeSpan atMost,
        TimeProvider time,
        CancellationToken stop
    )
    {
        if (bundles.Count == 0)
            return;
        running = [.. bundles.Select(one => RunningService.Start(sandbox, one.Service))];
        try
        {
            await WaitAsync(output, atMost, time, stop);
        }
        catch (ServiceException)
        {
            await TellAsync(output, all: true);
            throw;
        }
    }

    /// <summary>Tells which have ended by themselves, and if <paramref name="all"/>, shows what each of them said.</summary>
    public async Task TellAsync(PipeWriter output, bool all)
    {
        foreach (var service in running)
        {
            var isGone = service.Ended.IsCompleted;
            if (isGone && service.IsReady.IsCompleted)
                await WriteAsync(
                    output,
                    $"\r\n\e[33;1mThe service {service.Title} ended while the job ran, with "
                        + $"{Words(await service.Ended)}.\e[0m\r\n"
                );
            if (all || isGone)
                await ShowAsync(output, service);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var (_, lease) in bundles)
            await lease.DisposeAsync();
    }

    private async Task WaitAsync(PipeWriter output, TimeSpan atMost, TimeProvider time, CancellationToken stop)
    {
        var begun = time.GetTimestamp();
        using var limit = new CancellationTokenSource(atMost, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(stop, limit.Token);
        foreach (var (service, (_, lease)) in running.Zip(bundles))
        {
            try
            {
                await Task.WhenAny(service.IsReady, service.Ended).WaitAsync(both.Token);
            }
            catch (OperationCanceledException) when (!stop.IsCancellationRequested)
            {
                throw new ServiceException(
                    $"The service {service.Title} was not ready within {atMost.TotalSeconds:0} s. Its log is above."
                );
            }
            if (!service.IsReady.IsCompleted)
                throw new ServiceException(
                    $"The service {service.Title} ended before it was ready, with "
                        + $"{Words(await service.Ended)}. Its log is above."
                );
            var took = time.GetElapsedTime(begun).TotalSeconds;
            await WriteAsync(
                output,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"\e[90mservice   \e[0m{service.Title} at localhost:{service.Service.Service.Port}, ready after "
                        + $"{took:0.0} s ({lease.Bundle.Name} {lease.Bundle.Digest.Short})\r\n"
                )
            );
        }
        await WriteAsync(output, "\r\n");
    }

    // Folded, as the phases of a job are. Nothing of ours is in it but the words of the service: it was given no secret,
    // and what the job told it goes through the redactor as all output does.
    private static async Task ShowAsync(PipeWriter output, RunningService service)
    {
        var fold = $"service.{service.Service.Name}";
        var (bytes, leftOut) = service.Log;
        await WriteAsync(
            output,
            $"travis_fold:start:{fold}\r\e[0K\e[33;1mWhat the service {service.Title} said\e[0m\r\n"
                + (leftOut > 0 ? $"(the last {bytes.Length >> 10} KiB of {(leftOut + bytes.Length) >> 10})\r\n" : "")
                + (bytes.Length == 0 ? "(nothing)\r\n" : "")
        );
        await output.WriteAsync(WithReturns(bytes));
        await WriteAsync(output, $"travis_fold:end:{fold}\r\e[0K");
    }

    // A job's log comes from a terminal, where a line ends with both.
    private static byte[] WithReturns(byte[] bytes)
    {
        var lines = new List<byte>(bytes.Length + 256);
        foreach (var one in bytes)
        {
            if (one == '\n' && (lines.Count == 0 || lines[^1] != '\r'))
                lines.Add((byte)'\r');
            lines.Add(one);
        }
        if (lines.Count > 0 && lines[^1] != '\n')
            lines.AddRange("\r\n"u8);
        return [.. lines];
    }

    private static string Words(SandboxExit exit) =>
        exit.OutOfMemory ? $"exit code {exit.ExitCode}: it was out of memory" : $"exit code {exit.ExitCode}";

    private static async ValueTask WriteAsync(PipeWriter output, string text) =>
        await output.WriteAsync(Encoding.UTF8.GetBytes(text));
}
