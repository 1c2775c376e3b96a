using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using TestGrid.Core.Orders;
using TestGrid.Runner.Link;

namespace TestGrid.Runner.Queues.Http;

/// <summary>
/// The queue of a runner that has no broker: it asks the server, which holds the call until there is an order. Each
/// asking has a name of our own making, so that an answer that was lost on its way is answered again, and one that is
/// given up takes nothing with it.
/// </summary>
/// <remarks>The other half is <c>Server/Recording/HandedOrders.cs</c>.</remarks>
public sealed partial class HttpJobQueue(ServerLink link, ILogger<HttpJobQueue> log) : IJobQueue
{
    /// <summary>How long the server holds a call that it has no order for: shorter than proxies are patient.</summary>
    public static TimeSpan HoldTime { get; } = TimeSpan.FromSeconds(25);

    private static readonly TimeSpan Patience = HoldTime + TimeSpan.FromSeconds(10);
    private static readonly TimeSpan GoodbyePatience = TimeSpan.FromSeconds(3);

    public ValueTask PublishAsync(JobOrder order, CancellationToken stop) =>
        throw new NotSupportedException("The server alone publishes; a runner only receives.");

    public async ValueTask<JobDelivery> ReceiveAsync(string runner, CancellationToken stop)
    {
        var asking = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));
        var failures = 0;
        try
        {
            while (true)
            {
                try
                {
                    if (await AskAsync(asking, runner, stop) is { } order)
                        return new Delivered(this, asking, order);
                    failures = 0;
                }
                catch (Exception e) when (e is ServerAwayException or ServerRefusedException)
                {
                    // Also when it says no: a token may be made good, a name free again.
                    await link.PauseAsync(failures++, stop);
                }
            }
        }
        catch
        {
            await SettleAsync(asking, acknowledged: false);
            throw;
        }
    }

    private async ValueTask<JobOrder?> AskAsync(string asking, string runner, CancellationToken stop)
    {
        var wait = ((int)HoldTime.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        using var request = new HttpRequestMessage(
            HttpMethod.Put,
            $"/api/v1/runner/orders/{asking}?runner={Uri.EscapeDataString(runner)}&wait={wait}"
        );
        return await link.AskAsync(request, HttpOrderJson.Default.JobOrder, Patience, stop);
    }

    private async ValueTask SettleAsync(string asking, bool acknowledged)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Delete,
            $"/api/v1/runner/orders/{asking}?acknowledged={(acknowledged ? "true" : "false")}"
        );
        try
        {
            await link.AskAsync(request, HttpOrderJson.Default.Done, GoodbyePatience, CancellationToken.None);
        }
        catch (Exception e) when (e is ServerAwayException or ServerRefusedException)
        {
            // The server gives it back by itself after a while; a claimed one is then refused to whoever takes it.
            NotSettled(log, e.Message);
        }
    }

    private sealed class Delivered(HttpJobQueue queue, string asking, JobOrder order) : JobDelivery(order)
    {
        private int settled;

        public override async ValueTask AcknowledgeAsync(CancellationToken stop)
        {
            if (Interlocked.Exchange(ref settled, 1) == 0)
                await queue.SettleAsync(asking, acknowledged: true);
        }

        public override async ValueTask DisposeAsync()
        {
            if (Interlocked.Exchange(ref settled, 1) == 0)
                await queue.SettleAsync(asking, acknowledged: false);
        }
    }

    [LoggerMessage(LogLevel.Debug, "An order was not settled: {Why}")]
    private static partial void NotSettled(ILogger log, string why);
}
